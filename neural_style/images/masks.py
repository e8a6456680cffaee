"""Masks: read from what other programs write, and applied so that the photograph stays where they are black."""

import os
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.images import flat_colors, metadata, reading
from neural_style.images.flat_colors import FlatColor
from neural_style.images.reading import Picture
from neural_style.settings.picture import LARGEST_IMAGE

MAX_CLASS = 40
"""Grey levels up to this one alone are numbers of classes (Cityscapes has 33, NYU Depth 40): as grey they would all be
nearly black."""
DARK = 64
"""A mask whose levels besides black are mostly below this one hardly applies anywhere."""
DRAWN_DISTANCE, DRAWN_SHARE = 32, 0.95
"""Levels from black and white, and the share of pixels that lie within, of what is drawn as a mask."""
MIN_REGION_SHARE = 0.01
"""A colour on less of a picture may be the blend of two others at their edge."""
SMALL_SHARE = 0.02
"""A mask that covers less of the picture is worth a warning."""
SAMPLES = 64
"""Rows and columns to which a mask is reduced before its share of the picture is measured."""


def read_mask(picture: Picture, max_megapixels: int = LARGEST_IMAGE) -> Image.Image:
    """Read a mask, as segmentation programs and background removers write it too.

    Grey levels are weights, white for 1. Numbers of classes (0 and 1, or up to `MAX_CLASS`) are white but for 0. In a
    picture of flat colours black is 0, or the darkest colour where there is no black, and all others are white; one
    colour alone is white, unless it is black. A photograph with a transparent background is its alpha; a mask that is
    drawn on transparency is laid on black.

    Args:
      picture: see `reading.load`; an array may also hold 0..1, or numbers of classes.
      max_megapixels: millions of pixels that a file may hold.

    Returns:
      A Pillow image of mode "L".

    Raises:
      UserError: the picture can't be read, or it is black all over.
    """
    with reading.open_image(_as_levels(picture), max_megapixels) as image:
        mask = to_mask(metadata.upright(image))
    name = _name(picture)
    if not mask.getbbox():
        raise UserError(f"The mask {name} is black all over: white is where it applies.")
    _warn_of_faint_mask(mask, name)
    return mask


def _warn_of_faint_mask(mask: Image.Image, name: str) -> None:
    """Warn of a mask that hardly applies: on little of the picture, or nowhere fully."""
    share = sample(mask).mean()
    levels = np.asarray(mask)
    typical = np.median(levels[levels > 0])
    if share < SMALL_SHARE:
        logger.warning(f"the mask {name} covers only {share:.1%} of the picture: white is where it applies.")
    elif typical < DARK:
        logger.warning(
            f"the mask {name} is nearly black where it applies (level {typical:.0f} of 255, so {typical / 255:.0%} of "
            "the effect). If its levels are numbers of classes, make those white that are meant."
        )


def sample(mask: Image.Image) -> np.ndarray:
    """A mask in 0..1, reduced to [SAMPLES, SAMPLES], for its share of the picture."""
    return np.asarray(mask.resize((SAMPLES, SAMPLES), Image.Resampling.BOX)) / 255


def to_mask(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to a mask of mode "L"; see `read_mask`."""
    classes = _class_numbers(image)
    if classes is not None:
        return _white_where(classes > 0)
    rgb, alpha = _colors(image)
    if alpha is None:
        return _opaque_mask(rgb)
    if not _is_drawn_mask(rgb[alpha > 127]):
        return Image.fromarray(alpha)
    return Image.fromarray((rgb.max(axis=-1) * (alpha / 255)).round().astype(np.uint8))


def split_regions(picture: Picture, count: int, max_megapixels: int = LARGEST_IMAGE) -> list[Image.Image]:
    """Split a picture of flat colours into one mask for each colour.

    Black is a region where there are `count` colours with it. Where there are `count` besides, black belongs to no
    region, as does what is transparent. Greys and numbers of classes are in rising order, colours in the order in which
    they appear, row by row from the top left.

    Args:
      picture: see `reading.load`; an array may also hold numbers of classes.
      count: how many regions there are.
      max_megapixels: millions of pixels that a file may hold.

    Returns:
      `count` Pillow images of mode "L", white where a region is.

    Raises:
      UserError: the picture can't be read, or does not have as many colours.
    """
    with reading.open_image(_as_levels(picture), max_megapixels) as image:
        upright = metadata.upright(image)
        classes = _class_numbers(upright)
        rgb, alpha = _colors(upright) if classes is None else (np.repeat(classes[..., np.newaxis], 3, axis=-1), None)
    visible = np.full(rgb.shape[:2], True) if alpha is None else alpha > 127
    if not visible.any():
        raise UserError(
            f"Expected a picture of {count} flat colours, and {_name(picture)} is transparent all over: give each "
            "region one colour."
        )
    regions, background = _choose_regions(rgb[visible], count, _name(picture))
    nearest, _ = flat_colors.nearest_color(rgb, [flat.color for flat in (*regions, *background)])
    nearest[~visible] = len(regions)
    order = _order(regions, nearest)
    named = ", ".join(f"{regions[number]} is style {place}" for place, number in enumerate(order, 1))
    logger.info(f"Regions of {_name(picture)}: {named}.")
    return [_white_where(nearest == number) for number in order]


def _choose_regions(pixels: np.ndarray, count: int, name: str) -> tuple[list[FlatColor], list[FlatColor]]:
    """The colours of `count` regions of pixels [pixels, 3], and black where it is none of them."""
    main = flat_colors.main_colors(pixels)
    large = [color for color in main if color.share >= MIN_REGION_SHARE]
    for colors in (flat_colors.exact_colors(pixels), main, large):
        if len(colors) == count:
            return colors, []
        if len(colors) == count + 1:
            darkest = min(colors, key=lambda flat: max(flat.color))
            if darkest.is_black:
                return [color for color in colors if color is not darkest], [darkest]
    listed = ", ".join(map(str, large)) if large else "too many"
    raise UserError(
        f"Expected one mask for each of the {count} styles, or a picture of {count} flat colours (and black where no "
        f"style applies), received {name}, whose colours are {listed}: give each region one colour."
    )


def _order(regions: Sequence[FlatColor], nearest: np.ndarray) -> list[int]:
    """The numbers of regions: greys in rising order, colours in the order in which they appear."""
    numbers = range(len(regions))
    if flat_colors.is_grey(np.array([region.color for region in regions])):
        return sorted(numbers, key=lambda number: sum(regions[number].color))
    values, first = np.unique(nearest, return_index=True)
    appearance = dict(zip(values.tolist(), first.tolist(), strict=True))
    return sorted(numbers, key=lambda number: appearance[number])


def _as_levels(picture: Picture) -> Picture:
    """An array of 0..1 as one of 0..255; other pictures as they are."""
    if isinstance(picture, np.ndarray) and picture.dtype.kind in "uif" and picture.size and 0 < picture.max() <= 1:
        return picture * np.float32(255)
    return picture


def _name(picture: Picture) -> str:
    return repr(os.fspath(picture)) if isinstance(picture, str | os.PathLike) else f"<{type(picture).__name__}>"


def _class_numbers(image: Image.Image) -> np.ndarray | None:
    """The numbers of classes [rows, cols] that an image holds; None where it holds colours or grey levels.

    A palette image has its grey levels as numbers where they are nearly black, or its indices where all colours are
    black, or nearly black and not grey.
    """
    if image.mode not in ("L", "P", "I") and not image.mode.startswith("I;16"):
        return None
    if "transparency" in image.info:
        return None
    levels = np.asarray(image.convert("RGB")) if image.mode == "P" else np.asarray(image)
    if image.mode == "P" and levels.max() == 0:
        return np.asarray(image).astype(np.uint8)
    if not 0 < levels.max() <= MAX_CLASS:
        return None
    is_numbered = image.mode == "P" and (levels == levels[..., :1]).all()  # GIF drops indices that are not used
    return levels[..., 0].astype(np.uint8) if is_numbered else np.asarray(image).astype(np.uint8)


def _colors(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """The colours of an image [rows, cols, 3] of 8 bits, and its alpha [rows, cols]; None where it is opaque."""
    if image.mode.startswith("I;16") and np.asarray(image).max() <= 255:
        image = Image.fromarray(np.asarray(image).astype(np.uint8))  # 8 bits that were saved as 16
    layers = np.asarray(reading.to_rgba(reading.to_8_bits(image)))
    alpha = layers[..., 3]
    return layers[..., :3], alpha if alpha.min() < 255 else None


def _opaque_mask(rgb: np.ndarray) -> Image.Image:
    """The mask of colours [rows, cols, 3] without transparency."""
    if flat_colors.is_grey(rgb):
        grey = rgb.max(axis=-1)
        return _white_where(grey > 0) if grey.max() <= MAX_CLASS else Image.fromarray(rgb).convert("L")
    colors = flat_colors.flat_colors(rgb.reshape(-1, 3))
    if not colors:
        return Image.fromarray(rgb).convert("L")
    if len(colors) == 1:
        return Image.new("L", rgb.shape[1::-1], 0 if colors[0].is_black else 255)
    darkest = min(range(len(colors)), key=lambda number: max(colors[number].color))
    nearest, _ = flat_colors.nearest_color(rgb, [color for color, _ in colors])
    return _white_where(nearest != darkest)


def _is_drawn_mask(pixels: np.ndarray) -> bool:
    """Whether visible pixels [pixels, 3] are a mask's black and white, with white among them."""
    if not len(pixels) or not flat_colors.is_grey(pixels):
        return False
    levels = pixels.max(axis=-1)
    white = levels >= 255 - DRAWN_DISTANCE
    return bool(white.any() and np.mean(white | (levels <= DRAWN_DISTANCE)) >= DRAWN_SHARE)


def _white_where(applies: np.ndarray) -> Image.Image:
    return Image.fromarray(np.where(applies, 255, 0).astype(np.uint8))


def blend(content: np.ndarray, painted: np.ndarray, paint_mask: np.ndarray | None) -> np.ndarray:
    """`painted` where the mask is 1, `content` where it is 0.

    Args:
      content, painted: [rows, cols, 3].
      paint_mask: [rows, cols] in 0..1; None is 1 everywhere.
    """
    return painted if paint_mask is None else content + paint_mask[..., np.newaxis] * (painted - content)


def wrap_objective(objective: Callable, content: np.ndarray, paint_mask: np.ndarray | None) -> Callable:
    """Make `objective`, of the blend, a function of what is painted: its gradient is masked (the chain rule)."""
    if paint_mask is None:
        return objective

    def objective_of_painted(painted: np.ndarray):
        loss, gradient, terms = objective(blend(content, painted, paint_mask))
        return loss, gradient * paint_mask[..., np.newaxis], terms

    return objective_of_painted
