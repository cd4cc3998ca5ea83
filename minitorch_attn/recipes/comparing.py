"""Whether one way is better than another, as far as a few seeds can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """What `compare` found. `print` it, and a sentence may say no more than it does.

    Attributes
    ----------
    gap : float
        The mean difference seed by seed, first minus second.
    error : float
        How uncertain that mean is: the sd of the differences over the root of their number.
    margin : float
        What the gap has to exceed, in the units of the scores: a few errors, by Student's t.
    seeds : int
    """

    gap: float
    error: float
    margin: float
    seeds: int

    @property
    def verdict(self) -> str:
        """ "ahead", "behind" or "cannot tell"."""
        if abs(self.gap) <= self.margin:
            return "cannot tell"
        return "ahead" if self.gap > 0 else "behind"

    def __str__(self) -> str:
        told = f"{self.gap:+.1f} ± {self.error:.1f}, {self.seeds} seeds"
        return f"{self.verdict} ({told}; needs {self.margin:.1f})"


def compare(first: ArrayLike, second: ArrayLike) -> Comparison:
    """Whether the first way is ahead of the second: its scores (seeds,) and theirs, paired.

    Entry i of both comes from the same seed and the same split, so that what is easy for both
    cancels. The gap counts where it exceeds Student's t times its error: in nineteen of twenty
    comparisons of two equal ways the verdict is "cannot tell", whatever the number of seeds.
    With three seeds that is 4.3 errors, with ten 2.3. (Student, "The probable error of a mean",
    Biometrika 6, 1908.) Without any spread the smallest gap counts.

    Raises
    ------
    ValueError
        If the two are not of one length, of fewer than two seeds, or not finite.
    """
    from scipy.stats import t  # not at the top: training does without SciPy

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"compare takes one score a seed of each: got {a.shape} and {b.shape}")
    if len(a) < 2:
        raise ValueError("one seed tells nothing: compare at least two, better ten")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a score is NaN or infinite")
    difference = a - b
    error = float(difference.std(ddof=1) / np.sqrt(len(a)))
    margin = float(t.ppf((1 + CONFIDENCE) / 2, len(a) - 1)) * error
    return Comparison(float(difference.mean()), error, margin, len(a))
