"""Other right answers to the exercises of chapter 06, built differently from the worked ones.

`python -m minitorch_attn prove 06` mutates these too: a mistake that nobody can make in the worked
answer can be made here.
"""

import math

import numpy as np

# %% 06.1 loops


def mend(query, key, value):
    count, width = key.shape
    if query.shape != (width,):
        raise ValueError("query and key differ in width")
    if len(value) != count:
        raise ValueError("not one value for each key")
    scores = []
    for i in range(count):
        total = 0.0
        for j in range(width):
            total += query[j] * key[i, j]
        scores.append(total)
    largest = max(scores)
    shares = [math.exp(score - largest) for score in scores]
    whole = sum(shares)
    alpha = np.zeros(count)
    w = np.zeros(value.shape)
    z = np.zeros(value.shape[1])
    for i in range(count):
        alpha[i] = shares[i] / whole
        w[i] = alpha[i] * value[i]
        z += w[i]
    return alpha, w, z


# %% 06.1 logarithms and einsum


def mend(query, key, value):
    score = key @ query  # raises where the widths differ
    alpha = np.exp(score - np.logaddexp.reduce(score))
    z = alpha @ value  # raises where there is not one value for each key
    return alpha, np.einsum("s,sv->sv", alpha, value), z


# %% 06.2 einsum


def attend(query, key, value):
    scores = np.einsum("...nd,...sd->...ns", query, key)
    scores -= np.amax(scores, axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    total = np.einsum("...ns->...n", scores)
    return np.einsum("...ns,...sv->...nv", scores, value) / total[..., None]


# %% 06.2 one problem after the other


def attend(query, key, value):
    def one(q, k, v):
        s = k @ q
        a = np.exp(s - s.max())
        return a @ v / a.sum()

    lead = query.shape[:-2]
    out = np.zeros((*lead, query.shape[-2], value.shape[-1]))
    for at in np.ndindex(*lead):
        for n in range(query.shape[-2]):
            out[(*at, n)] = one(query[at][n], key[at], value[at])
    return out


# %% 06.2 query by query


def attend(query, key, value):
    answers = []
    for q in np.moveaxis(query, -2, 0):
        score = (key * q[..., None, :]).sum(axis=-1)
        e = np.exp(score - score.max(axis=-1)[..., None])
        weights = e / e.sum(axis=-1)[..., None]
        answers.append((weights[..., None] * value).sum(axis=-2))
    return np.stack(answers, axis=-2)


# %% 06.3 differences to the last value


def steer(target, key, value):
    edges = (value[:-1] - value[-1]).T
    first = np.linalg.solve(edges, target - value[-1])
    weights = np.append(first, 1 - first.sum())
    if min(weights) < 0.0001:
        raise ValueError("outside the hull, or on its edge")
    score = np.log(weights)
    # Only differences of scores count, and there are as many as values but one.
    return np.linalg.pinv(key[:-1] - key[-1]) @ (score[:-1] - score[-1])


# %% 06.3 least squares with an equation for the sum


def steer(target, key, value):
    count = len(value)
    system = np.ones((count, count))
    system[:-1] = value.T
    weights = np.linalg.inv(system) @ np.concatenate([target, [1]])
    for weight in weights:
        if weight < 1e-4:
            raise ValueError("no query leads there")
    wish = np.log(weights)
    centred = key - key.mean(axis=0)
    query, *_ = np.linalg.lstsq(centred, wish - wish.mean(), rcond=None)
    return query


# %% 06.4 the Jacobian of each query


def attend_backward(gradient, query, key, value):
    g_query, g_key, g_value = np.zeros(query.shape), np.zeros(key.shape), np.zeros(value.shape)
    for n in range(len(query)):
        score = key @ query[n]
        alpha = np.exp(score - score.max())
        alpha /= alpha.sum()
        jacobian = np.diag(alpha) - np.outer(alpha, alpha)
        g_score = jacobian @ (value @ gradient[n])
        g_query[n] = g_score @ key
        g_key += np.outer(g_score, query[n])
        g_value += np.outer(alpha, gradient[n])
    return g_query, g_key, g_value


# %% 06.4 through the answers


def attend_backward(gradient, query, key, value):
    scores = np.einsum("nd,sd->ns", query, key)
    scores = scores - scores.max(axis=1)[:, None]
    weights = np.exp(scores)
    weights = weights / weights.sum(axis=1)[:, None]
    z = weights @ value
    along = np.einsum("nv,nsv->ns", gradient, value[None, :, :] - z[:, None, :])
    g_scores = weights * along
    g_query = np.einsum("ns,sd->nd", g_scores, key)
    g_key = np.einsum("ns,nd->sd", g_scores, query)
    g_value = np.einsum("ns,nv->sv", weights, gradient)
    return g_query, g_key, g_value
