"""Blocks, and positions."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.tokens import F64, rng, tokens

from minitorch_attn import Tensor, gradcheck
from minitorch_attn.nn import (
    DecoderBlock,
    LearnedPositions,
    SinusoidalPositions,
    TransformerBlock,
    sinusoids,
)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_causality_of_a_block(norm: str) -> None:
    block = TransformerBlock(6, 2, norm=norm, rng=rng(), **F64)
    x = tokens(1, 5, 6)
    before = block(x, causal=True).data
    x[0, 3:] += 1
    after = block(x, causal=True).data
    np.testing.assert_array_equal(before[0, :3], after[0, :3])
    assert not np.allclose(before[0, 3:], after[0, 3:])


def test_a_block_before_and_after_its_norm() -> None:
    x = tokens(2, 4, 6)
    for norm in ("pre", "post"):
        block = TransformerBlock(6, 2, hidden_dim=7, norm=norm, rng=rng(), **F64)
        assert block.hidden.weight.shape == (6, 7)

        def feed(h: Tensor, block: TransformerBlock = block) -> Tensor:
            return block.output(gelu(block.hidden(h)))

        if norm == "pre":
            h = x + block.attention(block.norm1(x))
            wanted = h + feed(block.norm2(h))
        else:
            h = block.norm1(x + block.attention(x))
            wanted = block.norm2(h + feed(h))
        np.testing.assert_allclose(block(x).data, wanted.data)
        y, w = block(x, return_weights=True)
        np.testing.assert_allclose(y.data, wanted.data)
        assert w.shape == (2, 2, 4, 4)
        gradcheck(block, [x[:1, :2]])


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + ((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)).tanh())


def test_a_block_that_asks_a_context() -> None:
    block = DecoderBlock(6, 2, hidden_dim=7, rng=rng(), **F64)
    x, context = tokens(2, 4, 6), tokens(2, 5, 6)
    allowed = np.ones((2, 1, 1, 5), bool)
    allowed[1, ..., 3:] = False
    h = x + block.attention(block.norm(x), causal=True)
    wanted = block.block(h, context, mask=allowed)
    y, weights = block(x, context, mask=allowed, causal=True, return_weights=True)
    np.testing.assert_allclose(y.data, wanted.data)
    assert weights.shape == (2, 2, 4, 5)
    assert (weights.data[1, ..., 3:] == 0).all()
    gradcheck(lambda x, c: block(x, c, causal=True), [x[:1, :2], context[:1, :3]])


def test_whether_those_that_ask_see_each_other() -> None:
    x, context = tokens(1, 4, 6), tokens(1, 5, 6)
    for sees in (True, False):
        block = DecoderBlock(6, 2, self_attention=sees, rng=rng(), **F64)
        changed = x.copy()
        changed[0, 2, 0] += 1
        for causal in (False, True):
            moved = block(changed, context, causal=causal).data != block(x, context, causal=causal)
            rows = moved.any(axis=-1)[0]
            assert rows.tolist() == [sees and not causal] * 2 + [True, sees]


def test_sines_and_cosines_of_a_place() -> None:
    table = sinusoids(50, 8)
    assert table.shape == (50, 8)
    np.testing.assert_allclose(table[0], [0, 1] * 4)
    np.testing.assert_allclose(table[7, 2:4], [np.sin(7 / 10), np.cos(7 / 10)])
    # The angle between two places depends on their distance alone.
    np.testing.assert_allclose(table[3] @ table[8], table[13] @ table[18])


def test_sinusoidal_positions_are_added() -> None:
    x = tokens(2, 5, 8)
    np.testing.assert_allclose(SinusoidalPositions(8)(Tensor(x)).data, x + sinusoids(50, 8)[:5])
    assert SinusoidalPositions(8)(Tensor(x.astype(np.float32))).dtype == np.float32


def test_learned_positions_are_added_and_learn() -> None:
    x = tokens(2, 5, 8)
    learned = LearnedPositions(6, 8, **F64)
    y = learned(Tensor(x))
    np.testing.assert_allclose(y.data, x + learned.weight.data[:5])
    y.sum().backward()
    np.testing.assert_array_equal(learned.weight.grad[:, 0], [2, 2, 2, 2, 2, 0])


def test_the_first_places_are_half_as_large_as_a_normal_number() -> None:
    """With the usual 0.02 a small model would learn for long where things are."""
    weight = LearnedPositions(100, 100, rng=rng()).weight.data
    assert weight.std() == pytest.approx(0.5, rel=0.05)
    assert weight.mean() == pytest.approx(0, abs=0.05)
