"""Sound: the pooling in time (13.2), and what a burst of noise gets of its weights (13.4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...nn import AttentionPooling, Dense, Parameter, Pooling
from ...ops import concatenate, reshape
from ...ops.op import Op
from ...recipes import Look
from ...recipes.vowels import listen
from ...tensor import Tensor, raw
from .parts import JOBS, Part, PartError, Parts, needed_of


class OwnPooling(Pooling):
    """13.2 pools the frames of each utterance; the library's rule stands behind it.

    The exercise has the frames for keys, and no scale. The layer's keys come out of a dense layer,
    and a score is (x W + b)·q / √d = x·(W q / √d) + b·q / √d: what stands behind x is one query for
    the frames themselves. A 1 at the end of each frame takes the last term.
    """

    key: Dense
    query: Parameter

    def __init__(self, layer: AttentionPooling, pool: Part) -> None:
        if layer.query.shape[0] > 1:
            raise PartError(
                f"{pool.title} asks with one query, and this pooling has {layer.query.shape[0]}"
            )
        vars(self).update(vars(layer))
        self.pool = pool
        self.op: Op = Op(_given, joint_rule=_pool_rule)

    def __call__(self, x: Any, mask: Any = None, return_weights: bool = False) -> Any:
        batch, length, width = x.shape
        lengths = np.full(batch, length) if mask is None else raw(mask).sum(axis=1)
        asks = reshape(self.query, (-1, 1)) * (1 / math.sqrt(self.query.shape[-1]))
        matrix = concatenate([self.key.weight, reshape(self.key.bias, (1, -1))], axis=0)
        query = reshape(matrix @ asks, (-1,))
        wide = concatenate([x, np.ones((batch, length, 1), x.dtype)], axis=-1)
        shapes: list[tuple[int, ...]] = [(batch, width + 1), (batch, length)]
        z, weights = self.pool.several(shapes, raw(wide), raw(query), lengths)
        y = self.op(wide, query, z=z, weights=weights)[:, :-1]
        return (y, Tensor(weights[:, None])) if return_weights else y


def _given(x: Any, query: Any, /, z: Any, weights: Any) -> Any:
    return z, None


def _pool_rule(
    g: Any, y: Any, _: Any, needed: Any, x: Any, query: Any, z: Any, weights: Any
) -> Any:
    g_weights = (x @ g[..., None])[..., 0]
    g_scores = weights * (g_weights - (weights * g_weights).sum(axis=1, keepdims=True))
    g_x = weights[..., None] * g[:, None] + g_scores[..., None] * query
    return needed_of(needed, [g_x, np.einsum("bt,btd->d", g_scores, x)])


def own_looks(looks: Mapping[str, Look], parts: Parts) -> Mapping[str, Look]:
    """The looks of a recipe; 13.4 counts in that which it has a part in."""
    if "13.4" not in parts:
        return looks
    name = next(job.needs for job in JOBS if job.id == "13.4")
    return {**looks, name: replace(looks[name], scores=_counted_by(parts["13.4"]))}


def _counted_by(burst_weight: Part) -> Any:
    """The exercise gives means over utterances: here each is a call of its own."""

    def scores(model: Any, test: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
        weights, mask, marks = listen(model, test, count)
        rows = [
            burst_weight.several([(), ()], *(x[i : i + 1] for x in (weights, marks, mask)))
            for i in range(len(weights))
        ]
        return np.array(rows), np.zeros(len(rows), int)

    return scores
