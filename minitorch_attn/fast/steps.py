"""A training step shared among threads: each takes a part of the batch."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backward import grad
from ..ops import cross_entropy
from ..tensor import mode
from ..threads import parallel_map, sharing, threads

# A step with fewer rows or products than this is done before a second thread has taken up its part.
MANY_ROWS, WORTH_SHARING = 1 << 11, 1 << 28


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

    cuts = [slice(n * i // count, n * (i + 1) // count) for i in range(count)]
    with sharing():
        found = parallel_map(part, cuts)
    losses, logits, gradients = zip(*found, strict=True)
    for parameter, parts in zip(parameters, zip(*gradients, strict=True), strict=True):
        total = functools.reduce(operator.iadd, parts)
        parameter.grad = total if parameter.grad is None else parameter.grad + total
    return sum(losses), np.concatenate(logits)


def _sharers(model: Any, inputs: Any) -> int:
    """How many threads are worth while for one step."""
    if threads() == 1 or mode.debugging or not isinstance(inputs, np.ndarray):
        return 1
    # A row of the input (a token, say) meets about every parameter once: a rough count of products.
    rows = math.prod(inputs.shape[:-1])
    if rows < MANY_ROWS or rows * model.num_parameters() < WORTH_SHARING:
        return 1
    return 1 if any(m.is_random for _, m in model.named_modules()) else threads()
