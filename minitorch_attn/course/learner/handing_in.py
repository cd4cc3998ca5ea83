"""`check_file("06_one_query.ipynb")`: will the grader find your answers in this file?

It is read as the grader reads it: functions are found by name, and nothing is run. So it says what
is there, not whether it is right; that is for `check`.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from ..checking.collect import CollectError, Found, NoFunction, collect_text, read_submission
from ..checking.exercise import Exercise
from ..checking.oneline import OneLine
from ..checks import exercises_of, written_chapters
from ..checks.folders import use_checks

FOUND, STUB, UNREADABLE = "found", "not done yet", "cannot be marked"
# What only draws is there for the grader as something that does nothing.
SILENT = ("matplotlib", "pylab", "seaborn", "plotly", "IPython", "ipywidgets")


class HandingInError(OneLine, ValueError):
    """Nobody can tell which chapter is meant; the message says how to say it."""


@dataclass(frozen=True)
class Line:
    """What the grader will find of one exercise.

    Attributes
    ----------
    state : FOUND, STUB or UNREADABLE
    where : the cell, or the line of a Python file
    why : what is in the way, and what to do; empty where nothing is
    """

    exercise: Exercise
    state: str
    where: str = ""
    why: str = ""

    def __str__(self) -> str:
        sign = {FOUND: "✓", STUB: "○", UNREADABLE: "✗"}[self.state]
        at = f", {self.where}" if self.where else ""
        why = f": {self.why}" if self.why else ""
        return f"  {sign} {self.exercise.id} {self.exercise.function}: {self.state}{at}{why}"


@dataclass(frozen=True)
class FileReport:
    """What the grader will find in a file; shown as a line for each exercise."""

    name: str
    lines: tuple[Line, ...]
    problem: str = ""  # of the whole file

    @property
    def ready(self) -> bool:
        """Whether every exercise is found and can be marked."""
        return not self.problem and all(line.state == FOUND for line in self.lines)

    def __repr__(self) -> str:
        if self.problem:
            return f"{self.name} cannot be marked: {self.problem}"
        found = sum(line.state == FOUND for line in self.lines)
        head = f"{self.name}: {found} of {len(self.lines)} answers can be marked"
        return "\n".join([head, *map(str, self.lines)])


def check_file(path: str | Path, chapter: int | None = None) -> FileReport:
    """Whether a notebook or Python file can be marked, exercise by exercise. Save it first.

    Parameters
    ----------
    path : the file that you will hand in
    chapter : its number; left out, the file's name says it, or else what it defines

    Raises
    ------
    HandingInError
        If the chapter is not known, or has no exercises.
    """
    path = Path(path)
    if not path.is_file():
        return FileReport(path.name, (), f"there is no file {path}; save it, and name it as it is")
    try:
        text = read_submission(path)
    except CollectError as error:
        return FileReport(path.name, (), str(error).removeprefix(f"{path.name}: "))
    if not text.strip():
        return FileReport(path.name, (), "it is empty; save the notebook anew")
    try:
        collect_text(text, path.suffix, "nothing")
    except NoFunction:
        pass
    except CollectError as error:
        return FileReport(path.name, (), str(error))
    number = _chapter(path, text) if chapter is None else chapter
    if not (exercises := exercises_of(number)):
        raise HandingInError(f"chapter {number:02d} has no exercises")
    return FileReport(path.name, tuple(_line(one, text, path.suffix) for one in exercises))


def _line(exercise: Exercise, text: str, suffix: str) -> Line:
    try:
        found = collect_text(text, suffix, exercise.function)
    except CollectError as error:
        why = str(error)
        if isinstance(error, NoFunction):
            why += (
                f"; define it in a code cell, as in def {exercise.signature.partition('(')[0]}(…)"
            )
        return Line(exercise, UNREADABLE, why=why)
    if found.stub:
        return Line(exercise, STUB, found.where)
    if missing := _missing(found, exercise):
        has = "Python's own modules, NumPy" + (" and minitorch_attn" if exercise.library else "")
        why = f"it imports {', '.join(missing)}, and the grader has {has}; do without"
        return Line(exercise, UNREADABLE, found.where, why)
    return Line(exercise, FOUND, found.where)


def _missing(found: Found, exercise: Exercise) -> list[str]:
    """The modules that the answer imports, and the grader does not have."""
    there = sys.stdlib_module_names | {"numpy", *SILENT}
    there |= {"minitorch_attn"} if exercise.library else set()
    names: list[str] = []
    for node in ast.walk(ast.parse(found.source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or ".")
    return sorted({name.partition(".")[0] or name for name in names} - there)


def _chapter(path: Path, text: str) -> int:
    """By the file's name, or else the chapter most of whose functions are defined in it."""
    numbers = written_chapters()
    if (named := re.search(r"(?<!\d)(\d\d)_", path.name)) and int(named[1]) in numbers:
        return int(named[1])

    def defined(number: int) -> int:
        functions = [re.escape(exercise.function) for exercise in exercises_of(number)]
        return sum(bool(re.search(rf"\bdef +{name}\b", text)) for name in functions)

    count, _, best = max((defined(number), -number, number) for number in numbers)
    if not count:
        raise HandingInError(
            f"{path.name} does not say which chapter it answers: "
            f"check_file({path.name!r}, chapter=6), or call it 06_….ipynb"
        )
    return best


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m minitorch_attn check`."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a notebook or Python file")
    parser.add_argument("--chapter", type=int, help="its number, where the file's name is silent")
    parser.add_argument(
        "--checks", type=Path, metavar="FOLDER", help="your instructor's exercises, if it is one"
    )


def run(args: argparse.Namespace) -> int:
    """Print what the grader will find; returns 1 if something cannot be marked."""
    if args.checks:
        use_checks(args.checks)
    reports = [check_file(name, args.chapter) for name in args.files]
    print("\n".join(map(repr, reports)))
    return 0 if all(report.ready for report in reports) else 1
