"""Dates in words to ISO dates: where each character comes from is known, and can be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .. import viz
from ..data import Pairs, dates, shifted
from ..models import nearest_texts
from ..nn import Module
from ..tensor import no_grad
from ..training import Trainer
from .recipe import Baseline, Look, Picture, Recipe
from .translating import exactly, loss_of_words, make_translator, whole_texts

KINDS: dict[str, dict[str, Any]] = {
    "attention": {},
    "uniform": {"mixing": "uniform"},
    "none": {"mixing": "none"},
    "encoder": {"encoder": "attention", "num_heads": 4},
}


def load(seed: int) -> tuple[Pairs, Pairs]:
    return dates(seed=seed)


def weights_of(model: Module, test: Pairs, count: int) -> np.ndarray:
    """Where each character that is written looks, (n, N, S): the mean over heads."""
    with no_grad():
        _, weights = model.to("cpu").eval()(
            test.source[:count], shifted(test.target[:count]), return_weights=True
        )
    return weights.numpy().mean(axis=1)


def alignment(model: Module, test: Pairs, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The weights (n, S) of every character that comes from somewhere, and where that is.

    Where it comes from several places, as a digit of the month does, any of them will do: told is
    the one with the largest weight.
    """
    weights = weights_of(model, test, count)
    rows, right = [], []
    for text, links in zip(weights, test.links[:count], strict=True):
        for row, link in zip(text, links, strict=False):
            if link:
                rows.append(row)
                right.append(max(link, key=row.__getitem__))
    return np.array(rows), np.array(right)


def draw_alignment(trainer: Trainer, path: Path) -> None:
    viz.alignments(trainer.test, weights_of(trainer.model, trainer.test, 4), path)


def nearest(train: Pairs, test: Pairs) -> float:
    found = nearest_texts(train.sources, test.sources)
    return exactly([train.targets[i] for i in found], test)


DATES = Recipe(
    about="dates in words, in three languages, to ISO dates",
    load=load,
    what="1,000 held-out days",
    options={"model_dim": 32},
    epochs=4,
    seeds=3,
    lr=3e-2,
    weight_decay=0.05,
    models={
        "attention": "a decoder that attends to characters, each with two neighbours",
        "uniform": "the same with equal weights: one vector for the whole date",
        "none": "the decoder alone, which reads no date",
        "encoder": "as the first, but every character has attended to all others",
    },
    make=make_translator(KINDS),
    loss=loss_of_words,
    accuracy=whole_texts,
    counted="dates without a mistake",
    baselines={
        "nearest": Baseline("the day of the training string most like it", nearest),
    },
    looks={
        "largest_weight_where_it_comes_from": Look(
            what="where it looks",
            claim="of all characters one that it comes from has most weight",
            scores=alignment,
            sentence="Of the characters that come from somewhere, the largest weight lies there in "
            "{share}\n(the lowest of the seeds).",
        ),
    },
    pictures=(
        Picture(
            file="alignment.png",
            what="where each character of four dates looks",
            draw=draw_alignment,
        ),
    ),
    examples="test dates",
    answers="pairs",
)
