"""Training on pairs of sequences: what the decoder is told, and which words its loss counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data import PAD, START
from ...tensor import Tensor
from .layers import own_loss
from .parts import Part, PartError, Parts, locked


@dataclass(frozen=True)
class Told:
    """Pairs whose decoder reads before each word what the learner's 11.2 says."""

    whole: Any
    teacher: Part

    def __len__(self) -> int:
        return len(self.whole)

    def batch(self, indices: Any) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        (source, _), target = self.whole.batch(indices)
        return (source, taught(self.teacher, target)[0]), target


def taught(teacher: Part, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What 11.2 gives for words to write (B, N): those before, and which count."""
    with teacher.blamed():
        result = teacher.function(locked(target), START, PAD)
    teacher.expect_count(result, 2)
    before, counts = map(np.asarray, result)
    for name, array, kinds in (("before", before, "iu"), ("counts", counts, "b")):
        if array.shape != target.shape or array.dtype.kind not in kinds:
            raise PartError(
                f"{teacher.title}: {name} is an array of dtype {array.dtype} and shape "
                f"{array.shape}, where words to write have shape {target.shape}"
            )
    return before, counts


def loss_of_own_words(parts: Parts) -> Callable[..., Tensor]:
    """The mean cross-entropy of the words that count: 05.1 and 05.2 on all of them in one table."""
    loss = own_loss(parts)

    def of_words(logits: Any, targets: np.ndarray) -> Tensor:
        counts = taught(parts["11.2"], targets)[1] if "11.2" in parts else targets != PAD
        return loss(logits[counts], targets[counts])

    return of_words
