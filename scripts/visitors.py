"""Fifty visitors of the page at once: scripts/visitors.py [visitors] [seconds], where neural-style[web] is installed.

Serves a page of its own, has each visitor ask for a small picture again and again, holds every picture that is
delivered to what the engine paints by itself, and prints what came of it.
"""

import collections
import io
import json
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import psutil
from PIL import Image

DATA = Path(__file__).parent.parent / "tests" / "data"
LOOK = "--rows={rows} --scales=1 --scale_iterations=1 --evaluations_per_iteration=2 --weights=random"
SIZES = (32, 40, 48)


def main(visitors: int = 50, seconds: int = 60) -> None:
    """Prints the figures."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "neural_style", "web", f"--port={port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        address, told = f"http://127.0.0.1:{port}", Told(process.pid)
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=visit, args=[address, number, until, told]) for number in range(visitors)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            told.measure()
            time.sleep(1)
        process.terminate()
    right = check(told.pictures)
    print(f"{visitors} visitors, {seconds} seconds: {dict(told.ends)}; {right} of {len(told.pictures)} pictures right")
    along = [f"{told.memory[len(told.memory) * tenth // 10]:.0f}" for tenth in range(10)]
    print(f"memory along the way: {', '.join(along)} MB, {max(told.memory):.0f} at most")
    waits = sorted(told.waits) or [0.0]
    print(f"a picture after {waits[len(waits) // 2]:.1f} s (median), {waits[-1]:.1f} s at most")


class Told:
    """What the visitors were told, and the server's memory meanwhile."""

    def __init__(self, process: int):
        self.ends: collections.Counter[str] = collections.Counter()
        self.pictures: list[tuple[int, bytes]] = []
        self.waits: list[float] = []
        self.memory: list[float] = []
        self._process = psutil.Process(process)
        self.measure()

    def measure(self) -> None:
        """Takes note of the memory, in MB."""
        self.memory.append(self._process.memory_info().rss / 1e6)


def visit(address: str, number: int, until: float, told: Told) -> None:
    """A visitor: uploads two pictures, then asks until the time is over."""
    with httpx.Client(base_url=address, timeout=120) as client:
        config = client.get("/config").json()
        components = {each["id"]: each for each in config["components"]}
        paint = next(each["id"] for each in config["components"] if each["props"].get("elem_id") == "paint")
        call = next(each for each in config["dependencies"] if [paint, "click"] in each["targets"])
        data = [components[each]["props"].get("value") for each in call["inputs"]]
        for place, name in enumerate(("coffee.png", "swirls.png")):
            files = {"files": (name, (DATA / name).read_bytes())}
            (path,) = client.post("/gradio_api/upload", files=files).json()
            data[place] = {"path": path, "meta": {"_type": "gradio.FileData"}}
        turn = 0
        while time.monotonic() < until:
            rows = SIZES[(number + turn) % len(SIZES)]
            data[-1], turn, began = LOOK.format(rows=rows), turn + 1, time.monotonic()
            said, png = ask(client, call["id"], data, f"visitor{number}")
            told.ends[re.sub(r"\d+", "N", said)] += 1
            if png:
                told.waits.append(time.monotonic() - began)
                told.pictures.append((rows, client.get(png).content))
            else:
                time.sleep(1)


def ask(client: httpx.Client, call: int, data: list, visitor: str) -> tuple[str, str | None]:
    """Asks for a picture; returns the last sentence and the PNG's address."""
    body = {"fn_index": call, "data": data, "session_hash": visitor}
    answer = client.post("/gradio_api/queue/join", json=body)
    if answer.status_code != 200:
        return f"status {answer.status_code}: {answer.text[:80]}", None
    said = ""
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": visitor}) as stream:
        for line in stream.iter_lines():
            message = json.loads(line[5:]) if line.startswith("data:") else {"msg": ""}
            output = message.get("output") or {}
            if message["msg"] == "process_generating" and isinstance(output["data"][0], str):
                said = output["data"][0]
            if message["msg"] == "process_completed":
                if not message["success"]:
                    return f"error: {output}", None
                values = output["data"]
                said = values[0] if isinstance(values[0], str) else said
                file = values[3].get("value") if isinstance(values[3], dict) else None
                return said, file and file["url"]
    return "the stream ended", None


def check(pictures: list[tuple[int, bytes]]) -> int:
    """How many pictures are those that the engine paints by itself."""
    import neural_style

    def painted(rows: int) -> np.ndarray:
        look = dict(recipe="paint", rows=rows, scales=1, scale_iterations=1, evaluations_per_iteration=2)
        names = DATA / "coffee.png", DATA / "swirls.png"
        return np.asarray(neural_style.stylize(*names, weights="random", **look).image)

    wanted = {rows: painted(rows) for rows in SIZES}
    return sum(np.array_equal(np.asarray(Image.open(io.BytesIO(png))), wanted[rows]) for rows, png in pictures)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
