"""Which library owns an array, how it moves, and what the libraries do differently."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import strict_arrays
from helpers.libraries import DEVICES, OTHERS, STRICT

from minitorch_attn import DeviceError, Tensor, grad
from minitorch_attn.arrays import (
    check_same_library,
    device_of,
    index_add,
    is_basic_index,
    namespace,
    random_keep,
    to_numpy,
)
from minitorch_attn.devices import move

X = np.arange(6.0).reshape(2, 3)


def test_numpy_and_the_stand_in_are_told_apart() -> None:
    other = move(X, STRICT)
    assert namespace(X) is np
    assert namespace(other) is strict_arrays
    assert (device_of(X), device_of(other)) == ("cpu", STRICT)


def test_numbers_and_lists_go_with_any_library() -> None:
    other = move(X, STRICT)
    for number in (1, 2.5, [1, 2], np.float64(3)):
        assert namespace(number) is np
        assert namespace(number, other) is namespace(other, number) is strict_arrays
        check_same_library(other, number)


def test_two_libraries_do_not_meet() -> None:
    for arrays in ((X, move(X, STRICT)), (move(X, STRICT), 1.0, X)):
        for meet in (namespace, check_same_library):
            with pytest.raises(DeviceError, match="two libraries met"):
                meet(*arrays)


@pytest.mark.parametrize("device", OTHERS)
def test_there_and_back_the_numbers_are_the_same(device: str) -> None:
    there = move(X, device)
    assert device_of(there) == device
    back = move(there, "cpu")
    assert type(back) is np.ndarray
    np.testing.assert_array_equal(back, X, strict=True)
    np.testing.assert_array_equal(to_numpy(there), X, strict=True)
    assert not np.shares_memory(back, X)


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_there_already_is_not_copied(device: str) -> None:
    there = move(X, device)
    assert move(there, device) is there


@pytest.mark.parametrize("device", OTHERS)
def test_a_gradient_flows_back_to_the_library_that_its_tensor_came_from(device: str) -> None:
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = (x * 3).to(device)
    assert y.device == device
    z = (y * y).to("cpu")
    g, y_gradient = grad(z, [x, y], np.array([1.0, 10.0]))
    np.testing.assert_allclose(g, [18.0, 360.0])
    assert y_gradient.dtype == np.float64
    assert type(y_gradient) is type(y.data)
    np.testing.assert_array_equal(z.numpy(), [9.0, 36.0])
    assert x.to("cpu") is x


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("index", "values"),
    [
        (np.array([1, 1, 0]), np.ones((3, 3))),
        (slice(0, 1), np.ones((1, 3))),
        ((Ellipsis, 2), np.ones(2)),
        (np.array([], int), np.ones((0, 3))),
    ],
    ids=["repeated", "a slice", "a column", "nothing"],
)
def test_index_add(device: str, index: Any, values: np.ndarray) -> None:
    wanted, target = X.copy(), move(X.copy(), device)
    np.add.at(wanted, index, values)
    there = move(index, device) if isinstance(index, np.ndarray) else index
    index_add(target, there, move(values, device))
    np.testing.assert_array_equal(to_numpy(target), wanted)


def test_a_basic_index_never_repeats() -> None:
    for index in (0, np.int64(1), slice(None), None, Ellipsis, (0, slice(1), None)):
        assert is_basic_index(index)
    for index in ([0], np.array([0, 0]), True, (0, [1]), np.array(True), (slice(None), True)):
        assert not is_basic_index(index)


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_kept_is_numpys_choice_on_every_device(device: str) -> None:
    wanted = np.random.default_rng(7).random((50, 40), dtype=np.float32) >= 0.25
    kept = random_keep(np.random.default_rng(7), 0.25, (50, 40), move(X, device))
    assert device_of(kept) == device
    np.testing.assert_array_equal(to_numpy(kept), wanted, strict=True)
    assert wanted.mean() == pytest.approx(0.75, abs=0.03)
