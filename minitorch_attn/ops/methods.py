"""Tensor's operators and methods: each is an op from this folder."""

from __future__ import annotations

from typing import Any

from ..arrays import check_same_library
from ..backward import backward
from ..tensor import Tensor, TensorLike, raw
from . import arithmetic, elementwise, linalg, op, reduce, shape

# The names on the left are Python's and NumPy's.
OPERATORS = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "pow": arithmetic.power,
    "matmul": linalg.matmul,
}
METHODS = {
    "__neg__": arithmetic.negative,
    "__abs__": arithmetic.absolute,
    "abs": arithmetic.absolute,
    "__getitem__": shape.getitem,
    **{name: getattr(elementwise, name) for name in ("exp", "log", "sqrt", "tanh", "astype")},
    **{name: getattr(reduce, name) for name in ("sum", "mean", "max", "min", "var")},
    **{name: getattr(shape, name) for name in ("swapaxes", "squeeze")},
}


def install() -> None:
    """Give Tensor its operators and methods; `tensor.py` states them for the type checker."""
    for name, function in OPERATORS.items():
        setattr(Tensor, f"__{name}__", _operator(function))
        setattr(Tensor, f"__r{name}__", _reflected(function))
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{name}__", _comparison(f"__{name}__"))
    for name, function in METHODS.items():
        setattr(Tensor, name, _method(function))
    own = {"reshape": _reshape, "transpose": _transpose, "backward": _backward, "to": _to}
    for name, function in own.items():
        setattr(Tensor, name, function)
    setattr(Tensor, "__hash__", object.__hash__)  # noqa: B010, by identity, though == compares data
    setattr(Tensor, "T", property(shape.transpose))  # noqa: B010
    setattr(Tensor, "mT", property(lambda self: shape.swapaxes(self, -1, -2)))  # noqa: B010


def _operator(function: Any) -> Any:
    return lambda self, other: function(self, other)


def _reflected(function: Any) -> Any:
    return lambda self, other: function(other, self)


def _comparison(name: str) -> Any:
    """Comparisons give plain boolean arrays: they have no gradient."""

    def compare(self: Tensor, other: Any) -> Any:
        check_same_library(self.data, raw(other))
        return getattr(self.data, name)(raw(other))

    return compare


def _method(function: Any) -> Any:
    """An Op is an object; a method must be a function to be bound."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(self, *args, **kwargs)

    method.__name__, method.__doc__ = getattr(function, "__name__", "method"), function.__doc__
    return method


def _reshape(self: Tensor, *sizes: Any) -> Tensor:
    """The same elements, in the same order, in another shape; one size may be -1."""
    return shape.reshape(self, sizes[0] if len(sizes) == 1 else sizes)


def _transpose(self: Tensor, *axes: Any) -> Tensor:
    """The axes in another order; reversed, when none is given."""
    if len(axes) == 1 and not isinstance(axes[0], int):
        axes = axes[0]  # a tuple or a list of them, or None
    return shape.transpose(self, tuple(axes) if axes else None)


def _backward(self: Tensor, gradient: TensorLike | None = None) -> None:
    """Add d(self)/d(leaf), weighted by `gradient`, to the `.grad` of every leaf.

    `gradient` has the shape of this tensor, and may be left out for a single number. The
    record is released on the way: a second backward needs a second forward.

    Of two threads that add to one `.grad` at once, one may lose what it adds: threads take `grad`,
    and one of them adds up.
    """
    backward(self, gradient)


def _to(self: Tensor, device: str) -> Tensor:
    """Return the tensor on "cpu" or "cuda"; gradients flow back to where it came from."""
    return self if device == self.device else op.to(self, device=device)
