"""The pictures that the page offers: photographs, paintings, and what recipes made of them."""

import dataclasses
from pathlib import Path
from typing import Any

from neural_style.settings import recipes

HERE = Path(__file__).parent.parent
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
"""How the gallery was made but for its sizes, see configs/README.md: with HED's features at ImageNet's magnitudes."""
FLAGS = {
    "instant": {},
    "paint": {"weights": "hed"},
    "highres": {"weights": "hed", "network": "vgg16"},
    "offline": {},
    "slides": {**HED, "content_layers": ["block4_conv3"]},
    "pytorch_tutorial": {**HED, "normalize_weights": "images", "preprocess": "auto"},
}
"""Of the recipes that were not painted by `HED`."""


@dataclasses.dataclass(frozen=True)
class Example:
    """A picture of the gallery, and what it was painted from.

    Attributes:
      result: the picture.
      recipe, flags: that painted it.
      photo, painting: what it was painted from.
    """

    result: Path
    recipe: str
    photo: Path
    painting: Path
    flags: dict[str, Any]


def photos() -> list[Path]:
    """The photographs that are there."""
    return [path for name in PHOTOS if (path := find(name))]


def paintings() -> list[Path]:
    """The paintings that are there."""
    return [path for name in PAINTINGS if (path := find(name))]


def find(name: str) -> Path | None:
    """A sample by its file's name; None where it is none, or did not come with this installation."""
    known = name in (*PHOTOS, *PAINTINGS)
    places = (HERE / "samples", GALLERY)
    return next((folder / name for folder in places if known and (folder / name).is_file()), None)


def examples() -> list[Example]:
    """The gallery: of each recipe a picture, and some of `instant` and `paint` more."""
    painted = [
        ("instant_kodim15_gauguin", "instant", "kodim15.jpg", "gauguin_tahiti.jpg"),
        ("instant_kodim20_wheat_field", "instant", "kodim20.jpg", "van_gogh_wheat_field.jpg"),
        ("paint_kodim15_gauguin", "paint", "kodim15.jpg", "gauguin_tahiti.jpg"),
        ("paint_kodim20_wheat_field", "paint", "kodim20.jpg", "van_gogh_wheat_field.jpg"),
    ]
    painted += [(name, name, "kodim20.jpg", "van_gogh_starry_night.jpg") for name in recipes.by_name()]
    found = [
        (GALLERY / f"{result}.jpg", recipe, find(photo), find(painting), FLAGS.get(recipe, HED))
        for result, recipe, photo, painting in painted
    ]
    return [Example(*each) for each in found if each[0].is_file() and each[2] and each[3]]
