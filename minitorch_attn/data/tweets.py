"""Tweets and words with the mean valence that people gave them: the data behind VADER."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np

from .packing import packed_rows


@dataclass(frozen=True)
class Tweets:
    """Short texts and how people judged them.

    Attributes
    ----------
    texts : n strings
    valence : (n,) float64, from -4 (most negative) to 4 (most positive): the mean of at least
        twenty people
    """

    texts: tuple[str, ...]
    valence: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)


def tweets() -> Tweets:
    """All 4,200 tweets, in the order of their file. Some use strong language.

    Source: C. J. Hutto and E. Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment
    Analysis of Social Media Text", ICWSM 2014; vaderSentiment 3.3.2, MIT licence.
    """
    rows = packed_rows("vader_tweets.tsv.gz")
    texts = tuple(html.unescape(text) for _, _, text in rows)
    return Tweets(texts, np.array([float(mean) for _, mean, _ in rows]))


def lexicon() -> dict[str, float]:
    """About 7,500 words, signs and smileys with their mean valence, from -4 to 4; as `tweets`.

    Fourteen stand in the file twice: the later row counts, as in VADER's own reader.
    """
    return {word: float(mean) for word, mean in packed_rows("vader_lexicon.tsv.gz")}
