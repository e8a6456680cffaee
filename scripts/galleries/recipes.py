"""Make the gallery: every recipe on one pair, eight paintings on one photograph, and the effect of some flags.

The gallery's flags are defined here; the table in configs/README.md is written from them, and the pictures are in
configs/gallery. Complete pictures in results/gallery are not painted again.
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from neural_style.cli.main import main

ROOT = Path(__file__).parents[2]
GALLERY, RESULTS = ROOT / "configs" / "gallery", ROOT / "results" / "gallery"
SAMPLES = ROOT / "neural_style" / "samples"
PHOTOGRAPH, PAINTING = "kodim20.jpg", "van_gogh_starry_night.jpg"
HED = "--weights=hed --network=vgg16"
PUBLISHED = f"{HED} --normalize_weights=imagenet --padding=replicate --convolution=winograd --rows=320"
"""HED's features at the magnitudes for which the weights of the recipes were published."""
PAINT = "--recipe=paint --weights=hed --rows=320"
FROM_PHOTOGRAPH = (
    "from the photograph: where HED's features start from white noise, as the recipe does, the noise stays"
)
RECIPES = {
    "instant": ("--recipe=instant --rows=320", "any painting in 0.1 s"),
    "paint": (PAINT, ""),
    "best": (PAINT.replace("paint", "best"), "paint with matching and more iterations"),
    "keras": (f"--recipe=keras {PUBLISHED}", ""),
    "fast": (f"--recipe=fast {PUBLISHED}", "Keras' loss, sooner"),
    "keras_io": (f"--recipe=keras_io {PUBLISHED} --iterations=4", "400 of its 4000 steps"),
    "vgg16_notebook": (
        f"--recipe=vgg16_notebook {PUBLISHED} --rows=160 --cols=241 --init=content",
        f"160 rows, {FROM_PHOTOGRAPH}",
    ),
    "gatys": (
        f"--recipe=gatys {PUBLISHED}",
        "with the recipe's own unit means, a style weight of 1000 has little effect",
    ),
    "slides": (
        f"--recipe=slides {PUBLISHED} --content_layers=block4_conv3 --init=content",
        f"{FROM_PHOTOGRAPH}; VGG16 has no conv4_4",
    ),
    "prisma": (f"--recipe=prisma {HED} --padding=replicate --rows=320", "from grey; HED's features as they are"),
    "pytorch_tutorial": (
        f"--recipe=pytorch_tutorial {PUBLISHED} --normalize_weights=images --preprocess=auto",
        "torchvision's features are about 1, like normalised ones",
    ),
    "mmd": (f"--recipe=mmd {PUBLISHED}", ""),
    "cnnmrf": (f"--recipe=cnnmrf {PUBLISHED} --scales=80,160,320", ""),
    "highres": (
        f"--recipe=highres {HED} --rows=640 --scales=2 --scale_iterations=4,2",
        "640 rows",
    ),
    "offline": ("--recipe=offline --rows=320", "features learned from the two images"),
}
"""Recipe → its flags, and a remark."""
PAINTINGS = [
    "gauguin_tahiti.jpg",
    "hokusai_great_wave.jpg",
    "turner_shipwreck.jpg",
    "van_gogh_houses.jpg",
    "van_gogh_night_cafe.jpg",
    "van_gogh_olive_trees.jpg",
    "van_gogh_starry_night.jpg",
    "van_gogh_wheat_field.jpg",
]
TWO = "gauguin_tahiti.jpg van_gogh_starry_night.jpg"
MASKS = "--style_masks=left.png,right.png"
SHEETS = {
    "paintings": [(name, PAINT) for name in PAINTINGS],
    "flags": [
        *((PAINTING, f"{PAINT} --style_scale={value}") for value in (0.5, 1, 2)),
        *((PAINTING, f"{PAINT} --boldness={value}") for value in ("gentle", "medium", "bold")),
        *((PAINTING, f"{PAINT} --style_weight={value}") for value in (5, 50, 500)),
        *((PAINTING, f"{PAINT} --preserve_color={value}") for value in ("none", "match", "luminance")),
        *((TWO, f"{PAINT} --style_blend={value}") for value in ("0.8,0.2", "0.5,0.5", "0.2,0.8")),
        (TWO, f"{PAINT} {MASKS}"),
        (PAINTING, f"{PAINT} --content_mask=right.png"),
        (PAINTING, f"{PAINT} --init_blend=0.3"),
    ],
}
"""Sheet → its pictures, three per row: (paintings, flags)."""


def paint(name: str, paintings: str, flags: str) -> Image.Image:
    """Paint a picture into results/gallery, unless it is complete there, and return it."""
    styles = [str(next(path for path in (GALLERY / one, SAMPLES / one) if path.exists())) for one in paintings.split()]
    flags = flags.replace("left.png", str(RESULTS / "left.png")).replace("right.png", str(RESULTS / "right.png"))
    words = [str(GALLERY / PHOTOGRAPH), *styles, str(RESULTS / name)]
    print(f"{name}: {paintings} {flags}", flush=True)
    if main([*words, *flags.split(), "--resume", "--noplots", "--save_every=0"]):
        sys.exit(1)
    return Image.open(RESULTS / f"{name}.png")


def write_masks() -> None:
    """Write left.png and right.png, each white on its half with a soft border."""
    ramp = Image.linear_gradient("L").rotate(90).resize((480, 320)).point(lambda v: max(0, min(255, (v - 96) * 4)))
    ramp.save(RESULTS / "right.png")
    ImageOps.invert(ramp).save(RESULTS / "left.png")


def write_sheet(name: str) -> None:
    """Write a sheet: its pictures, three per row, each above its caption."""
    font = ImageFont.load_default(15)
    cells = []
    for index, (paintings, flags) in enumerate(SHEETS[name]):
        picture = paint(f"{name}_{index}", paintings, flags)
        caption = flags.removeprefix(PAINT).strip() or paintings.removesuffix(".jpg").replace("_", " ")
        cell = Image.new("RGB", (picture.width + 6, picture.height + 26), "white")
        cell.paste(picture)
        ImageDraw.Draw(cell).text((4, picture.height + 3), caption, "black", font)
        cells.append(cell)
    width, height = cells[0].size
    sheet = Image.new("RGB", (3 * width, -(-len(cells) // 3) * height), "white")
    for index, cell in enumerate(cells):
        sheet.paste(cell, (index % 3 * width, index // 3 * height))
    sheet.save(GALLERY / f"{name}.jpg", quality=85, optimize=True)


def format_table() -> str:
    """Return the table of recipes, in Markdown."""
    lines = [f"| recipe | result | `neural-style {PHOTOGRAPH} {PAINTING} out …` |", "|---|---|---|"]
    for name, (flags, remark) in RECIPES.items():
        title = f"{name} ({remark})" if remark else name
        lines.append(f"| {title} | ![{name}](gallery/{name}.jpg) | `{flags}` |")
    return "\n".join(lines)


def write_table() -> None:
    """Replace the table between its marks in configs/README.md."""
    path = ROOT / "configs" / "README.md"
    before, _, rest = path.read_text().partition("<!-- gallery -->\n")
    _, end, after = rest.partition("<!-- end of gallery -->")
    path.write_text(f"{before}<!-- gallery -->\n{format_table()}\n{end}{after}")


if __name__ == "__main__":
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_masks()
    for wanted in sys.argv[1:] or (*RECIPES, *SHEETS):
        if wanted not in (*RECIPES, *SHEETS):
            sys.exit(f"gallery: expected names of {', '.join((*RECIPES, *SHEETS))}, received {wanted!r}.")
        if wanted in SHEETS:
            write_sheet(wanted)
        else:
            paint(wanted, PAINTING, RECIPES[wanted][0]).save(GALLERY / f"{wanted}.jpg", quality=88, optimize=True)
    write_table()
