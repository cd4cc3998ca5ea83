"""Transformer blocks, and what tells a block the order of its tokens."""

from __future__ import annotations

import math
from copy import copy
from functools import partial
from typing import Any

import numpy as np

from ..devices import move
from ..draws import Rng, generator
from ..ops import gelu
from ..tensor import Tensor, TensorLike, raw
from ..validation.layers import check_places, check_range, check_sizes
from .attention import MultiHeadAttention
from .cache import KeyValueCache
from .layers import Dense, Dropout, LayerNorm
from .mixing import Mixing
from .module import Module, Parameter


class TransformerBlock(Mixing):
    """Attention between tokens, then a dense net on each token, both added to what came in.

    Parameters
    ----------
    model_dim, num_heads : int
    hidden_dim : int, optional
        Width of the dense net's hidden layer; 4 model_dim by default.
    dropout : float
        On the attention weights and on what each half adds.
    norm : "pre" or "post"
        Layer norm before each half (as in GPT-2), or after each sum (as in 2017).

    Source: Vaswani et al., 2017, section 3.1; Xiong et al., "On Layer Normalization in the
    Transformer Architecture", ICML 2020, on pre against post.
    """

    def __init__(
        self,
        model_dim: int,
        num_heads: int,
        hidden_dim: int | None = None,
        dropout: float = 0.0,
        norm: str = "pre",
        *,
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        if norm not in ("pre", "post"):
            raise ValueError(f'TransformerBlock: norm is "pre" or "post", not {norm!r}')
        rng = generator(rng)
        hidden_dim = hidden_dim or 4 * model_dim
        self.norm = norm
        self.norm1 = LayerNorm(model_dim, dtype=dtype)
        self.attention: Any = MultiHeadAttention(
            model_dim, num_heads, dropout=dropout, rng=rng, dtype=dtype
        )
        self.norm2 = LayerNorm(model_dim, dtype=dtype)
        self.hidden = Dense(model_dim, hidden_dim, rng=rng, dtype=dtype)
        self.output = Dense(hidden_dim, model_dim, rng=rng, dtype=dtype)
        self.dropout = Dropout(dropout, rng=rng)

    @property
    def model_dim(self) -> int:
        return self.norm1.weight.shape[0]

    def mix(self, x: Any, context: Any, mask: Any, causal: bool, return_weights: bool) -> Any:
        """Attention, then the dense net: each adds to what comes in."""
        how = (mask, causal, return_weights)
        if self.norm == "pre":
            context = None if context is None else self.norm1(context)
            mixed, weights = self._attend(self.norm1(x), context, *how)
            x = x + mixed
            x = x + self._feed_forward(self.norm2(x))
        else:
            mixed, weights = self._attend(x, context, *how)
            x = self.norm1(x + mixed)
            x = self.norm2(x + self._feed_forward(x))
        return (x, weights) if return_weights else x

    def go_on(self, cache: KeyValueCache, x: Any, mask: Any, return_weights: bool) -> Any:
        """As `mix`, causal, with an attention that goes on from the cache."""
        block = copy(self)
        block.attention = partial(self.attention, cache=cache)
        return block.mix(x, None, mask, True, return_weights)

    def _attend(self, x: TensorLike, context: Any, mask: Any, causal: bool, look: bool) -> Any:
        """What attention adds, and its weights if they are looked at."""
        y = self.attention(x, context, mask, causal, look)
        y, weights = y if look else (y, None)
        return self.dropout(y), weights

    def _feed_forward(self, x: TensorLike) -> Tensor:
        """What the dense net adds to each token on its own."""
        return self.dropout(self.output(gelu(self.hidden(x))))


class DecoderBlock(Module):
    """A block that asks: its tokens attend to each other, then, as a block's do, to a context.

    Parameters
    ----------
    model_dim, num_heads, hidden_dim, dropout : as TransformerBlock
    self_attention : bool
        False: the tokens that ask do not see each other.

    Source: the decoder of Vaswani et al., 2017, section 3.1, with layer norm before each part.
    """

    def __init__(
        self,
        model_dim: int,
        num_heads: int,
        hidden_dim: int | None = None,
        dropout: float = 0.0,
        self_attention: bool = True,
        *,
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        options: dict[str, Any] = {"rng": generator(rng), "dtype": dtype}
        self.attention: Module | None = None
        if self_attention:
            self.norm = LayerNorm(model_dim, dtype=dtype)
            self.attention = MultiHeadAttention(model_dim, num_heads, dropout=dropout, **options)
        self.block = TransformerBlock(model_dim, num_heads, hidden_dim, dropout, **options)

    def __call__(
        self,
        x: TensorLike,
        context: TensorLike,
        mask: Any = None,
        causal: bool = False,
        return_weights: bool = False,
    ) -> Any:
        """(B, N, D) and context (B, S, D) to (B, N, D).

        `mask` says which key of the context a query may attend to, (B, H, N, S); with `causal` no
        token of x attends to a later one of x. With `return_weights` also those on the context,
        (B, H, N, S).
        """
        if self.attention is not None:
            x = x + self.block.dropout(self.attention(self.norm(x), causal=causal))
        return self.block(x, context, mask=mask, return_weights=return_weights)


def sinusoids(num: int, dim: int) -> np.ndarray:
    """Position p as `dim` numbers, (num, dim): sin and cos of p / 10000^(2i/dim), alternating.

    Source: Vaswani et al., 2017, section 3.5.
    """
    if dim % 2:
        raise ValueError(f"sinusoids: sines and cosines come in pairs, so dim is even, not {dim}")
    rate = np.exp(np.arange(0, dim, 2) * (-math.log(10000.0) / dim))
    angle = np.arange(num)[:, None] * rate
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(num, dim)


class SinusoidalPositions(Module):
    """Add to each token fixed sines and cosines of its place. Works at any length.

    `start` is the place of the first token: how many were read before, where a cache is.
    """

    def __init__(self, model_dim: int) -> None:
        self.model_dim = model_dim

    def __call__(self, x: Tensor, start: int = 0) -> Tensor:
        check_range("SinusoidalPositions: start", start, 0)
        table = sinusoids(start + x.shape[-2], self.model_dim)[start:].astype(x.dtype)
        return x + move(table, x.device)


class LearnedPositions(Module):
    """Add to each token a learned row for its place, for up to `num` tokens.

    `start` is the place of the first token, as in `SinusoidalPositions`.

    The first rows are about as large as embedded tokens: with the usual 0.02, a small model needs
    most of its training to find out where things are.
    """

    def __init__(
        self,
        num: int,
        model_dim: int,
        *,
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        check_sizes("LearnedPositions", num=num, model_dim=model_dim)
        rng = generator(rng)
        self.weight = Parameter(rng.normal(0, 0.5, (num, model_dim)).astype(dtype))

    def __call__(self, x: TensorLike, start: int = 0) -> Tensor:
        check_range("LearnedPositions: start", start, 0)
        end = start + raw(x).shape[-2]
        check_places(end, self.weight.shape[0])
        return x + self.weight[start:end]
