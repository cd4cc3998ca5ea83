"""A step shared among processes is the step of one; here among threads, with MPI where it is."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from helpers.among_threads import Thread, among
from helpers.mpi import NEEDED, no_mpi, start

from minitorch_attn.models import Classifier
from minitorch_attn.nn import Module
from minitorch_attn.parallel import own_part, share_gradients
from minitorch_attn.training import compute_gradients


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


@pytest.mark.slow
@pytest.mark.skipif(no_mpi(), reason=NEEDED)
def test_two_processes_of_mpi_take_the_same_step() -> None:
    done = start(2, "-m", "mpi4py", "-m", "benchmarks.shared_step", 2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "weighed by share" in done.stdout
