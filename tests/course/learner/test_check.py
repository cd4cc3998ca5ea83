"""`check` at the keyboard: loops without an end, Ctrl-C, and what is written in its place."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from minitorch_attn.course import check, own
from minitorch_attn.course.checking import bounded
from minitorch_attn.course.checking.bounded import Interrupted, NoEnd, SecondsError
from minitorch_attn.course.checks import NoExercise, exercises_of, find, written_chapters
from minitorch_attn.course.learner import store


def loops(query: Any, key: Any, value: Any) -> Any:
    while True:
        pass


def sleeps(query: Any, key: Any, value: Any) -> Any:
    time.sleep(1000)


def catches(query: Any, key: Any, value: Any) -> Any:
    while True:
        with contextlib.suppress(Exception):
            pass


def catches_all_once() -> Callable[..., Any]:
    caught: list[int] = []

    def attend(query: Any, key: Any, value: Any) -> Any:
        with contextlib.suppress(BaseException if not caught else ValueError):
            while True:
                pass
        caught.append(1)
        while True:
            pass

    return attend


@pytest.fixture
def no_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""
    monkeypatch.setattr(bounded, "_can_ring", lambda: False)


def ends(function: Callable[..., Any]) -> str:
    """What is said in place of a report, in a line and before long."""
    begun = time.monotonic()
    with pytest.raises(NoEnd) as caught:
        check("06.2", function, seconds=0.2)
    assert time.monotonic() - begun < 10
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith("06.2 The loop is the matrix: attend was stopped after 0.2 seconds, in ")
    assert f"in the check “{find('06.2').checks[0].claim}”" in said
    assert said.endswith('If it only needs longer: check("06.2", seconds=3600).')
    assert store.read()["exercises"] == {}
    return said


def test_an_endless_loop_ends_with_one_line() -> None:
    assert re.search(r", at line \d+: (while True:|pass)\.", ends(loops))
    ends(catches)
    ends(catches_all_once())
    ends(sleeps)


def test_so_it_does_where_no_signal_can_be_sent(no_signals: None) -> None:
    """The interpreter can be asked; only what is not Python code is waited for."""
    ends(loops)
    ends(catches)
    ends(catches_all_once())


def test_so_it_does_outside_the_main_thread() -> None:
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(ends(loops)))
    thread.start()
    thread.join(20)
    assert said


WAYS = [bounded._by_signal, bounded._by_thread, bounded._by_watching]


def skip_what_is_not_here(way: Any) -> None:
    if way is bounded._by_signal and not hasattr(signal, "setitimer"):
        pytest.skip("this system has no timers")
    if way is bounded._by_watching and not hasattr(sys, "monitoring"):
        pytest.skip("this Python cannot be watched: 3.12 and newer can")


@pytest.mark.parametrize("way", WAYS)
def test_an_endless_loop_and_an_endless_recursion_end(way: Any) -> None:
    skip_what_is_not_here(way)

    def loop() -> None:
        while True:
            with contextlib.suppress(Exception):
                sum(range(10))

    def recursion(depth: int = 0) -> None:
        if depth < 200:
            recursion(depth + 1)
            recursion(depth + 1)

    for endless in (loop, recursion):
        with pytest.raises(bounded._TimeIsUp), way(0.2):
            endless()


@pytest.mark.parametrize("way", WAYS)
def test_what_ends_in_time_is_left_alone_and_nothing_rings_later(way: Any) -> None:
    skip_what_is_not_here(way)
    before = threading.active_count()
    for _ in range(50):
        with way(0.3):
            pass
    with way(30):
        answer = sum(range(1000))
    time.sleep(0.4)
    assert answer == 499500
    end = time.monotonic() + 5
    while threading.active_count() > before:
        assert time.monotonic() < end
        time.sleep(0.01)
    if hasattr(signal, "getitimer"):
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
def test_somebody_elses_timer_goes_on() -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        ends(loops)
        time.sleep(0.3)
        assert rung == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_training_gets_the_time_that_it_needs() -> None:
    """15 s on two busy cores: what is slower by ten is no endless loop."""
    limits = {e.id: bounded.limit_of(e) for n in written_chapters() for e in exercises_of(n)}
    assert limits["10.2"] == 600
    assert set(limits.values()) == {60, 600}


@pytest.mark.parametrize("seconds", [0, -1, True, "long", float("nan")])
def test_a_limit_that_is_none(seconds: Any) -> None:
    with pytest.raises(SecondsError, match="a number above 0"):
        check("06.2", loops, seconds=seconds)


def test_no_limit_at_all() -> None:
    wrong = find("06.2").wrong_answers[0].function
    assert check("06.2", wrong, seed=1, seconds=float("inf")).points == (
        check("06.2", wrong, seed=1).points
    )


# Ctrl-C

SCRIPT = """
import os, signal, threading
from minitorch_attn.course import check

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it

def attend(query, key, value):
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    while True:
        pass

check("06.2", attend)
"""


@pytest.mark.skipif(os.name != "posix", reason="there a signal cannot be sent to oneself")
def test_ctrl_c_says_what_was_stopped_without_the_insides() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode != 0
    lines = done.stderr.splitlines()
    assert "Interrupted: 06.2 The loop is the matrix: interrupted in the check “" in lines[-1]
    assert len(lines) <= 8, done.stderr


ALARM = "    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()\n"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Interrupted", SCRIPT),
        ("NoEnd", SCRIPT.replace(ALARM, "").replace("attend)\n", "attend, seconds=0.5)\n")),
        ("NoExercise", SCRIPT.replace('"06.2", ', "")),
    ],
)
def test_in_a_notebook_one_line_is_all_there_is(name: str, code: str) -> None:
    from nbclient import NotebookClient

    if os.name != "posix" and name == "Interrupted":
        pytest.skip("there a signal cannot be sent to oneself")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True).execute()
    (shown,) = notebook.cells[0].outputs
    assert shown.ename == name
    (line,) = shown.traceback
    assert line == f"{name}: {shown.evalue}"
    assert "06." in line


# What is written in the place of an id


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (find("06.1").wrong_answers[0].function, "the exercise's id comes first, in quotes"),
        ("", r'say which exercise: its id, in quotes, as in "06\.2"'),
        (6.1, r'there is no exercise 6\.1; write "06\.1", in quotes'),
        ("6.1", 'write "06.1", in quotes'),
        (" 06.1 ", 'write "06.1", in quotes'),
        ("exercise 6.1", 'write "06.1", in quotes'),
        ("06.9", r"chapter 06 has 06\.1, 06\.2, 06\.3, 06\.4"),
        (6, "an id is like 06.2"),
        ("99.1", "an id is like 06.2"),
        (None, "an id is like 06.2"),
        ([], "an id is like 06.2"),
        (np.zeros(2), "an id is like 06.2"),
    ],
)
def test_an_id_that_is_none_says_what_to_write(written: Any, said: str) -> None:
    with pytest.raises(NoExercise, match=said):
        check(written)


def test_a_function_in_its_place_is_recognised_by_its_name() -> None:
    def mend() -> None:
        pass

    with pytest.raises(NoExercise, match=r'in quotes: "06\.1"$'):
        check(mend)  # type: ignore[arg-type]


# The other doors


def write(folder: Path, text: str) -> Path:
    path = folder / "06_one_query.py"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


ENDLESS = """
    def attend(query, key, value):
        while True:
            pass
"""


def test_pytest_goes_on_with_the_next_exercise(tmp_path: Path) -> None:
    write(tmp_path, ENDLESS + "    def mend(q, k, v): return q\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--check-seconds", "0.3"]
    command += ["-p", "minitorch_attn.course.learner.pytest_plugin", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "attend was stopped after 0.3 seconds, in the check" in done.stdout
    assert "If it only needs longer: --check-seconds 3600." in done.stdout
    assert "bounded.py" not in done.stdout, "without the library's insides"
    assert "06.1" in done.stdout
    write(tmp_path, "while True: pass\ndef attend(query, key, value): return query")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1


def test_own_names_the_answer_that_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bounded, "LIMIT", 0.3)
    write(tmp_path, ENDLESS)
    assert own.train(tmp_path).status == 1
    said = [x for x in capsys.readouterr().out.splitlines() if x.startswith("06.2 attend does not")]
    assert len(said) == 1
    assert "06.2 attend does not end. 06.2 The loop" in said[0]


def test_ctrl_c_in_own_says_what_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "def attend(query, key, value): raise KeyboardInterrupt")
    with pytest.raises(
        Interrupted, match=r"06\.2 The loop is the matrix: interrupted in the check"
    ):
        own.train(tmp_path)
    from minitorch_attn.__main__ import main

    assert main(["train", "--with", str(tmp_path)]) == 130
    assert "Stopped. 06.2 The loop is the matrix: interrupted in" in capsys.readouterr().err


@pytest.mark.parametrize("way", [bounded._by_signal, bounded._by_thread])
def test_a_limit_that_was_never_disarmed_rings_only_inside(way: Any) -> None:
    """As where one ring takes away what would have disarmed the next."""
    if way is bounded._by_signal and not hasattr(signal, "setitimer"):
        pytest.skip("this system has no timers")
    kept: list[Any] = []  # what is thrown away would end by itself

    def lost() -> None:
        kept.append(way(0.05))
        kept[0].__enter__()

    lost()
    rung = False
    try:
        for _ in range(200):  # an exception is raised at a step of Python code
            time.sleep(0.001)
    except bounded._TimeIsUp:
        rung = True
    kept[0].__exit__(None, None, None)
    assert not rung
