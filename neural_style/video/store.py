"""Painted frames on disk: what the next frames start from, what a break leaves, and what the film is made of.

They are 8-bit PNG, as in the paper's own program: a film that is gone on with has the very same frames to go on from,
and its memory does not grow with its length.
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
from neural_style.images.reading import load

KEY = "neural_style frame"
"""Of the text in a frame's PNG that says what came of it."""
DIGITS = 6
"""Of a frame's number in its name."""


class Store:
    """A folder of frames by their number."""

    def __init__(self, folder: Path):
        self.folder = folder

    def path(self, number: int) -> Path:
        """Where a frame lies."""
        return self.folder / f"{number:0{DIGITS}d}.png"

    def numbers(self) -> list[int]:
        """Of the frames that are there, in order; what else lies in the folder does not count."""
        found = (path for path in self.folder.glob("*.png") if path.stem.isdecimal() and len(path.stem) >= DIGITS)
        return sorted(int(path.stem) for path in found if _is_ours(path))

    def has(self, number: int) -> bool:
        """Whether a frame is painted."""
        return _is_ours(self.path(number))

    def save(self, number: int, image: Image.Image, facts: Mapping[str, Any]) -> None:
        """Keeps a frame, whole or not at all.

        Args:
          number: of the frame.
          image: as it is painted.
          facts: what came of it, in JSON's types.

        Raises:
          UserError: it can't be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        partial, text = self.folder / f".{number:06d}.partial", PngImagePlugin.PngInfo()
        text.add_text(KEY, json.dumps(facts))
        try:
            with open(partial, "wb") as file:
                image.save(file, "PNG", compress_level=1, pnginfo=text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.path(number))
        except OSError as error:
            raise UserError(f"A frame could not be written: {error.strerror or error}.") from error
        finally:
            partial.unlink(missing_ok=True)

    def facts(self, number: int) -> dict[str, Any]:
        """What came of a frame."""
        with Image.open(self.path(number)) as image:
            return json.loads(image.text[KEY])

    def read(self, number: int) -> np.ndarray:
        """A frame: RGB [rows, cols, 3] float32 in 0..255."""
        return np.asarray(load(self.path(number)), np.float32)

    def remove(self) -> None:
        """Removes the frames, and the folder where nothing else lies in it."""
        for path in [*map(self.path, self.numbers()), *self.folder.glob(".[0-9]*.partial")]:
            path.unlink()
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def _is_ours(path: Path) -> bool:
    """Whether a file is a whole frame that was painted here."""
    with contextlib.suppress(Exception), Image.open(path) as image:  # Pillow raises many kinds for broken files
        image.load()
        return KEY in image.info
    return False
