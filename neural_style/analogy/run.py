"""A run: level by level, from coarse to fine, what corresponds to what in two images; then they swap their looks."""

import functools
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from neural_style.analogy import fields
from neural_style.analogy.blending import exchange_mean
from neural_style.analogy.inversion import Network
from neural_style.analogy.pair import Correspondence, ImagePair
from neural_style.core.errors import DAMAGED_STATE, UserError
from neural_style.core.run import Tools
from neural_style.core.step import Step
from neural_style.images.inputs import Inputs
from neural_style.images.scene_building import build_scene
from neural_style.optimize.session import check_same_weights
from neural_style.planning import device
from neural_style.planning.plan import Plan
from neural_style.settings import vgg_layers
from neural_style.vgg import adaptation, weights

VOTE = 3
"""Side of the patches that are averaged in the picture itself."""


class Run:
    """Finds what corresponds to what in the photograph and the style, and gives each the other's look.

    One Step for each level: its image is the photograph in the style's look, its companion "back" the style in the
    photograph's, and "field" shows the correspondence. Its loss is the mean squared distance of corresponding patches,
    both directions added (Liao et al. 2017); distances of different levels can't be compared.
    """

    def __init__(self, inputs: Inputs, plan: Plan, tools: Tools, resumed: Mapping[str, Any] | None = None):
        """See `core.run.Run`."""
        self._plan, self._settings, self._cache, self._watch = plan, plan.settings, tools.cache, tools.watch
        self._resumed = (resumed or {}).get("session")
        self._scene = build_scene(inputs, plan.settings, plan.sizes[0])
        self._last: np.ndarray | None = None

    def steps(self) -> Iterator[Step]:
        """The start, and what was found at each level; after a break those that are still to come.

        Raises:
          UserError: the weights can't be had, the run does not fit into memory, or the state is none of it.
        """
        with self._cache.in_use():
            yield from self._steps()

    def best(self) -> np.ndarray | None:
        """The photograph in the style's look by the finest finished level, [rows, cols, 3]; None before the start."""
        return self._last

    def result(self) -> np.ndarray:
        """The image [rows, cols, 3] of the last step."""
        return self._last

    def _steps(self) -> Iterator[Step]:
        began, levels, seed = time.perf_counter(), self._settings.analogy.analogy_levels, self._settings.picture.seed
        network, facts = self._network()
        evaluations = self._plan.evaluations
        images = self._scene.content, self._scene.styles[0]
        pair = ImagePair(network, *images, self._settings.analogy.plan, evaluations, self._watch)
        match, losses = self._begin(pair, facts), []
        first = len(match.levels)
        for index in range(first, len(levels) + 1):
            if index > first:
                match, losses = pair.refine(match, levels[index - 1], seed)
            step = self._step(index, pair, match, losses, facts, began)
            self._last, began = step.image, time.perf_counter()
            if self._resumed is None or index > first:
                yield step

    def _network(self) -> tuple[Network, dict[str, Any]]:
        """The network, and what was decided for it."""
        how, seed, levels = self._settings.network, self._settings.picture.seed, self._settings.analogy.analogy_levels
        origin, kernels, key = weights.cached(how, seed, self._cache)
        precision = self._plan.precision
        facts = {"device": device.describe_device(), "precision": precision, "weights": origin, "tile": None}

        def make() -> Network:
            shown = [self._scene.content, *self._scene.styles]
            fitted = adaptation.adapt_weights(how, kernels, shown, seed, [vgg_layers.level_layer(max(levels))])
            return Network(how, fitted, max(levels), precision)

        if kernels is None or how.normalize_weights != "none":
            return make(), facts  # of these very images
        key = ("analogy", key, how, max(levels), precision)
        return self._cache.get(key, make, lambda made: made.nbytes), facts

    def _begin(self, pair: ImagePair, facts: Mapping[str, Any]) -> Correspondence:
        """The start, or what the run had found when it was broken off."""
        if self._resumed is None:
            return pair.start()
        check_same_weights(self._resumed.get("facts", {}), facts)
        try:
            found = Correspondence.from_state(self._resumed["match"])
            sizes = pair.shapes(found.level)
            expected = zip((found.to_style, found.to_content), sizes, reversed(sizes), strict=True)
            whole = all(
                field.shape == (*own, 2) and (field >= 0).all() and (field < other).all()
                for field, own, other in expected
            )
            levels = self._settings.analogy.analogy_levels
            if not (whole and found.level == levels[max(0, len(found.levels) - 1)]):
                raise ValueError
            pair.distances(found)
        except Exception as error:  # whatever a state lacks, or holds instead
            raise UserError(DAMAGED_STATE) from error
        return found

    def _step(
        self,
        index: int,
        pair: ImagePair,
        match: Correspondence,
        losses: list[float],
        facts: Mapping[str, Any],
        began: float,
    ) -> Step:
        content, style = pair.content[0], pair.style[0]
        factor, sizes = vgg_layers.stride(vgg_layers.level_layer(match.level)), pair.shapes(0)
        forth = fields.enlarge(match.to_style, factor, *sizes)
        back = fields.enlarge(match.to_content, factor, *reversed(sizes))
        image = self._scene.composite(self._swapped(content, style, forth))
        image.flags.writeable = False
        terms = pair.distances(match)
        return Step(
            index,
            image,
            loss=sum(terms.values()),
            terms=terms,
            gradient_norm=0.0,
            losses=tuple(losses),
            seconds=time.perf_counter() - began,
            iterations_left=len(self._settings.analogy.analogy_levels) - index,
            facts={**facts, "levels": list(match.levels)},
            state=functools.partial(dict, facts=facts, match=match.state()),
            companions={"back": self._swapped(style, content, back), "field": fields.sheet(forth, style)},
            fields={"forth": forth, "back": back},
        )

    def _swapped(self, image: np.ndarray, other: np.ndarray, field: np.ndarray) -> np.ndarray:
        """`image` in the look of `other`."""
        look = fields.vote(other, field, VOTE)
        return look if self._settings.analogy.swap == "look" else exchange_mean(image, look)
