"""Attention for long sequences: block by block, without ever holding all the scores.

The scores of N queries and S keys are N·S numbers, and so are their weights and both gradients.
Here a block of queries at a time meets a block of keys, in memory that fits a processor's cache. Of
the weights only one number a query is kept, the logarithm of the sum of its exponentials; the
backward pass computes them again from it, but for as many heads as fit a fixed amount of memory.

Source: Rabe and Staats, "Self-attention Does Not Need O(n²) Memory", 2021; Dao et al.,
"FlashAttention", NeurIPS 2022.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from ..arrays import ones
from ..tensor import mode
from ..threads import parallel_map, sharing, threads
from .rows import row_products
from .whole import SAFE_SCORE

# A block's scores: so many queries times so many keys, or of fewer queries the more keys, and of as
# many heads as keep it small.
QUERIES, KEYS = 512, 1024
BLOCK_SCORES = QUERIES * KEYS
# Of causal scores half of each block on the diagonal is wasted: there blocks have fewer queries,
# but not so few that calls cost more than what they compute.
FEWEST_QUERIES = 64
# Of so many scores in all, head by head, exponentials are kept for the backward pass: 128 MiB of
# float32. With 0 all memory grows with the number of tokens, and a step takes a sixth longer.
KEPT_SCORES = 1 << 25

# What the backward pass needs: the log of each query's sum of exponentials (heads, N, 1), the heads
# in groups, and for each group nothing, or the exponentials of each block of queries with the keys
# that it may see (heads, queries, keys): weights not yet divided.
Saved: TypeAlias = tuple[np.ndarray, list[slice], list[list[np.ndarray]]]


def blocks(n: int, s: int, causal: bool) -> Iterator[tuple[slice, list[slice]]]:
    """Blocks of queries, and for each the blocks of keys that some query of it may see."""
    queries, keys = _sizes(n, causal)
    for rows in _cuts(n, queries):
        yield rows, _cuts(max(0, rows.stop + s - n) if causal else s, keys)


def _sizes(n: int, causal: bool) -> tuple[int, int]:
    """How many queries and how many keys a block has at most."""
    queries = min(n, max(FEWEST_QUERIES, min(n // 8, QUERIES // 2)) if causal else QUERIES)
    return queries, QUERIES * KEYS // queries


def _heads(count: int, n: int, s: int, causal: bool, fit: int) -> list[slice]:
    """The heads in groups, one a part of the work: of short ones many are served by one call.

    Of the first heads, as many as `fit`, weights may be kept; no group has both kinds.
    """
    queries, keys = _sizes(n, causal)
    size = max(1, min(BLOCK_SCORES // (queries * min(s, keys)), count // threads()))
    first = min(count, fit)
    return [*_cuts(first, size), *_cuts(count, size, start=first)]


def _kept_heads(n: int, s: int, causal: bool) -> int:
    """Of how many heads KEPT_SCORES holds the exponentials: of causal ones about twice as many."""
    met = blocks(n, s, causal)
    scores = sum((rows.stop - rows.start) * columns[-1].stop for rows, columns in met if columns)
    return KEPT_SCORES // max(1, scores)


def _cuts(stop: int, size: int, start: int = 0) -> list[slice]:
    return [slice(i, min(stop, i + size)) for i in range(start, stop, size)]


def forward(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    mask: Any,
    causal: bool,
    scale: float,
    out: Any = None,
) -> tuple[np.ndarray, Saved]:
    """The output (..., N, d_v), in `out` where given, and what the backward pass needs."""
    lead, (q, k, v) = _flatten(query, key, value)
    n, s = q.shape[1], k.shape[1]
    allowed = _Allowed(mask, causal, lead, n, s)
    output = np.empty((len(q), n, v.shape[2]), query.dtype)
    log_sums = np.empty((len(q), n, 1), query.dtype)
    fit = _kept_heads(n, s, causal) if mode.recording else 0
    parts = _heads(len(q), n, s, causal, fit)
    kept: list[list[np.ndarray]] = [[] for _ in parts]

    def work(i: int) -> None:
        part = parts[i]
        queries, keys_t, values = q[part] * scale, k[part].swapaxes(1, 2), v[part]
        bound = _longest(queries) * _longest(k[part])
        small = bound < SAFE_SCORE
        # The backward pass divides by sums of these: half the bound, lest a gradient vanishes.
        keeps = bound < SAFE_SCORE / 2 and part.stop <= fit
        for rows, columns in blocks(n, s, causal):
            y = output[part, rows]
            y[...] = 0
            total = np.zeros((*y.shape[:2], 1), y.dtype)
            top = np.full(total.shape, 0 if small else np.finfo(y.dtype).min, y.dtype)
            if keeps:
                met = columns[-1].stop if columns else 0
                kept[i].append(np.empty((*y.shape[:2], met), y.dtype))
            for keys in columns:
                target = kept[i][-1][:, :, keys] if keeps else None
                e = np.matmul(queries[:, rows], keys_t[:, :, keys], out=target)
                allowed.forbid(e, part, rows, keys)
                if not small:
                    # What was summed so far is relative to the largest score so far.
                    before, top = top, np.maximum(top, e.max(axis=-1, keepdims=True))
                    e -= top
                    shrink = np.exp(before - top)
                    total *= shrink
                    y *= shrink
                np.exp(e, out=e)
                total[..., 0] += e @ ones(e.shape[-1], e.dtype, np)
                y += e @ values[:, keys]
            total[total == 0] = 1
            y /= total
            log_sums[part, rows] = top + np.log(total)

    with sharing():
        parallel_map(work, range(len(parts)))
    y = output.reshape(*lead, n, v.shape[2])
    if out is not None:
        out[...] = y
    return y if out is None else out, (log_sums, parts, kept)


def backward(
    g: np.ndarray,
    y: np.ndarray,
    saved: Saved,
    needed: list[bool],
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    mask: Any,
    causal: bool,
    scale: float,
    out: tuple[Any, ...] = (None, None, None),
) -> tuple[np.ndarray | None, ...]:
    """The needed gradients for query, key and value; in the arrays of `out`, where given."""
    lead, (q, k, v) = _flatten(query, key, value)
    n, s = q.shape[1], k.shape[1]
    allowed = _Allowed(mask, causal, lead, n, s)
    log_sums, parts, kept = saved
    g, y = (x.reshape(len(q), n, v.shape[2]) for x in (g, y))
    found = [
        np.empty((*lead, *x.shape[1:]), x.dtype) if need else None
        for x, need in zip((q, k, v), needed, strict=True)
    ]
    g_query, g_key, g_value = (
        None if gx is None else gx.reshape(x.shape) for gx, x in zip(found, (q, k, v), strict=True)
    )

    def work(i: int) -> None:
        part = parts[i]
        queries, divided_g, inner = q[part] * scale, g[part], row_products(g[part], y[part])
        if kept[i]:  # divide rows of what they are multiplied by: that is less
            sums = np.exp(log_sums[part])
            divided_g, inner = divided_g / sums, inner / sums
        for gx in (g_query, g_key, g_value):
            if gx is not None:
                gx[part] = 0
        # What is to be taken from each row of a product rides along in it, against a column of 1.
        if not kept[i]:
            q1, k1 = _beside(queries, -log_sums[part]), _beside(k[part], 1).swapaxes(1, 2)
        g1, v1 = _beside(divided_g, -inner), _beside(v[part], 1).swapaxes(1, 2)
        for block, (rows, columns) in enumerate(blocks(n, s, causal)):
            for keys in columns:
                if kept[i]:
                    weights = kept[i][block][:, :, keys]
                else:
                    weights = q1[:, rows] @ k1[:, :, keys]
                    allowed.forbid(weights, part, rows, keys)
                    np.exp(weights, out=weights)
                if g_value is not None:
                    g_value[part, keys] += weights.swapaxes(1, 2) @ divided_g[:, rows]
                if g_query is None and g_key is None:
                    continue
                g_scores = g1[:, rows] @ v1[:, :, keys]
                g_scores *= weights
                if g_query is not None:
                    g_query[part, rows] += g_scores @ k[part, keys]
                if g_key is not None:
                    g_key[part, keys] += g_scores.swapaxes(1, 2) @ queries[:, rows]
        if g_query is not None:
            g_query[part] *= scale

    with sharing():
        parallel_map(work, range(len(parts)))
    for place, gx in zip(out, found, strict=True):
        if place is not None and gx is not None:
            place[...] = gx
    return tuple(found)


class _Allowed:
    """Which query may attend to which key, block by block."""

    def __init__(self, mask: Any, causal: bool, lead: tuple[int, ...], n: int, s: int) -> None:
        self.mask = None if mask is None else np.broadcast_to(mask, (*lead, n, s))
        self.causal, self.lead, self.ahead = causal, lead, s - n

    def forbid(self, scores: np.ndarray, part: slice, rows: slice, keys: slice) -> None:
        """Set scores of these problems to minus infinity where a query may not attend."""
        if self.mask is not None:
            for i, own in enumerate(scores, start=part.start):
                place: tuple[Any, ...] = np.unravel_index(i, self.lead) if self.lead else ()
                np.copyto(own, -math.inf, where=~self.mask[(*place, rows, keys)])
        # Query r sees the keys up to r + ahead: those before `first` are seen by all of the block.
        first = max(keys.start, rows.start + self.ahead + 1)
        if self.causal and first < keys.stop:
            corner = scores[..., first - keys.start :]
            later = _later(*corner.shape[1:], rows.start + self.ahead - first)
            np.copyto(corner, -math.inf, where=later)


@lru_cache(maxsize=16)  # half a megabyte each at most; texts of many lengths have many
def _later(rows: int, columns: int, ahead: int) -> np.ndarray:
    """True where column c is later than r + ahead."""
    return np.arange(columns)[None, :] > np.arange(rows)[:, None] + ahead


def _longest(rows: np.ndarray) -> float:
    """The length of the longest row: no product of two rows exceeds that of their lengths."""
    return math.sqrt(row_products(rows, rows).max(initial=0))


def _beside(matrices: np.ndarray, column: Any) -> np.ndarray:
    """The matrices with one more column."""
    wide = np.empty((*matrices.shape[:2], matrices.shape[2] + 1), matrices.dtype)
    wide[..., :-1], wide[..., -1:] = matrices, column
    return wide


def _flatten(query: Any, key: Any, value: Any) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """Broadcast the leading axes and lay them out as one."""
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    whole = [np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (query, key, value)]
    return lead, [x.reshape(math.prod(lead), *x.shape[-2:]) for x in whole]
