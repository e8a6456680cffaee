"""What the processor can do, as Linux tells it."""

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def has_any(*instructions: str) -> bool:
    """Whether the processor has one of `instructions`, such as "avx512f"; False where that can't be known."""
    if not CPUINFO.exists():
        return False
    flags = next((line for line in CPUINFO.read_text().splitlines() if line.startswith("flags")), "")
    return bool(set(instructions) & set(flags.split()))
