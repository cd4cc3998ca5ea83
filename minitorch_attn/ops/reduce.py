"""Ops that reduce axes. `axis` (None, an integer or a tuple) and `keepdims` are NumPy's."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from ..tensor import Tensor, TensorLike, raw
from .elementwise import alike
from .op import op
from .shape import broadcast_to, reshape

Axis: TypeAlias = int | tuple[int, ...] | None


def kept_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """The shape after a reduction over `axis` with keepdims=True."""
    if axis is None or not shape:
        return (1,) * len(shape)
    axes = {a % len(shape) for a in (axis if isinstance(axis, tuple | list) else (axis,))}
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _keep(y: Any, x: Any, axis: Axis) -> Any:
    """Put the reduced axes back, with size 1, so that y broadcasts against x."""
    return reshape(y, kept_shape(x.shape, axis))


@op(lambda g, y, x, axis, keepdims: broadcast_to(_keep(g, x, axis), x.shape))
def sum(x: TensorLike, /, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum over `axis`: each summand gets the whole gradient of the sum."""
    return x.sum(axis=axis, keepdims=keepdims)


@op(lambda g, y, x, axis, keepdims: _keep(g, x, axis) * _winners(x, y, axis))
def max(x: TensorLike, /, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest value over `axis`; equal largest values share the gradient equally."""
    return x.max(axis=axis, keepdims=keepdims)


def _winners(x: Any, y: Any, axis: Axis) -> Any:
    x = raw(x)
    winners = x == _keep(raw(y), x, axis)
    return winners.astype(x.dtype) / winners.sum(axis=axis, keepdims=True).astype(x.dtype)


@op(lambda g, y, x, axis, keepdims: _keep(g, x, axis) * _winners(x, y, axis))
def min(x: TensorLike, /, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest value over `axis`; equal smallest values share the gradient equally."""
    return x.min(axis=axis, keepdims=keepdims)


def mean(x: TensorLike, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean over `axis`."""
    (x,) = alike(x)
    total = sum(x, axis=axis, keepdims=keepdims)
    count = math.prod(x.shape) // (math.prod(kept_shape(x.shape, axis)) or 1)
    return total / count


def var(x: TensorLike, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The population variance over `axis`: the mean squared distance from the mean."""
    (x,) = alike(x)
    distance = x - mean(x, axis=axis, keepdims=True)
    return mean(distance * distance, axis=axis, keepdims=keepdims)
