"""The form: two pictures, a recipe, its controls and further flags; how visitors and records fill it in."""

import html
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from neural_style.core.errors import UserError
from neural_style.settings.web import WebSettings
from neural_style.web import components, controls, offers, pictures, requests, samples
from neural_style.web.components import EVENT, item_at, path_of
from neural_style.web.file_reader import FileReader
from neural_style.web.kept import Kept
from neural_style.web.requests import PaintRequest, RecordedRun
from neural_style.web.sessions import Sessions
from neural_style.web.shares import subnet_of

MAX_FLAGS_LENGTH = 4000
"""Characters of further flags."""


class Form:
    """The form's components, and the functions that fill them in.

    Its parts are built one by one, where the page has them; `connect` comes last.
    """

    def __init__(self, bounds: WebSettings, sessions: Sessions, reader: FileReader, kept: Kept):
        """
        Args:
          bounds: settings of the page.
          sessions: knows which visitors are connected.
          reader: reads visitors' files.
          kept: knows the styles of browsers.
        """
        self._kept = kept
        self._bounds = bounds
        self._sessions = sessions
        self._reader = reader
        self._examples = samples.find_examples()
        self._left_out = offers.find_left_out()
        offers.log_left_out(self._left_out)

    @property
    def pictures(self) -> list[gr.components.Component]:
        """The photograph and the painting."""
        return [self._photo, self._painting]

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What `read` takes: the photograph, the painting, the recipe, the controls and the further flags."""
        return [*self.pictures, self._recipe, *self._settings]

    @property
    def recipe_outputs(self) -> list[gr.components.Component]:
        """What `show_own_style` changes."""
        return [self._choice, self._recipe, *self._settings]

    def build_pictures(self) -> None:
        """Build the two pictures. The first samples are there already."""
        with gr.Row():
            self._photo = _build_picture("photo", "Photograph", samples.find_photos())
            self._painting = _build_picture("painting", "Painting", samples.find_paintings())

    def build_samples(self) -> None:
        """Build the samples. They come after the button that paints, which the keyboard reaches quickly then."""
        with gr.Row():
            for name, label, paths, picture in (
                ("photo", "Sample photographs", samples.find_photos(), self._photo),
                ("painting", "Sample paintings", samples.find_paintings(), self._painting),
            ):
                with gr.Column(min_width=240):
                    _build_samples(name, label, paths, picture)

    def build_choice(self) -> None:
        """Build the visitor's first choice, and the style of a trained network."""
        self._choice = gr.Radio(
            [choice for choice, recipe in controls.CHOICES.items() if recipe not in self._left_out],
            value=controls.choice_of(controls.DEFAULT_RECIPE),
            label="How?",
            elem_id="choice",
        )
        style, *_ = controls.make_controls(controls.DEFAULT_RECIPE, self._bounds)
        self._settings = [components.build_component(style)]

    def build_settings(self) -> None:
        """Build the recipe, the controls and the text of further flags."""
        self._recipe = gr.Dropdown(
            controls.recipe_choices(self._left_out),
            value=controls.DEFAULT_RECIPE,
            label="Method or recipe",
            elem_id="recipe",
        )
        _, *others = controls.make_controls(controls.DEFAULT_RECIPE, self._bounds)
        self._settings += map(components.build_component, others)
        self._settings.append(
            gr.Textbox(
                label="Further flags",
                info="As on the command line, such as --pooling=avg --seed=3. They override the controls.",
                max_length=MAX_FLAGS_LENGTH,
                elem_id="further",
            )
        )

    def build_others(self, message: gr.components.Component) -> None:
        """Build what fills in the whole form: a record, and the gallery.

        Args:
          message: shows what was filled in.
        """
        self._again = gr.UploadButton("Again with this: a record (.json), or a PNG of ours", elem_id="again")
        outputs = [self._choice, *self.inputs, message]
        self._again.upload(self._show_record, self._again, outputs, **EVENT)
        if self._examples:
            label = "Gallery: choose one to fill in the form"
            items = [(str(example.result), example.recipe) for example in self._examples]
            gallery = components.build_thumbnails(items, label, elem_id="gallery", elem_classes=["thumbnails", "large"])
            gallery.select(self._show_example, None, outputs, **EVENT)

    def connect(self, message: gr.components.Component) -> None:
        """Connect the pictures, the choice and the recipe to their functions.

        Args:
          message: shows whether a picture can be read.
        """
        for picture, description in ((self._photo, "the photograph"), (self._painting, "the painting")):
            picture.upload(self._make_picture_check(description), picture, [picture, message], **EVENT)
        self._choice.input(self._show_choice, self._choice, [self._recipe, *self._settings], **EVENT)
        self._recipe.input(self._show_recipe, self._recipe, [self._choice, *self._settings], **EVENT)

    def read(self, browser: str | None, photo: Any, painting: Any, recipe: Any, *values: Any) -> PaintRequest:
        """Return what the filled form asks for.

        Args:
          browser: the visitor's.
          photo, painting, recipe, *values: of `inputs`.

        Raises:
          UserError: a value is wrong, or a picture is missing.
        """
        *control_values, further = values
        further = str(further or "")
        if len(further) > MAX_FLAGS_LENGTH:
            raise UserError(
                f"Expected at most {MAX_FLAGS_LENGTH} characters of further flags, received {len(further)}."
            )
        flags = {**controls.changed_values(str(recipe), control_values), **requests.parse_flags(further)}
        network = self._take_own_style(browser, flags)
        settings = requests.read_settings(str(recipe), flags)
        photo, painting = path_of(photo), path_of(painting)
        needed = {"photograph": photo, "painting": painting or settings.method.style_is_network}
        missing = [name for name, path in needed.items() if not path]
        if missing or photo is None:
            raise UserError(f"Expected a photograph and a painting: drop a {' and a '.join(missing)}.")
        return PaintRequest(photo, painting, settings, self._bounds, network)

    def _take_own_style(self, browser: str | None, flags: dict[str, Any]) -> str:
        """Return the network that flags ask for; the name of the visitor's own style is taken out of them."""
        if flags.get("style") != controls.OWN_STYLE:
            return controls.NETWORK
        del flags["style"]  # the only one of its network
        path = self._kept.use_style(browser)
        if path is None:
            raise UserError(requests.OWN_STYLE_IS_GONE)
        return path

    def show_own_style(self, browser: str | None, is_chosen: bool) -> list[Any]:
        """Offer a browser's own style, where there is one; see `recipe_outputs`.

        Args:
          browser: the browser.
          is_chosen: whether the style is chosen, too.
        """
        kept = self._kept.style_of(browser)
        choices = controls.style_choices(Path(kept.files[0]).stem if kept else None)
        if not (kept and is_chosen):
            return [gr.skip(), gr.skip(), gr.update(choices=choices), *[gr.skip()] * len(controls.NAMES)]
        recipe = controls.NETWORK_RECIPE
        values = controls.make_controls(recipe, self._bounds, {"style": controls.OWN_STYLE})
        style, *others = map(components.update_component, values)
        return [controls.choice_of(recipe), recipe, {**style, "choices": choices}, *others, ""]

    def _make_picture_check(self, description: str) -> Callable:
        """Return a function that checks a picture as soon as it is dropped."""

        async def check(request: gr.Request, file: Any) -> tuple[Any, Any]:
            subnet = subnet_of_visitor(request)
            if not await self._sessions.wait_until_connected(request.session_hash, subnet):
                return gr.skip(), gr.skip()
            try:
                path = path_of(file)
                if path is None:
                    raise UserError(pictures.describe_unreadable(description, self._bounds))
                await self._reader.read(subnet, pictures.read, path, description, self._bounds)
            except UserError as error:
                return None, format_error(error)
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

    def _show_example(self, event: gr.SelectData) -> list[Any]:
        example = item_at(self._examples, event.index)
        if example is None:
            return _keep("")
        paths = [example.photo, example.painting]
        return self._fill(example.recipe, example.flags, paths, f"As {example.recipe} does.")

    async def _show_record(self, request: gr.Request, file: Any) -> list[Any]:
        """Fill in the form from a record. Pictures are filled in if they are samples."""
        subnet = subnet_of_visitor(request)
        if not await self._sessions.wait_until_connected(request.session_hash, subnet):
            return _keep("")
        path = path_of(file)
        try:
            if path is None:
                raise UserError("Expected a record (.json) or a PNG: choose one.")
            record = await self._reader.read(subnet, requests.read_record, path, self._bounds)
        except UserError as error:
            return _keep(format_error(error))
        paths, message = _find_pictures(record)
        if record.uses_network and record.painting != controls.NETWORK:
            if not self._owns(self._sessions.browser_of(request.session_hash), record.painting):
                return _keep(
                    f"⚠️ This was painted in a style of one's own ({_short_name(record.painting)}): train it first."
                )
            record.flags["style"] = controls.OWN_STYLE
            message = f"{message} The style is the one that this browser learned last."
            return self._fill(record.recipe, record.flags, paths, message, Path(record.painting).stem)
        return self._fill(record.recipe, record.flags, paths, message)

    def _owns(self, browser: str | None, network: str) -> bool:
        """Return whether a browser's own style is the one of a network's file."""
        kept = self._kept.style_of(browser)
        return kept is not None and Path(kept.files[0]).name == network

    def _fill(
        self,
        recipe: str,
        flags: dict[str, Any],
        paths: Sequence[Path | None],
        message: str,
        own_style: str | None = None,
    ) -> list[Any]:
        """Return the choice, the whole form and a message; `own_style` is the name of the visitor's own style."""
        values = controls.control_values(flags)
        further = requests.format_flags({name: value for name, value in flags.items() if name not in values})
        all_controls = controls.make_controls(recipe, self._bounds, values)
        files = [str(path) if path else gr.skip() for path in paths]
        # A recipe that is left out may run with these flags, as those of the gallery do with HED's weights.
        choices = controls.recipe_choices(self._left_out.keys() - {recipe})
        style, *others = map(components.update_component, all_controls)
        if own_style:
            style["choices"] = controls.style_choices(own_style)
        return [
            controls.choice_of(recipe),
            *files,
            gr.update(choices=choices, value=recipe),
            style,
            *others,
            further,
            message,
        ]


def _keep(message: str) -> list[Any]:
    """Return the form unchanged, and a message."""
    return [gr.skip()] * (len(controls.NAMES) + 5) + [message]


def _find_pictures(record: RecordedRun) -> tuple[list[Path | None], str]:
    """Return the samples that a record names, and what is said of the others."""
    names = [("the photograph", record.photo)]
    if not record.uses_network:
        names.append(("the painting", record.painting))
    paths = [samples.find(name) for _, name in names]
    missing = [
        f"{description} ({_short_name(name)})"
        for (description, name), path in zip(names, paths, strict=True)
        if path is None
    ]
    paths += [None] * (2 - len(paths))
    if missing:
        return paths, f"The flags are as they were: drop {' and '.join(missing)} again."
    return paths, "Everything is as it was."


def _short_name(name: str) -> str:
    """Return the name of a record's file as a message may hold it."""
    return html.escape(name)[:80]


def _build_picture(name: str, label: str, sample_paths: list[Path]) -> gr.Image:
    """Build a picture to drop; the first of the samples is there already."""
    with gr.Column(min_width=140):
        return gr.Image(
            str(sample_paths[0]) if sample_paths else None,
            label=label,
            height=260,
            elem_id=name,
            buttons=[],
            type="filepath",
            image_mode=None,
            sources=["upload", "clipboard"],
        )


def _build_samples(name: str, label: str, paths: list[Path], picture: gr.components.Component) -> None:
    """Build the samples that a picture can be chosen from."""
    thumbnails = components.build_thumbnails([str(path) for path in paths], label, elem_id=f"{name}_samples")

    def choose(event: gr.SelectData) -> Any:
        path = item_at(paths, event.index)
        return str(path) if path else gr.skip()

    thumbnails.select(choose, None, picture, **EVENT)


def subnet_of_visitor(request: gr.Request) -> str:
    """Return the subnet that a request comes from."""
    return subnet_of(request.client.host if request.client else "")


def format_error(error: object) -> str:
    """Return the message for an error."""
    text = re.sub(r"--(\w+)", r"\1", str(error))  # visitors have fields and not flags
    return f"⚠️ {html.escape(text, quote=False)}"
