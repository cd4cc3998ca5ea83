"""Split Fashion-MNIST: ten kinds of clothes, learned two at a time."""

from __future__ import annotations

import numpy as np

from .dataset import Dataset
from .packing import PACKED

NUM_TRAIN = 4_000


def split_fashion(num_tasks: int = 5) -> list[tuple[Dataset, Dataset]]:
    """Return the tasks in turn, each a training set and a test set of its own classes.

    Images are 14×14 float32 in [0, 1], 400 to train on and 100 to test with a class. With five
    tasks the classes are (0, 1), (2, 3), …; targets keep their numbers from 0 to 9.

    Source: Xiao, Rasul and Vollgraf, "Fashion-MNIST", 2017; MIT licence. Pooled 2×2, 17 levels.

    Raises ValueError if ten classes cannot be shared out evenly.
    """
    if num_tasks < 1 or 10 % num_tasks:
        raise ValueError(f"split_fashion: ten classes do not make {num_tasks} tasks of one size")
    with np.load(PACKED / "fashion_14x14.npz") as file:
        images = file["images"].astype(np.float32) / 16
        targets = file["targets"].astype(np.int64)
    whole = Dataset(images, targets, num_classes=10)
    task = targets // (10 // num_tasks)
    train = np.arange(len(whole)) < NUM_TRAIN
    return [
        (whole.subset(train & (task == t)), whole.subset(~train & (task == t)))
        for t in range(num_tasks)
    ]
