"""What counts, and for how much: the instructor's choice of exercises, and points of their own.

A mark is made for all exercises of a chapter, in the checks' own points. What is shown and summed
is that mark seen through a scheme, so another choice needs no marking.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...errors import MinitorchError
from ..checking.exercise import Exercise
from ..checks import exercises_of, written_chapters
from .marking.marks import ExerciseMark, Mark


class SchemeError(MinitorchError, ValueError):
    """A choice that cannot be made; the message says why in one line."""


@dataclass(frozen=True)
class Scheme:
    """Which exercises of a chapter count, and the points of each, by their ids.

    Without any, all count, with the points of their checks.
    """

    points: dict[str, float] = field(default_factory=dict)

    def exercises(self, chapter: int) -> list[Exercise]:
        """Those that count."""
        return [e for e in exercises_of(chapter) if not self.points or e.id in self.points]

    def worth(self, exercise: Exercise) -> float:
        return self.points.get(exercise.id, exercise.points)

    def seen(self, mark: Mark) -> Mark:
        """A mark as this scheme counts it: each check keeps its share of its exercise's points."""
        if not self.points:
            return mark
        kept = (e for e in mark.exercises if e.id in self.points)
        others = {e.id for e in mark.exercises} - self.points.keys()
        review = tuple(line for line in mark.review if line.partition(":")[0] not in others)
        return replace(mark, exercises=tuple(map(self._scaled, kept)), review=review)

    def _scaled(self, exercise: ExerciseMark) -> ExerciseMark:
        factor = self.points[exercise.id] / exercise.total if exercise.total else 0.0
        results = tuple(replace(r, total=r.total * factor) for r in exercise.results)
        return replace(exercise, results=results)


def choose(chapter: int, wanted: Collection[str] = (), file: Path | None = None) -> Scheme:
    """The scheme for a chapter.

    wanted : ids of the exercises that count; left out, all
    file : TOML with a table `[points]`: `"06.1" = 10`, also for other chapters; who is not in it
        keeps the points of its checks

    Raises SchemeError for ids that do not exist, and for points that are none.
    """
    known = [exercise.id for exercise in exercises_of(chapter)]
    for id in wanted:
        if id not in known:
            there = ", ".join(known)
            raise SchemeError(f"--exercises: {id} is none of chapter {chapter:02d}: {there}")
    own = _read(file) if file else {}
    if not wanted and not own:
        return Scheme()
    points = {
        exercise.id: own.get(exercise.id, exercise.points)
        for exercise in exercises_of(chapter)
        if not wanted or exercise.id in wanted
    }
    return Scheme(points)


def _read(file: Path) -> dict[str, float]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))["points"]
    except (OSError, ValueError, KeyError) as error:
        raise SchemeError(
            f'--points {file}: no TOML with a table [points], as in "06.1" = 10 ({error})'
        ) from None
    known = {e.id for number in written_chapters() for e in exercises_of(number)}
    if not isinstance(table, dict):
        raise SchemeError(f"--points {file}: points is no table: write [points] above the lines")
    for id, points in table.items():
        good = isinstance(points, int | float) and not isinstance(points, bool)
        if isinstance(points, dict):
            raise SchemeError(f'--points {file}: an id stands in quotes, as in "06.1" = 10')
        if id not in known:
            raise SchemeError(f"--points {file}: there is no exercise {id}")
        if not good or not 0 < points < 1e5:
            raise SchemeError(f"--points {file}: {id} = {points!r} is no number above 0")
    return {id: float(points) for id, points in table.items()}


def number(points: float) -> str:
    """Points as they are shown: a third of 10 is 3.33."""
    return f"{round(points, 2):.12g}"
