"""The images of a run as they were given, and the scenes made of them: framed, varied and mixed into the start."""

import dataclasses
import functools
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.images import color, geometry
from neural_style.images.preprocessing import deprocess
from neural_style.images.reading import Picture, images_in, in_profile, load
from neural_style.images.scene import Region, Scene, WarpedFrame, shares_of
from neural_style.pretrained import required_files, style_networks
from neural_style.settings import vgg_layers
from neural_style.settings.network import NORMALIZERS, NetworkSettings
from neural_style.settings.picture import STARTS, PictureSettings
from neural_style.settings.settings import Settings
from neural_style.settings.universal import PREDICTOR_SIDE


@dataclasses.dataclass(frozen=True, eq=False)
class Sources:
    """The images of a run as they were given, in 8-bit RGB and the photograph's colour profile; equal to itself alone.

    Attributes:
      content: the photograph.
      styles: one image for each style.
      style_weights: the weight of each style; they add up to 1.
      masks: where each style applies; empty where all apply everywhere.
      paint_mask: where the photograph is painted; None paints all of it.
      start: where the combination starts: an image, or RGB [rows, cols, 3] in the finest scale's size; None where
        --init names no image.
      settings: of the run.
      warped_frames: what a film's earlier frames have in this one, in the finest scale's size.
      first: the film's first frame, to which weights are fitted; None in a picture.
      network: the file of the trained network that paints, whose chosen styles' pictures `styles` are; else None.
      chosen: the numbers of these styles.
      palette: the colours that recolouring takes the photograph to have: a film's frames share the film's; None is its
        own.
    """

    content: Image.Image
    styles: list[Image.Image]
    style_weights: list[float]
    masks: list[Image.Image]
    paint_mask: Image.Image | None
    start: Image.Image | np.ndarray | None
    settings: Settings
    warped_frames: Sequence[WarpedFrame] = ()
    first: "Sources | None" = None
    network: Path | None = None
    chosen: Sequence[int] = ()
    palette: color.Palette | None = None
    _varied: dict[tuple, list[list[np.ndarray]]] = dataclasses.field(default_factory=dict, repr=False)
    """The versions of the styles by their sizes and settings: of one film's frames they are the same."""

    def size(self, rows: int) -> tuple[int, int]:
        """(rows, cols) of a scale."""
        picture = self.settings.picture
        cols = picture.cols and max(1, round(picture.cols * rows / picture.scale_rows[-1]))
        return geometry.size_of(self.content, rows, cols)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(rows, cols) of each scale, coarse to fine."""
        return [self.size(rows) for rows in self.settings.picture.scale_rows]

    def largest_style(self, rows: int, cols: int) -> int:
        """The pixels of the largest version of any style beside a result of `rows` x `cols`."""
        rows, cols = self._style_base(rows, cols)
        sizes = [size for style in self.styles for size in _version_sizes(style, rows, cols, self.settings.picture)]
        return max(math.prod(size) for size in sizes)

    def _style_base(self, rows: int, cols: int) -> tuple[int, int]:
        """The size that styles are given beside a result of `rows` x `cols`, but for --style_scale and their aspect."""
        return (PREDICTOR_SIDE, PREDICTOR_SIDE) if self.settings.is_arbitrary else (rows, cols)

    def at(self, rows: int, coarser: np.ndarray | None = None) -> Scene:
        """Everything in the size of one scale.

        Args:
          rows: of this scale.
          coarser: the coarser scale's result [rows, cols, 3], enlarged to be this one's start; None at the first.
        """
        picture = self.settings.picture
        rows, cols = self.size(rows)
        content = geometry.resize(self.content, rows, cols, picture.resample)
        first = geometry.resize(self.styles[0], rows, cols, picture.resample)
        versions = self._versions(rows, cols)
        chroma, paint, photograph = None, None, content
        regions = self._regions(versions, rows, cols)
        if picture.recolor_content:
            shares = shares_of(regions)
            shares = np.array(self.style_weights) if shares is None else shares
            paintings = [group[0] for group in versions]
            content = color.match_shares(content, paintings, shares, picture.color_match, self.palette)
        if picture.preserve_color == "match":
            paint = functools.partial(color.match, reference=content, method=picture.color_match)
        elif picture.preserve_color == "luminance":
            paint = functools.partial(color.match_luminance, reference=content)
            chroma = content - color.grey(content)
            photograph = content = color.grey(content)
        if paint:
            first = paint(first)
            regions = [dataclasses.replace(each, styles=[paint(style) for style in each.styles]) for each in regions]
        start = self._start(content, first) if coarser is None else geometry.enlarge(coarser, rows, cols)
        if chroma is not None:
            start = color.grey(start)
        warped_frames = self.warped_frames
        if chroma is not None:
            warped_frames = [dataclasses.replace(each, image=color.grey(each.image)) for each in warped_frames]
        paint_mask = _mask(self.paint_mask, rows, cols) if self.paint_mask else None
        return Scene(content, regions, start, paint_mask, photograph, chroma, warped_frames)

    def _versions(self, rows: int, cols: int) -> list[list[np.ndarray]]:
        """Each style's versions beside a result of `rows` x `cols`."""
        how, size = self.settings.picture, self._style_base(rows, cols)
        key = size, how.style_scale, how.style_rotation, how.style_frame, how.resample
        if key not in self._varied:
            self._varied[key] = [_versions(style, *size, how) for style in self.styles]
        return self._varied[key]

    def _regions(self, versions: Sequence[list[np.ndarray]], rows: int, cols: int) -> list[Region]:
        """One region for each style where there are masks, else one for all styles together."""
        if not self.masks:
            pairs = zip(self.style_weights, versions, strict=True)
            blend = [weight / len(group) for weight, group in pairs for _ in group]
            return [Region([version for group in versions for version in group], blend, 1.0, None)]
        return [
            Region(group, [1 / len(group)] * len(group), weight, _mask(mask, rows, cols))
            for group, weight, mask in zip(versions, self.style_weights, self.masks, strict=True)
        ]

    def _start(self, content: np.ndarray, style: np.ndarray) -> np.ndarray:
        """The combination before the first step."""
        picture = self.settings.picture
        if isinstance(self.start, np.ndarray):
            return self.start
        if self.start:
            start = geometry.resize(self.start, *content.shape[:2], picture.resample)
        else:
            known = {"content": content, "style": style, "instant": content}  # the engine gives `start` for instant
            start = known[picture.init] if picture.init in known else self._noise(content.shape)
        return start + picture.init_blend * (style - start)

    def _noise(self, shape: tuple[int, ...]) -> np.ndarray:
        picture = self.settings.picture
        noise = np.random.RandomState(picture.seed).uniform(*picture.noise_range, shape).astype(np.float32)
        return noise if picture.noise_space == "image" else deprocess(noise, self.settings.network.preprocess)


def read(content: Picture, styles: Sequence[Picture], settings: Settings) -> Sources:
    """Reads the images, and checks what can be known of them before any heavy work.

    Args:
      content, styles: paths, Pillow images or arrays; one style need not be in a list.
      settings: of the run.

    Raises:
      UserError: an image can't be read, is too small for the network, or does not fit the settings.
    """
    if not isinstance(settings, Settings):
        raise UserError(f"Expected Settings, such as Settings.read(rows=300), received a {type(settings).__name__}.")
    picture, styles = settings.picture, list(styles) if isinstance(styles, list | tuple) else [styles]
    required_files.check(settings)
    if settings.network.normalize_weights not in NORMALIZERS:
        images_in(settings.network.normalize_weights, "normalize_weights")
    if not styles:
        raise UserError("Expected at least one style, received none.")
    if settings.is_analogy and len(styles) > 1:
        raise UserError(f"--method=analogy takes one style, received {len(styles)}.")
    most, network, chosen = picture.largest_image, None, []
    photograph = load(content, most)
    if settings.is_feedforward:
        network, chosen, styles = _trained(styles, settings)
    if len(picture.style_masks) not in (0, len(styles)):
        raise UserError(
            f"--style_masks takes one mask for each of the {len(styles)} styles, received {len(picture.style_masks)}."
        )
    profile = photograph.info.get("icc_profile")
    sources = Sources(
        photograph,
        [in_profile(load(style, most), profile) for style in styles],
        _style_weights(picture.style_blend, len(styles)),
        [_load_mask(mask, most) for mask in picture.style_masks],
        None if picture.content_mask is None else _load_mask(picture.content_mask, most),
        None if _is_word(picture.init) else in_profile(load(picture.init, most), profile),
        settings,
        network=network,
        chosen=chosen,
    )
    _check_sizes(sources)
    return sources


def _trained(styles: Sequence[Picture], settings: Settings) -> tuple[Path, list[int], list[Image.Image]]:
    """The network's file, the numbers of its styles that are chosen, and their pictures."""
    network = style_networks.find(styles[0]) if len(styles) == 1 else None
    if network is None:
        known = ", ".join(style_networks.by_name())
        raise UserError(
            f"--method=feedforward takes a trained network as the style ({known}, or a file "
            f"that neural-style train wrote), received {', '.join(map(repr, styles))}."
        )
    names, picture = style_networks.facts(network)["styles"], settings.picture
    chosen = style_networks.chosen(names, settings.feedforward.style, bool(picture.style_blend or picture.style_masks))
    return network, chosen, [style_picture(network, number) for number in chosen]


def style_picture(network: Path, number: int) -> Image.Image:
    """The small picture that a trained network's file keeps of a style; a grey one where the file is torch's."""
    if network.suffix.lower() in style_networks.TORCH:
        return Image.new("RGB", (64, 64), "grey")
    packed = style_networks.member(network, f"{style_networks.PICTURES}/{number}.jpg", 2**24)
    try:
        with Image.open(io.BytesIO(packed), formats=["JPEG"]) as image:
            return image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"The picture of style {number} in {str(network)!r} can't be read: {error}") from error


def _check_sizes(sources: Sources) -> None:
    """Raises a UserError where an image vanishes within the network, at the coarsest scale, or can't be turned."""
    picture, least = sources.settings.picture, sources.settings.min_side
    if sources.network or sources.settings.is_arbitrary:
        vgg_layers.check_size(*sources.sizes[0], least, "the result", "raise --rows or --cols")
    if sources.network:
        return
    hint = ["raise --style_scale"] if sources.settings.is_arbitrary else []
    vgg_layers.check_size(*sources.sizes[0], least, "the coarsest scale" if len(sources.sizes) > 1 else "the result")
    for style in sources.styles:
        for size in _version_sizes(style, *sources._style_base(*sources.sizes[0]), picture):
            vgg_layers.check_size(*size, least, "a style (--style_scale, --style_frame)", *hint)
        for angle in picture.style_rotation:
            geometry.frame_turned(style, angle)


def normalizing(settings: NetworkSettings, shown: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The images over which --normalize_weights normalises filters: `shown`, or a folder's in the first's size."""
    if settings.normalize_weights in NORMALIZERS:
        return list(shown)
    paths = images_in(settings.normalize_weights, "normalize_weights")
    return [geometry.resize(load(path), *shown[0].shape[:2]) for path in paths]


def _is_word(init: Picture) -> bool:
    return isinstance(init, str) and init in STARTS


def _load_mask(mask: Picture, most: int) -> Image.Image:
    """A mask as grey; where it is transparent it does not apply."""
    read = load(mask, most, beneath="black").convert("L")
    if not read.getbbox():
        named = repr(mask) if isinstance(mask, str) else "given"
        raise UserError(f"The mask {named} is black all over: white is where it applies.")
    return read


def _mask(mask: Image.Image, rows: int, cols: int) -> np.ndarray:
    """A mask's grey in 0..1, smoothly resized to the content's size."""
    return geometry.resize(mask, rows, cols, "lanczos") / 255


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


def _version_sizes(painting: Image.Image, rows: int, cols: int, picture: PictureSettings) -> list[tuple[int, int]]:
    """(rows, cols) of the style image at each of --style_scale.

    "stretch" gives it the content's size, as Keras' example does; "aspect" keeps its own aspect, at about
    as many pixels. A stroke size multiplies both sides, and with them the size of the strokes.
    """
    if picture.style_frame == "aspect":
        side = math.sqrt(rows * cols / (painting.width * painting.height))
        rows, cols = painting.height * side, painting.width * side
    return [(max(1, round(rows * stroke)), max(1, round(cols * stroke))) for stroke in picture.style_scale]


def _versions(painting: Image.Image, rows: int, cols: int, picture: PictureSettings) -> list[np.ndarray]:
    """The style image at each of --style_scale and --style_rotation."""
    turned = [geometry.rotate(painting, angle) for angle in picture.style_rotation]
    sizes = _version_sizes(painting, rows, cols, picture)
    return [geometry.resize(one, *size, picture.resample) for size in sizes for one in turned]
