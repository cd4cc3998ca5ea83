"""Tables over a term, and those that learning platforms import."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from minitorch_attn.__main__ import main
from minitorch_attn.course.checking.report import FAILED, PASSED, Result
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.grading import records
from minitorch_attn.course.grading.marking.marks import ExerciseMark, Mark
from minitorch_attn.course.grading.pages.platforms import canvas, moodle
from minitorch_attn.course.grading.records import Record


def made(student: str, id: str, chapter: int, right: int, final: bool = True) -> Record:
    """A record in which so many of the chapter's exercises are right."""
    exercises = tuple(
        ExerciseMark(
            e.id,
            e.title,
            e.read,
            tuple(
                Result(c.name, c.claim, c.points, PASSED if n < right else FAILED) for c in e.checks
            ),
        )
        for n, e in enumerate(exercises_of(chapter))
    )
    start = student, id, "f", (), "d", chapter, "s", "g"
    return Record(*start, Mark(chapter, exercises), "", final)


def keep(out: Path, chapter: int, points: dict[str, float], *made: Record) -> None:
    with records.claimed(out):
        records.settle(out, chapter, "a secret of one class", False, points)
        for number, record in enumerate(made):
            records.write(out / "students" / f"k{number}.json", record)


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_one_row_a_student_one_column_a_chapter(tmp_path: Path, capsys: Any) -> None:
    keep(tmp_path / "six", 6, {}, made("Ada", "7", 6, 2), made("=Bob", "8", 6, 4))
    own = {"05.1": 10.0, "05.2": 2.0}
    keep(tmp_path / "five", 5, own, made("Ada", "7", 5, 1), made("Cy", "9", 5, 9, final=False))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "settings.json").write_text("[]")
    assert main(["term", str(tmp_path)]) == 0
    assert "3 students, 2 chapters" in capsys.readouterr().out
    assert rows((tmp_path / "term.csv").read_text(encoding="utf-8-sig")) == [
        ["student", "id", "ch05", "ch06", "points", "total"],
        ["'=Bob", "8", "", "20", "20", "32"],
        ["Ada", "7", "10", "10", "20", "32"],
        ["Cy", "9", "", "", "0", "32"],
    ]
    assert (tmp_path / "term.csv").stat().st_mode & 0o077 == 0
    keep(tmp_path / "one" / "six", 6, {}, made("Ada", "7", 6, 2))
    assert main(["term", str(tmp_path / "one")]) == 0
    assert "1 student, 1 chapter;" in capsys.readouterr().out


def test_a_term_with_nothing_or_twice_the_same_is_one_line(tmp_path: Path, capsys: Any) -> None:
    assert main(["term", str(tmp_path)]) == 2
    keep(tmp_path / "a", 6, {})
    keep(tmp_path / "b", 6, {})
    assert main(["term", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "holds no folder" in said
    assert "both hold chapter 06" in said
    assert said.count("\n") == 2


@pytest.fixture
def three() -> list[Record]:
    ada, bob = made("Ada", "101", 6, 1), made("-Bob", "102", 6, 4, final=False)
    return [ada, bob, replace(ada, student="no number", id="x1")]


def test_what_moodle_imports(three: list[Record]) -> None:
    assert rows(moodle(three)) == [
        ["Identifier", "Full name", "Grade", "Maximum grade", "Last modified (grade)"],
        ["Participant 101", "Ada", "5", "20", "-"],
        ["Participant 102", "'-Bob", "", "20", "-"],
    ]


def test_what_canvas_imports(three: list[Record]) -> None:
    head, possible, *others = rows(canvas(three, 6, 20))
    assert head[:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert head[5].startswith("Exercises 06")
    assert possible == ["    Points Possible", "", "", "", "", "20"]
    assert others == [["Ada", "101", "", "", "", "5"], ["'-Bob", "102", "", "", "", ""]]
