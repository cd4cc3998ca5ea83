"""Scaled dot-product attention."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import namespace
from ..forms import fastest
from ..tensor import Tensor, TensorLike, raw
from ..validation.attention import check_attention_shapes, check_mask, check_scale, scores_shape
from .elementwise import alike, where
from .linalg import matmul
from .pairs import all_finite, guarded
from .shape import swapaxes
from .softmax import softmax


def attention_reference(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    allowed: Any = None,
    scale: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """The plain composition that `attention` equals: the output, and the weights.

    `allowed` is None or a boolean array (..., N, S), True where a query may attend to a key.
    """
    scores = matmul(query, swapaxes(key, -1, -2)) * scale
    weights = softmax(scores) if allowed is None else masked_softmax(scores, allowed)
    return matmul(weights, value), weights


def masked_softmax(scores: TensorLike, allowed: Any) -> Tensor:
    """Softmax over the allowed keys; weights 0 in a row that allows none.

    The mask acts before softmax, so that what remains sums to 1. An empty row would be
    exp(-inf) / 0 throughout, NaN: it is computed as if it were full, then multiplied by 0.
    """
    any_allowed = allowed.any(axis=-1, keepdims=True)
    weights = softmax(where(allowed | ~any_allowed, scores, -math.inf))
    return weights * any_allowed


def weighted_sum(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    /,
    mask: Any,
    causal: bool,
    scale: float,
) -> Tensor:
    """What `attention` gives where nobody asks for the weights: a fast form may take its place."""
    allowed = allowed_pairs(raw(query), raw(key), mask, causal)
    return attention_reference(query, key, value, allowed, scale)[0]


def attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    mask: Any = None,
    causal: bool = False,
    scale: Any = None,
    return_weights: bool = False,
) -> Any:
    """Each query's weighted sum of the values: softmax(query keyᵀ scale) value.

    Parameters
    ----------
    query : (..., N, d)
    key : (..., S, d)
    value : (..., S, d_v)
        Leading axes broadcast.
    mask : boolean array (..., N, S), optional
        True where a query may attend to a key. Each axis has the scores' size, or 1. Axes on the
        left may be left out where that can mean only one thing: a padding mask (B, S) has to be
        mask[:, None, :], or mask[:, None, None, :] where there are heads.
    causal : bool
        Query i may attend to keys 0 to i + S - N: the last query sees every key.
    scale : float, or array or Tensor (..., 1, 1), optional
        What the scores are multiplied by; 1/√d by default. A Tensor may be learned.
    return_weights : bool
        Also return the weights (..., N, S), all of them: for long sequences they take much memory,
        and attention that is looked at is slower.

    Returns
    -------
    Tensor (..., N, d_v), or a pair of it and the weights, in the floating dtype that query, key and
    value have together (float64 for integers). A query with nothing to attend to has weights 0,
    output 0 and gradient 0. Nothing passes between a query and a key that it may not attend to, be
    it NaN or infinity.

    Raises
    ------
    ValueError, TypeError
        If the shapes do not fit, or the mask is not boolean, does not fit or is ambiguous.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.1; the
    document, section 4.1.
    """
    query, key, value = alike(query, key, value)
    q, k, v, mask = raw(query), raw(key), raw(value), raw(mask)
    check_attention_shapes(q, k, v)
    if mask is not None:
        check_mask(mask, q, k, v)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else check_scale(scale)
    if not isinstance(scale, float):  # of each query its own, or learned
        return attention(query * scale, key, value, mask, causal, 1.0, return_weights)
    if (mask is not None or causal) and not all_finite(q, k, v):
        allowed = allowed_pairs(q, k, mask, causal)
        allowed = namespace(allowed).broadcast_to(allowed, scores_shape(q, k, v))
        y, weights = guarded(query, key, value, allowed, scale)
        return (y, weights) if return_weights else y
    if return_weights:
        return attention_reference(query, key, value, allowed_pairs(q, k, mask, causal), scale)
    return fastest(weighted_sum)(query, key, value, mask=mask, causal=causal, scale=scale)


def allowed_pairs(query: Any, key: Any, mask: Any, causal: bool) -> Any:
    """Combine the mask and the causal rule into one boolean array, or None."""
    if not causal:
        return mask
    n, s = query.shape[-2], key.shape[-2]
    xp = namespace(query)
    order = xp.arange(s)[None, :] <= xp.arange(n)[:, None] + (s - n)
    return order if mask is None else mask & order
