"""Checkpoint: the same values and gradients for less memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from helpers.graphs import leaf

from minitorch_attn import GradientError, Tensor, checkpoint, grad, gradgradcheck, ops
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


def test_a_second_gradient_through_one_checkpoint_with_dropout() -> None:
    x, drop = leaf(3, 4), Dropout(0.5, rng=np.random.default_rng(0))
    y = checkpoint(lambda x: drop(x).tanh(), x).sum()
    first = grad(y, x, create_graph=True)[0].data
    np.testing.assert_array_equal(grad(y, x, create_graph=True)[0].data, first)
    np.testing.assert_array_equal(grad(y, x)[0], first)


@pytest.mark.parametrize("training", [True, False])
def test_a_model_that_changes_its_mode_before_backward_is_told(training: bool) -> None:
    x, drop = leaf(3, 4), Dropout(0.5)
    drop.train(training)
    y = checkpoint(drop, x)
    drop.train(not training)
    with pytest.raises(GradientError, match="eval"):
        y.sum().backward()
    drop.train(training)
    checkpoint(drop, x).sum().backward()
    assert x.grad is not None


def test_several_results_are_refused() -> None:
    with pytest.raises(TypeError, match="one Tensor, not a tuple"):
        checkpoint(lambda x: (x, x * 2), leaf(3))
