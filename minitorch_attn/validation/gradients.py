"""What must be there for a gradient: dtypes, histories, rules, a place to begin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import GradientError


def check_dtype(dtype: np.dtype, requires_grad: bool) -> None:
    """Refuse what a Tensor cannot hold, or cannot have a gradient for. Raises TypeError."""
    if dtype.kind not in "fiub":
        raise TypeError(f"a Tensor holds real numbers, not dtype {dtype}")
    if dtype.char == "e":
        raise TypeError(
            "float16 ends at 65504, which the sum of squares of a few hundred numbers passes: "
            "convert first, for example with array.astype('float32')"
        )
    if requires_grad and dtype.kind != "f":
        raise TypeError(
            f"only floating-point tensors have gradients, not dtype {dtype}: "
            "convert first, for example with array.astype('float32')"
        )


def check_no_history(what: str, has_history: bool) -> None:
    """Refuse to lose, without a word, how a tensor was computed. Raises GradientError."""
    if has_history:
        raise GradientError(
            f"{what} would not know how this tensor was computed, and no gradient would reach "
            "what it came from: use the tensor itself, or its values alone, t.detach()"
        )


def check_rules(name: str, num_rules: int, num_inputs: int) -> None:
    """Refuse an op that has not one rule per input, or none at all. Raises TypeError."""
    if num_rules not in (0, num_inputs):
        raise TypeError(
            f"{name} has {num_rules} rules and {num_inputs} inputs: what stands before a / is an "
            "input, as in def f(a, b, /, axis), and has a rule"
        )


def is_about_shapes(error: Exception) -> bool:
    """Whether an error that a library raised says that shapes, or places in them, do not fit."""
    words = ("shape", "broadcast", "dimension", "mismatch", "align")
    if isinstance(error, np.exceptions.AxisError):
        return False
    return isinstance(error, IndexError) or (
        isinstance(error, ValueError) and any(word in str(error) for word in words)
    )


def check_start(depends: bool, shape: tuple[int, ...], is_left_out: bool) -> None:
    """Refuse to begin a backward pass where there is nothing to begin with.

    depends : whether the output depends on a tensor that requires a gradient
    shape : of the output
    is_left_out : whether the gradient to begin with was not given

    Raises
    ------
    GradientError
    """
    if not depends:
        raise GradientError(
            "nothing to differentiate: this tensor does not depend on one with "
            "requires_grad=True, or was computed under no_grad()"
        )
    if is_left_out and math.prod(shape) != 1:
        raise GradientError(
            f"a gradient starts from a single number, and this tensor has shape {shape}: reduce it "
            "with .sum() or .mean(), or pass gradient="
        )


def check_gradient_shape(given: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Refuse a gradient that has not the output's shape. Raises GradientError."""
    if given != wanted:
        raise GradientError(
            f"the gradient has shape {given} and the output {wanted}: they must be equal"
        )


def check_wanted(i: int, has_gradient: bool) -> None:
    """Refuse to differentiate with respect to a constant. Raises GradientError."""
    if not has_gradient:
        raise GradientError(
            f"grad: input {i} does not require a gradient: "
            "make it with Tensor(data, requires_grad=True)"
        )


def check_not_recorded(*given: Any) -> None:
    """Refuse to keep, as mere numbers, what is on record. Raises GradientError."""
    if any(getattr(x, "requires_grad", False) for x in given):
        raise GradientError(
            "KeyValueCache: no gradient would reach what the keys and values came from: read with "
            "a cache inside `with no_grad():`, and train without one"
        )
