"""GELU in one op."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, namespace
from ..ops.elementwise import GELU_CUBIC, GELU_SCALE, gelu_reference
from ..ops.op import fused
from . import kernels


def _gelu_rule(g: Any, y: Any, saved: Any, needed: list[bool], x: Any) -> tuple[Any]:
    # The slope of y = x σ(v) is σ + y (1 - σ) v', with v' = 2 scale (1 + 3 cubic x²).
    sigmoid = saved
    if kernels.fit(g, x, y):
        return (kernels.gelu_back(g, x, y, sigmoid),)
    square = x * x
    square *= 6 * GELU_SCALE * GELU_CUBIC
    square += 2 * GELU_SCALE
    slope = 1 - sigmoid
    slope *= y
    slope *= square
    slope += sigmoid
    slope *= g
    return (slope,)


@fused(_gelu_rule, gelu_reference)
def gelu(x: Array, /) -> Any:
    """x σ(v), with v = 2 scale (x + cubic x³): the same, since tanh(v/2) = 2 σ(v) - 1.

    exp takes half of tanh's time.
    """
    if kernels.fit(x):
        return kernels.gelu(x)
    xp = namespace(x)
    e = xp.asarray(x * x)  # also where x has no axes: it is written into from here on
    e *= -2 * GELU_SCALE * GELU_CUBIC
    e -= 2 * GELU_SCALE
    e *= x
    with np.errstate(over="ignore"):  # e^89 is too large for 32 bits, and x / infinity is 0
        xp.exp(e, out=e)
    e += 1
    sigmoid = xp.divide(1, e, out=e)
    return x * sigmoid, sigmoid
