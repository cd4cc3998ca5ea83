"""What a contestant hands to its worker: something to repeat, and proof of what it computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


def nothing() -> None:
    """The default where there is nothing to do."""


@dataclass
class Job:
    """A prepared workload.

    Attributes
    ----------
    run : one repetition: what is timed
    results : the numbers that must agree between contestants, by name, from a fresh start
    reset : go back to the start (parameters, optimiser): not timed, before each turn
    wait : for a GPU, wait until all that was asked for is done; repetitions are then timed together
    """

    run: Callable[[], Any]
    results: Callable[[], dict[str, np.ndarray]]
    reset: Callable[[], None] = nothing
    wait: Callable[[], None] | None = None


CHECKED_STEPS = 3


def training_results(
    reset: Callable[[], None],
    step: Callable[[], Any],
    gradients: Callable[[], dict[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """The gradients of the first step, and the losses of the first few."""
    reset()
    losses = [float(step())]
    found = {f"gradient of {name}": np.array(g) for name, g in gradients().items()}
    losses += [float(step()) for _ in range(CHECKED_STEPS - 1)]
    reset()
    return {"losses": np.array(losses), **found}
