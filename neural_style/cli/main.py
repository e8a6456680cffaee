"""The command line: reads the flags and runs the command."""

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from neural_style.cli import flags, help_text
from neural_style.cli.loading import engine_maker
from neural_style.cli.paint_options import PaintOptions
from neural_style.cli.terminal import print_log, say, warn
from neural_style.core.errors import UserError
from neural_style.core.version import __version__
from neural_style.settings import recipes
from neural_style.settings.settings import Settings

if TYPE_CHECKING:
    from neural_style.cli.batch import Batch
    from neural_style.core.run import Engine  # needs NumPy, which --help can do without

SUBCOMMANDS = {name: f"neural_style.cli.{name}" for name in ("compare", "help", "sheet", "train", "web")}
"""Modules by the first argument. Any other command line paints, or shows what its flags ask for."""


def main(arguments: Sequence[str]) -> int:
    """Run a command line, without the program's name; return its exit code: 0, or 1 or 2 after an error."""
    print_log()
    try:
        if not arguments:
            say(help_text.SHORT)
            return 0
        if arguments[0] in SUBCOMMANDS:
            return importlib.import_module(SUBCOMMANDS[arguments[0]]).run(arguments[1:])
        return _run(flags.parse(arguments))
    except UserError as error:
        warn(str(error))
        return error.exit_code


def _run(command_line: flags.CommandLine) -> int:
    options = command_line.options
    if options.help or options.helpfull:
        say(help_text.text(full=options.helpfull))
    elif options.version:
        say(f"neural-style {__version__}")
    elif options.list_recipes:
        say(recipes.text())
    elif options.show:
        from neural_style.cli import show

        say(show.text(options.show))
    elif options.export:
        from neural_style.cli import export

        export.run(command_line.paths, options.export)
    elif options.manifest:
        return _paint_batch(command_line, _read_table)
    else:
        return _paint_named_files(command_line)
    return 0


def _paint_named_files(command_line: flags.CommandLine) -> int:
    """Paint one photograph or film, or a batch of photographs; return the exit code."""
    from neural_style.cli import photographs  # reads images, which --help does not need

    request = photographs.find_request(command_line)
    if request is None:
        _paint_single(command_line)
        return 0
    return _paint_batch(command_line, functools.partial(photographs.plan_batch, request))


def _read_table(command_line: flags.CommandLine) -> "Batch":
    from neural_style.cli import batch

    return batch.read_table(command_line)


def _paint_single(command_line: flags.CommandLine) -> None:
    """Paint one photograph or film; with --cluster, workers paint a film's shots or a picture's tiles."""
    options, paths = command_line.options, command_line.paths
    settings = command_line.settings(paths[1:-1])
    paint_options = PaintOptions(options.resume, also_read=tuple(command_line.files), folder_is_film=options.film)
    if not options.cluster:
        paint(paths, settings, engine_maker(), paint_options)
        return
    from neural_style.cli.film_names import is_film
    from neural_style.cluster.driver import Driver

    paints_film = is_film(_check_paths(paths), options.film)
    if not (paints_film or (isinstance(settings.optimizer.tile, int) and settings.optimizes)):
        received = "one without tiles: add --tile=PIXELS, or" if settings.optimizes else "one that is not optimised:"
        raise UserError(
            "--cluster gives workers the rows of --manifest, the photographs of a folder, the shots of a film, or the "
            f"tiles of a picture that is optimised, received {received} leave out --cluster.",
            exit_code=2,
        )
    with Driver(options.cluster) as driver:
        make_engine = driver.engine if paints_film else engine_maker(make_tiled_objective=driver.tiled)
        paint(paths, settings, make_engine, paint_options)


def _paint_batch(command_line: flags.CommandLine, read: "Callable[[flags.CommandLine], Batch]") -> int:
    """Paint what `read` returns; with --cluster, each row on a worker. Returns the exit code."""
    from neural_style.cli import batch

    rows_to_paint = read(command_line)
    if not command_line.options.cluster:
        return batch.paint_batch(rows_to_paint, command_line, functools.partial(paint, make_engine=engine_maker()))
    from neural_style.cluster.driver import Driver

    with Driver(command_line.options.cluster) as driver:
        paint_row = functools.partial(paint, make_engine=driver.engine)
        return batch.paint_batch(rows_to_paint, command_line, paint_row, driver.map)


def paint(
    paths: Sequence[str],
    settings: Settings,
    make_engine: "Callable[[], Engine]",
    options: PaintOptions,
) -> bool:
    """Paint one photograph or film and write the output files; an interrupted run leaves its best image.

    Args:
      paths: content, styles and the prefix of the output files.
      settings: of the run.
      make_engine: called after everything that needs no engine is checked.
      options: see `PaintOptions`.

    Returns:
      Whether there was anything to do.

    Raises:
      UserError: the command can't be carried out.
      KeyboardInterrupt: after the files are written.
    """
    from neural_style.cli.film_names import is_film  # reads images, which --help does not need

    paints_film = is_film(_check_paths(paths), options.folder_is_film)
    if options.folder_is_film and not paints_film:
        raise UserError(
            f"--film takes a folder of frames, and {paths[0]!r} is none: name another, or leave out --film."
        )
    painter = importlib.import_module("neural_style.cli.film" if paints_film else "neural_style.cli.picture")
    return painter.paint(paths, settings, make_engine, options)


def _check_paths(paths: Sequence[str]) -> Sequence[str]:
    """Return the paths; raise a UserError where they are not content, style and prefix."""
    if len(paths) < 3:
        received = " ".join(paths) or "none"
        raise UserError(f"Expected at least three arguments, {help_text.USAGE}, received {received}.", exit_code=2)
    return paths
