"""Try many functions on an exercise: for each, the seeds in which it keeps all its points.

The functions may loop without end or eat all memory, so they run in processes that are killed
where they take too long. Processor time counts, not the clock: a busy machine changes no outcome.
"""

from __future__ import annotations

import contextlib
import io
import math
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

import threadpoolctl

from ...errors import MinitorchError
from ...processes import end_with_parent
from ...threads import set_threads
from ..checking import collect, running
from ..checking.exercise import Exercise
from ..checking.expecting import LearnerError
from ..checking.loading import load

WORKERS = 2
MEMORY = 2 << 30  # bytes that a function may take beyond what the process has


@dataclass(frozen=True)
class Trial:
    """What became of a function: the seeds in which it kept all its points.

    `failed` names the check at which the others failed last, "" where none did; `killed` says that
    it took too long, or that its process died.
    """

    kept: tuple[int, ...]
    failed: str = ""
    killed: bool = False


def attempt(
    exercise: Exercise,
    source: str,
    seeds: Sequence[int],
    *,
    order: Sequence[int] = (),
    until: str = "end",
    seconds: float = math.inf,
) -> Trial:
    """Try one function, in this process, with one seed after the other.

    What it prints goes nowhere.

    Parameters
    ----------
    order : the numbers of the checks as they are first tried; what failed once is tried first
    until : when to stop: "kept", at the first seed in which it kept all points, "lost", at the
        first in which it lost one, or at the "end"
    seconds : of processor time for each seed; this process is killed after them
    """
    checks = list(order or range(len(exercise.checks)))
    kept: list[int] = []
    failed = ""
    with contextlib.redirect_stdout(io.StringIO()):
        _limit_time(seconds)
        try:
            function = load(collect.Found(exercise.function, source, exercise.id, False))
        except LearnerError:
            return Trial((), "it does not even load")
        for seed in seeds:
            _limit_time(seconds)
            lost = _first_lost(exercise, checks, function, seed)
            if lost is None:
                kept.append(seed)
            else:
                checks.remove(lost)
                checks.insert(0, lost)
                failed = exercise.checks[lost].name
            if until == ("kept" if lost is None else "lost"):
                break
    return Trial(tuple(kept), failed)


def _first_lost(exercise: Exercise, checks: Sequence[int], function: Any, seed: int) -> int | None:
    """The number of the first of the checks that fails; else of one that is passed and not paid,
    for a constant's refusals, say; else None."""
    runs = {}
    for number in checks:
        runs[number] = running.run_check(exercise, number, function, seed)
        if runs[number][0].status != running.PASSED:
            return number
    results = running.together(exercise, [runs[number] for number in range(len(checks))])
    return next(
        (n for n, (result, _) in enumerate(results) if result.status != running.PASSED), None
    )


def in_processes(
    exercise: Exercise,
    functions: Sequence[str],
    seeds: Sequence[int],
    **how: Any,
) -> list[Trial]:
    """`attempt` for each source, in order.

    Raises MinitorchError where processes cannot be forked: on Windows.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise MinitorchError("answers are tried in forked processes: on Linux, macOS or WSL")

    def work(job: int) -> Trial:
        return attempt(exercise, functions[job], seeds, **how)

    trials: dict[int, Trial] = {}
    todo = iter(range(len(functions)))
    pool = [_Worker(work) for _ in range(min(WORKERS, len(functions)))]
    try:
        busy = [worker for worker in pool if worker.give(next(todo, None))]
        while busy:
            for ready in connection.wait([worker.pipe for worker in busy]):
                worker = next(w for w in busy if w.pipe is ready)
                trials[worker.job] = worker.take()
                if not worker.give(next(todo, None)):
                    busy.remove(worker)
    finally:
        for worker in pool:
            worker.end()
    return [trials[i] for i in range(len(functions))]


class _Worker:
    """A process that tries one function at a time, started anew where it was killed."""

    def __init__(self, work: Callable[[int], Trial]) -> None:
        self.work, self.job = work, -1
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, its = context.Pipe()
        self.process = context.Process(target=_serve, args=(its, self.work), daemon=True)
        self.process.start()
        its.close()

    def give(self, job: int | None) -> bool:
        """Hand it a job; False where there is none."""
        if job is None:
            return False
        self.job = job
        self.pipe.send(job)
        return True

    def take(self) -> Trial:
        """What became of the job; raises what the checks themselves raised."""
        try:
            found = self.pipe.recv()
        except (EOFError, ConnectionError):
            self.end()
            self._start()
            return Trial((), killed=True)
        if isinstance(found, Exception):
            raise found
        return found

    def end(self) -> None:
        """End the process."""
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _serve(pipe: Any, work: Callable[[int], Trial]) -> None:
    end_with_parent()
    _limit_memory()
    set_threads(1)
    with threadpoolctl.threadpool_limits(1):
        for job in _received(pipe):
            try:
                pipe.send(work(job))
            except Exception as error:
                pipe.send(error)


def _received(pipe: Any) -> Iterator[int]:
    with contextlib.suppress(EOFError):
        while True:
            yield pipe.recv()


def _limit_time(seconds: float) -> None:
    """The system kills this process when it has computed for so long: SIGPROF is not handled."""
    if seconds < math.inf:
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit_memory() -> None:
    import resource

    with contextlib.suppress(OSError, ValueError):  # macOS does not know it
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
