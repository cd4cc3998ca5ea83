"""`train`: who wrote what, the training, and what came of it."""

from __future__ import annotations

import io
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...optim import DivergedError
from ...recipes import RECIPES
from ...threads import sharing
from ..checking.bounded import Interrupted
from .assembly import Run, Say, assemble, rehearse
from .judge import OwnError, Verdict, judge, parts_of
from .parts import JOBS, PartError

LONG = 120.0  # seconds of training from which on a warning is due


@dataclass
class Outcome:
    """What `train` found: who wrote each part, what failed, how well it did.

    Attributes
    ----------
    verdicts : one for each part
    failed : a line for each part that fails
    accuracy, library_accuracy : on the test set; None if nothing was trained
    seconds, library_seconds : of the training
    status : 0 trained, 1 a part fails, 2 no part is the learner's
    """

    verdicts: list[Verdict]
    failed: list[str] = field(default_factory=list)
    accuracy: float | None = None
    library_accuracy: float | None = None
    seconds: float = 0.0
    library_seconds: float = 0.0

    @property
    def yours(self) -> list[str]:
        """The exercises whose functions are the learner's."""
        return [v.job.id for v in self.verdicts if v.part is not None]

    @property
    def status(self) -> int:
        return 0 if self.accuracy is not None else 1 if self.failed else 2

    def __repr__(self) -> str:
        said = f"{len(self.yours)} of {len(self.verdicts)} parts are yours"
        if self.accuracy is None:
            return f"<{said}; not trained>"
        return f"<{said}; {_percent(self.accuracy)}, the library {_percent(self.library_accuracy)}>"


def train(
    folder: str | Path, data: str = "cued", epochs: int | None = None, seed: int = 0
) -> Outcome:
    """Train a model with the functions that you wrote, and beside it the library's.

    Your functions are found by name in the notebooks and Python files of the folder, and run in
    this process. Each is checked first. A wrong one stops everything, by name; one that is not
    done yet leaves the library's in its place. From one seed both take the same way, but for
    rounding; in scenes that can turn a matching, and lead a few points apart.

    Parameters
    ----------
    folder : the folder of your exercises
    data : "cued", "digits", "dates", "scenes", "drawing" or "vowels", as in `recipes.RECIPES`
    epochs : passes over the data; as tuned, if left out
    seed : of the data, the first weights and the order

    Raises
    ------
    OwnError
        If the folder, a file in it, or a setting cannot be used.
    Interrupted
        In place of KeyboardInterrupt; it says what was stopped.
    """
    known = [name for name, recipe in RECIPES.items() if recipe.takes_answers]
    if data not in known:
        raise OwnError(f"data is {' or '.join(map(repr, known))}, not {data!r}")
    epochs = RECIPES[data].epochs if epochs is None else epochs
    if not isinstance(epochs, int) or epochs < 1:
        raise OwnError(f"epochs is a whole number above 0, not {epochs!r}")
    out = sys.stdout

    def say(text: str = "") -> None:
        print(text, file=out, flush=True)

    with _hushed(), sharing():
        outcome = Outcome(judge(folder, data))
        _say_who(outcome, folder, say)
        if outcome.yours and not outcome.failed:
            try:
                _train(outcome, data, epochs, seed, say)
            except PartError as error:
                outcome.failed.append(str(error))
                say(f"\n{error}.\nNothing more is trained: mend it, and try again.")
            except DivergedError as error:
                outcome.failed.append(str(error))
                say(f"\nThe training with your functions broke down: {error}.")
            except KeyboardInterrupt:
                raise Interrupted("the training with your functions was interrupted") from None
    return outcome


@contextmanager
def _hushed() -> Iterator[None]:
    """What a learner's function prints or warns of, thousands of times, is not shown."""

    class Nowhere(io.TextIOBase):
        def write(self, text: str) -> int:
            return len(text)

    with redirect_stdout(Nowhere()), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _say_who(outcome: Outcome, folder: str | Path, say: Say) -> None:
    verdicts = outcome.verdicts
    outcome.failed = [v.line for v in verdicts if v.problem]
    if not outcome.yours and not outcome.failed:
        first = next(v.exercise for v in verdicts)
        say(f"None of the {len(verdicts)} parts in {folder} is yours yet, so nothing is trained.")
        say(f"Begin with {first.id} {first.title}, check it, save the notebook, and come back.")
        return
    say(f"{'exercise':23} {'what it does':37} whose")
    for v in verdicts:
        say(f"{f'{v.job.id}  {v.exercise.function}':23} {v.job.what:37} {v.whose}")
    say(f"{'':23} {'all the rest':37} the library's")
    if outcome.failed:
        say("")
        for line in outcome.failed:
            say(line)
        say("Nothing is trained: mend what fails, save the notebook, and try again.")


def _train(outcome: Outcome, data: str, epochs: int, seed: int, say: Say) -> None:
    parts = parts_of(outcome.verdicts)
    say("\nTrying each of yours in one step of training, beside the library's.")
    step = rehearse(data, seed, parts, epochs, say)
    library = assemble(data, seed, {}, epochs=epochs)
    steps = epochs * len(library.trainer.loader)
    expected = step * steps
    say(f"All agree. Training on {data}, seed {seed}: {steps:,} steps, yours beside the library's.")
    if expected > LONG:
        say(
            f"A step with your functions takes {step:.2g} s, so all of it takes about "
            f"{expected / 60:.0f} minutes.\nA Python loop in one of them may be why. "
            "Ctrl-C stops it."
        )
    progress = sys.stderr.isatty() or ("ipykernel" in sys.modules and expected > 60)
    own = assemble(data, seed, parts, epochs=epochs, progress=progress)
    own.trainer.title = "yours"
    say(f"\nEpoch by epoch, {RECIPES[data].counted} on the test set:")
    say(f"{'epoch':>5} {'your loss':>10} {'yours':>8} {'the library':>12}")
    started = time.perf_counter()
    for epoch in range(1, epochs + 1):
        mine, theirs = own.fit(epoch), library.fit(epoch)
        left = (time.perf_counter() - started) / epoch * (epochs - epoch)
        say(
            f"{epoch:5} {mine['train_loss']:10.3f} {_percent(mine['test_accuracy']):>8} "
            f"{_percent(theirs['test_accuracy']):>12}" + (f"   {_time(left)} left" if left else "")
        )
    outcome.accuracy = mine["test_accuracy"]
    outcome.library_accuracy = theirs["test_accuracy"]
    outcome.seconds = sum(row["seconds"] for row in own.trainer.history)
    outcome.library_seconds = sum(row["seconds"] for row in library.trainer.history)
    _say_result(outcome, own, library, data, say)


def _say_result(outcome: Outcome, own: Run, library: Run, data: str, say: Say) -> None:
    recipe, test = RECIPES[data], own.trainer.test
    ids = {job.needs: job.id for job in JOBS if job.needs}
    if own.looks:
        width = max(42, *(len(look.claim) for look in own.looks.values()))
        head = f"afterwards, on the {recipe.examples}"
        say(f"\n{head:{width + 6}} {'yours':>7} {'the library':>11}")
        for name, look in own.looks.items():
            mine, theirs = (
                _percent(run.looks[name].share(run.trainer.model, test)) for run in (own, library)
            )
            say(f"{ids.get(name, ''):5} {look.claim:{width}} {mine:>7} {theirs:>11}")
        if recipe.guess:
            say(f"({recipe.guess})")
    say(
        f"\nWith your functions: {recipe.counted} {_percent(outcome.accuracy)}, on {len(test):,} "
        f"test examples, in {_time(outcome.seconds)}."
    )
    say(
        f"The library, from the same seed: {_percent(outcome.library_accuracy)}, "
        f"in {_time(outcome.library_seconds)}."
    )
    say(f"{len(outcome.yours)} of {len(outcome.verdicts)} parts are yours.")


def _percent(share: Any) -> str:
    return f"{100 * share:.1f} %"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
