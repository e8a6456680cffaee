"""The page: pictures, recipe and settings on the left, the painted picture on the right."""

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import gradio as gr

from neural_style.core.errors import UserError
from neural_style.images import writing
from neural_style.settings.web import WebSettings
from neural_style.web import components, controls, curves, pictures, requests, samples
from neural_style.web.file_reader import FileReader
from neural_style.web.job import Job
from neural_style.web.job_queue import JobQueue
from neural_style.web.requests import PaintRequest
from neural_style.web.sessions import Sessions
from neural_style.web.shares import network_of
from neural_style.web.uploads import UploadFolder

POLL_SECONDS = 0.1
"""Seconds between two looks at a run."""
MAX_FLAGS_LENGTH = 4000
"""Characters of further flags."""
EVENT = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None, "preprocess": False}
"""How the page calls its functions. No spinner hides the picture, `JobQueue` alone makes visitors wait, and Gradio
neither opens files nor checks values: `pictures` and `requests` do."""
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
        self._folder = folder
        self._sessions = sessions
        self._examples = samples.find_examples()
        self._reader = FileReader()

    def build_blocks(self) -> gr.Blocks:
        """Build all components and connects their events."""
        with gr.Blocks(title="neural_style", analytics_enabled=False) as blocks:
            gr.Markdown(INTRODUCTION)
            with gr.Row():
                with gr.Column():
                    with gr.Row():
                        photo = self._build_picture("photo", "Photograph", samples.find_photos())
                        painting = self._build_picture("painting", "Painting", samples.find_paintings())
                    choice = gr.Radio(
                        list(controls.CHOICES),
                        value=controls.choice_of(controls.DEFAULT_RECIPE),
                        label="How?",
                        elem_id="choice",
                    )
                    with gr.Row():
                        paint = gr.Button("Paint", variant="primary", min_width=120, elem_id="paint")
                        stop = gr.Button("Stop", interactive=False, min_width=120, elem_id="stop")
                with gr.Column():
                    outputs = self._build_results()
            message = outputs[0]
            with gr.Accordion("Settings, and research recipes", open=False, elem_id="more"):
                form = [photo, painting, *self._build_controls()]
            again = gr.UploadButton("Again with this: a record (.json), or a PNG of ours", elem_id="again")
            paint.click(self._paint, form, [*outputs, paint, stop], **EVENT)
            stop.click(self._stop, None, message, **EVENT)
            for picture, description in ((photo, "the photograph"), (painting, "the painting")):
                picture.upload(self._make_picture_check(description), picture, [picture, message], **EVENT)
            recipe, *settings = form[2:]
            choice.input(self._show_choice, choice, [recipe, *settings], **EVENT)
            recipe.input(self._show_recipe, recipe, [choice, *settings], **EVENT)
            again.upload(self._show_record, again, [choice, *form, message], **EVENT)
            if self._examples:
                self._build_gallery().select(self._show_example, None, [choice, *form, message], **EVENT)
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

    def _build_picture(self, name: str, label: str, sample_paths: list[Path]) -> gr.Image:
        """Build a picture to drop or to choose from the samples; the first of them is there already."""
        with gr.Column(min_width=240):
            picture = gr.Image(
                str(sample_paths[0]) if sample_paths else None,
                label=label,
                height=260,
                elem_id=name,
                buttons=[],
                type="filepath",
                image_mode=None,
                sources=["upload", "clipboard"],
            )
            if sample_paths:
                thumbnails = components.build_thumbnails(
                    [str(path) for path in sample_paths], elem_id=f"{name}_samples"
                )

                def choose(event: gr.SelectData) -> Any:
                    path = _item_at(sample_paths, event.index)
                    return str(path) if path else gr.skip()

                thumbnails.select(choose, None, picture, **EVENT)
        return picture

    def _build_controls(self) -> list[gr.components.Component]:
        """Build the recipe, the controls and the text of further flags."""
        recipe = gr.Dropdown(
            controls.recipe_choices(), value=controls.DEFAULT_RECIPE, label="Method or recipe", elem_id="recipe"
        )
        shown = controls.make_controls(controls.DEFAULT_RECIPE, self._bounds)
        further = gr.Textbox(
            label="Further flags",
            info="As on the command line, such as --pooling=avg --seed=3. They override the controls.",
            max_length=MAX_FLAGS_LENGTH,
            elem_id="further",
        )
        return [recipe, *map(components.build_component, shown), further]

    def _build_gallery(self) -> gr.Gallery:
        gr.Markdown("Gallery: choose a picture to fill in its photograph, painting, recipe and flags.")
        items = [(str(example.result), example.recipe) for example in self._examples]
        return components.build_thumbnails(items, elem_id="gallery", elem_classes=["thumbnails", "large"])

    def _make_picture_check(self, description: str) -> Callable:
        """Return a function that checks a picture as soon as it is dropped."""

        async def check(request: gr.Request, file: Any) -> tuple[Any, Any]:
            if not await self._sessions.wait_until_connected(request.session_hash):
                return gr.skip(), gr.skip()
            try:
                path = _path_of(file)
                if path is None:
                    raise UserError(pictures.describe_unreadable(description, self._bounds))
                await self._reader.read(_network_of(request), pictures.read, path, description, self._bounds)
            except UserError as error:
                return None, _format_error(error)
            return gr.skip(), f"{description.capitalize()} is there."

        return check

    def _show_choice(self, choice: Any) -> list[Any]:
        """Return the recipe of a choice, and the controls as it sets them."""
        recipe = controls.CHOICES.get(str(choice))
        if recipe is None:
            return [gr.skip()] * (len(controls.NAMES) + 2)
        return [recipe, *self._show_recipe(recipe)[1:]]

    def _show_recipe(self, recipe: Any) -> list[Any]:
        """Return the choice that a recipe belongs to, and the controls as it sets them."""
        try:
            values = controls.make_controls(str(recipe), self._bounds)
        except UserError:
            return [gr.skip()] * (len(controls.NAMES) + 2)
        return [controls.choice_of(str(recipe)), *map(components.update_component, values), ""]

    def _fill_form(self, recipe: str, flags: dict[str, Any], paths: list[Path | None], message: str) -> list[Any]:
        """Return the choice, the whole form and a message."""
        values = controls.control_values(flags)
        further = requests.format_flags({name: value for name, value in flags.items() if name not in values})
        all_controls = controls.make_controls(recipe, self._bounds, values)
        files = [str(path) if path else gr.skip() for path in paths]
        return [
            controls.choice_of(recipe),
            *files,
            recipe,
            *map(components.update_component, all_controls),
            further,
            message,
        ]

    def _keep_form(self, message: str) -> list[Any]:
        """Return the form unchanged, and a message."""
        return [gr.skip()] * (len(controls.NAMES) + 5) + [message]

    def _show_example(self, event: gr.SelectData) -> list[Any]:
        example = _item_at(self._examples, event.index)
        if example is None:
            return self._keep_form("")
        paths = [example.photo, example.painting]
        return self._fill_form(example.recipe, example.flags, paths, f"As {example.recipe} does.")

    async def _show_record(self, request: gr.Request, file: Any) -> list[Any]:
        """Fill in the form from a record. Pictures are filled in if they are samples."""
        if not await self._sessions.wait_until_connected(request.session_hash):
            return self._keep_form("")
        path = _path_of(file)
        try:
            if path is None:
                raise UserError("Expected a record (.json) or a PNG: choose one.")
            record = await self._reader.read(_network_of(request), requests.read_record, path, self._bounds)
        except UserError as error:
            return self._keep_form(_format_error(error))
        names = [("the photograph", record.photo), ("the painting", record.painting)]
        paths = [samples.find(name) for _, name in names]
        missing = [
            f"{description} ({html.escape(name)[:80]})"
            for (description, name), path in zip(names, paths, strict=True)
            if path is None
        ]
        message = "Everything is as it was."
        if missing:
            message = f"The flags are as they were: drop {' and '.join(missing)} again."
        return self._fill_form(record.recipe, record.flags, paths, message)

    def _stop(self, request: gr.Request) -> str:
        self._queue.stop(request.session_hash)
        return "Stopping …"

    async def _paint(
        self, request: gr.Request, photo: Any, painting: Any, recipe: Any, *values: Any
    ) -> AsyncIterator[list[Any]]:
        """Paints; yields the message and the picture whenever they change."""
        visitor = request.session_hash
        if not await self._sessions.wait_until_connected(visitor):
            return
        try:
            network = _network_of(request)
            self._queue.check(visitor, network)
            paint_request = self._make_request(_path_of(photo), _path_of(painting), str(recipe), values)
            # Errors are reported at once, and not at the end of the queue.
            await self._reader.read(network, paint_request.prepare)
            job = Job(paint_request)
            self._queue.join(visitor, job, network)
        except UserError as error:
            yield [_format_error(error), *[gr.skip()] * 8]
            return
        try:
            async for update in self._follow(visitor, job):
                yield update
        finally:
            job.stop()

    def _make_request(self, photo: str | None, painting: str | None, recipe: str, values: tuple) -> PaintRequest:
        """Read the form."""
        *control_values, further = values
        further = str(further or "")
        if len(further) > MAX_FLAGS_LENGTH:
            raise UserError(
                f"Expected at most {MAX_FLAGS_LENGTH} characters of further flags, received {len(further)}."
            )
        flags = {**controls.changed_values(recipe, control_values), **requests.parse_flags(further)}
        settings = requests.read_settings(recipe, flags)
        needed = {"photograph": photo, "painting": painting or settings.method.style_is_network}
        missing = [name for name, path in needed.items() if not path]
        if missing or photo is None:
            raise UserError(f"Expected a photograph and a painting: drop a {' and a '.join(missing)}.")
        return PaintRequest(photo, painting, settings, self._bounds)

    async def _follow(self, visitor: str, job: Job) -> AsyncIterator[list[Any]]:
        """Yield what the page shows of a job until it has ended."""
        no_downloads = [gr.update(value=None, interactive=False)] * 2
        yield ["…", None, "", *no_downloads, "", "", *_update_buttons(is_painting=True)]
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
        files = await asyncio.to_thread(self._write_files, job) if job.has_result else [None, None]
        downloads = [gr.update(value=path, interactive=bool(path)) for path in files]
        message = html.escape(str(job.outcome), quote=False) if job.has_result else _format_error(job.outcome)
        curve = curves.draw_svg(job.points)
        yield [message, gr.skip(), curve, *downloads, "", gr.skip(), *_update_buttons(is_painting=False)]

    def _write_files(self, job: Job) -> list[str]:
        """Write the PNG with its text, and the record; return their paths."""
        if job.image is None:
            raise ValueError("the job has no picture yet")
        metadata: dict[str, Any] = {
            name: pictures.short_metadata(job.info.get(name)) for name in ("exif", "icc_profile")
        }
        metadata["text"] = json.dumps(job.request.info().as_dict())
        with self._folder.adding_result() as folder:
            writing.save(folder / "painted.png", "PNG", job.image, 95, metadata)
            (folder / "painted.json").write_text(json.dumps(job.record.as_dict(), indent=2))
        return [str(folder / name) for name in ("painted.png", "painted.json")]


def _update_buttons(is_painting: bool) -> list[Any]:
    """Enable Stop while a picture is painted, otherwise Paint."""
    return [gr.update(interactive=not is_painting), gr.update(interactive=is_painting)]


def _network_of(request: gr.Request) -> str:
    return network_of(request.client.host if request.client else "")


def _path_of(file: Any) -> str | None:
    """Return the path of an uploaded file as Gradio describes it; None without a file."""
    return file.get("path") if isinstance(file, dict) else None


def _item_at(items: list[Any], index: Any) -> Any:
    """Return a chosen item; None if the index does not exist."""
    is_valid = isinstance(index, int) and 0 <= index < len(items)
    return items[index] if is_valid else None


def _format_error(error: object) -> str:
    text = re.sub(r"--(\w+)", r"\1", str(error))  # visitors have fields and not flags
    return f"⚠️ {html.escape(text, quote=False)}"
