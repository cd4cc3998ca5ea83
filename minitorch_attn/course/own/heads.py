"""Multi-head attention with a learner's functions inside."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...nn import Dense, Mixing, MultiHeadAttention
from ...nn.attention import merge_heads, split_heads
from ...ops import attention, softmax
from ...ops.attention import allowed_pairs, masked_softmax
from ...ops.op import Op
from ...tensor import Tensor, mode, raw
from .parts import Part, Parts, needed_of

HEADS = {"06.2", "06.4", "07.1", "07.2", "07.3", "08.1", "08.5"}  # what this layer is made of


class OwnAttention(Mixing):
    """06.2, 06.4, 07.1 and 08.1 in training; 07.2, 07.3 and 08.5 where somebody looks back.

    The classifier is trained without a mask, so a mask is met afterwards only, and so is
    the whole layer of 08.5, which gives no gradients.
    """

    query: Dense
    key: Dense
    output: Dense
    num_heads: int
    head_dim: int

    def __init__(self, layer: MultiHeadAttention, parts: Parts) -> None:
        vars(self).update(vars(layer))
        self.library = layer.__call__  # where weights are asked for; it has the same parameters
        self.parts = parts
        self.scale = _scale(self.head_dim, parts.get("07.1"))
        self.split, self.merge = _regroup(self.num_heads, parts.get("08.1"))
        self.attend = _attend(parts.get("06.2"), parts.get("06.4"))
        self.masked = _masked(parts.get("07.2"), parts.get("07.3"))

    def mix(self, x: Any, context: Any, mask: Any, causal: bool, return_weights: bool) -> Any:
        context = x if context is None else context
        if return_weights:
            if "08.5" in self.parts and not mode.recording:
                allowed = allowed_pairs(raw(x), raw(context), raw(mask), causal)
                return self._whole(raw(x), raw(context), allowed)
            return self.library(x, context, mask, causal, return_weights)
        query = self.split(self.query(x)) * self.scale
        key, value = self.split(self.key(context)), self.split(self.value(context))
        allowed = allowed_pairs(raw(query), raw(key), raw(mask), causal)
        if allowed is None:
            mixed = self.attend(query, key, value)
        else:
            mixed = self.masked(query, key, value, allowed=allowed)
        return self.output(self.merge(mixed))

    def _whole(self, x: Any, context: Any, allowed: Any) -> tuple[Tensor, Tensor]:
        """08.5 has no biases. A 1 at the end of every token makes them a row of the matrices."""
        part = self.parts["08.5"]

        def widened(tokens: Any) -> Any:
            return np.concatenate([tokens, np.ones_like(tokens[..., :1])], axis=-1)

        layers = (self.query, self.key, self.value)
        matrices = [np.vstack([raw(d.weight), raw(d.bias)]) for d in layers]
        output = raw(self.output.weight)
        matrices.append(np.hstack([output, np.zeros_like(output[:, :1])]))
        wide, (batch, n, width) = widened(x), x.shape
        shapes = [(batch, n, width + 1), (batch, self.num_heads, n, context.shape[1])]
        y, weights = part.several(
            shapes, wide, widened(context), *matrices, self.num_heads, allowed
        )
        return Tensor(y[..., :-1] + raw(self.output.bias)), Tensor(weights)


def _scale(head_dim: int, spread: Part | None) -> float:
    """07.1 for entries of mean 0 and variance 1: what makes the variance of a score 1."""
    if spread is None:
        return 1 / math.sqrt(head_dim)
    zeros, ones = np.zeros(head_dim), np.ones(head_dim)
    return float(spread.several([(), ()], zeros, ones, zeros, ones)[1])


def _regroup(num_heads: int, regroup: Part | None) -> tuple[Callable, Callable]:
    """08.1 goes both ways, so that each way is the other one's gradient."""
    if regroup is None:
        return (lambda x: split_heads(x, num_heads)), merge_heads

    def split(x: Any, /) -> Any:
        batch, n, width = x.shape
        return regroup((batch, num_heads, n, width // num_heads), x, num_heads)

    def merge(x: Any, /) -> Any:
        batch, heads, n, width = x.shape
        return regroup((batch, n, heads * width), x, num_heads)

    return Op(split, (lambda g, y, x: merge(g),)), Op(merge, (lambda g, y, x: split(g),))


def _attend(attend: Part | None, attend_backward: Part | None) -> Callable[..., Tensor]:
    """06.2 forward and 06.4 backward. Neither scales: what comes in is scaled already."""

    def library(query: Any, key: Any, value: Any) -> Any:
        return attention(query, key, value, scale=1.0)

    if attend is None and attend_backward is None:
        return library

    def forward(query: Any, key: Any, value: Any, /) -> Any:
        if attend is None:
            return library(query, key, value), None
        return attend((*query.shape[:-1], value.shape[-1]), query, key, value), None

    def rule(g: Any, y: Any, _: Any, needed: Any, query: Any, key: Any, value: Any) -> Any:
        if attend_backward is not None:
            return needed_of(needed, _scene_by_scene(attend_backward, g, query, key, value))
        weights: Any = softmax(query @ key.swapaxes(-1, -2))
        g_scores = weights * (g @ value.swapaxes(-1, -2) - (g * y).sum(axis=-1, keepdims=True))
        found = [g_scores @ key, g_scores.swapaxes(-1, -2) @ query, weights.swapaxes(-1, -2) @ g]
        return needed_of(needed, found)

    return Op(forward, joint_rule=rule)


def _scene_by_scene(part: Part, g: Any, query: Any, key: Any, value: Any) -> list[np.ndarray]:
    """06.4 knows two axes, (N, d): each scene is a call of its own.

    The heads of a scene are laid end to end in one call, which takes a third of the time of a
    call each. Further columns keep them apart: to the score of a query and another head's key
    they add -1000, which leaves it a weight of exactly 0, and to its own head's they add 0.
    """
    heads = np.eye(query.shape[-3], dtype=query.dtype)

    def laid(x: Any, mark: Any = None) -> Any:
        batch, count, n, width = x.shape
        flat = x.reshape(batch, count * n, width)
        if mark is not None:
            columns = np.broadcast_to(np.repeat(mark, n, axis=0), (batch, count * n, count))
            flat = np.concatenate([flat, columns], axis=-1)
        flat.flags.writeable = False
        return flat

    inputs = [laid(g), laid(query, 1000 * heads), laid(key, heads - 1), laid(value)]
    with part.blamed():
        results = [part.function(*given) for given in zip(*inputs, strict=True)]
    for result in results:
        part.expect_count(result, 3)
    found = []
    columns = zip(*results, strict=True)
    names = ("g_query", "g_key", "g_value")
    for name, pieces, x, like in zip(names, columns, inputs[1:], (query, key, value), strict=True):
        whole = np.concatenate(pieces) if np.ndim(pieces[0]) else np.empty(0)
        if whole.shape != (len(x) * x.shape[1], x.shape[2]):
            for piece in pieces:
                part.checked(piece, x.shape[1:], name, (x,))  # says what is wrong
        whole = part.checked(whole, whole.shape, name, inputs)
        found.append(whole[:, : like.shape[-1]].reshape(like.shape))
    return found


def _masked(masked_weights: Part | None, safe_softmax: Part | None) -> Callable[..., Tensor]:
    """Attention with a mask: 07.2 where every row allows something, else 07.3."""

    def forward(query: Any, key: Any, value: Any, /, allowed: Any) -> Any:
        scores = query @ key.swapaxes(-1, -2)
        allowed = np.broadcast_to(allowed, scores.shape)
        weights: Any
        if allowed.any(axis=-1).all():
            if masked_weights is not None:
                weights = masked_weights(scores.shape, scores, allowed)
            else:
                weights = masked_softmax(scores, allowed)
        else:
            weights = safe(scores, allowed, np.zeros_like(scores))[0]
        return weights @ value, (scores, allowed, weights)

    def safe(scores: Any, allowed: Any, g: Any) -> list[np.ndarray]:
        if safe_softmax is None:
            weights: Any = masked_softmax(scores, allowed)
            return [weights, weights * (g - (g * weights).sum(axis=-1, keepdims=True))]
        rows = [x.reshape(-1, scores.shape[-1]) for x in (scores, allowed, g)]
        both = safe_softmax.several([rows[0].shape] * 2, *rows)
        return [x.reshape(scores.shape) for x in both]

    def rule(g: Any, y: Any, saved: Any, needed: Any, *inputs: Any, allowed: Any) -> Any:
        query, key, value = inputs
        scores, allowed, weights = saved
        g_scores = safe(scores, allowed, g @ value.swapaxes(-1, -2))[1]
        found = [g_scores @ key, g_scores.swapaxes(-1, -2) @ query, weights.swapaxes(-1, -2) @ g]
        return needed_of(needed, found)

    return Op(forward, joint_rule=rule)
