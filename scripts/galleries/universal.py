"""Make the pictures of neural_style/universal/README.md: reconstructions, and eight pairs beside instant and paint.

    python scripts/galleries/universal.py PHOTOS PAINTINGS

PHOTOS is a folder of Kodak's photographs, PAINTINGS one of paintings. Prints the table of the reconstructions.
Complete pictures in results/universal are not painted again.
"""

import sys
from pathlib import Path

import numpy as np
from sheets import load, make_sheet

import neural_style
from neural_style.cli.main import main
from neural_style.training import decoder_training

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "universal"
PICTURES = ROOT / "neural_style" / "universal" / "pictures"
HELD_OUT = ("kodim08", "kodim15")
"""The photographs that the decoders were not trained with."""
INVERTED = dict(init="noise", noise_range=(120, 136), style_weight=0, tv_weight=0, content_weight=1)
INVERTED |= dict(normalization="scale", iterations=10, evaluations_per_iteration=30, restart_each_iteration=False)
"""An upper bound: features inverted by L-BFGS from grey, in 300 evaluations."""
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
"""Height of a picture, and of a picture on the sheet."""


def make_reconstructions(photos: Path) -> None:
    """Make a sheet of images that decoders and L-BFGS reconstruct from each level's features; print their PSNR."""
    engine = neural_style.Engine()
    columns = []
    print("| level | decoder | L-BFGS |\n|---|---|---|")
    crops = [load(photos / f"{name}.jpg")[96:352, 96:352] for name in HELD_OUT]
    for level in (1, 2, 3, 4):
        reconstructed = {"decoder": [], "L-BFGS": []}
        for crop in crops:
            look = dict(engine=engine, rows=256)
            decoded = neural_style.stylize(crop, crop, method="wct", bands=False, levels=level, alpha=0, **look)
            network = dict(network="vgg16", weights="hed", padding="replicate", convolution="winograd")
            layers = dict(content_layers=f"block{level}_conv1", style_layers="block1_conv1")
            inverted = neural_style.stylize(crop, crop, **look, **network, **layers, **INVERTED)
            for name, painting in (("decoder", decoded), ("L-BFGS", inverted)):
                reconstructed[name].append((np.asarray(painting.image), decoder_training.psnr(crop, painting.array)))
        columns.append([image for pairs in reconstructed.values() for image, _ in pairs])
        cells = [", ".join(f"{psnr:.1f}" for _, psnr in pairs) for pairs in reconstructed.values()]
        print(f"| {level} | {' | '.join(cells)} |", flush=True)
    make_sheet([crops * 2, *columns], 256).save(PICTURES / "reconstructions.jpg", quality=88)


def make_pairs(photos: Path, paintings: Path) -> None:
    """Make a sheet of eight pairs: photograph, painting, and each recipe."""
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
            column.append(load(file))
    make_sheet(columns, SHOWN).save(PICTURES / "pairs.jpg", quality=85)


if __name__ == "__main__":
    RESULTS.mkdir(parents=True, exist_ok=True)
    PICTURES.mkdir(exist_ok=True)
    make_reconstructions(Path(sys.argv[1]))
    make_pairs(Path(sys.argv[1]), Path(sys.argv[2]))
