"""Parts of the networks written by hand: loss, optimiser, and sharing a batch among threads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np

from minitorch_attn.matrix_library import write_working_memory

Arrays: TypeAlias = dict[str, np.ndarray]


def cross_entropy(logits: np.ndarray, targets: np.ndarray, total: int) -> float:
    """The loss of these rows as a part of `total`; the logits become their gradient, in place."""
    rows = np.arange(len(logits))
    logits -= logits.max(axis=1, keepdims=True)
    picked = logits[rows, targets]
    np.exp(logits, out=logits)
    sums = logits.sum(axis=1, keepdims=True)
    loss = float((np.log(sums[:, 0]) - picked).sum()) / total
    logits /= sums * total
    logits[rows, targets] -= 1 / total
    return loss


class Adam:
    """Adam over all parameters laid end to end: one pass, in blocks that fit a cache."""

    BLOCK = 1 << 14

    def __init__(self, parameters: Arrays, lr: float) -> None:
        self.lr, self.steps = lr, 0
        self.flat = np.concatenate([a.ravel() for a in parameters.values()])
        self.mean, self.square = np.zeros_like(self.flat), np.zeros_like(self.flat)
        self.gradient = np.empty_like(self.flat)
        self.scratch = np.empty(self.BLOCK, np.float32)
        # From here on the parameters are views of `flat`.
        start = 0
        self.places = {}
        for name, a in parameters.items():
            self.places[name] = slice(start, start + a.size)
            parameters[name] = self.flat[self.places[name]].reshape(a.shape)
            start += a.size

    def reset(self) -> None:
        self.steps = 0
        self.mean[...] = 0
        self.square[...] = 0

    def step(self, gradients: Arrays, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        beta1, beta2 = betas
        self.steps += 1
        rate = self.lr / (1 - beta1**self.steps)
        root = 1 / math.sqrt(1 - beta2**self.steps)
        for name, place in self.places.items():
            self.gradient[place] = gradients[name].ravel()
        for start in range(0, self.flat.size, self.BLOCK):
            block = slice(start, min(self.flat.size, start + self.BLOCK))
            g, mean, square = self.gradient[block], self.mean[block], self.square[block]
            free = self.scratch[: g.size]
            mean *= beta1
            mean += np.multiply(g, 1 - beta1, out=free)
            square *= beta2
            np.multiply(g, g, out=free)
            free *= 1 - beta2
            square += free
            np.sqrt(square, out=free)
            free *= root
            free += 1e-8
            np.divide(mean, free, out=free)
            free *= rate
            self.flat[block] -= free


class Shares:
    """Computes loss and gradients of a batch in equal shares, one a thread, and adds them up.

    Parameters
    ----------
    make : makes a network for so many rows of the batch; it is called with inputs and targets
    """

    def __init__(
        self, make: Callable[[int], Any], x: np.ndarray, targets: np.ndarray, shares: int
    ) -> None:
        cuts = np.linspace(0, len(x), shares + 1).astype(int)
        self.shares = [
            (make(stop - start), x[start:stop], targets[start:stop])
            for start, stop in itertools.pairwise(cuts)
        ]
        self.pool = ThreadPoolExecutor(shares - 1) if shares > 1 else None
        if self.pool:
            for _ in range(shares - 1):  # all at once, as the library does
                self.pool.submit(write_working_memory)
            write_working_memory()
        self.gradients: Arrays = {}

    def __call__(self) -> tuple[float, Arrays]:
        (network, own_x, own_targets), *others = self.shares
        waiting = [self.pool.submit(n, x, t) for n, x, t in others] if self.pool else []
        loss = network(own_x, own_targets)
        loss += sum(future.result() for future in waiting)
        self.gradients = network.gradients
        for other, _, _ in others:
            for name, g in self.gradients.items():
                g += other.gradients[name]
        return loss, self.gradients
