"""Where the work is done, and what that device can do."""

import functools
from pathlib import Path

import tensorflow as tf

CPUINFO = Path("/proc/cpuinfo")


def has_any(*instructions: str) -> bool:
    """Whether the processor has one of `instructions`, such as "avx512f"; False where that can't be known."""
    if not CPUINFO.exists():
        return False
    flags = next((line for line in CPUINFO.read_text().splitlines() if line.startswith("flags")), "")
    return bool(set(instructions) & set(flags.split()))


def gpu_memory() -> int | None:
    """The bytes of the first GPU that TensorFlow may use; None where there is none."""
    if not tf.config.list_physical_devices("GPU"):
        return None
    return _first_gpu_memory()


@functools.cache
def _first_gpu_memory() -> int:
    from tensorflow.python.client import device_lib  # the one place where TensorFlow tells the limit

    return next(device.memory_limit for device in device_lib.list_local_devices() if device.device_type == "GPU")


def resolve_precision(precision: str) -> str:
    """The arithmetic that --precision names; "auto" is bfloat16 where the processor or GPU has units for it."""
    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return "bfloat16" if capability >= (8, 0) else "float32"
    return "bfloat16" if has_any("amx_bf16", "avx512_bf16") else "float32"


def describe_device() -> str:
    """Where TensorFlow places the work: the first GPU's name, or the CPU."""
    for device in tf.config.list_physical_devices("GPU"):
        return f"GPU: {tf.config.experimental.get_device_details(device).get('device_name', device.name)}"
    return "CPU"
