"""Threads that talk as processes of MPI do, for tests on machines without one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

PATIENCE = 6  # seconds until one who waits for another gives up


class Thread:
    """What the library uses of a communicator of mpi4py, among threads."""

    def __init__(self, rank: int, size: int, table: list, barrier: threading.Barrier) -> None:
        self.rank, self.size, self.table, self.barrier = rank, size, table, barrier

    def allgather(self, mine: Any) -> list:
        self.table[self.rank] = mine
        self.barrier.wait(PATIENCE)
        found = list(self.table)
        self.barrier.wait(PATIENCE)
        return found

    def bcast(self, mine: Any = None) -> Any:
        return self.allgather(mine)[0]

    def Allreduce(self, own: np.ndarray, out: np.ndarray) -> None:
        out[...] = sum(self.allgather(own))


def among(size: int, work: Callable[[Thread], Any]) -> list:
    """What each of so many threads returned, or raised."""
    table, barrier, found = [None] * size, threading.Barrier(size), [None] * size

    def run(rank: int) -> None:
        try:
            found[rank] = work(Thread(rank, size, table, barrier))
        except Exception as error:
            found[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
