"""Sums over rows, sooner than `sum` and `add.at` find them."""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array, add_rows, namespace, ones
from ..forms import faster
from ..matrix_library import one_thread


@faster(add_rows)
def add_sorted_rows(rows: Array, values: Array, count: int) -> Array:
    """`add_rows` on NumPy arrays: sorted, equal rows lie side by side, and one reduceat sums them.

    2 to 3 times as fast as add.at.
    """
    if not isinstance(values, np.ndarray) or not len(rows):
        return add_rows(rows, values, count)
    result = np.zeros((count, values.shape[1]), values.dtype)
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    result[ordered[starts]] = np.add.reduceat(values[order], starts, axis=0)
    return result


@one_thread
def row_sums(x: Array, weights: Array | None = None) -> Array:
    """Sum over the last axis, which stays with size 1; of x times `weights` (D,), where given.

    A matrix product adds up rows several times faster than `sum` does, the more so the shorter.
    """
    if weights is None:
        weights = ones(x.shape[-1], x.dtype, namespace(x))
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    return (rows @ weights).reshape(*x.shape[:-1], 1)


def row_products(a: Array, b: Array) -> Array:
    """Sum a times b, of one shape, over the last axis, which stays with size 1."""
    if isinstance(a, np.ndarray):
        return np.einsum("...d,...d", a, b)[..., None]  # no array of products is made
    return (a * b).sum(axis=-1, keepdims=True)
