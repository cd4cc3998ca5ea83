"""How far two distributions are from each other, along the last axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def tvd(p: ArrayLike, q: ArrayLike) -> np.ndarray:
    """The total variation distance: half the sum of the differences, (..., C) twice to (...).

    From 0 to 1: the most by which the two can differ on any set of outcomes.
    """
    return 0.5 * np.abs(np.asarray(p, float) - np.asarray(q, float)).sum(axis=-1)


def jsd(p: ArrayLike, q: ArrayLike) -> np.ndarray:
    """The Jensen-Shannon divergence in nats, (..., C) twice to (...): from 0 to ln 2 = 0.693.

    The mean of KL(p, m) and KL(q, m), where m is halfway between; where p is 0 it adds nothing.
    Source: J. Lin, "Divergence measures based on the Shannon entropy", 1991.
    """
    p, q = np.asarray(p, float), np.asarray(q, float)
    middle = (p + q) / 2
    return (_kl(p, middle) + _kl(q, middle)) / 2


def _kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Where p is positive, so is q."""
    ratio = np.divide(p, q, out=np.ones(np.broadcast(p, q).shape), where=p > 0)
    return (p * np.log(ratio)).sum(axis=-1)
