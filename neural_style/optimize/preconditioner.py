"""The directions that L-BFGS begins from, before it knows the loss's curvature."""

import numpy as np

LEVEL = 0.05
"""Waves longer than 2 / LEVEL pixels are all weighted alike."""
POWER = 0.5
"""Of the wave's length, by which it is weighted where it is shorter."""
GREY = 2.0
"""What the three channels have in common is weighted 1 + GREY times what they differ in."""


def precondition(gradient: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """P gradient, with P symmetric and positive: smooth and grey parts weigh more than fine and coloured ones.

    A gradient of features is mostly fine grain, in colours, of which the picture is to get little; along P gradient a
    loss falls sooner, and into less grain. It is what moves in the decorrelated space of Olah et al. 2017 ("Feature
    Visualization", "Preconditioning and Parameterization") are here. Departs from them: cosines instead of Fourier's
    waves, so that opposite borders are no neighbours, a gentler power than natural images', and colours by their mean.

    Args:
      gradient: flat, of an image of `shape`.
      shape: (rows, cols, 3).

    Returns:
      Flat float32.
    """
    from scipy.fft import dctn, idctn  # takes long to import, and not every optimiser needs it

    rows, cols, _ = shape
    transform = dict(axes=(0, 1), norm="ortho", workers=-1)
    squares = np.add.outer((np.arange(rows) / rows) ** 2, (np.arange(cols) / cols) ** 2)  # 1 is Nyquist's frequency
    weights = (LEVEL**2 / (LEVEL**2 + squares)) ** (POWER / 2)
    waves = dctn(gradient.reshape(shape).astype(np.float32), **transform)
    waves += GREY * waves.mean(axis=-1, keepdims=True)
    return idctn(waves * weights[..., np.newaxis].astype(np.float32), **transform, overwrite_x=True).reshape(-1)
