"""Layer normalisation and dropout."""

from __future__ import annotations

from ..arrays import random_keep
from ..draws import Rng, draws, generator
from ..forms import fastest
from ..tensor import Tensor, TensorLike, raw
from ..validation.layers import check_probability, check_row_parameters
from .elementwise import alike, sqrt
from .reduce import mean, var


def layer_norm_reference(
    x: TensorLike, weight: TensorLike | None, bias: TensorLike | None, eps: float = 1e-5
) -> Tensor:
    """The plain composition that `layer_norm` equals."""
    x = x - mean(x, axis=-1, keepdims=True)  # and once more below: a mean of large numbers is rough
    y = (x - mean(x, axis=-1, keepdims=True)) / sqrt(var(x, axis=-1, keepdims=True) + eps)
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


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
    x, weight, bias = alike(x, weight, bias)
    check_row_parameters(raw(x), weight=raw(weight), bias=raw(bias))
    return fastest(layer_norm_reference)(x, weight, bias, eps=float(eps))


def dropout(x: TensorLike, p: float, rng: Rng) -> Tensor:
    """Set each element to 0 with probability p and divide the others by 1 - p.

    The expected value stays x. What is dropped depends on `rng` alone, on every device: with an
    integer, a seed, the same elements in every call.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", JMLR 15, 2014.
    """
    check_probability("dropout", p)
    (x,) = alike(x)
    if p == 0:
        return x
    array = raw(x)
    keep = draws.next(lambda: random_keep(generator(rng), p, array.shape, like=array))
    return x * (keep / (1 - p)).astype(array.dtype)
