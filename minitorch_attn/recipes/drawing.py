"""Drawing digits, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import viz
from ..data import DigitDrawings, digit_drawings
from ..models import Painter, sample
from ..nn import Module
from ..training import Trainer
from .recipe import Baseline, Picture, Recipe


def make(options: Mapping[str, Any], model: str, train: DigitDrawings, seed: int) -> Module:
    """A fresh painter, one of the recipe's."""
    sizes = train.levels, train.pixels.shape[1], train.num_classes
    return Painter(*sizes, mixing=model, seed=seed, **options)


def commonest(train: DigitDrawings, test: DigitDrawings) -> float:
    """Pixels guessed right by the level that is commonest at this place in this class."""
    levels = np.eye(train.levels, dtype=int)[train.pixels]  # (n, 64, L)
    counts = np.stack([levels[train.classes == c].sum(axis=0) for c in range(train.num_classes)])
    return float((counts.argmax(axis=-1)[test.classes] == test.pixels).mean())


def draw_samples(trainer: Trainer, path: Path) -> None:
    """A row for each of three temperatures, a column for each digit."""
    viz.style()
    import matplotlib.pyplot as plt

    test: DigitDrawings = trainer.test
    classes = np.arange(test.num_classes)
    model: Any = trainer.model.to("cpu").eval()
    figure, axes = plt.subplots(3, len(classes), figsize=(8, 3))
    for row, temperature in zip(axes, (1.0, 0.8, 0.5), strict=True):
        drawn = sample(model, classes, test.pixels.shape[1], temperature, rng=0)
        draw_row(row, drawn, f"T = {temperature}")
    viz.save(figure, path)


def draw_row(axes: Any, pictures: np.ndarray, name: str) -> None:
    """Pictures (k, 64), one to each of the axes, and a name at the left."""
    for ax, picture in zip(axes, pictures, strict=True):
        ax.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    axes[0].set_ylabel(name, rotation=0, ha="right", va="center")


DRAWING = Recipe(
    about="draw digits pixel by pixel",
    load=digit_drawings,
    what="the held-out fifth",
    options={"model_dim": 32, "num_heads": 4, "num_blocks": 2},
    epochs=11,
    seeds=3,
    lr=8e-3,
    weight_decay=0.05,
    batch_size=32,
    clip=1.0,
    models={
        "attention": "each pixel asks the class and those before it",
        "uniform": "the same with equal weights on all before it",
        "none": "the same without attention: the last pixel alone",
    },
    make=make,
    counted="pixels guessed right",
    baselines={
        "commonest": Baseline("the commonest level at this place in this class", commonest),
    },
    pictures=(
        Picture(file="samples.png", what="digits drawn at three temperatures", draw=draw_samples),
    ),
    examples="held-out digits",
    answers="pixels",
)
