"""Taking rows by number: embeddings and their gradient."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import add_rows, check_same_library, namespace
from ..tensor import Tensor, TensorLike, raw
from .op import op
from .shape import reshape, transpose


@op(lambda g, y, x, rows: _add_rows(g, rows, x.shape))
def _take_rows(x: TensorLike, /, rows: Any) -> Any:
    return x[rows]


@op(lambda g, y, x, rows, shape: _take_rows(g, rows))
def _add_rows(x: TensorLike, /, rows: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape`, with each slice of x added at its row."""
    values = x.reshape(rows.size, math.prod(shape[1:]))
    return add_rows(rows.ravel(), values, shape[0]).reshape(shape)


def take(x: TensorLike, /, indices: Any, axis: int | None = None) -> Tensor:
    """The slices of x at integer `indices` along an axis; of x laid flat, when none is given.

    Raises
    ------
    IndexError
        If an index is outside [-n, n) for an axis of n elements.
    """
    if axis is None:
        return take(reshape(x, -1), indices, axis=0)
    ndim = raw(x).ndim
    axis = axis % ndim
    size = raw(x).shape[axis]
    rows = _checked(indices, raw(x), -size, size, "take", "an index")
    rows = rows % size if size else rows
    if axis == 0:
        return _take_rows(x, rows)
    # Bring the axis to the front, take there, and put what was taken in its place.
    taken = _take_rows(transpose(x, (axis, *(i for i in range(ndim) if i != axis))), rows)
    k = rows.ndim
    before, after = range(k, k + axis), range(k + axis, k + ndim - 1)
    return transpose(taken, (*before, *range(k), *after))


def embedding(indices: Any, weight: TensorLike) -> Tensor:
    """The rows of `weight` (num, dim) at integer `indices` (...): shape (..., dim).

    Raises
    ------
    IndexError
        If an index is outside [0, num): a token id that the table does not have.
    """
    table = raw(weight)
    return _take_rows(weight, _checked(indices, table, 0, len(table), "embedding", "a token id"))


def _checked(indices: Any, x: Any, low: int, high: int, name: str, what: str) -> Any:
    """Return the indices as an integer array, or say which one does not fit."""
    indices = raw(indices)
    if not hasattr(indices, "dtype"):
        indices = namespace(x).asarray(indices)
    check_same_library(x, indices)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{name} needs integer indices, not dtype {indices.dtype}")
    if indices.size:
        smallest, largest = int(indices.min()), int(indices.max())
        if smallest < low or largest >= high:
            wrong = smallest if smallest < low else largest
            raise IndexError(f"{name}: {what} is {wrong}, and must lie in [{low}, {high})")
    return indices
