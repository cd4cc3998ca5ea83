"""Data sets in memory, and batches of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Dataset:
    """Examples and their classes.

    Attributes
    ----------
    inputs : (n, ...) float32
    targets : (n,) integers in [0, num_classes)
    """

    inputs: np.ndarray
    targets: np.ndarray
    num_classes: int

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, indices: Any) -> tuple[np.ndarray, np.ndarray]:
        """The inputs and targets at these places."""
        return self.inputs[indices], self.targets[indices]

    def subset(self, indices: Any) -> Dataset:
        """A data set of these examples alone."""
        return Dataset(self.inputs[indices], self.targets[indices], self.num_classes)


def stratified_fifth(targets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The places of a fifth of each class, drawn at random, in order."""
    parts = []
    for c in range(targets.max() + 1):
        own = rng.permutation(np.flatnonzero(targets == c))
        parts.append(own[: round(len(own) / 5)])
    return np.sort(np.concatenate(parts))


class Loader:
    """Goes through a data set in batches; a last, shorter batch is kept.

    Parameters
    ----------
    dataset : Dataset, or anything with `__len__` and `batch(indices)`
    batch_size : int
    shuffle : bool
    seed : int
        Epoch k is shuffled by (seed, k) alone: a run that is resumed sees the order it would
        have seen.
    """

    def __init__(self, dataset: Any, batch_size: int, shuffle: bool = True, seed: int = 0) -> None:
        if batch_size < 1:
            raise ValueError(f"Loader: a batch has at least one example, not {batch_size}")
        if not len(dataset):
            raise ValueError("Loader: the data set is empty")
        self.dataset, self.batch_size = dataset, batch_size
        self.shuffle, self.seed = shuffle, seed
        self._epochs = 0

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return -(-len(self.dataset) // self.batch_size)

    def epoch(self, k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches of epoch k, counted from 0."""
        order = np.arange(len(self.dataset))
        if self.shuffle:
            np.random.default_rng([self.seed, k]).shuffle(order)
        for start in range(0, len(order), self.batch_size):
            yield self.dataset.batch(order[start : start + self.batch_size])

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches of the next epoch."""
        self._epochs += 1
        return self.epoch(self._epochs - 1)
