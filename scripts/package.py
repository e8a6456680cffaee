"""Build the wheel for a package index, whose page has no files beside the README: its links become absolute.

    scripts/package ADDRESS

ADDRESS is the web address below which the repository's files can be read, such as
https://raw.example.org/NAME/main. The wheel is written to dist/.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAMES = ("neural_style", "configs", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
"""What the wheel is built from."""


def main(address: str) -> None:
    """Build the wheel from a copy of the repository."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        copy_sources(source)
        readme = source / "README.md"
        readme.write_text(absolute_links(readme.read_text(encoding="utf-8"), address), encoding="utf-8")
        build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(ROOT / "dist"), folder]
        subprocess.run(build, check=True)


def copy_sources(target: Path) -> None:
    """Copy what the wheel is built from, without caches."""
    for name in NAMES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)


def absolute_links(markdown: str, address: str) -> str:
    """Return the text with each relative link and image below `address`."""
    return re.sub(r"\]\((?!https?://|#)([^)]+)\)", rf"]({address.rstrip('/')}/\1)", markdown)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
