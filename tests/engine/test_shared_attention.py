"""Attention whose batch is shared among threads gives the numbers of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from minitorch_attn import Tensor, attention, grad
from minitorch_attn.fast import attention as choice
from minitorch_attn.fast import shared
from minitorch_attn.fast.heads import packed_attention
from minitorch_attn.threads import set_threads, threads

RNG = np.random.default_rng(3)
B, H, N, S = 5, 2, 6, 7
MASKS = {
    "none": None,
    "of each": RNG.random((B, H, N, S)) < 0.7,
    "of the batch": RNG.random((B, 1, 1, S)) < 0.7,
    "one for all": RNG.random((1, H, N, S)) < 0.7,
    "fewer axes": RNG.random((N, S)) < 0.7,
}


@pytest.fixture(params=[2, 3, 8])
def count(request: pytest.FixtureRequest) -> Iterator[int]:
    before = threads()
    set_threads(request.param)
    yield request.param
    set_threads(before)


def arrays(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    return [np.random.default_rng(i).normal(size=shape) for i, shape in enumerate(shapes)]


def both(work: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the work gives whole, and shared: and that it was."""
    monkeypatch.setattr(choice, "SHARED_FROM", 1 << 60)
    whole = work()
    seen = []

    def noted(function: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            seen.append(function.__name__)
            return function(*args, **options)

        return call

    monkeypatch.setattr(shared, "forward", noted(shared.forward))
    monkeypatch.setattr(shared, "backward", noted(shared.backward))
    monkeypatch.setattr(choice, "SHARED_FROM", 1)
    found = work()
    assert seen == ["forward", "backward"]
    return [whole, found]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", MASKS)
def test_parts_are_the_whole(
    mask: str, causal: bool, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = arrays((B, H, N, 4), (B, H, S, 4), (B, H, S, 3))

    def work() -> Any:
        tensors = [Tensor(x, True) for x in inputs]
        y = attention(*tensors, MASKS[mask], causal)
        return [y.data, *grad((y * y).sum(), tensors)]

    for whole, found in zip(*both(work, monkeypatch), strict=True):
        np.testing.assert_allclose(found, whole, rtol=1e-12, atol=1e-14)


def test_packed_ones_too(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    (x,) = arrays((B, N, 3 * H * 4))

    def work() -> Any:
        packed = Tensor(x, True)
        y = packed_attention(packed, H, causal=True)
        return [y.data, *grad((y * y).sum(), [packed])]

    for whole, found in zip(*both(work, monkeypatch), strict=True):
        np.testing.assert_allclose(found, whole, rtol=1e-12, atol=1e-14)


def test_a_gradient_that_nobody_needs_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "SHARED_FROM", 1)
    q, k, v = arrays((B, H, N, 4), (B, H, S, 4), (B, H, S, 3))
    _, saved = shared.forward(q, k, v, None, False, 0.5)
    g = np.ones((B, H, N, 3))
    found = shared.backward(g, g, saved, [False, True, False], q, k, v, None, False, 0.5)
    assert [x is None for x in found] == [True, False, True]


def test_what_broadcasts_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "SHARED_FROM", 1)
    monkeypatch.setattr(shared, "forward", None)
    q, k, v = arrays((B, H, N, 4), (1, H, S, 4), (1, H, S, 3))
    assert attention(q, k, v).shape == (B, H, N, 3)
