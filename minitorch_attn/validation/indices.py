"""Integers that choose: classes, rows, axes, sections."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..arrays import Array, check_same_library, namespace, to_numpy


def check_targets(logits: Array, targets: Any) -> Array:
    """Return class numbers (...) for logits (..., C) as an array, or say what is wrong with them.

    Raises
    ------
    TypeError, ValueError, DeviceError
    """
    if not logits.ndim:
        raise ValueError("cross_entropy: logits have an axis of classes, and are a number here")
    if not hasattr(targets, "dtype"):
        targets = namespace(logits).asarray(targets)
    check_same_library(logits, targets)
    if targets.dtype.kind not in "iu":
        raise TypeError(f"cross_entropy: targets are class numbers, integers, not {targets.dtype}")
    if targets.shape != logits.shape[:-1]:
        raise ValueError(
            f"cross_entropy: logits of shape {logits.shape} need targets of shape "
            f"{logits.shape[:-1]}, one class number for each row, not {targets.shape}"
        )
    return targets


def check_classes(logits: Array, targets: Array) -> None:
    """Raise IndexError unless each of the targets (...) is a class of the logits (..., C)."""
    if not targets.size:
        raise ValueError("cross_entropy: the mean over no rows at all is not defined")
    smallest, largest = _ends(targets)
    if smallest < 0 or largest >= logits.shape[-1]:
        raise IndexError(
            f"cross_entropy: targets lie in [{smallest}, {largest}], but logits of shape "
            f"{logits.shape} have classes 0 to {logits.shape[-1] - 1}"
        )


def check_indices(indices: Any, x: Array, low: int, high: int, name: str, what: str) -> Array:
    """Return integer indices in [low, high) as an array of x's library, or say which is not.

    Raises
    ------
    TypeError, IndexError, DeviceError
    """
    if not hasattr(indices, "dtype"):
        indices = namespace(x).asarray(indices)
        indices = indices if indices.size else indices.astype(np.intp)
    check_same_library(x, indices)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{name} needs integer indices, not dtype {indices.dtype}")
    if indices.size:
        smallest, largest = _ends(indices)
        if smallest < low or largest >= high:
            wrong = smallest if smallest < low else largest
            raise IndexError(f"{name}: {what} is {wrong}, and must lie in [{low}, {high})")
    # In uint8, 255 is the largest: what is computed from numbers of rows would not fit.
    return indices.astype(np.intp, copy=False)


def _ends(x: Array) -> tuple[int, int]:
    """The smallest and the largest number; a GPU is waited for once."""
    xp = namespace(x)
    if xp is np:
        return int(x.min()), int(x.max())
    smallest, largest = to_numpy(xp.stack([x.min(), x.max()])).tolist()
    return smallest, largest


def check_axis(axis: Any, ndim: int) -> int:
    """Return an axis of so many counted from 0, or say that it is not there.

    Raises
    ------
    numpy.exceptions.AxisError
    """
    return normalize_axis_index(axis, ndim)


def check_axes(name: str, *ndims: int) -> None:
    """Refuse numbers where arrays with axes are needed. Raises ValueError."""
    if not all(ndims):
        raise ValueError(
            f"{name} needs arrays with axes, and was given a number: x * 2 multiplies by a number"
            if name == "matmul"
            else f"{name} needs axes, and is a number"
        )


def check_some(name: str, tensors: Any) -> None:
    """Refuse to put nothing together. Raises ValueError."""
    if not len(tensors):
        raise ValueError(
            f"{name} was given no tensors at all, and cannot know a shape: begin with the first "
            "one, or with np.zeros of the shape that nothing has"
        )


def check_sections(size: int, sections: Any, axis: int) -> int:
    """Return into how many sections an axis is split, all equal. Raises ValueError, TypeError."""
    sections = operator.index(sections)
    if sections < 1:
        raise ValueError(f"split: into at least one section, not {sections}")
    if size % sections:
        raise ValueError(
            f"split: {size} elements along axis {axis} do not divide into {sections} equal "
            "sections: give the indices at which to cut"
        )
    return sections
