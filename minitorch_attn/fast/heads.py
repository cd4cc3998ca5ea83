"""Several heads among the same tokens: one product projects them, and one op attends."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import Array, namespace
from ..forms import fastest
from ..ops.attention import attention
from ..ops.elementwise import alike
from ..ops.heads import merge_heads, split_heads
from ..ops.linalg import linear
from ..ops.op import fused
from ..ops.pairs import all_finite
from ..ops.shape import concatenate, split
from ..tensor import Tensor, TensorLike, raw
from ..validation.attention import check_mask
from ..validation.layers import check_sizes
from .attention import backward, forward


def packed_attention_reference(
    packed: TensorLike, /, num_heads: int, mask: Any = None, causal: bool = False
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
    backward(g, y, saved, [True] * 3, query, key, value, mask, causal, scale, out=places)
    return (gx,)


@fused(_packed_rule, packed_attention_reference)
def _packed_attention(packed: Array, /, num_heads: int, mask: Any, causal: bool) -> Any:
    query, key, value = _in_place(packed, 3, num_heads)
    scale = 1 / math.sqrt(query.shape[-1])
    batch, tokens, width = packed.shape
    y = namespace(packed).empty((batch, tokens, width // 3), packed.dtype)
    (mixed,) = _in_place(y, 1, num_heads)
    _, saved = forward(query, key, value, mask, causal, scale, out=mixed)
    return y, saved


def packed_attention(
    packed: TensorLike, num_heads: int, mask: Any = None, causal: bool = False
) -> Tensor:
    """Attention of several heads among the same tokens, on arrays that stay where they are.

    It is `attention` between `split_heads` and `merge_heads`, as one op: no head is copied,
    where the library's matrix product takes arrays as they lie, as NumPy's does and CuPy's not.

    Parameters
    ----------
    packed : (B, N, 3 H d)
        Of each token query, key and value, side by side, each with its H heads.
    num_heads : int
        H.
    mask : boolean array (B, H, N, N), optional
        True where a query may attend to a key; as in `attention`.
    causal : bool
        No token attends to a later one.

    Returns
    -------
    Tensor (B, N, H d)

    Raises
    ------
    ValueError, TypeError
        If the shapes do not fit, or the mask is not boolean or does not fit or is ambiguous.
    """
    (packed,) = alike(packed)
    x, mask = raw(packed), raw(mask)
    check_sizes("packed_attention", num_heads=num_heads)
    if x.ndim != 3 or not x.shape[1] or not x.shape[2] or x.shape[2] % (3 * num_heads):
        raise ValueError(
            f"packed_attention: packed has three axes, (batch, tokens, width), at least one token "
            f"and a width that 3 · {num_heads} divides; given {x.shape}"
        )
    if mask is not None:
        query, key, value = _in_place(x, 3, num_heads)
        check_mask(mask, query, key, value)
    # What is forbidden and not finite goes the careful way, which attention takes.
    is_finite = (mask is None and not causal) or all_finite(x)
    return (fastest(packed_attention_reference) if is_finite else packed_attention_reference)(
        packed, num_heads=num_heads, mask=mask, causal=causal
    )


def packed_heads(layer: Any, x: TensorLike, context: TensorLike, mask: Any, causal: bool) -> Any:
    """What `MultiHeadAttention.heads` gives, where the tokens attend to one another.

    Query, key and value of every token lie side by side, (B, N, 3 H d): one product, not three. It
    is larger, and so closer to the processor's peak.
    """
    if context is not x:
        return NotImplemented
    layers = (layer.query, layer.key, layer.value)
    weight = concatenate([each.weight for each in layers], axis=1)
    packed = linear(x, weight, concatenate([each.bias for each in layers]))
    return packed_attention(packed, layer.num_heads, mask, causal)
