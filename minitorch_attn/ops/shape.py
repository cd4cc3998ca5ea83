"""Ops that move data without changing it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ..arrays import index_add, namespace
from ..tensor import Tensor, TensorLike, raw
from ..validation import check_sections
from .op import op


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
    for i, axis in enumerate(axes):
        inverse[axis % ndim] = i
    return tuple(inverse)


def swapaxes(x: TensorLike, /, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    axes = list(range(raw(x).ndim))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return transpose(x, tuple(axes))


def squeeze(x: TensorLike, /, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Without its axes of size 1, or without those named."""
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
    hint="all shapes must agree except along the axis of concatenation",
)
def _concatenate(*arrays: TensorLike, axis: int) -> Any:
    return namespace(*arrays).concatenate(arrays, axis=axis)


def concatenate(tensors: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """The tensors one after another along an axis that they have."""
    return _concatenate(*tensors, axis=axis)


def stack(tensors: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """The tensors, all of one shape, one after another along a new axis."""
    axis = axis % (raw(tensors[0]).ndim + 1)

    def widen(x: TensorLike) -> Tensor:
        shape = raw(x).shape
        return reshape(x, (*shape[:axis], 1, *shape[axis:]))

    return concatenate([widen(x) for x in tensors], axis=axis)


def split(x: TensorLike, /, sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Cut x along an axis: into equal sections, or at the given indices.

    Raises
    ------
    ValueError
        If the axis does not divide into that many equal sections.
    """
    size = raw(x).shape[axis]
    if isinstance(sections, int):
        check_sections(size, sections, axis)
        sections = range(size // sections, size, size // sections) if size else [0] * (sections - 1)
    cuts = [0, *sections, size]
    before = (slice(None),) * (axis % raw(x).ndim)
    return [getitem(x, (*before, slice(a, b))) for a, b in itertools.pairwise(cuts)]


@op(
    lambda g, y, x, index: _scatter(g, index, x.shape),
    hint="an index has at most one entry for each axis, each within the axis's size",
)
def getitem(x: TensorLike, /, index: Any) -> Any:
    """x[index], for basic, integer-array and boolean indices."""
    return x[_raw_index(index)]


@op(lambda g, y, x, index, shape: getitem(g, index))
def _scatter(x: TensorLike, /, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with x added at `index`: what indexing's gradient is made of."""
    result = namespace(x).zeros(shape, dtype=x.dtype)
    index_add(result, _raw_index(index), x)
    return result


def _raw_index(index: Any) -> Any:
    return tuple(raw(i) for i in index) if isinstance(index, tuple) else raw(index)
