"""Faults of the training loop and of what feeds it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from faults.planting import Plant, afterwards, method, text, with_attribute
from minitorch_attn import no_grad
from minitorch_attn.data import Loader
from minitorch_attn.nn import Module
from minitorch_attn.parallel import share_gradients
from minitorch_attn.shared_training import SharedTrainer
from minitorch_attn.training import Trainer

SHARED = "test_shared_training.py::test_"


def generators_stay(right: Any) -> Any:
    def resume(self: Trainer) -> bool:
        before = [rng.bit_generator.state for rng in self.model.generators()]
        found = right(self)
        for rng, state in zip(self.model.generators(), before, strict=True):
            rng.bit_generator.state = state
        return found

    return resume


def without_momentum(self: Trainer) -> None:
    state = self.optimizer.state_dict()
    self.optimizer.load_state_dict(
        {k: v if k == "steps" else np.zeros_like(v) for k, v in state.items()}
    )


def from_the_start(self: Trainer) -> None:
    self.epoch = 0


def without_the_best(self: Trainer) -> None:
    self.best = None


def history_stays(right: Any) -> Any:
    def resume(self: Trainer) -> bool:
        path = self.folder / "history.jsonl" if self.folder else None
        before = path.read_bytes() if path and path.exists() else None
        found = right(self)
        if path and before is not None:
            path.write_bytes(before)
        return found

    return resume


def mean_over_batches(right: Any) -> Any:
    def evaluate(self: Trainer, data: Any, batch_size: int = 500) -> dict[str, float]:
        was_training = self.model.training
        self.model.eval()
        with no_grad():
            losses = [
                self.loss(self.model(x), y).item() for x, y in Loader(data, batch_size, False)
            ]
        self.model.train(was_training)
        return {**right(self, data, batch_size), "loss": float(np.mean(losses))}

    return evaluate


def batch_of_one_epoch(right: Any) -> Any:
    return lambda self, k: right(self, 0)


def unshuffled(right: Any) -> Any:
    def epoch(self: Loader, k: int) -> Iterator[Any]:
        return right(Loader(self.dataset, self.batch_size, False), k)

    return epoch


def one_seed(right: Any) -> Any:
    def epoch(self: Loader, k: int) -> Iterator[Any]:
        return right(Loader(self.dataset, self.batch_size, self.shuffle, 0), k)

    return epoch


def whole_batches_only(right: Any) -> Any:
    def epoch(self: Loader, k: int) -> Iterator[Any]:
        return (batch for batch in right(self, k) if len(batch[1]) == self.batch_size)

    return epoch


def inputs_alone_shuffled(right: Any) -> Any:
    def epoch(self: Loader, k: int) -> Iterator[Any]:
        return ((inputs[::-1], targets) for inputs, targets in right(self, k))

    return epoch


def stays_in_evaluation(self: Trainer) -> None:
    self.model.eval()


def one_step_late(self: Trainer) -> Any:
    schedule = self.schedule
    return lambda step: schedule(step + 1)


def best_of_the_test_set(right: Any) -> Any:
    def best(self: Trainer) -> int:
        scores = [row["test_accuracy"] for row in self.history]
        return scores.index(max(scores))

    return best


RESUMED = "test_training.py::test_stopped_in_the_middle_of_an_epoch_again_and_again"
MENDED = "test_training.py::test_a_resume_at_the_end_trains_no_more_and_mends_the_history"
EARLY = "test_training.py::test_early_stopping_returns_the_best"
DROPOUT = "test_training.py::test_evaluation_switches_dropout_off_and_on_again"
ORDER = "test_data.py::test_shuffling_by_seed_and_epoch"

FAULTS: dict[str, tuple[Plant, str]] = {
    "resume: the generators go on": (method(Trainer, "resume", generators_stay), RESUMED),
    "resume: the optimiser starts anew": (
        method(Trainer, "resume", afterwards(without_momentum)),
        RESUMED,
    ),
    "resume: the epochs are counted anew": (
        method(Trainer, "resume", afterwards(from_the_start)),
        MENDED,
    ),
    "resume: the history stays as it was": (method(Trainer, "resume", history_stays), MENDED),
    "resume: the best is forgotten": (
        method(Trainer, "resume", afterwards(without_the_best)),
        EARLY,
    ),
    "patience: one epoch more": (
        method(Trainer, "fit", with_attribute("patience", lambda self: (self.patience or 0) + 1)),
        EARLY,
    ),
    "early stopping: the last in place of the best": (
        method(Trainer, "_remember_best", lambda right: lambda self, row: None),
        EARLY,
    ),
    "early stopping: the test set is watched": (
        method(Trainer, "_best_epoch", best_of_the_test_set),
        "test_training.py::test_early_stopping_watches_the_validation_set_and_not_the_test_set",
    ),
    "evaluation: dropout stays on": (
        method(Module, "eval", lambda right: lambda self: self),
        DROPOUT,
    ),
    "evaluation: dropout stays off": (
        method(Trainer, "evaluate", afterwards(stays_in_evaluation)),
        DROPOUT,
    ),
    "evaluation: the mean over batches": (
        method(Trainer, "evaluate", mean_over_batches),
        "test_training.py::test_evaluation_is_the_mean_over_examples_and_needs_no_record",
    ),
    "training: gradients are not clipped": (
        method(Trainer, "fit", with_attribute("clip", lambda self: None)),
        "test_training.py::test_a_step_is_no_longer_than_the_clipped_gradient",
    ),
    "training: the schedule is a step late": (
        method(Trainer, "fit", with_attribute("schedule", one_step_late)),
        "test_training.py::test_the_schedule_and_the_progress_bar",
    ),
    "training: the short batch left out": (
        method(Loader, "epoch", whole_batches_only),
        "test_training.py::test_the_figures_of_training_are_means_over_all_examples",
    ),
    "training: always the same order": (
        method(Loader, "epoch", one_seed),
        "test_training.py::test_the_trainers_seed_decides_the_order",
    ),
    "loader: not shuffled": (
        method(Loader, "epoch", unshuffled),
        ORDER,
    ),
    "loader: every epoch in one order": (method(Loader, "epoch", batch_of_one_epoch), ORDER),
    "loader: inputs and targets apart": (method(Loader, "epoch", inputs_alone_shuffled), ORDER),
    "loader: the short batch left out": (
        method(Loader, "epoch", whole_batches_only),
        "test_data.py::test_the_last_short_batch_is_kept",
    ),
    "processes: each weighs the same": (
        text(share_gradients, "count / total", "1 / len(everyone)"),
        "test_parallel.py::test_it_is_the_gradient_of_one_process",
    ),
    "processes: any order will do": (
        text(share_gradients, "here != there or", "False or"),
        "test_parallel.py::test_every_process_refuses_what_does_not_fit_together",
    ),
    "processes: each begins where it likes": (
        method(SharedTrainer, "fit", lambda right: Trainer.fit),
        f"{SHARED}the_first_alone_writes_and_all_resume_what_it_has",
    ),
    "processes: nothing is added up": (
        method(SharedTrainer, "_compute_gradients", lambda right: Trainer._compute_gradients),
        f"{SHARED}together_they_take_the_steps_of_one",
    ),
    "processes: each counts its own alone": (
        method(SharedTrainer, "_over_all", lambda right: Trainer._over_all),
        f"{SHARED}together_they_take_the_steps_of_one",
    ),
    "processes: all drop the same": (
        method(SharedTrainer, "_train_epoch", lambda right: Trainer._train_epoch),
        f"{SHARED}dropout_drops_something_else_in_each",
    ),
    "processes: whatever differs, they begin": (
        method(SharedTrainer, "_check_alike", lambda right: lambda self, epochs: None),
        f"{SHARED}what_differs_is_told_before_anything_is_added",
    ),
}
