"""Attention that holds all its weights at once: for sequences that fit a processor's cache."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import Array, namespace
from ..matrix_library import one_thread
from ..ops.attention import allowed_pairs
from . import kernels
from .rows import row_products, row_sums

# Scores up to this size have exponentials none of which is too large, nor all of them 0.
SAFE_SCORE = 60


@one_thread
def forward(
    query: Array, key: Array, value: Array, mask: Any, causal: bool, scale: float, out: Any = None
) -> tuple[Array, Array]:
    """The output (..., N, d_v), in `out` where given, and the weights (..., N, S)."""
    weights = weights_of(query, key, mask, causal, scale)
    return namespace(query).matmul(weights, value, out=out), weights


@one_thread
def backward(
    g: Array,
    y: Array,
    saved: Array,
    needed: list[bool],
    query: Array,
    key: Array,
    value: Array,
    mask: Any,
    causal: bool,
    scale: float,
    out: tuple[Any, ...] = (None, None, None),
) -> tuple[Array | None, ...]:
    """The needed gradients for query, key and value; in the arrays of `out`, where given."""
    matmul = namespace(query).matmul
    weights = saved
    g_query = g_key = g_value = None
    if needed[2]:
        g_value = matmul(weights.swapaxes(-1, -2), g, out=out[2])
    if needed[0] or needed[1]:
        g_scores = g @ value.swapaxes(-1, -2)
        if g_scores.shape == weights.shape and kernels.fit(g_scores, weights):
            g_scores = kernels.softmax_back(g_scores, weights, scale)
        else:
            # Softmax's rule; the sum over keys of weight times gradient is a row of g times y.
            g_scores -= row_products(g, y)
            g_scores *= weights
            g_scores *= scale
        if needed[0]:
            g_query = matmul(g_scores, key, out=out[0])
        if needed[1]:
            g_key = matmul(g_scores.swapaxes(-1, -2), query, out=out[1])
    return g_query, g_key, g_value


def weights_of(query: Array, key: Array, mask: Any, causal: bool, scale: float) -> Array:
    """The weights (..., N, S), in memory of their own."""
    allowed = allowed_pairs(query, key, mask, causal)
    xp = namespace(query)
    weights = query @ key.swapaxes(-1, -2)
    if allowed is None and kernels.fit(weights):
        return kernels.softmax(weights, scale)
    weights *= scale
    if isinstance(weights, np.ndarray) and _is_small(weights):
        np.exp(weights, out=weights)
        if allowed is not None:
            seen = allowed if allowed.ndim > 2 else allowed.astype(weights.dtype)
            if np.broadcast_shapes(weights.shape, seen.shape) == weights.shape:
                weights *= seen
            else:  # a mask for each of a batch, of which the inputs know nothing
                weights = weights * seen
        return _divided(weights, allowed)
    if allowed is not None:
        weights = xp.where(allowed, weights, -math.inf)
        top = weights.max(axis=-1, keepdims=True)
        weights -= xp.where(top == -math.inf, 0, top)
    else:
        weights -= weights.max(axis=-1, keepdims=True)
    return _divided(xp.exp(weights, out=weights), allowed)


def _divided(weights: Array, allowed: Any) -> Array:
    """Each row divided by its sum; a row that may attend to nothing stays 0."""
    total = row_sums(weights)
    weights /= namespace(weights).where(total == 0, 1, total) if allowed is not None else total
    return weights


def _is_small(scores: np.ndarray) -> bool:
    """Whether the exponential of no score needs a larger one subtracted first.

    To look at all of them at once takes a fraction of the time of finding each row's largest.
    """
    return scores.size > 0 and scores.min() > -SAFE_SCORE and scores.max() < SAFE_SCORE
