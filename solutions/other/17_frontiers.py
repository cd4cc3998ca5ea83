"""Other right answers to the exercises of chapter 17, built differently from the worked ones.

`python -m minitorch_attn prove 17` mutates these too: a mistake that nobody can make in the worked
answer can be made here.
"""

import math
import statistics

import numpy as np

# %% 17.1 halving an interval


def sparsemax(x, gradient):
    if x.shape != gradient.shape:
        raise ValueError("one gradient for each score")
    top = x.max(axis=-1, keepdims=True)
    low, high = top - 1, top
    for _ in range(70):
        tau = (low + high) / 2
        heavy = np.maximum(x - tau, 0).sum(axis=-1, keepdims=True) > 1
        low = np.where(heavy, tau, low)
        high = np.where(heavy, high, tau)
    on = x > high
    y = np.where(on, x - high, 0.0)
    total = np.where(on, gradient, 0.0).sum(axis=-1, keepdims=True)
    return y, np.where(on, gradient - total / on.sum(axis=-1, keepdims=True), 0.0)


# %% 17.1 row by row, one after the other


def sparsemax(x, gradient):
    if list(x.shape) != list(gradient.shape):
        raise ValueError("shapes differ")
    y, g_x = np.zeros(x.shape), np.zeros(x.shape)
    for at in np.ndindex(x.shape[:-1]):
        row = x[at]
        order = [int(i) for i in np.argsort(row)[::-1]]
        inside = []
        for i in order:
            total = sum(row[j] for j in inside) + row[i]
            if (len(inside) + 1) * row[i] > total - 1:
                inside.append(i)
            else:
                break
        tau = (sum(row[j] for j in inside) - 1) / len(inside)
        mean = sum(gradient[at][j] for j in inside) / len(inside)
        for j in inside:
            y[at][j] = row[j] - tau
            g_x[at][j] = gradient[at][j] - mean
    return y, g_x


# %% 17.2 logarithms and einsum


def sharpen(scores, query, w, b):
    exponent = np.einsum("...nd,d->...n", query, w) + b
    cold = np.exp(-exponent)
    s = (scores - np.max(scores, axis=-1)[..., None]) * cold[..., None]
    return np.exp(s - np.logaddexp.reduce(s, axis=-1)[..., None])


# %% 17.2 query by query


def sharpen(scores, query, w, b):
    weights = np.zeros(scores.shape)
    for at in np.ndindex(scores.shape[:-1]):
        hot = math.exp(float((query[at] * w).sum()) + b)
        top = max(scores[at])
        e = [math.exp((x - top) / hot) for x in scores[at]]
        weights[at] = np.array(e) / sum(e)
    return weights


# %% 17.3 with copies


def fusion_test(image, text, order, said=None, y=None):
    if said is None:
        count = len(order)
        if set(order.tolist()) != set(range(len(image))) or count != len(image):
            raise ValueError("every example once")
        for i in range(count):
            if order[i] == i:
                raise ValueError("nobody keeps its own")
        images = np.repeat(image[None], 5, axis=0)
        texts = np.repeat(text[None], 5, axis=0)
        for i in range(count):
            images[1, i] = image[order[i]]
            texts[2, i] = text[order[i]]
        images[3] = 0
        texts[4] = 0
        return images, texts
    accuracy = [float(np.mean(row == y)) for row in said]
    changed = [float(np.mean(row != said[0])) for row in said[1:]]
    return np.array(accuracy), np.array(changed)


# %% 17.3 counting


def fusion_test(image, text, order, said=None, y=None):
    n = len(image)
    if said is None:
        counts = np.zeros(n, dtype=int)
        for place in order:
            if not 0 <= place < n:
                raise ValueError("no such example")
            counts[place] += 1
        if (counts != 1).any() or np.any(order == np.arange(n)):
            raise ValueError("this order does not shuffle all")
        images = [image, np.take(image, order, axis=0), image, np.zeros(image.shape), image]
        texts = [text, text, np.take(text, order, axis=0), text, np.zeros(text.shape, int)]
        return np.array(images), np.array(texts)
    return (said == y).sum(axis=1) / n, (said[1:] != said[0]).sum(axis=1) / n


# %% 17.4 loops


def continual_scores(A):
    rows, columns = A.shape
    if rows != columns or rows < 2:
        raise ValueError("a row and a column a task")
    lost = kept = 0.0
    for j in range(rows - 1):
        best = A[j, j]
        for t in range(j + 1, rows):
            if A[t, j] > best:
                best = A[t, j]
        lost += best - A[rows - 1, j]
        kept += A[rows - 1, j] - A[j, j]
    return sum(A[rows - 1]) / rows, lost / (rows - 1), kept / (rows - 1)


# %% 17.4 what is not learned yet set far down


def continual_scores(A):
    if A.shape != A.T.shape or A.shape[0] < 2:
        raise ValueError("not a table of tasks")
    learned = np.where(np.tril(np.ones(A.shape)) > 0, A, -np.inf)
    end = learned[-1]
    best = learned.max(axis=0)
    forgetting = (best - end)[:-1].mean()
    return end.mean(), forgetting, (end - np.diag(A))[:-1].mean()


# %% 17.5 the statistics module


def ledger(without, with_it, seconds_without, seconds_with, factor):
    count = len(without)
    if count < 3:
        raise ValueError("three seeds at least")
    for column in (with_it, seconds_without, seconds_with):
        if len(column) != count:
            raise ValueError("one entry a seed")
    for column in (without, with_it, seconds_without, seconds_with):
        if not all(math.isfinite(x) for x in column):
            raise ValueError("not finite")
    if any(x <= 0 for x in [*seconds_without, *seconds_with]):
        raise ValueError("a run takes time")
    pairs = [float(b - a) for a, b in zip(without, with_it, strict=True)]
    gain = statistics.fmean(pairs)
    error = statistics.stdev(pairs) / math.sqrt(count)
    margin = factor * error
    if gain > margin:
        verdict = "gain"
    elif gain < -margin:
        verdict = "loss"
    else:
        verdict = "cannot tell"
    price = statistics.fmean(seconds_with) / statistics.fmean(seconds_without)
    return gain, error, verdict, price


# %% 17.5 sums


def ledger(without, with_it, seconds_without, seconds_with, factor):
    n = len(without)
    if n < 3 or not len(with_it) == len(seconds_without) == len(seconds_with) == n:
        raise ValueError("seeds")
    whole = np.stack([without, with_it, seconds_without, seconds_with])
    if np.isnan(whole).any() or np.isinf(whole).any() or (whole[2:] <= 0).any():
        raise ValueError("entries")
    d = whole[1] - whole[0]
    gain = d.sum() / n
    error = math.sqrt(((d - gain) ** 2).sum() / (n - 1) / n)
    verdict = {1: "gain", -1: "loss", 0: "cannot tell"}[
        int(gain > factor * error) - int(gain < -factor * error)
    ]
    return gain, error, verdict, whole[3].sum() / whole[2].sum()
