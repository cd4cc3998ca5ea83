"""Two translators that learn by counting: what a trained one is to be compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Text = Sequence[str]


class WordTable:
    """For each word the one that most likely translates it, learned from pairs alone.

    Every word to write is shared out over the words to read beside it, in proportion to how often
    they have gone together so far; counted anew, and shared out again, eight times.

    Source: P. Brown et al., "The Mathematics of Statistical Machine Translation: Parameter
    Estimation", Computational Linguistics 19, 1993: model 1, with an empty word.
    """

    def __init__(self, sources: Sequence[Text], targets: Sequence[Text], rounds: int = 8) -> None:
        self.row = {word: i + 1 for i, word in enumerate(sorted({w for s in sources for w in s}))}
        self.words = sorted({w for t in targets for w in t})
        column = {word: i for i, word in enumerate(self.words)}
        pairs = [
            (np.array([0, *(self.row[w] for w in s)]), np.array([column[w] for w in t]))
            for s, t in zip(sources, targets, strict=True)
        ]
        self.table = np.ones((len(self.row) + 1, len(self.words)))
        for _ in range(rounds):
            counts = np.zeros_like(self.table)
            for s, t in pairs:
                share = self.table[np.ix_(s, t)]
                np.add.at(counts, (s[:, None], t[None, :]), share / share.sum(axis=0))
            self.table = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)

    def __call__(self, text: Text) -> list[str]:
        """Word by word, in the order of the text; an unknown word as it stands."""
        best = self.table.argmax(axis=1)
        return [self.words[best[self.row[w]]] if w in self.row else w for w in text]


def nearest_texts(known: Sequence[Text], asked: Sequence[Text]) -> np.ndarray:
    """For each text that is asked for, which of the known ones is most like it, (n,).

    By the cosine of tf-idf over runs of two to four characters.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    count = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4))
    table = count.fit_transform([" ".join(text) for text in known])
    likeness = count.transform([" ".join(text) for text in asked]) @ table.T
    return np.asarray(likeness.argmax(axis=1)).ravel()
