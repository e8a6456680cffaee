"""Uploaded files: their folder, its bound, and their removal by age."""

import asyncio
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

MAX_AGE = 3600
"""Seconds after which files are removed."""
SWEEP_SECONDS = 10
"""Seconds between two removals."""
MAX_UPLOADS = 100
"""The folder may hold so many times the largest upload."""
MAX_CONCURRENT = 32
"""Uploads at the same time."""
FORM_BYTES = 10_000
"""What a form may have besides its file."""
CHUNK_SECONDS = 20
"""Time until more of an upload must arrive."""
TOTAL_SECONDS = 600
MAX_PATH_BYTES = 1000
MAX_NAME_BYTES = 100


class UploadFolder:
    """A folder that holds uploads and results, up to a number of bytes and an age."""

    def __init__(self, folder: str, max_upload: int):
        """
        Args:
          folder: path of the folder.
          max_upload: the largest file, in bytes.
        """
        self._folder = os.path.realpath(folder)
        self._max_upload = max_upload
        self._permanent: set[str] = set()
        self._lock = threading.Lock()
        self._stored_bytes = 0
        self._arriving_bytes = 0
        self._upload_count = 0

    @property
    def used_bytes(self) -> int:
        """Bytes of all files, including those that are arriving."""
        return self._stored_bytes + self._arriving_bytes

    def contains(self, path: str) -> bool:
        """Return whether a path lies within the folder. Looks at the text only, not at the disk."""
        return (
            is_plain_path(path)
            and path.startswith(self._folder + os.sep)
            and os.path.normpath(path) == path  # the folder holds no links, so nothing leads elsewhere
        )

    def keep_present_files(self) -> None:
        """Excludes the present files, such as the samples, from removal."""
        self._permanent = set(_list_files(self._folder))

    async def receive(self, scope: Scope, receive: Receive) -> str:
        """Receives an upload (a multipart form with one file), and returns the path of the stored file.

        Raises:
          Refusal: the upload is malformed, too large, too slow or interrupted, or the folder is full.
        """
        if self._upload_count >= MAX_CONCURRENT:
            raise Refusal(503, "Too many files are being uploaded: try again in a minute.")
        self._upload_count += 1
        meter = _Meter(self, receive, self._max_upload + FORM_BYTES)
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await self._store_form(Request(scope, meter.receive))
        except (MultiPartException, HTTPException, KeyError) as error:
            raise Refusal(400, "Expected a form with one file.") from error
        except (ClientDisconnect, TimeoutError) as error:
            raise Refusal(408, "The upload was interrupted: try again.") from error
        finally:
            self._upload_count -= 1
            self._arriving_bytes -= meter.byte_count

    async def _store_form(self, request: Request) -> str:
        # Starlette keeps the file without a name until it is complete, so an interrupted upload leaves nothing.
        async with request.form(max_files=1, max_fields=4, max_part_size=FORM_BYTES) as form:
            file = form["files"]
            if not isinstance(file, UploadFile):
                raise Refusal(400, "Expected a form with one file.")
            if file.size > self._max_upload:
                raise Refusal(413, "The file exceeds the maximum allowed size.")
            return await asyncio.to_thread(self._store, file.file, file.filename or "")

    def _store(self, file: BinaryIO, name: str) -> str:
        folder = Path(self._folder, secrets.token_hex(16))
        folder.mkdir()
        path = folder / make_safe_name(name)
        with path.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        with self._lock:
            self._stored_bytes += path.stat().st_size
        return str(path)

    def count_arriving(self, byte_count: int) -> None:
        """Count bytes of uploads that are not complete.

        Raises:
          Refusal: the folder is full.
        """
        self._arriving_bytes += byte_count
        if self.used_bytes > MAX_UPLOADS * self._max_upload:
            raise Refusal(507, "There is no room for files at the moment: come back in an hour.")

    def sweep(self, now: float | None = None) -> None:
        """Remove all files older than `MAX_AGE`, and empty folders, and measure the rest.

        Args:
          now: the time in seconds since 1970; by default the present.
        """
        now = time.time() if now is None else now
        before = self._stored_bytes
        total = 0
        for path in _list_files(self._folder):
            with contextlib.suppress(OSError):  # another thread may remove it too
                status = os.lstat(path)
                is_old = now - status.st_ctime > MAX_AGE
                if is_old and path not in self._permanent:
                    os.remove(path)
                else:
                    total += status.st_size
        self._remove_empty_folders(now)
        with self._lock:
            self._stored_bytes += total - before

    def _remove_empty_folders(self, now: float) -> None:
        for path in Path(self._folder).iterdir():
            with contextlib.suppress(OSError):  # a file, or a folder that is not empty
                if now - path.lstat().st_ctime > MAX_AGE:
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

    def __init__(self, folder: UploadFolder, receive: Receive, max_bytes: int):
        self._folder = folder
        self._receive = receive
        self._max_bytes = max_bytes
        self.byte_count = 0

    async def receive(self) -> Message:
        """Receive a part of the request.

        Raises:
          Refusal: the request is too large, or the folder is full.
          TimeoutError: nothing arrives for `CHUNK_SECONDS`.
        """
        message = await asyncio.wait_for(self._receive(), CHUNK_SECONDS)
        count = len(message.get("body", b""))
        self.byte_count += count
        self._folder.count_arriving(count)
        if self.byte_count > self._max_bytes:
            raise Refusal(413, "The file exceeds the maximum allowed size.")
        return message


def is_plain_path(path: str) -> bool:
    """Return whether a path is one that every system call accepts: text of bounded length, without NUL."""
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return False
    return b"\0" not in encoded and len(encoded) <= MAX_PATH_BYTES and max(map(len, encoded.split(b"/"))) <= 255


def make_safe_name(name: str) -> str:
    """Return a file name without folders, control characters and excess length; the ending is kept."""
    name = re.split(r"[/\\]", name[-1000:])[-1]
    name = re.sub(r"[^\w. ()-]", "_", name).strip(". ")
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = ending, ""
    ending = ending.encode()[:20].decode(errors="ignore")
    stem = stem.encode()[: MAX_NAME_BYTES - 21].decode(errors="ignore") or "file"
    return f"{stem}.{ending}" if ending else stem


def _list_files(folder: str) -> list[str]:
    return [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
