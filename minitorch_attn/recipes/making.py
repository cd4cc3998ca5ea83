"""From the name of a data set and of a model to a run, ready to fit."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from ..nn import Module
from ..optim import AdamW, warmup_cosine
from ..shared_training import SharedTrainer
from ..training import Trainer
from .cued import CUED
from .dates import DATES
from .depth import DEPTH
from .digits import DIGITS
from .drawing import DRAWING
from .interface import INTERFACE
from .scenes import SCENES
from .vowels import VOWELS

RECIPES = {
    "cued": CUED,
    "digits": DIGITS,
    "dates": DATES,
    "interface": INTERFACE,
    "scenes": SCENES,
    "drawing": DRAWING,
    "vowels": VOWELS,
    "depth": DEPTH,
}


def make_model(data: str, model: str, train: Any, seed: int) -> Module:
    """A fresh model for this data set."""
    recipe = RECIPES[data]
    return recipe.make(recipe.options, model, train, seed)


def make_trainer(
    data: str,
    model: str,
    seed: int,
    *,
    epochs: int | None = None,
    device: str = "cpu",
    folder: Path | None = None,
    progress: bool = True,
    comm: Any = None,
) -> Trainer:
    """Everything for one run, ready to fit; with a communicator, a `SharedTrainer`."""
    recipe = RECIPES[data]
    train, test = recipe.load(seed)
    net = make_model(data, model, train, seed).to(device)
    steps = (epochs or recipe.epochs) * -(-len(train) // recipe.batch_size)
    kind: Any = Trainer if comm is None else functools.partial(SharedTrainer, comm)
    return kind(
        net,
        AdamW(net.named_parameters(), recipe.lr, weight_decay=recipe.weight_decay),
        train,
        test,
        batch_size=recipe.batch_size,
        schedule=warmup_cosine(steps, warmup_steps=min(50, steps // 10)),
        seed=seed,
        clip=recipe.clip,
        folder=folder,
        progress=progress,
        title=f"{model}, seed {seed}",
        loss=recipe.loss,
        accuracy=recipe.accuracy,
    )
