"""The job of adding styles to a trained network: a style of one's own in a few minutes."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.pretrained import style_networks
from neural_style.results import files, targets
from neural_style.settings import recipes
from neural_style.settings.training import OF_WHOLE_NETWORKS
from neural_style.training.job import TrainingJob, train
from neural_style.training.network_job import check_crop, export_for_litert, load_shown, load_styles, style_names
from neural_style.training.network_report import NetworkReport

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


def defaults(words: Sequence[str]) -> Mapping[str, str | bool]:
    """The flags that the command line overrides, as text by name.

    Args:
      words: paintings and the network's file.
    """
    return {**recipes.read("networks"), **DEFAULTS, "steps": str(STEPS * max(1, len(words) - 1))}


def run(job: TrainingJob, make_cache: Callable[[], Cache]) -> None:
    """Train the styles to the end and write the network.

    Args:
      job: the request.
      make_cache: loads TensorFlow, and returns the cache that keeps VGG's weights.

    Raises:
      UserError: the styles can't be trained, or the loss is not finite, after the state before that is saved.
      KeyboardInterrupt: after the state is saved.
    """
    trunk = _trunk(job)
    facts = style_networks.facts(trunk)
    names = style_names(job)
    _check(job, facts, names)
    pictures, styles = load_styles(job, names)
    photograph = load_shown(job.styles.shows) if job.styles.shows else None
    kept = 0 if job.styles.only_styles else len(facts["styles"])
    pictures += [style_networks.read_picture(trunk, number) for number in range(kept)]
    identity = job.identity(job.training, job.styles, job.loss, job.network, inputs=[*job.words, str(trunk)])
    crops = job.crops(of_one_photograph=True)
    cache = make_cache()
    from neural_style.feedforward.network import save
    from neural_style.training import network_setup

    if photograph is not None:
        logger.info(f"{job.preview} shows {', '.join(names)} while learning.")
    beginning = None if job.state.exists() else crops
    network, training = network_setup.start_style_training(
        job.training, job.styles, job.loss, job.network, names, styles, beginning, cache
    )
    report = NetworkReport(job, network, photograph, facts["training"], shown_styles=len(names))

    def finish() -> None:
        record = report.record()
        files.write_whole(job.path, lambda partial: save(partial, network, pictures, record))

    train(job, training, identity, crops, report, finish)
    if job.styles.export:
        export_for_litert(job.path)
    logger.info(f"Wrote {job.path}: {', '.join(names)}; {report.text()}")
    command = ["neural-style", "PHOTO", str(job.path), "OUT"]
    if len(network.styles) > 1:
        command.append(f"--style={names[0]}")
    logger.info(f"Paint with: {shlex.join(command)}")


def _trunk(job: TrainingJob) -> Path:
    if not job.styles.add_to:
        raise UserError("--add_to takes a trained network, such as painters, received nothing.", exit_code=2)
    return Path(job.styles.add_to)


def _check(job: TrainingJob, facts: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raise a UserError where the styles can't be added to the network, or a flag has no effect."""
    unused = [name for name in OF_WHOLE_NETWORKS if name in job.given]
    if unused:
        raise UserError(
            f"--{unused[0]} is of the training of whole networks (--architecture or --init_from): leave it out.",
            exit_code=2,
        )
    trunk = job.styles.add_to
    if facts["architecture"] == "msg":
        raise UserError(f"--add_to takes a network whose styles have γ and β, and {trunk!r} is msg: name another.")
    taken = [] if job.styles.only_styles else [name for name in names if name in facts["styles"]]
    if taken:
        raise UserError(
            f"{trunk!r} has a style {taken[0]!r} already: rename the painting's file, or add --only_styles."
        )
    check_crop(job)
    if job.styles.shows and not job.resume:
        targets.check_new(job.preview)
