"""Checking a gradient against the definition of a derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .arrays import namespace, to_numpy
from .backward import grad
from .errors import MinitorchError
from .tensor import Tensor


class GradcheckError(MinitorchError, AssertionError):
    """The gradient rules and the finite differences disagree; the message says where."""


def numerical_gradient(
    function: Callable[..., float], arrays: Sequence[Any], i: int, eps: float
) -> Any:
    """The gradient of a number-valued function of arrays in its i-th one, by central differences.

    (f(x + eps) - f(x - eps)) / (2 eps), one element of x after the other: the error is of order
    eps² from the formula and machine precision / eps from rounding.
    """
    x = arrays[i]
    if x.dtype.kind != "f":
        raise TypeError(f"a step of {eps} needs floating-point numbers, and input {i} is {x.dtype}")
    result = np.zeros(x.shape, dtype=np.float64)
    for index in np.ndindex(*x.shape):
        values = []
        for step in (eps, -eps):
            moved = x.copy()
            moved[index] += step
            values.append(function(*arrays[:i], moved, *arrays[i + 1 :]))
        result[index] = (values[0] - values[1]) / (2 * eps)
    return result


def gradcheck(
    function: Callable[..., Tensor],
    inputs: Sequence[Any],
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-4,
) -> bool:
    """Compare the gradients of `function` with central differences.

    Parameters
    ----------
    function : takes as many Tensors as there are inputs, returns one Tensor of any shape
    inputs : float64 arrays or Tensors; a Tensor that does not require a gradient is a constant
    eps : step of the differences
    atol, rtol : |analytic - numeric| may be atol + rtol |numeric|

    Returns
    -------
    True. The output is weighted with fixed random numbers first: a plain sum would let wrong
    rules pass, softmax's among them, whose outputs sum to 1 whatever the rule.

    Raises
    ------
    GradcheckError
        Naming the input, the element, and both values.
    TypeError
        If an input is not float64: differences of float32 numbers are too coarse to check with.
    """
    tensors = [_checked(x, i) for i, x in enumerate(inputs)]
    arrays = [x.data for x in tensors]
    output = function(*tensors)
    xp = namespace(output.data)
    seed = xp.asarray(np.random.default_rng(0).uniform(0.5, 1.5, output.shape))

    def number(*moved: Any) -> float:
        y = function(
            *[
                Tensor(a.copy(), requires_grad=t.requires_grad)
                for a, t in zip(moved, tensors, strict=True)
            ]
        )
        return float((y.data * seed).sum())

    checked = [i for i, x in enumerate(tensors) if x.requires_grad]
    if not output.requires_grad:
        raise GradcheckError("the output does not depend on any input that requires a gradient")
    analytic = grad(output, [tensors[i] for i in checked], seed)
    for i, found in zip(checked, analytic, strict=True):
        _compare(to_numpy(found), numerical_gradient(number, arrays, i, eps), i, atol, rtol)
    return True


def gradgradcheck(
    function: Callable[..., Tensor],
    inputs: Sequence[Any],
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """Compare the gradients of the gradients of `function` with central differences.

    As `gradcheck`, applied to the gradient as a function of the inputs and of the output's
    gradient.
    """
    tensors = [_checked(x, i) for i, x in enumerate(inputs)]
    output = function(*tensors)
    xp = namespace(output.data)
    seed = Tensor(xp.asarray(np.random.default_rng(1).uniform(0.5, 1.5, output.shape)), True)
    checked = [i for i, x in enumerate(tensors) if x.requires_grad]
    for i in checked:

        def gradient(seed: Tensor, *moved: Tensor, i: int = i) -> Tensor:
            found = grad(function(*moved), moved[i], seed, create_graph=True)[0]
            # On an input that the function does not use nothing depends, and 0 is right.
            return found if found.requires_grad else found + 0.0 * seed.sum()

        gradcheck(gradient, [seed, *tensors], eps, atol, rtol)
    return True


def _checked(x: Any, i: int) -> Tensor:
    if not isinstance(x, Tensor):
        x = Tensor(x, requires_grad=True)
    if x.requires_grad and x.dtype != np.float64:
        raise TypeError(f"gradcheck needs float64, and input {i} is {x.dtype}: convert it first")
    return Tensor(x.data.copy(), requires_grad=x.requires_grad)  # the caller's own stays as it is


def _compare(found: np.ndarray, numeric: np.ndarray, i: int, atol: float, rtol: float) -> None:
    wrong = ~(np.abs(found - numeric) <= atol + rtol * np.abs(numeric))
    if wrong.any():
        index = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise GradcheckError(
            f"input {i}, element {index} of shape {found.shape}: the rules give "
            f"{found[index]:.6g}, finite differences {numeric[index]:.6g} "
            f"({int(wrong.sum())} of {wrong.size} elements disagree)"
        )
