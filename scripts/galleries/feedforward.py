"""Make the pictures of neural_style/feedforward/README.md: the styles of the bundled network, and own styles.

    python scripts/galleries/feedforward.py PHOTOS PAINTINGS [OWN]

PHOTOS is a folder of Kodak's photographs, PAINTINGS one of paintings. OWN is a folder of networks of one style each,
named as the painting that each was trained for (`neural-style train PAINTING.jpg OWN/PAINTING.keras --only_styles`).
A sheet of every named style on ten photographs is written to results/feedforward, for inspection.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sheets import load, make_sheet

import neural_style
from neural_style.pretrained import style_networks

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "feedforward"
PICTURES = ROOT / "neural_style" / "feedforward" / "pictures"
SHOWN = ("kodim15", "kodim08", "kodim20")
INSPECTED = ("kodim08", "kodim15", *(f"kodim{number:02}" for number in (3, 5, 7, 12, 16, 17, 19, 20)))
"""The named styles were trained on none of these; own styles neither on those of `SHOWN`."""
PUBLISHED = "published_"
ROWS = 512


def paint_columns(photos: list[Path], styles: list[str]) -> list[list[np.ndarray]]:
    """The photographs, and then what `painters` makes of them in each style."""
    engine = neural_style.Engine()
    columns = [[load(photo) for photo in photos]]
    for style in styles:
        painted = [neural_style.stylize(photo, "painters", engine=engine, style=style, rows=ROWS) for photo in photos]
        columns.append([np.asarray(each.image) for each in painted])
    return columns


def make_published(photo: Path, styles: list[str]) -> Image.Image:
    """Make a sheet of a photograph in the published styles, in rows of seven with the photograph first."""
    pictures = [column[0] for column in paint_columns([photo], styles)]
    pictures += [np.full_like(pictures[0], 255)] * (-len(pictures) % 7)
    return make_sheet([pictures[first::7] for first in range(7)], 150)


def make_own(photos: list[Path], paintings: Path, own: Path) -> Image.Image:
    """Make a sheet: each photograph, a painting, the own style trained for it, and `instant`."""
    engine, rows = neural_style.Engine(), []
    for number, file in enumerate(sorted(own.glob("*.keras"))):
        photo, painting = photos[number % len(photos)], paintings / f"{file.stem}.jpg"
        trained = neural_style.stylize(photo, file, engine=engine, rows=ROWS)
        at_once = neural_style.stylize(photo, painting, engine=engine, recipe="instant", rows=ROWS)
        rows.append([load(photo), load(painting), np.asarray(trained.image), np.asarray(at_once.image)])
    return make_sheet([list(column) for column in zip(*rows, strict=True)], 256)


def main() -> None:
    """Makes the pictures."""
    photo_folder, painting_folder = map(Path, sys.argv[1:3])
    names = style_networks.metadata_of(style_networks.by_name()["painters"])["styles"]
    named = [name for name in names if not name.startswith(PUBLISHED)]
    published = [name for name in names if name.startswith(PUBLISHED)]
    shown, inspected = ([photo_folder / f"{name}.jpg" for name in group] for group in (SHOWN, INSPECTED))
    for folder in (RESULTS, PICTURES):
        folder.mkdir(parents=True, exist_ok=True)
    make_sheet(paint_columns(inspected, named), 200).save(RESULTS / "ten.png")
    make_sheet(paint_columns(shown, named), 200).save(PICTURES / "styles.jpg", quality=85)
    make_published(shown[0], published).save(PICTURES / "published.jpg", quality=85)
    if len(sys.argv) > 3:
        make_own(shown, painting_folder, Path(sys.argv[3])).save(PICTURES / "own.jpg", quality=85)


if __name__ == "__main__":
    main()
