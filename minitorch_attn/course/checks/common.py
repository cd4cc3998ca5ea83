"""What the checks of several chapters share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..checking.expecting import LearnerError, expect, expect_close, expect_real, same, show


def near(got: Any, want: Any, claim: str, atol: float = 1e-4) -> None:
    """Equal to what 32-bit numbers can do."""
    expect_close(got, want, claim, rtol=1e-3, atol=atol)


def reacts(before: Any, after: Any, claim: str = "another input gives another answer") -> None:
    """Two answers to two inputs, of one shape, are finite and differ, by more than `near` forgives.

    For a check that compares the function with itself, which zeros, NaN, a constant or noise too
    small to count would pass.
    """
    claim_of_both = "every number is real and finite"
    finite = all(np.isfinite(expect_real(x, claim_of_both)).all() for x in (before, after))
    expect(finite, claim_of_both, got=after)
    expect(not same(before, after, rtol=1e-3, atol=1e-4), claim, got=f"the same: {show(after)}")


def ask_all(calls: Iterable[Callable[[], Any]]) -> None:
    """Make each of these calls before the first is judged: together they tell two mistakes apart
    that fail at the same one."""
    for call in calls:
        with contextlib.suppress(LearnerError):
            call()


def sizes(rng: np.random.Generator, count: int, low: int = 3, high: int = 10) -> list[int]:
    """That many sizes in [low, high), all different: a wrong axis cannot hide."""
    return [int(n) for n in rng.choice(np.arange(low, high), count, replace=False)]


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Softmax with its own maximum subtracted; NaN where all are minus infinity."""
    with np.errstate(all="ignore"):
        e = np.exp(x - x.max(axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)


def thousands_apart(rng: np.random.Generator, count: int) -> np.ndarray:
    """Numbers (count,), two thousand apart, in any order; of two, one is above 0, one below."""
    return rng.permutation(2000.0 * (np.arange(count) - count // 2) + 1000.0)
