"""Make the pictures of neural_style/universal/README.md: reconstructions, and eight pairs beside instant and paint.

    python scripts/galleries/universal.py PHOTOS PAINTINGS

PHOTOS is a folder of Kodak's photographs, PAINTINGS one of paintings. Prints the table of the reconstructions.
Complete pictures in results/universal are not painted again.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import neural_style
from neural_style.cli.main import main
from neural_style.training import decoder_training

ROOT = Path(__file__).parents[2]
RESULTS, PICTURES = ROOT / "results" / "universal", ROOT / "neural_style" / "universal" / "pictures"
HELD_OUT = ("kodim08", "kodim15")
"""The photographs that the decoders were not trained on."""
INVERTED = dict(init="noise", noise_range=(120, 136), style_weight=0, tv_weight=0, content_weight=1)
INVERTED |= dict(normalization="scale", iterations=10, evaluations_per_iteration=30, restart_each_iteration=False)
"""The ceiling: features inverted by L-BFGS from grey, in 300 evaluations."""
PAIRS = [
    ("kodim15", "gauguin_tahiti"),
    ("kodim08", "van_gogh_starry_night"),
    ("kodim20", "van_gogh_wheat_field"),
    ("kodim16", "turner_shipwreck"),
    ("kodim04", "van_gogh_night_cafe"),
    ("kodim19", "hokusai_great_wave"),
    ("kodim12", "van_gogh_houses"),
    ("kodim05", "van_gogh_olive_trees"),
]
RECIPES = ("instant", "paint", "wct", "adain")
ROWS, SHOWN = 320, 170
"""Of a picture, and of a picture on the sheet."""


def reconstructions(photos: Path) -> None:
    """A sheet of what decoders and L-BFGS make of each level's features, and their PSNR."""
    engine, columns = neural_style.Engine(), []
    print("| level | decoder | L-BFGS |\n|---|---|---|")
    crops = [np.asarray(Image.open(photos / f"{name}.jpg").convert("RGB"))[96:352, 96:352] for name in HELD_OUT]
    for level in (1, 2, 3, 4):
        found = {"decoder": [], "L-BFGS": []}
        for crop in crops:
            look = dict(engine=engine, rows=256)
            made = neural_style.stylize(crop, crop, method="wct", levels=level, alpha=0, **look)
            network = dict(network="vgg16", weights="hed", padding="replicate", convolution="winograd")
            layers = dict(content_layers=f"block{level}_conv1", style_layers="block1_conv1")
            inverted = neural_style.stylize(crop, crop, **look, **network, **layers, **INVERTED)
            for name, painting in (("decoder", made), ("L-BFGS", inverted)):
                found[name].append((np.asarray(painting.image), decoder_training.psnr(crop, painting.array)))
        columns.append([image for each in found.values() for image, _ in each])
        shown = [", ".join(f"{value:.1f}" for _, value in each) for each in found.values()]
        print(f"| {level} | {' | '.join(shown)} |", flush=True)
    first = [np.asarray(crop) for crop in crops] * 2
    sheet([first, *columns], 256).save(PICTURES / "reconstructions.jpg", quality=88)


def pairs(photos: Path, paintings: Path) -> None:
    """A sheet of eight pairs: photograph, painting, and each recipe."""
    columns = [[] for _ in range(2 + len(RECIPES))]
    for photo, painting in PAIRS:
        files = [photos / f"{photo}.jpg", paintings / f"{painting}.jpg"]
        for recipe in RECIPES:
            prefix = RESULTS / f"{recipe}_{photo}_{painting}"
            words = [*map(str, files[:2]), f"{prefix}.png", f"--recipe={recipe}", f"--rows={ROWS}"]
            words += [] if recipe == "instant" else ["--weights=hed"]
            if main([*words, "--resume", "--noplots"]):
                sys.exit(1)
            files.append(Path(f"{prefix}.png"))
        for column, file in zip(columns, files, strict=True):
            column.append(np.asarray(Image.open(file).convert("RGB")))
    sheet(columns, SHOWN).save(PICTURES / "pairs.jpg", quality=85)


def sheet(columns: list[list[np.ndarray]], rows: int) -> Image.Image:
    """Pictures in columns, all `rows` high, each column as wide as its widest, on white."""
    small = [[_at_height(picture, rows) for picture in column] for column in columns]
    widths = [max(picture.width for picture in column) + 4 for column in small]
    made, left = Image.new("RGB", (sum(widths), (rows + 4) * len(columns[0])), "white"), 0
    for column, width in zip(small, widths, strict=True):
        for index, picture in enumerate(column):
            made.paste(picture, (left, index * (rows + 4)))
        left += width
    return made


def _at_height(picture: np.ndarray, rows: int) -> Image.Image:
    image = Image.fromarray(picture)
    return image.resize((round(image.width * rows / image.height), rows), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    RESULTS.mkdir(parents=True, exist_ok=True)
    PICTURES.mkdir(exist_ok=True)
    reconstructions(Path(sys.argv[1]))
    pairs(Path(sys.argv[1]), Path(sys.argv[2]))
