"""The distribution of a class's points: counted, and drawn as bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """How many students have these points, and where that is drawn."""

    points: float
    students: int
    x: float
    height: float


@dataclass(frozen=True)
class Chart:
    """The bars, in the units of an SVG: no library, the same bytes every time."""

    bars: list[Bar]
    step: float  # from one bar to the next
    width: int = 640
    height: int = 200
    left: int = 10
    foot: int = 220  # where the bars stand


def bins(points: Sequence[float], total: float) -> list[tuple[float, int]]:
    """Points, and how many students have so many; at most twenty-one pairs."""
    step = max(1.0, total / 20)
    counts = Counter(min(int(one / step), int(total / step)) for one in points)
    return [(step * number, counts[number]) for number in range(int(total / step) + 1)]


def chart(points: Sequence[float], total: float) -> Chart:
    """How the distribution is drawn."""
    counts = bins(points, total)
    step = (Chart.width - 2 * Chart.left) / len(counts)
    most = max(students for _, students in counts) or 1
    bars = [
        Bar(worth, students, Chart.left + number * step, Chart.height * students / most)
        for number, (worth, students) in enumerate(counts)
    ]
    return Chart(bars, step)
