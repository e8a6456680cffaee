"""The page: pictures, recipe and settings on the left, the painted picture on the right."""

import asyncio
import functools
import html
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import gradio as gr

from neural_style.core.errors import UserError
from neural_style.settings.web import WebSettings
from neural_style.web import controls, curves, style_job
from neural_style.web.components import EVENT, path_of
from neural_style.web.file_reader import FileReader
from neural_style.web.form import Form, format_error, subnet_of_visitor
from neural_style.web.job import Job
from neural_style.web.job_queue import JobQueue
from neural_style.web.kept import Kept
from neural_style.web.paint_job import PaintJob
from neural_style.web.sessions import Sessions
from neural_style.web.style_job import StyleJob, StyleRequest
from neural_style.web.uploads import UploadFolder

POLL_SECONDS = 0.1
"""Seconds between two looks at a run."""
ENDING_SECONDS = 20
"""How long a page that was loaded again waits for the end of the run that it was left with."""
RESULT_OUTPUTS = 7
"""Components that `_build_results` builds."""
OWN_STYLE_OUTPUTS = len(controls.NAMES) + 4
"""Components that show a browser's own style: its download, and `Form.recipe_outputs`."""
BUTTONS = 3
"""Paint, Train and Stop."""
INTRODUCTION = """# neural_style
A photograph in the style of a painting: drop two pictures, or choose from the samples, and paint."""

SKIP_LINK = '<a class="skip" href="#paint">Skip to Paint</a>'
"""The first stop of the keyboard; it is seen while it has the focus."""


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
        self._offers_styles = style_job.is_offered(bounds)
        self._form = Form(bounds, sessions, self._reader, self._kept)

    def build_blocks(self) -> gr.Blocks:
        """Build all components and connects their events."""
        form = self._form
        with gr.Blocks(title="neural_style", analytics_enabled=False) as blocks:
            gr.HTML(SKIP_LINK, elem_id="skip")
            gr.Markdown(INTRODUCTION)
            with gr.Row():
                with gr.Column():
                    form.build_pictures()
                    form.build_choice()
                    with gr.Row():
                        paint = gr.Button("Paint", variant="primary", min_width=120, elem_id="paint")
                        stop = gr.Button("Stop", interactive=False, min_width=120, elem_id="stop")
                    with gr.Accordion("A style of your own", open=False, elem_id="own", visible=self._offers_styles):
                        train, own_file = self._build_own_style()
                with gr.Column():
                    outputs = self._build_results()
            message = outputs[0]
            form.build_samples()
            with gr.Accordion("Settings, and research recipes", open=False, elem_id="more"):
                form.build_settings()
            form.build_others(message)
            form.connect(message)
            shown = [*outputs, own_file, *form.recipe_outputs]
            buttons = [paint, train, stop]
            paint.click(self._paint, form.inputs, [*shown, *buttons], **EVENT)
            train.click(self._learn, form.pictures, [*shown, *buttons], **EVENT)
            stop.click(self._stop, None, message, **EVENT)
            blocks.load(self._show_kept, None, shown, **EVENT)
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

    def _build_own_style(self) -> tuple[gr.Button, gr.DownloadButton]:
        """Build what learns a style from the painting, and its download."""
        gr.Markdown(
            "Learns the style of the painting above, in about three minutes, and shows the photograph in it meanwhile. "
            "Afterwards it paints in a second, here, or elsewhere with the downloaded file: "
            "`neural-style PHOTO mine.keras OUT`. It stays here for an hour, for this browser alone."
        )
        with gr.Row():
            train = gr.Button("Train a style from the painting", min_width=240, elem_id="train")
            own_file = gr.DownloadButton(
                "Download the style", interactive=False, min_width=240, elem_id="download_keras"
            )
        return train, own_file

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
        """Paints; yields what is shown whenever it changes."""

        def make_job(browser: str | None) -> tuple[Callable, Job]:
            paint_request = self._form.read(browser, *values)
            return paint_request.prepare, PaintJob(paint_request, functools.partial(self._kept.keep_picture, browser))

        async for update in self._serve(request, make_job):
            yield update

    async def _learn(self, request: gr.Request, photo: Any, painting: Any) -> AsyncIterator[list[Any]]:
        """Learns the painting's style; yields what is shown whenever it changes."""

        def make_job(browser: str | None) -> tuple[Callable, Job]:
            if not self._offers_styles:
                raise UserError("No styles are learned here.")
            if browser is None:
                raise UserError(
                    "A style is kept for a browser, known by its cookie: allow cookies, and reload the page."
                )
            path = path_of(painting)
            if path is None:
                raise UserError("Expected a painting: drop one.")
            style_request = StyleRequest(path_of(photo), path, self._bounds)
            return style_request.read, StyleJob(style_request, functools.partial(self._kept.keep_style, browser))

        async for update in self._serve(request, make_job):
            yield update

    async def _serve(
        self, request: gr.Request, make_job: Callable[[str | None], tuple[Callable, Job]]
    ) -> AsyncIterator[list[Any]]:
        """Follow a job from the queue to its end.

        Args:
          request: the visitor's.
          make_job: returns a function that raises a UserError where a file can't be read, and the job, given the
            browser.
        """
        visitor = request.session_hash
        subnet = subnet_of_visitor(request)
        if not await self._sessions.wait_until_connected(visitor, subnet):
            return
        browser = self._sessions.browser_of(visitor)
        try:
            self._queue.check(visitor, subnet)
            check_files, job = make_job(browser)
            # Errors are reported at once, and not at the end of the queue.
            await self._reader.read(subnet, check_files)
            self._queue.join(visitor, job, subnet)
        except UserError as error:
            yield [format_error(error), *[gr.skip()] * (RESULT_OUTPUTS - 1 + OWN_STYLE_OUTPUTS + BUTTONS)]
            return
        self._kept.note_job(browser, visitor, job)
        try:
            async for update in self._follow(visitor, browser, job):
                yield update
        finally:
            job.stop()

    async def _show_kept(self, request: gr.Request) -> AsyncIterator[list[Any]]:
        """Show the last picture of this browser, as soon as the page is loaded."""
        visitor = request.session_hash
        if not await self._sessions.wait_until_connected(visitor, subnet_of_visitor(request)):
            return
        browser = self._sessions.browser_of(visitor)
        yield self._describe_kept(browser)
        latest = self._kept.latest_job(browser)
        if latest and await self._wait_for_end(*latest) and self._kept.latest_job(browser) == latest:
            yield self._describe_kept(browser)

    def _describe_kept(self, browser: str | None) -> list[Any]:
        """Return what the page shows of a browser's last picture and of its own style."""
        kept = self._kept.picture_of(browser)
        newest = self._kept.newest_of(browser)
        shown: list[Any] = [gr.skip()] * RESULT_OUTPUTS
        if newest:
            shown[0] = html.escape(newest.sentence, quote=False)
        if kept:
            shown[1] = kept.files[0]
            shown[3:5] = _update_downloads(kept.files)
        return [*shown, *self._describe_own_style(browser, chooses=True)]

    def _describe_own_style(self, browser: str | None, chooses: bool) -> list[Any]:
        """Return what the page shows of a browser's own style: its file, and the choice of it.

        Args:
          browser: the browser.
          chooses: whether the style is chosen, if it is the browser's newest result.
        """
        kept = self._kept.style_of(browser)
        is_chosen = chooses and kept is not None and kept is self._kept.newest_of(browser)
        return [*_update_downloads(kept.files if kept else [None]), *self._form.show_own_style(browser, is_chosen)]

    async def _wait_for_end(self, visitor: str, job: Job) -> bool:
        """Stop a job whose page was left or loaded again; return whether it has ended since then."""
        is_running = job.outcome is None
        end = time.monotonic() + ENDING_SECONDS
        while job.outcome is None and time.monotonic() < end:
            if not self._sessions.is_connected(visitor):
                self._queue.stop(visitor)
            await asyncio.sleep(POLL_SECONDS)
        return is_running and job.outcome is not None

    async def _follow(self, visitor: str, browser: str | None, job: Job) -> AsyncIterator[list[Any]]:
        """Yield what the page shows of a job until it has ended."""
        own_style = [gr.skip()] * OWN_STYLE_OUTPUTS
        yield ["…", None, "", *_update_downloads([None, None]), "", "", *own_style, *_update_buttons(is_busy=True)]
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
                bar = curves.draw_bar(job.share)
                yield [message, *drawn, *[gr.skip()] * 2, bar, job.progress, *own_style, *[gr.skip()] * BUTTONS]
                shown_message = message
                shown_image = image
            await asyncio.sleep(0 if is_over else POLL_SECONDS)
        own_style = self._describe_own_style(browser, isinstance(job, StyleJob) and job.has_result)
        yield [*self._describe_end(job), *own_style, *_update_buttons(is_busy=False)]

    def _describe_end(self, job: Job) -> list[Any]:
        """Return what the page shows of a job that has ended."""
        message = html.escape(str(job.outcome), quote=False) if job.has_result else format_error(job.outcome)
        files = job.files if isinstance(job, PaintJob) and job.files else [None, None]
        return [message, gr.skip(), curves.draw_svg(job.points), *_update_downloads(files), "", gr.skip()]


def _update_downloads(files: Sequence[str | None]) -> list[Any]:
    """Offer the files that are there."""
    return [gr.update(value=path, interactive=bool(path)) for path in files]


def _update_buttons(is_busy: bool) -> list[Any]:
    """Enable Stop while a job is worked on, otherwise Paint and Train."""
    return [gr.update(interactive=not is_busy)] * 2 + [gr.update(interactive=is_busy)]
