"""Optimisers: that they descend, what they keep between steps, and their schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.libraries import DEVICES, OTHERS

from minitorch_attn import DeviceError, Tensor
from minitorch_attn.devices import move
from minitorch_attn.fast import optim as fast
from minitorch_attn.files import load_arrays, save_arrays
from minitorch_attn.nn import Dense, Parameter
from minitorch_attn.optim import (
    SGD,
    Adam,
    AdamW,
    Optimizer,
    clip_gradients,
    constant,
    gradient_norm,
    warmup,
    warmup_cosine,
)

KINDS: dict[str, Callable[..., Optimizer]] = {
    "SGD": lambda p: SGD(p, 0.05),
    "momentum": lambda p: SGD(p, 0.02, momentum=0.9),
    "Nesterov": lambda p: SGD(p, 0.02, momentum=0.9, nesterov=True),
    "Adam": lambda p: Adam(p, 0.2),
    "AdamW": lambda p: AdamW(p, 0.2, weight_decay=0.0),
}
# What each keeps for a parameter, beside the count of steps.
KEEPS: dict[str, tuple[str, ...]] = {
    "SGD": (),
    "momentum": ("velocity",),
    "Nesterov": ("velocity",),
    "Adam": ("mean", "square"),
    "AdamW": ("mean", "square"),
}


def descend(p: Parameter, optimizer: Optimizer, steps: int) -> None:
    """A bowl eight times as steep one way as the other, its lowest point at (3, -2)."""
    centre, steep = np.array([3.0, -2.0]), np.array([1.0, 8.0])
    for _ in range(steps):
        optimizer.zero_grad()
        away = p - Tensor(centre).to(p.device).data
        (away * away * Tensor(steep).to(p.device).data).sum().backward()
        optimizer.step()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", KINDS)
def test_to_the_bottom_of_a_bowl(kind: str, device: str) -> None:
    p = Parameter(Tensor(np.zeros(2)).to(device).data)
    descend(p, KINDS[kind]([p]), 300)
    np.testing.assert_allclose(p.numpy(), [3, -2], atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_going_on_from_a_saved_state_is_exact(kind: str, tmp_path: Path) -> None:
    whole, part = Parameter(np.zeros(2)), Parameter(np.zeros(2))
    descend(whole, KINDS[kind]([whole]), 20)
    first = KINDS[kind]([part])
    descend(part, first, 13)
    save_arrays(tmp_path / "state", first.state_dict())
    again = KINDS[kind]([part])
    again.load_state_dict(load_arrays(tmp_path / "state")[0])
    assert again.steps == 13
    descend(part, again, 7)
    np.testing.assert_array_equal(part.data, whole.data)


def test_a_state_is_a_copy() -> None:
    p = Parameter(np.zeros(2))
    optimizer = Adam([("p", p)], 0.1)
    descend(p, optimizer, 3)
    state = optimizer.state_dict()
    kept = state["mean.p"].copy()
    descend(p, optimizer, 3)
    np.testing.assert_array_equal(state["mean.p"], kept)


def test_the_first_steps_by_hand() -> None:
    def after(make: Callable[..., Optimizer], steps: int = 2) -> float:
        p = Parameter(np.array([1.0]))
        optimizer = make([p])
        for _ in range(steps):
            p.grad = np.array([2.0])
            optimizer.step()
        return float(p.data[0])

    assert after(lambda p: SGD(p, 0.1)) == pytest.approx(1 - 0.2 - 0.2)
    assert after(lambda p: SGD(p, 0.1, momentum=0.5)) == pytest.approx(1 - 0.2 - 0.3)
    # Nesterov: g + 0.5 v, with v = 2, then 3.
    assert after(lambda p: SGD(p, 0.1, 0.5, nesterov=True)) == pytest.approx(1 - 0.3 - 0.35)
    # With one gradient throughout, both of Adam's means are exact: a step of lr each time.
    assert after(lambda p: Adam(p, 0.1)) == pytest.approx(1 - 0.1 - 0.1)
    # Decay is by lr times weight_decay, and not through Adam's root.
    decayed = (1 * 0.95 - 0.1) * 0.95 - 0.1
    assert after(lambda p: AdamW(p, 0.1, weight_decay=0.5)) == pytest.approx(decayed)


def test_eps_is_added_to_the_root() -> None:
    """Where it is large enough to tell: a gradient of 2, whose means are exact, and eps of 3."""
    p = Parameter(np.array([1.0]))
    optimizer = Adam([p], 0.1, eps=3.0)
    for _ in range(2):
        p.grad = np.array([2.0])
        optimizer.step()
    assert p.item() == pytest.approx(1 - 2 * 0.1 * 2 / (2 + 3))


def test_a_parameter_without_a_gradient_stays() -> None:
    layer: Any = Dense(2, 2)
    before = layer.state_dict()
    layer.number = Parameter(np.ones((), np.float32))
    layer.bias.grad, layer.number.grad = np.ones(2, np.float32), np.ones((), np.float32)
    AdamW(layer.parameters(), 0.1).step()
    assert layer.number.item() < 1
    np.testing.assert_array_equal(layer.weight.data, before["weight"])
    assert (layer.bias.data != before["bias"]).all()


def test_adam_counts_steps_for_all_parameters_together() -> None:
    """One whose first gradient comes at the tenth step moves by less than lr, as is documented."""
    early, late = Parameter(np.zeros(1)), Parameter(np.zeros(1))
    adam = Adam([early, late], 0.1)
    for step in range(1, 11):
        early.grad, late.grad = np.ones(1), np.ones(1) if step == 10 else None
        adam.step()
        if step == 1:
            np.testing.assert_allclose(early.data, -0.1)
    mean, square = 0.1 / (1 - 0.9**10), 0.001 / (1 - 0.999**10)
    np.testing.assert_allclose(late.data, -0.1 * mean / math.sqrt(square), rtol=1e-6)


@pytest.mark.parametrize("small", [fast.SMALL_PARAMETER, 10, 0])
@pytest.mark.parametrize("kind", KINDS)
def test_all_at_once_and_one_by_one_are_the_same_bits(
    kind: str, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast, "SMALL_PARAMETER", small)
    rng = np.random.default_rng(0)
    shapes = [(3, 4), (4,), (), (5, 2)]
    begin = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    together = [Parameter(x.copy()) for x in begin]
    alone = [Parameter(x.copy()) for x in begin]
    at_once = KINDS[kind](together)
    one_by_one = [KINDS[kind]([p]) for p in alone]
    for _ in range(5):
        for a, b in zip(together, alone, strict=True):
            a.grad = b.grad = rng.normal(size=a.shape).astype(np.float32)
        at_once.step()
        for optimizer in one_by_one:
            optimizer.step()
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_of_two_dtypes_each_keep_theirs(kind: str) -> None:
    wide, narrow = Parameter(np.ones((2, 3))), Parameter(np.ones(4, np.float32))
    optimizer = KINDS[kind]([wide, narrow])
    alone = KINDS[kind]([other := Parameter(np.ones(4, np.float32))])
    for _ in range(3):
        for p in (wide, narrow, other):
            p.grad = np.full(p.shape, 0.5, p.dtype)
        optimizer.step()
        alone.step()
    assert (wide.dtype, narrow.dtype) == (np.float64, np.float32)
    kept = {name: a.dtype for name, a in optimizer.state_dict().items() if name != "steps"}
    assert kept == {
        f"{slot}.parameter {i}": dtype
        for slot in KEEPS[kind]
        for i, dtype in enumerate((np.float64, np.float32))
    }
    np.testing.assert_array_equal(narrow.data, other.data)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_stays_float32(kind: str) -> None:
    p = Parameter(np.zeros(2, np.float32))
    optimizer = KINDS[kind]([("p", p)])
    p.grad = np.ones(2, np.float32)
    array = p.data
    optimizer.step()
    assert p.data is array, "a step is in place"
    assert p.dtype == np.float32
    kept = {name: a.dtype for name, a in optimizer.state_dict().items() if name != "steps"}
    assert kept == {f"{slot}.p": np.float32 for slot in KEEPS[kind]}


@pytest.mark.parametrize("device", DEVICES)
def test_clipping(device: str) -> None:
    def gradient(*numbers: float) -> Parameter:
        p = Parameter(Tensor(np.zeros(len(numbers))).to(device).data)
        p.grad = Tensor(np.array(numbers)).to(device).data
        return p

    a, b, c = gradient(3.0, 0.0), gradient(4.0), Parameter(np.zeros(1))
    assert gradient_norm([a, b, c]) == pytest.approx(5)
    before = a.grad
    assert clip_gradients([a, b, c], 10) == pytest.approx(5)
    assert a.grad is before
    assert clip_gradients(iter([a, b, c]), 1) == pytest.approx(5)
    np.testing.assert_allclose(Tensor(a.grad).numpy(), [0.6, 0])
    np.testing.assert_allclose(Tensor(b.grad).numpy(), [0.8])
    assert c.grad is None


def test_schedules() -> None:
    assert [constant(k) for k in (0, 1000)] == [1, 1]
    assert [warmup(4)(k) for k in (0, 1, 3, 4, 100)] == [0.25, 0.5, 1, 1, 1]
    f = warmup_cosine(110, warmup_steps=10, floor=0.1)
    assert f(0) == pytest.approx(0.1)
    assert f(9) == f(10) == 1
    assert f(60) == pytest.approx(0.55)
    assert f(35) == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi / 4)))
    assert f(110) == f(500) == pytest.approx(0.1)
    values = [f(k) for k in range(10, 111)]
    assert values == sorted(values, reverse=True)


def test_a_misshaped_state_is_refused_before_anything_changes() -> None:
    adam = Adam([Parameter(np.ones(3))])
    state = {**adam.state_dict(), "steps": np.asarray(7), "mean.parameter 0": np.ones(2)}
    with pytest.raises(ValueError, match=r"misshaped: mean\.parameter 0 is \(2,\)"):
        adam.load_state_dict(state)
    assert adam.steps == 0


@pytest.mark.parametrize("device", OTHERS)
def test_an_optimiser_made_before_the_model_moved_says_so(device: str) -> None:
    parameter = Parameter(np.ones(3))
    adam = Adam([parameter])
    parameter.data = move(parameter.data, device)
    parameter.grad = parameter.data * 1
    with pytest.raises(DeviceError, match="move the model first, then make its optimiser"):
        adam.step()
    Adam([parameter]).step()


@pytest.mark.parametrize(
    ("make", "kind", "word"),
    [
        (lambda p: SGD(p, math.nan), ValueError, "lr is a number from 0 on, not nan"),
        (lambda p: SGD(p, -1), ValueError, "SGD: lr"),
        (lambda p: SGD(p, 0.1, momentum=1.5), ValueError, "momentum is a number from 0 on and"),
        (lambda p: Adam(p, betas=(0.9, 1.5)), ValueError, "beta"),
        (lambda p: Adam(p, betas=(-0.1, 0.9)), ValueError, "beta"),
        (lambda p: Adam(p, eps=-1e-8), ValueError, "eps"),
        (lambda p: AdamW(p, weight_decay=math.nan), ValueError, "weight_decay"),
        (lambda p: Adam([*p, p[0]]), ValueError, "parameter 2 and parameter 0 are one"),
        (lambda p: Adam([np.zeros(2)]), TypeError, "parameter 0 is of type ndarray"),
        (lambda p: Adam([]), ValueError, "no parameters"),
    ],
)
def test_what_cannot_train_is_refused(make: Callable, kind: type[Exception], word: str) -> None:
    with pytest.raises(kind, match=word):
        make(Dense(3, 2).parameters())


def test_a_gradient_of_another_shape_is_refused() -> None:
    layer = Dense(3, 2)
    before = layer.state_dict()
    layer.weight.grad, layer.bias.grad = np.ones((2, 3)), np.ones(2)  # type: ignore[union-attr]
    with pytest.raises(ValueError, match=r"weight has shape \(2, 3\), and the parameter \(3, 2\)"):
        SGD(layer.named_parameters(), 0.1).step()
    np.testing.assert_array_equal(layer.weight.data, before["weight"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("share", [0.1, 1e-30])
def test_the_norm_holds_over_the_whole_range(dtype: type, share: float) -> None:
    size = np.finfo(dtype).max * share
    p = Parameter(np.zeros(3, dtype))
    p.grad = np.full(3, size, dtype)
    assert gradient_norm([p]) == pytest.approx(math.sqrt(3) * size)
    clip_gradients([p], 1.0)
    np.testing.assert_allclose(p.grad, 1 / math.sqrt(3), rtol=1e-5)


@pytest.mark.parametrize("length", [-1, 0, math.nan])
def test_a_length_that_is_none_is_refused(length: float) -> None:
    with pytest.raises(ValueError, match="max_norm"):
        clip_gradients([Parameter(np.zeros(3))], length)
