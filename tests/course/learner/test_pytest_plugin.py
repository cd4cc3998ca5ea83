"""The plugin for plain pytest, as a learner uses it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minitorch_attn.course.book import build as book
from minitorch_attn.course.book import exercises
from minitorch_attn.course.book.notebook import to_text
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.sources.text import read, sources

SOURCE = read(next(path for path in sources("solutions") if path.name.startswith("06_")))
NAME = f"{SOURCE.name}.ipynb"
PLUGIN = ("-p", "minitorch_attn.course.learner.pytest_plugin")


def pytest_in(folder: Path, *args: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args, "."],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return f"exit {run.returncode}\n{run.stdout}{run.stderr}"


def submit(folder: Path, answers: bool = False) -> Path:
    path = folder / NAME
    path.write_text(to_text(exercises.build(SOURCE, answers=answers)), encoding="utf-8")
    return path


def test_a_solved_notebook_gets_all_points(tmp_path: Path) -> None:
    submit(tmp_path, answers=True)
    out = pytest_in(tmp_path, *PLUGIN)
    total = sum(exercise.points for exercise in exercises_of(6))
    assert out.startswith("exit 0\n")
    assert f"{total:g} of {total:g} points" in out


def test_an_untouched_notebook_is_not_done(tmp_path: Path) -> None:
    submit(tmp_path)
    out = pytest_in(tmp_path, *PLUGIN)
    assert out.startswith("exit 1\n")
    assert "0 of 20 points" in out
    for exercise in exercises_of(6):
        assert f"{exercise.id} {exercise.title}: {exercise.function} is not done yet" in out


def test_markers_choose_and_a_mistake_is_named(tmp_path: Path) -> None:
    exercise = exercises_of(6)[1]
    marker = f"exercise_{exercise.id.replace('.', '_')}"
    path = tmp_path / f"{SOURCE.name}.py"
    path.write_text(
        "import numpy as np\n\n\ndef attend(query, key, value):\n"
        "    weights = np.exp(query @ np.swapaxes(key, -1, -2))\n"
        "    return weights / weights.sum(axis=-1, keepdims=True) @ value\n",
        encoding="utf-8",
    )
    out = pytest_in(tmp_path, *PLUGIN, "-m", marker, "--strict-markers")
    count = len(exercise.checks)
    assert f"1 failed, {count - 1} passed" in out
    assert "this looks like: “no maximum subtracted”" in out
    assert "4 of 5 points" in out
    seed = out.partition("--check-seed ")[2].split()[0]
    again = pytest_in(
        tmp_path, *PLUGIN, "-m", "chapter_06", "-k", "rows_of_every", "--check-seed", seed
    )
    assert "expected" in again
    assert out.partition("expected:")[2].split()[0] == again.partition("expected:")[2].split()[0]


def test_what_cannot_be_read_is_said_by_every_check(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("{", encoding="utf-8")
    out = pytest_in(tmp_path, *PLUGIN, "-m", "exercise_06_1")
    assert "breaks off before its end" in out
    assert "0 of 5 points" in out
    (tmp_path / NAME).unlink()
    (tmp_path / "06_mine.py").write_text(
        "import nowhere_to_be_found\n\ndef mend(q, k, v):\n    return nowhere_to_be_found.f(q)\n",
        encoding="utf-8",
    )
    out = pytest_in(tmp_path, *PLUGIN, "-m", "exercise_06_1")
    assert "ModuleNotFoundError: No module named 'nowhere_to_be_found'" in out
    assert "line 1: import nowhere_to_be_found" in out


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.ipynb").write_text("{", encoding="utf-8")
    (tmp_path / "99_other.py").write_text("raise SystemExit", encoding="utf-8")
    assert "no tests ran" in pytest_in(tmp_path, *PLUGIN)


@pytest.mark.parametrize("args", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)])
def test_the_conftest_that_is_built_makes_plain_pytest_work(
    tmp_path: Path, args: tuple[str, ...]
) -> None:
    submit(tmp_path, answers=True)
    (tmp_path / "conftest.py").write_text(book.CONFTEST, encoding="utf-8")
    assert "20 of 20 points" in pytest_in(tmp_path, *args)


def test_it_works_from_the_root_of_the_repository(tmp_path: Path) -> None:
    """With the project's own pytest settings, which are strict about markers."""
    (tmp_path / "exercises").mkdir()
    submit(tmp_path / "exercises", answers=True)
    (tmp_path / "exercises/conftest.py").write_text(book.CONFTEST, encoding="utf-8")
    shutil.copy(Path(__file__).parents[3] / "pyproject.toml", tmp_path)
    assert "20 of 20 points" in pytest_in(tmp_path, "exercises")
