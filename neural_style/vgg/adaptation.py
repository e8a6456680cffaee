"""Weights that depend on the images: learned from them, or normalised over them."""

from collections.abc import Sequence

import numpy as np

from neural_style.images import inputs
from neural_style.settings.network import NetworkSettings
from neural_style.vgg import kmeans, model
from neural_style.vgg.weight_files import Weights


def adapt_weights(
    settings: NetworkSettings, weights: Weights | None, images: Sequence[np.ndarray], seed: int, layers: Sequence[str]
) -> Weights:
    """Learn weights if there are none, and normalise them if --normalize_weights says so.

    Args:
      settings: of the network.
      weights: of `weights.resolve`; None to learn them.
      images: RGB [rows, cols, 3] in 0..255.
      seed: of learned weights.
      layers: the deepest of these is the last layer to be learned or normalised.
    """
    weights = weights or kmeans.learn(settings, images, seed, layers)
    if settings.normalize_weights == "none":
        return weights
    return model.normalize(settings, weights, inputs.images_to_normalize_over(settings, images), layers)
