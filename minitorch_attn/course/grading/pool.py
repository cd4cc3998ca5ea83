"""Do many pieces of work in processes of their own, here or on a Dask cluster.

A process that dies takes one piece of work with it at most: that piece is tried once more, then
given up, and all the others go on.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import connection
from typing import Any

from ... import current_folder
from ...errors import MinitorchError
from ...processes import end_with_parent

TRIES = 2
STARTING = 120.0  # seconds that a process may take until it is there
SECONDS = 600.0  # for one piece of work; what is inside it has shorter limits of its own
_READY = ("ready", None)  # what a process says first; an answer is a tuple of one
Work = Callable[[Any], Any]


class ClusterError(MinitorchError, RuntimeError):
    """The cluster cannot be used; the message says why, in one line."""


class GivenUp(Exception):
    """A piece of work whose process died or was stopped each time; the message says how."""


def spread(
    work: Work, tasks: Sequence[Any], jobs: int, seconds: float = SECONDS
) -> Iterator[tuple[int, Any]]:
    """Yield (number of the task, result or GivenUp) as they are done, from `jobs` processes.

    `work` is a function of a module; where it raises, that piece of work is given up.
    """
    waiting = deque((number, 1) for number in range(len(tasks)))
    context = multiprocessing.get_context("spawn")  # no thread or open file of ours goes along
    workers = [_Worker(context, work) for _ in range(min(jobs, len(tasks)))]
    try:
        for worker in workers:
            worker.start()
            worker.give(*waiting.popleft(), tasks)
        while busy := [worker for worker in workers if worker.number is not None]:
            for worker, answer, late in _finished(busy, seconds):
                number, tries = worker.number, worker.tries
                assert number is not None
                worker.number = None
                if answer is None:
                    worker.stop()
                    worker.start()
                    how = f"took more than {seconds:g} s" if late else "ended without an answer"
                    answer = _once_more(waiting, number, tries, how)
                if waiting:
                    worker.give(*waiting.popleft(), tasks)
                if answer is not None:
                    yield number, answer[0]
    finally:
        for worker in workers:
            worker.stop()


def _finished(busy: list[_Worker], seconds: float) -> Iterator[tuple[_Worker, Any, bool]]:
    """Wait for some of them; yield each with its answer, None if it has none, and whether late."""
    soonest = min(worker.since for worker in busy) + seconds - time.monotonic()
    ready = connection.wait([worker.pipe for worker in busy], max(soonest, 0))
    for worker in busy:
        late = time.monotonic() - worker.since > seconds
        if worker.pipe not in ready and not late:
            continue
        answer = worker.receive() if worker.pipe in ready else None
        if answer == _READY:
            worker.since = time.monotonic()  # from now on its time counts
        else:
            yield worker, answer, late


def _once_more(
    waiting: deque[tuple[int, int]], number: int, tries: int, how: str
) -> tuple[GivenUp] | None:
    """Put a piece of work back in the queue; where that was its last try, the answer is GivenUp."""
    if tries == TRIES:
        return (GivenUp(f"the grader's process {how}, {tries} times"),)
    waiting.append((number, tries + 1))
    return None


@contextlib.contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _Worker:
    """One process, and the piece of work that it has."""

    def __init__(self, context: Any, work: Work) -> None:
        self.context, self.work = context, work
        self.number: int | None = None
        self.tries, self.since = 0, 0.0

    def start(self) -> None:
        self.pipe, theirs = self.context.Pipe()
        self.process = self.context.Process(target=_serve, args=(theirs, self.work), daemon=False)
        # The processes are the parallelism, and import nothing of what lies about.
        with _environment({"OPENBLAS_NUM_THREADS": "1", **current_folder.environment()}):
            self.process.start()
        theirs.close()
        self.since = time.monotonic() + STARTING

    def give(self, number: int, tries: int, tasks: Sequence[Any]) -> None:
        self.number, self.tries = number, tries
        self.since = max(self.since, time.monotonic())
        with contextlib.suppress(OSError):  # it died: waiting for its answer will show that
            self.pipe.send(tasks[number])

    def receive(self) -> Any:
        """What it sent; None where it died."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            return None

    def stop(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _serve(pipe: Any, work: Work) -> None:
    """What each process does: take work and do it, until the pipe is closed."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair
    end_with_parent()  # and with it the boxes
    pipe.send(_READY)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = work(task)
        except Exception as error:  # nobody else's mark
            answer = GivenUp(_said(error))
        pipe.send((answer,))


def _said(error: Exception) -> str:
    """Our own errors in their words; all others are defects of ours."""
    if isinstance(error, MinitorchError):
        return str(error)
    return f"the grader failed: {type(error).__name__}: {error}"


def spread_cluster(
    work: Work, tasks: Sequence[Any], address: str, ready: Callable[[], str]
) -> Iterator[tuple[int, Any]]:
    """The same on a Dask cluster. `ready` runs on each worker and says why it is not, or "".

    A task whose worker dies is given to another by the scheduler, as often as its own setting
    `allowed-failures` says.
    """
    try:
        import distributed
    except ImportError:
        raise ClusterError(
            'no Dask here: pip install "minitorch_attn[cluster]" brings it'
        ) from None
    try:
        client = distributed.Client(address, timeout="15s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterError(f"no scheduler answers at {address} ({error})") from None
    with client:
        states = client.run(ready)
        if not states:
            raise ClusterError(f"the scheduler at {address} has no workers yet")
        for worker, why in states.items():
            if why:
                raise ClusterError(f"the worker {worker} cannot grade: {why}")
        futures = {
            client.submit(work, task, pure=False, retries=0): number
            for number, task in enumerate(tasks)
        }
        for future in distributed.as_completed(list(futures), loop=client.loop):
            try:
                yield futures[future], future.result()
            except distributed.scheduler.KilledWorker as error:
                gone = GivenUp(f"{error.allowed_failures + 1} workers of the cluster died with it")
                yield futures[future], gone
            except Exception as error:
                yield futures[future], GivenUp(_said(error))
            future.release()
