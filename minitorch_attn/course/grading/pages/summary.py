"""What the instructor reads: grades.csv, summary.html and summary.md, made from the records."""

from __future__ import annotations

import csv
import io
import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...checking.report import PASSED
from ...checks import exercises_of
from ...sources.contents import chapters
from ..records import Record, private
from .chart import bins, chart
from .page import md, render


@dataclass(frozen=True)
class Column:
    """The head of a column; `numbers` stand on its right."""

    head: str
    numbers: bool = False


_EQUAL = "Equal code: a fact, no verdict; short exercises have few right answers"
MOST = 40  # names in one cell of a table
_EXERCISE = Column("exercise")
_POINTS, _STUDENTS = Column("points", numbers=True), Column("students", numbers=True)
_EXERCISES = _EXERCISE, Column("mean points", numbers=True), Column("full points", numbers=True)
_CHECKS = _EXERCISE, Column("check"), Column("passed", numbers=True)
_MISCONCEPTIONS = _EXERCISE, Column("misconception"), _STUDENTS, Column("who")


@dataclass(frozen=True)
class Table:
    """A table; a cell is a text, or students, by their keys."""

    columns: tuple[Column, ...]
    rows: list[list[str | tuple[str, ...]]]


@dataclass(frozen=True)
class Summary:
    """A class's marks for one chapter."""

    chapter: int
    points: list[float]
    total: float
    exercises: Table
    checks: Table
    misconceptions: Table
    everybody: Table
    look: dict[str, list[str]]  # by student's key: lines for a human eye
    alike: list[list[str]]  # keys
    warnings: Sequence[str]

    @property
    def title(self) -> str:
        return f"Marks of chapter {self.chapter:02d}: {chapters()[self.chapter].title}"

    @property
    def figures(self) -> str:
        """How many marks there are, and mean, median and range."""
        points = self.points
        if not points:
            return "No marks yet"
        middle = statistics.median(points)
        return (
            f"{len(points)} marked: mean {statistics.fmean(points):.1f} of {self.total:g} points, "
            f"median {middle:g}, from {points[0]:g} to {points[-1]:g}"
        )

    @property
    def sections(self) -> list[tuple[str, str, Table]]:
        """Title, what is said where there is nothing, and the table."""
        return [
            ("Exercises, hardest first", "", self.exercises),
            ("The hardest checks", "", self.checks),
            ("The most frequent misconceptions", "None was recognised.", self.misconceptions),
            ("All students", "", self.everybody),
            (_EQUAL, "None.", self.equal),
        ]

    @property
    def equal(self) -> Table:
        rows: list[Any] = [[f"{len(keys)}", tuple(keys)] for keys in self.alike]
        return Table((_STUDENTS, Column("all their functions are the same")), rows)


def write_summary(
    out: Path,
    marked: dict[str, Record],
    present: Collection[str],
    chapter: int,
    warnings: Sequence[str] = (),
) -> str:
    """Write the three files; returns what the command prints at its end."""
    look = for_the_eye(marked, present)
    found = summarise(marked, look, chapter, warnings)
    eye = {*look, *(key for keys in found.alike for key in keys)}
    private(out / "grades.csv", grades(marked, eye, chapter).encode("utf-8-sig"))
    private(out / "summary.html", as_html(found, marked))
    private(out / "summary.md", as_markdown(found, marked))
    count = f"; {len(eye)} to look at" if eye else ""
    return (
        f"{found.figures}{count}.\nWritten to {out}: grades.csv, summary.html, feedback/, students/"
    )


def for_the_eye(marked: dict[str, Record], present: Collection[str]) -> dict[str, list[str]]:
    """Whose submission somebody should look at, and why; like code is told by `alike`."""
    look: dict[str, list[str]] = {}
    for key, record in marked.items():
        lines = [*record.notes, *record.mark.review]
        if record.copied:
            lines.append(
                f"{', '.join(record.copied)}: the code of a public worked answer, but for "
                "comments, docstrings, annotations and imports"
            )
        if key not in present:
            lines.append("not among the submissions of the last run; the mark is kept")
        if lines:
            look[key] = list(dict.fromkeys(lines))
    return look


def alike(marked: dict[str, Record]) -> list[list[str]]:
    """The keys of those all of whose functions are the same, comments and spaces aside."""
    same: dict[str, list[str]] = defaultdict(list)
    for key, record in marked.items():
        if record.code:
            same[record.code].append(key)
    return [keys for keys in same.values() if len(keys) > 1]


def grades(marked: dict[str, Record], look: Collection[str], chapter: int) -> str:
    """One line a student, in order; `look` are the keys of those at whom somebody should look."""
    ids = [exercise.id for exercise in exercises_of(chapter)]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(["student", "id", "points", "total", *ids, "look", "file", "feedback"])
    for key, record in marked.items():
        mark = record.mark
        each = {e.id: f"{e.points:g}" if record.final else "" for e in mark.exercises}
        total = [f"{mark.points:g}" if record.final else "", f"{mark.total:g}"]
        words = [record.student, record.id, record.file, f"{key}.html"]
        name, id, file, feedback = (_cell(word) for word in words)
        flag = "yes" if key in look else ""
        rows.writerow([name, id, *total, *(each.get(i, "0") for i in ids), flag, file, feedback])
    return text.getvalue()


def _cell(text: str) -> str:
    """A spreadsheet must not take a name for a formula."""
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@", "＝", "＋", "－", "＠") else text


def summarise(
    marked: dict[str, Record], look: dict[str, list[str]], chapter: int, warnings: Sequence[str]
) -> Summary:
    """The figures of a class: points, and which exercises, checks and misconceptions cost most.

    `look` is what `for_the_eye` found; `warnings` concern no single student.
    """
    marks = {key: record.mark for key, record in marked.items() if record.final}
    count = len(marks)
    got: dict[str, list[float]] = defaultdict(list)
    passed: Counter[tuple[str, str]] = Counter()
    wrong: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key, mark in marks.items():
        for one in mark.exercises:
            got[one.id].append(one.points)
            for result in one.results:
                passed[one.id, result.claim] += result.status == PASSED
            names = {result.misconception for result in one.results if result.misconception}
            for name in sorted(names):
                wrong[one.id, name].append(key)
    by_exercise: list[tuple[float, Any]] = []
    by_check: list[tuple[float, Any]] = []
    for exercise in exercises_of(chapter):
        mean = sum(got[exercise.id]) / count if count else 0.0
        full = sum(points == exercise.points for points in got[exercise.id])
        row = [f"{exercise.id} {exercise.title}", f"{mean:.1f} of {exercise.points:g}"]
        by_exercise.append((mean / exercise.points, [*row, _share(full, count)]))
        for check in exercise.checks:
            n = passed[exercise.id, check.claim]
            by_check.append((n, [exercise.id, check.claim, _share(n, count)]))
    explained = {
        (e.id, w.name): w.explanation for e in exercises_of(chapter) for w in e.wrong_answers
    }
    frequent: list[Any] = [
        [id, f"{name}: {explained.get((id, name), '')}", f"{len(keys)}", tuple(keys)]
        for (id, name), keys in sorted(wrong.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    ]
    everybody: list[Any] = [[(key,), record.id, _points(record)] for key, record in marked.items()]
    return Summary(
        chapter,
        sorted(mark.points for mark in marks.values()),
        sum(exercise.points for exercise in exercises_of(chapter)),
        Table(_EXERCISES, _hardest(by_exercise)),
        Table(_CHECKS, _hardest(by_check)[:10]),
        Table(_MISCONCEPTIONS, frequent[:15]),
        Table((Column("student"), Column("id"), _POINTS), everybody),
        look,
        alike(marked),
        warnings,
    )


def _hardest(rows: Sequence[tuple[float, Any]]) -> list[Any]:
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _share(n: int, count: int) -> str:
    return f"{100 * n / count:.0f} %" if count else "–"


def as_html(found: Summary, marked: dict[str, Record]) -> bytes:
    """The summary as a page; `marked` gives names and points to those who should be looked at."""
    return render(
        "summary.html.j2",
        title=found.title,
        figures=found.figures,
        found=found,
        chart=chart(found.points, found.total),
        sections=found.sections,
        marked=marked,
        points=_points,
        most=MOST,
    )


def as_markdown(found: Summary, marked: dict[str, Record]) -> bytes:
    """The same as Markdown, without the picture."""
    out = [f"# {found.title}", f"{found.figures}."]
    names = {key: record.student for key, record in marked.items()}
    out += [f"Note: {md(warning)}" for warning in found.warnings]
    counts: list[Any] = [
        [f"{points:g}", str(n)] for points, n in bins(found.points, found.total) if n
    ]
    marks = Table((_POINTS, _STUDENTS), counts)
    for title, empty, table in ("Distribution", "", marks), *found.sections:
        out += [f"## {title}", _md_table(table, names) if table.rows else empty]
    out.append("## For a human eye")
    look: list[Any] = [
        [marked[key].student, _points(marked[key]), "; ".join(lines)]
        for key, lines in found.look.items()
    ]
    eye = Table((Column("student"), _POINTS, Column("why")), look)
    out += [_md_table(eye, names)] if look else ["Nothing."]
    return ("\n\n".join(text for text in out if text) + "\n").encode("utf-8", "replace")


def _points(record: Record) -> str:
    return f"{record.mark.points:g} of {record.mark.total:g}" if record.final else "none yet"


def _md_table(table: Table, names: dict[str, str]) -> str:
    def text(cell: str | tuple[str, ...]) -> str:
        if isinstance(cell, str):
            return md(cell, 400)
        more = f" and {len(cell) - MOST} more" if len(cell) > MOST else ""
        return ", ".join(md(names[key], 100) for key in cell[:MOST]) + more

    lines = ["| " + " | ".join(column.head for column in table.columns) + " |"]
    rules = ("---:" if column.numbers else "---" for column in table.columns)
    lines.append("|" + "|".join(rules) + "|")
    lines += ["| " + " | ".join(map(text, row)) + " |" for row in table.rows]
    return "\n".join(lines)


__all__ = ["Summary", "as_html", "as_markdown", "grades", "summarise", "write_summary"]
