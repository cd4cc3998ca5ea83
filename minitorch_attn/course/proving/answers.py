"""The right answers of an exercise: the worked one, and others that are built differently.

The worked one stands in `solutions/NN_name.md`, the others in `solutions/other/NN_name.py`: plain
Python, in which a line `# %% 06.2 loops` begins the answer named "loops" to exercise 06.2. What
stands above the first such line (imports) belongs to all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..checking import collect
from ..checking.exercise import Exercise
from ..checks import worked as solutions
from ..sources.text import SourceError

WORKED = "worked"
_CELL = re.compile(r"^# %%[ \t]*(\d\d\.\d+)[ \t]+(\S.*?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """A right answer: its name, and the source of the exercise's function and all it needs."""

    name: str
    source: str


def answers_of(exercise: Exercise, root: Path | None = None) -> list[Answer]:
    """The worked answer of an exercise, and its others, in the order of their file.

    `root` is where `solutions/` lies; left out, where the exercise is from.
    """
    return [worked(exercise, root), *others(exercise, root)]


def worked(exercise: Exercise, root: Path | None = None) -> Answer:
    """The worked answer, from `solutions/`. Raises SourceError or CollectError where it lacks."""
    return Answer(WORKED, solutions.worked(exercise, root))


def others(exercise: Exercise, root: Path | None = None) -> list[Answer]:
    """The other right answers, from `solutions/other/`; raises SourceError for a name twice."""
    path = beside(exercise, ".py", root)
    if not path.is_file():
        return []
    head, *cells = _CELL.split(path.read_text(encoding="utf-8"))
    found: dict[str, Answer] = {}
    for id, name, text in zip(cells[::3], cells[1::3], cells[2::3], strict=True):
        if id != exercise.id:
            continue
        if name in (*found, WORKED):
            raise SourceError(f"{path.name}: two answers to {id} are named {name!r}")
        source = collect.collect_text(head + text, ".py", exercise.function).source
        found[name] = Answer(name, source)
    return list(found.values())


def beside(exercise: Exercise, suffix: str, root: Path | None = None) -> Path:
    """Where the other answers (".py") and the survivors (".toml") of its chapter are."""
    path = solutions.source_of(exercise, root)
    return path.parent / "other" / f"{path.stem}{suffix}"
