"""What is no answer earns nothing: right refusals and shapes, and other numbers."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from helpers.worked_answers import ALL, worked

from minitorch_attn.course.checking.running import leaves, run

CHAPTERS = sorted({exercise.chapter for exercise in ALL})
SEED = 11
# 00.2 asks for clicks of one's own: other numbers are an answer.
ASKED = [exercise for exercise in ALL if not exercise.library and exercise.id != "00.2"]


def others(tree: Any, rng: np.random.Generator) -> Any:
    """The same containers and shapes with other contents."""
    if isinstance(tree, dict):
        return {key: others(item, rng) for key, item in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(others(item, rng) for item in tree)
    if isinstance(tree, str):
        return "something else"
    if tree is None:
        return None
    array = np.asarray(tree)
    if array.dtype.kind == "b":
        return rng.random(array.shape) < 0.5
    if array.dtype.kind in "iu":
        return rng.integers(20, 90, array.shape)
    return 3 + rng.random(array.shape)


def no_answer(right: Any) -> Any:
    """Refuses what is to be refused; else draws its numbers, the same for the same inputs."""

    def function(*args: Any, **kwargs: Any) -> Any:
        came = [*args, *kwargs.values()]
        seen = b"".join(np.asarray(leaf).tobytes() for leaf in leaves(came) if not callable(leaf))
        return others(right(*args, **kwargs), np.random.default_rng(zlib.crc32(seen)))

    return function


def handed_back(number: int) -> Any:
    """Returns an argument."""

    def function(*args: Any, **kwargs: Any) -> Any:
        came = [*args, *kwargs.values()]
        return came[number % len(came)]

    return function


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_other_numbers_earn_nothing(chapter: int) -> None:
    earned = {}
    for exercise in (one for one in ASKED if one.chapter == chapter):
        report = run(exercise, no_answer(worked(exercise)), SEED)
        if report.points:
            earned[exercise.id] = [r.check for r in report.results if r.status == "passed"]
    assert earned == {}


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_an_argument_handed_back_earns_nothing(chapter: int) -> None:
    earned = {}
    for exercise in (one for one in ASKED if one.chapter == chapter):
        for number in range(len(exercise.parameters)):
            report = run(exercise, handed_back(number), SEED)
            if report.points:
                passed = [r.check for r in report.results if r.status == "passed"]
                earned[f"{exercise.id}, argument {number}"] = passed
    assert earned == {}
