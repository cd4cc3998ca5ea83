"""Attention for long sequences: block by block, without ever holding all the scores.

The scores of N queries and S keys are N·S numbers, and so are their weights and both gradients.
Here a block of queries at a time meets the keys, in memory that fits a processor's cache. Of the
weights only one number a query is kept, the logarithm of the sum of its exponentials; the backward
pass computes them again from it.

Source: Rabe and Staats, "Self-attention Does Not Need O(n²) Memory", 2021; Dao et al.,
"FlashAttention", NeurIPS 2022.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

# From so many scores a head on, blocks are faster than the whole; below, so is the whole.
BLOCKWISE_FROM = 1 << 18
# The scores of one block, in numbers: a megabyte of float32, about half a core's second cache.
BLOCK_SCORES = 1 << 18


def is_long(query: Any, key: Any) -> bool:
    """Tell whether NumPy arrays of these shapes are better served block by block."""
    return isinstance(query, np.ndarray) and query.shape[-2] * key.shape[-2] >= BLOCKWISE_FROM


def blocks(n: int, s: int, causal: bool) -> Iterator[tuple[slice, int]]:
    """Blocks of queries, and for each how many keys its last query may see."""
    rows = max(16, min(n, BLOCK_SCORES // s))
    for start in range(0, n, rows):
        stop = min(n, start + rows)
        seen = max(0, stop + s - n) if causal else s
        yield slice(start, stop), seen


def _scores(
    query: np.ndarray, key: np.ndarray, mask: Any, rows: slice, causal: bool, scale: float
) -> np.ndarray:
    """The scores of one block, minus infinity where a query may not attend."""
    scores = (query * scale) @ key.T
    if mask is not None:
        np.copyto(scores, -math.inf, where=~mask)
    if causal:
        # Only the last columns can be ahead of some row: row i of the block sees `seen - last + i`.
        last = rows.stop - rows.start
        corner = scores[:, max(0, len(key) - last) :]
        later = np.triu(np.ones((last, last), bool), k=1)[:, last - corner.shape[1] :]
        np.copyto(corner, -math.inf, where=later)
    return scores


def forward(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, mask: Any, causal: bool, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """The output (..., N, d_v), and the log of each query's sum of exponentials (..., N)."""
    lead, (q, k, v) = _flatten(query, key, value)
    n, s = q.shape[1], k.shape[1]
    mask = None if mask is None else np.broadcast_to(mask, (*lead, n, s))
    output = np.zeros((len(q), n, v.shape[2]), query.dtype)
    log_sums = np.zeros((len(q), n), query.dtype)
    for i in range(len(q)):
        for rows, seen in blocks(n, s, causal):
            if not seen:
                continue
            part = _part(mask, lead, i, rows, seen)
            e = _scores(q[i, rows], k[i, :seen], part, rows, causal, scale)
            top = e.max(axis=1, keepdims=True)
            top[top == -math.inf] = 0
            e -= top
            np.exp(e, out=e)
            total = e.sum(axis=1, keepdims=True)
            total[total == 0] = 1
            np.matmul(e, v[i, :seen], out=output[i, rows])
            output[i, rows] /= total
            log_sums[i, rows] = (top + np.log(total))[:, 0]
    return output.reshape(*lead, n, v.shape[2]), log_sums.reshape(*lead, n)


def backward(
    g: np.ndarray,
    y: np.ndarray,
    log_sums: np.ndarray,
    needed: list[bool],
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    mask: Any,
    causal: bool,
    scale: float,
) -> tuple[np.ndarray | None, ...]:
    """The needed ones of the gradients for query, key and value; weights computed anew."""
    lead, (q, k, v) = _flatten(query, key, value)
    n, s = q.shape[1], k.shape[1]
    mask = None if mask is None else np.broadcast_to(mask, (*lead, n, s))
    log_sums = log_sums.reshape(len(q), n, 1)
    inner = (g * y).sum(axis=-1, keepdims=True).reshape(log_sums.shape)
    g = g.reshape(len(q), n, v.shape[2])
    g_query, g_key, g_value = (
        np.zeros(x.shape, x.dtype) if need else None
        for x, need in zip((q, k, v), needed, strict=True)
    )
    for i in range(len(q)):
        for rows, seen in blocks(n, s, causal):
            if not seen:
                continue
            part = _part(mask, lead, i, rows, seen)
            weights = _scores(q[i, rows], k[i, :seen], part, rows, causal, scale)
            weights -= log_sums[i, rows]
            np.exp(weights, out=weights)
            if g_value is not None:
                g_value[i, :seen] += weights.T @ g[i, rows]
            if g_query is None and g_key is None:
                continue
            g_scores = g[i, rows] @ v[i, :seen].T
            g_scores -= inner[i, rows]
            g_scores *= weights
            g_scores *= scale
            if g_query is not None:
                np.matmul(g_scores, k[i, :seen], out=g_query[i, rows])
            if g_key is not None:
                g_key[i, :seen] += g_scores.T @ q[i, rows]
    return tuple(
        None if x is None else x.reshape(*lead, *x.shape[1:]) for x in (g_query, g_key, g_value)
    )


def _flatten(query: Any, key: Any, value: Any) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """Broadcast the leading axes and lay them out as one."""
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    whole = [np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (query, key, value)]
    return lead, [x.reshape(math.prod(lead), *x.shape[-2:]) for x in whole]


def _part(mask: Any, lead: tuple[int, ...], i: int, rows: slice, seen: int) -> Any:
    """The mask of one block of the i-th problem, whose mask was broadcast without a copy."""
    if mask is None:
        return None
    return mask[(*(np.unravel_index(i, lead) if lead else ()), rows, slice(seen))]
