"""Operators on signs, comparisons, conditions, constants and indices."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .places import Place, long_table, name_of, number

SMALL, BORDER = 1.001, 1.1  # a constant a little off: in a formula, in a comparison

BINARY: dict[type, tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.Pow: ("**", "*"),
    ast.MatMult: ("@", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "//"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
}
_COMPARISONS: dict[type, tuple[str, ...]] = {
    ast.Lt: ("<=", ">"),
    ast.LtE: ("<", ">="),
    ast.Gt: (">=", "<"),
    ast.GtE: (">", "<="),
    ast.Eq: ("!=", "<=", ">="),
    ast.NotEq: ("==", "<", ">"),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
_A = ast.Name("a", ast.Load())


def binary(place: Place) -> Iterator[str]:
    """`a + b` for `a - b`, `a * b` for `a / b`."""
    node = place.node
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        yield f"{place.text(node.left)} {BINARY[type(node.op)][1]} {place.text(node.right)}"
    if isinstance(node, ast.BoolOp):
        word = " or " if isinstance(node.op, ast.And) else " and "
        yield word.join(place.text(value) for value in node.values)


def comparison(place: Place) -> Iterator[str]:
    """`a <= b` for `a < b`; of `a < b < c` one at a time."""
    if not isinstance(place.node, ast.Compare):
        return
    parts = [place.text(part) for part in [place.node.left, *place.node.comparators]]
    signs = [ast.unparse(ast.Compare(_A, [op], [_A]))[2:-2] for op in place.node.ops]
    for i, op in enumerate(place.node.ops):
        for sign in _COMPARISONS[type(op)]:
            changed = [*signs[:i], sign, *signs[i + 1 :]]
            yield parts[0] + "".join(
                f" {s} {part}" for s, part in zip(changed, parts[1:], strict=True)
            )


def operand(place: Place) -> Iterator[str]:
    """A term of a sum, a factor, an exponent, a part of a condition; the sign of a term."""
    node = place.node
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Mod):
        yield place.bare(node.left)
        yield place.bare(node.right)
    if isinstance(node, ast.BoolOp):
        for i in range(len(node.values)):
            rest = [place.text(value) for value in node.values[:i] + node.values[i + 1 :]]
            yield (" and " if isinstance(node.op, ast.And) else " or ").join(rest)
    if isinstance(node, ast.UnaryOp) and number(node) is None:
        yield place.bare(node.operand)


def condition(place: Place) -> Iterator[str]:
    """A condition negated, always true, always false."""
    tests = isinstance(place.parent, ast.If | ast.IfExp | ast.While) and place.field == "test"
    if tests or (isinstance(place.parent, ast.comprehension) and place.field == "ifs"):
        yield f"not {place.text()}"
        yield "False"
        if not isinstance(place.parent, ast.While):
            yield "True"


def constant(place: Place) -> Iterator[str]:
    """A number a little off, a lot off, of the other sign; a text empty; 1e10 for infinity."""
    node, parent = place.node, place.parent
    if isinstance(parent, ast.UnaryOp) and number(parent) is not None:
        return  # the sign belongs to the number
    if isinstance(parent, ast.keyword) and parent.arg in ("axis", "axes"):
        return  # see `axis`
    value = number(node)
    if value is not None:
        if any(long_table(node) for node in place.above):
            yield from (repr(100 * value), repr(-value))  # a click a little off is as good
        else:
            yield from _other_numbers(value, parent)
    elif isinstance(node, ast.Attribute) and node.attr == "inf":
        yield "1e10"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield str(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield '""' if node.value else '"x"'


def _other_numbers(value: float, parent: ast.AST) -> Iterator[str]:
    compared = isinstance(parent, ast.Compare)
    counts = isinstance(value, int) and isinstance(parent, _COUNTS)
    if isinstance(value, int):
        yield repr(value + 1)
        if not (counts and value < 0) or isinstance(parent, ast.Slice | ast.Subscript):
            yield repr(value - 1)
    if isinstance(value, float) or (isinstance(parent, ast.BinOp) and value):
        yield _short(value * (BORDER if compared else SMALL))
        yield _short(value / (BORDER if compared else SMALL))
        yield _short(value * 10)
    if value and not counts:
        yield repr(-value)


# In these a whole number is an axis, a size or an index: of three axes -1 is 2, and to reshape
# -2 is -1.
_COUNTS = (ast.Subscript, ast.Slice, ast.Tuple, ast.Call)


def _short(number: float) -> str:
    return f"{number:.12g}" if number != int(number) else repr(number)


_OTHER_AXES = {0: ("-1", "None"), -1: ("0", "-2", "None"), -2: ("-1", "None")}


def axis(place: Place) -> Iterator[str]:
    """`axis=-1` becomes another axis, or all of them at once: one maximum for all rows."""
    value = number(place.node)
    if isinstance(place.parent, ast.keyword) and place.parent.arg == "axis" and value is not None:
        yield from _OTHER_AXES.get(value, ("0", "None"))


def dtype(place: Place) -> Iterator[str]:
    """32 bits for 64, or the other way; whole numbers for others."""
    others = {"float": "np.float32", "np.float64": "np.float32", "np.float32": "np.float64"}
    others |= {"int": "float", "complex": "float"}
    asked = isinstance(place.parent, ast.Call) and name_of(place.parent.func) == "astype"
    asked = (asked and place.field == "args") or getattr(place.parent, "arg", "") == "dtype"
    if asked and (text := place.text()) in others:
        yield others[text]


def index(place: Place) -> Iterator[str]:
    """`x[i - 1]` for `x[i]` in a loop over i, and a bound of a slice."""
    node = place.node
    subscript = isinstance(place.parent, ast.Subscript) and place.field == "slice"
    if subscript and isinstance(node, ast.Name) and node.id in _loop_names(place):
        yield f"{node.id} - 1"
    if isinstance(place.parent, ast.Slice) and number(node) is None and place.field != "step":
        yield f"{place.bare()} - 1"
        yield f"{place.bare()} + 1"


def _loop_names(place: Place) -> set[str]:
    targets = [
        inner.target
        for node in place.above
        for inner in [node, *getattr(node, "generators", [])]
        if isinstance(inner, ast.For | ast.comprehension)
    ]
    return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
