"""A strict stand-in for CuPy: arrays that never turn into NumPy's by themselves.

CuPy's arrays mix with Python's numbers and with each other, and refuse NumPy's. So do these, which
keep a NumPy array inside and need no GPU: code that runs on them does not lean on NumPy by
accident. Reductions and single elements are arrays of no axes, as in CuPy, not NumPy scalars.
Where CuPy 14 gives another answer than NumPy, so do these.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

# What was asked of the module and of its arrays: "functions", "methods" or "at", the name, how many
# arguments, and the names of others. `tests/engine/test_cupy.py` looks each up in CuPy.
asked: set[tuple[str, str, int, tuple[str, ...]]] = set()
# Each time that a number was wanted: on a GPU the host then waits until all is computed.
looks: list[str] = []


class ndarray:
    """What the module's functions make and take."""

    __slots__ = ("_inside",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, inside: np.ndarray) -> None:
        self._inside = inside

    shape = property(lambda self: self._inside.shape)
    dtype = property(lambda self: self._inside.dtype)
    ndim = property(lambda self: self._inside.ndim)
    size = property(lambda self: self._inside.size)
    T = property(lambda self: ndarray(self._inside.T))
    # A view has a base; whose it is does not matter here.
    base = property(lambda self: None if self._inside.base is None else self)

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("implicit conversion to a NumPy array is not allowed: use asnumpy(array)")

    __array__ = __array_ufunc__ = __array_function__ = _refuse

    def __getattr__(self, name: str) -> Any:
        """The methods of NumPy's array: sum, reshape, astype, copy …"""
        method = getattr(self._inside, name)
        if name.startswith("_") or not callable(method):
            raise AttributeError(f"a strict array has no {name!r}")

        def call(*args: Any, **kwargs: Any) -> Any:
            asked.add(("methods", name, len(args), tuple(sorted(kwargs))))
            return _call(method, args, kwargs)

        return call

    def item(self) -> Any:
        looks.append("item")
        return self._inside.item()

    def __getitem__(self, index: Any) -> ndarray:
        return _wrap(self._inside[_places(self, index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._inside[_places(self, index)] = _unwrap(value)

    def __len__(self) -> int:
        return len(self._inside)

    def __iter__(self) -> Iterator[ndarray]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        looks.append("bool")
        return bool(self._inside) if self.size else False  # NumPy refuses to say

    def __int__(self) -> int:
        looks.append("int")
        return int(self._inside)

    def __float__(self) -> float:
        looks.append("float")
        return float(self._inside)

    def __repr__(self) -> str:
        return f"strict_arrays.{self._inside!r}"


def _wrap(x: Any) -> Any:
    return ndarray(np.asarray(x)) if isinstance(x, np.ndarray | np.generic) else x


def _unwrap(x: Any) -> Any:
    """Take the NumPy array out of a strict one; refuse NumPy's own."""
    if isinstance(x, ndarray):
        return x._inside
    if isinstance(x, np.ndarray | np.generic):
        raise TypeError(f"unsupported type {type(x)}: a strict array does not mix with NumPy's")
    if type(x) in (list, tuple):
        return type(x)(_unwrap(item) for item in x)
    return x


def _places(array: ndarray, index: Any) -> Any:
    """An index as CuPy reads it: what NumPy's arrays say too, and beyond the end round again.

    CuPy 14: `_prepare_slice_list` moves NumPy's arrays without a word; `_take` and `_scatter_op`
    look at no index, since to look at a number on a GPU means to wait for it.
    """
    given = index if isinstance(index, tuple) else (index,)
    parts = [part._inside if isinstance(part, ndarray) else part for part in given]
    axis, places = 0, []
    for part in parts:
        if part is Ellipsis:
            axis = array.ndim - (len([p for p in parts if p is not None]) - 1 - axis)
        elif isinstance(part, np.ndarray) and part.dtype.kind == "b":
            axis += part.ndim
        elif part is not None:
            if isinstance(part, np.ndarray) and axis < array.ndim and array.shape[axis]:
                part = part % array.shape[axis]
            axis += 1
        places.append(part)
    return tuple(places) if isinstance(index, tuple) else places[0]


# Keywords that NumPy's functions and methods take, and CuPy's do not.
LACKING = {"initial", "where"}


def _call(function: Any, args: Any, kwargs: Any) -> Any:
    if lacking := LACKING & kwargs.keys():
        raise TypeError(f"CuPy takes no {lacking.pop()}=")
    result = function(*_unwrap(args), **{name: _unwrap(x) for name, x in kwargs.items()})
    return kwargs["out"] if kwargs.get("out") is not None else _wrap(result)


def _binary(name: str) -> None:
    """Give the arrays an operator: as it is, reflected, and in place."""
    plain, in_place = getattr(operator, f"__{name}__"), getattr(operator, f"__i{name}__", None)

    def method(self: ndarray, other: Any) -> Any:
        return _wrap(plain(self._inside, _unwrap(other)))

    def reflected(self: ndarray, other: Any) -> Any:
        return _wrap(plain(_unwrap(other), self._inside))

    def changed(self: ndarray, other: Any) -> Any:
        assert in_place is not None
        array = in_place(self._inside, _unwrap(other))
        assert array is self._inside, "an array of no axes taken out of another is not it"
        return self

    setattr(ndarray, f"__{name}__", method)
    if in_place is not None:
        setattr(ndarray, f"__r{name}__", reflected)
    if in_place is not None and name != "matmul":  # which CuPy does not have
        setattr(ndarray, f"__i{name}__", changed)


def _unary(name: str) -> None:
    function = getattr(operator, f"__{name}__")
    setattr(ndarray, f"__{name}__", lambda self: _wrap(function(self._inside)))


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    _binary(_name)
for _name in ("and", "or", "xor", "eq", "ne", "lt", "le", "gt", "ge"):
    _binary(_name)
for _name in ("neg", "pos", "abs", "invert"):
    _unary(_name)


def asarray(x: Any, dtype: Any = None) -> ndarray:
    """Make a strict array; the one door through which NumPy's arrays may come in."""
    if isinstance(x, ndarray):
        return x if dtype in (None, x.dtype) else x.astype(dtype)
    return ndarray(np.array(x, dtype=dtype))


def array(x: Any, dtype: Any = None) -> ndarray:
    """A copy, from either side."""
    return ndarray(np.array(x._inside if isinstance(x, ndarray) else x, dtype=dtype))


def asnumpy(x: ndarray) -> np.ndarray:
    """The one door out: a copy."""
    looks.append("asnumpy")
    return x._inside.copy()


class _Function:
    """A function of NumPy's on strict arrays; a ufunc has `at` too, and nothing that CuPy lacks."""

    def __init__(self, name: str, function: Any) -> None:
        self.name, self.function = name, function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        asked.add(("functions", self.name, len(args), tuple(sorted(kwargs))))
        return _call(self.function, args, kwargs)

    def at(self, target: ndarray, index: Any, values: Any) -> None:
        asked.add(("at", self.name, 3, ()))
        self.function.at(target._inside, _places(target, index), _unwrap(values))


def __getattr__(name: str) -> Any:
    found = getattr(np, name)
    if name.startswith("_") or isinstance(found, type) or not callable(found):
        raise AttributeError(f"strict_arrays has no {name!r}")
    return _Function(name, found)
