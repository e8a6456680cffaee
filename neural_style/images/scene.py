"""What one scale of a run works on: content, styles with their regions, start, and what stays as it is."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from neural_style.images import color, masks


@dataclasses.dataclass(frozen=True)
class Region:
    """Where a style applies, and which.

    Attributes:
      styles: images of the style, RGB [rows, cols, 3] in 0..255, each in a size of its own.
      blend: the weight of each of `styles`; they add up to 1.
      weight: of the region among all regions.
      mask: [rows, cols] in 0..1 in the content's size; None is everywhere.
      style_masks: where each of `styles` has the region, [rows, cols] in 0..1 in its size; empty is everywhere.
    """

    styles: list[np.ndarray]
    blend: list[float]
    weight: float
    mask: np.ndarray | None
    style_masks: Sequence[np.ndarray] = ()

    @property
    def masks_of_styles(self) -> list[np.ndarray | None]:
        """One of `style_masks` for each of `styles`; None is everywhere."""
        return list(self.style_masks) or [None] * len(self.styles)


@dataclasses.dataclass(frozen=True)
class WarpedFrame:
    """An earlier painted frame, warped by the optical flow to the current frame.

    Attributes:
      image: RGB [rows, cols, 3] float32, about 0..255.
      confidence: [rows, cols] in 0..1, how far each pixel is trusted: 0 where it was hidden or is wrongly warped.
    """

    image: np.ndarray
    confidence: np.ndarray


@dataclasses.dataclass(frozen=True)
class Scene:
    """What one scale of a run works on.

    Attributes:
      content, start: RGB [rows, cols, 3] float32 in 0..255, in one size.
      regions: which styles apply where.
      paint_mask: [rows, cols] in 0..1, where the photograph is painted (1) and where it stays (0); None paints all.
      background: RGB [rows, cols, 3], what shows outside `paint_mask`: the photograph before --recolor_content; None is
        `content`.
      chroma: [rows, cols, 3], what is added to the luminance that is painted; None paints in colour.
      warped_frames: earlier painted frames of a film, warped to this one; empty for a picture.
      margin: pixels around all of these that `composite` crops; see `with_margin`.
    """

    content: np.ndarray
    regions: list[Region]
    start: np.ndarray
    paint_mask: np.ndarray | None = None
    background: np.ndarray | None = None
    chroma: np.ndarray | None = None
    warped_frames: Sequence[WarpedFrame] = ()
    margin: int = 0

    @property
    def styles(self) -> list[np.ndarray]:
        """Every style image of every region."""
        return [style for region in self.regions for style in region.styles]

    @property
    def style_masks(self) -> list[np.ndarray | None]:
        """For each of `styles`, where its region is in it; None is everywhere."""
        return [mask for region in self.regions for mask in region.masks_of_styles]

    def with_margin(self, margin: int) -> "Scene":
        """Mirror everything but the styles around its border.

        Args:
          margin: pixels on each side.
        """
        if not margin:
            return self

        def mirror(image: np.ndarray | None) -> np.ndarray | None:
            return None if image is None else mirror_border(image, margin)

        return dataclasses.replace(
            self,
            content=mirror_border(self.content, margin),
            regions=[dataclasses.replace(region, mask=mirror(region.mask)) for region in self.regions],
            start=mirror_border(self.start, margin),
            paint_mask=mirror(self.paint_mask),
            background=mirror(self.background),
            chroma=mirror(self.chroma),
            warped_frames=[
                WarpedFrame(mirror_border(frame.image, margin), mirror_border(frame.confidence, margin))
                for frame in self.warped_frames
            ],
            margin=margin,
        )

    def composite(self, painted: np.ndarray) -> np.ndarray:
        """What is shown of `painted` [rows, cols, 3]: the photograph where it stays, its chroma, and no margin."""
        shown = masks.blend(self._beneath, painted, self.paint_mask)
        if self.chroma is not None:
            shown = shown + self.chroma
        rows, cols = shown.shape[:2]
        return shown[self.margin : rows - self.margin, self.margin : cols - self.margin]

    def blend_warped_frames(self, painted: np.ndarray) -> np.ndarray:
        """`painted` [rows, cols, 3] mixed with what earlier frames have here, by their weights; a picture as it is."""
        for frame in self.warped_frames:
            painted = painted + frame.confidence[..., np.newaxis] * (frame.image - painted)
        return painted

    def wrap_objective(self, objective: Callable) -> Callable:
        """`objective`, a function of the image, as a function of what is painted."""
        if self.chroma is not None:
            objective = color.wrap_objective_in_grey(objective)
        return masks.wrap_objective(objective, self._beneath, self.paint_mask)

    @property
    def _beneath(self) -> np.ndarray:
        return self.content if self.background is None else self.background


def mirror_border(image: np.ndarray, margin: int) -> np.ndarray:
    """Mirror an image [rows, cols, ...] by `margin` pixels on each side, without repeating the border itself."""
    return np.pad(image, [(margin, margin), (margin, margin), *[(0, 0)] * (image.ndim - 2)], "reflect")


def shares_of(regions: Sequence[Region]) -> np.ndarray | None:
    """What share each region has of each pixel [rows, cols, regions]; None where one is everywhere.

    Where masks overlap, regions share by their weights; where they leave something, it stays as it is. A region without
    weight covers nothing.
    """
    region_masks = [region.mask * (region.weight > 0) for region in regions if region.mask is not None]
    if not region_masks:
        return None
    masks = np.stack(region_masks, axis=-1)
    weighted = masks * [region.weight for region in regions]
    total = weighted.sum(axis=-1, keepdims=True)
    covered = masks.sum(axis=-1, keepdims=True).clip(0, 1)
    return covered * weighted / np.where(total > 0, total, 1)
