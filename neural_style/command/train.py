"""neural-style train: networks that paint, and decoders for universal style transfer, from a folder of photographs."""

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_style.command import flags, help_text
from neural_style.errors import UserError
from neural_style.results import files, targets
from neural_style.settings import networks, recipes, trained
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Switch, setting
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import StylesSettings, TrainingSettings
from neural_style.terminal import say, warn

if TYPE_CHECKING:
    from neural_style.feedforward.training import Training
    from neural_style.universal.training import Training as DecoderTraining

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
SHOWN = ("tensorboard", "shows", "shows_every")
"""Flags that do not change what is trained."""
FREE = (*SHOWN, "rate")
"""Flags that a training may go on with otherwise: a lower rate, where the loss was not finite."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """A training that was asked for.

    Attributes:
      training, styles, loss, network: its settings.
      words: the arguments that are no flags.
      path: of what it makes.
      photos: the photographs' paths.
      resume: whether a broken off training is gone on with.
      given: the flags that were named, as text by name.
    """

    training: TrainingSettings
    styles: StylesSettings
    loss: LossSettings
    network: NetworkSettings
    words: Sequence[str]
    path: Path
    photos: Sequence[Path]
    resume: bool
    given: Mapping[str, str]

    @property
    def state(self) -> Path:
        """Where a training that is broken off is kept."""
        return Path(f"{self.path}.state")

    def identity(self, *groups: Checked, read: Sequence[str] = ()) -> dict[str, str]:
        """What a training that goes on has to have in common with the one that was broken off.

        Args:
          *groups: the settings that count.
          read: files that are read besides the photographs, whose names and sizes count.
        """
        names = [f"{path.name} {path.stat().st_size}" for path in self.photos]
        files_read = [*read, *([self.training.begin] if self.training.begin else [])]
        bytes_read = [f"{Path(path).stem} {hashlib.sha256(Path(path).read_bytes()).hexdigest()}" for path in files_read]
        fields = [(group, field) for group in groups for field in dataclasses.fields(group) if field.name not in FREE]
        kept = {field.name: field.metadata["kind"].text(getattr(group, field.name)) for group, field in fields}
        return {**kept, "files": hashlib.sha256("\n".join(names + bytes_read).encode()).hexdigest()}


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
    from neural_style.command import train_decoder, train_network  # need NumPy and Pillow, which help does not

    kind = train_decoder if given.get("decoder") else train_network
    asked = _asked(words, given, command, kind.ENDING, kind.RECIPE)
    with targets.claimed(str(asked.path)):
        kind.run(asked)
    return 0


def _asked(words: Sequence[str], given: Mapping[str, str], command: TrainCommand, ending: str, recipe: str) -> Asked:
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
        networks.check_layers(network.network, getattr(made[2], f"{kind}_layers"), f"{kind}_layers")
    from neural_style.images import reading

    photos = reading.images_in(training.photos, "photos")
    asked = Asked(*made, words[:-1], path, photos, command.resume, given)
    if not asked.resume and os.path.lexists(asked.state):
        raise UserError(
            f"{str(asked.state)!r} of a training that was broken off is there: go on with --resume, or remove it."
        )
    return asked


def _found(begin: str | None, decoder: bool) -> str | None:
    """The file that --begin names: by its path, or a network that comes along by its name."""
    if begin is None or os.path.isfile(begin):
        return begin
    known = {} if decoder else trained.by_name()
    if begin not in known:
        raise UserError(f"--begin takes {' or '.join(['a file', *known])}, and {begin!r} is none.")
    return os.fspath(known[begin])


def _settings_of(group: type[Checked], given: Mapping[str, Any], recipe: str) -> Any:
    """The settings of a class, where the recipe says nothing else by their defaults."""
    names = {field.name for field in dataclasses.fields(group)}
    return group(**{name: value for name, value in {**recipes.read(recipe), **given}.items() if name in names})


def go_on(asked: Asked, training: "Training | DecoderTraining", identity: Mapping[str, str]) -> None:
    """Brings a training to where the one that was broken off stood, where there is one.

    Raises:
      UserError: what is there is not this training's.
    """
    from neural_style.training import states

    if asked.state.exists():
        state = states.read(asked.state, identity)
        try:
            training.restore(state)
        except (KeyError, ValueError) as error:  # a tensor is missing, or of another shape
            raise UserError(f"{str(asked.state)!r} is no state of this training: remove it to start anew.") from error
        say(f"Going on at step {training.step} of {asked.training.steps}.")
    elif asked.resume:
        warn(f"{asked.state} is not there: the training begins with its first step.")


def keep_state(asked: Asked, training: "Training | DecoderTraining", identity: Mapping[str, str]) -> None:
    """Writes what a training can be gone on with; nothing before its first step."""
    from neural_style.training import states

    if training.step:
        files.write_whole(asked.state, lambda partial: states.write(partial, training.state(), identity))
