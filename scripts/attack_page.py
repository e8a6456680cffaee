"""Attacks a page on this machine, and measures how it serves its visitors meanwhile.

scripts/attack_page.py [seconds] [requests] [address], where neural-style[web] is installed. Without an address it
serves a page of its own. It stops after so many seconds or requests, whichever comes first, and refuses other machines.
"""

import collections
import dataclasses
import ipaddress
import itertools
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
from page_client import ask, describe_file, fill_form, find_function, find_load_function, paint, serving

DATA = Path(__file__).parent.parent / "tests" / "data"
PHOTO = DATA / "coffee.png"
PAINTING = DATA / "swirls.png"
SMALL = "--rows=48"
ATTACKERS = 4
"""Threads."""
ADDRESSES = ("127.0.0.2", "127.0.0.3") if sys.platform == "linux" else ("", "")
"""Addresses that attackers come from, and that they hold connections open from. Elsewhere than on Linux, a machine has
only one of them, so visitors share the attackers' bounds."""
MAX_HELD = 250
"""Connections that are held open at the same time."""
UPLOAD_HEAD = "POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000\r\nContent-Type: "
UPLOAD_HEAD += 'multipart/form-data; boundary=x\r\n\r\n--x\r\nContent-Disposition: form-data; name="files"; '
UPLOAD_HEAD += 'filename="a.png"\r\n\r\n'
TIMEOUT = 30


@dataclasses.dataclass
class Figures:
    """What an attack came to.

    Attributes:
      statuses: answers by HTTP status, or by kind of error.
      calm_seconds: how long the page took to answer a visitor before the attack.
      answer_seconds: the same during the attack, again and again.
      paint_seconds: how long small pictures took.
      sentences: how the visitor's pictures ended.
      memory: of the server, in MB.
    """

    statuses: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    calm_seconds: list[float] = dataclasses.field(default_factory=list)
    answer_seconds: list[float] = dataclasses.field(default_factory=list)
    paint_seconds: list[float] = dataclasses.field(default_factory=list)
    sentences: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    memory: list[float] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        calm, answers, paints = (
            sorted(values) or [0] for values in (self.calm_seconds, self.answer_seconds, self.paint_seconds)
        )
        return "\n".join(
            [
                f"requests tried: {self.statuses.total()} {dict(self.statuses.most_common())}",
                f"before, the page answered in {calm[len(calm) // 2]:.2f} s (median), {calm[-1]:.2f} s (longest)",
                f"meanwhile, it answered {len(answers)} times: {answers[len(answers) // 2]:.2f} s (median), "
                f"{answers[-1]:.2f} s (longest)",
                f"pictures painted: {len(self.paint_seconds)}, {paints[len(paints) // 2]:.1f} s (median), "
                f"{paints[-1]:.1f} s (longest); {dict(self.sentences)}",
                f"memory: {self.memory[0]:.0f} MB before, {max(self.memory):.0f} MB at most" if self.memory else "",
            ]
        )


class Target:
    """A page that is attacked, and what an attacker knows of it."""

    def __init__(self, address: str):
        """
        Args:
          address: of a page on this machine.

        Raises:
          ValueError: the page is on another machine.
        """
        host = urlsplit(address).hostname
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"Expected a page at 127.0.0.1, received {address}: attack only your own machine.")
        self.address = address
        self.host = host
        self.port = urlsplit(address).port
        self.client = httpx.Client(transport=_from(ADDRESSES[0]), base_url=address, timeout=TIMEOUT)
        self._held: collections.deque[socket.socket] = collections.deque()
        page = self.client.get("/").text
        self.paint_number, self.form = fill_form(self.client, PHOTO, PAINTING)
        self.form[-1] = SMALL
        config = self.client.get("/config").json()
        self.record_number, _ = find_function(config, "again", "upload")
        self.train_number, _ = find_function(config, "train", "click")
        self.load_number = find_load_function(config)
        self.asset = re.search(r"/assets/[^\"]+[.]js", page).group()

    def post_event(self, **fields: object) -> httpx.Response:
        """Calls the function that paints, with some fields replaced."""
        event = {"fn_index": self.paint_number, "data": self.form, "session_hash": "eve", **fields}
        headers = {"content-type": "application/json"}
        return self.client.post("/gradio_api/queue/join", content=json.dumps(event), headers=headers)

    def send_raw(self, text: bytes, wait: float = 0) -> None:
        """Opens a connection, sends something, and breaks off."""
        with self._connect(ADDRESSES[0]) as connection:
            connection.sendall(text)
            time.sleep(wait)

    def hold_raw(self, text: bytes, reads: bool = False) -> None:
        """Opens a connection, sends something, and holds the connection open, by default without reading the answer."""
        connection = self._connect(ADDRESSES[1])
        self._held.append(connection)
        if len(self._held) > MAX_HELD:
            self._held.popleft().close()
        connection.sendall(text)
        if reads:
            connection.recv(1 << 16)

    def close(self) -> None:
        """Closes all connections."""
        self.client.close()
        while self._held:
            self._held.pop().close()

    def _connect(self, source: str) -> socket.socket:
        return socket.create_connection((self.host, self.port), TIMEOUT, source_address=(source, 0))


def _from(address: str) -> httpx.HTTPTransport:
    """Returns what makes connections from an address of this machine."""
    return httpx.HTTPTransport(local_address=address or None)


def _send_long_path(target: Target, number: int) -> httpx.Response:
    size = (490_000, 30_000, 2000)[number % 3]
    return target.post_event(data=[{"path": "/a" * (size // 2)}])


def _send_deep_json(target: Target, number: int) -> httpx.Response:
    body = (b"[" * 60_000, b'{"":' * 15_000, b'{"":{}},' * 8000, b"[" * 900_000)[number % 4]
    return target.client.post("/gradio_api/queue/join", content=body, headers={"content-type": "application/json"})


def _send_many_values(target: Target, number: int) -> httpx.Response:
    return target.post_event(event_data=[{}] * (number % 20_000))


def _join_without_stream(target: Target, number: int) -> httpx.Response:
    return ask(target.client, target.paint_number, target.form, f"ghost{number}")


def _train_without_stream(target: Target, number: int) -> httpx.Response:
    return ask(target.client, target.train_number, target.form[:2], f"pupil{number}")


def _load_without_stream(target: Target, number: int) -> httpx.Response:
    return ask(target.client, target.load_number, [], f"loader{number}")


def _break_off_upload(target: Target, number: int) -> None:
    target.send_raw(UPLOAD_HEAD.encode() + bytes(300_000))


def _stall_upload(target: Target, number: int) -> None:
    target.hold_raw(UPLOAD_HEAD.encode() + bytes(number % 2000))


def _stall_body(target: Target, number: int) -> None:
    path = ("gradio_api/queue/join", "login", "config")[number % 3]
    target.hold_raw(f"POST /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\n[".encode())


def _leave_answers_unread(target: Target, number: int) -> None:
    target.hold_raw(f"GET {target.asset} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() * 300)


def _hold_used_connection(target: Target, number: int) -> None:
    """Leaves a connection idle that has sent a request and read the answer, as browsers do."""
    target.hold_raw(b"GET /theme.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", reads=True)


def _hold_stream(target: Target, number: int) -> None:
    """Opens the stream of a session that asked for something, and leaves it open."""
    session = f"idle{number}"
    event = {"fn_index": target.record_number, "data": [None], "session_hash": session}
    body = json.dumps(event)
    head = "POST /gradio_api/queue/join HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n{body}"
    target.hold_raw(
        f"{head}GET /gradio_api/queue/data?session_hash={session} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    )


def _fill_folder(target: Target, number: int) -> httpx.Response:
    return target.client.post("/gradio_api/upload", files={"files": ("a.png", bytes(15_000_000))})


def _upload_many_files(target: Target, number: int) -> httpx.Response:
    files = [("files", (f"{index}.png", bytes(1000))) for index in range(300)]
    return target.client.post("/gradio_api/upload", files=files)


def _upload_record(target: Target, number: int) -> httpx.Response:
    """Has a hostile record read."""
    files = {"files": ("record.json", b'{"":' * 10 + b'{"":{}},' * 100_000)}
    (stored,) = target.client.post("/gradio_api/upload", files=files).json()
    return ask(target.client, target.record_number, [describe_file(stored)], f"record{number}")


def _read_without_stream(target: Target, number: int) -> httpx.Response:
    """Has pictures read for a visitor who is not there."""
    config = target.client.get("/config").json()
    check_number, values = find_function(config, "photo", "upload")
    return ask(target.client, check_number, [target.form[0], *values[1:]], f"reader{number}")


def _open_half(target: Target, number: int) -> None:
    target.send_raw(b"GET / HTTP/1.1\r\nHost: ", wait=0.5)


def _use_foreign_name(target: Target, number: int) -> httpx.Response:
    headers = ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"})[number % 3]
    return target.client.get("/config", headers=headers)


def _try_password(target: Target, number: int) -> httpx.Response:
    return target.client.post("/login", data={"username": "eve", "password": str(number)})


def _use_odd_names(target: Target, number: int) -> httpx.Response:
    paths = ("/%00", "/gradio_api/file=/%00", f"/assets/{'a' * 3000}", "/gradio_api/file=/etc/passwd", "/%ff/..")
    return target.client.get(paths[number % len(paths)])


def _call_unknown_function(target: Target, number: int) -> httpx.Response:
    return target.post_event(fn_index=(10**6, -1, True, None, "x")[number % 5])


def _send_odd_fields(target: Target, number: int) -> httpx.Response:
    fields = (
        {"data": [None]},
        {"data": {}},
        {"session_hash": "\0"},
        {"session_hash": "a" * 10**4},
        {"data": ["x"] * 17},
    )
    return target.post_event(**fields[number % len(fields)])


def _cancel_others(target: Target, number: int) -> httpx.Response:
    body = {"session_hash": "visitor", "fn_index": target.paint_number, "event_id": "x"}
    return target.client.post("/gradio_api/cancel", json=body)


def _read_others_stream(target: Target, number: int) -> httpx.Response:
    path = ("queue/data?session_hash=visitor", "heartbeat/visitor", "queue/data?session_hash=nobody")[number % 3]
    with httpx.Client(transport=_from(ADDRESSES[0]), base_url=target.address, timeout=TIMEOUT) as other:
        return other.get(f"/gradio_api/{path}")


ATTACKS: tuple[Callable, ...] = (
    _send_long_path,
    _send_deep_json,
    _send_many_values,
    _join_without_stream,
    _train_without_stream,
    _load_without_stream,
    _break_off_upload,
    _upload_many_files,
    _upload_record,
    _read_without_stream,
    _stall_upload,
    _stall_body,
    _leave_answers_unread,
    _hold_used_connection,
    _hold_stream,
    _fill_folder,
    _open_half,
    _use_foreign_name,
    _try_password,
    _use_odd_names,
    _call_unknown_function,
    _send_odd_fields,
    _cancel_others,
    _read_others_stream,
)


def attack(address: str, seconds: float, max_requests: int, process: psutil.Process | None = None) -> Figures:
    """Attacks a page.

    Args:
      address: of the page, on this machine.
      seconds: how long.
      max_requests: how many requests at most.
      process: the server, to measure its memory.

    Raises:
      ValueError: the page is on another machine.
    """
    target = Target(address)
    figures = Figures()
    for _ in range(10):
        figures.calm_seconds.append(_time_page(address))
    end = time.monotonic() + seconds
    numbers = itertools.count()
    is_over = threading.Event()

    def run_attacker() -> None:
        while time.monotonic() < end and (number := next(numbers)) < max_requests:
            _attack_once(target, number, figures)

    attackers = [threading.Thread(target=run_attacker) for _ in range(ATTACKERS)]
    watchers = [
        threading.Thread(target=_open_page, args=[address, figures, process, is_over]),
        threading.Thread(target=_paint_pictures, args=[address, figures, is_over]),
    ]
    for thread in (*watchers, *attackers):
        thread.start()
    for thread in attackers:
        thread.join()
    is_over.set()
    for thread in watchers:
        thread.join()
    target.close()
    return figures


def _attack_once(target: Target, number: int, figures: Figures) -> None:
    function = ATTACKS[number % len(ATTACKS)]
    try:
        response = function(target, number // len(ATTACKS))
        figures.statuses[response.status_code if response is not None else "broken off"] += 1
    except (httpx.HTTPError, OSError, ValueError, KeyError) as error:
        figures.statuses[type(error).__name__] += 1


def _open_page(address: str, figures: Figures, process: psutil.Process | None, is_over: threading.Event) -> None:
    """Opens the page again and again, as new visitors do."""
    while not is_over.is_set():
        if process is not None:
            figures.memory.append(process.memory_info().rss / 1e6)
        figures.answer_seconds.append(_time_page(address))
        time.sleep(0.1)


def _time_page(address: str) -> float:
    """Returns how many seconds the page takes to answer."""
    start = time.monotonic()
    httpx.get(address, timeout=4 * TIMEOUT).raise_for_status()
    return time.monotonic() - start


def _paint_pictures(address: str, figures: Figures, is_over: threading.Event) -> None:
    """Paints small pictures, one after the other, and at least one."""
    with httpx.Client(base_url=address, timeout=4 * TIMEOUT) as visitor:
        visitor.get("/")
        number, form = fill_form(visitor, PHOTO, PAINTING)
        form[-1] = SMALL
        while True:
            start = time.monotonic()
            sentence, png = paint(visitor, number, form, "visitor")
            figures.sentences[sentence.split(":")[0]] += 1
            if png:
                figures.paint_seconds.append(time.monotonic() - start)
            if is_over.wait(0.1):
                return


def main(seconds: float = 60, max_requests: int = 100_000, address: str = "") -> None:
    """Attacks a page and prints the figures."""
    if address:
        print(attack(address, seconds, max_requests))
        return
    with serving() as (own_address, process):
        print(attack(own_address, seconds, max_requests, psutil.Process(process.pid)))


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((float, int, str), sys.argv[1:], strict=False)))
