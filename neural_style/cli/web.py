"""neural-style web: serves the page."""

import dataclasses
import threading
from collections.abc import Sequence

from neural_style.cli import flags, help_text
from neural_style.cli.loading import engine_maker
from neural_style.cli.terminal import say
from neural_style.core.errors import UserError
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Switch, setting
from neural_style.settings.web import WebSettings

USAGE = "neural-style web [--flags]"


@dataclasses.dataclass(frozen=True)
class WebCommand(Checked):
    """What the command does."""

    help: bool = setting(False, Switch(), "Show these flags.")


GROUPS = (WebSettings, WebCommand)


def run(arguments: Sequence[str]) -> int:
    """Serve the page until Ctrl-C.

    Args:
      arguments: the command line after "web".

    Raises:
      UserError: the command line is wrong, or the page can't be served.
      KeyboardInterrupt: after the page is closed.
    """
    paths, values, _ = flags.read(arguments, GROUPS)
    if WebCommand(values.pop("help")).help:
        say(_help())
        return 0
    if paths:
        raise UserError(f"Expected {USAGE}, received {' '.join(paths)}.", exit_code=2)
    bounds = WebSettings(**values)
    from neural_style.web.server import serving  # loads what the help does not need

    engines = [engine_maker()() for _ in range(bounds.engines)]
    with serving(bounds, engines) as address:
        say(f"The page is at {address} (Ctrl-C ends it).")
        threading.Event().wait()
    return 0


def _help() -> str:
    lines = [f"Usage: {USAGE}", "", "Serves a page that paints; Ctrl-C ends it."]
    for group in GROUPS:
        lines += help_text.of_group(group)
    return "\n".join(lines)
