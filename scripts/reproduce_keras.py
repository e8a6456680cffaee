"""Runs the Keras documentation's recipe on its own images and prints the losses beside the documented ones.

Usage: scripts/reproduce_keras [--flags], for example --evaluations_per_iteration=100 --iterations=5 for 500 steps.
"""

import json
import sys
from pathlib import Path

import keras

from neural_style.cli import flags
from neural_style.core.errors import UserError
from neural_style.engine import Engine
from neural_style.planning.plan import prepare

DOCUMENTED = Path(__file__).parent.parent / "tests" / "data" / "keras_io_documented.json"
IMAGES = {"paris.jpg": "https://i.imgur.com/F28w3Ac.jpg", "starry_night.jpg": "https://i.imgur.com/9ooB60I.jpg"}
TOLERANCE = 0.005


def main(arguments: list[str]) -> int:
    """Prints the comparison; returns 0 where every documented loss is met, else 1."""
    try:
        settings = flags.parse(["--recipe=keras_io", *arguments]).settings()
        content, style = fetch()
        inputs, plan = prepare(content, [style], settings)
    except UserError as error:
        print(f"reproduce_keras: {error}", file=sys.stderr)
        return error.exit_code
    documented = json.loads(DOCUMENTED.read_text())
    expected = {
        step: (a, b) for step, a, b in zip(documented["steps"], documented["run_a"], documented["run_b"], strict=True)
    }
    print("  step       ours      run a      run b   off by")
    worst, evaluations = 0.0, 0
    for step in Engine().run(inputs, plan).steps():
        for loss in step.losses:
            evaluations += 1
            # The documentation prints, at step n, the loss before the n-th move: the n-th evaluation.
            if evaluations in expected:
                a, b = expected[evaluations]
                off = loss / ((a + b) / 2) - 1
                worst = max(worst, abs(off))
                print(f"{evaluations:6} {loss:10.2f} {a:10.2f} {b:10.2f} {off:+8.3%}", flush=True)
    print(f"The largest difference is {worst:.3%}; the tolerance is {TOLERANCE:.1%}.")
    return 0 if worst <= TOLERANCE else 1


def fetch() -> list[str]:
    """The documentation's two images, from Keras' cache or the network.

    Raises:
      UserError: the network is missing.
    """
    paths = []
    for name, address in IMAGES.items():
        try:
            paths.append(keras.utils.get_file(name, address))
        except Exception as error:  # Keras raises bare Exceptions for downloads
            raise UserError(
                f"{name} could not be fetched from {address}: {error}. This comparison needs the network, or the "
                "images and the ImageNet weights in Keras' cache (~/.keras, folders datasets and models)."
            ) from error
    return paths


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
