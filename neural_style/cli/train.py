"""neural-style train: networks that paint, and decoders for universal style transfer, from a folder of photographs."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neural_style.cli import flags, help_text
from neural_style.cli.loading import load_tensorflow
from neural_style.cli.terminal import say
from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.pretrained import style_networks
from neural_style.results import targets
from neural_style.settings import recipes, vgg_layers
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Switch, setting
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import StylesSettings, TrainingSettings
from neural_style.training.job import TrainingJob

MEMORY = 2e9
"""Bytes of weights that are kept."""
USAGE = (
    "neural-style train STYLE [STYLE ...] MODEL.keras --photos=FOLDER [--flags], or neural-style train --decoder=LEVEL "
    "OUT.safetensors --photos=FOLDER [--flags]"
)


@dataclasses.dataclass(frozen=True)
class TrainCommand(Checked):
    """What the command does."""

    help: bool = setting(False, Switch(), "Show these flags.")
    resume: bool = setting(
        False, Switch(), "Go on with a training that was broken off, to the same weights as without the break."
    )


GROUPS = (TrainingSettings, StylesSettings, LossSettings, NetworkSettings, TrainCommand)
DECODERS = (TrainingSettings, NetworkSettings, TrainCommand)
"""Whose flags the training of a decoder heeds."""


def run(arguments: Sequence[str]) -> int:
    """Trains a network or a decoder. Returns the exit code.

    Args:
      arguments: of the command line, after "train".

    Raises:
      UserError: the command can't be carried out.
      KeyboardInterrupt: after the state is written.
    """
    words, given, _ = flags.read(arguments, GROUPS)
    command = TrainCommand(help=given.pop("help"), resume=given.pop("resume", False))
    if command.help:
        said = [
            "Trains a network that paints in the manner of STYLE, or a decoder for --method=wct and adain (--decoder)."
        ]
        said += ["The defaults are of networks (--recipe=networks); decoders take VGG as --recipe=wct has it."]
        shown = (line for each in GROUPS for line in help_text.of_group(each, recipe="networks"))
        say("\n".join([f"Usage: {USAGE}", "", *said, *shown]))
        return 0
    from neural_style.training import decoder_job, network_job  # need NumPy and Pillow, which help does not

    kind = decoder_job if given.get("decoder") else network_job
    job = _job(words, given, command, kind.ENDING, kind.RECIPE)
    with targets.locked(str(job.path)):
        kind.run(job, _make_cache)
    return 0


def _make_cache() -> Cache:
    """Loads TensorFlow; returns the cache that keeps VGG's weights."""
    load_tensorflow()
    return Cache(MEMORY)


def _job(
    words: Sequence[str], given: Mapping[str, str], command: TrainCommand, ending: str, recipe: str
) -> TrainingJob:
    """Checks what can be known before any heavy work."""
    if given.get("decoder"):
        own = {field.name for group in DECODERS for field in dataclasses.fields(group)}
        foreign = sorted(set(given) - own)
        if foreign:
            raise UserError(
                f"--{foreign[0]} is of networks, and --decoder trains a decoder: leave it out.", exit_code=2
            )
    made = [_settings_of(group, given, recipe) for group in GROUPS[:-1]]
    training, network = made[0], made[-1]
    if training.photos is None:
        raise UserError(f"Expected {USAGE}, and --photos=FOLDER is missing.", exit_code=2)
    if not words or not words[-1].endswith(ending):
        raise UserError(
            f"Expected {USAGE}, received {words[-1] if words else 'no path'} where OUT{ending} belongs.", exit_code=2
        )
    if not os.path.isdir(training.photos):
        raise UserError(f"--photos takes a folder of images, and {training.photos!r} is none.")
    made[0] = training = dataclasses.replace(training, begin=_found(training.begin, bool(training.decoder)))
    path = Path(words[-1])
    targets.check_new(path)
    network.check_files()
    for kind in ("content", "style"):
        vgg_layers.check_layers(network.network, getattr(made[2], f"{kind}_layers"), f"{kind}_layers")
    from neural_style.images import reading

    photos = reading.images_in(training.photos, "photos")
    job = TrainingJob(*made, words[:-1], path, photos, command.resume, given)
    if not job.resume and os.path.lexists(job.state):
        raise UserError(
            f"{str(job.state)!r} of a training that was broken off is there: go on with --resume, or remove it."
        )
    return job


def _found(begin: str | None, decoder: bool) -> str | None:
    """The file that --begin names: by its path, or a network that comes along by its name."""
    if begin is None or os.path.isfile(begin):
        return begin
    known = {} if decoder else style_networks.by_name()
    if begin not in known:
        raise UserError(f"--begin takes {' or '.join(['a file', *known])}, and {begin!r} is none.")
    return os.fspath(known[begin])


def _settings_of(group: type[Checked], given: Mapping[str, Any], recipe: str) -> Any:
    """The settings of a class, where the recipe says nothing else by their defaults."""
    names = {field.name for field in dataclasses.fields(group)}
    return group(**{name: value for name, value in {**recipes.read(recipe), **given}.items() if name in names})
