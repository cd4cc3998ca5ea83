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
    """Fingerprints of the chapter's functions, without what does not matter, as in
    "06.1:0123456789ab 06.3:…"; a stub has none, it is like every other."""
    parts = []
    for exercise in exercises_of(chapter):
        found = _found(text, suffix, exercise)
        if found is not None:
            code = (_essence(found.source) or found.source).encode("utf-8", "replace")
            parts.append(f"{exercise.id}:{hashlib.sha256(code).hexdigest()[:12]}")
    return " ".join(parts)


def copied(text: str, suffix: str, chapter: int) -> tuple[str, ...]:
    """The exercises whose answer is one of the public ones, in `solutions/` or `solutions/other/`:
    the same code but for names of variables, comments, docstrings, annotations and imports."""
    found = []
    for exercise in exercises_of(chapter):
        known = _public(exercise)
        mine = _found(text, suffix, exercise) if known else None
        if mine is not None and _essence(mine.source, ENOUGH) in known:
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
        known = {_essence(answer.source, ENOUGH) for answer in answers_of(exercise)}
    except (SourceError, CollectError):  # a chapter without them
        return frozenset()
    return frozenset(known - {""})


def _essence(source: str, enough: int = 0) -> str:
    """The code without what does not matter; "" where there are fewer nodes than `enough`, and
    where it is nested deeper than Python goes, as five hundred `elif` are: no public answer is."""
    try:
        tree = _Bare().visit(ast.parse(source))
        if sum(1 for _ in ast.walk(tree)) < enough:
            return ""
        for statement in tree.body:
            if isinstance(statement, ast.FunctionDef):
                _number(statement)
        return ast.unparse(ast.fix_missing_locations(tree))
    except (RecursionError, MemoryError):
        return ""


def _number(function: ast.FunctionDef) -> None:
    """Give what is bound in a function, its arguments and variables, numbers for names."""
    nodes = list(ast.walk(function))
    bound = [
        node.arg if isinstance(node, ast.arg) else node.id
        for node in nodes
        if isinstance(node, ast.arg)
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    ]
    outer = {n for node in nodes if isinstance(node, ast.Global | ast.Nonlocal) for n in node.names}
    number = {name: f"{n}_" for n, name in enumerate(dict.fromkeys(bound)) if name not in outer}
    for node in nodes:
        if isinstance(node, ast.arg):
            node.arg = number.get(node.arg, node.arg)
        elif isinstance(node, ast.Name):
            node.id = number.get(node.id, node.id)


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

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        return ast.Assign([node.target], node.value) if node.value else None

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node
