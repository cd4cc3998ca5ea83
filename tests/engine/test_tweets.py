"""The tweets and the words that come with the library: all there, in order, no network."""

from __future__ import annotations

import numpy as np

from minitorch_attn.data import lexicon, tweets


def test_the_tweets_are_whole_and_in_order() -> None:
    found = tweets()
    assert len(found) == len(found.texts) == 4200
    assert found.valence.shape == (4200,)
    assert found.valence.dtype == np.float64
    assert found.texts[3] == "LMAO, AMAZING!"
    assert found.valence[3] == 2.857
    assert found.valence.min() == -3.75
    assert found.valence.max() == 3.55
    assert "you'd just gimme" in " ".join(found.texts), "entities are characters"


def test_the_words_have_the_valence_of_their_last_row() -> None:
    words = lexicon()
    assert len(words) == 7506
    assert words["love"] == 3.2
    assert words["$:"] == -1.5
    assert words["sob"] == -1.0
    assert abs(max(words.values(), key=abs)) < 4


def test_the_words_tell_good_tweets_from_bad_ones() -> None:
    found, words = tweets(), lexicon()
    clear = abs(found.valence) > 0.5
    sums = np.array([sum(words.get(w, 0) for w in t.lower().split()) for t in found.texts])
    assert np.corrcoef(sums[clear], found.valence[clear])[0, 1] > 0.5
