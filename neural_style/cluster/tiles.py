"""One huge picture: the workers compute its tiles, and the driver adds them up and optimises."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import ray
import tensorflow as tf

from neural_style.cluster.pool import DIED_MESSAGE, MAX_DEATHS, Pool
from neural_style.core.errors import UserError
from neural_style.images.scene import Scene
from neural_style.losses.loss import make_loss
from neural_style.optimize.halos import add_halo, cut_maps, relative_box
from neural_style.optimize.objective import LossFunction
from neural_style.settings import vgg_layers
from neural_style.settings.settings import Settings
from neural_style.vgg.tiles import Box, Tile, cut, tiles
from neural_style.vgg.weight_files import Weights


class ClusterObjective:
    """Like `TiledObjective`, on any idle worker for each tile, and on another one if that worker dies."""

    nbytes = 0
    """Memory of networks and traces in this process: none, since they are on the workers."""

    def __init__(self, pool: Pool, settings: Settings, kernels: Weights, size: int, precision: str, warped_frames: int):
        """
        Args:
          pool: the workers.
          settings, kernels, size, precision, warped_frames: see `tiled_objective.make_tiled_objective`.
        """
        self._pool, self._size = pool, size
        self._loss = make_loss(settings.loss, warped_frames)
        self._reach = vgg_layers.reach(settings.network.network, settings.loss.layers)
        self._dtype = tf.as_dtype("float64" if precision == "float64" else "float32")  # of the arrays that are sent
        self._made = ray.put((settings, kernels, precision, warped_frames))

    def bind_scene(self, scene: Scene) -> LossFunction:
        """As `Objective.bind_scene`."""
        maps = self._loss.maps(scene, self._dtype)
        content, constants = self._measured(scene.content, maps)
        styles = [self._measured(style, {})[0] for style in scene.styles]
        prepared = self._loss.prepare(content, styles, scene)
        return lambda image: self._evaluate(image, constants, prepared)

    def _measured(self, image: np.ndarray, maps: Mapping[str, Any]) -> tuple[Any, dict[Tile, ray.ObjectRef]]:
        """What the terms measure of an image, and by tile the maps of all terms."""

        def measure(tile: Tile) -> tuple[Any, ray.ObjectRef]:
            own = cut_maps(self._loss, maps, tile)
            part, found = self._asked("measure", *self._seen(image, tile), own)
            return part, ray.put(own | found)

        done = self._each(measure, image)
        return _added([part for part, _ in done.values()]), {tile: found for tile, (_, found) in done.items()}

    def _evaluate(
        self, image: np.ndarray, constants: Mapping[Tile, ray.ObjectRef], prepared: Mapping[str, Any]
    ) -> tuple:
        """Loss, gradient [rows, cols, 3] and terms, in two passes over the tiles."""

        def forward(tile: Tile) -> tuple[tuple, Any]:
            crop, own = self._seen(image, tile)
            seen = ray.put(crop), own  # for both passes
            return seen, self._asked("sums", *seen, constants[tile])

        seen = self._each(forward, image)
        added = _added([part for _, part in seen.values()])
        with tf.GradientTape() as tape:
            tape.watch(added)
            found = self._loss.values(added, prepared)
            loss = self._loss.total(found)
        slopes = ray.put(_arrays(tape.gradient(loss, added)))

        def backward(tile: Tile) -> np.ndarray:
            return self._asked("gradient", *seen[tile][0], constants[tile], slopes)

        gradient = np.zeros_like(image, np.float64)[np.newaxis]
        for tile, part in self._each(backward, image).items():
            cut(gradient, self._box(image, tile))[...] += part
        return float(loss), gradient[0], {name: float(value) for name, value in found.items()}

    def _each(self, function: Callable[[Tile], Any], image: np.ndarray) -> dict[Tile, Any]:
        """Return tile → result of `function`, in the order of the tiles, so that sums are deterministic."""
        rows, cols = image.shape[:2]
        every = tiles(rows, cols, self._size)
        results = dict(self._pool.map(lambda tile: (tile, function(tile)), every))
        return {tile: results[tile] for tile in every}

    def _box(self, image: np.ndarray, tile: Tile) -> Box:
        return add_halo(tile, *image.shape[:2], self._reach)

    def _seen(self, image: np.ndarray, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """A tile with its halo, and where it lies in that."""
        box = self._box(image, tile)
        return cut(image[np.newaxis], box).astype(self._dtype.as_numpy_dtype), relative_box(tile.box, box)

    def _asked(self, what: str, *arguments: Any) -> Any:
        """Return what a method of a worker's `HaloedTiles` returns."""
        for _ in range(MAX_DEATHS):
            with self._pool.worker() as worker:
                return self._pool.result(worker.call_tiles.remote([self._made], what, *arguments))
        raise UserError(DIED_MESSAGE)


def _arrays(nested: Any) -> Any:
    return tf.nest.map_structure(np.asarray, nested)


def _added(parts: Sequence[Any]) -> Any:
    """The sum of several structures of arrays, as tensors."""
    total = tf.nest.map_structure(tf.convert_to_tensor, parts[0])
    for part in parts[1:]:
        total = tf.nest.map_structure(tf.add, total, part)
    return total
