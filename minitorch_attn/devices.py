"""Devices: finding CuPy, and moving an array to it and back."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

from .arrays import DeviceError, device_of, to_numpy


def cupy() -> Any:
    """Import CuPy, the first time that somebody asks for a GPU.

    Raises
    ------
    DeviceError
        If CuPy is not installed (the message names the extra), or sees no GPU.
    """
    if importlib.util.find_spec("cupy") is None:
        raise DeviceError(
            'device "cuda" needs CuPy, which is not installed: pip install "minitorch_attn[cuda]"'
        )
    library = importlib.import_module("cupy")
    try:
        count = library.cuda.runtime.getDeviceCount()
    except library.cuda.runtime.CUDARuntimeError as error:
        raise DeviceError(f'device "cuda": CuPy is installed but sees no GPU ({error})') from error
    if not count:
        raise DeviceError('device "cuda": CuPy is installed but sees no GPU')
    return library


def move(array: Any, device: str) -> Any:
    """Return the array on "cpu" (NumPy) or "cuda" (CuPy); the same array if it is there already.

    Of a tuple of arrays, each. The name of any other library that offers `asarray` and `asnumpy`
    is a device too.
    """
    if isinstance(array, tuple):
        return tuple(move(part, device) for part in array)
    if device == device_of(array):
        return array
    if device == "cpu":
        return to_numpy(array)
    if device == "cuda":
        return cupy().asarray(array)
    library = sys.modules.get(device)
    if library is None or not hasattr(library, "asnumpy"):
        raise DeviceError(f'unknown device {device!r}: use "cpu" or "cuda"')
    return library.asarray(array)
