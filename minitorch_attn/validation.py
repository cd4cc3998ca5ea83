"""What functions demand of their arguments, and what they say when it is not met.

Here is what NumPy would let pass, or refuse in words that help nobody. All of it takes arrays.
"""

from __future__ import annotations

import itertools
import math
import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from .arrays import Array, DeviceError, check_same_library, namespace, to_numpy
from .errors import GradientError


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


def check_targets(logits: Array, targets: Any) -> Array:
    """Return class numbers (...) for logits (..., C) as an array, or say what is wrong with them.

    Raises
    ------
    TypeError, ValueError, DeviceError
    """
    if not logits.ndim:
        raise ValueError("cross_entropy: logits have an axis of classes, and are a number here")
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
    return targets


def check_classes(logits: Array, targets: Array) -> None:
    """Raise IndexError unless each of the targets (...) is a class of the logits (..., C)."""
    if not targets.size:
        raise ValueError("cross_entropy: the mean over no rows at all is not defined")
    smallest, largest = _ends(targets)
    if smallest < 0 or largest >= logits.shape[-1]:
        raise IndexError(
            f"cross_entropy: targets lie in [{smallest}, {largest}], but logits of shape "
            f"{logits.shape} have classes 0 to {logits.shape[-1] - 1}"
        )


def _ends(x: Array) -> tuple[int, int]:
    """The smallest and the largest number; a GPU is waited for once."""
    xp = namespace(x)
    if xp is np:
        return int(x.min()), int(x.max())
    smallest, largest = to_numpy(xp.stack([x.min(), x.max()])).tolist()
    return smallest, largest


def check_indices(indices: Any, x: Array, low: int, high: int, name: str, what: str) -> Array:
    """Return integer indices in [low, high) as an array of x's library, or say which is not.

    Raises
    ------
    TypeError, IndexError, DeviceError
    """
    if not hasattr(indices, "dtype"):
        indices = namespace(x).asarray(indices)
        indices = indices if indices.size else indices.astype(np.intp)
    check_same_library(x, indices)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{name} needs integer indices, not dtype {indices.dtype}")
    if indices.size:
        smallest, largest = _ends(indices)
        if smallest < low or largest >= high:
            wrong = smallest if smallest < low else largest
            raise IndexError(f"{name}: {what} is {wrong}, and must lie in [{low}, {high})")
    # In uint8, 255 is the largest: what is computed from numbers of rows would not fit.
    return indices.astype(np.intp, copy=False)


def check_masks(masks: int, blocks: int) -> None:
    """A list of masks has one for each block."""
    if masks != blocks:
        raise ValueError(
            f"a list of masks has one, or None, for each block: got {masks} for {blocks} blocks"
        )


def check_linear(weight: Array, bias: Array) -> None:
    """Refuse a bias that is not (M,) for a weight (D, M). Raises ValueError."""
    if weight.ndim != 2 or bias.shape != weight.shape[1:]:
        raise ValueError(
            f"linear: weight (D, M) needs a bias (M,); given weight {weight.shape} and bias "
            f"{bias.shape}"
        )


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


def check_width(layer: str, shape: tuple[int, ...], weight: tuple[int, ...]) -> None:
    """Refuse an array whose last axis does not meet the weight (D, M). Raises ValueError."""
    if not shape or shape[-1] != weight[0]:
        raise ValueError(f"{layer}{weight} needs a last axis of {weight[0]}, given shape {shape}")


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


def check_not_recorded(*given: Any) -> None:
    """Refuse to keep, as mere numbers, what is on record. Raises GradientError."""
    if any(getattr(x, "requires_grad", False) for x in given):
        raise GradientError(
            "KeyValueCache: no gradient would reach what the keys and values came from: read with "
            "a cache inside `with no_grad():`, and train without one"
        )


def check_goes_on(name: str, context: Any, causal: bool) -> None:
    """Refuse a cache where a token may change after it was read. Raises ValueError."""
    if not causal:
        raise ValueError(
            f"{name}: a cache takes causal=True: where tokens see later ones, what is kept of the "
            "first is no longer right when the next arrives"
        )
    if context is not None:
        raise ValueError(f"{name}: with a cache the context is what it has read: give no other")


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


def check_places(tokens: int, places: int) -> None:
    """Refuse more tokens than there are learned places. Raises ValueError."""
    if tokens > places:
        raise ValueError(f"LearnedPositions: {tokens} tokens, but only {places} places")


def check_axis(axis: Any, ndim: int) -> int:
    """Return an axis of so many counted from 0, or say that it is not there.

    Raises
    ------
    numpy.exceptions.AxisError
    """
    return normalize_axis_index(axis, ndim)


def check_axes(name: str, *ndims: int) -> None:
    """Refuse numbers where arrays with axes are needed. Raises ValueError."""
    if not all(ndims):
        raise ValueError(
            f"{name} needs arrays with axes, and was given a number: x * 2 multiplies by a number"
            if name == "matmul"
            else f"{name} needs axes, and is a number"
        )


def check_some(name: str, tensors: Any) -> None:
    """Refuse to put nothing together. Raises ValueError."""
    if not len(tensors):
        raise ValueError(
            f"{name} was given no tensors at all, and cannot know a shape: begin with the first "
            "one, or with np.zeros of the shape that nothing has"
        )


def check_sections(size: int, sections: Any, axis: int) -> int:
    """Return into how many sections an axis is split, all equal. Raises ValueError, TypeError."""
    sections = operator.index(sections)
    if sections < 1:
        raise ValueError(f"split: into at least one section, not {sections}")
    if size % sections:
        raise ValueError(
            f"split: {size} elements along axis {axis} do not divide into {sections} equal "
            "sections: give the indices at which to cut"
        )
    return sections


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


def check_subscripts(subscripts: Any) -> None:
    """Refuse what says in another way than with letters what einsum is to do. Raises TypeError."""
    if not isinstance(subscripts, str):
        raise TypeError(
            "einsum: the letters come first, as in einsum('ij,jk->ik', a, b), and not "
            f"{type(subscripts).__name__}: NumPy's form with lists of axes is not offered here"
        )


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
    for term, array in zip(terms, arrays, strict=True):
        named, ndim = len(term.replace("...", "")), len(array.shape)
        if named > ndim or (named < ndim and "..." not in term):
            raise ValueError(
                f"einsum {subscripts!r}: {term!r} does not name the {ndim} axes of an array of "
                f"shape {array.shape}"
            )
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
    elif dots and "..." not in output:
        raise ValueError(
            f"einsum {subscripts!r}: the output lacks the axes that ... stands for, and nothing is "
            "summed over those: write ...-> or name them"
        )
    output = output.replace("...", dots)
    if len(set(output)) < len(output) or not set(output) <= set("".join(terms)):
        raise ValueError(
            f"einsum {subscripts!r}: each letter of the output stands there once, and in an input"
        )
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
