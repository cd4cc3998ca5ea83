"""How a fault is planted: in the place of a method, or of a function wherever it is named."""

from __future__ import annotations
import __future__

import inspect
import sys
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

from minitorch_attn.ops.op import Op

Plant = Callable[[pytest.MonkeyPatch], None]


def method(owner: type, name: str, make: Callable[[Callable[..., Any]], Any]) -> Plant:
    """In the place of a class's method what `make` makes of it."""
    return lambda patch: patch.setattr(owner, name, make(getattr(owner, name)))


def everywhere(function: Any, make: Callable[[Any], Any]) -> Plant:
    """In the place of a function what `make` makes of it, in every module that has its name."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        broken = make(function)
        for module in list(sys.modules.values()):
            names = [n for n, value in vars(module).items() if value is function] if module else []
            for name in names:
                patch.setattr(module, name, broken)

    return plant


def rewritten(function: Any, old: str, new: str) -> Any:
    """A copy of a function with some of its text replaced, living among the same globals."""
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"the text to break is not once in {function.__name__}: {old!r}"
    code = compile(
        source.replace(old, new),
        f"broken {function.__name__}",
        "exec",
        flags=__future__.annotations.compiler_flag,
    )
    own = next(c for c in code.co_consts if inspect.iscode(c) and c.co_name == function.__name__)
    copy = FunctionType(own, function.__globals__, function.__name__, function.__defaults__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def text(function: Any, old: str, new: str) -> Plant:
    """In the place of a function itself with some of its text replaced."""
    return everywhere(function, lambda right: rewritten(right, old, new))


def forward(name: str, make: Callable[[Any], Any]) -> Plant:
    """In the place of an op's forward what `make` makes of it."""
    op = Op.registry[name]
    return lambda patch: patch.setattr(op, "forward", make(op.forward))


def forward_text(name: str, old: str, new: str) -> Plant:
    """In the place of an op's forward itself with some of its text replaced."""
    return forward(name, lambda right: rewritten(right, old, new))


def with_attribute(name: str, value: Callable[[Any], Any]) -> Callable[..., Any]:
    """Makes a method that runs with another value of one of its object's attributes."""

    def make(right: Callable[..., Any]) -> Callable[..., Any]:
        def broken(self: Any, *args: Any, **kwargs: Any) -> Any:
            before = getattr(self, name)
            setattr(self, name, value(self))
            try:
                return right(self, *args, **kwargs)
            finally:
                setattr(self, name, before)

        return broken

    return make


def with_arguments(**other: Any) -> Callable[..., Any]:
    """Makes a method that runs with other values of some of its keyword arguments."""
    return lambda right: lambda self, *args, **kwargs: right(self, *args, **{**kwargs, **other})


def afterwards(change: Callable[[Any], Any]) -> Callable[..., Any]:
    """Makes a method that does something to its object when it is done."""

    def make(right: Callable[..., Any]) -> Callable[..., Any]:
        def broken(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = right(self, *args, **kwargs)
            change(self)
            return result

        return broken

    return make
