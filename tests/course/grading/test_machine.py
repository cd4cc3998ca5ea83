"""Where the machine fails, no student pays: no mark is made, and the next run tries again."""

from __future__ import annotations

import contextlib
import errno
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers.attacks import HONEST

from minitorch_attn.__main__ import main
from minitorch_attn.course.grading import grade
from minitorch_attn.course.grading.marking import box
from minitorch_attn.course.grading.marking import mark as marking
from minitorch_attn.course.grading.marking.box import MachineFailed, find_isolation
from minitorch_attn.course.grading.marking.standin import Standin
from minitorch_attn.course.grading.pool import GivenUp

pytestmark = pytest.mark.skipif(
    find_isolation().level != "sandbox", reason=f"needs bubblewrap: {find_isolation().words}"
)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "PAUSE", 0.0)


def points(**options: Any) -> float:
    here = replace(find_isolation(), **options)
    return marking.mark(HONEST, ".py", 6, "a secret", here).points


def refusing(monkeypatch: pytest.MonkeyPatch, when: Callable[[int], bool]) -> list[int]:
    """The system refuses a process, at those starts; returns their number in a list."""
    real, count = subprocess.Popen, [0]

    def start(*args: Any, **kwargs: Any) -> Any:
        count[0] += 1
        if when(count[0]):
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return real(*args, **kwargs)

    monkeypatch.setattr(box.subprocess, "Popen", start)
    return count


def test_processes_refused_once_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    count = refusing(monkeypatch, lambda n: n == 1)
    assert points() == 5
    assert count[0] == 2


def test_processes_refused_for_one_whole_try_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, lambda n: n <= 2)
    assert points() == 5


def test_processes_refused_for_good_are_no_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, lambda n: True)
    with pytest.raises(marking.NotMarked, match=r"machine failed.*Resource temporarily"):
        points()


@pytest.mark.parametrize("program", ["false", "sleep"])
def test_a_sandbox_that_fails_is_no_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(box, "START_SECONDS", 1.0)
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\nexit 1\n" if program == "false" else "#!/bin/sh\nsleep 60\n")
    broken.chmod(0o755)
    with pytest.raises(marking.NotMarked, match=r"at once|reset|within 1 s|Broken"):
        points(bwrap=str(broken), user=None, staged=False)


def test_a_copy_that_cannot_be_made_comes_from_a_new_sandbox() -> None:
    with Standin("def f(x):\n    return x + 1\n", "f", find_isolation()) as f:
        assert f(1) == 2
        first = f.box.process
        assert first is not None
        for process in [*psutil.Process(first.pid).children(recursive=True)[::-1], first]:
            with contextlib.suppress(psutil.NoSuchProcess):  # one takes others with it
                process.kill()
        f.renew()
        assert f(2) == 3
        assert f.box.process is not first
        assert f.allowance.deaths == 0


def test_who_is_ended_from_outside_has_done_nothing() -> None:
    source = "import time\ndef f(x):\n    time.sleep(x)\n    return x\n"
    with Standin(source, "f", find_isolation()) as f:
        assert f(0) == 0
        assert f.box.locked
        process = f.box.process
        assert process is not None
        copy = psutil.Process(process.pid).children(recursive=True)[-1]
        threading.Timer(0.3, copy.kill).start()
        start = time.monotonic()
        with pytest.raises(MachineFailed, match="memory"):
            f(4)
        assert time.monotonic() - start < 3
        assert f.allowance.deaths == 0


# Each would end its own process, or that which makes copies, by a signal that looks like the
# system's: then there would be no mark, and the next run would try again.
OWN_HAND = {
    "a file that signals": """
    libc.fcntl(r, fcntl.F_SETOWN, who)
    libc.fcntl(r, 10, 9)  # F_SETSIG: SIGKILL in place of SIGIO
    fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(w, b"x")
""",
    "a timer that signals": """
    event = (ctypes.c_int * 16)(0, 0, 9, 0)
    timer, soon = ctypes.c_int(), (ctypes.c_long * 4)(0, 0, 0, 1)
    libc.timer_create(0, event, ctypes.byref(timer))
    libc.timer_settime(timer, 0, soon, None)
""",
    "limits of its own": """
    for limit in (resource.RLIMIT_CPU, resource.RLIMIT_AS):
        try:
            resource.setrlimit(limit, (1, 1))
            return "changed"
        except (OSError, ValueError):
            pass
""",
    "limits of another": """
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_CPU):
        try:
            resource.prlimit(who, limit, (0, 0))
        except OSError:
            pass
""",
}
# What is beside a file's bytes outlives the process: the next would meet it, or another student's.
BESIDE = """
import ctypes, fcntl, os
def f():
    done = []
    libc = ctypes.CDLL(None)
    for flags, what in ((os.O_RDONLY, "/packages/numpy/__init__.py"), (os.O_WRONLY, os.devnull)):
        try:
            file = os.open(what, flags)
        except OSError:
            continue
        before = os.stat(what).st_mtime_ns
        for name, give in (
            ("times", lambda: os.utime(what)),
            ("times of an open file", lambda: os.utime(file)),
            ("a lease", lambda: fcntl.fcntl(file, 1024, fcntl.F_RDLCK)),
            ("a hint", lambda: fcntl.fcntl(file, 1036, (3).to_bytes(8, "little"))),
            ("a name", lambda: os.setxattr(what, "user.x", b"1")),
        ):
            try:
                give()
                done.append(f"{what}: {name}")
            except OSError:
                pass
        for call in ("utime", "utimes"):
            if not getattr(libc, call)(what.encode(), None):
                done.append(f"{what}: {call}")
        if os.stat(what).st_mtime_ns != before:
            done.append(f"{what} is changed")
        os.close(file)
    return done
"""


def test_nothing_is_written_beside_a_file() -> None:
    with Standin(BESIDE, "f", find_isolation()) as f:
        assert f() == []


PREPARED = (
    "import ctypes, fcntl, os, resource, time\nlibc = ctypes.CDLL(None)\nr, w = os.pipe()\n"
    "def f(who):\n    who = who or os.getpid()\n"
)


@pytest.mark.parametrize("who", [0, 1, 2], ids=["itself", "the first", "the copying one"])
@pytest.mark.parametrize("how", OWN_HAND)
def test_nobody_can_make_a_failure_of_the_machine(how: str, who: int) -> None:
    source = PREPARED + OWN_HAND[how] + "    time.sleep(0.2)\n    return 7\n"
    with Standin(source, "f", find_isolation()) as f:
        assert f(who) == 7
        sandbox = f.box.process
        f.renew()
        assert f(who) == 7
        assert f.box.process is sandbox  # which makes copies as before
        assert f.allowance.deaths == 0


def test_what_was_not_marked_has_no_points_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    failing = True

    def instead(work: Any, tasks: Sequence[Any], jobs: int) -> Iterator[tuple[int, Any]]:
        for number, task in enumerate(tasks):
            if failing and "np" in task.text:
                yield number, GivenUp("the machine failed: no process could be started")
            else:
                yield number, work(task)

    monkeypatch.setattr(grade, "spread", instead)
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "ada.py").write_text(HONEST)
    (tmp_path / "all" / "bob.py").write_text("def attend(query, key, value):\n    return value\n")
    out = tmp_path / "out"
    words = ["grade", str(tmp_path / "all"), "--chapter", "06", "--out", str(out)]
    assert main(words) == 0
    assert "1 could not be marked" in capsys.readouterr().err
    lines = (out / "grades.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[1].startswith("ada,,,20,,,,,yes,"), "no points are not 0 points"
    assert lines[2].startswith("bob,,0,20,")
    assert not json.loads((out / "students" / "ada.json").read_text())["final"]
    page = (out / "feedback" / "ada.html").read_text()
    assert "no fault of yours" in page
    assert "0 of" not in page
    summary = (out / "summary.html").read_text()
    assert "1 marked: mean 0.0" in summary
    assert "not marked yet: the machine failed" in summary
    failing = False
    assert main(words) == 0
    assert "ada,,5,20," in (out / "grades.csv").read_text(encoding="utf-8-sig")
