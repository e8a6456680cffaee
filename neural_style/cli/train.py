"""neural-style train: styles of one's own, whole networks, and decoders for universal style transfer."""

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
from neural_style.settings import vgg_layers
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Switch, setting
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import StylesSettings, TrainingSettings
from neural_style.training.job import TrainingJob, read_settings

MEMORY = 2e9
"""Maximum bytes of VGG weights in memory."""
USAGE = (
    "neural-style train PAINTING [PAINTING …] MODEL.keras [--flags]",
    "neural-style train PAINTING … MODEL.keras --width=1 --photos=FOLDER",
    "neural-style train --decoder=LEVEL OUT.safetensors --photos=FOLDER",
    "neural-style train --band_decoder OUT.safetensors --photos=FOLDER",
)
"""A style of one's own, a whole network, a decoder, a band decoder."""
WHOLE_NETWORK = ("architecture", "width", "init_from")
"""Flags any of which asks for the training of a whole network instead of adding styles to one."""


@dataclasses.dataclass(frozen=True)
class TrainCommand(Checked):
    """What the command does."""

    help: bool = setting(False, Switch(), "Show these flags.")
    resume: bool = setting(
        False, Switch(), "Resume an interrupted training. It ends with the same weights as one without a break."
    )


GROUPS = (TrainingSettings, StylesSettings, LossSettings, NetworkSettings, TrainCommand)
DECODER_GROUPS = (TrainingSettings, NetworkSettings, TrainCommand)
"""The groups whose flags affect the training of a decoder."""


def run(arguments: Sequence[str]) -> int:
    """Train a network or a decoder, and return the exit code.

    Args:
      arguments: of the command line, after "train".

    Raises:
      UserError: the command can't be carried out.
      KeyboardInterrupt: after the state is saved.
    """
    paths, given, _ = flags.read(arguments, GROUPS)
    command = TrainCommand(help=given.pop("help"), resume=given.pop("resume", False))
    if command.help:
        say(_help())
        return 0
    kind, usage = _kind(given)
    job = _build_job(paths, given, command, kind, usage)
    with targets.locked(str(job.path)):
        kind.run(job, _make_cache)
    return 0


def _kind(given: Mapping[str, str]) -> tuple[Any, str]:
    """The module of the job that flags ask for, and its usage; a UserError where they ask for two."""
    from neural_style.training import decoder_job, network_job, style_job  # need NumPy, which help does not

    if _trains_band_decoder(given):
        return decoder_job, USAGE[3]
    if given.get("decoder"):
        return decoder_job, USAGE[2]
    whole = [name for name in WHOLE_NETWORK if name in given]
    if not whole:
        return style_job, USAGE[0]
    for name in ("add_to", "only_styles"):
        if name in given:
            raise UserError(
                f"--{name} adds styles to a network as it is, and --{whole[0]} trains a whole one: leave one out.",
                exit_code=2,
            )
    return network_job, USAGE[1]


def _trains_band_decoder(given: Mapping[str, str]) -> bool:
    """Whether the flags ask for a band decoder; a UserError where they ask for another one too."""
    wanted = "band_decoder" in given and Switch().read(given["band_decoder"])
    if wanted and given.get("decoder"):
        raise UserError(
            "--decoder trains one level's decoder, and --band_decoder one of all levels: leave one out.", exit_code=2
        )
    return wanted


def _help() -> str:
    from neural_style.training import style_job

    lines = [
        f"Usage: {USAGE[0]}",
        *(f"       {usage}" for usage in USAGE[1:]),
        "",
        "Adds the style of PAINTING to the bundled network in about three minutes on",
        "two cores, and writes MODEL.keras, which paints by:",
        "neural-style PHOTO MODEL.keras OUT --style=PAINTING",
        "With --architecture, --width or --init_from it trains a whole network instead,",
        "which takes hours; with --decoder or --band_decoder a decoder for",
        "--method=wct and adain. The defaults below are those of the first.",
    ]
    defaults = style_job.defaults(["PAINTING", "MODEL.keras"])
    for group in GROUPS:
        lines += help_text.of_group(group, changed_defaults=defaults)
    return "\n".join(lines)


def _make_cache() -> Cache:
    """Load TensorFlow, and return the cache that keeps VGG's weights."""
    load_tensorflow()
    return Cache(MEMORY)


def _build_job(
    paths: Sequence[str], given: Mapping[str, str], command: TrainCommand, kind: Any, usage: str
) -> TrainingJob:
    """Check everything that needs no TensorFlow, and build the job.

    Args:
      paths: the arguments that are not flags: inputs, and last the output.
      given: the flags, as text by name.
      command: what the command does.
      kind: the job's module.
      usage: how the command is written.

    Raises:
      UserError: an argument or a flag is wrong, or a file is missing.
    """
    if usage in USAGE[2:]:
        _check_decoder_flags(given)
    flags_by_name = {**kind.defaults(paths), **given}
    training, styles, loss, network = (
        read_settings(group, flags_by_name)
        for group in (TrainingSettings, StylesSettings, LossSettings, NetworkSettings)
    )
    if loss.matching_weight:
        raise UserError("--matching_weight is for painting, not for training: leave it out.", exit_code=2)
    if loss.balance != "none":
        raise UserError("--balance is for painting, not for training: leave it out.", exit_code=2)
    _check_paths(paths, training, kind.ENDING, usage)
    training = dataclasses.replace(training, init_from=_find_network("init_from", training.init_from, training))
    styles = dataclasses.replace(styles, add_to=_find_network("add_to", styles.add_to, training))
    path = Path(paths[-1])
    targets.check_new(path)
    network.check_files()
    vgg_layers.check_layers(network.network, loss.content_layers, "content_layers")
    vgg_layers.check_layers(network.network, loss.style_layers, "style_layers")
    photos = _list_photos(training.photos)
    job = TrainingJob(training, styles, loss, network, paths[:-1], path, photos, command.resume, given)
    _check_state(job)
    return job


def _check_decoder_flags(given: Mapping[str, str]) -> None:
    """Raise a UserError where a flag has no effect on the training of a decoder."""
    known = {field.name for group in DECODER_GROUPS for field in dataclasses.fields(group)}
    unused = sorted(set(given) - known)
    if unused:
        raise UserError(f"--{unused[0]} is of networks, and this trains a decoder: leave it out.", exit_code=2)


def _check_paths(paths: Sequence[str], training: TrainingSettings, ending: str, usage: str) -> None:
    """Raise a UserError where the folder of photographs or the output file is missing."""
    if not paths or not paths[-1].endswith(ending):
        received = paths[-1] if paths else "no path"
        raise UserError(f"Expected {usage}, received {received} where OUT{ending} belongs.", exit_code=2)
    if training.photos is None:
        raise UserError(f"Expected {usage}, and --photos=FOLDER is missing.", exit_code=2)
    if not os.path.isdir(training.photos):
        raise UserError(f"--photos takes a folder of images, and {training.photos!r} is not a folder.")


def _find_network(flag: str, name: str | None, training: TrainingSettings) -> str | None:
    """The file that a flag names: a path, or the path of a bundled network by its name."""
    if name is None or os.path.isfile(name):
        return name
    bundled = {} if training.decoder or training.band_decoder else style_networks.by_name()
    if name not in bundled:
        raise UserError(f"--{flag} takes {' or '.join(['a file', *bundled])}, received {name!r}.")
    return os.fspath(bundled[name])


def _list_photos(folder: str) -> Sequence[Path]:
    """The images of a folder; a UserError where there are none."""
    from neural_style.images import reading  # needs Pillow, which help does not

    return reading.images_in(folder, "photos")


def _check_state(job: TrainingJob) -> None:
    """Raise a UserError where the state of an interrupted training would be overwritten."""
    if not job.resume and os.path.lexists(job.state):
        raise UserError(
            f"{str(job.state)!r} of an interrupted training exists: continue with --resume, or remove the file."
        )
