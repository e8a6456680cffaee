"""What flags must hold beyond each one's own range: layers, counts, files, and flags that contradict each other."""

import types
from pathlib import Path

from neural_style.errors import UserError
from neural_style.vgg import layout

WORDS = {
    "weights": ("imagenet", "learned", "auto", "random"),
    "init": ("content", "style", "noise"),
}
"""What else than a file's path these flags take."""


def check(options: types.SimpleNamespace) -> None:
    """Raises a UserError where flags contradict each other or the network."""
    for kind in ("content", "style"):
        layers, shares = getattr(options, f"{kind}_layers"), getattr(options, f"{kind}_layer_weights")
        layout.check_layers(options.network, layers, f"{kind}_layers")
        if shares is not None and len(shares) != len(layers):
            raise UserError(
                f"--{kind}_layer_weights takes one number for each of the {len(layers)} layers of --{kind}_layers, "
                f"received {len(shares)}."
            )
    if options.style_loss != "gram" and options.normalization not in ("scale", "none"):
        raise UserError(
            f"--style_loss={options.style_loss} takes --normalization=scale or none, received {options.normalization}, "
            "which is made for Gram matrices."
        )
    _check_scales(options)
    least = layout.smallest_tile(options.network, [*options.content_layers, *options.style_layers])
    if options.tile not in ("auto", "none") and not (options.tile.isdigit() and int(options.tile) >= least):
        raise UserError(
            f"--tile takes auto, none or a size of at least {least} pixels with these layers, received "
            f"{options.tile!r}."
        )
    if not options.reuse_constant_rows and options.tile.isdigit():
        raise UserError("--noreuse_constant_rows stacks whole images and can't be tiled: leave out one of the two.")
    if options.recolor_content and options.preserve_color != "none":
        raise UserError(
            "--recolor_content gives the photograph the style's colours and --preserve_color keeps its own: leave out "
            "one of the two (--norecolor_content)."
        )
    if options.style_masks and options.style_loss != "gram":
        raise UserError(f"--style_masks takes --style_loss=gram, received {options.style_loss}.")
    if len(options.noise_range) != 2:
        raise UserError(f"--noise_range takes two numbers, least and greatest, received {options.noise_range}.")
    if options.normalize_weights not in ("none", "images") and not Path(options.normalize_weights).is_dir():
        raise UserError(
            f"--normalize_weights takes none, images or a folder of images, and {options.normalize_weights!r} is no "
            "folder."
        )
    for name in ("weights", "init"):
        value = getattr(options, name)
        if value not in WORDS[name] and not Path(value).is_file():
            raise UserError(f"--{name} takes {', '.join(WORDS[name])} or a file, and {value!r} is no file.")


def _check_scales(options: types.SimpleNamespace) -> None:
    scales = options.scales
    if len(scales) == 1 and options.rows >> (scales[0] - 1) < 1:
        raise UserError(f"--scales={scales[0]} would halve {options.rows} rows to nothing: name fewer scales.")
    if len(scales) > 1 and scales != sorted(set(scales)):
        raise UserError(f"--scales takes rows from coarse to fine, received {','.join(map(str, scales))}.")
    count, given = scales[0] if len(scales) == 1 else max(1, len(scales)), len(options.scale_iterations)
    if given not in (0, count):
        raise UserError(f"--scale_iterations takes one number for each of the {count} scales, received {given}.")
    one_frame = options.style_frame == "stretch" and options.style_scale == [1.0]
    if not options.reuse_constant_rows and not one_frame:
        raise UserError(
            "--noreuse_constant_rows stacks content and style into one batch, which needs them in one frame: leave out "
            "--style_frame=aspect and --style_scale, or --noreuse_constant_rows."
        )
    if not options.style_scale or not options.style_rotation:
        raise UserError("--style_scale and --style_rotation take at least one number each.")
