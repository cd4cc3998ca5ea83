"""Operators on loops, statements and what is returned."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .expressions import BINARY
from .places import Place, neighbours


def rounds(place: Place) -> Iterator[str]:
    """A loop without its first round, or without its last, or without any."""
    if isinstance(place.parent, ast.For | ast.comprehension) and place.field == "iter":
        yield f"list({place.bare()})[1:]"
        yield f"list({place.bare()})[:-1]"
        if isinstance(place.parent, ast.For):
            yield "()"


def statement(place: Place) -> Iterator[str]:
    """A step in place, a second assignment, an append; a raise after which there is more."""
    node = place.node
    if isinstance(node, ast.AugAssign | ast.Expr | ast.Break | ast.Continue):
        yield "pass"
    if isinstance(node, ast.Assign):
        names = [n for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
        if all(isinstance(n.ctx, ast.Load) or _bound_before(place, n.id) for n in names):
            yield "pass"
    if isinstance(node, ast.Raise) and len(getattr(place.parent, place.field)) > 1:
        yield "pass"


def _bound_before(place: Place, name: str) -> bool:
    function = next(n for n in reversed((ast.Module([], []), *place.above)) if _is_scope(n))
    arguments = getattr(function, "args", None)
    if arguments and name in [a.arg for a in ast.walk(arguments) if isinstance(a, ast.arg)]:
        return True
    stores = (n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name)
    return any(isinstance(n.ctx, ast.Store) and n.lineno < place.node.lineno for n in stores)


def _is_scope(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.Module)


def in_place(place: Place) -> Iterator[str]:
    """`total = x` or `total -= x` for `total += x`."""
    node = place.node
    if isinstance(node, ast.AugAssign) and type(node.op) in BINARY:
        target, value = place.text(node.target), place.text(node.value)
        yield f"{target} = {value}"
        yield f"{target} {BINARY[type(node.op)][1]}= {value}"


def error(place: Place) -> Iterator[str]:
    """TypeError for ValueError."""
    if isinstance(place.node, ast.Raise) and isinstance(place.node.exc, ast.Call):
        kind, text = place.text(place.node.exc.func), place.text()
        yield text.replace(kind, "TypeError" if kind != "TypeError" else "ValueError", 1)


def result(place: Place) -> Iterator[str]:
    """One number of one result off, its axes of size 1 gone, or two results exchanged."""
    returned = _returned(place)
    if returned == "part" or (returned == "all" and not isinstance(place.node, _CONTAINERS)):
        yield f"first_off({place.bare()})"
        yield f"last_off({place.bare()})"
        yield f"squeezed({place.bare()})"
    if returned == "all" and isinstance(place.node, ast.Tuple):
        for items in neighbours(place.node.elts):
            yield ", ".join(place.bare(item) for item in items)


_CONTAINERS = (ast.Tuple, ast.Dict)


def _returned(place: Place) -> str:
    """Whether this expression is what the answer returns, or a part of it, or neither."""
    functions = [node for node in place.above if isinstance(node, ast.FunctionDef | ast.Lambda)]
    if len(functions) != 1:
        return ""  # a helper's result is an intermediate one
    if isinstance(place.parent, ast.Return):
        return "all"
    held = isinstance(place.parent, _CONTAINERS) and place.field in ("elts", "values")
    return "part" if held and isinstance(place.above[-2], ast.Return) else ""
