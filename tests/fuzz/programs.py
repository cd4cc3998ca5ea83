"""Random programs of up to 30 ops: values by NumPy, gradients by differences, both forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch_attn import Tensor, grad, ops, plain

from .judging import check_gradients, close
from .plainly import PLAIN

Rng = np.random.Generator
LONGEST = 30
LARGEST = 400  # elements of one array


def squashed(lib: Any, x: Any) -> Any:
    """What may be large brought near 0, lest a program overflows."""
    return lib.tanh(lib.multiply(x, 0.25))


def positive(lib: Any, x: Any) -> Any:
    return lib.add(lib.absolute(x), 0.5)


def an_axis(rng: Rng, ndim: int) -> int:
    return int(rng.integers(-ndim, ndim))


def axes(rng: Rng, ndim: int) -> Any:
    """None, an axis, or several."""
    kind = rng.integers(3)
    if not ndim or kind == 0:
        return None
    if kind == 1:
        return an_axis(rng, ndim)
    return tuple(int(a) for a in rng.permutation(ndim)[: rng.integers(1, ndim + 1)])


def one(name: str, prepare: Callable = lambda lib, x: x) -> Callable:
    return lambda rng, lib, a, b: getattr(lib, name)(prepare(lib, a))


def two(name: str) -> Callable:
    return lambda rng, lib, a, b: getattr(lib, name)(a, b)


def reduced(name: str) -> Callable:
    def step(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
        axis, keepdims = axes(rng, a.ndim), bool(rng.integers(2))
        return getattr(lib, name)(a, axis=axis, keepdims=keepdims)

    return step


def over_an_axis(name: str) -> Callable:
    def step(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
        return getattr(lib, name)(a, axis=an_axis(rng, a.ndim) if a.ndim else -1)

    return step


def with_number(name: str) -> Callable:
    """A number on one side, of Python's or of NumPy's kinds."""

    def step(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
        number: Any = [2, 0.5, np.float64(1.5), np.float32(0.25), np.int64(3)][rng.integers(5)]
        number = number if lib is ops else float(number)
        a = positive(lib, a) if name in ("divide", "power") else a
        return getattr(lib, name)(*((a, number) if rng.integers(2) else (number, a)))

    return step


def power(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    return lib.power(positive(lib, squashed(lib, a)), squashed(lib, b))


def moved(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    if a.ndim < 2:
        return lib.reshape(a, (1, -1, 1))
    if rng.integers(2):
        return lib.transpose(a, tuple(int(i) for i in rng.permutation(a.ndim)))
    return lib.swapaxes(a, an_axis(rng, a.ndim), an_axis(rng, a.ndim))


def reshaped(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    return lib.reshape(a, [(-1,), (a.size,), (1, a.size), (*a.shape[::-1],)][rng.integers(4)])


def squeezed(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    return lib.squeeze(a)


def stretched(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    return lib.broadcast_to(a, (int(rng.integers(1, 3)), *a.shape))


def sliced(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    index = tuple(
        slice(None, None, [1, -1, 2][rng.integers(3)])
        if rng.integers(3)
        else slice(0, max(1, n // 2))
        for n in a.shape
    )
    return lib.getitem(a, index)


def taken(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    if not a.ndim:
        return a
    axis = an_axis(rng, a.ndim)
    n = a.shape[axis]
    dtype = [np.int8, np.uint8, np.int64][rng.integers(3)]
    return lib.take(a, rng.integers(0, n, int(rng.integers(1, 4))).astype(dtype), axis=axis)


def joined(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    if a.ndim and rng.integers(2):
        return lib.concatenate([a, a], axis=an_axis(rng, a.ndim))
    return lib.stack([a, a], axis=int(rng.integers(-a.ndim - 1, a.ndim + 1)))


def parted(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    if not a.ndim:
        return a
    axis = an_axis(rng, a.ndim)
    return lib.split(a, [a.shape[axis] // 2], axis)[1]


def chosen(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    shape = np.broadcast_shapes(a.shape, b.shape)
    return lib.where(rng.random(shape) < 0.5, a, b)


def multiplied(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    if not a.ndim:
        return a
    weight = rng.normal(size=(a.shape[-1], 3))
    if a.ndim > 1 and rng.integers(2):
        return squashed(lib, lib.linear(a, weight, weight[0] if len(weight) else np.zeros(3)))
    return squashed(lib, lib.matmul(a, weight))


def gram(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    return a if a.ndim < 2 else squashed(lib, lib.matmul(a, lib.swapaxes(a, -1, -2)))


def normed(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    if not a.ndim:
        return a
    weight, bias = rng.normal(size=(2, a.shape[-1]))
    return lib.layer_norm(a, *[(), (weight,), (weight, bias), (None, bias)][rng.integers(4)])


def lost(rng: Rng, lib: Any, a: Any, b: Any) -> Any:
    return a if not a.ndim else lib.cross_entropy(a, rng.integers(0, a.shape[-1], a.shape[:-1]))


def small(lib: Any, x: Any) -> Any:
    return squashed(lib, x)


STEPS: tuple[Callable, ...] = (
    *map(two, ("add", "subtract", "multiply", "maximum", "minimum")),
    lambda rng, lib, a, b: lib.divide(a, positive(lib, b)),
    power,
    *(with_number(n) for n in ("add", "subtract", "multiply", "divide", "power", "maximum")),
    *(one(n) for n in ("negative", "absolute", "tanh", "sigmoid", "relu", "gelu")),
    one("exp", small),
    one("log", positive),
    one("sqrt", positive),
    *map(reduced, ("sum", "mean", "max", "min", "var", "logsumexp")),
    *map(over_an_axis, ("softmax", "log_softmax")),
    moved, reshaped, squeezed, stretched, sliced, taken, joined, parted, chosen,
    multiplied, gram, normed, lost,
)  # fmt: skip


def run(seed: int, leaves: list[Any], lib: Any) -> tuple[list[Any], Any]:
    """All that a program computes, and one number of it. What it does depends on shapes alone."""
    rng = np.random.default_rng(seed)
    pool = list(leaves)
    for _ in range(rng.integers(1, LONGEST + 1)):
        step = STEPS[rng.integers(len(STEPS))]
        a = pool[rng.integers(len(pool))]
        fitting = [x for x in pool if fit(a.shape, x.shape)]
        b = fitting[rng.integers(len(fitting))]
        own = np.random.default_rng(rng.integers(2**32))
        if (
            a.size * 9 > LARGEST
            or np.broadcast(np.empty(a.shape), np.empty(b.shape)).size > LARGEST
        ):
            continue
        y = step(own, lib, a, b)
        y = np.asarray(y) if lib is PLAIN else y
        # What grows is brought back, and what is empty left out.
        pool.append(squashed(lib, y) if rng.integers(2) else y)
        if not pool[-1].size or pool[-1].size > LARGEST:
            pool.pop()
    total: Any = 0.0
    for x in pool:
        weights = np.random.default_rng(x.ndim).uniform(0.5, 1.5, x.shape)
        total = lib.add(total, lib.sum(squashed(lib, lib.multiply(x, weights))))
    return pool, total


def fit(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        return False
    return True


def leaves_of(rng: Rng, dtypes: tuple[Any, ...]) -> list[np.ndarray]:
    shapes = [tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 4))) for _ in range(3)]
    found = []
    for shape in shapes:
        dtype = np.dtype(dtypes[rng.integers(len(dtypes))])
        x: Any = rng.normal(size=shape)
        if dtype.kind in "iub":
            x = rng.integers(0 if dtype.kind in "ub" else -3, 2 if dtype.kind == "b" else 4, shape)
        found.append(np.asarray(x, dtype))
    return found


def trial(rng: Rng) -> None:
    """float64: each value by NumPy, first and second order by differences, and the plain forms."""
    xs, seed = leaves_of(rng, (np.float64,)), int(rng.integers(2**32))
    found, total = run(seed, [Tensor(x) for x in xs], ops)
    wanted, _ = run(seed, xs, PLAIN)
    for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
        assert a.dtype == np.float64
        close(a.data, b, 1e-8, f"value {i}")
    with plain():
        close(float(run(seed, [Tensor(x) for x in xs], ops)[1]), float(total), 1e-9, "plain form")
    check_gradients(lambda tensors: run(seed, tensors, ops)[1], xs, rng)


NUMBERS = (np.float32, np.float64, np.float32, np.uint8, np.int8, np.int64, np.bool_)


def mixed_trial(rng: Rng) -> None:
    """Any numbers: as in float64 to what float32 can tell, in value and gradient; in both forms."""
    xs, seed = leaves_of(rng, NUMBERS), int(rng.integers(2**32))

    def differentiated(arrays: list[np.ndarray]) -> tuple[list[Any], list[Any]]:
        tensors = [Tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]
        pool, total = run(seed, tensors, ops)
        own = [t for t, x in zip(tensors, xs, strict=True) if x.dtype.kind == "f"]
        gradients = grad(total, own) if total.requires_grad and own else ()
        for t, g in zip(own, gradients, strict=len(gradients) > 0):
            assert g.dtype == t.dtype
        return [t.data for t in pool], list(gradients)

    values, gradients = differentiated(xs)
    for x in values:
        assert np.isfinite(x).all()
        assert x.dtype.kind in "iubf"
        assert x.dtype != np.float16
    wide = [x.astype(np.float64) for x in xs]
    wanted, wanted_gradients = differentiated(wide)
    # How much float32's rounding does to this program is seen by moving its inputs as much.
    near, near_gradients = differentiated([x * (1 + 1e-6 * rng.normal(size=x.shape)) for x in wide])
    for i, (a, b, c) in enumerate(
        zip(values + gradients, wanted + wanted_gradients, near + near_gradients, strict=True)
    ):
        tolerance = 1e-4 + 300 * float(np.abs(b - c).max(initial=0)) / max(
            1.0, float(np.abs(b).max())
        )
        close(a, b, min(tolerance, 1.0), f"number {i}")
    with plain():
        slow, _ = differentiated(xs)
    for a, b in zip(values, slow, strict=True):
        assert a.dtype == b.dtype, "the plain form has another dtype"
