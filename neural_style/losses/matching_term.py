"""The matching term: features point where the style's most similar ones do."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from neural_style.images.scene import Scene
from neural_style.losses import functions, matching, regions
from neural_style.losses.term import Measurement

MATCHED_SAMPLE = 16384
"""Number of positions that represent each style image in the matching term, so that its time does not grow with the
product of both sizes."""


class Matching:
    """The mean cosine distance from the style's features that are most like the content's (Kolkin et al. 2022).

    It departs from NNST in four ways: each layer is matched by itself; once at each scale, to the content's features
    and not to a mixture with those of the painted image; the style is not rotated; and it is one term of several.
    All styles of a region compete, whatever their weights. --normalization has no effect on it: a mean of cosines is
    comparable for any network and size.
    """

    overlap = 0
    compares_content = False

    def __init__(self, layer: str, weight: float):
        self.name = f"matching/{layer}"
        self.layer = layer
        self._weight = weight

    def maps(self, scene: Scene, dtype: tf.DType) -> None:
        """See `Term`; `prepare` cuts out the regions, since tiles are refused."""

    def measure(self, features: tf.Tensor, maps: Any) -> tf.Tensor:
        """Return the features themselves."""
        return functions.widen(features)

    def prepare(self, content: Measurement, styles: Sequence[Measurement], scene: Scene) -> dict[str, tf.Tensor]:
        """Match each region's content to its styles; a position of several regions gets a mixture by their shares."""
        nearest, remaining = [], iter(styles)
        for region in scene.regions:
            measured = itertools.islice(remaining, len(region.styles))
            samples = [
                matching.sample_evenly(regions.select(m.value, mask, self.layer), MATCHED_SAMPLE)
                for m, mask in zip(measured, region.masks_of_styles, strict=True)
            ]
            matched = matching.nearest_features(content.value, tf.concat(samples, axis=0))
            nearest.append(tf.math.l2_normalize(matched, axis=-1))
        factor = self._weight / content.count
        shares = regions.shares_at(scene.regions, self.layer, content.value.dtype)
        if shares is None:
            return {"target": nearest[0], "factor": factor * tf.ones_like(content.value[..., 0])}
        target = tf.add_n([shares[..., i : i + 1] * features for i, features in enumerate(nearest)])
        return {"target": target, "factor": factor * tf.reduce_sum(shares, axis=-1)}

    def sums(self, features: tf.Tensor, maps: Any) -> tf.Tensor:
        """Return the features themselves; tiles would not add up."""
        return functions.widen(features)

    def loss(self, sums: tf.Tensor, prepared: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """See `Term`."""
        distances = matching.cosine_distances(sums, prepared["target"])
        return tf.reduce_sum(prepared["factor"] * distances, axis=[1, 2])
