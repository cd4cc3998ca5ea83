"""Attention with heads."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..draws import Rng, generator
from ..fast.heads import packed_heads
from ..forms import sooner
from ..ops import attention, merge_heads, split_heads
from ..ops.pairs import weighed
from ..tensor import Tensor, TensorLike
from ..validation.layers import check_sizes, head_dim_of
from .cache import KeyValueCache
from .layers import Dense, Dropout
from .mixing import Mixing


class MultiHeadAttention(Mixing):
    """Several attentions side by side, each with its own projections of query, key and value.

    Parameters
    ----------
    model_dim : int
        D, the width of the tokens.
    num_heads : int
        H.
    head_dim : int, optional
        d, the width of each head; model_dim / num_heads by default, which must divide.
    dropout : float
        Probability to drop an attention weight while training. Rows of weights then no longer
        sum to 1.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.2; the
    document, section 5.2.
    """

    def __init__(
        self,
        model_dim: int,
        num_heads: int,
        head_dim: int | None = None,
        dropout: float = 0.0,
        *,
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        if head_dim is None:
            head_dim = head_dim_of("MultiHeadAttention", model_dim, num_heads)
        check_sizes(
            "MultiHeadAttention", model_dim=model_dim, num_heads=num_heads, head_dim=head_dim
        )
        rng = generator(rng)
        width = num_heads * head_dim
        self.num_heads, self.head_dim = num_heads, head_dim
        self.query = Dense(model_dim, width, rng=rng, dtype=dtype)
        self.key = Dense(model_dim, width, rng=rng, dtype=dtype)
        self.value = Dense(model_dim, width, rng=rng, dtype=dtype)
        self.output = Dense(width, model_dim, rng=rng, dtype=dtype)
        self.dropout = Dropout(dropout, rng=rng)

    def mix(self, x: Any, context: Any, mask: Any, causal: bool, return_weights: bool) -> Any:
        """In each head the queries of x weigh the values of context by their keys."""
        context = x if context is None else context
        drops = self.training and self.dropout.p > 0
        if not (drops or return_weights):
            return self.output(self.heads(x, context, mask, causal))
        query, key, value = self.project(x, context)
        # A value of no width: the weights alone are wanted.
        _, weights = attention(query, key, value[..., :0], mask, causal, return_weights=True)
        y = self.output(merge_heads(weighed(self.dropout(weights), value)))
        return (y, weights) if return_weights else y

    def go_on(self, cache: KeyValueCache, x: Any, mask: Any, return_weights: bool) -> Any:
        """As `mix`, causal, where the context is what the cache has read, and then x."""
        return self.mix(x, cache, mask, True, return_weights)

    @sooner(packed_heads)
    def heads(self, x: TensorLike, context: TensorLike, mask: Any, causal: bool) -> Tensor:
        """What all heads found, side by side: (B, N, H d)."""
        query, key, value = self.project(x, context)
        return merge_heads(attention(query, key, value, mask, causal))

    def project(self, x: TensorLike, context: Any) -> tuple[Any, Any, Any]:
        """The queries (B, H, N, d) of x, the keys and the values (B, H, S, d) of context.

        Where context is a cache: of the tokens that it has read and of those of x.
        """
        cache = context if isinstance(context, KeyValueCache) else None
        context = context if cache is None else x
        query = split_heads(self.query(x), self.num_heads)
        key = split_heads(self.key(context), self.num_heads)
        value = split_heads(self.value(context), self.num_heads)
        return (query, key, value) if cache is None else (query, *cache.append(key, value))
