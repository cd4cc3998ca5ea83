"""Faults that a mutant calls: one number of a result off, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np


def first_off(x: Any) -> Any:
    """The same, but the first number 1 % off (0.01 at least; a whole number by 1)."""
    return _off(x, 0)


def last_off(x: Any) -> Any:
    """The same, but the last number 1 % off."""
    return _off(x, -1)


def _off(x: Any, place: int) -> Any:
    if isinstance(x, str):
        return x + "x"
    if isinstance(x, dict):
        keys = list(x)
        return {**x, keys[place]: _off(x[keys[place]], place)} if keys else x
    if isinstance(x, list | tuple) and x:
        items = list(x)
        items[place] = _off(items[place], place)
        return type(x)(items)
    array = np.array(x)
    if array.size == 0:
        return x
    number = array.flat[place]
    if array.dtype == bool:
        array.flat[place] = not number
    elif array.dtype.kind in "iu":
        array.flat[place] = number + 1
    else:
        finite = bool(np.isfinite(number))
        array.flat[place] = number + 0.01 * max(1.0, abs(number)) if finite else 1.0
    return array[()]
