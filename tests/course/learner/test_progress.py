"""Predictions and points: kept on the learner's disk, never lost in silence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minitorch_attn.course import predict, progress, reveal
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.learner import store as learner


def test_a_prediction_is_kept_and_scored(capsys: pytest.CaptureFixture[str]) -> None:
    predict("06.1", None)
    assert "put your letter in place of None" in capsys.readouterr().out
    assert learner.read()["predictions"] == {}
    predict("06.1", "A")
    predict("06.1", " b ")
    reveal("06.1", "b", "because it is so.")
    assert "You said b, and b it is: because it is so." in capsys.readouterr().out
    predict("06.1", "c")
    assert "stays b" in capsys.readouterr().out
    predict("06.2", "a")
    reveal("06.2", "b", "because.")
    reveal("06.3", "d", "because.")
    out = capsys.readouterr().out
    assert "You said a; it is b: because." in out
    assert "You made no prediction for 06.3. The answer is d: because." in out
    row = progress().rows[6]
    assert (row.right, row.predicted) == (1, 2)


@pytest.mark.parametrize("choice", ["", " ", 3, "x" * 41])
def test_what_is_no_letter_is_refused(choice: object) -> None:
    with pytest.raises(ValueError, match="takes one letter in quotes"):
        predict("06.1", choice)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"like 06\.1"):
        predict("6", "a")


def test_the_best_points_are_kept() -> None:
    for points in (2, 5, 1):
        learner.record_points("06.2", points, 5)
    assert learner.read()["exercises"]["06.2"] == {"points": 5, "total": 5, "last": 1}
    learner.record_points("06.2", 1, 3)  # the exercise became smaller
    assert learner.read()["exercises"]["06.2"]["points"] == 3


def test_progress_draws_chapters_points_and_what_is_next() -> None:
    exercises = exercises_of(6)
    first = next(found for chapter in range(18) if (found := exercises_of(chapter)))[0]
    text = repr(progress())
    assert "0 of 400 points" in text
    assert f"Next: {first.id}" in text
    learner.record_points(first.id, first.points - 1, first.points)
    assert f"Next: {first.id} {first.title} (1 point to get" in repr(progress())
    learner.record_points(first.id, first.points, first.points)
    assert f"Next: {first.id}" not in repr(progress())
    for exercise in exercises:
        learner.record_points(exercise.id, exercise.points, exercise.points)
    done = progress()
    assert done.points == sum({e.id: e.points for e in [first, *exercises]}.values())
    assert done.rows[6].points == done.rows[6].total
    assert not any(f"Next: {exercise.id}" in repr(done) for exercise in exercises)
    page = done._repr_html_()
    assert f"data-points='{done.points:g}'" in page
    assert page.count("<svg") == len(done.rows) == 18
    assert f"aria-label='{done.rows[6].points:g} of {done.rows[6].total:g} points'" in page


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", '{"exercises": []}', '{"exercises": {"06.1": 3}, "predictions": {}}', "\x00"],
)
def test_a_damaged_file_is_moved_aside_and_said(
    damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    learner.home().mkdir(parents=True)
    (learner.home() / "learner.json").write_text(damage, encoding="utf-8")
    learner.record_points("06.1", 3, 5)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    aside = list(learner.home().glob("learner.damaged-*.json"))
    assert [path.read_text(encoding="utf-8") for path in aside] == [damage]
    assert str(aside[0]) in out
    assert learner.read()["exercises"]["06.1"]["points"] == 3


def test_a_write_that_fails_half_way_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    learner.record_points("06.1", 3, 5)

    def full(fd: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    learner.record_points("06.2", 5, 5)
    assert learner.read()["exercises"] == {"06.1": {"points": 3, "total": 5, "last": 3}}
    assert [path.name for path in learner.home().iterdir()] == ["learner.json"]


def test_two_notebooks_write_at_once() -> None:
    code = (
        "import sys; from minitorch_attn.course.learner.store import record_points\n"
        "for i in range(20): record_points(f'{sys.argv[1]}.{i}', 1, 1)"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code, str(n)]) for n in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert len(learner.read()["exercises"]) == 60
    assert sorted(path.name for path in learner.home().iterdir()) == ["learner.json"]


def test_a_lock_that_a_crash_left_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    learner.home().mkdir(parents=True)
    lock = learner.home() / "learner.lock"
    lock.touch()
    with learner._lock(lock, patience=0.1):
        assert lock.exists()
    assert not lock.exists()


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert learner.home() == tmp_path / "home"
    monkeypatch.delenv("MINITORCH_ATTN_HOME")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert learner.home() == tmp_path / "data" / "minitorch_attn"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert learner.home().parts[-3:] == ("Library", "Application Support", "minitorch_attn")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert learner.home() == tmp_path / "local" / "minitorch_attn"


def test_the_file_is_plain_json() -> None:
    predict("06.1", "b")
    text = (learner.home() / "learner.json").read_text(encoding="utf-8")
    assert json.loads(text)["predictions"]["06.1"] == {"choice": "b"}
