"""The README, followed to the letter in a fresh clone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from helpers.classroom import write_class

from minitorch_attn import __version__
from minitorch_attn.course.sources.text import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
# Each command as it is printed: words that make it cheap, and what it then says. `--help` stands
# for what would train for a minute, or open a browser.
COMMANDS = {
    "minitorch_attn train --data digits": (
        "--model dense --epochs 1 --seeds 1 --no-pictures",
        "accuracy %",
    ),
    "minitorch_attn train --data cued --out runs/cued --resume": ("--help", "--resume"),
    "minitorch_attn train --help": ("", "usage: minitorch_attn train"),
    "minitorch_attn info": ("", "minitorch_attn  "),
    "minitorch_attn study": ("--layout-only", "files new"),
    "minitorch_attn web --pdf --epub": ("--help", "--epub"),
    "minitorch_attn train --with study/exercises": ("", "so nothing is trained"),
    "minitorch_attn grade SUBMISSIONS --chapter 06 --out DIR": ("--unsafe", "Written to DIR"),
    "minitorch_attn export nbgrader FOLDER": ("", "FOLDER"),
    "minitorch_attn export gradescope --chapter 06": ("", "gradescope_06.zip"),
    "pytest study/exercises": ("-m exercise_06_2", "0 of 5 points"),
}


def printed() -> list[str]:
    """The commands of the README: in code spans, and lines of code blocks."""
    blocks = re.findall(r"^```\n(.*?)^```", README, re.M | re.S)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", README, flags=re.M | re.S))
    begins = re.compile(r"(minitorch_attn|pytest) \w|make\b")
    return [words.replace("\\", "/") for words in [*lines, *spans] if begins.match(words)]


def test_every_command_of_the_readme_is_tried() -> None:
    found = {words for words in printed() if not words.startswith("make")}
    assert found == set(COMMANDS)
    assert f"minitorch_attn-{__version__}-py3-none-any.whl" in README
    assert "python -m minitorch_attn" not in README, "python is the system's, without the package"


def test_make_alone_lists_the_targets_and_each_that_is_named_is_one() -> None:
    if not shutil.which("make"):
        pytest.skip("make is missing")
    said = subprocess.check_output(["make"], cwd=ROOT, text=True)
    assert said == subprocess.check_output(["make", "help"], cwd=ROOT, text=True)
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.M))
    listed = set(re.findall(r"^make ([a-z-]+)  ", said, re.M))
    assert listed == targets - {"help", "test-all"}
    named = {" ".join(words.split()[1:2]) for words in printed() if words[:4] == "make"}
    assert {"", "run", "study", "test"} <= named <= targets | {""}


def test_make_says_that_it_installs_and_what_comes_next() -> None:
    if not shutil.which("make"):
        pytest.skip("make is missing")
    said = subprocess.check_output(["make", "-n", "-B", "run"], cwd=ROOT, text=True)
    installing, pip = said.index('echo "Installing'), said.index("-m pip install")
    assert installing < pip < said.index("train --data cued") < said.index("Next: make study")


def test_the_engine_in_ten_lines() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
    names: dict[str, object] = {}
    exec(code, names)
    assert getattr(names["curve"], "shape", None) == (2, 3, 5, 8)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git holds, and `.venv` as make makes it; its packages are those that run the tests."""
    root = tmp_path_factory.mktemp("fresh") / "clone"
    words = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.check_output(words, text=True).split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no checkout of git's")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)  # with its mode
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root / ".venv")], check=True)
    python = root / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    words = ["install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "-e"]
    (site,) = (root / ".venv").glob("[lL]ib/**/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), *words, str(root)], check=True
    )
    pytest_itself = python.with_name("pytest")  # of the others only the packages are here
    pytest_itself.write_text(f'#!/bin/sh\nexec "{python}" -m pytest "$@"\n')
    pytest_itself.chmod(0o700)
    write_class(root / "SUBMISSIONS", 1)
    return root


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="these lines are for a shell")
def test_its_commands_work_as_printed(clone: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["MINITORCH_ATTN_HOME"] = str(clone / "home")
    assert "\n. .venv/bin/activate\n" in README
    for words, (cheaper, says) in COMMANDS.items():
        start = time.monotonic()
        done = subprocess.run(
            ["sh", "-c", f". .venv/bin/activate && {words} {cheaper}"],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
        )
        print(f"{time.monotonic() - start:4.1f} s  {words} {cheaper}")
        assert says in done.stdout, f"{words}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Binder's machines run Linux")
def test_what_binder_runs_after_its_installation(clone: Path) -> None:
    requirements = clone / "binder" / "requirements.txt"
    (pinned,) = re.findall(r"^-r (\S+)$", requirements.read_text(), re.M)
    assert (requirements.parent / pinned).resolve() == clone / "requirements" / "study.txt"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["PATH"] = f"{clone / '.venv' / 'bin'}{os.pathsep}{environment['PATH']}"
    environment["PIP_NO_INDEX"] = "1"  # all that it needs is there by then
    script = clone / "binder" / "postBuild"
    subprocess.run([str(script)], cwd=clone, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert (clone / "study" / "notebooks" / "contents.ipynb").is_file()
