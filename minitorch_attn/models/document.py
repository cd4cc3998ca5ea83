"""The document's own layer, mended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import device_of
from ..draws import Rng, generator
from ..nn import Dropout, Module, MultiHeadAttention, Parameter
from ..tensor import TensorLike, raw


class Attention(Module):
    """The document's layer (5.2), with its signature, doing what the document meant.

    What is mended: it takes (B, N, D) tokens and crashes on none; heads are split by a transpose
    after the reshape, so that tokens attend to tokens and not heads to heads; scores are scaled;
    heads are merged whole; the weights can be looked at; the output has the width of the input,
    so that it can be added to it.

    Parameters
    ----------
    num_attention_heads : int
        H, the number of heads.
    num_heads_per_head : int
        The document's name for d, the width of each head.

    As in Keras, the width of the input is learnt from the first input, and the parameters are
    made then.
    """

    def __init__(
        self,
        num_attention_heads: int = 8,
        num_heads_per_head: int = 64,
        *,
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        self.num_attention_heads = num_attention_heads
        self.num_heads_per_head = num_heads_per_head
        self.total_heads = num_attention_heads * num_heads_per_head
        self.rng = generator(rng)
        self.dtype = dtype
        self.heads: MultiHeadAttention | None = None
        self.dropout = Dropout(0.1, rng=self.rng)

    def build(self, model_dim: int) -> Attention:
        """Make the parameters for inputs of this width."""
        heads = (self.num_attention_heads, self.num_heads_per_head)
        self.heads = MultiHeadAttention(model_dim, *heads, rng=self.rng, dtype=self.dtype)
        self.heads.train(self.training)
        return self

    def own_parameters(self) -> Iterator[tuple[str, Parameter]]:
        if self.heads is None:
            raise RuntimeError(
                "Attention has no parameters before its first input, which tells it the width: "
                "call it once, or call build(width)"
            )
        return super().own_parameters()

    def __call__(self, inputs: TensorLike, return_weights: bool = False) -> Any:
        """(B, N, D) to (B, N, D); with `return_weights` also the weights (B, H, N, N)."""
        if raw(inputs).ndim != 3:
            raise ValueError(
                f"Attention: inputs have three axes, (batch, tokens, width), not shape "
                f"{raw(inputs).shape}"
            )
        if self.heads is None:
            self.build(raw(inputs).shape[-1]).to(device_of(raw(inputs)))
        assert self.heads is not None
        context, weights = self.heads(inputs, return_weights=True)
        context = self.dropout(context)
        return (context, weights) if return_weights else context
