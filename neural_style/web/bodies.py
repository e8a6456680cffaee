"""Reads the bodies of requests within bounds, and checks that they have the form that the page sends."""

import asyncio
import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import Message, Receive

from neural_style.core import finite_json
from neural_style.web.refusal import Refusal

MAX_BYTES = 65_536
MAX_DEPTH = 8
MAX_VALUES = 1000
MAX_STRING = 5000
BODY_SECONDS = 20
"""Time for a body to arrive."""
SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclasses.dataclass(frozen=True)
class EventFunction:
    """What a function of the page takes.

    Attributes:
      takes_file: for each input, whether it is a file. Others are single values.
      needs_index: whether the event names a chosen item.
    """

    takes_file: tuple[bool, ...]
    needs_index: bool


async def read_body(receive: Receive, max_bytes: int = MAX_BYTES) -> bytes:
    """Return a request's body.

    Raises:
      Refusal: the body is too large, too slow, or interrupted.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refusal(400, "The request was interrupted.")
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > max_bytes:
                    raise Refusal(413, f"Expected a request of at most {max_bytes:,} bytes.")
    except TimeoutError as error:
        raise Refusal(408, "The request took too long to arrive.") from error
    return bytes(body)


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a function that receives this body, and then what `receive` does."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def check_session(session: Any) -> str:
    """Return a session's name.

    Raises:
      Refusal: it is not a name.
    """
    if not (isinstance(session, str) and SESSION.fullmatch(session)):
        raise Refusal(400, "Expected the name of a session: letters, digits, _ and -.")
    return session


def parse_event(body: bytes, functions: Mapping[int, EventFunction], is_own_file: Callable[[str], bool]) -> dict:
    """Parse an event of the page as Gradio sends it: a function, its inputs and the session.

    Args:
      body: JSON.
      functions: the page's functions by number.
      is_own_file: returns whether a path is an uploaded file.

    Returns:
      the event, without fields that the page does not send.

    Raises:
      Refusal: the body is malformed, exceeds a bound, or names an unknown function or a foreign file.
    """
    try:
        event = finite_json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "Expected JSON.") from error
    if not isinstance(event, dict):
        raise Refusal(400, "Expected an event.")
    _check_values(event, is_own_file)
    number = event.get("fn_index")
    function = functions.get(number) if type(number) is int else None
    if function is None:
        raise Refusal(404, "The page has no such function: reload it.")
    _check_inputs(event.get("data"), function)
    _check_choice(event.get("event_data"), function)
    trigger = event.get("trigger_id")
    return {
        "fn_index": number,
        "data": event["data"],
        "event_data": event.get("event_data"),
        "trigger_id": trigger if type(trigger) is int else None,
        "session_hash": check_session(event.get("session_hash")),
    }


def _check_values(event: dict, is_own_file: Callable[[str], bool]) -> None:
    """Check the bounds of all values, at any depth, and that each file is an uploaded one."""
    pending: list[tuple[Any, int]] = [(event, 0)]
    count = 0
    while pending:
        value, depth = pending.pop()
        count += 1
        if count > MAX_VALUES or depth > MAX_DEPTH:
            raise Refusal(400, f"Expected at most {MAX_VALUES} values in {MAX_DEPTH} levels.")
        if isinstance(value, str):
            _check_text(value)
        if isinstance(value, dict) and "path" in value and not _is_file(value, is_own_file):
            raise Refusal(403, "Expected files that were uploaded to this page.")
        pending += [(child, depth + 1) for child in _children_of(value)]


def _children_of(value: Any) -> list[Any]:
    """Return the values within a value; the keys of a dict count too."""
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _is_file(value: dict, is_own_file: Callable[[str], bool]) -> bool:
    """Return whether a value describes an uploaded file, as Gradio does."""
    path = value["path"]
    address = value.get("url") or ""
    is_stored = isinstance(path, str) and is_own_file(path)
    is_address = isinstance(address, str) and not address.startswith("data:")
    is_marked = value.get("meta") == {"_type": "gradio.FileData"}
    return is_stored and is_address and is_marked and not value.get("is_stream")


def _check_text(text: str) -> None:
    if len(text) > MAX_STRING:
        raise Refusal(400, f"Expected texts of at most {MAX_STRING} characters.")
    is_encodable = text.isascii() or not re.search("[\ud800-\udfff]", text)
    if "\0" in text or not is_encodable:
        raise Refusal(400, "Expected texts without NUL and unpaired surrogates.")


def _check_inputs(inputs: Any, function: EventFunction) -> None:
    is_complete = isinstance(inputs, list) and len(inputs) == len(function.takes_file)
    if not is_complete:
        raise Refusal(400, "Expected a value for each input.")
    for value, is_file in zip(inputs, function.takes_file, strict=True):
        kinds = dict if is_file else str | int | float
        if value is not None and not isinstance(value, kinds):
            raise Refusal(400, "Expected single values, and files where the page has them.")
        if is_file and value is not None and "path" not in value:
            raise Refusal(400, "Expected a file.")


def _check_choice(choice: Any, function: EventFunction) -> None:
    is_choice = isinstance(choice, dict) and type(choice.get("index")) is int and "value" in choice
    if function.needs_index and not is_choice:
        raise Refusal(400, "Expected the chosen item.")
