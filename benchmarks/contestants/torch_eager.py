"""PyTorch, eager; with `plain`, attention from its own products and softmax.

With device="cuda" the same on a GPU, and with `compiled` through torch.compile. Adam is the fused
one, PyTorch's fastest, which one must ask for; with `default_adam` the one that comes unasked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .. import workloads
from ..job import Job, leaf_job, training_results
from ..workloads import Workload


class DeviceMissingError(RuntimeError):
    """A GPU that was asked for and is not there."""


def start(
    threads: int,
    plain: bool = False,
    device: str = "cpu",
    compiled: bool = False,
    default_adam: bool = False,
) -> dict[str, str]:
    """Set the threads; returns the versions."""
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceMissingError("this PyTorch sees no GPU")
    torch.set_num_threads(threads)
    versions = {"torch": torch.__version__}
    if device == "cuda":
        versions["GPU"] = torch.cuda.get_device_name()
    return versions


def prepare(
    workload: Workload,
    plain: bool = False,
    device: str = "cpu",
    compiled: bool = False,
    default_adam: bool = False,
) -> Job:
    """The workload as a job."""
    wait = torch.cuda.synchronize if device == "cuda" else None
    if workload.family == "main":
        from . import main_job

        return main_job.in_torch()
    given = {n: torch.from_numpy(a).to(device) for n, a in workloads.inputs(workload).items()}
    if workload.family == "ops":
        return _ops(given)
    if workload.family in ("attention", "length"):
        return _attention(given, workload.causal, plain, compiled, wait)
    return _training(workload, given, device, compiled, default_adam, wait)


def _array(x: Any) -> np.ndarray:
    return x.detach().cpu().numpy()


def _ops(given: dict[str, Any]) -> Job:
    leaves = {name: t.requires_grad_() for name, t in given.items()}
    return leaf_job(lambda: workloads.chain(*leaves.values()), leaves, "loss", _array)


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

    return leaf_job(compute, leaves, "output", _array, wait)


class Block(nn.Module):
    """A pre-norm transformer block; query, key and value in one product, as is usual."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.hidden, self.output = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Any) -> Any:
        batch, tokens, width = x.shape
        parts = self.project(self.norm1(x)).view(batch, tokens, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        x = x + self.merge(mixed.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.output(F.gelu(self.hidden(self.norm2(x)), approximate="tanh"))


class TorchClassifier(nn.Module):
    """The classifier of the workload."""

    def __init__(self, tokens: int, token_dim: int, width: int, heads: int, blocks: int) -> None:
        super().__init__()
        self.embed = nn.Linear(token_dim, width)
        self.positions = nn.Parameter(torch.zeros(tokens, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, workloads.CLASSES)

    def forward(self, x: Any) -> Any:
        x = self.embed(x) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(dim=1))


class TorchDense(nn.Module):
    """Two dense layers."""

    def __init__(self, before: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.hidden, self.output = nn.Linear(before, hidden), nn.Linear(hidden, classes)

    def forward(self, x: Any) -> Any:
        return self.output(torch.relu(self.hidden(x)))


def named(model: nn.Module) -> dict[str, tuple[Any, slice, bool]]:
    """For each of our parameter names: PyTorch's parameter, its rows, and whether it lies turned.

    nn.Linear keeps its weight as (out, in).
    """
    found: dict[str, Any] = {}
    everything = slice(None)
    for name, p in model.named_parameters():
        path, _, kind = name.rpartition(".")
        linear = path and isinstance(model.get_submodule(path), nn.Linear)
        turned = bool(linear) and kind == "weight"
        if path.endswith("project"):
            width = p.shape[0] // 3
            for i, part in enumerate(("query", "key", "value")):
                ours = f"{path.removesuffix('project')}attention.{part}.{kind}"
                found[ours] = (p, slice(i * width, (i + 1) * width), turned)
        elif path.endswith("merge"):
            found[f"{path.removesuffix('merge')}attention.output.{kind}"] = p, everything, turned
        elif name == "positions":
            found["positions.weight"] = p, everything, False
        else:
            found[name] = p, everything, turned
    return found


def load(model: nn.Module, arrays: dict[str, np.ndarray]) -> None:
    """Give the model our parameters."""
    places = named(model)
    if places.keys() != arrays.keys():
        raise ValueError(f"parameters differ: {sorted(places.keys() ^ arrays.keys())}")
    with torch.no_grad():
        for name, (p, rows, turned) in places.items():
            p[rows] = torch.from_numpy(arrays[name].T if turned else arrays[name]).to(p.device)


def gradients_of(model: nn.Module) -> dict[str, np.ndarray]:
    """The gradients by our names, laid out as ours."""
    found = {}
    for name, (p, rows, turned) in named(model).items():
        g = _array(p.grad[rows])
        found[name] = g.T if turned else g
    return found


def _training(
    workload: Workload,
    given: dict[str, Any],
    device: str,
    compiled: bool,
    default_adam: bool,
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
        return loss.detach()

    return Job(
        step, lambda: training_results(reset, step, lambda: gradients_of(model)), reset, wait
    )
