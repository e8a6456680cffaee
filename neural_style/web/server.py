"""Serves the page."""

import contextlib
import hmac
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from neural_style.core.errors import UserError
from neural_style.core.run import Engine
from neural_style.settings.web import WebSettings
from neural_style.web.job_queue import JobQueue

if TYPE_CHECKING:
    from gradio import Blocks

    from neural_style.web.bodies import EventFunction
    from neural_style.web.page import Page
    from neural_style.web.sessions import Sessions
    from neural_style.web.uploads import UploadFolder

SPARE_THREADS = 80
"""Events of the page that Gradio handles at the same time, besides jobs that wait or run."""
MAX_SESSION_STATES = 200
"""Sessions whose components Gradio remembers."""

ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    # A style is learned in a process of its own, which needs a part of the GPU's memory.
    "TF_FORCE_GPU_ALLOW_GROWTH": os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH", "true"),
    # Statistics of all events would be computed anew after each event.
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**12),
    # X-Forwarded-For must not disguise visitors on this machine. Behind a proxy, set this to the proxy's address.
    "FORWARDED_ALLOW_IPS": os.environ.get("FORWARDED_ALLOW_IPS", ""),
}
"""Settings of Gradio and uvicorn: nothing is reported to Gradio's makers."""


@contextlib.contextmanager
def serving(bounds: WebSettings, engines: Sequence[Engine]) -> Iterator[str]:
    """Serve the page for as long as the context lasts; give its address.

    Args:
      bounds: settings of the page.
      engines: each paints one picture at a time.

    Raises:
      UserError: Gradio is not installed, or the port is taken.
    """
    _check_port(bounds)
    with tempfile.TemporaryDirectory(prefix="neural_style_web_") as path, _importing_gradio(path):
        from neural_style.web.page import Page
        from neural_style.web.sessions import Sessions
        from neural_style.web.uploads import UploadFolder

        folder = UploadFolder(path, bounds.max_upload * 10**6)
        sessions = Sessions()
        queue = JobQueue(engines, bounds.max_waiting)
        try:
            page = Page(queue, bounds, folder, sessions)
            with folder.sweeping(), _launching(page, bounds, folder, sessions) as address:
                yield address
        finally:
            queue.close()


@contextlib.contextmanager
def _importing_gradio(folder: str) -> Iterator[None]:
    """Import Gradio, with its settings in the environment for as long as the context lasts.

    Args:
      folder: where it keeps files.
    """
    before = {name: os.environ.get(name) for name in (*ENVIRONMENT, "GRADIO_TEMP_DIR")}
    os.environ.update(ENVIRONMENT, GRADIO_TEMP_DIR=folder)
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise UserError("The page needs the package gradio: pip install gradio.") from error
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def _launching(page: "Page", bounds: WebSettings, folder: "UploadFolder", sessions: "Sessions") -> Iterator[str]:
    """Serve a page for as long as the context lasts; give its address."""
    import gradio

    from neural_style.web.connections import LimitedProtocol
    from neural_style.web.style import CSS, SCRIPT

    blocks = page.build_blocks()
    fonts = ["system-ui", "sans-serif"]  # Gradio's own fonts come from Google
    _, local, public = blocks.launch(
        server_name=bounds.host,
        server_port=bounds.port,
        share=bounds.share == "yes",
        auth=_make_password_check(bounds.password),
        theme=gradio.themes.Default(font=fonts, font_mono=["monospace"]),
        css=CSS,
        js=SCRIPT,
        app_kwargs={"middleware": [_make_middleware(blocks, bounds, folder, sessions)]},
        max_threads=SPARE_THREADS + bounds.max_waiting + bounds.engines,
        prevent_thread_lock=True,
        quiet=True,
        ssr_mode=False,
        footer_links=[],
        state_session_capacity=MAX_SESSION_STATES,
    )
    blocks.server.config.http_protocol_class = LimitedProtocol
    blocks.server.config.ws_protocol_class = None  # the page uses none, and their connections would not be limited
    sessions.forget = _make_forget(blocks)
    sessions.has_answers = lambda session: bool(blocks._queue.pending_event_ids_session.get(session))
    folder.keep_present_files()
    try:
        yield public or local
    finally:
        blocks.close(verbose=False)


def _make_middleware(blocks: "Blocks", bounds: WebSettings, folder: "UploadFolder", sessions: "Sessions") -> Any:
    from starlette.middleware import Middleware

    from neural_style.web.access import FileAccessMiddleware
    from neural_style.web.origins import OriginCheck

    is_public = bounds.share == "yes"
    return Middleware(
        FileAccessMiddleware,
        folder=folder,
        sessions=sessions,
        functions=_describe_functions(blocks),
        origins=OriginCheck(bounds.host_names, is_public),
        has_password=bool(bounds.password),
        is_public=is_public,
    )


def _describe_functions(blocks: "Blocks") -> dict[int, "EventFunction"]:
    """Return what the page's functions take, by Gradio's numbers."""
    from gradio import Image, UploadButton

    from neural_style.web.bodies import EventFunction

    return {
        number: EventFunction(
            tuple(isinstance(component, Image | UploadButton) for component in function.inputs),
            function.collects_event_data,
        )
        for number, function in blocks.fns.items()
    }


def _make_forget(blocks: "Blocks") -> Callable[[str], Any]:
    """Return a function that drops what Gradio's queue holds for a session, as when its stream is closed."""

    async def forget(session: str) -> None:
        queue = blocks._queue
        await queue.clean_events(session_hash=session)
        queue.pending_messages_per_session.pop(session, None)
        queue.pending_event_ids_session.pop(session, None)

    return forget


def _check_port(bounds: WebSettings) -> None:
    """Check that the port is free.

    Raises:
      UserError: it is not.
    """
    family = socket.AF_INET6 if ":" in bounds.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a page that was just closed does not count
        try:
            probe.bind((bounds.host, bounds.port))
        except OSError as error:
            raise UserError(
                f"--host={bounds.host} --port={bounds.port} can't be listened at ({error.strerror or error}): choose "
                "another port."
            ) from error


def _make_password_check(password: str | None) -> Callable[[str, str], bool] | None:
    """Return a function that checks a user name and a password; None if everybody may come."""
    if not password:
        return None
    return lambda name, word: hmac.compare_digest(word.encode(), password.encode())
