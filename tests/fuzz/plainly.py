"""The ops again, in float64 NumPy alone, by their definitions."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace
from typing import Any

import numpy as np


def softmax(x: Any, axis: Any) -> Any:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def layer_norm(x: Any, weight: Any = None, bias: Any = None) -> Any:
    y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def cross_entropy(x: Any, targets: Any) -> Any:
    rows = x.reshape(-1, x.shape[-1])
    return -np.log(softmax(rows, -1)[np.arange(len(rows)), np.ravel(targets)]).mean()


SHARED = """add subtract multiply divide negative power absolute maximum minimum exp log sqrt tanh
where sum mean max min var reshape transpose swapaxes squeeze broadcast_to take concatenate stack
matmul"""

PLAIN = SimpleNamespace(
    **{name: getattr(np, name) for name in re.findall(r"\w+", SHARED)},
    sigmoid=lambda x: 1 / (1 + np.exp(-x)),
    relu=lambda x: np.where(x > 0, x, 0),
    gelu=lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    softmax=softmax,
    log_softmax=lambda x, axis: x - logsumexp(x, axis, keepdims=True),
    logsumexp=logsumexp,
    layer_norm=layer_norm,
    cross_entropy=cross_entropy,
    getitem=lambda x, index: x[index],
    embedding=lambda ids, table: table[ids],
    linear=lambda x, w, b: x @ w + b,
    split=lambda x, cuts, axis: np.split(x, cuts, axis),
)
