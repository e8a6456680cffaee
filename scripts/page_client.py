"""A visitor of the page without a browser, for scripts and tests."""

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx


def free_port() -> int:
    """Returns a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(*flags: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """Serves a page in a process of its own; gives its address and the process."""
    port = free_port()
    command = [sys.executable, "-m", "neural_style", "web", f"--port={port}", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            process.stdout.readline()
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()


def upload(client: httpx.Client, path: Path) -> str:
    """Uploads a file; returns its path on the server. Raises httpx.HTTPStatusError if the page refuses it."""
    files = {"files": (path.name, path.read_bytes())}
    (stored,) = client.post("/gradio_api/upload", files=files).raise_for_status().json()
    return stored


def describe_file(path: str) -> dict:
    """Returns an uploaded file as Gradio describes it."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def find_function(config: dict, name: str, event: str) -> tuple[int, list]:
    """Returns the number of a component's function, and the values that the page shows first."""
    values = {component["id"]: component["props"].get("value") for component in config["components"]}
    ids = {component["props"].get("elem_id"): component["id"] for component in config["components"]}
    target = [ids[name], event]
    (function,) = [item for item in config["dependencies"] if target in item["targets"]]
    return function["id"], [values[number] for number in function["inputs"]]


def find_load_function(config: dict) -> int:
    """Returns the number of the function that the page calls when it is loaded."""
    (function,) = [item for item in config["dependencies"] if any(event == "load" for _, event in item["targets"])]
    return function["id"]


def fill_form(client: httpx.Client, photo: Path, painting: Path) -> tuple[int, list]:
    """Opens the page and uploads two pictures; returns the number of the function that paints, and its inputs."""
    config = client.get("/config").json()
    number, values = find_function(config, "paint", "click")
    values[:2] = (describe_file(upload(client, path)) for path in (photo, painting))
    return number, values


def ask(client: httpx.Client, number: int, values: list, session: str, **more: object) -> httpx.Response:
    """Calls a function; its answers come by `answers`."""
    body = {"fn_index": number, "data": values, "session_hash": session, **more}
    return client.post("/gradio_api/queue/join", json=body)


def answers(client: httpx.Client, session: str) -> Iterator[dict]:
    """Yields the messages to a session, up to the last one."""
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if not line.startswith("data:"):
                continue
            message = json.loads(line[5:])
            yield message
            if message["msg"] in ("process_completed", "close_stream"):
                return


def paint(client: httpx.Client, number: int, values: list, session: str) -> tuple[str, str | None]:
    """Paints a picture; returns the last sentence, and the address of the PNG if there is one."""
    response = ask(client, number, values, session)
    if response.status_code != 200:
        return f"status {response.status_code}: {response.text[:80]}", None
    sentence = ""
    for message in answers(client, session):
        outputs = (message.get("output") or {}).get("data") or [None]
        if isinstance(outputs[0], str):
            sentence = outputs[0]
        if message["msg"] == "process_completed":
            file = outputs[3].get("value") if len(outputs) > 3 and isinstance(outputs[3], dict) else None
            return sentence, file and file["url"]
    return "the stream ended", None
