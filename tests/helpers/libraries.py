"""The array libraries to test on: NumPy, the strict stand-in, and CuPy where there is a GPU."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import strict_arrays

from minitorch_attn import DeviceError
from minitorch_attn.devices import cupy, move


def why_no_gpu() -> str:
    """The library's own reason for having no GPU; empty if there is one."""
    try:
        cupy()
    except (DeviceError, ImportError) as error:
        return str(error)
    return ""


def no_gpu_for_cupy() -> str:
    """Why there is nothing for CuPy to run on, asked of the system and not of CuPy; or nothing."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides every GPU"
    if not shows_gpu():
        return "neither /dev nor nvidia-smi shows a GPU"
    if importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed"
    return ""


def shows_gpu() -> bool:
    if any(Path("/dev").glob("nvidia[0-9]*")):
        return True
    if not shutil.which("nvidia-smi"):
        return False
    said = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return said.returncode == 0 and "GPU 0" in said.stdout


STRICT = strict_arrays.__name__
OTHERS = [STRICT] if why_no_gpu() else [STRICT, "cuda"]
DEVICES = ["cpu", *OTHERS]


def on(device: str, arrays: Any) -> list[Any]:
    """NumPy arrays, moved; anything else as it is."""
    return [move(a, device) if isinstance(a, np.ndarray) else a for a in arrays]
