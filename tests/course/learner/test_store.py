"""Where nothing can be kept: no home, no rights, a full disk, a lock, two notebooks at once.

Each convenience says so in one line, and the lesson goes on.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.holding import held

from minitorch_attn.course import check, predict, progress, reveal
from minitorch_attn.course.checks import exercises_of, find
from minitorch_attn.course.learner import clicks, store

SOME = {"coffee": [(1, 2)]}

# Everything that keeps or reads something, and what it prints; run in a process of its own.
LESSON = """
import contextlib, io, json
from minitorch_attn.course import check, clicks, predict, progress, reveal
from minitorch_attn.course.checks import find
from minitorch_attn.course.learner import store
import filelock, platformdirs, skimage.data, PIL.Image, anywidget  # before rights are given up

clicks.photographs()
wrong = find("06.2").wrong_answers[0].function
store.PATIENCE = 0.3
{break_it}
steps = dict(
    check=lambda: check("06.2", wrong, seed=1).total,
    predict=lambda: predict("06.1", "a"),
    reveal=lambda: reveal("06.1", "b", "because."),
    progress=lambda: progress().total,
    keep=lambda: clicks.keep({{"coffee": [(1, 2)]}}),
    load=lambda: clicks.load(),
    paste=lambda: clicks.paste(),
    collect=lambda: clicks.collect(True) and None,
)
said = {{}}
for name, step in steps.items():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        gave = step()
    said[name] = (out.getvalue().splitlines(), str(gave))
print(json.dumps(said))
"""
NO_HOME = """
import os, pwd

def nobody(*_):
    raise KeyError("uid not found")

pwd.getpwuid = pwd.getpwnam = nobody
for name in ("HOME", "XDG_DATA_HOME", "MINITORCH_ATTN_HOME"):
    os.environ.pop(name, None)
"""
NOBODY = "import os\nif os.getuid() == 0:\n    os.setgid(65534)\n    os.setuid(65534)\n"
FULL = """
import errno, os

def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")

os.fsync = full
"""


def lesson(break_it: str, **environment: str) -> dict[str, tuple[list[str], str]]:
    """What each convenience printed and gave; nothing raised, nothing warned, nothing hung."""
    done = subprocess.run(
        [sys.executable, "-c", LESSON.format(break_it=break_it)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=100,
    )
    assert done.stderr == ""
    said: dict[str, tuple[list[str], str]] = json.loads(done.stdout)
    assert said["check"][1] == "5", "the answer is checked"
    assert float(said["progress"][1]) == sum(e.points for n in range(18) for e in exercises_of(n))
    assert said["reveal"][0][-1].endswith("b: because."), "the answer is told"
    return said


def kept_nothing(said: dict[str, tuple[list[str], str]], why: str, reads: bool = True) -> None:
    """One line from each that keeps; from those that read as well, if nothing can be read."""
    starts = {
        "check": "Your points could not be kept",
        "predict": "Your prediction could not be kept",
        "reveal": "The score of your prediction could not be kept",
        "keep": "Your clicks could not be kept",
        "collect": "The page to click on could not be kept",
    }
    if not reads:
        starts |= {
            "progress": "Your progress file could not be read",
            "load": "Your clicks could not be read",
        }
    for name, start in starts.items():
        line = said[name][0][0]
        assert line.startswith(start), said
        assert why in line
    lines = {name: len(printed) for name, (printed, _) in said.items()}
    assert lines["check"] == lines["predict"] == lines["keep"] == 1
    assert lines["reveal"] == 2
    assert lines["progress"] == lines["load"] == (0 if reads else 1)


@pytest.mark.skipif(os.name != "posix", reason="Windows asks the system where the folder is")
def test_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container, a job of a scheduler: and no folder called ~ is made."""
    monkeypatch.chdir(tmp_path)
    said = lesson(NO_HOME, PYTHONPATH=os.pathsep.join(sys.path))
    kept_nothing(said, "name a folder in MINITORCH_ATTN_HOME", reads=False)
    assert not (tmp_path / "~").exists()
    named = NO_HOME + "\nos.environ['MINITORCH_ATTN_HOME'] = '~/here'"
    kept_nothing(lesson(named), "name a folder in MINITORCH_ATTN_HOME", reads=False)


def open_to_all(folder: Path) -> None:
    """Another user may look into a test's folder."""
    for path in [folder, *folder.parents][:-2]:
        if path.stat().st_uid == os.getuid() and not path.stat().st_mode & 0o1000:
            path.chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="rights of another kind")
@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_without_rights(mode: int, tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    open_to_all(tmp_path)
    (folder / "learner.json").write_text('{"exercises": {}, "predictions": {}}')
    folder.chmod(mode)
    try:
        said = lesson(NOBODY, MINITORCH_ATTN_HOME=str(folder))
    finally:
        folder.chmod(0o755)
    kept_nothing(said, "Permission denied", reads=mode == 0o555)


@pytest.mark.skipif(os.name != "posix", reason="rights of another kind")
def test_a_file_that_is_somebody_elses(tmp_path: Path) -> None:
    """As after a `sudo`, or in a shared home: it is not moved, nor replaced."""
    folder = store.home()
    folder.mkdir(parents=True)
    open_to_all(tmp_path)
    folder.chmod(0o777)
    for name in ("learner", "clicks"):
        (folder / f"{name}.json").write_text("{}")
        (folder / f"{name}.json").chmod(0o000)
    said = lesson(NOBODY)
    assert "Permission denied" in said["check"][0][0]
    assert "Permission denied" in said["keep"][0][0]
    assert said["progress"][0][0].startswith("Your progress file could not be read")
    assert sorted(path.name for path in folder.glob("*.json")) == ["clicks.json", "learner.json"]


def test_on_a_full_disk() -> None:
    kept_nothing(lesson(FULL), "No space left on device")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_on_a_disk_that_is_really_full(full_disk: Path) -> None:
    before = '{"exercises": {"06.1": {"points": 3, "total": 5}}, "predictions": {}}'
    (full_disk / "learner.json").write_text(before)
    with open(full_disk / "rest", "wb", buffering=0) as rest, contextlib.suppress(OSError):
        while True:
            rest.write(b"x" * 512)
    said = lesson("", MINITORCH_ATTN_HOME=str(full_disk))
    kept_nothing(said, "No space left on device")
    assert (full_disk / "learner.json").read_text() == before


def test_where_the_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        said = lesson("", MINITORCH_ATTN_HOME=str(home))
        kept_nothing(said, str(tmp_path / "file"), reads=False)
    assert (tmp_path / "file").read_text() == "mine"


HOLD = """
import sys
from minitorch_attn.course.learner import clicks, store
with store.change(), clicks.CLICKS.change():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_while_another_holds_the_lock_for_ever() -> None:
    with held(HOLD):
        said = lesson("")
    for name in ("check", "predict", "reveal"):
        assert "learner.lock" in said[name][0][0]
    assert "clicks.lock" in said["keep"][0][0]
    assert said["progress"][0] == []


@pytest.mark.skipif(os.name != "posix", reason="locks of another kind")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_where_the_file_system_has_no_locks_it_is_kept_without(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some network drives. And a file that such a lock left behind is no obstacle."""
    import fcntl

    def no_locks(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    begun = time.monotonic()
    for points in (3, 5, 4):
        store.record_points("06.1", points, 5)
    predict("06.1", "b")
    assert clicks.keep(SOME)
    assert time.monotonic() - begun < store.PATIENCE
    assert store.read()["exercises"]["06.1"]["points"] == 5
    assert list(clicks.load()) == ["coffee"]
    assert capsys.readouterr().out.count("\n") == 1, "the prediction's own line"


TWICE = """
import sys
from minitorch_attn.course.learner import clicks, store
for i in range(100):
    store.record_points(f"{sys.argv[1]}.{i}", 1, 1)
    clicks.keep({"coffee": [(1, i)]}, f"{sys.argv[1]} {i}")
"""


@pytest.mark.slow
def test_two_kernels_write_two_hundred_times_and_nothing_is_lost() -> None:
    runs = [
        subprocess.Popen([sys.executable, "-c", TWICE, n], stdout=subprocess.PIPE, text=True)
        for n in ("01", "02")
    ]
    assert [run.communicate()[0] for run in runs] == ["", ""]
    assert len(store.read()["exercises"]) == 200
    assert len(clicks.CLICKS.read()["people"]) == 200


@pytest.mark.parametrize("name", ["learner", "clicks"])
@pytest.mark.parametrize(
    "damage",
    [
        "",
        "null",
        "[1, 2]",
        "3",
        '"text"',
        "{}",
        '{"exercises": {"06.1": {"po',
        '{"exercises": {}, "predictions": null}',
        '{"exercises": {"06.1": {"points": "many"}}, "predictions": {}}',
        '{"exercises": {"06.1": {"points": NaN}}, "predictions": {}}',
        '{"people": null}',
        '{"people": {"me": [1]}}',
        "[" * 100_000,
        "\udcff\udcfe",
    ],
)
def test_a_damaged_file_stops_nobody(
    name: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store.home().mkdir(parents=True)
    path = store.home() / f"{name}.json"
    for step in (
        progress if name == "learner" else clicks.load,
        lambda: predict("06.1", "b") if name == "learner" else clicks.keep(SOME),
        lambda: reveal("06.1", "b", "because.") if name == "learner" else clicks.paste(),
    ):
        path.write_bytes(damage.encode("utf-8", "surrogateescape"))
        step()
        assert "could not be read" in capsys.readouterr().out
    asides = list(store.home().glob(f"{name}.damaged-*.json"))
    assert len(asides) == 3
    assert {p.read_bytes() for p in asides} == {damage.encode("utf-8", "surrogateescape")}
    assert check("06.2", find("06.2").wrong_answers[0].function).total == 5
