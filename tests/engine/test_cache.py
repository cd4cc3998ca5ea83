"""Reading on from a key-value cache is the same as reading all anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.tokens import F64, rng, tokens

from minitorch_attn import GradientError, Tensor, no_grad
from minitorch_attn.models import UniformAttention
from minitorch_attn.nn import (
    KeyValueCache,
    LearnedPositions,
    MultiHeadAttention,
    SinusoidalPositions,
    TransformerBlock,
)


def layers() -> list[Any]:
    pre, post = (TransformerBlock(6, 2, 7, norm=n, rng=rng(), **F64) for n in ("pre", "post"))
    wide = MultiHeadAttention(6, 3, head_dim=4, rng=rng(), **F64)
    return [wide, MultiHeadAttention(6, 1, rng=rng(), **F64), pre, post]


@pytest.mark.parametrize("cuts", [[5], [1, 1, 1, 1, 1], [2, 3], [3, 1, 1], [1, 4]])
@pytest.mark.parametrize("i", range(4))
def test_reading_in_parts_is_reading_at_once(i: int, cuts: list[int]) -> None:
    layer, x, cache = layers()[i].eval(), tokens(2, 5, 6), KeyValueCache()
    with no_grad():
        whole, weights = layer(x, causal=True, return_weights=True)
        place = 0
        for n in cuts:
            part = x[:, place : place + n]
            looked = layer(part, causal=True, return_weights=True, cache=cache.fork())
            y = layer(part, causal=True, cache=cache)
            here = slice(place, place + n)
            place += n
            assert len(cache) == place
            np.testing.assert_allclose(y.data, whole.data[:, here])
            np.testing.assert_allclose(looked[0].data, whole.data[:, here])
            np.testing.assert_allclose(looked[1].data, weights.data[:, :, here, :place])


def test_a_mask_over_all_tokens_so_far() -> None:
    layer, x, cache = layers()[0], tokens(2, 5, 6), KeyValueCache()
    allowed = rng(3).random((2, 1, 1, 5)) < 0.6
    with no_grad():
        whole = layer(x, mask=allowed, causal=True).data
        layer(x[:, :3], mask=allowed[..., :3], causal=True, cache=cache)
        y = layer(x[:, 3:], mask=allowed, causal=True, cache=cache).data
    np.testing.assert_allclose(y, whole[:, 3:])


def test_dropout_drops_with_a_cache_too() -> None:
    layer = MultiHeadAttention(6, 2, dropout=0.5, rng=rng(), **F64)
    x = tokens(1, 5, 6)
    with no_grad():
        ones = [layer(x, causal=True, cache=KeyValueCache()).data for _ in range(2)]
        layer.eval()
        twice = [layer(x, causal=True, cache=KeyValueCache()).data for _ in range(2)]
    assert not np.allclose(*ones)
    np.testing.assert_array_equal(*twice)


def test_it_counts_tokens_and_bytes() -> None:
    cache = KeyValueCache()
    assert (len(cache), cache.nbytes) == (0, 0)
    key, value = np.ones((2, 3, 4, 5), np.float32), np.ones((2, 3, 4, 7), np.float32)
    keys, values = cache.append(key, Tensor(value))
    assert keys.shape == key.shape
    assert values.shape == value.shape
    assert type(values) is np.ndarray
    keys, values = cache.append(key[:, :, :1], value[:, :, :1])
    assert (keys.shape, values.shape) == ((2, 3, 5, 5), (2, 3, 5, 7))
    assert (len(cache), cache.nbytes) == (5, 2 * 3 * 5 * (5 + 7) * 4)
    assert keys.dtype == np.float32


def test_a_fork_is_another_ending() -> None:
    layer, x, cache = layers()[2], tokens(1, 5, 6), KeyValueCache()
    others = tokens(1, 5, 6)[:, ::-1].copy()
    others[:, :3] = x[:, :3]
    with no_grad():
        layer(x[:, :3], causal=True, cache=cache)
        other, found = cache.fork(), []
        for i in (3, 4):  # in turns
            for text, kept in ((x, cache), (others, other)):
                found.append(layer(text[:, i : i + 1], causal=True, cache=kept).data)
        wanted = [layer(text, causal=True).data for text in (x, others)]
    assert len(cache) == len(other) == 5
    for j, y in enumerate(found):
        np.testing.assert_allclose(y[:, 0], wanted[j % 2][:, 3 + j // 2])


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ((1, 3, 1, 5), (1, 3, 1, 7), "keys .* 1 texts, not 2"),
        ((2, 1, 1, 5), (2, 1, 1, 7), "1 heads, not 3"),
        ((2, 3, 1, 6), (2, 3, 1, 7), "keys .* 6 numbers in each, not 5"),
        ((2, 3, 1, 5), (2, 3, 1, 6), "values .* 6 numbers in each, not 7"),
        ((2, 3, 2, 5), (2, 3, 1, 7), "of the same tokens"),
        ((3, 1, 5), (3, 1, 7), r"\(B, H, n, d\)"),
        ((2, 3, 1, 5), (2, 3, 1), "of the same tokens"),
    ],
)
def test_it_refuses_what_does_not_go_on(key: tuple, value: tuple, words: str) -> None:
    cache = KeyValueCache()
    cache.append(np.ones((2, 3, 4, 5)), np.ones((2, 3, 4, 7)))
    with pytest.raises(ValueError, match=words):
        cache.append(np.ones(key), np.ones(value))
    assert len(cache) == 4


@pytest.mark.parametrize("which", [0, 1])
def test_it_refuses_another_dtype(which: int) -> None:
    cache = KeyValueCache()
    cache.append(np.ones((2, 3, 4, 5)), np.ones((2, 3, 4, 7)))
    new = [np.ones((2, 3, 1, 5)), np.ones((2, 3, 1, 7))]
    new[which] = new[which].astype(np.float32)
    with pytest.raises(TypeError, match="are float32, and those kept float64"):
        cache.append(*new)
    assert len(cache) == 4


def test_it_is_for_reading_and_not_for_training() -> None:
    layer, x = layers()[0], tokens(1, 2, 6)
    with pytest.raises(GradientError, match="no_grad"):
        layer(x, causal=True, cache=KeyValueCache())
    with no_grad(), pytest.raises(ValueError, match="takes causal=True"):
        layer(x, cache=KeyValueCache())
    with no_grad(), pytest.raises(ValueError, match="give no other"):
        layer(x, x, causal=True, cache=KeyValueCache())
    with no_grad(), pytest.raises(ValueError, match="three axes"):
        layer(x[..., :5], causal=True, cache=KeyValueCache())
    with no_grad(), pytest.raises(TypeError, match="takes no cache"):
        UniformAttention(6)(x, causal=True, cache=KeyValueCache())


def test_a_block_is_unchanged_by_reading_with_a_cache() -> None:
    block = layers()[2]
    before = dict(vars(block))
    with no_grad():
        block(tokens(1, 2, 6), causal=True, cache=KeyValueCache())
    assert vars(block) == before


@pytest.mark.parametrize(
    "make", [lambda: SinusoidalPositions(6), lambda: LearnedPositions(9, 6, **F64)]
)
def test_positions_go_on_from_a_place(make: Any) -> None:
    positions, x = make(), tokens(2, 5, 6)
    whole = positions(Tensor(x)).data
    parts = [positions(Tensor(x[:, :2])).data, positions(Tensor(x[:, 2:]), start=2).data]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    with pytest.raises(ValueError, match="start"):
        positions(Tensor(x), start=-1)


def test_learned_places_end() -> None:
    positions, x = LearnedPositions(9, 6, **F64), Tensor(tokens(2, 5, 6))
    assert positions(x, start=4).shape == (2, 5, 6)
    with pytest.raises(ValueError, match="10 tokens, but only 9 places"):
        positions(x, start=5)
