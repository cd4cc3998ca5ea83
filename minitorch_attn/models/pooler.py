"""Words, one learned query, one answer: attention pooling over texts of unequal length."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import PAD
from ..nn import Dense, Dropout, Embedding, LearnedPositions, Module, TransformerBlock
from ..ops import relu, reshape
from ..ops import sum as total
from ..ops.attention import masked_softmax
from ..tensor import Tensor, TensorLike, raw


class Pooler(Module):
    """Ids of words (B, S) to classes: a weighted mean of the words' values, and a dense layer.

    Each word gives a score and a value, from its embedding alone or, with `block`, from what a
    transformer block makes of it among the others. One softmax over a text's words; PAD has no
    weight. A model, as `FrameClassifier` is one for sounds; that one's `nn.AttentionPooling` is a
    layer, which weighs the frames as they are, by keys of their own.

    Parameters
    ----------
    num_words, num_classes, width : int
    num_positions : int, optional
        Learned positions for so many words. None: a bag of words, unless `block`.
    block : bool
        Whether words see each other before they are pooled.
    mixing : "attention" or "uniform"
        "uniform": every word of a text has the same weight.
    dropout : float
        On the embedded words.
    """

    def __init__(
        self,
        num_words: int,
        num_classes: int,
        width: int = 32,
        num_positions: int | None = None,
        block: bool = False,
        mixing: str = "attention",
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        if mixing not in ("attention", "uniform"):
            raise ValueError(f'Pooler: mixing is "attention" or "uniform", not {mixing!r}')
        rng = np.random.default_rng(seed)
        self.mixing = mixing
        self.embed = Embedding(num_words, width, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.positions = LearnedPositions(num_positions, width, rng=rng) if num_positions else None
        self.block = TransformerBlock(width, 4, rng=rng) if block else None
        self.hidden = Dense(width, 2 * width, rng=rng)
        self.score = Dense(2 * width, 1, rng=rng)
        self.value = Dense(2 * width, width, rng=rng)
        self.head = Dense(width, num_classes, rng=rng)

    def __call__(
        self,
        ids: np.ndarray,
        weights: TensorLike | None = None,
        scale: TensorLike | None = None,
        return_weights: bool = False,
    ) -> Any:
        """(B, S) to logits (B, C); with `return_weights` also the weights (B, S).

        `weights` from outside take the place of the model's own. `scale` broadcasts to
        (B, S, width) and multiplies the embedded words; its gradient, at 1, is gradient × input.
        """
        hidden = self.encode(ids, scale)
        if weights is None:
            score = reshape(self.score(hidden), ids.shape)
            if self.mixing == "uniform":
                score = Tensor(np.zeros(ids.shape, np.float32))
            weights = masked_softmax(score, ids != PAD)
        logits = self.read(weights, self.value(hidden))
        return (logits, weights) if return_weights else logits

    def encode(self, ids: np.ndarray, scale: TensorLike | None = None) -> Tensor:
        """What scores and values are made of: (B, S) to (B, S, 2 width)."""
        x = self.dropout(self.embed(ids))
        if scale is not None:
            x = x * scale
        if self.positions is not None:
            x = self.positions(x)
        if self.block is not None:
            x = self.block(x, mask=(ids != PAD)[:, None, None, :])
        return relu(self.hidden(x))

    def values(self, ids: np.ndarray) -> Tensor:
        """The values of the words, (B, S) to (B, S, width)."""
        return self.value(self.encode(ids))

    def read(self, weights: TensorLike, values: TensorLike) -> Tensor:
        """The last step alone: weights (B, S) and values (B, S, width) to logits (B, C)."""
        return self.head(total(reshape(weights, (*raw(weights).shape, 1)) * values, axis=1))
