"""The detector of chapter 12: learned queries ask a picture what is where."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..nn import DecoderBlock, Dense, LayerNorm, Module, Parameter
from ..ops import broadcast_to, gelu, relu, sigmoid
from ..tensor import Tensor, TensorLike, raw
from .baselines import UniformAttention


class WindowNet(Module):
    """A dense net on each window: what it shows, and features (B, S, feature_dim) of it.

    Trained on single windows, it is what the detector reads with; a pretrained network plays that
    part in photographs.
    """

    def __init__(
        self,
        num_pixels: int,
        num_classes: int,
        hidden_dim: int = 96,
        feature_dim: int = 48,
        seed: int = 0,
        dtype: Any = np.float32,
    ) -> None:
        options: dict[str, Any] = {"rng": np.random.default_rng(seed), "dtype": dtype}
        self.hidden = Dense(num_pixels, hidden_dim, **options)
        self.output = Dense(hidden_dim, feature_dim, **options)
        self.head = Dense(feature_dim, num_classes + 1, **options)

    def features(self, x: TensorLike) -> Tensor:
        """(..., num_pixels) to (..., feature_dim)."""
        return gelu(self.output(gelu(self.hidden(x))))

    def __call__(self, x: TensorLike) -> Tensor:
        """(..., num_pixels) to logits (..., num_classes + 1), the last: no digit."""
        return self.head(self.features(x))


class GridPositions(Module):
    """Add to each token of a square grid, row by row, what tells its row and its column.

    Half of the width is for each. It starts as sines and cosines whose longest wave is about the
    grid, not 10,000 places, and is learned.
    """

    def __init__(self, side: int, model_dim: int, dtype: Any = np.float32) -> None:
        if model_dim % 4:
            raise ValueError(f"GridPositions: model_dim is a multiple of 4, not {model_dim}")
        half = model_dim // 2
        rate = np.exp(np.arange(0, half, 2) * (-math.log(30.0) / half))
        angle = np.arange(side)[:, None] * rate
        waves = np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(side, half)
        rows, columns = np.repeat(waves, side, axis=0), np.tile(waves, (side, 1))
        self.weight = Parameter(np.concatenate([rows, columns], axis=1).astype(dtype))

    def __call__(self, x: TensorLike) -> Tensor:
        return x + self.weight


class Detector(Module):
    """N learned queries ask the windows of a picture; each says what is where, or nothing.

    Parameters
    ----------
    net : WindowNet
        What reads the windows; trained on with the rest. The detector has its class and no copy.
    side : int
        The windows are a grid of side × side.
    num_classes : int
        C. The queries have one more to choose from: no object.
    num_queries : int
        N, more than there can be objects.
    model_dim, num_heads : of the block that asks
    self_attention : bool
        Whether the queries see each other.
    mixing : "attention" or "uniform"
        How the queries look at the windows: uniform gives each the weight 1/S.

    Source: Carion et al., "End-to-End Object Detection with Transformers", ECCV 2020; here with one
    block that asks, and none before it in which the windows see each other.
    """

    def __init__(
        self,
        net: WindowNet,
        side: int,
        num_classes: int,
        num_queries: int = 6,
        model_dim: int = 48,
        num_heads: int = 4,
        self_attention: bool = True,
        mixing: str = "attention",
        seed: int = 0,
        dtype: Any = np.float32,
    ) -> None:
        if mixing not in ("attention", "uniform"):
            raise ValueError(f'Detector: mixing is "attention" or "uniform", not {mixing!r}')
        options: dict[str, Any] = {"rng": np.random.default_rng(seed), "dtype": dtype}
        self.net = net
        self.embed = Dense(net.output.weight.shape[1], model_dim, **options)
        self.positions = GridPositions(side, model_dim, dtype)
        rows = options["rng"].normal(0, 0.5, (num_queries, model_dim))
        self.queries = Parameter(rows.astype(dtype))
        self.decoder = DecoderBlock(model_dim, num_heads, self_attention=self_attention, **options)
        if mixing == "uniform":
            self.decoder.block.attention = UniformAttention(model_dim, **options)
        self.norm = LayerNorm(model_dim, dtype=dtype)
        self.head = Dense(model_dim, num_classes + 1, **options)
        self.box_hidden = Dense(model_dim, model_dim, **options)
        self.box = Dense(model_dim, 4, **options)

    def __call__(self, x: TensorLike, return_weights: bool = False) -> Any:
        """Windows (B, S, num_pixels) to logits (B, N, C + 1) and boxes (B, N, 4) in (0, 1).

        With `return_weights` also those of the queries on the windows, (B, H, N, S).
        """
        tokens = self.positions(self.embed(self.net.features(x)))
        queries = broadcast_to(self.queries, (raw(x).shape[0], *self.queries.shape))
        y = self.decoder(queries, tokens, return_weights=return_weights)
        y, weights = y if return_weights else (y, None)
        y = self.norm(y)
        answer = self.head(y), sigmoid(self.box(relu(self.box_hidden(y))))
        return (*answer, weights) if return_weights else answer
