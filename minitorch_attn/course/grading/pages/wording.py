"""What a mark says, as plain text: for Gradescope's tests and nbgrader's check cells.

Much of it comes from students: it is cleaned of control characters and cut to length here, and
whoever puts it into HTML escapes it.
"""

from __future__ import annotations

from ...checking.report import Result
from ..marking.cleaning import lines
from ..marking.marks import ExerciseMark


def result_text(result: Result) -> str:
    """What is said below one check's claim: expected, got, and what it looks like."""
    return lines(result.below())


def exercise_text(exercise: ExerciseMark) -> str:
    """The whole report on one exercise."""
    out = [exercise.headline]
    if exercise.note:
        out.append(f"  {lines(exercise.note)}")
    out += exercise.told(clean=lines)
    if exercise.points < exercise.total:
        out.append(f"  {exercise.read_again}")
    return "\n".join(out)
