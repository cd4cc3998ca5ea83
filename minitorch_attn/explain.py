"""What a model's answer is laid to: attributions of chapter 15, and two scores for them.

An attribution gives each token a number, larger where it counts more. Those that reach in and
change something take the model as a function of what it may see: `predict(keep)` maps (B, T) of
bool, True where a token stays, to logits (B, C).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .backward import grad
from .ops import softmax
from .tensor import Tensor, no_grad, raw

Predict = Callable[[np.ndarray], Any]


def rollout(weights: Sequence[Any]) -> np.ndarray:
    """How much of each token is in each token after all blocks, (B, N, N); rows sum to 1.

    `weights` are those of the blocks, the first one first, each (B, H, N, N); of the last block
    (B, H, 1, N) will do where only the last token asks. Heads are averaged, and the residual
    stream counts as much as attention: (A + I) / 2, multiplied from the right to the left.

    Source: S. Abnar, W. Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020.
    """
    tokens = raw(weights[0]).shape[-1]
    flow = stay = np.eye(tokens)
    for block in weights:
        attention = raw(block).mean(axis=1)
        step = np.broadcast_to(stay, (len(attention), tokens, tokens)).copy()
        step[:, -attention.shape[1] :] = (attention + stay[-attention.shape[1] :]) / 2
        flow = step @ flow
    return flow


def leave_one_out(predict: Predict, real: np.ndarray) -> np.ndarray:
    """How far the logit of the first answer falls when a token is hidden, (B, T).

    `real` (B, T) of bool says which tokens there are: the others get 0. Negative where a token
    speaks against the answer.
    """
    real = np.asarray(real, bool)
    rows = np.arange(len(real))
    with no_grad():
        before = raw(predict(real))
        answer = before.argmax(axis=1)
        fall = np.zeros(real.shape)
        for token in range(real.shape[1]):
            keep = real.copy()
            keep[:, token] = False
            fall[:, token] = (before - raw(predict(keep)))[rows, answer]
    return np.where(real, fall, 0.0)


def times_gradient(logits: Tensor, tensors: Sequence[Tensor]) -> list[np.ndarray]:
    """Each tensor times the gradient of the predicted class's logit, shaped as the tensor.

    The logits (B, C) were computed from the tensors: inputs that require a gradient, or the weights
    that a model returned, which are part of the record.
    """
    pick = np.zeros(logits.shape, logits.dtype)
    pick[np.arange(len(pick)), raw(logits).argmax(axis=1)] = 1
    found = grad(logits, list(tensors), gradient=pick)
    return [raw(x) * g for x, g in zip(tensors, found, strict=True)]


def pointing(scores: np.ndarray, positions: np.ndarray) -> float:
    """The share of rows (B, T) whose largest score is at the position (B,) that is right."""
    return float((scores.argmax(axis=1) == positions).mean())


def deletion(predict: Predict, scores: np.ndarray) -> np.ndarray:
    """The mean probability of the first answer with the k highest tokens hidden, k = 0 … T.

    The faster it falls, the more the scores (B, T) have found of what the answer rests on.
    Source: V. Petsiuk, A. Das, K. Saenko, "RISE", BMVC 2018.
    """
    rank = (-scores).argsort(axis=1, kind="stable").argsort(axis=1)
    rows = np.arange(len(scores))
    with no_grad():
        answer = raw(predict(rank >= 0)).argmax(axis=1)
        hidden = [raw(softmax(predict(rank >= k))) for k in range(scores.shape[1] + 1)]
    return np.array([p[rows, answer].mean() for p in hidden])
