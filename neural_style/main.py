"""The command line: read the flags, check, wire, run, report."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence

from neural_style import __version__, flags, help, images, pictures, recipes, studio
from neural_style.errors import UserError
from neural_style.report import Report

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
            print(help.text(full=options.helpfull))
        elif options.version:
            print(f"neural-style {__version__}")
        elif options.list_recipes:
            print(recipes.text())
        else:
            stylize(*_arguments(positional), options)
    except UserError as error:
        print(f"neural-style: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("neural-style: interrupted.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _arguments(positional: list[str]) -> tuple[str, list[str], str]:
    """Content, styles and prefix."""
    if len(positional) < 3:
        received = " ".join(positional) or "none"
        raise UserError(f"Expected at least three arguments, {help.USAGE}, received {received}.", exit_code=2)
    return positional[0], positional[1:-1], positional[-1]


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


def stylize(content: str, styles: list[str], prefix: str, options: flags.Options) -> None:
    """Stylises one photograph, scale by scale, and writes PREFIX's files.

    Ctrl-C and a loss that is not finite end the run; the best image so far is written all the same.

    Raises:
      UserError: the command can't be carried out.
      KeyboardInterrupt: after the files are written.
    """
    images.check_prefix(prefix)
    scales = pictures.scales(options)
    scene = pictures.read(content, styles, options, scales[0])
    with _quiet():
        import tensorflow  # noqa: F401
    with Report(content, styles, prefix, options) as report:
        session = None
        for rows, iterations in zip(
            scales, options.scale_iterations or [options.iterations] * len(scales), strict=True
        ):
            if rows != scales[0]:
                scene = pictures.read(content, styles, options, rows, report.last.image)
            session = studio.prepare(scene, options, iterations, session)
            report.begin(session)
            for step in session.steps():
                report.add(step)
    print(f"Wrote {prefix}.png ({rows} x {scene.content.shape[1]}) and {prefix}.json.")
