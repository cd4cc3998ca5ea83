"""A file of a student's is never imported by the grader, whatever its name and the current folder.

A submission is named like each module that a run asks for, and leaves a mark when it is run.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import honest
from helpers.browsing import lacking

from minitorch_attn import current_folder
from minitorch_attn.course.grading.marking import box
from minitorch_attn.course.grading.pool import spread
from minitorch_attn.course.sources.text import ROOT

SECRET = "correct horse battery staple"
# What an installation writes for `[project.scripts]`.
SCRIPT = (
    f"#!{sys.executable}\nimport sys\nfrom minitorch_attn.__main__ import main\n"
    "if __name__ == '__main__':\n    sys.exit(main())\n"
)
# Runs the command and, in this same process, what its workers do; prints all names asked for.
ASKED = """
import sys
asked = set()
class Recorder:
    def find_spec(self, name, path=None, target=None):
        asked.add(name)
sys.meta_path.insert(0, Recorder())
if __name__ == "__main__":
    from pathlib import Path
    from minitorch_attn.__main__ import main
    from minitorch_attn.course.grading import grade
    assert main(["grade", sys.argv[1], "--chapter", "06", "--out", sys.argv[2], "--jobs", "1"]) == 0
    text = Path(sys.argv[1], "ada.ipynb").read_text()
    mark, *_ = grade.work(grade.Task(text, ".ipynb", 6, "x" * 20, False))
    assert mark.points == 20
    print(*{name.partition(".")[0] for name in asked | set(sys.modules)})
"""


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return kept | {"MINITORCH_ATTN_SECRET": SECRET, "PYTHONPATH": str(ROOT)} | more


def hand_in(folder: Path) -> Path:
    """One right notebook; a magic in it has the grader import IPython."""
    folder.mkdir()
    cells = {"mend": ["%matplotlib inline\nimport numpy as np", honest.solution(6)["mend"]]}
    (folder / "ada.ipynb").write_text(honest.answers(6, **cells), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules that a run asks for, found or not."""
    if box.find_isolation().level != "sandbox":
        lacking(box.find_isolation().words)
    aside = tmp_path_factory.mktemp("asked")
    (aside / "asked.py").write_text(ASKED)
    words = [sys.executable, str(aside / "asked.py"), str(hand_in(aside / "all"))]
    done = subprocess.run(
        [*words, str(aside / "out")], env=environment(), cwd=aside, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = set(done.stdout.splitlines()[-1].split())
    assert {"numpy", "symtable", "random", "IPython", "jinja2"} <= found
    return (found | {"sitecustomize", "usercustomize"}) - {"__main__", "__mp_main__"}


@pytest.fixture(scope="module")
def too_early(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What Python itself has imported when the first line of a program runs under `-m`."""
    aside = tmp_path_factory.mktemp("early")
    (aside / "probe.py").write_text("import sys; print(*sys.modules)")
    done = subprocess.run(
        [sys.executable, "-m", "probe"], env=environment(), cwd=aside, capture_output=True
    )
    return set(done.stdout.decode().split()) | {"minitorch_attn"}


WAYS = {
    "python -m": ["-m", "minitorch_attn"],
    "python -m, isolated": ["-P", "-m", "minitorch_attn"],
    "python -m, PYTHONPATH with an empty entry": ["-m", "minitorch_attn"],
    "the command": [],
    "the command, PYTHONPATH with an empty entry": [],
    "the command, from another folder": [],
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_no_submission_is_imported(
    tmp_path: Path, names: set[str], too_early: set[str], way: str
) -> None:
    folder, canary = hand_in(tmp_path / "all"), tmp_path / "canary"
    script = tmp_path / "bin" / "minitorch_attn"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    wanted, variables = set(names), environment()
    if "empty entry" in way:
        variables["PYTHONPATH"] = f":{ROOT}:."
    if "-P" not in WAYS[way] and (WAYS[way] or "empty entry" in way):
        wanted -= too_early  # no program can help that: INSTRUCTORS.md names the command
    if "empty entry" in way:
        wanted -= {"sitecustomize", "usercustomize"}
    for number, name in enumerate(sorted(wanted)):
        packed = number % 3 == 0
        path = folder / name / "__init__.py" if packed else folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"open({str(canary)!r}, 'a').write(__name__ + '\\n')\n")
    here, given = (tmp_path, "all") if "another folder" in way else (folder, ".")
    words = [sys.executable, *(WAYS[way] or [str(script)]), "grade", given, "--chapter", "06"]
    out = tmp_path / "out"
    done = subprocess.run(
        [*words, "--out", str(out), "--jobs", "2"],
        env=variables, cwd=here, capture_output=True, text=True,
    )  # fmt: skip
    assert not canary.exists(), f"these were run: {canary.read_text()}"
    assert done.returncode == 0, done.stderr
    with open(out / "grades.csv", encoding="utf-8-sig", newline="") as file:
        points = {row["student"]: row["points"] for row in csv.DictReader(file)}
    assert points["ada"] == "20"
    assert len(points) == len(wanted) + 1


def test_what_python_itself_imports_first_is_told(tmp_path: Path) -> None:
    """`-m` needs a few modules before any program begins; where these are strangers', we stop."""
    (tmp_path / "keyword.py").write_text(
        "from importlib.util import module_from_spec, spec_from_file_location\nimport os\n"
        "spec = spec_from_file_location(__name__, os.path.join(os.path.dirname(os.__file__), "
        "'keyword.py'))\nreal = module_from_spec(spec)\nspec.loader.exec_module(real)\n"
        "iskeyword, issoftkeyword, kwlist = real.iskeyword, real.issoftkeyword, real.kwlist\n"
    )
    words = [sys.executable, "-m", "minitorch_attn", "grade", ".", "--chapter", "06", "--out", "o"]
    done = subprocess.run(words, env=environment(), cwd=tmp_path, capture_output=True, text=True)
    if done.returncode != 2 or "keyword.py" not in done.stderr:
        assert not sys.version_info < (3, 12), done.stderr  # later ones import fewer
        return
    assert "Start `minitorch_attn`" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["info", "train --help", "study --help", "grade --help"])
def test_a_learners_own_random_breaks_no_command(tmp_path: Path, command: str) -> None:
    for name in ("random", "numpy", "tqdm", "json", "__future__"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('mine')")
    words = [sys.executable, "-m", "minitorch_attn", *command.split()]
    done = subprocess.run(words, env=environment(), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_package_is_found_where_it_lies_in_the_current_folder(tmp_path: Path) -> None:
    """A checkout that is not installed; what lies beside the package comes after all others."""
    (tmp_path / "minitorch_attn").symlink_to(ROOT / "minitorch_attn")
    (tmp_path / "numpy.py").write_text("raise SystemExit('mine')")
    words = [sys.executable, "-m", "minitorch_attn", "info"]
    done = subprocess.run(
        words, env=environment(PYTHONPATH=""), cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_program_of_ones_own_keeps_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("x = 1")
    code = "import sys; path = list(sys.path); import minitorch_attn, mine; assert sys.path == path"
    subprocess.run([sys.executable, "-c", code], env=environment(), cwd=tmp_path, check=True)


def test_workers_find_nothing_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where somebody's own program, with the current folder on its path, starts them."""
    for name in ("pickle", "signal", "threading", "struct", "multiprocessing", "tempfile"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f":{ROOT}:{ROOT / 'tests'}")
    assert dict(spread(len, ["a", "bc"], 2)) == {0: 1, 1: 2}
    assert not (tmp_path / "canary").exists()
    assert os.environ["PYTHONPATH"].startswith(":"), "as it was"


def test_what_leaves_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, given = tmp_path / "here", tmp_path / "given"
    for folder in (here, given, here / "lib", tmp_path / "kept"):
        folder.mkdir()
    (tmp_path / "link").symlink_to(here)
    monkeypatch.chdir(here)
    monkeypatch.setenv("PYTHONPATH", "lib")
    places = ["here", "kept", "link", "given", "here/lib"]
    path = ["", ".", *(str(tmp_path / place) for place in places)]
    monkeypatch.setattr(sys, "path", path)
    current_folder.leave(str(given))
    assert sys.path == [str(tmp_path / "kept")]
    monkeypatch.setattr(current_folder, "HOME", str(here))
    (tmp_path / "kept" / "minitorch_attn").mkdir()
    sys.path[:] = ["", "/usr/lib", str(tmp_path / "kept"), "/opt"]
    current_folder.leave()
    assert sys.path == ["/usr/lib", str(here), str(tmp_path / "kept"), "/opt"], "its own version"
    assert current_folder.absolute("/bin::.:/usr/bin:lib") == "/bin:/usr/bin"
