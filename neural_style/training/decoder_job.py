"""The job of training a decoder of a level, or a band decoder, for universal style transfer."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.core.version import __version__
from neural_style.pretrained import decoders
from neural_style.results import files
from neural_style.settings import recipes
from neural_style.training.job import TrainingJob, train

if TYPE_CHECKING:
    from neural_style.training.crops import Crops
    from neural_style.training.decoder_training import DecoderProgress

ENDING = decoders.ENDING


def defaults(paths: Sequence[str]) -> Mapping[str, str | bool]:
    """The flags that the command line overrides, as text by name."""
    return recipes.read("wct")


def run(job: TrainingJob, make_cache: Callable[[], Cache]) -> None:
    """Train a decoder to the end and write it.

    Args:
      job: the request.
      make_cache: loads TensorFlow, and returns the cache that keeps VGG's weights.

    Raises:
      UserError: the decoder can't be trained.
      KeyboardInterrupt: after the state is saved.
    """
    if job.paintings:
        flag = "band_decoder" if job.training.band_decoder else "decoder"
        raise UserError(f"--{flag} takes no styles, received {' '.join(job.paintings)}: leave them out.", exit_code=2)
    settings = job.training
    encoder = (decoders.band_encoder if settings.band_decoder else decoders.encoder)(job.network, settings.seed)
    identity = {**encoder, **job.identity(settings)}
    crops = job.crops()
    cache = make_cache()
    trainer, save = _start(job, crops, cache)
    report = _Report()

    def finish() -> None:
        metadata = {**encoder, "steps": str(settings.steps), "neural_style": __version__}
        files.write_whole(job.path, lambda partial: save(partial, trainer.decoder(), metadata))

    train(job, trainer, identity, crops, report, finish)
    name = "bands" if settings.band_decoder else f"level {settings.decoder}"
    logger.info(f"Wrote {job.path}: {name}; {report.text()}")


def _start(job: TrainingJob, crops: "Crops", cache: Cache) -> tuple[Any, Callable[..., None]]:
    """Build the trainer before its first step; return it and what saves its decoder."""
    from neural_style.training import band_training, decoder_training
    from neural_style.universal import band_decoder, decoder

    if job.training.band_decoder:
        return band_training.start_training(job.training, job.network, crops, cache), band_decoder.save
    return decoder_training.start_training(job.training, job.network, crops, cache), decoder.save


class _Report:
    """The errors of a decoder while it is trained."""

    def __init__(self):
        self._last: DecoderProgress | None = None

    def add(self, progress: "DecoderProgress") -> None:
        """Take the progress of a step."""
        self._last = progress

    def text(self) -> str:
        """The errors of the last step, in words."""
        if self._last is None:
            return "no steps were left."
        features = f"features {math.sqrt(self._last.features):.0%} off"
        if self._last.pixels is None:
            return f"the lower level's {features}"
        return f"crops are decoded at {-10 * math.log10(self._last.pixels):.1f} dB, their {features}"
