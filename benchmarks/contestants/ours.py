"""This library, used as a reader would; with device="cuda" the same on CuPy."""

from __future__ import annotations

from typing import Any

import numpy as np

import minitorch_attn
from minitorch_attn import Tensor, attention
from minitorch_attn.arrays import to_numpy
from minitorch_attn.models import Classifier, DenseNet
from minitorch_attn.nn import Module
from minitorch_attn.optim import Adam
from minitorch_attn.processes import keep_freed_memory
from minitorch_attn.tensor import raw
from minitorch_attn.threads import set_threads
from minitorch_attn.training import compute_gradients

from .. import workloads
from ..job import Job, leaf_job, training_results
from ..workloads import Workload


def start(threads: int, device: str = "cpu") -> dict[str, str]:
    """Set what a user would set; returns the versions."""
    versions = {"minitorch_attn": minitorch_attn.__version__, "numpy": np.__version__}
    keep_freed_memory()  # as from the first optimiser on
    set_threads(threads)
    if device == "cuda":
        from minitorch_attn.devices import cupy

        versions["cupy"] = cupy().__version__
    return versions


def prepare(workload: Workload, device: str = "cpu") -> Job:
    """The workload as a job."""
    wait = None
    if device == "cuda":
        from minitorch_attn.devices import cupy

        wait = cupy().cuda.get_current_stream().synchronize
    if workload.family == "main":
        from . import main_job

        return main_job.ours()
    given = {name: Tensor(a).to(device) for name, a in workloads.inputs(workload).items()}
    if workload.family == "ops":
        return _ops(given)
    if workload.family in ("attention", "length"):
        return _attention(given, workload.causal, wait)
    return _training(workload, given, device, wait)


def _array(x: Any) -> np.ndarray:
    return to_numpy(raw(x))


def _ops(given: dict[str, Tensor]) -> Job:
    leaves = {name: Tensor(t.data, requires_grad=True) for name, t in given.items()}
    return leaf_job(lambda: workloads.chain(*leaves.values()), leaves, "loss", _array)


def _attention(given: dict[str, Tensor], causal: bool, wait: Any) -> Job:
    names = ("query", "key", "value")
    leaves = {name: Tensor(given[name].data, requires_grad=True) for name in names}
    query, key, value = leaves.values()
    gradient = given["gradient"].data

    def compute() -> Tensor:
        y = attention(query, key, value, causal=causal)
        y.backward(gradient)
        return y

    return leaf_job(compute, leaves, "output", _array, wait)


def model_of(workload: Workload) -> Module:
    """The network, as the library builds it."""
    if workload.family == "dense":
        before, hidden, classes, _ = workload.size
        return DenseNet(before, classes, hidden)
    tokens, width, heads, blocks, _ = workload.size
    return Classifier(
        workloads.token_dim(workload),
        workloads.CLASSES,
        model_dim=width,
        num_heads=heads,
        num_blocks=blocks,
        num_positions=tokens,
    )


def _training(workload: Workload, given: dict[str, Tensor], device: str, wait: Any) -> Job:
    model = model_of(workload).to(device)
    first = workloads.parameters(workload)
    x, targets = given["x"].data, given["targets"].data
    optimizer = Adam(model.named_parameters(), workloads.LEARNING_RATE)
    fresh = {name: np.zeros_like(a) for name, a in optimizer.state_dict().items()}

    def reset() -> None:
        model.load_state_dict(first)
        optimizer.load_state_dict(fresh)

    def step() -> float:
        optimizer.zero_grad()  # as the trainer does
        loss, _ = compute_gradients(model, x, targets)
        optimizer.step()
        return loss

    def gradients() -> dict[str, np.ndarray]:
        return {name: to_numpy(p.grad) for name, p in model.named_parameters()}

    return Job(step, lambda: training_results(reset, step, gradients), reset, wait)
