"""The array libraries to test on: NumPy, the strict stand-in, and CuPy where there is a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import strict_arrays

from minitorch_attn import DeviceError
from minitorch_attn.arrays import cupy, move


def why_no_gpu() -> str:
    """The library's own reason for having no GPU; empty if there is one."""
    try:
        cupy()
    except DeviceError as error:
        return str(error)
    return ""


STRICT = strict_arrays.__name__
OTHERS = [STRICT] if why_no_gpu() else [STRICT, "cuda"]
DEVICES = ["cpu", *OTHERS]


def on(device: str, arrays: Any) -> list[Any]:
    """NumPy arrays, moved; anything else as it is."""
    return [move(a, device) if isinstance(a, np.ndarray) else a for a in arrays]
