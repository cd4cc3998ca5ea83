"""`check("06.2", attend)`: what the learner calls under an exercise."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..checking.report import Report
from ..checking.running import run
from ..checks import find
from .store import record_points


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
    report = run(exercise, function, seed)
    record_points(exercise.id, report.points, report.total)
    return report
