"""From a clip to a painted film: what the command line and Python share."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_style import api
from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.images import inputs
from neural_style.images.inputs import Sources
from neural_style.images.reading import Picture
from neural_style.pretrained import style_networks
from neural_style.settings.settings import Settings
from neural_style.video import clip as clips
from neural_style.video.clip import Clip

if TYPE_CHECKING:
    from neural_style.engine import Engine
    from neural_style.video.film import Frame


def read(path: str, styles: Sequence[Picture], settings: Settings) -> tuple[Clip, Sources]:
    """The clip, and the images and settings of its first frame; what is wrong with them is told before any heavy work.

    Args:
      path: a film, a folder of frames, or a pattern such as "frames/*.png".
      styles: the paintings.
      settings: of the film.

    Raises:
      UserError: what is asked for can't be done.
    """
    if not isinstance(path, str | os.PathLike):
        raise UserError(f"Expected the path of a film, a folder or a pattern, received a {type(path).__name__}.")
    if settings.is_analogy:
        raise UserError("--method=analogy is for pictures, not films: leave it out.")
    storage.check_here(path, "a film")
    settings.video.check_surroundings()
    clip = clips.open_clip(str(path))
    first = next((image for _, image in clip.frames(settings.video)), None)
    if first is None:
        there = f"it has {clip.count}" if clip.count else "it is shorter"
        raise UserError(f"--first_frame={settings.video.first_frame} is to be a frame of {str(path)!r}, and {there}.")
    given = inputs.read(first, styles, settings)
    api.check(given)
    return clip, given


def stylize_film(
    clip: str,
    styles: Picture | Sequence[Picture],
    /,
    *,
    engine: "Engine | None" = None,
    recipe: str | None = None,
    **settings: Any,
) -> "Iterator[Frame]":
    """Paints a film in the manner of `styles`, frame by frame.

    Args:
      clip: the path of a film or of a folder of frames, or a pattern such as "frames/*.png".
      styles: the painting: a path, a Pillow image or an array, a list of several, or a trained network.
      engine: keeps networks and traces for the next call.
      recipe: the name of a recipe that the settings begin with.
      **settings: the command line's flags by name.

    Returns:
      Each frame once it is painted: `frame.image` (Pillow, 8-bit RGB), `frame.number` and `frame.facts`.

    Raises:
      UserError: what is asked for can't be done; of what is known before the first frame at once.
    """
    styles = list(styles) if isinstance(styles, list | tuple) else [styles]
    made = Settings.read(recipe, **{**settings, **style_networks.method(styles, settings)})
    opened, given = read(clip, styles, made)
    from neural_style.engine import Engine  # TensorFlow takes seconds, and what is wrong is to be told at once

    return _frames(engine or Engine(), opened, given)


def _frames(engine: "Engine", clip: Clip, given: Sources) -> "Iterator[Frame]":
    with tempfile.TemporaryDirectory() as folder:
        film = engine.film(clip, given, Path(folder))
        with contextlib.closing(film.frames()) as frames:
            for frame in frames:
                if frame.facts["pass"] == given.settings.video.passes:
                    yield frame
