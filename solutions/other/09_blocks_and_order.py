"""Other right answers to the exercises of chapter 09, built differently from the worked ones."""

import math

import numpy as np

# %% 09.1 row by row


def layer_norm(x, weight, bias, gradient, eps):
    rows, slopes = x.reshape(-1, x.shape[-1]), gradient.reshape(-1, x.shape[-1])
    y, g_x = np.zeros(rows.shape), np.zeros(rows.shape)
    g_weight, g_bias = np.zeros(len(weight)), np.zeros(len(bias))
    for i, (row, slope) in enumerate(zip(rows, slopes, strict=True)):
        mean = row.mean()
        deviation = math.sqrt(((row - mean) ** 2).mean() + eps)
        u = (row - mean) / deviation
        y[i] = weight * u + bias
        arriving = slope * weight
        # The whole Jacobian of the norm, a matrix (D, D).
        jacobian = (np.eye(len(row)) - 1 / len(row) - np.outer(u, u) / len(row)) / deviation
        g_x[i] = jacobian @ arriving
        g_weight += slope * u
        g_bias += slope
    return y.reshape(x.shape), g_x.reshape(x.shape), g_weight, g_bias


# %% 09.1 step by step backwards


def layer_norm(x, weight, bias, gradient, eps):
    width = x.shape[-1]
    centred = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.var(x, axis=-1, keepdims=True)
    root = np.sqrt(variance + eps)
    g_u = gradient * weight
    g_root = -np.sum(g_u * centred, axis=-1, keepdims=True) / root**2
    g_variance = g_root / (2 * root)
    g_centred = g_u / root + 2 * g_variance * centred / width
    g_x = g_centred - np.sum(g_centred, axis=-1, keepdims=True) / width
    u = centred / root
    g_weight = np.einsum("rd,rd->d", gradient.reshape(-1, width), u.reshape(-1, width))
    g_bias = np.einsum("rd->d", gradient.reshape(-1, width))
    return u * weight + bias, g_x, g_weight, g_bias


# %% 09.2 loops


def notices(outputs, shuffled, order):
    scenes, tokens = order.shape
    moved = False
    for row in order:
        if sorted(row.tolist()) != list(range(tokens)):
            raise ValueError("no order")
        moved = moved or any(token != i for i, token in enumerate(row))
    if not moved:
        raise ValueError("nothing moves")
    equivariance = invariance = 0.0
    for b in range(scenes):
        for i in range(tokens):
            here = shuffled[b, i]
            equivariance = max(equivariance, np.abs(here - outputs[b, order[b, i]]).max())
            invariance = max(invariance, np.abs(here - outputs[b, i]).max())
    return equivariance, invariance


# %% 09.2 put back


def notices(outputs, shuffled, order):
    scenes, tokens = order.shape
    counts = np.zeros((scenes, tokens), int)
    if order.min() < 0 or order.max() >= tokens:
        raise ValueError("no such token")
    scene = np.arange(scenes)[:, None]
    np.add.at(counts, (scene, order), 1)
    if (counts != 1).any():
        raise ValueError("a token is missing")
    if np.array_equal(order, np.tile(np.arange(tokens), (scenes, 1))):
        raise ValueError("nothing moves")
    back = np.empty(shuffled.shape)
    back[scene, order] = shuffled  # each output to the place that its token came from
    return np.max(np.abs(back - outputs)), np.max(np.abs(shuffled - outputs))


# %% 09.3 number by number


def positions(places, dim):
    if dim != 2 * (dim // 2):
        raise ValueError("an odd width")
    table = []
    for place in places:
        row = []
        for i in range(dim // 2):
            angle = place * 10000.0 ** (-2 * i / dim)
            row += [math.sin(angle), math.cos(angle)]
        table.append(row)
    return np.array(table)


# %% 09.3 complex numbers


def positions(places, dim):
    half, odd = divmod(dim, 2)
    if odd:
        raise ValueError("an odd width")
    rates = np.exp(-np.log(10000) * np.arange(half) / half)
    turned = np.exp(1j * np.outer(places, rates))
    return np.stack([turned.imag, turned.real], axis=-1).reshape(len(places), dim)


# %% 09.4 where and einsum


def drop(weights, keep, p):
    if p < 0 or p >= 1 or p != p:
        raise ValueError("p is in [0, 1)")
    dropped = np.where(keep, weights / (1 - p), 0.0)
    squares = np.einsum("...s,...s->...", weights, weights)
    return dropped, np.einsum("...s->...", dropped), (p * squares / (1 - p)) ** 0.5


# %% 09.4 row by row


def drop(weights, keep, p):
    if not (p >= 0 and p < 1):
        raise ValueError("p is in [0, 1)")
    kept = 1 - p
    dropped = weights.copy()
    dropped[~keep] = 0
    dropped /= kept
    rows = weights.reshape(-1, weights.shape[-1])
    spreads = []
    for row in rows:
        variance = 0.0
        for weight in row:
            variance += (weight / kept) ** 2 * p * kept
        spreads.append(math.sqrt(variance))
    lead = weights.shape[:-1]
    return dropped, dropped.sum(axis=-1), np.reshape(spreads, lead)
