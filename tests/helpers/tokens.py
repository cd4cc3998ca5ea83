"""Tokens to try layers on, and which of them reach which outputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minitorch_attn import Tensor, grad

F64 = {"dtype": np.float64}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tokens(*shape: int) -> np.ndarray:
    """Normal numbers, the same for the same sum of the shape."""
    return rng(sum(shape)).normal(size=shape)


def influence(call: Callable[[Tensor], Tensor], n: int) -> np.ndarray:
    """Which inputs reach which outputs: (N outputs, N inputs)."""
    x = Tensor(tokens(1, n, 6), requires_grad=True)
    reach = np.zeros((n, n), bool)
    for i in range(n):
        (g,) = grad((call(x)[0, i] * np.arange(1.0, 7)).sum(), x)
        reach[i] = np.abs(g[0]).max(-1) > 1e-12
    return reach
