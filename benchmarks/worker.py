"""One contestant in a process of its own, told what to do over a pipe, a JSON object a line.

python -m benchmarks.worker CONTESTANT THREADS
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import time
from typing import Any

import numpy as np

from .contestant import CONTESTANTS
from .job import Job
from .workloads import Workload

WARM_GPU = 0.2  # seconds


def timed(job: Job, seconds: float, most: int) -> list[float]:
    """Seconds of each repetition, after a few to warm up, for about so many seconds in all."""
    job.reset()
    started = time.perf_counter()
    job.run()
    if job.wait:
        job.wait()
    once = time.perf_counter() - started
    if once < seconds / 10:
        started = time.perf_counter()
        job.run()
        if job.wait:
            job.wait()
        once = time.perf_counter() - started
    if job.wait:  # a GPU that had nothing to do has a low clock: run until it is up
        started, runs = time.perf_counter(), 0
        while (spent := time.perf_counter() - started) < min(seconds, WARM_GPU):
            job.run()
            job.wait()
            runs += 1
        once, most = spent / runs, most * 50
    repeats = max(1, min(most, round(seconds / max(once, 1e-9))))
    if job.wait:  # on a GPU the host runs ahead: only the whole can be timed
        started = time.perf_counter()
        for _ in range(repeats):
            job.run()
        job.wait()
        return [(time.perf_counter() - started) / repeats]
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        job.run()
        times.append(time.perf_counter() - started)
    return times


def serve(name: str, threads: int, replies: Any) -> None:
    """Answer requests until there are no more."""
    contestant = CONTESTANTS[name]

    def reply(**fields: Any) -> None:
        replies.write(json.dumps(fields) + "\n")
        replies.flush()

    module = importlib.import_module(f"benchmarks.contestants.{contestant.module}")
    reply(versions=module.start(threads, **contestant.options))
    jobs: dict[str, Job] = {}
    for line in sys.stdin:
        request = json.loads(line)
        workload = Workload.from_json(request["workload"])
        if request["do"] == "prepare":
            jobs[workload.name] = module.prepare(workload, **contestant.options)
            reply(done=True)
        elif request["do"] == "check":
            found: dict[str, Any] = jobs[workload.name].results()
            np.savez(request["file"], **found)
            reply(done=True)
        elif request["do"] == "measure":
            reply(figures=jobs[workload.name].run())
        else:
            times = timed(jobs[workload.name], request["seconds"], request["most"])
            reply(median=statistics.median(times), repeats=len(times))


def main() -> None:
    # Nothing that a library prints may get between the replies.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.argv[1], int(sys.argv[2]), replies)


if __name__ == "__main__":
    main()
