"""Random indices, by NumPy: what they take, what flows back, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_attn import Tensor, grad, ops

from .judging import close

Rng = np.random.Generator
INTEGERS = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)


def drawn_index(rng: Rng, shape: tuple[int, ...]) -> Any:
    """An index that fits, most of the time."""
    parts: list[Any] = []
    common = tuple(int(n) for n in rng.integers(0, 4, rng.integers(0, 3)))
    axis = 0
    while axis < len(shape) and rng.integers(6):
        n, kind = shape[axis], rng.integers(8)
        axis += 1
        if kind == 0:
            parts.append(None)
            axis -= 1
        elif kind == 1 and Ellipsis not in [p for p in parts if p is Ellipsis]:
            parts.append(Ellipsis)
            break
        elif kind == 2:
            parts.append(int(rng.integers(-n - (rng.integers(20) == 0), max(1, n))))
        elif kind == 3:
            dtype = INTEGERS[rng.integers(len(INTEGERS))]
            low = 0 if np.dtype(dtype).kind == "u" else -n
            parts.append(rng.integers(low, max(1, n), common).astype(dtype) if n else slice(None))
        elif kind == 4:
            parts.append(rng.random(n) < 0.5)
        elif kind == 5 and rng.integers(2):
            parts.append([int(i) for i in rng.integers(-n, max(1, n), 2)] if n else slice(None))
        else:
            a, b = (
                None if rng.integers(3) == 0 else int(rng.integers(-n - 1, n + 2)) for _ in "ab"
            )
            parts.append(slice(a, b, [None, 1, 2, -1, -2][rng.integers(5)]))
    if len(parts) == 1 and rng.integers(2):
        return parts[0]
    return tuple(parts)


def trial(rng: Rng) -> None:
    """x[index], with arrays and Tensors in the index, and its gradients."""
    shape = tuple(
        int(n) for n in rng.integers(0 if rng.integers(5) == 0 else 1, 5, rng.integers(0, 4))
    )
    x, index = rng.normal(size=shape), drawn_index(rng, shape)
    t = Tensor(x, requires_grad=True)
    try:
        wanted = np.asarray(x[index])
    except IndexError:
        try:
            t[index]
        except IndexError:
            return
        raise AssertionError(f"x[{index}] of shape {shape} is an error of NumPy's") from None
    y = t[index]
    close(y.data, wanted, 0, f"x[{index}] of shape {shape}")
    seed = rng.normal(size=wanted.shape)
    back = np.zeros(shape)
    np.add.at(back, index, seed)
    close(grad(y, t, seed)[0], back, 1e-12, f"the gradient of x[{index}]")
    (g,) = grad(t[index], t, Tensor(seed, requires_grad=True), create_graph=True)
    close(g.data, back, 1e-12, f"the gradient of x[{index}], recorded")
    if shape and shape[0]:
        rows = rng.integers(-shape[0], shape[0], 3).astype(INTEGERS[2 * rng.integers(4)])
        close(ops.take(x, rows, axis=0), x[rows], 0, "take")
