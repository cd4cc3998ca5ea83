"""Build `exercises/NN_name.ipynb` from `solutions/NN_name.md`: cards put in, answers taken out.

The notebooks carry nbgrader's metadata (schema 3). The instructor's version, with the answers, is
built from the same source; nbgrader's `generate_assignment` makes the same release from it.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from ..checking import collect
from ..checking.exercise import Exercise
from ..checks import exercises_of
from ..sources.text import ROOT, Cell, Source, SourceError
from .notebook import markdown, new_cell, new_notebook

# One text for all exercises, so that nbgrader can be told to write the same.
STUB = '# Your code here, in place of the next line.\nraise NotImplementedError("not done yet")'

_CARD = re.compile(r"<!--\s*card:\s*(\d\d\.\d+)\s*-->")
_REGION = re.compile(
    r"^([ \t]*)### BEGIN SOLUTION[ \t]*\n(.*?)^[ \t]*### END SOLUTION[ \t]*$", re.S | re.M
)


def build(
    source: Source,
    *,
    answers: bool = False,
    exercises: list[Exercise] | None = None,
    root: Path = ROOT,
) -> Any:
    """The notebook that a student opens; with `answers`, the one for nbgrader's source folder."""
    known = exercises_of(source.chapter) if exercises is None else exercises
    table = {exercise.id: exercise for exercise in known}
    places = _places(source, table)
    cells = []
    for cell in source.cells:
        metadata: dict[str, Any] = {"name": cell.name} if cell.name else {}
        text = cell.text
        if cell.kind == "markdown":
            text = markdown(_put_cards(cell, table), source, cell.where, root)
        elif cell.id in places:
            exercise, role = places[cell.id]
            metadata |= _metadata(exercise, role)
            text = text if answers else take_out(text)
        cells.append(new_cell(cell.kind, text, cell.id, metadata))
    notebook = new_notebook(cells)
    if not answers:
        _refuse_leaks(source, notebook)
    return notebook


def card(exercise: Exercise) -> str:
    """What stands above an exercise, as Markdown."""

    def dots(n: int) -> str:
        return "●" * n + "○" * (5 - n)

    checks = "\n".join(f"> - {check.points:g}: {check.claim}" for check in exercise.checks)
    return (
        f"## {exercise.id} {exercise.title}\n\n"
        f"> **{exercise.points:g} points** · difficulty {dots(exercise.difficulty)} · "
        f"importance {dots(exercise.importance)} · about {exercise.minutes} minutes\n>\n"
        f"> `{exercise.signature}`\n>\n"
        f"> Read again: [chapter {exercise.read[:2]}](../chapters/{exercise.read}). "
        f"Points, by check:\n>\n{checks}"
    )


def take_out(text: str) -> str:
    """The text of a cell with each worked part replaced by the stub."""

    def stub(region: re.Match[str]) -> str:
        return "\n".join(region[1] + line for line in STUB.split("\n"))

    return _REGION.sub(stub, text)


def answers_of(source: Source) -> list[str]:
    """The worked parts of a source, as they stand between the markers."""
    return [
        m[2] for cell in source.cells if cell.kind == "code" for m in _REGION.finditer(cell.text)
    ]


def leaks(source: Source, notebook: Any) -> list[str]:
    """Fragments of the worked answers that are still somewhere in the built notebook.

    A fragment is a line of a worked part or an expression in it, of twelve characters or more
    when blanks are left out; bare names, `np.linalg.lstsq` or `(query, key)`, are none. It must
    not stand anywhere: in a cell, an output or the metadata.
    """
    haystack = "\n".join(_squeeze(text) for text in _texts(notebook))
    pieces: dict[str, None] = {}
    for answer in answers_of(source):
        for line in answer.splitlines():
            pieces[line.strip()] = None
        for node in ast.walk(ast.parse(_dedented(answer))):
            if isinstance(node, ast.expr) and not _plain(node):
                pieces[ast.unparse(node)] = None
    return [p for p in pieces if len(_squeeze(p)) >= 12 and _squeeze(p) in haystack]


def _plain(node: ast.expr) -> bool:
    """A name, a constant, or a row of them: nothing is worked out."""
    if isinstance(node, ast.Tuple | ast.List):
        return all(_plain(item) for item in node.elts)
    return isinstance(node, ast.Name | ast.Constant | ast.Attribute)


def _refuse_leaks(source: Source, notebook: Any) -> None:
    if found := leaks(source, notebook):
        raise SourceError(
            f"{source.path.name}: part of an answer stands outside the markers, "
            f"in what a student opens: {found[0]!r}"
        )


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in _texts(item)]


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", "", text).replace('"', "'")


def _dedented(answer: str) -> str:
    """A worked part as code of its own: a `return` needs a function around it."""
    return "def answer():\n" + "\n".join(f"  {line}" for line in answer.splitlines())


def _put_cards(cell: Cell, table: dict[str, Exercise]) -> str:
    return _CARD.sub(lambda found: card(table[found[1]]), cell.text)


def _places(source: Source, table: dict[str, Exercise]) -> dict[str, tuple[Exercise, str]]:
    """Which cell holds the function of which exercise, and which checks it."""
    places: dict[str, tuple[Exercise, str]] = {}
    cards = [id for cell in source.cells for id in _CARD.findall(cell.text)]
    for cell in source.cells:
        if cell.kind == "markdown" and "BEGIN SOLUTION" in cell.text:
            raise SourceError(f"{source.path.name}, {cell.where}: a worked part must be in code")
        if cell.kind != "code":
            continue
        for mark in ("### BEGIN SOLUTION", "### END SOLUTION"):
            if cell.text.count(mark) != len(_REGION.findall(cell.text)):
                raise SourceError(f"{source.path.name}, {cell.where}: {mark} has no partner")
        checked = _checked(cell)
        if _REGION.search(cell.text):
            exercise = _owner(source, cell, table)
            places[cell.id] = (exercise, "solution")
            _check_stub(source, cell, exercise)
        elif checked in table:
            places[cell.id] = (table[checked], "check")
    for id in cards:
        if id not in table:
            raise SourceError(
                f"{source.path.name}: there is no exercise {id} in checks/ch{source.chapter:02d}.py"
            )
    for id in table:
        for role, wish in (
            ("solution", "a worked function"),
            ("check", f'a cell check("{id}", …)'),
        ):
            count = sum(place == (table[id], role) for place in places.values())
            if count != 1:
                raise SourceError(f"{source.path.name}: {id} needs {wish} once, it has {count}")
        if cards.count(id) != 1:
            raise SourceError(f"{source.path.name}: {id} needs one line <!-- card: {id} -->")
    return places


def _owner(source: Source, cell: Cell, table: dict[str, Exercise]) -> Exercise:
    try:
        body = ast.parse(cell.text).body
    except SyntaxError as error:
        above = source.path.read_text(encoding="utf-8").partition(cell.text)[0].count("\n")
        at = f"{source.path}, line {above + (error.lineno or 1)}"
        raise SourceError(f"{at}: {error.msg}") from None
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    owners = [exercise for exercise in table.values() if exercise.function in defined]
    if len(owners) != 1:
        raise SourceError(
            f"{source.path.name}, {cell.where}: the worked part must define the function of one "
            f"exercise; it defines {', '.join(sorted(defined)) or 'nothing'}"
        )
    return owners[0]


def _check_stub(source: Source, cell: Cell, exercise: Exercise) -> None:
    """What is left must be the function, with nothing but its docstring and the stub."""
    try:
        found = collect.collect_text(take_out(cell.text), ".py", exercise.function)
    except collect.CollectError as error:
        raise SourceError(
            f"{source.path.name}, {cell.where}, without its answer: {error}"
        ) from error
    if not found.stub:
        raise SourceError(
            f"{source.path.name}, {cell.where}: everything in {exercise.function} but its "
            "docstring belongs between the markers"
        )


def _checked(cell: Cell) -> str:
    """The id in a cell that ends with check("06.2", …), or nothing."""
    try:
        last = ast.parse(cell.text).body[-1]
    except (SyntaxError, IndexError):
        return ""
    if not (isinstance(last, ast.Expr) and isinstance(last.value, ast.Call)):
        return ""
    call = last.value
    if not (isinstance(call.func, ast.Name) and call.func.id == "check" and call.args):
        return ""
    id = call.args[0]
    return id.value if isinstance(id, ast.Constant) and isinstance(id.value, str) else ""


def _metadata(exercise: Exercise, role: str) -> dict[str, Any]:
    """nbgrader's keys; the cells that grade cannot be changed or deleted by accident."""
    graded = role == "check"
    nbgrader: dict[str, Any] = {
        "grade": graded,
        "grade_id": f"{role}-{exercise.id.replace('.', '-')}",
        "locked": graded,
        "schema_version": 3,
        "solution": not graded,
        "task": False,
    }
    if graded:
        nbgrader["points"] = exercise.points
    metadata: dict[str, Any] = {"nbgrader": nbgrader, "deletable": False}
    if graded:
        metadata["editable"] = False
    return metadata
