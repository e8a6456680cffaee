"""The training of a decoder, for universal style transfer."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from neural_style import __version__
from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.pretrained import decoders
from neural_style.results import files
from neural_style.training.crops import Crops
from neural_style.training.job import TrainingJob, resume, save_state

if TYPE_CHECKING:
    from neural_style.training.decoder_training import Progress

ENDING, RECIPE = decoders.ENDING, "wct"
KEPT_EVERY = 100
"""Steps between two states that a training can go on from, and between two lines."""


def run(job: TrainingJob, make_cache: Callable[[], Cache]) -> None:
    """Trains a decoder to the end and writes it.

    Args:
      job: the training.
      make_cache: loads TensorFlow, and returns the cache that keeps VGG's weights.

    Raises:
      UserError: it can't be trained.
      KeyboardInterrupt: after the state is written.
    """
    if job.words:
        raise UserError(f"--decoder takes no styles, received {' '.join(job.words)}: leave them out.", exit_code=2)
    settings, network = job.training, job.network
    facts = decoders.encoder(network, settings.seed)
    crops = Crops(job.photos, settings.crop, settings.batch, settings.seed)
    cache = make_cache()
    from neural_style.training import decoder_training
    from neural_style.universal import decoder

    trained = decoder_training.start_training(settings, network, crops, cache)
    identity = {**facts, **job.identity(settings)}
    resume(job, trained, identity)
    began, first, last = time.monotonic(), trained.step, None
    try:
        for last in trained.steps(crops, settings):
            if last.step % KEPT_EVERY == 0 and last.step < settings.steps:
                save_state(job, trained, identity)
                left = (time.monotonic() - began) / (last.step - first) * (settings.steps - last.step)
                logger.info(f"step {last.step} of {settings.steps}: {_text(last)}, {left / 60:.0f} minutes left")
    except KeyboardInterrupt:
        save_state(job, trained, identity)
        raise
    made = {**facts, "steps": str(settings.steps), "neural_style": __version__}
    files.write_whole(job.path, lambda partial: decoder.save(partial, trained.decoder(), made))
    job.state.unlink(missing_ok=True)
    logger.info(f"Wrote {job.path}: level {settings.decoder}; {_text(last) if last else 'nothing was left to do.'}")


def _text(progress: "Progress") -> str:
    features = f"features {math.sqrt(progress.features):.0%} off"
    if progress.pixels is None:
        return f"the lower level's {features}"
    return f"crops come back at {-10 * math.log10(progress.pixels):.1f} dB, their {features}"
