"""Where random numbers come from: a generator or a seed; and what a second run gets again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from .errors import GradientError

Rng: TypeAlias = "np.random.Generator | int | None"


def generator(rng: Rng) -> np.random.Generator:
    """The generator that `rng` stands for: itself; for an integer, 0 too, a new one with that seed.

    With None a new one that nobody can repeat. Raises TypeError, ValueError.
    """
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"rng is a numpy.random.Generator, or a seed: an integer from 0 on, not {rng!r}"
        ) from error


def other_draws() -> GradientError:
    """The error for a second run that is not the first one again."""
    return GradientError(
        "a checkpointed function drew other random numbers when it was computed again: leave the "
        "model's mode, train() or eval(), as it is until backward is done"
    )


class _Draws(threading.local):
    """The random arrays of a checkpointed function: kept when first drawn, then used again."""

    kept: list | None = None
    replay: list | None = None

    def next(self, draw: Callable[[], Any]) -> Any:
        """What `draw` gives, or gave in its place the first time. Raises GradientError where the
        second run draws more than the first."""
        if self.replay == []:
            raise other_draws()
        drawn = draw() if self.replay is None else self.replay.pop(0)
        if self.kept is not None:
            self.kept.append(drawn)
        return drawn


draws = _Draws()
