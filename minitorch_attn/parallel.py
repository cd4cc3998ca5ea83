"""One training step, shared among processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .arrays import namespace, to_numpy
from .tensor import Tensor
from .threads import shares


def own_part(count: int, comm: Any) -> slice:
    """Which of `count` examples this process has: each has its share, to within one."""
    return shares(count, comm.size)[comm.rank]


def share_gradients(named_parameters: Iterable[tuple[str, Tensor]], count: int, comm: Any) -> None:
    """Make each gradient that of the mean over the examples of all processes.

    Every process has called `compute_gradients` on its own examples; then all call this, and all
    have the same gradients: those that one process would have found alone, but for rounding. One
    `Allreduce` carries them all. Models and optimisers that began alike stay alike.

    Parameters
    ----------
    named_parameters : pairs of a name and a parameter, as of `Module.named_parameters`
    count : int
        Of how many examples this process's gradients are the mean: its weight in the mean of all.
        With 0 they may be missing.
    comm : communicator of mpi4py, as `MPI.COMM_WORLD`
        Anything with `allgather` and `Allreduce`.

    Raises
    ------
    ValueError
        In every process, if they differ in the names, order, shapes or dtypes of their parameters,
        a gradient is missing, or there is no example at all.
    """
    pairs = list(named_parameters)
    layout = [(name, p.shape, str(p.dtype), count == 0 or p.grad is not None) for name, p in pairs]
    everyone = comm.allgather((count, layout))
    for rank, (_, other) in enumerate(everyone):
        for here, there in zip(layout, other, strict=False):
            if here != there or not here[-1]:
                raise ValueError(_difference(comm.rank, here, rank, there))
        if len(other) != len(layout):
            raise ValueError(f"process {rank} has {len(other)} parameters, not {len(layout)}")
    total = sum(count for count, _ in everyone)
    if not total:
        raise ValueError("no process has an example")
    share = count / total  # a mean over all: each process's mean weighs as its examples do
    own = [share * to_numpy(p.grad if count else p.data * 0).ravel() for _, p in pairs]
    flat = np.concatenate(own)
    summed = np.empty_like(flat)
    comm.Allreduce(flat, summed)
    ends = np.cumsum([p.size for _, p in pairs])
    for (_, p), piece in zip(pairs, np.split(summed, ends[:-1]), strict=True):
        p.grad = namespace(p.data).asarray(piece.reshape(p.shape).astype(p.dtype))


def _difference(rank: int, here: tuple, other: int, there: tuple) -> str:
    def words(name: str, shape: tuple, dtype: str, has_gradient: bool) -> str:
        return f"{name} {shape} {dtype}{'' if has_gradient else ' without a gradient'}"

    return (
        f"processes cannot share a step: process {rank} has {words(*here)}, where process {other} "
        f"has {words(*there)}"
    )
