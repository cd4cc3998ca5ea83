"""Each token beside its neighbours: what a small window sees of a sequence."""

from __future__ import annotations

from typing import Any

from ..arrays import namespace
from ..ops import concatenate
from ..tensor import TensorLike, raw


def neighbours(x: TensorLike, reach: int) -> Any:
    """Each token between `reach` others on either side: (B, S, D) to (B, S, (2 reach + 1) D).

    Before the first and after the last there are zeros.
    """
    batch, length, width = raw(x).shape
    edge = namespace(raw(x)).zeros((batch, reach, width), raw(x).dtype)
    wide = concatenate([edge, x, edge], axis=1)
    return concatenate([wide[:, i : i + length] for i in range(2 * reach + 1)], axis=-1)
