"""What is computed, and on which numbers: the same for every contestant.

All inputs are NumPy's and seeded, so each process makes the same ones for itself.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

OPS_STEPS = 500
LEARNING_RATE = 1e-3
CLASSES = 10

CLASSIFIERS = ((16, 32, 2, 1, 32), (16, 64, 4, 2, 64), (49, 64, 4, 2, 64), (49, 128, 4, 4, 64))
ATTENTIONS = (
    (16, 4, 64, 32),
    (4, 8, 256, 64),
    (1, 8, 1024, 64),
    (1, 8, 2048, 64),
    (1, 8, 4096, 64),
)
LENGTHS = (512, 1024, 2048, 4096, 8192, 16384)
FAMILIES = ("ops", "dense", "classifier", "attention", "length", "start", "main", "busy")


@dataclass(frozen=True)
class Workload:
    """One thing to compute. `size` means, by family:

    dense (inputs, hidden, classes, batch); classifier (tokens, width, heads, blocks, batch);
    attention and length (batch, heads, tokens, d).
    """

    family: str
    size: tuple[int, ...] = ()
    causal: bool = False

    @property
    def name(self) -> str:
        words = [self.family]
        if self.family == "dense":
            words.append("{}–{}–{}, batch {}".format(*self.size))
        elif self.family == "classifier":
            words.append("{}×{}, {} heads, {} blocks, batch {}".format(*self.size))
        elif self.family in ("attention", "length"):
            words.append("{}×{}×{}×{}".format(*self.size))
        return " ".join(words) + (", causal" if self.causal else "")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Workload:
        return cls(fields["family"], tuple(fields["size"]), fields["causal"])


OPS = Workload("ops")
DENSE = Workload("dense", (784, 256, CLASSES, 64))
MAIN = Workload("main")


def inputs(workload: Workload) -> dict[str, np.ndarray]:
    """The arrays that a workload starts from, float32; targets are integers."""
    rng = np.random.default_rng(7)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, np.float32)

    if workload.family == "ops":
        # Factors just below 1: 500 of them neither vanish nor overflow.
        factor = rng.uniform(0.98, 1.0, (8, 8)).astype(np.float32)
        return {"x": normal(8, 8), "factor": factor, "term": normal(8, 8)}
    if workload.family == "dense":
        width, _, classes, batch = workload.size
        return {"x": normal(batch, width), "targets": rng.integers(0, classes, batch)}
    if workload.family == "classifier":
        tokens, *_, batch = workload.size
        return {
            "x": normal(batch, tokens, token_dim(workload)),
            "targets": rng.integers(0, CLASSES, batch),
        }
    return {name: normal(*workload.size) for name in ("query", "key", "value", "gradient")}


def token_dim(workload: Workload) -> int:
    """Numbers in a token: 2×2 patches of 8×8 digits make 16 tokens, 4×4 of 28×28 make 49."""
    return {16: 4, 49: 16}[workload.size[0]]


def parameters(workload: Workload) -> dict[str, np.ndarray]:
    """First parameters of a network, by the names that `minitorch_attn` gives them."""
    rng = np.random.default_rng(11)
    found: dict[str, np.ndarray] = {}

    def dense(name: str, before: int, after: int) -> None:
        limit = math.sqrt(6 / (before + after))
        found[f"{name}.weight"] = rng.uniform(-limit, limit, (before, after)).astype(np.float32)
        found[f"{name}.bias"] = (0.1 * rng.standard_normal(after)).astype(np.float32)

    def norm(name: str, width: int) -> None:
        found[f"{name}.weight"] = (1 + 0.1 * rng.standard_normal(width)).astype(np.float32)
        found[f"{name}.bias"] = (0.1 * rng.standard_normal(width)).astype(np.float32)

    if workload.family == "dense":
        before, hidden, classes, _ = workload.size
        dense("hidden", before, hidden)
        dense("output", hidden, classes)
        return found
    tokens, width, _, blocks, _ = workload.size
    dense("embed", token_dim(workload), width)
    found["positions.weight"] = (0.5 * rng.standard_normal((tokens, width))).astype(np.float32)
    for i in range(blocks):
        norm(f"blocks.{i}.norm1", width)
        for name in ("query", "key", "value", "output"):
            dense(f"blocks.{i}.attention.{name}", width, width)
        norm(f"blocks.{i}.norm2", width)
        dense(f"blocks.{i}.hidden", width, 4 * width)
        dense(f"blocks.{i}.output", 4 * width, width)
    norm("norm", width)
    dense("head", width, CLASSES)
    return found


def product_flops(workload: Workload) -> float:
    """Multiplications and additions in the matrix products, forward and backward, at the least.

    A product of (m, k) by (k, n) is 2 m k n, and its two gradients the same again each. Causal
    attention needs half of its scores. What is computed twice to save memory is not counted.
    """
    if workload.family == "dense":
        before, hidden, classes, batch = workload.size
        # No gradient is asked for the inputs, so the first layer has two products, not three.
        return 2.0 * batch * hidden * (2 * before + 3 * classes)
    if workload.family == "classifier":
        tokens, width, _, blocks, batch = workload.size
        rows = batch * tokens
        a_block = 3 * 2.0 * rows * width * (12 * width + 2 * tokens)
        return blocks * a_block + 2 * 2.0 * rows * width * token_dim(workload)
    if workload.family in ("attention", "length"):
        batch, heads, tokens, d = workload.size
        whole = 6 * 2.0 * batch * heads * tokens * tokens * d
        return whole / 2 if workload.causal else whole
    return 0.0


def chain(x: Any, factor: Any, term: Any) -> Any:
    """The workload "ops" in Python's operators, and backward, for libraries that overload them."""
    y = x
    for _ in range(OPS_STEPS):
        y = y * factor + term
    loss = y.sum()
    loss.backward()
    return loss
