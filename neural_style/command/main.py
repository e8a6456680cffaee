"""The command line: read the flags, check, wire, run, report."""

import contextlib
import functools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from neural_style import __version__
from neural_style.command import flags, help_text
from neural_style.errors import UserError
from neural_style.settings import recipes
from neural_style.settings.settings import Settings

if TYPE_CHECKING:
    from neural_style.engine import Engine

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def console() -> None:
    """The command `neural-style`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up chatter is not the user's concern
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Runs a command line, without the program's name; returns its exit code."""
    try:
        return _run(flags.parse(arguments))
    except UserError as error:
        print(f"neural-style: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("neural-style: interrupted.", file=sys.stderr)
        return INTERRUPTED


def _run(given: flags.Command) -> int:
    command = given.command
    if command.help or command.helpfull:
        print(help_text.text(full=command.helpfull))
    elif command.version:
        print(f"neural-style {__version__}")
    elif command.list_recipes:
        print(recipes.text())
    elif command.show:
        from neural_style.command import show

        print(show.text(command.show))
    elif command.manifest:
        from neural_style.command import batch

        return batch.run(given, functools.partial(paint, engine=engine_maker()))
    else:
        paint(given.words, given.settings(), engine_maker(), resume=command.resume)
    return 0


def engine_maker() -> Callable[[], "Engine"]:
    """A function that makes an engine when it is first called, and imports TensorFlow no sooner."""
    made = []

    def engine() -> "Engine":
        if not made:
            with _quiet():
                from neural_style.engine import Engine
            made.append(Engine())
        return made[0]

    return engine


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps off the terminal what libraries in C++ write to file descriptor 2 while they load."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as chatter:
        terminal = os.dup(2)
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except BaseException:
            chatter.seek(0)
            os.write(terminal, chatter.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def paint(
    words: Sequence[str],
    settings: Settings,
    engine: Callable[[], "Engine"],
    resume: bool = False,
    skip_complete: bool = False,
) -> bool:
    """Stylises one photograph and writes the results' files; what breaks a run off leaves the best image so far.

    Args:
      words: content, styles and the results' prefix.
      settings: of the run.
      engine: makes the engine, once everything is checked that needs none.
      resume: whether an interrupted run is gone on with.
      skip_complete: whether a run that is complete already is left alone, as `resume` does.

    Returns:
      Whether there was anything to do.

    Raises:
      UserError: the command can't be carried out.
      KeyboardInterrupt: after the files are written.
    """
    from neural_style import painting  # reads images, which help and the like do not need
    from neural_style.images import sources
    from neural_style.results import checkpoint, files, record
    from neural_style.results.progress import Progress
    from neural_style.results.report import Report

    content, *styles, output = _named(words)
    prefix, ending = files.split(output)
    read = sources.read(content, styles, settings)
    header = record.header(content, styles, (prefix, ending), settings)
    digests = record.digests(content, styles, settings)
    if (resume or skip_complete) and checkpoint.is_complete(prefix, header, digests, ending):
        print(f"{prefix}{ending} is complete already.")
        return False
    state = checkpoint.load(prefix) if resume else None
    if state:
        checkpoint.check_same(state, header, digests)
    progress = Progress(read.sizes, settings.optimizer, state.scales if state else ())
    run = engine().run(read, state and state.resumed, progress.watch)
    shown = [read.content, *read.styles]
    painting.follow(run, Report(header, digests, settings.output, shown, progress, state))
    rows, cols = read.sizes[-1]
    print(f"Wrote {prefix}{ending} ({rows} x {cols}) and {prefix}.json.")
    return True


def _named(words: Sequence[str]) -> Sequence[str]:
    """The arguments, of which there must be content, style and prefix."""
    if len(words) < 3:
        received = " ".join(words) or "none"
        raise UserError(f"Expected at least three arguments, {help_text.USAGE}, received {received}.", exit_code=2)
    return words
