"""Find a learner's functions by name, in a notebook or a Python file, without running anything.

Cells may have been added, deleted, doubled, reordered or retyped: what counts is the name. Of
several definitions the last one that is not the stub is taken, and with it only those statements
at the top level that it needs: imports, helpers, constants.

This module only parses. What it returns is source text; running it is somebody else's decision.
"""

from __future__ import annotations

import ast
import builtins
import functools
import json
import re
import symtable
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import MinitorchError

MAX_BYTES = 2_000_000
MAX_CELL = 200_000
MAX_FILE = 400_000  # of a Python file, in which nothing but code can be
MAX_STATEMENTS = 4_000
MAX_MAGICS = 200  # lines of a cell; IPython takes long over many

_BUILTINS = frozenset(dir(builtins))
_PARSE_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)
_FENCED = re.compile(r"\A(```+|~~~+)[^\n]*\n(.*)\n[ \t]*\1\Z", re.DOTALL)
# Magics that run their cell as Python; the cells of all others are left out.
_TRANSPARENT = re.compile(r"\A\s*%%(?:time|timeit|capture|prun)\b[^\n]*\n")


class CollectError(MinitorchError):
    """A submission cannot be read, or does not hold the function; the message is for its author."""


@dataclass(frozen=True)
class Found:
    """A function found by name: the source that defines it and all it needs."""

    name: str
    source: str
    where: str  # "cell 7", "line 12"
    stub: bool  # whether only the untouched stub is there


@dataclass(frozen=True)
class Block:
    """A piece of code as it stands in a submission; `spare` if it is in no code cell."""

    text: str
    where: str
    spare: bool = False


@dataclass(frozen=True)
class Statement:
    """A statement at the top level: its source, the names that it binds and those that it reads."""

    node: ast.stmt
    source: str
    where: str
    binds: frozenset[str]
    reads: frozenset[str]

    @property
    def stub(self) -> bool:
        """Whether it defines a function and does no more than the stub, see `is_stub`."""
        return isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef) and is_stub(self.node)

    def rebinds(self, name: str) -> bool:
        """Whether what this name was before no longer matters."""
        if isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            # `global COUNT` inside changes COUNT when it is called; it does not make it.
            return self.node.name == name and not self.node.decorator_list
        simple = isinstance(self.node, ast.Assign | ast.AnnAssign) and not _changes_part(self.node)
        return simple and not self.binds & self.reads


def collect(path: Path | str, name: str) -> Found:
    """Find one function in a submission; see `collect_text`."""
    return collect_text(read_submission(Path(path)), Path(path).suffix, name)


def read_submission(path: Path) -> str:
    """The text of a notebook or Python file; a size limit and clear errors, nothing else."""
    if path.suffix not in (".ipynb", ".py"):
        raise CollectError(f"{path.name}: a submission is an .ipynb or a .py file")
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CollectError(f"{path.name} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise CollectError(f"{path.name} is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CollectError(f"{path.name} is not UTF-8 text; save it anew") from None


def collect_text(
    text: str, suffix: str, name: str, *, given: frozenset[str] = frozenset()
) -> Found:
    """Find the function `name` in the text of a notebook (".ipynb") or Python file (".py").

    Names in `given` will be there already: the submission's own definitions of them are left out.
    Raises CollectError where no definition is found; its message says what was seen instead.
    """
    if suffix == ".py" and len(text) > MAX_FILE:
        raise CollectError(f"this file is longer than {MAX_FILE:,} characters")
    blocks = _notebook_blocks(text) if suffix == ".ipynb" else [Block(text, "")]
    statements: list[Statement] = []
    spare: list[Statement] = []
    broken: list[str] = []
    defines = re.compile(
        rf"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+{re.escape(name)}\b", re.MULTILINE
    )
    for block in blocks:
        if len(statements) + len(spare) > MAX_STATEMENTS:
            raise CollectError(f"this is longer than {MAX_STATEMENTS:,} statements")
        try:
            (spare if block.spare else statements).extend(_statements(block))
        except _PARSE_ERRORS as error:
            if defines.search(block.text) and not block.spare:
                line = getattr(error, "lineno", None)
                at = ", ".join(
                    part for part in (block.where, f"line {line}" if line else "") if part
                )
                broken.append(f"{at or 'the file'}: {getattr(error, 'msg', None) or error}")
    if not _written(statements, name) and _written(spare, name):
        statements = statements + spare  # the cell's type was changed, to Markdown or raw
    if not any(name in s.binds for s in statements):
        if broken:
            raise CollectError(f"{name} is there but cannot be read: {'; '.join(broken)}")
        raise CollectError(f"no function named {name} was found")
    if broken and not _written(statements, name):
        raise CollectError(f"{name} is there but cannot be read: {'; '.join(broken)}")
    chosen = _slice([s for s in statements if not s.binds or s.binds - given], name, given)
    last = [s for s in chosen if name in s.binds][-1]
    return Found(name, "\n\n".join(s.source for s in chosen) + "\n", last.where, last.stub)


def is_stub(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is the untouched stub: a docstring, and `raise NotImplementedError(…)`."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if len(body) != 1 or not isinstance(body[0], ast.Raise) or body[0].exc is None:
        return False
    raised = body[0].exc.func if isinstance(body[0].exc, ast.Call) else body[0].exc
    return isinstance(raised, ast.Name) and raised.id in ("NotImplementedError", "NotDone")


def _written(statements: Iterable[Statement], name: str) -> bool:
    return any(name in s.binds and not s.stub for s in statements)


def _notebook_blocks(text: str) -> list[Block]:
    try:
        notebook = json.loads(text)
        cells = notebook["cells"]
        pairs = [(cell["cell_type"], _joined(cell["source"])) for cell in cells]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CollectError(
            f"this is not a notebook of format 4 ({type(error).__name__}: {error}); "
            "open it in Jupyter and save it anew"
        ) from None
    blocks = []
    for number, (kind, source) in enumerate(pairs, start=1):
        where = f"cell {number}"
        if len(source) > MAX_CELL:
            raise CollectError(f"{where} is longer than {MAX_CELL:,} characters")
        if kind == "code":
            blocks.append(Block(source, where))
            continue
        fenced = _FENCED.match(source.strip())
        blocks.append(Block(fenced[2] if fenced else source, f"{where} ({kind})", spare=True))
    return blocks


def _joined(source: Any) -> str:
    text = source if isinstance(source, str) else "".join(source)
    return text.replace("\r\n", "\n")


@functools.lru_cache(maxsize=128)  # one submission is asked for several functions
def _statements(block: Block) -> list[Statement]:
    text = _TRANSPARENT.sub("", block.text)
    try:
        tree = ast.parse(text)
    except SyntaxError:
        if block.spare or not re.search(r"^[ \t]*[%!?]|\?[ \t]*$|=[ \t]*[%!]", text, re.MULTILINE):
            raise
        if sum(line.lstrip()[:1] in ("%", "!", "?") for line in text.split("\n")) > MAX_MAGICS:
            raise
        text = _without_magics(text)
        tree = ast.parse(text)
    if len(tree.body) > MAX_STATEMENTS:
        raise ValueError(f"longer than {MAX_STATEMENTS:,} statements")
    lines = text.split("\n")
    found = []
    for node in tree.body:
        source = _source(node, lines)
        binds, reads = _names(node)
        where = block.where or f"line {node.lineno}"
        found.append(Statement(node, source, where, binds, reads))
    return found


def _without_magics(text: str) -> str:
    """IPython's `%magic`, `!shell` and `help?` lines become calls, which no function needs."""
    from IPython.core.inputtransformer2 import TransformerManager

    if text.lstrip().startswith("%%"):
        return ""  # the cell is in another language, or goes to a file
    return TransformerManager().transform_cell(text)


def _source(node: ast.stmt, lines: list[str]) -> str:
    """A statement's own text, comments included; rebuilt where it shares its lines with another."""
    parts: list[Any] = [node, *getattr(node, "decorator_list", [])]
    start = min(part.lineno for part in parts) - 1
    end = node.end_lineno or start + 1
    source = "\n".join(lines[start:end])
    try:
        body = ast.parse(source).body
    except SyntaxError:
        body = []
    return source if len(body) == 1 else ast.unparse(node)


def _names(node: ast.stmt) -> tuple[frozenset[str], frozenset[str]]:
    """The names at the top level that a statement binds or changes, and those that it reads."""
    binds: set[str] = set()
    reads: set[str] = set()
    table = symtable.symtable(ast.unparse(node), "<statement>", "exec")
    for symbol in table.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            binds.add(symbol.get_name())
        if symbol.is_referenced():
            reads.add(symbol.get_name())
    inner = list(table.get_children())
    while inner:
        scope = inner.pop()
        inner.extend(scope.get_children())
        for symbol in scope.get_symbols():
            if symbol.is_global():
                reads.add(symbol.get_name())
                if symbol.is_declared_global() and symbol.is_assigned():
                    binds.add(symbol.get_name())
    if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        binds.add("*")
    return frozenset(binds | _changes_part(node)), frozenset(reads)


def _changes_part(node: ast.stmt) -> set[str]:
    """`TABLE[3] = …` and `attend.scale = …` bind no name, but change what one holds."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    changed = set()
    for target in targets:
        while isinstance(target, ast.Subscript | ast.Attribute):
            target = target.value
            if isinstance(target, ast.Name):
                changed.add(target.id)
    return changed


def _slice(
    statements: list[Statement], name: str, given: frozenset[str] = frozenset()
) -> list[Statement]:
    """The statements that `name` needs, in the order in which they stand.

    Asked for `f`, of these it takes all but B::

        A = 1
        def f(x, k=A):
            return k * g(x)
        A = 2
        def g(x):
            return x + A
        B = 3

    `f` reads A while it is defined: A is 1. `g` reads it when it is called, after all has run: A
    is 2. So of the statements that make a name anew two count, the last before its earliest reader
    and the last of all, and with them what changes the name after either (`A += 1`, `A[0] = 1`).
    """
    taken: set[int] = set()
    # By name, the earliest statement that needs it: annotations, defaults and decorators read what
    # is there by then, bodies what is there at the end.
    todo, seen = [(name, len(statements))], {name: len(statements)} | dict.fromkeys(given, -1)
    while todo:
        wanted, at = todo.pop()
        binders = [i for i, s in enumerate(statements) if wanted in s.binds]
        binders = [i for i in binders if not statements[i].stub] or binders[-1:]
        fresh = [i for i in binders if statements[i].rebinds(wanted)]
        before = [i for i in fresh if i < at]
        binders = [
            i for i in binders if not fresh or i >= fresh[-1] or (before and before[-1] <= i < at)
        ]
        if not binders and wanted not in _BUILTINS:
            binders = [i for i, s in enumerate(statements) if "*" in s.binds]
        for i in binders:
            if i in taken:
                continue
            taken.add(i)
            for new in statements[i].reads | statements[i].binds:
                known = seen.get(new, len(statements) + 1)
                if i < known and not (new in seen and statements[i].rebinds(new)):
                    seen[new] = i
                    todo.append((new, i))
    future = [s for s in statements if _is_future(s.node)]  # these must come first
    return future + [statements[i] for i in sorted(taken) if statements[i] not in future]


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
