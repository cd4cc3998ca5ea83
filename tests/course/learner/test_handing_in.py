"""`check_file`: what it says is what the grader will find."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from minitorch_attn.__main__ import main
from minitorch_attn.course import check_file
from minitorch_attn.course.book import exercises
from minitorch_attn.course.checking.collect import CollectError, collect
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.grading.marking import worker
from minitorch_attn.course.learner import handing_in
from minitorch_attn.course.learner.handing_in import FOUND, STUB, UNREADABLE, HandingInError
from minitorch_attn.course.sources.text import ROOT, read

NAME = "06_one_query"


def notebook(answers: bool) -> Any:
    return exercises.build(read(ROOT / "solutions" / f"{NAME}.md"), answers=answers)


def save(folder: Path, made: Any, name: str = f"{NAME}.ipynb") -> Path:
    nbformat.write(made, folder / name)
    return folder / name


def cell_of(made: Any, function: str) -> Any:
    return next(c for c in made.cells if c.cell_type == "code" and f"def {function}(" in c.source)


def test_the_worked_answers_can_be_marked_and_the_stubs_are_named(tmp_path: Path) -> None:
    report = check_file(save(tmp_path, notebook(True)))
    assert report.ready
    assert repr(report).startswith(
        f"{NAME}.ipynb: 4 of 4 answers can be marked\n  ✓ 06.1 mend: found"
    )
    report = check_file(save(tmp_path, notebook(False)))
    assert [line.state for line in report.lines] == [STUB] * 4
    assert "○ 06.2 attend: not done yet, cell" in repr(report)


def test_each_exercise_is_told_apart_with_what_to_do(tmp_path: Path) -> None:
    made = notebook(True)
    cell_of(made, "mend").source = "def mend(query, key, value:\n    return value"
    attend = cell_of(made, "attend")
    attend.source = attend.source.replace("def attend(", "def attention(")
    steer = cell_of(made, "steer")
    steer.source = "import torch\n" + steer.source.replace("):\n", "):\n    torch.zeros(1)\n", 1)
    path = save(tmp_path, made)
    mend, attend, steer, backward = check_file(path).lines
    assert [x.state for x in (mend, attend, steer, backward)] == [*[UNREADABLE] * 3, FOUND]
    assert "mend is there but cannot be read: cell " in mend.why
    assert "no function named attend was found; define it in a code cell, as in def attend(…)" in (
        attend.why
    )
    assert "imports torch" in steer.why
    assert "the grader has Python's own modules, NumPy; do without" in steer.why
    for line in (mend, attend, backward):  # as the grader's own reading says
        try:
            state = FOUND if not collect(path, line.exercise.function).stub else STUB
        except CollectError:
            state = UNREADABLE
        assert line.state == state


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty; save the notebook anew"),
        ("{", "breaks off before its end"),
        ("[1, 2]", "not a notebook of format 4"),
        ('{"cells": [', "breaks off before its end"),
        ("<<<<<<< HEAD", "a merge conflict"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_once(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / f"{NAME}.ipynb"
    path.write_text(content, encoding="utf-8")
    report = check_file(path)
    assert said in repr(report)
    assert not report.ready
    assert repr(report).count("\n") == 0


def test_a_file_that_is_none(tmp_path: Path) -> None:
    assert "there is no file" in repr(check_file(tmp_path / "06_x.ipynb"))
    (tmp_path / "notes.txt").write_text("x")
    assert "a submission is an .ipynb or a .py file" in repr(check_file(tmp_path / "notes.txt"))


def test_the_chapter_by_name_by_what_is_defined_or_as_told(tmp_path: Path) -> None:
    made = notebook(True)
    for name in ("mine.ipynb", "Anna_06_answers (2).ipynb", f"x{NAME}.ipynb"):
        assert check_file(save(tmp_path, made, name)).ready, name
    path = tmp_path / "nothing.py"
    path.write_text("x = 1\n")
    with pytest.raises(HandingInError, match="does not say which chapter"):
        check_file(path)
    assert len(check_file(path, chapter=6).lines) == len(exercises_of(6))
    with pytest.raises(HandingInError, match="chapter 18 has no exercises"):
        check_file(path, chapter=18)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(save(tmp_path, notebook(True)))]) == 0
    assert "4 of 4 answers can be marked" in capsys.readouterr().out
    assert main(["check", str(save(tmp_path, notebook(False)))]) == 1
    (tmp_path / "nothing.py").write_text("x = 1\n")
    assert main(["check", str(tmp_path / "nothing.py")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_only_draws_is_what_the_box_pretends_to_have() -> None:
    assert handing_in.SILENT == worker._SILENT


def test_nothing_is_run(tmp_path: Path) -> None:
    path = tmp_path / f"{NAME}.py"
    path.write_text("raise SystemExit\ndef attend(q, k, v): return q\n")
    assert json.dumps(repr(check_file(path))).count("found") >= 1
