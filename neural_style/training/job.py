"""A training that was asked for, and the file from which an interrupted one resumes."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.results import files
from neural_style.settings.checked import Checked
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import StylesSettings, TrainingSettings
from neural_style.training import state_files

if TYPE_CHECKING:
    from neural_style.training.decoder_training import Training as DecoderTraining
    from neural_style.training.network_training import Training

REPORTING = ("tensorboard", "shows", "shows_every")
"""Flags that do not change what is trained."""
CHANGEABLE = (*REPORTING, "rate")
"""Flags that may differ when a training resumes: a lower rate helps where the loss was not finite."""


@dataclasses.dataclass(frozen=True)
class TrainingJob:
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
        fields = [
            (group, field) for group in groups for field in dataclasses.fields(group) if field.name not in CHANGEABLE
        ]
        kept = {field.name: field.metadata["kind"].text(getattr(group, field.name)) for group, field in fields}
        return {**kept, "files": hashlib.sha256("\n".join(names + bytes_read).encode()).hexdigest()}


def resume(job: TrainingJob, training: "Training | DecoderTraining", identity: Mapping[str, str]) -> None:
    """Brings a training to where the one that was broken off stood, where there is one.

    Raises:
      UserError: what is there is not this training's.
    """
    if job.state.exists():
        state = state_files.read(job.state, identity)
        try:
            training.restore(state)
        except (KeyError, ValueError) as error:  # a tensor is missing, or of another shape
            raise UserError(f"{str(job.state)!r} is no state of this training: remove it to start anew.") from error
        logger.info(f"Going on at step {training.step} of {job.training.steps}.")
    elif job.resume:
        logger.warning(f"{job.state} is not there: the training begins with its first step.")


def save_state(job: TrainingJob, training: "Training | DecoderTraining", identity: Mapping[str, str]) -> None:
    """Writes what a training can be gone on with; nothing before its first step."""
    if training.step:
        files.write_whole(job.state, lambda partial: state_files.write(partial, training.state(), identity))
