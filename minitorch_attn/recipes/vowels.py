"""Japanese vowels: who speaks? Four ways to pool the frames of an utterance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import viz
from ..data import Utterances, insert_burst, japanese_vowels, pad_frames
from ..models import FrameClassifier
from ..nn import Module
from ..tensor import no_grad
from ..training import Trainer
from .recipe import Baseline, Look, Picture, Recipe

NOISE, FRAMES = 1.5, 8  # the sd of the noise that a look puts in, and how many frames


def load(seed: int) -> tuple[Utterances, Utterances]:
    train, _, test = japanese_vowels(seed)
    return train, test


def make(options: Mapping[str, Any], model: str, train: Utterances, seed: int) -> Module:
    width = train.frames[0].shape[1]
    return FrameClassifier(width, train.num_classes, pooling=model, seed=seed, **options)


def with_noise(test: Utterances, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first utterances, each with a burst of noise at a random place: frames, mask, marks."""
    rng = np.random.default_rng(0)
    longer, marks = [], []
    for x in test.frames[:count]:
        noise = rng.normal(0, NOISE, (FRAMES, x.shape[1]))
        utterance, marked = insert_burst(x, int(rng.integers(len(x) + 1)), noise)
        longer.append(utterance)
        marks.append(marked[:, None])
    x, mask = pad_frames(longer)
    return x, mask, pad_frames(marks)[0][..., 0] > 0


def listen(model: Module, test: Utterances, count: int) -> tuple[np.ndarray, ...]:
    """The weights (n, T) on utterances with noise, the mean over heads; their mask and marks."""
    x, mask, marks = with_noise(test, count)
    with no_grad():
        _, weights = model.to("cpu").eval()(x, mask, return_weights=True)
    return weights.numpy().mean(axis=1), mask, marks


def weights_on_noise(model: Module, test: Utterances, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The burst's weight and its share of the frames, (n, 2), and the column that is to win: 0."""
    weights, mask, marks = listen(model, test, count)
    on_it = (weights * marks).sum(axis=1)
    return np.column_stack([on_it, marks.sum(axis=1) / mask.sum(axis=1)]), np.zeros(count, int)


def draw_weights(trainer: Trainer, path: Path) -> None:
    import matplotlib.pyplot as plt

    weights, mask, marks = listen(trainer.model, trainer.test, 4)
    viz.style()
    figure, axes = plt.subplots(4, 1, figsize=(8, 7))
    for ax, w, real, noise in zip(axes, weights, mask, marks, strict=True):
        viz.weights_over_time(ax, w[real], noise[real])
    axes[-1].set_xlabel("frame")
    viz.save(figure, path)


def summaries(data: Utterances) -> np.ndarray:
    """Mean and sd of each number over an utterance's frames, and a 1: (n, 2 D + 1)."""
    rows = [np.concatenate([x.mean(axis=0), x.std(axis=0), [1]]) for x in data.frames]
    return np.array(rows)


def least_squares(train: Utterances, test: Utterances) -> float:
    """Ridge regression from the summaries to the classes, 1 for the right one: accuracy."""
    x, wanted = summaries(train), np.eye(train.num_classes)[train.targets]
    w = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ wanted)
    return float(((summaries(test) @ w).argmax(axis=1) == test.targets).mean())


VOWELS = Recipe(
    about="who of nine men says two vowels",
    load=load,
    what="the official 370 test utterances",
    options={"model_dim": 32},
    epochs=20,
    seeds=3,
    lr=5e-3,
    weight_decay=0.1,
    batch_size=32,
    models={
        "attention": "weights from a learned query",
        "mean": "every frame counts the same",
        "max": "the largest of each number",
        "last": "the last frame alone",
    },
    make=make,
    baselines={
        "linear": Baseline("ridge regression on mean and sd of the frames", least_squares),
        "largest": Baseline(
            "always the class with most test utterances",
            lambda train, test: float(np.bincount(test.targets).max() / len(test)),
        ),
    },
    looks={
        "more_than_its_share_on_noise": Look(
            what="eight frames of noise",
            claim="noise gets more than its share of the weight",
            scores=weights_on_noise,
            sentence="Eight frames of noise, put into each test utterance at a random place, get "
            "more than\ntheir share of the weight in {share} of them (the lowest of the seeds).",
        ),
    },
    pictures=(
        Picture("weights_over_time.png", "weights on four utterances with noise", draw_weights),
    ),
    examples="test utterances",
    guess="Of nine speakers, a guess gets about 11 % right.",
    answers="frames",
)
