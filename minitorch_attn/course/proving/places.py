"""A place of an answer's tree, and what the operators ask of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LONG_TABLE = 16  # of a literal with more constants the first and the last stand for all

_LOOSE = (ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.UnaryOp, ast.Lambda, ast.GeneratorExp)


@dataclass(frozen=True)
class Place:
    """A node of an answer's tree.

    `above` are the nodes around it, the nearest last; `field` and `index` say where the nearest
    holds it; `modules` are the names of imported modules.
    """

    node: Any
    above: tuple[ast.AST, ...]
    field: str
    index: int | None
    source: str
    modules: frozenset[str]

    @property
    def parent(self) -> Any:
        """The nearest node around it."""
        return self.above[-1]

    def bare(self, node: ast.AST | None = None) -> str:
        """The source of a node (this one, if none is named) as the author wrote it."""
        node = self.node if node is None else node
        return ast.get_source_segment(self.source, node) or ast.unparse(node)

    def text(self, node: ast.AST | None = None) -> str:
        """The same as a part of a larger expression: in parentheses where it may need them."""
        node = self.node if node is None else node
        return f"({self.bare(node)})" if isinstance(node, _LOOSE) else self.bare(node)

    def dump_with(self, text: str, tree: ast.Module) -> str:
        """The dump of the whole tree, were this text here."""
        new = ast.parse(f"({text})", mode="eval").body
        held = getattr(self.parent, self.field)
        if self.index is None:
            setattr(self.parent, self.field, new)
        else:
            held[self.index] = new
        try:
            return ast.dump(tree)
        finally:
            if self.index is None:
                setattr(self.parent, self.field, held)
            else:
                held[self.index] = self.node


def number(node: ast.AST) -> Any:
    """The number that a literal is, its sign included; None for all else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    return None


def name_of(function: ast.expr) -> str:
    """The last name: "max" for `max`, `np.max` and `x.max`."""
    return getattr(function, "attr", getattr(function, "id", ""))


def call_text(
    place: Place, function: str, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]
) -> str:
    """A call written out, its arguments as the author wrote them."""
    parts = [place.bare(arg) for arg in args]
    for word in keywords:
        value = place.bare(word.value)
        parts.append(f"{word.arg}={value}" if word.arg else f"**{value}")
    return f"{function}({', '.join(parts)})"


def neighbours(items: Sequence[Any]) -> Iterator[list[Any]]:
    """The items with two that stand side by side exchanged, each such pair in turn."""
    for i in range(len(items) - 1):
        if not isinstance(items[i], ast.Starred) and not isinstance(items[i + 1], ast.Starred):
            yield [*items[:i], items[i + 1], items[i], *items[i + 2 :]]


def long_table(node: ast.AST) -> bool:
    """Whether this is a literal that holds many constants and nothing else: data, not thought."""
    inner = (ast.List, ast.Tuple, ast.Dict, ast.Constant, ast.UnaryOp, ast.expr_context, ast.USub)
    parts = list(ast.walk(node))
    constants = sum(isinstance(part, ast.Constant) for part in parts)
    return constants > LONG_TABLE and all(isinstance(part, inner) for part in parts)


def inside_table(node: ast.AST, field: str, index: int) -> bool:
    """Whether this child of a long table is neither its first nor its last."""
    held = field in ("elts", "values", "keys") and isinstance(node, ast.List | ast.Tuple | ast.Dict)
    return held and long_table(node) and index not in (0, len(getattr(node, field)) - 1)
