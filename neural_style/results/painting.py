"""The result in memory: what `stylize` returns."""

import dataclasses
import io
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.core.step import Step
from neural_style.images import writing
from neural_style.results.record import Record


@dataclasses.dataclass(frozen=True)
class Painting:
    """What `stylize` returns; it unpacks as (image, record).

    Attributes:
      image: the result, 8-bit RGB, with the photograph's EXIF and ICC profile in its `info`.
      record: what the command line writes as PREFIX.json.
      array: the result before --denoise and before it was clipped to 8 bits, RGB [rows, cols, 3] float32, about 0..255.
      companions: further images of the result by name, of a method that has any, see `Step`.
      fields: of an image analogy; `fields["forth"][r, c]` is the painting's (row, column) for the result's (r, c), and
        "back" the reverse; [rows, cols, 2] int32.
    """

    image: Image.Image
    record: dict[str, Any]
    array: np.ndarray
    companions: Mapping[str, Image.Image] = dataclasses.field(default_factory=dict)
    fields: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether the run reached its end; otherwise this is the best picture before it was interrupted."""
        return bool(self.record.get("complete"))

    def __repr__(self) -> str:
        """Describe the painting in a line."""
        cols, rows = self.image.size
        last = self.record["iterations"][-1] if self.record.get("iterations") else self.record.get("initial")
        loss = f", loss {last['loss']:.4g}" if last and last["terms"] else ""
        return f"Painting({rows} x {cols}{loss}{'' if self.is_complete else ', interrupted'})"

    def _repr_png_(self) -> bytes:
        """Return the image as a notebook shows it."""
        data = io.BytesIO()
        self.image.convert("RGB").save(data, "PNG")
        return data.getvalue()

    def __iter__(self) -> Iterator[Any]:
        return iter((self.image, self.record))

    def save(self, path: str | os.PathLike, quality: int = 95) -> None:
        """Write the image with the photograph's EXIF data and colour profile.

        Pillow's own `save` leaves them out for some formats.

        Args:
          path: of a PNG, JPEG, WebP or TIFF file.
          quality: of JPEG and WebP, 1 to 100.

        Raises:
          UserError: the ending is none of these.
          OSError: the file can't be written.
        """
        if os.path.splitext(path)[1].lower() not in writing.FORMATS:
            raise UserError(f"Expected a path that ends in {', '.join(writing.FORMATS)}, received {str(path)!r}.")
        writing.save(path, writing.kind_of(path), self.image, quality, self.image.info)


class InMemoryFollower:
    """Follows a run that writes no files."""

    def __init__(self, record: Record, callback: Callable[[Step], Any] | None, bar: Any = None):
        """
        Args:
          record: takes the steps too.
          callback: called with each step.
          bar: has `add`, which is called with each step; None without a bar.
        """
        self._record, self._callback, self._bar = record, callback, bar
        self._last: Step | None = None
        self._result: np.ndarray | None = None

    @property
    def has_picture(self) -> bool:
        """Whether there is a result, or the best picture of an interrupted run."""
        return self._result is not None and self._last is not None

    def add(self, step: Step) -> None:
        """See `Follower`."""
        self._record.add(step)
        self._last = step
        if self._bar:
            self._bar.add(step)
        if self._callback:
            self._callback(dataclasses.replace(step, image=step.image.copy()))

    def finish(self, result: np.ndarray) -> None:
        """See `Follower`."""
        self._result = result
        self._record.end(broken_off=None)

    def break_off(self, best: np.ndarray | None, reason: str) -> None:
        """See `Follower`."""
        self._result = best
        self._record.end(broken_off=reason)

    def make_painting(self, denoise: int, info: Mapping[Any, Any]) -> Painting:
        """Return the result.

        Args:
          denoise: see `--denoise`.
          info: of the photograph, from Pillow.
        """
        if self._result is None or self._last is None:
            raise ValueError("the run has no picture")
        image = writing.to_image(self._result, denoise)
        image.info.update(info)
        companions = {name: writing.to_image(companion, denoise=0) for name, companion in self._last.companions.items()}
        return Painting(image, self._record.as_dict(), self._result.copy(), companions, self._last.fields)
