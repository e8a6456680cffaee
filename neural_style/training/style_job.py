"""The job of adding styles to a trained network: a style of one's own in a few minutes."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.images import reading
from neural_style.pretrained import style_networks
from neural_style.results import files, targets
from neural_style.settings import recipes
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import OF_WHOLE_NETWORKS, StylesSettings, TrainingSettings
from neural_style.training.job import TrainingJob, read_settings, reported_steps, train
from neural_style.training.network_job import check_crop, export_for_litert, load_shown, load_styles, style_names
from neural_style.training.network_report import NetworkReport

if TYPE_CHECKING:
    from neural_style.training.network_training import NetworkProgress

ENDING = style_networks.KERAS
PHOTOGRAPHS = Path(__file__).parent / "photographs"
"""The bundled photographs to learn from."""
SHOWN = Path(__file__).parent.parent / "samples" / "kodim15.jpg"
"""The photograph that shows the progress."""
STEPS = 300
"""Steps for each style."""
DEFAULTS = {
    "add_to": "painters",
    "photos": str(PHOTOGRAPHS),
    "shows": str(SHOWN),
    "shows_every": "50",
    "crop": "224",
    "batch": "2",
    "rate": "0.03",
    "style_size": "720",
    "content_layers": "block3_conv3",
    "content_weight": "1",
    "style_weight": "8",
    "tv_weight": "0.5",
    "checkerboard_weight": "0.03",
}
"""What differs from the recipe of whole networks; NOTES.md says how it was found."""


def defaults(paths: Sequence[str]) -> Mapping[str, str | bool]:
    """The flags that the command line overrides, as text by name.

    Args:
      paths: of the command line: the paintings, and last the network's file.
    """
    return {**recipes.read("networks"), **DEFAULTS, "steps": str(STEPS * max(1, len(paths) - 1))}


def make_job(painting: Path, path: Path, flags: Mapping[str, str]) -> TrainingJob:
    """Make the job of learning one painting's style, without the command line.

    Args:
      painting: file of the painting; the style has its name.
      path: the output file.
      flags: the flags that differ from `defaults`, as text by name.

    Raises:
      UserError: a flag is wrong.
    """
    bundled = str(style_networks.by_name()[DEFAULTS["add_to"]])
    values = {**defaults([str(painting), str(path)]), "add_to": bundled, **flags}
    groups = (TrainingSettings, StylesSettings, LossSettings, NetworkSettings)
    training, styles, loss, network = (read_settings(group, values) for group in groups)
    photos = reading.images_in(str(PHOTOGRAPHS), "photos")
    return TrainingJob(training, styles, loss, network, [str(painting)], path, photos, resume=False, given=flags)


def run(job: TrainingJob, make_cache: Callable[[], Cache]) -> None:
    """Train the styles to the end and write the network.

    Args:
      job: the request.
      make_cache: loads TensorFlow, and returns the cache that keeps VGG's weights.

    Raises:
      UserError: the styles can't be trained, or the loss is not finite, after the state before that is saved.
      KeyboardInterrupt: after the state is saved.
    """
    prepared = PreparedTraining(job, make_cache)
    train(job, prepared.trainer, prepared.identity, prepared.crops, prepared.report, prepared.write)
    if job.styles.export:
        export_for_litert(job.path)
    logger.info(f"Wrote {job.path}: {', '.join(prepared.names)}; {prepared.report.text()}")
    command = ["neural-style", "PHOTO", str(job.path), "OUT"]
    if len(prepared.network.styles) > 1:
        command.append(f"--style={prepared.names[0]}")
    logger.info(f"Paint with: {shlex.join(command)}")


class PreparedTraining:
    """Everything that the training of styles needs, built before the first step.

    Attributes:
      names: the new styles' names.
      identity: see `TrainingJob.identity`.
      crops: of photographs, to learn from.
      network: what is trained.
      trainer: takes the steps.
      report: takes the progress of each step.
    """

    def __init__(self, job: TrainingJob, make_cache: Callable[[], Cache]):
        """
        Args:
          job, make_cache: see `run`.

        Raises:
          UserError: the styles can't be trained.
        """
        base = _base_network(job)
        metadata = style_networks.metadata_of(base)
        self._job, self.names = job, style_names(job)
        _check(job, metadata, self.names)
        self._pictures, styles = load_styles(job, self.names)
        photograph = load_shown(job.styles.shows) if job.styles.shows else None
        kept = 0 if job.styles.only_styles else len(metadata["styles"])
        self._pictures += [style_networks.read_picture(base, number) for number in range(kept)]
        inputs = [*job.paintings, str(base)]
        self.identity = job.identity(job.training, job.styles, job.loss, job.network, inputs=inputs)
        self.crops = job.crops(of_one_photograph=True)
        if photograph is not None:
            logger.info(f"{job.preview} shows {', '.join(self.names)} while learning.")
        cache = make_cache()
        from neural_style.training import network_setup

        crops_to_start = None if job.state.exists() else self.crops  # a restored state needs no nearest style
        self.network, self.trainer = network_setup.start_style_training(
            job.training, job.styles, job.loss, job.network, self.names, styles, crops_to_start, cache
        )
        self.report = NetworkReport(job, self.network, photograph, metadata["training"], shown_styles=len(self.names))

    def steps(self) -> "Iterator[NetworkProgress]":
        """Take the steps that are left, for a caller that watches; yield the progress of each once it is reported."""
        return reported_steps(self._job, self.trainer, self.crops, self.report)

    def write(self) -> None:
        """Write the network with what is learned so far."""
        from neural_style.feedforward.network import save

        record = self.report.record()
        record["flags"] = _without_folders(record["flags"])
        files.write_whole(self._job.path, lambda partial: save(partial, self.network, self._pictures, record))


def _without_folders(flags: Mapping[str, str]) -> dict[str, str]:
    """The flags without this machine's folders: a bundled network by its name, bundled photographs left out."""
    bundled = {str(path): name for name, path in style_networks.by_name().items()}
    kept = {name: value for name, value in flags.items() if (name, value) != ("photos", str(PHOTOGRAPHS))}
    return {**kept, "add_to": bundled.get(flags["add_to"], flags["add_to"])}


def _base_network(job: TrainingJob) -> Path:
    """The network that the styles are added to."""
    if not job.styles.add_to:
        raise UserError("--add_to takes a trained network, such as painters, received nothing.", exit_code=2)
    return Path(job.styles.add_to)


def _check(job: TrainingJob, metadata: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raise a UserError where the styles can't be added to the network, or a flag has no effect."""
    unused = [name for name in OF_WHOLE_NETWORKS if name in job.given]
    if unused:
        raise UserError(
            f"--{unused[0]} is of the training of whole networks (--architecture or --init_from): leave it out.",
            exit_code=2,
        )
    base = job.styles.add_to
    if metadata["architecture"] == "msg":
        raise UserError(f"--add_to takes a network whose styles have γ and β, and {base!r} is msg: name another.")
    taken = [] if job.styles.only_styles else [name for name in names if name in metadata["styles"]]
    if taken:
        raise UserError(f"{base!r} has a style {taken[0]!r} already: rename the painting's file, or add --only_styles.")
    check_crop(job)
    if job.styles.shows and not job.resume:
        targets.check_new(job.preview)
