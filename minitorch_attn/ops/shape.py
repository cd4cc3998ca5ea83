"""Ops that move data without changing it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import check_same_library, index_add, is_basic_index, namespace
from ..tensor import Tensor, TensorLike, raw
from ..validation.indices import check_axis, check_sections, check_some
from .op import op, ready


@op(
    lambda g, y, x, shape: g.reshape(x.shape),
    hint="a reshape keeps the number of elements; one size may be -1",
)
def reshape(x: TensorLike, /, shape: int | tuple[int, ...]) -> Any:
    """The same elements, in the same order, in another shape."""
    return x.reshape(shape)


@op(lambda g, y, x, axes: g.transpose(_inverse(axes, g.ndim)))
def transpose(x: TensorLike, /, axes: tuple[int, ...] | None = None) -> Any:
    """The axes in another order; reversed, when none is given."""
    return x.transpose(axes)


def _inverse(axes: tuple[int, ...] | None, ndim: int) -> tuple[int, ...] | None:
    if axes is None:
        return None
    inverse = [0] * ndim
    for i, axis in enumerate(axes if isinstance(axes, tuple | list) else (axes,)):
        inverse[axis % ndim] = i
    return tuple(inverse)


def swapaxes(x: TensorLike, /, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    x = ready(x)
    axis1, axis2 = check_axis(axis1, x.ndim), check_axis(axis2, x.ndim)
    axes = list(range(x.ndim))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return transpose(x, tuple(axes))


def squeeze(x: TensorLike, /, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Without its axes of size 1, or without those named."""
    x = ready(x)
    return reshape(x, raw(x).squeeze(axis).shape)


@op(
    lambda g, y, x, shape: g,
    hint="a shape stretches only where its size is 1, aligned at the right",
)
def broadcast_to(x: TensorLike, /, shape: tuple[int, ...]) -> Any:
    """x stretched to `shape`, as broadcasting does; the engine sums its gradient back."""
    return namespace(x).broadcast_to(x, shape)


def _slice_of(g: Any, arrays: Sequence[Any], i: int, axis: int) -> Any:
    """The part of g that came from the i-th of the concatenated arrays."""
    ends = list(itertools.accumulate(a.shape[axis] for a in arrays))
    index = [slice(None)] * g.ndim
    index[axis] = slice(ends[i] - arrays[i].shape[axis], ends[i])
    return g[tuple(index)]


@op(
    variadic_rule=lambda i, g, y, *arrays, axis: _slice_of(g, arrays, i, axis),
    hint="shapes agree but for the axis of concatenation; stack puts numbers together",
)
def _concatenate(*arrays: TensorLike, axis: int) -> Any:
    return namespace(*arrays).concatenate(arrays, axis=axis)


def concatenate(tensors: Sequence[TensorLike], axis: int | None = 0) -> Tensor:
    """The tensors one after another along an axis that they have; laid flat, with axis=None."""
    check_some("concatenate", tensors)
    if axis is None:
        return concatenate([reshape(x, -1) for x in tensors])
    return _concatenate(*tensors, axis=axis)


def stack(tensors: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """The tensors, all of one shape, one after another along a new axis."""
    check_some("stack", tensors)
    arrays = [ready(x) for x in tensors]
    axis = check_axis(axis, arrays[0].ndim + 1)
    wider = [reshape(x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in arrays]
    return concatenate(wider, axis=axis)


def split(x: TensorLike, /, sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Cut x along an axis: into equal sections, or at the given indices.

    Raises
    ------
    ValueError
        If the axis does not divide into that many equal sections.
    """
    x = ready(x)
    axis = check_axis(axis, x.ndim)
    size = x.shape[axis]
    if not isinstance(sections, Sequence | np.ndarray):
        sections = check_sections(size, sections, axis)
        sections = range(size // sections, size, size // sections) if size else [0] * (sections - 1)
    cuts = [0, *sections, size]
    before = (slice(None),) * axis
    return [getitem(x, (*before, slice(a, b))) for a, b in itertools.pairwise(cuts)]


@op(
    lambda g, y, x, index: _scatter(g, index, x.shape),
    hint="an index has at most one entry for each axis, each within the axis's size",
)
def getitem(x: TensorLike, /, index: Any) -> Any:
    """x[index], for basic, integer-array and boolean indices.

    On a GPU a place in an array that x does not have is another one, counted round: to look would
    mean to wait. `take` and `embedding` look.
    """
    index = _raw_index(index)
    if not is_basic_index(index):
        check_same_library(x, *(index if isinstance(index, tuple) else (index,)))
    return x[index]


@op(lambda g, y, x, index, shape: getitem(g, index))
def _scatter(x: TensorLike, /, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with x added at `index`: what indexing's gradient is made of."""
    result = namespace(x).zeros(shape, dtype=x.dtype)
    index_add(result, _raw_index(index), x)
    return result


def _raw_index(index: Any) -> Any:
    return tuple(raw(i) for i in index) if isinstance(index, tuple) else raw(index)
