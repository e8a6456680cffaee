"""What of an image stays its own: its features where they are strong, and, if asked, the detail of its pixels."""

import numpy as np

from neural_style.images import color

KAPPA, TAU = 300.0, 0.05
"""How steeply, and from which response on, an image's own features count (Liao et al. 2017)."""
SMOOTHNESS, EPSILON = 0.8, 1e-4
"""Of the smoothing that parts local mean from detail; the latter keeps flat regions' weights finite."""


def own_weights(features: np.ndarray, structure_weight: float) -> np.ndarray:
    """How much of an image's own features is kept: structure_weight * sigmoid(300 (r - 0.05)).

    r is the squared length of a position's vector, brought to 0..1 over the map. After Liao et al.
    2017, whose program takes 0 and 1 for the sigmoid.

    Args:
      features: [rows, cols, channels].
      structure_weight: the level's share, in 0..1.

    Returns:
      [rows, cols, 1] float32 in 0..`structure_weight`.
    """
    response = np.square(features).sum(-1, keepdims=True)
    low, high = response.min(), response.max()
    response = (response - low) / (high - low) if high > low else np.ones_like(response)
    return structure_weight / (1 + np.exp(-KAPPA * (response - TAU)))


def blend(own: np.ndarray, reconstructed: np.ndarray, structure_weight: float) -> np.ndarray:
    """An image's features [rows, cols, channels] in the other's look (Liao et al. 2017)."""
    weights = own_weights(own, structure_weight)
    return own * weights + reconstructed * (1 - weights)


def exchange_mean(image: np.ndarray, look: np.ndarray) -> np.ndarray:
    """`image` with the local mean of `look`: image + smooth(look) - smooth(image), both smoothed along its own edges.

    Args:
      image, look: RGB [rows, cols, 3] in 0..255.
    """
    return image + smooth(look - image, guide=image)


def smooth(image: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """The weighted least squares filter (Farbman et al. 2008): smooth but for the guide's edges.

    Departs from the paper as the analogies' authors do: the guide is the grey image itself, not its logarithm.

    Args:
      image: [rows, cols, 3].
      guide: RGB [rows, cols, 3] in 0..255.

    Returns:
      [rows, cols, 3] float32.
    """
    from scipy import sparse  # takes long to import, and few runs need it
    from scipy.sparse.linalg import splu

    grey, places = color.grey(guide)[..., 0] / 255, np.arange(guide[..., 0].size).reshape(guide.shape[:2])
    pairs = [(places[:-1], places[1:], np.diff(grey, axis=0)), (places[:, :-1], places[:, 1:], np.diff(grey, axis=1))]
    first, second, steps = (np.concatenate([part.ravel() for part in parts]) for parts in zip(*pairs, strict=True))
    weights = SMOOTHNESS / (np.abs(steps) + EPSILON)
    joined = sparse.coo_matrix((weights, (first, second)), (places.size, places.size))
    joined = joined + joined.T
    laplacian = sparse.diags(np.asarray(joined.sum(1)).ravel()) - joined
    system = splu((sparse.identity(places.size) + laplacian).tocsc(), permc_spec="MMD_AT_PLUS_A")
    return system.solve(image.reshape(-1, 3).astype(np.float64)).reshape(image.shape).astype(np.float32)
