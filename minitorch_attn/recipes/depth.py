"""Cued digits again, with one block, two and four: in which of them is the tile looked at?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..models import Classifier
from .cued import load
from .recipe import Recipe

BLOCKS = {"one": 1, "two": 2, "four": 4}


def make(options: Mapping[str, Any], model: str, train: Any, seed: int) -> Classifier:
    """A fresh classifier with so many blocks."""
    token_dim = train.token_shape[1]
    return Classifier(token_dim, train.num_classes, num_blocks=BLOCKS[model], seed=seed, **options)


DEPTH = Recipe(
    about="cued digits with one, two and four blocks",
    load=load,
    what="1,000 test scenes",
    options={"model_dim": 32, "num_heads": 4, "pool": "last"},
    epochs=10,
    seeds=3,
    lr=4e-3,
    weight_decay=0.1,
    models={
        "one": "the classifier of chapter 10, half as wide",
        "two": "the same with two blocks",
        "four": "the same with four",
    },
    make=make,
)
