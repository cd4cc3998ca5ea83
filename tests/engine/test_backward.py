"""Backward: in which order gradients flow, where they go, and what is left behind."""

from __future__ import annotations

import gc
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from helpers.graphs import chain, fan, leaf, seconds_per_op

from minitorch_attn import GradientError, Op, Tensor, checkpoint, debug, grad, no_grad, ops


def test_a_chain_of_100_000_ops_differentiates() -> None:
    x, y = chain(100_000)
    y.backward()
    assert x.grad == 1


def test_a_chain_of_100_000_ops_dropped_undifferentiated() -> None:
    x, y = chain(100_000)
    gone = weakref.ref(y)
    del y
    assert gone() is None
    assert x.grad is None


def test_a_dropped_chain_needs_no_stack() -> None:
    gone: list[weakref.ref] = []

    def drop() -> None:
        _, y = chain(100_000)
        gone.append(weakref.ref(y))

    before = threading.stack_size(32 * 1024)  # the least there is
    try:
        thread = threading.Thread(target=drop)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert [y() for y in gone] == [None]


def test_records_are_let_go_of_one_after_another() -> None:
    depths: list[int] = []

    def gone(_: object) -> None:
        stack = traceback.extract_stack()
        depths.append(sum(frame.name == "_let_go" for frame in stack))

    _, y = chain(100)
    seen, x = [], y
    while type(x._node) is tuple:
        x = next(i for i in x._node[1] if isinstance(i, Tensor))
        seen.append(weakref.ref(x, gone))
    del x, y
    # Python's own way, one inside another, overflows a small stack where it is not on its guard.
    assert depths == [1] * 99


def test_a_chain_of_10_000_ops_with_create_graph() -> None:
    x, y = chain(10_000)
    (g,) = grad(y * y, x, create_graph=True)
    assert grad(g, x)[0] == 2


@pytest.mark.slow
@pytest.mark.parametrize("make", [chain, fan])
def test_time_per_op_stays_flat(make: Callable) -> None:
    small, large = seconds_per_op(make, 1_000), seconds_per_op(make, 100_000)
    assert large < 4 * small, f"{1e6 * small:.1f} µs an op at 1,000, {1e6 * large:.1f} at 100,000"


# What is left behind.


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def network() -> tuple[list[Tensor], Tensor]:
    x, w, b = leaf(4, 3), leaf(3, 3), leaf(3)
    h = ops.layer_norm(ops.gelu(x @ w + b), b, b)
    h = ops.attention(h, h, h, causal=True) + checkpoint(ops.tanh, h)
    return [x, w, b], ops.cross_entropy(h[1:], np.array([0, 2, 1]))


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("use", ["dropped", "backward", "grad", "create_graph"])
def test_100_graphs_leave_nothing_for_the_garbage_collector(use: str) -> None:
    network()  # what is made once, at the first call, is not counted
    gc.collect()
    for _ in range(100):
        xs, y = network()
        if use == "backward":
            y.backward()
        elif use == "grad":
            grad(y, xs)
        elif use == "create_graph":
            gradients = grad(y, xs, create_graph=True)
            grad(gradients[0].sum(), xs[1])
            del gradients
        del xs, y
    assert gc.collect() == 0


@pytest.mark.usefixtures("no_collector")
def test_dropping_the_loss_frees_the_graph_at_once() -> None:
    x = leaf(3)
    middle = x * 2
    gone = weakref.ref(middle)
    loss = middle.sum()
    del middle
    assert gone() is not None
    del loss
    assert gone() is None


# The order of the walk.


def test_b_is_a_plus_a_and_c_is_b_plus_b() -> None:
    a = Tensor(3.0, requires_grad=True)
    b = a + a
    c = b + b
    assert c.item() == 12
    assert grad(c, [a, b]) == (4, 2)


def test_every_op_is_visited_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    rules = Op.registry["tanh"].rules
    counted = (lambda g, y, x: (calls.append(1), rules[0](g, y, x))[1],)
    monkeypatch.setattr(Op.registry["tanh"], "rules", counted)
    x = leaf(2)
    t = ops.tanh(x)
    y = t
    for _ in range(10):
        y = y + t * y
    y.sum().backward()
    assert len(calls) == 1


def test_an_input_that_needs_no_gradient_costs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("the rule of an input that needs no gradient was called")

    a, b = leaf(2), Tensor(np.ones(2))
    rules = Op.registry["multiply"].rules
    monkeypatch.setattr(Op.registry["multiply"], "rules", (rules[0], forbidden))
    np.testing.assert_array_equal(grad((a * b).sum(), a)[0], np.ones(2))
    np.testing.assert_array_equal(grad((a * np.ones(2)).sum(), a)[0], np.ones(2))
    # Nor does a tensor that could have one, when another's is asked for.
    c = leaf(2)
    np.testing.assert_array_equal(grad((a * c).sum(), a)[0], c.data)


def test_a_fused_rule_is_told_which_gradients_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    joint = Op.registry["attention"].joint_rule
    monkeypatch.setattr(
        Op.registry["attention"],
        "joint_rule",
        lambda g, y, saved, needed, *rest, **params: (
            seen.append(list(needed)),
            joint(g, y, saved, needed, *rest, **params),
        )[1],
    )
    q, k, v = leaf(3, 2), leaf(4, 2), leaf(4, 2)
    grad(ops.attention(q.detach(), k, v).sum(), v)
    assert seen == [[False, False, True]]


# Where gradients go.


def test_grad_accumulates_until_it_is_forgotten() -> None:
    x = leaf(3)
    for _ in range(2):
        (x * 5).sum().backward()
    np.testing.assert_array_equal(x.grad, [10, 10, 10])
    first = x.grad
    (x * 1).sum().backward()
    np.testing.assert_array_equal(first, [10, 10, 10], "an array handed out before has changed")


def test_gradients_share_no_memory() -> None:
    a, b = leaf(3), leaf(3)
    seed = np.array([1.0, 2.0, 3.0])
    y = a + b
    y.backward(seed)
    arrays = [a.grad, b.grad, seed, a.data, b.data, y.data]
    for i, one in enumerate(arrays):
        assert not any(np.shares_memory(one, other) for other in arrays[:i])


def test_the_gradient_of_a_leaf_in_itself_is_a_copy_of_the_seed() -> None:
    seed = np.array([1.0, 2.0, 3.0])
    x = leaf(3)
    x.backward(seed)
    (g,) = grad(x, x, seed)
    seed[:] = 0
    np.testing.assert_array_equal(x.grad, [1, 2, 3])
    np.testing.assert_array_equal(g, [1, 2, 3])


def test_gradients_have_the_shape_and_dtype_of_their_tensor() -> None:
    number = Tensor(2.0, requires_grad=True)
    (number * number).backward()
    assert isinstance(number.grad, np.ndarray)
    assert number.grad.shape == ()
    (number * 1.0).backward()
    assert isinstance(number.grad, np.ndarray)
    x = Tensor(np.ones(3, np.float32), requires_grad=True)
    (x * np.ones(3)).sum().backward()
    assert x.grad.dtype == np.float32


def test_only_leaves_get_a_grad() -> None:
    x = leaf(3)
    y = x * 2
    y.sum().backward()
    assert x.grad is not None
    assert y.grad is None


def test_grad_returns_in_order_and_leaves_grad_alone() -> None:
    a, b = leaf(2), leaf(2)
    y = a * 2 + b * 3
    assert isinstance(grad(y.sum(), [b, a]), tuple)
    gb, ga = grad((a * 2 + b * 3).sum(), [b, a])
    np.testing.assert_array_equal(ga, [2, 2])
    np.testing.assert_array_equal(gb, [3, 3])
    assert a.grad is None
    assert type(ga) is np.ndarray


def test_grad_in_the_middle_of_a_graph_and_at_its_start() -> None:
    x = leaf(2)
    y = x * 3
    z = (y * y).sum()
    gy, gx, gz = grad(z, [y, x, z])
    np.testing.assert_allclose(gy, 2 * y.data)
    np.testing.assert_allclose(gx, 6 * y.data)
    assert gz == 1


def test_grad_is_zero_where_nothing_depends() -> None:
    x, other = leaf(2), leaf(3)
    for create_graph in (False, True):
        g = grad((x * x).sum(), [x, other], create_graph=create_graph)[1]
        np.testing.assert_array_equal(g.data if create_graph else g, np.zeros(3))


def test_a_gradient_is_weighted_by_the_one_given() -> None:
    x = leaf(2)
    for seed in (np.array([1.0, 10.0]), Tensor(np.array([1.0, 10.0])), [1.0, 10.0]):
        np.testing.assert_array_equal(grad(x * 2, x, seed)[0], [2, 20])


# What was recorded.


def test_backward_under_no_grad_is_the_same_backward() -> None:
    x = leaf(3)
    for f in (ops.tanh, lambda x: checkpoint(ops.tanh, x)):
        y = f(x).sum()
        with no_grad():
            (g,) = grad(y, x)
        np.testing.assert_allclose(g, 1 - np.tanh(x.data) ** 2)


def test_a_released_graph_says_so() -> None:
    x = leaf(2)
    y = x * x
    z = y.sum()
    z.backward()
    for again in (z.backward, lambda: grad(z, x), (y * 2).sum().backward):
        with pytest.raises(GradientError, match="released"):
            again()


def test_create_graph_keeps_the_record() -> None:
    x = leaf(2)
    y = (x * x * x).sum()
    (first,) = grad(y, x, create_graph=True)
    assert isinstance(first, Tensor)
    (second,) = grad(first.sum(), x, create_graph=True)
    np.testing.assert_allclose(second.data, 6 * x.data)
    np.testing.assert_allclose(grad(y, x)[0], 3 * x.data**2)


def test_debug_sees_every_array_of_the_record() -> None:
    rng = np.random.default_rng(0)
    batch, weight = rng.normal(size=(3, 4)), leaf(4, 5)
    index, targets = np.array([0, 2]), np.array([1, 0, 4])
    mask = np.ones((3, 3), bool)
    uses: dict[str, tuple[np.ndarray, Callable[[], Tensor]]] = {
        "a reused batch": (batch, lambda: batch @ weight),
        "an index": (index, lambda: weight[index]),
        "targets": (targets, lambda: ops.cross_entropy(batch @ weight, targets)),
        "a mask": (mask, lambda: ops.where(mask[:, :1], batch @ weight, 0.0)),
    }
    for name, (array, compute) in uses.items():
        with debug():
            y = compute().sum()
        array.flat[0] = 0 if array.dtype == bool else array.flat[0] + 1
        for create_graph in (True, False):
            with pytest.raises(GradientError, match="changed in place") as caught:
                grad(y, weight, create_graph=create_graph)
            assert "(shape (" in str(caught.value), name


@pytest.mark.parametrize("which", ["leaf", "output"])
def test_debug_finds_a_change_in_place(which: str) -> None:
    x = leaf(3)
    with debug():
        y = ops.exp(x)
        z = (y * y).sum()
    (x if which == "leaf" else y).data[0] += 1
    with pytest.raises(GradientError, match="changed in place") as caught:
        z.backward()
    assert "(3,)" in str(caught.value)
    with debug():
        (x * x).sum().backward()  # and finds nothing where there is nothing
