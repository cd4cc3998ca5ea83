"""Who else was started by mpiexec, and how all processes end where one cannot go on."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from .errors import MinitorchError

T = TypeVar("T")

# What MPICH's, Open MPI's and a cluster's starters tell each process: its number, and how many.
RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK")
SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")
# Seconds in which mpiexec passes on what a process said: what it still holds at an abort is lost.
PASSING_ON = 1.0


class MPIError(MinitorchError, RuntimeError):
    """Processes that were started together and cannot find each other."""


def world() -> Any:
    """The communicator of all that mpiexec started; None where this process is alone.

    Raises
    ------
    MPIError
        In the first process, if mpi4py or an MPI is missing, or mpiexec is another MPI's. The
        others leave by SystemExit: it is said once.
    """
    told = _said(SIZES, 0)  # 0: a starter that does not say how many
    if not any(name in os.environ for name in RANKS) or told == 1:
        return None
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        if not told:
            return None
        return _refuse(
            f"mpiexec started several processes, and mpi4py, by which they talk, is not there "
            f'({error}): pip install "minitorch_attn[mpi]" mpich'
        )
    comm = MPI.COMM_WORLD
    if comm.size == 1 < told:
        return _refuse(
            "mpiexec and mpi4py belong to two MPIs, so each process believes that it is alone: "
            "call the mpiexec of the MPI that `python -m mpi4py --mpi-library` names"
        )
    return comm if comm.size > 1 else None


def _said(names: tuple[str, ...], otherwise: int) -> int:
    """The first of these variables that is set, a number."""
    return next((int(os.environ[name]) for name in names if name in os.environ), otherwise)


def _refuse(why: str) -> None:
    if _said(RANKS, 0):
        raise SystemExit(MPIError.status)
    raise MPIError(why)


def neighbours(comm: Any) -> int:
    """How many of the processes run on this machine."""
    from mpi4py import MPI

    return comm.Split_type(MPI.COMM_TYPE_SHARED).size


@contextlib.contextmanager
def only_first_prints(comm: Any) -> Iterator[None]:
    """Inside the block what all print is printed once."""
    if comm is None or comm.rank == 0:
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def from_first(comm: Any, work: Callable[[], T]) -> T:
    """What `work` returns, done by the first process alone. Its error is raised there, and ends the
    others without a word."""
    if comm is None:
        return work()
    result: Any = None
    error: Exception | None = None
    if comm.rank == 0:
        try:
            result = work()
        except Exception as raised:
            error = raised
    status = None if error is None else getattr(error, "status", 1)
    result, status = comm.bcast((result, status))
    if error is not None:
        raise error
    if status is not None:
        raise SystemExit(status)
    return result


def end_all(comm: Any, why: str, status: int) -> int:
    """Say why on stderr, once, and end all processes; alone, return the status.

    The others wait for what this one will not send: Python's own end would leave them waiting.
    """
    if comm is not None and comm.rank:
        time.sleep(
            3 * PASSING_ON
        )  # where all fail alike, the first says it, and this one ends here
    print(why, file=sys.stderr, flush=True)
    if comm is not None:
        sys.stdout.flush()
        time.sleep(PASSING_ON)
        comm.Abort(status)
    return status
