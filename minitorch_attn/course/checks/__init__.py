"""The checks of the exercises: one module a chapter, with the wrong answers that prove them."""

from __future__ import annotations

import importlib
import re

from ..checking.exercise import Exercise


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
    """The exercise with this id."""
    if re.fullmatch(r"\d\d\.\d+", id):
        for exercise in exercises_of(int(id[:2])):
            if exercise.id == id:
                return exercise
    raise ValueError(f"there is no exercise {id!r}; an id is like 06.2: chapter, dot, number")
