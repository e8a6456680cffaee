"""Crops of photographs, read in parallel, drawn by chance, the same for the same seed from wherever they begin."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.images.reading import load

if TYPE_CHECKING:
    import tensorflow as tf

LARGEST = 2.5
"""How many times the crop's side a square is at most that is shrunk to a crop."""
KEPT = 64
"""Decoded photographs that are kept: what draws from a few does not read them again and again."""
SHORTEST = 10
"""How many times the crop's side a photograph's shorter side is kept at most."""


class Crops:
    """Batches of random crops without end."""

    def __init__(self, paths: Sequence[Path], side: int, batch: int, seed: int):
        """
        Args:
          paths: of photographs; what can't be read is named once and left out. What is smaller than a crop is left out.
          side: of a crop, in pixels. A square of `side` to `LARGEST` times it is shrunk to that.
          batch: crops of a batch.
          seed: of the photographs, positions, sizes and mirrorings.

        Raises:
          UserError: none of the photographs is as large as a crop.
        """
        self._side, self._batch, self._seed = side, batch, seed
        self._paths = [path for path in paths if _large(path, side)]
        if not self._paths:
            raise UserError(f"--photos holds no image of at least {side} rows and columns (--crop).")
        self._read, self._told = functools.lru_cache(KEPT)(self._loaded), set()

    def batches(self, first: int = 0) -> "tf.data.Dataset":
        """Float64 RGB [batch, side, side, 3] in 0..255, from the batch `first` on."""
        import tensorflow as tf  # photographs can be looked at without it

        steps = tf.data.Dataset.range(first, tf.int64.max)
        shape = (self._batch, self._side, self._side, 3)

        def drawn(step: "tf.Tensor") -> "tf.Tensor":
            return tf.ensure_shape(tf.numpy_function(self.batch, [step], tf.float64), shape)

        return steps.map(drawn, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(2)

    def batch(self, step: int) -> np.ndarray:
        """The batch of a step [batch, side, side, 3] float64 in 0..255."""
        rng = np.random.default_rng((self._seed, int(step)))
        return np.stack([self._crop(rng) for _ in range(self._batch)])

    def _crop(self, rng: np.random.Generator) -> np.ndarray:
        side, picture = self._side, self._photograph(int(rng.integers(len(self._paths))))
        size = rng.integers(side, min(*picture.size, int(LARGEST * side)) + 1)
        left, top = rng.integers(picture.width - size + 1), rng.integers(picture.height - size + 1)
        crop = picture.resize((side, side), Image.Resampling.LANCZOS, (left, top, left + size, top + size))
        pixels = np.asarray(crop, np.float64)
        return pixels[:, ::-1] if rng.integers(2) else pixels

    def _photograph(self, index: int) -> Image.Image:
        """A photograph, or the next one that can be read."""
        for path in self._paths[index:] + self._paths[:index]:
            found = self._readable(path)
            if found is not None:
                return found
        raise UserError("--photos holds no image that can be read any more.")

    def _loaded(self, path: Path) -> Image.Image:
        picture = load(path)
        scale = SHORTEST * self._side / min(picture.size)
        if scale >= 1:
            return picture
        return picture.resize([max(self._side, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS)

    def _readable(self, path: Path) -> Image.Image | None:
        try:
            return self._read(path)
        except UserError as error:
            if path not in self._told:
                self._told.add(path)
                logger.warning(f"{error} It is left out.")
            return None


def _large(path: Path, side: int) -> bool:
    """Whether an image's header can be read and tells at least `side` rows and columns."""
    try:
        with Image.open(path) as image:
            return min(image.size) >= side
    except Exception:  # Pillow raises many kinds for broken files
        logger.warning(f"{str(path)!r} can't be read as an image, and is left out.")
        return False


def taken(crops: Crops, first: int, end: int) -> Iterator[tuple[int, "tf.Tensor"]]:
    """The steps from `first` to before `end`, each with its batch."""
    import tensorflow as tf

    try:
        yield from zip(range(first, end), crops.batches(first), strict=False)
    except tf.errors.OpError as error:  # TensorFlow's for what a crop raised
        raise UserError(error.message.splitlines()[0].removeprefix("UserError: ")) from error
