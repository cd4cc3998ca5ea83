"""Scores of a text against another: BLEU, chrF and ROUGE-1, each in about ten lines."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence


def ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """How often each run of n words comes; a string is a sequence of characters."""
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def bleu(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> float:
    """Corpus BLEU of texts as words, in per cent, with one reference each.

    The geometric mean of the shares of runs of one to four words that the reference has too, no
    more often than there; times exp(1 - r/h) where the h words written are fewer than the r of the
    references. The k-th share that is 0 counts as 1 / (2^k · runs), as in sacrebleu ("exp").

    Source: K. Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation",
    ACL 2002; M. Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018.
    """
    logs: list[float] = []
    halved = 1
    for n in range(1, 5):
        pairs = [(ngrams(h, n), ngrams(r, n)) for h, r in zip(hypotheses, references, strict=True)]
        total = sum(h.total() for h, _ in pairs)
        found: float = sum((h & r).total() for h, r in pairs)
        if not total or (n == 1 and not found):  # no text is so long, or no word is right
            return 0.0
        if not found:
            halved *= 2
            found = 1 / halved
        logs.append(math.log(found / total))
    written, asked = sum(map(len, hypotheses)), sum(map(len, references))
    brevity = min(0.0, 1 - asked / written)
    return 100 * math.exp(sum(logs) / 4 + brevity)


def chrf(hypotheses: Sequence[str], references: Sequence[str], beta: float = 2.0) -> float:
    """Corpus chrF of strings, in per cent: runs of one to six characters, spaces left out.

    For each length precision and recall over all texts, then their means, then F with recall
    counting `beta` times as much.

    Source: M. Popović, "chrF: Character n-gram F-score for Automatic MT Evaluation", WMT 2015.
    """
    texts = [
        ("".join(h.split()), "".join(r.split()))
        for h, r in zip(hypotheses, references, strict=True)
    ]
    scores = []
    for n in range(1, 7):
        pairs = [(ngrams(h, n), ngrams(r, n)) for h, r in texts]
        ours = sum(h.total() for h, r in pairs if r)  # a reference too short for n says nothing
        theirs = sum(r.total() for _, r in pairs)
        found = sum((h & r).total() for h, r in pairs)
        if ours and theirs:
            scores.append((found / ours, found / theirs))
    if not scores:
        return 0.0
    precision, recall = (sum(part) / len(scores) for part in zip(*scores, strict=True))
    below = beta**2 * precision + recall
    return 100 * (1 + beta**2) * precision * recall / below if below else 0.0


def rouge1(hypothesis: Sequence[str], reference: Sequence[str]) -> float:
    """ROUGE-1 F of one text as words, in [0, 1]: the words that both have, of all words of both.

    Source: C.-Y. Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", ACL workshop 2004.
    """
    ours, theirs = Counter(hypothesis), Counter(reference)
    return 2 * (ours & theirs).total() / max(1, len(hypothesis) + len(reference))
