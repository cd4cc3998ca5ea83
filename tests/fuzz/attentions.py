"""Random attentions: masks, orders, dtypes, lengths on both sides of the bound of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from minitorch_attn import Tensor, grad, ops, packed_attention, plain
from minitorch_attn.fast import attention as choice
from minitorch_attn.fast import blockwise

from .judging import check_gradients, close

Rng = np.random.Generator


@contextmanager
def bound(first_long: int, rows: int, columns: int, kept: int) -> Iterator[None]:
    """From how many scores on there are blocks, how large they are, and what they keep."""
    places = [(choice, "BLOCKWISE_FROM"), (blockwise, "QUERIES"), (blockwise, "KEYS")]
    places += [(blockwise, "FEWEST_QUERIES"), (blockwise, "KEPT_SCORES")]
    before = [getattr(module, name) for module, name in places]
    try:
        for (module, name), value in zip(
            places, (first_long, rows, columns, rows, kept), strict=True
        ):
            setattr(module, name, value)
        yield
    finally:
        for (module, name), value in zip(places, before, strict=True):
            setattr(module, name, value)


def by_hand(
    q: Any, k: Any, v: Any, allowed: Any, scale: float, g: Any
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """The output, the gradients and the weights, in float64."""
    lead = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    shapes = [x.shape for x in (q, k, v)]
    q, k, v = (np.broadcast_to(x, (*lead, *x.shape[-2:])).astype(float) for x in (q, k, v))
    scores = np.where(allowed, q @ k.swapaxes(-1, -2) * scale, -np.inf)
    top = scores.max(-1, keepdims=True)
    w = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = w.sum(-1, keepdims=True)
    w = w / np.where(total == 0, 1, total)
    gw = g @ v.swapaxes(-1, -2)
    gs = w * (gw - (gw * w).sum(-1, keepdims=True)) * scale
    gradients = [gs @ k, gs.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ g]
    return w @ v, [summed(x, s) for x, s in zip(gradients, shapes, strict=True)], w


def summed(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What broadcasting stretched, summed back."""
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and x.shape[i] != 1)
    return x.sum(axis=stretched, keepdims=True)


def drawn_mask(rng: Rng, lead: tuple[int, ...], n: int, s: int) -> Any:
    """None, or a mask with all axes, some of them 1; now and then with empty rows."""
    if rng.integers(3) == 0:
        return None
    shape = tuple(m if rng.integers(2) else 1 for m in (*lead, n, s))
    mask = rng.random(shape) < rng.choice([0.2, 0.7, 1.0])
    if rng.integers(2):
        mask[..., rng.integers(mask.shape[-2]), :] = False
    return mask


def trial(rng: Rng) -> None:
    """Value and gradients of every form by hand; second order by differences."""
    lead = tuple(int(m) for m in rng.integers(1, 3, rng.integers(0, 3)))
    long = rng.integers(25) == 0
    n, s = (int(m) for m in (rng.integers(250, 300, 2) if long else rng.integers(1, 12, 2)))
    d, d_v = int(rng.integers(1, 5)), int(rng.integers(0, 4))
    size = float(rng.choice([0.1, 1.0, 1.0, 8.0]))
    dtypes = [np.dtype(rng.choice(["float32", "float64"])) for _ in range(3)]
    leads = [lead[rng.integers(len(lead) + 1) :] for _ in range(3)]
    leads[rng.integers(3)] = lead
    q, k, v = (
        (f * rng.normal(size=(*own, *shape))).astype(dtype)
        for own, shape, dtype, f in zip(
            leads, ((n, d), (s, d), (s, d_v)), dtypes, (size, size, 1), strict=True
        )
    )
    causal, mask = bool(rng.integers(2)), drawn_mask(rng, lead, n, s)
    number = [None, 0.7, np.float64(0.7), np.float32(0.5)][rng.integers(4)]
    scale = d**-0.5 if number is None else float(number)
    order = np.tri(n, s, s - n, bool) if causal else np.ones((n, s), bool)
    allowed = np.broadcast_to(order if mask is None else mask & order, (*lead, n, s))
    together = np.result_type(*dtypes)
    seed = rng.normal(size=(*lead, n, d_v)).astype(together)
    wanted, gradients, weights = by_hand(q, k, v, allowed, scale, seed)
    tolerance = 1e-9 if np.dtype("float32") not in dtypes else 3e-5 * max(1, size**2)
    blocks = (
        1,
        int(rng.integers(1, 6)),
        int(rng.integers(1, 6)),
        int(rng.choice([0, 40, 1 << 25])),
    )
    whole = (1 << 30, 512, 1024, 1 << 25)
    for what in ("chosen", "blocks", "whole", "plain", "weights"):
        with ExitStack() as stack:
            if what in ("blocks", "whole") and not long:
                stack.enter_context(bound(*(blocks if what == "blocks" else whole)))
            if what == "plain":
                stack.enter_context(plain())
            xs = [Tensor(x, requires_grad=True) for x in (q, k, v)]
            y = ops.attention(*xs, mask, causal, number, return_weights=what == "weights")
            if what == "weights":
                y, w = y
                assert w.dtype == together
                close(np.broadcast_to(w.data, weights.shape), weights, tolerance, "the weights")
            assert y.dtype == together, what
            close(y.data, wanted, tolerance, f"the output, {what}")
            for i, g in enumerate(grad(y, xs, seed)):
                assert g.dtype == dtypes[i]
                close(g, gradients[i], 10 * tolerance, f"gradient {i}, {what}")
    if together == np.dtype("float64") and n * s <= 40 and d_v and size <= 1:
        weigh = rng.normal(size=(*lead, n, d_v))
        check_gradients(
            lambda t: (ops.attention(*t, mask, causal, number) * weigh).sum(),
            [x.astype(np.float64) for x in (q, k, v)],
            rng,
        )


def hidden_trial(rng: Rng) -> None:
    """NaN and infinity where nobody may look change nothing, in any form."""
    n, s, heads = int(rng.integers(1, 8)), int(rng.integers(2, 8)), int(rng.integers(1, 3))
    dtype = rng.choice(["float32", "float64"])
    q, k, v = (rng.normal(size=(2, heads, m, 2)).astype(dtype) for m in (n, s, s))
    mask = rng.random((2, 1, n, s)) < 0.6
    unseen = rng.random((2, s)) < 0.4
    mask &= ~unseen[:, None, None]
    bad = float(rng.choice([np.nan, np.inf, -np.inf]))
    seed = rng.normal(size=(2, heads, n, 2)).astype(dtype)
    causal = bool(rng.integers(2))

    def run(fill: float, what: str) -> list[np.ndarray]:
        arrays = [q, k.copy(), v.copy()]
        for x in arrays[1:]:
            x.swapaxes(1, 2)[unseen] = fill
        with ExitStack() as stack:
            if what == "blocks":
                stack.enter_context(bound(1, 2, 3, 0))
            if what == "plain":
                stack.enter_context(plain())
            xs = [Tensor(x, requires_grad=True) for x in arrays]
            y = ops.attention(*xs, mask, causal, return_weights=what == "weights")
            y = y[0] if what == "weights" else y
            return [y.data, *grad(y, xs, seed)]

    for what in ("whole", "blocks", "plain", "weights"):
        for a, b in zip(run(bad, what), run(0.5, what), strict=True):
            close(a, b, 1e-4 if dtype == "float32" else 1e-9, f"hidden {bad}, {what}")
    packed = rng.normal(size=(2, s, 6 * heads)).astype(dtype)
    own = np.broadcast_to(~unseen[:, None, None], (2, 1, s, s)) & np.eye(s, dtype=bool)

    def run_packed(fill: float) -> list[np.ndarray]:
        x = packed.copy()
        x[..., 2 * heads :][unseen] = fill
        t = Tensor(x, requires_grad=True)
        y = packed_attention(t, heads, own, causal)
        return [y.data, *grad(y.sum(), t)]

    for a, b in zip(run_packed(bad), run_packed(0.5), strict=True):
        close(a, b, 1e-4, f"hidden {bad}, packed")
