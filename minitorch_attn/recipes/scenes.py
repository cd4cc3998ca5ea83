"""Scenes of digits: learned queries find out what is where."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .. import viz
from ..arrays import to_numpy
from ..data import DigitScenes, digit_scenes, window_centres, window_labels, windows
from ..data.scenes import INK, ink_boxes
from ..metrics import boxes as metrics
from ..models import Detector, WindowNet, set_loss
from ..nn import Module
from ..ops import cross_entropy, softmax
from ..optim import AdamW, warmup_cosine
from ..tensor import no_grad
from ..training import Trainer
from .recipe import Baseline, Picture, Recipe

STEPS, RATE = 600, 4e-3  # of the window net


@lru_cache(maxsize=5)
def load(seed: int) -> tuple[DigitScenes, DigitScenes]:
    return digit_scenes(seed=seed)


@lru_cache(maxsize=5)
def window_net(train: DigitScenes, seed: int) -> WindowNet:
    """A net that reads single windows, trained: half of a batch has a digit in its middle."""
    tokens, labels = windows(train.images), window_labels(train)
    net, rng = (
        WindowNet(tokens.shape[-1], train.num_classes, seed=seed),
        np.random.default_rng(seed),
    )
    adam, factor = AdamW(net.named_parameters(), RATE, weight_decay=0.01), warmup_cosine(STEPS, 30)
    full, empty = (
        np.argwhere(x) for x in (labels < train.num_classes, labels == train.num_classes)
    )
    for step in range(STEPS):
        rows = [part[rng.integers(len(part), size=128)] for part in (full, empty)]
        scene, window = np.concatenate(rows).T
        adam.lr = RATE * factor(step)
        loss = cross_entropy(net(tokens[scene, window]), labels[scene, window])
        adam.zero_grad()
        loss.backward()
        adam.step()
    return net


def make(options: Mapping[str, Any], model: str, train: DigitScenes, seed: int) -> Module:
    """A fresh detector, one of the recipe's, on a net that can read windows already."""
    side = round(len(window_centres(train.images.shape[1])) ** 0.5)
    return Detector(
        deepcopy(window_net(train, seed)),
        side,
        train.num_classes,
        self_attention=model != "silent",
        mixing="uniform" if model == "uniform" else "attention",
        seed=seed,
        **options,
    )


def accuracy(outputs: Any, targets: Any) -> float:
    """The share of scenes that are told exactly."""
    logits, boxes = (to_numpy(x) for x in outputs)
    return float(metrics.exact(np.asarray(softmax(logits)), boxes, *map(to_numpy, targets)).mean())


def connected_parts(scenes: DigitScenes) -> list[list[tuple[slice, slice]]]:
    """For each scene the rows and columns of each connected part of its ink."""
    from scipy import ndimage

    touching = np.ones((3, 3))
    return [
        ndimage.find_objects(ndimage.label(image > INK, touching)[0]) for image in scenes.images
    ]


def in_the_middle(image: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """What is there, at most 8 × 8 of it, in the middle of an empty 8 × 8."""
    part, whole = image[rows, columns][:8, :8], np.zeros((8, 8), np.float32)
    top, left = ((8 - n) // 2 for n in part.shape)
    whole[top : top + part.shape[0], left : left + part.shape[1]] = part
    return whole


def connected(train: DigitScenes, test: DigitScenes) -> float:
    """Exact scenes, where each connected part of the ink is an object, read by the nearest of the
    digits in the first 1,000 training scenes. Nothing learns where things are."""
    side = test.images.shape[1]
    digits, names = known_digits(train, 1000)
    p, boxes = empty_answer(len(test), 12, test.num_classes)
    for i, parts in enumerate(connected_parts(test)):
        large = [part for part in parts if _area(part) >= 8]
        for q, (y, x) in enumerate(large[:12]):
            asked = in_the_middle(test.images[i], y, x).ravel()
            p[i, q] = np.eye(test.num_classes + 1)[names[((digits - asked) ** 2).sum(1).argmin()]]
            middle = (x.start + x.stop) / 2, (y.start + y.stop) / 2
            boxes[i, q] = np.array([*middle, x.stop - x.start, y.stop - y.start]) / side
    return float(metrics.exact(p, boxes, test.classes, test.boxes).mean())


def known_digits(scenes: DigitScenes, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The digits in the first scenes, cut out by their boxes: pixels (K, 64) and classes (K,)."""
    cut, names = [], []
    for i, k in np.argwhere(scenes.classes[:count] >= 0):
        centre, size = np.split(scenes.boxes[i, k] * scenes.images.shape[1], 2)
        (left, top), (right, bottom) = (np.rint(centre + s * size / 2).astype(int) for s in (-1, 1))
        part = in_the_middle(scenes.images[i], slice(top, bottom), slice(left, right))
        cut.append(part.ravel())
        names.append(scenes.classes[i, k])
    return np.array(cut), np.array(names)


def _area(part: tuple[slice, slice]) -> int:
    return (part[0].stop - part[0].start) * (part[1].stop - part[1].start)


def empty_answer(scenes: int, queries: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Queries that all say "no object": probabilities and boxes, to be written into."""
    p = np.zeros((scenes, queries, classes + 1))
    p[..., -1] = 1
    return p, np.zeros((scenes, queries, 4))


def one_digit(train: DigitScenes, test: DigitScenes) -> float:
    """Exact scenes, if all ink of a scene is one digit, of the commonest class."""
    p, boxes = empty_answer(len(test), 1, test.num_classes)
    commonest = np.bincount(train.classes[train.classes >= 0]).argmax()
    top, bottom, left, right = ink_boxes(test.images).T / test.images.shape[1]
    p[:, 0] = np.eye(test.num_classes + 1)[commonest]
    boxes[:, 0] = np.stack(
        [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], axis=1
    )
    return float(metrics.exact(p, boxes, test.classes, test.boxes).mean())


def draw_where_they_look(trainer: Trainer, path: Path) -> None:
    """The first scenes; a panel for each query that speaks."""
    viz.style()
    import matplotlib.pyplot as plt

    test: DigitScenes = trainer.test
    with no_grad():
        logits, boxes, weights = trainer.model.to("cpu").eval()(
            test.batch(np.arange(12))[0], return_weights=True
        )
    said = logits.numpy().argmax(axis=-1)
    spoken = np.argwhere(said < test.num_classes)[:12]
    figure, axes = plt.subplots(3, 4, figsize=(7, 5.6))
    for ax in axes.flat:
        ax.axis("off")
    for ax, (i, q) in zip(axes.flat, spoken, strict=False):
        look = weights.numpy()[i, :, q].mean(axis=0)
        draw_look(ax, test.images[i], look, boxes.numpy()[i, q])
        ax.set_title(f"scene {i + 1}, query {q}: {said[i, q]}", fontsize=8)
    viz.save(figure, path)


def draw_look(ax: Any, image: np.ndarray, look: np.ndarray, box: np.ndarray) -> None:
    """A scene, the weights (S,) of a query on its windows in red, and its box in blue."""
    from matplotlib.patches import Rectangle

    side, n = image.shape[0], round(len(look) ** 0.5)
    ax.imshow(image, cmap="gray_r", extent=(0, side, side, 0))
    ax.imshow(look.reshape(n, n), cmap="Reds", alpha=0.5, extent=(0, side, side, 0))
    x, y, w, h = box * side
    frame = Rectangle(
        (x - w / 2, y - h / 2), w, h, fill=False, edgecolor=viz.COLORS[0], linewidth=1.5
    )
    ax.add_patch(frame)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)


SCENES = Recipe(
    about="what is where: one to three digits on a canvas",
    load=load,
    what="1,000 test scenes",
    options={"num_queries": 6, "model_dim": 48, "num_heads": 4},
    epochs=10,
    seeds=3,
    lr=7e-3,
    weight_decay=1e-4,
    batch_size=32,
    clip=1.0,
    models={
        "attention": "learned queries ask the windows, and each other",
        "silent": "the same, but the queries do not see each other",
        "uniform": "the same, with equal weights on the windows",
    },
    make=make,
    loss=set_loss,
    accuracy=accuracy,
    counted="scenes told exactly",
    baselines={
        "one digit": Baseline("all ink is one digit, the commonest", one_digit),
        "connected": Baseline("connected parts, each read by its nearest neighbour", connected),
    },
    pictures=(
        Picture(
            file="where_they_look.png",
            what="where the queries look in the first test scenes",
            draw=draw_where_they_look,
        ),
    ),
    examples="test scenes",
    answers="sets",
)
