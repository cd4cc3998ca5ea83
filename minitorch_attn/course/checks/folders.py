"""Exercises beside the book's: an instructor's own, in a folder laid out as the book is.

    FOLDER/checks/chNN.py             an `Exercise` with its checks and wrong answers
    FOLDER/solutions/NN_name.md       the source: cards, worked answers, cells with `check`
    FOLDER/solutions/other/NN_name.*  other right answers, and the mutants that may pass

`use_checks(FOLDER)` puts its checks where the book's are found; `root_of` says where a chapter's
solutions lie. What is in the folder runs with the rights of whoever names it.
"""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from collections import Counter
from pathlib import Path

from ..checking.exercise import Exercise
from ..checking.oneline import OneLine
from ..checking.report import where_to_read
from ..sources import contents
from ..sources.contents import Chapter
from ..sources.text import ROOT, headings_of, sources
from . import __path__ as places
from . import exercises_of, written_chapters

_used: list[Path] = []


class FolderMistake(OneLine, ValueError):
    """A folder of exercises cannot be used; the message says which file, which line, and why."""


def use_checks(folder: Path | str) -> Path:
    """Find the exercises of a folder as the book's are found, in this process; returns the folder.

    Raises
    ------
    FolderMistake
        If there are no checks, one cannot be read, or a number or a name is the book's.
    """
    root = Path(folder).resolve()
    if root in _used:
        return root
    files = sorted((root / "checks").glob("*.py"))
    if not any(re.fullmatch(r"ch\d\d", path.stem) for path in files):
        raise FolderMistake(f"{folder} has no checks: there is no {folder}/checks/chNN.py")
    taken = {path.stem: path for place in places for path in Path(place).glob("*.py")}
    first = 1 + max(chapter.number for chapter in contents.chapters())
    for path in files:
        if path.stem in taken and path.stem != "__init__":
            raise FolderMistake(
                f"{path}: there is a {taken[path.stem]} already; take another name, and for a "
                f"chapter a number from {first} on"
            )
    theirs = {e.function: e.id for number in written_chapters() for e in exercises_of(number)}
    places.append(str(root / "checks"))
    importlib.invalidate_caches()  # the folder may have been written just now
    try:
        for path in files:
            if re.fullmatch(r"ch\d\d", path.stem):
                _read(path, theirs)
        for path in sources("solutions", root):
            if not (root / "checks" / f"ch{path.name[:2]}.py").is_file():
                raise FolderMistake(f"{path}: there is no checks/ch{path.name[:2]}.py for it")
    except BaseException:
        forget(root)
        raise
    _used.append(root)
    return root


def forget(root: Path) -> None:
    """As before `use_checks(root)`."""
    places.remove(str(root / "checks"))
    if root in _used:
        _used.remove(root)
    for path in (root / "checks").glob("*.py"):
        sys.modules.pop(f"{__package__}.{path.stem}", None)


def _read(path: Path, taken: dict[str, str]) -> None:
    """Import a module of checks, and see that each of its exercises can be one."""
    try:
        module = importlib.import_module(f"{__package__}.{path.stem}")
    except SyntaxError as error:
        raise FolderMistake(f"{error.filename}, line {error.lineno}: {error.msg}") from None
    except Exception as error:
        steps = traceback.extract_tb(error.__traceback__)
        lines = [step.lineno for step in steps if step.filename == str(path)]
        at = f", line {lines[-1]}" if lines else ""
        raise FolderMistake(f"{path}{at}: {type(error).__name__}: {error}") from None
    found = [item for item in vars(module).values() if isinstance(item, Exercise)]
    if not found:
        raise FolderMistake(f"{path} has no Exercise")
    ids = Counter(exercise.id for exercise in found)
    functions = Counter(exercise.function for exercise in found)
    for exercise in found:
        wrong = ""
        if exercise.id[:2] != path.stem[2:]:
            wrong = f"its id must begin with {path.stem[2:]}, the number of the file"
        elif ids[exercise.id] > 1:
            wrong = "two exercises have this id"
        elif exercise.function in taken:
            wrong = f"{exercise.function} is the function of the book's {taken[exercise.function]}"
        elif functions[exercise.function] > 1:
            wrong = f"another exercise of this chapter has the function {exercise.function}"
        elif not exercise.checks:
            wrong = "it has no check"
        elif not exercise.wrong_answers:
            wrong = "it has no wrong answer, so nothing shows that its checks can fail"
        elif not exercise.signature.startswith(f"{exercise.function}("):
            wrong = f"its signature does not begin with {exercise.function}("
        elif not where_to_read(exercise.read)[1]:
            wrong = f"{exercise.read} leads to no heading of the book"
        if wrong:
            raise FolderMistake(f"{_place(path, exercise)}: {exercise.id}: {wrong}")


def place_of(exercise: Exercise) -> str:
    """The file of an exercise's checks, and the line in which its id stands."""
    paths = (Path(place) / f"ch{exercise.id[:2]}.py" for place in places)
    return _place(next(path for path in paths if path.is_file()), exercise)


def _place(path: Path, exercise: Exercise) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    at = next((n for n, line in enumerate(lines, start=1) if f'"{exercise.id}"' in line), 1)
    return f"{path}, line {at}"


def root_of(number: int) -> Path:
    """Where the solutions of a chapter are: in a folder of its own, or in the book."""
    module = f"ch{number:02d}.py"
    return next((root for root in _used if (root / "checks" / module).is_file()), ROOT)


def is_own(number: int) -> bool:
    """Whether a chapter is an instructor's own."""
    return number not in {chapter.number for chapter in contents.chapters()}


def chapters() -> list[Chapter]:
    """The book's chapters, then those of the folders."""
    book = contents.chapters()
    there = {chapter.number for chapter in book}
    return [*book, *(_own(number) for number in written_chapters() if number not in there)]


def chapter(number: int) -> Chapter:
    """One of them. Raises KeyError where there is none."""
    return {chapter.number: chapter for chapter in chapters()}[number]


def _own(number: int) -> Chapter:
    """What book.toml says of the book's, of another: from its source, if that is at hand."""
    paths = (p for p in sources("solutions", root_of(number)) if int(p.name[:2]) == number)
    path = next(paths, None)
    title = next(iter(headings_of(path).values()), "") if path else ""
    title = title.removeprefix(f"Exercises {number:02d}: ")  # as every source begins
    points = round(sum(exercise.points for exercise in exercises_of(number)))
    file = path.stem if path else f"{number:02d}_"
    return Chapter(number, file, title or f"chapter {number:02d}", "", "", 0, points, ())
