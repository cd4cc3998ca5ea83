"""A matrix product and its bias in one op."""

from __future__ import annotations

from typing import Any

from ..arrays import Array, column_sums
from ..ops.linalg import left_rule, linear_reference, product, right_rule
from ..ops.op import fused


def _linear_rule(
    g: Any, y: Any, saved: None, needed: list[bool], x: Any, weight: Any, bias: Any
) -> tuple[Any, ...]:
    return (
        left_rule(g, y, x, weight) if needed[0] else None,
        right_rule(g, y, x, weight) if needed[1] else None,
        column_sums(g) if needed[2] else None,
    )


@fused(
    _linear_rule,
    linear_reference,
    hint="linear contracts the last axis of x with the first of weight: they must be equal",
)
def _linear(x: Array, weight: Array, bias: Array, /) -> Any:
    y = product(x, weight)
    if bias.dtype != y.dtype:
        return y + bias, None
    y += bias  # where it stands: no second array is made
    return y, None
