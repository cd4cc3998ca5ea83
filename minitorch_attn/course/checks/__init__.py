"""The checks of the exercises: one module a chapter, with the wrong answers that prove them."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import Any

from ..checking.exercise import Exercise
from ..checking.oneline import OneLine


class NoExercise(OneLine, ValueError):
    """There is no such exercise; the message says what to write."""


def exercises_of(chapter: int) -> list[Exercise]:
    """The exercises of a chapter, in order; an empty list where it has none yet."""
    name = f"{__name__}.ch{chapter:02d}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return []
    found = {item.id: item for item in vars(module).values() if isinstance(item, Exercise)}
    return [found[id] for id in sorted(found, key=lambda id: int(id[3:]))]


def find(id: str) -> Exercise:
    """The exercise with this id. Raises NoExercise, which says what was meant, perhaps."""
    if isinstance(id, str) and re.fullmatch(r"\d\d\.\d+", id):
        for exercise in exercises_of(int(id[:2])):
            if exercise.id == id:
                return exercise
    raise NoExercise(_what_to_write(id))


def _what_to_write(id: Any) -> str:
    if callable(id):
        name = getattr(id, "__name__", "")
        meant = [exercise.id for exercise in _all() if exercise.function == name]
        ids = " or ".join(f'"{one}"' for one in meant) or 'as in "06.2"'
        return f"the exercise's id comes first, in quotes: {ids}"
    if isinstance(id, str) and not id:
        return 'say which exercise: its id, in quotes, as in "06.2"'
    said = re.sub(r"[^\d.]", "", str(id))  # 6.1, "6.1", " 06.1", "Exercise 6.1"
    if found := re.fullmatch(r"(\d{1,2})\.(\d+)", said):
        meant_id = f"{int(found[1]):02d}.{int(found[2])}"
        if meant_id != id and any(exercise.id == meant_id for exercise in _all()):
            return f'there is no exercise {id!r}; write "{meant_id}", in quotes'
        if there := [exercise.id for exercise in exercises_of(int(found[1]))]:
            return f"there is no exercise {id!r}; chapter {there[0][:2]} has {', '.join(there)}"
    return f"there is no exercise {id!r}; an id is like 06.2: chapter, dot, number"


def written_chapters() -> list[int]:
    """The numbers of the chapters that have exercises."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(int(name[2:]) for name in modules if re.fullmatch(r"ch\d\d", name))


def _all() -> list[Exercise]:
    return [exercise for number in written_chapters() for exercise in exercises_of(number)]
