"""What `pip install` brings: the wheel, in an environment and a folder of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import textwrap
import zipfile
from pathlib import Path

import pytest
from helpers.classroom import write_class

from minitorch_attn.course.learner import study
from minitorch_attn.course.sources.text import ROOT

pytestmark = pytest.mark.slow

BOOK = "minitorch_attn/course/_book/"
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s#]+)[^)\s]*\)")
MEGABYTES = 5  # of which the packed data are two
LESSON = """
import minitorch_attn
from minitorch_attn.course import check, check_file, clicks, predict, progress, reveal
from minitorch_attn.course.checks import find

print(minitorch_attn.__file__)
report = check("06.2", find("06.2").wrong_answers[0].function, seed=1)
print(report.total, [line for line in repr(report).splitlines() if "Read again" in line])
predict("06.1", "(b)")
reveal("06.1", "b", "because.")
print(progress().rows[6].predicted, progress().total)
print(check_file("06_mine.py").lines[1].state)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as pip builds it from a checkout, which it leaves as it was."""
    folder = tmp_path_factory.mktemp("wheel")
    words = ["wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run(
        [sys.executable, "-m", "pip", *words, "--wheel-dir", str(folder), str(ROOT)], check=True
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it; all other packages are those that run the tests."""
    venv = tmp_path_factory.mktemp("env") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    words = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *words], check=True)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.check_output([str(python), "-c", where], text=True).strip()
    (Path(site) / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def call(folder: Path, program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [str(program), *words], cwd=folder, env=environment, capture_output=True, text=True
    )


def command(folder: Path, python: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What a user types: the console command of that environment."""
    return call(folder, python.with_name("minitorch_attn"), *words)


def test_the_wheel_is_small_and_its_book_is_where_no_sandbox_sees_it(wheel: Path) -> None:
    """Students' code gets the package without `course`: see `marking.isolating.engine`."""
    assert wheel.stat().st_size < MEGABYTES * 2**20
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        book = [name for name in names if name.startswith(BOOK)]
        texts = {name for name in names if name.endswith((".md", ".ipynb", ".toml"))}
        assert texts - {*book} == {"minitorch_attn/course/web/live/cells.toml"}  # no answer in it
        notebooks = [json.loads(archive.read(name)) for name in book if name.endswith(".ipynb")]
    assert len(notebooks) == len([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("exercises/*.ipynb")])
    code = [c for n in notebooks for c in n["cells"] if c["cell_type"] == "code"]
    assert code
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert not (ROOT / BOOK).exists()


def test_a_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    build = "import build_backend, sys; build_backend.build_{}(sys.argv[1])"
    environment = os.environ | {"PYTHONPATH": "."}

    def run(kind: str, root: Path) -> None:
        words = [sys.executable, "-c", build.format(kind), str(tmp_path)]
        subprocess.run(words, cwd=root, env=environment, check=True)

    run("sdist", ROOT)
    (packed,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path / "sdist")  # made just now; `filter` needs Python 3.11.4
    (root,) = (tmp_path / "sdist").iterdir()
    run("wheel", root)
    (again,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as two:
        assert sorted(one.namelist()) == sorted(two.namelist())


def test_study_lays_the_book_into_the_current_folder(python: Path, tmp_path: Path) -> None:
    here = tmp_path / "my course"
    here.mkdir()
    done = command(here, python, "study", "--layout-only")
    assert (done.returncode, done.stderr) == (0, "")
    copy, own = here / "study", tmp_path / "own"
    study.lay_out(ROOT, own)
    names = {p.relative_to(copy).as_posix() for p in copy.rglob("*") if p.is_file()}
    assert names == {p.relative_to(own).as_posix() for p in own.rglob("*") if p.is_file()}
    for name in names:
        assert (copy / name).read_bytes() == (own / name).read_bytes(), name
    assert done.stdout == f"study: {len(names) - 1} files new, 0 updated\n"
    # From a folder in it, it is the same copy.
    done = command(copy / "exercises", python, "study", "--layout-only")
    assert done.stdout.endswith("study: up to date\n")
    assert not (copy / "exercises" / "study").exists()


def test_no_link_of_the_copy_leads_nowhere(python: Path, tmp_path: Path) -> None:
    command(tmp_path, python, "study", "--layout-only")
    found = 0
    for path in (tmp_path / "study").rglob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                for target in LINK.findall("".join(cell["source"])):
                    if re.match(r"[a-z]+:", target):
                        continue
                    found += 1
                    assert (path.parent / target).is_file(), f"{path.name}: {target}"
    assert found > 300


def test_a_lesson(python: Path, tmp_path: Path) -> None:
    (tmp_path / "06_mine.py").write_text("def attend(query, key, value): return value\n")
    done = call(tmp_path, python, "-c", textwrap.dedent(LESSON))
    assert done.stderr == ""
    where, report, kept, told, progress, found = done.stdout.splitlines()
    assert Path(where).is_relative_to(python.parents[1])
    again = "  Read again: notebooks/06_one_query.ipynb, “The matrix version”"
    assert (report, progress, found) == (f"5 {[again]}", "1 400", "found")
    assert kept.startswith("Kept: your prediction for 06.1 is b.")
    assert told == "You said b, and b it is: because."


def test_check_and_pytest_find_answers(python: Path, tmp_path: Path) -> None:
    (tmp_path / "06_mine.py").write_text("def attend(query, key, value): return value\n")
    done = command(tmp_path, python, "check", "06_mine.py")
    assert "✓ 06.2 attend: found" in done.stdout
    plugin = ("-p", "no:cacheprovider", "-p", "minitorch_attn.course.learner.pytest_plugin")
    done = call(tmp_path, python, "-m", "pytest", *plugin, "-m", "exercise_06_2", ".")
    assert "of 5 points" in done.stdout
    assert done.returncode == 1


def test_a_class_is_marked(python: Path, tmp_path: Path) -> None:
    write_class(tmp_path / "class", 3)
    words = ("grade", "class", "--chapter", "06", "--out", "marks", "--unsafe")
    done = command(tmp_path, python, *words)
    assert done.returncode == 0, done.stderr
    assert "3 submissions of chapter 06, 3 to mark" in done.stdout
    rows = (tmp_path / "marks" / "grades.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("export nbgrader course", "course/source/ch06/06_one_query.ipynb"),
        ("export gradescope --chapter 6 --out grader.zip", "grader.zip"),
    ],
)
def test_courses_are_exported(words: str, written: str, python: Path, tmp_path: Path) -> None:
    done = command(tmp_path, python, *words.split())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / written).is_file()
    if written.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / written) as archive:
            assert not [name for name in archive.namelist() if "_book" in name]
            assert "book/chapters/book.toml" in archive.namelist()


def test_the_proof_of_an_exercise_runs(python: Path, tmp_path: Path) -> None:
    done = command(tmp_path, python, "prove", "06.1", "--seeds", "1")
    assert "06.1" in done.stdout, done.stderr


@pytest.mark.parametrize("words", ["book", "slides", "live", "one-file 06"])
def test_what_needs_a_checkout_says_so_in_one_line(
    words: str, python: Path, tmp_path: Path
) -> None:
    done = command(tmp_path, python, *words.split())
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert f"{words.split()[0]} needs a checkout of the repository" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"home"}
