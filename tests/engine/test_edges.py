"""Numbers at the edges: far out, equal, on the border between two branches of a rule.

Calls are made with all floating-point warnings made errors: what is right is not stopped.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minitorch_attn import Tensor, grad, ops, packed_attention, plain
from minitorch_attn.fast import attention as choice
from minitorch_attn.nn import MultiHeadAttention, TransformerBlock


@contextmanager
def strict() -> Iterator[None]:
    """All floating-point warnings are errors."""
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def of(call: Callable, x: Any, dtype: Any = np.float64) -> tuple[Any, Any]:
    """A function's values at some numbers, and its slopes there; and nothing raises."""
    t = Tensor(np.asarray(x, dtype), requires_grad=True)
    with strict():
        y = call(t)
        (g,) = grad(y, t, np.ones(y.shape))
        (again,) = grad(call(t), t, np.ones(y.shape), create_graph=True)
    assert y.dtype == g.dtype == dtype
    assert_allclose(again.data, g, rtol=1e-3, atol=1e-4)
    return y.data, g


FAR = [-700.0, -100, -40, -38, -30, -20, -18, -17, -5, -1e-9, 0, 1e-9, 1, 17, 40, 100, 700]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_keeps_its_precision_where_it_is_small(dtype: Any) -> None:
    far = [x for x in FAR if x > (-87 if dtype is np.float32 else -705)]
    y, slope = of(ops.sigmoid, far, dtype)
    eps = 8 * np.finfo(dtype).eps
    wanted = [1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x)) for x in far]
    assert_allclose(y, wanted, rtol=eps)
    small = np.array(far) <= 1
    assert_allclose(slope[small], [s * (1 - s) for s in np.array(wanted)[small]], rtol=4 * eps)
    log, slope = of(lambda x: ops.log(ops.sigmoid(x)), far, dtype)
    assert_allclose(log, [min(x, 0) - math.log1p(math.exp(-abs(x))) for x in far], atol=4 * eps)
    assert_allclose(slope, [1 / (1 + math.exp(x)) for x in far], atol=4 * eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", ["fast", "plain"])
def test_gelu_far_out(form: str, dtype: Any) -> None:
    def call() -> tuple[Any, Any]:
        return of(ops.gelu, [-1e4, -300, -50, 50, 300, 1e4], dtype)

    y, slope = call() if form == "fast" else plain()(call)()
    assert_allclose(y, [0, 0, 0, 50, 300, 1e4], atol=1e-30)
    assert_allclose(slope, [0, 0, 0, 1, 1, 1], atol=1e-30)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_and_its_family_far_out(dtype: Any) -> None:
    for x in ([1000.0, 0.0, -1000.0], [-1000.0] * 3, [88.0, -90.0, 0.0], [0.0, -math.inf, 1.0]):
        p = np.exp(np.asarray(x) - max(x))
        p /= p.sum()
        weigh = np.array([1.0, -2.0, 0.5], dtype)
        y, slope = of(lambda x, w=weigh: (ops.softmax(x) * w).sum(), x, dtype)
        assert_allclose(y, p @ weigh, rtol=1e-5, atol=1e-7)
        assert_allclose(slope, p * (weigh - p @ weigh), rtol=1e-5, atol=1e-7)
        y, slope = of(ops.logsumexp, x, dtype)
        assert_allclose(y, max(x) + math.log(np.exp(np.asarray(x) - max(x)).sum()), rtol=1e-6)
        assert_allclose(slope, p, atol=2e-5)
        y, slope = of(lambda x: ops.cross_entropy(x[None], [2]), x, dtype)
        assert_allclose(slope, p - [0, 0, 1], atol=1e-6)
        _, slope = of(lambda x, w=weigh: ops.log_softmax(x)[2] * 2, x, dtype)
        assert_allclose(slope, 2 * (np.array([0, 0, 1]) - p), atol=1e-6)


@pytest.mark.parametrize("form", ["whole", "blockwise", "plain", "with weights"])
@pytest.mark.parametrize("size", [-1, 1])
@pytest.mark.parametrize("level", [0.0, 7.0, 59.0, 61.0, 89.0, 200.0, 1000.0])
def test_scores_of_any_size(
    form: str, size: int, level: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All scores near one number, however far from 0: their differences make the weights."""
    if form == "blockwise":
        monkeypatch.setattr(choice, "BLOCKWISE_FROM", 1)
    away = np.array([0.0, 1.0, 2.0, 0.5])
    key = (size * level + away)[:, None].astype(np.float32)
    away = key[:, 0] - key[0, 0]
    value = np.array([[1.0], [-1.0], [3.0], [0.0]], np.float32)
    weights = np.exp(away - away.max(), dtype=np.float64)
    weights /= weights.sum()

    def call(key: Any) -> Any:
        y = ops.attention(
            np.ones((1, 1), np.float32), key, value, return_weights=form == "with weights"
        )
        return y[0] if form == "with weights" else y

    def run() -> tuple[Any, Any]:
        return of(call, key, np.float32)

    y, slope = plain()(run)() if form == "plain" else run()
    assert_allclose(y[0], weights @ value, rtol=1e-5, atol=1e-6)
    assert_allclose(slope, weights[:, None] * (value - weights @ value), rtol=1e-4, atol=1e-6)


def test_scores_that_differ_by_hundreds() -> None:
    """Where exponentials underflow, in every path."""
    x = np.array([[0.0], [30.0], [-30.0]])
    for options in ({}, {"causal": True}, {"mask": np.tri(3, dtype=bool)}):
        for return_weights in (False, True):

            def call(x: Any, options: dict = options, return_weights: bool = return_weights) -> Any:
                y = ops.attention(x, x, x, scale=1.0, return_weights=return_weights, **options)
                return y[0] if return_weights else y

            y, _ = of(call, x)
            assert_allclose(y[1], [30], rtol=1e-12)
    for layer in (MultiHeadAttention(4, 2, rng=0), TransformerBlock(4, 2, rng=0)):
        x = 30 * np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
        assert np.isfinite(of(layer, x, np.float32)[1]).all()
    packed = np.tile(np.array([[[100.0], [-100.0]]]), 6)
    assert np.isfinite(of(lambda x: packed_attention(x, 2), packed)[1]).all()


@pytest.mark.parametrize("form", ["fast", "plain"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layer_norm_of_equal_numbers_is_0(form: str, dtype: Any) -> None:
    def call() -> None:
        for size in (1, 2, 7, 100, 1000, 4096):
            for number in (0.0, 1.0, 0.1, 10000.1, -3e7, 1e-7):
                x = np.full((2, size), number, dtype)
                with strict():
                    y = ops.layer_norm(x)
                assert_allclose(y, 0, atol=1e-6)

    call() if form == "fast" else plain()(call)()


@pytest.mark.parametrize("first", [0.0, 1e8, -1e8])
def test_layer_norm_of_what_is_far_from_0_and_of_one_that_is_far_from_the_others(
    first: float,
) -> None:
    x = np.random.default_rng(0).normal(size=(3, 500)).astype(np.float32) + 1000
    x[:, 0] += first
    wide = x.astype(np.float64)
    wanted = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + 1e-5)
    assert_allclose(ops.layer_norm(x), wanted, rtol=2e-4, atol=2e-4)


# Powers.


def second(f: Callable, a: float, b: float, first: int) -> float:
    """d/da d/db of f, or the other order."""
    x = [Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)]
    (g,) = grad(f(*x), x[first], create_graph=True)
    return float(grad(g, x[1 - first])[0])


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(("a", "b"), [(2.0, 0.0), (0.5, 0.0), (2.0, 1.0), (3.0, -1.0), (2.0, 2.5)])
def test_the_mixed_derivative_of_a_power(first: int, a: float, b: float) -> None:
    wanted = a ** (b - 1) * (1 + b * math.log(a))
    assert second(ops.power, a, b, first) == pytest.approx(wanted)


@pytest.mark.parametrize("kind", [float, np.float32, np.int8, np.uint8])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_powers_at_0_and_to_0(kind: Any, shape: tuple[int, ...]) -> None:
    def exponent(n: float) -> Any:
        return kind(n) if not shape else np.full(shape, n, kind)

    for a, b, value, slope in (
        (0, 0, 1, 0),
        (0, 1, 0, 1),
        (0, 2, 0, 0),
        (3, 0, 1, 0),
        (2, 3, 8, 12),
    ):
        y, g = of(lambda x, b=b: x ** exponent(b), np.full(shape or (1,), float(a)))
        assert (float(y[0]), float(g[0])) == (value, slope), (a, b)
    x = Tensor(np.array([0.0, 2.0]), requires_grad=True)
    assert_array_equal(grad((ops.power(0.0, x)).sum(), x)[0], [0, 0])
    assert_allclose(grad(ops.power(2.0, x).sum(), x)[0], [math.log(2), 4 * math.log(2)])


def test_a_power_of_a_negative_narrow_exponent() -> None:
    """b - 1 of int8's smallest number would be its largest."""
    y, g = of(lambda x: x ** np.array([-128], np.int8), np.array([1.5]))
    assert_allclose([y[0], g[0]], [1.5**-128, -128 * 1.5**-129])


# What underflows is 0, and no error; what is wrong stays an error.


def test_what_underflows_is_0() -> None:
    tiny = np.float32(1e-30)
    for call in (lambda x: x * x, lambda x: x / np.float32(1e30), lambda x: x**3, ops.exp):
        x = Tensor(np.array([tiny, -200.0 if call is ops.exp else tiny]), requires_grad=True)
        with strict():
            y = call(x)
            (g,) = grad(y, x, np.full(2, tiny))
        assert np.isfinite([y.data, g]).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x / 0,
        lambda x: ops.log(x * 0),
        lambda x: ops.exp(x * 1000),
        lambda x: x * 1e300 * 1e300,
        lambda x: ops.sqrt(x - 10),
    ],
)
def test_whoever_looks_for_nan_and_infinity_finds_them(call: Callable) -> None:
    with strict(), pytest.raises(FloatingPointError) as caught:
        call(Tensor([1.0, 2.0]))
    assert any(note.startswith("in ") for note in caught.value.__notes__)


def test_the_way_back_is_as_it_was_for_the_user() -> None:
    x = Tensor(np.array([1e-200]), requires_grad=True)
    with strict():
        (x * 1e-200).backward()
        assert np.geterr()["under"] == "raise"
        with pytest.raises(FloatingPointError, match="divide"):
            ops.sqrt(x * 0).backward()
        assert np.geterr()["under"] == "raise"


def test_warnings_that_are_errors_find_what_is_wrong_and_nothing_else() -> None:
    with warnings.catch_warnings(), np.errstate(under="warn"):
        warnings.simplefilter("error")
        assert (Tensor([1e-200]) * 1e-200).data == 0
        with pytest.raises(RuntimeWarning, match="divide"):
            Tensor([1.0]) / 0
