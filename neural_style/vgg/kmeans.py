"""Learned features: VGG filters from the images themselves, without any download.

The filters of each convolution are the centroids of a spherical k-means over patches of its input (Coates & Ng 2012,
section 3), without labels. They are scaled so that each filter's mean activation over the images is 1 (Gatys et al.
2016, section 2; Kraehenbuehl et al. 2016 scale whole layers like this).
"""

from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from neural_style.settings import vgg_layers
from neural_style.settings.network import NetworkSettings
from neural_style.vgg import model

PATCHES_PER_FILTER = 12
KMEANS_ITERATIONS = 4
FLAT_SHARE = 0.2
"""The share of patches with the lowest contrast, which are dropped."""
MIN_CONTRAST = 1e-4
"""Patches with less contrast, relative to their length, are flat except for rounding, and are dropped too."""


def learn(settings: NetworkSettings, pictures: Sequence[np.ndarray], seed: int, layers: Iterable[str]) -> model.Weights:
    """Learn the filters of a network from `pictures`.

    Args:
      settings: of the network; the filters suit its pooling, padding and preprocessing.
      pictures: RGB arrays [rows, cols, 3] in 0..255.
      seed: of the patches' positions and the first centroids; the same seed gives the same weights.
      layers: the deepest of these is the last layer learned.

    Returns:
      Layer name to (kernel, bias), for `model.build`; biases are zero.
    """
    rng, weights = np.random.RandomState(seed), {}
    maps = [tf.constant(model.preprocess(picture, settings.preprocess)[np.newaxis]) for picture in pictures]
    block = 1
    for name in vgg_layers.names_through(settings.network, layers):
        if vgg_layers.block_of(name) != block:
            block = vgg_layers.block_of(name)
            maps = [tf.nn.pool(x, [2, 2], settings.pooling.upper(), strides=[2, 2]) for x in maps]
        shape = vgg_layers.kernel_shapes(settings.network)[name]
        padded = [model.pad(x, settings.padding) for x in maps]
        kernel = _centroids(_patches(padded, PATCHES_PER_FILTER * shape[3], rng), shape[3], rng)
        kernel = kernel.T.reshape(shape)
        maps = [tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "VALID")) for x in padded]
        mean = np.mean([tf.reduce_mean(x, axis=[0, 1, 2]) for x in maps], axis=0)
        factor = 1 / model.filter_divisors(mean)
        maps = [x * factor for x in maps]
        weights[name] = (kernel * factor).astype(np.float32), np.zeros(shape[3], np.float32)
    return weights


def _patches(maps: Sequence[tf.Tensor], count: int, rng: np.random.RandomState) -> np.ndarray:
    """About `count` random 3x3 patches of the padded maps, centred, of unit length: [patches, 9 * channels].

    The 9 * channels values are in the order of rows, columns and channels, as those of a kernel.
    """
    parts = []
    for x in maps:
        x = x[0].numpy()
        rows = rng.randint(0, x.shape[0] - 2, count // len(maps))
        cols = rng.randint(0, x.shape[1] - 2, count // len(maps))
        parts.append(np.stack([x[rows + i, cols + j] for i in range(3) for j in range(3)], axis=1))
    channels = maps[0].shape[-1]
    patches = np.concatenate(parts).reshape(-1, 9 * channels)
    lengths = np.linalg.norm(patches, axis=1)
    # Each patch loses its own mean. In the image itself it loses that of all patches, so that it keeps its colour.
    is_image = channels == 3
    patches = patches - patches.mean(axis=0 if is_image else 1, keepdims=True)
    contrasts = np.linalg.norm(patches, axis=1)
    kept = contrasts > np.maximum(np.quantile(contrasts, FLAT_SHARE), MIN_CONTRAST * lengths)
    if not kept.any():  # the pictures are flat, so any directions will do
        patches = rng.standard_normal(patches.shape).astype(np.float32)
        contrasts, kept = np.linalg.norm(patches, axis=1), slice(None)
    return patches[kept] / contrasts[kept, np.newaxis]


def _centroids(patches: np.ndarray, count: int, rng: np.random.RandomState) -> np.ndarray:
    """Spherical k-means: unit vectors [count, 9 * channels]; an empty cluster restarts from a random patch."""
    centroids = patches[rng.randint(0, len(patches), count)]
    for _ in range(KMEANS_ITERATIONS):
        nearest = np.argmax(patches @ centroids.T, axis=1)
        sums = tf.math.unsorted_segment_sum(patches, nearest, count).numpy()
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        fresh = patches[rng.randint(0, len(patches), count)]
        centroids = np.where(lengths > 1e-6, sums / np.maximum(lengths, 1e-6), fresh)
    return centroids
