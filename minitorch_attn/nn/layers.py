"""The plain layers. All work on the last axis and keep the axes before it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..draws import Rng, generator
from ..ops import dropout, embedding, layer_norm, linear, matmul, softmax
from ..tensor import Tensor, TensorLike, raw
from ..validation.layers import check_probability, check_sizes, check_width
from .module import Module, Parameter


class Dense(Module):
    """x weight + bias: (..., in_features) to (..., out_features).

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    rng : numpy.random.Generator or integer seed, optional
        Where the first weights come from: uniform within ±√(6 / (in + out)), which keeps the
        variance about the same forward and backward (Glorot and Bengio, AISTATS 2010).
    dtype : float32 or float64
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        check_sizes("Dense", in_features=in_features, out_features=out_features)
        rng = generator(rng)
        limit = math.sqrt(6 / (in_features + out_features))
        weight = rng.uniform(-limit, limit, (in_features, out_features))
        self.weight = Parameter(weight.astype(dtype))
        self.bias = Parameter(np.zeros(out_features, dtype)) if bias else None

    def __call__(self, x: TensorLike) -> Tensor:
        check_width("Dense", raw(x).shape, self.weight.shape)
        if self.bias is None:
            return matmul(x, self.weight)
        return linear(x, self.weight, self.bias)


class Dropout(Module):
    """While training, set each element to 0 with probability p and divide the rest by 1 - p.

    A model hands all its Dropouts one generator, `rng`, so that its seed makes a run repeat.
    """

    def __init__(self, p: float, *, rng: Rng = None) -> None:
        check_probability("Dropout", p)
        self.p, self.is_random = p, p > 0
        self.rng = generator(rng)

    def __call__(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, self.rng) if self.training and self.p else x


class LayerNorm(Module):
    """Rows of `dim` numbers brought to mean 0 and variance 1, then scaled and shifted."""

    def __init__(self, dim: int, eps: float = 1e-5, *, dtype: Any = np.float32) -> None:
        check_sizes("LayerNorm", dim=dim)
        self.weight = Parameter(np.ones(dim, dtype))
        self.bias = Parameter(np.zeros(dim, dtype))
        self.eps = eps

    def __call__(self, x: TensorLike) -> Tensor:
        return layer_norm(x, self.weight, self.bias, self.eps)


class Embedding(Module):
    """A learned row of `dim` numbers for each of `num` token ids: (...) to (..., dim)."""

    def __init__(
        self,
        num: int,
        dim: int,
        *,
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        check_sizes("Embedding", num=num, dim=dim)
        rng = generator(rng)
        self.weight = Parameter(rng.normal(0, 1 / math.sqrt(dim), (num, dim)).astype(dtype))

    def __call__(self, ids: Any) -> Tensor:
        return embedding(ids, self.weight)


class Softmax(Module):
    """Softmax along an axis, as a layer."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def __call__(self, x: TensorLike) -> Tensor:
        return softmax(x, axis=self.axis)


class Sequential(Module):
    """Layers, or any functions, one after the other."""

    def __init__(self, *layers: Any) -> None:
        self.layers = layers

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x
