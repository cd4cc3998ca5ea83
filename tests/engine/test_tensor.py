"""Tensors: operators, methods, comparisons, and what a tensor says of itself."""

from __future__ import annotations

import ast
import inspect
import operator
import re
import textwrap
from collections.abc import Callable

import numpy as np
import pytest
from helpers.graphs import leaf

from minitorch_attn import Tensor, checkpoint, grad, gradcheck, no_grad, ops


def test_operators_with_numbers_and_arrays_on_either_side() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    t = Tensor(x, requires_grad=True)
    others = (2, 2.5, np.float64(3), np.array([5.0, 6.0]), Tensor([5.0, 6.0]))
    for name in ("add", "sub", "mul", "truediv", "pow"):
        f = getattr(operator, name)
        for other in others:
            plain = other.data if isinstance(other, Tensor) else other
            for found, wanted in ((f(t, other), f(x, plain)), (f(other, t), f(plain, x))):
                assert isinstance(found, Tensor)
                assert found.requires_grad
                np.testing.assert_allclose(found.data, wanted)
    m = np.array([[1.0, -1.0], [0.5, 2.0]])
    np.testing.assert_allclose((m @ t).data, m @ x)
    np.testing.assert_allclose((t @ m).data, x @ m)
    np.testing.assert_allclose((-t).data, -x)
    np.testing.assert_allclose(abs(-t).data, x)


def test_reflected_operators_differentiate() -> None:
    a = np.array([2.0, 3.0])
    for name in ("add", "sub", "mul", "truediv", "pow"):
        f = getattr(operator, name)
        gradcheck(lambda t, f=f: f(a, t), [np.array([1.5, 0.5])])
    gradcheck(lambda t: np.array([[1.0, 2.0]]) @ t, [np.ones((2, 3))])


METHODS: dict[str, tuple[Callable, Callable]] = {
    "sum": (lambda t: t.sum(axis=0, keepdims=True), lambda x: x.sum(axis=0, keepdims=True)),
    "mean": (lambda t: t.mean(1), lambda x: x.mean(1)),
    "max": (lambda t: t.max(axis=-1), lambda x: x.max(axis=-1)),
    "min": (lambda t: t.min(), lambda x: x.min()),
    "var": (lambda t: t.var(axis=1), lambda x: x.var(axis=1)),
    "exp": (lambda t: t.exp(), np.exp),
    "log": (lambda t: t.log(), np.log),
    "sqrt": (lambda t: t.sqrt(), np.sqrt),
    "tanh": (lambda t: t.tanh(), np.tanh),
    "abs": (lambda t: t.abs(), np.abs),
    "reshape": (lambda t: t.reshape(3, 2), lambda x: x.reshape(3, 2)),
    "reshape tuple": (lambda t: t.reshape((3, -1)), lambda x: x.reshape(3, 2)),
    "transpose": (lambda t: t.transpose(), lambda x: x.T),
    "transpose axes": (lambda t: t.transpose(1, 0), lambda x: x.T),
    "transpose tuple": (lambda t: t.transpose((1, 0)), lambda x: x.T),
    "swapaxes": (lambda t: t.swapaxes(0, 1), lambda x: x.T),
    "squeeze": (lambda t: t.reshape(1, 6).squeeze(0), lambda x: x.reshape(6)),
    "T": (lambda t: t.T, lambda x: x.T),
    "mT": (lambda t: t.mT, lambda x: x.T),
    "getitem": (lambda t: t[0, 1:], lambda x: x[0, 1:]),
    "integers": (lambda t: t[[1, 1, 0]], lambda x: x[[1, 1, 0]]),
    "a tensor": (lambda t: t[Tensor([1, 0])], lambda x: x[[1, 0]]),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods(name: str) -> None:
    method, plain = METHODS[name]
    x = np.array([[0.3, 1.1, 2.7], [0.9, 4.2, 0.5]])
    np.testing.assert_allclose(method(Tensor(x)).data, plain(x), rtol=1e-14)
    gradcheck(method, [x])


def test_comparisons_are_plain_boolean_arrays() -> None:
    x = np.array([1.0, 2.0, 3.0])
    t = Tensor(x, requires_grad=True)
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        f = getattr(operator, name)
        for other in (2.0, np.array([3.0, 2.0, 1.0]), Tensor([3.0, 2.0, 1.0])):
            plain = other.data if isinstance(other, Tensor) else other
            for found, wanted in ((f(t, other), f(x, plain)), (f(other, t), f(plain, x))):
                assert type(found) is np.ndarray
                assert found.dtype == bool
                np.testing.assert_array_equal(found, wanted)


def test_a_tensor_is_a_key_by_identity() -> None:
    a, b = Tensor([1.0]), Tensor([1.0])
    names = {a: "a", b: "b"}
    assert names[a] == "a"
    assert names[b] == "b"
    assert hash(a) != hash(b)


@pytest.fixture
def six() -> Tensor:
    """0 to 5 in two rows."""
    return Tensor(np.arange(6, dtype=np.float32).reshape(2, 3), requires_grad=True)


def test_a_tensor_is_as_large_as_its_array(six: Tensor) -> None:
    assert (six.shape, six.ndim, six.size) == ((2, 3), 2, 6)
    assert (six.dtype, six.device) == (np.float32, "cpu")


def test_a_tensor_is_a_row_of_tensors(six: Tensor) -> None:
    assert len(six) == 2
    assert [row.shape for row in six] == [(3,), (3,)]


def test_a_tensor_of_one_number_is_a_number(six: Tensor) -> None:
    assert six.sum().item() == 15
    assert isinstance(six.sum().item(), float)
    assert float(six.sum()) == 15.0
    assert bool(six.sum() > 3)
    assert f"{six.sum():.2f}" == "15.00"


def test_what_a_tensor_says_of_itself(six: Tensor) -> None:
    assert repr(Tensor([1.0, 2.0])) == "Tensor([1., 2.], dtype=float64)"
    assert "requires_grad=True" in repr(six)
    assert "op=multiply" in repr(six * 2)


def test_a_tensor_keeps_the_array_it_is_given(six: Tensor) -> None:
    assert six.numpy() is six.data
    assert Tensor(six.detach()).data is six.data
    assert Tensor([1, 2]).dtype == np.int64


def test_plain_arrays_in_plain_arrays_out() -> None:
    x = np.ones((2, 3))
    for result in (ops.exp(x), ops.softmax(x), ops.attention(x, x, x), checkpoint(ops.exp, x)):
        assert isinstance(result, np.ndarray)


# What is recorded.


def test_no_grad_as_context_and_as_decorator() -> None:
    x = leaf(2)

    @no_grad()
    def double(x: Tensor) -> Tensor:
        return x * 2

    with no_grad():
        assert not (x * 2).requires_grad
        with no_grad():
            pass
        assert not (x * 2).requires_grad
    assert not double(x).requires_grad
    assert not double(x).requires_grad, "a decorated function works once only"
    assert (x * 2).requires_grad
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (x * 2).requires_grad


def test_detach_keeps_the_values_and_forgets_the_rest() -> None:
    x = leaf(2)
    y = x * 2
    d = y.detach()
    assert not d.requires_grad
    assert d.data is y.data
    np.testing.assert_array_equal(d.data, 2 * x.data)
    np.testing.assert_array_equal(grad((d * x).sum(), x)[0], d.data)


# Its operators come from ops/methods.py.


def declared() -> set[str]:
    """What the type checker is told that Tensor has; names like _this are its own."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(Tensor))).body
    (block,) = (
        node
        for node in ast.walk(body)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    names = set()
    for node in block.body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        else:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {ast.unparse(target) for target in targets}
    return {name for name in names if not re.match("_[^_]", name)}


def test_the_type_checker_is_told_of_what_is_installed_and_of_nothing_else() -> None:
    installed = {
        name
        for name, value in vars(Tensor).items()
        if inspect.isfunction(value) and value.__module__ != Tensor.__module__
    }
    assert len(installed) > 30
    assert installed <= declared() <= set(vars(Tensor))
