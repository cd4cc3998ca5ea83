"""nbgrader's own commands on the built exercises: marks, partial points, and work found by name."""

from __future__ import annotations

import copy
import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from minitorch_attn.course import exercises, nbgrader_course
from minitorch_attn.course.checking import exercises_of
from minitorch_attn.course.text import read, sources

PATHS = sources("solutions")


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


@pytest.mark.slow
def test_nbgrader_marks_by_name(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "course", ignore_errors=True)
    course = tmp_path / "course"
    nbgrader_course.write(course)
    path = next(path for path in PATHS if path.name.startswith("06_"))
    name = f"{path.stem}.ipynb"
    nbgrader(course, "generate_assignment", "ch06")

    # What nbgrader releases is what the book ships.
    released = nbformat.read(course / "release/ch06" / name, 4)
    shipped = exercises.build(read(path))
    assert [c.source for c in released.cells] == [c.source for c in shipped.cells]
    assert [grade_id(c) for c in released.cells] == [grade_id(c) for c in shipped.cells]

    source = nbformat.read(course / "source/ch06" / name, 4)
    done = solved(released, source)
    handed_in = {
        "untouched": released,
        "solved": done,
        "shipped": solved(shipped, source),
        "messy": messy(done),
        "partial": partial(released),
        "empty": v4.new_notebook(),
    }
    for student, notebook in handed_in.items():
        folder = course / "submitted" / student / "ch06"
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / name)
    nbgrader(course, "autograde", "ch06")
    nbgrader(course, "generate_feedback", "ch06")
    nbgrader(course, "export")
    with open(course / "grades.csv", encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    total = sum(exercise.points for exercise in exercises_of(6))
    assert {student: float(row["score"]) for student, row in rows.items()} == {
        "untouched": 0,
        "solved": total,
        "shipped": total,
        "messy": total,
        "partial": 4,
        "empty": 0,
    }
    assert {float(row["max_score"]) for row in rows.values()} == {total}
    assert not (tmp_path / "home").exists(), "the grader's own progress is left alone"

    pages = {
        student: (course / "feedback" / student / "ch06" / f"{path.stem}.html").read_text("utf-8")
        for student in handed_in
    }
    assert "no maximum subtracted" in pages["partial"]
    assert "mend is there but cannot be read" in pages["partial"]
    assert "no function named attend was found" in pages["empty"]


def test_the_course_that_is_written_keeps_the_instructors_changes(tmp_path: Path) -> None:
    written = nbgrader_course.write(tmp_path)
    assert [path.name for path in written][-1] == "nbgrader_config.py"
    assert len(written) == len(PATHS) + 1
    config = tmp_path / "nbgrader_config.py"
    config.write_text(config.read_text("utf-8") + "c.Execute.timeout = 9\n", encoding="utf-8")
    assert nbgrader_course.write(tmp_path) == []
    assert config.read_text("utf-8").endswith("timeout = 9\n")


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
