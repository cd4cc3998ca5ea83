"""What is kept of each student: it comes back as it was, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from minitorch_attn.course.checking.report import FAILED, PASSED, Result
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.grading import records
from minitorch_attn.course.grading.marking import mark as marking
from minitorch_attn.course.grading.marking.marks import ExerciseMark, Mark
from minitorch_attn.course.grading.records import Record

READ = "06_one_query.md#the-loop"
RESULTS = (
    Result("agrees", "agrees with the definition", 2, PASSED),
    Result("halves", "half a point", 0.5, FAILED, "sizes", "[1.5]", "“<b>”\n\t1", "a slip", "Why."),
)
LOOP = ExerciseMark("06.2", "The loop", READ, RESULTS, "cell 3", "stopped: too slow")
MARKS = {
    "some": Mark(6, (LOOP, replace(LOOP, id="06.3", results=(), note=""))  , ("06.2: uses os",)),
    "none": marking.unreadable("it is empty", 6),
    "nothing": Mark(6, ()),
}  # fmt: skip


def record(mark: Mark) -> Record:
    who = {"student": "王小明 <b>", "id": "=7", "file": "作业.py", "notes": ("late", "two files")}
    return Record(**who, digest="d", chapter=6, secret="s", grader="g", mark=mark, code="c")  # type: ignore[arg-type]


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS)
def test_a_record_comes_back_as_it_was(mark: Mark, tmp_path: Path) -> None:
    kept = record(mark)
    assert Record.from_json(json.loads(json.dumps(kept.to_json()))) == kept
    records.write(tmp_path / "a.json", kept)
    assert records.read(tmp_path / "a.json") == kept
    before = (tmp_path / "a.json").stat().st_mtime_ns
    records.write(tmp_path / "a.json", kept)
    assert (tmp_path / "a.json").stat().st_mtime_ns == before, "what is there is left alone"


def test_the_form_on_disk() -> None:
    """Later versions read what earlier ones wrote, and so do instructors' own scripts."""
    plain = record(MARKS["some"]).to_json()
    assert set(plain) == {
        *("student", "id", "file", "notes", "digest", "chapter", "secret", "grader"),
        *("mark", "code", "final", "copied"),
    }  # fmt: skip
    mark = plain["mark"]
    assert list(mark) == ["chapter", "points", "total", "exercises", "review"]
    assert (mark["points"], mark["total"]) == (2, 2.5)
    (exercise, _) = mark["exercises"]
    assert list(exercise) == [
        *("id", "title", "points", "total", "read", "where", "note", "results"),
    ]  # fmt: skip
    assert exercise["results"][1] == {
        "check": "halves",
        "claim": "half a point",
        "points": 0,
        "total": 0.5,
        "status": "failed",
        "problem": "sizes",
        "expected": "[1.5]",
        "got": "“<b>”\n\t1",
        "misconception": "a slip",
        "explanation": "Why.",
        "given": "",
        "stumbled": "",
    }


def test_points_are_those_of_the_checks() -> None:
    mark = marking.unreadable("it is empty", 6)
    assert mark.total == sum(exercise.points for exercise in exercises_of(6))
    assert mark.points == 0


def _without(*path: Any) -> Callable[[dict[str, Any]], None]:
    def damage(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        del data[path[-1]]

    return damage


def _with(value: Any, *path: Any) -> Callable[[dict[str, Any]], None]:
    def damage(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        data[path[-1]] = value

    return damage


DAMAGED = {
    "a name is missing": _without("student"),
    "a name too many": _with("x", "grade"),
    "no mark": _with(None, "mark"),
    "a mark of another form": _with([1, 2], "mark"),
    "no exercises": _without("mark", "exercises"),
    "an exercise without results": _without("mark", "exercises", 0, "results"),
    "a result without its claim": _without("mark", "exercises", 0, "results", 0, "claim"),
    "a status that is none": _with("great", "mark", "exercises", 0, "results", 0, "status"),
    "points that nobody gave": _with(20, "mark", "points"),
    "points of an exercise": _with(5, "mark", "exercises", 0, "points"),
    "points of a check": _with(1, "mark", "exercises", 0, "results", 1, "points"),
    "notes that are one text": _with("late", "notes"),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_record_is_none(damage: Callable[[Any], None], tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    data = record(MARKS["some"]).to_json()
    path.write_text(json.dumps(data), encoding="utf-8")
    assert records.read(path) is not None
    damage(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    assert records.read(path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"7", b'"a"', b"\xff\xfe"])
def test_what_is_no_record_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert records.read(tmp_path / "a.json") is None
    assert records.read(tmp_path / "b.json") is None


def test_another_kind_of_fingerprints_is_another_grader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a run that goes on in an older folder would compare two kinds."""
    before, read = records.grader_version(6), Path.read_bytes

    def changed(path: Path) -> bytes:
        return read(path) + b"#" * (path.name == "likeness.py")

    monkeypatch.setattr(Path, "read_bytes", changed)
    records._version.cache_clear()
    try:
        assert records.grader_version(6) != before
    finally:
        records._version.cache_clear()
