"""The transformer classifier by hand: forward, then backward, line for line.

All arrays are made once. Elementwise work goes by rows that fit a cache. Query, key and value are
one product, and heads are looked at in place: matrix products take strided arrays as they are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..workloads import Workload
from .by_hand_parts import Arrays, cross_entropy

EPS = 1e-5
SCALE, CUBIC = math.sqrt(2 / math.pi), 0.044715
CACHED = 1 << 15  # numbers of a row block: 128 KiB


class Norm:
    """Layer norm over rows; keeps the normal rows and one over their deviation."""

    def __init__(self, p: Arrays, g: Arrays, name: str, rows: int, width: int) -> None:
        self.weight, self.bias = p[f"{name}.weight"], p[f"{name}.bias"]
        self.g_weight, self.g_bias = g[f"{name}.weight"], g[f"{name}.bias"]
        self.normal, self.y = np.empty((2, rows, width), np.float32)
        self.inverse = np.empty((rows, 1), np.float32)
        self.average = np.full((width, 1), 1 / width, np.float32)
        self.free, self.row = np.empty((rows, width), np.float32), np.empty((rows, 1), np.float32)
        self.ones = np.ones(rows, np.float32)

    def forward(self, x: np.ndarray) -> np.ndarray:
        normal, inverse = self.normal, self.inverse
        np.subtract(x, np.matmul(x, self.average, out=self.row), out=normal)
        np.einsum("ij,ij->i", normal, normal, out=inverse[:, 0])
        inverse /= x.shape[1]
        inverse += EPS
        np.sqrt(inverse, out=inverse)
        np.reciprocal(inverse, out=inverse)
        normal *= inverse
        np.multiply(normal, self.weight, out=self.y)
        self.y += self.bias
        return self.y

    def backward(self, g: np.ndarray, add_to: np.ndarray) -> None:
        """Add to `add_to` the gradient for x, given that for y; g is overwritten."""
        free, row = self.free, self.row
        np.matmul(self.ones, np.multiply(g, self.normal, out=free), out=self.g_weight)
        np.matmul(self.ones, g, out=self.g_bias)
        g *= self.weight
        np.einsum("ij,ij->i", g, self.normal, out=row[:, 0])
        row /= -g.shape[1]
        np.multiply(self.normal, row, out=free)
        g -= np.matmul(g, self.average, out=row)
        g += free
        g *= self.inverse
        add_to += g


class Linear:
    """x weight + bias over rows."""

    def __init__(self, p: Arrays, g: Arrays, name: str, rows: int, inputs: bool = True) -> None:
        self.weight, self.bias = p[f"{name}.weight"], p[f"{name}.bias"]
        self.g_weight, self.g_bias = g[f"{name}.weight"], g[f"{name}.bias"]
        before, after = self.weight.shape
        self.y = np.empty((rows, after), np.float32)
        self.g_x = np.empty((rows, before), np.float32) if inputs else None
        self.ones = np.ones(rows, np.float32)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        np.matmul(x, self.weight, out=self.y)
        self.y += self.bias
        return self.y

    def backward(self, g: np.ndarray) -> Any:
        np.matmul(self.x.T, g, out=self.g_weight)
        np.matmul(self.ones, g, out=self.g_bias)
        return None if self.g_x is None else np.matmul(g, self.weight.T, out=self.g_x)


class Gelu:
    """GELU in its tanh form; keeps the tanh."""

    def __init__(self, rows: int, width: int) -> None:
        self.t, self.y = np.empty((2, rows, width), np.float32)
        self.block = max(1, CACHED // width)
        self.free = np.empty((2, min(rows, self.block), width), np.float32)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        for start in range(0, len(x), self.block):
            a, t = x[start : start + self.block], self.t[start : start + self.block]
            y = self.y[start : start + self.block]
            np.multiply(a, a, out=t)
            t *= CUBIC * SCALE
            t += SCALE
            t *= a
            np.tanh(t, out=t)
            np.add(t, 1, out=y)
            y *= a
            y *= 0.5
        return self.y

    def backward(self, g: np.ndarray) -> np.ndarray:
        """Turn g, in place, into the gradient for x."""
        for start in range(0, len(g), self.block):
            a, t = self.x[start : start + self.block], self.t[start : start + self.block]
            inside, slope = self.free[:, : len(a)]
            np.multiply(a, a, out=inside)
            inside *= 1.5 * CUBIC * SCALE
            inside += 0.5 * SCALE
            inside *= a
            np.multiply(t, t, out=slope)
            np.subtract(1, slope, out=slope)
            slope *= inside
            t += 1  # no longer needed after this
            t *= 0.5
            slope += t
            g[start : start + self.block] *= slope
        return g


class Attention:
    """Attention of all heads at once, on views of the packed projections."""

    def __init__(self, batch: int, tokens: int, width: int, heads: int) -> None:
        self.shape = (batch, tokens, 3, heads, width // heads)
        self.scale = 1 / math.sqrt(width // heads)
        self.weights, self.g_scores = np.empty((2, batch, heads, tokens, tokens), np.float32)
        self.y = np.empty((batch * tokens, width), np.float32)
        self.g_packed = np.empty((batch * tokens, 3 * width), np.float32)
        self.row = np.empty((batch, heads, tokens, 1), np.float32)

    def _parts(self, packed: np.ndarray) -> Any:
        return packed.reshape(self.shape).transpose(2, 0, 3, 1, 4)  # each (B, H, N, d), a view

    def _heads(self, merged: np.ndarray) -> np.ndarray:
        batch, tokens, _, heads, d = self.shape
        return merged.reshape(batch, tokens, heads, d).transpose(0, 2, 1, 3)

    def forward(self, packed: np.ndarray) -> np.ndarray:
        query, key, value = self.parts = self._parts(packed)
        weights = np.matmul(query, key.swapaxes(-1, -2), out=self.weights)
        weights -= weights.max(axis=-1, keepdims=True, out=self.row)
        weights *= self.scale
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=-1, keepdims=True, out=self.row)
        np.matmul(weights, value, out=self._heads(self.y))
        return self.y

    def backward(self, g: np.ndarray) -> np.ndarray:
        query, key, value = self.parts
        g_query, g_key, g_value = self._parts(self.g_packed)
        weights, g_scores, g = self.weights, self.g_scores, self._heads(g)
        np.matmul(weights.swapaxes(-1, -2), g, out=g_value)
        np.matmul(g, value.swapaxes(-1, -2), out=g_scores)
        np.einsum("bhnd,bhnd->bhn", g, self._heads(self.y), out=self.row[..., 0])
        g_scores -= self.row
        g_scores *= weights
        g_scores *= self.scale
        np.matmul(g_scores, key, out=g_query)
        np.matmul(g_scores.swapaxes(-1, -2), query, out=g_key)
        return self.g_packed


class Block:
    """A pre-norm block. The residual stream x is changed in place, forward and backward."""

    def __init__(
        self, p: Arrays, g: Arrays, name: str, batch: int, tokens: int, width: int, heads: int
    ) -> None:
        rows = batch * tokens
        self.norm1 = Norm(p, g, f"{name}.norm1", rows, width)
        self.packed = Linear(p, g, f"{name}.attention.packed", rows)
        self.attention = Attention(batch, tokens, width, heads)
        self.merge = Linear(p, g, f"{name}.attention.output", rows)
        self.norm2 = Norm(p, g, f"{name}.norm2", rows, width)
        self.hidden = Linear(p, g, f"{name}.hidden", rows)
        self.gelu = Gelu(rows, 4 * width)
        self.output = Linear(p, g, f"{name}.output", rows)

    def forward(self, x: np.ndarray) -> None:
        x += self.merge.forward(self.attention.forward(self.packed.forward(self.norm1.forward(x))))
        x += self.output.forward(self.gelu.forward(self.hidden.forward(self.norm2.forward(x))))

    def backward(self, g: np.ndarray) -> None:
        """g: the gradient for what left the block becomes that for what came in."""
        self.norm2.backward(self.hidden.backward(self.gelu.backward(self.output.backward(g))), g)
        mixed = self.attention.backward(self.merge.backward(g))
        self.norm1.backward(self.packed.backward(mixed), g)


class Transformer:
    """The classifier: loss and gradients of a batch, in arrays of its own."""

    def __init__(self, workload: Workload, parameters: Arrays, batch: int, total: int) -> None:
        tokens, width, heads, blocks, _ = workload.size
        p, rows = parameters, batch * tokens
        g = self.gradients = {name: np.empty_like(a) for name, a in p.items()}
        self.total, self.shape = total, (batch, tokens, width)
        self.positions, self.g_positions = p["positions.weight"], g["positions.weight"]
        self.embed = Linear(p, g, "embed", rows, inputs=False)
        self.blocks = [
            Block(p, g, f"blocks.{i}", batch, tokens, width, heads) for i in range(blocks)
        ]
        self.norm = Norm(p, g, "norm", rows, width)
        self.head = Linear(p, g, "head", batch)
        self.g, self.g_norm = np.empty((2, rows, width), np.float32)

    def __call__(self, tokens: np.ndarray, targets: np.ndarray) -> float:
        x = self.embed.forward(tokens.reshape(-1, tokens.shape[-1]))
        x.reshape(self.shape)[...] += self.positions
        for block in self.blocks:
            block.forward(x)
        pooled = self.norm.forward(x).reshape(self.shape).mean(axis=1)
        logits = self.head.forward(pooled)
        loss = cross_entropy(logits, targets, self.total)
        g_pooled = self.head.backward(logits)
        g_pooled /= self.shape[1]
        self.g_norm.reshape(self.shape)[...] = g_pooled[:, None]
        g = self.g
        g[...] = 0
        self.norm.backward(self.g_norm, g)
        for block in reversed(self.blocks):
            block.backward(g)
        np.sum(g.reshape(self.shape), axis=0, out=self.g_positions)
        self.embed.backward(g)
        return loss

    @staticmethod
    def pack(parameters: Arrays) -> Arrays:
        """Our parameters with query, key and value laid side by side."""
        packed: Arrays = {}
        for name, a in parameters.items():
            if ".attention.query." in name:
                names = (name.replace(".query.", f".{part}.") for part in ("query", "key", "value"))
                whole = np.concatenate([parameters[n] for n in names], axis=-1)
                packed[name.replace(".query.", ".packed.")] = whole
            elif ".attention.key." not in name and ".attention.value." not in name:
                packed[name] = a.copy()
        return packed

    @staticmethod
    def unpack(packed: Arrays) -> Arrays:
        """What `pack` did, undone."""
        found: Arrays = {}
        for name, a in packed.items():
            if ".packed." in name:
                for part, piece in zip(("query", "key", "value"), np.split(a, 3, -1), strict=True):
                    found[name.replace(".packed.", f".{part}.")] = piece
            else:
                found[name] = a
        return found
