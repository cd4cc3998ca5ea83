"""Other right answers to the exercises of chapter 07, built differently from the worked ones.

`python -m minitorch_attn prove 07` mutates these too: a mistake that nobody can make in the worked
answer can be made here.
"""

import math

import numpy as np

# %% 07.1 entry by entry


def spread(mean_q, var_q, mean_k, var_k):
    for part in (var_q, mean_k, var_k):
        if len(part) != len(mean_q):
            raise ValueError("the four lengths differ")
    total = 0.0
    for c in range(len(mean_q)):
        if var_q[c] < 0 or var_k[c] < 0:
            raise ValueError("a variance below 0")
        total += var_q[c] * var_k[c] + var_q[c] * mean_k[c] ** 2 + mean_q[c] ** 2 * var_k[c]
    return total, 1 / math.sqrt(total)


# %% 07.1 three dot products


def spread(mean_q, var_q, mean_k, var_k):
    numbers = np.stack([mean_q, var_q, mean_k, var_k])  # raises where a length differs
    if min(numbers[1].min(), numbers[3].min()) < 0:
        raise ValueError("a variance below 0")
    variance = var_q @ var_k + var_q @ np.square(mean_k) + np.square(mean_q) @ var_k
    return variance, variance**-0.5


# %% 07.2 row by row


def masked_weights(scores, allowed):
    seen = np.broadcast_to(allowed, scores.shape)
    weights = np.zeros_like(scores)
    for row in np.ndindex(scores.shape[:-1]):
        some = scores[row][seen[row]]
        e = np.exp(some - some.max())
        weights[row][seen[row]] = e / e.sum()
    return weights


# %% 07.2 where and initial


def masked_weights(scores, allowed):
    largest = np.max(scores, axis=-1, keepdims=True, where=allowed, initial=-np.inf)
    e = np.where(allowed, np.exp(scores - largest), 0)
    return e / e.sum(axis=-1, keepdims=True)


# %% 07.3 row by row


def safe_softmax(scores, allowed, gradient):
    weights, g_scores = np.zeros(scores.shape), np.zeros(scores.shape)
    for n, seen in enumerate(allowed):
        if not seen.any():
            continue
        e = np.exp(scores[n, seen] - scores[n, seen].max())
        alpha = e / e.sum()
        weights[n, seen] = alpha
        g_scores[n, seen] = alpha * (gradient[n, seen] - alpha @ gradient[n, seen])
    return weights, g_scores


# %% 07.3 a sum of 0 replaced


def safe_softmax(scores, allowed, gradient):
    low = np.where(allowed, scores, -np.inf).max(axis=1)
    e = np.where(allowed, np.exp(scores - low[:, None]), 0)
    total = e.sum(axis=1)
    total[total == 0] = 1
    weights = e / total[:, None]
    along = np.einsum("ns,ns->n", weights, gradient)
    return weights, weights * gradient - weights * along[:, None]


# %% 07.4 try by try


def future_test(x, other, y=None, ys=None):
    count = len(x)
    if ys is None:
        return np.stack([np.concatenate([x[: t + 1], other[t + 1 :]]) for t in range(count)])
    size = max(abs(y.max()), abs(y.min()))
    leaks = []
    for t in range(count):
        change = max(abs(a - b) for a, b in zip(ys[t, t], y[t], strict=True))
        leaks.append(change / size >= 1e-6)
    return leaks


# %% 07.4 a triangle of factors


def future_test(x, other, y=None, ys=None):
    if y is None:
        past = np.tri(len(x))[:, :, None]
        return past * x + (1 - past) * other
    moved = np.einsum("ttv->tv", ys) - y
    allowed = 0.00001 * np.linalg.norm(y.ravel(), np.inf)
    return (np.abs(moved) > allowed).any(axis=1)
