"""Scenes of digits: what is where?

A scene is a dark canvas with one to three real handwritten digits at random places. The answer is
a set: for each digit its class and its box. The scenes are composed, the digits are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .dataset import Dataset
from .digits import digits

INK = 0.25  # a pixel above this is ink, and a box is the smallest that holds all ink
WINDOW, STRIDE, MARGIN = 8, 4, 2  # of the windows that are a scene's tokens


@dataclass(frozen=True, eq=False)
class DigitScenes:
    """Scenes of digits. The windows of a batch are cut when they are asked for.

    Attributes
    ----------
    images : (n, side, side) float32
    classes : (n, M) integers
        The digits, in the order in which they were drawn; -1 where there are no more.
    boxes : (n, M, 4) float32
        Centre x, centre y, width and height, as shares of the canvas; 0 where there are no more.
    """

    images: np.ndarray
    classes: np.ndarray
    boxes: np.ndarray
    num_classes: int = 10

    def __len__(self) -> int:
        return len(self.images)

    @property
    def counts(self) -> np.ndarray:
        """How many digits each scene has, (n,)."""
        return (self.classes >= 0).sum(axis=1)

    def batch(self, indices: Any) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Windows (B, S, 64), and the targets: classes (B, M) and boxes (B, M, 4)."""
        return windows(self.images[indices]), (self.classes[indices], self.boxes[indices])


def windows(
    images: np.ndarray, size: int = WINDOW, stride: int = STRIDE, margin: int = MARGIN
) -> np.ndarray:
    """Square windows that overlap, row by row: (B, h, w) to (B, S, size²).

    Around the image `margin` pixels of 0 are added on each side first.
    """
    padded = np.pad(images, ((0, 0), (margin, margin), (margin, margin)))
    cut = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    cut = cut[:, ::stride, ::stride]
    return np.ascontiguousarray(cut.reshape(len(images), -1, size * size))


def window_centres(side: int) -> np.ndarray:
    """The centre (x, y) of each window of a canvas, as shares of it: (S, 2)."""
    at = (np.arange(0, side + 2 * MARGIN - WINDOW + 1, STRIDE) - MARGIN + WINDOW / 2) / side
    return np.stack([np.tile(at, len(at)), np.repeat(at, len(at))], axis=-1).astype(np.float32)


def window_labels(scenes: DigitScenes, slack: float = 2.0) -> np.ndarray:
    """What each window shows, (n, S): the digit whose centre lies within `slack` pixels of the
    window's, in both directions, or else `num_classes`, for none."""
    side = scenes.images.shape[1]
    gaps = abs(scenes.boxes[:, :, None, :2] - window_centres(side)).max(axis=-1) * side
    gaps[scenes.classes < 0] = np.inf
    nearest = gaps.argmin(axis=1)
    named = np.take_along_axis(scenes.classes, nearest, axis=1)
    return np.where(gaps.min(axis=1) <= slack + 1e-3, named, scenes.num_classes)


def ink_boxes(images: np.ndarray) -> np.ndarray:
    """The rows and columns that hold all ink, (n, 4): top, bottom, left, right."""
    bounds = []
    for axis in (2, 1):
        inked = np.any(images > INK, axis=axis)
        last: np.ndarray = np.flip(inked, axis=1).argmax(axis=1)
        bounds += [inked.argmax(axis=1), inked.shape[1] - last]
    return np.stack(bounds, axis=1)


def _scenes(source: Dataset, count: int, side: int, most: int, seed: Any) -> DigitScenes:
    rng, inked = np.random.default_rng(seed), ink_boxes(source.inputs).tolist()
    images = np.zeros((count, side, side), np.float32)
    classes = np.full((count, most), -1)
    boxes = np.zeros((count, most, 4), np.float32)
    for i, wanted in enumerate(rng.integers(1, most + 1, count).tolist()):
        for k, (digit, x, y) in enumerate(_places(inked, wanted, side, rng)):
            top, bottom, left, right = inked[digit]
            height, width = bottom - top, right - left
            images[i, y : y + height, x : x + width] = source.inputs[digit, top:bottom, left:right]
            classes[i, k] = source.targets[digit]
            boxes[i, k] = x + width / 2, y + height / 2, width, height
    return DigitScenes(images, classes, boxes / side)


def _places(
    inked: list[list[int]], wanted: int, side: int, rng: np.random.Generator
) -> list[tuple[int, int, int]]:
    """Digits and where their boxes begin, so that at least a pixel lies between any two boxes."""
    placed: list[tuple[int, int, int]] = []
    taken: list[tuple[int, int, int, int]] = []
    tries = 0
    while len(placed) < wanted:
        tries += 1
        if tries % 100 == 0:  # no room is left: from the beginning
            placed, taken = [], []
        digit = int(rng.integers(len(inked)))
        top, bottom, left, right = inked[digit]
        x = int(rng.integers(side - (right - left) + 1))
        y = int(rng.integers(side - (bottom - top) + 1))
        box = (x, y, x + right - left, y + bottom - top)
        if all(box[0] > b[2] or b[0] > box[2] or box[1] > b[3] or b[1] > box[3] for b in taken):
            placed.append((digit, x, y))
            taken.append(box)
    return placed


def digit_scenes(
    num_train: int = 6_400, num_test: int = 1_000, seed: int = 0, canvas: int = 24, most: int = 3
) -> tuple[DigitScenes, DigitScenes]:
    """Return scenes to train on, and test scenes built from held-out digits alone.

    Parameters
    ----------
    num_train, num_test : int
        Numbers of scenes.
    seed : int
        Which digits are held out, and which scenes are drawn.
    canvas : int
        The side of a scene, in pixels.
    most : int
        M, the most digits in a scene.
    """
    if not 1 <= most <= canvas**2 // 150:
        raise ValueError(
            f"digit_scenes: {most} digits do not fit a canvas of {canvas} × {canvas}: "
            f"1 to {canvas**2 // 150} do"
        )
    train, test = digits(seed)
    return (
        _scenes(train, num_train, canvas, most, [seed, 0]),
        _scenes(test, num_test, canvas, most, [seed, 1]),
    )
