"""Blending of an image's own features with reconstructed ones, and exchange of local means."""

import numpy as np

from neural_style.images import color

KAPPA, TAU = 300.0, 0.05
"""Steepness and threshold of the response above which an image's own features are kept (Liao et al. 2017)."""
SMOOTHNESS, EPSILON = 0.8, 1e-4
"""Of the filter that separates local mean and detail; epsilon keeps the weights of flat regions finite."""


def own_weights(features: np.ndarray, structure_weight: float) -> np.ndarray:
    """Compute the weight of an image's own features: structure_weight * sigmoid(300 (r - 0.05)).

    r is the squared length of a position's vector, scaled to 0..1 over the map (Liao et al. 2017; their program uses 0
    and 1 instead of the sigmoid).

    Args:
      features: [rows, cols, channels].
      structure_weight: the maximum weight, in 0..1.

    Returns:
      [rows, cols, 1] float32 in 0..`structure_weight`.
    """
    response = np.square(features).sum(-1, keepdims=True)
    low, high = response.min(), response.max()
    response = (response - low) / (high - low) if high > low else np.ones_like(response)
    return structure_weight / (1 + np.exp(-KAPPA * (response - TAU)))


def blend(features: np.ndarray, reconstructed: np.ndarray, structure_weight: float) -> np.ndarray:
    """Blend an image's features [rows, cols, channels] with those in the other's look (Liao et al. 2017)."""
    weights = own_weights(features, structure_weight)
    return features * weights + reconstructed * (1 - weights)


def exchange_mean(image: np.ndarray, look: np.ndarray) -> np.ndarray:
    """Replace the local mean of `image` by that of `look`: image + smooth(look) - smooth(image).

    Both are smoothed with `image` as the guide.

    Args:
      image, look: RGB [rows, cols, 3] in 0..255.
    """
    return image + smooth(look - image, guide=image)


def smooth(image: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """Smooth with the weighted least squares filter (Farbman et al. 2008), which keeps the guide's edges.

    As in the program of Liao et al. 2017, the guide is the grey image itself, not its logarithm.

    Args:
      image: [rows, cols, 3].
      guide: RGB [rows, cols, 3] in 0..255.

    Returns:
      [rows, cols, 3] float32.
    """
    from scipy import sparse  # slow to import, and few runs need it
    from scipy.sparse.linalg import splu

    grey = color.grey(guide)[..., 0] / 255
    indices = np.arange(grey.size).reshape(grey.shape)
    # Every pixel is connected to the one below and the one to the right.
    first = np.concatenate([indices[:-1].ravel(), indices[:, :-1].ravel()])
    second = np.concatenate([indices[1:].ravel(), indices[:, 1:].ravel()])
    steps = np.concatenate([np.diff(grey, axis=0).ravel(), np.diff(grey, axis=1).ravel()])
    weights = SMOOTHNESS / (np.abs(steps) + EPSILON)
    graph = sparse.coo_matrix((weights, (first, second)), (grey.size, grey.size))
    graph = graph + graph.T
    laplacian = sparse.diags(np.asarray(graph.sum(1)).ravel()) - graph
    system = splu((sparse.identity(grey.size) + laplacian).tocsc(), permc_spec="MMD_AT_PLUS_A")
    return system.solve(image.reshape(-1, 3).astype(np.float64)).reshape(image.shape).astype(np.float32)
