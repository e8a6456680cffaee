"""The page: what is dropped, chosen and turned on the left, what is painted on the right."""

import asyncio
import html
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr

from neural_style.core.errors import UserError
from neural_style.images import writing
from neural_style.settings.web import WebSettings
from neural_style.web import controls, curves, pictures, requests, samples
from neural_style.web.job import Job
from neural_style.web.job_queue import Line
from neural_style.web.requests import Wish

FIRST = "paint"
"""The recipe that the page begins with."""
LOOK_EVERY = 0.25
"""Seconds between two looks at a run."""
FORGOTTEN = (300, 3600)
"""Seconds: how often files are removed, and how old those are."""
MOST_TEXT = 4000
"""Characters of further flags."""
MAIN = 6
"""Controls that are seen at once; the others open with a click."""
QUIETLY = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}
"""How the page calls the server: no spinner hides the picture, and `Line` alone lets visitors wait."""
CSS = """
.gradio-container {max-width: 1300px !important; margin: auto}
footer {display: none !important}
.said p {font-size: 1.05em; min-height: 1.6em; overflow-wrap: anywhere}
#shown .image-container button, #shown .image-frame {width: 100% !important}
#shown img {width: 100% !important; max-height: 75vh; object-fit: contain}
.thumbnails .grid-wrap {height: auto !important; min-height: 0; max-height: none !important; overflow: visible}
.thumbnails .grid-container {grid-template-rows: none !important; grid-auto-rows: auto !important}
.thumbnails .thumbnail-item {height: auto; min-height: 0; aspect-ratio: 1}
.thumbnails .grid-container {grid-template-columns: repeat(auto-fill, minmax(56px, 1fr)) !important}
.thumbnails.large .grid-container {grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)) !important}
"""
"""A coarse picture is shown as large as the fine one, and galleries as large as they are."""
INTRODUCTION = """# neural_style
A photograph in the manner of a painting: drop two pictures, or choose from the samples, and paint."""


class Page:
    """The page with its line of visitors."""

    def __init__(self, line: Line, bounds: WebSettings, folder: Path):
        """
        Args:
          line: that visitors stand in.
          bounds: of the page.
          folder: takes results until they are downloaded.
        """
        self._line, self._bounds, self._folder = line, bounds, folder
        self._examples = samples.examples()
        self._reading = asyncio.Lock()  # the pictures of one visitor at a time, or many would fill the memory

    def blocks(self) -> gr.Blocks:
        """Everything that is seen, wired."""
        with gr.Blocks(title="neural_style", analytics_enabled=False, delete_cache=FORGOTTEN) as blocks:
            gr.Markdown(INTRODUCTION)
            with gr.Row():
                with gr.Column():
                    with gr.Row():
                        photo = self._dropped("photo", "Photograph", samples.photos())
                        painting = self._dropped("painting", "Painting", samples.paintings())
                    form = [photo, painting, *self._flags()]
                    again = gr.UploadButton("Again with this: a record (.json), or a PNG of ours", elem_id="again")
                with gr.Column():
                    with gr.Row():
                        paint = gr.Button("Paint", variant="primary", min_width=120, elem_id="paint")
                        stop = gr.Button("Stop", interactive=False, min_width=120, elem_id="stop")
                    said = gr.Markdown(self._welcome(), elem_classes="said", elem_id="said")
                    shown = gr.Image(label="The picture", interactive=False, format="webp", elem_id="shown", buttons=[])
                    curve = gr.HTML(elem_id="curve")
                    with gr.Row():
                        files = [
                            gr.DownloadButton(
                                f"Download {what}", interactive=False, min_width=120, elem_id=f"download_{name}"
                            )
                            for name, what in (("png", "the PNG"), ("json", "its record"))
                        ]
            paint.click(self._paint, form, [said, shown, curve, *files, paint, stop], **QUIETLY)
            stop.click(self._stop, None, said, **QUIETLY)
            for dropped, what in ((photo, "the photograph"), (painting, "the painting")):
                looked = dropped.upload(self._checker(what), dropped, [dropped, said], **QUIETLY)
                # Gradio raises where a file is no picture at all, before any function of ours is called.
                looked.failure(self._refuser(what), None, [dropped, said], **QUIETLY)
            form[2].input(self._turned, form[2], form[3:], **QUIETLY)
            again.upload(self._again, again, [*form, said], **QUIETLY)
            if self._examples:
                self._gallery().select(self._as_in_gallery, None, [*form, said], **QUIETLY)
        return blocks.queue(default_concurrency_limit=None)

    def _welcome(self) -> str:
        bounds = self._bounds
        return (
            f"A result may have {bounds.most_pixels:,} pixels, a file {bounds.most_upload} MB, a run "
            f"{bounds.most_seconds} seconds."
        )

    def _dropped(self, name: str, label: str, offered: list[Path]) -> gr.Image:
        """Where a picture is dropped, or chosen from the samples."""
        with gr.Column(min_width=240):
            # As a file in whatever mode, so that Gradio does not decode it and `pictures` alone does.
            kept = dict(type="filepath", image_mode=None, sources=["upload", "clipboard"])
            dropped = gr.Image(label=label, height=260, elem_id=name, buttons=[], **kept)
            if offered:
                shown = _thumbnails([str(path) for path in offered], elem_id=f"{name}_samples")

                def choose(event: gr.SelectData) -> str:
                    return str(offered[event.index])

                shown.select(choose, None, dropped, **QUIETLY)
        return dropped

    def _flags(self) -> list[gr.components.Component]:
        """The recipe, the controls and the text of further flags."""
        recipe = gr.Dropdown(controls.choices(), value=FIRST, label="Method or recipe", elem_id="recipe")
        made = controls.make_controls(FIRST, self._bounds)
        main = [_component(control) for control in made[:MAIN]]
        with gr.Accordion("More", open=False, elem_id="more"):
            rest = [_component(control) for control in made[MAIN:]]
            further = gr.Textbox(
                label="Further flags",
                info="As on the command line, such as --pooling=avg --seed=3; what stands here wins.",
                max_length=MOST_TEXT,
                elem_id="further",
            )
        return [recipe, *main, *rest, further]

    def _gallery(self) -> gr.Gallery:
        gr.Markdown("Painted before: choose one, and its pictures, recipe and flags are taken.")
        shown = [(str(each.result), each.recipe) for each in self._examples]
        return _thumbnails(shown, elem_id="gallery", elem_classes=["thumbnails", "large"])

    def _checker(self, what: str) -> Any:
        """A function that looks at a picture as soon as it is dropped."""

        def check(path: str | None) -> tuple[Any, str]:
            try:
                pictures.read(path, what, self._bounds)
            except UserError as error:
                return None, _refusal(error)
            return gr.skip(), f"{what.capitalize()} is there."

        return check

    def _refuser(self, what: str) -> Any:
        """A function that says that a file is no picture."""
        return lambda: (None, _refusal(pictures.unreadable(what, self._bounds)))

    def _turned(self, recipe: str) -> list[Any]:
        """The controls as a recipe sets them."""
        return [*map(_update, controls.make_controls(recipe, self._bounds)), ""]

    def _filled(self, recipe: str, flags: dict[str, Any], pair: list[Path | None], said: str) -> list[Any]:
        """The whole form, and a sentence."""
        shown = controls.taken(flags)
        further = requests.text_of({name: value for name, value in flags.items() if name not in shown})
        made = controls.make_controls(recipe, self._bounds, shown)
        chosen = [str(path) if path else gr.skip() for path in pair]
        return [*chosen, recipe, *map(_update, made), further, said]

    def _as_in_gallery(self, event: gr.SelectData) -> list[Any]:
        example = self._examples[event.index]
        return self._filled(
            example.recipe, example.flags, [example.photo, example.painting], f"As {example.recipe} does."
        )

    def _again(self, path: str) -> list[Any]:
        """The form as a record says; its pictures, where they are samples."""
        try:
            made = requests.of_record(path, self._bounds)
        except UserError as error:
            return [gr.skip()] * (len(controls.NAMES) + 4) + [_refusal(error)]
        pair = [samples.find(made.photo), samples.find(made.painting)]
        wanted = [
            f"{name} ({html.escape(kept)[:80]})"
            for name, kept, there in zip(
                ("the photograph", "the painting"), (made.photo, made.painting), pair, strict=True
            )
            if not there
        ]
        said = f"The flags are as then: drop {' and '.join(wanted)} again." if wanted else "Everything is as then."
        return self._filled(made.recipe, made.flags, pair, said)

    def _stop(self, request: gr.Request) -> str:
        self._line.stop(request.session_hash)
        return "Stopping …"

    async def _paint(
        self, request: gr.Request, photo: str | None, painting: str | None, recipe: str, *values: Any
    ) -> AsyncIterator[list[Any]]:
        """Paints; yields what is said and shown, whenever it changes."""
        try:
            self._line.check(request.session_hash)
            wish = self._wish(photo, painting, recipe, values)
            async with self._reading:
                await asyncio.to_thread(wish.prepare)  # tells what is wrong at once, not at the end of the line
            job = Job(wish)
            self._line.join(request.session_hash, job)
        except UserError as error:
            yield [_refusal(error), *[gr.skip()] * 6]
            return
        try:
            async for shown in self._following(job):
                yield shown
        finally:
            job.stop()

    def _wish(self, photo: str | None, painting: str | None, recipe: str, values: tuple) -> Wish:
        """What the form says."""
        *turned, further = values
        further = further or ""
        if len(further) > MOST_TEXT:
            raise UserError(f"Expected at most {MOST_TEXT} characters of further flags, received {len(further)}.")
        given = {**controls.given(recipe, turned), **requests.flags_of(further)}
        settings = requests.settings_of(recipe, given)
        wanted = {"photograph": photo, "painting": painting or settings.method.style_is_network}
        missing = [what for what, path in wanted.items() if not path]
        if missing:
            raise UserError(f"Expected a photograph and a painting: drop a {' and a '.join(missing)}.")
        return Wish(photo, painting, settings, self._bounds)

    async def _following(self, job: Job) -> AsyncIterator[list[Any]]:
        """What is to be seen of a job, to its end."""
        told = image = None
        yield ["…", None, "", *[gr.update(value=None, interactive=False)] * 2, *_buttons(painting=True)]
        while job.said is None:
            job.look()
            place = self._line.place(job)
            now = f"Place {place} in the line." if place else job.progress
            if now != told or job.image is not image:
                changed = job.image is not image
                told, image = now, job.image
                drawn = [image, curves.svg(job.points)] if changed else [gr.skip()] * 2
                yield [told, *drawn, *[gr.skip()] * 4]
            await asyncio.sleep(LOOK_EVERY)
        files = await asyncio.to_thread(self._written, job) if job.kept else [None, None]
        offered = [gr.update(value=path, interactive=bool(path)) for path in files]
        said = html.escape(job.said, quote=False) if job.kept else _refusal(job.said)
        yield [said, job.image, curves.svg(job.points), *offered, *_buttons(painting=False)]

    def _written(self, job: Job) -> list[str]:
        """Writes the PNG with its text, and the record; returns their paths."""
        folder = self._folder / secrets.token_hex(16)
        folder.mkdir()
        record = job.record.as_dict()
        carried = {name: job.info.get(name) for name in ("exif", "icc_profile", "dpi")}
        job.image.info["alpha"] = job.info.get("alpha")
        carried["text"] = json.dumps(job.wish.info().as_dict())
        writing.save(folder / "painted.png", "PNG", job.image, 95, carried)
        (folder / "painted.json").write_text(json.dumps(record, indent=2))
        return [str(folder / name) for name in ("painted.png", "painted.json")]


def _thumbnails(shown: list[Any], elem_id: str, elem_classes: Any = "thumbnails") -> gr.Gallery:
    """Small pictures to choose from."""
    plain = dict(show_label=False, object_fit="cover", allow_preview=False, interactive=False, buttons=[])
    return gr.Gallery(shown, elem_id=elem_id, elem_classes=elem_classes, **plain)


def _component(control: controls.Control) -> gr.components.Component:
    label = control.name.replace("_", " ")
    common = dict(value=control.value, label=label, info=control.info, visible=control.shown, elem_id=control.name)
    if control.words:
        return gr.Dropdown(list(control.words), **common)
    return gr.Slider(control.least, control.most, step=control.step, **common)


def _update(control: controls.Control) -> Any:
    """What a component is to show instead."""
    if control.words:
        return gr.update(value=control.value, visible=control.shown)
    span = dict(minimum=control.least, maximum=control.most, step=control.step)
    return gr.update(value=control.value, visible=control.shown, **span)


def _buttons(painting: bool) -> list[Any]:
    """Paint and Stop: one of the two can be pressed."""
    return [gr.update(interactive=not painting), gr.update(interactive=painting)]


def _refusal(error: object) -> str:
    return f"⚠️ {html.escape(str(error), quote=False)}"
