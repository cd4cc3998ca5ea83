"""What a submission is worth, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ...checking.report import Outcome, Result

# What is there and could not be marked, as `collect_text` says it.
_SLIP = re.compile(r" is there but cannot be read: | \(there is ")


@dataclass(frozen=True)
class ExerciseMark(Outcome):
    """The mark of one exercise; what it holds of a student's text has been cleaned.

    where : the cell or line where the function was found, or ""
    note : why there are no results, or why they are what they are, or ""
    """

    where: str = ""
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "title": self.title,
            "points": self.points,
            "total": self.total,
            "read": self.read,
            "where": self.where,
            "note": self.note,
            "results": [result.to_json() for result in self.results],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ExerciseMark:
        """What `to_json` gave. Raises KeyError or TypeError where something is missing."""
        results = tuple(map(Result.from_json, data["results"]))
        id, title, read = data["id"], data["title"], data["read"]
        return cls(id, title, read, results, data["where"], data["note"])


@dataclass(frozen=True)
class Mark:
    """The mark of a submission.

    review : what was met, lines for a human eye
    """

    chapter: int
    exercises: tuple[ExerciseMark, ...]
    review: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        return sum(exercise.points for exercise in self.exercises)

    @property
    def total(self) -> float:
        return sum(exercise.total for exercise in self.exercises)

    @property
    def eye(self) -> tuple[str, ...]:
        """All lines for a human eye: `review`, and one of what a slip has cost all its points."""
        slips = (f"{e.id}: {e.note}" for e in self.exercises if _SLIP.search(e.note))
        line = "; ".join(slip for slip in slips if slip not in self.review)
        return (*self.review, line) if line else self.review

    def to_json(self) -> dict[str, Any]:
        return {
            "chapter": self.chapter,
            "points": self.points,
            "total": self.total,
            "exercises": [exercise.to_json() for exercise in self.exercises],
            "review": list(self.review),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Mark:
        """What `to_json` gave. Raises KeyError or TypeError where something is missing."""
        exercises = tuple(map(ExerciseMark.from_json, data["exercises"]))
        return cls(data["chapter"], exercises, tuple(data["review"]))
