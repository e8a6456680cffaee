"""The page: pictures, recipe and settings on the left, the painted picture on the right."""

import asyncio
import functools
import html
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import gradio as gr

from neural_style.core.errors import UserError
from neural_style.settings.web import WebSettings
from neural_style.web import curves
from neural_style.web.components import EVENT
from neural_style.web.file_reader import FileReader
from neural_style.web.form import Form, format_error, network_of_visitor
from neural_style.web.job import Job
from neural_style.web.job_queue import JobQueue
from neural_style.web.kept import Kept
from neural_style.web.paint_job import PaintJob
from neural_style.web.sessions import Sessions
from neural_style.web.uploads import UploadFolder

POLL_SECONDS = 0.1
"""Seconds between two looks at a run."""
ENDING_SECONDS = 20
"""How long a page that was loaded again waits for the end of the run that it was left with."""
INTRODUCTION = """# neural_style
A photograph in the style of a painting: drop two pictures, or choose from the samples, and paint."""


class Page:
    """The page's components, and the functions that they call."""

    def __init__(self, queue: JobQueue, bounds: WebSettings, folder: UploadFolder, sessions: Sessions):
        """
        Args:
          queue: runs the jobs.
          bounds: settings of the page.
          folder: keeps uploads, and results until they are downloaded.
          sessions: knows which visitors are connected.
        """
        self._queue = queue
        self._bounds = bounds
        self._kept = Kept(folder)
        self._sessions = sessions
        self._reader = FileReader()
        self._form = Form(bounds, sessions, self._reader)

    def build_blocks(self) -> gr.Blocks:
        """Build all components and connects their events."""
        form = self._form
        with gr.Blocks(title="neural_style", analytics_enabled=False) as blocks:
            gr.Markdown(INTRODUCTION)
            with gr.Row():
                with gr.Column():
                    form.build_pictures()
                    form.build_choice()
                    with gr.Row():
                        paint = gr.Button("Paint", variant="primary", min_width=120, elem_id="paint")
                        stop = gr.Button("Stop", interactive=False, min_width=120, elem_id="stop")
                with gr.Column():
                    outputs = self._build_results()
            message = outputs[0]
            with gr.Accordion("Settings, and research recipes", open=False, elem_id="more"):
                form.build_settings()
            form.build_others(message)
            form.connect(message)
            paint.click(self._paint, form.inputs, [*outputs, paint, stop], **EVENT)
            stop.click(self._stop, None, message, **EVENT)
            blocks.load(self._show_kept, None, outputs, **EVENT)
        return blocks.queue(default_concurrency_limit=None)

    def _build_results(self) -> list[gr.components.Component]:
        """Build what shows a run: the message, the picture, the curve, two downloads, the bar and the numbers."""
        message = gr.Markdown(self._describe_bounds(), elem_classes="said", elem_id="said")
        bar = gr.HTML(elem_id="bar")
        result = gr.Image(label="The picture", interactive=False, format="webp", elem_id="shown", buttons=[])
        with gr.Row():
            downloads = [
                gr.DownloadButton(
                    f"Download {description}", interactive=False, min_width=120, elem_id=f"download_{name}"
                )
                for name, description in (("png", "the PNG"), ("json", "its record"))
            ]
        with gr.Accordion("Details", open=False, elem_id="details"):
            numbers = gr.Markdown(elem_id="numbers")
            curve = gr.HTML(elem_id="curve")
        return [message, result, curve, *downloads, bar, numbers]

    def _describe_bounds(self) -> str:
        bounds = self._bounds
        return (
            f"A result may have {bounds.max_pixels:,} pixels, a file {bounds.max_upload} MB, and a run may take "
            f"{bounds.max_seconds} seconds."
        )

    def _stop(self, request: gr.Request) -> str:
        self._queue.stop(request.session_hash)
        return "Stopping …"

    async def _paint(self, request: gr.Request, *values: Any) -> AsyncIterator[list[Any]]:
        """Paints; yields the message and the picture whenever they change."""
        visitor = request.session_hash
        if not await self._sessions.wait_until_connected(visitor):
            return
        try:
            network = network_of_visitor(request)
            self._queue.check(visitor, network)
            paint_request = self._form.read(*values)
            # Errors are reported at once, and not at the end of the queue.
            await self._reader.read(network, paint_request.prepare)
            browser = self._sessions.browser_of(visitor)
            job = PaintJob(paint_request, functools.partial(self._kept.keep_picture, browser))
            self._queue.join(visitor, job, network)
        except UserError as error:
            yield [format_error(error), *[gr.skip()] * 8]
            return
        self._kept.note_job(browser, visitor, job)
        try:
            async for update in self._follow(visitor, job):
                yield update
        finally:
            job.stop()

    async def _show_kept(self, request: gr.Request) -> AsyncIterator[list[Any]]:
        """Show the last picture of this browser, as soon as the page is loaded."""
        visitor = request.session_hash
        if not await self._sessions.wait_until_connected(visitor):
            return
        browser = self._sessions.browser_of(visitor)
        yield self._describe_kept(browser)
        latest = self._kept.latest_job(browser)
        if latest and await self._wait_for_end(*latest) and self._kept.latest_job(browser) is latest:
            yield self._describe_kept(browser)

    def _describe_kept(self, browser: str | None) -> list[Any]:
        """Return what the page shows of a browser's last picture."""
        kept = self._kept.picture_of(browser)
        if kept is None:
            return [gr.skip()] * 7
        shown = [html.escape(kept.sentence, quote=False), kept.files[0], gr.skip()]
        return [*shown, *_update_downloads(kept.files), *[gr.skip()] * 2]

    async def _wait_for_end(self, visitor: str, job: Job) -> bool:
        """Stop a job whose page was left or loaded again; return whether it has ended since then."""
        is_running = job.outcome is None
        end = time.monotonic() + ENDING_SECONDS
        while job.outcome is None and time.monotonic() < end:
            if not self._sessions.is_connected(visitor):
                self._queue.stop(visitor)
            await asyncio.sleep(POLL_SECONDS)
        return is_running and job.outcome is not None

    async def _follow(self, visitor: str, job: Job) -> AsyncIterator[list[Any]]:
        """Yield what the page shows of a job until it has ended."""
        yield ["…", None, "", *_update_downloads([None, None]), "", "", *_update_buttons(is_painting=True)]
        shown_message = shown_image = None
        is_over = False
        while not is_over:
            is_over = job.outcome is not None  # read first: the last image must be shown too
            if self._sessions.is_connected(visitor):
                job.mark_seen()
            place = self._queue.place(job)
            message = f"Place {place} in the queue." if place else job.summary
            image = job.image
            is_new_image = image is not shown_image
            if message != shown_message or is_new_image:
                drawn = [image, curves.draw_svg(job.points)] if is_new_image else [gr.skip()] * 2
                yield [message, *drawn, *[gr.skip()] * 2, curves.draw_bar(job.share), job.progress, *[gr.skip()] * 2]
                shown_message = message
                shown_image = image
            await asyncio.sleep(0 if is_over else POLL_SECONDS)
        message = html.escape(str(job.outcome), quote=False) if job.has_result else format_error(job.outcome)
        downloads = _update_downloads(job.files or [None, None])
        curve = curves.draw_svg(job.points)
        yield [message, gr.skip(), curve, *downloads, "", gr.skip(), *_update_buttons(is_painting=False)]


def _update_downloads(files: Sequence[str | None]) -> list[Any]:
    """Offer the files that are there."""
    return [gr.update(value=path, interactive=bool(path)) for path in files]


def _update_buttons(is_painting: bool) -> list[Any]:
    """Enable Stop while a picture is painted, otherwise Paint."""
    return [gr.update(interactive=not is_painting), gr.update(interactive=is_painting)]
