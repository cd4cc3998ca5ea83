"""The table of mutations: what can be changed in one place of an answer.

An operator takes a place and yields the texts that may stand there instead.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LONG_TABLE = 16  # of a literal with more constants the first and the last stand for all
SMALL, BORDER = 1.001, 1.1  # a constant a little off: in a formula, in a comparison


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


Operator = Callable[[Place], Iterator[str]]
TABLE: dict[str, Operator] = {}

_LOOSE = (ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.UnaryOp, ast.Lambda, ast.GeneratorExp)


def _operator(name: str) -> Callable[[Operator], Operator]:
    def add(function: Operator) -> Operator:
        TABLE[name] = function
        return function

    return add


# Signs, comparisons, conditions

_BINARY: dict[type, tuple[str, str]] = {
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


@_operator("operator exchanged")
def binary(place: Place) -> Iterator[str]:
    """`a + b` for `a - b`, `a * b` for `a / b`."""
    node = place.node
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        yield f"{place.text(node.left)} {_BINARY[type(node.op)][1]} {place.text(node.right)}"
    if isinstance(node, ast.BoolOp):
        word = " or " if isinstance(node.op, ast.And) else " and "
        yield word.join(place.text(value) for value in node.values)


@_operator("comparison exchanged")
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


_A = ast.Name("a", ast.Load())


@_operator("operand dropped")
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
    if isinstance(node, ast.UnaryOp) and _number(node) is None:
        yield place.bare(node.operand)


@_operator("condition fixed")
def condition(place: Place) -> Iterator[str]:
    """A condition negated, always true, always false."""
    tests = isinstance(place.parent, ast.If | ast.IfExp | ast.While) and place.field == "test"
    if tests or (isinstance(place.parent, ast.comprehension) and place.field == "ifs"):
        yield f"not {place.text()}"
        yield "False"
        if not isinstance(place.parent, ast.While):
            yield "True"


# Constants, arguments, calls


@_operator("constant off")
def constant(place: Place) -> Iterator[str]:
    """A number a little off, a lot off, of the other sign; a text empty; 1e10 for infinity."""
    node, parent = place.node, place.parent
    if isinstance(parent, ast.UnaryOp) and _number(parent) is not None:
        return  # the sign belongs to the number
    if isinstance(parent, ast.keyword) and parent.arg in ("axis", "axes"):
        return  # see `axis`
    value = _number(node)
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
    if isinstance(value, int):
        yield repr(value + 1)
        yield repr(value - 1)
    if isinstance(value, float) or (isinstance(parent, ast.BinOp) and value):
        yield _short(value * (BORDER if compared else SMALL))
        yield _short(value / (BORDER if compared else SMALL))
        yield _short(value * 10)
    if value and not isinstance(parent, ast.Subscript):  # of two axes, 1 and -1 are one
        yield repr(-value)


def _short(number: float) -> str:
    return f"{number:.12g}" if number != int(number) else repr(number)


def _number(node: ast.AST) -> Any:
    """The number that a literal is, its sign included; None for all else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    return None


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


_OTHER_AXES = {0: ("-1", "None"), -1: ("0", "-2", "None"), -2: ("-1", "None")}


@_operator("axis changed")
def axis(place: Place) -> Iterator[str]:
    """`axis=-1` becomes another axis, or all of them at once: one maximum for all rows."""
    value = _number(place.node)
    if isinstance(place.parent, ast.keyword) and place.parent.arg == "axis" and value is not None:
        yield from _OTHER_AXES.get(value, ("0", "None"))


_KEPT = ("axis", "keepdims", "strict", "rcond", "ddof", "axes")  # elsewhere, or no change at all


@_operator("keyword dropped")
def keyword(place: Place) -> Iterator[str]:
    """`np.zeros(n)` for `np.zeros(n, dtype=int)`."""
    if isinstance(place.node, ast.Call):
        for dropped in place.node.keywords:
            if dropped.arg not in _KEPT:
                rest = [k for k in place.node.keywords if k is not dropped]
                yield _call(place, place.text(place.node.func), place.node.args, rest)


_COMMUTE = {"max", "min", "maximum", "minimum", "add", "multiply", "gcd", "array_equal", "swapaxes"}


@_operator("arguments exchanged")
def exchanged(place: Place) -> Iterator[str]:
    """`f(b, a)` for `f(a, b)`, and `x[None, :]` for `x[:, None]`."""
    node = place.node
    if isinstance(node, ast.Call) and _name(node.func) not in _COMMUTE:
        for args in _neighbours(node.args):
            yield _call(place, place.text(node.func), args, node.keywords)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        for items in _neighbours(node.slice.elts):
            yield f"{place.text(node.value)}[{', '.join(place.bare(item) for item in items)}]"


def _neighbours(items: Sequence[Any]) -> Iterator[list[Any]]:
    for i in range(len(items) - 1):
        if not isinstance(items[i], ast.Starred) and not isinstance(items[i + 1], ast.Starred):
            yield [*items[:i], items[i + 1], items[i], *items[i + 2 :]]


_PLAIN = {"len", "range", "zip", "enumerate", "isinstance", "bool", "float", "list", "tuple"}


@_operator("call dropped")
def unwrapped(place: Place) -> Iterator[str]:
    """`x` for `np.exp(x)`, `x.copy()`, `x.sum(axis=0)`, `x.T`."""
    node = place.node
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield place.text(node.value)
    if not isinstance(node, ast.Call) or _name(node.func) in _PLAIN:
        return
    method = isinstance(node.func, ast.Attribute) and not (
        isinstance(node.func.value, ast.Name | ast.Attribute)
        and ast.unparse(node.func.value).split(".")[0] in place.modules
    )
    if method and isinstance(node.func, ast.Attribute):
        yield place.bare(node.func.value)
    elif node.args and not method and not isinstance(node.args[0], ast.Starred | ast.GeneratorExp):
        yield place.bare(node.args[0])


_OTHERS = {
    "sum": ("mean",),
    "mean": ("sum",),
    "max": ("min", "mean"),
    "min": ("max",),
    "argmax": ("argmin",),
    "argmin": ("argmax",),
    "any": ("all",),
    "all": ("any",),
    "std": ("var",),
    "var": ("std",),
    "hstack": ("vstack",),
    "vstack": ("hstack",),
    "sin": ("cos",),
    "cos": ("sin",),
    "zeros": ("ones",),
    "ones": ("zeros",),
    "log": ("log2",),
    "log2": ("log",),
    "exp": ("exp2",),
    "floor": ("ceil",),
    "ceil": ("floor",),
    "round": ("int",),
    "maximum": ("minimum",),
    "minimum": ("maximum",),
}


@_operator("call exchanged")
def call(place: Place) -> Iterator[str]:
    """mean for sum, min for max, all for any; what refuses NaN alone for what refuses infinity."""
    node = place.node
    if not isinstance(node, ast.Call):
        return
    name = _name(node.func)
    if isinstance(node.func, ast.Attribute):
        for other in _OTHERS.get(name, ()):
            if other == "int":
                continue
            receiver = place.text(node.func.value)
            yield _call(place, f"{receiver}.{other}", node.args, node.keywords)
        if name == "max" and not node.args and not isinstance(node.func.value, ast.Call):
            yield _call(place, f"np.abs({place.text(node.func.value)}).max", [], node.keywords)
        if name == "isfinite":
            yield f"~np.isnan({place.text(node.args[0])})"
    elif name in ("max", "min", "any", "all", "round"):
        yield _call(place, _OTHERS[name][0], node.args, node.keywords)


@_operator("dtype exchanged")
def dtype(place: Place) -> Iterator[str]:
    """32 bits for 64, or the other way; whole numbers for others."""
    others = {"float": "np.float32", "np.float64": "np.float32", "np.float32": "np.float64"}
    others |= {"int": "float", "complex": "float"}
    asked = isinstance(place.parent, ast.Call) and _name(place.parent.func) == "astype"
    asked = (asked and place.field == "args") or getattr(place.parent, "arg", "") == "dtype"
    if asked and (text := place.text()) in others:
        yield others[text]


@_operator("index off by one")
def index(place: Place) -> Iterator[str]:
    """`x[i - 1]` for `x[i]` in a loop over i, and a bound of a slice."""
    node = place.node
    subscript = isinstance(place.parent, ast.Subscript) and place.field == "slice"
    if subscript and isinstance(node, ast.Name) and node.id in _loop_names(place):
        yield f"{node.id} - 1"
    if isinstance(place.parent, ast.Slice) and _number(node) is None and place.field != "step":
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


@_operator("round skipped")
def rounds(place: Place) -> Iterator[str]:
    """A loop without its first round, or without its last, or without any."""
    if isinstance(place.parent, ast.For | ast.comprehension) and place.field == "iter":
        yield f"list({place.bare()})[1:]"
        yield f"list({place.bare()})[:-1]"
        if isinstance(place.parent, ast.For):
            yield "()"


# Statements


@_operator("statement dropped")
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


@_operator("step in place changed")
def in_place(place: Place) -> Iterator[str]:
    """`total = x` or `total -= x` for `total += x`."""
    node = place.node
    if isinstance(node, ast.AugAssign) and type(node.op) in _BINARY:
        target, value = place.text(node.target), place.text(node.value)
        yield f"{target} = {value}"
        yield f"{target} {_BINARY[type(node.op)][1]}= {value}"


@_operator("another error")
def error(place: Place) -> Iterator[str]:
    """TypeError for ValueError."""
    if isinstance(place.node, ast.Raise) and isinstance(place.node.exc, ast.Call):
        kind, text = place.text(place.node.exc.func), place.text()
        yield text.replace(kind, "TypeError" if kind != "TypeError" else "ValueError", 1)


@_operator("result changed")
def result(place: Place) -> Iterator[str]:
    """One number of one result off, or two results exchanged."""
    returned = _returned(place)
    if returned == "part" or (returned == "all" and not isinstance(place.node, _CONTAINERS)):
        yield f"first_off({place.bare()})"
        yield f"last_off({place.bare()})"
    if returned == "all" and isinstance(place.node, ast.Tuple):
        for items in _neighbours(place.node.elts):
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


def _call(
    place: Place, function: str, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]
) -> str:
    parts = [place.bare(arg) for arg in args]
    for word in keywords:
        value = place.bare(word.value)
        parts.append(f"{word.arg}={value}" if word.arg else f"**{value}")
    return f"{function}({', '.join(parts)})"


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


# Parameters


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
