"""Layer normalisation and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import column_sums, namespace, random_keep, row_sums
from ..tensor import Tensor, TensorLike, raw
from .checkpoint import draws
from .elementwise import sqrt
from .op import fused
from .reduce import mean, var


def layer_norm_reference(
    x: TensorLike, weight: TensorLike | None, bias: TensorLike | None, eps: float = 1e-5
) -> Tensor:
    """The plain composition that `layer_norm` equals."""
    y = (x - mean(x, axis=-1, keepdims=True)) / sqrt(var(x, axis=-1, keepdims=True) + eps)
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


def _layer_norm_rule(
    g: Any, y: Any, saved: Any, needed: list[bool], x: Any, weight: Any, bias: Any, eps: float
) -> tuple[Any, ...]:
    normal, inverse = saved
    width = x.shape[-1]
    product = g * normal
    g_weight = column_sums(product) if needed[1] else None
    g_bias = column_sums(g) if needed[2] else None
    if not needed[0]:
        return None, g_weight, g_bias
    # Of the gradient, only what changes neither the mean nor the variance gets through.
    gx = normal * (row_sums(product, weight) / -width)
    gx += g if weight is None else g * weight
    gx -= row_sums(g, weight) / width
    gx *= inverse
    return gx, g_weight, g_bias


@fused(
    _layer_norm_rule,
    layer_norm_reference,
    hint="layer_norm works over the last axis: weight and bias have that axis's size",
)
def _layer_norm(x: TensorLike, weight: Any, bias: Any, /, eps: float) -> Any:
    width = x.shape[-1]
    normal = x - row_sums(x) / width
    inverse = 1 / namespace(x).sqrt(row_sums(normal * normal) / width + eps)
    normal *= inverse
    if weight is None:
        y = normal if bias is None else normal + bias
    else:
        y = normal * weight
        if bias is not None:
            y += bias
    return y, (normal, inverse)


def layer_norm(
    x: TensorLike,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Each row brought to mean 0 and variance 1 over the last axis, then scaled and shifted.

    Parameters
    ----------
    x : (..., D)
    weight, bias : (D,) or None
    eps : added to the variance, so that a constant row gives 0 and not NaN

    Source: Ba, Kiros and Hinton, "Layer Normalization", 2016.
    """
    width = raw(x).shape[-1]
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and raw(given).shape != (width,):
            raise ValueError(
                f"layer_norm: {name} has shape {raw(given).shape}, but rows of {width} numbers "
                f"need ({width},)"
            )
    return _layer_norm(x, weight, bias, eps=eps)


def dropout(x: TensorLike, p: float, rng: np.random.Generator) -> Tensor:
    """Set each element to 0 with probability p and divide the others by 1 - p.

    The expected value stays x. What is dropped depends on `rng` alone, on every device.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", JMLR 15, 2014.
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p is the probability to drop, in [0, 1), not {p}")
    if p == 0:
        return x
    array = raw(x)
    keep = draws.next(lambda: random_keep(rng, p, array.shape, like=array))
    return x * (keep / (1 - p)).astype(array.dtype)
