"""A film whose shots are painted in parallel: no frame depends on a frame of another shot."""

import dataclasses
from collections.abc import Generator
from pathlib import Path

from neural_style.cluster.pool import Pool
from neural_style.images.inputs import Inputs
from neural_style.planning.plan import Plan
from neural_style.video.clip import Clip
from neural_style.video.film import FilmPainter, MakeRun, PaintedFrame
from neural_style.video.motion import estimate_motion

Shot = tuple[int, int | None]
"""The numbers of the first and the last frame; None is the last frame of the clip."""


class ShotPainter(FilmPainter):
    """Yields frames shot by shot, in the order of completion. A film with several passes is one shot."""

    def __init__(self, pool: Pool, clip: Clip, inputs: Inputs, plan: Plan, folder: Path, make_run: MakeRun):
        """
        Args:
          pool: the workers.
          clip, inputs, plan, folder, make_run: see `FilmPainter`.
        """
        super().__init__(clip, inputs, plan, folder, make_run)
        self._pool = pool

    def frames(self) -> Generator[PaintedFrame, None, None]:
        """See `FilmPainter.frames`."""
        for frames in self._pool.map_unordered(self._paint_shot, self._find_shots()):
            yield from frames

    def _find_shots(self) -> list[Shot]:
        """Return the clip's shots."""
        video = self._settings.video
        if video.passes > 1:
            return [(video.first_frame, video.last_frame)]
        nearest = dataclasses.replace(video, long_term=(1,))
        motion = estimate_motion(self._clip.frames(video), self.size, nearest, self._settings.picture.resample)
        firsts = [frame.number for frame in motion if frame.motion_to_previous is None]
        return list(zip(firsts, [*(first - 1 for first in firsts[1:]), video.last_frame], strict=True))

    def _paint_shot(self, shot: Shot) -> list[PaintedFrame]:
        video = dataclasses.replace(self._settings.video, first_frame=shot[0], last_frame=shot[1])
        plan = dataclasses.replace(self._plan, settings=dataclasses.replace(self._settings, video=video))
        return list(FilmPainter(self._clip, self._inputs, plan, self._folder, self._make_run).frames())
