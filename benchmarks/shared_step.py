"""A training step shared by processes, against the step of one: how equal, how many bytes.

Run: mpiexec -n 2 python -m mpi4py -m benchmarks.shared_step

It needs mpi4py (`pip install "minitorch_attn[mpi]"`) and an MPI; where there is none,
`pip install mpich`. `-m mpi4py` ends all processes when one raises; without it the others wait.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from minitorch_attn.models import Classifier
from minitorch_attn.optim import SGD, Adam
from minitorch_attn.parallel import own_part, share_gradients
from minitorch_attn.training import compute_gradients

WAYS = ("weighed by share", "divided by p", "sum of the means", "all do all", "not shared")


def make() -> Classifier:
    return Classifier(8, 10, model_dim=64, num_heads=4, num_blocks=2, num_positions=49, seed=0)


def draw(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(count, 49, 8)).astype(np.float32), rng.integers(0, 10, count)


def gradients(model: Classifier, x: Any, t: Any, comm: Any, way: str) -> None:
    """The gradients of a step, in one of several ways, only the first of which is right."""
    part = slice(0, len(t)) if way == "all do all" else own_part(len(t), comm)
    model.zero_grad()
    compute_gradients(model, x[part], t[part])
    if way == "not shared":
        return
    pairs = list(model.named_parameters())
    if way == "weighed by share":
        share_gradients(pairs, part.stop - part.start, comm)
        return
    share_gradients(pairs, 1, comm)  # each process weighs the same
    if way in ("sum of the means", "all do all"):
        for _, p in pairs:
            p.grad = p.grad * comm.size


def flat(arrays: Any) -> np.ndarray:
    return np.concatenate([a.ravel() for a in arrays])


def after_steps(kind: Any, comm: Any, way: str | None) -> np.ndarray:
    """The parameters after three steps; `way` None: of one process alone."""
    model, rng = make(), np.random.default_rng(5)
    optimizer = kind(model.parameters(), 1e-3 if kind is Adam else 0.1)
    for _ in range(3):
        x, t = draw(rng, 64)
        if way is None:
            model.zero_grad()
            compute_gradients(model, x, t)
        else:
            gradients(model, x, t, comm, way)
        optimizer.step()
    return flat(p.data for p in model.parameters())


def table(comm: Any) -> None:
    rng = np.random.default_rng(0)
    batches = {count: draw(rng, count) for count in (64, 63)}
    if comm.rank == 0:
        print(f"{comm.size} processes. Difference from one process, of the largest:")
        print(f"{'':18}gradient, 64  gradient, 63  | 3 steps: SGD     Adam  | processes differ")
    for way in WAYS:
        cells = []
        for x, t in batches.values():
            alone, model = make(), make()
            compute_gradients(alone, x, t)
            gradients(model, x, t, comm, way)
            found, want = (flat(p.grad for p in m.parameters()) for m in (model, alone))
            cells.append(np.abs(found - want).max() / np.abs(want).max())
        moved = [after_steps(kind, comm, way) for kind in (SGD, Adam)]
        cells += [
            np.abs(f - after_steps(kind, comm, None)).max()
            for f, kind in zip(moved, (SGD, Adam), strict=True)
        ]
        everyone = comm.allgather(moved[0])
        apart = max(np.abs(other - moved[0]).max() for other in everyone)
        if comm.rank == 0:
            a, b, c, d = (f"{x:.0e}" for x in cells)
            print(f"{way:18}{a:>12}{b:>14}  | {c:>12}{d:>9}  | {apart:.0e}", flush=True)


def clock(comm: Any, steps: int) -> None:
    model, (x, t) = make(), draw(np.random.default_rng(1), 64)
    size = sum(p.data.nbytes for p in model.parameters())
    numbers = np.ones(size // 4, np.float32)
    spent: dict[str, list[float]] = {"shared": [], "alone": [], "Allreduce": []}
    work = {
        "shared": lambda: gradients(model, x, t, comm, WAYS[0]),
        "alone": lambda: compute_gradients(model, x, t) if comm.rank == 0 else None,
        "Allreduce": lambda: comm.Allreduce(numbers, np.empty_like(numbers)),
    }
    for _ in range(steps):
        for name, call in work.items():
            comm.Barrier()
            start = time.perf_counter()
            call()
            spent[name].append(time.perf_counter() - start)
    if comm.rank == 0:
        best = {name: min(seconds) for name, seconds in spent.items()}
        print(f"bytes a step and process: {size:,} = 4 x {size // 4:,} numbers")
        print(f"time of a shared step / of one process's: {best['shared'] / best['alone']:.2f}")
        print(f"Allreduce, of the shared step: {100 * best['Allreduce'] / best['shared']:.1f} %")


if __name__ == "__main__":
    from mpi4py import MPI

    threadpool_limits(1)
    table(MPI.COMM_WORLD)
    clock(MPI.COMM_WORLD, int(sys.argv[1]) if len(sys.argv) > 1 else 15)
