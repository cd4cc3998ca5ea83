"""nbgrader's own commands on the course that we export: our marks in its gradebook."""

from __future__ import annotations

import copy
import csv
import hashlib
import html
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from minitorch_attn.course.book import exercises
from minitorch_attn.course.checking.collect import CollectError
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.grading.marking import box
from minitorch_attn.course.grading.nbgrader import course as nbgrader_course
from minitorch_attn.course.sources.text import read, sources

PATHS = sources("solutions")
SIX = next(path for path in PATHS if path.name.startswith("06_"))
NAME = f"{SIX.stem}.ipynb"
TOTAL = sum(exercise.points for exercise in exercises_of(6))


def needs_box() -> None:
    isolation = box.find_isolation()
    if isolation.level != "sandbox":
        pytest.skip(isolation.words)


def hand_in(course: Path, student: str, data: bytes) -> None:
    folder = course / "submitted" / student / "ch06"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_bytes(data)


def fingerprints(folder: Path) -> dict[str, str]:
    """Of every file and link."""
    return {
        str(path): os.readlink(path)
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def nbgrader(course: Path, *command: str) -> str:
    # nbgrader looks for `alembic` on the PATH, as it stands where the environment is active.
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": paths, "JUPYTER_CONFIG_DIR": str(course / ".jupyter")}
    run = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command],
        cwd=course,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def grade_id(cell: Any) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def solved(released: Any, source: Any) -> Any:
    notebook = copy.deepcopy(released)
    answers = {grade_id(cell): cell.source for cell in source.cells}
    for cell in notebook.cells:
        if grade_id(cell).startswith("solution"):
            cell.source = answers[grade_id(cell)]
    return notebook


def messy(notebook: Any) -> Any:
    """Solved, but: checks and text deleted, code in reverse order, one answer turned to Markdown,
    one stripped of its metadata, one doubled, and a cell that would fake the marks."""
    notebook = copy.deepcopy(notebook)
    answers = [cell for cell in notebook.cells if grade_id(cell).startswith("solution")]
    cells = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and not grade_id(cell).startswith("check")
    ]
    answers[0].cell_type = "markdown"
    del answers[0]["outputs"], answers[0]["execution_count"]
    answers[1].metadata = {}
    twin = copy.deepcopy(answers[2])
    twin.id = "twin"
    fake = v4.new_code_cell("def check(*args):\n    return 20\n1 / 0")
    notebook.cells = [fake, *reversed(cells), twin]
    return notebook


def partial(released: Any) -> Any:
    """One exercise half right, one that prints to stderr, one with a syntax error."""
    notebook = copy.deepcopy(released)
    notebook.cells += [
        v4.new_code_cell(
            "def attend(query, key, value):\n    import sys\n"
            "    print('where am I', file=sys.stderr)\n"
            "    weights = np.exp(query @ np.swapaxes(key, -1, -2))\n"
            "    return weights / weights.sum(axis=-1, keepdims=True) @ value"
        ),
        v4.new_code_cell("def mend(query, key, value):\n    return ("),
    ]
    return notebook


def hostile(released: Any) -> Any:
    """Deletes what it reaches, and would change the marks where it runs in nbgrader's process."""
    notebook = copy.deepcopy(released)
    notebook.cells.insert(
        0,
        v4.new_code_cell(
            "import os, sqlite3\nfrom pathlib import Path\n\n\n"
            "def attend(query, key, value):\n"
            "    for place in [Path.cwd(), *Path.cwd().parents]:\n"
            "        for found in place.glob('**/gradebook.db'):\n"
            "            base = sqlite3.connect(found)\n"
            "            base.execute('UPDATE grade SET auto_score = 20')\n"
            "            base.commit()\n"
            "        for found in place.glob('**/06_one_query.*'):\n"
            "            raise ValueError('LEAKED ' + found.read_text())\n"
            "    os._exit(0)\n"
        ),
    )
    return notebook


@pytest.fixture(scope="module")
def term(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course in which chapter 06 was released, handed in and marked."""
    needs_box()
    course = tmp_path_factory.mktemp("nbgrader") / "course"
    nbgrader_course.write(course, [6])
    nbgrader(course, "generate_assignment", "ch06")
    released = nbformat.read(course / "release/ch06" / NAME, 4)
    source = nbformat.read(course / "source/ch06" / NAME, 4)
    done = solved(released, source)
    for student, notebook in {
        "untouched": released,
        "solved": done,
        "shipped": solved(exercises.build(read(SIX)), source),
        "messy": messy(done),
        "partial": partial(released),
        "empty": v4.new_notebook(),
        "hostile": hostile(released),
    }.items():
        hand_in(course, student, nbformat.writes(notebook).encode())
    hand_in(course, "broken", b'{"cells": [')
    hand_in(course, "latin", b'{"cells": [], "caf\xe9": 1}')
    hand_in(course, "huge", b" " * 3_000_000)
    strange = copy.deepcopy(done)
    for cell in strange.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader = {"schema_version": 99, "grade": True, "points": 1000}
    hand_in(course, "future", nbformat.writes(strange).encode())
    linked = course / "submitted/linked/ch06"
    linked.mkdir(parents=True)
    (linked / NAME).symlink_to(course / "source/ch06" / NAME)
    away = course / "submitted/away"
    away.mkdir()
    (away / "ch06").symlink_to(course / "source/ch06")
    os.makedirs(course / "submitted/folder/ch06" / NAME)
    extras = course / "submitted/solved/ch06"
    (extras / "answers.txt").symlink_to(course / "source/ch06" / NAME)
    (extras / "gone.txt").symlink_to("/nowhere")
    (extras / "timestamp.txt").write_text("2026-11-01 12:00:00 UTC")
    for module in ("numpy", "symtable", "random", "nbformat", "sitecustomize", "nbgrader_config"):
        (extras / f"{module}.py").write_text(f"open({str(course / 'canary')!r}, 'w')\n")
    before = fingerprints(course / "submitted")
    said = nbgrader(course, "autograde", "ch06")
    assert "look at this" in said
    assert fingerprints(course / "submitted") == before, "the originals were changed"
    nbgrader(course, "generate_feedback", "ch06")
    assert not (course / "canary").exists(), "a file beside a notebook was imported"
    nbgrader(course, "export")
    return course


@pytest.mark.slow
def test_what_is_released_is_what_the_book_ships(term: Path) -> None:
    released = nbformat.read(term / "release/ch06" / NAME, 4)
    shipped = exercises.build(read(SIX))
    assert [c.source for c in released.cells] == [c.source for c in shipped.cells]
    assert [grade_id(c) for c in released.cells] == [grade_id(c) for c in shipped.cells]
    assert not exercises.leaks(read(SIX), released)
    assert [path.name for path in (term / "release").rglob("*.*")] == [NAME]


@pytest.mark.slow
def test_our_marks_are_in_nbgraders_gradebook(term: Path) -> None:
    with open(term / "grades.csv", encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    scores = {student: float(row["score"]) for student, row in rows.items()}
    full = ["solved", "shipped", "messy", "future"]
    none = ["untouched", "empty", "hostile", "broken", "latin", "huge", "linked", "away", "folder"]
    want = dict.fromkeys(full, TOTAL) | dict.fromkeys(none, 0.0)
    assert 0 < scores.pop("partial") < TOTAL
    assert scores == want
    assert {float(row["max_score"]) for row in rows.values()} == {TOTAL}


@pytest.mark.slow
def test_the_feedback_says_why_and_holds_no_answers(term: Path) -> None:
    pages = {
        path.parts[-3]: path.read_text("utf-8") for path in (term / "feedback").rglob("*.html")
    }
    assert "no maximum subtracted" in pages["partial"]
    assert "mend is there but cannot be read" in pages["partial"]
    assert "no function named attend was found" in pages["empty"]
    assert "breaks off before its end" in pages["broken"]
    assert "not UTF-8" in pages["latin"]
    assert "larger than" in pages["huge"]
    assert "is a link" in pages["linked"]
    assert "is a link" in pages["away"]
    assert "LEAKED" not in pages["hostile"].replace("'LEAKED ", "").replace("&#39;LEAKED", "")
    for student in ("untouched", "linked", "away", "broken", "empty"):
        assert not exercises.leaks(read(SIX), {"text": html.unescape(pages[student])})
        assert "http" not in "".join(re.findall(r"<(?:script|link|img)[^>]*>", pages[student]))
    copied = {path.name for path in term.glob("feedback/**/*") if path.is_file()}
    assert copied == {NAME.replace(".ipynb", ".html"), "timestamp.txt"}
    kept = {path.name for path in term.glob("autograded/**/*") if path.is_file()}
    assert kept == {NAME, "timestamp.txt"}


@pytest.mark.slow
def test_a_second_run_marks_only_what_is_newer(term: Path, tmp_path: Path) -> None:
    course = tmp_path / "course"
    shutil.copytree(term, course, symlinks=True)
    hand_in(course, "solved", (course / "release/ch06" / NAME).read_bytes())
    stamp = course / "submitted/solved/ch06/timestamp.txt"
    stamp.write_text("2026-11-02 12:00:00 UTC")
    (course / "secret.txt").rename(course / "mine.txt")
    (course / "nbgrader_config.py").open("a", encoding="utf-8").write(
        "c.MarkedNotebook.seed_file = 'mine.txt'  # as earlier terms called it\n"
    )
    said = nbgrader(course, "autograde", "ch06")
    assert len(re.findall("Autograding", said)) == 1
    nbgrader(course, "export")
    with open(course / "grades.csv", encoding="utf-8") as file:
        rows = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert rows["solved"] == 0
    assert rows["shipped"] == TOTAL


@pytest.mark.slow
def test_release_fetch_submit_collect(tmp_path: Path) -> None:
    """The whole way over nbgrader's exchange, with the instructor's and a student's commands."""
    needs_box()
    course, home, exchange = tmp_path / "course", tmp_path / "student", tmp_path / "exchange"
    nbgrader_course.write(course, [6])
    exchange.mkdir()
    exchange.chmod(0o777)
    (course / "nbgrader_config.py").open("a", encoding="utf-8").write(
        f"c.Exchange.root = {str(exchange)!r}\n"
    )
    home.mkdir()
    (home / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.Exchange.root = {str(exchange)!r}\n"
        f"c.Exchange.cache = {str(home / 'cache')!r}\n"
        "c.CourseDirectory.course_id = 'minitorch_attn'\n",
        encoding="utf-8",
    )
    nbgrader(course, "generate_assignment", "ch06")
    nbgrader(course, "release_assignment", "ch06")
    outside = [path for path in exchange.rglob("*") if path.is_file()]
    assert [path.name for path in outside] == [NAME]
    assert not exercises.leaks(read(SIX), nbformat.read(outside[0], 4))
    nbgrader(home, "fetch_assignment", "ch06")
    source = nbformat.read(course / "source/ch06" / NAME, 4)
    mine = home / "ch06" / NAME
    nbformat.write(solved(nbformat.read(mine, 4), source), mine)
    nbgrader(home, "submit", "ch06")
    nbgrader(course, "collect", "ch06")
    nbgrader(course, "autograde", "ch06")
    nbgrader(course, "generate_feedback", "ch06")
    nbgrader(course, "release_feedback", "ch06")
    nbgrader(home, "fetch_feedback", "ch06")
    (page,) = home.rglob("feedback/*/*.html")
    assert f"{TOTAL:g}" in page.read_text(encoding="utf-8")
    nbgrader(course, "export")
    with open(course / "grades.csv", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert float(row["score"]) == TOTAL
    secret = (course / "secret.txt").read_bytes().strip()
    for path in exchange.rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes()


def test_without_a_sandbox_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from nbgrader.converters.base import NbGraderException

    from minitorch_attn.course.grading.nbgrader.marks import MarkedNotebook

    weak = types.SimpleNamespace(level="limits", words="There is no bubblewrap.")
    monkeypatch.setattr(box, "find_isolation", lambda: weak)
    with pytest.raises(NbGraderException, match=r"no bubblewrap.*unsafe = True"):
        MarkedNotebook()


@pytest.mark.parametrize("kind", ["link", "link above", "pipe", "folder", "none"])
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    from minitorch_attn.course.grading.nbgrader.marks import read_plain

    folder = tmp_path / "submitted/ada/ch06"
    folder.mkdir(parents=True)
    (tmp_path / "answers").mkdir()
    answers = tmp_path / "answers/a.ipynb"
    answers.write_text("{}")
    path = folder / "a.ipynb"
    if kind == "link":
        path.symlink_to(answers)
    elif kind == "link above":
        folder.rmdir()
        folder.symlink_to(tmp_path / "answers")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(CollectError):
        read_plain(path, tmp_path / "submitted")
    assert read_plain(answers, tmp_path) == "{}"


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
@pytest.mark.parametrize("answers", [False, True])
def test_nbgraders_own_validator_accepts_the_metadata(path: Path, answers: bool) -> None:
    from nbgrader.nbgraderformat import MetadataValidator

    notebook = exercises.build(read(path), answers=answers)
    MetadataValidator().validate_nb(notebook)
    points = [
        cell.metadata.nbgrader.points
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    ]
    assert sum(points) == sum(e.points for e in exercises_of(read(path).chapter))
