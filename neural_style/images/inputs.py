"""The images of a run as they were given, before they are resized."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.images import color, geometry, masks
from neural_style.images.reading import Picture, images_in, in_profile, load
from neural_style.images.scene import WarpedFrame
from neural_style.images.trimming import Frame, find_frame, trim
from neural_style.settings.network import NORMALIZERS, NetworkSettings
from neural_style.settings.picture import STARTS
from neural_style.settings.settings import Settings


@dataclasses.dataclass(frozen=True)
class CommonRegion:
    """A region that the photograph and all styles have, such as the sky.

    Attributes:
      mask: where the photograph has it, grey; of any size.
      style_masks: where each style has it, likewise.
    """

    mask: Image.Image
    style_masks: list[Image.Image]


@dataclasses.dataclass(frozen=True, eq=False)
class Inputs:
    """The images of a run, in 8-bit RGB and the photograph's colour profile. Each is equal to itself alone.

    Attributes:
      content: the photograph.
      styles: one image for each style.
      style_weights: the weight of each style; they add up to 1.
      masks: where each style applies; empty where all apply everywhere.
      paint_mask: white where the photograph is painted; None paints all of it.
      start: where the combination image starts: an image, or RGB [rows, cols, 3] in the finest scale's size; None where
        --init names no image.
      warped_frames: earlier frames of a film, in the finest scale's size.
      adaptation_inputs: the images of a film's first frame, to which weights are adapted; None for a picture.
      palette: the colours that recolouring gives the photograph, shared by a film's frames; None: the photograph's own.
      common_regions: of photograph and styles (--regions=auto); the strokes of each are those of its counterpart.
      style_versions: resized and rotated styles by size and settings, shared by a film's frames.
    """

    content: Image.Image
    styles: list[Image.Image]
    style_weights: list[float]
    masks: list[Image.Image]
    paint_mask: Image.Image | None
    start: Image.Image | np.ndarray | None
    warped_frames: Sequence[WarpedFrame] = ()
    adaptation_inputs: "Inputs | None" = None
    palette: color.Palette | None = None
    common_regions: Sequence[CommonRegion] = ()
    style_versions: dict[tuple, list[list[np.ndarray]]] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def painted_share(self) -> float:
        """The share of the result that the masks leave to be painted in a style; 1 without masks."""
        share = np.ones((masks.SAMPLES, masks.SAMPLES))
        if self.masks:
            share = sum(map(masks.sample, self.masks), 0 * share).clip(0, 1)
        if self.paint_mask:
            share = share * masks.sample(self.paint_mask)
        return float(share.mean())


def read(content: Picture, styles: Sequence[Picture], settings: Settings) -> Inputs:
    """Read the images.

    Args:
      content: a path, a Pillow image or an array [rows, cols, 3] in 0..255.
      styles: the paintings, likewise.
      settings: of the run.

    Raises:
      UserError: an image can't be read, or their number does not fit the settings.
    """
    picture, limit = settings.picture, settings.picture.largest_image
    if settings.network.normalize_weights not in NORMALIZERS:
        images_in(settings.network.normalize_weights, "normalize_weights")
    whole = load(content, limit)
    frame = find_frame(whole) if picture.trim_frame else Frame()
    crop = functools.partial(trim, frame=frame, photograph_size=whole.size)
    photograph = crop(whole)
    _check_count(len(styles), settings)
    profile = photograph.info.get("icc_profile")
    inputs = Inputs(
        photograph,
        [in_profile(load(style, limit), profile) for style in styles],
        _style_weights(picture.style_blend, len(styles)),
        [crop(mask) for mask in _read_style_masks(picture.style_masks, len(styles), limit)],
        None if picture.content_mask is None else crop(masks.read_mask(picture.content_mask, limit)),
        None if _is_word(picture.init) else in_profile(load(picture.init, limit), profile),
    )
    _warn_of_small_share(inputs)
    return inputs


def images_to_normalize_over(settings: NetworkSettings, images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the images over which --normalize_weights normalises filters: `images`, or a folder's in their size."""
    if settings.normalize_weights in NORMALIZERS:
        return list(images)
    paths = images_in(settings.normalize_weights, "normalize_weights")
    return [geometry.resize(load(path), *images[0].shape[:2]) for path in paths]


def _check_count(count: int, settings: Settings) -> None:
    """Raise a UserError where the number of styles does not fit the method or the masks."""
    limit, mask_count = settings.method.max_styles, len(settings.picture.style_masks)
    if not count:
        raise UserError("Expected at least one style, received none.")
    if limit and count > limit:
        raise UserError(
            f"--method={settings.picture.method} takes at most {limit} style{'s' * (limit > 1)}, received {count}."
        )
    if mask_count not in (0, 1, count):
        raise UserError(
            f"--style_masks takes one mask for each of the {count} styles, or one picture with a colour for each, "
            f"received {mask_count}."
        )


def _is_word(init: Picture) -> bool:
    return isinstance(init, str) and init in STARTS


def _read_style_masks(pictures: Sequence[Picture], count: int, limit: int) -> list[Image.Image]:
    """Read one mask for each of `count` styles; a single picture for several styles has one colour for each."""
    if len(pictures) == 1 and count > 1:
        return masks.split_regions(pictures[0], count, limit)
    return [masks.read_mask(picture, limit) for picture in pictures]


def _warn_of_small_share(inputs: Inputs) -> None:
    """Warn where several masks together leave nearly nothing to be painted; `read_mask` warns of a single one."""
    share = inputs.painted_share
    if len(inputs.masks) + (inputs.paint_mask is not None) > 1 and share < masks.SMALL_SHARE:
        logger.warning(f"the masks together leave only {share:.1%} of the picture to be painted in a style.")


def _style_weights(blend: Sequence[float], count: int) -> list[float]:
    """The weight of each of `count` styles, adding up to 1."""
    if not blend:
        return [1 / count] * count
    received = ",".join(f"{weight:g}" for weight in blend)
    if len(blend) != count:
        raise UserError(f"--style_blend takes one weight for each of the {count} styles, received {received}.")
    if sum(blend) == 0:
        raise UserError(f"--style_blend takes at least one weight that is not 0, received {received}.")
    return [weight / sum(blend) for weight in blend]
