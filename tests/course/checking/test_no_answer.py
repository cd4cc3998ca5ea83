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


def noise(array: Any) -> Any:
    """Too little of it for any tolerance, and other noise in place of other numbers."""
    drawn = np.random.default_rng(zlib.crc32(array.tobytes()))
    return 1e-9 * drawn.normal(size=array.shape)


def identity(array: Any) -> Any:
    return np.broadcast_to(np.eye(*array.shape[-2:]), array.shape) if array.ndim > 1 else array * 0


def first(array: Any) -> Any:
    return np.zeros(array.shape) + (np.arange(array.shape[-1]) == 0) if array.ndim else 0.0


FILLINGS = {
    "noise too small to count": noise,
    "the identity": identity,
    "the first of each row": first,
    "even shares": lambda a: np.full(a.shape, 1 / max(1, *a.shape[-1:])),
}


def filled(tree: Any, filling: Any) -> Any:
    """The same containers and shapes, filled."""
    if isinstance(tree, dict):
        return {key: filled(item, filling) for key, item in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(filled(item, filling) for item in tree)
    if isinstance(tree, str | None):
        return "something else" if tree else tree
    return filling(np.asarray(tree))


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize("name", FILLINGS)
def test_right_shapes_and_refusals_filled_with_nothing_earn_nothing(
    name: str, chapter: int
) -> None:
    earned = {}
    for exercise in (one for one in ASKED if one.chapter == chapter):
        right = worked(exercise)
        answer = lambda *a, right=right, **k: filled(right(*a, **k), FILLINGS[name])  # noqa: E731
        report = run(exercise, answer, SEED)
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
