"""Emoji: small drawings, each with a name and a category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .dataset import stratified_fifth
from .packing import PACKED


@dataclass(frozen=True)
class Emoji:
    """Drawings, their names and their categories.

    Attributes
    ----------
    images : (n, 16, 16, 3) float32 in [0, 1]: red, green, blue, on white
    names : n strings, all different
    targets : (n,) integers: which of the categories
    categories : eight strings
    """

    images: np.ndarray
    names: tuple[str, ...]
    targets: np.ndarray
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.targets)

    def subset(self, indices: Any) -> Emoji:
        """These emoji alone."""
        names = tuple(np.array(self.names)[indices].tolist())
        return Emoji(self.images[indices], names, self.targets[indices], self.categories)


def emoji(seed: int = 0) -> tuple[Emoji, Emoji]:
    """Return 1,636 emoji as a training set and a held-out fifth of each category.

    Source: the drawings of Noto Emoji (Google, Apache-2.0) by way of emoji-datasource-google
    16.0.0, made 16×16 pixels of 17 levels; the names of Unicode CLDR 48.2.0 (Unicode-3.0).
    """
    with np.load(PACKED / "emoji_16x16.npz") as file:
        images = file["images"].astype(np.float32) / 16
        targets = file["targets"].astype(np.int64)
        names, categories = tuple(file["names"].tolist()), tuple(file["categories"].tolist())
    whole = Emoji(images, names, targets, categories)
    held_out = stratified_fifth(targets, np.random.default_rng(seed))
    return whole.subset(np.setdiff1d(np.arange(len(whole)), held_out)), whole.subset(held_out)
