"""Attention whose keys are summed up before any query asks."""

from __future__ import annotations

from typing import Any

from ..arrays import namespace
from ..tensor import Tensor, TensorLike, raw
from ..validation.attention import check_attention_shapes, check_same_tokens
from .elementwise import alike, exp, where
from .linalg import matmul
from .pairs import weighed
from .reduce import sum
from .shape import concatenate, swapaxes

CHUNK = 64  # tokens that meet pair by pair, where causal


def positive_features(x: TensorLike) -> Tensor:
    """elu(x) + 1: x + 1 above 0, e^x below. Positive, so that weights are."""
    above = raw(x) > 0
    return where(above, x + 1, exp(where(above, 0.0, x)))


def linear_attention(
    query: TensorLike, key: TensorLike, value: TensorLike, causal: bool = False
) -> Tensor:
    """Weights in proportion to φ(q)·φ(k), with φ(x) = elu(x) + 1, in the place of softmax.

    The sum over keys of (φ(q)·φ(k)) v is φ(q) · (the sum over keys of φ(k) vᵀ), and so a state of
    d (d_v + 1) numbers stands for all keys, however many: time and memory grow with N, not N N. It
    is another function than `attention`, and cannot look as sharply: chapter 16.

    Parameters
    ----------
    query : (..., N, d)
    key : (..., S, d)
    value : (..., S, d_v)
        Leading axes broadcast.
    causal : bool
        No token sees a later one. Needs N = S.

    Returns
    -------
    Tensor (..., N, d_v), in the dtype that `attention` would give. Where every feature of a query
    is too small for the dtype (below about -103 in float32), 0/0: NaN.

    Raises
    ------
    ValueError, DeviceError
        If the shapes do not fit.

    Source: Katharopoulos et al., "Transformers are RNNs", ICML 2020.
    """
    query, key, value = alike(query, key, value)
    check_attention_shapes(raw(query), raw(key), raw(value))
    query, key = positive_features(query), positive_features(key)
    if not causal:
        whole = _summed(key, value)
        return matmul(query, whole[0]) / matmul(query, whole[1])
    n = check_same_tokens("linear_attention, causal", raw(query), raw(key))
    xp = namespace(raw(query))
    parts: list[Tensor] = []
    state: Any = 0.0  # of the chunks before
    total: Any = 0.0
    for i in range(0, n, CHUNK):
        q, k, v = (x[..., i : i + CHUNK, :] for x in (query, key, value))
        own = where(xp.tri(q.shape[-2], dtype=bool), matmul(q, swapaxes(k, -1, -2)), 0.0)
        answer, weight = weighed(own, v), sum(own, axis=-1, keepdims=True)
        if i:
            answer, weight = answer + matmul(q, state), weight + matmul(q, total)
        parts.append(answer / weight)
        more = _summed(k, v)
        state, total = state + more[0], total + more[1]
    return concatenate(parts, axis=-2)


def _summed(key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """What stands for the keys: the sums of φ(k) vᵀ, (..., d, d_v), and of φ(k), (..., d, 1)."""
    return matmul(swapaxes(key, -1, -2), value), swapaxes(sum(key, axis=-2, keepdims=True), -1, -2)
