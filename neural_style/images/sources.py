"""The images of a run: read, framed, varied and mixed into the start."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from neural_style.command import checks
from neural_style.command.flags import Options
from neural_style.errors import UserError
from neural_style.images import color, masks, reading
from neural_style.vgg import layout


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
      chroma: [rows, cols, 3], what is added to the luminance that is painted; None paints in colour.
    """

    content: np.ndarray
    regions: list[Region]
    start: np.ndarray
    keep: np.ndarray | None
    chroma: np.ndarray | None

    @property
    def styles(self) -> list[np.ndarray]:
        """Every style image of every region."""
        return [style for region in self.regions for style in region.styles]

    def finished(self, painted: np.ndarray) -> np.ndarray:
        """What is shown of `painted` [rows, cols, 3]: the photograph where it stays, and its chroma."""
        shown = masks.blend(self.content, painted, self.keep)
        return shown if self.chroma is None else shown + self.chroma

    def through(self, objective: Callable) -> Callable:
        """`objective`, a function of the image, as a function of what is painted."""
        if self.chroma is not None:
            objective = color.through_grey(objective)
        return masks.through(objective, self.content, self.keep)


def scales(options: Options) -> list[int]:
    """The rows of each scale, coarse to fine."""
    if not options.scales:
        return [options.rows]
    if len(options.scales) == 1:
        (count,) = options.scales
        return [options.rows >> halvings for halvings in reversed(range(count))]
    return options.scales


@dataclasses.dataclass(frozen=True)
class Sources:
    """The images of a run as they were given, in 8-bit RGB and the photograph's colour profile.

    Attributes:
      content: the photograph.
      styles: one image for each style.
      shares: the weight of each style; they add up to 1.
      masks: where each style applies; empty where all apply everywhere.
      keep: where the photograph is painted; None paints all of it.
      start: where the combination starts; None where --init names no image.
      options: of the run.
    """

    content: Image.Image
    styles: list[Image.Image]
    shares: list[float]
    masks: list[Image.Image]
    keep: Image.Image | None
    start: Image.Image | None
    options: Options

    def frame(self, rows: int) -> tuple[int, int]:
        """(rows, cols) of a scale."""
        cols = self.options.cols and max(1, round(self.options.cols * rows / scales(self.options)[-1]))
        return reading.frame(self.content, rows, cols)

    def at(self, rows: int, coarser: np.ndarray | None = None) -> Pictures:
        """Everything in the frame of one scale.

        Args:
          rows: of this scale.
          coarser: the coarser scale's result [rows, cols, 3], enlarged to be this one's start; None at the first.
        """
        options = self.options
        rows, cols = self.frame(rows)
        content = reading.resize(self.content, rows, cols, options.resample)
        first = reading.resize(self.styles[0], rows, cols, options.resample)
        versions = [_versions(painting, rows, cols, options) for painting in self.styles]
        chroma, paint = None, None
        if options.recolor_content:
            content = color.match(content, versions[0][0], options.color_match).clip(0, 255)
        if options.preserve_color == "match":
            paint = functools.partial(color.match, reference=content, method=options.color_match)
        elif options.preserve_color == "luminance":
            paint = functools.partial(color.match_luminance, reference=content)
            chroma = content - color.grey(content)
            content = color.grey(content)
        if paint:
            first, versions = paint(first), [[paint(version) for version in group] for group in versions]
        start = self._start(content, first) if coarser is None else reading.enlarge(coarser, rows, cols)
        if chroma is not None:
            start = color.grey(start)
        keep = _mask(self.keep, rows, cols) if self.keep else None
        return Pictures(content, self._regions(versions, rows, cols), start, keep, chroma)

    def _regions(self, versions: Sequence[list[np.ndarray]], rows: int, cols: int) -> list[Region]:
        """One region for each style where there are masks, else one for all styles together."""
        if not self.masks:
            blend = [share / len(group) for share, group in zip(self.shares, versions, strict=True) for _ in group]
            return [Region([version for group in versions for version in group], blend, 1.0, None)]
        return [
            Region(group, [1 / len(group)] * len(group), share, _mask(mask, rows, cols))
            for group, share, mask in zip(versions, self.shares, self.masks, strict=True)
        ]

    def _start(self, content: np.ndarray, style: np.ndarray) -> np.ndarray:
        """The combination before the first step."""
        start = {"content": content, "style": style}.get(self.options.init)
        if self.start:
            start = reading.resize(self.start, *content.shape[:2], self.options.resample)
        elif start is None:
            start = _noise(content.shape, self.options)
        return start + self.options.init_blend * (style - start)


def load(content: reading.Picture, styles: Sequence[reading.Picture], options: Options) -> Sources:
    """Reads the images, and checks what can be known of them before any heavy work.

    Args:
      content, styles: paths, Pillow images or arrays.
      options: of the run.

    Raises:
      UserError: an image can't be read, is too small for the network, or does not fit the flags.
    """
    photograph = reading.load(content)
    shares = _shares(options.style_blend, len(styles))
    if len(options.style_masks) not in (0, len(styles)):
        raise UserError(
            f"--style_masks takes one mask for each of the {len(styles)} styles, received {len(options.style_masks)}."
        )
    profile = photograph.info.get("icc_profile")
    sources = Sources(
        photograph,
        [reading.in_profile(reading.load(style), profile) for style in styles],
        shares,
        [_load_mask(mask) for mask in options.style_masks],
        _load_mask(options.content_mask) if options.content_mask else None,
        None if options.init in checks.WORDS["init"] else reading.in_profile(reading.load(options.init), profile),
        options,
    )
    layout.check_frame(*sources.frame(scales(options)[0]), options.content_layers + options.style_layers)
    return sources


def _load_mask(path: str) -> Image.Image:
    mask = reading.load(path).convert("L")
    if not mask.getbbox():
        raise UserError(f"The mask {path!r} is black all over: white is where it applies.")
    return mask


def _mask(mask: Image.Image, rows: int, cols: int) -> np.ndarray:
    """A mask's grey in 0..1, smoothly resized to the content's frame."""
    return reading.resize(mask, rows, cols, "lanczos") / 255


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
        reading.resize(
            reading.rotate(painting, angle), max(1, round(rows * scale)), max(1, round(cols * scale)), options.resample
        )
        for scale in options.style_scale
        for angle in options.style_rotation
    ]


def _noise(shape: tuple[int, ...], options: Options) -> np.ndarray:
    noise = np.random.RandomState(options.seed).uniform(*options.noise_range, shape).astype(np.float32)
    if options.noise_space == "image":
        return noise
    from neural_style.vgg import model  # imports TensorFlow, which takes seconds

    return model.deprocess(noise, options.preprocess)
