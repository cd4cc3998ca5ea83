"""Optimisers that move many parameters by a few calls."""

from __future__ import annotations

import itertools
import math
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..arrays import namespace
from . import kernels

# A parameter of more numbers is moved by itself: to copy it would take longer.
SMALL_PARAMETER = 1 << 14


def update_end_to_end(optimizer: Any) -> None:
    """`Optimizer.update_all`, with the small parameters laid end to end: the same bits."""
    if _can_be_at_once(optimizer):
        return _adam_at_once(optimizer)
    if optimizer not in _laid_out:
        _laid_out[optimizer] = _EndToEnd(optimizer)
    small = _laid_out[optimizer]
    rest = list(range(len(optimizer.parameters)))
    gradients = [p.grad for p in small.parameters]
    if gradients and all(g is not None for g in gradients):
        xp = namespace(gradients[0])
        data = xp.concatenate([p.data for p in small.parameters], axis=None)
        gradient = xp.concatenate(gradients, axis=None)
        optimizer.update(data, gradient, *small.state)
        for p, moved in zip(small.parameters, small.parts(data), strict=True):
            p.data[...] = moved
        rest = small.others
    for i in rest:
        p = optimizer.parameters[i]
        if p.grad is not None:
            optimizer.update(p.data, p.grad, *(arrays[i] for arrays in optimizer.state.values()))


class _EndToEnd:
    """The small parameters of an optimiser, and what is kept of them, laid end to end."""

    def __init__(self, optimizer: Any) -> None:
        dtype = optimizer.parameters[0].dtype
        fits = [p.size <= SMALL_PARAMETER and p.dtype == dtype for p in optimizer.parameters]
        self.parameters = list(itertools.compress(optimizer.parameters, fits))
        self.others = [i for i, is_small in enumerate(fits) if not is_small]
        ends = list(itertools.accumulate((p.size for p in self.parameters), initial=0))
        self.places = [slice(*pair) for pair in itertools.pairwise(ends)]
        xp = namespace(optimizer.parameters[0].data)
        self.state = []
        for arrays in optimizer.state.values():
            flat = xp.zeros(ends[-1], dtype)
            parts = iter(self.parts(flat))
            for i in itertools.compress(range(len(arrays)), fits):
                part = next(parts)
                part[...] = arrays[i]
                arrays[i] = part  # the optimiser's own array is a view from now on
            self.state.append(flat)

    def parts(self, flat: Any) -> list[Any]:
        """The part of each small parameter in an array that holds a number for each of theirs."""
        pairs = zip(self.parameters, self.places, strict=True)
        return [flat[place].reshape(p.shape) for p, place in pairs]


_laid_out: WeakKeyDictionary[Any, _EndToEnd] = WeakKeyDictionary()


def _can_be_at_once(optimizer: Any) -> bool:
    """Whether the kernel is this optimiser's: Adam or AdamW as they stand, all on a GPU."""
    parameters = optimizer.parameters
    if type(optimizer).__module__ != "minitorch_attn.optim" or "square" not in optimizer.state:
        return False
    arrays = [a for p in parameters for a in (p.data, p.grad) if a is not None]
    return len(arrays) == 2 * len(parameters) and kernels.fit(*arrays)


def _adam_at_once(optimizer: Any) -> None:
    """One launch for all parameters, where they lie."""
    beta1, beta2 = optimizer.betas
    mean, square = optimizer.state.values()
    correction = math.sqrt(1 - beta2**optimizer.steps)
    kernels.adam(
        [p.data for p in optimizer.parameters],
        [p.grad for p in optimizer.parameters],
        mean,
        square,
        decay=1 - optimizer.lr * getattr(optimizer, "weight_decay", 0.0),
        betas=optimizer.betas,
        eps=optimizer.eps * correction,
        rate=optimizer.lr * correction / (1 - beta1**optimizer.steps),
    )


def gradient_norm(parameters: Any) -> Any:
    """`optim.gradient_norm`, with one look at the device in place of one a parameter."""
    if not isinstance(parameters, list):  # it could be gone through but once
        return NotImplemented
    found = norm_there(parameters)
    if found is None:
        return NotImplemented
    norm = float(found)
    return norm if math.isfinite(norm) else NotImplemented


def norm_there(parameters: list[Any]) -> Any:
    """The gradients' joint length as an array of their device; None on the CPU, or without any."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients or isinstance(gradients[0], np.ndarray):
        return None
    if kernels.fit(*gradients):
        return kernels.gradient_norm(gradients)
    xp = namespace(gradients[0])
    return xp.sqrt(sum(xp.vdot(g, g) for g in gradients))


def adam(optimizer: Any, data: Any, gradient: Any, mean: Any, square: Any) -> None:
    """`Adam.update` with one array that holds in turn all that is in between.

    To fill new ones takes longer. The correction of the square is applied to the rate and to eps,
    which are single numbers.
    """
    beta1, beta2 = optimizer.betas
    xp = namespace(data)
    scratch = xp.empty_like(data)
    xp.multiply(gradient, 1 - beta1, out=scratch)
    mean *= beta1
    mean += scratch
    xp.multiply(gradient, gradient, out=scratch)
    scratch *= 1 - beta2
    square *= beta2
    square += scratch
    correction = math.sqrt(1 - beta2**optimizer.steps)
    xp.sqrt(square, out=scratch)
    scratch += optimizer.eps * correction
    xp.divide(mean, scratch, out=scratch)
    scratch *= optimizer.lr * correction / (1 - beta1**optimizer.steps)
    data -= scratch
