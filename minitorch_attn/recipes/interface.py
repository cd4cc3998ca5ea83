"""Interface strings, English to French: where attention is compared with a phrasebook."""

from __future__ import annotations

from ..data import Pairs, interface_strings
from ..models import WordTable, nearest_texts
from .recipe import Baseline, Recipe
from .translating import exactly, loss_of_words, make_translator, whole_texts

KINDS = {
    "attention": {"mixing": "attention"},
    "uniform": {"mixing": "uniform"},
    "none": {"mixing": "none"},
}


def load(seed: int) -> tuple[Pairs, Pairs]:
    train, _, test = interface_strings(seed)
    return train, test


def copied(train: Pairs, test: Pairs) -> float:
    return exactly(test.sources, test)


def nearest(train: Pairs, test: Pairs) -> float:
    found = nearest_texts(train.sources, test.sources)
    return exactly([train.targets[i] for i in found], test)


def word_by_word(train: Pairs, test: Pairs) -> float:
    return exactly(map(WordTable(train.sources, train.targets), test.sources), test)


INTERFACE = Recipe(
    about="interface strings, English to French",
    load=load,
    what="400 held-out strings",
    options={
        "model_dim": 32,
        "num_heads": 4,
        "hidden_dim": 96,
        "encoder": "none",
        "self_attention": True,
    },
    epochs=10,
    seeds=3,
    lr=1.5e-2,
    weight_decay=0.1,
    models={
        "attention": "a decoder that attends to the English words",
        "uniform": "the same with equal weights: one vector for the whole string",
        "none": "the decoder alone, which reads no English",
    },
    make=make_translator(KINDS),
    loss=loss_of_words,
    accuracy=whole_texts,
    counted="strings without a mistake",
    baselines={
        "copy": Baseline("the English as it stands", copied),
        "nearest": Baseline("the French of the training string most like it", nearest),
        "words": Baseline("word by word, by a table learned by counting", word_by_word),
    },
    examples="test strings",
)
