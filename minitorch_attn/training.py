"""The training loop: progress, evaluation, checkpoints, early stopping."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import namespace, to_numpy
from .data import Loader
from .devices import move
from .fast.optim import norm_there
from .fast.steps import shared_gradients, small_step
from .files import FileError, load_arrays, save_arrays, write_atomic
from .forms import sooner
from .nn import Module
from .ops import cross_entropy
from .optim import DivergedError, Optimizer, constant
from .tensor import no_grad, raw
from .validation.indices import check_classes

CHECKPOINT = "checkpoint.safetensors"


def compute_gradients(
    model: Module, inputs: Any, targets: Any, loss: Callable[..., Any] = cross_entropy
) -> tuple[float, Any]:
    """Add the gradient of the loss to each parameter's `.grad`.

    `loss` maps logits (B, C) and targets (B,) to one number, a mean over the batch. Inputs may be
    a tuple of arrays, which the model takes as its arguments; targets, and what the model returns,
    may be whatever the loss takes.

    Returns
    -------
    The loss, and the logits (B, C) as an array; of a tuple that the model returns, each as one.
    """
    value, outputs = _gradients(model, inputs, targets, loss)
    return value.item(), outputs


@sooner(shared_gradients)
def _gradients(model: Module, inputs: Any, targets: Any, loss: Callable[..., Any]) -> Any:
    """`compute_gradients`, with the loss as an array: on a GPU nothing waits for it yet."""
    with small_step(model, inputs):
        outputs = apply(model, inputs)
        value = loss(outputs, targets)
        value.backward()
    return value.data, _raw_parts(outputs)


def apply(model: Module, inputs: Any) -> Any:
    """What the model says to a batch: to a tuple of arrays, as its arguments."""
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)


def _raw_parts(outputs: Any) -> Any:
    """The arrays of tensors, one or a tuple of them."""
    return tuple(map(_raw_parts, outputs)) if isinstance(outputs, tuple) else raw(outputs)


def examples(batch: Any) -> int:
    """How many examples there are in an array, or in a tuple of arrays."""
    return examples(batch[0]) if isinstance(batch, tuple) else len(batch)


def accuracy(logits: Any, targets: Any) -> Any:
    """The share of targets (...) whose logit is the largest of the last axis, (..., C).

    A float; on a GPU an array of no axes, so that nothing waits for it.
    """
    share = (logits.argmax(axis=-1) == targets).mean()
    return float(share) if namespace(logits) is np else share


class Trainer:
    """Trains a model, and can be killed at any point and go on.

    Parameters
    ----------
    model : Module
        Maps a batch of inputs to logits (B, C), or to what `loss` and `accuracy` take. A batch
        that is a tuple of arrays comes as so many arguments.
    optimizer : Optimizer
        Over the model's parameters.
    train, test : data sets
        Anything with `__len__` and `batch(indices)`.
    validation : data set, optional
        What early stopping watches; never the test set.
    batch_size : int
    schedule : callable
        Step, from 0, to a factor for the learning rate.
    clip : float, optional
        The longest joint gradient.
    patience : int, optional
        Stop after so many epochs without a better validation accuracy, and go back to the best.
    seed : int
        Of the order of the training examples.
    folder : path, optional
        Where the checkpoint and the history are kept, after each epoch.
    progress : bool
        Show a progress bar.
    title : str
        What stands before it.
    loss : callable
        Maps logits (B, C) and targets (B,) to one number, a mean over the batch.
    accuracy : callable
        Maps the same, as arrays, to the share of the batch that is right, a number or an array of
        no axes.
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        train: Any,
        test: Any = None,
        validation: Any = None,
        *,
        batch_size: int = 64,
        schedule: Callable[[int], float] = constant,
        clip: float | None = None,
        patience: int | None = None,
        seed: int = 0,
        folder: str | Path | None = None,
        progress: bool = True,
        title: str = "",
        loss: Callable[..., Any] = cross_entropy,
        accuracy: Callable[[Any, Any], Any] = accuracy,
    ) -> None:
        if patience is not None and validation is None:
            raise ValueError("early stopping (patience) needs a validation set")
        for name, data in (("training", train), ("test", test), ("validation", validation)):
            if data is not None and not len(data):
                raise ValueError(f"the {name} set is empty")
        self.model, self.optimizer = model, optimizer
        self.loader = Loader(train, batch_size, seed=seed)
        self.test, self.validation = test, validation
        self.schedule, self.clip, self.patience = schedule, clip, patience
        self.folder = Path(folder) if folder else None
        self.progress, self.title = progress, title
        self.loss, self.accuracy = loss, accuracy
        self.device = optimizer.parameters[0].device
        self.owns_folder = False  # whether what is in the folder is this run's
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self.best: dict[str, np.ndarray] | None = None

    def fit(self, epochs: int) -> list[dict[str, float]]:
        """Train until so many epochs are done, counting those before a resume.

        However a run is cut into calls, by Ctrl-C or an error too, it ends as one call does: an
        epoch that was broken off is undone, and done again by the next call. (On a GPU, but for
        rounding: it adds up rows that occur twice, as of an embedding, in any order.)

        Returns
        -------
        The history: for each epoch the mean training loss (nats), the accuracies, the learning
        rate, and the seconds that it took.

        Raises
        ------
        DivergedError
            If the loss or a gradient becomes NaN or infinite. The last checkpoint stays.
        FileError
            If the folder holds another run's checkpoint.
        """
        from tqdm import tqdm

        if self.folder and not self.owns_folder:
            self._claim_folder()
        total = epochs * len(self.loader)
        done = self.epoch * len(self.loader)
        bar = tqdm(
            total=total, initial=done, desc=self.title, disable=not self.progress, leave=False
        )
        state = self._state()
        with bar:
            while self.epoch < epochs and not self._is_patience_spent():
                try:
                    self._do_epoch(bar)
                except BaseException:
                    self._go_back(*state)
                    raise
                state = self._state()
                if self.folder:
                    self._write(*state)
        if self.best is not None:
            self.model.load_state_dict(self.best)
        return self.history

    def _do_epoch(self, bar: Any) -> None:
        started = time.perf_counter()
        row = {"epoch": self.epoch + 1, **self._train_epoch(bar)}
        for name, data in (("test", self.test), ("validation", self.validation)):
            if data is not None:
                row |= {f"{name}_{k}": v for k, v in self.evaluate(data).items()}
        row["seconds"] = time.perf_counter() - started
        self.history = [*self.history, row]
        self.epoch += 1
        self._remember_best(row)

    def _train_epoch(self, bar: Any) -> dict[str, float]:
        self.model.train()
        loss_sum = seen = 0.0
        right: Any = 0.0  # on a GPU it becomes an array there
        rate = self.optimizer.lr
        for i, (inputs, targets) in enumerate(self.loader.epoch(self.epoch)):
            inputs, targets = move(inputs, self.device), move(targets, self.device)
            self.optimizer.zero_grad()
            loss, outputs = self._compute_gradients(inputs, targets)
            value, norm = self._look(loss)
            if not math.isfinite(value):
                self._explain_loss(value, outputs, targets)
            self._step(rate * self.schedule(self.epoch * len(self.loader) + i), norm)
            if count := examples(targets):
                loss_sum += value * count
                right += self.accuracy(outputs, targets) * count
                seen += count
            bar.update()
            if bar.n % 20 == 0 and seen:
                bar.set_postfix(epoch=self.epoch + 1, loss=f"{loss_sum / seen:.3f}", refresh=False)
        loss_sum, right, seen = self._over_all(loss_sum, float(right), seen)
        return {
            "train_loss": loss_sum / seen,
            "train_accuracy": right / seen,
            "learning_rate": rate * self.schedule((self.epoch + 1) * len(self.loader) - 1),
        }

    def _compute_gradients(self, inputs: Any, targets: Any) -> tuple[Any, Any]:
        """Gradients to the parameters; the loss, an array, and what the model said."""
        return _gradients(self.model, inputs, targets, self.loss)

    def _look(self, loss: Any) -> tuple[float, float | None]:
        """The loss, and the gradients' joint length if it is known: a GPU is waited for once."""
        there = norm_there(self.optimizer.parameters)
        if there is None:
            return loss.item(), None
        xp = namespace(there)
        value, norm = to_numpy(xp.stack([xp.asarray(loss).reshape(()), there])).tolist()
        return value, norm if math.isfinite(norm) else None

    def _over_all(self, *sums: float) -> tuple[float, ...]:
        """What these sums come to over all who train: here nobody else does."""
        return sums

    def _step(self, rate: float, norm: float | None) -> None:
        """One step at this rate; between steps the optimiser keeps its own."""
        own = self.optimizer.lr, self.optimizer.max_norm
        self.optimizer.lr, self.optimizer.max_norm = rate, self.clip
        try:
            # On the CPU nothing is known yet, and an optimiser of one's own may take no length.
            self.optimizer.step() if norm is None else self.optimizer.step(norm)
        finally:
            self.optimizer.lr, self.optimizer.max_norm = own

    def _explain_loss(self, value: float, outputs: Any, targets: Any) -> None:
        """Name what is no class, or the parameter that is broken already, if one is, and stop."""
        if self.loss is cross_entropy:
            check_classes(to_numpy(outputs), to_numpy(targets))
        broken = [
            name
            for name, parameter in self.model.named_parameters()
            if not np.isfinite(to_numpy(parameter.data)).all()
        ]
        where = f"parameter {broken[0]} is not finite" if broken else "all parameters are finite"
        raise DivergedError(
            f"the loss is {value} at step {self.optimizer.steps + 1} ({where}): lower the learning "
            "rate, clip the gradients, or look at the inputs of this batch"
        )

    def evaluate(self, data: Any, batch_size: int = 500) -> dict[str, float]:
        """Mean loss (nats) and accuracy on a data set, with dropout off."""
        modes = [(module, module.training) for _, module in self.model.named_modules()]
        self.model.eval()
        loss_sum = 0.0
        right: Any = 0.0  # on a GPU it becomes an array there
        try:
            with no_grad():
                for inputs, targets in Loader(data, batch_size, shuffle=False):
                    if not (count := examples(targets)):
                        continue
                    inputs, targets = move(inputs, self.device), move(targets, self.device)
                    outputs = apply(self.model, inputs)
                    loss_sum += self.loss(outputs, targets).item() * count
                    right += self.accuracy(_raw_parts(outputs), targets) * count
        finally:  # each part as it was, whatever happened
            for module, mode in modes:
                module.training = mode
        loss_sum, right = self._over_all(loss_sum, float(right))
        return {"loss": loss_sum / len(data), "accuracy": right / len(data)}

    def _best_epoch(self) -> int:
        scores = [row["validation_accuracy"] for row in self.history]
        return scores.index(max(scores))

    def _remember_best(self, row: dict[str, float]) -> None:
        if self.patience is not None and self._best_epoch() == len(self.history) - 1:
            self.best = self.model.state_dict()

    def _is_patience_spent(self) -> bool:
        if self.patience is None or not self.history:
            return False
        return len(self.history) - 1 - self._best_epoch() >= self.patience

    def save(self) -> None:
        """Write the checkpoint, whole or not at all, and the history as JSON lines."""
        self._write(*self._state())

    def _write(self, arrays: dict[str, np.ndarray], notes: dict[str, Any]) -> None:
        save_arrays(self._folder() / CHECKPOINT, arrays, notes)
        self._write_history()

    def _state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """All that changes while it trains: arrays by name, and notes that JSON can hold."""
        arrays = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        arrays |= {f"optimizer.{k}": v for k, v in self.optimizer.state_dict().items()}
        arrays |= {f"best.{k}": v for k, v in (self.best or {}).items()}
        generators = [rng.bit_generator.state for rng in self.model.generators()]
        return arrays, {
            "epoch": self.epoch,
            "history": self.history,
            "generators": json.loads(json.dumps(generators, default=np.ndarray.tolist)),
            "settings": self._settings(),
        }

    def _go_back(self, arrays: dict[str, np.ndarray], notes: dict[str, Any]) -> None:
        """Set what `_state` gave. Raises ValueError, and changes nothing, if it does not fit."""

        def part(name: str) -> dict[str, np.ndarray]:
            start = f"{name}."
            return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}

        missing = [name for name in ("epoch", "history", "generators") if name not in notes]
        if missing:
            raise ValueError(f"this is no Trainer's checkpoint: it has no {missing[0]}")
        ours = self._settings()
        for name, value in notes.get("settings", ours).items():
            if ours.get(name) != value:
                raise ValueError(f"this run was begun with {name} {value}, not {ours.get(name)}")
        generators = self.model.generators()
        if len(generators) != len(notes["generators"]):
            raise ValueError(
                f"it keeps {len(notes['generators'])} random generators, and the model has "
                f"{len(generators)}: is a Dropout missing, or one too many?"
            )
        model = self.model.state_dict()
        self.model.load_state_dict(part("model"))
        try:
            self.optimizer.load_state_dict(part("optimizer"))
        except ValueError:
            self.model.load_state_dict(model)
            raise
        self.best = part("best") or None
        self.epoch, self.history = notes["epoch"], notes["history"]
        for rng, state in zip(generators, notes["generators"], strict=True):
            rng.bit_generator.state = state

    def _settings(self) -> dict[str, Any]:
        """What must stay the same for a run to go on as if it had not been cut."""
        return {
            "examples": len(self.loader.dataset),
            "batch_size": self.loader.batch_size,
            "seed": int(self.loader.seed),
            "optimizer": type(self.optimizer).__name__,
            "lr": self.optimizer.lr,
            "clip": self.clip,
            "patience": self.patience,
        }

    def _claim_folder(self) -> None:
        """Make the folder this run's; raises FileError if another's checkpoint is there."""
        path = self._folder() / CHECKPOINT
        if path.exists():
            raise FileError(
                f"{path} is another run's: call resume() to go on with it, or name another folder"
            )
        self.save()
        self.owns_folder = True

    def _folder(self) -> Path:
        if self.folder is None:
            raise ValueError("this Trainer has no folder to write to: give it one, folder=")
        return self.folder

    def _write_history(self) -> None:
        finite = [  # JSON knows no NaN
            {k: v if math.isfinite(v) else None for k, v in row.items()} for row in self.history
        ]
        lines = "".join(json.dumps(row) + "\n" for row in finite)
        write_atomic(self._folder() / "history.jsonl", lines.encode())

    def resume(self) -> bool:
        """Go back to the checkpoint in the folder; False if there is none.

        Raises
        ------
        FileError
            If the checkpoint is damaged, or belongs to another model, optimiser or run: one of
            another batch size, seed, rate. Nothing is changed then.
        """
        path = self.folder / CHECKPOINT if self.folder else None
        if path is None or not path.exists():
            return False
        arrays, notes = load_arrays(path)
        try:
            self._go_back(arrays, notes)
        except ValueError as error:
            raise FileError(f"{path}: {error}") from error
        self.owns_folder = True
        self._write_history()  # a kill may have come between the two files
        return True
