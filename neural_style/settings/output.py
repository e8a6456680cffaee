"""Settings of the output files; they never change the picture."""

import dataclasses
import importlib.util
import os

from neural_style.core.errors import UserError
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Choice, File, Number, Optional, Switch, Whole, setting


@dataclasses.dataclass(frozen=True)
class OutputSettings(Checked):
    """The output files."""

    save_every: int = setting(1, Whole(0, 10**9), "Write PREFIX_at_iteration_N every N iterations; 0 writes none.")
    output_quality: int = setting(95, Whole(1, 100), "Quality of JPEG and WebP files, 1 to 100.")
    dpi: float | None = setting(
        None,
        Optional(Number(2, 100_000)),
        "Density for print, in dots per inch, written into pictures; by default the photograph's.",
    )
    overwrite: bool = setting(
        False,
        Switch(),
        "Replace files that neural-style did not write, where output files have their names. Inputs are never "
        "overwritten.",
    )
    metadata: bool = setting(
        True,
        Switch(),
        "Copy the photograph's EXIF data, and write into PNGs how they were made. --nometadata leaves out both, and "
        "with them the place of the photograph and the paths of files. PREFIX.json contains the paths all the same.",
    )
    plots: bool = setting(
        True,
        Switch(),
        "Write PREFIX_losses.png (each term over the iterations) and PREFIX_comparison.png (content, style, result).",
    )
    preview: str = setting(
        "none",
        Choice(["none", "webp", "gif", "side"]),
        "Write PREFIX_preview: webp or gif, an animation of the iterations; side, for films, photograph and painting "
        "side by side.",
    )
    tensorboard: str | None = setting(
        None, Optional(File()), "A folder to write losses and images to, for TensorBoard."
    )
    keep_state: bool = setting(
        True,
        Switch(),
        "Write PREFIX.state during the run (20 to 200 bytes a pixel), from which --resume continues.",
    )

    def check_packages(self) -> None:
        """Raise a UserError where a package is missing, or a folder can't be written."""
        if self.tensorboard and not _can_be_written(self.tensorboard):
            raise UserError(
                f"--tensorboard takes a folder that can be written, received {self.tensorboard!r}: choose another."
            )
        if self.tensorboard and importlib.util.find_spec("tensorboard") is None:
            raise UserError("--tensorboard needs the package tensorboard: pip install tensorboard.")


def _can_be_written(folder: str) -> bool:
    """Whether a folder exists, or can be made, and is writable."""
    path = os.path.abspath(folder)
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK)
