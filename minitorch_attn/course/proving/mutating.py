"""Make the mutants of an answer: its source, with one place changed in each."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import operators, parameters
from .places import Place, inside_table

# What a mutant may call, whatever the answer imported.
CALLED = """

import numpy as np
from minitorch_attn.course.proving.faults import first_off, last_off, squeezed
"""


@dataclass(frozen=True)
class Mutant:
    """An answer with one place changed.

    `before` and `after` are the lines that differ, without their indent: by them a list of
    survivors knows a mutant, so they say no line number.
    """

    operator: str
    line: int
    before: str
    after: str
    source: str

    @property
    def diff(self) -> str:
        """What differs, as a unified diff shows it."""
        removed = [f"- {line}" for line in self.before.splitlines()]
        return "\n".join([*removed, *(f"+ {line}" for line in self.after.splitlines())])


def mutants(source: str, function: str, example: Sequence[Any] = ()) -> list[Mutant]:
    """Every mutant of first order of an answer, each once.

    Parameters
    ----------
    source : Python text that defines `function` and all it needs
    function : the name of the answer
    example : arguments of one call: they tell which parameters are arrays, and what a mutant puts
        in the place of one that it ignores
    """
    tree = ast.parse(source)
    encoded = source.encode()
    starts = _line_starts(encoded)
    seen = {ast.dump(tree)}
    found: list[Mutant] = []
    for place in _places(tree, source):
        for name, operator in operators.TABLE.items():
            for text in operator(place):
                changed = _put(place, text, tree, encoded, starts)
                _add(found, seen, name, source, changed)
    for name, text in parameters.of_parameters(tree, function, example):
        _add(found, seen, name, source, _insert(tree, function, text, encoded, starts))
    return found


def _add(found: list[Mutant], seen: set[str], name: str, source: str, changed: str) -> None:
    dump = ast.dump(ast.parse(changed))
    if dump in seen:
        return
    seen.add(dump)
    line, before, after = _difference(source, changed)
    found.append(Mutant(name, line, before, after, changed + CALLED))


def _difference(source: str, changed: str) -> tuple[int, str, str]:
    """The line from which on the two differ, and what stands there in each."""
    old, new = source.splitlines(), changed.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    edits = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    i, j = edits[0][1], edits[0][3]
    k, m = edits[-1][2], edits[-1][4]
    return i + 1, _without_indent(old[i:k]), _without_indent(new[j:m])


def _without_indent(lines: Sequence[str]) -> str:
    return "\n".join(line.strip() for line in lines)


def _places(tree: ast.Module, source: str) -> Iterator[Place]:
    """Every node that may be changed, with what stands around it, from the top down."""
    modules = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }

    def below(node: ast.AST, above: tuple[ast.AST, ...]) -> Iterator[Place]:
        for field, value in ast.iter_fields(node):
            children = value if isinstance(value, list) else [value]
            for index, child in enumerate(children):
                if not isinstance(child, ast.AST) or _left_alone(node, field, child, index):
                    continue
                at = index if isinstance(value, list) else None
                if isinstance(child, ast.expr | ast.stmt):
                    yield Place(child, (*above, node), field, at, source, frozenset(modules))
                if not isinstance(child, ast.Raise):  # how an error is worded is nobody's fault
                    yield from below(child, (*above, node))

    return below(tree, ())


def _left_alone(node: ast.AST, field: str, child: ast.AST, index: int) -> bool:
    """Docstrings, imports, annotations, f-strings (their parts have no places), long tables."""
    if isinstance(child, ast.Import | ast.ImportFrom | ast.JoinedStr):
        return True
    if field in ("annotation", "returns", "decorator_list"):
        return True
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True
    return inside_table(node, field, index)


def _line_starts(encoded: bytes) -> list[int]:
    starts = [0]
    for line in encoded.splitlines(True):
        starts.append(starts[-1] + len(line))
    return starts


def _span(node: Any, starts: list[int]) -> tuple[int, int]:
    first = starts[node.lineno - 1] + node.col_offset
    return first, starts[node.end_lineno - 1] + node.end_col_offset


def _put(place: Place, text: str, tree: ast.Module, encoded: bytes, starts: list[int]) -> str:
    """The source with `text` in the place of a node, in parentheses where it needs them."""
    first, last = _span(place.node, starts)

    def spliced(text: str) -> str:
        return (encoded[:first] + text.encode() + encoded[last:]).decode()

    if isinstance(place.node, ast.stmt):
        return spliced(text)
    wanted = _loaded(place.dump_with(text, tree))
    for attempt in (text, f"({text})"):
        try:
            if _loaded(ast.dump(ast.parse(spliced(attempt)))) == wanted:
                return spliced(attempt)
        except SyntaxError:
            continue
    raise ValueError(f"{text!r} cannot stand for {place.text()!r}")


def _loaded(dump: str) -> str:
    return dump.replace("Store()", "Load()")  # `x[i, j] = …` has become `x[j, i] = …`


def _insert(tree: ast.Module, function: str, text: str, encoded: bytes, starts: list[int]) -> str:
    """The source with a statement put before the first of the function, after its docstring."""
    body = parameters.definition(tree, function).body
    at = 1 if len(body) > 1 and isinstance(body[0], ast.Expr) else 0
    first, _ = _span(body[at], starts)
    indent = " " * body[at].col_offset
    return (encoded[:first] + f"{text}\n{indent}".encode() + encoded[first:]).decode()
