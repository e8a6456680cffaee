"""Builds the scene of a scale: images resized, styles varied, colours matched, the start chosen."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from neural_style.images import color, geometry
from neural_style.images.inputs import CommonRegion, Inputs
from neural_style.images.preprocessing import deprocess
from neural_style.images.scene import Region, Scene, shares_of
from neural_style.settings import vgg_layers
from neural_style.settings.picture import PictureSettings
from neural_style.settings.settings import Settings

Size = tuple[int, int]
"""Rows and columns."""
COUNTERPART_SHARE = 0.5
"""How far the mean colour of a common region moves towards that of its part of the painting. With 1 each wrong match
would be seen."""


def fit_settings(inputs: Inputs, settings: Settings) -> Settings:
    """Replace --longest and --rows=original by the rows that they mean for the photograph."""
    return settings.fit(inputs.content.height, inputs.content.width)


def scale_sizes(inputs: Inputs, settings: Settings) -> tuple[Size, ...]:
    """The size of each scale, coarse to fine."""
    picture = fit_settings(inputs, settings).picture
    final_rows = picture.known_rows
    sizes = []
    for rows in picture.scale_rows:
        cols = picture.cols and max(1, round(picture.cols * rows / final_rows))
        sizes.append(geometry.size_of(inputs.content, rows, cols))
    return tuple(sizes)


def largest_style_pixels(inputs: Inputs, settings: Settings, size: Size) -> int:
    """The pixels of the largest version of any style beside a result of `size`."""
    base = _style_base(settings, size)
    sizes = [size for style in inputs.styles for size in _version_sizes(style, base, settings.picture)]
    return max(map(math.prod, sizes))


def check_sizes(inputs: Inputs, settings: Settings) -> None:
    """Raise a UserError where an image is too small for the network at the coarsest scale, or can't be rotated."""
    sizes, min_side, method = scale_sizes(inputs, settings), settings.method.min_side(settings), settings.method
    uses_vgg = not (method.style_is_network or method.style_side)
    result_hint = [] if uses_vgg else ["raise --rows or --cols"]
    vgg_layers.check_size(*sizes[0], min_side, "the coarsest scale" if len(sizes) > 1 else "the result", *result_hint)
    if method.style_is_network:
        return
    style_hint = [] if uses_vgg else ["raise --style_scale"]
    base = _style_base(settings, sizes[0])
    for style in inputs.styles:
        for version in _version_sizes(style, base, settings.picture):
            vgg_layers.check_size(*version, min_side, "a style (--style_scale, --style_frame)", *style_hint)
        for angle in settings.picture.style_rotation:
            geometry.frame_turned(style, angle)  # raises where nothing is left


def build_scene(inputs: Inputs, settings: Settings, size: Size, coarser: np.ndarray | None = None) -> Scene:
    """Build the scene of one scale.

    Args:
      inputs: the images.
      settings: of the run.
      size: rows and columns of this scale.
      coarser: the coarser scale's result [rows, cols, 3], which is enlarged to be the start; None at the first scale.
    """
    picture = settings.picture
    content = background = geometry.resize(inputs.content, *size, picture.resample)
    style = geometry.resize(inputs.styles[0], *size, picture.resample)
    regions = _build_regions(inputs, settings, size)
    chroma, warped_frames = None, inputs.warped_frames
    if picture.recolor_content:
        content = _recolor_content(content, regions, inputs, settings, size)
        if inputs.common_regions:
            content = _move_mean_colors(content, regions)
    recolor_style = _make_style_recoloring(picture, content)
    if recolor_style:
        style = recolor_style(style)
        regions = [_recolor_region(region, recolor_style) for region in regions]
    if picture.preserve_color == "luminance":
        chroma = content - color.grey(content)
        content = background = color.grey(content)
        warped_frames = [dataclasses.replace(frame, image=color.grey(frame.image)) for frame in warped_frames]
    start = _build_start(inputs, settings, content, style) if coarser is None else geometry.enlarge(coarser, *size)
    if picture.recolor_content and inputs.common_regions and picture.starts_instant and coarser is None:
        # A start from the content has moved with it, and noise or a given image stays as it is.
        start = _move_mean_colors(start, regions)
    if chroma is not None:
        start = color.grey(start)
    paint_mask = _resize_mask(inputs.paint_mask, size) if inputs.paint_mask else None
    return Scene(content, regions, start, paint_mask, background, chroma, warped_frames)


def _recolor_content(
    content: np.ndarray, regions: Sequence[Region], inputs: Inputs, settings: Settings, size: Size
) -> np.ndarray:
    """Give the content the palette of the styles, of each one's share where several apply."""
    shares = shares_of(regions) if inputs.masks else None
    if shares is None:
        shares = np.array(inputs.style_weights)
    paintings = [versions[0] for versions in _style_versions(inputs, settings, size)]
    return color.match_shares(content, paintings, shares, settings.picture.color_match, inputs.palette)


def _move_mean_colors(image: np.ndarray, regions: Sequence[Region]) -> np.ndarray:
    """Move the mean colour of each common region of an image [rows, cols, 3] towards that of the painting."""
    shifted = image.copy()
    for region in regions:
        assert region.mask is not None  # a common region has one
        means = [color.mean(style, mask) for style, mask in zip(region.styles, region.style_masks, strict=True)]
        change = np.average(means, axis=0, weights=region.blend) - color.mean(image, region.mask)
        shifted += COUNTERPART_SHARE * region.mask[..., np.newaxis] * change
    return shifted.clip(0, 255)


def _make_style_recoloring(picture: PictureSettings, content: np.ndarray) -> Callable[[np.ndarray], np.ndarray] | None:
    """The map that --preserve_color applies to styles; None if they keep their colours."""
    if picture.preserve_color == "match":
        return lambda style: color.match(style, reference=content, method=picture.color_match)
    if picture.preserve_color == "luminance":
        return lambda style: color.match_luminance(style, reference=content)
    return None


def _recolor_region(region: Region, function: Callable[[np.ndarray], np.ndarray]) -> Region:
    return dataclasses.replace(region, styles=[function(style) for style in region.styles])


def _build_regions(inputs: Inputs, settings: Settings, size: Size) -> list[Region]:
    """One region for each style where there are masks, else one for all styles together, or for each common region."""
    versions = _style_versions(inputs, settings, size)
    if not inputs.masks:
        styles, blend = [], []
        for weight, group in zip(inputs.style_weights, versions, strict=True):
            styles += group
            blend += [weight / len(group)] * len(group)
        if inputs.common_regions:
            return [_place_region(region, styles, blend, inputs, settings, size) for region in inputs.common_regions]
        return [Region(styles, blend, 1.0, None)]
    return [
        Region(group, [1 / len(group)] * len(group), weight, _resize_mask(mask, size))
        for group, weight, mask in zip(versions, inputs.style_weights, inputs.masks, strict=True)
    ]


def _place_region(
    region: CommonRegion, styles: list[np.ndarray], blend: list[float], inputs: Inputs, settings: Settings, size: Size
) -> Region:
    """A common region in the size of a scale; its weight is its share, so that each pixel weighs as without regions."""
    mask_settings = dataclasses.replace(settings.picture, resample="lanczos")
    style_masks: list[np.ndarray] = []
    for style_mask, style in zip(region.style_masks, inputs.styles, strict=True):
        versions = _make_versions(style_mask.resize(style.size), _style_base(settings, size), mask_settings)
        style_masks += [version / 255 for version in versions]
    mask = _resize_mask(region.mask, size)
    return Region(styles, blend, float(mask.mean()), mask, style_masks)


def _build_start(inputs: Inputs, settings: Settings, content: np.ndarray, style: np.ndarray) -> np.ndarray:
    """The combination image before the first step."""
    picture = settings.picture
    if isinstance(inputs.start, np.ndarray):
        return inputs.start
    if inputs.start:
        rows, cols = content.shape[:2]
        start = geometry.resize(inputs.start, rows, cols, picture.resample)
    elif picture.init == "style":
        start = style
    elif picture.init == "noise":
        start = _draw_noise(settings, content.shape)
    else:
        start = content
    return start + picture.init_blend * (style - start)


def _draw_noise(settings: Settings, shape: tuple[int, ...]) -> np.ndarray:
    picture = settings.picture
    noise = np.random.RandomState(picture.seed).uniform(*picture.noise_range, shape).astype(np.float32)
    return noise if picture.noise_space == "image" else deprocess(noise, settings.network.preprocess)


def _resize_mask(mask: Image.Image, size: Size) -> np.ndarray:
    """A mask's grey in 0..1, smoothly resized."""
    return geometry.resize(mask, *size, "lanczos") / 255


def _style_base(settings: Settings, size: Size) -> Size:
    """The size of styles beside a result of `size`, before --style_scale and their aspect."""
    side = settings.method.style_side
    return (side, side) if side else size


def _style_versions(inputs: Inputs, settings: Settings, size: Size) -> list[list[np.ndarray]]:
    """Each style at each of --style_scale and --style_rotation."""
    picture, base = settings.picture, _style_base(settings, size)
    key = base, picture.style_scale, picture.style_rotation, picture.style_frame, picture.resample
    if key not in inputs.style_versions:
        inputs.style_versions[key] = [_make_versions(style, base, picture) for style in inputs.styles]
    return inputs.style_versions[key]


def _make_versions(style: Image.Image, base: Size, picture: PictureSettings) -> list[np.ndarray]:
    rotated = [geometry.rotate(style, angle) for angle in picture.style_rotation]
    sizes = _version_sizes(style, base, picture)
    return [geometry.resize(image, *size, picture.resample) for size in sizes for image in rotated]


def _version_sizes(style: Image.Image, base: Size, picture: PictureSettings) -> list[Size]:
    """The size of a style at each of --style_scale.

    "stretch" gives it the content's size, as Keras' example does; "aspect" keeps its own aspect at about as many
    pixels. --style_scale multiplies both sides, and with them the size of the strokes.
    """
    rows, cols = float(base[0]), float(base[1])
    if picture.style_frame == "aspect":
        factor = math.sqrt(rows * cols / (style.width * style.height))
        rows, cols = style.height * factor, style.width * factor
    return [(max(1, round(rows * scale)), max(1, round(cols * scale))) for scale in picture.style_scale]
