"""Who runs when: starts the contestants, compares their numbers, lets them take turns."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .contestant import CONTESTANTS
from .workloads import Workload

ROOT = Path(__file__).parents[1]
# Idle threads of a library watch for work for a while, at the expense of the next contestant.
PAUSE = 0.1
MAIN_ROUNDS = 5  # whole trainings, of as many seeds
# Largest disagreement, as a share of the array's largest entry: float32 sums in another order
# differ by a few millionths. A gradient that is zero but for rounding is held to the largest
# of all.
TOLERANCE, FLOOR = 1e-4, 1e-5


class BenchError(ValueError):
    """A run that cannot go on; the message says why in one line."""


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes
    ----------
    rounds : turns that each contestant gets
    seconds : how long a turn lasts, about
    most : repetitions in a turn, at most
    threads : of every contestant
    """

    rounds: int
    seconds: float
    most: int
    threads: int


@dataclass
class Timing:
    """What one contestant took for one workload: seconds, the median of each round."""

    contestant: str
    workload: Workload
    rounds: list[float] = field(default_factory=list)
    notes: dict[str, Any] = field(
        default_factory=dict
    )  # repetitions in the last turn; of `main` each turn
    disagreement: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)


def missing(name: str) -> str | None:
    """Why a contestant cannot take part, or None."""
    for package in CONTESTANTS[name].needs:
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed"
    return None


def environment(threads: int) -> dict[str, str]:
    """The environment of a contestant: so many threads, whichever library counts them."""
    names = ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR", "MINITORCH_ATTN")
    return {**os.environ, **{f"{name}_NUM_THREADS": str(threads) for name in names}}


class Worker:
    """A contestant's process, and the pipe to it."""

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        self.errors = tempfile.TemporaryFile(  # noqa: SIM115 (closed by stop)
            "w+", encoding="utf-8", errors="replace"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            env=environment(threads),
        )

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        status = self.process.wait()
        self.errors.seek(0)
        said = self.errors.read().strip().splitlines()
        why = said[-1] if said else "it said nothing; a process killed for memory looks like this"
        raise BenchError(f"{CONTESTANTS[self.name].title} stopped with status {status}: {why}")

    def ask(self, do: str, workload: Workload, **fields: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        request = {"do": do, "workload": workload.as_json(), **fields}
        with suppress(BrokenPipeError):  # receive() says why
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        return self.receive()

    def stop(self) -> None:
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.errors.close()


@contextmanager
def workers(names: Iterable[str], threads: int) -> Iterator[dict[str, tuple[Worker, dict]]]:
    """Start these contestants side by side; each comes with its versions."""
    started: list[Worker] = []
    try:
        started += [Worker(name, threads) for name in names]
        yield {worker.name: (worker, worker.receive()["versions"]) for worker in started}
    finally:
        for worker in started:
            worker.stop()


def disagreement(theirs: dict[str, np.ndarray], ours: dict[str, np.ndarray]) -> float:
    """How far two sets of arrays differ, as a share of the largest entry (inf: other shapes)."""
    if theirs.keys() != ours.keys():
        return float("inf")
    largest = max((float(np.abs(a).max()) for n, a in ours.items() if "gradient" in n), default=0.0)
    worst = 0.0
    for name, a in ours.items():
        b = theirs[name]
        if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
            return float("inf")
        scale = float(np.abs(a).max())
        if "gradient" in name:
            scale = max(scale, largest * FLOOR / TOLERANCE)
        if a.size:
            worst = max(worst, float(np.abs(a - b).max()) / max(scale, 1e-30))
    return worst


def check(found: dict[str, Worker], workload: Workload, folder: Path) -> dict[str, float]:
    """Have all compute the workload; the disagreement of each with the first.

    Raises
    ------
    BenchError
        If one computes other numbers.
    """
    results = {}
    for name, worker in found.items():
        path = folder / f"{name}.npz"
        worker.ask("check", workload, file=str(path))
        with np.load(path) as arrays:
            results[name] = {key: arrays[key] for key in arrays.files}
        path.unlink()
    reference = next(iter(results))
    apart = {name: disagreement(arrays, results[reference]) for name, arrays in results.items()}
    for name, amount in apart.items():
        if not amount <= TOLERANCE:
            raise BenchError(
                f"{workload.name}: {CONTESTANTS[name].title} and {CONTESTANTS[reference].title} "
                f"differ by {amount:.1e} of the largest entry, more than {TOLERANCE:.0e}: they do "
                "not compute the same, so there is nothing to compare"
            )
    return apart


def take_turn(worker: Worker, timing: Timing, plan: Plan) -> None:
    """Have a contestant do its workload for one turn, and note what it took."""
    if timing.workload.family == "main":  # whole trainings, which time themselves
        figures = worker.ask("measure", timing.workload)["figures"]
        timing.rounds.append(figures.pop("seconds"))
        timing.notes = {name: [*timing.notes.get(name, ()), x] for name, x in figures.items()}
    else:
        wanted = {"seconds": plan.seconds, "most": plan.most}
        answer = worker.ask("time", timing.workload, **wanted)
        timing.rounds.append(answer["median"])
        timing.notes = {"repeats": answer["repeats"]}


def race(group: list[Workload], names: list[str], plan: Plan) -> tuple[list[Timing], dict]:
    """Time a group of workloads side by side; also the versions that took part.

    Every round, each contestant has one turn a workload. The order turns round from one round to
    the next, so that nobody always follows the same neighbour.
    """
    takes = [(n, w) for w in group for n in names if CONTESTANTS[n].takes_part(w)]
    present = [n for n in names if any(n == m for m, _ in takes)]
    with workers(present, plan.threads) as found, tempfile.TemporaryDirectory() as folder:
        processes = {name: worker for name, (worker, _) in found.items()}
        versions = {k: v for _, more in found.values() for k, v in more.items()}
        timings = {(n, w): Timing(n, w) for n, w in takes}
        for name, workload in takes:
            processes[name].ask("prepare", workload)
        for workload in group:
            part = {n: processes[n] for n, w in takes if w == workload}
            for name, amount in check(part, workload, Path(folder)).items():
                timings[name, workload].disagreement = amount
        is_main = group[0].family == "main"
        for i in range(min(plan.rounds, MAIN_ROUNDS) if is_main else plan.rounds):
            k = i % len(takes)
            for name, workload in takes[k:] + takes[:k]:
                time.sleep(PAUSE)
                take_turn(processes[name], timings[name, workload], plan)
    return list(timings.values()), versions
