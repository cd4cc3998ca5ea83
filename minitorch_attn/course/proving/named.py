"""What an exercise must hold before any mutant is made: its worked answer and its wrong ones.

The worked answer gets all points. Each named wrong answer loses some, by what it returns and not
by raising, unless that is its mistake, and is told by its name; it fails the same checks whatever
is drawn, so that one mistake costs one student what it costs another. And each check rejects one of
them: a check that no wrong answer fails may be one that cannot fail.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..book import exercises
from ..checking.collect import CollectError, Found
from ..checking.exercise import Exercise
from ..checking.expecting import LearnerError
from ..checking.loading import load
from ..checking.report import FAILED
from ..checking.running import find_mistake, refused, run_checks
from ..checks import exercises_of
from ..checks.folders import FolderMistake, place_of
from ..checks.worked import source_of, worked
from ..sources.text import read

SEEDS = (1, 2, 3)
Failed = dict[str, set[frozenset[str]]]  # for each wrong answer the sets of checks that it failed


def hold(chapter: int, seeds: Sequence[int] = SEEDS[:1]) -> None:
    """Raise FolderMistake or SourceError, a line, where a chapter's exercises are not as above."""
    for exercise in exercises_of(chapter):
        source = source_of(exercise)
        exercises.build(read(source))  # cards, markers, and that no answer gets out
        for line in faults(exercise, seeds):
            raise FolderMistake(line)


def faults(exercise: Exercise, seeds: Sequence[int] = SEEDS) -> list[str]:
    """What does not hold, a line each, with the file and the line of its cause.

    The seeds are tried until something is found; of an exercise that trains a model, one.
    """
    try:
        function = load(Found(exercise.function, worked(exercise), exercise.id, False))
    except (CollectError, LearnerError) as error:
        return [f"{_worked_at(exercise)}: {exercise.id}: the worked answer: {error}"]
    failed: Failed = {wrong.name: set() for wrong in exercise.wrong_answers}
    for seed in seeds[:1] if exercise.library else seeds:
        try:
            found = [f"{line} (seed {seed})" for line in _faults(exercise, function, seed, failed)]
        except Exception as error:  # a check fails by itself
            found = [f"{_raised_at(exercise, error)}: {type(error).__name__}: {error}"]
        if found:
            return found
    return list(_uneven(exercise, failed))


def _faults(
    exercise: Exercise, function: Callable[..., Any], seed: int, all_failed: Failed
) -> Iterator[str]:
    runs = run_checks(exercise, function, seed)
    for check, (result, _) in zip(exercise.checks, runs, strict=True):
        if result.stumbled:
            place, said = _defined_at(exercise, check.body), f"the check “{result.claim}”"
            yield f"{place}: {exercise.id}: {said} stops by itself: {result.stumbled}"
        elif result.points < result.total:
            claim = f"the worked answer fails “{result.claim}”"
            yield f"{_worked_at(exercise)}: {exercise.id}: {claim}"
    rejected: set[str] = set()
    for wrong in exercise.wrong_answers:
        runs = run_checks(exercise, wrong.function, seed)
        failed = [(result.check, calls) for result, calls in runs if result.status == FAILED]
        rejected |= {check for check, _ in failed}
        all_failed[wrong.name].add(frozenset(check for check, _ in failed))
        place = f"{_defined_at(exercise, wrong.function)}: {exercise.id}"
        said = f"{place}: the wrong answer “{wrong.name}”"
        if not failed:
            yield f"{said} passes every check"
        elif find_mistake(exercise, runs, seed) is not wrong:
            yield f"{said} is not told by its name, or not alone"
        elif all(refused(calls) for _, calls in failed) != wrong.raises:
            yield (
                f"{said} returns something where it fails, and is marked raises=True"
                if wrong.raises
                else f"{said} fails by raising alone: if that is the mistake, mark it raises=True"
            )
    for check in exercise.checks:
        if check.name not in rejected:
            place = f"{_defined_at(exercise, check.body)}: {exercise.id}"
            yield f"{place}: no wrong answer fails the check “{check.claim}”: can it fail?"


def _uneven(exercise: Exercise, failed: Failed) -> Iterator[str]:
    for wrong in exercise.wrong_answers:
        if len(sets := failed[wrong.name]) > 1:
            some = frozenset.union(*sets) - frozenset.intersection(*sets)
            claims = ", ".join(f"“{c.claim}”" for c in exercise.checks if c.name in some)
            place = f"{_defined_at(exercise, wrong.function)}: {exercise.id}"
            yield f"{place}: the wrong answer “{wrong.name}” fails {claims} with some draws only"


def _worked_at(exercise: Exercise) -> str:
    path = source_of(exercise)
    text = path.read_text(encoding="utf-8")
    at = re.search(rf"^def {re.escape(exercise.function)}\b", text, re.MULTILINE)
    return f"{path}, line {text[: at.start()].count(chr(10)) + 1}" if at else str(path)


def _defined_at(exercise: Exercise, function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}, line {code.co_firstlineno}" if code else place_of(exercise)


def _raised_at(exercise: Exercise, error: Exception) -> str:
    """The last line of the checks themselves that an error went through."""
    file = place_of(exercise).rpartition(", line ")[0]
    lines = [s.lineno for s in traceback.extract_tb(error.__traceback__) if s.filename == file]
    return f"{file}, line {lines[-1]}: {exercise.id}" if lines else place_of(exercise)
