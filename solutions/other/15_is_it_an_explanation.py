"""Other right answers to the exercises of chapter 15, built differently from the worked ones.

`python -m minitorch_attn prove 15` mutates these too: a mistake that nobody can make in the worked
answer can be made here.
"""

import numpy as np

# %% 15.1 einsum


def rollout(weights):
    if len(weights) == 0:
        raise ValueError("nothing to roll out")
    first = weights[0]
    batch, tokens = len(first), first.shape[3]
    steps = []
    for w in weights:
        if w.shape[0] != batch or w.shape[2:] != (tokens, tokens):
            raise ValueError("blocks differ in size")
        if np.max(np.abs(np.einsum("bhij->bhi", w) - 1)) > 1e-3:
            raise ValueError("a row does not sum to 1")
        steps.append(0.5 * np.einsum("bhij->bij", w) / w.shape[1] + 0.5 * np.eye(tokens))
    flow = steps[0]
    for step in steps[1:]:
        flow = np.einsum("bik,bkj->bij", step, flow)
    return flow


# %% 15.1 from the last block down


def rollout(weights):
    if not weights:
        raise ValueError("no weights")
    n = weights[-1].shape[-1]
    shapes = {(w.shape[0], w.shape[2], w.shape[3]) for w in weights}
    if shapes != {(len(weights[-1]), n, n)}:
        raise ValueError("the blocks do not fit")
    flow = np.eye(n)
    for w in reversed(weights):
        total = w.sum(axis=3)
        if (total < 0.999).any() or (total > 1.001).any():
            raise ValueError("weights are shares")
        fetched = flow @ w.mean(axis=1)
        flow = (flow + fetched) * 0.5
    return flow


# %% 15.2 scene by scene


def leave_one_out(scores, values, head, real):
    def logit(b, keep):
        s = scores[b][keep]
        e = np.exp(s - s.max())
        return (e / e.sum()) @ values[b][keep] @ head

    out = np.zeros(scores.shape)
    for b in range(len(scores)):
        there = np.flatnonzero(real[b])
        if len(there) < 2:
            raise ValueError("too few tokens")
        all_in = logit(b, there)
        c = int(np.argmax(all_in))
        for t in there:
            out[b, t] = all_in[c] - logit(b, there[there != t])[c]
    return out


# %% 15.2 all at once


def leave_one_out(scores, values, head, real):
    size = real.shape[1]
    if real.sum(axis=1).min() < 2:
        raise ValueError("a scene has nothing left")
    keep = real[:, None, :] & ~np.eye(size, dtype=bool)
    keep = np.concatenate([real[:, None, :], keep], axis=1)
    s = np.where(keep, scores[:, None, :], -np.inf)
    s = s - s.max(axis=2, keepdims=True)
    a = np.exp(s)
    a = a / a.sum(axis=2, keepdims=True)
    gives = np.where(real[:, :, None], values, 0.0) @ head
    logits = a @ gives
    best = logits[:, 0].argmax(axis=1)
    picked = np.take_along_axis(logits, best[:, None, None], axis=2)[:, :, 0]
    return np.where(real, picked[:, :1] - picked[:, 1:], 0.0)


# %% 15.3 left singular vectors


def other_weights(weights, values):
    if weights.min() <= 0 or abs(weights.sum() - 1) > 1e-6:
        raise ValueError("no weights of softmax")
    rows = np.column_stack([values, np.ones(len(weights))])  # raises where the numbers differ
    left, sizes, _ = np.linalg.svd(rows)
    if np.count_nonzero(sizes > 1e-9) == len(weights):
        raise ValueError("these are the only ones")
    way = -left[:, -1]
    return weights + way * min(-w / d for w, d in zip(weights, way, strict=True) if d < 0)


# %% 15.3 a unit vector, projected


def other_weights(weights, values):
    if (weights <= 0).any() or abs(sum(weights) - 1) > 1e-6:
        raise ValueError("these are no weights")
    system = np.vstack([np.ones(len(weights)), values.T])  # raises where the numbers differ
    free = np.eye(len(weights)) - np.linalg.pinv(system) @ system
    most = free.diagonal().argmax()
    if free[most, most] < 1e-6:
        raise ValueError("no freedom is left")
    way = -free[most]
    reach = np.full(len(weights), np.inf)
    reach[way < 0] = weights[way < 0] / -way[way < 0]
    return weights + reach.min() * way


# %% 15.4 loops


def yardstick(p, p_permuted, w, w_other, w_seeds):
    for table in (p, p_permuted, w, w_other, w_seeds):
        for total in table.sum(axis=-1).ravel():
            if not 0.999 <= total <= 1.001:
                raise ValueError("not a distribution")

    def one(a, b):
        total = 0.0
        for x, y in zip(a, b, strict=True):
            m = (x + y) / 2
            if x > 0:
                total += x * np.log(x / m)
            if y > 0:
                total += y * np.log(y / m)
        return total / 2

    moved, far, seeds, count = [], [], [], 0
    for i in range(len(p)):
        moved.append(np.median([np.abs(q[i] - p[i]).sum() / 2 for q in p_permuted]))
        far.append(one(w[i], w_other[i]))
        seeds.append(max(one(w[i], s[i]) for s in w_seeds))
        count += far[i] > seeds[i]
    return moved, far, seeds, count / len(p)


# %% 15.4 by entropies


def yardstick(p, p_permuted, w, w_other, w_seeds):
    if any(np.abs(x.sum(axis=-1) - 1).max() > 1e-3 for x in (p, p_permuted, w, w_other, w_seeds)):
        raise ValueError("rows must sum to 1")

    def spread(x):
        return -np.sum(x * np.log(x + (x == 0)), axis=-1)

    def js(x, y):
        return spread(0.5 * (x + y)) - 0.5 * (spread(x) + spread(y))

    shift = np.maximum(p, p_permuted).sum(axis=-1) - np.minimum(p, p_permuted).sum(axis=-1)
    away, others = js(w, w_other), np.amax(js(w[None], w_seeds), axis=0)
    return np.median(shift / 2, axis=0), away, others, np.count_nonzero(away > others) / len(away)


# %% 15.5 scene by scene


def judge(scores, values, own, places):
    blocks, scenes, tokens = scores.shape
    if tokens == 1:
        raise ValueError("nothing to hide it behind")

    def says(b, seen):
        logits = own[b].astype(float)
        for k in range(blocks):
            s = scores[k, b, seen]
            e = np.exp(s - s.max())
            logits = logits + (e / e.sum()) @ values[k, b, seen]
        return int(logits.argmax())

    hits = changes = 0
    everything = np.arange(tokens)
    for b in range(scenes):
        if places[b] not in everything:
            raise ValueError("no such token")
        top = int(np.argmax(scores[blocks - 1, b]))
        hits += top == places[b]
        changes += says(b, everything) != says(b, everything[everything != top])
    return 10 * hits >= 9 * scenes, 2 * changes >= scenes


# %% 15.5 with masked scores


def judge(scores, values, own, places):
    s = scores.shape[2]
    if s < 2 or places.min() < 0 or places.max() > s - 1:
        raise ValueError("no scenes that can be judged")

    def softmax(x):
        x = np.exp(x - np.max(x, axis=2, keepdims=True))
        return x / np.sum(x, axis=2, keepdims=True)

    def read(table):
        return np.argmax(own + np.sum(softmax(table)[..., None] * values, axis=(0, 2)), axis=1)

    top = softmax(scores)[-1].argmax(axis=1)
    hidden = np.array(scores, dtype=float)
    hidden[:, np.arange(len(top)), top] = -np.inf
    other = read(hidden)
    return (top == places).mean() >= 0.9, (other != read(scores)).mean() >= 0.5
