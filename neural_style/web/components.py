"""Gradio components that the page uses repeatedly."""

from typing import Any

import gradio as gr

from neural_style.web import controls

EVENT: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "concurrency_limit": None,
    "preprocess": False,
}
"""How the page calls its functions. No spinner hides the picture, `JobQueue` alone makes visitors wait, and Gradio
neither opens files nor checks values: `pictures` and `requests` do."""


def build_thumbnails(items: list[Any], label: str, elem_id: str, elem_classes: Any = "thumbnails") -> gr.Gallery:
    """Build small pictures to choose from."""
    options = dict(label=label, object_fit="cover", allow_preview=False, interactive=False, buttons=[])
    return gr.Gallery(items, elem_id=elem_id, elem_classes=elem_classes, **options)


def build_component(control: controls.Control) -> gr.components.Component:
    """Build the slider or dropdown of a control."""
    label = control.name.replace("_", " ")
    common = dict(value=control.value, label=label, info=control.info, visible=control.is_shown, elem_id=control.name)
    if control.words:
        return gr.Dropdown(list(control.words), **common)
    return gr.Slider(control.minimum, control.maximum, step=control.step, **common)


def update_component(control: controls.Control) -> Any:
    """Return the changes that make a component show a control."""
    if control.words:
        return gr.update(value=control.value, visible=control.is_shown)
    span = dict(minimum=control.minimum, maximum=control.maximum, step=control.step)
    return gr.update(value=control.value, visible=control.is_shown, **span)


def path_of(file: Any) -> str | None:
    """Return the path of an uploaded file as Gradio describes it; None without a file."""
    return file.get("path") if isinstance(file, dict) else None


def item_at(items: list[Any], index: Any) -> Any:
    """Return a chosen item; None if the index does not exist."""
    is_valid = isinstance(index, int) and 0 <= index < len(items)
    return items[index] if is_valid else None
