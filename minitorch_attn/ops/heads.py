"""The heads of attention: split apart, merged again, and attending all in one op."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import Array, namespace
from ..tensor import Tensor, TensorLike, raw
from . import blockwise
from .attention import attention, attention_gradients, check_mask, compute_weights
from .op import fused
from .shape import reshape, split, transpose


def split_heads(x: TensorLike, num_heads: int) -> Tensor:
    """(B, N, H d) to (B, H, N, d): each head gets its own slice of every token's width."""
    batch, tokens, width = raw(x).shape
    return transpose(reshape(x, (batch, tokens, num_heads, width // num_heads)), (0, 2, 1, 3))


def merge_heads(x: TensorLike) -> Tensor:
    """(B, H, N, d) to (B, N, H d), undoing `split_heads`: transpose first, then reshape."""
    batch, heads, tokens, width = raw(x).shape
    return reshape(transpose(x, (0, 2, 1, 3)), (batch, tokens, heads * width))


def packed_attention_reference(
    packed: TensorLike, num_heads: int, mask: Any = None, causal: bool = False
) -> Tensor:
    """The plain composition that `packed_attention` equals."""
    query, key, value = (split_heads(x, num_heads) for x in split(packed, 3, axis=-1))
    return merge_heads(attention(query, key, value, mask, causal))


def _in_place(x: Array, count: int, num_heads: int) -> Any:
    """`count` arrays side by side, (B, N, count H d), seen as (count, B, H, N, d): no copy."""
    batch, tokens, width = x.shape
    shape = (batch, tokens, count, num_heads, width // (count * num_heads))
    return x.reshape(shape).transpose(2, 0, 3, 1, 4)


def _packed_rule(
    g: Any,
    y: Any,
    saved: Any,
    needed: list[bool],
    packed: Any,
    num_heads: int,
    mask: Any,
    causal: bool,
) -> tuple[Any]:
    query, key, value = _in_place(packed, 3, num_heads)
    scale = 1 / math.sqrt(query.shape[-1])
    (g,), (y,) = _in_place(g, 1, num_heads), _in_place(y, 1, num_heads)
    gx = namespace(packed).empty(packed.shape, packed.dtype)
    places = _in_place(gx, 3, num_heads)
    found = attention_gradients(
        g, y, saved, [True] * 3, query, key, value, mask, causal, scale, places
    )
    if blockwise.is_long(query, key):  # it makes arrays of its own
        for place, gradient in zip(places, found, strict=True):
            place[...] = gradient
    return (gx,)


@fused(_packed_rule, packed_attention_reference)
def _packed_attention(packed: Array, /, num_heads: int, mask: Any, causal: bool) -> Any:
    query, key, value = _in_place(packed, 3, num_heads)
    scale = 1 / math.sqrt(query.shape[-1])
    batch, tokens, width = packed.shape
    xp = namespace(packed)
    y = xp.empty((batch, tokens, width // 3), packed.dtype)
    (mixed,) = _in_place(y, 1, num_heads)
    if blockwise.is_long(query, key):
        mixed[...], saved = blockwise.forward(query, key, value, mask, causal, scale)
    else:
        saved = compute_weights(query, key, mask, causal, scale)
        xp.matmul(saved, value, out=mixed)
    return y, saved


def packed_attention(
    packed: TensorLike, num_heads: int, mask: Any = None, causal: bool = False
) -> Tensor:
    """Attention of several heads among the same tokens, on arrays that stay where they are.

    It is `attention` between `split_heads` and `merge_heads`, as one op: no head is copied.

    Parameters
    ----------
    packed : (B, N, 3 H d)
        Of each token query, key and value, side by side, each with its H heads.
    num_heads : int
        H.
    mask : boolean array that broadcasts to (B, H, N, N), optional
        True where a query may attend to a key.
    causal : bool
        No token attends to a later one.

    Returns
    -------
    Tensor (B, N, H d)

    Raises
    ------
    ValueError, TypeError
        If the shapes do not fit, or the mask is not boolean or does not broadcast.
    """
    x, mask = raw(packed), raw(mask)
    if x.ndim != 3 or not x.shape[1] or x.shape[2] % (3 * num_heads):
        raise ValueError(
            f"packed_attention: packed has three axes, (batch, tokens, width), at least one token "
            f"and a width that 3 · {num_heads} divides; given {x.shape}"
        )
    if mask is not None:
        query, key, value = _in_place(x, 3, num_heads)
        check_mask(mask, query, key, value)
    return _packed_attention(packed, num_heads=num_heads, mask=mask, causal=causal)
