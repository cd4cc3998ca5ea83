"""Cued digits: attention has to find the tile that the query asks for, and can be watched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .. import viz
from ..data import CuedDigits, cued_digits
from ..models import query_weights
from ..nn import Module
from ..tensor import no_grad
from ..training import Trainer
from .recipe import Look, Picture, Recipe


def load(seed: int) -> tuple[CuedDigits, CuedDigits]:
    return cued_digits(num_train=12_800, seed=seed)


def ask(model: Module, test: CuedDigits, count: int, **options: Any) -> Any:
    """What the model returns for the first scenes."""
    tokens, _ = test.batch(np.arange(count))
    with no_grad():
        return model.to("cpu").eval()(tokens, **options)


def where_it_looks(model: Module, test: CuedDigits, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The query's weights on the tiles, (n, T), and the asked tile."""
    _, weights = ask(model, test, count, return_weights=True)
    return query_weights(weights[-1]), test.positions[:count]


def where_it_looks_itself_too(
    model: Module, test: CuedDigits, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The query's weights on the tiles and, last, on itself, (n, T + 1), and the asked tile."""
    tiles, asked = where_it_looks(model, test, count)
    return np.column_stack([tiles, 1 - tiles.sum(axis=1)]), asked


def without_the_asked_tile(
    model: Module, test: CuedDigits, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The logits where nothing may attend to the asked tile, and the right digit."""
    allowed = np.ones((count, 1, 1, test.token_shape[0]), bool)
    allowed[np.arange(count), 0, 0, test.positions[:count]] = False
    return ask(model, test, count, mask=allowed).numpy(), test.targets[:count]


def without_anything(model: Module, test: CuedDigits, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The logits where nothing may attend to anything, and the right digit."""
    nothing = np.zeros((count, 1, 1, test.token_shape[0]), bool)
    return ask(model, test, count, mask=nothing).numpy(), test.targets[:count]


def draw_where_it_looks(trainer: Trainer, path: Path) -> None:
    test = trainer.test
    logits, weights = ask(trainer.model, test, len(test), return_weights=True)
    answers = logits.numpy().argmax(axis=1)
    viz.where_it_looks(test, query_weights(weights[-1]), answers, path)


CUED = Recipe(
    about="find the digit with the asked tag",
    load=load,
    what="1,000 test scenes",
    options={"model_dim": 64, "num_heads": 4, "num_blocks": 1, "pool": "last"},
    epochs=10,
    seeds=3,
    lr=4e-3,
    weight_decay=0.1,
    looks={
        "largest_weight_on_asked_tile": Look(
            what="where it looks",
            claim="of all tiles the asked one has most weight",
            scores=where_it_looks,
            sentence="Of the query's weights on the tiles the largest lies on the asked tile in "
            "{share}\nof the test scenes (the lowest of the seeds);",
        ),
        "asked_tile_outweighs_query_itself": Look(
            what="where it looks, itself included",
            claim="and more than the query has on itself",
            scores=where_it_looks_itself_too,
            sentence="it is larger than the query's weight on itself, too, in {share}.",
        ),
        "right_without_the_asked_tile": Look(
            what="a masked answer",
            claim="right, with the asked tile masked",
            scores=without_the_asked_tile,
        ),
        "right_without_anything": Look(
            what="an empty row",
            claim="right, with everything masked",
            scores=without_anything,
        ),
    },
    pictures=(
        Picture(
            file="where_it_looks.png",
            what="where the query looks in five test scenes",
            draw=draw_where_it_looks,
        ),
    ),
    examples="test scenes",
    guess="Of ten digits, a guess gets about 10 % right.",
)
