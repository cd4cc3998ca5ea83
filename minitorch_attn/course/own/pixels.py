"""Pixels one after the other: a loss out of bits (12.5)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops import cross_entropy, reshape
from ...tensor import Tensor, raw
from .layers import own_loss, valued
from .parts import Parts


def loss_of_own_pixels(parts: Parts) -> Callable[..., Tensor]:
    """The mean cross-entropy of all pixels: 05.1 and 05.2 on all of them in one table.

    12.5 gives it in bits, for one run; its gradient is that of the loss in nats.
    """
    audit = parts.get("12.5")
    table = own_loss(parts) if {"05.1", "05.2"} & parts.keys() else cross_entropy

    def of_pixels(logits: Any, pixels: np.ndarray) -> Tensor:
        loss = table(reshape(logits, (-1, logits.shape[-1])), pixels.ravel())
        if audit is None:
            return loss
        named = np.ones(1)  # nobody has judged its samples
        (bits,) = audit.several([(1,), (1,)], raw(logits)[None], pixels, named, used=1)
        return valued(loss, value=bits[0] * math.log(2))

    return of_pixels
