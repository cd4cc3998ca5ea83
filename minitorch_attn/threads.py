"""Sharing work among processor cores.

NumPy lets go of Python's lock inside its loops and matrix products, so threads that each take a
part of the work share the cores: half of a batch, or some of the heads. The matrix library has
threads of its own, which keep a core busy for a while even when they have nothing left to do; so
inside `sharing` it is held to one (`matrix_library`).
"""

from __future__ import annotations

import collections
import contextlib
import contextvars
import math
import os
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from .errors import MinitorchError
from .matrix_library import OneThread, write_working_memory

T = TypeVar("T")


class ThreadsError(MinitorchError, ValueError):
    """A number of threads that is none, from `set_threads` or MINITORCH_ATTN_THREADS."""


class _State:
    """What all threads see; made anew in a forked child, which has none of the pool's threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counts: dict[int, int] = {}  # of each open `with sharing()`, in the order they opened
        self.pool: Any = None

    @property
    def count(self) -> int:
        """How many threads share the work: as many as the outermost block says."""
        counts = list(self.counts.values())
        return counts[0] if counts else 1


_state = _State()
_default = 0  # what set_threads said; 0: nothing yet
_worker = threading.local()  # .active in a thread that works on a part


def _forget() -> None:
    global _state
    _state = _State()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def threads() -> int:
    """How many threads share the work inside `sharing`: what was set, or the cores there are.

    The environment variable MINITORCH_ATTN_THREADS sets it from outside.
    """
    return _default or _from_outside()


@cache
def _from_outside() -> int:
    if given := os.environ.get("MINITORCH_ATTN_THREADS"):
        return _checked(given)
    return cores()


def cores() -> int:
    """How many processor cores this process may use.

    The variable PYTHON_CPU_COUNT says it, or the fewest of what there are, what the process may be
    put on, and what a container's quota (JupyterHub, Kubernetes) lets it use up.
    """
    given = os.environ.get("PYTHON_CPU_COUNT", "")
    if given.isdigit() and int(given):
        return int(given)
    usable = getattr(os, "sched_getaffinity", None)
    count = len(usable(0)) if usable else os.cpu_count() or 1
    return max(1, math.ceil(min(count, _quota())))


def _quota(root: Path = Path("/sys/fs/cgroup")) -> float:
    """The processor time that a Linux container may use in a unit of time; infinite without one."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = (root / "cpu.max").read_text().split()
        return float("inf") if quota == "max" else int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):  # the older form
        quota, period = (
            (root / "cpu" / f"cpu.cfs_{x}_us").read_text() for x in ("quota", "period")
        )
        return int(quota) / int(period) if int(quota) > 0 else float("inf")
    return float("inf")


def set_threads(count: int) -> None:
    """Set how many threads share the work. Results repeat bit for bit for a fixed number."""
    global _default
    _default = _checked(count)


def _checked(count: Any) -> int:
    try:
        number = int(count)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise ThreadsError(f"the number of threads is a whole number above 0, not {count!r}")
    return number


class sharing(OneThread):
    """Inside the block `parallel_map` uses `count` threads, and the matrix library one in each.

    `count` is `threads()` by default. Of nested blocks the outermost decides.
    """

    def __init__(self, count: int | None = None) -> None:
        super().__init__()
        self.count = threads() if count is None else _checked(count)

    def _begin(self) -> None:
        _state.counts[self.number] = self.count
        super()._begin()

    def _end(self) -> None:
        _state.counts.pop(self.number, None)
        super()._end()


def shares(n: int, count: int) -> list[slice]:
    """`n` things cut into `count` parts, alike to within one."""
    return [slice(n * i // count, n * (i + 1) // count) for i in range(count)]


def parallel_map(function: Callable[[Any], T], parts: Sequence[Any]) -> list[T]:
    """[function(part) for part in parts], by the threads that share the work.

    An error in a part, or Ctrl-C, is raised here when the parts under way have ended; no other is
    begun then.
    """
    state = _state
    count = state.count
    if len(parts) < 2 or count == 1 or hasattr(_worker, "active"):
        return [function(part) for part in parts]

    todo = iter(range(len(parts)))
    results: list[Any] = [None] * len(parts)
    errors: list[BaseException] = []

    def work() -> None:
        """Do parts until none is left: a slow one keeps nobody waiting."""
        _worker.active = True
        try:
            with OneThread():
                for i in todo:  # each number goes to one thread: next() holds Python's lock
                    results[i] = function(parts[i])
        except BaseException as error:
            errors.append(error)
            collections.deque(todo, maxlen=0)  # nobody begins another part
        finally:
            del _worker.active

    helpers = [_submit(work, count) for _ in range(min(count, len(parts)) - 1)]
    work()  # the thread that asks does its share
    for helper in helpers:
        if not helper.cancel():
            helper.result()
    if errors:
        raise errors[0]
    return results


def _submit(work: Callable[[], T], count: int) -> Any:
    """Ask one of count - 1 other threads to work: with this one's settings of NumPy's errors."""
    state = _state
    with state.lock:
        if state.pool is None or state.pool._max_workers < count - 1:
            from concurrent.futures import ThreadPoolExecutor

            state.pool = ThreadPoolExecutor(count - 1, "minitorch_attn")
            for _ in range(count - 1):  # all at once, for threads that meet have memory each
                state.pool.submit(write_working_memory)
            write_working_memory()
    return state.pool.submit(contextvars.copy_context().run, work)
