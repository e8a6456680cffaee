"""Painted frames on disk: the next frames start from them, an interrupted film resumes from them, and the film is made
of them.

They are 8-bit PNGs, as in the authors' program: a resumed film continues from exactly the same frames, and memory does
not grow with the film's length.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from neural_style.core.errors import UserError
from neural_style.images.writing import add_alpha

KEY = "neural_style frame"
"""The key of the text in a frame's PNG that holds its facts."""
DIGITS = 6
"""The digits of a frame's number in its name."""


class Store:
    """A folder of frames by their number."""

    def __init__(self, folder: Path):
        self.folder = folder

    def path(self, number: int) -> Path:
        """The path of a frame."""
        return self.folder / f"{number:0{DIGITS}d}.png"

    def numbers(self) -> list[int]:
        """The numbers of the frames in the folder, in order; other files are ignored."""
        paths = (path for path in self.folder.glob("*.png") if path.stem.isdecimal() and len(path.stem) >= DIGITS)
        return sorted(int(path.stem) for path in paths if _is_frame(path))

    def has(self, number: int) -> bool:
        """Whether a frame is painted."""
        return _is_frame(self.path(number))

    def save(self, number: int, image: Image.Image, facts: Mapping[str, Any]) -> None:
        """Write a frame, whole or not at all.

        Args:
          number: the frame's number.
          image: 8-bit RGB; `info["alpha"]`, where there is one, becomes the PNG's transparency.
          facts: what is recorded about the frame, in JSON's types.

        Raises:
          UserError: it can't be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        partial, text = self.folder / f".{number:0{DIGITS}d}.partial", PngImagePlugin.PngInfo()
        text.add_text(KEY, json.dumps(facts))
        alpha = image.info.get("alpha")
        layers = image if alpha is None else add_alpha(image, alpha)
        try:
            with open(partial, "wb") as file:
                layers.save(file, "PNG", compress_level=1, pnginfo=text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.path(number))
        except OSError as error:
            raise UserError(f"A frame could not be written: {error.strerror or error}.") from error
        finally:
            partial.unlink(missing_ok=True)

    def facts(self, number: int) -> dict[str, Any]:
        """What is recorded about a frame."""
        with Image.open(self.path(number)) as image:
            assert isinstance(image, PngImagePlugin.PngImageFile)  # as `save` writes it
            return json.loads(image.text[KEY])

    def load(self, number: int) -> Image.Image:
        """A frame as it was saved: 8-bit RGB, with `info["alpha"]` where it is transparent."""
        with Image.open(self.path(number)) as image:
            frame = image.convert("RGB")
            frame.info = {"alpha": image.getchannel("A")} if image.mode == "RGBA" else {}
            return frame

    def read(self, number: int) -> np.ndarray:
        """A frame's colours: RGB [rows, cols, 3] float32 in 0..255."""
        return np.asarray(self.load(number), np.float32)

    def remove(self) -> None:
        """Remove the frames, and the folder where it is empty then."""
        for path in [*map(self.path, self.numbers()), *self.folder.glob(".[0-9]*.partial")]:
            path.unlink()
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def _is_frame(path: Path) -> bool:
    """Whether a file is a complete frame that a `Store` wrote."""
    with contextlib.suppress(Exception), Image.open(path) as image:  # Pillow raises many kinds for broken files
        image.load()
        return KEY in image.info
    return False
