"""Training in several processes, on one machine or many: each has a part of each batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .errors import MinitorchError
from .ops import cross_entropy
from .parallel import own_part, share_gradients
from .training import Trainer, examples


class SharingError(MinitorchError, ValueError):
    """Processes that cannot train together; the message says what stands between them."""


def check_loss(loss: Any) -> None:
    """Raise SharingError, unless the mean of a batch is that of its parts, weighed by examples.

    Of `cross_entropy` that is known; not of a mean over words, of which texts have more or fewer.
    """
    if loss is not cross_entropy:
        raise SharingError(
            "processes share a batch only where the loss is cross_entropy, which counts each "
            "example alike: train in one process"
        )


class SharedTrainer(Trainer):
    """A `Trainer` that is one of several, each in its own process; all make the same calls.

    Together they take the steps that one would take alone, but for rounding (and for dropout, of
    which each process has numbers of its own). Process 0 decides where they begin, so what it
    resumes all resume; it alone has the folder and the progress bar. A run may go on with another
    number of processes.

    An error in one process leaves the others waiting: start them by `python -m mpi4py`, or let
    `mpi.end_all` end them.

    Parameters
    ----------
    comm : communicator of mpi4py, as `MPI.COMM_WORLD`
        Anything with `rank`, `size`, `allgather`, `bcast` and `Allreduce`.
    model, optimizer, train, test, validation, options :
        The Trainer's, alike in every process.

    Raises
    ------
    SharingError
        If the loss is not `cross_entropy` (`check_loss`).
    """

    def __init__(
        self,
        comm: Any,
        model: Any,
        optimizer: Any,
        train: Any,
        test: Any = None,
        validation: Any = None,
        *,
        folder: str | Path | None = None,
        progress: bool = True,
        **options: Any,
    ) -> None:
        check_loss(options.get("loss", cross_entropy))
        self.comm, is_first = comm, comm.rank == 0
        options |= {"folder": folder if is_first else None, "progress": progress and is_first}
        super().__init__(model, optimizer, train, test, validation, **options)
        self.loader.dataset = _OwnPart(train, comm)

    def fit(self, epochs: int) -> list[dict[str, float]]:
        """`Trainer.fit`, in all processes at once.

        Raises
        ------
        SharingError
            In every process, if they differ in their parameters, data or settings.
        """
        self._check_alike(epochs)
        state = self.comm.bcast(self._state() if self.comm.rank == 0 else None)
        if self.comm.rank:
            self._go_back(*state)
        return super().fit(epochs)

    def evaluate(self, data: Any, batch_size: int = 500) -> dict[str, float]:
        """`Trainer.evaluate`, shared: all processes call it."""
        return super().evaluate(_OwnPart(data, self.comm), batch_size)

    def _check_alike(self, epochs: int) -> None:
        """What would be added up must be of one kind, and in as many steps."""
        pairs = zip(self.optimizer.names, self.optimizer.parameters, strict=True)
        layout = {f"parameter {name}": f"{p.shape} {p.dtype}" for name, p in pairs}
        own = {**self._settings(), "epochs": epochs, **layout, "order": list(layout)}
        for rank, other in enumerate(self.comm.allgather(own)):
            for what in {**own, **other}:
                here, there = own.get(what, "none"), other.get(what, "none")
                if here != there:
                    raise SharingError(
                        f"processes cannot train together: {what} is {here} in process "
                        f"{self.comm.rank}, and {there} in process {rank}"
                    )

    def _train_epoch(self, bar: Any) -> dict[str, float]:
        """An epoch; at its end all have the random numbers of process 0 before them again."""
        generators = [rng.bit_generator for rng in self.model.generators()]
        if self.comm.rank:  # far apart, or all would drop the same of different examples
            for bits in generators:
                bits.state = bits.jumped(self.comm.rank).state  # type: ignore[attr-defined]
        row = super()._train_epoch(bar)
        states = self.comm.bcast([bits.state for bits in generators])
        for bits, state in zip(generators, states, strict=True):
            bits.state = state
        return row

    def _compute_gradients(self, inputs: Any, targets: Any) -> tuple[Any, Any]:
        count = examples(targets)
        found = super()._compute_gradients(inputs, targets) if count else (np.zeros(()), None)
        pairs = zip(self.optimizer.names, self.optimizer.parameters, strict=True)
        share_gradients(pairs, count, self.comm)
        return found

    def _over_all(self, *sums: float) -> tuple[float, ...]:
        return tuple(map(sum, zip(*self.comm.allgather(sums), strict=True)))


class _OwnPart:
    """A data set of which a process gets its own part of each batch, which may be nothing."""

    def __init__(self, dataset: Any, comm: Any) -> None:
        self.dataset, self.comm = dataset, comm

    def __len__(self) -> int:
        return len(self.dataset)

    def batch(self, indices: Any) -> tuple[Any, Any]:
        part = own_part(len(indices), self.comm)
        if part.start < part.stop:
            return self.dataset.batch(indices[part])
        inputs, targets = self.dataset.batch(indices[:1])  # few make a batch of nothing
        return _none_of(inputs), _none_of(targets)


def _none_of(batch: Any) -> Any:
    """No example, of an array or of each of a tuple."""
    return tuple(map(_none_of, batch)) if isinstance(batch, tuple) else batch[:0]
