"""What the instructor reads: grades.csv, summary.html and summary.md, made from the records."""

from __future__ import annotations

import csv
import io
import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...checking.report import PASSED
from ...checks import exercises_of
from ...sources.contents import chapters
from .. import records
from ..records import Record
from .feedback import points_of
from .page import esc, md, page

Table = tuple[list[str], list[list[str]]]  # heads, rows; "#" before a head: a column of numbers


@dataclass(frozen=True)
class Summary:
    """A class's marks for one chapter."""

    chapter: int
    points: list[float]
    total: float
    exercises: Table
    checks: Table
    misconceptions: Table
    look: dict[str, list[str]]  # by student's key: lines for a human eye
    warnings: Sequence[str]


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
    records.write(out / "grades.csv", grades(marked, look, chapter).encode("utf-8-sig"))
    records.write(out / "summary.html", as_html(found, marked).encode("utf-8", "replace"))
    records.write(out / "summary.md", as_markdown(found, marked).encode("utf-8", "replace"))
    eye = f"; {len(look)} to look at" if look else ""
    return (
        f"{_figures(found)}{eye}.\nWritten to {out}: grades.csv, summary.html, feedback/, students/"
    )


def for_the_eye(marked: dict[str, Record], present: Collection[str]) -> dict[str, list[str]]:
    """Whose submission somebody should look at, and why."""
    look: dict[str, list[str]] = defaultdict(list)
    same: dict[str, list[str]] = defaultdict(list)
    for key, record in marked.items():
        look[key] += [*record["notes"], *record["mark"]["review"]]
        if record["code"]:
            same[record["code"]].append(key)
        if key not in present:
            look[key].append("not among the submissions of the last run; the mark is kept")
    for keys in same.values():
        for key in keys if len(keys) > 1 else ():
            others = [marked[other]["student"] for other in keys if other != key]
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            look[key].append(
                f"all functions are the same as those of {', '.join(others[:3])}{more}, "
                "comments and spaces aside"
            )
    return {key: list(dict.fromkeys(lines)) for key, lines in look.items() if lines}


def grades(marked: dict[str, Record], look: dict[str, list[str]], chapter: int) -> str:
    """One line a student, in order."""
    ids = [exercise.id for exercise in exercises_of(chapter)]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(["student", "id", "points", "total", *ids, "look", "file", "feedback"])
    for key, record in marked.items():
        mark = record["mark"]
        each = {exercise["id"]: f"{exercise['points']:g}" for exercise in mark["exercises"]}
        total = [f"{value:g}" for value in points_of(mark)]
        words = [record["student"], record["id"], record["file"], f"{key}.html"]
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
    marks = [record["mark"] for record in marked.values()]
    count = len(marks)
    got: dict[str, list[float]] = defaultdict(list)
    passed: Counter[tuple[str, str]] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    for mark in marks:
        for exercise in mark["exercises"]:
            got[exercise["id"]].append(exercise["points"])
            for result in exercise["results"]:
                passed[exercise["id"], result["claim"]] += result["status"] == PASSED
            names = {r["misconception"] for r in exercise["results"] if r["misconception"]}
            wrong.update((exercise["id"], name) for name in names)
    by_exercise, by_check = [], []
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
    frequent = [
        [id, f"{name}: {explained.get((id, name), '')}", str(n)]
        for (id, name), n in sorted(wrong.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    return Summary(
        chapter,
        sorted(points_of(mark)[0] for mark in marks),
        sum(exercise.points for exercise in exercises_of(chapter)),
        (["exercise", "#mean points", "#full points"], _hardest(by_exercise)),
        (["exercise", "check", "#passed"], _hardest(by_check)[:10]),
        (["exercise", "misconception", "#students"], frequent[:15]),
        look,
        warnings,
    )


def _hardest(rows: Sequence[tuple[float, list[str]]]) -> list[list[str]]:
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _share(n: int, count: int) -> str:
    return f"{100 * n / count:.0f} %" if count else "–"


def _figures(found: Summary) -> str:
    points = found.points
    if not points:
        return "No marks yet"
    middle = statistics.median(points)
    return (
        f"{len(points)} marked: mean {statistics.fmean(points):.1f} of {found.total:g} points, "
        f"median {middle:g}, from {points[0]:g} to {points[-1]:g}"
    )


def bins(found: Summary) -> list[tuple[float, int]]:
    """How many students have how many points; at most twenty-one bars."""
    step = max(1.0, found.total / 20)
    counts = Counter(min(int(points / step), int(found.total / step)) for points in found.points)
    return [(step * number, counts[number]) for number in range(int(found.total / step) + 1)]


def histogram(found: Summary) -> str:
    """The marks as bars, drawn as SVG: no library, the same bytes every time."""
    bars = bins(found)
    high = max((n for _, n in bars), default=0) or 1
    wide, tall, left, top = 640, 200, 10, 20
    each = (wide - 2 * left) / len(bars)
    out = [
        f"<svg viewBox='0 0 {wide} {tall + 60}' role='img' aria-label='How many students have "
        "how many points'>"
    ]
    for number, (points, n) in enumerate(bars):
        x, height = left + number * each, tall * n / high
        middle = x + each / 2
        out.append(
            f"<rect x='{x + 1:.1f}' y='{top + tall - height:.1f}' width='{each - 2:.1f}' "
            f"height='{height:.1f}' fill='#0072B2'><title>{points:g} points: {n}</title></rect>"
        )
        if n:
            y = top + tall - height - 4
            out.append(f"<text x='{middle:.1f}' y='{y:.1f}' text-anchor='middle'>{n}</text>")
        out.append(
            f"<text{' class=odd' if number % 2 else ''} x='{middle:.1f}' y='{top + tall + 15}' "
            f"text-anchor='middle'>{points:g}</text>"
        )
    out.append(
        f"<line x1='{left}' x2='{wide - left}' y1='{top + tall}' y2='{top + tall}' "
        "stroke='currentColor'/>"
        f"<text x='{wide / 2}' y='{top + tall + 34}' text-anchor='middle'>points</text></svg>"
    )
    return "".join(out)


def _sections(found: Summary) -> list[tuple[str, str, Table]]:
    return [
        ("Exercises, hardest first", "", found.exercises),
        ("The hardest checks", "", found.checks),
        ("The most frequent misconceptions", "None was recognised.", found.misconceptions),
    ]


def _title(found: Summary) -> str:
    return f"Marks of chapter {found.chapter:02d}: {chapters()[found.chapter].title}"


_EQUAL = (
    "Equal code is reported as a fact; short exercises have few right answers, and students "
    "may have worked together as you allow."
)


def as_html(found: Summary, marked: dict[str, Record]) -> str:
    body = [f"<h1>{esc(_title(found))}</h1>", f"<p class='points'>{esc(_figures(found))}.</p>"]
    body += [f"<p class='note'>{esc(warning)}</p>" for warning in found.warnings]
    body += ["<h2>Distribution</h2>", histogram(found)]
    for title, empty, (heads, rows) in _sections(found):
        body.append(f"<h2>{esc(title)}</h2>")
        body.append(_html_table(heads, rows) if rows else f"<p>{esc(empty)}</p>")
    body.append("<h2>For a human eye</h2>")
    if found.look:
        body.append(f"<p>{esc(_EQUAL)}</p>")
    look = []
    for key, lines in found.look.items():
        record = marked[key]
        name = f"<a href='feedback/{esc(key)}.html'>{esc(record['student'])}</a>"
        said = "<br>".join(esc(line, 400) for line in lines)
        look.append(f"<tr><td>{name}</td><td class='n'>{_points(record)}</td><td>{said}</td></tr>")
    head = "<tr><th>student</th><th class='n'>points</th><th>why</th></tr>"
    body.append(f"<table class='look'>{head}{''.join(look)}</table>" if look else "<p>Nothing.</p>")
    return page(_title(found), "\n".join(body))


def _html_table(heads: list[str], rows: list[list[str]]) -> str:
    kinds = [" class='n'" if head.startswith("#") else "" for head in heads]
    out = ["<table><tr>"]
    out += [f"<th{k}>{esc(head.lstrip('#'))}</th>" for k, head in zip(kinds, heads, strict=True)]
    for row in rows:
        cells = (f"<td{k}>{esc(cell)}</td>" for k, cell in zip(kinds, row, strict=True))
        out.append(f"</tr>\n<tr>{''.join(cells)}")
    return "".join([*out, "</tr></table>"])


def _points(record: Record) -> str:
    points, total = points_of(record["mark"])
    return f"{points:g} of {total:g}"


def as_markdown(found: Summary, marked: dict[str, Record]) -> str:
    out = [f"# {_title(found)}", f"{_figures(found)}."]
    out += [f"Note: {md(warning)}" for warning in found.warnings]
    marks: Table = ["#points", "#students"], [[f"{p:g}", str(n)] for p, n in bins(found) if n]
    for title, empty, (heads, rows) in [("Distribution", "", marks), *_sections(found)]:
        out += [f"## {title}", _md_table(heads, rows) if rows else empty]
    out.append("## For a human eye")
    look = [
        [marked[key]["student"], _points(marked[key]), "; ".join(lines)]
        for key, lines in found.look.items()
    ]
    out += [_EQUAL, _md_table(["student", "#points", "why"], look)] if look else ["Nothing."]
    return "\n\n".join(text for text in out if text) + "\n"


def _md_table(heads: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head.lstrip("#") for head in heads) + " |"]
    lines.append("|" + "|".join("---:" if head.startswith("#") else "---" for head in heads) + "|")
    lines += ["| " + " | ".join(md(cell, 400) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


__all__ = ["Summary", "as_html", "as_markdown", "grades", "summarise", "write_summary"]
