"""Schedules: a step, from 0, to a factor for the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable


def constant(step: int) -> float:
    """A schedule that keeps the learning rate."""
    return 1.0


def warmup(steps: int) -> Callable[[int], float]:
    """A schedule that rises from 1/steps to 1 within `steps` steps, and stays."""
    return lambda step: min(1.0, (step + 1) / max(1, steps))


def warmup_cosine(
    total_steps: int, warmup_steps: int = 0, floor: float = 0.0
) -> Callable[[int], float]:
    """A schedule: a linear rise, then half a cosine down to `floor` at total_steps.

    A schedule maps a step, from 0, to a factor for the learning rate.

    Source: Loshchilov and Hutter, "SGDR", ICLR 2017, for the cosine.
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return factor
