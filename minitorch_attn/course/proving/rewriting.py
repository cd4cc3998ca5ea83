"""Rewrite an answer so that nothing changes: none of these may lose a point.

Two kinds. Some change how the answer is written (`of_source`): names, products as `np.matmul` or
`einsum`, comparisons turned round. Others wrap it and change in what form it stands or answers
(`wrapping`): a class, `partial`, lists for tuples, arrays in Fortran's order, inputs changed in
place after they were used.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .parameters import definition
from .wrapping import IMPORTS, WRAPPED


@dataclass(frozen=True)
class Rewriting:
    """An answer written differently: in which way, and its source."""

    name: str
    source: str


def rewritings(source: str, function: str, *, keywords: Iterable[str] = ()) -> list[Rewriting]:
    """Every rewriting of an answer that changes its text.

    Parameters
    ----------
    source : Python text that defines `function` and all it needs
    function : the name of the answer
    keywords : parameters that are passed by name, and so keep theirs
    """
    tree = ast.parse(source)
    plain = ast.unparse(tree)
    found = []
    for name, change in OF_SOURCE.items():
        changed = ast.unparse(ast.fix_missing_locations(change(copy.deepcopy(tree))))
        if changed != plain:
            found.append(Rewriting(name, _HELPERS + changed))
    renamed = ast.unparse(_parameters_renamed(copy.deepcopy(tree), function, keywords))
    if renamed != plain:
        found.append(Rewriting("parameters renamed", renamed))
    for name, text in WRAPPED.items():
        inner = ast.unparse(_function_renamed(copy.deepcopy(tree), function, "_answer"))
        found.append(Rewriting(name, IMPORTS + inner + text.replace("NAME", function)))
    return found


# How it is written

Change = Callable[[ast.Module], ast.Module]
OF_SOURCE: dict[str, Change] = {}

_HELPERS = '''
import numpy as np
import numpy as _numpy

def _by_hand(a, b):
    """A product by einsum, where both are matrices."""
    if getattr(a, "ndim", 0) < 2 or getattr(b, "ndim", 0) < 2:
        return a @ b
    return _numpy.einsum("...ij,...jk->...ik", a, b)

'''


def _rewriting(name: str) -> Callable[[Change], Change]:
    def add(function: Change) -> Change:
        OF_SOURCE[name] = function
        return function

    return add


class _Each(ast.NodeTransformer):
    """Applies a function to each node, from the bottom up."""

    def __init__(self, change: Callable[[Any], Any]) -> None:
        self.change = change

    def visit(self, node: ast.AST) -> Any:
        return self.change(super().generic_visit(node))


def _each(change: Callable[[Any], Any]) -> Change:
    return lambda tree: _Each(change).visit(tree)


@_rewriting("locals renamed")
def renamed(tree: ast.Module) -> ast.Module:
    """`scores` becomes `scores_`: names that a function assigns, parameters left alone."""
    for function in [node for node in tree.body if isinstance(node, ast.FunctionDef)]:
        kept = {a.arg for a in ast.walk(function) if isinstance(a, ast.arg)}
        kept |= {f.name for f in ast.walk(function) if isinstance(f, ast.FunctionDef)}
        names = {
            node.id
            for node in ast.walk(function)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        } - kept
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id in names:
                node.id += "_"
            if isinstance(node, ast.Global | ast.Nonlocal):
                node.names = [n + "_" if n in names else n for n in node.names]
    return tree


def _is_product(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _called(text: str, *args: ast.expr) -> ast.Call:
    return ast.Call(_expression(text), list(args), [])


@_rewriting("@ as np.matmul")
@_each
def by_matmul(node: Any) -> Any:
    """`np.matmul(a, b)` for `a @ b`."""
    return _called("np.matmul", node.left, node.right) if _is_product(node) else node


@_rewriting("@ as einsum")
@_each
def by_einsum(node: Any) -> Any:
    """`np.einsum("...ij,...jk->...ik", a, b)` for `a @ b`."""
    return _called("_by_hand", node.left, node.right) if _is_product(node) else node


_METHODS = {"sum", "mean", "max", "min", "any", "all", "argmax", "argmin", "std", "var", "swapaxes"}


@_rewriting("methods as functions")
@_each
def as_functions(node: Any) -> Any:
    """`np.sum(x, axis=0)` for `x.sum(axis=0)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        on = node.func.value
        if node.func.attr in _METHODS and not (
            isinstance(on, ast.Name) and on.id in ("np", "math")
        ):
            return ast.Call(_expression(f"np.{node.func.attr}"), [on, *node.args], node.keywords)
    return node


_TURNED = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE, ast.Eq: ast.Eq}
_TURNED |= {ast.NotEq: ast.NotEq}


@_rewriting("comparisons turned round")
@_each
def turned(node: Any) -> Any:
    """`b > a` for `a < b`."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _TURNED:
        return ast.Compare(node.comparators[0], [_TURNED[type(node.ops[0])]()], [node.left])
    return node


@_rewriting("branches exchanged")
@_each
def branches(node: Any) -> Any:
    """`if not c: B else: A` for `if c: A else: B`."""
    if isinstance(node, ast.If):
        return ast.If(ast.UnaryOp(ast.Not(), node.test), node.orelse or [ast.Pass()], node.body)
    if isinstance(node, ast.IfExp):
        return ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.orelse, node.body)
    return node


@_rewriting("squares as products")
@_each
def squares(node: Any) -> Any:
    """`x * x` for `x**2`."""
    square = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)
    if square and isinstance(node.right, ast.Constant) and node.right.value == 2:
        return ast.BinOp(node.left, ast.Mult(), copy.deepcopy(node.left))
    return node


@_rewriting("factors exchanged")
@_each
def factors(node: Any) -> Any:
    """`b * a` for `a * b`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return ast.BinOp(node.right, ast.Mult(), node.left)
    return node


@_rewriting("steps in place written out")
@_each
def written_out(node: Any) -> Any:
    """`x = x + y` for `x += y`."""
    if isinstance(node, ast.AugAssign):
        read = _expression(ast.unparse(node.target))
        return ast.Assign([node.target], ast.BinOp(read, node.op, node.value))
    return node


@_rewriting("result named first")
def named(tree: ast.Module) -> ast.Module:
    """`result = …` and `return result` for `return …`."""

    def change(node: Any) -> Any:
        if isinstance(node, ast.Return) and node.value is not None:
            target = ast.Name("its_result", ast.Store())
            return [
                ast.Assign([target], node.value),
                ast.Return(ast.Name("its_result", ast.Load())),
            ]
        return node

    return _Each(change).visit(tree)


@_rewriting("another kind of ValueError")
@_each
def other_errors(node: Any) -> Any:
    """A class of one's own, made from the error that is asked for."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        kind = ast.unparse(node.exc.func)
        if isinstance(getattr(builtins, kind, None), type):
            node.exc.func = _expression(f"type('Its{kind}', ({kind},), {{}})")
    return node


def _parameters_renamed(tree: ast.Module, function: str, keywords: Iterable[str]) -> ast.Module:
    answer = definition(tree, function)
    names = {a.arg for a in answer.args.args} - set(keywords)
    for node in ast.walk(answer):
        if isinstance(node, ast.arg) and node.arg in names:
            node.arg += "_in"
        if isinstance(node, ast.Name) and node.id in names:
            node.id += "_in"
    return tree


def _function_renamed(tree: ast.Module, function: str, name: str) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            node.name = name
        if isinstance(node, ast.Name) and node.id == function:
            node.id = name
    return tree
