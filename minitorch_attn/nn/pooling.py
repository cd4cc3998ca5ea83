"""Pooling: from many frames to one vector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import namespace
from ..draws import Rng, generator
from ..ops import attention, broadcast_to, matmul, merge_heads, reshape, split_heads, where
from ..tensor import Tensor, TensorLike, raw
from ..validation.layers import check_padding, head_dim_of
from .layers import Dense
from .module import Module, Parameter


class Pooling(Module):
    """A mean of frames under weights, which a subclass gives: `weigh`."""

    def __call__(self, x: TensorLike, mask: Any = None, return_weights: bool = False) -> Any:
        """Frames (B, T, D) to one vector for each row, (B, D).

        Parameters
        ----------
        x : (B, T, D)
        mask : boolean (B, T), optional
            True where a frame is real. What stands elsewhere may be anything, NaN too.
        return_weights : bool
            Also return the weights (B, H, T): each head weighs its own D / H numbers of a frame.
            They sum to 1 over the real frames; where there is none, all are 0, and the vector too.

        Raises
        ------
        ValueError, TypeError
            If x has not three axes, or the mask is not boolean or not (B, T).
        """
        xp, (batch, length, width) = namespace(raw(x)), check_padding(raw(x).shape, raw(mask))
        mask = xp.ones((batch, length), bool) if mask is None else raw(mask)
        x = where(mask[..., None], x, 0.0)
        weights = self.weigh(x, mask)
        heads = weights.shape[1]
        z = matmul(reshape(weights, (batch, heads, 1, length)), split_heads(x, heads))
        z = reshape(merge_heads(z), (batch, width))
        return (z, weights) if return_weights else z

    def weigh(self, x: Tensor, mask: Any) -> Tensor:
        """The weights (B, H, T) of frames (B, T, D), where mask (B, T) is True."""
        raise NotImplementedError


class AttentionPooling(Pooling):
    """One learned query a head asks all frames; their keys come from a dense layer.

    A layer, for any model. `models.Pooler` is a model, of words, that pools in its own way.

    Parameters
    ----------
    model_dim : int
        D, the width of a frame.
    num_heads : int

    Source: K. Okabe, T. Koshinaka, K. Shinoda, "Attentive Statistics Pooling for Deep Speaker
    Embedding", Interspeech 2018, without the statistics; the document, section 3.4.
    """

    def __init__(
        self, model_dim: int, num_heads: int = 1, *, rng: Rng = None, dtype: Any = np.float32
    ) -> None:
        head_dim, rng = head_dim_of("AttentionPooling", model_dim, num_heads), generator(rng)
        self.key = Dense(model_dim, model_dim, rng=rng, dtype=dtype)
        self.query = Parameter(rng.normal(size=(num_heads, 1, head_dim)).astype(dtype))

    def weigh(self, x: Tensor, mask: Any) -> Tensor:
        """Softmax of the scores of the real frames, each head by itself: (B, H, T)."""
        key = split_heads(self.key(x), self.query.shape[0])
        query = broadcast_to(self.query, (key.shape[0], *self.query.shape))
        mask = mask[:, None, None, :]
        _, weights = attention(query, key, x[:, None, :, :0], mask, return_weights=True)
        return reshape(weights, (key.shape[0], key.shape[1], -1))


class MeanPooling(Pooling):
    """Every real frame counts the same: one head."""

    def weigh(self, x: Tensor, mask: Any) -> Tensor:
        """1 over the number of real frames, (B, 1, T)."""
        count = namespace(mask).maximum(mask.sum(axis=1, keepdims=True), 1)
        return Tensor((mask / count).astype(x.dtype)[:, None])


class LastFrame(Pooling):
    """The last real frame, and no other: one head."""

    def weigh(self, x: Tensor, mask: Any) -> Tensor:
        """1 on the last real frame, (B, 1, T)."""
        after = mask[:, ::-1].cumsum(axis=1)[:, ::-1]  # real frames from here on
        return Tensor((mask & (after == 1)).astype(x.dtype)[:, None])


class MaxPooling(Pooling):
    """The largest of each number: as many heads as numbers, and each picks one frame."""

    def weigh(self, x: Tensor, mask: Any) -> Tensor:
        """1 on the frame that has the largest of the number, the first of several: (B, D, T)."""
        xp = namespace(mask)
        values = xp.where(mask[..., None], raw(x), -math.inf).swapaxes(1, 2)
        first = values.argmax(axis=-1)[..., None] == xp.arange(mask.shape[1])
        return Tensor((first & mask[:, None]).astype(x.dtype))
