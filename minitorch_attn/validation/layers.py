"""What a layer is made of, and what it takes."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import Array


def check_range(what: str, number: float, low: float, below: float = math.inf) -> None:
    """Refuse what is not in [low, below), or no number. Raises ValueError."""
    if not low <= number < below:
        upper = "" if below == math.inf else f" and below {below}"
        raise ValueError(f"{what} is a number from {low} on{upper}, not {number}")


def check_sizes(name: str, **sizes: int) -> None:
    """Refuse widths and counts below 1. Raises ValueError."""
    for what, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: {what} is at least 1, not {size}")


def head_dim_of(name: str, model_dim: int, num_heads: int) -> int:
    """The width of each head where the heads share the model's evenly. Raises ValueError."""
    check_sizes(name, model_dim=model_dim, num_heads=num_heads)
    if model_dim % num_heads:
        raise ValueError(
            f"{name}: {num_heads} heads do not divide a width of {model_dim}: choose a divisor, or "
            "give head_dim"
        )
    return model_dim // num_heads


def check_probability(name: str, p: float) -> None:
    """Refuse to drop with a probability outside [0, 1). Raises ValueError."""
    if not 0 <= p < 1:
        raise ValueError(f"{name}: p is the probability to drop, in [0, 1), not {p}")


def check_linear(weight: Array, bias: Array) -> None:
    """Refuse a bias that is not (M,) for a weight (D, M). Raises ValueError."""
    if weight.ndim != 2 or bias.shape != weight.shape[1:]:
        raise ValueError(
            f"linear: weight (D, M) needs a bias (M,); given weight {weight.shape} and bias "
            f"{bias.shape}"
        )


def check_width(layer: str, shape: tuple[int, ...], weight: tuple[int, ...]) -> None:
    """Refuse an array whose last axis does not meet the weight (D, M). Raises ValueError."""
    if not shape or shape[-1] != weight[0]:
        raise ValueError(f"{layer}{weight} needs a last axis of {weight[0]}, given shape {shape}")


def check_row_parameters(x: Array, **given: Any) -> None:
    """Refuse a weight or a bias of layer norm that is not as wide as x (..., D). ValueError."""
    if not x.ndim or not x.shape[-1]:
        raise ValueError(f"layer_norm: x has rows of at least one number, not shape {x.shape}")
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


def check_places(tokens: int, places: int) -> None:
    """Refuse more tokens than there are learned places. Raises ValueError."""
    if tokens > places:
        raise ValueError(f"LearnedPositions: {tokens} tokens, but only {places} places")


def check_padding(shape: tuple[int, ...], mask: Any) -> tuple[int, ...]:
    """Return the shape (B, T, D) of frames, or say that they or their mask (B, T) do not fit.

    Raises
    ------
    TypeError, ValueError
    """
    if len(shape) != 3:
        raise ValueError(f"pooling: frames have three axes, (batch, frames, width), not {shape}")
    if mask is not None:
        dtype = getattr(mask, "dtype", None)
        if dtype is None or dtype.kind != "b":
            raise TypeError(f"pooling: a mask is boolean, True on real frames, not {dtype}")
        if mask.shape != shape[:2]:
            raise ValueError(f"pooling: frames {shape} need a mask {shape[:2]}, not {mask.shape}")
    return shape
