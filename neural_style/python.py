"""From Python: one call from images to an image."""

from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

from neural_style.command import flags
from neural_style.errors import UserError
from neural_style.images import reading, sources
from neural_style.images.reading import Picture
from neural_style.optimize.loop import Step
from neural_style.optimize.studio import Studio
from neural_style.results import record


def stylize(
    content: Picture,
    style: Picture | Sequence[Picture],
    *,
    callback: Callable[[Step], Any] | None = None,
    **options: Any,
) -> tuple[Image.Image, dict[str, Any]]:
    """Paints `content` in the manner of `style`; writes no file.

    Args:
      content: the photograph: a path, a Pillow image, or an array [rows, cols, 3] in 0..255.
      style: the painting, likewise, or a list of several.
      callback: called with each `Step`, the start's first; an exception that it raises ends the run.
      **options: the command line's flags by name, such as rows=300, recipe="offline", content_layers=["block4_conv2"];
        those about files have no effect.

    Returns:
      The result, 8-bit RGB, and the record that the command line writes as PREFIX.json.

    Raises:
      UserError: what is asked for can't be done.
    """
    styles = list(style) if isinstance(style, list | tuple) else [style]
    if not styles:
        raise UserError("Expected at least one style, received none.")
    # A recipe is expanded where it stands, so it goes before what wins over it.
    given = sorted(options.items(), key=lambda item: item[0] != "recipe")
    _, settings = flags.parse([f"--{name}={flags.as_text(value)}" for name, value in given if value is not None])
    read = sources.load(content, styles, settings)
    kept = record.Record(record.header(content, styles, ("", ""), settings))
    for session in Studio().sessions(read):
        kept.begin(session)
        for step in session.steps():
            kept.add(step)
            if callback:
                callback(step)
    kept.end(broken_off=None)
    return reading.to_image(reading.denoise(session.last.image, settings.denoise)), kept.as_dict()
