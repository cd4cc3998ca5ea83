"""The library's layers with a learner's functions inside.

An answer works on arrays. Here it becomes an op of the engine: where the exercise asks for the
gradients too, the learner's are used; where it does not, the library's rule stands behind the
learner's forward. A part that is missing leaves the library's in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...nn import AttentionPooling, Dense, Embedding, LayerNorm, Module, MultiHeadAttention
from ...ops import log_softmax
from ...ops.op import Op
from ...optim import AdamW
from ...tensor import Tensor, raw
from .frames import OwnPooling
from .heads import HEADS, OwnAttention
from .parts import Part, Parts, locked, needed_of


class OwnDense(Dense):
    """04.1: the layer and its gradients are the learner's."""

    def __init__(self, layer: Dense, dense: Part) -> None:
        self.weight, self.bias = layer.weight, layer.bias

        def run(g: Any, x: Any, weight: Any, bias: Any, used: int) -> list[np.ndarray]:
            # Two axes instead of three: one large product instead of many small ones.
            back, rows = g.reshape(-1, g.shape[-1]), x.reshape(-1, x.shape[-1])
            shapes = [back.shape, rows.shape, weight.shape, bias.shape]
            return dense.several(shapes, rows, weight, bias, back, used=used)

        def forward(x: Any, weight: Any, bias: Any, /) -> Any:
            # The exercise asks for outputs and gradients at once; going forward, of zeros.
            g = np.zeros((*x.shape[:-1], len(bias)), x.dtype)
            return run(g, x, weight, bias, 1)[0].reshape(g.shape), None

        def rule(g: Any, y: Any, _: Any, needed: Any, x: Any, weight: Any, bias: Any) -> Any:
            _, g_x, g_weight, g_bias = run(g, x, weight, bias, 4)
            return needed_of(needed, [g_x.reshape(x.shape), g_weight, g_bias])

        self.op: Op = Op(forward, joint_rule=rule)

    def __call__(self, x: Any) -> Tensor:
        return self.op(x, self.weight, self.bias)


class OwnLayerNorm(LayerNorm):
    """09.1: the layer and its gradients are the learner's."""

    def __init__(self, layer: LayerNorm, layer_norm: Part) -> None:
        self.weight, self.bias, self.eps = layer.weight, layer.bias, layer.eps

        def run(g: Any, x: Any, weight: Any, bias: Any, used: int) -> list[np.ndarray]:
            shapes = [x.shape, x.shape, weight.shape, bias.shape]
            return layer_norm.several(shapes, x, weight, bias, g, self.eps, used=used)

        def forward(x: Any, weight: Any, bias: Any, /) -> Any:
            return run(np.zeros_like(x), x, weight, bias, 1)[0], None

        def rule(g: Any, y: Any, _: Any, needed: Any, x: Any, weight: Any, bias: Any) -> Any:
            return needed_of(needed, run(g, x, weight, bias, 4)[1:])

        self.op: Op = Op(forward, joint_rule=rule)

    def __call__(self, x: Any) -> Tensor:
        return self.op(x, self.weight, self.bias)


class OwnEmbedding(Embedding):
    """11.1: the gradient of the table is the learner's."""

    def __init__(self, layer: Embedding, embed_backward: Part) -> None:
        self.weight = layer.weight

        def rule(g: Any, y: Any, weight: Any, ids: Any) -> Any:
            rows = ids.reshape(len(ids), -1)  # the exercise knows two axes, (B, N)
            g = g.reshape(*rows.shape, g.shape[-1])
            with embed_backward.blamed():
                found = embed_backward.function(locked(rows), locked(g), len(weight))
            return embed_backward.checked(found, weight.shape, "what it returns", (g,))

        self.op: Op = Op(lambda weight, /, ids: weight[ids], (rule,))

    def __call__(self, ids: Any) -> Tensor:
        return self.op(self.weight, ids=raw(ids))


class OwnAdamW(AdamW):
    """04.3 moves the weights and keeps the means; their decay stays the library's."""

    def __init__(self, like: AdamW, named_parameters: Any, adam: Part) -> None:
        super().__init__(named_parameters, like.lr, like.betas, like.eps, like.weight_decay)
        self.adam = adam

    def update(self, data: Any, gradient: Any, mean: Any, square: Any) -> None:
        data *= 1 - self.lr * self.weight_decay
        settings = (self.steps, self.lr, *self.betas, self.eps)
        new = self.adam.several([data.shape] * 3, data, gradient, mean, square, *settings)
        for array, fresh in zip((data, mean, square), new, strict=True):
            array[...] = fresh


def own_loss(parts: Parts) -> Callable[..., Tensor]:
    """Cross-entropy of logits (B, C): 05.1 gives the logarithms, 05.2 the gradient.

    Without 05.2 the gradient is the shares of 05.1, less 1 at the right class.
    """
    shares, jacobian = parts.get("05.1"), parts.get("05.2")

    def forward(logits: Any, /, targets: Any) -> Any:
        log_p: Any
        if shares is None:
            log_p = log_softmax(logits)
        else:
            log_p = shares(logits.shape, logits, axis=-1, log=True)
        picked = log_p[np.arange(len(targets)), targets]
        return -picked.mean(), log_p

    def rule(g: Any, y: Any, log_p: Any, needed: Any, logits: Any, targets: Any) -> Any:
        rows = np.arange(len(targets))
        if jacobian is not None:
            # d(-log p_t) / dx_j is -J_tj / p_t: in 64 bits, since p_t may be tiny.
            shape = (*logits.shape, logits.shape[-1])
            wide = logits.astype(np.float64)
            tables = jacobian(shape, wide, 1.0)
            p = np.exp(log_p[rows, targets].astype(np.float64))
            slope: Any = -tables[rows, targets] / np.maximum(p, 1e-290)[:, None]
        else:
            slope = np.exp(log_p) if shares is None else shares(logits.shape, logits).copy()
            slope[rows, targets] -= 1
        return (slope * (g / len(targets)),)

    op: Op = Op(forward, joint_rule=rule)
    return lambda logits, targets: op(logits, targets=targets)


# The learner's value in the place of a loss's, whose gradient stays behind it.
valued: Op = Op(lambda loss, /, value: value, (lambda g, y, loss, value: g,))


def swap(module: Module, parts: Parts) -> None:
    """Put the learner's layers in the place of the library's, around the same parameters."""
    for name, child in list(vars(module).items()):
        for item in child if isinstance(child, list) else [child]:
            if isinstance(item, Module):
                swap(item, parts)
        if isinstance(child, MultiHeadAttention) and HEADS & parts.keys():
            setattr(module, name, OwnAttention(child, parts))
        elif isinstance(child, Dense) and "04.1" in parts:
            setattr(module, name, OwnDense(child, parts["04.1"]))
        elif isinstance(child, Embedding) and "11.1" in parts:
            setattr(module, name, OwnEmbedding(child, parts["11.1"]))
        elif isinstance(child, LayerNorm) and "09.1" in parts:
            setattr(module, name, OwnLayerNorm(child, parts["09.1"]))
        elif isinstance(child, AttentionPooling) and "13.2" in parts:
            setattr(module, name, OwnPooling(child, parts["13.2"]))
