"""Digits as something to draw: each pixel is to be guessed from the class and those before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .dataset import Dataset
from .digits import digits

LEVELS = 17  # 0 to 16: the digits as they are, nothing is rounded


@dataclass(frozen=True, eq=False)
class DigitDrawings:
    """Pictures as rows of whole numbers.

    Attributes
    ----------
    pixels : (n, 64) integers in [0, 17)
        In reading order.
    classes : (n,) integers in [0, 10)
    """

    pixels: np.ndarray
    classes: np.ndarray
    num_classes: int = 10
    levels: int = LEVELS

    def __len__(self) -> int:
        return len(self.classes)

    def batch(self, indices: Any) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """All pixels but the last (B, 63) and the classes (B,); and what is to be guessed (B, 64).

        So what is in place k of the first is in place k + 1 of the last: no pixel is given to the
        place that has to guess it.
        """
        pixels = self.pixels[indices]
        return (pixels[:, :-1], self.classes[indices]), pixels


def _drawings(source: Dataset) -> DigitDrawings:
    pixels = np.rint(source.inputs * (LEVELS - 1)).astype(np.int64)
    return DigitDrawings(pixels.reshape(len(source), -1), source.targets)


def digit_drawings(seed: int = 0) -> tuple[DigitDrawings, DigitDrawings]:
    """Return the digits as pixels to guess, and a held-out fifth; `seed` says which is held out."""
    train, test = digits(seed)
    return _drawings(train), _drawings(test)
