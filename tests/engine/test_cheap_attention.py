"""Window and linear attention: equal to their slow forms at any length, and really cheaper."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from helpers.tokens import rng

from minitorch_attn import Tensor, attention, grad, linear_attention, window_attention
from minitorch_attn.ops import linear_attention as public
from minitorch_attn.ops.attention import attention_reference
from minitorch_attn.ops.linear_attention import CHUNK, positive_features


def draw(n: int, lead: tuple[int, ...] = (2,), dtype: type = np.float64) -> list[np.ndarray]:
    return [rng(n + i).normal(size=(*lead, n, w)).astype(dtype) for i, w in enumerate((4, 4, 3))]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("width", [0, 1, 2, 5, 30, 31, 32, 100])
@pytest.mark.parametrize("n", [1, 2, 7, 31, 32])
def test_a_window_is_a_mask(n: int, width: int, causal: bool) -> None:
    q, k, v = draw(n)
    back = np.arange(n)[:, None] - np.arange(n)
    near = (abs(back) <= width) & ((back >= 0) | (not causal))
    y = window_attention(q, k, v, width, causal)
    np.testing.assert_allclose(y, attention(q, k, v, near[None]), atol=1e-12)


@pytest.mark.parametrize("n", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3])
def test_linear_attention_in_chunks_is_every_pair(n: int) -> None:
    q, k, v = draw(n)
    pairs = np.tril(positive_features(q) @ positive_features(k).swapaxes(-1, -2))
    wanted = pairs / pairs.sum(-1, keepdims=True) @ v
    np.testing.assert_allclose(linear_attention(q, k, v, causal=True), wanted, atol=1e-12)


def test_the_gradient_goes_through_chunks() -> None:
    n = CHUNK + 5
    given = [Tensor(x, requires_grad=True) for x in draw(n)]
    seed = rng(1).normal(size=(2, n, 3))
    fast = grad(linear_attention(*given, causal=True), given, seed)
    q, k, v = given
    pairs = positive_features(q) @ positive_features(k).swapaxes(-1, -2) * np.tri(n)
    slow = grad((pairs / pairs.sum(axis=-1, keepdims=True)) @ v, given, seed)
    for a, b in zip(fast, slow, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-11)


def test_what_lies_outside_a_window_moves_no_bit() -> None:
    q, k, v = draw(20)
    before = window_attention(q, k, v, 3)
    far = abs(np.arange(20) - 9) > 3
    k[:, 9], v[:, 9] = k[:, 9] + 1, v[:, 9] + 1
    after = window_attention(q, k, v, 3)
    np.testing.assert_array_equal(after[:, far], before[:, far])
    assert (after[:, ~far] != before[:, ~far]).all()
    k[:, 9], v[:, 9] = np.nan, np.nan
    after = window_attention(q, k, v, 3)
    np.testing.assert_allclose(after[:, far], before[:, far])
    assert np.isnan(after[:, ~far]).all()


def test_a_later_nan_does_not_reach_back() -> None:
    q, k, v = draw(20)
    before = linear_attention(q, k, v, causal=True)
    k[:, 9], v[:, 9] = np.nan, np.nan
    after = linear_attention(q, k, v, causal=True)
    np.testing.assert_allclose(after[:, :9], before[:, :9])
    assert np.isnan(after[:, 9:]).all()


def test_features_are_positive_and_smooth_at_0() -> None:
    x = Tensor(np.array([-3.0, 0.0, 2.0]), requires_grad=True)
    y = positive_features(x)
    np.testing.assert_allclose(y.data, [np.exp(-3), 1, 3])
    np.testing.assert_allclose(grad(y, x, np.ones(3))[0], [np.exp(-3), 1, 1])


def peak(call: Callable) -> int:
    tracemalloc.start()
    call()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", ["window", "linear"])
def test_twice_the_tokens_take_twice_the_memory(name: str, causal: bool) -> None:
    def of(n: int) -> int:
        q, k, v = draw(n, (), np.float32)
        if name == "window":
            return peak(lambda: window_attention(q, k, v, 8, causal))
        return peak(lambda: linear_attention(q, k, v, causal))

    assert of(4096) < 2.3 * of(2048)
    q, k, v = draw(2048, (), np.float32)
    assert of(2048) < peak(lambda: attention_reference(q, k, v)) / 4


def test_what_they_refuse() -> None:
    q, k, v = draw(5)
    with pytest.raises(ValueError, match="width is a number from 0 on"):
        window_attention(q, k, v, -1)
    with pytest.raises(ValueError, match="of the same tokens; given 4 and 5"):
        window_attention(q[:, :4], k, v, 2)
    with pytest.raises(ValueError, match=r"linear_attention, causal: .* given 4 and 5"):
        linear_attention(q[:, :4], k, v, causal=True)
    assert linear_attention(q[:, :4], k, v).shape == (2, 4, 3)
    for call in (linear_attention, lambda q, k, v: window_attention(q, k, v, 2)):
        with pytest.raises(ValueError, match="same width d"):
            call(q[..., :3], k, v)
        with pytest.raises(ValueError, match="one value for each key"):
            call(q, k, v[:, :4])
    assert public is linear_attention
