"""Right answers to the exercises of chapter 05, built otherwise than the worked ones."""

import numpy as np

# %% 05.1 by its logarithm


def softmax(x, axis=-1, log=False):
    whole = np.logaddexp.reduce(x, axis=axis, keepdims=True)
    logarithm = x - whole
    if log:
        return logarithm
    return np.exp(logarithm)


# %% 05.1 row by row


def softmax(x, axis=-1, log=False):
    rows = np.moveaxis(x, axis, -1)
    out = np.empty_like(rows)
    for place in np.ndindex(rows.shape[:-1]):
        low = rows[place] - max(rows[place])
        total = sum(np.exp(low))
        if log:
            out[place] = low - np.log(total)
        else:
            out[place] = np.exp(low) / total
    return np.moveaxis(out, -1, axis)


# %% 05.2 by letters


def jacobian(x, temperature=1.0):
    low = x / temperature
    low = low - low.max(axis=-1, keepdims=True)
    alpha = np.exp(low)
    alpha /= alpha.sum(axis=-1, keepdims=True)
    between = np.einsum("...i,...j->...ij", alpha, alpha)
    own = np.einsum("...i,ij->...ij", alpha, np.eye(x.shape[-1]))
    return (own - between) / temperature


# %% 05.2 row by row


def jacobian(x, temperature=1.0):
    out = np.empty((*x.shape, x.shape[-1]))
    for place in np.ndindex(x.shape[:-1]):
        e = np.exp((x[place] - max(x[place])) / temperature)
        alpha = e / sum(e)
        out[place] = (np.diag(alpha) - np.outer(alpha, alpha)) / temperature
    return out


# %% 05.3 score by score


def temper(x, temperature):
    if temperature < 0:
        raise ValueError("a temperature is at least 0")
    top = max(x)
    parts = []
    for score in x:
        if score == top:
            parts.append(1.0)
        elif temperature == 0:
            parts.append(0.0)
        else:
            parts.append(np.exp((score - top) / temperature))
    return np.array(parts) / sum(parts)


# %% 05.3 three cases


def temper(x, temperature):
    if not temperature >= 0:
        raise ValueError("a temperature is at least 0")
    largest = x == x.max()
    if temperature == 0:
        return largest / np.count_nonzero(largest)
    if np.isinf(temperature):
        return np.full(len(x), 1 / len(x))
    e = np.exp((x - x.max()) / temperature)
    return e / e.sum()


# %% 05.4 without a table


def gradient_size(query, key, widths):
    def mean_norm(scores):
        alpha = np.exp(scores - scores.max(axis=1, keepdims=True))
        alpha = alpha / alpha.sum(axis=1, keepdims=True)
        two, three = (alpha**2).sum(axis=1), (alpha**3).sum(axis=1)
        return np.sqrt(np.maximum(two - 2 * three + two**2, 0)).mean()

    plain, scaled = [], []
    for w in widths:
        scores = query[:, :w] @ key[:, :w].T
        plain.append(mean_norm(scores))
        scaled.append(mean_norm(scores / w**0.5))
    return plain, scaled


# %% 05.4 query by query


def gradient_size(query, key, widths):
    norms = np.zeros((2, len(widths)))
    for i, w in enumerate(widths):
        for q in query:
            scores = key[:, :w] @ q[:w]
            for j, s in enumerate([scores, scores / np.sqrt(w)]):
                e = np.exp(s - s.max())
                alpha = e / e.sum()
                table = np.diag(alpha) - np.outer(alpha, alpha)
                norms[j, i] += np.linalg.norm(table)
    return norms / len(query)
