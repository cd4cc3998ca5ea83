"""Cued digits: a task in which one token has to be chosen, and the right choice is known.

A scene is eight tiles and a query. Each tile is a real handwritten digit with one of eight tags;
the query holds one tag and no digit. The answer is the digit on the tile with that tag.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .dataset import Dataset
from .digits import digits

NUM_TILES = 8


@dataclass(frozen=True)
class CuedDigits:
    """Scenes of cued digits. A batch of tokens is put together when it is asked for.

    Attributes
    ----------
    images : (n, 8, 8) float32
        The digits that the tiles show.
    tiles : (scenes, T) integers
        Which image is on each tile.
    tags : (scenes, T) integers
        The tag of each tile: every row an order of 0 to T - 1. Where tags repeat, only the one
        that is asked for comes once.
    positions : (scenes,) integers
        The tile that the query asks for: where attention ought to look.
    targets : (scenes,) integers
        The digit on that tile.
    """

    images: np.ndarray
    tiles: np.ndarray
    tags: np.ndarray
    positions: np.ndarray
    targets: np.ndarray
    num_classes: int = 10
    num_tags: int | None = None  # None: as many as tiles

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def token_shape(self) -> tuple[int, int]:
        """Tokens in a scene, and numbers in a token: 64 pixels, then the tag as a one-hot row."""
        tiles = self.tiles.shape[1]
        return tiles + 1, self.images[0].size + (self.num_tags or tiles)

    def batch(self, indices: Any) -> tuple[np.ndarray, np.ndarray]:
        """Tokens (B, T + 1, 64 + tags), the query last, and targets (B,)."""
        tiles, tags = self.tiles[indices], self.tags[indices]
        scenes, count = tiles.shape
        pixels = self.images[0].size
        tokens = np.zeros((scenes, *self.token_shape), np.float32)
        tokens[:, :count, :pixels] = self.images[tiles].reshape(scenes, count, pixels)
        one_hot = np.eye(self.num_tags or count, dtype=np.float32)
        tokens[:, :count, pixels:] = one_hot[tags]
        cue = np.take_along_axis(tags, self.positions[indices][:, None], axis=1)[:, 0]
        tokens[:, count, pixels:] = one_hot[cue]
        return tokens, self.targets[indices]


def _scenes(
    source: Dataset, count: int, num_tiles: int, rng: np.random.Generator, repeat_tags: bool
) -> CuedDigits:
    tiles = rng.integers(0, len(source), (count, num_tiles))
    tags = rng.permuted(np.tile(np.arange(num_tiles), (count, 1)), axis=1)
    positions = rng.integers(0, num_tiles, count)
    targets = source.targets[tiles[np.arange(count), positions]]
    if not repeat_tags:
        return CuedDigits(source.inputs, tiles, tags, positions, targets)
    cue = rng.integers(0, NUM_TILES, (count, 1))
    tags = (cue + rng.integers(1, NUM_TILES, tags.shape)) % NUM_TILES  # any tag but the cue's
    tags[np.arange(count), positions] = cue[:, 0]
    return CuedDigits(source.inputs, tiles, tags, positions, targets, num_tags=NUM_TILES)


def cued_digits(
    num_train: int = 96_000,
    num_test: int = 1_000,
    seed: int = 0,
    num_tiles: int = NUM_TILES,
    repeat_tags: bool = False,
) -> tuple[CuedDigits, CuedDigits]:
    """Return scenes to train on, and test scenes built from held-out digits alone.

    Parameters
    ----------
    num_train, num_test : int
        Numbers of scenes.
    seed : int
        Which digits are held out, and which scenes are drawn.
    num_tiles : int
        T: tiles in a scene, and tags.
    repeat_tags : bool
        Eight tags, however many tiles: the one that is asked for comes once, the seven others are
        drawn for the other tiles. So a model for eight tiles can be shown a thousand.
    """
    if num_tiles < 2:
        raise ValueError(f"cued_digits: a scene needs two tiles to choose from, not {num_tiles}")
    train, test = digits(seed)
    rng = np.random.default_rng(seed)
    sizes = ((train, num_train), (test, num_test))
    first, second = (_scenes(source, n, num_tiles, rng, repeat_tags) for source, n in sizes)
    return first, second
