"""Faults that a mutant calls: one number of a result off, or its axes of size 1 gone."""

from __future__ import annotations

from typing import Any

import numpy as np


def first_off(x: Any) -> Any:
    """The same, but the first number 1 % off (0.01 at least; a whole number by 1)."""
    return _off(x, 0)


def last_off(x: Any) -> Any:
    """The same, but the last number 1 % off."""
    return _off(x, -1)


def squeezed(x: Any) -> Any:
    """The same, but arrays without their axes of size 1: right at every other size.

    Where there is no array, the first number off: a mutant must differ from the answer.
    """
    if isinstance(x, np.ndarray) and x.ndim:
        return x.squeeze()
    if isinstance(x, list | tuple) and any(isinstance(item, np.ndarray) for item in x):
        return type(x)(squeezed(i) if isinstance(i, np.ndarray) and i.ndim else i for i in x)
    return first_off(x)


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
