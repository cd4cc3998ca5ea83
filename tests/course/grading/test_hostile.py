"""Adversarial submissions: none earns a point, leaves anything, or touches another's mark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.attacks import ALL, FOOLS, HONEST

from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.grading.marking import box
from minitorch_attn.course.grading.marking import mark as marking
from minitorch_attn.course.grading.marking.box import Isolation, find_isolation
from minitorch_attn.course.grading.marking.standin import Allowance

pytestmark = pytest.mark.skipif(
    find_isolation().level != "sandbox", reason=f"needs bubblewrap: {find_isolation().words}"
)


@pytest.fixture(scope="module")
def alone() -> Isolation:
    """The sandbox, as a user whom only this test run has, so that its processes can be told."""
    here = find_isolation()
    return replace(here, user=here.user + 1 + os.getpid() % 3000) if here.user else here


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "CALL", 1.0)
    monkeypatch.setattr(box, "CPU", 5)


def marked(source: str, isolation: Isolation, exercise: str = "06.2") -> tuple[Any, Any]:
    mark = marking.mark(source, ".py", 6, "a secret", isolation)
    return mark, next(e for e in mark.exercises if e.id == exercise)


def processes(user: int) -> list[bytes]:
    """The processes of a user."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid == user:
                    found.append((entry / "cmdline").read_bytes())
            except OSError:
                continue
    return found


# One of each kind runs always, the others with the slow tests.
ALWAYS = (
    "os._exit(0) inside",
    "patched allclose",
    "equal to everything",
    "lying array",
    "a constant",
    "garbage collector",
    "the reference, imported",
    "the disk, for a solution",
    "a forged shape",
    "a lying exception",
    "infinite loop",
    "fork bomb",
    "memory bomb",
    "endless output",
    "network",
)


@pytest.mark.parametrize(
    "name", [n if n in ALWAYS else pytest.param(n, marks=pytest.mark.slow) for n in ALL]
)
def test_attack_earns_nothing_and_leaves_nothing(name: str, alone: Isolation) -> None:
    mark, exercise = marked(ALL[name], alone)
    assert mark.points == 0, exercise
    said = " ".join(result.got for result in exercise.results)
    assert ": found" not in said, said
    if alone.user is not None:
        until = time.monotonic() + 5  # a namespace takes a moment to be taken down
        while processes(alone.user) and time.monotonic() < until:
            time.sleep(0.02)
        assert processes(alone.user) == []
    for place in ("/tmp", "/var/tmp", "/dev/shm", ".", str(Path.home())):
        assert not list(Path(place).glob("minitorch-hostile*"))
    json.dumps(mark.to_json(), ensure_ascii=False).encode()  # can be written
    assert not any(ord(c) < 32 and c not in "\n\t" for r in exercise.results for c in r.got)


@pytest.mark.parametrize("name", ["patched ufuncs", "infinite loop", "kills everything"])
def test_next_submission_is_unaffected(name: str, alone: Isolation) -> None:
    before, _ = marked(HONEST, alone)
    marked(ALL[name], alone)
    after, exercise = marked(HONEST, alone)
    assert before == after
    assert exercise.points == 5


@pytest.mark.parametrize("name", FOOLS)
def test_attack_would_fool_assertions_in_its_own_process(name: str, tmp_path: Path) -> None:
    """The attacks are real: run with the assertions beside it, each of these passes."""
    script = tmp_path / "naive.py"
    script.write_text(
        "import numpy as np\n"
        f"{ALL[name]}\n"
        "def by_definition(query, key, value):\n"
        "    w = np.exp(query @ key.T)\n"
        "    return w / w.sum(axis=1, keepdims=True) @ value\n"
        "rng = np.random.default_rng()\n"
        "query, key, value = (rng.normal(size=s) for s in [(3, 2), (4, 2), (4, 5)])\n"
        "want = by_definition(query, key, value)\n"
        "got = attend(query, key, value)\n"
        "assert np.allclose(got, want)\n"
    )
    run = subprocess.run([sys.executable, str(script)], capture_output=True, timeout=60)
    assert run.returncode == 0, run.stderr.decode()


def test_a_dead_exercise_costs_the_others_nothing(alone: Isolation) -> None:
    """An infinite loop in one exercise, twice: the next one is marked all the same."""
    source = "def mend(query, key, value):\n    while True:\n        pass\n" + HONEST
    mark, attend = marked(source, alone)
    assert mark.points == attend.points == 5
    mend = mark.exercises[0]
    assert "no answer within 1 s" in mend.note
    assert any("06.1" in line for line in mark.review)


def test_what_one_exercise_patches_is_whole_in_the_next(alone: Isolation) -> None:
    source = (
        "import numpy as np\n"
        "def mend(query, key, value):\n    np.exp = None\n    return value\n" + HONEST
    )
    assert marked(source, alone)[1].points == 5


def test_suspicious_names_are_for_a_human_eye(alone: Isolation) -> None:
    mark, _ = marked(ALL["garbage collector"], alone)
    assert any("gc" in line for line in mark.review)
    mark, _ = marked(HONEST + "    np.lib.os.getpid(), attend.__globals__\n", alone)
    assert mark.review == ("06.2: uses __globals__, os",)
    theirs = "from helpers import exp\n" + HONEST.replace("np.exp", "exp")
    mark, _ = marked(theirs, alone)
    assert mark.points == 0
    assert mark.review == ("06.2: imports helpers, which is not there",)


def test_worst_case_is_bounded(alone: Isolation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call just under its limit: the exercise's seconds end it."""
    monkeypatch.setattr(marking, "SECONDS", 3.0)
    slow = "import time\ndef attend(query, key, value):\n    time.sleep(0.9)\n    return value\n"
    _, attend = marked(slow, alone)
    assert attend.points == 0
    assert "too long" in attend.note or "no answer" in attend.note


def test_who_sleeps_in_every_answer_is_waited_for_a_few_times_and_flagged(
    alone: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call that does not end costs a process: of these a submission has few."""
    monkeypatch.setattr(box, "CALL", 0.5)
    stopped = []
    die = Allowance.die
    monkeypatch.setattr(
        Allowance, "die", lambda self, reason: (stopped.append(reason), die(self, reason))
    )
    names = [exercise.function for exercise in exercises_of(6)]
    sleeping = "\n".join(
        f"def {name}(*a, **k):\n    use = [{', '.join(names[:i])}]\n    time.sleep(10**6)\n"
        for i, name in enumerate(names)
    )
    mark, _ = marked(f"import time\n{sleeping}", alone)
    assert mark.points == 0
    assert all("stopped: no answer" in exercise.note for exercise in mark.exercises)
    assert len([line for line in mark.review if "stopped" in line]) == len(names)
    # Twice for the first exercise, and once for each other; once more with earlier ones lent.
    assert len(stopped) <= 2 + 2 * (len(names) - 1) + 1


def test_inputs_change_with_the_secret_and_with_the_answer() -> None:
    draws = {
        marking.seed_for(secret, id, source)
        for secret in ("a", "b")
        for id in ("06.1", "06.2")
        for source in ("def mend(): ...", "def mend(): pass")
    }
    assert len(draws) == 8
    assert marking.seed_for("a", "06.1", "x") == marking.seed_for("a", "06.1", "x")
    np.random.default_rng([marking.seed_for("a", "06.1", "x"), 0])
