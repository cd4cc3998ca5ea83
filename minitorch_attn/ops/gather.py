"""Taking rows by number: embeddings and their gradient."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import add_rows
from ..forms import fastest
from ..tensor import Tensor, TensorLike, raw
from ..validation.indices import check_axes, check_axis, check_indices
from .op import op, ready
from .shape import reshape, transpose


@op(lambda g, y, x, rows: _add_rows(g, rows, x.shape))
def _take_rows(x: TensorLike, /, rows: Any) -> Any:
    return x[rows]


@op(lambda g, y, x, rows, shape: _take_rows(g, rows))
def _add_rows(x: TensorLike, /, rows: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape`, with each slice of x added at its row."""
    values = x.reshape(rows.size, math.prod(shape[1:]))
    return fastest(add_rows)(rows.ravel(), values, shape[0]).reshape(shape)


def take(x: TensorLike, /, indices: Any, axis: int | None = None) -> Tensor:
    """The slices of x at integer `indices` along an axis; of x laid flat, when none is given.

    Raises
    ------
    IndexError
        If an index is outside [-n, n) for an axis of n elements.
    """
    if axis is None:
        return take(reshape(x, -1), indices, axis=0)
    x = ready(x)
    ndim = x.ndim
    axis = check_axis(axis, ndim)
    size = x.shape[axis]
    rows = check_indices(raw(indices), raw(x), -size, size, "take", "an index")
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
    weight = ready(weight)
    table = raw(weight)
    check_axes("embedding: the table", table.ndim)
    return _take_rows(
        weight, check_indices(raw(indices), table, 0, len(table), "embedding", "a token id")
    )
