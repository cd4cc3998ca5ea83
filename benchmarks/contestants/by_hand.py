"""The same mathematics written by hand in NumPy, without an engine: what an engine may cost.

No graph, no tensors: each network is one function that computes loss and gradients, in arrays made
once and used again at every step. With `split`, each thread takes a share of the batch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch_attn.matrix_library import write_working_memory
from minitorch_attn.processes import keep_freed_memory

from .. import workloads
from ..job import Job, training_results
from ..workloads import Workload
from .by_hand_parts import Adam, Arrays, Shares, cross_entropy
from .by_hand_transformer import Transformer

_threads = 1


def start(threads: int, split: bool = False) -> dict[str, str]:
    """Note the threads; with `split`, leave one to each matrix product."""
    global _threads
    _threads = threads
    keep_freed_memory()
    if split:
        from threadpoolctl import threadpool_limits

        threadpool_limits(limits=1)
    write_working_memory()
    return {"numpy": np.__version__}


def prepare(workload: Workload, split: bool = False) -> Job:
    """The workload as a job."""
    given = workloads.inputs(workload)
    if workload.family == "attention":
        return _attention(given, workload.causal)
    network: Any = Dense if workload.family == "dense" else Transformer
    return _training(workload, network, given, _threads if split else 1)


class Dense:
    """Two dense layers: loss and gradients, in arrays of its own."""

    def __init__(self, workload: Workload, parameters: Arrays, batch: int, total: int) -> None:
        _, hidden, classes, _ = workload.size
        self.p, self.total = parameters, total
        self.gradients = {name: np.empty_like(a) for name, a in parameters.items()}
        self.middle = np.empty((batch, hidden), np.float32)
        self.g_middle = np.empty_like(self.middle)
        self.logits = np.empty((batch, classes), np.float32)

    def __call__(self, x: np.ndarray, targets: np.ndarray) -> float:
        p, g = self.p, self.gradients
        middle = np.matmul(x, p["hidden.weight"], out=self.middle)
        middle += p["hidden.bias"]
        np.maximum(middle, 0, out=middle)
        logits = np.matmul(middle, p["output.weight"], out=self.logits)
        logits += p["output.bias"]
        loss = cross_entropy(logits, targets, self.total)  # logits now hold their gradient
        np.matmul(middle.T, logits, out=g["output.weight"])
        np.sum(logits, axis=0, out=g["output.bias"])
        g_middle = np.matmul(logits, p["output.weight"].T, out=self.g_middle)
        g_middle *= middle > 0
        np.matmul(x.T, g_middle, out=g["hidden.weight"])
        np.sum(g_middle, axis=0, out=g["hidden.bias"])
        return loss


def _training(workload: Workload, network: Any, given: Arrays, shares: int) -> Job:
    first = workloads.parameters(workload)
    parameters = {name: a.copy() for name, a in first.items()}
    x, targets = given["x"], given["targets"]
    packed = network.pack(parameters) if hasattr(network, "pack") else parameters
    optimizer = Adam(packed, workloads.LEARNING_RATE)
    compute = Shares(lambda batch: network(workload, packed, batch, len(x)), x, targets, shares)

    def reset() -> None:
        fresh = network.pack(first) if hasattr(network, "pack") else first
        for name, a in packed.items():
            a[...] = fresh[name]
        optimizer.reset()

    def step() -> float:
        loss, gradients = compute()
        optimizer.step(gradients)
        return loss

    def gradients() -> Arrays:
        found = compute.gradients
        return network.unpack(found) if hasattr(network, "unpack") else found

    return Job(step, lambda: training_results(reset, step, gradients), reset)


def _attention(given: Arrays, causal: bool) -> Job:
    """Attention with the whole weights in memory."""
    query, key, value, g = given.values()
    *lead, n, d = query.shape
    weights = np.empty((*lead, n, n), np.float32)
    g_scores = np.empty_like(weights)
    y, g_query, g_key, g_value = (np.empty_like(query) for _ in range(4))
    row = np.empty((*lead, n, 1), np.float32)
    later = np.triu(np.full((n, n), -math.inf, np.float32), k=1) if causal else None
    scale = 1 / math.sqrt(d)

    def run() -> None:
        np.matmul(query * scale, key.swapaxes(-1, -2), out=weights)
        if later is not None:
            np.add(weights, later, out=weights)
        np.subtract(weights, weights.max(axis=-1, keepdims=True, out=row), out=weights)
        np.exp(weights, out=weights)
        np.divide(weights, weights.sum(axis=-1, keepdims=True, out=row), out=weights)
        np.matmul(weights, value, out=y)
        np.matmul(weights.swapaxes(-1, -2), g, out=g_value)
        np.matmul(g, value.swapaxes(-1, -2), out=g_scores)
        np.subtract(g_scores, (g * y).sum(axis=-1, keepdims=True, out=row), out=g_scores)
        np.multiply(g_scores, weights, out=g_scores)
        np.matmul(g_scores, key, out=g_query)
        np.multiply(g_query, scale, out=g_query)
        np.matmul(g_scores.swapaxes(-1, -2), query, out=g_key)
        np.multiply(g_key, scale, out=g_key)

    def results() -> Arrays:
        run()
        found = {"query": g_query, "key": g_key, "value": g_value}
        return {"output": y} | {f"gradient of {name}": a for name, a in found.items()}

    return Job(run, results)
