"""Every exercise of the book, and its worked answer as a function."""

from __future__ import annotations

from functools import cache
from typing import Any

from minitorch_attn.course.checking import collect
from minitorch_attn.course.checking.exercise import Exercise
from minitorch_attn.course.checking.loading import load
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.proving import answers
from minitorch_attn.course.sources import contents
from minitorch_attn.course.sources.text import Source, read, sources

SOURCES = sources("solutions")
ALL = [exercise for chapter in contents.chapters() for exercise in exercises_of(chapter.number)]


@cache
def source_of(chapter: int) -> Source:
    return read(next(path for path in SOURCES if int(path.name[:2]) == chapter))


def code(notebook: Any) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


@cache
def worked(exercise: Exercise) -> Any:
    source = answers.worked(exercise).source
    return load(collect.collect_text(source, ".py", exercise.function))
