"""Axes by NumPy's rule, wherever one is taken: also those that are not there, and of a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.exceptions import AxisError
from numpy.testing import assert_allclose, assert_array_equal

from minitorch_attn import Tensor, grad, gradcheck, ops, plain

X = np.random.default_rng(0).normal(size=(2, 3, 4))

# What takes an axis, and NumPy's form of it.
TAKERS: dict[str, tuple[Callable, Callable]] = {
    "sum": (ops.sum, np.sum),
    "mean": (ops.mean, np.mean),
    "max": (ops.max, np.max),
    "min": (ops.min, np.min),
    "var": (ops.var, np.var),
    "logsumexp": (ops.logsumexp, lambda x, axis: np.log(np.exp(x).sum(axis))),
    "softmax": (ops.softmax, lambda x, axis: np.exp(x) / np.exp(x).sum(axis, keepdims=True)),
    "log_softmax": (
        ops.log_softmax,
        lambda x, axis: x - np.log(np.exp(x).sum(axis, keepdims=True)),
    ),
    "squeeze": (
        lambda x, axis: ops.squeeze(x[:1, :1, :1], axis),
        lambda x, axis: np.squeeze(x[:1, :1, :1], axis),
    ),
    "stack": (
        lambda x, axis: ops.stack([x, x], axis=axis),
        lambda x, axis: np.stack([x, x], axis=axis),
    ),
    "concatenate": (
        lambda x, axis: ops.concatenate([x, x], axis=axis),
        lambda x, axis: np.concatenate([x, x], axis=axis),
    ),
    "split": (lambda x, axis: ops.split(x, 1, axis)[0], lambda x, axis: np.split(x, 1, axis)[0]),
    "take": (lambda x, axis: ops.take(x, [1, 0], axis), lambda x, axis: np.take(x, [1, 0], axis)),
    "swapaxes": (lambda x, axis: ops.swapaxes(x, 0, axis), lambda x, axis: np.swapaxes(x, 0, axis)),
    "swapaxes, the first": (
        lambda x, axis: ops.swapaxes(x, axis, 1),
        lambda x, axis: np.swapaxes(x, axis, 1),
    ),
    "transpose": (
        lambda x, axis: ops.transpose(x[0, 0], axis),
        lambda x, axis: np.transpose(x[0, 0], (axis,)),
    ),
}


@pytest.mark.parametrize("axis", [-5, -4, -3, -1, 0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", TAKERS)
def test_an_axis_is_there_or_not_as_in_numpy(name: str, axis: int) -> None:
    call, numpys = TAKERS[name]
    try:
        wanted = numpys(X, axis)
    except (AxisError, IndexError):  # numpy.split lets the list of sizes say it
        wanted = None
    for kind in (int, np.int64):
        for way in (Tensor, np.asarray):
            if wanted is None:
                with pytest.raises(AxisError):
                    call(way(X), kind(axis))
            else:
                found = call(way(X), kind(axis))
                assert_allclose(found.data if way is Tensor else found, wanted, rtol=1e-12)
    if wanted is not None:
        gradcheck(lambda x: call(x, axis), [X])


@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "logsumexp"])
def test_a_number_reduced_is_itself(name: str, axis: int | None) -> None:
    """NumPy lets the axes 0 and -1 of an array without axes pass, and so its gradient is right."""
    x = Tensor(2.0, requires_grad=True)
    for keepdims in (False, True):
        y = getattr(ops, name)(x, axis=axis, keepdims=keepdims)
        assert y.shape == ()
        assert float(y) == (0 if name == "var" else 2)
        assert grad(y, x)[0] == (0 if name == "var" else 1)
    with pytest.raises(AxisError):
        getattr(ops, name)(x, axis=1)


def test_the_softmax_of_a_number() -> None:
    for x in (2.0, np.float64(2), np.array(2.0), 2):
        assert ops.softmax(x) == 1
        assert ops.log_softmax(x) == 0
    x = Tensor(2.0, requires_grad=True)
    assert grad(ops.softmax(x), x)[0] == 0


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "logsumexp", "softmax"])
@plain()
def test_a_list_of_axes_is_a_tuple_of_them(name: str) -> None:
    op = getattr(ops, name)
    assert_array_equal(op(X, axis=[0, -1]), op(X, axis=(0, -1)))
    gradcheck(lambda x: op(x, axis=[0, 2]), [X])
    with pytest.raises(ValueError, match="duplicate"):
        op(X, axis=(0, -3))


def test_concatenating_what_is_laid_flat() -> None:
    parts = [X, X[0]]
    assert_array_equal(ops.concatenate(parts, axis=None), np.concatenate(parts, axis=None))
    gradcheck(lambda a, b: ops.concatenate([a, b], axis=None) * np.arange(36.0), parts)


@pytest.mark.parametrize("sections", [3, np.int64(3), np.uint8(3)])
def test_sections_are_any_integer(sections: Any) -> None:
    assert_array_equal(ops.split(X, sections, axis=1)[2], X[:, 2:])
    for cuts in ([1, 2], (1, 2), np.array([1, 2], np.uint8)):
        assert_array_equal(ops.split(X, cuts, axis=1)[2], X[:, 2:])
