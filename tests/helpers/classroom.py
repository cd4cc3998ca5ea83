"""A class for the grader: the solution, wrong answers and honest variants of chapter 06."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

from helpers import honest
from minitorch_attn.course.checking.exercise import Exercise
from minitorch_attn.course.checks import exercises_of


def wrong_answers(exercise: Exercise) -> list[str]:
    """Each named wrong answer as a cell, with the helpers of the checks that it uses."""
    cells = []
    for wrong in exercise.wrong_answers:
        function = wrong.function
        source = textwrap.dedent(inspect.getsource(function))
        source = source[source.index("def ") :].replace(function.__name__, exercise.function, 1)
        needed, helpers = [source], [""]
        while needed:
            for name in re.findall(r"\b(\w+)\(", needed.pop()):
                helper = function.__globals__.get(name)
                if inspect.isfunction(helper) and helper.__module__ == function.__module__:
                    text = inspect.getsource(helper)
                    if text not in helpers and name != function.__name__:
                        helpers.append(text)
                        needed.append(text)
        lines = ["from __future__ import annotations", *helpers, source]
        cells.append("\n".join(lines))
    return cells


def write_class(folder: Path, count: int, chapter: int = 6) -> Path:
    """That many submissions: in turn the solution, honest variants, and wrong answers."""
    exercises = exercises_of(chapter)
    wrong = {exercise.function: wrong_answers(exercise) for exercise in exercises}
    right = honest.ONE_QUERY
    for number in range(count):
        cells: dict[str, list[str]] = {}
        for place, exercise in enumerate(exercises):
            name = exercise.function
            turn = (number + place) % 3
            if turn == 1:
                cells[name] = right[name][number // 3 % len(right[name])][1]
            elif turn == 2:
                cells[name] = [wrong[name][(number // 3 + place) % len(wrong[name])]]
        path = folder / f"student{number:03d}" / f"ch{chapter:02d}" / "06_one_query.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(honest.answers(chapter, **cells), encoding="utf-8")
    return folder
