"""Fifty visitors of the page at once: scripts/visitors.py [visitors] [seconds], where neural-style[web] is installed.

Serves a page of its own. Each visitor asks for a small picture again and again. Every picture is compared with what the
engine paints by itself.
"""

import collections
import io
import re
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import psutil
from page_client import fill_form, paint, serving
from PIL import Image

DATA = Path(__file__).parent.parent / "tests" / "data"
PHOTO = DATA / "coffee.png"
PAINTING = DATA / "swirls.png"
SIZES = (32, 40, 48)


def main(visitors: int = 50, seconds: int = 60) -> None:
    """Prints the figures."""
    with serving() as (address, process):
        tally = Tally(process.pid)
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=visit, args=[address, number, end, tally]) for number in range(visitors)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            tally.measure_memory()
            time.sleep(1)
    correct = count_correct(tally.pictures)
    print(f"{visitors} visitors, {seconds} seconds: {dict(tally.sentences)}")
    print(f"{correct} of {len(tally.pictures)} pictures are correct")
    memory = [f"{tally.memory[len(tally.memory) * tenth // 10]:.0f}" for tenth in range(10)]
    print(f"memory over time: {', '.join(memory)} MB, {max(tally.memory):.0f} MB at most")
    waits = sorted(tally.waits) or [0.0]
    print(f"a picture after {waits[len(waits) // 2]:.1f} s (median), {waits[-1]:.1f} s at most")


class Tally:
    """What the visitors received, and the server's memory meanwhile."""

    def __init__(self, process: int):
        self.sentences: collections.Counter[str] = collections.Counter()
        self.pictures: list[tuple[int, bytes]] = []
        self.waits: list[float] = []
        self.memory: list[float] = []
        self._process = psutil.Process(process)
        self.measure_memory()

    def measure_memory(self) -> None:
        """Records the memory, in MB."""
        self.memory.append(self._process.memory_info().rss / 1e6)


def visit(address: str, number: int, end: float, tally: Tally) -> None:
    """Uploads two pictures, then asks until the time is over."""
    with httpx.Client(base_url=address, timeout=120) as client:
        client.get("/")
        function, form = fill_patiently(client, tally)
        turn = 0
        while time.monotonic() < end:
            rows = SIZES[(number + turn) % len(SIZES)]
            form[-1] = f"--rows={rows}"
            turn += 1
            start = time.monotonic()
            sentence, png = paint(client, function, form, f"visitor{number}")
            tally.sentences[re.sub(r"\d+", "N", sentence)] += 1
            if png:
                tally.waits.append(time.monotonic() - start)
                tally.pictures.append((rows, client.get(png).content))
            else:
                time.sleep(1)


def fill_patiently(client: httpx.Client, tally: Tally) -> tuple[int, list]:
    """Fills in the form, again and again while the page is too busy to take the files."""
    while True:
        try:
            return fill_form(client, PHOTO, PAINTING)
        except httpx.HTTPStatusError as error:
            tally.sentences[f"upload: status {error.response.status_code}"] += 1
            time.sleep(1)


def count_correct(pictures: list[tuple[int, bytes]]) -> int:
    """Returns how many pictures equal those that the engine paints by itself."""
    from neural_style.api import stylize
    from neural_style.web.controls import DEFAULT_RECIPE

    expected = {rows: np.asarray(stylize(PHOTO, PAINTING, recipe=DEFAULT_RECIPE, rows=rows).image) for rows in SIZES}
    return sum(np.array_equal(np.asarray(Image.open(io.BytesIO(png))), expected[rows]) for rows, png in pictures)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
