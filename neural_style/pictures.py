"""The images of a run: read, framed, varied and mixed into the start."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from neural_style import color, images, networks
from neural_style.errors import UserError
from neural_style.flags import Options


@dataclasses.dataclass(frozen=True)
class Region:
    """Where a style applies, and which.

    Attributes:
      styles: images of the style, RGB [rows, cols, 3] in 0..255, each in a frame of its own.
      blend: the weight of each of `styles`; they add up to 1.
      share: the region's weight among all regions.
      mask: [rows, cols] in 0..1 in the content's frame; None is everywhere.
    """

    styles: list[np.ndarray]
    blend: list[float]
    share: float
    mask: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Pictures:
    """What one scale of a run works on.

    Attributes:
      content, start: RGB [rows, cols, 3] float32 in 0..255, in one frame.
      regions: which styles apply where.
      keep: [rows, cols] in 0..1, where the photograph is painted (1) and where it stays (0); None paints all.
    """

    content: np.ndarray
    regions: list[Region]
    start: np.ndarray
    keep: np.ndarray | None

    @property
    def styles(self) -> list[np.ndarray]:
        """Every style image of every region."""
        return [style for region in self.regions for style in region.styles]


def scales(options: Options) -> list[int]:
    """The rows of each scale, coarse to fine."""
    if not options.scales:
        return [options.rows]
    if len(options.scales) == 1:
        (count,) = options.scales
        return [options.rows >> halvings for halvings in reversed(range(count))]
    return options.scales


def read(content: str, styles: Sequence[str], options: Options, rows: int, start: np.ndarray | None = None) -> Pictures:
    """Reads and frames the images, and checks what can be known of them before any heavy work.

    Args:
      content, styles: paths.
      options: of the run.
      rows: of this scale.
      start: the coarser scale's result [rows, cols, 3], enlarged to be this one's start; None at the first scale.

    Raises:
      UserError: an image can't be read, is too small for the network, or does not fit the flags.
    """
    photograph = images.load(content)
    cols = options.cols and max(1, round(options.cols * rows / scales(options)[-1]))
    rows, cols = images.frame(photograph, rows, cols)
    networks.check_frame(rows, cols, options.content_layers + options.style_layers)
    shares = _shares(options.style_blend, len(styles))
    paintings = [images.load(style) for style in styles]
    versions = [_versions(painting, rows, cols, options) for painting in paintings]
    framed = images.resize(photograph, rows, cols, options.resample)
    if options.recolor_content:
        framed = color.match(framed, versions[0][0]).clip(0, 255)
    if start is None:
        first = images.resize(paintings[0], rows, cols, options.resample)
        start = _start(framed, first, options)
        start = start + options.init_blend * (first - start)
    else:
        start = images.enlarge(start, rows, cols)
    keep = _mask(options.content_mask, rows, cols) if options.content_mask else None
    return Pictures(framed, _regions(versions, shares, options.style_masks, rows, cols), start, keep)


def _regions(
    versions: Sequence[list[np.ndarray]], shares: Sequence[float], masks: Sequence[str], rows: int, cols: int
) -> list[Region]:
    """One region for each style where there are masks, else one for all styles together."""
    if not masks:
        blend = [share / len(group) for share, group in zip(shares, versions, strict=True) for _ in group]
        return [Region([version for group in versions for version in group], blend, 1.0, None)]
    if len(masks) != len(versions):
        raise UserError(f"--style_masks takes one mask for each of the {len(versions)} styles, received {len(masks)}.")
    return [
        Region(group, [1 / len(group)] * len(group), share, _mask(mask, rows, cols))
        for group, share, mask in zip(versions, shares, masks, strict=True)
    ]


def _mask(path: str, rows: int, cols: int) -> np.ndarray:
    """A mask image's grey in 0..1, smoothly resized to the content's frame."""
    grey = images.resize(images.load(path).convert("L").convert("RGB"), rows, cols, "lanczos")[..., 0] / 255
    if grey.max() == 0:
        raise UserError(f"The mask {path!r} is black all over: white is where it applies.")
    return grey


def _shares(blend: Sequence[float] | None, count: int) -> list[float]:
    """The weight of each of `count` styles, adding up to 1."""
    if not blend:
        return [1 / count] * count
    if len(blend) != count or min(blend) < 0 or sum(blend) == 0:
        raise UserError(
            f"--style_blend takes one weight for each of the {count} styles, none below 0 and not all 0, received "
            f"{','.join(f'{weight:g}' for weight in blend)}."
        )
    return [weight / sum(blend) for weight in blend]


def _versions(painting: Image.Image, rows: int, cols: int, options: Options) -> list[np.ndarray]:
    """The style image at each of --style_scale and --style_rotation.

    "stretch" gives it the content's frame, as Keras' example does; "aspect" keeps its own aspect, at about
    as many pixels. A scale multiplies both sides, and with them the size of the strokes.
    """
    if options.style_frame == "aspect":
        side = math.sqrt(rows * cols / (painting.width * painting.height))
        rows, cols = painting.height * side, painting.width * side
    return [
        images.resize(
            images.rotate(painting, angle), max(1, round(rows * scale)), max(1, round(cols * scale)), options.resample
        )
        for scale in options.style_scale
        for angle in options.style_rotation
    ]


def _start(content: np.ndarray, style: np.ndarray, options: Options) -> np.ndarray:
    """The combination before the first step."""
    if options.init == "content":
        return content
    if options.init == "style":
        return style
    if options.init == "noise":
        return _noise(content.shape, options)
    return images.resize(images.load(options.init), *content.shape[:2], options.resample)


def _noise(shape: tuple[int, ...], options: Options) -> np.ndarray:
    noise = np.random.RandomState(options.seed).uniform(*options.noise_range, shape).astype(np.float32)
    if options.noise_space == "image":
        return noise
    from neural_style import features  # imports TensorFlow, which takes seconds

    return features.deprocess(noise, options.preprocess)
