"""A training run with the learner's parts in it, and a rehearsal of its first step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...nn import Dense, Module
from ...recipes import RECIPES, Look, make_trainer
from ...training import Trainer, apply
from .frames import own_looks
from .layers import OwnAdamW, own_loss, swap
from .pairs import Told, loss_of_own_words
from .parts import CLASSES, FRAMES, PAIRS, PIXELS, SETS, Part, PartError, Parts, jobs
from .pixels import loss_of_own_pixels
from .sets import loss_of_own_sets

Say = Callable[[str], None]
SLOW = 5.0  # seconds of a single step from which on somebody who waits is told why
CLOSE = 1e-3  # of the largest number: rounding stays far below, mistakes lie above
# For each kind of training the parts that its loss is made of, and what makes it of them.
LOSSES: dict[str, tuple[set[str], Callable[[Parts], Callable[..., Any]]]] = {
    CLASSES: ({"05.1", "05.2"}, own_loss),
    PAIRS: ({"05.1", "05.2", "11.2"}, loss_of_own_words),
    SETS: ({"12.1", "12.2", "12.3"}, loss_of_own_sets),
    PIXELS: ({"05.1", "05.2", "12.5"}, loss_of_own_pixels),
    FRAMES: ({"05.1", "05.2"}, own_loss),
}


@dataclass(frozen=True)
class Cut:
    """Pictures that the learner's patchify (01.3) has cut before the model meets them."""

    whole: Any
    patchify: Part
    size: int

    def __len__(self) -> int:
        return len(self.whole)

    def batch(self, indices: Any) -> tuple[np.ndarray, np.ndarray]:
        images, targets = self.whole.batch(indices)
        batch, height, width = images.shape
        count = (height // self.size) * (width // self.size)
        return self.patchify((batch, count, self.size**2), images, self.size), targets


@dataclass
class Run:
    """A trainer, what is looked at afterwards, and what is done with them."""

    trainer: Trainer
    looks: Mapping[str, Look]

    @property
    def loss(self) -> Callable[..., Any]:
        return self.trainer.loss

    def fit(self, epochs: int) -> dict[str, float]:
        """Train until so many epochs are done; the last one's figures."""
        return self.trainer.fit(epochs)[-1]

    def step(self) -> dict[str, np.ndarray]:
        """One step on the first batch: the loss, every gradient, the parameters after it."""
        trainer = self.trainer
        inputs, targets = next(iter(trainer.loader.epoch(0)))
        trainer.model.train()
        loss = self.loss(apply(trainer.model, inputs), targets)
        trainer.model.zero_grad()
        loss.backward()
        named: list[tuple[str, Any]] = list(trainer.model.named_parameters())
        found = {"the loss": np.asarray(loss.data)}
        used = [(name, p) for name, p in named if p.grad is not None]  # a head of before is not
        found |= {f"the gradient of {name}": p.grad.copy() for name, p in used}
        trainer.optimizer.step()
        return found | {f"{name} after the step": p.data.copy() for name, p in named}


def assemble(data: str, seed: int, parts: Parts, *, progress: bool = False, **options: Any) -> Run:
    """The library's run on these data, with the learner's parts in place of the library's."""
    recipe = RECIPES[data]
    trainer = make_trainer(data, recipe.main, seed, progress=progress, **options)
    parts = {job.id: parts[job.id] for job in jobs(data) if job.id in parts}
    if not parts:
        return Run(trainer, recipe.looks)
    model: Any = trainer.model
    if "01.3" in parts and getattr(model, "patch", None):
        trainer.loader.dataset = Cut(trainer.loader.dataset, parts["01.3"], model.patch)
        trainer.test = Cut(trainer.test, parts["01.3"], model.patch)
        model.patch = None
    if "04.2" in parts:
        _first_weights(model, parts["04.2"])
    swap(model, parts)
    if "04.3" in parts:
        old: Any = trainer.optimizer
        trainer.optimizer = OwnAdamW(old, model.named_parameters(), parts["04.3"])
    if "11.2" in parts:
        trainer.loader.dataset = Told(trainer.loader.dataset, parts["11.2"])
    made_of, make_loss = LOSSES[recipe.takes_answers]
    if made_of & parts.keys():
        trainer.loss = make_loss(parts)
    return Run(trainer, own_looks(recipe.looks, parts))


def _first_weights(model: Module, first_weights: Part) -> None:
    """04.2, out of the same random numbers as the library's: only their size is made anew.

    A `net` has been trained before: its weights are not the first ones.
    """
    for name, module in model.named_modules():
        if isinstance(module, Dense) and not name.startswith("net."):
            weight = module.weight.data
            noise = weight * np.float32(np.sqrt(sum(weight.shape) / 2))  # of variance 1
            weight[...] = first_weights(weight.shape, noise, False)


def look_back(run: Run, count: int) -> dict[str, np.ndarray]:
    """What the looks see in the first test examples, by what is looked at."""
    model, test = run.trainer.model, run.trainer.test
    return {look.what: look.scores(model, test, count)[0] for look in run.looks.values()}


def rehearse(data: str, seed: int, parts: Parts, epochs: int, say: Say) -> float:
    """Try each part alone in the first step of training, then all together.

    Returns
    -------
    The seconds of a step with all parts.

    Raises
    ------
    PartError
        Naming the part that fails, or whose results are not those of the library's.
    """
    library = _first_step(data, seed, {}, epochs)
    for id, part in parts.items():
        started = time.perf_counter()
        own = _first_step(data, seed, {id: part}, epochs)
        if (seconds := time.perf_counter() - started) > SLOW:
            say(f"{part.title} is slow: {seconds:.0f} s for this one step.")
        for name, want in library.items():
            # Adam makes a whole step out of a gradient that is rounding alone: compare what
            # it does with equal gradients only.
            if name.endswith("after the step") and id != "04.3":
                continue
            gap, size = np.abs(own[name] - want).max(), _size(name, library)
            if not gap <= CLOSE * size:
                raise PartError(
                    f"{part.title} passes its checks, but in the first step of training it "
                    f"changes {name}: off by {gap:.2g}, where numbers are up to {size:.2g}"
                )
    run = assemble(data, seed, parts, epochs=epochs)
    started = time.perf_counter()
    run.step()
    seconds = time.perf_counter() - started
    if seconds < 1:  # the first step pays for what is done once
        started = time.perf_counter()
        run.step()
        seconds = time.perf_counter() - started
    return seconds


def _first_step(data: str, seed: int, parts: Parts, epochs: int) -> dict[str, np.ndarray]:
    run = assemble(data, seed, parts, epochs=epochs)
    found = run.step()
    if RECIPES[data].looks:
        # Of the model before its step: the parts that are asked here do not learn.
        fresh = assemble(data, seed, {k: v for k, v in parts.items() if k != "04.3"})
        found |= look_back(fresh, 32)
    return found


def _size(name: str, library: dict[str, np.ndarray]) -> float:
    """The largest number of its kind: a gradient that is 0 up to rounding has no size."""
    kind = name.split(" of ")[0] if name.startswith("the gradient") else name
    return max(float(np.abs(x).max()) for n, x in library.items() if n.startswith(kind))
