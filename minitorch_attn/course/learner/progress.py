"""`progress()`: what is done, chapter by chapter, and what to do next."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from ..checks import exercises_of
from ..sources.contents import chapters
from .store import read


@dataclass(frozen=True)
class Row:
    """One chapter: points got and points there are, predictions right and made."""

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
    """Shown by a notebook as bars, elsewhere as text."""

    rows: tuple[Row, ...]
    next: str

    @classmethod
    def of(cls, state: dict[str, Any]) -> Progress:
        """Lay out what the learner's file says along the table of contents."""
        done, predictions = state["exercises"], state["predictions"]
        rows, todo = [], ""
        for chapter in chapters():
            prefix = f"{chapter.number:02d}."
            exercises = exercises_of(chapter.number)
            mine = [v for id, v in done.items() if id.startswith(prefix)]
            scored = [v for id, v in predictions.items() if id.startswith(prefix) and "answer" in v]
            rows.append(
                Row(
                    chapter.number,
                    chapter.file,
                    chapter.title,
                    sum(v.get("points", 0) for v in mine),
                    chapter.points,
                    sum(v["answer"] == v["choice"] for v in scored),
                    len(scored),
                    chapter.written(),
                )
            )
            for exercise in exercises:
                points = done.get(exercise.id, {}).get("points", 0)
                if not todo and points < exercise.points:
                    left = exercise.points - points
                    todo = (
                        f"{exercise.id} {exercise.title} ({left:g} point{'s' if left != 1 else ''} "
                        f"to get, {exercise.minutes} min) in exercises/{chapter.file}.ipynb"
                    )
        return cls(tuple(rows), todo or "nothing: all that is written is done")

    @property
    def points(self) -> float:
        """Points got, in all chapters."""
        return sum(row.points for row in self.rows)

    @property
    def total(self) -> float:
        """Points there are."""
        return sum(row.total for row in self.rows)

    def __repr__(self) -> str:
        out = [f"{self.points:g} of {self.total:g} points"]
        for row in self.rows:
            filled = round(10 * row.points / row.total)
            bar = "█" * filled + "·" * (10 - filled)
            guess = f"  predictions {row.right} of {row.predicted}" if row.predicted else ""
            state = guess if row.written else "  not written yet"
            out.append(
                f"{row.number:02d} {row.title:<44} {bar} {row.points:3g}/{row.total:g}{state}"
            )
        return "\n".join([*out, f"Next: {self.next}"])

    def _repr_html_(self) -> str:
        width, height = 200, 12
        rows = []
        for row in self.rows:
            filled = width * row.points / row.total
            bar = (
                f"<svg width='{width}' height='{height}' role='img' "
                f"aria-label='{row.points:g} of {row.total:g} points'>"
                f"<rect width='{width}' height='{height}' fill='#8884' rx='2'/>"
                f"<rect width='{filled:.1f}' height='{height}' fill='#009E73' rx='2'/></svg>"
            )
            title = html.escape(f"{row.number:02d} {row.title}")
            if row.written:
                title = f"<a href='../notebooks/{row.file}.ipynb'>{title}</a>"
                note = f"{row.right} of {row.predicted}" if row.predicted else ""
            else:
                note = "not written yet"
            rows.append(
                f"<tr data-chapter='{row.number:02d}' data-points='{row.points:g}'>"
                f"<td style='text-align:left'>{title}</td><td>{bar}</td>"
                f"<td>{row.points:g} of {row.total:g}</td>"
                f"<td style='text-align:left'>{note}</td></tr>"
            )
        return (
            f"<div class='minitorch-progress' data-points='{self.points:g}'>"
            f"<b>{self.points:g} of {self.total:g} points</b><table><thead><tr>"
            "<th style='text-align:left'>chapter</th><th></th><th>points</th>"
            "<th style='text-align:left'>predictions right</th></tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table><b>Next:</b> {html.escape(self.next)}</div>"
        )


def progress() -> Progress:
    """What you have done, chapter by chapter, your points, and what to do next."""
    return Progress.of(read())
