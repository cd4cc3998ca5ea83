"""Try many functions on an exercise: for each, the seeds in which it keeps all its points.

The functions may loop without end or eat all memory, so they run in processes that are killed
where they take too long. Processor time counts, not the clock: a busy machine changes no outcome.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

import threadpoolctl

from ...errors import MinitorchError
from ...processes import end_with_parent
from ..checking import collect, running
from ..checking.exercise import Exercise
from ..checking.expecting import LearnerError
from ..checking.loading import load

WORKERS = 2
MEMORY = 2 << 30  # bytes that a function may take beyond what the process has
PATIENCE = 20  # a function may take as many times as long as the right answer …
SECONDS = 10  # … and as many seconds more


@dataclass(frozen=True)
class Trial:
    """What became of a function: the seeds in which it kept all its points.

    `failed` names the check at which the others failed last, "" where none did; `killed` says that
    it took too long, or that its process died.
    """

    kept: tuple[int, ...]
    failed: str = ""
    killed: bool = False


def keeps(exercise: Exercise, function: Any, seed: int, first: int) -> int | None:
    """None where the function has all points with this seed, else the check at which it fails.

    The check `first` is tried first: what failed once, fails again.
    """
    numbers = range(len(exercise.checks))
    for number in sorted(numbers, key=lambda n: n != first):
        result, _ = running.run_check(exercise, number, function, seed)
        if result.status != running.PASSED:
            return number
    report = running.run(exercise, function, seed)  # refusals alone are worth nothing, for one
    lost = [i for i, result in enumerate(report.results) if result.status != running.PASSED]
    return lost[0] if lost else None


def attempt(exercise: Exercise, source: str, seeds: Sequence[int], whole: bool = False) -> Trial:
    """Try one function, in this process; `whole` goes on after the first seed in which it kept all.

    What is printed goes nowhere.
    """
    kept: list[int] = []
    failed = 0
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            function = load(collect.Found(exercise.function, source, exercise.id, False))
        except LearnerError:
            return Trial(())
        for seed in seeds:
            lost = keeps(exercise, function, seed, failed)
            if lost is None:
                kept.append(seed)
                if not whole:
                    break
            else:
                failed = lost
    return Trial(tuple(kept), exercise.checks[failed].name if len(kept) < len(seeds) else "")


def in_processes(
    exercise: Exercise,
    functions: Sequence[str],
    seeds: Sequence[int],
    *,
    whole: bool = False,
    seconds: float = SECONDS,
    workers: int = WORKERS,
) -> list[Trial]:
    """`attempt` for each source, in order, in as many processes.

    Raises MinitorchError where processes cannot be forked: on Windows.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise MinitorchError("answers are tried in forked processes: on Linux, macOS or WSL")
    trials: dict[int, Trial] = {}
    todo = iter(range(len(functions)))
    pool = [_Worker(exercise, functions, seeds, whole, seconds) for _ in range(workers)]
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

    def __init__(self, *what: Any) -> None:
        self.what, self.job = what, -1
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, its = context.Pipe()
        self.process = context.Process(target=_serve, args=(its, *self.what), daemon=True)
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
        """What became of the job."""
        try:
            return self.pipe.recv()
        except (EOFError, ConnectionError):
            self.end()
            self._start()
            return Trial((), killed=True)

    def end(self) -> None:
        """End the process."""
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _serve(
    pipe: Any,
    exercise: Exercise,
    functions: Sequence[str],
    seeds: Sequence[int],
    whole: bool,
    seconds: float,
) -> None:
    end_with_parent()
    _limit_memory()
    with threadpoolctl.threadpool_limits(1):
        for job in _received(pipe):
            _limit_time(seconds)
            pipe.send(attempt(exercise, functions[job], seeds, whole))


def _received(pipe: Any) -> Iterator[int]:
    with contextlib.suppress(EOFError):
        while True:
            yield pipe.recv()


def _limit_time(seconds: float) -> None:
    """The system kills this process when it has computed for so long."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 1, hard))


def _limit_memory() -> None:
    import resource

    with contextlib.suppress(OSError, ValueError):  # macOS does not know it
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
