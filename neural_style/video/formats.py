"""The film formats that are written: their codecs, and what they take."""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

CODECS = {".mp4": "libx264", ".m4v": "libx264", ".mov": "libx264", ".mkv": "libx264", ".webm": "libvpx-vp9"}
"""The codec of the pictures, by the film's ending."""
ENDINGS = (*CODECS, ".gif")
"""What a painted film may end in."""


def format_name(ending: str) -> str:
    """FFmpeg's name of a format."""
    return {".mkv": "matroska", ".m4v": "mp4"}.get(ending, ending[1:])


@contextlib.contextmanager
def open_in_memory(ending: str) -> Iterator[Any]:
    """A film in memory, to try what a format takes."""
    import av

    with av.open(io.BytesIO(), "w", format=format_name(ending)) as output:
        yield output
