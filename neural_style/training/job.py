"""A training job: its settings, its loop over steps, and the file from which an interrupted one resumes."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.results import files
from neural_style.settings.checked import Checked
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import StylesSettings, TrainingSettings
from neural_style.training import state_files

if TYPE_CHECKING:
    from neural_style.training.base import Trainer
    from neural_style.training.crops import Crops

REPORTING = ("tensorboard", "shows", "shows_every", "export")
"""Flags that do not change what is trained."""
CHANGEABLE = (*REPORTING, "rate", "add_to")
"""Flags that may differ when a training resumes: a lower rate helps where the loss was not finite. Of the network of
--add_to, name and contents are compared as of other files."""
SAVE_EVERY = 100
"""Steps from one saved state to the next, and from one logged line to the next; a quarter of it in short trainings."""
SHORT = 1000
"""Maximum number of steps of a short training."""


@dataclasses.dataclass(frozen=True)
class TrainingJob:
    """A training that was requested.

    Attributes:
      training, styles, loss, network: its settings.
      paintings: paths of the styles; none for a decoder.
      path: the output file.
      photos: paths of the photographs.
      resume: whether to continue an interrupted training.
      given: the flags on the command line, as text by name.
    """

    training: TrainingSettings
    styles: StylesSettings
    loss: LossSettings
    network: NetworkSettings
    paintings: Sequence[str]
    path: Path
    photos: Sequence[Path]
    resume: bool
    given: Mapping[str, str]

    @property
    def state(self) -> Path:
        """The file that keeps the state of an interrupted training."""
        return Path(f"{self.path}.state")

    @property
    def preview(self) -> Path:
        """The picture that shows the progress of --add_to."""
        return self.path.with_name(f"{self.path.stem}_preview.png")

    def crops(self, of_one_photograph: bool = False) -> "Crops":
        """The batches that the training learns from; see `Crops`.

        Raises:
          UserError: no photograph is as large as a crop.
        """
        from neural_style.training.crops import Crops  # needs NumPy and Pillow, which help does not

        settings = self.training
        return Crops(self.photos, settings.crop, settings.batch, settings.seed, of_one_photograph)

    def identity(self, *groups: Checked, inputs: Sequence[str] = ()) -> dict[str, str]:
        """What a training must have in common with the interrupted one that it resumes, as text by name.

        Args:
          *groups: settings that must be equal.
          inputs: files that must be equal, besides the photographs, whose names and sizes are compared.
        """
        if self.training.init_from:
            inputs = [*inputs, self.training.init_from]
        lines = [f"{path.name} {path.stat().st_size}" for path in self.photos]
        lines += [f"{Path(path).stem} {hashlib.sha256(Path(path).read_bytes()).hexdigest()}" for path in inputs]
        flags = {name: text for group in groups for name, text in _texts(group).items() if name not in CHANGEABLE}
        return {**flags, "files": hashlib.sha256("\n".join(lines).encode()).hexdigest()}


def _texts(group: Checked) -> dict[str, str]:
    """The settings of a group as the command line takes them, by name."""
    return {field.name: field.metadata["kind"].text(getattr(group, field.name)) for field in dataclasses.fields(group)}


def read_settings(group: type[Checked], values: Mapping[str, Any]) -> Any:
    """Read the settings of a group from flags by name."""
    names = [field.name for field in dataclasses.fields(group)]
    return group(**{name: values[name] for name in names if name in values})


class Report(Protocol):
    """What is reported of a training while it runs."""

    def add(self, progress: Any) -> None:
        """Take the progress of a step."""

    def text(self) -> str:
        """The errors or losses, in words."""


def is_due(step: int, steps: int) -> bool:
    """Whether a line is logged after a step of `steps`."""
    return step % (SAVE_EVERY if steps > SHORT else SAVE_EVERY // 4) == 0 or step == steps


def train(
    job: TrainingJob,
    trainer: "Trainer",
    identity: Mapping[str, str],
    crops: "Crops",
    report: Report,
    finish: Callable[[], None],
) -> None:
    """Resume a training where its state was saved, do the steps that are left, and finish it.

    The state is saved every `SAVE_EVERY` steps and when anything interrupts the training; at the end it is removed.

    Args:
      job: the request.
      trainer: before its first step.
      identity: see `TrainingJob.identity`.
      crops: what it learns from.
      report: takes the progress of each step.
      finish: writes the output file.

    Raises:
      UserError: the saved state belongs to another training, or a step fails.
      KeyboardInterrupt: after the state is saved.
    """
    _resume(job, trainer, identity)
    try:
        _do_steps(job, trainer, identity, crops, report)
        finish()
    except BaseException:
        _save_state(job, trainer, identity)
        raise
    job.state.unlink(missing_ok=True)


def reported_steps(job: TrainingJob, trainer: "Trainer", crops: "Crops", report: Report) -> Iterator[Any]:
    """Do the steps that are left; yield the progress of each once it is reported.

    Args:
      job, trainer, crops, report: see `train`.
    """
    for progress in trainer.steps(crops, job.training.steps):
        report.add(progress)
        yield progress


def _do_steps(
    job: TrainingJob, trainer: "Trainer", identity: Mapping[str, str], crops: "Crops", report: Report
) -> None:
    """Do the steps that are left; log a line and save the state now and then."""
    steps, first, started = job.training.steps, trainer.step, time.monotonic()
    for progress in reported_steps(job, trainer, crops, report):
        step = progress.step
        if is_due(step, steps):
            seconds_left = (time.monotonic() - started) / (step - first) * (steps - step)
            time_left = f", {_duration(seconds_left)} left" if step < steps else ""
            logger.info(f"step {step} of {steps}: {report.text()}{time_left}")
        if is_due(step, steps) and step < steps:
            _save_state(job, trainer, identity)


def _duration(seconds: float) -> str:
    """A time in words: seconds below two minutes, else minutes."""
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _resume(job: TrainingJob, trainer: "Trainer", identity: Mapping[str, str]) -> None:
    """Restore the state of an interrupted training, where there is one."""
    if job.state.exists():
        state = state_files.read(job.state, identity)
        try:
            trainer.restore(state)
        except (KeyError, ValueError) as error:  # a tensor is missing, or of another shape
            raise UserError(
                f"{str(job.state)!r} is not the state of this training: remove it to start anew."
            ) from error
        logger.info(f"Resuming at step {trainer.step} of {job.training.steps}.")
    elif job.resume:
        logger.warning(f"{job.state} does not exist: the training starts with its first step.")


def _save_state(job: TrainingJob, trainer: "Trainer", identity: Mapping[str, str]) -> None:
    """Write the state from which a training can resume; nothing before its first step."""
    if trainer.step:
        files.write_whole(job.state, lambda partial: state_files.write(partial, trainer.state(), identity))
