"""Functions of every element on its own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import namespace
from ..dtypes import common
from ..forms import fastest
from ..tensor import Tensor, TensorLike, raw
from ..validation.gradients import check_dtype
from .op import op, ready

BROADCAST = (
    "shapes broadcast when, aligned at the right, each pair of sizes is equal or has a 1: "
    "add an axis with x[:, None], or reduce with keepdims=True"
)


@op(lambda g, y, x: g * y)
def exp(x: TensorLike, /) -> Any:
    """e to the power x."""
    return namespace(x).exp(x)


@op(lambda g, y, x: g / x)
def log(x: TensorLike, /) -> Any:
    """The natural logarithm."""
    return namespace(x).log(x)


@op(lambda g, y, x: g * 0.5 / y)
def sqrt(x: TensorLike, /) -> Any:
    """The square root."""
    return namespace(x).sqrt(x)


@op(lambda g, y, x: g * (1 - y * y))
def tanh(x: TensorLike, /) -> Any:
    """The hyperbolic tangent."""
    return namespace(x).tanh(x)


@op(lambda g, y, x: g * y * (1 - y))
def sigmoid(x: TensorLike, /) -> Any:
    """1 / (1 + e^-x), and for x < 0 the same as e^x / (1 + e^x): no x overflows or is lost."""
    xp = namespace(x)
    e = xp.exp(-abs(x))
    return xp.where(x < 0, e, 1) / (1 + e)


@op(lambda g, y, x: g * (raw(x) > 0))
def relu(x: TensorLike, /) -> Any:
    """max(x, 0), with gradient 0 at x = 0."""
    return namespace(x).maximum(x, 0)


@op(
    lambda g, y, condition, a, b: None,  # a condition has no gradient
    lambda g, y, condition, a, b: where(condition, g, 0.0),
    lambda g, y, condition, a, b: where(condition, 0.0, g),
    hint=BROADCAST,
)
def where(condition: TensorLike, a: TensorLike, b: TensorLike, /) -> Any:
    """a where the condition is true, b elsewhere."""
    return namespace(condition, a, b).where(condition, a, b)


@op(lambda g, y, x, dtype: astype(g, raw(x).dtype))
def _astype(x: TensorLike, /, dtype: Any) -> Any:
    return x.astype(dtype)


def astype(x: TensorLike, /, dtype: Any) -> Any:
    """x converted to another dtype. What becomes integers or booleans has no gradient."""
    dtype = np.dtype(dtype)
    check_dtype(dtype, requires_grad=False)
    return _astype(x.detach() if isinstance(x, Tensor) and dtype.kind != "f" else x, dtype)


def alike(*inputs: Any) -> tuple[Any, ...]:
    """The inputs, all in the floating dtype that they have together; None stays."""
    if len(inputs) == 1 and isinstance(inputs[0], Tensor) and inputs[0]._tracked:
        return inputs
    given = [x if x is None else ready(x) for x in inputs]
    dtype = common([x for x in given if x is not None])
    return tuple(x if x is None or x.dtype is dtype else astype(x, dtype) for x in given)


# The tanh form of GELU: a cubic stretches x, and tanh stands in for the normal distribution.
GELU_SCALE, GELU_CUBIC = math.sqrt(2 / math.pi), 0.044715


def gelu_reference(x: TensorLike) -> Tensor:
    """The plain composition that `gelu` equals."""
    return 0.5 * x * (1 + tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x)))


def gelu(x: TensorLike, /) -> Tensor:
    """x times the probability that a standard normal number is below x (the tanh form).

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", 2016.
    """
    return fastest(gelu_reference)(*alike(x))
