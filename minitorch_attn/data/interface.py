"""Strings of user interfaces, in English and in French."""

from __future__ import annotations

import re

import numpy as np

from .packing import packed_rows
from .pairs import Pairs
from .vocabulary import Vocabulary


def words_of(text: str) -> list[str]:
    """Lower-case words, numbers and signs: "L'erreur 404" to l' erreur 404."""
    return re.findall(r"[a-zà-ÿœ]+['’]?|\d+|[^\w\s]", text.lower().replace("’", "'"))


def interface_strings(
    seed: int = 0, num_test: int = 400, min_count: int = 2
) -> tuple[Pairs, Pairs, Pairs]:
    """Of 3,675 pairs, each of another English string: training, validation and test.

    At most six English and ten French words. Words that come less than `min_count` times in the
    training set are UNKNOWN.

    Source: the translations of Django, Wagtail, Spyder and the JupyterLab language pack; BSD-3 and
    MIT.
    """
    rows = packed_rows("ui_en_fr.tsv.gz")
    pairs = [[tuple(words_of(part)) for part in row] for row in rows]
    once: dict[tuple[str, ...], tuple[str, ...]] = {}
    for english, french in pairs:
        if 0 < len(english) <= 6 and 0 < len(french) <= 10:
            once.setdefault(english, french)
    kept = list(once.items())
    kept = [kept[i] for i in np.random.default_rng(seed).permutation(len(kept))]
    english, french = (tuple(part) for part in zip(*kept, strict=True))
    train, held, test = slice(2 * num_test, None), slice(num_test, 2 * num_test), slice(num_test)
    known = (Vocabulary(english[train], min_count), Vocabulary(french[train], min_count))
    whole = Pairs(english, french, known[0], known[1], source_len=6, target_len=11)
    return tuple(  # type: ignore[return-value]
        whole.others(english[part], french[part]) for part in (train, held, test)
    )
