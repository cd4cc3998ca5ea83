"""What `train` trains: for each data set its models, its optimiser and its length."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .data import cued_digits, digits
from .models import Classifier, DenseNet
from .nn import Module
from .optim import AdamW, warmup_cosine
from .training import Trainer

MODELS = {
    "attention": "the classifier of chapter 10",
    "uniform": "the same with every attention weight 1/S",
    "none": "the same without attention between tokens",
    "dense": "two dense layers with as many parameters",
}


@dataclass(frozen=True)
class Recipe:
    """How one data set is trained on. `options` are the Classifier's."""

    options: dict[str, Any]
    epochs: int
    seeds: int
    models: tuple[str, ...]
    lr: float
    weight_decay: float
    batch_size: int = 64


RECIPES = {
    "cued": Recipe(
        options={"model_dim": 64, "num_heads": 4, "num_blocks": 1, "pool": "last"},
        epochs=10,
        seeds=3,
        models=("attention", "uniform", "none", "dense"),
        lr=4e-3,
        weight_decay=0.1,
    ),
    "digits": Recipe(
        options={
            "model_dim": 32,
            "num_heads": 4,
            "num_blocks": 2,
            "patch": 2,
            "num_positions": 16,
        },
        epochs=30,
        seeds=5,
        models=("attention", "uniform", "none", "dense"),
        lr=3e-3,
        weight_decay=0.05,
    ),
}


def load_data(name: str, seed: int) -> tuple[Any, Any]:
    """The training set and the test set; the seed decides what is held out."""
    return cued_digits(num_train=12_800, seed=seed) if name == "cued" else digits(seed)


def make_model(data: str, model: str, train: Any, seed: int) -> Module:
    """A fresh model for this data set."""
    inputs, _ = train.batch(np.arange(1))
    options = RECIPES[data].options
    token_dim = options["patch"] ** 2 if "patch" in options else inputs.shape[-1]
    mixing = "attention" if model == "dense" else model
    classifier = Classifier(token_dim, train.num_classes, mixing=mixing, seed=seed, **options)
    if model == "dense":
        return DenseNet.matching(classifier, inputs.size, train.num_classes, seed=seed)
    return classifier


def make_trainer(
    data: str,
    model: str,
    seed: int,
    *,
    epochs: int | None = None,
    device: str = "cpu",
    folder: Path | None = None,
    progress: bool = True,
) -> Trainer:
    """Everything for one run, ready to fit."""
    recipe = RECIPES[data]
    train, test = load_data(data, seed)
    net = make_model(data, model, train, seed).to(device)
    steps = (epochs or recipe.epochs) * -(-len(train) // recipe.batch_size)
    return Trainer(
        net,
        AdamW(net.named_parameters(), recipe.lr, weight_decay=recipe.weight_decay),
        train,
        test,
        batch_size=recipe.batch_size,
        schedule=warmup_cosine(steps, warmup_steps=min(50, steps // 10)),
        seed=seed,
        folder=folder,
        progress=progress,
        title=f"{model}, seed {seed}",
    )
