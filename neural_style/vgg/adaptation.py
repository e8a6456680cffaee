"""Weights as the images make them: learned from them, or normalised over them."""

from collections.abc import Sequence

import numpy as np

from neural_style.images import inputs
from neural_style.settings.network import NetworkSettings
from neural_style.vgg import kmeans, model
from neural_style.vgg.weight_files import Weights


def adapt_weights(
    settings: NetworkSettings, weights: Weights | None, shown: Sequence[np.ndarray], seed: int, layers: Sequence[str]
) -> Weights:
    """Weights as the images make them: learned where there are none, normalised where --normalize_weights says so.

    Args:
      settings: of the network.
      weights: of `resolve`.
      shown: RGB images [rows, cols, 3] in 0..255.
      seed: of learned weights.
      layers: whose deepest is the last to be learned or normalised.
    """
    found = weights or kmeans.learn(settings, shown, seed, layers)
    if settings.normalize_weights == "none":
        return found
    return model.normalize(settings, found, inputs.images_to_normalize_over(settings, shown), layers)
