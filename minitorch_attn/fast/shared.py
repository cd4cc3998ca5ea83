"""Attention of short sequences, whole, the batch shared among threads."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from ..threads import parallel_map, shares, sharing, threads
from . import whole

# Of each part its place in the batch and the weights of its examples.
Saved: TypeAlias = list[tuple[slice, np.ndarray]]


def forward(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    mask: Any,
    causal: bool,
    scale: float,
    out: Any = None,
) -> tuple[np.ndarray, Saved]:
    """The output (B, ..., N, d_v), in `out` where given, and the weights, part by part."""
    if out is None:
        out = np.empty((*query.shape[:-1], value.shape[-1]), query.dtype)

    def work(part: slice) -> tuple[slice, np.ndarray]:
        q, k, v = query[part], key[part], value[part]
        _, weights = whole.forward(q, k, v, _of(mask, part, query.ndim), causal, scale, out[part])
        return part, weights

    n = len(query)
    with sharing():
        return out, parallel_map(work, shares(n, min(threads(), n)))


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
    found = [
        None if not need else np.empty_like(x) if place is None else place
        for need, x, place in zip(needed, (query, key, value), out, strict=True)
    ]

    def work(piece: tuple[slice, np.ndarray]) -> None:
        part, weights = piece
        inputs = query[part], key[part], value[part], _of(mask, part, query.ndim), causal, scale
        places = tuple(None if gx is None else gx[part] for gx in found)
        whole.backward(g[part], y[part], weights, needed, *inputs, out=places)

    with sharing():
        parallel_map(work, saved)
    return tuple(found)


def _of(mask: Any, part: slice, ndim: int) -> Any:
    """What the mask says of a part of the batch; it may say the same of all."""
    if mask is None or mask.ndim < ndim or len(mask) == 1:
        return mask
    return mask[part]
