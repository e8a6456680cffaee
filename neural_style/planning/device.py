"""Describes the device that computes; without TensorFlow where there can be no GPU."""

import functools
import sys
from pathlib import Path
from typing import Any

CPUINFO = Path("/proc/cpuinfo")
GPU_FILES = ("nvidia[0-9]*", "kfd", "dxg")
"""The device files of NVIDIA's and AMD's GPUs under Linux, and of GPUs in WSL."""


def cpu_has_any(*instructions: str) -> bool:
    """Whether the processor has one of `instructions`, such as "avx512f"; False where that is unknown."""
    if not CPUINFO.exists():
        return False
    flags = next((line for line in CPUINFO.read_text().splitlines() if line.startswith("flags")), "")
    return bool(set(instructions) & set(flags.split()))


def can_have_gpu() -> bool:
    """Whether TensorFlow might find a GPU, as far as that is known before it is loaded."""
    return not sys.platform.startswith("linux") or any(any(Path("/dev").glob(name)) for name in GPU_FILES)


def has_litert() -> bool:
    """Whether LiteRT, TensorFlow's small runtime, is installed and can be loaded."""
    try:
        import ai_edge_litert.interpreter  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def gpu_memory() -> int | None:
    """The bytes of the first GPU that TensorFlow may use; None where there is none."""
    return _first_gpu_memory() if _gpus() else None


def resolve_precision(precision: str) -> str:
    """Resolve --precision; "auto" is bfloat16 where the processor or GPU supports it."""
    if precision != "auto":
        return precision
    gpus = _gpus()
    if gpus:
        return "bfloat16" if _details(gpus[0]).get("compute_capability", (0, 0)) >= (8, 0) else "float32"
    return "bfloat16" if cpu_has_any("amx_bf16", "avx512_bf16") else "float32"


def describe_device() -> str:
    """Where TensorFlow places the work: the first GPU's name, or the CPU."""
    for gpu in _gpus():
        return f"GPU: {_details(gpu).get('device_name', gpu.name)}"
    return "CPU"


def _gpus() -> list:
    if not can_have_gpu():
        return []
    import tensorflow as tf

    return tf.config.list_physical_devices("GPU")


def _details(gpu: Any) -> dict:
    import tensorflow as tf

    return tf.config.experimental.get_device_details(gpu)


@functools.cache
def _first_gpu_memory() -> int:
    from tensorflow.python.client import device_lib  # the only place where TensorFlow shows the limit

    return next(device.memory_limit for device in device_lib.list_local_devices() if device.device_type == "GPU")
