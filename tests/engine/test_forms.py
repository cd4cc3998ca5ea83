"""The plain forms and the faster ones: one choice, the same numbers."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from optable import ROWS
from optable.opchecks import CHECKS, check_dtype

from minitorch_attn import Tensor, attention, cross_entropy, grad, plain
from minitorch_attn import fast as fast_room
from minitorch_attn.fast import attention as choice
from minitorch_attn.fast import steps
from minitorch_attn.forms import _faster, faster, fastest, sooner
from minitorch_attn.nn import Dense, MultiHeadAttention, Sequential, TransformerBlock
from minitorch_attn.ops.op import Op
from minitorch_attn.optim import SGD, Adam, AdamW
from minitorch_attn.training import compute_gradients

FUSED = {op.name: op for op in Op.registry.values() if op.reference is not None}
FUSED["einsum"] = Op.registry["einsum"]  # it has rules of its own


def test_a_faster_form_runs_but_not_inside_plain() -> None:
    def slow(x: int) -> str:
        return f"slow {x}"

    @faster(slow)
    def quick(x: int) -> str:
        return f"quick {x}"

    assert fastest(slow)(1) == "quick 1"
    with plain():
        assert fastest(slow)(2) == "slow 2"
        with plain():
            pass
        assert fastest(slow)(3) == "slow 3"
    assert fastest(slow)(4) == "quick 4"
    assert fastest(quick) is quick


def test_what_a_faster_form_does_not_take_on_the_plain_one_does() -> None:
    def quick(x: int) -> Any:
        return NotImplemented if x > 9 else f"quick {x}"

    @sooner(quick)
    def slow(x: int) -> str:
        return f"slow {x}"

    assert [slow(1), slow(10)] == ["quick 1", "slow 10"]


def test_plain_is_given_back_after_an_error_and_is_a_threads_own() -> None:
    seen: list[bool] = []

    def look() -> None:
        seen.append(fastest(attention_plain) is not attention_plain)

    attention_plain = choice.weighted_sum

    def fail() -> None:
        with plain():
            other = threading.Thread(target=look)
            other.start()
            other.join()
            look()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    look()
    assert seen == [True, False, True]


@pytest.mark.parametrize("name", FUSED)
def test_inside_plain_no_fused_op_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row of the table holds by the plain form alone: forward, gradients, dtypes."""

    def forbidden(*args: Any, **params: Any) -> Any:
        raise AssertionError(f"the fast form of {name} ran inside plain()")

    monkeypatch.setattr(FUSED[name], "forward", forbidden)
    rows = [row for row in ROWS.values() if row.name == name]
    assert rows

    def check_all() -> None:
        for row in rows:
            for check in CHECKS:
                check(row)

    with plain():
        check_all()
    with pytest.raises(AssertionError, match="ran inside plain"):
        check_all()


def test_every_fast_form_stands_beside_a_plain_one_outside_the_room() -> None:
    for plain_form, fast_form in _faster.items():
        made = getattr(fast_form, "forward", fast_form)
        if made.__module__.startswith(fast_room.__name__):
            own = plain_form.__module__ == "minitorch_attn.fast.heads"  # its composition is there
            assert own or not plain_form.__module__.startswith(fast_room.__name__), made
    assert len(FUSED) >= 6


def test_every_faster_form_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the ops of the table, by a block that trains, by an optimiser."""
    asked = set()
    for plain_form, fast_form in list(_faster.items()):

        def noted(*args: Any, form: Any = fast_form, **kwargs: Any) -> Any:
            asked.add(form)
            return form(*args, **kwargs)

        monkeypatch.setitem(_faster, plain_form, noted)
    for row in ROWS.values():
        check_dtype(row)
    block, x = _block(np.float32)
    block.train()
    adam = Adam(block.named_parameters())
    sgd = SGD(block.named_parameters(), 0.1, momentum=0.9)
    compute_gradients(block, x, np.zeros((4, 7), int), loss=cross_entropy)
    adam.step()
    sgd.step()
    own = {form for form in _faster.values() if form.__module__.startswith("minitorch_attn")}
    assert {getattr(f, "__name__", f) for f in own - asked} == set()


def _block(dtype: Any) -> tuple[TransformerBlock, np.ndarray]:
    rng = np.random.default_rng(0)
    block = TransformerBlock(24, 3, hidden_dim=40, rng=rng, dtype=dtype)
    return block, rng.normal(size=(4, 7, 24)).astype(dtype)


@pytest.mark.parametrize("context", [False, True])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-9), (np.float32, 2e-3)])
def test_a_block_gives_the_same_both_ways(dtype: Any, rtol: float, context: bool) -> None:
    block, x = _block(dtype)
    other = x[:, ::-1] * 2 if context else None
    mask = np.arange(7) < np.array([3, 7, 1, 6])[:, None, None, None]

    def run() -> list[np.ndarray]:
        inputs = Tensor(x, requires_grad=True)
        y = block(inputs, other, mask=mask)
        return [y.data, *grad((y * y).sum(), [inputs, *block.parameters()])]

    quick = run()
    with plain():
        slow = run()
    for a, b in zip(quick, slow, strict=True):
        assert a.dtype == b.dtype == dtype
        # The key's bias has gradient 0 but for rounding: that is measured by the others' size.
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("causal", [False, True])
def test_long_attention_gives_the_same_both_ways(
    causal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "BLOCKWISE_FROM", 1)
    rng = np.random.default_rng(1)
    q, k, v = (Tensor(rng.normal(size=(2, 2, 30, 5)), requires_grad=True) for _ in range(3))

    def run() -> list[np.ndarray]:
        y = attention(q, k, v, causal=causal)
        return [y.data, *grad((y * y).sum(), [q, k, v])]

    quick = run()
    with plain():
        slow = run()
    for a, b in zip(quick, slow, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: SGD(p, 0.1),
    "momentum": lambda p: SGD(p, 0.1, momentum=0.9),
    "Adam": lambda p: Adam(p, 0.01),
    "AdamW": lambda p: AdamW(p, 0.01),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_optimisers_move_alike_both_ways(kind: str) -> None:
    """Switching in the middle changes nothing either: both keep their state in the same arrays."""

    def train(ways: list[bool]) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        rng = np.random.default_rng(2)
        net = Sequential(Dense(6, 8, rng=rng), Dense(8, 3, rng=rng))
        optimizer = OPTIMIZERS[kind](net.named_parameters())
        x, targets = rng.normal(size=(5, 6)).astype(np.float32), np.array([0, 1, 2, 1, 0])
        for is_plain in ways:
            optimizer.zero_grad()
            cross_entropy(net(x), targets).backward()
            if is_plain:
                with plain():
                    optimizer.step()
            else:
                optimizer.step()
        return [p.data for p in net.parameters()], optimizer.state_dict()

    quick, state = train([False] * 6)
    for ways in ([True] * 6, [True, False, True, False, False, True]):
        slow, other = train(ways)
        for a, b in zip(quick, slow, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        assert state.keys() == other.keys()
        for name in state:
            np.testing.assert_allclose(state[name], other[name], rtol=1e-4, atol=1e-6)


def test_inside_plain_no_step_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_sharers", lambda *args: pytest.fail("asked inside plain()"))
    net = Dense(3, 2, rng=np.random.default_rng(0))
    with plain():
        loss, logits = compute_gradients(net, np.ones((4, 3), np.float32), np.zeros(4, int))
    assert loss > 0
    assert logits.shape == (4, 2)


def test_dropped_weights_are_multiplied_with_the_values_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(3)
    layer = MultiHeadAttention(8, 2, dropout=0.5, rng=rng)
    widths = []
    inner = Op.registry["matmul"].forward
    monkeypatch.setattr(
        Op.registry["matmul"],
        "forward",
        lambda a, b: (widths.append((a.shape, b.shape)), inner(a, b))[1],
    )
    y = layer(rng.normal(size=(2, 5, 8)).astype(np.float32))
    assert y.shape == (2, 5, 8)
    assert widths.count(((2, 2, 5, 5), (2, 2, 5, 4))) == 1


@pytest.mark.parametrize("name", ["relu", "exp", "softmax", "multiply", "reshape", "sum", "where"])
def test_an_input_by_keyword_is_refused(name: str) -> None:
    op = Op.registry[name]
    first = next(iter(inspect.signature(op.forward).parameters))
    with pytest.raises(TypeError, match="positional"):
        op(**{first: Tensor(np.ones(3), requires_grad=True)})


def test_an_op_whose_inputs_are_not_marked_says_how_to_mark_them() -> None:
    def double(x: Any) -> Any:
        return 2 * x

    with pytest.raises(TypeError, match=r"1 rules and 0 inputs.*before a / is an input"):
        Op(double, (lambda g, y, x: 2 * g,))
