"""What functions demand of their arguments, and what they say when it is not met.

Here is what NumPy would let pass, or refuse in words that help nobody. All of it takes arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Array, check_same_library, namespace


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
    if not key.shape[-2]:
        raise ValueError(f"attention: there is no key to attend to; given {given}")


def check_mask(mask: Any, query: Array, key: Array, value: Array) -> None:
    """Refuse a mask that is not boolean, or does not broadcast to the scores (..., N, S).

    `query` (..., N, d), `key` (..., S, d) and `value` (..., S, d_v) give the scores' shape.

    Raises
    ------
    TypeError, ValueError, DeviceError
    """
    dtype = getattr(mask, "dtype", None)
    if dtype is None or dtype.kind != "b":
        raise TypeError(
            "attention: a mask is boolean, True where a query may attend to a key, not "
            f"{dtype or type(mask).__name__}: write mask > 0, or mask == 0 where yours marks what "
            "is forbidden"
        )
    check_same_library(query, mask)
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    target = (*lead, query.shape[-2], key.shape[-2])
    if not _fits(mask.shape, target):
        raise ValueError(
            f"attention: a mask of shape {mask.shape} does not broadcast to the scores' shape "
            f"{target}. A padding mask (B, S) is mask[:, None, :] for three axes and "
            "mask[:, None, None, :] for (B, H, N, S)"
        )


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Tell whether a shape broadcasts to the target without enlarging it."""
    pairs = zip(reversed(shape), reversed(target), strict=False)
    return len(shape) <= len(target) and all(a in (1, b) for a, b in pairs)


def check_targets(logits: Array, targets: Any) -> Array:
    """Return class numbers (...) for logits (..., C) as an array, or say what is wrong with them.

    Raises
    ------
    TypeError, ValueError, IndexError, DeviceError
    """
    if not hasattr(targets, "dtype"):
        targets = namespace(logits).asarray(targets)
    check_same_library(logits, targets)
    if targets.dtype.kind not in "iu":
        raise TypeError(f"cross_entropy: targets are class numbers, integers, not {targets.dtype}")
    if targets.shape != logits.shape[:-1]:
        raise ValueError(
            f"cross_entropy: logits of shape {logits.shape} need targets of shape "
            f"{logits.shape[:-1]}, one class number for each row, not {targets.shape}"
        )
    if not targets.size:
        raise ValueError("cross_entropy: the mean over no rows at all is not defined")
    smallest, largest = int(targets.min()), int(targets.max())
    if smallest < 0 or largest >= logits.shape[-1]:
        raise IndexError(
            f"cross_entropy: targets lie in [{smallest}, {largest}], but logits of shape "
            f"{logits.shape} have classes 0 to {logits.shape[-1] - 1}"
        )
    return targets


def check_indices(indices: Any, x: Array, low: int, high: int, name: str, what: str) -> Array:
    """Return integer indices in [low, high) as an array of x's library, or say which is not.

    Raises
    ------
    TypeError, IndexError, DeviceError
    """
    if not hasattr(indices, "dtype"):
        indices = namespace(x).asarray(indices)
    check_same_library(x, indices)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{name} needs integer indices, not dtype {indices.dtype}")
    if indices.size:
        smallest, largest = int(indices.min()), int(indices.max())
        if smallest < low or largest >= high:
            wrong = smallest if smallest < low else largest
            raise IndexError(f"{name}: {what} is {wrong}, and must lie in [{low}, {high})")
    return indices


def check_linear(weight: Array, bias: Array) -> None:
    """Refuse a bias that is not (M,) for a weight (D, M). Raises ValueError."""
    if weight.ndim != 2 or bias.shape != weight.shape[1:]:
        raise ValueError(
            f"linear: weight (D, M) needs a bias (M,); given weight {weight.shape} and bias "
            f"{bias.shape}"
        )


def check_row_parameters(x: Array, **given: Any) -> None:
    """Refuse a weight or a bias of layer norm that is not as wide as x (..., D). ValueError."""
    width = x.shape[-1]
    for name, array in given.items():
        if array is not None and array.shape != (width,):
            raise ValueError(
                f"layer_norm: {name} has shape {array.shape}, but rows of {width} numbers "
                f"need ({width},)"
            )


def check_tokens(name: str, x: str, shape: tuple[int, ...], width: int) -> None:
    """Refuse tokens that are not (batch, tokens, width). Raises ValueError."""
    if len(shape) != 3 or shape[-1] != width:
        raise ValueError(f"{name}: {x} has three axes, (batch, tokens, {width}), not shape {shape}")
