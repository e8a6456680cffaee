"""The losses: pure functions of features [batch, rows, cols, channels], each keeping the batch axis."""

import tensorflow as tf

TINY = 1e-30
"""The smallest divisor; it keeps 0 / 0 finite."""
FLATTEST = 1e-3
"""The minimum ratio of a divisor to the features' own size: features of flat images differ by rounding alone."""


def widen(features: tf.Tensor) -> tf.Tensor:
    """Cast features to the precision of sums: float64 stays, everything else becomes float32."""
    return features if features.dtype == tf.float64 else tf.cast(features, tf.float32)


@tf.custom_gradient
def gram_matrix(features: tf.Tensor) -> tf.Tensor:
    """Compute the inner products of the feature maps over all positions: G = F^T F (Gatys et al. 2016, eq. 3).

    The gradient is one product, F (dG + dG^T); automatic differentiation would compute two.

    Args:
      features: [batch, rows, cols, channels].

    Returns:
      [batch, channels, channels] of `widen`'s type, not normalised.
    """
    shape = tf.shape(features)
    flat = tf.reshape(features, [shape[0], -1, features.shape[-1]])

    def gradient(upstream: tf.Tensor):
        symmetric = tf.cast(upstream + tf.linalg.matrix_transpose(upstream), flat.dtype)
        return tf.reshape(flat @ symmetric, shape)

    return widen(tf.matmul(flat, flat, transpose_a=True)), gradient


def squared_distance(received: tf.Tensor, expected: tf.Tensor) -> tf.Tensor:
    """Sum the squared differences over all axes except the batch: [batch].

    Raises:
      ValueError: the shapes differ (only the batch axis is broadcast).
    """
    if not received.shape[1:].is_compatible_with(expected.shape[1:]):
        raise ValueError(f"Expected two tensors of one shape, received {received.shape} and {expected.shape}.")
    difference = widen(received) - widen(expected)
    return tf.reduce_sum(tf.square(difference), axis=list(range(1, len(received.shape))))


def weighted_distance(received: tf.Tensor, expected: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Sum the squared differences, each multiplied by its position's weight.

    Args:
      received, expected: [batch, rows, cols, channels].
      weights: [batch, rows, cols, 1] in 0..1.

    Returns:
      [batch].
    """
    difference = widen(received) - widen(expected)
    return tf.reduce_sum(widen(weights) * tf.square(difference), axis=[1, 2, 3])


def total_variation(image: tf.Tensor, exponent: float = 1.25) -> tf.Tensor:
    """Sum (dy^2 + dx^2)^exponent over the top-left (rows - 1) x (cols - 1) pixels, as Keras' example does.

    For exponents below 1 it sums (dy^2 + dx^2 + 1)^exponent - 1, whose derivative is finite where pixels are equal.

    Args:
      image: [batch, rows, cols, 3] in 0..255.
      exponent: 1.25 in Keras' example; 1 gives the squared differences of Mahendran & Vedaldi 2015, 0.5 the total
        variation of Rudin et al. 1992 of each channel, which keeps edges and smooths the areas between them.

    Returns:
      [batch].
    """
    # tf.slice, since the gradient of image[:, 1:] takes four times as long.
    size = tf.shape(image) - [0, 1, 1, 0]
    corner, below, right = (tf.slice(image, begin, size) for begin in ([0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]))
    dy, dx = corner - below, corner - right
    squares = tf.square(dy) + tf.square(dx)
    if exponent == 0.75:
        root = tf.sqrt(squares + 1)
        powers = root * tf.sqrt(root) - 1  # as below, in a third of the time
    elif exponent < 1:
        powers = tf.pow(squares + 1, exponent) - 1
    else:
        powers = tf.pow(squares, exponent)
    return tf.reduce_sum(powers, axis=[1, 2, 3])


def checkerboard(image: tf.Tensor, cell: int, window: int) -> tf.Tensor:
    """Measure the lattice in an image, which a network's strides leave (cf. Odena et al. 2016).

    The moving mean over a cell is subtracted from the image. The measure is the mean square of the pattern that the
    cells of a window share, minus what unrelated cells would share by chance. Not from a paper.

    Args:
      image: [batch, rows, cols, channels], at least 3 cells high and wide; half a cell at each border, and pixels that
        do not fill a cell, are ignored.
      cell: rows and columns of the lattice's cells, even; finer lattices that divide them are measured too.
      window: minimum rows and columns of a window, in cells.

    Returns:
      [batch], the mean over windows and channels in squared grey levels.
    """
    half = cell // 2
    smooth = tf.nn.avg_pool2d(tf.nn.avg_pool2d(image, cell, 1, "VALID"), 2, 1, "VALID")
    down, across = (size // cell - 1 for size in image.shape[1:3])
    rows, cols = (max(1, cells // window) for cells in (down, across))
    height, width = down // rows, across // cols
    size = [-1, rows * height * cell, cols * width * cell, -1]
    wave = tf.slice(image, [0, half, half, 0], size) - tf.slice(smooth, [0, 0, 0, 0], size)
    cells = tf.reshape(wave, [-1, rows, height, cell, cols, width, cell, image.shape[3]])
    mean, variance = tf.nn.moments(cells, axes=[2, 5])
    shared = tf.reduce_mean(tf.square(mean) - variance / (height * width - 1), axis=[2, 4])
    return tf.reduce_mean(tf.nn.relu(shared), axis=[1, 2, 3])


def positions(features: tf.Tensor) -> tf.Tensor:
    """Count the positions of features [batch, rows, cols, channels]: rows * cols, as a float."""
    return tf.cast(tf.reduce_prod(tf.shape(features)[1:3]), widen(features[:0]).dtype)


def moments(features: tf.Tensor) -> tf.Tensor:
    """Sum each channel and its squares: [batch, 2, channels] float64.

    Variances are differences of these; in float32 few digits would remain.
    """
    features = tf.cast(features, tf.float64)
    return tf.stack([tf.reduce_sum(features, axis=[1, 2]), tf.reduce_sum(tf.square(features), axis=[1, 2])], axis=1)


def energy(sums: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Compute the sum of squares of centred features, at least `FLATTEST` of that of the features themselves.

    Args:
      sums: [1, 2, channels], the sums of each channel and of its squares.
      count: number of positions.
    """
    centred = sums[:, 1] - tf.square(sums[:, 0]) / tf.cast(count, sums.dtype)
    return tf.cast(tf.maximum(tf.reduce_sum(centred), FLATTEST * tf.reduce_sum(sums[:, 1])), count.dtype)


def reciprocal(size: tf.Tensor) -> tf.Tensor:
    """Compute 1 / `size`, or 1 where `size` is 0."""
    return tf.where(size > 0, 1 / tf.maximum(size, TINY), tf.ones_like(size))
