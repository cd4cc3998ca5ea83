"""`check("06.2", attend)`: what the learner calls under an exercise."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..checking.bounded import Interrupted, NoEnd, run_bounded
from ..checking.report import Report
from ..checks import find
from ..checks.folders import is_own
from .store import record_points


def check(
    id: str = "",
    function: Callable[..., Any] | None = None,
    seed: int | None = None,
    seconds: float | None = None,
) -> Report:
    """Check your answer to an exercise; the points are kept for `progress()`.

    Parameters
    ----------
    id : the exercise, as in "06.2"
    function : your function; left out, it is found in your notebook by its name
    seed : a number makes the checks draw the same inputs again
    seconds : for each check; left out, 60, or 600 where a model is trained

    Raises
    ------
    NoExercise
        If there is no such exercise.
    NameError, TypeError
        If there is no function, or what is given is none.
    NoEnd
        If a check takes longer than its seconds.
    Interrupted
        In place of KeyboardInterrupt; it says what was stopped.
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
    hint = f'check("{id}", seconds=3600)'
    try:
        report = run_bounded(exercise, function, seed, seconds, hint)
    except (NoEnd, Interrupted) as stopped:
        raise stopped.with_traceback(None) from None
    record_points(exercise.id, report.points, report.total)
    for result in report.results:
        if result.stumbled and is_own(exercise.chapter):  # the book's checks are proved
            print(
                f"The check “{result.claim}” stopped by itself, {result.stumbled}. If your answer "
                f"is what {exercise.signature} says, show this line to whoever wrote the check."
            )
    return report
