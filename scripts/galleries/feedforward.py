"""Make the pictures of neural_style/feedforward/README.md: a network's styles, and three of them beside paint.

    python scripts/galleries/feedforward.py PHOTOS PAINTINGS [NETWORK]

PHOTOS is a folder of Kodak's photographs, PAINTINGS one of paintings. A sheet of every style on ten photographs is
written to results/feedforward, for inspection.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sheets import load, make_sheet

import neural_style
from neural_style.cli.main import main
from neural_style.pretrained import style_networks

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "feedforward"
PICTURES = ROOT / "neural_style" / "feedforward" / "pictures"
SHOWN = ("kodim15", "kodim08", "kodim20")
"""The network was not trained with the first two."""
INSPECTED = ("kodim08", "kodim15", *(f"kodim{number:02}" for number in (4, 5, 7, 12, 16, 17, 19, 20)))
PAIRS = [
    ("kodim15", "tahiti", "gauguin_tahiti"),
    ("kodim08", "starry_night", "van_gogh_starry_night"),
    ("kodim15", "great_wave", "hokusai_great_wave"),
]
ROWS = 512


def make_styles(photos: Path, network: str, names: tuple[str, ...]) -> Image.Image:
    """Make a sheet of photographs, each in every style."""
    engine = neural_style.Engine()
    style_names = style_networks.facts(style_networks.find(network))["styles"]
    columns = [[] for _ in range(1 + len(style_names))]
    for name in names:
        photo = photos / f"{name}.jpg"
        columns[0].append(load(photo))
        for column, style in zip(columns[1:], style_names, strict=True):
            painted = neural_style.stylize(photo, network, engine=engine, style=style, rows=ROWS)
            column.append(np.asarray(painted.image))
    return make_sheet(columns, 200)


def make_pairs(photos: Path, paintings: Path, network: str) -> Image.Image:
    """Make a sheet: photograph, painting, the network's picture and paint's."""
    engine = neural_style.Engine()
    columns = [[], [], [], []]
    for photo, style, painting in PAIRS:
        files = [photos / f"{photo}.jpg", paintings / f"{painting}.jpg"]
        painted = neural_style.stylize(files[0], network, engine=engine, style=style, rows=ROWS)
        prefix = RESULTS / f"paint_{photo}_{style}"
        if main([*map(str, files), f"{prefix}.png", "--recipe=paint", f"--rows={ROWS}", "--resume", "--noplots"]):
            sys.exit(1)
        pictures = [*map(load, files), np.asarray(painted.image), load(f"{prefix}.png")]
        for column, picture in zip(columns, pictures, strict=True):
            column.append(picture)
    return make_sheet(columns, 256)


if __name__ == "__main__":
    photo_folder, painting_folder = map(Path, sys.argv[1:3])
    network_name = sys.argv[3] if len(sys.argv) > 3 else "painters"
    for folder in (RESULTS, PICTURES):
        folder.mkdir(parents=True, exist_ok=True)
    make_styles(photo_folder, network_name, INSPECTED).save(RESULTS / "ten.png")
    make_styles(photo_folder, network_name, SHOWN).save(PICTURES / "styles.jpg", quality=85)
    make_pairs(photo_folder, painting_folder, network_name).save(PICTURES / "beside_paint.jpg", quality=85)
