"""The peak of this process's memory."""

import contextlib
import importlib.util
import re
import sys
from pathlib import Path

RESET_PEAK = "5"
"""What Linux takes as the order to forget the peak so far (man 5 proc)."""


def reset() -> None:
    """Start a new peak, where the system can; elsewhere the peak is that of the whole process."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text(RESET_PEAK)


def megabytes() -> int | None:
    """The largest amount of memory in use since `reset`, in MB (10^6 bytes); None where the system does not say."""
    with contextlib.suppress(OSError):
        peak = re.search(r"^VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
        if peak:
            return round(int(peak[1]) * 1024 / 1e6)
    if importlib.util.find_spec("resource") is None:  # Windows
        return None
    import resource

    peak_size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak_size * (1 if sys.platform == "darwin" else 1024) / 1e6)
