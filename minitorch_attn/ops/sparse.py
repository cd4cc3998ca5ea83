"""Softmax's relatives whose weights can be exactly 0: the same inputs, other shares."""

from __future__ import annotations

from typing import Any

from ..arrays import namespace
from ..tensor import TensorLike, raw
from .elementwise import sqrt, where
from .op import op
from .reduce import sum


def _shifted(x: Any, axis: int) -> tuple[Any, Any, Any]:
    """x less its largest, the same from the largest down, and 1, 2, 3, …, along the last axis.

    The threshold lies less than 1 below the largest, so that nothing below -1 bears on it.
    """
    xp = namespace(x)
    x = xp.moveaxis(x - x.max(axis=axis, keepdims=True), axis, -1)
    down = xp.flip(xp.sort(xp.maximum(x, -1), axis=-1), axis=-1)
    return x, down, xp.arange(1, x.shape[-1] + 1, dtype=x.dtype)


def _sparsemax_rule(g: Any, y: Any, x: Any, axis: int) -> Any:
    on = (raw(y) > 0).astype(raw(y).dtype)
    total = sum(g * on, axis=axis, keepdims=True)
    return (g - total / on.sum(axis=axis, keepdims=True)) * on


@op(_sparsemax_rule)
def sparsemax(x: TensorLike, /, axis: int = -1) -> Any:
    """max(x_i - tau, 0) along an axis, with the tau for which they sum to 1.

    The shares nearest to x; small entries get exactly 0, and so does minus infinity. A slice that
    is minus infinity throughout gives NaN, as in softmax.

    Source: Martins and Astudillo, "From Softmax to Sparsemax", ICML 2016, algorithm 1.
    """
    xp = namespace(x)
    x, down, k = _shifted(x, axis)
    excess = xp.cumsum(down, axis=-1) - 1
    count = (k * down > excess).sum(axis=-1, keepdims=True)
    tau = xp.take_along_axis(excess, count - 1, axis=-1) / count.astype(x.dtype)
    return xp.moveaxis(xp.maximum(x - tau, 0), -1, axis)


def _entmax15_rule(g: Any, y: Any, x: Any, axis: int) -> Any:
    on = raw(y) > 0  # elsewhere the root has no slope
    root = where(on, sqrt(where(on, y, 1)), 0)
    total = sum(g * root, axis=axis, keepdims=True)
    return root * (g - total / sum(root, axis=axis, keepdims=True))


@op(_entmax15_rule)
def entmax15(x: TensorLike, /, axis: int = -1) -> Any:
    """max(x_i / 2 - tau, 0)² along an axis, with the tau for which they sum to 1.

    Between softmax and sparsemax, with exact zeros as the latter has, and without its corners.

    Source: Peters, Niculae and Martins, "Sparse Sequence-to-Sequence Models", ACL 2019, alg. 2.
    """
    xp = namespace(x)
    x, down, k = _shifted(x / 2, axis)
    mean = xp.cumsum(down, axis=-1) / k
    spread = xp.cumsum(down * down, axis=-1) - k * mean * mean
    tau = mean - xp.sqrt(xp.maximum((1 - spread) / k, 0))
    count = (tau <= down).sum(axis=-1, keepdims=True)
    tau = xp.take_along_axis(tau, count - 1, axis=-1)
    return xp.moveaxis(xp.maximum(x - tau, 0) ** 2, -1, axis)
