"""The table of ops: softmax and its family, and norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch_attn import ops
from minitorch_attn.ops.norm import layer_norm_reference
from minitorch_attn.ops.softmax import (
    cross_entropy_reference,
    log_softmax_reference,
    softmax_reference,
)
from optable.oprow import row


def shares(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Softmax by the definition, 1 / sum_j exp(x_j - x_i)."""
    x = np.moveaxis(x, axis, -1)
    return np.moveaxis(1 / np.exp(x[..., None, :] - x[..., :, None]).sum(-1), -1, axis)


for axis in (-1, 0):
    shapes = (((3, 4),), ((2, 3, 2),), ((3, 0),) if axis == 0 else ((0, 3),))
    row(
        "softmax",
        lambda x, a=axis: ops.softmax(x, a),
        lambda x, a=axis: shares(x, a),
        shapes,
        f"axis={axis}",
        reference=lambda x, a=axis: softmax_reference(x, a),
    )
    row(
        "log_softmax",
        lambda x, a=axis: ops.log_softmax(x, a),
        lambda x, a=axis: np.log(shares(x, a)),
        shapes,
        f"axis={axis}",
        reference=lambda x, a=axis: log_softmax_reference(x, a),
    )
for targets in (np.array([2, 0, 2]), np.array([[1, 0], [2, 2]])):
    row(
        "cross_entropy",
        ops.cross_entropy,
        lambda x, t: -np.mean(np.log((shares(x) * np.eye(3)[t]).sum(-1))),
        (((*targets.shape, 3),),),
        f"{targets.ndim + 1} axes",
        constants=(targets,),
        reference=cross_entropy_reference,
    )


def on_the_simplex(x: np.ndarray, share: Callable, axis: int = -1) -> np.ndarray:
    """share(x - tau) with the tau, found by halving an interval, for which slices sum to 1."""
    top = x.max(axis=axis, keepdims=True)
    low, high = top - 1, top
    for _ in range(60):
        tau = (low + high) / 2
        heavy = share(x - tau).sum(axis=axis, keepdims=True) > 1
        low, high = np.where(heavy, tau, low), np.where(heavy, high, tau)
    return share(x - high)


for axis in (-1, 0):
    shapes = (((3, 4),), ((2, 3, 2),), ((3, 0),) if axis == 0 else ((0, 3),))
    row(
        "sparsemax",
        lambda x, a=axis: ops.sparsemax(x, a),
        lambda x, a=axis: on_the_simplex(x, lambda d: np.maximum(d, 0), a),
        shapes,
        f"axis={axis}",
    )
    row(
        "entmax15",
        lambda x, a=axis: ops.entmax15(x, a),
        lambda x, a=axis: on_the_simplex(x / 2, lambda d: np.maximum(d, 0) ** 2, a),
        shapes,
        f"axis={axis}",
    )

row(
    "cross_entropy",
    lambda x, t: ops.cross_entropy(x, t, ignore=-1),
    lambda x, t: -np.mean(np.log(shares(x)[[0, 0, 1], [0, 1, 1], [2, 1, 0]])),
    (((2, 2, 3),),),
    "with padding",
    constants=(np.array([[2, 1], [-1, 0]]),),
)


# Norms.
def normal(x: np.ndarray, weight: Any = 1.0, bias: Any = 0.0, eps: float = 1e-5) -> np.ndarray:
    mean, square = np.mean(x, -1), np.mean(x * x, -1)
    return (x - mean[..., None]) / np.sqrt(square - mean**2 + eps)[..., None] * weight + bias


row(
    "layer_norm",
    ops.layer_norm,
    normal,
    (((3, 4), (4,), (4,)), ((2, 3, 4), (4,), (4,)), ((4,), (4,), (4,)), ((0, 4), (4,), (4,))),
    reference=layer_norm_reference,
)
row(
    "layer_norm",
    ops.layer_norm,
    normal,
    (((3, 4), (4,)),),
    "no bias",
    reference=lambda x, w: layer_norm_reference(x, w, None),
)
row(
    "layer_norm",
    lambda x, b: ops.layer_norm(x, None, b),
    lambda x, b: normal(x) + b,
    (((3, 4), (4,)),),
    "no weight",
    reference=lambda x, b: layer_norm_reference(x, None, b),
)
row(
    "layer_norm",
    lambda x: ops.layer_norm(x, eps=0.5),
    lambda x: normal(x, eps=0.5),
    (((3, 4),),),
    "large eps",
    reference=lambda x: layer_norm_reference(x, None, None, 0.5),
)


def kept(x: np.ndarray) -> np.ndarray:
    return np.random.default_rng(3).random(x.shape, np.float32) >= 0.4


row(
    "dropout",
    lambda x: ops.dropout(x, 0.4, np.random.default_rng(3)),
    lambda x: x * kept(x) / 0.6,
    (((5, 4),), ((0, 3),)),
)

# At the edge of a rule: what one branch of it alone gets right.
FAR = np.array([[800.0, 799.0, -900.0], [-901.0, -900.0, -900.5]])


def from_the_largest(x: np.ndarray) -> np.ndarray:
    """softmax of numbers however far from 0."""
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log_of_sum(x: np.ndarray) -> np.ndarray:
    return x.max(1) + np.log(np.exp(x.T - x.max(1)).sum(0))


for name, value in (
    ("softmax", from_the_largest),
    ("log_softmax", lambda x: x - log_of_sum(x)[:, None]),
    ("logsumexp", log_of_sum),
):
    axis = 1 if name == "logsumexp" else -1
    row(
        name,
        lambda x, f=name, a=axis: getattr(ops, f)(x, axis=a),
        value,
        ((),),
        "far out",
        domain=(FAR,),
    )
for name, share, half in (
    ("sparsemax", lambda d: np.maximum(d, 0), 1),
    ("entmax15", lambda d: np.maximum(d, 0) ** 2, 2),
):
    row(
        name,
        lambda x, f=name: getattr(ops, f)(x),
        lambda x, s=share, h=half: on_the_simplex(x / h, s),
        ((),),
        "far out",
        domain=(FAR + np.array([[0.0, 0.3, 0.0], [0.0, 0.0, 0.0]]),),  # off the corner
    )
row(
    "cross_entropy",
    lambda x: ops.cross_entropy(x, np.array([1, 0])),
    lambda x: -np.log(from_the_largest(x)[[0, 1], [1, 0]]).mean(),
    ((),),
    "far out",
    domain=(FAR,),
    any_library=False,
)
row(
    "layer_norm",
    ops.layer_norm,
    normal,
    ((),),
    "far from 0",
    domain=(np.array([[1000.0, 1003.0, 999.0, 1001.0], [-50.0, -52.0, -49.0, -50.5]]),),
    reference=lambda x: layer_norm_reference(x, None, None),
)
