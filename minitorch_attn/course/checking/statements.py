"""A piece of code as statements, each with the names that it makes, changes and reads.

What a statement changes is said by rules, not by running it: a part is assigned (`T[0] = 1`, in a
loop too), a method is called for its effect (`T.append(1)`), or it is given to a call whose result
nobody keeps (`setattr(config, "scale", 2)`).
"""

from __future__ import annotations

import ast
import functools
import re
import symtable
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .reading import Block

MAX_STATEMENTS = 4_000
MAX_MAGIC_WORK = 250_000  # characters that IPython reads anew for each magic
MAX_WORD = 1_000  # characters without a space: IPython's time goes with their square
PARSE_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)

Function = ast.FunctionDef | ast.AsyncFunctionDef
# Magics that run their cell as Python; the cells of all others are left out.
_TRANSPARENT = re.compile(r"\A\s*%%(?:time|timeit|capture|prun)\b[^\n]*\n")
_WRITES = re.compile(r"\A\s*%%writefile\b[^\n]*\n")
_MAGIC = re.compile(r"^[ \t]*[%!?,;/]|\?[ \t]*$|=[ \t]*[%!]", re.MULTILINE)
_LONG_WORD = re.compile(rf"[\w*.\[\]-]{{{MAX_WORD}}}")
# What IPython takes as well: a cell that is indented as a whole, or copied with its prompts.
_PROMPT = re.compile(r"\A(?:[ \t]*\n)*[ \t]+\S|^>>> |^In \[\d+\]: ", re.MULTILINE)
# Methods that change what they are called on, though somebody may keep what they return.
_CHANGES = frozenset(
    """append extend insert remove pop popitem clear update setdefault sort reverse add discard
    appendleft extendleft popleft rotate fill put itemset resize move_to_end register
    """.split()  # noqa: SIM905
)
_SHOWS = re.compile(r"print|display|help|repr|len|check|predict|reveal|plot|show|save|dump|write")
# What the box has, or has an inert stand-in for.
AVAILABLE = sys.stdlib_module_names | {
    "numpy",
    "tqdm",
    "matplotlib",
    "seaborn",
    "plotly",
    "IPython",
}


class TooMuch(ValueError):
    """A piece of code is more than will be read."""


@dataclass(frozen=True)
class Effects:
    """What code does when it runs, by the names at its root.

    stored : a part of it is assigned or deleted
    called_on : a method of it is called for its effect
    calls : it is called, or decorates, or is a base class
    given : who is called for its effect (and by which last name), and what it is given
    """

    stored: frozenset[str] = frozenset()
    called_on: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    given: frozenset[tuple[str, str, str]] = frozenset()


@dataclass(frozen=True)
class Statement:
    """A statement at the top level of a submission.

    source, where, line : its text, and where that stands
    binds : the names that it makes; `*` for names that nobody can tell
    anew : those of them for which it no longer matters what they were before
    loops : those that it makes only as the variable of a loop
    early, late : the names that it reads at once, and those that its functions read when called
    annotated : names read in annotations alone
    now, inside : what it does at once, and what its functions do to names outside when called
    kind : "function", "class", "import" or ""
    defines : the name of the function or class
    module : what an import takes from, its first part
    stub : whether it defines a function and does no more than the stub, see `is_stub`
    """

    source: str
    where: str
    line: int
    binds: frozenset[str]
    anew: frozenset[str]
    loops: frozenset[str]
    early: frozenset[str]
    late: frozenset[str]
    annotated: frozenset[str]
    now: Effects
    inside: Effects
    kind: str = ""
    defines: str = ""
    module: str = ""
    future: bool = False
    stub: bool = False


@dataclass
class Parsed:
    """The statements of a piece of code, and why some are missing: a line number and a reason."""

    statements: list[Statement] = field(default_factory=list)
    broken: list[tuple[int | None, str]] = field(default_factory=list)


def parse(block: Block) -> Parsed:
    """Raises one of PARSE_ERRORS where the piece cannot be read at all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `"\d"` is no matter of ours
        text = _TRANSPARENT.sub("\n", block.text)
        text, tree = _parse(text, block.spare)
        if len(tree.body) > MAX_STATEMENTS:
            raise TooMuch(f"longer than {MAX_STATEMENTS:,} statements")
        parsed, lines = Parsed(), text.split("\n")
        for node, source in _flat(_sourced(tree.body, lines)):
            where = block.where or f"line {node.lineno}"
            try:
                parsed.statements.append(_statement(node, source, where))
            except PARSE_ERRORS as error:
                parsed.broken.append((node.lineno, getattr(error, "msg", None) or str(error)))
    return parsed


def is_written_file(block: Block) -> bool:
    """Whether a cell only writes its text to a file."""
    return bool(_WRITES.match(block.text))


def _parse(text: str, spare: bool) -> tuple[str, ast.Module]:
    if _WRITES.match(text):
        text = _WRITES.sub("\n", text)
    try:
        return text, ast.parse(text)
    except SyntaxError:
        if spare or not (_MAGIC.search(text) or _PROMPT.search(text)):
            raise
        text = _without_magics(text)
        return text, ast.parse(text)


def _without_magics(text: str) -> str:
    """IPython's `%magic`, `!shell` and `help?` lines become calls, which no function needs."""
    if text.lstrip().startswith("%%"):
        return ""  # the cell is in another language, or goes to a file
    count = sum(1 for _ in _MAGIC.finditer(text))
    if count * len(text) > MAX_MAGIC_WORK:
        raise TooMuch("too many magic lines in a long cell")
    if _LONG_WORD.search(text):
        raise TooMuch(f"a word of {MAX_WORD:,} characters in a cell with magic lines")
    from IPython.core.inputtransformer2 import TransformerManager

    manager: Any = TransformerManager()
    manager.do_token_transforms = functools.partial(_one_after_the_other, manager)
    try:
        return manager.transform_cell(text)
    except (SyntaxError, TooMuch):
        raise
    except Exception as error:  # it gives up in several ways
        raise TooMuch(f"IPython cannot read its magic lines ({type(error).__name__})") from None


def _one_after_the_other(manager: Any, lines: list[str]) -> list[str]:
    """Each magic is turned into a call, and for each the whole cell is read anew.

    IPython goes on 500 times, whatever there is: it is never done with a line `;;;;`.
    """
    for _ in range(1 + len(_MAGIC.findall("".join(lines)))):
        changed, lines = manager.do_one_token_transform(lines)
        if not changed:
            return lines
    raise TooMuch("IPython is never done with its magic lines")


def _sourced(body: list[ast.stmt], lines: list[str]) -> Iterator[tuple[ast.stmt, str]]:
    """Each statement with its own text, comments included; rebuilt where it shares its lines."""
    spans = [_span(node) for node in body]
    for i, (node, (start, end)) in enumerate(zip(body, spans, strict=True)):
        shares = (i > 0 and spans[i - 1][1] >= start) or (
            i + 1 < len(spans) and spans[i + 1][0] <= end
        )
        joined = lines[end - 1].endswith("\\") or (start > 1 and lines[start - 2].endswith("\\"))
        if shares or joined:
            yield node, ast.unparse(node)
        else:
            yield node, "\n".join(lines[start - 1 : end])


def _span(node: ast.stmt) -> tuple[int, int]:
    parts: list[Any] = [node, *getattr(node, "decorator_list", [])]
    return min(part.lineno for part in parts), node.end_lineno or node.lineno


def _flat(pairs: Iterable[tuple[ast.stmt, str]]) -> Iterator[tuple[ast.stmt, str]]:
    """With imports of several names taken apart, and what stands under `__name__ == "__main__"`."""
    for node, source in pairs:
        if isinstance(node, ast.If) and _is_main(node.test):
            yield from _flat((inner, ast.unparse(inner)) for inner in node.body)
        elif isinstance(node, ast.Import | ast.ImportFrom) and len(node.names) > 1:
            for alias in node.names:
                one: ast.stmt = ast.Import([alias])
                if isinstance(node, ast.ImportFrom):
                    one = ast.ImportFrom(node.module, [alias], node.level)
                ast.copy_location(one, node)
                yield one, ast.unparse(one)
        elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            # It is taken on suspicion: that it fails must not be the end.
            yield node, f"try:\n    {ast.unparse(node)}\nexcept ImportError:\n    pass"
        else:
            yield node, source


def _is_main(test: ast.expr) -> bool:
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Eq):
        return False
    return sorted(map(ast.unparse, [test.left, *test.comparators])) == ["'__main__'", "__name__"]


def is_stub(node: Function) -> bool:
    """Whether a function is the untouched stub: a docstring, and `raise NotImplementedError(…)`."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if len(body) != 1 or not isinstance(body[0], ast.Raise) or body[0].exc is None:
        return False
    raised = body[0].exc.func if isinstance(body[0].exc, ast.Call) else body[0].exc
    return isinstance(raised, ast.Name) and raised.id in ("NotImplementedError", "NotDone")


def _statement(node: ast.stmt, source: str, where: str) -> Statement:
    binds, early, late = _names(source)
    if isinstance(node, ast.AnnAssign) and node.value is None:
        binds = set()
    now, inside = _effects([node], bodies=False), _effects([node], bodies=True)
    if isinstance(node, Function | ast.ClassDef):
        kind = "class" if isinstance(node, ast.ClassDef) else "function"
        # `global COUNT` inside changes COUNT when it is called; it does not make it.
        anew = {node.name} if not node.decorator_list else set()
    else:
        simple = isinstance(node, ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom)
        kind = "import" if isinstance(node, ast.Import | ast.ImportFrom) else ""
        anew = set(binds) - early if simple else set()
    module = ""
    if isinstance(node, ast.Import):
        module = node.names[0].name
    elif isinstance(node, ast.ImportFrom):
        module = node.module or ""
    star = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    if star or now.calls & {"globals", "vars", "locals", "exec"}:
        binds |= {"*"}
    return Statement(
        source=source,
        where=where,
        line=_span(node)[0],
        binds=frozenset(binds),
        anew=frozenset(anew),
        loops=frozenset(_loop_names(node)) & frozenset(binds),
        early=frozenset(early),
        late=frozenset(late),
        annotated=frozenset(_annotated(node)),
        now=now,
        inside=inside,
        kind=kind,
        defines=node.name if isinstance(node, Function | ast.ClassDef) else "",
        module=module.partition(".")[0],
        future=isinstance(node, ast.ImportFrom) and node.module == "__future__",
        stub=isinstance(node, Function) and is_stub(node),
    )


def _names(source: str) -> tuple[set[str], set[str], set[str]]:
    """The names at the top level that a statement binds, reads at once, and reads when called."""
    binds: set[str] = set()
    early: set[str] = set()
    late: set[str] = set()
    table = symtable.symtable(source, "<statement>", "exec")
    for symbol in table.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            binds.add(symbol.get_name())
        if symbol.is_referenced():
            early.add(symbol.get_name())
    inner = [(scope, False) for scope in table.get_children()]
    while inner:
        scope, called = inner.pop()
        called = called or scope.get_type() == "function"
        inner.extend((below, called) for below in scope.get_children())
        for symbol in scope.get_symbols():
            if symbol.is_global():
                (late if called else early).add(symbol.get_name())
                if symbol.is_declared_global() and symbol.is_assigned():
                    binds.add(symbol.get_name())
    return binds, early, late


def _effects(nodes: Iterable[ast.AST], bodies: bool) -> Effects:
    """What code does at once; or, with `bodies`, what the functions defined in it do."""
    stored: set[str] = set()
    called_on: set[str] = set()
    calls: set[str] = set()
    given: set[tuple[str, str, str]] = set()
    goes_over: list[tuple[str, set[str]]] = []  # a loop's variable, and what the loop goes over
    todo: list[tuple[ast.AST, bool]] = [(node, not bodies) for node in nodes]
    while todo:
        node, counts = todo.pop()
        if isinstance(node, Function | ast.Lambda):
            body = node.body if isinstance(node.body, list) else [node.body]
            todo += [(child, bodies) for child in body]
            decorators = getattr(node, "decorator_list", [])
            todo += [(child, counts) for child in [*decorators, node.args]]
            if counts:
                calls |= set(map(_root, decorators))
                bare = [d.func if isinstance(d, ast.Call) else d for d in decorators]
                called_on |= {_root(d) for d in bare if isinstance(d, ast.Attribute)}
            continue
        todo += [(child, counts) for child in ast.iter_child_nodes(node)]
        if not counts:
            continue
        if isinstance(node, ast.Subscript | ast.Attribute):
            if isinstance(node.ctx, ast.Store | ast.Del):
                stored.add(_root(node))
        elif isinstance(node, ast.ClassDef):
            calls |= set(map(_root, [*node.bases, *node.decorator_list]))
            called_on |= set(map(_root, node.bases))  # a class may keep a list of those below it
        elif isinstance(node, ast.For):
            over = {n.id for n in ast.walk(node.iter) if isinstance(n, ast.Name)}
            goes_over += [(n.id, over) for n in ast.walk(node.target) if isinstance(n, ast.Name)]
        elif isinstance(node, ast.Call):
            calls.add(_root(node.func))
            if isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
                called_on.add(_root(node.func))
            stored |= {_root(word.value) for word in node.keywords if word.arg == "out"}
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            last = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if last and not _SHOWS.match(last):
                called_on.add(_root(call.func))
            who = _root(call.func)
            values = [*call.args, *(word.value for word in call.keywords)]
            given |= {(who, last or who, _root(v)) for v in values}
    for variable, over in goes_over:
        if variable in stored or variable in called_on:
            stored |= over
    return Effects(
        frozenset(stored - {""}),
        frozenset(called_on - {""}),
        frozenset(calls - {""}),
        frozenset(one for one in given if one[2]),
    )


def _root(node: ast.AST) -> str:
    """The name at the root of `a[0].b(…)`; "" if there is none."""
    for _ in range(100):  # of a longer chain nobody asks
        if isinstance(node, ast.Subscript | ast.Attribute | ast.Starred):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            break
    return node.id if isinstance(node, ast.Name) else ""


def shows(name: str) -> bool:
    """Whether a call of that name looks at what it is given, and leaves it as it is."""
    return bool(_SHOWS.match(name))


def _loop_names(node: ast.stmt) -> set[str]:
    """Names that a statement binds as the variable of a `for` and in no other way."""
    loops: set[str] = set()
    others: set[str] = set()
    todo: list[ast.AST] = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, Function | ast.ClassDef):
            others.add(one.name)
            continue
        if isinstance(one, ast.For):
            loops |= {n.id for n in ast.walk(one.target) if isinstance(n, ast.Name)}
            todo += [*one.body, *one.orelse]
            continue
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            others.add(one.id)
        todo += ast.iter_child_nodes(one)
    return loops - others


def _annotated(node: ast.stmt) -> set[str]:
    """Names that stand in annotations and nowhere else."""
    inside: set[str] = set()
    elsewhere: set[str] = set()
    todo: list[tuple[ast.AST, bool]] = [(node, False)]
    while todo:
        one, annotation = todo.pop()
        if isinstance(one, ast.Name):
            (inside if annotation else elsewhere).add(one.id)
        for name, value in ast.iter_fields(one):
            below = annotation or name in ("annotation", "returns")
            children = value if isinstance(value, list) else [value]
            todo += [(child, below) for child in children if isinstance(child, ast.AST)]
    return inside - elsewhere
