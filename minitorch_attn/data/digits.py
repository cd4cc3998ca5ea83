"""Handwritten digits, 8×8 pixels, from scikit-learn."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from .dataset import Dataset, stratified_fifth


def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """All 1,797 images, (1797, 8, 8) float32 in [0, 1], and their digits.

    Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, 1998: the test part, by 13 writers, as scikit-learn ships it.
    """
    found = importlib.util.find_spec("sklearn")
    if found is None or not found.origin:
        raise ImportError('the digits come with scikit-learn: pip install "minitorch_attn[run]"')
    # Its file alone: to import all of scikit-learn would take a second or two.
    file = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if file.exists():
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)
        pixels, targets = table[:, :-1], table[:, -1]
    else:  # a release that keeps it elsewhere
        from sklearn.datasets import load_digits as load

        pixels, targets = load(return_X_y=True)
    images = (pixels / 16).astype(np.float32).reshape(-1, 8, 8)
    return images, targets.astype(np.int64)


def digits(seed: int = 0, split: str = "stratified") -> tuple[Dataset, Dataset]:
    """Return the digits as a training set and a held-out fifth.

    Parameters
    ----------
    seed : int
        Which digits are held out, in the stratified split.
    split : "stratified" or "writers"
        "stratified": of each class a fifth, drawn at random: the same people wrote both parts.
        "writers": the last fifth of the file, which is ordered by writer: mostly other people
        wrote it, and scores are lower.
    """
    images, targets = load_digits()
    if split == "writers":
        held_out = np.arange(len(targets) * 4 // 5, len(targets))
    elif split == "stratified":
        held_out = stratified_fifth(targets, np.random.default_rng(seed))
    else:
        raise ValueError(f'digits: split is "stratified" or "writers", not {split!r}')
    kept = np.setdiff1d(np.arange(len(targets)), held_out)
    whole = Dataset(images, targets, num_classes=10)
    return whole.subset(kept), whole.subset(held_out)
