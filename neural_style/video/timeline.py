"""When a film's frames are shown, recorded while they are decoded."""

from collections.abc import Callable, Iterator
from typing import Any

from neural_style.video.decoding import FilmFrame

SNAP_SECONDS = 0.001
"""Times that a container rounded (Matroska to milliseconds) are moved to a multiple of the frame's duration."""

Warn = Callable[[str], Any]
"""Is called with a sentence about what is left out."""


class Timeline:
    """The times of a film's frames, by number; the first is 1. They come from decoded frames alone."""

    def __init__(self, decode: Callable[[Warn], Iterator[FilmFrame]], rate: float):
        """
        Args:
          decode: decodes the film from its first frame.
          rate: frames a second.
        """
        self._decode, self._rate = decode, rate
        self._spans: dict[int, tuple[float, float]] = {}
        self._count: int | None = None

    def frames(self, warn: Warn) -> Iterator[tuple[int, FilmFrame]]:
        """Decode the film, and yield each frame with its number."""
        number = 0
        for number, frame in enumerate(self._decode(warn), 1):
            self._spans[number] = frame.start, frame.end
            yield number, frame
        self._count = number

    def start(self, number: int) -> float | None:
        """The second at which a frame is shown, by the film's clock; None where the film has fewer frames."""
        span = self._span(number)
        return span and span[0]

    def end(self) -> float:
        """The second at which the film's last frame ends."""
        if self._count is None:
            for _ in self.frames(_be_silent):
                pass
        return self._spans[max(self._spans)][1]

    def shown_at(self, number: int) -> float:
        """The second at which a frame is shown, counted from the first frame; beyond the last frame, the film's end."""
        start = self.start(number)
        seconds = (self.end() if start is None else start) - self._spans[1][0]
        nearest = round(seconds * self._rate) / self._rate
        return nearest if abs(seconds - nearest) <= SNAP_SECONDS else seconds

    def _span(self, number: int) -> tuple[float, float] | None:
        """A frame's start and end, for which the film is decoded as far as that takes."""
        if number not in self._spans and self._count is None:
            next((None for reached, _ in self.frames(_be_silent) if reached >= number), None)
        return self._spans.get(number)


def _be_silent(text: str) -> None:
    """Ignores a warning that was given when the frames were read."""
