"""`progress()`: what is done, chapter by chapter, and what to do next."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from ..checks import exercises_of, folders
from ..sources.questions import questions
from ..sources.text import SourceError
from .predictions import letter_of
from .store import read

NOT_WRITTEN, NO_POINTS = "not written yet", "no exercises yet"


@dataclass(frozen=True)
class Row:
    """One chapter, of the book or of an instructor's own: points got and points to be had,
    predictions right and made.

    Nothing can be had yet in a chapter that is not written: its total is 0.
    """

    number: int
    file: str
    title: str
    points: float
    total: float
    right: int
    predicted: int
    written: bool


@dataclass(frozen=True)
class Progress:
    """Shown by a notebook as bars, elsewhere as text.

    `next` says what to do next, `file` in which file of `exercises/`, "" if all is done.
    """

    rows: tuple[Row, ...]
    next: str
    file: str = ""

    @classmethod
    def of(cls, state: dict[str, Any]) -> Progress:
        """Lay out what the learner's file says along the table of contents."""
        done, predictions = state["exercises"], state["predictions"]
        rows, todo, file = [], "", ""
        for chapter in folders.chapters():
            written = chapter.written()
            there = written or folders.is_own(chapter.number)
            exercises = exercises_of(chapter.number) if there else []
            got = {e.id: min(done.get(e.id, {}).get("points", 0), e.points) for e in exercises}
            scored = [
                (v["answer"], choice)
                for id, letters in questions(chapter.number).items()
                if "answer" in (v := predictions.get(id, {}))
                if (choice := letter_of(v.get("choice"), letters))  # older files hold others, too
            ]
            rows.append(
                Row(
                    chapter.number,
                    chapter.file,
                    chapter.title,
                    sum(got.values()),
                    sum(exercise.points for exercise in exercises),
                    sum(answer == choice for answer, choice in scored),
                    len(scored),
                    written,
                )
            )
            for exercise in exercises:
                points = got[exercise.id]
                if not todo and points < exercise.points:
                    left = exercise.points - points
                    file = f"{chapter.file}.ipynb"
                    todo = (
                        f"{exercise.id} {exercise.title} ({left:g} point{'s' if left != 1 else ''} "
                        f"to get, {exercise.minutes} min)"
                    )
        return cls(tuple(rows), todo or "nothing: all that is written is done", file)

    @property
    def points(self) -> float:
        """Points got, in all chapters."""
        return sum(row.points for row in self.rows)

    @property
    def total(self) -> float:
        """Points to be had."""
        return sum(row.total for row in self.rows)

    def __repr__(self) -> str:
        out = [f"{self.points:g} of {self.total:g} points"]
        for row in self.rows:
            line = f"{row.number:02d} {row.title:<44} "
            if not row.total:
                out.append(line + (NO_POINTS if row.written else NOT_WRITTEN))
                continue
            filled = round(10 * row.points / row.total)
            line += "█" * filled + "·" * (10 - filled) + f" {row.points:3g}/{row.total:g}"
            guess = f"  predictions {row.right} of {row.predicted}" if row.predicted else ""
            out.append(line + guess)
        where = f" in exercises/{self.file}" if self.file else ""
        return "\n".join([*out, f"Next: {self.next}{where}"])

    def _repr_html_(self) -> str:
        rows = []
        for row in self.rows:
            title = html.escape(f"{row.number:02d} {row.title}")
            if row.written:
                title = f"<a href='../notebooks/{row.file}.ipynb'>{title}</a>"
                note = f"{row.right} of {row.predicted}" if row.predicted else ""
            else:  # an instructor's own has exercises, and no text in the book
                note = "" if row.total else NOT_WRITTEN
            points = f"{row.points:g} of {row.total:g}" if row.total else ""
            rows.append(
                f"<tr data-chapter='{row.number:02d}' data-points='{row.points:g}'>"
                f"<td style='text-align:left'>{title}</td><td>{_bar(row)}</td>"
                f"<td>{points}</td>"
                f"<td style='text-align:left'>{note}</td></tr>"
            )
        todo = html.escape(self.next)
        if self.file:
            todo = f"<a href='../exercises/{self.file}'>{todo}</a>"
        return (
            f"<div class='minitorch-progress' data-points='{self.points:g}'>"
            f"<b>{self.points:g} of {self.total:g} points</b><table><thead><tr>"
            "<th style='text-align:left'>chapter</th><th></th><th>points</th>"
            "<th style='text-align:left'>predictions right</th></tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table><b>Next:</b> {todo}</div>"
        )


def _bar(row: Row) -> str:
    """As SVG; nothing where there are no points to be had."""
    if not row.total:
        return ""
    width, height = 200, 12
    filled = width * row.points / row.total
    return (
        f"<svg width='{width}' height='{height}' role='img' "
        f"aria-label='{row.points:g} of {row.total:g} points'>"
        f"<rect width='{width}' height='{height}' fill='#8884' rx='2'/>"
        f"<rect width='{filled:.1f}' height='{height}' fill='#009E73' rx='2'/></svg>"
    )


def progress() -> Progress | None:
    """What you have done, chapter by chapter, your points, and what to do next.

    Nothing where the book is not at hand: one line says so.
    """
    try:
        return Progress.of(read())
    except SourceError as error:
        print(f"progress() needs the book: {error}.")
        return None
