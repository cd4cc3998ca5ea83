"""A training step shared among threads: each takes a part of the batch."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..backward import grad
from ..matrix_library import OneThread
from ..ops import cross_entropy
from ..tensor import mode
from ..threads import parallel_map, shares, sharing, threads

# A step with fewer rows or products than this is done before a second thread has taken up its part.
MANY_ROWS, WORTH_SHARING = 1 << 9, 1 << 26

# Of a step with fewer products, and whole, none is large.
SMALL_STEP = 1 << 28


def shared_gradients(
    model: Any, inputs: Any, targets: Any, loss: Callable[..., Any] = cross_entropy
) -> Any:
    """`compute_gradients` where a step is large enough; the sums over the parts differ by rounding.

    With dropout the batch stays whole: what is dropped would depend on which thread came first. So
    it does for any loss but cross-entropy, which is known to count each example alike.
    """
    whole = loss is not cross_entropy or not isinstance(targets, np.ndarray)
    count = 1 if whole else min(len(targets), _sharers(model, inputs))
    if count == 1:
        return NotImplemented
    n = len(targets)
    parameters = [p for p in model.parameters() if p.requires_grad]

    def part(rows: slice) -> tuple[float, Any, tuple[Any, ...]]:
        logits = model(inputs[rows])
        value = loss(logits, targets[rows])
        share = len(logits) / n
        weight = np.asarray(share, value.dtype)
        return share * value.item(), logits.data, grad(value, parameters, weight)

    with sharing():
        found = parallel_map(part, shares(n, count))
    losses, logits, gradients = zip(*found, strict=True)
    for parameter, pieces in zip(parameters, zip(*gradients, strict=True), strict=True):
        total = functools.reduce(operator.iadd, pieces)
        parameter.grad = total if parameter.grad is None else parameter.grad + total
    return np.asarray(sum(losses)), np.concatenate(logits)


def _sharers(model: Any, inputs: Any) -> int:
    """How many threads are worth while for one step."""
    if threads() == 1 or mode.debugging or not isinstance(inputs, np.ndarray):
        return 1
    if math.prod(inputs.shape[:-1]) < MANY_ROWS or _products(model, inputs) < WORTH_SHARING:
        return 1
    return 1 if any(_may_draw(m) for _, m in model.named_modules()) else threads()


def _may_draw(module: Any) -> bool:
    """Whether it draws, as it says itself, or else as a generator among its attributes says."""
    own = vars(module)
    if "is_random" in own or module.is_random:
        return module.is_random
    return any(isinstance(value, np.random.Generator) for value in own.values())


def _products(model: Any, inputs: np.ndarray) -> int:
    """A rough count: a row of the input (a token, say) meets about every parameter once."""
    if model not in _num_parameters:  # to count takes a twentieth of the smallest step
        _num_parameters[model] = model.num_parameters()
    return math.prod(inputs.shape[:-1]) * _num_parameters[model]


_num_parameters: WeakKeyDictionary[Any, int] = WeakKeyDictionary()


def small_step(model: Any, inputs: Any) -> AbstractContextManager[None]:
    """In the block of a small step the matrix library has one thread, asked for once.

    Each small product would have one anyway; to ask at each takes a sixth of the smallest steps.
    """
    is_known = isinstance(inputs, np.ndarray) and inputs.dtype.kind == "f"
    if is_known and _products(model, inputs) < SMALL_STEP:
        return OneThread()
    return nullcontext()
