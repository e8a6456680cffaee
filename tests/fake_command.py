"""`python fake_command.py …`: the command neural-style, which paints with a FakeEngine and never loads TensorFlow.

FAKE_SECONDS in the environment says how long each step takes.
"""

import os
import signal
import time

from fake_engine import FakeEngine

from neural_style.cli import main
from neural_style.cli.console import console

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # a shell's background jobs are started with some of them ignored

SECONDS = float(os.environ.get("FAKE_SECONDS", "0"))
main.engine_maker = lambda **_: lambda: FakeEngine(on_step=lambda step: time.sleep(SECONDS))
if __name__ == "__main__":
    console()
