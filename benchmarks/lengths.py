"""Time and peak memory of attention, forward and backward, against the number of tokens.

Each measurement is a process of its own: memory once used would hide what the next one uses.

python -m benchmarks.lengths CONTESTANT TOKENS THREADS prints one as JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import bars, machine
from .contestant import CONTESTANTS
from .referee import ROOT, BenchError, environment
from .workloads import Workload

AT = 8192  # tokens at which memory is compared
HEADS, WIDTH = 8, 64


def measure(
    names: list[str], sizes: Sequence[int], threads: int
) -> tuple[list[dict[str, Any]], list[bars.Row]]:
    """Every contestant at every length, in turns; and the rows that judge the memory."""
    found: list[dict[str, Any]] = []
    for tokens in sizes:
        workload = Workload("length", (1, HEADS, tokens, WIDTH))
        print(f"  {workload.name} …", flush=True)
        for name in names:
            contestant = CONTESTANTS[name]
            if contestant.gpu or not contestant.takes_part(workload):
                continue
            whole = 4 * 4.0 * HEADS * tokens * tokens  # scores, weights, and their gradients
            if contestant.options.get("plain") and whole > 0.7 * machine.available_memory():
                print(f"  without {contestant.title}: it would need {whole / 2**30:.0f} GiB")
                continue
            found.append({"contestant": name, "tokens": tokens, **_process(name, tokens, threads)})
    return found, rows(found)


def _process(name: str, tokens: int, threads: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.lengths", name, str(tokens), str(threads)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(threads),
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        why = said[-1] if said else "it said nothing; a process killed for memory looks like this"
        raise BenchError(f"{CONTESTANTS[name].title} at {tokens} tokens stopped: {why}")
    return json.loads(done.stdout.splitlines()[-1])


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The power of x with which y grows: a straight line's slope through both logarithms."""
    xs, ys = zip(*((math.log(x), math.log(max(y, 1e-9))) for x, y in points), strict=True)
    return statistics.linear_regression(xs, ys).slope


def last_doubling(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The two longest: where the growth of memory shows.

    Shorter ones have a part of their weights kept in memory of a fixed size.
    """
    return sorted(points)[-2:]


def points(found: list[dict[str, Any]], name: str, what: str) -> list[tuple[float, float]]:
    """(tokens, figure) of one contestant, where it could be measured."""
    return [
        (row["tokens"], row[what])
        for row in found
        if row["contestant"] == name and row[what] is not None
    ]


def rows(found: list[dict[str, Any]]) -> list[bars.Row]:
    """Peak memory at 8,192 tokens (or the most there is) against PyTorch's, and how it grows."""
    ours = dict(points(found, "ours", "peak_mib"))
    made = []
    for name in ("torch", "torch-plain"):
        theirs = dict(points(found, name, "peak_mib"))
        both = sorted(ours.keys() & theirs.keys())
        if both:
            n = AT if AT in both else both[-1]
            ratio = ours[n] / max(theirs[n], 1e-9)
            made.append(
                bars.Row(
                    f"attention memory, {n:,.0f} tokens", CONTESTANTS[name].title, ours[n],
                    theirs[n], "MiB", ratio, ratio, ratio,
                    bars.MEMORY if name == "torch" and n == AT else None,
                )
            )  # fmt: skip
    last = last_doubling(list(ours.items()))
    if len(last) > 1:
        grows = slope(last)
        made.append(
            bars.Row(
                f"attention memory, growth to {last[1][0]:,.0f} tokens", "linear (slope 1)",
                grows, 1.0, "slope", grows, grows, grows, bars.LINEAR,
            )
        )  # fmt: skip
    return made


def _peak() -> int | None:
    """Bytes at the most so far; None where the system does not tell.

    Not `ru_maxrss` on Linux: a process inherits that from the one which started it.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def _forget_peak() -> None:
    """Begin the count of the peak anew from what is used now, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def one(name: str, tokens: int, threads: int) -> dict[str, Any]:
    """Peak memory of the first run beyond what the process held before, and the time of a run."""
    contestant = CONTESTANTS[name]
    module = importlib.import_module(f"benchmarks.contestants.{contestant.module}")
    module.start(threads, **contestant.options)
    # Loads what is loaded at first use (threads, kernels), so that it is not counted.
    module.prepare(Workload("length", (1, HEADS, 64, WIDTH)), **contestant.options).run()
    job = module.prepare(Workload("length", (1, HEADS, tokens, WIDTH)), **contestant.options)
    _forget_peak()
    before = _peak()
    times: list[float] = []
    after = None
    while not times or (sum(times) < 1 and len(times) < 50):
        started = time.perf_counter()
        job.run()
        times.append(time.perf_counter() - started)
        after = after or _peak()
    used = None if before is None or after is None else (after - before) / 2**20
    return {"seconds": statistics.median(times), "repeats": len(times), "peak_mib": used}


if __name__ == "__main__":
    print(json.dumps(one(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
