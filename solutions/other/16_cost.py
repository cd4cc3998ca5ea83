"""Other right answers to the exercises of chapter 16, built differently from the worked ones.

`python -m minitorch_attn prove 16` mutates these too: a mistake that nobody can make in the worked
answer can be made here.
"""

import itertools
import math

import numpy as np

# %% 16.1 pair by pair


def products(weights, width, head_dim, hidden, causal=False):
    H, N, S = weights.shape
    if causal and N > S:
        raise ValueError("a query without a key")
    projections = pairs = dense = 0
    for _ in range(N):
        projections += 2 * width * H * head_dim  # query and output
        dense += 2 * width * hidden
    for _ in range(S):
        projections += 2 * width * H * head_dim  # key and value
    for i in range(N):
        for j in range(S):
            if not causal or j <= i + S - N:
                pairs += 2 * H * head_dim
    return projections, pairs, dense


# %% 16.1 a mask


def products(weights, width, head_dim, hidden, causal=False):
    heads, queries, keys = weights.shape
    may = np.ones((queries, keys), int)
    if causal:
        if keys < queries:
            raise ValueError("fewer keys than queries")
        may = np.tril(may, keys - queries)
    rows = queries + keys + keys + queries
    total = int(may.sum()) * heads
    return [
        rows * width * heads * head_dim,
        total * (head_dim + head_dim),
        queries * hidden * 2 * width,
    ]


# %% 16.2 logarithms joined


def attend_block(state, query, key, value):
    if len(key) == 0:
        if state is None:
            raise ValueError("no key")
        return state[1], state
    scores = (query @ key.T) * query.dtype.type(query.shape[1] ** -0.5)
    here = np.logaddexp.reduce(scores, axis=1)[:, None]
    own = np.exp(scores - here) @ value
    if state is None:
        return own, (here, own)
    before, old = state
    both = np.logaddexp(before, here)
    y = old * np.exp(before - both) + own * np.exp(here - both)
    return y, (both, y)


# %% 16.2 key by key


def attend_block(state, query, key, value):
    n, d = query.shape
    if state is None:
        top = np.full(n, -math.inf, query.dtype)
        total = np.zeros(n, query.dtype)
        summed = np.zeros((n, value.shape[1]), query.dtype)
    else:
        top, total, summed = (part.copy() for part in state)
    if np.isinf(top).all() and key.shape[0] == 0:
        raise ValueError("no key")
    for k, v in zip(key, value, strict=True):
        for i in range(n):
            score = float(query[i] @ k) / math.sqrt(d)
            if score > top[i]:
                factor = math.exp(float(top[i]) - score)
                total[i] *= factor
                summed[i] *= factor
                top[i] = score
            e = math.exp(score - float(top[i]))
            total[i] += e
            summed[i] += e * v
    return summed / total[:, None], (top, total, summed)


# %% 16.3 a new room each time


def cached_step(cache, x, places, wq, wk, wv, window=None):
    if window is not None and not window > 0:
        raise ValueError("the window")
    old_keys, old_values, seen = cache or ([], [], 0)
    if len(places) <= seen:
        raise ValueError("no place left")
    here = places[seen] + x
    first = 0 if window is None else max(0, len(old_keys) + 1 - window)
    count = len(old_keys) + 1 - first
    keys, values = np.empty((count, wk.shape[1])), np.empty((count, wv.shape[1]))
    for i in range(first, len(old_keys)):
        keys[i - first], values[i - first] = old_keys[i], old_values[i]
    keys[count - 1], values[count - 1] = here @ wk, here @ wv
    scores = (keys * (here @ wq)).sum(axis=1) * wk.shape[1] ** -0.5
    weights = np.exp(scores - np.logaddexp.reduce(scores))
    return (weights[:, None] * values).sum(axis=0), (keys, values, seen + 1)


# %% 16.3 lists


def cached_step(cache, x, places, wq, wk, wv, window=None):
    if window is not None and window <= 0:
        raise ValueError("the window")
    keys, values, seen = ([], [], 0) if cache is None else cache
    if not seen < len(places):
        raise ValueError("full")
    token = x + places[seen]
    query, key, value = token @ wq, token @ wk, token @ wv
    keys, values = [*keys, key], [*values, value]
    while window is not None and len(keys) > window:
        keys, values = keys[1:], values[1:]
    scores = [float(query @ k) / math.sqrt(len(query)) for k in keys]
    shares = [math.exp(score - max(scores)) for score in scores]
    z = sum(share * v for share, v in zip(shares, values, strict=True)) / sum(shares)
    return z, (keys, values, seen + 1)


# %% 16.4 cumulative sums


def linear_causal(query, key, value, state=None):
    if len({len(query), len(key), len(value)}) > 1:
        raise ValueError("unequal lengths")

    def phi(x):
        return np.maximum(x, 0) + np.exp(np.minimum(x, 0))

    q, k = phi(query), phi(key)
    S0, z0 = state or (np.zeros((k.shape[1], value.shape[1])), np.zeros(k.shape[1]))
    S = np.cumsum(np.concatenate([S0[None], k[:, :, None] * value[:, None, :]]), axis=0)
    z = np.cumsum(np.concatenate([z0[None], k]), axis=0)
    y = np.einsum("nd,ndv->nv", q, S[1:]) / np.einsum("nd,nd->n", q, z[1:])[:, None]
    return y, (S[-1], z[-1])


# %% 16.4 pairs inside, a state before


def linear_causal(query, key, value, state=None):
    n = len(query)
    if n != len(key) or n != len(value):
        raise ValueError("unequal lengths")
    q, k = (np.exp(np.minimum(x, 0)) + x * (x > 0) for x in (query, key))
    own = np.tril(q @ k.T)
    top, bottom = own @ value, own.sum(axis=1)
    S, z = k.T @ value, k.sum(axis=0)
    if state is not None:
        top, bottom = top + q @ state[0], bottom + q @ state[1]
        S, z = S + state[0], z + state[1]
    return top / bottom[:, None], (S, z)


# %% 16.5 climbing


def machines(compute, size, latency, bandwidth):
    for given in (compute, size, latency, bandwidth):
        if given <= 0:
            raise ValueError("not above 0")

    def t(p):
        return (compute - 2 * size / bandwidth) / p + 2 * p * latency  # but for what is constant

    p = 1
    while t(p + 1) < t(p):
        p += 1
    return p


# %% 16.5 what one more saves


def machines(compute, size, latency, bandwidth):
    if not (compute > 0 and size > 0 and latency > 0 and bandwidth > 0):
        raise ValueError("not above 0")
    worth = compute - 2 * size / bandwidth
    for p in itertools.count(1):
        if worth <= 2 * latency * p * (p + 1):
            return p
