"""Sequences in pairs: one to read, and the one to write for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from .vocabulary import START, Vocabulary, pad


def shifted(targets: np.ndarray) -> np.ndarray:
    """What a decoder has written before each place, (B, N): START, then all targets but the last.

    A decoder that is told the target itself copies it, learns nothing, and has the lowest loss.
    """
    return np.concatenate([np.full_like(targets[:, :1], START), targets[:, :-1]], axis=1)


@dataclass(frozen=True)
class Pairs:
    """Sequences to read and sequences to write, and the numbers of their words.

    Attributes
    ----------
    sources, targets : n sequences of words each; a string is a sequence of characters
    source_words, target_words : Vocabulary
        Those of the training set, in all of its parts.
    source_len, target_len : int
        The most words that a source, and a target with its STOP, may have.
    links : n tuples, optional
        For each target the places in the source that each of its words comes from, as a set: empty
        where it comes from none.
    """

    sources: tuple[Sequence[str], ...]
    targets: tuple[Sequence[str], ...]
    source_words: Vocabulary
    target_words: Vocabulary
    source_len: int
    target_len: int
    links: tuple[tuple[frozenset[int], ...], ...] = field(default=())

    def __len__(self) -> int:
        return len(self.sources)

    @cached_property
    def source(self) -> np.ndarray:
        """(n, source_len): the numbers of the words to read, with PAD behind them."""
        return self.read(self.sources)

    @cached_property
    def target(self) -> np.ndarray:
        """(n, target_len): the numbers of the words to write, STOP, and PAD behind it."""
        encoded = [self.target_words.encode(text, stop=True) for text in self.targets]
        return pad(encoded, self.target_len)

    def batch(self, indices: Any) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """What to read (B, S) with what was written before (B, N), and what to write (B, N).

        No longer than the longest of the batch: what is padding in all of them is cut off.
        """
        source, target = self.source[indices], self.target[indices]
        source = source[:, : max(1, int((source > 0).sum(axis=1).max()))]
        target = target[:, : int((target > 0).sum(axis=1).max())]
        return (source, shifted(target)), target

    def read(self, texts: Sequence[Sequence[str]]) -> np.ndarray:
        """The numbers of the words of other texts, (n, source_len); unknown words are UNKNOWN."""
        return pad([self.source_words.encode(text) for text in texts], self.source_len)

    def wrote(self, ids: np.ndarray) -> list[list[str]]:
        """The words that numbers (B, N) stand for, up to STOP."""
        return [self.target_words.decode(row.tolist()) for row in ids]

    def others(self, sources: Sequence, targets: Sequence, links: Sequence = ()) -> Pairs:
        """Other pairs, told in the numbers of these."""
        return replace(self, sources=tuple(sources), targets=tuple(targets), links=tuple(links))
