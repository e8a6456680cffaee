"""Samples that the page offers: photographs, paintings, and pictures painted from them."""

import dataclasses
from pathlib import Path
from typing import Any

from neural_style.settings import recipes

PACKAGE = Path(__file__).parent.parent
GALLERY = recipes.FOLDER / "gallery"
PHOTOS = ("kodim15.jpg", "kodim20.jpg")
PAINTINGS = (
    "gauguin_tahiti.jpg",
    "van_gogh_starry_night.jpg",
    "hokusai_great_wave.jpg",
    "van_gogh_wheat_field.jpg",
    "van_gogh_night_cafe.jpg",
    "van_gogh_olive_trees.jpg",
    "van_gogh_houses.jpg",
    "turner_shipwreck.jpg",
)
HED = {
    "weights": "hed",
    "network": "vgg16",
    "normalize_weights": "imagenet",
    "padding": "replicate",
    "convolution": "winograd",
}
"""Flags of most of the gallery (see configs/README.md): HED's features, scaled to ImageNet's magnitudes."""
FLAGS: dict[str, dict[str, Any]] = {
    "instant": {},
    "paint": {"weights": "hed"},
    "highres": {"weights": "hed", "network": "vgg16"},
    "offline": {},
    "slides": {**HED, "content_layers": ["block4_conv3"]},
    "pytorch_tutorial": {**HED, "normalize_weights": "images", "preprocess": "auto"},
}
"""Flags of the recipes that were painted otherwise."""

FIRST = (
    ("paint_kodim15_gauguin", "paint", "kodim15.jpg", "gauguin_tahiti.jpg"),
    ("best", "best", "kodim20.jpg", "van_gogh_starry_night.jpg"),
    ("instant_kodim15_gauguin", "instant", "kodim15.jpg", "gauguin_tahiti.jpg"),
    ("paint_kodim20_wheat_field", "paint", "kodim20.jpg", "van_gogh_wheat_field.jpg"),
    ("instant_kodim20_wheat_field", "instant", "kodim20.jpg", "van_gogh_wheat_field.jpg"),
    ("paint", "paint", "kodim20.jpg", "van_gogh_starry_night.jpg"),
)
"""The gallery's first pictures: each one's file, recipe, photograph and painting."""


@dataclasses.dataclass(frozen=True)
class Example:
    """A picture of the gallery, and how it was painted.

    Attributes:
      result: file of the picture.
      recipe: name of the recipe.
      photo: file of the photograph.
      painting: file of the painting.
      flags: settings that differ from the recipe, by name.
    """

    result: Path
    recipe: str
    photo: Path
    painting: Path
    flags: dict[str, Any]


def find_photos() -> list[Path]:
    """Return the installed photographs."""
    return [path for path in map(find, PHOTOS) if path]


def find_paintings() -> list[Path]:
    """Return the installed paintings."""
    return [path for path in map(find, PAINTINGS) if path]


def find(name: str) -> Path | None:
    """Return a sample by its file name; None if there is none, or it is not installed."""
    if name not in (*PHOTOS, *PAINTINGS):
        return None
    paths = [folder / name for folder in (PACKAGE / "samples", GALLERY)]
    return next((path for path in paths if path.is_file()), None)


def find_examples() -> list[Example]:
    """Return the installed gallery: the best pictures first, then a picture of each other recipe."""
    rows = [*FIRST, *((name, name, "kodim20.jpg", "van_gogh_starry_night.jpg") for name in recipes.describe())]
    examples = []
    for name, recipe, photo_name, painting_name in dict.fromkeys(rows):
        result, photo, painting = GALLERY / f"{name}.jpg", find(photo_name), find(painting_name)
        if result.is_file() and photo and painting:
            examples.append(Example(result, recipe, photo, painting, FLAGS.get(recipe, HED)))
    return examples
