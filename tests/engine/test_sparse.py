"""Weights that can be exactly 0: what sparsemax and entmax owe beyond the table of ops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minitorch_attn import Tensor, entmax15, grad, softmax, sparsemax

SPARSE = (sparsemax, entmax15)


def test_the_worked_example_of_the_book() -> None:
    scores = np.log([1.0, 2.0, 3.0])
    tau = (np.log(6) - 1) / 2
    assert_allclose(sparsemax(scores), [0, np.log(2) - tau, np.log(3) - tau])
    assert_allclose(entmax15(scores), [0.054, 0.335, 0.611], atol=5e-4)


def test_sparsemax_is_the_nearest_point_of_the_simplex() -> None:
    """x - y is the same for all that have a share, and no larger for the others: the condition."""
    x = np.random.default_rng(0).normal(size=(200, 7))
    y = sparsemax(x)
    assert_allclose(y.sum(axis=-1), 1)
    gap = x - y
    on = y > 0
    tau = np.where(on, gap, np.inf).min(axis=-1, keepdims=True)
    assert_allclose(np.where(on, gap, tau), np.broadcast_to(tau, x.shape), atol=1e-12)
    assert (gap <= tau + 1e-12).all()
    assert 0 < (~on).mean() < 1


@pytest.mark.parametrize("f", SPARSE)
def test_forbidden_entries_get_nothing_and_change_nothing(f: Callable) -> None:
    x = np.random.default_rng(1).normal(size=(5, 6))
    hidden = np.insert(x, 2, -np.inf, axis=1)
    y = f(hidden)
    assert (y[:, 2] == 0).all()
    assert_allclose(np.delete(y, 2, axis=1), f(x))
    t = Tensor(hidden, requires_grad=True)
    slope = grad((f(t) * np.arange(7.0)).sum(), t)[0]
    assert np.isfinite(slope).all()
    assert (slope[:, 2] == 0).all()


@pytest.mark.parametrize("f", SPARSE)
def test_a_row_with_nothing_to_choose_is_nan_as_in_softmax(f: Callable) -> None:
    x = np.full((2, 3), -np.inf)
    x[0] = 1
    with np.errstate(invalid="ignore"):
        assert np.isnan(softmax(x)[1]).all()
        y = f(x)
    assert np.isnan(y[1]).all()
    assert_allclose(y[0], 1 / 3)


@pytest.mark.parametrize("f", SPARSE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ties_shifts_and_single_entries(f: Callable, dtype: type) -> None:
    assert_allclose(f(np.zeros((2, 4), dtype)), 1 / 4)
    assert_allclose(f(np.array([[7.0], [-np.inf]], dtype)[:1]), 1)
    x = np.random.default_rng(2).normal(size=(4, 5)).astype(dtype)
    assert_allclose(f(x + dtype(64)), f(x), atol=1e-4)
    far = np.array([[1e30, 0, -1e30]], dtype)
    assert_allclose(f(far), [[1, 0, 0]])
    assert f(x).dtype == dtype
