"""Attention by blocks equals attention in one piece, at sizes small enough to check."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from optable import ROWS
from optable.opchecks import CHECKS

from minitorch_attn import Tensor, attention, grad, gradcheck
from minitorch_attn.fast import attention as choice
from minitorch_attn.fast import blockwise
from minitorch_attn.ops.attention import attention_reference

ATTENTION = [id_ for id_, row in ROWS.items() if row.name == "attention"]


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use blocks from one score on, of as few queries as it goes."""
    monkeypatch.setattr(choice, "BLOCKWISE_FROM", 1)
    monkeypatch.setattr(blockwise, "QUERIES", 3)
    monkeypatch.setattr(blockwise, "KEYS", 4)
    monkeypatch.setattr(blockwise, "FEWEST_QUERIES", 3)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("name", ATTENTION)
def test_every_row_of_the_table(name: str) -> None:
    for check in CHECKS:
        check(ROWS[name])


MASKS: dict[str, Any] = {
    "none": None,
    "some": np.random.default_rng(0).random((2, 1, 40, 35)) < 0.3,
    "padding": np.arange(35) < np.array([20, 35])[:, None, None, None],
    "with empty rows": (np.arange(40)[:, None] % 3 > 0) & np.ones(35, bool),
}


KEPT = {"computed again": 0, "kept of some heads": 3 * 40 * 35, "kept": blockwise.KEPT_SCORES}


@pytest.fixture(params=KEPT)
def weights_are(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the backward pass."""
    monkeypatch.setattr(blockwise, "KEPT_SCORES", KEPT[request.param])


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("size", [1, 1000, -1000])
def test_a_forbidden_score_however_large_has_no_say(size: int) -> None:
    """The largest score is looked for among the allowed ones: e^(-1000) would be 0."""
    key = np.array([[1.0], [2.0], [1000.0]]) * size
    value = np.array([[1.0], [3.0], [9.0]])
    y = attention(Tensor(np.ones((1, 1))), key, value, mask=np.array([[True, True, False]]))
    w = math.exp(-max(size, 0)), math.exp(min(size, 0))
    np.testing.assert_allclose(y.data, [[(w[0] * 1 + w[1] * 3) / (w[0] + w[1])]])


@pytest.mark.usefixtures("always", "weights_are")
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize(("n", "size"), [(40, 1), (17, 1), (35, 1), (40, 20)])
def test_many_blocks_equal_one_piece(name: str, causal: bool, n: int, size: int) -> None:
    """Size 20: scores of some thousands, of which the largest is found block by block."""
    found = list(blockwise.blocks(n, 35, causal))
    assert len(found) > 1
    assert max(len(columns) for _, columns in found) > 1
    mask = MASKS[name]
    if mask is not None and mask.shape[-2] == 40:
        mask = mask[..., :n, :]
    rng = np.random.default_rng(1)
    shapes = ((2, 3, n, 4), (2, 1, 35, 4), (3, 35, 5))
    xs = [Tensor(size * rng.normal(size=s), requires_grad=True) for s in shapes]
    order = np.tri(n, 35, 35 - n, bool) if causal else np.ones((n, 35), bool)
    allowed = order if mask is None else order & mask
    y = attention(*xs, mask=mask, causal=causal)
    plain, weights = attention_reference(*xs, allowed, 0.5)
    np.testing.assert_allclose(y.data, plain.data, rtol=1e-10, atol=1e-13)
    empty = ~np.broadcast_to(allowed, weights.shape).any(-1)
    assert (y.data[empty] == 0).all()
    seed = rng.normal(size=y.shape)
    for a, b in zip(grad(y, xs, seed), grad(plain, xs, seed), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12 * size**2)


@pytest.mark.usefixtures("always", "weights_are")
def test_a_tiny_gradient_of_large_scores_does_not_vanish() -> None:
    """Their sums of exponentials are near the largest number of 32 bits."""
    rng = np.random.default_rng(0)
    x = np.sqrt(56 + rng.random((9, 1)))
    value, g = rng.normal(size=(9, 3)), 1e-20 * rng.normal(size=(9, 3))

    def gradients(dtype: Any) -> tuple[np.ndarray, ...]:
        xs = [Tensor(a.astype(dtype), requires_grad=True) for a in (x, x, value)]
        return grad(attention(*xs, scale=1.0), xs, g.astype(dtype))

    for found, wanted in zip(gradients(np.float32), gradients(np.float64), strict=True):
        np.testing.assert_allclose(found / 1e-20, wanted / 1e-20, rtol=1e-3, atol=1e-3)


@pytest.mark.usefixtures("always")
def test_blocks_against_finite_differences() -> None:
    rng = np.random.default_rng(2)
    arrays = [rng.normal(size=s) for s in ((18, 2), (19, 2), (19, 1))]
    gradcheck(lambda q, k, v: attention(q, k, v, causal=True), arrays)


@pytest.mark.parametrize("kept", [0, 2])
def test_long_attention_holds_the_weights_of_no_more_heads_than_fit(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, heads = 2048, 6
    met = n * n * 9 // 16  # scores of a head: half of them, and half of the blocks on the diagonal
    monkeypatch.setattr(blockwise, "KEPT_SCORES", kept * met + 1)
    x = np.random.default_rng(0).normal(size=(heads, n, 8)).astype(np.float32)
    tracemalloc.start()
    q = Tensor(x, requires_grad=True)
    y = attention(q, x, x, causal=True)
    grad(y, q, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert y.dtype == np.float32
    least, whole = kept * 4 * met, 4 * n * n
    assert least < peak < least + 0.9 * whole, f"{peak / whole:.2f} heads of {heads}"
