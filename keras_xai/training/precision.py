"""Which dtype policy suits this machine."""

from pathlib import Path
from typing import Literal

import tensorflow as tf

Precision = Literal["auto", "float32", "mixed_bfloat16"]


def resolve_precision(precision: Precision) -> str:
    """Chooses the Keras dtype policy.

    Args:
        precision: a policy's name, or "auto" for mixed_bfloat16 where the processor
            multiplies bfloat16 natively and float32 elsewhere.

    Returns:
        "float32" or "mixed_bfloat16".

    Raises:
        ValueError: if `precision` is none of the three.
    """
    if precision not in ("auto", "float32", "mixed_bfloat16"):
        raise ValueError(
            "Invalid value for `precision`. Expected 'auto', 'float32' or "
            f"'mixed_bfloat16'. Received: precision={precision!r}"
        )
    if precision != "auto":
        return precision
    return "mixed_bfloat16" if _multiplies_bfloat16() else "float32"


def only_cpu_multiplies_bfloat16() -> bool:
    """Tells whether there is no GPU, and a processor with bfloat16 instructions."""
    return not tf.config.list_physical_devices("GPU") and _cpu_multiplies_bfloat16()


def _cpu_multiplies_bfloat16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")  # Linux; elsewhere float32 is the safe answer
    if not cpuinfo.exists():
        return False
    flags = cpuinfo.read_text().split()
    return "amx_bf16" in flags or "avx512_bf16" in flags


def _multiplies_bfloat16() -> bool:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return details.get("compute_capability", (0, 0)) >= (8, 0)
    return _cpu_multiplies_bfloat16()
