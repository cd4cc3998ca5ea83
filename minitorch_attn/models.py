"""The classifier of chapter 10, and the baselines without which its score says nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arrays import namespace
from .nn import Dense, LayerNorm, LearnedPositions, Module, TransformerBlock
from .ops import broadcast_to, mean, relu, reshape, transpose
from .tensor import Tensor, TensorLike, raw


def patchify(images: TensorLike, size: int) -> Tensor:
    """Cut images into square patches: (B, h, w) to (B, h/size · w/size, size²), row by row."""
    batch, height, width = raw(images).shape
    if height % size or width % size:
        raise ValueError(f"patchify: {size}×{size} patches do not tile {height}×{width} images")
    rows, columns = height // size, width // size
    blocks = reshape(images, (batch, rows, size, columns, size))
    return reshape(transpose(blocks, (0, 1, 3, 2, 4)), (batch, rows * columns, size * size))


class UniformAttention(Module):
    """Attention with its choice taken away: every weight is 1/S. For comparison."""

    def __init__(self, model_dim: int, **options: Any) -> None:
        self.value = Dense(model_dim, model_dim, **options)
        self.output = Dense(model_dim, model_dim, **options)

    def __call__(
        self,
        x: TensorLike,
        context: TensorLike | None = None,
        mask: Any = None,
        causal: bool = False,
        return_weights: bool = False,
    ) -> Any:
        context = x if context is None else context
        (batch, n, width), s = raw(x).shape, raw(context).shape[1]
        mixed = self.output(mean(self.value(context), axis=1, keepdims=True))
        y = broadcast_to(mixed, (batch, n, width))
        weights = namespace(raw(x)).full((batch, 1, n, s), 1 / s, raw(x).dtype)
        return (y, Tensor(weights)) if return_weights else y


class NoAttention(Module):
    """Each token on its own: every weight but a token's own is 0. For comparison."""

    def __init__(self, model_dim: int, **options: Any) -> None:
        self.value = Dense(model_dim, model_dim, **options)
        self.output = Dense(model_dim, model_dim, **options)

    def __call__(
        self,
        x: TensorLike,
        context: TensorLike | None = None,
        mask: Any = None,
        causal: bool = False,
        return_weights: bool = False,
    ) -> Any:
        y = self.output(self.value(x))
        (batch, n, _), s = raw(x).shape, raw(x if context is None else context).shape[1]
        eye = namespace(raw(x)).eye(n, s, k=s - n, dtype=raw(x).dtype)  # x: the last n of context
        return (y, broadcast_to(Tensor(eye), (batch, 1, n, s))) if return_weights else y


class Classifier(Module):
    """Tokens or patches, through transformer blocks, pooled, to classes.

    Parameters
    ----------
    token_dim : int
        Numbers in a token; with `patch`, pixels in a patch.
    num_classes : int
    model_dim, num_heads, num_blocks, dropout :
        Of the blocks.
    patch : int, optional
        Inputs are images (B, h, w), to be cut into patches of this side.
    num_positions : int, optional
        Learned positions for so many tokens. None: the tokens are a set, without order.
    pool : "mean" or "last"
        What the classes are read from: the mean over tokens, or the last token (a query).
    mixing : "attention", "uniform" or "none"
        What the tokens exchange: attention, or one of the two baselines in its place.
    seed : int
        Of the first weights and of dropout.
    """

    def __init__(
        self,
        token_dim: int,
        num_classes: int,
        model_dim: int = 32,
        num_heads: int = 4,
        num_blocks: int = 1,
        dropout: float = 0.0,
        patch: int | None = None,
        num_positions: int | None = None,
        pool: str = "mean",
        mixing: str = "attention",
        seed: int = 0,
        dtype: Any = np.float32,
    ) -> None:
        if pool not in ("mean", "last"):
            raise ValueError(f'Classifier: pool is "mean" or "last", not {pool!r}')
        if mixing not in ("attention", "uniform", "none"):
            raise ValueError(
                f'Classifier: mixing is "attention", "uniform" or "none", not {mixing!r}'
            )
        rng = np.random.default_rng(seed)
        self.patch, self.pool = patch, pool
        self.embed = Dense(token_dim, model_dim, rng=rng, dtype=dtype)
        self.positions = (
            LearnedPositions(num_positions, model_dim, rng=rng, dtype=dtype)
            if num_positions
            else None
        )
        self.blocks = [
            TransformerBlock(model_dim, num_heads, dropout=dropout, rng=rng, dtype=dtype)
            for _ in range(num_blocks)
        ]
        if mixing != "attention":
            kind = UniformAttention if mixing == "uniform" else NoAttention
            for block in self.blocks:
                block.attention = kind(model_dim, rng=rng, dtype=dtype)
        self.norm = LayerNorm(model_dim, dtype=dtype)
        self.head = Dense(model_dim, num_classes, rng=rng, dtype=dtype)

    def __call__(self, x: TensorLike, mask: Any = None, return_weights: bool = False) -> Any:
        """(B, N, token_dim), or with `patch` (B, h, w), to logits (B, C).

        With `return_weights` also a list of the weights of each block, (B, H, N, N); of the last
        block with pool="last", (B, H, 1, N). `mask` broadcasts to these.
        """
        x = self.embed(patchify(x, self.patch) if self.patch else x)
        if self.positions is not None:
            x = self.positions(x)
        kept = []
        for i, block in enumerate(self.blocks):
            # Where only the last token is read, only it needs to ask in the last block.
            alone = self.pool == "last" and i == len(self.blocks) - 1
            asking, context = (x[:, -1:], x) if alone else (x, None)
            x = block(asking, context, mask=mask, return_weights=return_weights)
            if return_weights:
                x, weights = x
                kept.append(weights)
        x = self.norm(x)
        x = mean(x, axis=1) if self.pool == "mean" else x[:, -1]
        logits = self.head(x)
        return (logits, kept) if return_weights else logits


class DenseNet(Module):
    """Two dense layers on the tokens laid end to end: a baseline that knows no tokens."""

    def __init__(
        self,
        num_inputs: int,
        num_classes: int,
        hidden_dim: int,
        seed: int = 0,
        dtype: Any = np.float32,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.hidden = Dense(num_inputs, hidden_dim, rng=rng, dtype=dtype)
        self.output = Dense(hidden_dim, num_classes, rng=rng, dtype=dtype)

    def __call__(self, x: TensorLike) -> Tensor:
        return self.output(relu(self.hidden(reshape(x, (raw(x).shape[0], -1)))))

    @classmethod
    def matching(cls, model: Module, num_inputs: int, num_classes: int, seed: int = 0) -> DenseNet:
        """A net with the number of parameters nearest to another model's."""
        rest = model.num_parameters() - num_classes
        return cls(
            num_inputs, num_classes, max(1, round(rest / (num_inputs + 1 + num_classes))), seed
        )


def query_weights(weights: Any) -> np.ndarray:
    """How much the last token, the query, attends to each tile: (B, H, …, N) to (B, N - 1).

    The mean over heads, without the query's weight on itself.
    """
    array = raw(weights)
    return namespace(array).asarray(array[:, :, -1, :-1]).mean(axis=1)


def entropy(weights: np.ndarray) -> np.ndarray:
    """The entropy in bits of weights that sum to 1 along the last axis."""
    safe = np.where(weights > 0, weights, 1)
    return -(weights * np.log(safe)).sum(axis=-1) / math.log(2)
