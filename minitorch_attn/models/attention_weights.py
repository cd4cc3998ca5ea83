"""What attention weights say, read after training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import namespace
from ..tensor import raw


def query_weights(weights: Any) -> np.ndarray:
    """How much the last token, the query, attends to each tile: (B, H, …, N) to (B, N - 1).

    The mean over heads, without the query's weight on itself.
    """
    array = raw(weights)
    return namespace(array).asarray(array[:, :, -1, :-1]).mean(axis=1)


def entropy(weights: np.ndarray) -> np.ndarray:
    """The entropy in bits of weights that sum to 1 along the last axis."""
    safe = np.where(weights > 0, weights, 1)
    return -(weights * np.log(safe)).sum(axis=-1) / math.log(2)
