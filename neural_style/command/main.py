"""The command line: read the flags, check, wire, run, report."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence

from neural_style import __version__
from neural_style.command import batch, flags, help_text, recipes
from neural_style.command.flags import Options
from neural_style.errors import UserError
from neural_style.images import sources
from neural_style.optimize.studio import Studio
from neural_style.results import checkpoint, files, record
from neural_style.results.report import Report

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def console() -> None:
    """The command `neural-style`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up chatter is not the user's concern
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Runs a command line, without the program's name; returns its exit code."""
    try:
        positional, options = flags.parse(arguments)
        if options.help or options.helpfull:
            print(help_text.text(full=options.helpfull))
        elif options.version:
            print(f"neural-style {__version__}")
        elif options.list_recipes:
            print(recipes.text())
        elif options.show:
            print(files.show(options.show))
        elif options.manifest:
            return batch.run(arguments, positional, options.manifest, stylize)
        else:
            stylize(positional, options, Studio())
    except UserError as error:
        print(f"neural-style: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("neural-style: interrupted.", file=sys.stderr)
        return INTERRUPTED
    return 0


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


def stylize(positional: Sequence[str], options: Options, studio: Studio, skip_complete: bool = False) -> bool:
    """Stylises one photograph, scale by scale, and writes the results' files.

    Ctrl-C and a loss that is not finite end the run; the best image so far is written all the same.

    Args:
      positional: content, styles and the results' prefix.
      options: of the run.
      studio: may hold weights and traces of earlier runs.
      skip_complete: whether a run that is complete already is left alone, as --resume does.

    Returns:
      Whether there was anything to do.

    Raises:
      UserError: the command can't be carried out.
      KeyboardInterrupt: after the files are written.
    """
    if len(positional) < 3:
        received = " ".join(positional) or "none"
        raise UserError(f"Expected at least three arguments, {help_text.USAGE}, received {received}.", exit_code=2)
    content, *styles, output = positional
    prefix, ending = files.split(output)
    given = sources.load(content, styles, options)
    header = record.header(content, styles, (prefix, ending), options)
    digests = record.digests(content, styles, options)
    if (options.resume or skip_complete) and checkpoint.is_complete(prefix, header, digests, ending):
        print(f"{prefix}{ending} is complete already.")
        return False
    state = checkpoint.load(prefix) if options.resume else None
    if state:
        checkpoint.check_same(state, header, digests)
    with _quiet():
        import tensorflow  # noqa: F401
    with Report(given, (prefix, ending), header, digests, state) as report:
        for session in studio.sessions(given, state and state.resumed):
            report.begin(session)
            for step in session.steps():
                report.add(step)
        rows, cols = session.pictures.content.shape[:2]
    print(f"Wrote {prefix}{ending} ({rows} x {cols}) and {prefix}.json.")
    return True
