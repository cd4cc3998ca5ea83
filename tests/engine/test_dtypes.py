"""One rule for the dtype of every result: `minitorch_attn/dtypes.py` states it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers.libraries import STRICT
from numpy.testing import assert_allclose, assert_array_equal

from minitorch_attn import Tensor, grad, gradcheck, ops, packed_attention, plain
from minitorch_attn.fast import attention as choice
from minitorch_attn.nn import Dense, Dropout, Embedding, MultiHeadAttention

RNG = np.random.default_rng(0)


def drawn(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return RNG.normal(size=shape).astype(dtype)


@pytest.fixture
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Each form in which attention, and all else that has several, may be computed."""
    if request.param == "blockwise":
        monkeypatch.setattr(choice, "BLOCKWISE_FROM", 1)
    if request.param == "plain":
        with plain():
            yield
    else:
        yield


EVERY_FORM = pytest.mark.parametrize("form", ["plain", "whole", "blockwise"], indirect=True)

# Of several inputs, and what they are called with.
SEVERAL: dict[str, tuple[Callable, tuple[tuple[int, ...], ...]]] = {
    "add": (ops.add, ((2, 3), (3,))),
    "power": (lambda a, b: ops.power(abs(a) + 1, b), ((2, 3), (3,))),
    "maximum": (ops.maximum, ((2, 3), (3,))),
    "minimum": (ops.minimum, ((2, 3), (3,))),
    "where": (lambda a, b: ops.where(np.eye(3, dtype=bool), a, b), ((3, 3), (3,))),
    "concatenate": (lambda a, b: ops.concatenate([a, b]), ((2, 3), (4, 3))),
    "matmul": (ops.matmul, ((2, 3), (3, 4))),
    "einsum": (lambda a, b: ops.einsum("ij,jk->ik", a, b), ((2, 3), (3, 4))),
    "linear": (ops.linear, ((2, 3), (3, 4), (4,))),
    "layer_norm": (lambda *x: ops.layer_norm(*x), ((2, 3), (3,), (3,))),
    "layer_norm without weight": (lambda x, b: ops.layer_norm(x, None, b), ((2, 3), (3,))),
    "attention": (ops.attention, ((2, 3, 4), (2, 5, 4), (2, 5, 4))),
    "causal attention": (lambda *x: ops.attention(*x, causal=True), ((3, 4),) * 3),
    "attention and its weights": (
        lambda *x: ops.attention(*x, return_weights=True)[0],
        ((3, 4),) * 3,
    ),
    "the weights": (lambda *x: ops.attention(*x, return_weights=True)[1], ((3, 4),) * 3),
}


@EVERY_FORM
@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("name", SEVERAL)
def test_mixed_inputs_give_numpys_common_dtype(name: str) -> None:
    call, shapes = SEVERAL[name]
    for i in range(len(shapes)):
        dtypes = [np.float64 if j == i else np.float32 for j in range(len(shapes))]
        xs = [
            Tensor(drawn(*shape, dtype=dtype), requires_grad=True)
            for shape, dtype in zip(shapes, dtypes, strict=True)
        ]
        y = call(*xs)
        assert y.dtype == np.float64, f"input {i} is float64"
        seed = np.cos(np.arange(y.size, dtype=float)).reshape(y.shape)
        wide = [Tensor(x.data.astype(np.float64), requires_grad=True) for x in xs]
        assert_allclose(y.data, call(*wide).data, rtol=1e-6, atol=1e-7)
        for x, g, wanted in zip(xs, grad(y, xs, seed), grad(call(*wide), wide, seed), strict=True):
            assert g.dtype == x.dtype
            assert_allclose(g, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(set(SEVERAL) - {"power"}))
def test_integers_beside_floating_arrays(name: str) -> None:
    """uint8 fits float32, int64 does not: as in NumPy."""
    call, shapes = SEVERAL[name]
    for narrow, dtype in ((np.uint8, np.float32), (np.int64, np.float64), (bool, np.float32)):
        first = RNG.integers(0, 2, shapes[0]).astype(narrow)
        rest = [drawn(*shape) for shape in shapes[1:]]
        y = call(Tensor(first), *rest)
        assert y.dtype == dtype, narrow
        assert_allclose(y.data, call(first.astype(np.float64), *rest), rtol=1e-5, atol=1e-6)


def test_attention_has_one_dtype_at_every_length() -> None:
    for n in (16, 300):
        for return_weights in (False, True):
            y = ops.attention(
                Tensor(drawn(1, n, 4)),
                drawn(1, n, 4, dtype=np.float64),
                drawn(1, n, 4),
                return_weights=return_weights,
            )
            assert all(a.dtype == np.float64 for a in (y if isinstance(y, tuple) else (y,))), (
                n,
                return_weights,
            )


NUMBERS = (2, 2.0, np.float64(2), np.float32(2), np.int64(2), np.uint8(2))


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: type(n).__name__)
@EVERY_FORM
@pytest.mark.usefixtures("form")
def test_numbers_weigh_nothing(number: Any) -> None:
    x = Tensor(np.abs(drawn(2, 3)) + 1, requires_grad=True)
    q = drawn(1, 3, 4)
    for call in (
        lambda x: x + number,
        lambda x: number - x,
        lambda x: x * number,
        lambda x: x / number,
        lambda x: number / x,
        lambda x: x**number,
        lambda x: number**x,
        lambda x: ops.maximum(x, number),
        lambda x: ops.minimum(number, x),
        lambda x: ops.where(np.eye(2, 3, dtype=bool), x, number),
        lambda x: ops.layer_norm(x, eps=number),
        lambda x: ops.attention(x, x, x, scale=number),
        lambda x: ops.attention(x, x, x, scale=number, return_weights=True)[0],
        lambda x: ops.attention(x, x, x, scale=number, causal=True),
    ):
        y = call(x)
        assert y.dtype == np.float32
        (g,) = grad(y.sum(), x, create_graph=True)
        assert g.dtype == np.float32
    assert ops.attention(q, q, q, scale=number).dtype == np.float32, "of plain arrays"
    assert ops.add(q, number).dtype == ops.power(abs(q), number).dtype == np.float32


def test_the_scale_that_most_people_write() -> None:
    q = Tensor(drawn(2, 3, 64))
    assert (q / np.sqrt(64)).dtype == np.float32
    assert ops.attention(q, q, q, scale=1 / np.sqrt(64)).dtype == np.float32


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (2, 1, 1), (3, 1)])
def test_a_learned_temperature(shape: tuple[int, ...]) -> None:
    """A scale that is a Tensor has a gradient; one of a shape may differ by head or query."""
    q, k, v = (RNG.normal(size=(2, 3, 4)) for _ in range(3))
    t = RNG.uniform(0.5, 1.5, shape)
    for return_weights in (False, True):

        def call(q: Any, t: Any, return_weights: bool = return_weights) -> Any:
            y = ops.attention(q, k, v, scale=t, return_weights=return_weights)
            return y[0] if return_weights else y

        assert_allclose(call(q, t), ops.attention(q * t, k, v, scale=1.0), rtol=1e-12)
        gradcheck(call, [q, t])
    with pytest.raises(ValueError, match=r"a scale is a number.*\(4,\)"):
        ops.attention(q, k, v, scale=np.ones(4))


# Integers and booleans.

INTEGERS = [np.bool_, np.uint8, np.int8, np.uint16, np.int16, np.int32, np.int64, np.uint64]


def edges(dtype: Any) -> np.ndarray:
    """Numbers of that dtype, its smallest and its largest among them."""
    if dtype is np.bool_:
        return np.array([[True, False, True], [False, True, True]])
    info = np.iinfo(dtype)
    low, high = (info.min, info.max) if info.bits < 64 else (-5 if info.min else 0, 7)
    return np.array([[low, high, high // 2], [1, low, high]], dtype)


LEADING_OUT: dict[str, Callable] = {
    "exp": lambda x: ops.exp(ops.minimum(x, 1)),
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "gelu": ops.gelu,
    "mean": lambda x: ops.mean(x, axis=1),
    "var": lambda x: ops.var(x, axis=1),
    "softmax": ops.softmax,
    "log_softmax": ops.log_softmax,
    "sparsemax": ops.sparsemax,
    "entmax15": ops.entmax15,
    "logsumexp": lambda x: ops.logsumexp(x, axis=1),
    "cross_entropy": lambda x: ops.cross_entropy(x, np.array([0, 2])),
    "layer_norm": ops.layer_norm,
    "attention": lambda x: ops.attention(x, x, x, scale=1e-4),
    "the weights": lambda x: ops.attention(x, x, x, scale=1e-4, return_weights=True)[1],
    "packed_attention": lambda x: packed_attention(ops.reshape(x, (1, 2, 3)), 1),
    "dropout": lambda x: ops.dropout(x, 0.3, 0),
    "sqrt": lambda x: ops.sqrt(ops.maximum(x, 0)),
    "log": lambda x: ops.log(ops.maximum(x, 1)),
    "divide": lambda x: ops.divide(x, ops.maximum(x, 1)),
}


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", LEADING_OUT)
@EVERY_FORM
@pytest.mark.usefixtures("form")
def test_what_leads_out_of_the_whole_numbers_is_float64(name: str, dtype: Any) -> None:
    call, x = LEADING_OUT[name], edges(dtype)
    wanted = call(x.astype(np.float64))
    for found in (call(Tensor(x)).data, call(x)):
        assert np.asarray(found).dtype == np.float64
        assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


AMONG_THEMSELVES: dict[str, Callable] = {
    "add": lambda x: x + x,
    "subtract": lambda x: x - x[::-1],
    "multiply": lambda x: x * x,
    "negative": lambda x: -x,
    "absolute": abs,
    "power": lambda x: x**2,
    "sum": lambda x: x.sum(axis=1),
    "a larger number": lambda x: x + 300,
    "matmul": lambda x: x @ x.T,
    "einsum": lambda x: ops.einsum("ij,ij->i", x, x) if isinstance(x, Tensor) else (x * x).sum(1),
    "linear": lambda x: ops.linear(x, x.T, x[:, 0]) if isinstance(x, Tensor) else x @ x.T + x[:, 0],
}


@pytest.mark.parametrize("dtype", INTEGERS[:5], ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", AMONG_THEMSELVES)
@EVERY_FORM
@pytest.mark.usefixtures("form")
def test_arithmetic_of_narrow_integers_does_not_overflow(name: str, dtype: Any) -> None:
    """All numbers of 8 and 16 bits and their products fit 64 bits; Python's object ints judge."""
    call, x = AMONG_THEMSELVES[name], edges(dtype)
    found = call(Tensor(x))
    assert found.dtype.kind in "iu"
    assert found.dtype.itemsize == 8
    assert_array_equal(found.data, call(x.astype(int).astype(object)).astype(np.int64))


def test_what_moves_or_chooses_keeps_the_dtype() -> None:
    for dtype in INTEGERS:
        x = edges(dtype)
        t = Tensor(x)
        for found, wanted in (
            (t.max(axis=1), x.max(1)),
            (t.min(axis=1), x.min(1)),
            (t.min(), x.min()),
            (ops.minimum(t, x[::-1]), np.minimum(x, x[::-1])),
            (ops.maximum(t, x[::-1]), np.maximum(x, x[::-1])),
            (t.T, x.T),
            (t[0], x[0]),
            (ops.concatenate([t, t]), np.concatenate([x, x])),
            (ops.where(x > 0, t, t), x),
            (ops.take(t, [0], axis=0), x[:1]),
            (ops.embedding([1, 0], t), x[::-1]),
        ):
            assert found.dtype == dtype
            assert_array_equal(found.data, wanted)


def test_the_smallest_of_narrow_integers() -> None:
    assert ops.min(np.array([0, 5], np.uint8)) == 0
    assert ops.min(np.array([0, -128], np.int8)) == -128
    assert not ops.min(np.array([True, False]))
    assert_array_equal(ops.minimum(np.array([0, 3], np.uint8), np.array([5, 0], np.uint8)), [0, 0])


def test_integers_have_no_gradient() -> None:
    x = Tensor(np.array([1, 2]))
    with pytest.raises(TypeError, match="only floating-point tensors have gradients"):
        x.requires_grad = True
    assert not x.requires_grad
    x.requires_grad = False
    y = Tensor(np.array([1.5, 2.5]))
    y.requires_grad = True
    assert_array_equal(grad((y * x).sum(), y)[0], [1, 2])


@pytest.mark.parametrize("dtype", [int, np.int8, bool, "uint8"])
def test_what_becomes_integers_has_no_gradient(dtype: Any) -> None:
    x = Tensor(np.array([1.5, 2.5]), requires_grad=True)
    y = ops.astype(x, dtype)
    for found in (y, x.astype(dtype)):
        assert not found.requires_grad
        assert_array_equal(found.data, x.data.astype(dtype))
    (g,) = grad((x * y).sum(), x)
    assert_array_equal(g, y.data)


def test_dropout_of_integers_multiplies_what_stays_by_the_whole_factor() -> None:
    x = np.full(1000, 3, np.uint8)
    y = ops.dropout(Tensor(x), 0.4, 0).data
    assert set(np.unique(y)) == {0, 3 / 0.6}
    assert ops.dropout(x, 0, 0).dtype == np.float64, "the dtype does not depend on p"


@pytest.mark.parametrize("dtype", INTEGERS[1:], ids=lambda d: d.__name__)
@pytest.mark.parametrize("rows", [100, 256, 300, 70000])
def test_token_ids_of_any_width(dtype: Any, rows: int) -> None:
    table = np.arange(2.0 * rows).reshape(rows, 2)
    ids = np.array([[1, 99], [0, 1]], dtype)
    t = Tensor(table, requires_grad=True)
    for call in (lambda t: ops.take(t, ids, axis=0), lambda t: ops.embedding(ids, t)):
        y = call(t)
        assert_array_equal(y.data, table[ids])
        (g,) = grad(y, t, np.ones(y.shape))
        assert g[1].tolist() == [2, 2]
        assert g.sum() == 8
    assert_array_equal(ops.take(table.T, ids, axis=1), table.T[:, ids])
    if np.dtype(dtype).kind == "i":
        assert_array_equal(ops.take(table, ids - 3, axis=0), table[ids.astype(int) - 3])
    targets = np.array([1, 99], dtype)
    logits = np.zeros((2, rows))
    assert_allclose(ops.cross_entropy(logits, targets), np.log(rows))


def test_no_tokens_from_an_empty_list() -> None:
    assert ops.embedding([], np.ones((4, 3))).shape == (0, 3)


# float16.


def test_float16_is_refused_with_a_reason() -> None:
    x = np.ones((2, 3), np.float16)
    layer = Dense(3, 2)
    calls: list[Callable] = [
        lambda: Tensor(x),
        lambda: Tensor(np.float16(1)),
        lambda: Tensor(np.ones(3)).astype(np.float16),
        lambda: ops.astype(np.ones(3), "float16"),
        lambda: Tensor(np.ones((2, 3))) + x,
        lambda: ops.softmax(x),
        lambda: ops.layer_norm(x),
        lambda: ops.mean(x),
        lambda: ops.sum(x),
        lambda: ops.gelu(x),
        lambda: ops.attention(x, x, x),
        lambda: ops.attention(x, x, x, return_weights=True),
        lambda: packed_attention(x[None], 1),
        lambda: ops.cross_entropy(x, [0, 1]),
        lambda: ops.dropout(x, 0.1, 0),
        lambda: layer(x),
        lambda: Dense(3, 2, dtype=np.float16),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=r"float16 ends at 65504.*astype\('float32'\)"):
            call()


def test_other_numbers_are_refused_beside_a_tensor_too() -> None:
    for other in (np.array([1j]), 1j, ["a"], np.array(["a"])):
        with pytest.raises(TypeError, match="real numbers"):
            Tensor([1.0]) + other


# Gradients and seeds.


def test_the_gradient_to_begin_with_takes_the_outputs_dtype() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    for given in (np.ones(3, np.uint8), Tensor(np.ones(3, np.uint8)), Tensor(np.ones(3, bool))):
        for create_graph in (False, True):
            (g,) = grad(-x, x, given, create_graph=create_graph)
            g = g.data if create_graph else g
            assert g.dtype == np.float64
            assert_array_equal(g, [-1, -1, -1])
    x.grad = None
    (-x).backward(Tensor(np.ones(3, np.uint8)))
    assert_array_equal(x.grad, [-1, -1, -1])


def test_a_seed_is_an_integer_zero_too() -> None:
    x = np.ones((2, 4, 6), np.float32)
    makers: list[Callable] = [
        lambda rng: Dense(6, 6, rng=rng)(x),
        lambda rng: Embedding(9, 6, rng=rng)([1, 2]),
        lambda rng: Dropout(0.5, rng=rng)(Tensor(x)),
        lambda rng: MultiHeadAttention(6, 2, dropout=0.5, rng=rng)(x),
        lambda rng: Tensor(ops.dropout(x, 0.5, rng)),
    ]
    for make in makers:
        for seed in (0, 1, np.int64(2)):
            a, b = make(seed).data, make(np.random.default_rng(seed)).data
            assert_array_equal(make(seed).data, a)
            assert_array_equal(b, a)
        assert not np.array_equal(make(0).data, make(1).data)
        for wrong in (-1, 0.5, "0"):
            with pytest.raises((TypeError, ValueError), match="a seed: an integer from 0 on"):
                make(wrong)


def test_lists_are_arrays() -> None:
    x = Tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    assert_array_equal(([1.0, 2.0, 3.0] @ x).data, np.array([1, 2, 3]) @ x.data)
    assert_array_equal((x * [1, 2]).data, x.data * [1, 2])
    assert_allclose(ops.softmax([1.0, 2.0]), ops.softmax(np.array([1, 2])))
    assert_array_equal(ops.mean([[1, 2], [3, 5]], axis=0), [2, 3.5])
    assert_array_equal(ops.stack([1.0, 2.0]), [1, 2])
    assert_allclose(ops.layer_norm([1.0, 3.0]), [-1, 1], rtol=1e-5)
    assert_array_equal(ops.einsum("i,i->", [1, 2], [3, 4]), 11)
    gradcheck(lambda x: [1.0, 2.0, 3.0] @ x * [2.0, 3.0], [x.data])


def test_strict_arrays_keep_the_rule() -> None:
    x = Tensor(np.arange(6, dtype=np.uint8).reshape(2, 3)).to(STRICT)
    assert ops.softmax(x).dtype == np.float64
    assert (x + x).dtype == np.int64
    assert ops.attention(x, x, x).dtype == np.float64
    assert ops.layer_norm(x, Tensor(np.ones(3, np.float32)).to(STRICT)).dtype == np.float32
