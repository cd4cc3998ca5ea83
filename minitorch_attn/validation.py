"""What functions demand of their arguments, and what they say when it is not met.

Here is what NumPy would let pass, or refuse in words that help nobody. All of it takes arrays.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arrays import Array, DeviceError, check_same_library, namespace, to_numpy
from .errors import GradientError


def check_dtype(dtype: np.dtype, requires_grad: bool) -> None:
    """Refuse what a Tensor cannot hold, or cannot have a gradient for. Raises TypeError."""
    if dtype.kind not in "fiub":
        raise TypeError(f"a Tensor holds real numbers, not dtype {dtype}")
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


def check_range(what: str, number: float, low: float, below: float = math.inf) -> None:
    """Refuse what is not in [low, below), or no number. Raises ValueError."""
    if not low <= number < below:
        upper = "" if below == math.inf else f" and below {below}"
        raise ValueError(f"{what} is a number from {low} on{upper}, not {number}")


def check_optimizer(name: str, pairs: list[tuple[str, Any]], lr: float) -> None:
    """Refuse what cannot be trained: no parameters, one twice, what is none; a rate that is none.

    Raises
    ------
    ValueError, TypeError
    """
    check_range(f"{name}: lr", lr, 0)
    if not pairs:
        raise ValueError(f"{name} was given no parameters")
    seen: dict[int, str] = {}
    for label, parameter in pairs:
        if not hasattr(parameter, "grad"):
            kind = type(parameter).__name__
            raise TypeError(f"{name} moves parameters, and {label} is of type {kind}")
        if id(parameter) in seen:
            raise ValueError(f"{name}: {label} and {seen[id(parameter)]} are one parameter")
        seen[id(parameter)] = label


def check_gradient(name: str, gradient: Array | None, data: Array) -> None:
    """Refuse a gradient that has not its parameter's shape. Raises ValueError."""
    if gradient is not None and gradient.shape != data.shape:
        raise ValueError(
            f"the gradient of {name} has shape {gradient.shape}, and the parameter {data.shape}"
        )


def check_rules(name: str, num_rules: int, num_inputs: int) -> None:
    """Refuse an op that has not one rule per input, or none at all. Raises TypeError."""
    if num_rules not in (0, num_inputs):
        raise TypeError(
            f"{name} has {num_rules} rules and {num_inputs} inputs: what stands before a / is an "
            "input, as in def f(a, b, /, axis), and has a rule"
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


def check_width(layer: str, shape: tuple[int, ...], weight: tuple[int, ...]) -> None:
    """Refuse an array whose last axis does not meet the weight (D, M). Raises ValueError."""
    if not shape or shape[-1] != weight[0]:
        raise ValueError(f"{layer}{weight} needs a last axis of {weight[0]}, given shape {shape}")


def head_dim_of(name: str, model_dim: int, num_heads: int) -> int:
    """The width of each head where the heads share the model's evenly. Raises ValueError."""
    if model_dim % num_heads:
        raise ValueError(
            f"{name}: {num_heads} heads do not divide a width of {model_dim}: choose a divisor, or "
            "give head_dim"
        )
    return model_dim // num_heads


def check_places(tokens: int, places: int) -> None:
    """Refuse more tokens than there are learned places. Raises ValueError."""
    if tokens > places:
        raise ValueError(f"LearnedPositions: {tokens} tokens, but only {places} places")


def check_sections(size: int, sections: int, axis: int) -> None:
    """Refuse to split an axis into sections that are not equal. Raises ValueError."""
    if size % sections:
        raise ValueError(
            f"split: {size} elements along axis {axis} do not divide into {sections} equal "
            "sections: give the indices at which to cut"
        )


def check_state_devices(parameters: str, state: str) -> None:
    """Refuse to step where an optimiser keeps its state elsewhere. Raises DeviceError."""
    if parameters != state:
        raise DeviceError(
            f"the parameters are on {parameters}, and what the optimiser keeps is on {state}: move "
            "the model first, then make its optimiser"
        )


def check_probability(name: str, p: float) -> None:
    """Refuse to drop with a probability outside [0, 1). Raises ValueError."""
    if not 0 <= p < 1:
        raise ValueError(f"{name}: p is the probability to drop, in [0, 1), not {p}")


def parse_einsum(subscripts: str, arrays: Any) -> tuple[list[str], str]:
    """Write an einsum's subscripts out: one string of letters an operand, and the output's.

    Raises
    ------
    ValueError
        For a letter repeated within one operand (a diagonal), which has no rule here.
    """
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(arrays):
        raise ValueError(f"einsum {subscripts!r} names {len(terms)} operands, given {len(arrays)}")
    spare = [chr(c) for c in range(ord("A"), ord("Z") + 1) if chr(c) not in subscripts]
    widths = [
        len(array.shape) - len(term.replace("...", "")) if "..." in term else 0
        for term, array in zip(terms, arrays, strict=True)
    ]
    dots = "".join(spare[: max(widths)])
    terms = [t.replace("...", dots[len(dots) - w :]) for t, w in zip(terms, widths, strict=True)]
    if not arrow:
        letters = "".join(terms)
        output = dots + "".join(
            x for x in sorted(set(letters) - set(dots)) if letters.count(x) == 1
        )
    output = output.replace("...", dots)
    for term in terms:
        if len(set(term)) < len(term):
            raise ValueError(
                f"einsum {subscripts!r}: {term!r} repeats a letter, and a diagonal has no gradient "
                "rule here: take it by indexing, x[..., i, i] with i = arange(n)"
            )
    return terms, output


def fitting(own: dict[str, Any], state: dict[str, Any], owner: str) -> dict[str, Any]:
    """Named arrays as they may stand in the place of `own`: of its shapes, dtypes and device.

    Raises
    ------
    ValueError
        Naming every array that is missing, unexpected, of another shape, or of numbers that its
        place cannot hold: complex ones, texts, or too large for the dtype.
    """
    problems = [f"missing: {name}" for name in own if name not in state]
    problems += [f"unexpected: {name}" for name in state if name not in own]
    new: dict[str, Any] = {}
    for name, old in own.items():
        if name not in state:
            continue
        given = to_numpy(state[name]) if hasattr(state[name], "dtype") else np.asarray(state[name])
        if given.shape != old.shape:
            problems.append(f"misshaped: {name} is {given.shape}, the model's is {old.shape}")
            continue
        if given.dtype.kind not in "fiub":
            problems.append(f"no real numbers: {name} is of dtype {given.dtype}")
            continue
        with np.errstate(over="ignore"):
            cast = given.astype(old.dtype)
        if not (np.isfinite(cast) == np.isfinite(given)).all():
            problems.append(f"too large for {old.dtype}: {name}")
        new[name] = namespace(old).asarray(cast)
    if problems:
        raise ValueError(f"the state does not fit this {owner}:\n  " + "\n  ".join(problems))
    return new
