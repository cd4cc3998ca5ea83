"""Attention by blocks of queries, as a GPU computes it, equals the whole; it holds fewer scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import strict_arrays
from helpers.libraries import STRICT
from optable import ROWS
from optable.opchecks import check_library

from minitorch_attn import Tensor, ops
from minitorch_attn.arrays import to_numpy
from minitorch_attn.devices import move
from minitorch_attn.fast import by_queries, whole
from minitorch_attn.fast.heads import packed_attention

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def everything_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_queries, "FROM", 1)
    monkeypatch.setattr(by_queries, "BLOCK", 40)


NAMES = [n for n, row in ROWS.items() if "attention" in row.name and row.any_library]


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_the_table_by_blocks(name: str) -> None:
    check_library(ROWS[name], STRICT)


SHAPES = [((2, 2, 7, 3), (2, 2, 9, 3)), ((2, 9, 3), (2, 4, 3)), ((5, 3), (2, 6, 3))]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True, "keys"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_it_is_the_whole(shapes: Any, masked: Any, causal: bool) -> None:
    """More queries than keys too, of which the first see none under the causal rule."""
    (query, key), value = (RNG.normal(size=shape) for shape in shapes), RNG.normal(size=shapes[1])
    n, s = query.shape[-2], key.shape[-2]
    mask = RNG.random((n, s) if masked is True else (1, s)) < 0.7 if masked else None
    y, saved = by_queries.forward(query, key, value, mask, causal, 0.5)
    wanted, weights = whole.forward(query, key, value, mask, causal, 0.5)
    np.testing.assert_allclose(y, wanted, atol=1e-12)
    assert saved is None
    g = RNG.normal(size=y.shape)
    rest = ([True] * 3, query, key, value, mask, causal, 0.5)
    for ours, theirs in zip(
        by_queries.backward(g, y, None, *rest), whole.backward(g, y, weights, *rest), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    found = by_queries.backward(g, y, None, [False, True, False], *rest[1:])
    assert found[0] is found[2] is None


def test_packed_heads_are_written_where_they_belong() -> None:
    packed = RNG.normal(size=(2, 7, 12))
    results = []
    for device in ("cpu", STRICT):
        x = Tensor(move(packed, device), requires_grad=True)
        y = packed_attention(x, 2, causal=True)
        (y * y).sum().backward()
        results.append((y.numpy(), to_numpy(x.grad)))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_no_more_scores_are_held_than_a_block_has(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = []
    weights_of = whole.weights_of

    def watched(*args: Any) -> Any:
        weights = weights_of(*args)
        largest.append(weights.size)
        return weights

    monkeypatch.setattr(whole, "weights_of", watched)
    query, key, value = (
        Tensor(strict_arrays.asarray(RNG.normal(size=(2, 30, 3))), requires_grad=True)
        for _ in range(3)
    )
    ops.attention(query, key, value).sum().backward()
    assert max(largest) <= 2 * 30
    assert len(largest) == 2 * 30, "a query at a time, forward and backward"
