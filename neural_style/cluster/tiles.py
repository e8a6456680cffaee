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
from neural_style.optimize.halos import cut_maps, relative_box
from neural_style.optimize.objective import LossFunction
from neural_style.optimize.tiled_objective import differentiate_by_sums
from neural_style.settings import vgg_layers
from neural_style.settings.settings import Settings
from neural_style.vgg.tiles import Box, Tile, cut, tiles, widen
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
        self._arguments = ray.put((settings, kernels, precision, warped_frames))

    def bind_scene(self, scene: Scene) -> LossFunction:
        """As `Objective.bind_scene`."""
        maps = self._loss.maps(scene, self._dtype)
        content, constants = self._measure(scene.content, maps)
        style_maps = self._loss.style_maps(scene, self._dtype)
        styles = [self._measure(*pair)[0] for pair in zip(scene.styles, style_maps, strict=True)]
        prepared = self._loss.prepare(content, styles, scene)
        return lambda image: self._evaluate(image, constants, prepared)

    def _measure(self, image: np.ndarray, maps: Mapping[str, Any]) -> tuple[Any, dict[Tile, ray.ObjectRef]]:
        """What the terms measure of an image, and by tile the maps of all terms."""

        def measure_tile(tile: Tile) -> tuple[Any, ray.ObjectRef]:
            tile_maps = cut_maps(self._loss, maps, tile)
            part, content_maps = self._call_worker("measure", *self._crop_with_halo(image, tile), tile_maps)
            return part, ray.put(tile_maps | content_maps)

        results = self._map_tiles(measure_tile, image)
        total = _add_up([part for part, _ in results.values()])
        return total, {tile: tile_maps for tile, (_, tile_maps) in results.items()}

    def _evaluate(
        self, image: np.ndarray, constants: Mapping[Tile, ray.ObjectRef], prepared: Mapping[str, Any]
    ) -> tuple[float, np.ndarray, dict[str, float]]:
        """Loss, gradient [rows, cols, 3] and terms, in two passes over the tiles."""

        def sum_tile(tile: Tile) -> tuple[tuple, Any]:
            crop, box = self._crop_with_halo(image, tile)
            inputs = ray.put(crop), box  # for both passes
            return inputs, self._call_worker("sums", *inputs, constants[tile])

        results = self._map_tiles(sum_tile, image)
        sums = _add_up([part for _, part in results.values()])
        total, values, slopes = differentiate_by_sums(self._loss, sums, prepared)
        sent_slopes = ray.put(tf.nest.map_structure(np.asarray, slopes))

        def differentiate_tile(tile: Tile) -> np.ndarray:
            inputs, _ = results[tile]
            return self._call_worker("gradient", *inputs, constants[tile], sent_slopes)

        gradient = np.zeros_like(image, np.float64)[np.newaxis]
        for tile, part in self._map_tiles(differentiate_tile, image).items():
            cut(gradient, self._box_with_halo(image, tile))[...] += part
        return total, gradient[0], values

    def _map_tiles(self, function: Callable[[Tile], Any], image: np.ndarray) -> dict[Tile, Any]:
        """Return tile → result of `function`, in the order of the tiles, so that sums are deterministic."""
        rows, cols = image.shape[:2]
        all_tiles = tiles(rows, cols, self._size)
        results = dict(self._pool.map_unordered(lambda tile: (tile, function(tile)), all_tiles))
        return {tile: results[tile] for tile in all_tiles}

    def _box_with_halo(self, image: np.ndarray, tile: Tile) -> Box:
        rows, cols = image.shape[:2]
        return widen(tile.box, self._reach, rows, cols)

    def _crop_with_halo(self, image: np.ndarray, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """A tile with its halo, and where it lies in that."""
        box = self._box_with_halo(image, tile)
        return cut(image[np.newaxis], box).astype(self._dtype.as_numpy_dtype), relative_box(tile.box, box)

    def _call_worker(self, method: str, *arguments: Any) -> Any:
        """Return what a method of a worker's `HaloedTiles` returns."""
        for _ in range(MAX_DEATHS):
            with self._pool.worker() as worker:
                return self._pool.result(worker.call_tiles.remote([self._arguments], method, *arguments))
        raise UserError(DIED_MESSAGE)


def _add_up(parts: Sequence[Any]) -> Any:
    """The sum of several structures of arrays, as tensors."""
    total = tf.nest.map_structure(tf.convert_to_tensor, parts[0])
    for part in parts[1:]:
        total = tf.nest.map_structure(tf.add, total, part)
    return total
