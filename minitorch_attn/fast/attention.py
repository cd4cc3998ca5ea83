"""Attention in one op: whole for short sequences, by blocks for long ones.

All have one shape, `forward` and `backward`; which it was, the saved arrays remember.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from ..arrays import Array
from ..ops.attention import weighted_sum
from ..ops.op import fused
from . import blockwise, by_queries, shared, whole

# From so many scores a head on, blocks are faster than the whole; below, so is the whole.
BLOCKWISE_FROM = 1 << 16

# From so many scores in all on, the batch is shared among threads: fewer are done before a second
# thread is awake.
SHARED_FROM = 1 << 18

Saved: TypeAlias = tuple[ModuleType, Any]


def is_long(query: Array, key: Array) -> bool:
    """Tell whether NumPy arrays of these shapes are better served block by block."""
    return isinstance(query, np.ndarray) and query.shape[-2] * key.shape[-2] >= BLOCKWISE_FROM


def forward(
    query: Array, key: Array, value: Array, mask: Any, causal: bool, scale: float, out: Any = None
) -> tuple[Array, Saved]:
    """The output (..., N, d_v), in `out` where given, and what `backward` needs."""
    if is_long(query, key):
        form: ModuleType = blockwise
    elif _is_large(query, key, value):
        form = shared
    elif not isinstance(query, np.ndarray) and by_queries.is_long(query, key):
        form = by_queries
    else:
        form = whole
    y, saved = form.forward(query, key, value, mask, causal, scale, out)
    return y, (form, saved)


def _is_large(query: Array, key: Array, value: Array) -> bool:
    """Whether to share a batch of NumPy arrays among threads."""
    lead = query.shape[:-2]
    if not (isinstance(query, np.ndarray) and lead == key.shape[:-2] == value.shape[:-2]):
        return False
    scores = math.prod(lead) * query.shape[-2] * key.shape[-2]
    return len(lead) > 0 and lead[0] > 1 and scores >= SHARED_FROM


def backward(g: Any, y: Any, saved: Saved, needed: list[bool], *inputs: Any, **options: Any) -> Any:
    """The needed ones of the gradients for query, key and value."""
    form, kept = saved
    return form.backward(g, y, kept, needed, *inputs, **options)


@fused(backward, weighted_sum)
def _attention(
    query: Array, key: Array, value: Array, /, mask: Any, causal: bool, scale: float
) -> Any:
    return forward(query, key, value, mask, causal, scale)
