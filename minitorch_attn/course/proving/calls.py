"""Operators on calls and their arguments."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .places import Place, call_text, name_of, neighbours

_KEPT = ("axis", "keepdims", "strict", "rcond", "ddof", "axes")  # elsewhere, or no change at all


def keyword(place: Place) -> Iterator[str]:
    """`np.zeros(n)` for `np.zeros(n, dtype=int)`."""
    if isinstance(place.node, ast.Call):
        for dropped in place.node.keywords:
            if dropped.arg not in _KEPT:
                rest = [k for k in place.node.keywords if k is not dropped]
                yield call_text(place, place.text(place.node.func), place.node.args, rest)


_COMMUTE = {"max", "min", "maximum", "minimum", "add", "multiply", "gcd", "array_equal"}
_COMMUTE |= {"swapaxes", "moveaxis"}  # of axes that stand side by side


def exchanged(place: Place) -> Iterator[str]:
    """`f(b, a)` for `f(a, b)`, and `x[None, :]` for `x[:, None]`."""
    node = place.node
    if isinstance(node, ast.Call) and name_of(node.func) not in _COMMUTE:
        for args in neighbours(node.args):
            yield call_text(place, place.text(node.func), args, node.keywords)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        for items in neighbours(node.slice.elts):
            yield f"{place.text(node.value)}[{', '.join(place.bare(item) for item in items)}]"


_PLAIN = {"len", "range", "zip", "enumerate", "isinstance", "bool", "float", "list", "tuple"}


def unwrapped(place: Place) -> Iterator[str]:
    """`x` for `np.exp(x)`, `x.copy()`, `x.sum(axis=0)`, `x.T`."""
    node = place.node
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield place.text(node.value)
    if not isinstance(node, ast.Call) or name_of(node.func) in _PLAIN:
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


def call(place: Place) -> Iterator[str]:
    """mean for sum, min for max, all for any; what refuses NaN alone for what refuses infinity."""
    node = place.node
    if not isinstance(node, ast.Call):
        return
    name = name_of(node.func)
    if isinstance(node.func, ast.Attribute):
        for other in _OTHERS.get(name, ()):
            if other == "int":
                continue
            receiver = place.text(node.func.value)
            yield call_text(place, f"{receiver}.{other}", node.args, node.keywords)
        if name == "max" and not node.args and not isinstance(node.func.value, ast.Call):
            yield call_text(place, f"np.abs({place.text(node.func.value)}).max", [], node.keywords)
        if name == "isfinite":
            yield f"~np.isnan({place.text(node.args[0])})"
    elif name in ("max", "min", "any", "all", "round"):
        yield call_text(place, _OTHERS[name][0], node.args, node.keywords)
