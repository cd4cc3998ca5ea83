"""The book's networks in PyTorch, and their parameters by the names that the book gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .. import workloads


def as_numpy(x: Any) -> np.ndarray:
    return x.detach().cpu().numpy()


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
        g = as_numpy(p.grad[rows])
        found[name] = g.T if turned else g
    return found
