"""Exercises: their checks and their named wrong answers.

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

import copy
import functools
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

Body = Callable[[Callable[..., Any], np.random.Generator], None]


@dataclass(frozen=True)
class Check:
    """One claim about the learner's function, and its points.

    `body` takes the function and a generator of its own, and raises CheckFailed where the claim
    does not hold.
    """

    points: float
    claim: str
    body: Body

    @property
    def name(self) -> str:
        """The name of its body, by which a report names the check."""
        return self.body.__name__


@dataclass(frozen=True)
class Wrong:
    """A mistake that people make: its name, what it means, and a function that makes it.

    `raises` says that the mistake is to raise where an answer is asked for.
    """

    name: str
    explanation: str
    function: Callable[..., Any]
    raises: bool = False


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

    Raises
    ------
    ValueError
        If the id, a rating or `read` is not in its form.
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

    def inside(self, around: Callable[[Check], AbstractContextManager[Any]]) -> Exercise:
        """The same exercise, but each of its checks runs inside `around(check)`."""

        def wrapped(check: Check) -> Check:
            @functools.wraps(check.body)
            def body(*args: Any) -> None:
                with around(check):
                    check.body(*args)

            return replace(check, body=body)

        other = copy.copy(self)
        other.checks = [wrapped(check) for check in self.checks]
        return other

    @property
    def chapter(self) -> int:
        """6 for "06.2"."""
        return int(self.id[:2])

    @property
    def number(self) -> int:
        """2 for "06.2"."""
        return int(self.id[3:])

    @property
    def parameters(self) -> list[str]:
        """The names of the function's arguments, as the signature's last form gives them."""
        last = self.signature.rpartition(f"{self.function}(")[2]
        inside = last.rpartition(") ->")[0] or last[:-1]
        depth, flat = 0, ""
        for letter in inside:
            depth += (letter in "([{") - (letter in ")]}")
            flat += letter if depth == 0 else " "
        return re.findall(r"(?:^|,)\s*([A-Za-z_]\w*)", flat)

    @property
    def points(self) -> float:
        """Those of all its checks."""
        return sum(check.points for check in self.checks)

    def check(self, points: float, claim: str) -> Callable[[Body], Body]:
        """Add a check: the decorated function takes the learner's function and a generator.

        Raises ValueError if the points are not positive.
        """
        if points <= 0:
            raise ValueError(f"{self.id}, {claim!r}: points must be positive")

        def add(body: Body) -> Body:
            self.checks.append(Check(points, claim, body))
            return body

        return add

    def wrong(
        self, name: str, explanation: str, *, raises: bool = False
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Add a named wrong answer: the decorated function makes the mistake, see `Wrong`."""

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            self.wrong_answers.append(Wrong(name, explanation, function, raises))
            return function

        return add
