"""A step shared among processes is the step of one; here among threads, with MPI where it is."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minitorch_attn.models import Classifier
from minitorch_attn.nn import Module
from minitorch_attn.parallel import own_part, share_gradients
from minitorch_attn.training import compute_gradients

ROOT = Path(__file__).parents[2]


class Thread:
    """What `share_gradients` uses of a communicator, among threads."""

    def __init__(self, rank: int, size: int, table: list, barrier: threading.Barrier) -> None:
        self.rank, self.size, self.table, self.barrier = rank, size, table, barrier

    def allgather(self, mine: Any) -> list:
        self.table[self.rank] = mine
        self.barrier.wait(20)
        found = list(self.table)
        self.barrier.wait(20)
        return found

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


def make(seed: int = 0, width: int = 8) -> Classifier:
    return Classifier(5, 4, width, 2, num_positions=3, seed=seed, dtype=np.float64)


def batch(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count)
    return rng.normal(size=(count, 3, 5)), rng.integers(0, 4, count)


def flat(model: Module) -> np.ndarray:
    return np.concatenate([p.grad.ravel() for p in model.parameters()])


@pytest.mark.parametrize(("size", "count"), [(2, 8), (2, 7), (3, 7), (3, 2), (1, 3)])
def test_it_is_the_gradient_of_one_process(size: int, count: int) -> None:
    x, y = batch(count)
    alone = make()
    compute_gradients(alone, x, y)

    def work(comm: Thread) -> np.ndarray:
        model, part = make(), own_part(count, comm)
        if part.start < part.stop:
            compute_gradients(model, x[part], y[part])
        share_gradients(model.named_parameters(), part.stop - part.start, comm)
        assert all(p.grad.dtype == p.dtype for p in model.parameters())
        return flat(model)

    found = among(size, work)
    for gradients in found:
        np.testing.assert_allclose(gradients, flat(alone), atol=1e-14)
        np.testing.assert_array_equal(gradients, found[0])


def test_parts_are_all_examples_once() -> None:
    for count in (0, 1, 7, 64):
        for size in (1, 2, 3, 8):
            comms = [Thread(rank, size, [], threading.Barrier(1)) for rank in range(size)]
            parts = [list(range(count))[own_part(count, comm)] for comm in comms]
            assert [i for part in parts for i in part] == list(range(count))
            assert max(map(len, parts)) - min(map(len, parts)) <= 1


def refused(change: Callable[[int], list], counts: tuple[int, int] = (2, 2)) -> list[str]:
    def work(comm: Thread) -> None:
        share_gradients(change(comm.rank), counts[comm.rank], comm)

    found = among(2, work)
    assert all(isinstance(error, ValueError) for error in found), found
    return list(map(str, found))


def with_gradients(width: int = 8) -> list:
    model = make(width=width)
    compute_gradients(model, *batch(2))
    return list(model.named_parameters())


def test_every_process_refuses_what_does_not_fit_together() -> None:
    assert "head.bias" in refused(lambda rank: with_gradients()[:: -1 if rank else 1])[0]
    assert "(5, 4)" in refused(lambda rank: with_gradients(4 if rank else 8))[0]
    assert "parameters" in refused(lambda rank: with_gradients()[: -1 if rank else None])[0]

    def half(rank: int) -> list:
        pairs = with_gradients()
        if rank:
            pairs[3][1].data = pairs[3][1].data.astype(np.float32)
        return pairs

    assert "float32" in refused(half)[0]

    def forgotten(rank: int) -> list:
        pairs = with_gradients()
        if rank:
            pairs[3][1].grad = None
        return pairs

    assert all("without a gradient" in words for words in refused(forgotten))
    assert "no process has an example" in refused(lambda rank: with_gradients(), (0, 0))[0]


def no_mpi() -> bool:
    """Whether mpi4py, an MPI that it can load, or the command that starts processes is missing."""
    if importlib.util.find_spec("mpi4py") is None or shutil.which("mpiexec") is None:
        return True
    return bool(subprocess.run([sys.executable, "-c", "import mpi4py.MPI"], check=False).returncode)


@pytest.mark.skipif(no_mpi(), reason="needs mpi4py and an MPI: pip install minitorch_attn[mpi]")
def test_two_processes_of_mpi_take_the_same_step() -> None:
    command = ["mpiexec", "-n", "2", sys.executable, "-m", "mpi4py", "-m", "benchmarks.shared_step"]
    done = subprocess.run(
        [*command, "2"], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "weighed by share" in done.stdout
