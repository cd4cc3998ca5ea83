"""Run a learner's answer for a while and no longer, and say where it was when it was stopped.

An endless loop ends with one line, and so does Ctrl-C (or "interrupt" in a notebook). This is for
people on their own machines; the grader stops what it runs from outside, as a process.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from .collect import Found
from .exercise import Check, Exercise
from .loading import load
from .oneline import OneLine, Shown
from .report import Report
from .running import learner_error, run

# Seconds for one check. What the engine is needed for may train a model: on two busy cores the
# longest of these checks takes 15 seconds, and a slow machine is no mistake.
LIMIT, LIBRARY_LIMIT = 60.0, 600.0


class SecondsError(OneLine, ValueError):
    """A time limit that is none."""


class NoEnd(OneLine, RuntimeError):
    """An answer that was still running when its time was up; the message says where it was."""


class Interrupted(Shown, KeyboardInterrupt):
    """Ctrl-C during a check; the message says what was stopped."""


class _TimeIsUp(BaseException):
    """Raised in the answer's thread. No `except Exception` of an answer catches it."""


def limit_of(exercise: Exercise) -> float:
    """The seconds that each check of an exercise gets, if nobody names another number."""
    return LIBRARY_LIMIT if exercise.library else LIMIT


def _seconds(exercise: Exercise, wished: float | None) -> float:
    if wished is None:
        return limit_of(exercise)
    if isinstance(wished, bool) or not isinstance(wished, int | float) or not wished > 0:
        raise SecondsError(f"seconds is a number above 0, or left out, not {wished!r}")
    return wished


def run_bounded(
    exercise: Exercise,
    function: Callable[..., Any],
    seed: int | None = None,
    seconds: float | None = None,
    hint: str = "",
) -> Report:
    """Run every check, as `running.run` does, each for so many seconds and no longer.

    Parameters
    ----------
    seconds : for each check; left out, `limit_of` says
    hint : how to ask for more time, said where it was not enough

    Raises
    ------
    NoEnd
        If a check takes longer.
    Interrupted
        In place of KeyboardInterrupt.
    """
    seconds = _seconds(exercise, seconds)
    now = ""

    def bounded(check: Check) -> contextlib.AbstractContextManager[None]:
        nonlocal now
        now = f"in the check “{check.claim}”"
        return time_limit(seconds)

    file = getattr(getattr(function, "__code__", None), "co_filename", "")
    with _told(exercise, file, seconds, hint, lambda: now):
        return run(exercise.inside(bounded), function, seed)


def load_bounded(
    exercise: Exercise, found: Found, seconds: float | None = None, hint: str = ""
) -> Callable[..., Any]:
    """Load an answer, as `loading.load` does, for so many seconds and no longer."""
    seconds = _seconds(exercise, seconds)
    file = f"<{found.where}: {found.name}>"
    with _told(exercise, file, seconds, hint, lambda: "while its cells ran"), time_limit(seconds):
        return load(found)


@contextlib.contextmanager
def _told(
    exercise: Exercise, file: str, seconds: float, hint: str, where: Callable[[], str]
) -> Iterator[None]:
    """Say what was stopped, in one line, in place of what stopped it."""

    def place(error: BaseException) -> str:
        at = learner_error(error, file)
        line = f", at line {at.line}: {at.code}" if at.line else ""
        return " ".join(filter(None, [where()])) + line

    try:
        yield
    except _TimeIsUp as error:
        more = f" If it only needs longer: {hint}." if hint else ""
        raise NoEnd(
            f"{exercise.id} {exercise.title}: {exercise.function} was stopped after {seconds:g} "
            f"seconds, {place(error)}. Does each of its loops end?{more}"
        ) from None
    except KeyboardInterrupt as error:
        raise Interrupted(f"{exercise.id} {exercise.title}: interrupted {place(error)}") from None


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `_TimeIsUp` in this thread after so many seconds, and again each second.

    Again, since a bare `except:` in the loop may have caught the first.
    """
    no_threads = sys.platform in ("wasi", "emscripten")
    alarm = _by_watching if no_threads else _by_signal if _can_ring() else _by_thread
    with alarm(seconds):
        yield


def _can_ring() -> bool:
    """Whether a timer of the system's can interrupt this thread, even while it sleeps.

    Not on Windows, not outside the main thread, and not where somebody else's timer is running.
    """
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and not any(signal.getitimer(signal.ITIMER_REAL))
    )


@contextlib.contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    armed, inside = True, _caller()

    def ring(_: int, frame: FrameType | None) -> None:
        if armed and _runs(inside, frame):
            raise _TimeIsUp
        signal.setitimer(signal.ITIMER_REAL, 0)

    before = signal.signal(signal.SIGALRM, ring)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, min(seconds, threading.TIMEOUT_MAX), 1.0)
            yield
        finally:
            armed = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before or signal.SIG_DFL)


def _runs(block: FrameType | None, frame: FrameType | None) -> bool:
    """Whether a frame is that of the block, or was called from there.

    A second ring can come while the first is on its way out, and take away the `finally` that would
    have disarmed it. So nothing rings but where the block is still being run.
    """
    while frame is not None and frame is not block:
        frame = frame.f_back
    return frame is not None


def _caller() -> FrameType | None:
    """The frame whose `with` statement is being entered."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename in (__file__, contextlib.__file__):
        frame = frame.f_back
    return frame


@contextlib.contextmanager
def _by_thread(seconds: float) -> Iterator[None]:
    """The interpreter raises it at the next step of Python code: a sleep is slept to its end."""
    thread, over, lock = threading.get_ident(), threading.Event(), threading.Lock()
    inside = _caller()
    throw = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        wait = min(seconds, threading.TIMEOUT_MAX)
        while not over.wait(wait):
            if not _runs(inside, sys._current_frames().get(thread)):
                break
            with lock:
                if not over.is_set():
                    throw(ctypes.c_ulong(thread), ctypes.py_object(_TimeIsUp))
            wait = 1.0

    threading.Thread(target=watch, daemon=True, name="time limit").start()
    try:
        yield
    finally:
        with lock:
            over.set()
            throw(ctypes.c_ulong(thread), None)  # one that was not raised yet


@contextlib.contextmanager
def _by_watching(seconds: float) -> Iterator[None]:
    """Where there are no threads, in a browser: look at the clock wherever code jumps or returns.

    A loop does the first and a recursion the second. A single call of the library's that takes
    long is waited for.
    """
    watch = sys.monitoring
    events, tool = watch.events, watch.DEBUGGER_ID
    if watch.get_tool(tool):  # somebody else watches, a limit around this one for instance
        yield
        return
    end = time.monotonic() + seconds

    def look(*_: Any) -> None:
        nonlocal end
        if time.monotonic() > end:
            end += 1.0  # again in a second
            raise _TimeIsUp

    watch.use_tool_id(tool, "time limit")
    try:
        for event in (events.JUMP, events.PY_RETURN):
            watch.register_callback(tool, event, look)
        watch.set_events(tool, events.JUMP | events.PY_RETURN)
        yield
    finally:
        watch.set_events(tool, events.NO_EVENTS)
        watch.free_tool_id(tool)
