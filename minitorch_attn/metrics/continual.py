"""Scores of a model that learns one task after another."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def continual_scores(accuracy: ArrayLike) -> tuple[float, float, float]:
    """What was kept of all tasks, from a table (T, T): row t was measured after task t.

    Entry [t, j] is the accuracy on task j, read only for j <= t: later tasks were not learned yet.

    Returns
    -------
    average : the mean of the last row: all tasks, at the end
    forgetting : the mean, over all tasks but the last, of the best that was ever reached on a task
        minus what is left of it at the end
    backward : the mean, over the same tasks, of what is left at the end minus what was reached just
        after learning the task; above 0 if later tasks helped

    Raises ValueError if the table is not square, has fewer than two tasks, or if what is read of it
    is not finite.

    Source: Lopez-Paz and Ranzato, "Gradient Episodic Memory for Continual Learning", NeurIPS 2017,
    equations 2 and 3; forgetting: Chaudhry et al., "Riemannian Walk for Incremental Learning", ECCV
    2018.
    """
    a = np.asarray(accuracy, dtype=float)
    if a.ndim != 2 or a.shape[0] != a.shape[1] or len(a) < 2:
        raise ValueError(f"continual_scores takes a row and a column a task, not {a.shape}")
    if not np.isfinite(a[np.tril_indices(len(a))]).all():
        raise ValueError("continual_scores: an accuracy on or below the diagonal is not finite")
    learned = np.where(np.tri(len(a), dtype=bool), a, -np.inf)
    before, last = slice(len(a) - 1), a[-1]
    return (
        float(last.mean()),
        float((learned.max(axis=0) - last)[before].mean()),
        float((last - a.diagonal())[before].mean()),
    )
