"""Rows of the table: our time against theirs, round by round, and what it may be at most."""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, dataclass
from typing import Any

from .contestant import CONTESTANTS
from .referee import Timing
from .workloads import CLASSIFIERS, Workload, product_flops

CLASSIFIER_MEAN = 1.0
CAUSAL = 0.65
MEMORY = 1.5
LINEAR = 1.1  # the steepest slope of log memory over log tokens that is called linear
IMPORT = 1.5
GPU = 1.2
BUSY = 2.5  # a step beside as many busy programs as there are cores, against its quiet time


@dataclass
class Row:
    """One comparison. `ratio` is ours / theirs: the median of the rounds, with the extremes.

    Where there is nobody to compare with, `theirs` and what follows from it is None.
    """

    workload: str
    against: str
    ours: float
    theirs: float | None
    unit: str
    ratio: float | None
    low: float | None
    high: float | None
    at_most: float | None = None
    products: float | None = None  # seconds that the matrix products alone need at the peak

    @property
    def is_met(self) -> bool | None:
        if self.at_most is None or self.ratio is None:
            return None
        return self.ratio <= self.at_most

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.is_met}


def bar(name: str, workload: Workload) -> float | None:
    """What ours may take at most, as a multiple of what this contestant takes."""
    family = workload.family
    long = family == "attention" and workload.size[2] >= 256
    if name == "torch":
        attention = 1.15 if long else 0.95
        return {"ops": 1.0, "classifier": 1.15, "attention": attention, "main": 1.0}.get(family)
    if name == "torch-default-adam":
        return 1.0 if family == "dense" else None
    if name == "torch-plain":
        return 0.8 if long else None
    if name == "hips":
        return 0.25 if family == "ops" else None
    if name in ("numpy", "numpy-threads"):
        return 1.1 if family == "classifier" else None
    if name in ("torch-gpu", "torch-gpu-reading"):
        return GPU if long or workload.size in CLASSIFIERS[2:] else None
    return None


def rows(timings: list[Timing], peak_gflops: float | None) -> list[Row]:
    """Ours against each of the others, then the figures that take several together."""
    gpu = [t for t in timings if CONTESTANTS[t.contestant].gpu]
    cpu = [t for t in timings if not CONTESTANTS[t.contestant].gpu]
    mine = {t.workload: t for t in cpu if t.contestant == "ours"}
    found = _pairs(cpu, mine, peak_gflops)
    found += _epoch(cpu, mine) + _classifier_mean(cpu, mine) + _causal(mine)
    return found + _pairs(gpu, {t.workload: t for t in gpu if t.contestant == "ours-gpu"}, None)


def _pairs(
    timings: list[Timing], mine: dict[Workload, Timing], peak_gflops: float | None
) -> list[Row]:
    found: list[Row] = []
    for t in timings:
        own = mine.get(t.workload)
        if own is t and not any(t.workload == x.workload for x in timings if x is not t):
            found.append(Row(t.workload.name, "nobody", t.median, None, "s", None, None, None))
        if own is None or own is t:
            continue
        flops = product_flops(t.workload)
        found.append(
            row(
                t.workload.name,
                CONTESTANTS[t.contestant].title,
                own.rounds,
                t.rounds,
                bar(t.contestant, t.workload),
                flops / peak_gflops / 1e9 if flops and peak_gflops else None,
            )
        )
    return found


def row(
    workload: str,
    against: str,
    ours: list[float],
    theirs: list[float],
    at_most: float | None,
    products: float | None = None,
) -> Row:
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    middle = statistics.median
    low, high = min(ratios), max(ratios)
    return Row(
        workload, against, middle(ours), middle(theirs), "s", middle(ratios), low, high, at_most,
        products,
    )  # fmt: skip


def _classifier_mean(timings: list[Timing], mine: dict[Workload, Timing]) -> list[Row]:
    """The geometric mean over the classifiers, if all were measured."""
    theirs = [t for t in timings if t.contestant == "torch" and t.workload.family == "classifier"]
    if len(theirs) < len(CLASSIFIERS):
        return []

    def mean(parts: list[Timing]) -> list[float]:
        logs = [[math.log(x) for x in t.rounds] for t in parts]
        return [math.exp(statistics.mean(together)) for together in zip(*logs, strict=True)]

    ours = [mine[t.workload] for t in theirs]
    title = "classifier, geometric mean of the four"
    return [row(title, CONTESTANTS["torch"].title, mean(ours), mean(theirs), CLASSIFIER_MEAN)]


def _epoch(timings: list[Timing], mine: dict[Workload, Timing]) -> list[Row]:
    """The main job by the epoch: chance decides in which one the goal is reached."""
    found = []
    for t in timings:
        own = mine.get(t.workload)
        if t.workload.family == "main" and own is not None and own is not t:
            ours, theirs = (
                [s / n for s, n in zip(x.rounds, x.notes["epochs"], strict=True)] for x in (own, t)
            )
            title = CONTESTANTS[t.contestant].title
            found.append(row("main, an epoch of it", title, ours, theirs, None))
    return found


def _causal(mine: dict[Workload, Timing]) -> list[Row]:
    """Ours with the causal rule against ours without it."""
    found = []
    for workload, t in mine.items():
        whole = mine.get(Workload(workload.family, workload.size))
        if workload.causal and whole is not None and t.contestant == "ours":
            at_most = CAUSAL if workload.size[2] >= 256 else None
            against = "minitorch_attn without the causal rule"
            found.append(row(workload.name, against, t.rounds, whole.rounds, at_most))
    return found
