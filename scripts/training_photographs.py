"""Writes about 160 photographs to train on, out of Debian's packages, into a folder.

    python scripts/training_photographs.py FOLDER [PACKAGE ...]

The packages are downloaded by apt (run `apt-get update` before) and unpacked, not installed. Each photograph of at
least 440 pixels is written as JPEG. Licences differ by file (CC-BY, CC-BY-SA, CC0, public domain, GFDL, GPL): each
package's copyright file is written beside them. They are to train on, and not to be shipped.
"""

import hashlib
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

GCOMPRIS = "gcompris-qt-data"
"""The package whose photographs are inside Qt's resource files."""
ACTIVITIES = (
    *("explore_monuments", "erase", "explore_world_animals", "explore_farm_animals", "explore_world_music"),
    "clickgame",
)
"""Its resource files that hold photographs; the others hold drawings."""
WALLPAPERS: dict[str, tuple[str, ...]] = {
    "lomiri-wallpapers-16.04": (),
    "lomiri-wallpapers-20.04": (),
    "mate-backgrounds": ("nature",),
    "plasma-workspace-wallpapers": (
        *("Kite", "EveningGlow", "summer_1am", "DarkestHour", "ColdRipple", "BytheWater", "Path", "FallenLeaf"),
        *("Grey", "ColorfulCups", "OneStandsOut"),
    ),
}
"""Packages of wallpapers, with the folders that hold photographs; none stands for all."""
NO_PHOTOGRAPH = "Painting-Colors"
MIN_SIDE, MAX_SIDE = 440, 1600
PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP", re.DOTALL)
"""How JPEG, PNG and WebP begin."""


def main() -> None:
    """Writes the photographs of all packages, or of those that are named."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    folder, packages = Path(sys.argv[1]), sys.argv[2:] or [GCOMPRIS, *WALLPAPERS]
    folder.mkdir(parents=True, exist_ok=True)
    seen: set[bytes] = set()
    count = 0
    for package in packages:
        with tempfile.TemporaryDirectory() as temporary:
            unpacked = _unpack(package, Path(temporary))
            for notice in unpacked.rglob("copyright"):
                (folder / f"{package}.copyright").write_bytes(notice.read_bytes())
            for name, image in _photographs(package, unpacked, seen):
                image.save(folder / f"{package}_{name}_{count:03d}.jpg", quality=93)
                count += 1
    print(f"{count} photographs in {folder}")


def _unpack(package: str, folder: Path) -> Path:
    subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True)
    unpacked = folder / "unpacked"
    subprocess.run(["dpkg-deb", "-x", next(folder.glob("*.deb")), unpacked], check=True)
    return unpacked


def _photographs(package: str, folder: Path, seen: set[bytes]) -> Iterator[tuple[str, Image.Image]]:
    """The photographs of a package by name, each once; of a wallpaper that comes in several sizes the largest."""
    largest: dict[str, Image.Image] = {}
    for name, data in _embedded(folder) if package == GCOMPRIS else _files(package, folder):
        digest = hashlib.sha256(data).digest()
        image = _open(data)
        if image is None or min(image.size) < MIN_SIDE or digest in seen:
            continue
        seen.add(digest)
        if package == GCOMPRIS:
            yield name, image
        elif name not in largest or largest[name].width < image.width:
            largest[name] = image
    for name, image in largest.items():
        image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        yield name, image


def _embedded(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What begins like a picture in Qt's resource files: raw, after its length in four bytes."""
    for path in sorted(folder.rglob("*.rcc")):
        if path.stem in ACTIVITIES:
            data = path.read_bytes()
            for match in PICTURE.finditer(data):
                first = match.start()
                if first >= 4:
                    yield path.stem, data[first : first + int.from_bytes(data[first - 4 : first], "big")]


def _files(package: str, folder: Path) -> Iterator[tuple[str, bytes]]:
    folders = WALLPAPERS.get(package, ())
    for path in sorted(folder.rglob("*")):
        is_picture = path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp") and path.is_file()
        if not is_picture or path.is_symlink() or NO_PHOTOGRAPH in path.stem:
            continue
        holders = [name for name in folders if name in path.parts]
        if holders or not folders:
            # A wallpaper's folder holds it in several sizes; "nature" is a folder of many.
            yield next((name for name in holders if name != "nature"), path.stem), path.read_bytes()


def _open(data: bytes) -> Image.Image | None:
    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except Exception:  # what only begins like a picture raises many kinds
        return None


if __name__ == "__main__":
    main()
