"""The worked answer to an exercise: in the book's `solutions/`, or in those of a folder."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..checking.collect import collect_text
from ..checking.exercise import Exercise
from ..sources.text import SourceError, read, sources
from .folders import root_of


def source_of(exercise: Exercise, root: Path | None = None) -> Path:
    """The file in which it stands. Raises SourceError where there is no such file.

    `root` is where `solutions/` lies; left out, where the exercise is from.
    """
    root = root or root_of(exercise.chapter)
    for path in sources("solutions", root):
        if int(path.name[:2]) == exercise.chapter:
            return path
    raise SourceError(f"there is no {root}/solutions/{exercise.chapter:02d}_….md")


@cache
def worked(exercise: Exercise, root: Path | None = None) -> str:
    """The source of its function, and of all that this needs.

    Raises SourceError or CollectError where it is missing.
    """
    return collect_text(_code(source_of(exercise, root)), ".py", exercise.function).source


@cache
def _code(path: Path) -> str:
    return "\n\n".join(cell.text for cell in read(path).cells if cell.kind == "code")
