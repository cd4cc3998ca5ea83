"""Words and their numbers, and sequences of unequal length in one array."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

PAD, UNKNOWN, START, STOP = range(4)
SIGNS = ("<pad>", "<unknown>", "<start>", "<stop>")


class Vocabulary:
    """A number for each word of some texts, after four signs: PAD, UNKNOWN, START and STOP.

    Parameters
    ----------
    texts : sequences of words
        Those to train on; a string is a sequence of characters.
    min_count : int
        Words that come less often are UNKNOWN.
    """

    def __init__(self, texts: Iterable[Sequence[str]], min_count: int = 1) -> None:
        counts = Counter(word for text in texts for word in text)
        kept = (word for word, count in counts.items() if count >= min_count)
        self.words = (*SIGNS, *sorted(kept))
        self.ids = {word: i for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, text: Sequence[str], start: bool = False, stop: bool = False) -> list[int]:
        """The numbers of the words, with START before them and STOP after them if asked for."""
        ids = [self.ids.get(word, UNKNOWN) for word in text]
        return [START] * start + ids + [STOP] * stop

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The words up to STOP, without padding and START."""
        words = []
        for i in ids:
            if i == STOP:
                break
            if i not in (PAD, START):
                words.append(self.words[i])
        return words


def pad(sequences: Sequence[Sequence[int]], length: int | None = None) -> np.ndarray:
    """Sequences of numbers as one array, (B, S), with PAD behind the shorter ones.

    S is the length of the longest, or `length`. Raises ValueError where one is longer than that.
    """
    longest = max(map(len, sequences), default=0)
    length = longest if length is None else length
    if longest > length:
        raise ValueError(f"pad: a sequence of {longest} does not fit into {length} places")
    ids = np.full((len(sequences), length), PAD)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = sequence
    return ids
