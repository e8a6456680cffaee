"""Serves the page."""

import contextlib
import hmac
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neural_style.core.errors import UserError
from neural_style.settings.web import WebSettings
from neural_style.web.job_queue import Line

if TYPE_CHECKING:
    from neural_style.engine import Engine


@contextlib.contextmanager
def serving(bounds: WebSettings, engines: Sequence["Engine"]) -> Iterator[str]:
    """Serves the page for as long as the context lasts; gives its address.

    Args:
      bounds: of the page.
      engines: that paint, each one picture at a time.

    Raises:
      UserError: the package is missing, or the port is taken.
    """
    _check_port(bounds)
    with tempfile.TemporaryDirectory(prefix="neural_style_web_") as folder:
        # Read by Gradio when it is imported: nothing is told to its makers, and uploads lie in a folder of their own.
        os.environ.update(GRADIO_ANALYTICS_ENABLED="False", GRADIO_TEMP_DIR=folder, HF_HUB_OFFLINE="1")
        try:
            import gradio
            from starlette.middleware import Middleware
        except ImportError as error:
            raise UserError("The page needs the package gradio: pip install 'neural-style[web]'.") from error
        from neural_style.web import page
        from neural_style.web.access import Gate

        line, shared = Line(engines, bounds.most_waiting), bounds.share == "yes"
        blocks = page.Page(line, bounds, Path(folder)).blocks()
        most = bounds.most_upload * 10**6
        system = ["system-ui", "sans-serif"]  # Gradio's own fonts come from Google
        _, local, public = blocks.launch(
            server_name=bounds.host,
            server_port=bounds.port,
            share=shared,
            auth=_door(bounds.password),
            theme=gradio.themes.Default(font=system, font_mono=["monospace"]),
            css=page.CSS,
            max_file_size=most,
            app_kwargs={"middleware": [Middleware(Gate, folder=folder, most_upload=most, policy=not shared)]},
            prevent_thread_lock=True,
            quiet=True,
            ssr_mode=False,
            footer_links=[],
            state_session_capacity=200,
        )
        try:
            yield public or local
        finally:
            line.close()
            blocks.close(verbose=False)


def _check_port(bounds: WebSettings) -> None:
    """Raises a UserError where nothing can listen at the page's address."""
    family = socket.AF_INET6 if ":" in bounds.host else socket.AF_INET
    with socket.socket(family) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a page that was just closed is not in the way
        try:
            tried.bind((bounds.host, bounds.port))
        except OSError as error:
            raise UserError(
                f"--host={bounds.host} --port={bounds.port} can't be listened at ({error.strerror or error}): name "
                "another port."
            ) from error


def _door(password: str | None) -> Callable[[str, str], bool] | None:
    """What lets visitors in by the password; None where everybody may come."""
    return password and (lambda name, given: hmac.compare_digest(given.encode(), password.encode()))
