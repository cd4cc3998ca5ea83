"""The command `term`: one table over the chapters that were graded."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from ...errors import MinitorchError
from ..checks.folders import chapters
from . import records
from .arguments import add_checks, settle
from .pages.platforms import cell, to_csv
from .records import Record
from .scheme import Scheme, number

FILE = "term.csv"


class TermError(MinitorchError, ValueError):
    """There is nothing to put together; the message says what was looked for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `minitorch_attn term`."""
    parser.add_argument(
        "folder",
        type=Path,
        help="where the --out folders of `grade` lie; the table is written here",
    )
    add_checks(parser)


def run(args: argparse.Namespace) -> int:
    """Write FOLDER/term.csv: a row for each student, a column for each chapter, and the sums."""
    settle(args.checks)
    graded = _graded(args.folder)
    rows: dict[tuple[str, str], dict[int, Record]] = {}
    totals: dict[int, float] = {}
    for chapter, (out, scheme) in graded.items():
        totals[chapter] = sum(map(scheme.worth, scheme.exercises(chapter)))
        for record in records.read_all(out, chapter).values():
            mark = scheme.seen(record.mark)
            who = rows.setdefault((record.student, record.id), {})
            who[chapter] = replace(record, mark=mark)
    head = ["student", "id", *(f"ch{chapter:02d}" for chapter in graded), "points", "total"]
    body = [
        [
            *map(cell, who),
            *(_points(marks.get(chapter)) for chapter in graded),
            number(sum(r.mark.points for r in marks.values() if r.final)),
            number(sum(totals.values())),
        ]
        for who, marks in sorted(rows.items())
    ]
    records.private(args.folder / FILE, to_csv(head, body).encode("utf-8-sig"))
    count = f"{_count(len(body), 'student')}, {_count(len(graded), 'chapter')}"
    print(f"{count}; written to {args.folder / FILE}")
    return 0


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'s' if n != 1 else ''}"


def _points(record: Record | None) -> str:
    """Nothing where nothing was handed in, or nothing is marked yet: that is not 0 points."""
    return number(record.mark.points) if record is not None and record.final else ""


def _graded(folder: Path) -> dict[int, tuple[Path, Scheme]]:
    """By chapter: its folder of results, and how its exercises count."""
    found: dict[int, tuple[Path, Scheme]] = {}
    known = {chapter.number for chapter in chapters()}  # the book's, and the folder's
    for path in sorted(folder.glob("*/settings.json")):
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
            chapter, points = settings["chapter"], settings.get("points", {})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # another tool's
        if chapter not in known and "secret" not in settings:
            continue
        if chapter not in known:
            raise TermError(
                f"{path.parent} holds chapter {chapter}, which is none of the book's: give --checks"
            )
        if chapter in found:
            raise TermError(
                f"{found[chapter][0]} and {path.parent} both hold chapter {chapter:02d}: move one"
            )
        found[chapter] = path.parent, Scheme(points)
    if not found:
        raise TermError(f"{folder} holds no folder that `grade --out` wrote")
    return dict(sorted(found.items()))
