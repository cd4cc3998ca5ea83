"""What a mark says, as plain text: for Gradescope's tests and nbgrader's check cells.

Much of it comes from students: it is cleaned of control characters and cut to length here, and
whoever puts it into HTML escapes it.
"""

from __future__ import annotations

from typing import Any

from ...checking.report import NOT_DONE, PASSED, Result, where_to_read
from ..marking.cleaning import lines


def headline(exercise: dict[str, Any]) -> str:
    """Number, title and points of an exercise."""
    return (
        f"{exercise['id']} {exercise['title']}: "
        f"{exercise['points']:g} of {exercise['total']:g} points"
    )


def result_text(result: dict[str, Any]) -> str:
    """What is said below one check's claim: expected, got, and what it looks like."""
    said = Result(
        check=result["check"],
        claim=result["claim"],
        total=result["total"],
        status=result["status"],
        problem=result["problem"],
        expected=result["expected"],
        got=result["got"],
        misconception=result["misconception"],
        explanation=result["explanation"],
    ).lines()
    return lines("\n".join(f"{head}:{_below(text)}" for head, text in said))


def read_again(exercise: dict[str, Any]) -> str:
    """Where the book explains it."""
    file, heading, _ = where_to_read(exercise["read"])
    return f"Read again: notebooks/{file}" + (f", “{heading}”" if heading else "")


def exercise_text(exercise: dict[str, Any]) -> str:
    """The whole report on one exercise."""
    marks = {PASSED: "✓", NOT_DONE: "○"}
    out = [headline(exercise)]
    if exercise["note"]:
        out.append(f"  {lines(exercise['note'])}")
    for result in exercise["results"]:
        out.append(f"  {marks.get(result['status'], '✗')} {result['total']:g}  {result['claim']}")
        if said := result_text(result):
            out.append("       " + said.replace("\n", "\n       "))
    if exercise["points"] < exercise["total"]:
        out.append(f"  {read_again(exercise)}")
    return "\n".join(out)


def _below(text: str) -> str:
    return "\n  " + text.replace("\n", "\n  ") if "\n" in text else " " + text
