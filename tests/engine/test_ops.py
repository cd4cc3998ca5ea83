"""Every op of the library, by the table of ops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from helpers.libraries import OTHERS, no_gpu_for_cupy, why_no_gpu
from optable import ROWS
from optable.opchecks import CHECKS, check_library, draw

from minitorch_attn import Tensor, grad, ops
from minitorch_attn.ops.op import Op


def test_no_op_is_missing_from_the_table() -> None:
    tried = {row.name for row in ROWS.values()}
    public = {n for n, x in vars(ops).items() if callable(x) and not n.startswith("_")}
    assert set(Op.registry) | public <= tried


def test_every_op_is_tried_on_nothing() -> None:
    """Somewhere in its rows, each op meets or makes an array of no elements."""
    tried = set()
    for row in ROWS.values():
        for inputs in (draw(row, shapes) for shapes in row.shapes):
            arrays = [*inputs, row.value(*inputs, *row.constants)]
            if not all(a.size for a in arrays):
                tried.add(row.name)
    not_defined = {"cross_entropy"}  # a mean over no rows: an error, see test_errors.py
    assert {row.name for row in ROWS.values()} - tried == not_defined


def test_every_op_with_a_reference_is_compared_with_it() -> None:
    compared = {row.name for row in ROWS.values() if row.reference}
    own = {name for name, op in Op.registry.items() if op.reference}
    assert own | {"softmax", "log_softmax", "logsumexp"} <= compared


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ROWS)
def test_op(name: str, check: Callable) -> None:
    check(ROWS[name])


@pytest.mark.parametrize("device", OTHERS)
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.any_library])
def test_op_on_another_library(name: str, device: str) -> None:
    check_library(ROWS[name], device)


@pytest.mark.skipif(bool(no_gpu_for_cupy()), reason=no_gpu_for_cupy())
def test_the_table_runs_on_the_gpu_that_is_here() -> None:
    (devices,) = (
        mark.args[1] for mark in test_op_on_another_library.pytestmark if mark.args[0] == "device"
    )
    assert "cuda" in devices, f"the system shows a GPU and CuPy is installed, but: {why_no_gpu()}"


def test_three_equal_largest_values_get_a_third_each() -> None:
    x = Tensor([2.0, 5.0, 5.0, 5.0], requires_grad=True)
    np.testing.assert_allclose(grad(x.max() * 6, x)[0], [0, 2, 2, 2])


def test_the_edges_of_relu_and_abs_have_gradient_zero() -> None:
    x = Tensor([0.0, -0.0], requires_grad=True)
    for f in (ops.relu, ops.absolute):
        np.testing.assert_array_equal(grad(f(x), x, np.array([3.0, 4.0]))[0], [0, 0])


def test_numbers_too_large_for_e_to_the_x() -> None:
    x = np.array([1000.0, 0.0, -1000.0])
    np.testing.assert_allclose(ops.softmax(x), [1, 0, 0])
    np.testing.assert_allclose(ops.log_softmax(x), [0, -1000, -2000])
    np.testing.assert_allclose(ops.logsumexp(x), 1000)
    np.testing.assert_allclose(ops.sigmoid(x), [1, 0.5, 0])
    np.testing.assert_allclose(ops.cross_entropy(x[None], np.array([2])), 2000)
    assert np.isfinite(ops.attention(x[:, None], x[:, None], x[:, None])).all()


def test_logsumexp_of_nothing_is_minus_infinity(recwarn: pytest.WarningsRecorder) -> None:
    x = np.array([[-np.inf, -np.inf], [-np.inf, 3.0]])
    np.testing.assert_array_equal(ops.logsumexp(x, axis=-1), [-np.inf, 3])
    assert not recwarn.list


def test_softmax_gives_nothing_to_minus_infinity() -> None:
    x = Tensor([0.0, -np.inf, 0.0], requires_grad=True)
    y = ops.softmax(x)
    np.testing.assert_allclose(y.data, [0.5, 0, 0.5])
    np.testing.assert_allclose(grad(y, x, np.array([1.0, 7.0, 3.0]))[0], [-0.5, 0, 0.5])


def test_astype_brings_the_gradient_back_to_the_dtype_it_came_from() -> None:
    x = Tensor(np.array([1, 2], np.float32), requires_grad=True)
    y = x.astype(np.float64)
    assert y.dtype == np.float64
    (g,) = grad(y * y, x, np.ones(2))
    assert g.dtype == np.float32
    np.testing.assert_array_equal(g, [2, 4])


def test_minimum_is_maximum_upside_down() -> None:
    a, b = np.array([1.0, 5.0]), np.array([2.0, -3.0])
    np.testing.assert_array_equal(ops.minimum(a, b), np.minimum(a, b))
