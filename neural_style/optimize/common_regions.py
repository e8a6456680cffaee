"""Regions that a photograph and its styles have in common, such as sky and ground, found by the network's features.

Each position of each image is described by its features, relative to the image's own mean and deviation, and by its
height in the image. The positions of all images are clustered together, so that a cluster is a region of each: what the
sky is among a photograph's parts, the painted sky is among a painting's.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image
from scipy.cluster.vq import kmeans, vq
from scipy.ndimage import uniform_filter

from neural_style.core.log import logger
from neural_style.images import geometry
from neural_style.images.inputs import CommonRegion, Inputs
from neural_style.settings import vgg_layers
from neural_style.settings.picture import MAX_REGIONS
from neural_style.settings.settings import Settings
from neural_style.vgg import model
from neural_style.vgg.weight_files import Weights

LAYERS = ("block2_conv2", "block3_conv3", "block4_conv3")
"""Their features describe a position, at the positions of the last one."""
PIXELS = 256 * 384
"""The size, about, at which images are described, whatever that of the result."""
COUNTS = range(MAX_REGIONS, 1, -1)
"""Numbers of regions, the first ones to try first."""
HEIGHT_WEIGHT = 1.1
"""Of a position's height, in -1..1. The features' squares add up to 1 for each layer, on the average."""
MIN_SHARE = 0.08
"""A region covers at least so much of each image."""
MIN_EXPLAINED = 0.06
"""The least share of the variance of an image's features that is between its regions: uniform images have none."""
TRIALS = 8
"""Of the k-means, each from other random positions."""
GUIDE_RADIUS, GUIDE_VARIANCE = 12, 1e-3
"""Pixels on each side within which a mask follows the image's brightness, and the variance of an edge in that, 0..1."""
COLORS = np.array([(220, 60, 60), (60, 160, 60), (60, 80, 220)], np.float32)
"""Of the regions, as they are drawn."""
ROWS = 256
"""Of the images on which regions are drawn."""


def find(inputs: Inputs, settings: Settings, kernels: Weights) -> list[CommonRegion]:
    """Find the regions that the photograph and all styles have in common.

    Args:
      inputs: the images.
      settings: of the run.
      kernels: of the network, through the last of `LAYERS`.

    Returns:
      Two or three regions, or none where the images have fewer in common.
    """
    network = model.build(settings.network, kernels, LAYERS)
    images = (inputs.content, *inputs.styles)
    descriptions = [_describe(network, image) for image in images]
    labels = label_positions(descriptions, settings.picture.seed)
    count = max(int(part.max()) for part in labels) + 1
    if count < 2:
        logger.info("Regions: photograph and painting have fewer than two in common, so strokes go anywhere.")
        return []
    masks = [_make_masks(part, count, image) for part, image in zip(labels, images, strict=True)]
    regions = [CommonRegion(mask, style_masks) for mask, *style_masks in zip(*masks, strict=True)]
    shares = ", ".join(f"{np.mean(labels[0] == number):.0%}" for number in range(count))
    logger.info(f"Regions: {count} that photograph and painting have in common, {shares} of the photograph.")
    return regions


def draw(inputs: Inputs) -> np.ndarray:
    """Draw the regions: photograph and styles side by side, under the regions' colours where there are any.

    Args:
      inputs: the images and their common regions.

    Returns:
      RGB [rows, cols, 3] float32 in 0..255.
    """
    drawn = []
    for number, image in enumerate([inputs.content, *inputs.styles]):
        masks = [[region.mask, *region.style_masks][number] for region in inputs.common_regions]
        drawn.append(_draw_image(image, masks))
    return np.concatenate(drawn, axis=1)


def _draw_image(image: Image.Image, masks: Sequence[Image.Image]) -> np.ndarray:
    """Draw an image under the colours of its regions, if it has any; see `draw`."""
    size = geometry.size_of(image, ROWS)
    picture = geometry.resize(image, *size, "lanczos")
    if not masks:
        return picture
    shares = np.stack([geometry.resize(mask, *size, "lanczos") for mask in masks], axis=-1) / 255
    return (picture + shares @ COLORS[: len(masks)]) / 2


def label_positions(descriptions: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
    """Cluster the positions of all images together.

    Args:
      descriptions: of each image, [rows, cols, numbers]; the last number is the height in the image.
      seed: of the k-means.

    Returns:
      The region of each position, [rows, cols] int for each image: 0, 1, …, or 0 everywhere where the images do not
      have two regions in common.
    """
    sizes = [description.shape[:2] for description in descriptions]
    points = [description.reshape(-1, description.shape[-1]) for description in descriptions]
    for count in COUNTS:
        centroids, _ = kmeans(np.concatenate(points), count, TRIALS, seed=np.random.RandomState(seed))
        labels = [vq(of_image, centroids)[0] for of_image in points]
        if all(_is_divided(*of_image, count) for of_image in zip(points, labels, strict=True)):
            return [of_image.reshape(size) for of_image, size in zip(labels, sizes, strict=True)]
    return [np.zeros(size, int) for size in sizes]


def _describe(network: tf.keras.Model, image: Image.Image) -> np.ndarray:
    """Describe the positions of an image, see `label_positions`."""
    features = network(geometry.resize(image, *_size(image), "lanczos")[np.newaxis])
    rows, cols = features[LAYERS[-1]].shape[1:3]
    parts = [_standardize(_shrink(features[layer], layer)[0, :rows, :cols].numpy()) for layer in LAYERS]
    heights = np.broadcast_to(np.linspace(-1, 1, rows)[:, np.newaxis, np.newaxis], (rows, cols, 1))
    return np.concatenate([*parts, HEIGHT_WEIGHT * heights], axis=-1)


def _size(image: Image.Image) -> tuple[int, int]:
    """The rows and columns at which an image is described."""
    scale = (PIXELS / (image.width * image.height)) ** 0.5
    least = vgg_layers.stride(LAYERS[-1])
    return max(least, round(image.height * scale)), max(least, round(image.width * scale))


def _shrink(features: tf.Tensor, layer: str) -> tf.Tensor:
    """Average features of unit length down to the positions of the last layer, and over their neighbours."""
    factor = vgg_layers.stride(LAYERS[-1]) // vgg_layers.stride(layer)
    averaged = tf.nn.avg_pool2d(features, factor, factor, "VALID")
    smooth = tf.nn.avg_pool2d(averaged, 3, 1, "SAME")
    return tf.math.l2_normalize(smooth, axis=-1)


def _standardize(features: np.ndarray) -> np.ndarray:
    """Give each channel of features [rows, cols, channels] mean 0 and deviation channels^-1/2."""
    deviations = features.std(axis=(0, 1))
    deviations = np.maximum(deviations, 1e-3 * deviations.max() + 1e-12)
    return (features - features.mean(axis=(0, 1))) / (deviations * features.shape[-1] ** 0.5)


def _is_divided(points: np.ndarray, labels: np.ndarray, count: int) -> bool:
    """Whether an image's positions [positions, numbers] have all of `count` regions, and these differ in features."""
    if np.bincount(labels, minlength=count).min() < MIN_SHARE * len(labels):
        return False
    features = points[:, :-1]  # without the height
    means = np.array([features[labels == number].mean(axis=0) for number in range(count)])
    return bool(1 - ((features - means[labels]) ** 2).sum() / max((features**2).sum(), 1e-12) >= MIN_EXPLAINED)


def _make_masks(labels: np.ndarray, count: int, image: Image.Image) -> list[Image.Image]:
    """The soft masks of an image's regions, which end at edges of brightness (He et al., Guided Image Filtering, 2010).

    Args:
      labels: of positions, [rows, cols].
      count: of the regions.
      image: of any size.
    """
    rows, cols = _size(image)
    guide = geometry.resize(image.convert("L"), rows, cols, "lanczos") / 255
    masks = []
    for number in range(count):
        applies = Image.fromarray(np.where(labels == number, 255, 0).astype(np.uint8))
        masks.append(_guide(geometry.resize(applies, rows, cols, "lanczos") / 255, guide).clip(0, 1))
    total = np.maximum(sum(masks), 1e-6)
    return [Image.fromarray((255 * mask / total).round().astype(np.uint8)) for mask in masks]


def _guide(mask: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """Fit the mask by a linear function of the guide around each pixel, and average these functions: [rows, cols]."""

    def average(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, 2 * GUIDE_RADIUS + 1, mode="nearest")

    mean, mask_mean = average(guide), average(mask)
    slope = (average(guide * mask) - mean * mask_mean) / (average(guide * guide) - mean**2 + GUIDE_VARIANCE)
    return average(slope) * guide + average(mask_mean - slope * mean)
