"""Graphs to measure: long chains, wide fans."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from minitorch_attn import Tensor, grad


def leaf(*shape: int) -> Tensor:
    return Tensor(np.random.default_rng(len(shape)).normal(size=shape), requires_grad=True)


def chain(length: int) -> tuple[Tensor, Tensor]:
    """One op after the other; the gradient of the end in the beginning is 1."""
    x = y = Tensor(1.0, requires_grad=True)
    for _ in range(length):
        y = y + 1.0
    return x, y


def fan(width: int) -> tuple[Tensor, Tensor]:
    """One tensor used in many ops, their results summed pairwise: its gradient is the width."""
    x = Tensor(1.0, requires_grad=True)
    level = [x * 1.0 for _ in range(width // 2)]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        level = [a + b for a, b in zip(level[::2], level[1::2], strict=False)] + odd
    return x, level[0]


def seconds_per_op(make: Callable[[int], tuple[Tensor, Tensor]], size: int) -> float:
    """Building, differentiating and dropping a graph: the best of some tries."""
    best = float("inf")
    for _ in range(max(3, 10_000 // size)):
        start = time.process_time()
        x, y = make(size)
        grad(y, x)
        del x, y
        best = min(best, time.process_time() - start)
    return best / size
