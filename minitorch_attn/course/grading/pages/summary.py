"""What the instructor reads: grades.csv, summary.html and summary.md, made from the records."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...checking.report import PASSED
from ...checks import exercises_of
from ...checks.folders import chapter as about
from ..records import Record, private
from ..scheme import Scheme, number
from .chart import bins, chart
from .page import md, render
from .platforms import canvas, cell, moodle, to_csv


@dataclass(frozen=True)
class Column:
    """The head of a column; `numbers` stand on its right."""

    head: str
    numbers: bool = False


_EQUAL = "Equal code: a fact, no verdict; short exercises have few right answers"
ALL = Scheme()
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
    kept: list[str]  # keys of those whose submission was not there this time
    alike: list[tuple[str, list[str]]]  # which exercises, and keys
    warnings: Sequence[str]

    @property
    def title(self) -> str:
        return f"Marks of chapter {self.chapter:02d}: {about(self.chapter).title}"

    @property
    def figures(self) -> str:
        """How many marks there are, and mean, median and range."""
        points = self.points
        if not points:
            return "No marks yet"
        middle = statistics.median(points)
        return (
            f"{len(points)} marked: mean {statistics.fmean(points):.1f} of {number(self.total)} "
            f"points, median {number(middle)}, from {number(points[0])} to {number(points[-1])}"
        )

    @property
    def eye(self) -> set[str]:
        """Keys of those at whom somebody should look."""
        return {*self.look, *(key for _, keys in self.alike for key in keys)}

    @property
    def nothing(self) -> str:
        """What is said where `look` has nobody."""
        return "Nothing but equal code, see above." if self.alike else "Nothing."

    @property
    def absent(self) -> str:
        """How many marks are of submissions that were not there this time."""
        if len(self.kept) == 1:
            return "1 was not in this folder or zip; the mark is kept"
        return f"{len(self.kept)} were not in this folder or zip; their marks are kept"

    @property
    def sections(self) -> list[tuple[str, str, Table]]:
        """Title, what is said where there is nothing, and the table; these come first."""
        return [
            ("Exercises, hardest first", "", self.exercises),
            ("The hardest checks", "", self.checks),
            ("The most frequent misconceptions", "None was recognised.", self.misconceptions),
        ]

    @property
    def equal(self) -> Table:
        rows: list[Any] = [[f"{len(keys)}", ids, tuple(keys)] for ids, keys in self.alike]
        return Table((_STUDENTS, Column("the same functions"), Column("who")), rows)


def write_summary(
    out: Path,
    marked: dict[str, Record],
    present: Collection[str],
    chapter: int,
    warnings: Sequence[str] = (),
    scheme: Scheme = ALL,
    late: dict[str, float] | None = None,
) -> str:
    """Write the files; returns what the command prints at its end.

    marked : the records, their marks as `scheme` sees them
    late : hours after the time that it was due, by key, where there is such a time
    """
    found = summarise(marked, for_the_eye(marked), chapter, warnings, scheme, present)
    rows = grades(marked, found.eye, chapter, scheme, late)
    private(out / "grades.csv", rows.encode("utf-8-sig"))
    if any(record.id.isdigit() for record in marked.values()):
        theirs = {
            "moodle": moodle(marked.values()),
            "canvas": canvas(marked.values(), chapter, found.total),
        }
        for platform, text in theirs.items():
            private(out / f"grades-{platform}.csv", text.encode())
    private(out / "summary.html", as_html(found, marked))
    private(out / "summary.md", as_markdown(found, marked))
    count = f"; {len(found.eye)} to look at" if found.eye else ""
    return (
        f"{found.figures}{count}.\nWritten to {out}: grades.csv, summary.html, feedback/, students/"
    )


def for_the_eye(marked: dict[str, Record]) -> dict[str, list[str]]:
    """Whose submission somebody should look at, and why; like code is told by `alike`.

    Who has copied public worked answers and nothing else comes last: there may be many.
    """
    look: dict[str, list[str]] = {}
    last: dict[str, list[str]] = {}
    for key, record in marked.items():
        lines = [*record.notes, *record.mark.eye]
        counted = {exercise.id for exercise in record.mark.exercises}
        copies = [id for id in record.copied if id in counted]
        ids = ", ".join(copies)
        said = f"{ids}: the code of a public worked answer, but for names, comments and the like"
        if lines:
            look[key] = list(dict.fromkeys([*lines, said] if copies else lines))
        elif copies:
            last[key] = [said]
    return look | last


def alike(marked: dict[str, Record], ids: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Groups with equal code, most of it first: which of these exercises, and the keys.

    Somebody's code makes a group with all who have it, too, whatever else these have done. That
    says something of two functions or more, one of which is no public answer: who has copied those
    is told alone.
    """
    done = {
        key: frozenset(part for part in record.code.split() if part.partition(":")[0] in ids)
        for key, record in marked.items()
    }
    groups: dict[frozenset[str], tuple[str, list[str]]] = {}
    for key, code in done.items():
        names = sorted(part.partition(":")[0] for part in code)
        telling = len(names) >= min(2, len(ids)) and set(names) - set(marked[key].copied)
        if telling and code not in groups:
            same = [other for other, theirs in done.items() if code <= theirs]
            groups[code] = ", ".join(names), same
    found = [groups[code] for code in sorted(groups, key=len, reverse=True)]
    return [(names, keys) for names, keys in found if len(keys) > 1]


def grades(
    marked: dict[str, Record],
    look: Collection[str],
    chapter: int,
    scheme: Scheme = ALL,
    late: dict[str, float] | None = None,
) -> str:
    """One line a student, in order; `look` are the keys of those at whom somebody should look.

    With `late` there is a column more: 0.00 is in time, empty is not known.
    """
    ids = [exercise.id for exercise in scheme.exercises(chapter)]
    head = ["student", "id", "points", "total", *ids, "look", "file", "feedback"]
    rows = []
    for key, record in marked.items():
        mark = record.mark
        each = {e.id: f"{number(e.points)}" if record.final else "" for e in mark.exercises}
        total = [f"{number(mark.points)}" if record.final else "", f"{number(mark.total)}"]
        words = [record.student, record.id, record.file, f"{key}.html"]
        name, id, file, feedback = (cell(word) for word in words)
        flag = "yes" if key in look else ""
        rows.append([name, id, *total, *(each.get(i, "0") for i in ids), flag, file, feedback])
    if late is not None:
        head.append("hours late")
        for row, key in zip(rows, marked, strict=True):
            row.append(f"{late[key]:.2f}" if key in late else "")
    return to_csv(head, rows)


def summarise(
    marked: dict[str, Record],
    look: dict[str, list[str]],
    chapter: int,
    warnings: Sequence[str],
    scheme: Scheme = ALL,
    present: Collection[str] | None = None,
) -> Summary:
    """The figures of a class: points, and which exercises, checks and misconceptions cost most.

    `look` is what `for_the_eye` found; `warnings` concern no single student; `present` are the keys
    of those whose submissions were there this time, if not all.
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
    for exercise in scheme.exercises(chapter):
        worth = scheme.worth(exercise)
        mean = sum(got[exercise.id]) / count if count else 0.0
        full = sum(points > worth - 1e-6 for points in got[exercise.id])
        row = [f"{exercise.id} {exercise.title}", f"{mean:.1f} of {number(worth)}"]
        by_exercise.append((mean / worth, [*row, _share(full, count)]))
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
        sum(map(scheme.worth, scheme.exercises(chapter))),
        Table(_EXERCISES, _hardest(by_exercise)),
        Table(_CHECKS, _hardest(by_check)[:10]),
        Table(_MISCONCEPTIONS, frequent[:15]),
        Table((Column("student"), Column("id"), _POINTS), everybody),
        look,
        [] if present is None else [key for key in marked if key not in present],
        alike(marked, [exercise.id for exercise in scheme.exercises(chapter)]),
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
        equal=_EQUAL,
        marked=marked,
        points=_points,
        most=MOST,
    )


def as_markdown(found: Summary, marked: dict[str, Record]) -> bytes:
    """The same as Markdown, without the picture."""
    count = f" {len(found.eye)} to look at." if found.eye else ""
    out = [f"# {found.title}", f"{found.figures}.{count}"]
    names = {key: record.student for key, record in marked.items()}
    out += [f"Note: {md(warning)}" for warning in found.warnings]
    counts: list[Any] = [
        [f"{number(points)}", str(n)] for points, n in bins(found.points, found.total) if n
    ]
    marks = Table((_POINTS, _STUDENTS), counts)

    def part(title: str, empty: str, table: Table) -> list[str]:
        return [f"## {title}", _md_table(table, names) if table.rows else empty]

    equal = _EQUAL, "None.", found.equal
    for section in ("Distribution", "", marks), *found.sections, equal:
        out += part(*section)
    look: list[Any] = [
        [marked[key].student, _points(marked[key]), "; ".join(lines)]
        for key, lines in found.look.items()
    ]
    eye = Table((Column("student"), _POINTS, Column("why")), look)
    title, table = part("For a human eye", found.nothing, eye)
    out += [title, found.absent if found.kept else "", table]
    out += part("All students", "", found.everybody)
    return ("\n\n".join(text for text in out if text) + "\n").encode("utf-8", "replace")


def _points(record: Record) -> str:
    return (
        f"{number(record.mark.points)} of {number(record.mark.total)}"
        if record.final
        else "none yet"
    )


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
