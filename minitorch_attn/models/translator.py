"""From one sequence to another: an encoder that is read from, and a decoder that writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import namespace
from ..data import PAD
from ..nn import (
    DecoderBlock,
    Dense,
    Embedding,
    LayerNorm,
    LearnedPositions,
    Module,
    TransformerBlock,
)
from ..tensor import Tensor, no_grad, raw
from .baselines import NoAttention, UniformAttention
from .neighbours import neighbours

WINDOW = 5  # a token and two neighbours on either side


class Translator(Module):
    """Numbers of words to read, and of those written so far, to the logits of the next ones.

    Parameters
    ----------
    source_size, target_size : int
        How many words there are to read and to write; word 0 is padding.
    source_len, target_len : int
        The most words of a text.
    model_dim, num_heads, hidden_dim, dropout :
        Of the blocks.
    encoder : "none", "window" or "attention"
        What a token that is read knows of the others: nothing, two neighbours on either side by a
        dense layer, or all of them by a transformer block.
    mixing : "attention", "uniform" or "none"
        How the decoder asks the source: by attention; by equal weights, which is one vector for
        the whole source, whatever is asked; or not at all.
    self_attention : bool
        Whether a word that is written knows all before it, or only the last.
    seed : int
        Of the first weights and of dropout.
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        source_len: int,
        target_len: int,
        model_dim: int = 32,
        num_heads: int = 1,
        hidden_dim: int | None = None,
        dropout: float = 0.0,
        encoder: str = "window",
        mixing: str = "attention",
        self_attention: bool = False,
        seed: int = 0,
        dtype: Any = np.float32,
    ) -> None:
        if encoder not in ("none", "window", "attention"):
            raise ValueError(
                f'Translator: encoder is "none", "window" or "attention", not {encoder!r}'
            )
        if mixing not in ("attention", "uniform", "none"):
            raise ValueError(
                f'Translator: mixing is "attention", "uniform" or "none", not {mixing!r}'
            )
        options: dict[str, Any] = {"rng": np.random.default_rng(seed), "dtype": dtype}
        sizes = (model_dim, num_heads, hidden_dim, dropout)
        self.encoder_kind, self.mixing = encoder, mixing
        self.read = Embedding(source_size, model_dim, **options)
        self.places = LearnedPositions(source_len, model_dim, **options)
        self.encoder: Module | None = None
        if encoder == "window":
            self.encoder = Dense(WINDOW * model_dim, model_dim, **options)
        if encoder == "attention":
            self.encoder = TransformerBlock(*sizes, **options)
        self.write = Embedding(target_size, model_dim, **options)
        self.steps = LearnedPositions(target_len, model_dim, **options)
        self.decoder = DecoderBlock(*sizes, self_attention, **options)
        if mixing != "attention":
            kind = UniformAttention if mixing == "uniform" else NoAttention
            self.decoder.block.attention = kind(model_dim, **options)
        self.norm = LayerNorm(model_dim, dtype=dtype)
        self.head = Dense(model_dim, target_size, **options)

    def __call__(self, source: Any, before: Any, return_weights: bool = False) -> Any:
        """Source (B, S) and what was written before each place (B, N) to logits (B, N, C)."""
        memory, mask = self.encode(source)
        return self.decode(memory, mask, before, return_weights)

    def encode(self, source: Any) -> tuple[Tensor, Any]:
        """Source (B, S) to its tokens (B, S, D), and which of them are no padding (B, 1, 1, S)."""
        real = raw(source) != PAD
        mask = real[:, None, None, :]
        x = self.places(self.read(source))
        if self.encoder_kind == "attention":
            x = self.encoder(x, mask=mask)  # type: ignore[misc]
        if self.encoder_kind == "window":
            near = neighbours(x * real[..., None].astype(x.dtype), WINDOW // 2)
            x = x + self.encoder(near)  # type: ignore[misc]
        return x, mask

    def decode(self, memory: Any, mask: Any, before: Any, return_weights: bool = False) -> Any:
        """What was written before each place, (B, N), asks the memory: logits (B, N, C).

        `mask` says where in the memory each place may look, (B, 1, N, S). With `return_weights`
        also where it did look, (B, H, N, S).
        """
        y = self.steps(self.write(before))
        if self.mixing == "none":  # it has only itself to ask
            memory, mask = y, None
        y = self.decoder(y, memory, mask=mask, causal=True, return_weights=return_weights)
        y, weights = y if return_weights else (y, None)
        logits = self.head(self.norm(y))
        return (logits, weights) if return_weights else logits


def greedy_decode(
    model: Translator, source: Any, start: int, stop: int, max_len: int
) -> np.ndarray:
    """Write, word by word, the likeliest next one: source (B, S) to numbers (B, N), N ≤ max_len.

    It ends when every text has its `stop`, or after max_len words; what stands behind a `stop` is
    padding.
    """
    source = raw(source)
    xp = namespace(source)
    with no_grad():
        memory, mask = model.encode(source)
        written = xp.full((len(source), 1), start)
        done = xp.zeros(len(source), bool)
        while written.shape[1] <= max_len and not done.all():
            scores = raw(model.decode(memory, mask, written))[:, -1]
            following = xp.where(done, PAD, scores.argmax(axis=-1))
            done = done | (following == stop)
            written = xp.concatenate([written, following[:, None]], axis=1)
    return written[:, 1:]
