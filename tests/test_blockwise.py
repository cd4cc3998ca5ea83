"""Attention block by block equals attention whole, and its memory grows with the length alone."""

import tracemalloc

import numpy as np
import pytest

from minitorch_attn import Tensor, attention, grad
from minitorch_attn.ops import blockwise

SHAPES = {
    "self": ((2, 3, 37, 6), (2, 3, 53, 6), (2, 3, 53, 5)),
    "more queries than keys": ((2, 3, 53, 6), (2, 3, 37, 6), (2, 3, 37, 5)),
    "broadcast": ((2, 3, 37, 6), (1, 3, 53, 6), (2, 1, 53, 5)),
    "no leading axes": ((37, 6), (53, 6), (53, 5)),
}


def masks(lead, n, s):
    full = np.random.default_rng(3).random((*lead, n, s)) < 0.3
    full[..., 3, :] = False  # a query with nothing to attend to
    return {
        "none": None,
        "full": full,
        "one for all": full[(0,) * len(lead)],
        "padding": full[..., :1, :],
        "keys alone": full[(0,) * len(lead)][0],
    }


def values_and_gradients(shapes, **options):
    rng = np.random.default_rng(5)
    tensors = [Tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes]
    y = attention(*tensors, **options)
    return [y.data, *grad(y, tensors, np.random.default_rng(7).normal(size=y.shape))]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kind", ["none", "full", "one for all", "padding", "keys alone"])
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_equals_whole(monkeypatch, shapes, kind, causal):
    lead = np.broadcast_shapes(*(shape[:-2] for shape in shapes))
    mask = masks(lead, shapes[0][-2], shapes[1][-2])[kind]
    monkeypatch.setattr(blockwise, "BLOCKWISE_FROM", 1 << 60)
    whole = values_and_gradients(shapes, mask=mask, causal=causal)
    monkeypatch.setattr(blockwise, "BLOCKWISE_FROM", 0)
    monkeypatch.setattr(blockwise, "BLOCK_SCORES", 16 * 53)  # several blocks, the last one short
    in_blocks = values_and_gradients(shapes, mask=mask, causal=causal)
    for a, b in zip(whole, in_blocks, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_float32_stays_float32(monkeypatch):
    monkeypatch.setattr(blockwise, "BLOCKWISE_FROM", 0)
    q = Tensor(np.random.default_rng(0).normal(size=(2, 9, 4)).astype("f"), requires_grad=True)
    y = attention(q, q, q, causal=True)
    assert y.dtype == np.float32
    assert grad(y.sum(), q)[0].dtype == np.float32


def peak_bytes(n):
    rng = np.random.default_rng(0)
    tensors = [Tensor(rng.normal(size=(n, 8)).astype("f"), requires_grad=True) for _ in range(3)]
    tracemalloc.start()
    attention(*tensors, causal=True).sum().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_square(monkeypatch):
    monkeypatch.setattr(blockwise, "BLOCK_SCORES", 1 << 15)
    short, long = peak_bytes(1024), peak_bytes(4096)
    assert long < 4096 * 4096, "a quarter of what the scores alone would need"
    assert long < 4.5 * short
