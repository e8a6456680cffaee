"""Files that a run reads: a worker uses its own copy if the contents are the same, else the driver sends them once."""

import dataclasses
import functools
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neural_style.planning.plan import Plan
from neural_style.results import record


def named_files(plan: Plan) -> list[str]:
    """Return the files and folders that a worker reads during a run. The images are sent."""
    paths = plan.settings.universal.decoders, plan.network_styles and plan.network_styles.path
    return [*plan.settings.network.files, *(str(path) for path in paths if path)]


def read_files(path: str) -> dict[str, bytes]:
    """Return name → bytes for the files of a folder, without its subfolders, or for a single file."""
    files = sorted(Path(path).iterdir()) if os.path.isdir(path) else [Path(path)]
    return {file.name: file.read_bytes() for file in files if file.is_file()}


class Receiver:
    """A worker's copies of the driver's files."""

    def __init__(self):
        self._local_paths: dict[tuple[str, str], str] = {}

    @functools.cached_property
    def _folder(self) -> tempfile.TemporaryDirectory:
        return tempfile.TemporaryDirectory(prefix="neural-style-")

    def register_local_files(self, digests: Mapping[str, str]) -> list[str]:
        """Note which files this machine has with the same contents under the same path; return the other paths.

        Args:
          digests: path on the driver → `record.digest([path])` there.
        """
        for path, digest in digests.items():
            if (path, digest) not in self._local_paths and os.path.exists(path) and record.digest([path]) == digest:
                self._local_paths[path, digest] = path
        return [path for path, digest in digests.items() if (path, digest) not in self._local_paths]

    def add(self, path: str, digest: str, contents: Mapping[str, bytes], is_folder: bool) -> None:
        """Store the contents of a driver's path, as `read_files` returns them."""
        local_path = Path(self._folder.name) / digest / Path(path).name
        folder = local_path if is_folder else local_path.parent
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in contents.items():
            (folder / name).write_bytes(data)
        self._local_paths[path, digest] = str(local_path)

    def local_paths(self, digests: Mapping[str, str]) -> dict[str, str]:
        """Return path on the driver → path on this machine; a KeyError for one neither registered nor added."""
        return {path: self._local_paths[path, digest] for path, digest in digests.items()}


def with_local_paths(plan: Plan, local_paths: Mapping[str, str]) -> Plan:
    """Return a plan with the driver's paths replaced by this machine's."""
    settings, network_styles = plan.settings, plan.network_styles
    network = {name: getattr(settings.network, name) for name in ("weights", "normalize_weights")}
    decoders = replace_paths(settings.universal.decoders, local_paths)
    settings = dataclasses.replace(
        settings,
        network=dataclasses.replace(settings.network, **replace_paths(network, local_paths)),
        universal=dataclasses.replace(settings.universal, decoders=decoders),
    )
    if network_styles:
        network_styles = dataclasses.replace(network_styles, path=Path(local_paths[str(network_styles.path)]))
    start_plan = plan.start_plan and with_local_paths(plan.start_plan, local_paths)
    return dataclasses.replace(plan, settings=settings, network_styles=network_styles, start_plan=start_plan)


def replace_paths(value: Any, replacements: Mapping[str, str]) -> Any:
    """Replace each text within dicts and lists that is a key of `replacements`; all else is returned as it is."""
    if isinstance(value, dict):
        return {key: replace_paths(item, replacements) for key, item in value.items()}
    if isinstance(value, list):
        return [replace_paths(item, replacements) for item in value]
    return replacements.get(value, value) if isinstance(value, str) else value
