"""After a plain `pip install`, without the book: what works, and what says what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from minitorch_attn.course.sources.text import ROOT

pytestmark = pytest.mark.slow

LESSON = """
import minitorch_attn
from minitorch_attn.course import check, check_file, clicks, predict, progress, reveal
from minitorch_attn.course.checks import find

print(minitorch_attn.__file__)
report = check("06.2", find("06.2").wrong_answers[0].function, seed=1)
print(report.total, "Read again: notebooks/06_one_query.ipynb" in repr(report))
print(report._repr_html_().count("06_one_query.ipynb'"))
predict("06.1", "(b)")
reveal("06.1", "b", "because.")
print(progress())
print(check_file("06_mine.py").lines[1].state)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as its wheel installs it."""
    folder = tmp_path_factory.mktemp("wheel")
    code = "import sys; from flit_core.buildapi import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=True)
    (wheel,) = folder.glob("*.whl")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def python(site: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_a_lesson_without_the_book(site: Path, tmp_path: Path) -> None:
    (tmp_path / "06_mine.py").write_text("def attend(query, key, value): return value\n")
    done = python(site, tmp_path, "-c", textwrap.dedent(LESSON))
    assert done.stderr == ""
    where, report, link, kept, told, needs, nothing, found = done.stdout.splitlines()
    assert Path(where).is_relative_to(site)
    assert (report, link, nothing, found) == ("5 True", "1", "None", "found")
    assert kept.startswith("Kept: your prediction for 06.1 is b.")
    assert told == "You said b, and b it is: because."
    assert needs.startswith("progress() needs the book: ")
    assert "the course runs in a checkout of the repository" in needs


@pytest.mark.parametrize(
    "words",
    [
        "study",
        "book",
        "slides",
        "grade . --chapter 6 --out ../marks",
        "export nbgrader course",
        "export gradescope --chapter 6",
        "train --with .",
    ],
)
def test_a_command_that_needs_the_book_says_so_in_one_line(
    words: str, site: Path, tmp_path: Path
) -> None:
    (tmp_path / "06_mine.py").write_text("def attend(query, key, value): return value\n")
    done = python(site, tmp_path, "-m", "minitorch_attn", *words.split())
    assert done.returncode in (1, 2)
    assert done.stderr.count("\n") == 1, done.stderr
    assert "the course runs in a checkout of the repository" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"06_mine.py", "home", "marks"}


def test_pytest_checks_answers_without_the_book(site: Path, tmp_path: Path) -> None:
    (tmp_path / "06_mine.py").write_text("def attend(query, key, value): return value\n")
    plugin = ("-p", "no:cacheprovider", "-p", "minitorch_attn.course.learner.pytest_plugin")
    done = python(site, tmp_path, "-m", "pytest", *plugin, "-m", "exercise_06_2", ".")
    assert "of 5 points" in done.stdout
    assert done.returncode == 1
