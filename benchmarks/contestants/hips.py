"""HIPS autograd: plain NumPy code, differentiated as it runs."""

from __future__ import annotations

import importlib.metadata
import math
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad

from minitorch_attn.matrix_library import write_working_memory
from minitorch_attn.processes import keep_freed_memory

from .. import workloads
from ..job import Job, training_results
from ..workloads import Workload
from .by_hand_parts import Adam


def start(threads: int) -> dict[str, str]:
    """Returns the versions; NumPy's threads are set from outside."""
    keep_freed_memory()
    write_working_memory()
    return {"autograd": importlib.metadata.version("autograd")}


def prepare(workload: Workload) -> Job:
    """The workload as a job."""
    given = workloads.inputs(workload)
    if workload.family == "ops":
        return _gradients(chain, given, ("x", "factor", "term"), "loss")
    if workload.family == "attention":
        n = workload.size[2]
        later = np.triu(np.full((n, n), -math.inf, np.float32), k=1) if workload.causal else None
        return _attention(given, later)
    return _training(workload, given)


def chain(p: Any) -> Any:
    """The chain of multiplications and additions, summed."""
    y = p["x"]
    for _ in range(workloads.OPS_STEPS):
        y = y * p["factor"] + p["term"]
    return anp.sum(y)


def _gradients(function: Any, given: Any, names: tuple[str, ...], value: str) -> Job:
    compute = value_and_grad(function)

    def results() -> dict[str, np.ndarray]:
        y, g = compute(given)
        return {value: np.array(y)} | {f"gradient of {name}": g[name] for name in names}

    return Job(lambda: compute(given), results)


def attend(query: Any, key: Any, value: Any, later: Any = None) -> Any:
    """Attention as a composition."""
    scores = query @ anp.swapaxes(key, -1, -2) * (1 / math.sqrt(query.shape[-1]))
    if later is not None:
        scores = scores + later
    e = anp.exp(scores - anp.max(scores, axis=-1, keepdims=True))
    return (e / anp.sum(e, axis=-1, keepdims=True)) @ value


def _attention(given: Any, later: Any) -> Job:
    names = ("query", "key", "value")
    g = given["gradient"]
    leaves = {name: given[name] for name in names}

    def inner(p: Any) -> Any:
        # The gradient of <y, g> is what backward(g) gives.
        return anp.sum(attend(p["query"], p["key"], p["value"], later) * g)

    job = _gradients(inner, leaves, names, "sum")

    def results() -> dict[str, np.ndarray]:
        found = job.results()
        del found["sum"]
        return {"output": attend(given["query"], given["key"], given["value"], later)} | found

    return Job(job.run, results)


def cross_entropy(logits: Any, targets: np.ndarray) -> Any:
    """The mean of -log softmax(logits)[target]."""
    shifted = logits - anp.max(logits, axis=1, keepdims=True)
    log_sums = anp.log(anp.sum(anp.exp(shifted), axis=1))
    return anp.mean(log_sums - shifted[np.arange(len(targets)), targets])


def norm(p: Any, name: str, x: Any) -> Any:
    """Layer norm."""
    x = x - anp.mean(x, axis=-1, keepdims=True)
    variance = anp.mean(x * x, axis=-1, keepdims=True)
    return x / anp.sqrt(variance + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]


def dense(p: Any, name: str, x: Any) -> Any:
    """x weight + bias."""
    return x @ p[f"{name}.weight"] + p[f"{name}.bias"]


def gelu(x: Any) -> Any:
    """GELU in its tanh form."""
    return 0.5 * x * (1 + anp.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


def block(p: Any, name: str, x: Any, heads: int) -> Any:
    """A pre-norm transformer block."""
    batch, tokens, width = x.shape
    normal = norm(p, f"{name}.norm1", x)

    def split(part: str) -> Any:
        flat = dense(p, f"{name}.attention.{part}", normal)
        return anp.transpose(anp.reshape(flat, (batch, tokens, heads, -1)), (0, 2, 1, 3))

    mixed = attend(split("query"), split("key"), split("value"))
    merged = anp.reshape(anp.transpose(mixed, (0, 2, 1, 3)), (batch, tokens, width))
    x = x + dense(p, f"{name}.attention.output", merged)
    hidden = gelu(dense(p, f"{name}.hidden", norm(p, f"{name}.norm2", x)))
    return x + dense(p, f"{name}.output", hidden)


def _training(workload: Workload, given: Any) -> Job:
    x, targets = given["x"], given["targets"]
    first = workloads.parameters(workload)
    parameters = {name: a.copy() for name, a in first.items()}
    optimizer = Adam(parameters, workloads.LEARNING_RATE)
    last: dict[str, np.ndarray] = {}

    def loss(p: Any) -> Any:
        if workload.family == "dense":
            return cross_entropy(dense(p, "output", anp.maximum(dense(p, "hidden", x), 0)), targets)
        _, _, heads, blocks, _ = workload.size
        y = dense(p, "embed", x) + p["positions.weight"]
        for i in range(blocks):
            y = block(p, f"blocks.{i}", y, heads)
        return cross_entropy(dense(p, "head", anp.mean(norm(p, "norm", y), axis=1)), targets)

    compute = value_and_grad(loss)

    def reset() -> None:
        for name, a in parameters.items():
            a[...] = first[name]
        optimizer.reset()

    def step() -> float:
        value, gradients = compute(parameters)
        optimizer.step(gradients)
        last.update(gradients)
        return float(value)

    return Job(step, lambda: training_results(reset, step, lambda: last), reset)
