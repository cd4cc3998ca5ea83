"""Attention to the tokens nearby."""

from __future__ import annotations

from typing import Any

from ..arrays import namespace
from ..tensor import Tensor, TensorLike, raw
from ..validation.attention import check_attention_shapes, check_same_tokens
from ..validation.layers import check_range
from .attention import attention
from .elementwise import alike
from .shape import concatenate, reshape


def window_attention(
    query: TensorLike, key: TensorLike, value: TensorLike, width: int, causal: bool = False
) -> Tensor:
    """Attention in which a token sees those at most `width` places away, and no others.

    It equals `attention` with a mask that says so, and computes N (2 width + 1) pairs or a few
    more, not all N N: the tokens are cut into chunks of `width`, and each chunk meets itself and
    its neighbours alone. Tokens further apart reach each other through several layers.

    Parameters
    ----------
    query, key : (..., N, d)
    value : (..., N, d_v)
        Leading axes broadcast.
    width : int
        How far a token sees; 0: itself alone.
    causal : bool
        No token sees a later one: `width` before it, and itself.

    Returns
    -------
    Tensor (..., N, d_v), as `attention`.

    Raises
    ------
    ValueError, DeviceError
        If the shapes do not fit, or width is below 0.

    Source: Child et al., "Generating Long Sequences with Sparse Transformers", 2019; Beltagy,
    Peters, Cohan, "Longformer", 2020.
    """
    query, key, value = alike(query, key, value)
    check_attention_shapes(raw(query), raw(key), raw(value))
    n = check_same_tokens("window_attention", raw(query), raw(key))
    check_range("window_attention: width", width, 0)
    size = max(1, min(width, n))  # of a chunk
    chunks = -(-n // size)
    query = _chunks(query, 0, chunks * size - n, size)
    key, value = (_chunks(x, size, (chunks + 1) * size - n, size) for x in (key, value))
    parts = range(2 if causal else 3)  # the chunk before, the chunk itself, the chunk after
    key, value = (
        concatenate([x[..., i : i + chunks, :, :] for i in parts], axis=-2) for x in (key, value)
    )
    xp = namespace(raw(query))
    asks = xp.arange(chunks * size).reshape(chunks, size, 1)
    place = xp.arange(len(parts) * size) + size * (xp.arange(chunks).reshape(chunks, 1, 1) - 1)
    near = (abs(asks - place) <= width) & (place >= 0) & (place < n)
    if causal:
        near &= place <= asks
    axes = max(x.ndim for x in (query, key, value))
    y = attention(query, key, value, near.reshape((1,) * (axes - 3) + near.shape))
    return reshape(y, (*y.shape[:-3], chunks * size, y.shape[-1]))[..., :n, :]


def _chunks(x: Any, before: int, after: int, size: int) -> Any:
    """Tokens (..., n, d) with so many zeros on both sides, in chunks (..., chunks, size, d)."""
    *lead, n, width = x.shape
    xp = namespace(raw(x))
    zeros = [xp.zeros((*lead, rows, width), x.dtype) for rows in (before, after)]
    padded = concatenate([zeros[0], x, zeros[1]], axis=-2)
    return reshape(padded, (*lead, (before + n + after) // size, size, width))
