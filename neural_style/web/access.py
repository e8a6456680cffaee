"""What of Gradio's server visitors may reach: the page, its files and its queue, and nothing else of the machine."""

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES = ("/", "/config", "/login", "/logout", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json")
PREFIXES = ("/assets/", "/static/", "/svelte/")
CALLS = ("queue/", "cancel", "upload", "heartbeat/", "startup-events", "login_check")
"""Of Gradio's interface, what the page itself uses. Others fetch addresses, show the queue, record, or run code."""
FILE = "/gradio_api/file="
MOST_FILES = 100
"""Times the largest upload that all files of the page together may have."""
MOST_BODY = 1_000_000
"""Bytes of a request that is no upload."""
POLICY = "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; frame-ancestors 'self'"
"""The browser fetches nothing from elsewhere: the page works without a network, and tells nobody of its visitors."""


class Gate:
    """ASGI middleware before Gradio's server."""

    def __init__(self, app: ASGIApp, folder: str, most_upload: int, policy: bool):
        """
        Args:
          app: Gradio's.
          folder: where uploads and results lie.
          most_upload: bytes of an uploaded file.
          policy: whether browsers are told to fetch from here alone.
        """
        self._app, self._folder, self._policy = app, os.path.realpath(folder), policy
        self._most = MOST_FILES * most_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what is refused, and hands on everything else."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if not self._is_open(path):
            await PlainTextResponse("There is nothing here.", 404)(scope, receive, send)
            return
        scope = {**scope, "query_string": b""} if path == "/" else scope  # a deep link would name a file
        uploads = path.startswith("/gradio_api/upload")
        if uploads and bytes_in(self._folder) > self._most:
            said = "There is no room for files just now: come back in an hour."
            await PlainTextResponse(said, 507)(scope, receive, send)
            return
        if scope["method"] == "POST" and not uploads:
            body = await _body(receive)
            if body is None or not all(map(self._is_within, _files(body))):
                await PlainTextResponse("Expected files that were uploaded to this page.", 403)(scope, receive, send)
                return
            receive = _again(body, receive)
        await self._app(scope, receive, self._with_policy(send))

    def _is_open(self, path: str) -> bool:
        if path.startswith(FILE):
            return self._is_within(path.removeprefix(FILE))
        call = path.removeprefix("/gradio_api/")
        return path in PAGES or path.startswith(PREFIXES) or (call != path and call.startswith(CALLS))

    def _is_within(self, path: str) -> bool:
        """Whether a path is of an uploaded file or a result."""
        return os.path.isabs(path) and os.path.realpath(path).startswith(self._folder + os.sep)

    def _with_policy(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and self._policy:
                headers = [(b"content-security-policy", POLICY.encode()), (b"x-content-type-options", b"nosniff")]
                message = {**message, "headers": [*message["headers"], *headers, (b"referrer-policy", b"no-referrer")]}
            await send(message)

        return sending


def bytes_in(folder: str) -> int:
    """Of all files in a folder, at any depth; one may go meanwhile."""
    found = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                found += os.path.getsize(os.path.join(place, name))
    return found


async def _body(receive: Receive) -> bytes | None:
    """A request's body; None where it is too large."""
    found, more = b"", True
    while more:
        message = await receive()
        found, more = found + message.get("body", b""), message.get("more_body", False)
        if len(found) > MOST_BODY:
            return None
    return found


def _again(body: bytes, receive: Receive) -> Receive:
    """Receives a body that was read, then whatever follows."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return left.pop() if left else await receive()

    return receiving


def _files(body: bytes) -> Iterator[str]:
    """The paths of files that a request's JSON names, at any depth."""
    try:
        left: list[Any] = [json.loads(body)]
    except (ValueError, RecursionError):  # a form, such as the login's
        return
    while left:
        item = left.pop()
        if isinstance(item, dict):
            if "path" in item:
                yield str(item["path"])
            left += item.values()
        elif isinstance(item, list):
            left += item
