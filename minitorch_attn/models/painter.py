"""The painter of chapter 12: pixels one after the other, each asking those before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..devices import move
from ..draws import Rng, generator
from ..nn import (
    Dense,
    Embedding,
    KeyValueCache,
    LayerNorm,
    LearnedPositions,
    Module,
    TransformerBlock,
)
from ..ops import concatenate, reshape
from ..tensor import Tensor, no_grad, raw
from .classifier import IN_PLACE_OF_ATTENTION


class Painter(Module):
    """A causal transformer: the class, then the pixels so far, to the levels of the next pixel.

    Parameters
    ----------
    levels : int
        L, the grey levels that a pixel can have.
    num_pixels : int
        In a picture.
    num_classes : int
    model_dim, num_heads, num_blocks : of the blocks
    mixing : "attention", "uniform" or "none"
        As in `Classifier`.
    seed : int

    Source: Parmar et al., "Image Transformer", ICML 2018.
    """

    def __init__(
        self,
        levels: int,
        num_pixels: int,
        num_classes: int,
        model_dim: int = 48,
        num_heads: int = 4,
        num_blocks: int = 2,
        mixing: str = "attention",
        seed: int = 0,
        dtype: Any = np.float32,
    ) -> None:
        if mixing != "attention" and mixing not in IN_PLACE_OF_ATTENTION:
            raise ValueError(f'Painter: mixing is "attention", "uniform" or "none", not {mixing!r}')
        options: dict[str, Any] = {"rng": np.random.default_rng(seed), "dtype": dtype}
        self.pixel = Embedding(levels, model_dim, **options)
        self.start = Embedding(num_classes, model_dim, **options)
        self.positions = LearnedPositions(num_pixels, model_dim, **options)
        self.blocks = [
            TransformerBlock(model_dim, num_heads, 2 * model_dim, **options)
            for _ in range(num_blocks)
        ]
        if mixing != "attention":
            for block in self.blocks:
                block.attention = IN_PLACE_OF_ATTENTION[mixing](model_dim, **options)
        self.norm = LayerNorm(model_dim, dtype=dtype)
        self.head = Dense(model_dim, levels, **options)

    def __call__(
        self,
        pixels: Any,
        classes: Any,
        caches: Sequence[KeyValueCache] | None = None,
    ) -> Tensor:
        """The first t pixels (B, t), integers, and classes (B,), to logits (B, t + 1, L).

        Row k is for pixel k, and knows the class and the pixels before k. With `caches`, one for
        each block, only the rows that were not asked for before.
        """
        read = len(caches[0]) if caches else 0
        parts = [] if read else [reshape(self.start(classes), (len(classes), 1, -1))]
        if pixels.shape[1]:
            parts.append(self.pixel(pixels[:, max(read - 1, 0) :]))
        x = self.positions(concatenate(parts, axis=1), start=read)
        for i, block in enumerate(self.blocks):
            x = block(x, causal=True, cache=caches[i] if caches else None)
        return self.head(self.norm(x))


def sample(
    model: Painter,
    classes: Any,
    num: int,
    temperature: float = 1.0,
    rng: Rng = None,
    cache: bool = True,
) -> np.ndarray:
    """Paint a picture of each class, pixel by pixel: classes (B,) to (B, num) integers.

    Parameters
    ----------
    model : Painter, or what is called as one
    num : int
        Pixels in a picture.
    temperature : float
        The logits are divided by it; 0 takes the likeliest level each time.
    rng : numpy.random.Generator or integer seed, optional
    cache : bool
        Keep keys and values, so that each step reads one token. False: read all again at each
        step; the draws are the same, and any model will do.
    """
    if temperature < 0:
        raise ValueError(f"sample: the temperature is 0 or more, not {temperature}")
    rng, classes = generator(rng), np.asarray(classes)
    pixels = np.zeros((len(classes), 0), np.int64)
    caches = [KeyValueCache() for _ in model.blocks] if cache else None
    options = {"caches": caches} if cache else {}
    with no_grad():
        for _ in range(num):
            logits = move(raw(model(pixels, classes, **options))[:, -1], "cpu")
            if temperature:  # the largest after Gumbel's noise is a draw from softmax
                logits = logits / temperature + rng.gumbel(size=logits.shape)
            pixels = np.concatenate([pixels, logits.argmax(axis=-1)[:, None]], axis=1)
    return pixels
