"""What must hold for every row of the table of ops. Each check raises if it does not."""

from __future__ import annotations

import warnings
import zlib
from typing import Any

import numpy as np
from helpers.libraries import on

from minitorch_attn import Tensor, grad, gradcheck, gradgradcheck
from minitorch_attn.arrays import device_of, to_numpy
from optable.oprow import Row, Shapes


def draw(row: Row, shapes: Shapes, dtype: Any = np.float64) -> list[np.ndarray]:
    """The inputs of a row: far from 0 and from one another, so that no kink is near."""
    if not isinstance(row.domain, str):
        return [a.astype(dtype) for a in row.domain]
    rng = np.random.default_rng(zlib.crc32(row.id.encode()))
    sizes = [int(np.prod(shape)) for shape in shapes]
    count = sum(sizes)
    numbers = (np.arange(count) - count // 2 + 0.5) * min(0.3, 7 / max(1, count))
    numbers = rng.permutation(numbers + rng.uniform(-0.02, 0.02, count))
    if row.domain == "positive":
        numbers = 0.3 + np.abs(numbers)
    ends = np.cumsum([0, *sizes])
    return [
        numbers[a:b].reshape(shape).astype(dtype)
        for a, b, shape in zip(ends[:-1], ends[1:], shapes, strict=True)
    ]


def weights(shape: tuple[int, ...], i: int, dtype: Any = np.float64) -> np.ndarray:
    """An output gradient: never uniform, since a uniform one lets wrong rules pass."""
    return np.random.default_rng(i).uniform(0.5, 1.5, shape).astype(dtype)


def differentiate(row: Row, inputs: Any, device: str = "cpu", dtype: Any = np.float64) -> Any:
    """The output of a row, its gradients, and the gradients of a weighted sum of those."""
    xs = [Tensor(x, requires_grad=True) for x in on(device, inputs)]
    constants = on(device, row.constants)
    y = row.call(*xs, *constants)
    (seed,) = on(device, [weights(y.shape, 0, dtype)])
    first = grad(row.call(*xs, *constants), xs, seed)
    again = grad(y, xs, Tensor(seed, requires_grad=True), create_graph=True)
    total = sum((g * m).sum() for g, m in zip(again, by(again, device, dtype), strict=True))
    second = grad(total, xs) if total.requires_grad else tuple(x.data * 0 for x in xs)
    return y.data, first, tuple(g.data for g in again), second


def by(tensors: Any, device: str, dtype: Any) -> list[Any]:
    return on(device, [weights(t.shape, i + 1, dtype) for i, t in enumerate(tensors)])


def close(found: Any, wanted: Any, what: str, tolerance: float = 1e-9) -> None:
    found, wanted = to_numpy(found), np.asarray(to_numpy(wanted))
    assert found.shape == wanted.shape, f"{what}: shape {found.shape}, not {wanted.shape}"
    np.testing.assert_allclose(
        found, wanted, rtol=tolerance, atol=tolerance, err_msg=what, strict=False
    )


def check_value(row: Row) -> None:
    """Tensors and plain arrays give what the definition gives, and no input is changed."""
    for shapes in row.shapes:
        inputs = draw(row, shapes)
        before = [x.copy() for x in inputs]
        wanted = row.value(*inputs, *row.constants)
        y = row.call(*map(Tensor, inputs), *row.constants)
        assert isinstance(y, Tensor)
        assert isinstance(y.data, np.ndarray)
        close(y.data, wanted, f"{row.id} on {shapes}")
        plain = row.call(*inputs, *row.constants)
        assert not isinstance(plain, Tensor), f"{row.id}: plain arrays gave a Tensor"
        close(plain, wanted, f"{row.id} on plain arrays {shapes}")
        for x, old in zip(inputs, before, strict=True):
            np.testing.assert_array_equal(x, old, f"{row.id} changed its input")


def check_gradient(row: Row) -> None:
    """The rules agree with finite differences."""
    for shapes in row.shapes:
        gradcheck(lambda *xs: row.call(*xs, *row.constants), draw(row, shapes))


def check_second_order(row: Row) -> None:
    """The rules of the rules agree with finite differences."""
    for shapes in row.shapes:
        inputs = draw(row, shapes)
        if row.smooth:
            gradgradcheck(lambda *xs: row.call(*xs, *row.constants), inputs)
        _, first, again, _ = differentiate(row, inputs)
        for i, (a, b) in enumerate(zip(again, first, strict=True)):
            close(a, b, f"{row.id} on {shapes}: gradient {i}, with and without create_graph")


def check_own_memory(row: Row) -> None:
    """A gradient shares memory with nothing: not with the seed, the data, or another gradient."""
    for shapes in row.shapes:
        inputs = draw(row, shapes)
        xs = [Tensor(x, requires_grad=True) for x in inputs]
        y = row.call(*xs, *row.constants)
        seed = weights(y.shape, 0)
        before = seed.copy()
        found = grad(y, xs, seed)
        np.testing.assert_array_equal(seed, before, f"{row.id} changed its output's gradient")
        others = [seed, y.data, *inputs]
        for i, g in enumerate(found):
            assert isinstance(g, np.ndarray), f"{row.id}: gradient {i} is a {type(g).__name__}"
            assert g.shape == xs[i].shape
            assert not any(np.shares_memory(g, a) for a in [*others, *found[:i]]), (
                f"{row.id} on {shapes}: gradient {i} shares memory with another array"
            )


def check_layout(row: Row) -> None:
    """Arrays with gaps, in reverse and in Fortran's order give the same as their copies."""
    for shapes in row.shapes:
        inputs = draw(row, shapes)
        wanted = differentiate(row, inputs)
        found = differentiate(row, [scattered(x) for x in inputs])
        for a, b in zip(flat(found), flat(wanted), strict=True):
            close(a, b, f"{row.id} on non-contiguous {shapes}")


def scattered(x: np.ndarray) -> np.ndarray:
    """The same numbers, two places apart along every axis, backwards, in Fortran's order."""
    if not x.ndim:
        return x
    room = np.full(tuple(2 * n for n in x.shape), np.nan, x.dtype, order="F")
    view = room[(slice(None, None, -2),) * x.ndim]
    view[...] = x
    return view


def check_dtype(row: Row) -> None:
    """float32 gives float32 and float64 gives float64: values, gradients, second order."""
    for shapes in row.shapes:
        for dtype in (np.float32, np.float64) if row.keeps_dtype else ():
            found = differentiate(row, draw(row, shapes, dtype), dtype=dtype)
            kinds = {a.dtype for a in flat(found)}
            assert kinds == {np.dtype(dtype)}, f"{row.id} on {shapes} {dtype.__name__}: {kinds}"


def check_no_false_alarm(row: Row) -> None:
    """Floating-point warnings made errors stop nothing: forward, gradients, second order."""
    for shapes in row.shapes:
        for dtype in (np.float32, np.float64) if row.keeps_dtype else (np.float64,):
            inputs = draw(row, shapes, dtype)
            wanted = differentiate(row, inputs, dtype=dtype)
            with np.errstate(all="raise"), warnings.catch_warnings():
                warnings.simplefilter("error")
                found = differentiate(row, inputs, dtype=dtype)
                row.call(*inputs, *row.constants)
            for a, b in zip(flat(found), flat(wanted), strict=True):
                close(a, b, f"{row.id} on {shapes}, with warnings made errors")


def check_reference(row: Row) -> None:
    """The op equals its plain composition: value and gradients."""
    for shapes in row.shapes if row.reference else ():
        inputs = draw(row, shapes)
        xs = [Tensor(x, requires_grad=True) for x in inputs]
        found, plain = row.call(*xs, *row.constants), row.reference(*xs, *row.constants)
        close(found.data, plain.data, f"{row.id} and its reference")
        seed = weights(found.shape, 0)
        pairs = zip(grad(found, xs, seed), grad(plain, xs, seed), strict=True)
        for i, (a, b) in enumerate(pairs):
            close(a, b, f"{row.id} and its reference, gradient {i}")


def check_library(row: Row, device: str) -> None:
    """Another library gives what NumPy gives, and never leaves that library."""
    for shapes in row.shapes if row.any_library else ():
        inputs = draw(row, shapes)
        found, wanted = differentiate(row, inputs, device), differentiate(row, inputs)
        for a, b in zip(flat(found), flat(wanted), strict=True):
            assert device_of(a) == device, f"{row.id} left {device} for {device_of(a)}"
            close(a, b, f"{row.id} on {device}, {shapes}")
        plain = row.call(*on(device, inputs), *on(device, row.constants))
        close(plain, found[0], f"{row.id} on plain arrays of {device}")


def flat(results: Any) -> list[Any]:
    return [results[0], *results[1], *results[2], *results[3]]


CHECKS = (
    check_value,
    check_gradient,
    check_second_order,
    check_own_memory,
    check_layout,
    check_dtype,
    check_no_false_alarm,
    check_reference,
)
