"""Attention by blocks of queries, for a GPU: never more scores at once than fit a block.

What `blockwise` does for a processor's cache, this does for a device's memory. A block is whole
for its queries; of it only the output is kept, and the backward pass computes its weights again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import Array, namespace
from . import whole

# From so many scores on, by blocks of at most so many: 128 and 64 MiB in float32.
FROM, BLOCK = 1 << 25, 1 << 24


def _scores_of_a_query(query: Array, key: Array) -> int:
    return math.prod(np.broadcast_shapes(query.shape[:-2], key.shape[:-2])) * key.shape[-2]


def is_long(query: Array, key: Array) -> bool:
    """Tell whether all the scores are too many to be held at once."""
    return _scores_of_a_query(query, key) * query.shape[-2] >= FROM


def _blocks(query: Array, key: Array, causal: bool) -> Iterator[tuple[slice, slice]]:
    """Blocks of queries, and the keys that any of a block may see: from the first on, or none.

    So cut, the causal rule holds inside a block as it does in the whole.
    """
    n, s = query.shape[-2], key.shape[-2]
    count = max(1, BLOCK // _scores_of_a_query(query, key))
    for start in range(0, n, count):
        stop = min(n, start + count)
        yield slice(start, stop), slice(0, max(0, stop + s - n) if causal else s)


def _cut(mask: Any, query: Array, key: Array, rows: slice, keys: slice) -> Any:
    if mask is None:
        return None
    shape = (*mask.shape[:-2], query.shape[-2], key.shape[-2])
    return namespace(mask).broadcast_to(mask, shape)[..., rows, keys]


def forward(
    query: Array, key: Array, value: Array, mask: Any, causal: bool, scale: float, out: Any = None
) -> tuple[Array, None]:
    """The output (..., N, d_v), in `out` where given; nothing else is kept."""
    y = out
    if y is None:
        lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
        shape = (*lead, query.shape[-2], value.shape[-1])
        y = namespace(query).empty(shape, value.dtype)
    for rows, keys in _blocks(query, key, causal):
        if not keys.stop:
            y[..., rows, :] = 0
            continue
        part = query[..., rows, :], key[..., keys, :], value[..., keys, :]
        own = _cut(mask, query, key, rows, keys)
        y[..., rows, :] = whole.forward(*part, own, causal, scale)[0]
    return y, None


def backward(
    g: Array,
    y: Array,
    saved: None,
    needed: list[bool],
    query: Array,
    key: Array,
    value: Array,
    mask: Any,
    causal: bool,
    scale: float,
    out: tuple[Any, ...] = (None, None, None),
) -> tuple[Array | None, ...]:
    """The needed gradients for query, key and value; in the arrays of `out`, where given."""
    xp, lead = namespace(query), y.shape[:-2]
    found: list[Any] = [None, None, None]
    for i, x in enumerate((query, key, value)):
        if needed[i]:
            found[i] = xp.empty((*lead, *x.shape[-2:]), x.dtype) if out[i] is None else out[i]
            found[i][...] = 0
    for rows, keys in _blocks(query, key, causal):
        if not keys.stop:
            continue
        part = query[..., rows, :], key[..., keys, :], value[..., keys, :]
        own = _cut(mask, query, key, rows, keys)
        weights = whole.weights_of(*part[:2], own, causal, scale)
        both = g[..., rows, :], y[..., rows, :]
        gradients = whole.backward(*both, weights, needed, *part, own, causal, scale)
        for i, where in enumerate((rows, keys, keys)):
            if needed[i]:
                found[i][..., where, :] += gradients[i]
    return tuple(found)
