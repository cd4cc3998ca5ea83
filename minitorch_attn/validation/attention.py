"""Queries, keys, values, and the masks over them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..arrays import Array, check_same_library


def check_attention_shapes(query: Array, key: Array, value: Array) -> None:
    """Refuse arrays that are not query (..., N, d), key (..., S, d) and value (..., S, d_v).

    Raises
    ------
    ValueError, DeviceError
    """
    check_same_library(query, key, value)
    given = f"query {query.shape}, key {key.shape}, value {value.shape}"
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ValueError(
            f"attention: query (..., N, d), key (..., S, d) and value (..., S, d_v) have two axes "
            f"at least; given {given}. For one query q of shape (d,) pass q[None, :]"
        )
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(f"attention: query and key must have the same width d; given {given}")
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(f"attention: there must be one value for each key; given {given}")
    if not query.shape[-1]:
        raise ValueError(f"attention: query and key need a width d of at least 1; given {given}")
    if not key.shape[-2]:
        raise ValueError(f"attention: there is no key to attend to; given {given}")


def check_same_tokens(name: str, query: Array, key: Array) -> int:
    """Return how many tokens there are, or refuse queries and keys of others. Raises ValueError."""
    n, s = query.shape[-2], key.shape[-2]
    if n != s:
        raise ValueError(f"{name}: queries and keys are of the same tokens; given {n} and {s}")
    return n


def check_scale(scale: Any) -> Any:
    """Return a number as Python's, a Tensor or an array as it is. Raises TypeError, ValueError."""
    if not getattr(scale, "ndim", 0) and not hasattr(scale, "requires_grad"):
        return float(scale)
    if scale.ndim and scale.shape[-1] != 1:
        raise ValueError(
            f"attention: a scale is a number, or has one for each query or head, (..., 1, 1), not "
            f"shape {scale.shape}"
        )
    return scale


def scores_shape(query: Array, key: Array, value: Array) -> tuple[int, ...]:
    """(..., N, S) for query (..., N, d), key (..., S, d) and value (..., S, d_v)."""
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    return (*lead, query.shape[-2], key.shape[-2])


def check_mask(mask: Any, query: Array, key: Array, value: Array) -> None:
    """Refuse a mask that is not boolean, does not fit the scores (..., N, S), or is ambiguous.

    It has the axes of the scores, each of their size or of 1. Axes on the left may be left out
    where that can mean only one thing: an (N, S) for scores (B, N, S) with B = N might be (B, S).

    `query` (..., N, d), `key` (..., S, d) and `value` (..., S, d_v) give the scores' shape.

    Raises
    ------
    TypeError, ValueError, DeviceError
    """
    dtype = getattr(mask, "dtype", None)
    if dtype is None or dtype.kind != "b":
        raise TypeError(
            "attention: a mask is boolean, True where a query may attend to a key, not "
            f"{dtype or type(mask).__name__}: write mask > 0 with an array of 1 for what is "
            "allowed, mask == 0 with one of 1 for what is forbidden or of 0 and minus infinity, "
            "numpy.array(mask) with a list of True and False"
        )
    check_same_library(query, mask)
    target = scores_shape(query, key, value)
    if not _fits(mask.shape, target):
        raise ValueError(
            f"attention: a mask of shape {mask.shape} does not broadcast to the scores' shape "
            f"{target}. A padding mask (B, S) is mask[:, None, :] for three axes and "
            "mask[:, None, None, :] for (B, H, N, S)"
        )
    if len(mask.shape) < len(target) and len(_readings(mask.shape, target)) > 1:
        raise ValueError(
            f"attention: a mask of shape {mask.shape} can mean several things for scores of shape "
            f"{target}: give it all {len(target)} axes. The same for all that stands on the left "
            "is mask[None, ...]; a padding mask (B, S) is mask[:, None, :] or, with heads, "
            "mask[:, None, None, :]; (B, N, S) with heads is mask[:, None]"
        )


def _readings(shape: tuple[int, ...], target: tuple[int, ...]) -> set[tuple[int, ...]]:
    """The axes of the target, in order, that the axes of a mask may stand for but for the keys.

    They may lie at the right, as in broadcasting, or have been meant to begin with the batch. An
    axis of size 1 stands for any, and says nothing.
    """
    missing = len(target) - len(shape)
    ours = [i for i, n in enumerate(shape[:-1]) if n != 1]
    aligned = tuple(i + missing for i in ours)
    ways = itertools.combinations(range(len(target) - 1), len(ours))
    return {
        way
        for way in ways
        if way == aligned
        or (way[0] == 0 and all(target[i] == shape[j] for i, j in zip(way, ours, strict=True)))
    }


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Tell whether a shape broadcasts to the target without enlarging it."""
    pairs = zip(reversed(shape), reversed(target), strict=False)
    return len(shape) <= len(target) and all(a in (1, b) for a, b in pairs)


def check_masks(masks: int, blocks: int) -> None:
    """A list of masks has one for each block."""
    if masks != blocks:
        raise ValueError(
            f"a list of masks has one, or None, for each block: got {masks} for {blocks} blocks"
        )


def check_cached(key: Array, value: Array, *kept: Array) -> None:
    """Refuse keys (B, H, n, d) and values (B, H, n, d_v) that cannot go on after those kept.

    Raises
    ------
    ValueError, TypeError, DeviceError
    """
    check_same_library(key, value, *kept)
    if key.ndim != 4 or value.ndim != 4 or key.shape[:3] != value.shape[:3]:
        raise ValueError(
            "KeyValueCache: keys (B, H, n, d) and values (B, H, n, d_v) are of the same tokens; "
            f"given keys {key.shape} and values {value.shape}"
        )
    axes = {0: "texts", 1: "heads", 3: "numbers in each"}
    for what, new, old in zip(("keys", "values"), (key, value), kept, strict=False):
        for axis, name in axes.items():
            if new.shape[axis] != old.shape[axis]:
                raise ValueError(
                    f"KeyValueCache: {what} {new.shape} do not go on after {old.shape}: "
                    f"{new.shape[axis]} {name}, not {old.shape[axis]}. Each layer and each batch "
                    "of texts has a cache of its own"
                )
        if new.dtype != old.dtype:
            raise TypeError(f"KeyValueCache: {what} are {new.dtype}, and those kept {old.dtype}")


def check_goes_on(name: str, context: Any, causal: bool) -> None:
    """Refuse a cache where a token may change after it was read. Raises ValueError."""
    if not causal:
        raise ValueError(
            f"{name}: a cache takes causal=True: where tokens see later ones, what is kept of the "
            "first is no longer right when the next arrives"
        )
    if context is not None:
        raise ValueError(f"{name}: with a cache the context is what it has read: give no other")
