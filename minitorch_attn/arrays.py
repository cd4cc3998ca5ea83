"""Which library owns an array, and the few things that the libraries do differently.

The array carries its library: there is no global device. Everything above this file is written
once, against the names that NumPy and CuPy share; what must differ is here.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import cache, lru_cache
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from .errors import MinitorchError
from .matrix_library import one_thread

# numpy.ndarray or cupy.ndarray. Neither library can be named for the other's type checker.
Array: TypeAlias = Any


class DeviceError(MinitorchError, RuntimeError):
    """A device that is not there, or arrays of two libraries in one operation."""


def _find_library(kind: type) -> ModuleType:
    """The module that owns arrays of this type; NumPy for Python's own numbers and lists."""
    root = kind.__module__.partition(".")[0]
    module = sys.modules.get(root)
    return module if module is not None and hasattr(module, "asarray") else np


# Not a decorator: the type checker holds that a cached function cannot take a type.
_library: Callable[[Any], ModuleType] = cache(_find_library)


def namespace(array: Array, *others: Array) -> Any:
    """Return the library (NumPy or CuPy) that owns the arrays; Python numbers belong to both.

    Raises
    ------
    DeviceError
        If the arrays belong to two libraries; the message says which, and how to move one.
    """
    library = _library(type(array))
    if others:
        check_same_library(array, *others)
        for other in others:
            if library is np:
                library = _library(type(other))
    return library


def check_same_library(*arrays: Array) -> None:
    """Raise DeviceError if the arrays belong to more than one library."""
    owners: dict[str, int] = {}
    for position, array in enumerate(arrays):
        if hasattr(array, "dtype") and not isinstance(array, np.generic):
            owners.setdefault(_library(type(array)).__name__, position)
    if len(owners) > 1:
        sides = " and ".join(f"argument {i} is {name}'s" for name, i in owners.items())
        raise DeviceError(
            f"arrays of two libraries met: {sides}. Move one of them: "
            '.to("cuda") takes a Tensor or a Module to CuPy, .to("cpu") to NumPy'
        )


def device_of(array: Array) -> str:
    """Return "cpu" or "cuda"; for another library, its name."""
    name = _library(type(array)).__name__
    return {"numpy": "cpu", "cupy": "cuda"}.get(name, name)


def to_numpy(array: Array) -> np.ndarray:
    """Copy an array to the host, if it is not there already."""
    library = _library(type(array))
    return np.asarray(array) if library is np else library.asnumpy(array)


def index_add(target: Array, index: Any, values: Array) -> None:
    """Add values to target[index] in place; an index that occurs twice is added to twice."""
    xp = _library(type(target))
    # add.at is ten times slower than assignment, and a basic index never repeats.
    if is_basic_index(index):
        target[index] += values
    else:
        xp.add.at(target, index, values)


def is_basic_index(index: Any) -> bool:
    """Tell whether an index is made of integers, slices, ... and None alone."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or (isinstance(part, slice | int | np.integer) and not isinstance(part, bool))
        for part in parts
    )


def add_rows(rows: Array, values: Array, count: int) -> Array:
    """Sum values into `count` rows: result[r] is the sum of the values[i] with rows[i] == r.

    Parameters
    ----------
    rows : integer array of shape (n,), each in [0, count)
    values : array of shape (n, width)
    """
    xp = _library(type(values))
    result = xp.zeros((count, values.shape[1]), dtype=values.dtype)
    xp.add.at(result, rows, values)
    return result


@one_thread
def column_sums(x: Array) -> Array:
    """Sum over all axes but the last: (..., D) to (D,)."""
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    return ones(len(rows), x.dtype, _library(type(x))) @ rows


@lru_cache(maxsize=16)
def ones(count: int, dtype: Any, library: Any) -> Array:
    """So many ones, to sum rows by a product; only to read, for they are kept.

    A small step asks for the same few twenty times, and to make them takes as long as to multiply.
    """
    return library.ones(count, dtype)


def random_keep(rng: np.random.Generator, p: float, shape: tuple[int, ...], like: Array) -> Array:
    """Draw a boolean array that is False with probability p, in the library of `like`.

    The numbers are NumPy's on every device, so that a seed means the same run everywhere.
    """
    keep = rng.random(shape, dtype=np.float32) >= p
    xp = _library(type(like))
    return keep if xp is np else xp.asarray(keep)
