"""What the recipes for pairs of sequences share: the Translator, its loss, what counts as right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..data import PAD, START, STOP, Pairs
from ..models import Translator, greedy_decode
from ..nn import Module
from ..ops import cross_entropy
from ..tensor import Tensor


def make_translator(
    kinds: Mapping[str, Mapping[str, Any]],
) -> Callable[[Mapping[str, Any], str, Any, int], Module]:
    """What makes a Translator for pairs: its options are the recipe's, and those of its kind."""

    def make(options: Mapping[str, Any], model: str, train: Pairs, seed: int) -> Module:
        sizes = (len(train.source_words), len(train.target_words))
        lengths = (train.source_len, train.target_len)
        return Translator(*sizes, *lengths, seed=seed, **{**options, **kinds[model]})

    return make


def loss_of_words(logits: Any, targets: Any) -> Tensor:
    """The mean cross-entropy of the words to write; padding does not count."""
    return cross_entropy(logits, targets, ignore=PAD)


def whole_texts(logits: Any, targets: Any) -> float:
    """The share of texts (B, N) in which every word has the largest logit, (B, N, C).

    That is the share that greedy decoding writes without a mistake, although here each word is
    told all right words before it: up to its first mistake a decoder has written just those.
    """
    right = (logits.argmax(axis=-1) == targets) | (targets == PAD)
    return float(right.all(axis=1).mean())


def translations(model: Module, pairs: Pairs) -> list[list[str]]:
    """What a Translator writes, word by word, for every source."""
    source = pairs.source
    return pairs.wrote(greedy_decode(model.eval(), source, START, STOP, pairs.target_len))  # type: ignore[arg-type]


def exactly(written: Any, pairs: Pairs) -> float:
    """The share of texts that are written as they ought to be."""
    return float(np.mean([list(a) == list(b) for a, b in zip(written, pairs.targets, strict=True)]))
