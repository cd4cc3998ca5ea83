"""BLEU, chrF and ROUGE-1 are those that are published."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch_attn.metrics.text import bleu, chrf, rouge1

HYPOTHESES = (
    "ouvrir le fichier non valide",
    "erreur lors du chargement du fichier",
    "le le le fichier",
    "fermer",
)
REFERENCES = (
    "ouvrir le fichier non valide",
    "erreur 404",
    "le fichier est ouvert .",
    "fermer la fenêtre sans enregistrer les modifications",
)


def words(*texts: str) -> list[list[str]]:
    return [text.split() for text in texts]


# What sacrebleu 2.6.0 says: corpus_bleu(h, [r], tokenize="none", force=True), corpus_chrf(h, [r]).


def test_a_small_corpus_as_sacrebleu_scores_it() -> None:
    assert bleu(words(*HYPOTHESES), words(*REFERENCES)) == pytest.approx(33.303277683937885)
    assert chrf(HYPOTHESES, REFERENCES) == pytest.approx(42.03444526893218)


@pytest.mark.parametrize(
    ("hypotheses", "references", "score"),
    [
        (["le chat"], ["un chat noir"], 0.0),  # no text has three words: no score
        (["a b c d x y", "e"], ["a b c d e f g", "e"], 44.81526019296195),  # too short by one
        (["a b x c y d"], ["a b c d e f g"], 16.341219448835542),  # no run of three is right
        (["a b c d"], ["e f g h"], 0.0),
        (["a b c d", ""], ["a b c d", ""], 100.0),
    ],
)
def test_the_borders_of_bleu(hypotheses: list[str], references: list[str], score: float) -> None:
    assert bleu(words(*hypotheses), words(*references)) == pytest.approx(score)


def test_bleu_counts_no_word_more_often_than_the_reference_has_it() -> None:
    often, once = words("le le le le le le"), words("le chat le chien sur un")
    assert bleu(often, once) < bleu(words("le le x y z w"), once) + 1e-9


def test_chrf_by_hand() -> None:
    # 1 to 4 characters: 3/4, 2/3, 1/2, 0 of each are right both ways; longer ones there are none.
    assert chrf(["abcd"], ["abce"]) == pytest.approx(100 * (3 / 4 + 2 / 3 + 1 / 2) / 4)
    assert chrf(["a b c d"], ["ab ce"]) == chrf(["abcd"], ["abce"]), "spaces do not count"
    assert chrf([""], ["abc"]) == chrf([""], [""]) == 0
    # Recall counts four times as much: too much is better than too little.
    assert chrf(["abcdef"], ["abc"]) > chrf(["abc"], ["abcdef"])


def test_rouge1_as_rouge_score_has_it() -> None:
    """RougeScorer(["rouge1"]) of rouge-score 0.1.2 on the same words."""
    pairs = [
        ("compute the mean of the rows", "return the mean along an axis", 1 / 3),
        ("the the cat", "the cat sat", 2 / 3),
        ("", "the cat", 0.0),
        ("", "", 0.0),
    ]
    for hypothesis, reference, score in pairs:
        assert rouge1(hypothesis.split(), reference.split()) == pytest.approx(score)


@pytest.mark.slow
def test_random_texts_against_sacrebleu() -> None:
    sacrebleu = pytest.importorskip("sacrebleu", reason="not among what the tests install")
    rng = np.random.default_rng(0)
    vocabulary = [
        "le",
        "la",
        "un",
        "fichier",
        "ouvrir",
        "fermer",
        "erreur",
        "404",
        "l'",
        "été",
        ".",
    ]
    for _ in range(50):
        longest = int(rng.integers(1, 9))
        references, hypotheses = [], []
        for _ in range(int(rng.integers(1, 8))):
            reference = rng.choice(vocabulary, int(rng.integers(1, longest + 1))).tolist()
            hypothesis = [
                w if rng.random() < 0.6 else str(rng.choice(vocabulary)) for w in reference
            ]
            references.append(reference)
            hypotheses.append(hypothesis[: int(rng.integers(0, len(hypothesis) + 1))])
        h, r = [" ".join(x) for x in hypotheses], [" ".join(x) for x in references]
        want = sacrebleu.corpus_bleu(h, [r], tokenize="none", force=True).score
        assert bleu(hypotheses, references) == pytest.approx(want, abs=1e-9)
        assert chrf(h, r) == pytest.approx(sacrebleu.corpus_chrf(h, [r]).score, abs=1e-9)
