"""neural-style train: decoders for universal style transfer, from a folder of photographs."""

import dataclasses
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_style import __version__
from neural_style.command import flags, help_text
from neural_style.command.loading import engine_maker
from neural_style.errors import UserError
from neural_style.results import files, targets
from neural_style.settings import decoders, recipes
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Switch, setting
from neural_style.settings.network import NetworkSettings
from neural_style.settings.universal import TrainingSettings
from neural_style.terminal import say

if TYPE_CHECKING:
    from PIL import Image

    from neural_style.universal.training import Progress

USAGE = f"neural-style train --decoder=LEVEL --photos=FOLDER OUT{decoders.ENDING} [--flags]"
KEPT_EVERY = 100
"""Steps between two states that a training can go on from, and between two lines."""


@dataclasses.dataclass(frozen=True)
class TrainCommand(Checked):
    """What the command does."""

    help: bool = setting(False, Switch(), "Show these flags.")


GROUPS = (TrainingSettings, NetworkSettings, TrainCommand)


def run(arguments: Sequence[str]) -> int:
    """Trains a decoder; a training that was broken off goes on where it stood. Returns the exit code.

    Args:
      arguments: of the command line, after "train".

    Raises:
      UserError: the command can't be carried out.
      KeyboardInterrupt: after the state is written.
    """
    words, given, _ = flags.read(arguments, GROUPS)
    if TrainCommand(given.pop("help")).help:
        said = ["Trains a decoder of a network's features, for --method=wct and adain; after a break it goes on."]
        say("\n".join([f"Usage: {USAGE}", "", *said, *(line for each in GROUPS for line in help_text.of_group(each))]))
        return 0
    settings, network = (_settings_of(group, given) for group in (TrainingSettings, NetworkSettings))
    path = _checked(words, settings)
    facts = decoders.encoder(network, settings.seed)
    pictures = _pictures(settings)
    with targets.claimed(str(path)):
        last = _train(settings, network, facts, pictures, path)
    say(f"Wrote {path}: level {settings.decoder}; {_text(last) if last else 'nothing was left to do.'}")
    return 0


def _settings_of(group: type[Checked], given: Mapping[str, Any]) -> Any:
    """The settings of a class, where --recipe=wct says nothing else by their defaults."""
    names = {field.name for field in dataclasses.fields(group)}
    values = group(**{name: value for name, value in {**recipes.read("wct"), **given}.items() if name in names})
    if isinstance(values, NetworkSettings):
        values.check_files()
    return values


def _checked(words: Sequence[str], settings: TrainingSettings) -> Path:
    """Where the decoder is to lie."""
    lacking = {"--decoder=LEVEL": settings.decoder, "--photos=FOLDER": settings.photos}
    for flag, value in lacking.items():
        if value is None:
            raise UserError(f"Expected {USAGE}, and {flag} is missing.", exit_code=2)
    if len(words) != 1 or not words[0].endswith(decoders.ENDING):
        raise UserError(f"Expected {USAGE}, received {' '.join(words) or 'no path'} as OUT.", exit_code=2)
    if not os.path.isdir(settings.photos):
        raise UserError(f"--photos takes a folder of images, and {settings.photos!r} is none.")
    path = Path(words[0])
    files.check_folder(path.parent)
    if path.exists():
        raise UserError(f"{words[0]!r} is there already: choose another name, or remove it.")
    return path


def _pictures(settings: TrainingSettings) -> list["Image.Image"]:
    """The images that crops can be cut out of."""
    from neural_style.images import reading, sources  # NumPy and Pillow, which help does not need

    found = [reading.load(path) for path in sources.images_in(settings.photos, "photos")]
    large = [image for image in found if min(image.size) >= settings.crop]
    if not large:
        raise UserError(
            f"--photos={settings.photos} holds no image of at least {settings.crop} rows and columns (--crop)."
        )
    return large


def _train(
    settings: TrainingSettings,
    network: NetworkSettings,
    facts: Mapping[str, str],
    pictures: Sequence["Image.Image"],
    path: Path,
) -> "Progress | None":
    """Trains to the end and writes the decoder; returns the last step, None where an earlier call had done it."""
    cache = engine_maker()().cache
    from neural_style.universal import decoder, training

    trained = training.begun(settings, network, pictures, cache)
    kept, identity = Path(f"{path}.state"), {**facts, "training": json.dumps(dataclasses.asdict(settings))}
    if kept.exists():
        trained.restore(decoder.read_state(kept, identity))
        say(f"Going on at step {trained.step} of {settings.steps}.")
    began, first, last = time.monotonic(), trained.step, None
    try:
        for last in trained.steps(pictures, settings):
            if last.step % KEPT_EVERY == 0 and last.step < settings.steps:
                files.write_whole(kept, lambda partial: decoder.write_state(partial, trained.state(), identity))
                left = (time.monotonic() - began) / (last.step - first) * (settings.steps - last.step)
                say(f"step {last.step} of {settings.steps}: {_text(last)}, {left / 60:.0f} minutes left")
    except KeyboardInterrupt:
        files.write_whole(kept, lambda partial: decoder.write_state(partial, trained.state(), identity))
        raise
    made = {**facts, "steps": str(settings.steps), "neural_style": __version__}
    files.write_whole(path, lambda partial: decoder.save(partial, trained.decoder(), made))
    kept.unlink(missing_ok=True)
    return last


def _text(progress: "Progress") -> str:
    features = f"features {math.sqrt(progress.features):.0%} off"
    if progress.pixels is None:
        return f"the lower level's {features}"
    return f"crops come back at {-10 * math.log10(progress.pixels):.1f} dB, their {features}"
