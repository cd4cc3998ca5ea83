"""What an optimiser can move, and what may stand in the place of its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, DeviceError, namespace, to_numpy
from .layers import check_range


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


def check_state_devices(parameters: str, state: str) -> None:
    """Refuse to step where an optimiser keeps its state elsewhere. Raises DeviceError."""
    if parameters != state:
        raise DeviceError(
            f"the parameters are on {parameters}, and what the optimiser keeps is on {state}: move "
            "the model first, then make its optimiser"
        )


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
