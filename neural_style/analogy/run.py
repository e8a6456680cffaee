"""Finds corresponding places in two images, level by level from coarse to fine, and exchanges their appearance."""

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
from neural_style.planning.base_run import BaseRun
from neural_style.planning.plan import Plan
from neural_style.settings import vgg_layers
from neural_style.vgg import adaptation, weights

VOTE_PATCH_SIDE = 3
"""Side of the patches whose pixels are averaged into the result (PatchMatch voting)."""


class Run(BaseRun):
    """Paints the photograph in the style's appearance, and the style in the photograph's.

    There is one Step for each level. Its image is the painted photograph, its companion "back" the painted style, and
    "field" shows the correspondence. Its loss is the mean squared distance of corresponding patches, both directions
    added (Liao et al. 2017); the distances of different levels can't be compared.
    """

    def __init__(self, inputs: Inputs, plan: Plan, tools: Tools, resumed: Mapping[str, Any] | None = None):
        """See `core.run.Run`."""
        super().__init__(inputs, plan, tools, resumed)
        self._scene = build_scene(inputs, plan.settings, plan.sizes[0])

    def _paint(self) -> Iterator[Step]:
        start_time = time.perf_counter()
        levels, seed = self._settings.analogy.analogy_levels, self._settings.picture.seed
        network, facts = self._load_network()
        content, style = self._scene.content, self._scene.styles[0]
        parameters, evaluations = self._settings.analogy.level_parameters, self._plan.evaluations_per_iteration
        pair = ImagePair(network, content, style, parameters, evaluations, self._watch)
        match = self._load_start(pair, facts)
        losses: list[float] = []
        first = len(match.level_records)
        for index in range(first, len(levels) + 1):
            if index > first:
                match, losses = pair.refine(match, levels[index - 1], seed)
            step = self._make_step(index, pair, match, losses, facts, start_time)
            start_time = time.perf_counter()
            if self._resumed_state is None or index > first:  # a resumed run has yielded its first step already
                yield step

    def _load_network(self) -> tuple[Network, dict[str, Any]]:
        """Load the network; return it and the facts of the run."""
        network, seed = self._settings.network, self._settings.picture.seed
        deepest, precision = max(self._settings.analogy.analogy_levels), self._plan.precision
        source, kernels, key = weights.load_cached(network, seed, self._cache)
        facts = {"device": device.describe_device(), "precision": precision, "weights": source, "tile": None}

        def make_network() -> Network:
            images = [self._scene.content, *self._scene.styles]
            layers = [vgg_layers.level_layer(deepest)]
            return Network(
                network, adaptation.adapt_weights(network, kernels, images, seed, layers), deepest, precision
            )

        if kernels is None or network.normalize_weights != "none":
            return make_network(), facts  # its weights are adapted to these very images
        cache_key = ("analogy", key, network, deepest, precision)
        return self._cache.get(cache_key, make_network, lambda network: network.nbytes), facts

    def _load_start(self, pair: ImagePair, facts: Mapping[str, Any]) -> Correspondence:
        """Return the correspondence to start from: the state to resume from, if there is one."""
        if self._resumed_state is None:
            return pair.start()
        check_same_weights(self._resumed_state.get("facts", {}), facts)
        try:
            match = Correspondence.from_state(self._resumed_state["match"])
            self._check_match(match, pair)
        except Exception as error:  # a damaged state may lack anything, or contain anything
            raise UserError(DAMAGED_STATE) from error
        return match

    def _check_match(self, match: Correspondence, pair: ImagePair) -> None:
        """Raise a ValueError, or whatever a damaged state leads to, where a correspondence does not fit the images."""
        content_shape, style_shape = pair.shapes(match.level)
        levels = self._settings.analogy.analogy_levels
        fits = _fits(match.to_style, content_shape, style_shape) and _fits(match.to_content, style_shape, content_shape)
        if not fits or match.level != levels[max(0, len(match.level_records) - 1)]:
            raise ValueError("the correspondence has another size or level")
        pair.distances(match)  # raises where it does not fit

    def _make_step(
        self,
        index: int,
        pair: ImagePair,
        match: Correspondence,
        losses: list[float],
        facts: Mapping[str, Any],
        start_time: float,
    ) -> Step:
        content, style = pair.content[0], pair.style[0]
        factor, shapes = vgg_layers.stride(vgg_layers.level_layer(match.level)), pair.shapes(0)
        to_style = fields.enlarge(match.to_style, factor, *shapes)
        to_content = fields.enlarge(match.to_content, factor, *reversed(shapes))
        image = self._keep(self._scene.composite(self._exchange(content, style, to_style)))
        terms = pair.distances(match)
        return Step(
            index,
            image,
            loss=sum(terms.values()),
            layers=terms,
            gradient_norm=0.0,
            losses=tuple(losses),
            seconds=time.perf_counter() - start_time,
            iterations_left=len(self._settings.analogy.analogy_levels) - index,
            facts={**facts, "levels": list(match.level_records)},
            state=functools.partial(dict, facts=facts, match=match.state()),
            companions={"back": self._exchange(style, content, to_content), "field": fields.sheet(to_style, style)},
            fields={"forth": to_style, "back": to_content},
        )

    def _exchange(self, image: np.ndarray, other: np.ndarray, field: np.ndarray) -> np.ndarray:
        """Return `image` in the appearance of `other`."""
        appearance = fields.vote(other, field, VOTE_PATCH_SIDE)
        return appearance if self._settings.analogy.swap == "look" else exchange_mean(image, appearance)


def _fits(field: np.ndarray, shape: tuple[int, int], target_shape: tuple[int, int]) -> bool:
    """Whether a field has a position of the target for each position."""
    return field.shape == (*shape, 2) and bool((field >= 0).all()) and bool((field < target_shape).all())
