"""Arithmetic, element by element. Shapes broadcast as in NumPy; the engine undoes it."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import namespace
from ..tensor import TensorLike, raw
from .elementwise import BROADCAST, log, where
from .op import op


@op(lambda g, y, a, b: g, lambda g, y, a, b: g, hint=BROADCAST)
def add(a: TensorLike, b: TensorLike, /) -> Any:
    """a + b."""
    return a + b


@op(lambda g, y, a, b: g, lambda g, y, a, b: -g, hint=BROADCAST)
def subtract(a: TensorLike, b: TensorLike, /) -> Any:
    """a - b."""
    return a - b


@op(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, hint=BROADCAST)
def multiply(a: TensorLike, b: TensorLike, /) -> Any:
    """a b, element by element."""
    return a * b


@op(lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b, hint=BROADCAST)
def divide(a: TensorLike, b: TensorLike, /) -> Any:
    """a / b."""
    return a / b


@op(lambda g, y, x: -g)
def negative(x: TensorLike, /) -> Any:
    """-x."""
    return -x


@op(
    lambda g, y, a, b: g * b * a ** _less_one(b, a),
    lambda g, y, a, b: g * y * _log_positive(a),
    hint=BROADCAST,
)
def power(a: TensorLike, b: TensorLike, /) -> Any:
    """a to the power b. The gradient with respect to b is for a > 0 (and 0 at a = 0)."""
    return a**b


def _less_one(b: Any, a: Any) -> Any:
    """b - 1, but 1 where b and a are 0: there the rule's factor b is 0, and 0 ** -1 spoils it."""
    if isinstance(b, int | float):
        return b - 1 if b else 1
    return where((raw(b) == 0) & (raw(a) == 0), 1.0, b - 1.0)


def _log_positive(a: Any) -> Any:
    """log(a), but 0 where a is not positive and the logarithm does not exist."""
    if isinstance(a, int | float):
        return math.log(a) if a > 0 else 0.0
    return log(where(raw(a) > 0, a, 1.0))


@op(lambda g, y, x: g * namespace(raw(x)).sign(raw(x)))
def absolute(x: TensorLike, /) -> Any:
    """|x|, with gradient 0 at x = 0."""
    return abs(x)


@op(
    lambda g, y, a, b: g * _winner(a, b, y),
    lambda g, y, a, b: g * _winner(b, a, y),
    hint=BROADCAST,
)
def maximum(a: TensorLike, b: TensorLike, /) -> Any:
    """The larger of a and b; where they are equal, each gets half of the gradient."""
    return namespace(a, b).maximum(a, b)


def _winner(a: Any, b: Any, y: Any) -> Any:
    """1 where a > b, one half where a == b, 0 elsewhere."""
    a, b = raw(a), raw(b)
    return ((a > b) + 0.5 * (a == b)).astype(y.dtype)


@op(
    lambda g, y, a, b: g * _winner(b, a, y),
    lambda g, y, a, b: g * _winner(a, b, y),
    hint=BROADCAST,
)
def minimum(a: TensorLike, b: TensorLike, /) -> Any:
    """The smaller of a and b; where they are equal, each gets half of the gradient."""
    return namespace(a, b).minimum(a, b)
