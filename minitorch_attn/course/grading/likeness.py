"""Which code is the same as other code: another student's, or a worked answer of the book's."""

from __future__ import annotations

import ast
import functools
import hashlib

from ..checking.collect import CollectError, Found, collect_text
from ..checking.exercise import Exercise
from ..checks import exercises_of
from ..proving.answers import answers_of
from ..sources.text import SourceError

ENOUGH = 60  # nodes of a syntax tree: of less code many students write the same


def code_mark(text: str, suffix: str, chapter: int) -> str:
    """A fingerprint of the chapter's functions as written, comments and spaces aside.

    Empty where not all of them are there: a stub is like every other.
    """
    parts = []
    for exercise in exercises_of(chapter):
        found = _found(text, suffix, exercise)
        if found is None:
            return ""
        parts.append(ast.unparse(ast.parse(found.source)))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def copied(text: str, suffix: str, chapter: int) -> tuple[str, ...]:
    """The exercises whose answer is one of the public ones, in `solutions/` or `solutions/other/`:
    the same code but for comments, docstrings, annotations and imports."""
    found = []
    for exercise in exercises_of(chapter):
        known = _public(exercise)
        mine = _found(text, suffix, exercise) if known else None
        if mine is not None and _essence(mine.source) in known:
            found.append(exercise.id)
    return tuple(found)


def _found(text: str, suffix: str, exercise: Exercise) -> Found | None:
    try:
        found = collect_text(text, suffix, exercise.function)
        ast.unparse(ast.parse(found.source))
    except (CollectError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return None if found.stub else found


@functools.cache
def _public(exercise: Exercise) -> frozenset[str]:
    try:
        known = {_essence(answer.source) for answer in answers_of(exercise)}
    except (SourceError, CollectError):  # a chapter without them
        return frozenset()
    return frozenset(known - {""})


def _essence(source: str) -> str:
    """The code without what does not matter; "" where there is hardly any."""
    tree = _Bare().visit(ast.parse(source))
    if sum(1 for _ in ast.walk(tree)) < ENOUGH:
        return ""
    return ast.unparse(ast.fix_missing_locations(tree))


class _Bare(ast.NodeTransformer):
    """Takes docstrings, annotations and imports out."""

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node
