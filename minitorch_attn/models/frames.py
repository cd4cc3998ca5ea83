"""A classifier of sounds: frames, pooled over time, to classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..nn import AttentionPooling, Dense, LastFrame, MaxPooling, MeanPooling, Module, Pooling
from ..ops import gelu, where
from ..tensor import TensorLike, raw
from .neighbours import neighbours

POOLINGS = {"mean": MeanPooling, "max": MaxPooling, "last": LastFrame}


class FrameClassifier(Module):
    """Each frame with its two neighbours through a small dense net, then pooled, to classes.

    Parameters
    ----------
    frame_dim : int
        Numbers in a frame.
    num_classes : int
    model_dim : int
    pooling : "attention", "mean", "max" or "last"
    num_heads : int
        Of attention.
    seed : int
        Of the first weights; but for attention's own layer they are the same for every pooling.
    """

    def __init__(
        self,
        frame_dim: int,
        num_classes: int,
        model_dim: int = 32,
        pooling: str = "attention",
        num_heads: int = 1,
        seed: int = 0,
        dtype: Any = np.float32,
    ) -> None:
        options: dict[str, Any] = {"rng": np.random.default_rng(seed), "dtype": dtype}
        self.hidden = Dense(3 * frame_dim, model_dim, **options)
        self.value = Dense(model_dim, model_dim, **options)
        self.head = Dense(model_dim, num_classes, **options)
        self.pooling: Pooling
        if pooling == "attention":
            self.pooling = AttentionPooling(model_dim, num_heads, **options)
        elif pooling in POOLINGS:
            self.pooling = POOLINGS[pooling]()
        else:
            names = ", ".join(["attention", *POOLINGS])
            raise ValueError(f"FrameClassifier: pooling is one of {names}, not {pooling!r}")

    def __call__(self, x: TensorLike, mask: Any = None, return_weights: bool = False) -> Any:
        """Frames (B, T, frame_dim) and their mask (B, T), True where real, to logits (B, C).

        With `return_weights` also the weights of the pooling, (B, H, T). Before the first frame
        and after the last there is silence, zeros: what stands in the padding is never read.
        """
        if mask is not None:
            x = where(raw(mask)[..., None], x, 0.0)
        x = self.value(gelu(self.hidden(neighbours(x, 1))))
        pooled, weights = self.pooling(x, mask, return_weights=True)
        logits = self.head(pooled)
        return (logits, weights) if return_weights else logits
