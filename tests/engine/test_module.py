"""Modules: their parameters, their states and files, and moving them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.libraries import OTHERS
from helpers.tokens import F64, rng, tokens

from minitorch_attn import Tensor
from minitorch_attn.files import load_arrays, save_arrays
from minitorch_attn.models import Classifier
from minitorch_attn.nn import (
    Dense,
    Dropout,
    Module,
    Parameter,
    Sequential,
    SinusoidalPositions,
)


class Tower(Module):
    def __init__(self) -> None:
        self.z = Dense(2, 3)
        self.a = Parameter(np.ones(2))
        self.layers = [Dense(3, 3, bias=False), Dropout(0.5), Parameter(np.zeros(1))]
        self.shared = self.z
        self.tied = self.a
        self.plain = Tensor(np.ones(5), requires_grad=True)
        self.z = self.z


def test_a_module_that_computes_nothing_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Tower"):
        Tower()(tokens(2, 5))


def test_parameters_in_the_order_in_which_they_were_set() -> None:
    names = [name for name, _ in Tower().named_parameters()]
    # A module's own come before those of the modules inside it.
    assert names == ["a", "layers.2", "plain", "z.weight", "z.bias", "layers.0.weight"]
    assert Tower().num_parameters() == 2 + 1 + 5 + 6 + 3 + 9


def test_a_shared_parameter_counts_once() -> None:
    tower = Tower()
    assert len(tower.parameters()) == len({id(p) for p in tower.parameters()}) == 6
    assert set(tower.state_dict()) == {name for name, _ in tower.named_parameters()}


def test_train_and_eval_reach_every_module() -> None:
    model = Sequential(Tower(), Sequential(Dropout(0.1)))
    assert all(module.training for _, module in model.named_modules())
    assert model.eval() is model
    assert not any(module.training for _, module in model.named_modules())
    model.train()
    assert all(module.training for _, module in model.named_modules())


def test_zero_grad_forgets() -> None:
    layer = Dense(2, 2)
    layer(np.ones((1, 2), np.float32)).sum().backward()
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    layer.zero_grad()
    assert layer.weight.grad is None
    assert layer.bias.grad is None


def test_generators_are_found_once() -> None:
    one = rng()
    other = Dropout(0.2)
    model = Sequential(Dropout(0.1, rng=one), Sequential(Dropout(0.2, rng=one), other))
    found = model.generators()
    assert len(found) == 2
    assert found[0] is one
    assert found[1] is other.rng


def test_a_state_is_a_copy_both_ways() -> None:
    layer = Dense(2, 2)
    state = layer.state_dict()
    state["weight"][:] = 7
    assert not (layer.weight.data == 7).any()
    layer.load_state_dict(state)
    state["weight"][:] = 8
    assert (layer.weight.data == 7).all()
    assert layer.weight.dtype == np.float32


def test_save_and_load(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "tower.safetensors"
    one, other = Classifier(4, 3, seed=1), Classifier(4, 3, seed=2)
    x = tokens(2, 5, 4).astype(np.float32)
    assert not np.allclose(one(x).data, other(x).data)
    one.save(path)
    assert other.load(path) is other
    np.testing.assert_array_equal(one(x).data, other(x).data)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_crash_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    Dense(2, 2).save(path)
    before = path.read_bytes()

    def crash(*_: object) -> None:
        raise OSError("no space left")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, crash)
            with pytest.raises(OSError, match="no space"):
                Dense(2, 2).save(path)
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_arrays_of_any_layout_on_disk(tmp_path: Path) -> None:
    arrays = {
        "number": np.array(3.5),
        "nothing": np.zeros((0, 3), np.float32),
        "turned": np.arange(6).reshape(2, 3).T,
        "back": np.arange(4.0)[::-1],
    }
    save_arrays(tmp_path / "a", arrays, {"epoch": 3, "names": ["x", "y"]})
    found, notes = load_arrays(tmp_path / "a")
    assert notes == {"epoch": 3, "names": ["x", "y"]}
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


@pytest.mark.parametrize("device", OTHERS)
def test_a_model_moves_and_gives_the_same(device: str) -> None:
    model = Classifier(4, 3, num_positions=6, seed=1, **F64)
    x = tokens(2, 6, 4)
    wanted = model(x)
    wanted.sum().backward()
    gradients = [p.grad for p in model.parameters()]
    assert model.to(device) is model
    assert all(p.device == device for p in model.parameters())
    model.zero_grad()
    y = model(Tensor(x).to(device).data)
    assert y.device == device
    np.testing.assert_allclose(y.numpy(), wanted.data, rtol=1e-9)
    y.sum().backward()
    model.to("cpu")
    for p, g in zip(model.parameters(), gradients, strict=True):
        np.testing.assert_allclose(p.grad, g, rtol=1e-8, atol=1e-12)
    assert SinusoidalPositions(4)(Tensor(x).to(device)).device == device


class Nest(Module):
    """Parameters wherever a person would put them."""

    def __init__(self) -> None:
        self.rows = [[Dense(1, 1), Dense(1, 1)], (Parameter(np.ones(1)),)]
        self.heads = {"left": Dense(1, 1), 2: [Parameter(np.ones(1))]}
        self.temperature = Tensor(np.ones(1), requires_grad=True)
        self.seen = self.temperature * 2  # computed, so none
        self.constant = Tensor(np.ones(1))
        self.draws = [np.random.Generator(np.random.PCG64(0))]


def test_parameters_in_lists_of_lists_in_dicts_and_as_plain_tensors() -> None:
    nest = Nest()
    assert [name for name, _ in nest.named_parameters()] == [
        *("rows.1.0", "heads.2.0", "temperature"),
        *(f"{name}.{w}" for name in ("rows.0.0", "rows.0.1", "heads.left") for w in WORDS),
    ]
    assert len(nest.generators()) == 1
    nest.eval()
    assert not nest.rows[0][1].training  # type: ignore[union-attr]


WORDS = ("weight", "bias")


def test_a_module_that_leads_back_to_itself() -> None:
    parent, child = Module(), Dense(2, 1)
    parent.child, child.parent = child, parent  # type: ignore[attr-defined]
    assert [name for name, _ in parent.named_parameters()] == ["child.weight", "child.bias"]
    assert parent.eval() is parent


def test_a_list_that_leads_back_to_itself() -> None:
    module: Any = Module()
    module.rows = [Dense(2, 1)]
    module.rows.append(module.rows)
    module.table = {"again": module.rows}
    module.table["self"] = module.table
    names = ["rows.0.weight", "rows.0.bias"]
    assert [name for name, _ in module.named_parameters()] == names
    assert module.generators() == []


@pytest.mark.parametrize(
    ("weight", "word"),
    [
        (np.full((2, 1), 1e300), "too large for float32: weight"),
        (np.full((2, 1), 1j), "no real numbers: weight is of dtype complex128"),
        (np.full((2, 1), "a"), "no real numbers"),
        (np.zeros((1, 2)), r"misshaped: weight is \(1, 2\)"),
    ],
)
def test_a_state_with_one_bad_value_changes_nothing(weight: np.ndarray, word: str) -> None:
    layer = Dense(2, 1)
    before = layer.state_dict()
    for state in ({"bias": np.ones(1), "weight": weight}, {"weight": weight, "bias": np.ones(1)}):
        with pytest.raises(ValueError, match=word):
            layer.load_state_dict(state)
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    nan = np.array([[np.nan], [np.inf]])
    layer.load_state_dict({"weight": nan, "bias": [2]})
    np.testing.assert_array_equal(layer.weight.data, nan)
