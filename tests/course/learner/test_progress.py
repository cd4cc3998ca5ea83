"""Predictions and points: kept on the learner's disk, never lost in silence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import platformdirs
import pytest
from helpers.holding import held
from platformdirs import macos, unix, windows

from minitorch_attn.course import predict, progress, reveal
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.learner import predictions
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


@pytest.mark.parametrize(
    "choice", ["", " ", 3, "x" * 41, "z", "e", "ab", "(z)", "b or c", "1", b"a"]
)
def test_what_is_not_offered_is_refused(choice: object) -> None:
    with pytest.raises(ValueError, match="one letter in quotes, of those offered: a, b, c, d; not"):
        predict("06.1", choice)  # type: ignore[arg-type]
    assert learner.read()["predictions"] == {}


@pytest.mark.parametrize("choice", ["b", "B", " b ", "(b)", "b)", "b.", "[b]", "**b**", "b;"])
def test_a_letter_is_read_however_it_is_written(choice: str) -> None:
    predict("06.1", choice)
    assert learner.read()["predictions"] == {"06.1": {"choice": "b"}}


@pytest.mark.parametrize("choice", [None, "a"])
@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("06.9", r"there is no question 06\.9; chapter 06 asks 06\.1, 06\.2, 06\.3"),
        ("99.1", r"there is no question 99\.1: chapter 99 asks none"),
        ("6", r"like 06\.1, in quotes, not '6'"),
        (6.1, r"like 06\.1, in quotes, not 6\.1"),
        (None, r"like 06\.1"),
        (predict, r"like 06\.1"),
    ],
)
def test_a_question_that_is_not_asked(id: object, choice: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predict(id, choice)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        reveal(id, "a", "because.")  # type: ignore[arg-type]
    assert learner.read()["predictions"] == {}


def test_without_the_book_any_letter_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "questions", lambda chapter: {})
    predict("06.1", "(E)")
    assert learner.read()["predictions"] == {"06.1": {"choice": "e"}}
    with pytest.raises(ValueError, match="those offered: a, b, …; not 'ab'"):
        predict("06.1", "ab")


def test_what_older_files_hold_beside_letters_is_ignored(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not counted as wrong, and no obstacle to a letter."""
    with learner.change() as state:
        state["predictions"] = {
            "06.1": {"choice": "z", "answer": "d"},
            "06.2": {"choice": "ab", "answer": "c"},
            "06.3": {"choice": "(b)", "answer": "b"},  # could be read, and is
            "06.7": {"choice": "a", "answer": "b"},
            "99.1": {"choice": "a", "answer": "b"},
            "07.1": {"answer": "b"},
            "08.1": {"choice": 3, "answer": "c"},
        }
    shown = progress()
    assert [(row.right, row.predicted) for row in shown.rows if row.predicted] == [(1, 1)]
    reveal("06.1", "d", "because.")
    assert "You made no prediction for 06.1" in capsys.readouterr().out
    predict("06.2", "c")
    assert learner.read()["predictions"]["06.2"] == {"choice": "c"}


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
    written = sum(exercise.points for n in range(18) for exercise in exercises_of(n))
    assert f"0 of {written:g} points" in text, "of the chapters that are written"
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
    assert len(done.rows) == 18
    assert page.count("<svg") == sum(row.written for row in done.rows)
    assert text.count("not written yet") == sum(not row.written for row in done.rows)
    assert " 0/0" not in text
    assert re.search(r"<b>Next:</b> <a href='../exercises/(\w+)\.ipynb'>\d\d\.\d ", page)
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
    assert {path.name for path in learner.home().iterdir()} <= {"learner.json", "learner.lock"}


def test_a_lesson_goes_on_where_nothing_can_be_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    predict("06.1", "a")
    capsys.readouterr()

    def full(fd: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    why = f"could not be kept, in {learner.home()}: No space left on device."
    learner.record_points("06.1", 3, 5)
    assert capsys.readouterr().out == f"Your points {why}\n"
    predict("06.1", "b")
    assert capsys.readouterr().out == f"Your prediction {why}\n"
    reveal("06.1", "b", "because.")
    said = capsys.readouterr().out.splitlines()
    assert said == [f"The score of your prediction {why}", "The answer to 06.1 is b: because."]
    assert learner.read()["predictions"] == {"06.1": {"choice": "a"}}


def test_two_notebooks_write_at_once() -> None:
    code = (
        "import sys; from minitorch_attn.course.learner.store import record_points\n"
        "for i in range(20): record_points(f'{sys.argv[1]}.{i}', 1, 1)"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code, str(n)]) for n in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert len(learner.read()["exercises"]) == 60
    assert {path.name for path in learner.home().iterdir()} <= {"learner.json", "learner.lock"}


HOLD = """
import sys
from minitorch_attn.course.learner.store import change
with change():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_that_a_killed_process_left_does_not_block(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with held(HOLD) as other:
        other.kill()
        other.wait()
        assert (learner.home() / "learner.lock").exists()
        begun = time.monotonic()
        learner.record_points("06.1", 3, 5)
    assert time.monotonic() - begun < learner.PATIENCE / 2
    assert learner.read()["exercises"]["06.1"]["points"] == 3
    assert capsys.readouterr().out == ""


def test_a_lock_that_is_held_is_waited_for_and_then_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(learner, "PATIENCE", 0.2)
    with held(HOLD):
        learner.record_points("06.1", 3, 5)
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "Your points could not be kept" in said
    assert "learner.lock" in said


def home_before(platform: str) -> Path:
    """Where the file was before platformdirs was asked."""
    if platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "minitorch_attn"


@pytest.mark.parametrize("xdg", ["", "elsewhere"])
@pytest.mark.parametrize(
    ("platform", "kind"),
    [("linux", unix.Unix), ("darwin", macos.MacOS), ("win32", windows.Windows)],
)
def test_the_file_is_where_it_was_before(
    platform: str, kind: type, xdg: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if sys.platform == "win32" and platform != "win32":
        pytest.skip("paths of another system")
    assert learner.home() == tmp_path / "home"
    monkeypatch.delenv("MINITORCH_ATTN_HOME")
    monkeypatch.setattr(platformdirs, "PlatformDirs", kind)
    # Windows is asked for the folder; here its answer is the variable that it sets.
    monkeypatch.setattr(windows, "get_win_folder", windows.get_win_folder_from_env_vars)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "AppData" / "Local"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / xdg) if xdg else "")
    home_before(platform).mkdir(parents=True)
    assert learner.home() == home_before(platform)


WITHOUT = """
import sys
sys.modules |= dict.fromkeys(["filelock", "platformdirs"])  # as if they were not installed
from minitorch_attn.course import check, predict, reveal
from minitorch_attn.course.checks import find
print(check("06.2", find("06.2").wrong_answers[0].function).total)
predict("06.1", "a")
reveal("06.1", "b", "because.")
"""


@pytest.mark.parametrize("named", [True, False])
def test_without_filelock_and_platformdirs_answers_are_checked(named: bool) -> None:
    home = {} if named else {"MINITORCH_ATTN_HOME": ""}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, env=os.environ | home
    )
    assert done.stderr == ""
    points, total, prediction, score, answer = done.stdout.splitlines()
    assert points.startswith("Your points could not be kept, ")
    assert prediction.startswith("Your prediction could not be kept, ")
    assert score.startswith("The score of your prediction could not be kept, ")
    for line in (points, prediction, score):
        assert line.endswith(": pip install 'minitorch_attn[study]'.")
    assert total == "5"
    assert answer == "The answer to 06.1 is b: because."


NAMES = (
    "import minitorch_attn.course.learner.progress, minitorch_attn.course.learner.check",
    "from minitorch_attn.course.learner import progress as module; module.progress()",
    "import minitorch_attn.course.checks, minitorch_attn.course.own",
    "from minitorch_attn.course import check, check_file, clicks, predict, progress, reveal",
    "import minitorch_attn.course as course; course.progress()",
    "from minitorch_attn.course.learner.progress import progress; progress()",
)
CALLS = """
from minitorch_attn.course import check, check_file, clicks, exercises_of, predict, progress, reveal
assert progress().points == 0
for function in (check, check_file, clicks.collect, exercises_of, predict, reveal):
    assert callable(function), function
import minitorch_attn.course as course
assert course.progress().points == 0
"""


def test_progress_is_a_function_every_time() -> None:
    """Whatever modules of that name are imported in between, in whatever order."""
    orders = [NAMES[n:] + NAMES[:n] for n in range(len(NAMES))] + [NAMES[::-1]]
    runs = []
    for order in orders:  # each in a process that has imported none of them
        code = order[0] + CALLS + CALLS.join(f"{name}\n" for name in order[1:]) + CALLS
        runs.append(
            subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
        )
    assert [run.communicate()[1] for run in runs] == [""] * len(orders)
    assert [run.returncode for run in runs] == [0] * len(orders)


EVERY_NAME = """
import importlib, pkgutil
import minitorch_attn

found = pkgutil.walk_packages(minitorch_attn.__path__, "minitorch_attn.")
offered = {}
for name in ["minitorch_attn", *(module.name for module in found if module.ispkg)]:
    package = importlib.import_module(name)
    for word in getattr(package, "__all__", ()):
        offered[name, word] = getattr(package, word)
modules = 0
for (name, word), value in offered.items():
    try:
        importlib.import_module(f"{name}.{word}")
        modules += 1
    except ModuleNotFoundError as error:
        assert error.name.startswith("minitorch_attn"), error
for (name, word), value in offered.items():
    assert getattr(importlib.import_module(name), word) is value, (name, word)
print(len(offered), modules)
"""


def test_no_name_of_a_package_is_taken_by_a_module_of_that_name() -> None:
    done = subprocess.run([sys.executable, "-c", EVERY_NAME], capture_output=True, text=True)
    assert done.stderr == ""
    names, modules = map(int, done.stdout.split())
    assert names > 100
    assert modules > 0, "some names are those of modules"


def test_the_file_is_plain_json() -> None:
    predict("06.1", "b")
    text = (learner.home() / "learner.json").read_text(encoding="utf-8")
    assert json.loads(text)["predictions"]["06.1"] == {"choice": "b"}
