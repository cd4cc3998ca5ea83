"""Walking the record backwards: the gradient of a number with respect to what it came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .arrays import Array, check_same_library, column_sums, namespace
from .debugging import what_changed
from .errors import GradientError
from .tensor import RELEASED, Tensor, TensorLike, mode, raw, recording
from .validation.gradients import check_gradient_shape, check_start, check_wanted


def backward(output: Tensor, gradient: TensorLike | None = None) -> None:
    """Add the gradient of output to the `.grad` of every leaf. See `Tensor.backward`."""
    with np.errstate(under="ignore"):  # what is too small to be told from 0 is 0, and no error
        _flow(output, _seed(output, gradient, create_graph=False), wanted=None, create_graph=False)


def grad(
    output: Tensor,
    inputs: Tensor | Sequence[Tensor],
    gradient: TensorLike | None = None,
    create_graph: bool = False,
) -> tuple[Any, ...]:
    """Return the gradients of `output` with respect to each of `inputs`, in their order.

    Parameters
    ----------
    output : Tensor
    inputs : Tensor or sequence of Tensors, each with requires_grad
    gradient : array or Tensor of output's shape, optional for a single number
        The gradient of the loss with respect to `output`.
    create_graph : bool
        Return Tensors that can be differentiated again, and keep the record. Otherwise the
        gradients are plain arrays, and the record is released.

    Raises
    ------
    GradientError
        If an input does not require a gradient, or the record was released. An input on which
        `output` does not depend has gradient zero.
    """
    wanted = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    for i, x in enumerate(wanted):
        check_wanted(i, isinstance(x, Tensor) and x.requires_grad)
    with recording(mode.recording or create_graph), np.errstate(under="ignore"):
        return tuple(_flow(output, _seed(output, gradient, create_graph), wanted, create_graph))


def _seed(output: Tensor, gradient: TensorLike | None, create_graph: bool) -> Any:
    """Check the gradient that backward starts from; 1 for a single number."""
    check_start(output.requires_grad, output.shape, gradient is None)
    xp = namespace(output.data)
    gradient = xp.ones_like(output.data) if gradient is None else gradient
    check_same_library(output.data, raw(gradient))
    if not isinstance(gradient, Tensor):
        gradient = xp.asarray(gradient, dtype=output.dtype)
    elif gradient.dtype != output.dtype:
        gradient = gradient.astype(output.dtype)
    check_gradient_shape(gradient.shape, output.shape)
    if create_graph:
        return gradient if isinstance(gradient, Tensor) else Tensor(gradient)
    return raw(gradient)


def recorded(output: Tensor, stop: int = 0, ends: Sequence[Tensor] = ()) -> dict[int, Tensor]:
    """Collect by id the tensors that output was computed from and that require a gradient.

    What lies behind `ends`, and behind tensors with an id up to `stop`, is left out.
    """
    found = {x._id: x for x in ends}
    stack = [] if output._id in found else [output]
    found[output._id] = output
    while stack:
        y = stack.pop()
        node = y._node
        if node is None or y._id <= stop:
            continue
        if node is RELEASED:
            raise GradientError(
                "this gradient needs a record that an earlier backward released: compute the "
                "output again, or take the earlier gradient with grad(..., create_graph=True)"
            )
        for x in node[1]:
            if isinstance(x, Tensor) and x._tracked and x._id not in found:
                found[x._id] = x
                stack.append(x)
    return found


def partial_gradients(
    output: Tensor, inputs: list[Tensor], gradient: Any, create_graph: bool
) -> list[Any]:
    """The gradients with respect to inputs taken as independent, whatever lies behind them."""
    return _flow(output, gradient, inputs, create_graph, recorded(output, ends=inputs))


def _needed(found: dict[int, Tensor], wanted: Iterable[int]) -> set[int]:
    """Of the recorded tensors those on the way to a wanted one, by id."""
    needed = set(wanted)
    for i in sorted(found):  # inputs come before outputs
        node = found[i]._node
        if type(node) is tuple and any(isinstance(x, Tensor) and x._id in needed for x in node[1]):
            needed.add(i)
    return needed & found.keys()


def _flow(
    output: Tensor,
    gradient: Any,
    wanted: list[Tensor] | None,
    create_graph: bool,
    found: dict[int, Tensor] | None = None,
) -> list[Any]:
    """Let the gradient flow from output, newest tensor first.

    A tensor is visited once, when every tensor computed from it has been: only then is its
    gradient complete. In `b = a + a; c = b + b`, visiting b once for each of its two uses would
    send its half-finished gradient on to a, twice.

    With `wanted`, return the gradients of those tensors; without, add each leaf's to its `.grad`.
    What was found beforehand ends at the wanted tensors: nothing flows on from them.
    """
    to_leaves, ends_there = wanted is None, found is not None
    found = recorded(output) if found is None else found
    answers: dict[int, Any] = {x._id: None for x in wanted or ()}
    needed = set(found) if to_leaves else _needed(found, answers)
    if not create_graph and (output._node is None or output._id in answers):
        gradient = gradient.copy()  # it is the answer itself, and the caller keeps theirs
    flowing = {output._id: gradient}
    owned: set[int] = set()  # gradients that are sums made here: safe to add to in place
    for i in sorted(needed, reverse=True):
        y, g = found.pop(i), flowing.pop(i, None)
        if g is None:
            continue
        if i in answers:
            answers[i] = g if create_graph else _array(g)
            if ends_there:
                continue
        node = y._node
        if node is None:
            if to_leaves:
                y.grad = _array(g if y.grad is None else y.grad + g)
            continue
        op, inputs = node[0], node[1]
        needs = [isinstance(x, Tensor) and x._id in needed for x in inputs]
        if True not in needs:
            continue
        if y._marks is not None and (changed := what_changed(y)):
            raise GradientError(changed)
        gradients = op.gradients(g, y, needs, create_graph)
        if not create_graph:
            y._node = RELEASED
        for k, gx in enumerate(gradients):
            if gx is None:
                continue
            x = inputs[k]
            data, j = x.data, x._id
            if gx.shape != data.shape:
                gx = unbroadcast(gx, data.shape)
            if gx.dtype is not data.dtype:
                gx = gx.astype(data.dtype)
            if j in owned:
                flowing[j] += gx
            elif j in flowing:
                flowing[j] = gx = flowing[j] + gx
                if not create_graph and gx.ndim:
                    owned.add(j)
            elif not create_graph and (x._node is None or j in answers):
                flowing[j] = _own(gx, g)  # what a caller keeps shares no memory with another
            else:
                flowing[j] = gx
    return [_or_zero(answers[x._id], x, create_graph) for x in wanted or ()]


def _own(gx: Array, g: Array) -> Array:
    """Return gx, or a copy where it is a view or the passed-on gradient itself."""
    return gx.copy() if gx is g or gx.base is not None else gx


def _array(g: Array) -> Array:
    """NumPy makes a scalar of arrays without axes whenever it computes with them; undo that."""
    return np.asarray(g) if isinstance(g, np.generic) else g


def _or_zero(g: Any, x: Tensor, create_graph: bool) -> Any:
    if g is not None:
        return g
    zeros = namespace(x.data).zeros_like(x.data)
    return Tensor(zeros) if create_graph else zeros


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum g back to `shape`, over the axes that broadcasting added or stretched."""
    if g.ndim > 1 and g.shape[-1:] == shape and not isinstance(g, Tensor):
        return column_sums(g)  # a bias, added to every row
    added = g.ndim - len(shape)
    stretched = [i + added for i, n in enumerate(shape) if n == 1 and g.shape[i + added] != 1]
    axes = (*range(added), *stretched)
    return g.sum(axis=axes).reshape(shape) if axes else g.reshape(shape)
