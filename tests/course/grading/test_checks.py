"""Exercises of an instructor's own: what INSTRUCTORS.md shows, done as it says."""

from __future__ import annotations

import csv
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from helpers.honest import notebook

from minitorch_attn.__main__ import main
from minitorch_attn.course import check, check_file, progress, use_checks
from minitorch_attn.course.checking.running import run
from minitorch_attn.course.checks import NoExercise, exercises_of, folders, written_chapters
from minitorch_attn.course.checks.folders import FolderMistake
from minitorch_attn.course.grading import records
from minitorch_attn.course.grading.gradescope import run as gradescope_run
from minitorch_attn.course.grading.marking import box
from minitorch_attn.course.grading.marking import mark as marking
from minitorch_attn.course.proving import named
from minitorch_attn.course.proving.answers import worked
from minitorch_attn.course.sources.text import ROOT

GUIDE = (ROOT / "exercises" / "INSTRUCTORS.md").read_text(encoding="utf-8")
SHOWN = GUIDE.partition("## Exercises of your own\n")[2].partition("\n## ")[0]
CHECKS, SOURCE = "checks/ch40.py", "solutions/40_temperature.md"
FILES = {
    "python": (CHECKS, "solutions/other/40_temperature.py"),
    "markdown": (SOURCE,),
}
SECRET = "a secret of sixteen letters or more"
boxed = pytest.mark.skipif(
    box.find_isolation().level != "sandbox",
    reason=f"needs bubblewrap: {box.find_isolation().words}",
)


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Path]:
    """The folder that the guide shows, pasted."""
    root = tmp_path / "mine"
    for language, names in FILES.items():
        fenced = rf"^(````?){language}\n(.*?)^\1$"
        shown = re.findall(fenced, SHOWN, re.DOTALL | re.MULTILINE)
        for name, (_, text) in zip(names, shown, strict=True):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
    yield root
    for used in [root] if str(root / "checks") in folders.places else []:
        folders.forget(used)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def answer(*cells: str) -> str:
    return notebook("import numpy as np", *cells)


def right(root: Path) -> str:
    use_checks(root)
    return worked(exercises_of(40)[0]).source


def wrong(root: Path) -> dict[str, str]:
    """Each named wrong answer as a student would write it."""
    use_checks(root)
    helper = inspect.getsource(exercises_of(40)[0].checks[0].body.__globals__["softmax"])
    cells = {}
    for one in exercises_of(40)[0].wrong_answers:
        source = inspect.getsource(one.function)
        name = one.function.__name__
        cells[one.name] = f"{helper}\n\n{source[source.index('def ') :]}".replace(name, "tempered")
    return cells


# The way of the guide, from the source to the marks


def test_a_notebook_for_students_is_made_from_the_source(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "notebooks", "--checks", str(mine)]) == 0
    path = mine / "exercises" / "40_temperature.ipynb"
    assert capsys.readouterr().out == f"wrote {path}\n"
    made = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in made.cells)
    assert "## 40.1 Softmax with a temperature" in text
    assert "**5 points**" in text
    assert "Read again: chapter 05." in text
    assert 'raise NotImplementedError("not done yet")' in text
    assert "shifted" not in text
    points = [c.metadata.nbgrader.get("points") for c in made.cells if "nbgrader" in c.metadata]
    assert points == [None, 5]
    assert main(["export", "notebooks", "--checks", str(mine)]) == 0
    assert "nothing has changed" in capsys.readouterr().out


HOSTILE = """
def tempered(scores, temperature):
    import glob, importlib, os, sys
    seen = [m for m in sys.modules if "checks" in m]
    for path in ({checks!r}, {source!r}):
        for place in (path, "/proc/1/root" + path, "/proc/self/cwd" + path):
            try:
                seen.append(open(place).read())
            except OSError:
                pass
        seen += glob.glob(os.path.dirname(path) + "/*")
    for name in ("ch40", "minitorch_attn.course.checks.ch40"):
        try:
            seen.append(importlib.import_module(name))
        except ImportError:
            pass
    raise ValueError("seen: " + repr(seen))
"""


def test_a_mistake_costs_the_same_with_any_seed(mine: Path) -> None:
    use_checks(mine)
    (exercise,) = exercises_of(40)
    for wrong in exercise.wrong_answers:
        points = {run(exercise, wrong.function, seed).points for seed in range(60)}
        assert len(points) == 1, wrong.name


def test_a_mistake_that_costs_more_with_some_seeds_is_told(mine: Path) -> None:
    """A score that is divided by 0.01 and not shifted overflows where it is above 7."""
    change(mine / CHECKS, "tempered(scores, 0.1), softmax(scores / 0.1)", "CLOSE")
    change(mine / CHECKS, "CLOSE", "tempered(scores, 0.01), softmax(scores / 0.01)")
    use_checks(mine)
    (line,) = named.faults(exercises_of(40)[0], range(60))
    assert "40.1: the wrong answer “not shifted” fails “" in line
    assert line.endswith("” with some draws only")


@boxed
@pytest.mark.slow
def test_a_class_is_marked(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handed_in, out, canary = tmp_path / "class", tmp_path / "out", tmp_path / "imported"
    answers = {"right": right(mine), **wrong(mine)}
    answers["untouched"] = 'def tempered(scores, temperature):\n    raise NotImplementedError("")'
    paths = {"checks": str(mine / CHECKS), "source": str(mine / SOURCE)}
    answers["hostile"] = HOSTILE.format(**paths)
    for name, text in answers.items():
        (handed_in / name).mkdir(parents=True)
        (handed_in / name / "40_temperature.ipynb").write_text(answer(text), encoding="utf-8")
    for name in ("ch40", "common", "numpy", "folders", "mine", "checks"):  # none may be imported
        spy = f"open({str(canary)!r}, 'a').write({name!r})\n"
        for folder in (handed_in, handed_in / "hostile"):
            (folder / f"{name}.py").write_text(spy, encoding="utf-8")
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET, encoding="utf-8")
    secret.chmod(0o600)
    words = ["grade", ".", "--checks", str(mine), "--chapter", "40", "--jobs", "2"]
    words += ["--out", str(out), "--secret-file", str(secret)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "minitorch_attn", *words],
        cwd=handed_in,
        env=env,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert not canary.exists()
    with open(out / "grades.csv", encoding="utf-8-sig", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    points = {name: float(row["points"]) for name, row in rows.items() if name in answers}
    assert points == {
        "right": 5,
        "multiplied": 1,
        "columns": 0,
        "not shifted": 4,
        "takes any temperature": 4,
        "untouched": 0,
        "hostile": 0,
    }
    for name in wrong(mine):
        feedback = (out / "feedback" / f"{name.replace(' ', '_')}.md").read_text("utf-8")
        assert "this looks like" in feedback
        assert name in feedback
    said = (out / "students" / "hostile.json").read_text("utf-8")
    assert "seen: []" in said
    assert "chapter 40: Temperature" in (out / "summary.html").read_text("utf-8")
    # A term, with the folder and without.
    folders.forget(mine)
    assert main(["term", str(tmp_path)]) == 2
    assert "give --checks" in capsys.readouterr().err
    assert main(["term", str(tmp_path), "--checks", str(mine)]) == 0
    assert "ch40" in (tmp_path / "term.csv").read_text("utf-8-sig").splitlines()[0]


def test_the_wrong_answers_prove_the_checks(mine: Path) -> None:
    use_checks(mine)
    assert [line for e in exercises_of(40) for line in named.faults(e)] == []


@pytest.mark.slow
def test_the_proof_by_mutants_holds(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["prove", "--checks", str(mine)])
    said = capsys.readouterr().out
    assert "40.1 Softmax with a temperature" in said
    assert "06." not in said
    assert status == 0, said


def test_a_learner_checks_their_answer(mine: Path) -> None:
    with pytest.raises(NoExercise):
        check("40.1", lambda scores, temperature: scores)
    use_checks(mine)
    space: dict[str, Any] = {"np": np}
    exec(right(mine), space)
    report = check("40.1", space["tempered"])
    assert (report.points, report.total) == (5, 5)
    path = mine / "40_temperature.ipynb"
    path.write_text(answer(right(mine)), encoding="utf-8")
    assert check_file(path).ready


def test_a_check_that_stops_by_itself_is_told_to_whoever_wrote_it(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes an array, as the worked answer gives one, and a student returns lists."""
    for given in ("some", "scores"):
        call = f"tempered({given}, temperature)"
        change(mine / CHECKS, f"expect_close({call}, ", "CLOSE")
        change(mine / CHECKS, "CLOSE", f"expect_close({call}.astype(float), ")
    use_checks(mine)
    lists = right(mine).replace(
        "e / e.sum(axis=1, keepdims=True)", "(e.T / e.sum(axis=1)).T.tolist()"
    )
    told = "stopped by itself, ch40.py, line 32: AttributeError: 'list' object has no attribute"
    space: dict[str, Any] = {"np": np}
    exec(lists, space)
    report = check("40.1", space["tempered"])
    assert f"The check “{report.results[0].claim}” {told}" in capsys.readouterr().out
    assert "AttributeError" not in repr(report)
    assert "a list of" in report.results[0].got
    mark = marking.mark(answer(lists), ".ipynb", 40, SECRET, box.find_isolation())
    line, _ = mark.review  # the next check stops, too
    assert line.startswith("40.1: the check “each row")
    assert "stopped by itself: ch40.py, line 32: AttributeError" in line


@pytest.mark.slow
@boxed
def test_in_nbgraders_course(mine: Path, tmp_path: Path) -> None:
    course = tmp_path / "course"
    own = ["--checks", str(mine), "--chapter", "40"]
    assert main(["export", "nbgrader", str(course), *own]) == 0
    bin = os.path.dirname(sys.executable)  # nbgrader looks for its tools on the path
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{bin}:{os.environ['PATH']}"}
    path = course / "submitted" / "anna" / "ch40" / "40_temperature.ipynb"

    def nbgrader(*words: str) -> None:
        words = (sys.executable, "-P", "-m", "nbgrader", *words)
        ran = subprocess.run(words, cwd=course, env=env, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr

    nbgrader("generate_assignment", "ch40")
    path.parent.mkdir(parents=True)
    path.write_text(answer(wrong(mine)["not shifted"]), encoding="utf-8")
    nbgrader("autograde", "ch40")
    nbgrader("export")
    with open(course / "grades.csv", encoding="utf-8", newline="") as file:
        assert [float(row["score"]) for row in csv.DictReader(file)] == [4]


@pytest.mark.slow
@boxed
def test_in_gradescopes_zip(mine: Path, tmp_path: Path) -> None:
    out, own = tmp_path / "40.zip", ["--checks", str(mine), "--chapter", "40"]
    assert main(["export", "gradescope", *own, "--out", str(out), *_secret(tmp_path)]) == 0
    place = tmp_path / "autograder" / "source"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(out), str(place)], check=True)
    (place.parent / "submission").mkdir()
    (place.parent / "submission" / "x.ipynb").write_text(
        answer(wrong(mine)["not shifted"]), encoding="utf-8"
    )
    settings = '{"chapter": 40, "visibility": "visible"}'
    code = (
        "import json, sys\nfrom pathlib import Path\n"
        f"from {gradescope_run.__name__} import results\n"
        f"found = results(Path({str(place.parent / 'submission')!r}), {settings}, {SECRET!r})\n"
        "print(found['score'])"
    )
    env = {**os.environ, "PYTHONPATH": str(place / "book")}
    words = [sys.executable, "-P", "-c", code]
    ran = subprocess.run(words, env=env, capture_output=True, text=True)
    assert ran.stderr == ""
    assert float(ran.stdout) == 4


def _secret(folder: Path) -> list[str]:
    path = folder / "secret.txt"
    path.write_text(SECRET, encoding="utf-8")
    return ["--secret-file", str(path)]


# Mistakes


def put(name: str, text: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        (root / name).write_text(text, encoding="utf-8")

    return write


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda root: change(root / name, old, new)


def no_checks(root: Path) -> None:
    path = root / CHECKS
    text = path.read_text(encoding="utf-8")
    path.write_text(text.partition("@tempered.check")[0], encoding="utf-8")


EXERCISE = 'tempered = Exercise(\n    "40.1",'
MISTAKES: dict[str, tuple[Callable[[Path], None], str]] = {
    "no checks at all": (lambda root: (root / CHECKS).unlink(), "mine has no checks"),
    "a number of the book's": (put("checks/ch06.py", ""), "ch06.py already.* number from 18 on"),
    "a name of the book's": (put("checks/common.py", ""), "checks/common.py: .* already"),
    "a function of the book's": (
        edit(CHECKS, "tempered", "attend"),
        r"ch40.py, line 7: 40.1: attend is the function of the book's 06.2",
    ),
    "a solution without checks": (
        put("solutions/41_more.md", "# More\n"),
        r"41_more.md: there is no checks/ch41.py for it",
    ),
    "a source of the book's number": (
        put("solutions/06_mine.md", "# More\n"),
        r"06_mine.md: there is no checks/ch06.py for it",
    ),
    "another chapter's id": (edit(CHECKS, '"40.1"', '"41.1"'), "line 7: 41.1: its id must begin"),
    "an id that is none": (edit(CHECKS, '"40.1"', '"40"'), "line 6: ValueError: an exercise's id"),
    "one id twice": (
        edit(
            CHECKS,
            EXERCISE,
            EXERCISE.replace("tempered", "other") + '"","f","f()",1,1,1,'
            '"05_softmax.md#temperature")\n' + EXERCISE,
        ),
        "40.1: two exercises have this id",
    ),
    "a syntax error": (edit(CHECKS, "def draw(rng):", "def draw(rng:"), "ch40.py, line 23: "),
    "a name that is not there": (
        edit(CHECKS, "@tempered.check(3,", "@tempred.check(3,"),
        "ch40.py, line 28: NameError",
    ),
    "no exercise": (put(CHECKS, "x = 1\n"), "ch40.py has no Exercise"),
    "no check": (no_checks, "line 7: 40.1: it has no check"),
    "a heading that is not there": (
        edit(CHECKS, "#temperature", "#warmth"),
        "40.1: 05_softmax.md#warmth leads to no heading",
    ),
    "a signature of another": (
        edit(CHECKS, 'signature="tempered', 'signature="temper'),
        "40.1: its signature does not begin with",
    ),
    "a wrong answer that passes": (
        edit(CHECKS, "softmax(scores * temperature)", "softmax(scores / temperature)"),
        "ch40.py, line 52: 40.1: the wrong answer “multiplied” passes every check",
    ),
    "two that do the same": (
        edit(CHECKS, "softmax(scores * temperature)", "softmax(scores / temperature, axis=0)"),
        "the wrong answer “multiplied” is not told by its name",
    ),
    "a check that cannot fail": (
        edit(
            CHECKS,
            '@tempered.wrong("multiplied"',
            '@tempered.check(1, "idle")\n'
            "def idle(tempered, rng):\n    tempered(np.ones((2, 2)), 1.0)\n\n\n"
            '@tempered.wrong("multiplied"',
        ),
        "line 52: 40.1: no wrong answer fails the check “idle”",
    ),
    "a check that fails by itself": (
        edit(CHECKS, "    places = rng.", "    places = 1 / 0 * rng."),
        r"ch40.py, line 38: 40.1: ZeroDivisionError",
    ),
    "a check that stops at the right answer": (
        edit(CHECKS, '"row by row")', '"row by row").nothing'),
        r"ch40.py, line 28: 40.1: the check “each row.*” stops by itself: ch40.py, line 32: Attr",
    ),
    "a wrong answer that only raises": (
        edit(CHECKS, "softmax(scores * temperature)", "softmax(scores * temperature, axis=7)"),
        "the wrong answer “multiplied” fails by raising alone: if that is the mistake",
    ),
    "a worked answer that is wrong": (
        edit(SOURCE, "shifted / temperature)", "shifted * temperature)"),
        r"40_temperature.md, line 17: 40.1: the worked answer fails “each row",
    ),
    "a worked answer that cannot be read": (
        edit(SOURCE, "    e = np.exp(", "    e = np.exp("[:-1] + "(("),
        r"40_temperature.md, line 2\d: '\(' was never closed",
    ),
    "no source": (lambda root: (root / SOURCE).unlink(), r"there is no .*solutions/40_….md"),
    "no card": (edit(SOURCE, "<!-- card: 40.1 -->", ""), "40.1 needs one line <!-- card: 40.1"),
    "an answer outside the markers": (
        edit(SOURCE, "Large scores must", "Use np.exp(shifted / temperature). Large scores must"),
        "part of an answer stands outside the markers",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_folder_is_one_line(
    mine: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, message = MISTAKES[name]
    make(mine)
    (tmp_path / "class").mkdir()
    words = ["--checks", str(mine), "--chapter", "40"]
    status = main(["grade", str(tmp_path / "class"), *words, "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert status in (1, 2), said
    assert len(said.splitlines()) == 1
    assert re.search(message, said), said
    assert not (tmp_path / "out").exists()


def test_checks_and_submissions_stay_apart(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--chapter", "40", "--out", str(tmp_path.parent / "out")]
    for submissions in (mine, mine / "checks", tmp_path):
        assert main(["grade", str(submissions), "--checks", str(mine), *out]) == 2
        assert "lie one in the other" in capsys.readouterr().err


def test_what_is_forgotten_leaves_the_book_as_it_was(mine: Path) -> None:
    before = written_chapters()
    use_checks(mine)
    use_checks(mine)  # once more changes nothing
    assert written_chapters() == [*before, 40]
    assert folders.chapter(40).title == "Temperature"
    assert folders.chapter(6).file == "06_one_query"
    folders.forget(mine)
    assert written_chapters() == before
    change(mine / CHECKS, "40", "41")
    (mine / CHECKS).rename(mine / "checks/ch41.py")
    (mine / SOURCE).unlink()
    use_checks(mine)
    assert [exercise.id for exercise in exercises_of(41)] == ["41.1"]


def test_progress_counts_the_folders_points(mine: Path) -> None:
    without = progress()
    use_checks(mine)
    [exercise] = exercises_of(40)
    names: dict[str, Any] = {}
    exec(f"import numpy as np\n{worked(exercise).source}", names)
    check("40.1", names["tempered"])
    shown = progress()
    assert shown is not None
    assert without is not None
    assert shown.total == without.total + exercise.points
    assert shown.rows[-1].points == exercise.points == shown.points
    assert "40 Temperature" in repr(shown)
    page = shown._repr_html_()
    assert "notebooks/40" not in page
    assert "not written yet" not in page


def test_pytest_checks_the_folders_exercises(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "40_mine.py").write_text(f"import numpy as np\n{right(mine)}", encoding="utf-8")
    folders.forget(mine)
    plugin = "minitorch_attn.course.learner.pytest_plugin"
    command = [sys.executable, "-m", "pytest", "-p", plugin, "-p", "no:cacheprovider"]

    def said(*more: str) -> str:
        done = subprocess.run(
            [*command, *more], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8"
        )
        return done.stdout + done.stderr

    assert "5 of 5 points" in said("40_mine.py", "--checks", "mine", "-m", "exercise_40_1")
    assert "nowhere has no checks" in said("40_mine.py", "--checks", "nowhere")


def test_marks_of_the_folder_are_made_anew_where_it_changes_and_the_books_stay(mine: Path) -> None:
    book, own = records.grader_version(6), {records.grader_version(40)}
    use_checks(mine)
    own.add(records.grader_version(40))
    for name in (CHECKS, SOURCE):
        records._version.cache_clear()
        (mine / name).write_text((mine / name).read_text("utf-8") + "\n", encoding="utf-8")
        own.add(records.grader_version(40))
    assert len(own) == 4
    assert records.grader_version(6) == book


def test_two_folders_do_not_hide_one_another(mine: Path, tmp_path: Path) -> None:
    use_checks(mine)
    other = tmp_path / "other"
    (other / "checks").mkdir(parents=True)
    (other / CHECKS).write_text("", encoding="utf-8")
    with pytest.raises(FolderMistake, match="already"):
        use_checks(other)
