"""The classifier of chapter 10."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..nn import Dense, LayerNorm, LearnedPositions, Module, TransformerBlock
from ..ops import mean
from ..tensor import TensorLike
from ..validation.attention import check_masks
from .baselines import NoAttention, UniformAttention
from .patches import patchify

IN_PLACE_OF_ATTENTION = {"uniform": UniformAttention, "none": NoAttention}


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
        if mixing != "attention" and mixing not in IN_PLACE_OF_ATTENTION:
            raise ValueError(
                f'Classifier: mixing is "attention", "uniform" or "none", not {mixing!r}'
            )
        options: dict[str, Any] = {"rng": np.random.default_rng(seed), "dtype": dtype}
        self.patch, self.pool = patch, pool
        self.embed = Dense(token_dim, model_dim, **options)
        self.positions: LearnedPositions | None = None
        if num_positions:
            self.positions = LearnedPositions(num_positions, model_dim, **options)
        self.blocks = [
            TransformerBlock(model_dim, num_heads, dropout=dropout, **options)
            for _ in range(num_blocks)
        ]
        if mixing != "attention":
            # The attention that this replaces has been drawn by now, and so it must be: the random
            # numbers of all that follows depend on it, and on them the figures of the book.
            for block in self.blocks:
                block.attention = IN_PLACE_OF_ATTENTION[mixing](model_dim, **options)
        self.norm = LayerNorm(model_dim, dtype=dtype)
        self.head = Dense(model_dim, num_classes, **options)

    def __call__(self, x: TensorLike, mask: Any = None, return_weights: bool = False) -> Any:
        """(B, N, token_dim), or with `patch` (B, h, w), to logits (B, C).

        With `return_weights` also a list of the weights of each block, (B, H, N, N); of the last
        block with pool="last", (B, H, 1, N). They are part of the record: the logits have a
        gradient with respect to them. `mask` broadcasts to these; a list holds one, or None, for
        each block.

        Raises
        ------
        ValueError
            If a list of masks is not as long as there are blocks.
        """
        masks = mask if isinstance(mask, list) else [mask] * len(self.blocks)
        check_masks(len(masks), len(self.blocks))
        x = self.embed(patchify(x, self.patch) if self.patch else x)
        if self.positions is not None:
            x = self.positions(x)
        kept = []
        for i, (block, mask) in enumerate(zip(self.blocks, masks, strict=True)):
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
