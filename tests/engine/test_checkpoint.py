"""Checkpoint: the same values and gradients for less memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
from helpers.graphs import leaf

from minitorch_attn import Tensor, checkpoint, grad, gradgradcheck, ops
from minitorch_attn.nn import Dense, Dropout


def test_checkpoint_gives_the_same_with_closures_and_dropout() -> None:
    layer, drop = Dense(4, 4, dtype=np.float64, rng=np.random.default_rng(1)), Dropout(0.5)
    scale = leaf(4)

    def block(x: Tensor) -> Tensor:
        return drop(ops.tanh(layer(x))) * scale + x

    def run(call: Callable) -> list[np.ndarray]:
        drop.rng = np.random.default_rng(2)
        x = leaf(3, 4)
        y = call(x)
        weighted = (y * np.arange(12.0).reshape(3, 4)).sum()
        return [y.data, *grad(weighted, [x, layer.weight, layer.bias, scale])]

    plain = run(lambda x: block(block(x)))
    for call in (
        lambda x: checkpoint(block, checkpoint(block, x)),
        lambda x: checkpoint(lambda x: block(checkpoint(block, x)), x),  # one in another
    ):
        for found, wanted in zip(run(call), plain, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_checkpoint_accumulates_into_grad_and_differentiates_twice() -> None:
    layer = Dense(2, 2, dtype=np.float64)
    x = leaf(3, 2)
    checkpoint(layer, x).sum().backward()
    np.testing.assert_allclose(layer.bias.grad, [3, 3])
    np.testing.assert_allclose(x.grad, np.ones((3, 2)) @ layer.weight.data.T)
    gradgradcheck(lambda x: checkpoint(lambda x: ops.tanh(x) * x, x), [x.data])


def test_checkpoint_needs_less_memory() -> None:
    def deep(x: Tensor) -> Tensor:
        for _ in range(20):
            x = ops.tanh(x * 1.01)
        return x

    def peak(call: Callable) -> int:
        x = Tensor(np.ones(100_000), requires_grad=True)
        tracemalloc.start()
        y = x
        for _ in range(5):
            y = call(y)
        y.sum().backward()
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    assert peak(lambda x: checkpoint(deep, x)) < 0.5 * peak(deep)
