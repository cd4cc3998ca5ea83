"""Exercises: their checks, their named wrong answers, and `check("06.2", attend)`.

The facts about an exercise are written once, in `checks/chNN.py`::

    loop = Exercise("06.2", "The loop is the matrix", function="attend",
                    signature="attend(query, key, value)", difficulty=2, importance=3,
                    minutes=20, read="06_one_query.md#the-loop-version")

    @loop.check(2, "agrees with the definition, term by term")
    def agrees(attend, rng):
        query, key, value = ...                      # fresh, from rng; all sizes different
        expect_close(attend(query, key, value), want, "z is the sum of α_i v_i")

    @loop.wrong("one weight for all", "What this mistake means, and why, in a sentence or two.")
    def one_weight(query, key, value): ...

A check calls the learner's function with arrays (or plain trees of them) and looks at the arrays
that come back, nothing else. So it runs unchanged where the function lives in another process.
"""

from __future__ import annotations

import importlib
import re
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .expecting import (
    CheckFailed,
    LearnerError,
    NotDone,
    expect,
    expect_close,
    expect_error,
    expect_shape,
)
from .report import GRADING, Report
from .running import run

__all__ = [
    "Check",
    "CheckFailed",
    "Exercise",
    "LearnerError",
    "NotDone",
    "Report",
    "Wrong",
    "check",
    "exercises_of",
    "expect",
    "expect_close",
    "expect_error",
    "expect_shape",
    "find",
]

Body = Callable[[Callable[..., Any], np.random.Generator], None]


@dataclass(frozen=True)
class Check:
    """One claim about the learner's function, and its points."""

    points: float
    claim: str
    body: Body

    @property
    def name(self) -> str:
        return self.body.__name__


@dataclass(frozen=True)
class Wrong:
    """A mistake that people make: its name, what it means, and a function that makes it."""

    name: str
    explanation: str
    function: Callable[..., Any]


@dataclass(eq=False)
class Exercise:
    """One exercise.

    Parameters
    ----------
    id : "06.2", chapter and number
    function : the name under which the learner's function is found
    signature : shown on the card, with shapes
    difficulty, importance : 1 to 5
    minutes : what it takes
    read : where the book explains it, `NN_name.md#anchor` with the anchor of a code host
    library : whether an answer may import the engine, `minitorch_attn`; else only NumPy is there
    """

    id: str
    title: str
    function: str
    signature: str
    difficulty: int
    importance: int
    minutes: int
    read: str
    library: bool = False
    checks: list[Check] = field(default_factory=list, init=False)
    wrong_answers: list[Wrong] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d\d\.\d+", self.id):
            raise ValueError(f"an exercise's id is like 06.2, not {self.id!r}")
        if not (1 <= self.difficulty <= 5 and 1 <= self.importance <= 5):
            raise ValueError(f"{self.id}: difficulty and importance go from 1 to 5")
        if not re.fullmatch(r"\d\d_\w+\.md(#[^\s#]+)?", self.read):
            raise ValueError(f"{self.id}: read is like 06_one_query.md#the-loop, not {self.read!r}")

    @property
    def chapter(self) -> int:
        return int(self.id[:2])

    @property
    def number(self) -> int:
        return int(self.id[3:])

    @property
    def points(self) -> float:
        return sum(check.points for check in self.checks)

    def check(self, points: float, claim: str) -> Callable[[Body], Body]:
        """Add a check: the decorated function takes the learner's function and a generator."""
        if points <= 0:
            raise ValueError(f"{self.id}, {claim!r}: points must be positive")

        def add(body: Body) -> Body:
            self.checks.append(Check(points, claim, body))
            return body

        return add

    def wrong(
        self, name: str, explanation: str
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Add a named wrong answer: the decorated function makes the mistake."""

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            self.wrong_answers.append(Wrong(name, explanation, function))
            return function

        return add

    def run(self, function: Callable[..., Any], seed: int | None = None) -> Report:
        """Check a function. With the same seed the checks draw the same inputs."""
        return run(self, function, secrets.randbits(32) if seed is None else seed)


def exercises_of(chapter: int) -> list[Exercise]:
    """The exercises of a chapter, in order; an empty list where it has none yet."""
    name = f"{__package__}.checks.ch{chapter:02d}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return []
    found = {item.id: item for item in vars(module).values() if isinstance(item, Exercise)}
    return [found[id] for id in sorted(found, key=lambda id: int(id[3:]))]


def find(id: str) -> Exercise:
    """The exercise with this id."""
    if re.fullmatch(r"\d\d\.\d+", id):
        for exercise in exercises_of(int(id[:2])):
            if exercise.id == id:
                return exercise
    raise ValueError(f"there is no exercise {id!r}; an id is like 06.2: chapter, dot, number")


def check(id: str, function: Callable[..., Any] | None = None, seed: int | None = None) -> Report:
    """Check your answer to an exercise; the points are kept for `progress()`.

    Parameters
    ----------
    id : the exercise, as in "06.2"
    function : your function; left out, it is found in your notebook by its name
    seed : a number makes the checks draw the same inputs again
    """
    exercise = find(id)
    if function is None:
        namespace = sys._getframe(1).f_globals
        if exercise.function not in namespace:
            raise NameError(
                f"there is no {exercise.function} here yet: run the cell that defines it, "
                f'or name your function: check("{id}", my_function)'
            )
        function = namespace[exercise.function]
    if not callable(function):
        raise TypeError(f'check("{id}", …) takes your function, not {type(function).__name__}')
    report = exercise.run(function, seed)
    if not GRADING:
        from .learner import record_points

        record_points(exercise.id, report.points, report.total)
    return report
