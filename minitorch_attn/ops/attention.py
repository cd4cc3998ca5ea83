"""Scaled dot-product attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import check_same_library, namespace
from ..forms import fastest
from ..tensor import Tensor, TensorLike, raw
from .elementwise import where
from .linalg import matmul
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
    scale: float | None = None,
    return_weights: bool = False,
) -> Any:
    """Each query's weighted sum of the values: softmax(query keyᵀ scale) value.

    Parameters
    ----------
    query : (..., N, d)
    key : (..., S, d)
    value : (..., S, d_v)
        Leading axes broadcast.
    mask : boolean array that broadcasts to (..., N, S), optional
        True where a query may attend to a key.
    causal : bool
        Query i may attend to keys 0 to i + S - N: the last query sees every key.
    scale : float, optional
        What the scores are multiplied by; 1/√d by default.
    return_weights : bool
        Also return the weights (..., N, S), all of them: for long sequences they take much memory,
        and attention that is looked at is slower.

    Returns
    -------
    Tensor (..., N, d_v), or a pair of it and the weights. A query with nothing to attend to
    has weights 0, output 0 and gradient 0.

    Raises
    ------
    ValueError, TypeError
        If the shapes do not fit, or the mask is not boolean or does not broadcast.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.1; the
    document, section 4.1.
    """
    q, k, v, mask = raw(query), raw(key), raw(value), raw(mask)
    check_same_library(q, k, v)
    _check_shapes(q.shape, k.shape, v.shape)
    if mask is not None:
        check_mask(mask, q, k, v)
    if scale is None:
        scale = 1 / math.sqrt(q.shape[-1])
    if return_weights:
        return attention_reference(query, key, value, allowed_pairs(q, k, mask, causal), scale)
    return fastest(weighted_sum)(query, key, value, mask=mask, causal=causal, scale=scale)


def _check_shapes(query: tuple, key: tuple, value: tuple) -> None:
    given = f"query {query}, key {key}, value {value}"
    if min(len(query), len(key), len(value)) < 2:
        raise ValueError(
            f"attention: query (..., N, d), key (..., S, d) and value (..., S, d_v) have two axes "
            f"at least; given {given}. For one query q of shape (d,) pass q[None, :]"
        )
    if query[-1] != key[-1]:
        raise ValueError(f"attention: query and key must have the same width d; given {given}")
    if key[-2] != value[-2]:
        raise ValueError(f"attention: there must be one value for each key; given {given}")
    if not key[-2]:
        raise ValueError(f"attention: there is no key to attend to; given {given}")


def check_mask(mask: Any, query: Any, key: Any, value: Any) -> None:
    """Refuse a mask that is not boolean, or does not broadcast to the scores (..., N, S).

    `query` (..., N, d), `key` (..., S, d) and `value` (..., S, d_v) are arrays.

    Raises
    ------
    TypeError, ValueError, DeviceError
    """
    dtype = getattr(mask, "dtype", None)
    if dtype is None or dtype.kind != "b":
        raise TypeError(
            "attention: a mask is boolean, True where a query may attend to a key, not "
            f"{dtype or type(mask).__name__}: write mask > 0, or mask == 0 where yours marks what "
            "is forbidden"
        )
    check_same_library(query, mask)
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    target = (*lead, query.shape[-2], key.shape[-2])
    if not _fits(mask.shape, target):
        raise ValueError(
            f"attention: a mask of shape {mask.shape} does not broadcast to the scores' shape "
            f"{target}. A padding mask (B, S) is mask[:, None, :] for three axes and "
            "mask[:, None, None, :] for (B, H, N, S)"
        )


def allowed_pairs(query: Any, key: Any, mask: Any, causal: bool) -> Any:
    """Combine the mask and the causal rule into one boolean array, or None."""
    if not causal:
        return mask
    n, s = query.shape[-2], key.shape[-2]
    xp = namespace(query)
    order = xp.arange(s)[None, :] <= xp.arange(n)[:, None] + (s - n)
    return order if mask is None else mask & order


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Tell whether a shape broadcasts to the target without enlarging it."""
    pairs = zip(reversed(shape), reversed(target), strict=False)
    return len(shape) <= len(target) and all(a in (1, b) for a, b in pairs)
