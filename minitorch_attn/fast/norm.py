"""Layer normalisation in one op."""

from __future__ import annotations

from typing import Any

from ..arrays import Array, column_sums, namespace
from ..ops.norm import layer_norm_reference
from ..ops.op import fused
from . import kernels
from .rows import row_sums


def _layer_norm_rule(
    g: Any, y: Any, saved: Any, needed: list[bool], x: Any, weight: Any, bias: Any, eps: float
) -> tuple[Any, ...]:
    normal, inverse = saved
    if weight is not None and kernels.fit(g, normal, weight):
        sums = kernels.layer_norm_columns(g, normal) if needed[1] or needed[2] else (None, None)
        return (
            kernels.layer_norm_rows(g, weight, normal, inverse) if needed[0] else None,
            sums[0] if needed[1] else None,
            sums[1] if needed[2] else None,
        )
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
def _layer_norm(x: Array, weight: Any, bias: Any, /, eps: float) -> Any:
    if weight is not None and bias is not None and kernels.fit(x, weight, bias):
        return kernels.layer_norm(x, weight, bias, eps)
    width = x.shape[-1]
    # From its first number a row is not far, however far from 0 it is: equal ones give 0.
    normal = x - x[..., :1]
    normal -= row_sums(normal) / width
    inverse = 1 / namespace(x).sqrt(row_sums(normal * normal) / width + eps)
    normal *= inverse
    if weight is None:
        y = normal if bias is None else normal + bias
    else:
        y = normal * weight
        if bias is not None:
            y += bias
    return y, (normal, inverse)
