"""What an answer may not see of its arguments."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np


def definition(tree: ast.Module, function: str) -> ast.FunctionDef:
    """The answer's own definition. Raises ValueError where there is none with `def`."""
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return node
    raise ValueError(f"the answer must define {function} with def")


def of_parameters(
    tree: ast.Module, function: str, example: Sequence[Any]
) -> Iterator[tuple[str, str]]:
    """Statements to begin the function with: a parameter ignored, or seen in part."""
    names = [a.arg for a in definition(tree, function).args.args]
    given = dict(zip(names, example, strict=False))
    for name, value in given.items():
        for text in _in_place_of(name, value):
            yield "argument ignored", f"{name} = {text}"
        for other, its in given.items():
            if other != name and _alike(value, its):
                yield "argument ignored", f"{name} = {other}"
                break
        if isinstance(value, np.ndarray) and value.ndim and len(value) > 1:
            yield "one row alone", f"{name} = {name}[[0] * len({name})]"
            yield "one row alone", f"{name} = {name}[[-1] * len({name})]"
        if isinstance(value, np.ndarray) and value.ndim > 1 and value.shape[-1] > 1:
            yield "one column alone", f"{name} = {name}[..., [0] * {name}.shape[-1]]"


def _in_place_of(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, np.ndarray) and value.dtype == bool:
        yield from (f"{name} | True", f"{name} & False")
    elif isinstance(value, np.ndarray) and value.dtype.kind in "iuf":
        yield f"0 * {name} + 1"
    elif value is None or isinstance(value, str | bool | int | float):
        yield repr(value)  # the one that was seen first
    elif isinstance(value, list | tuple) and len(value) > 1:
        yield f"{name}[:1] * len({name})"


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and (a.dtype, a.ndim) == (b.dtype, b.ndim)
    return type(a) is type(b) and not isinstance(a, type(None))
