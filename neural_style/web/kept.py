"""What a browser gets back when it opens the page again: its last picture, and its own style."""

import collections
import dataclasses
import json
import os
import threading
import time
import weakref
from typing import Any, Generic, TypeVar

from neural_style.images import writing
from neural_style.pretrained import style_networks
from neural_style.web import pictures
from neural_style.web.job import Job
from neural_style.web.paint_job import PaintJob
from neural_style.web.style_job import StyleJob
from neural_style.web.uploads import UploadFolder

MAX_BROWSERS = 1000
"""Browsers that are remembered; one more, and the one that worked longest ago is forgotten."""


@dataclasses.dataclass(frozen=True)
class KeptResult:
    """The result of a job.

    Attributes:
      sentence: how the job ended.
      files: paths of the files to download.
    """

    sentence: str
    files: list[str]

    @property
    def is_there(self) -> bool:
        """Whether the files have not been removed, by age or for newer results."""
        return all(map(os.path.isfile, self.files))


class Kept:
    """Writes results into the upload folder, and knows whose they are.

    A browser is known by its cookie. Without one (None), nothing is remembered.
    """

    def __init__(self, folder: UploadFolder):
        """
        Args:
          folder: holds the results, up to its bounds.
        """
        self._folder = folder
        self._jobs: _Recent[tuple[str, weakref.ref[Job]]] = _Recent()
        """Weak, since jobs hold pictures."""
        self._newest: _Recent[KeptResult] = _Recent()
        self._pictures: _Recent[KeptResult] = _Recent()
        self._styles: _Recent[KeptResult] = _Recent()

    def note_job(self, browser: str | None, visitor: str, job: Job) -> None:
        """Remember the job that a browser's session has started."""
        self._jobs.put(browser, (visitor, weakref.ref(job)))

    def latest_job(self, browser: str | None) -> tuple[str, Job] | None:
        """Return the session and the job that a browser has started last, unless nothing needs the job any more."""
        visitor, find_job = self._jobs.get(browser) or ("", lambda: None)
        job = find_job()
        return (visitor, job) if job else None

    def keep_picture(self, browser: str | None, job: PaintJob, outcome: str) -> list[str]:
        """Write the PNG with its text, and the record; return their paths."""
        assert job.image is not None  # a job with a result has a picture
        metadata: dict[str, Any] = {
            name: pictures.short_metadata(job.info.get(name)) for name in ("exif", "icc_profile")
        }
        metadata["text"] = json.dumps(job.request.info().as_dict())
        with self._folder.adding_result() as folder:
            writing.save(folder / "painted.png", "PNG", job.image, 95, metadata)
            (folder / "painted.json").write_text(json.dumps(job.record.as_dict(), indent=2))
        kept = KeptResult(outcome, [str(folder / name) for name in ("painted.png", "painted.json")])
        self._pictures.put(browser, kept)
        self._newest.put(browser, kept)
        return kept.files

    def keep_style(self, browser: str | None, job: StyleJob, outcome: str) -> list[str]:
        """Write the network that paints in a browser's own style; return its path."""
        with self._folder.adding_result() as folder:
            path = folder / f"{job.request.name}{style_networks.KERAS}"
            path.write_bytes(job.network)
        kept = KeptResult(outcome, [str(path)])
        self._styles.put(browser, kept)
        self._newest.put(browser, kept)
        return kept.files

    def picture_of(self, browser: str | None) -> KeptResult | None:
        """Return the last picture of a browser; None if there is none, or its files have been removed."""
        return _if_there(self._pictures.get(browser))

    def style_of(self, browser: str | None) -> KeptResult | None:
        """Return the own style of a browser; None if there is none, or its file has been removed."""
        return _if_there(self._styles.get(browser))

    def newest_of(self, browser: str | None) -> KeptResult | None:
        """Return the newest result of a browser, a picture or a style; None where its files have been removed."""
        return _if_there(self._newest.get(browser))

    def use_style(self, browser: str | None) -> str | None:
        """Return the file of a browser's own style, which stays for another hour; None if there is none."""
        kept = self.style_of(browser)
        if kept is None:
            return None
        (path,) = kept.files
        try:
            # The sweep goes by when its status changed, which this renews; the engine's cache by when its contents did.
            os.utime(path, ns=(time.time_ns(), os.stat(path).st_mtime_ns))
        except OSError:  # the sweep was faster
            return None
        return path


def _if_there(kept: KeptResult | None) -> KeptResult | None:
    return kept if kept and kept.is_there else None


Item = TypeVar("Item")


class _Recent(Generic[Item]):
    """The newest item of each of the last `MAX_BROWSERS` browsers. Any thread may use it."""

    def __init__(self):
        self._items: collections.OrderedDict[str, Item] = collections.OrderedDict()
        self._lock = threading.Lock()

    def put(self, browser: str | None, item: Item) -> None:
        """Keep an item instead of the browser's former one."""
        if browser is None:
            return
        with self._lock:
            self._items[browser] = item
            self._items.move_to_end(browser)
            if len(self._items) > MAX_BROWSERS:
                self._items.popitem(last=False)

    def get(self, browser: str | None) -> Item | None:
        """Return the browser's item."""
        with self._lock:
            return None if browser is None else self._items.get(browser)
