"""The baselines without which the score of a model says nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import namespace
from ..nn import Dense, Mixing, Module
from ..ops import broadcast_to, matmul, mean, relu, reshape
from ..ops.attention import allowed_pairs
from ..tensor import Tensor, TensorLike, raw
from ..validation.attention import check_mask


class Impostor(Mixing):
    """What stands in attention's place: its values and its output layer, without its choice.

    Its weights have one head, (B, 1, N, S), and a mask broadcasts to that.
    """

    def __init__(self, model_dim: int, **options: Any) -> None:
        self.value = Dense(model_dim, model_dim, **options)
        self.output = Dense(model_dim, model_dim, **options)

    def allowed(self, x: TensorLike, context: TensorLike, mask: Any, causal: bool) -> Any:
        """Which key each query may attend to, (B, 1, N, S), by attention's rules; None: any."""
        query, key, mask = raw(x)[:, None], raw(context)[:, None], raw(mask)
        if mask is not None:
            check_mask(mask, query, key, key)
        allowed = allowed_pairs(query, key, mask, causal)
        if allowed is None:
            return None
        return namespace(query).broadcast_to(allowed, (*query.shape[:3], key.shape[2]))


class UniformAttention(Impostor):
    """Attention with its choice taken away: every weight is 1/S. For comparison.

    With a mask, or causal: 1 over the number of keys that the query may attend to.
    """

    def mix(self, x: Any, context: Any, mask: Any, causal: bool, return_weights: bool) -> Any:
        """(B, N, D) and context (B, S, D) to (B, N, D); the weights are (B, 1, N, S)."""
        context = x if context is None else context
        (batch, n, width), s = raw(x).shape, raw(context).shape[1]
        xp, dtype = namespace(raw(x)), raw(x).dtype
        allowed = self.allowed(x, context, mask, causal)
        value = self.value(context)
        if allowed is None:  # the mean is the same for every query
            weights = xp.full((batch, 1, n, s), 1 / s, dtype)
            y = broadcast_to(self.output(mean(value, axis=1, keepdims=True)), (batch, n, width))
        else:
            weights = allowed / xp.maximum(allowed.sum(axis=-1, keepdims=True), 1)
            weights = weights.astype(dtype)
            y = self.output(matmul(weights[:, 0], value))
        return (y, Tensor(weights)) if return_weights else y


class NoAttention(Impostor):
    """Each token on its own: every weight but a token's own is 0. For comparison.

    Of a context, the last N tokens are x itself. A token that may not attend to itself gets 0.
    """

    def mix(self, x: Any, context: Any, mask: Any, causal: bool, return_weights: bool) -> Any:
        """(B, N, D) and context (B, S, D) to (B, N, D); the weights are (B, 1, N, S)."""
        context = x if context is None else context
        (batch, n, _), s = raw(x).shape, raw(context).shape[1]
        xp, dtype = namespace(raw(x)), raw(x).dtype
        allowed = self.allowed(x, context, mask, causal)
        weights = xp.eye(n, s, k=s - n, dtype=dtype)
        value = self.value(x)
        if allowed is not None:
            weights = weights * allowed
            value = value * weights[:, 0].sum(axis=-1, keepdims=True)
        y = self.output(value)
        return (y, broadcast_to(Tensor(weights), (batch, 1, n, s))) if return_weights else y


class DenseNet(Module):
    """Two dense layers on the tokens laid end to end: a baseline that knows no tokens."""

    def __init__(
        self,
        num_inputs: int,
        num_classes: int,
        hidden_dim: int,
        seed: int = 0,
        dtype: Any = np.float32,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.hidden = Dense(num_inputs, hidden_dim, rng=rng, dtype=dtype)
        self.output = Dense(hidden_dim, num_classes, rng=rng, dtype=dtype)

    def __call__(self, x: TensorLike) -> Tensor:
        return self.output(relu(self.hidden(reshape(x, (raw(x).shape[0], -1)))))

    @classmethod
    def matching(cls, model: Module, num_inputs: int, num_classes: int, seed: int = 0) -> DenseNet:
        """A net with the number of parameters nearest to another model's."""
        rest = model.num_parameters() - num_classes
        return cls(
            num_inputs, num_classes, max(1, round(rest / (num_inputs + 1 + num_classes))), seed
        )
