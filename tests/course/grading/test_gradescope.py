"""The Gradescope zip, run as Gradescope's documentation says, at `/autograder`.

Where bubblewrap works, a root file system is made in which the zip is unpacked at
`/autograder/source` and everything runs as root, as in their container.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from minitorch_attn.course.book import exercises
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.grading.gradescope import bundle as gradescope_zip
from minitorch_attn.course.grading.gradescope import run as gradescope_run
from minitorch_attn.course.grading.marking import mark as marking
from minitorch_attn.course.grading.marking.isolating import Isolation
from minitorch_attn.course.grading.marking.marks import Mark
from minitorch_attn.course.sources.text import ROOT, read, sources

SIX = next(path for path in sources("solutions") if path.name.startswith("06_"))
TOTAL = sum(exercise.points for exercise in exercises_of(6))
SECRET = "not to be found by anybody 4711"
VISIBILITY = {"hidden", "after_due_date", "after_published", "visible"}
FORMATS = {"text", "html", "simple_format", "md", "ansi"}
Number = (int, float)


def check_documented(found: dict[str, Any]) -> None:
    """What https://gradescope-autograders.readthedocs.io/en/latest/specs/ says of results.json."""
    top = {
        "score": Number,
        "execution_time": Number,
        "output": str,
        "output_format": str,
        "visibility": str,
        "stdout_visibility": str,
        "extra_data": dict,
        "tests": list,
    }
    each = {
        "score": Number,
        "max_score": Number,
        "status": str,
        "name": str,
        "number": str,
        "output": str,
        "output_format": str,
        "tags": list,
        "visibility": str,
        "extra_data": dict,
    }
    for schema, table in [(top, found), *((each, test) for test in found["tests"])]:
        assert set(table) <= set(schema)
        for key, value in table.items():
            assert isinstance(value, schema[key]), key  # type: ignore[arg-type]
        assert table.get("visibility", "visible") in VISIBILITY
        assert table.get("output_format", "text") in FORMATS
    assert "score" in found or all("score" in test for test in found["tests"])
    assert found["stdout_visibility"] == "hidden"
    assert {test["status"] for test in found["tests"]} <= {"passed", "failed"}
    for test in found["tests"]:
        assert 0 <= test["score"] <= test["max_score"]
    assert sum(test["score"] for test in found["tests"]) == pytest.approx(found["score"])


def built(answers: bool) -> Any:
    return exercises.build(read(SIX), answers=answers)


def code(text: str) -> str:
    notebook = v4.new_notebook()
    notebook.cells = [v4.new_code_cell(text)]
    return nbformat.writes(notebook)


def messy() -> str:
    notebook = copy.deepcopy(built(answers=True))
    cells = [c for c in notebook.cells if c.cell_type == "code"]
    for cell in cells:
        cell.metadata = {}
    notebook.cells = [v4.new_code_cell("def check(*a):\n    return 20\n1 / 0"), *reversed(cells)]
    return nbformat.writes(notebook)


# Everything that a student might try in this container; the answer must stay worth nothing.
HOSTILE = f"""
import glob, json, os, sys

FORGED = json.dumps({{"score": {TOTAL}, "tests": []}})


def attend(query, key, value):
    seen = []
    for folder in ("/autograder/source", "/autograder/results", "/autograder"):
        try:
            seen += glob.glob(folder + "/**/06_one_query.md", recursive=True)
            seen += [open(folder + "/secret.txt").read()]
        except OSError:
            pass
        for name in ("results/results.json", "results.json", "run_autograder", "source/grade.py"):
            try:
                with open(os.path.join(folder, name), "w") as file:
                    file.write(FORGED)
                seen.append("wrote " + folder + "/" + name)
            except OSError:
                pass
    try:
        open("/proc/%d/environ" % os.getppid()).read()
        seen += [m for m in sys.modules if "minitorch_attn.course" in m]
    except OSError:
        pass
    print(FORGED)
    raise ValueError("seen: " + repr(seen))
"""


# Local: the part that turns a mark into Gradescope's JSON


def mark(review: str) -> Mark:
    return replace(marking.unreadable("it is empty", 6), review=(review,))


@pytest.mark.parametrize("file", ["", "a.ipynb", "<b>\x1b[1m" * 99])
def test_every_exercise_is_in_the_results_and_only_instructors_see_the_isolation(file: str) -> None:
    one = gradescope_run.Submission("submission", "", "submission", file=file, problem="it broke")
    found = gradescope_run.to_json(mark("odd"), "after_published", "BOX", one)
    check_documented(found)
    assert found["visibility"] == "after_published"
    assert found["score"] == 0
    assert sum(test["max_score"] for test in found["tests"]) == TOTAL
    hidden = [test for test in found["tests"] if test.get("visibility") == "hidden"]
    assert len(hidden) == 1
    assert "BOX" in hidden[0]["output"]
    assert "odd" in hidden[0]["output"]
    assert json.dumps(found).count("BOX") == 1
    assert "\x1b" not in found["output"]


def test_a_slip_that_costs_an_exercise_is_told_to_the_instructor() -> None:
    one = gradescope_run.Submission("submission", "", "submission", file="a.py")
    slip = marking.mark("def mend(:\n", ".py", 6, SECRET, Isolation("sandbox", "not needed"))
    (eye,) = gradescope_run.to_json(slip, "visible", "BOX", one)["tests"][-1:]
    assert "Look at: 06.1: mend is there but cannot be read: " in eye["output"]


def test_a_failure_of_the_grader_is_written_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("source", "results", "submission"):
        (tmp_path / name).mkdir()
    (tmp_path / "results/results.json").write_text("old")
    assert gradescope_run.main([str(tmp_path)]) == 1  # there are no settings
    found = json.loads((tmp_path / "results/results.json").read_text("utf-8"))
    check_documented(found)
    assert found["output"] == gradescope_run.FAILED
    assert "Traceback" not in json.dumps([t for t in found["tests"] if "visibility" not in t])
    assert "settings.json" in found["tests"][0]["output"]
    assert [p.name for p in (tmp_path / "results").iterdir()] == ["results.json"]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "nothing for chapter 06"),
        ({"notes.txt": "hello"}, "no"),
        ({"06_one_query.ipynb": ""}, "empty"),
        ({"06_one_query.ipynb": code("x = 1")}, ""),
        ({"anything.py": "def attend(q, k, v):\n    return v"}, ""),
        ({"folder/06_one_query.ipynb": code("x = 1"), "06_one_query.py": "y = 2"}, ""),
    ],
)
def test_the_students_file_is_found(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    one = gradescope_run.find(tmp_path, 6)
    assert bool(one.problem) == bool(problem)
    assert problem in one.problem


def test_the_unpacked_zip_starts_with_what_the_container_has(tmp_path: Path) -> None:
    """Pages, locks and platforms are for `grade`: the container has what `NEEDED` names."""
    gradescope_zip.write(tmp_path / "six.zip", 6, SECRET)
    with zipfile.ZipFile(tmp_path / "six.zip") as archive:
        archive.extractall(tmp_path / "source")
    (tmp_path / "results").mkdir()
    lacking = ["jinja2", "filelock", "platformdirs", "nbgrader", "nbconvert", "matplotlib"]
    script = tmp_path / "source/grade.py"
    code = (
        f"import runpy, sys\nsys.modules.update(dict.fromkeys({lacking}))\n"
        f"sys.argv[1:] = [{str(tmp_path)!r}]\nrunpy.run_path({str(script)!r})"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert (tmp_path / "results/results.json").is_file(), done.stderr
    found = json.loads((tmp_path / "results/results.json").read_text("utf-8"))
    check_documented(found)
    said = found["output"] + found["tests"][-1]["output"]
    assert "nothing for chapter 06" in said or "as root here" in said


# The whole, at /autograder


Grade = Callable[[dict[str, str | bytes]], dict[str, Any]]


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """A command that runs another as root in a file system with our /autograder."""
    if not shutil.which("bwrap"):
        pytest.skip("bubblewrap is missing: apt install bubblewrap")
    root = tmp_path_factory.mktemp("autograder")
    os.chmod(root, 0o755)
    for folder in ("source", "results", "submission"):
        (root / folder).mkdir()
    command = ["bwrap", "--die-with-parent"]
    if os.getuid() != 0:
        command += ["--unshare-user", "--uid", "0", "--gid", "0"]
    command += ["--cap-add", "ALL", "--tmpfs", "/"]
    for path in sorted(Path("/").iterdir()):
        if path.name not in ("usr", "bin", "sbin", "etc", "opt") and path.name[:3] != "lib":
            continue
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), str(path)]
        else:
            command += ["--ro-bind", str(path), str(path)]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/root"]
    command += ["--perms", "0755", "--dir", "/run", "--bind", str(root), "/autograder"]
    command += ["--chdir", "/autograder"]
    if subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("bubblewrap does not work here: user namespaces are blocked")
    zipped = root.parent / "six.zip"
    gradescope_zip.write(zipped, 6, SECRET)
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(root / "source")  # as Gradescope does; modes are lost
    shutil.copy(root / "source/run_autograder", root)
    (root / "run_autograder").chmod(0o755)
    yield command
    subprocess.run(["chmod", "-R", "u+rwX", str(root)], check=False)


@pytest.fixture(scope="module")
def grade(container: list[str]) -> Grade:
    """Set up once, then grade the given files as a submission."""
    root = Path(container[container.index("/autograder") - 1])
    network = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_", "REQUESTS_")) or name.lower().endswith("_proxy")
    }
    environment = {"PATH": os.defpath, "HOME": "/root", **network}
    done = subprocess.run(
        [*container, "bash", "/autograder/source/setup.sh"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The grader works: chapter 06" in done.stdout

    def run(files: dict[str, str | bytes], *, level: str = "sandbox") -> dict[str, Any]:
        submission, results = root / "submission", root / "results"
        for folder in (submission, results):
            shutil.rmtree(folder)
            folder.mkdir()
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (submission / name).write_bytes(data)
        hide = ["--ro-bind", "/dev/null", "/usr/bin/bwrap"] if level == "limits" else []
        done = subprocess.run(
            [*container, *hide, "/autograder/run_autograder"],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert [p.name for p in results.iterdir()] == ["results.json"]
        found = json.loads((results / "results.json").read_text("utf-8"))
        check_documented(found)
        assert SECRET not in json.dumps(found) + done.stdout + done.stderr
        hidden = [test for test in found["tests"] if test.get("visibility") == "hidden"]
        assert len(hidden) == 1
        return found

    return run


CASES: dict[str, tuple[dict[str, str | bytes], float]] = {
    "solved": ({"06_one_query.ipynb": nbformat.writes(built(answers=True))}, TOTAL),
    "messy, by another name": ({"homework.ipynb": messy()}, TOTAL),
    "beside files that are named like Python's": (
        dict.fromkeys(["numpy.py", "symtable.py", "json.py", "sitecustomize.py"], "raise OSError")
        | {"06_one_query.ipynb": nbformat.writes(built(answers=True))},
        TOTAL,
    ),
    "untouched": ({"06_one_query.ipynb": nbformat.writes(built(answers=False))}, 0),
    "hostile": ({"06_one_query.ipynb": code(HOSTILE)}, 0),
    "leaves at once": ({"06_one_query.ipynb": code("import os\nos._exit(0)\n" + HOSTILE)}, 0),
    "empty file": ({"06_one_query.ipynb": b""}, 0),
    "nothing": ({}, 0),
    "no notebook": ({"essay.txt": "dear teacher"}, 0),
    "invalid JSON": ({"06_one_query.ipynb": "{ not JSON"}, 0),
    "not UTF-8": ({"06_one_query.ipynb": b"\xff\xfe{}"}, 0),
}


@pytest.mark.slow
def test_the_zip_as_documented(grade: Any) -> None:
    seen = {name: grade(files) for name, (files, _) in CASES.items()}
    scores = {name: found["score"] for name, found in seen.items()}
    assert scores == {name: points for name, (_, points) in CASES.items()}
    for name, found in seen.items():
        assert sum(test["max_score"] for test in found["tests"]) == TOTAL, name
    forged = json.dumps(seen["hostile"])
    assert "seen: []" in forged, "it read or wrote something, or did not run"
    assert "JSON" in seen["invalid JSON"]["output"] + json.dumps(seen["invalid JSON"]["tests"])
    assert (ROOT / "solutions/06_one_query.md").read_text("utf-8").startswith("---")


@pytest.mark.slow
def test_where_bubblewrap_is_missing_another_user_runs_the_code(grade: Any) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user: run as root")
    for name in ("solved", "untouched", "hostile"):
        files, points = CASES[name]
        found = grade(files, level="limits")
        assert found["score"] == points, found
        hidden = next(test for test in found["tests"] if test.get("visibility") == "hidden")
        assert "bubblewrap" in hidden["output"] or "bwrap" in hidden["output"]
    assert "seen: []" in json.dumps(found), found


@pytest.mark.slow
def test_a_grader_that_is_killed_leaves_results(container: list[str], grade: Any) -> None:
    """Gradescope's own limit, or a full memory, may end it: what stands then is valid."""
    root = Path(container[container.index("/autograder") - 1])
    broken = root / "source/grade.py"
    kept = broken.read_bytes()
    broken.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    try:
        subprocess.run([*container, "/autograder/run_autograder"], capture_output=True)
        found = json.loads((root / "results/results.json").read_text("utf-8"))
        check_documented(found)
        assert found["score"] == 0
        assert "tell your instructor" in found["output"]
    finally:
        broken.write_bytes(kept)
