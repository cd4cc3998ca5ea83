"""Answers that say nothing earn nothing: zeros, ones, NaN, or one answer to every question.

Each is the worked answer with the numbers taken out: it still refuses what it should refuse, and
what comes back has the right shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers.worked_answers import ALL, worked

from minitorch_attn.course.checking.exercise import Exercise
from minitorch_attn.course.checking.running import run, run_check

by_id = pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.id)

Function = Callable[..., Any]
SEED = 1
NUMBERS = {"zeros": 0, "ones": 1, "NaN": np.nan}


def numbered(scenes: Any, targets: Any, tests: Any) -> Any:
    """In place of 10.2's worked answer, which trains for seconds: as many classes as it gives."""
    return np.arange(len(tests)) % 10


def answer(exercise: Exercise) -> Function:
    return numbered if exercise.id == "10.2" else worked(exercise)


def leafwise(change: Callable[[Any, Any], Any], tree: Any, other: Any = None) -> Any:
    """The tree with each leaf changed, given the leaf at the same place of the other tree."""

    def below(key: Any) -> Any:
        try:
            return other[key]
        except (TypeError, IndexError, KeyError):
            return None

    if isinstance(tree, dict):
        return {key: leafwise(change, item, below(key)) for key, item in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(leafwise(change, x, below(i)) for i, x in enumerate(tree))
    return tree if tree is None else change(tree, other)


def filled(number: float) -> Callable[[Any, Any], Any]:
    """Every number is this one. Where the kind has no NaN, it is 0; a text becomes the number's."""

    def change(leaf: Any, _: Any) -> Any:
        if isinstance(leaf, str):
            return str(number)
        floats = np.asarray(leaf).dtype.kind in "fc"
        return np.full_like(leaf, number if floats else np.nan_to_num(number))[()]

    return change


def fitted(leaf: Any, old: Any) -> Any:
    """An old answer, repeated or cut to the shape that is asked for now."""
    if isinstance(leaf, str) or isinstance(old, str) or np.size(old) == 0 or old is None:
        return old if isinstance(leaf, str) else np.zeros_like(leaf)[()]
    return np.resize(np.asarray(old), np.shape(leaf))[()]


def old_answer(exercise: Exercise) -> Any:
    """What was right for other inputs."""
    found: list[Any] = []

    def note(*args: Any, **kwargs: Any) -> Any:
        found.append(answer(exercise)(*args, **kwargs))
        return found[-1]

    run_check(exercise, 0, note, SEED + 1)
    return found[0]


@by_id
def test_an_input_handed_back_earns_nothing(exercise: Exercise) -> None:
    for place, name in enumerate(exercise.parameters):
        report = run(exercise, lambda *args, _place=place, **_: args[_place], SEED)
        assert report.points == 0, (name, report)


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
@by_id
def test_one_number_in_every_place_earns_nothing(exercise: Exercise, number: float) -> None:
    def empty(*args: Any, **kwargs: Any) -> Any:
        return leafwise(filled(number), answer(exercise)(*args, **kwargs))

    report = run(exercise, empty, SEED)
    assert report.points == 0, report
    assert report.done


@by_id
def test_the_first_answer_for_ever_after_earns_nothing(exercise: Exercise) -> None:
    first: list[Any] = []

    def stuck(*args: Any, **kwargs: Any) -> Any:
        now = answer(exercise)(*args, **kwargs)
        first.append(now)
        return first[0]

    report = run(exercise, stuck, SEED)
    assert report.points == 0, report


@by_id
def test_an_old_answer_cut_to_shape_earns_what_it_refuses_and_no_more(
    exercise: Exercise,
) -> None:
    old = old_answer(exercise)

    def late(*args: Any, **kwargs: Any) -> Any:
        return leafwise(fitted, answer(exercise)(*args, **kwargs), old)

    for number, result in enumerate(run(exercise, late, SEED).results):
        if result.points:
            _, calls = run_check(exercise, number, late, SEED)
            assert any(isinstance(call.outcome, Exception) for call in calls), result.claim
