"""Make the pictures of neural_style/feedforward/README.md: a network's styles, and three of them beside paint.

    python scripts/galleries/feedforward.py PHOTOS PAINTINGS [NETWORK]

PHOTOS is a folder of Kodak's photographs, PAINTINGS one of paintings. A sheet of every style on ten photographs is
written to results/feedforward, for inspection.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from universal import sheet

import neural_style
from neural_style.cli.main import main
from neural_style.pretrained import style_networks

ROOT = Path(__file__).parents[2]
RESULTS, PICTURES = ROOT / "results" / "feedforward", ROOT / "neural_style" / "feedforward" / "pictures"
SHOWN = ("kodim15", "kodim08", "kodim20")
"""The first two were not trained on."""
LOOKED_AT = ("kodim08", "kodim15", *(f"kodim{number:02}" for number in (4, 5, 7, 12, 16, 17, 19, 20)))
PAIRS = [
    ("kodim15", "tahiti", "gauguin_tahiti"),
    ("kodim08", "starry_night", "van_gogh_starry_night"),
    ("kodim15", "great_wave", "hokusai_great_wave"),
]
ROWS = 512


def styles(photos: Path, network: str, names: tuple[str, ...]) -> Image.Image:
    """A sheet: photographs, and each in every style."""
    engine = neural_style.Engine()
    wanted = style_networks.facts(style_networks.find(network))["styles"]
    columns = [[] for _ in range(1 + len(wanted))]
    for name in names:
        photo = photos / f"{name}.jpg"
        columns[0].append(np.asarray(Image.open(photo).convert("RGB")))
        for column, style in zip(columns[1:], wanted, strict=True):
            painted = neural_style.stylize(photo, network, engine=engine, style=style, rows=ROWS)
            column.append(np.asarray(painted.image))
    return sheet(columns, 200)


def pairs(photos: Path, paintings: Path, network: str) -> Image.Image:
    """A sheet: photograph, painting, the network's picture and paint's."""
    engine, columns = neural_style.Engine(), [[], [], [], []]
    for photo, style, painting in PAIRS:
        files = [photos / f"{photo}.jpg", paintings / f"{painting}.jpg"]
        made = neural_style.stylize(files[0], network, engine=engine, style=style, rows=ROWS)
        prefix = RESULTS / f"paint_{photo}_{style}"
        if main([*map(str, files), f"{prefix}.png", "--recipe=paint", f"--rows={ROWS}", "--resume", "--noplots"]):
            sys.exit(1)
        shown = [*(np.asarray(Image.open(file).convert("RGB")) for file in files), np.asarray(made.image)]
        for column, picture in zip(columns, [*shown, np.asarray(Image.open(f"{prefix}.png"))], strict=True):
            column.append(picture)
    return sheet(columns, 256)


if __name__ == "__main__":
    folders, used = [Path(word) for word in sys.argv[1:3]], sys.argv[3] if len(sys.argv) > 3 else "painters"
    for folder in (RESULTS, PICTURES):
        folder.mkdir(parents=True, exist_ok=True)
    styles(folders[0], used, LOOKED_AT).save(RESULTS / "ten.png")
    styles(folders[0], used, SHOWN).save(PICTURES / "styles.jpg", quality=85)
    pairs(*folders, used).save(PICTURES / "beside_paint.jpg", quality=85)
