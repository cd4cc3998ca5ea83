"""Copies and pickles: things of their own, that train."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minitorch_attn import GradientError, Tensor
from minitorch_attn.models import Classifier
from minitorch_attn.nn import Dense, Module, Parameter
from minitorch_attn.optim import SGD, Adam

WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@ways
def test_a_copy_has_a_gradient_of_its_own(way: Callable[[Any], Any]) -> None:
    for x in (Parameter(np.ones(3)), Tensor(np.ones(3), requires_grad=True)):
        x.grad = np.full(3, 5.0)
        other = way(x)
        assert type(other) is type(x)
        np.testing.assert_array_equal(other.grad, x.grad)
        x.grad = other.grad = None
        (2 * x + 3 * other).sum().backward()
        np.testing.assert_array_equal(x.grad, np.full(3, 2.0))
        np.testing.assert_array_equal(other.grad, np.full(3, 3.0))


@ways
def test_a_constant_stays_one(way: Callable[[Any], Any]) -> None:
    x = way(Tensor(np.arange(3)))
    assert (x.requires_grad, x.grad, x.dtype) == (False, None, np.int64)


@ways
def test_what_was_computed_is_not_copied_without_a_word(way: Callable[[Any], Any]) -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    y = x * 2
    with pytest.raises(GradientError, match=r"t\.detach\(\)"):
        way(y)
    y.sum().backward()
    with pytest.raises(GradientError, match="would not know how this tensor was computed"):
        way(y)  # what is released was computed as well
    assert not way(y.detach()).requires_grad


def test_a_tensor_of_a_tensor_keeps_no_history_without_a_word() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    for t in (x, x * 2):
        with pytest.raises(GradientError, match="use the tensor itself"):
            Tensor(t)
    assert Tensor(Tensor(np.ones(2))).shape == (2,)


@pytest.mark.parametrize("way", [WAYS["deepcopy"], WAYS["pickle"]], ids=["deepcopy", "pickle"])
def test_a_student_and_its_teacher_in_one_loss(way: Callable[[Any], Any]) -> None:
    student = Classifier(4, 3, model_dim=8, num_heads=2, num_positions=3, seed=0)
    teacher = way(student)
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("f4")
    (student(x) - 0.5 * teacher(x)).sum().backward()
    for a, b in zip(student.parameters(), teacher.parameters(), strict=True):
        assert a.grad is not None
        np.testing.assert_allclose(b.grad, -0.5 * a.grad, rtol=1e-5, atol=1e-7)
        assert not np.shares_memory(a.data, b.data)


def test_a_tied_parameter_stays_tied() -> None:
    model = Module()
    model.a = model.b = Parameter(np.ones(2))  # type: ignore[attr-defined]
    again: Any = copy.deepcopy(model)
    assert again.a is again.b
    assert again.a is not model.a  # type: ignore[attr-defined]


def test_a_model_unpickled_in_a_new_process_trains(tmp_path: Path) -> None:
    layer = Dense(3, 1, rng=np.random.default_rng(0))
    Tensor(np.ones(1), requires_grad=True)
    (tmp_path / "model").write_bytes(pickle.dumps(layer))
    code = (
        "import pickle, sys, numpy as np\n"
        "from minitorch_attn.optim import SGD\n"
        "layer = pickle.load(open(sys.argv[1], 'rb'))\n"
        "before = layer.weight.data.copy()\n"
        "layer(np.ones((2, 3), 'f4')).sum().backward()\n"
        "SGD(layer.parameters(), 0.1).step()\n"
        "print(np.abs(layer.weight.data - before).min())\n"
    )
    command = [sys.executable, "-c", code, tmp_path / "model"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(0.2, rel=1e-5)


@pytest.mark.parametrize("kind", [lambda p: SGD(p, 0.1, momentum=0.9), lambda p: Adam(p, 0.1)])
@pytest.mark.parametrize("way", [WAYS["deepcopy"], WAYS["pickle"]], ids=["deepcopy", "pickle"])
def test_a_copied_optimiser_goes_on_and_says_where_it_is(
    kind: Callable[[Any], Any], way: Callable[[Any], Any]
) -> None:
    layer = Dense(3, 2, rng=np.random.default_rng(0))
    optimizer = kind(layer.parameters())

    def step(optimizer: Any) -> None:
        for p in optimizer.parameters:
            p.grad = np.ones_like(p.data)
        optimizer.step()

    step(optimizer)
    other = way(optimizer)
    for each in (optimizer, other, optimizer, other):
        step(each)
    assert other.steps == 3
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], array, err_msg=name)
    for a, b in zip(optimizer.parameters, other.parameters, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
