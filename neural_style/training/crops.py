"""Random crops of photographs, read in parallel; a batch depends only on the seed and the number of its step."""

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

MAX_SHRINKING = 2.5
"""Maximum side of a square that is shrunk to a crop, as a multiple of the crop's side."""
CACHED_PHOTOGRAPHS = 64
"""Decoded photographs that are cached, so that a training on a few photographs reads each once."""
MAX_SHORT_SIDE = 10
"""Maximum shorter side of a cached photograph, as a multiple of the crop's side."""


class Crops:
    """Endless batches of random crops.

    Attributes:
      failure: why there are no more batches; None while there are. TensorFlow hands on its text alone.
    """

    def __init__(self, paths: Sequence[Path], side: int, batch: int, seed: int, of_one_photograph: bool = False):
        """
        Args:
          paths: photographs. A file that can't be read is skipped with one warning; one smaller than a crop is skipped.
          side: side of a crop in pixels. A square of `side` to `MAX_SHRINKING` times it is shrunk to that.
          batch: number of crops in a batch.
          seed: seed of the choice of photographs, positions, sizes and mirrorings.
          of_one_photograph: whether the crops of a batch are of one photograph.

        Raises:
          UserError: none of the photographs is as large as a crop.
        """
        self._side, self._batch, self._seed, self._of_one = side, batch, seed, of_one_photograph
        self._paths = [path for path in paths if _is_large_enough(path, side)]
        if not self._paths:
            raise UserError(
                f"--photos holds no image of at least {side} rows and columns: name a folder of larger ones, or lower "
                "--crop."
            )
        self._read = functools.lru_cache(CACHED_PHOTOGRAPHS)(self._read_photograph)
        self._reported: set[Path] = set()
        self.failure: UserError | None = None

    def batches(self, first: int = 0) -> "tf.data.Dataset":
        """Float64 RGB [batch, side, side, 3] in 0..255, from the batch `first` on."""
        import tensorflow as tf  # photographs can be checked without it

        shape = (self._batch, self._side, self._side, 3)

        def read_batch(step: "tf.Tensor") -> "tf.Tensor":
            return tf.ensure_shape(tf.numpy_function(self.batch, [step], tf.float64), shape)

        steps = tf.data.Dataset.range(first, tf.int64.max)
        return steps.map(read_batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(2)

    def batch(self, step: int) -> np.ndarray:
        """The batch of a step [batch, side, side, 3] float64 in 0..255."""
        rng = np.random.default_rng((self._seed, int(step)))
        if self._of_one:
            photograph = self._random_photograph(rng)
            return np.stack([self._crop(photograph, rng) for _ in range(self._batch)])
        return np.stack([self._crop(self._random_photograph(rng), rng) for _ in range(self._batch)])

    def _random_photograph(self, rng: np.random.Generator) -> Image.Image:
        return self._photograph(int(rng.integers(len(self._paths))))

    def _crop(self, photograph: Image.Image, rng: np.random.Generator) -> np.ndarray:
        """A random crop [side, side, 3] float64."""
        side = self._side
        size = int(rng.integers(side, min(*photograph.size, int(MAX_SHRINKING * side)) + 1))
        left = int(rng.integers(photograph.width - size + 1))
        top = int(rng.integers(photograph.height - size + 1))
        crop = photograph.resize((side, side), Image.Resampling.LANCZOS, (left, top, left + size, top + size))
        pixels = np.asarray(crop, np.float64)
        return pixels[:, ::-1] if rng.integers(2) else pixels

    def _photograph(self, index: int) -> Image.Image:
        """A photograph, or the next one that can be read."""
        for path in self._paths[index:] + self._paths[:index]:
            photograph = self._read_or_report(path)
            if photograph is not None:
                return photograph
        self.failure = UserError("--photos holds no image that can be read any more: put them back, and --resume.")
        raise self.failure

    def _read_photograph(self, path: Path) -> Image.Image:
        """A photograph, shrunk to what crops of it need."""
        photograph = load(path)
        scale = MAX_SHORT_SIDE * self._side / min(photograph.size)
        if scale >= 1:
            return photograph
        size = [max(self._side, round(side * scale)) for side in photograph.size]
        return photograph.resize(size, Image.Resampling.LANCZOS)

    def _read_or_report(self, path: Path) -> Image.Image | None:
        """A photograph; None, with one warning per file, where it can't be read."""
        try:
            return self._read(path)
        except UserError as error:
            if path not in self._reported:
                self._reported.add(path)
                logger.warning(f"{error} It is skipped.")
            return None


def _is_large_enough(path: Path, side: int) -> bool:
    """Whether an image's header can be read and declares at least `side` rows and columns."""
    try:
        with Image.open(path) as image:
            return min(image.size) >= side
    except Exception:  # Pillow raises many kinds for broken files
        logger.warning(f"{str(path)!r} can't be read as an image, and is skipped.")
        return False


def numbered_batches(crops: Crops, first: int, end: int) -> Iterator[tuple[int, "tf.Tensor"]]:
    """The steps from `first` to before `end`, each with its batch.

    Raises:
      UserError: no photograph can be read any more.
    """
    import tensorflow as tf

    try:
        yield from zip(range(first, end), crops.batches(first), strict=False)
    except tf.errors.OpError as error:  # how TensorFlow passes on what `Crops.batch` raised
        raise crops.failure or error from error
