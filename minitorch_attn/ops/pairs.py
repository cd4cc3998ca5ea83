"""Attention's two products, over allowed pairs of a query and a key alone.

A weight of 0 times NaN is NaN: a matrix product lets a forbidden NaN or infinity through, in the
value or in the gradient. These two do not. They are slower, and are used where there is one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import namespace
from ..matrix_library import multiply
from ..tensor import Tensor, TensorLike, raw
from .elementwise import where
from .linalg import matmul
from .op import op
from .shape import swapaxes
from .softmax import softmax


def all_finite(*arrays: Any) -> bool:
    """Whether the arrays hold no NaN and no infinity."""
    with np.errstate(all="ignore"):
        return all(
            # A sum that is finite tells; one that is not may have overflown.
            bool(namespace(x).isfinite(x.sum())) or bool(namespace(x).isfinite(x).all())
            for x in arrays
        )


def _turned(allowed: Any) -> Any:
    return allowed.swapaxes(-1, -2)


@op(
    lambda g, y, a, b, allowed: pair_sums(g, b, allowed),
    lambda g, y, a, b, allowed: pair_sums(swapaxes(g, -1, -2), a, _turned(allowed)),
)
def pair_products(a: TensorLike, b: TensorLike, /, allowed: Any) -> Any:
    """a_i · b_j, (..., N, d) and (..., S, d) to (..., N, S); 0 where not allowed."""
    with np.errstate(all="ignore"):
        return namespace(a).where(allowed, multiply(a, b.swapaxes(-1, -2)), 0)


@op(
    lambda g, y, a, b, allowed: pair_products(g, b, allowed),
    lambda g, y, a, b, allowed: pair_sums(swapaxes(a, -1, -2), g, _turned(allowed)),
)
def pair_sums(a: TensorLike, b: TensorLike, /, allowed: Any) -> Any:
    """The sum of a_ij b_j over the allowed j, (..., N, S) and (..., S, d) to (..., N, d)."""
    xp = namespace(a)
    good = xp.isfinite(b).all(axis=-1, keepdims=True)
    rest = xp.flatnonzero(~good.all(axis=tuple(range(b.ndim - 2)))[..., 0])
    with np.errstate(all="ignore"):
        a = xp.where(allowed, a, 0)
        y = multiply(a, xp.where(good, b, 0))
        for j in rest.tolist():  # the rows that are left out above, each by itself
            own = xp.where(good[..., j, :], 0, b[..., j, :])[..., None, :]
            y += xp.where(xp.broadcast_to(allowed, a.shape)[..., j, None], a[..., j, None] * own, 0)
        return y


def guarded(
    query: TensorLike, key: TensorLike, value: TensorLike, allowed: Any, scale: float
) -> tuple[Tensor, Tensor]:
    """What `attention_reference` gives, but that nothing passes between forbidden pairs.

    `allowed` has the shape of the scores, (..., N, S).
    """
    xp = namespace(allowed)
    scores = pair_products(query, key, allowed) * scale
    any_allowed = allowed.any(axis=-1, keepdims=True)
    # The row of a query that may attend to nothing: any numbers, here 0, and then weights 0.
    weights = softmax(
        where(allowed, scores, xp.where(any_allowed, -math.inf, 0).astype(scores.dtype))
    )
    weights = where(allowed, weights, 0.0)
    return pair_sums(weights, value, allowed), weights


def weighed(weights: TensorLike, value: TensorLike) -> Tensor:
    """The values summed by their weights, where a weight of 0 lets nothing through."""
    w, v = raw(weights), raw(value)
    return matmul(weights, value) if all_finite(v) else pair_sums(weights, value, w != 0)
