"""Tensor's operators and methods: each is an op from this folder."""

from __future__ import annotations

from typing import Any

from ..backward import backward
from ..tensor import Tensor, TensorLike, raw
from . import elementwise, linalg, op, reduce, shape


def _binary(op: Any) -> Any:
    return lambda self, other: op(self, other)


def _reflected(op: Any) -> Any:
    return lambda self, other: op(other, self)


def _compare(name: str) -> Any:
    """Comparisons give plain boolean arrays: they have no gradient."""
    return lambda self, other: getattr(self.data, name)(raw(other))


def _shape(self: Tensor, *sizes: Any) -> Tensor:
    return shape.reshape(self, sizes[0] if len(sizes) == 1 else sizes)


def _axes(self: Tensor, *axes: Any) -> Tensor:
    if not axes or axes[0] is None:
        return shape.transpose(self, None)
    return shape.transpose(self, tuple(axes[0]) if isinstance(axes[0], tuple | list) else axes)


def _backward(self: Tensor, gradient: TensorLike | None = None) -> None:
    """Add d(self)/d(leaf), weighted by `gradient`, to the `.grad` of every leaf.

    `gradient` has the shape of this tensor, and may be left out for a single number. The
    record is released on the way: a second backward needs a second forward.
    """
    backward(self, gradient)


def _to(self: Tensor, device: str) -> Tensor:
    """Return the tensor on "cpu" or "cuda"; gradients flow back to where it came from."""
    return self if device == self.device else op.to(self, device=device)


def install() -> None:
    """Give Tensor its operators. The names on the left are Python's and NumPy's."""
    binary = {
        "add": elementwise.add,
        "sub": elementwise.subtract,
        "mul": elementwise.multiply,
        "truediv": elementwise.divide,
        "pow": elementwise.power,
        "matmul": linalg.matmul,
    }
    for name, function in binary.items():
        setattr(Tensor, f"__{name}__", _binary(function))
        setattr(Tensor, f"__r{name}__", _reflected(function))
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{name}__", _compare(f"__{name}__"))
    methods = {
        "__neg__": elementwise.negative,
        "__abs__": elementwise.absolute,
        "__getitem__": shape.getitem,
        "abs": elementwise.absolute,
        "exp": elementwise.exp,
        "log": elementwise.log,
        "sqrt": elementwise.sqrt,
        "tanh": elementwise.tanh,
        "astype": elementwise.astype,
        "sum": reduce.sum,
        "mean": reduce.mean,
        "max": reduce.max,
        "min": reduce.min,
        "var": reduce.var,
        "swapaxes": shape.swapaxes,
        "squeeze": shape.squeeze,
        "reshape": _shape,
        "transpose": _axes,
    }
    for name, function in methods.items():
        setattr(Tensor, name, _method(function))
    setattr(Tensor, "backward", _backward)  # noqa: B010
    setattr(Tensor, "to", _to)  # noqa: B010
    setattr(Tensor, "__hash__", object.__hash__)  # noqa: B010, by identity, though == compares data
    setattr(Tensor, "T", property(shape.transpose))  # noqa: B010
    setattr(Tensor, "mT", property(lambda self: shape.swapaxes(self, -1, -2)))  # noqa: B010


def _method(op: Any) -> Any:
    """An Op is an object; a method must be a function to be bound."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return op(self, *args, **kwargs)

    method.__name__, method.__doc__ = getattr(op, "__name__", "method"), op.__doc__
    return method
