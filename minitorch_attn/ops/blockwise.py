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

from ..arrays import row_sums
from ..threads import sharing, side_by_side

# From so many scores a head on, blocks are faster than the whole; below, so is the whole.
BLOCKWISE_FROM = 1 << 16
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


def _forbid(scores: np.ndarray, mask: Any, rows: slice, causal: bool) -> None:
    """Set the scores of one block to minus infinity where a query may not attend."""
    if mask is not None:
        np.copyto(scores, -math.inf, where=~mask)
    if causal:
        # Only the last columns can be ahead of some row: row i of the block sees `seen - last + i`.
        last = rows.stop - rows.start
        corner = scores[:, max(0, scores.shape[1] - last) :]
        later = np.triu(np.ones((last, last), bool), k=1)[:, last - corner.shape[1] :]
        np.copyto(corner, -math.inf, where=later)


def forward(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, mask: Any, causal: bool, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """The output (..., N, d_v), and the log of each query's sum of exponentials (..., N)."""
    lead, (q, k, v) = _flatten(query, key, value)
    n, s = q.shape[1], k.shape[1]
    mask = None if mask is None else np.broadcast_to(mask, (*lead, n, s))
    output = np.zeros((len(q), n, v.shape[2]), query.dtype)
    log_sums = np.zeros((len(q), n), query.dtype)

    def head(i: int) -> None:
        queries = q[i] * scale
        for rows, seen in blocks(n, s, causal):
            if not seen:
                continue
            e = queries[rows] @ k[i, :seen].T
            small = is_small(e)
            _forbid(e, _part(mask, lead, i, rows, seen), rows, causal)
            top = np.zeros((len(e), 1), e.dtype)
            if not small:
                top = e.max(axis=1, keepdims=True)
                top[top == -math.inf] = 0
                e -= top
            np.exp(e, out=e)
            total = row_sums(e)
            total[total == 0] = 1
            np.matmul(e, v[i, :seen], out=output[i, rows])
            output[i, rows] /= total
            log_sums[i, rows] = (top + np.log(total))[:, 0]

    with sharing():
        side_by_side(head, range(len(q)))
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
    inner = np.einsum("...d,...d", g, y).reshape(log_sums.shape)  # no array of products is made
    g = g.reshape(len(q), n, v.shape[2])
    g_query, g_key, g_value = (
        np.zeros(x.shape, x.dtype) if need else None
        for x, need in zip((q, k, v), needed, strict=True)
    )

    def head(i: int) -> None:
        queries = q[i] * scale
        # What is to be taken from each row of a product rides along in it, against a column of 1.
        q1, k1 = _beside(queries, -log_sums[i]), _beside(k[i], 1)
        g1, v1 = _beside(g[i], -inner[i]), _beside(v[i], 1)
        for rows, seen in blocks(n, s, causal):
            if not seen:
                continue
            weights = q1[rows] @ k1[:seen].T
            _forbid(weights, _part(mask, lead, i, rows, seen), rows, causal)
            np.exp(weights, out=weights)
            if g_value is not None:
                g_value[i, :seen] += weights.T @ g[i, rows]
            if g_query is None and g_key is None:
                continue
            g_scores = g1[rows] @ v1[:seen].T
            g_scores *= weights
            if g_query is not None:
                np.matmul(g_scores, k[i, :seen], out=g_query[i, rows])
                g_query[i, rows] *= scale
            if g_key is not None:
                g_key[i, :seen] += g_scores.T @ queries[rows]

    with sharing():
        side_by_side(head, range(len(q)))
    return tuple(
        None if x is None else x.reshape(*lead, *x.shape[1:]) for x in (g_query, g_key, g_value)
    )


def is_small(scores: np.ndarray) -> bool:
    """Whether the exponential of no score needs a larger one subtracted first.

    To look at all of them at once takes a fraction of the time of finding each row's largest.
    """
    return scores.size > 0 and scores.min() > -60 and scores.max() < 60


def _beside(matrix: np.ndarray, column: Any) -> np.ndarray:
    """The matrix with one more column."""
    wide = np.empty((len(matrix), matrix.shape[1] + 1), matrix.dtype)
    wide[:, :-1], wide[:, -1:] = matrix, column
    return wide


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
