"""The training of a decoder, for universal style transfer."""

import math
import time
from typing import TYPE_CHECKING

from neural_style import __version__
from neural_style.command.loading import engine_maker
from neural_style.command.train import Asked, go_on, keep_state
from neural_style.errors import UserError
from neural_style.results import files
from neural_style.settings import decoders
from neural_style.terminal import say
from neural_style.training.crops import Crops

if TYPE_CHECKING:
    from neural_style.universal.training import Progress

ENDING, RECIPE = decoders.ENDING, "wct"
KEPT_EVERY = 100
"""Steps between two states that a training can go on from, and between two lines."""


def run(asked: Asked) -> None:
    """Trains a decoder to the end and writes it.

    Raises:
      UserError: it can't be trained.
      KeyboardInterrupt: after the state is written.
    """
    if asked.words:
        raise UserError(f"--decoder takes no styles, received {' '.join(asked.words)}: leave them out.", exit_code=2)
    settings, network = asked.training, asked.network
    facts = decoders.encoder(network, settings.seed)
    crops = Crops(asked.photos, settings.crop, settings.batch, settings.seed)
    cache = engine_maker()().cache
    from neural_style.universal import decoder, training

    trained = training.begun(settings, network, crops, cache)
    identity = {**facts, **asked.identity(settings)}
    go_on(asked, trained, identity)
    began, first, last = time.monotonic(), trained.step, None
    try:
        for last in trained.steps(crops, settings):
            if last.step % KEPT_EVERY == 0 and last.step < settings.steps:
                keep_state(asked, trained, identity)
                left = (time.monotonic() - began) / (last.step - first) * (settings.steps - last.step)
                say(f"step {last.step} of {settings.steps}: {_text(last)}, {left / 60:.0f} minutes left")
    except KeyboardInterrupt:
        keep_state(asked, trained, identity)
        raise
    made = {**facts, "steps": str(settings.steps), "neural_style": __version__}
    files.write_whole(asked.path, lambda partial: decoder.save(partial, trained.decoder(), made))
    asked.state.unlink(missing_ok=True)
    say(f"Wrote {asked.path}: level {settings.decoder}; {_text(last) if last else 'nothing was left to do.'}")


def _text(progress: "Progress") -> str:
    features = f"features {math.sqrt(progress.features):.0%} off"
    if progress.pixels is None:
        return f"the lower level's {features}"
    return f"crops come back at {-10 * math.log10(progress.pixels):.1f} dB, their {features}"
