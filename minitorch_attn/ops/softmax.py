"""Softmax and its family: each fast form beside the plain composition that it must equal."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import namespace
from ..forms import fastest
from ..tensor import Tensor, TensorLike, raw
from ..validation.indices import check_classes, check_targets
from .elementwise import alike, exp, log
from .op import op
from .reduce import Axis, _keep, sum
from .shape import getitem, reshape


def largest(x: Any, axis: Axis) -> Any:
    """The largest value over `axis`, kept, as a constant; 0 where that is infinite.

    Softmax does not change when a constant is subtracted from its input. Without this one,
    e^x overflows: for 32-bit numbers above 88, for 64-bit ones above 709.
    """
    x = raw(x)
    top = x.max(axis=axis, keepdims=True)
    xp = namespace(x)
    return xp.where(xp.isfinite(top), top, 0).astype(x.dtype)


def softmax_reference(x: TensorLike, axis: int = -1) -> Tensor:
    """The plain composition that `softmax` equals."""
    e = exp(x - largest(x, axis))
    return e / sum(e, axis=axis, keepdims=True)


@op(lambda g, y, x, axis: y * (g - sum(g * y, axis=axis, keepdims=True)))
def softmax(x: TensorLike, /, axis: int = -1) -> Any:
    """exp(x_i) / sum_j exp(x_j) along an axis: positive numbers that sum to 1.

    A slice that is minus infinity throughout gives NaN: there is nothing to choose from.

    Source: the document, section 4.1, first formula, with the index that it lacks.
    """
    xp = namespace(x)
    e = xp.asarray(x - x.max(axis=axis, keepdims=True))
    e = xp.exp(e, out=e)
    e /= e.sum(axis=axis, keepdims=True)
    return e


def logsumexp_reference(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The plain composition that `logsumexp` equals."""
    top = largest(x, axis)
    y = log(sum(exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else reshape(y, raw(x).max(axis=axis).shape)


@op(lambda g, y, x, axis, keepdims: _keep(g, x, axis) * exp(x - _keep(y, x, axis)))
def logsumexp(x: TensorLike, /, axis: Axis = None, keepdims: bool = False) -> Any:
    """log(sum_j exp(x_j)) over `axis`, without overflow; minus infinity where every x_j is."""
    xp = namespace(x)
    top = largest(x, axis)
    with np.errstate(divide="ignore"):  # of a slice of minus infinities, log 0 is the answer
        y = xp.log(xp.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return y if keepdims else y.reshape(x.max(axis=axis).shape)


def log_softmax_reference(x: TensorLike, axis: int = -1) -> Tensor:
    """The plain composition that `log_softmax` equals."""
    return x - logsumexp_reference(x, axis=axis, keepdims=True)


@op(lambda g, y, x, axis: g - exp(y) * sum(g, axis=axis, keepdims=True))
def log_softmax(x: TensorLike, /, axis: int = -1) -> Any:
    """The logarithm of softmax, exact also where softmax itself underflows to 0."""
    xp = namespace(x)
    y = xp.asarray(x - x.max(axis=axis, keepdims=True))
    y -= xp.log(xp.exp(y).sum(axis=axis, keepdims=True))
    return y


def cross_entropy_reference(logits: TensorLike, targets: Any) -> Tensor:
    """The plain composition that `cross_entropy` equals."""
    check_classes(raw(logits), raw(targets))
    log_p = reshape(log_softmax_reference(logits), (-1, raw(logits).shape[-1]))
    rows = namespace(raw(targets)).arange(raw(targets).size)
    return -sum(getitem(log_p, (rows, raw(targets).ravel()))) / raw(targets).size


def cross_entropy(logits: TensorLike, targets: Any, ignore: int | None = None) -> Tensor:
    """The mean of -log softmax(logits)[target], in nats.

    Parameters
    ----------
    logits : (..., C)
    targets : (...), integers in [0, C): the shape of logits without its last axis
    ignore : int, optional
        Rows with this target are left out, of the sum and of the number: padding is no word.

    Raises
    ------
    ValueError, TypeError, IndexError
        If the shapes do not fit, the targets are not integers, or one is out of range. On a GPU
        a target out of range makes the loss NaN instead: to look means to wait for the device.
    """
    (logits,) = alike(logits)
    targets = check_targets(raw(logits), raw(targets))
    if ignore is not None:
        rows = namespace(targets).flatnonzero(targets != ignore)
        logits = getitem(reshape(logits, (-1, raw(logits).shape[-1])), rows)
        targets = targets.ravel()[rows]
    return fastest(cross_entropy_reference)(logits, targets=targets)
