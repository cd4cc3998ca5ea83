"""Training steps beside other busy programs, as many as there are cores: how much slower?

A laptop with a browser open, a shared hub. With its fair share of the cores a step takes about
twice its quiet time. A library whose threads wait for one another may take many times more.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from . import bars
from .contestant import CONTESTANTS
from .machine import cores
from .referee import PAUSE, Plan, Timing, take_turn, workers
from .workloads import CLASSIFIERS, DENSE, Workload

NAMES = ("ours", "torch")
SETTLE = 0.3  # seconds until the scheduler has spread the programs


@contextmanager
def busy_programs(count: int) -> Iterator[None]:
    """So many processes that compute, and ask for nothing else."""
    code = "while True: pass"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]
    time.sleep(SETTLE)
    try:
        yield
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()


def measure(
    names: list[str], plan: Plan, quick: bool
) -> tuple[dict[str, dict[str, dict[str, list[float]]]], list[bars.Row]]:
    """Seconds by workload, contestant, and "quiet" or "busy"; and the rows of the table."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    made: list[bars.Row] = []
    steps = [DENSE, *(Workload("classifier", size) for size in CLASSIFIERS)]
    present = [name for name in NAMES if name in names]
    for workload in steps[:2] if quick else steps:
        print(f"  busy, {workload.name} …", flush=True)
        quiet = {name: Timing(name, workload) for name in present}
        busy = {name: Timing(name, workload) for name in present}
        with workers(present, plan.threads) as here:
            processes = {name: worker for name, (worker, _) in here.items()}
            for worker in processes.values():
                worker.ask("prepare", workload)
            for _ in range(plan.rounds):
                for name, worker in processes.items():
                    time.sleep(PAUSE)
                    take_turn(worker, quiet[name], plan)
                    with busy_programs(cores()):
                        take_turn(worker, busy[name], plan)
        title = f"{workload.name}, beside {cores()} busy programs"
        for name in present if "ours" in present else []:
            own = name == "ours"
            against = CONTESTANTS[name].title + (", quiet" if own else ", as busy")
            theirs, at_most = (quiet["ours"], bars.BUSY) if own else (busy[name], None)
            made.append(bars.row(title, against, busy["ours"].rounds, theirs.rounds, at_most))
        found[workload.name] = {
            name: {"quiet": quiet[name].rounds, "busy": busy[name].rounds} for name in present
        }
    return found, made
