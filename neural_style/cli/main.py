"""The command line: read the flags, check, wire, run, report."""

import functools
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neural_style import __version__
from neural_style.cli import flags, help_text
from neural_style.cli.loading import engine_maker
from neural_style.cli.terminal import print_log, say, warn
from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.settings import recipes
from neural_style.settings.settings import Settings

if TYPE_CHECKING:
    from neural_style.engine import Engine


QUICK = Cache(1e9)
"""Keeps what paints without TensorFlow from row to row of a table."""
COMMANDS = {"train": "neural_style.cli.train", "web": "neural_style.cli.web"}
"""What the first word chooses, each in a module of its own; any other is a picture to paint."""


def main(arguments: Sequence[str]) -> int:
    """Runs a command line, without the program's name; returns its exit code."""
    print_log()
    try:
        if arguments and arguments[0] in COMMANDS:
            return importlib.import_module(COMMANDS[arguments[0]]).run(arguments[1:])
        return _run(flags.parse(arguments))
    except UserError as error:
        warn(str(error))
        return error.exit_code


def _run(given: flags.Command) -> int:
    command = given.command
    if command.help or command.helpfull:
        say(help_text.text(full=command.helpfull))
    elif command.version:
        say(f"neural-style {__version__}")
    elif command.list_recipes:
        say(recipes.text())
    elif command.show:
        from neural_style.cli import show

        say(show.text(command.show))
    elif command.export:
        from neural_style.cli import export

        export.run(given.words, command.export, engine_maker())
    elif command.manifest:
        return _paint_rows(given)
    else:
        _paint_one(given)
    return 0


def _paint_one(given: flags.Command) -> None:
    """Paints what the words name; with --cluster, workers do a film's shots or a picture's tiles."""
    command, words, settings = given.command, given.words, given.settings(given.words[1:-1])
    how = {"resume": command.resume, "also_read": given.files}
    if not command.cluster:
        paint(words, settings, engine_maker(), **how)
        return
    from neural_style.cli import film
    from neural_style.cluster.driver import Driver

    tiled = isinstance(settings.optimizer.tile, int) and settings.universal.optimizes
    if not (tiled or film.is_film(_named(words))):
        raise UserError(
            "--cluster gives workers the rows of --manifest, the shots of a film, or the tiles of a picture that is "
            "optimised with --tile=PIXELS: name one of them, or leave it out.",
            exit_code=2,
        )
    with Driver(command.cluster) as driver:
        paint(words, settings, driver.engine if film.is_film(words) else engine_maker(tiled=driver.tiled), **how)


def _paint_rows(given: flags.Command) -> int:
    """Paints the rows of a table; with --cluster, each on a worker. Returns the exit code."""
    from neural_style.cli import batch

    if not given.command.cluster:
        return batch.run(given, functools.partial(paint, engine=engine_maker()))
    from neural_style.cluster.driver import Driver

    with Driver(given.command.cluster) as driver:
        return batch.run(given, functools.partial(paint, engine=driver.engine, quick=None), driver.map)


def paint(
    words: Sequence[str],
    settings: Settings,
    engine: Callable[[], "Engine"],
    resume: bool = False,
    skip_complete: bool = False,
    also_read: Sequence[str] = (),
    quick: Cache | None = QUICK,
) -> bool:
    """Paints one photograph or film and writes the results' files; what breaks a run off leaves the best so far.

    Args:
      words: content, styles and the results' prefix.
      settings: of the run.
      engine: makes the engine, once everything is checked that needs none.
      resume: whether an interrupted run is gone on with.
      skip_complete: whether a run that is complete already is left alone, as `resume` does.
      also_read: files besides the images that the command was read from.
      quick: keeps what paints without the engine; None leaves every picture to the engine, as a cluster's workers need.

    Returns:
      Whether there was anything to do.

    Raises:
      UserError: the command can't be carried out.
      KeyboardInterrupt: after the files are written.
    """
    from neural_style.cli import film  # reads images, which help and the like do not need

    words = _named(words)
    given = words, settings, engine, resume, skip_complete, also_read
    return film.paint(*given) if film.is_film(words) else _paint_picture(*given, quick)


def _paint_picture(
    words: Sequence[str],
    settings: Settings,
    engine: Callable[[], "Engine"],
    resume: bool,
    skip_complete: bool,
    also_read: Sequence[str],
    quick: Cache | None,
) -> bool:
    """Paints a photograph; see `paint`."""
    from neural_style import api
    from neural_style.images import inputs, writing
    from neural_style.results import checkpoint, files, record, targets
    from neural_style.results.progress import Progress
    from neural_style.results.report import Report

    content, *styles, output = words
    if settings.output.preview == "side":
        raise UserError("--preview=side is for films: of pictures PREFIX_comparison.png shows the same.")
    prefix, ending = files.split(output, content)
    read = inputs.read(content, styles, settings)
    rows, cols = read.sizes[-1]
    writing.check_size(ending, rows, cols)
    header = record.header(content, styles, (prefix, ending), settings)
    digests = record.digests(content, styles, settings)
    if (resume or skip_complete) and checkpoint.is_complete(prefix, header, digests, ending):
        say(f"{prefix}{ending} is complete already.")
        return False
    state = checkpoint.load(prefix) if resume else None
    if state:
        checkpoint.check_same(state, header, digests, len(read.sizes))
    iterations = settings.optimizer.iterations_at(len(read.sizes))[-1]
    inputs, fresh = [*digests, *also_read], state is None
    targets.check(prefix, ending, inputs, settings.output, iterations, fresh, settings.companions)
    api.check(read)
    with targets.locked(prefix):
        progress = Progress(read.sizes, settings, state.scales if state else (), Path(prefix).name)
        run = api.run_of(read, engine, quick, state and state.resumed, progress.watch)
        api.follow(run, Report(header, digests, settings.output, [read.content, *read.styles], progress, state))
    say(f"Wrote {prefix}{ending} ({rows} x {cols}) and {prefix}.json.")
    return True


def _named(words: Sequence[str]) -> Sequence[str]:
    """The arguments, of which there must be content, style and prefix."""
    if len(words) < 3:
        received = " ".join(words) or "none"
        raise UserError(f"Expected at least three arguments, {help_text.USAGE}, received {received}.", exit_code=2)
    return words
