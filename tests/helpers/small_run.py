"""A small training run to be killed and resumed: python small_run.py FOLDER [EPOCHS] [SECONDS].

Sleeps for so many seconds in each step, so that there is time to be killed in.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from minitorch_attn.data import Dataset
from minitorch_attn.models import Classifier
from minitorch_attn.optim import AdamW, warmup_cosine
from minitorch_attn.training import Trainer

EPOCHS = 4


def points(count: int, seed: int) -> Dataset:
    """Three tokens of four numbers; the class says which of their sums is the largest."""
    inputs = np.random.default_rng(seed).normal(size=(count, 3, 4)).astype(np.float32)
    return Dataset(inputs, inputs.sum(-1).argmax(-1), 3)


def make_trainer(folder: str | Path | None = None, patience: int | None = None) -> Trainer:
    """Dropout, momentum, a schedule and a short last batch: all that a resume must restore."""
    model = Classifier(4, 3, model_dim=8, num_heads=2, dropout=0.2, num_positions=3, seed=1)
    return Trainer(
        model,
        AdamW(model.named_parameters(), 0.02),
        points(50, 1),
        points(30, 2),
        points(20, 3) if patience else None,
        batch_size=16,
        schedule=warmup_cosine(4 * EPOCHS, 2),
        clip=1.0,
        patience=patience,
        seed=5,
        folder=folder,
        progress=False,
    )


if __name__ == "__main__":
    trainer = make_trainer(sys.argv[1])
    epochs, pause = int(sys.argv[2]), float(sys.argv[3])
    forward = type(trainer.model).__call__

    def slowly(self: Classifier, *args: object, **options: object) -> object:
        time.sleep(pause)
        return forward(self, *args, **options)

    type(trainer.model).__call__ = slowly  # type: ignore[method-assign]
    trainer.resume()
    print("ready", flush=True)
    trainer.fit(epochs)
