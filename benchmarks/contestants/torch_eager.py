"""PyTorch, eager; with `plain`, attention from its own products and softmax.

With device="cuda" the same on a GPU, and with `compiled` through torch.compile; `reads_loss` reads
the loss at each step, as a training loop that shows it does, and as this library's does. Adam is
the fused one, PyTorch's fastest, which one must ask for; with `default_adam` the one that comes
unasked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .. import workloads
from ..job import Job, leaf_job, training_results
from ..workloads import Workload
from .torch_networks import TorchClassifier, TorchDense, as_numpy, gradients_of, load


class DeviceMissingError(RuntimeError):
    """A GPU that was asked for and is not there."""


def start(
    threads: int,
    plain: bool = False,
    device: str = "cpu",
    compiled: bool = False,
    default_adam: bool = False,
    reads_loss: bool = False,
) -> dict[str, str]:
    """Set the threads; returns the versions."""
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceMissingError("this PyTorch sees no GPU")
    torch.set_num_threads(threads)
    versions = {"torch": torch.__version__}
    if device == "cuda":
        torch.set_float32_matmul_precision("highest")  # as CuPy: not TF32, which has 10 bits
        versions["GPU"] = torch.cuda.get_device_name()
        versions["torch TF32"] = str(torch.backends.cuda.matmul.allow_tf32)
    return versions


def prepare(
    workload: Workload,
    plain: bool = False,
    device: str = "cpu",
    compiled: bool = False,
    default_adam: bool = False,
    reads_loss: bool = False,
) -> Job:
    """The workload as a job."""
    wait = torch.cuda.synchronize if device == "cuda" else None
    if workload.family == "main":
        from . import torch_main

        return torch_main.in_torch()
    given = {n: torch.from_numpy(a).to(device) for n, a in workloads.inputs(workload).items()}
    if workload.family == "ops":
        return _ops(given)
    if workload.family in ("attention", "length"):
        return _attention(given, workload.causal, plain, compiled, wait)
    return _training(workload, given, device, compiled, default_adam, reads_loss, wait)


def _ops(given: dict[str, Any]) -> Job:
    leaves = {name: t.requires_grad_() for name, t in given.items()}
    return leaf_job(lambda: workloads.chain(*leaves.values()), leaves, "loss", as_numpy)


def composition(query: Any, key: Any, value: Any, is_causal: bool = False) -> Any:
    """Attention as a user writes it: scores, mask, softmax, weighted sum."""
    scores = query @ key.transpose(-1, -2) * (1 / math.sqrt(query.shape[-1]))
    if is_causal:
        n = query.shape[-2]
        later = torch.ones(n, n, dtype=torch.bool, device=query.device).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    return torch.softmax(scores, dim=-1) @ value


def _attention(given: dict[str, Any], causal: bool, plain: bool, compiled: bool, wait: Any) -> Job:
    leaves = {name: given[name].requires_grad_() for name in ("query", "key", "value")}
    attend: Callable = composition if plain else F.scaled_dot_product_attention
    if compiled:
        attend = torch.compile(attend)

    def compute() -> Any:
        y = attend(*leaves.values(), is_causal=causal)
        y.backward(given["gradient"])
        return y

    return leaf_job(compute, leaves, "output", as_numpy, wait)


def _training(
    workload: Workload,
    given: dict[str, Any],
    device: str,
    compiled: bool,
    default_adam: bool,
    reads_loss: bool,
    wait: Any,
) -> Job:
    if workload.family == "dense":
        model: nn.Module = TorchDense(*workload.size[:3])
    else:
        tokens, width, heads, blocks, _ = workload.size
        dim = workloads.token_dim(workload)
        model = TorchClassifier(tokens, dim, width, heads, blocks)
    model = model.to(device)
    first = workloads.parameters(workload)
    fused = None if default_adam else True
    optimizer = torch.optim.Adam(model.parameters(), workloads.LEARNING_RATE, fused=fused)
    network = torch.compile(model) if compiled else model

    def reset() -> None:
        load(model, first)
        with torch.no_grad():
            for state in optimizer.state.values():
                for kept in state.values():
                    kept.zero_()

    def step() -> Any:
        loss = F.cross_entropy(network(given["x"]), given["targets"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item() if reads_loss else loss.detach()

    return Job(
        step, lambda: training_results(reset, step, lambda: gradients_of(model)), reset, wait
    )
