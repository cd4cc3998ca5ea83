"""The heads of attention: split apart, and merged again."""

from __future__ import annotations

from ..tensor import Tensor, TensorLike, raw
from .shape import reshape, transpose


def split_heads(x: TensorLike, num_heads: int) -> Tensor:
    """(B, N, H d) to (B, H, N, d): each head gets its own slice of every token's width."""
    batch, tokens, width = raw(x).shape
    return transpose(reshape(x, (batch, tokens, num_heads, width // num_heads)), (0, 2, 1, 3))


def merge_heads(x: TensorLike) -> Tensor:
    """(B, H, N, d) to (B, N, H d), undoing `split_heads`: transpose first, then reshape."""
    batch, heads, tokens, width = raw(x).shape
    return reshape(transpose(x, (0, 2, 1, 3)), (batch, tokens, heads * width))
