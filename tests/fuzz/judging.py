"""What a value, a gradient and a gradient's gradient are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch_attn import Tensor, grad

Arrays = list[np.ndarray]


def close(found: Any, wanted: Any, tolerance: float, what: str) -> None:
    """Equal to a tolerance that is measured by the largest number of all."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape, f"{what}: shape {found.shape}, not {wanted.shape}"
    size = max(
        1.0,
        float(np.abs(wanted, where=np.isfinite(wanted), out=np.zeros(wanted.shape)).max(initial=0)),
    )
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * size, err_msg=what)


def along(gradients: Any, directions: Arrays) -> float:
    """The slope along a direction, of gradients as arrays."""
    return float(sum((g * v).sum() for g, v in zip(gradients, directions, strict=True)))


def slope(function: Callable[[Arrays], float], xs: Arrays, vs: Arrays) -> tuple[float, float]:
    """A function's slope along vs by differences of two steps, and how far they can be trusted.

    Near a kink the two steps disagree, and there is nothing to be trusted.
    """
    found, size = [], 1.0
    for h in (1e-5, 3e-6):
        up, down = (function([x + s * v for x, v in zip(xs, vs, strict=True)]) for s in (h, -h))
        found.append((up - down) / (2 * h))
        size = max(size, abs(up))
    a, b = found
    return b, 10 * abs(a - b) + 1e-9 * size


def check_slope(found: float, numeric: tuple[float, float], parts: Any, what: str) -> None:
    """Equal to a small part of what was summed up, and to what the differences can tell."""
    wanted, doubt = numeric
    size = abs(wanted) + sum(float(np.square(p).sum()) for p in parts) ** 0.5
    if doubt < 1e-2 * size or doubt < 1e-6:
        assert abs(found - wanted) <= doubt + 1e-5 * size, (
            f"{what}: {found}, not {wanted} ± {doubt}"
        )


def check_gradients(loss: Callable[[list[Any]], Any], xs: Arrays, rng: np.random.Generator) -> None:
    """First and second order of a number-valued function of float64 arrays, along random lines."""
    vs, ws = ([rng.normal(size=x.shape) for x in xs] for _ in range(2))

    def value(arrays: Arrays) -> float:
        return float(loss([Tensor(a) for a in arrays]))

    def gradient_along(arrays: Arrays) -> float:
        tensors = [Tensor(a, requires_grad=True) for a in arrays]
        y = loss(tensors)
        return along(grad(y, tensors), ws) if y.requires_grad else 0.0

    tensors = [Tensor(x, requires_grad=True) for x in xs]
    y = loss(tensors)
    if not y.requires_grad:
        return
    again = grad(loss(tensors), tensors, create_graph=True)
    first = grad(y, tensors)
    for i, (a, b) in enumerate(zip(first, again, strict=True)):
        close(a, b.data, 1e-9, f"gradient {i}, with and without create_graph")
    parts = [g * v for g, v in zip(first, vs, strict=True)]
    check_slope(along(first, vs), slope(value, xs, vs), parts, "the slope along a line")
    total = sum((g * w).sum() for g, w in zip(again, ws, strict=True))
    second = grad(total, tensors) if total.requires_grad else [np.zeros_like(x) for x in xs]
    parts = [g * v for g, v in zip(second, vs, strict=True)]
    numeric = slope(gradient_along, xs, vs)
    check_slope(along(second, vs), numeric, parts, "the gradient's slope along a line")
