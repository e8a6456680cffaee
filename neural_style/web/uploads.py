"""Uploaded files and results: their folder, its bounds, and their removal by age."""

import asyncio
import collections
import contextlib
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope

from neural_style.web.refusal import Refusal
from neural_style.web.shares import Shares, subnet_of_request

MAX_AGE_SECONDS = 3600
"""The age at which files are removed."""
SWEEP_SECONDS = 10
"""Seconds between two removals."""
UPLOADS_FACTOR = 100
"""Room for all uploads together, as a multiple of the largest upload."""
UPLOADS_FACTOR_OF_SUBNET = 25
"""Room for the uploads from one subnet, likewise."""
RESULTS_FACTOR = 50
"""Room for all results and previews, likewise. Beyond it, the oldest are removed."""
MAX_CONCURRENT = 32
"""Uploads at the same time."""
MAX_CONCURRENT_OF_SUBNET = 16
"""Uploads at the same time from one subnet."""
FORM_BYTES = 10_000
"""Bytes that a form may have besides its file, and each of its texts at most."""
CHUNK_SECONDS = 20
"""Time until more of an upload must arrive."""
TOTAL_SECONDS = 600
"""Time for a whole upload."""
MIN_BYTES_PER_SECOND = 20_000
"""Mean speed of an upload that takes longer than `CHUNK_SECONDS`."""
TOO_LARGE = "The file exceeds the maximum allowed size."
"""Gradio's page knows this sentence, and says how large a file may be."""
MAX_PATH_BYTES = 1000
"""Longer paths are refused; all systems accept ones of this length."""
MAX_PART_BYTES = 255
"""The longest name of a file or folder that file systems accept."""
MAX_NAME_BYTES = 100
"""The longest name of a stored file."""
MAX_ENDING_BYTES = 20
"""The longest ending of a stored file's name."""


class UploadFolder:
    """A folder that holds uploads and results, up to a number of bytes and an age.

    Uploads beyond the bound are refused. Results are always written, and the oldest ones make room.
    """

    def __init__(self, folder: str, max_upload_bytes: int):
        """
        Args:
          folder: path of the folder.
          max_upload_bytes: the size of the largest file.
        """
        self._folder = os.path.realpath(folder)
        self._max_upload_bytes = max_upload_bytes
        self._permanent: set[str] = set()
        self._lock = threading.Lock()  # of the two counters; single operations on `_uploads` are atomic
        self._uploads: dict[str, tuple[str, int]] = {}
        """The subnet and the bytes of each upload, by its path."""
        self._bytes_of_subnet: collections.Counter[str] = collections.Counter()
        self._upload_bytes = 0
        self._shares = Shares(
            MAX_CONCURRENT, MAX_CONCURRENT_OF_SUBNET, "Too many files are being uploaded: try again in a minute."
        )

    @property
    def upload_bytes(self) -> int:
        """Bytes of all uploads, including those that are arriving."""
        return self._upload_bytes

    def contains(self, path: str) -> bool:
        """Return whether a path lies within the folder. Looks at the text only, not at the disk."""
        return (
            is_plain_path(path)
            and path.startswith(self._folder + os.sep)
            and os.path.normpath(path) == path  # the folder holds no links, so nothing leads elsewhere
        )

    def keep_present_files(self) -> None:
        """Exclude the present files, such as the samples, from removal."""
        self._permanent = set(_list_files(self._folder))

    async def receive(self, scope: Scope, receive: Receive) -> str:
        """Receive an upload (a multipart form with one file), and return the path of the stored file.

        Raises:
          Refusal: the upload is malformed, too large, too slow or interrupted, or the folder is full.
        """
        subnet = subnet_of_request(scope)
        meter = _Meter(self, subnet, receive, self._max_upload_bytes + FORM_BYTES)
        try:
            with self._shares.hold(subnet):
                async with asyncio.timeout(TOTAL_SECONDS):
                    return await self._store_form(Request(scope, meter.receive), subnet)
        except (MultiPartException, HTTPException, KeyError) as error:
            raise Refusal(400, "Expected a form with one file.") from error
        except (ClientDisconnect, TimeoutError) as error:
            raise Refusal(408, "The upload was interrupted: try again.") from error
        finally:
            self._count(subnet, -meter.byte_count)  # the stored file keeps the count of its own

    async def _store_form(self, request: Request, subnet: str) -> str:
        # Starlette collects it in a temporary file without a name, so an interrupted upload leaves nothing here.
        async with request.form(max_files=1, max_fields=4, max_part_size=FORM_BYTES) as form:
            file = form["files"]
            if not isinstance(file, UploadFile):
                raise Refusal(400, "Expected a form with one file.")
            if file.size > self._max_upload_bytes:
                raise Refusal(413, TOO_LARGE)
            return await asyncio.to_thread(self._store, file.file, file.filename or "", subnet)

    def _store(self, file: BinaryIO, name: str, subnet: str) -> str:
        path = self._new_folder() / make_safe_name(name)
        with path.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        byte_count = path.stat().st_size
        self._uploads[str(path)] = subnet, byte_count
        self._count(subnet, byte_count)
        return str(path)

    def _new_folder(self) -> Path:
        folder = Path(self._folder, secrets.token_hex(16))
        folder.mkdir()
        return folder

    @contextlib.contextmanager
    def adding_result(self) -> Iterator[Path]:
        """Give a new folder for the files of a result. Afterwards, old results are removed where there is no room."""
        yield self._new_folder()
        self.sweep()

    def count_arriving(self, subnet: str, byte_count: int) -> None:
        """Count bytes of an upload that is not complete.

        Raises:
          Refusal: there is no room for them.
        """
        self._count(subnet, byte_count)
        is_full = self._upload_bytes > UPLOADS_FACTOR * self._max_upload_bytes
        if is_full or self._bytes_of_subnet[subnet] > UPLOADS_FACTOR_OF_SUBNET * self._max_upload_bytes:
            raise Refusal(507, "There is no room for files at the moment: come back in an hour.")

    def _count(self, subnet: str, byte_count: int) -> None:
        with self._lock:
            self._upload_bytes += byte_count
            self._bytes_of_subnet[subnet] += byte_count
            if not self._bytes_of_subnet[subnet]:
                del self._bytes_of_subnet[subnet]

    def sweep(self, now: float | None = None) -> None:
        """Remove all files older than `MAX_AGE_SECONDS`, the oldest results beyond `RESULTS_FACTOR`, and empty folders.

        Args:
          now: the time in seconds since 1970; by default the present.
        """
        now = time.time() if now is None else now
        results = []
        for path in set(_list_files(self._folder)) - self._permanent:
            with contextlib.suppress(OSError):  # another thread may remove it too
                status = os.lstat(path)
                if now - status.st_ctime > MAX_AGE_SECONDS:
                    self._remove(path)
                elif path not in self._uploads:
                    results.append((status.st_ctime, path, status.st_size))
        self._remove_oldest(results)
        self._remove_empty_folders(now)

    def _remove_oldest(self, results: list[tuple[float, str, int]]) -> None:
        """Remove results, given as (time, path, bytes), until the rest has room."""
        surplus = sum(size for _, _, size in results) - RESULTS_FACTOR * self._max_upload_bytes
        for _, path, size in sorted(results):
            if surplus <= 0:
                return
            surplus -= size
            with contextlib.suppress(OSError):
                self._remove(path)

    def _remove(self, path: str) -> None:
        os.remove(path)
        upload = self._uploads.pop(path, None)
        if upload is not None:
            subnet, byte_count = upload
            self._count(subnet, -byte_count)

    def _remove_empty_folders(self, now: float) -> None:
        for path in Path(self._folder).iterdir():
            with contextlib.suppress(OSError):  # a file, or a folder that is not empty
                if now - path.lstat().st_ctime > MAX_AGE_SECONDS:
                    path.rmdir()

    @contextlib.contextmanager
    def sweeping(self) -> Iterator[None]:
        """Remove old files regularly for as long as the context lasts."""
        is_over = threading.Event()

        def run() -> None:
            while not is_over.wait(SWEEP_SECONDS):
                self.sweep()

        thread = threading.Thread(target=run, daemon=True, name="sweep")
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


class _Meter:
    """Counts the bytes of a request as they arrive."""

    def __init__(self, folder: UploadFolder, subnet: str, receive: Receive, max_bytes: int):
        self._folder = folder
        self._subnet = subnet
        self._receive = receive
        self._max_bytes = max_bytes
        self._start = time.monotonic()
        self.byte_count = 0

    async def receive(self) -> Message:
        """Receive a part of the request.

        Raises:
          Refusal: the request is too large, or the folder is full.
          TimeoutError: nothing arrives for `CHUNK_SECONDS`, or too little on average.
        """
        message = await asyncio.wait_for(self._receive(), CHUNK_SECONDS)
        count = len(message.get("body", b""))
        self.byte_count += count
        self._folder.count_arriving(self._subnet, count)
        seconds = time.monotonic() - self._start
        if seconds > CHUNK_SECONDS and self.byte_count < MIN_BYTES_PER_SECOND * seconds:
            raise TimeoutError
        if self.byte_count > self._max_bytes:
            raise Refusal(413, TOO_LARGE)
        return message


def is_plain_path(path: str) -> bool:
    """Return whether a path is one that every system call accepts: text of bounded length, without NUL."""
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return False
    longest_part = max(map(len, encoded.split(b"/")))
    return b"\0" not in encoded and len(encoded) <= MAX_PATH_BYTES and longest_part <= MAX_PART_BYTES


def make_safe_name(name: str) -> str:
    """Return a file name without folders, control characters and excess length; the ending is kept."""
    name = re.split(r"[/\\]", name[-MAX_PATH_BYTES:])[-1]
    name = re.sub(r"[^\w. ()-]", "_", name).strip(". ")
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = ending, ""
    ending = ending.encode()[:MAX_ENDING_BYTES].decode(errors="ignore")
    stem = stem.encode()[: MAX_NAME_BYTES - MAX_ENDING_BYTES - 1].decode(errors="ignore") or "file"
    return f"{stem}.{ending}" if ending else stem


def _list_files(folder: str) -> list[str]:
    return [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
