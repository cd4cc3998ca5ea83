"""Japanese vowels: nine men say /ae/, and the question is who spoke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .packing import PACKED
from .signals import pad_frames


@dataclass(frozen=True)
class Utterances:
    """Sequences of frames, of unequal length, and their classes.

    Attributes
    ----------
    frames : n arrays (T_i, D), float32
    targets : (n,) integers in [0, num_classes)
    """

    frames: tuple[np.ndarray, ...]
    targets: np.ndarray
    num_classes: int

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, indices: Any) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """The utterances at these places, padded to the longest of them: ((x, mask), targets).

        x (B, T, D) holds zeros where the mask (B, T) is False.
        """
        return pad_frames([self.frames[i] for i in indices]), self.targets[indices]

    def with_frames(self, frames: Sequence[np.ndarray]) -> Utterances:
        """The same classes for other frames."""
        return Utterances(tuple(frames), self.targets, self.num_classes)


def japanese_vowels(seed: int = 0) -> tuple[Utterances, Utterances, Utterances]:
    """640 utterances of two vowels by nine men, 7 to 29 frames of 12 cepstra; who spoke?

    The official split: 370 utterances are the test set. Of the other 270, thirty a speaker, the
    seed draws six a speaker for validation. Every number is standardised with the mean and the sd
    of the frames of those 270.

    Returns
    -------
    Training, validation and test set.

    Source: M. Kudo, J. Toyama, M. Shimbo, "Multidimensional Curve Classification Using
    Passing-through Regions", Pattern Recognition Letters, 1999; UCI Machine Learning Repository,
    doi 10.24432/C5NS47, CC BY 4.0.
    """
    with np.load(PACKED / "japanese_vowels.npz") as file:
        stored, lengths = file["frames"].astype(np.float32), file["lengths"].astype(int)
        targets, first = file["y"].astype(int), int(file["n_train"])
    targets -= targets.min()
    ends = np.cumsum(lengths)
    known = stored[: ends[first - 1]]
    stored = (stored - known.mean(axis=0)) / known.std(axis=0)
    utterances = np.split(stored, ends[:-1])

    rng = np.random.default_rng(seed)
    speakers = [np.flatnonzero(targets[:first] == speaker) for speaker in range(9)]
    held = np.sort(np.concatenate([rng.permutation(own)[:6] for own in speakers]))
    kept = np.setdiff1d(np.arange(first), held)

    def part(places: np.ndarray) -> Utterances:
        return Utterances(tuple(utterances[i] for i in places), targets[places], 9)

    return part(kept), part(held), part(np.arange(first, len(targets)))
