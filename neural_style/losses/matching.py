"""Which feature of a style is most like a feature of the image, and what follows from such matches."""

from typing import Any

import tensorflow as tf

from neural_style.losses.functions import widen

BLOCK = 1 << 24
"""Correlations held at once, 64 MiB in float32: memory does not grow with the product of queries and keys."""


def best_matches(queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """Find the key of highest normalised cross-correlation for each query (Li & Wand 2016, eq. 3).

    Args:
      queries, keys: [number, size]; compared in blocks, so that memory is bounded.

    Returns:
      Indices of keys, [queries] int64.
    """
    directions = tf.math.l2_normalize(keys, axis=1)
    count, step = tf.shape(queries)[0], tf.maximum(BLOCK // tf.shape(keys)[0], 1)
    starts = tf.range(0, count, step)

    def match(start: Any):
        # The last block starts early enough to be as long as the others.
        block = queries[tf.maximum(tf.minimum(start, count - step), 0) :][:step]
        return tf.argmax(tf.matmul(block, directions, transpose_b=True), axis=1)

    matches = tf.map_fn(match, starts, fn_output_signature=tf.int64, parallel_iterations=1)
    overlap = tf.maximum(tf.size(matches) - count, 0)
    head, last = tf.reshape(matches[:-1], [-1]), matches[-1]
    return tf.concat([head, last[overlap:]], axis=0)


def flat_features(features: tf.Tensor) -> tf.Tensor:
    """Reshape features [1, rows, cols, channels] to [positions, channels]."""
    return widen(tf.reshape(features, [-1, features.shape[-1]]))


def sample_evenly(flat: tf.Tensor, most: int) -> tf.Tensor:
    """Take at most `most` evenly spaced rows of [positions, channels]."""
    count = tf.shape(flat)[0]
    kept = tf.minimum(count, most)
    return tf.gather(flat, tf.cast(tf.range(kept), tf.int64) * tf.cast(count, tf.int64) // tf.cast(kept, tf.int64))


def nearest_features(features: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
    """Replace each feature by the style's most similar one (Kolkin et al. 2022, section 3.2).

    The means of both are subtracted before they are compared, and not from the result.

    Args:
      features: [1, rows, cols, channels].
      style: [positions, channels].

    Returns:
      [1, rows, cols, channels], rows of `style`.
    """
    flat = tf.reshape(features, [-1, features.shape[-1]])
    matches = best_matches(flat - tf.reduce_mean(flat, axis=0), style - tf.reduce_mean(style, axis=0))
    return tf.reshape(tf.gather(style, matches), tf.shape(features))


def cosine_distances(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Compute 1 - cosine of the angle between the vectors of the last axis."""
    return 1 - tf.reduce_sum(tf.math.l2_normalize(x, axis=-1) * tf.math.l2_normalize(y, axis=-1), axis=-1)


def relaxed_earth_movers_distance(flat: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
    """Compute the relaxed earth mover's distance by cosine (Kolkin et al. 2019, equations 3 to 5).

    It is the larger of two means: the distance of each feature from the most similar one of the style, and the distance
    of each of the style's from the most similar feature.

    Args:
      flat: [positions, channels].
      style: [sampled, channels].

    Returns:
      [1].
    """
    nearest_of_style = tf.gather(style, best_matches(tf.stop_gradient(flat), style))
    nearest_of_image = tf.gather(flat, best_matches(style, tf.stop_gradient(flat)))
    from_image = tf.reduce_mean(cosine_distances(flat, nearest_of_style))
    from_style = tf.reduce_mean(cosine_distances(nearest_of_image, style))
    return tf.maximum(from_image, from_style)[tf.newaxis]


def patches(features: tf.Tensor) -> tf.Tensor:
    """Extract every 3x3 patch inside features [1, rows, cols, channels]: [patches, 9 * channels]."""
    windows = tf.image.extract_patches(widen(features), [1, 3, 3, 1], [1] * 4, [1] * 4, "VALID")
    return tf.reshape(windows, [-1, 9 * features.shape[-1]])


def mrf_distance(image_patches: tf.Tensor, style_patches: tf.Tensor) -> tf.Tensor:
    """Sum the squared distances of each patch from the most similar style patch (Li & Wand 2016, eq. 2): [1].

    Args:
      image_patches, style_patches: [patches, 9 * channels]; matched again at each evaluation.
    """
    matched = tf.gather(style_patches, best_matches(tf.stop_gradient(image_patches), style_patches))
    return tf.reduce_sum(tf.math.squared_difference(image_patches, matched))[tf.newaxis]
