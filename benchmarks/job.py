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


def leaf_job(
    compute: Callable[[], Any],
    leaves: dict[str, Any],
    what: str,
    to_numpy: Callable[[Any], np.ndarray],
    wait: Callable[[], None] | None = None,
) -> Job:
    """A job that computes something from leaves, and backward, with gradients that begin at none.

    `compute` returns the result, `what` names it.
    """

    def run() -> Any:
        for leaf in leaves.values():
            leaf.grad = None
        return compute()

    def results() -> dict[str, np.ndarray]:
        found = {what: to_numpy(run())}
        return found | {f"gradient of {name}": to_numpy(x.grad) for name, x in leaves.items()}

    return Job(run, results, wait=wait)


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
