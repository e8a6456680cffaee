"""The driver's files that a worker reads: where both see one folder as they lie there, else sent over, once."""

import dataclasses
import functools
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neural_style.planning.plan import Plan
from neural_style.results import record


def files_of(plan: Plan) -> list[str]:
    """The files and folders that a worker reads; the images are sent."""
    network = plan.network_styles and plan.network_styles.path
    others = plan.settings.universal.decoders, network
    return [*plan.settings.network.files, *(str(path) for path in others if path)]


def contents(path: str) -> dict[str, bytes]:
    """The bytes of a folder's files by their names; of a file, by its own."""
    files = sorted(Path(path).iterdir()) if os.path.isdir(path) else [Path(path)]
    return {file.name: file.read_bytes() for file in files if file.is_file()}


class Receiver:
    """A worker's copies of the driver's files."""

    def __init__(self):
        self._places: dict[tuple[str, str], str] = {}

    @functools.cached_property
    def _folder(self) -> tempfile.TemporaryDirectory:
        return tempfile.TemporaryDirectory(prefix="neural-style-")

    def lacks(self, digests: Mapping[str, str]) -> list[str]:
        """The paths, of these with their SHA-256, whose contents are not to be had here."""
        for path, digest in digests.items():
            if (path, digest) not in self._places and os.path.exists(path) and record.digest([path]) == digest:
                self._places[path, digest] = path
        return [path for path, digest in digests.items() if (path, digest) not in self._places]

    def add(self, path: str, digest: str, contents: Mapping[str, bytes], is_folder: bool) -> None:
        """Takes what `contents` made of a path."""
        place = Path(self._folder.name) / digest / Path(path).name
        folder = place if is_folder else place.parent
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in contents.items():
            (folder / name).write_bytes(data)
        self._places[path, digest] = str(place)

    def places(self, digests: Mapping[str, str]) -> dict[str, str]:
        """Where each path's contents lie here."""
        return {path: self._places[path, digest] for path, digest in digests.items()}


def replace_paths(plan: Plan, places: Mapping[str, str]) -> Plan:
    """A plan whose files are a worker's copies."""
    settings, network_styles = plan.settings, plan.network_styles
    network = {name: getattr(settings.network, name) for name in ("weights", "normalize_weights")}
    decoders = settings.universal.decoders
    settings = dataclasses.replace(
        settings,
        network=dataclasses.replace(settings.network, **respelled(network, places)),
        universal=dataclasses.replace(settings.universal, decoders=respelled(decoders, places)),
    )
    if network_styles:
        network_styles = dataclasses.replace(network_styles, path=Path(places[str(network_styles.path)]))
    start = plan.start and replace_paths(plan.start, places)
    return dataclasses.replace(plan, settings=settings, network_styles=network_styles, start=start)


def respelled(value: Any, spellings: Mapping[str, str]) -> Any:
    """JSON's types with every text that is a key of `spellings` spelled as it says."""
    if isinstance(value, dict):
        return {key: respelled(each, spellings) for key, each in value.items()}
    if isinstance(value, list):
        return [respelled(each, spellings) for each in value]
    return spellings.get(value, value) if isinstance(value, str) else value
