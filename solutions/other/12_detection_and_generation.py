"""Other right answers to the exercises of chapter 12, built differently from the worked ones.

`python -m minitorch_attn prove 12` mutates these too: a mistake that nobody can make in the worked
answer can be made here.
"""

import math

import numpy as np

# %% 12.1 box by box


def overlap(a, b):
    a, b = np.broadcast_arrays(a, b)
    out = np.zeros(a.shape[:-1])
    for place in np.ndindex(*out.shape):
        ax, ay, aw, ah = a[place]
        bx, by, bw, bh = b[place]
        if min(aw, ah, bw, bh) < 0:
            raise ValueError("a negative size")
        across = min(ax + aw / 2, bx + bw / 2) - max(ax - aw / 2, bx - bw / 2)
        down = min(ay + ah / 2, by + bh / 2) - max(ay - ah / 2, by - bh / 2)
        if across > 0 and down > 0:
            shared = across * down
            out[place] = shared / (aw * ah + bw * bh - shared)
    return out


# %% 12.1 by distances


def overlap(a, b):
    if min(a[..., 2:].min(), b[..., 2:].min()) < 0:
        raise ValueError("negative width or height")
    apart = np.abs(a[..., :2] - b[..., :2])
    length = (a[..., 2:] + b[..., 2:]) / 2 - apart
    length = np.minimum(length, np.minimum(a[..., 2:], b[..., 2:]))  # one may lie in the other
    length = length.clip(0)
    shared = length[..., 0] * length[..., 1]
    together = a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - shared
    out = np.zeros(np.shape(together))
    np.divide(shared, together, out=out, where=together > 0)
    return out


# %% 12.2 recursion


def match(cost):
    n, m = cost.shape
    if m > n:
        raise ValueError("more objects than queries")
    if np.isnan(cost).any() or np.isinf(cost).any():
        raise ValueError("a cost is no number")

    def best(item, free):
        if item == m:
            return 0.0, []
        found = None
        for query in free:
            total, rest = best(item + 1, free - {query})
            total += cost[query, item]
            if found is None or total < found[0]:
                found = (total, [query, *rest])
        return found

    return np.array(best(0, frozenset(range(n)))[1])


# %% 12.2 a table of used queries


def match(cost):
    num_queries, num_objects = cost.shape
    if num_objects > num_queries or not np.all(np.isfinite(cost)):
        raise ValueError("no match")
    # For each set of used queries, as bits: the cheapest total of the first objects, and how.
    table = {0: (0.0, ())}
    for item in range(num_objects):
        longer = {}
        for used, (total, queries) in table.items():
            for query in range(num_queries):
                bit = 1 << query
                if used & bit:
                    continue
                price = total + cost[query, item]
                if used | bit not in longer or price < longer[used | bit][0]:
                    longer[used | bit] = price, (*queries, query)
        table = longer
    return np.array(min(table.values(), key=lambda way: way[0])[1])


# %% 12.3 loops


def class_loss(logits, scene, query, item, classes, weight):
    batch, num_queries, columns = logits.shape
    none = columns - 1
    target = np.full((batch, num_queries), none)
    taken = set()
    for b, q, o in zip(scene, query, item, strict=True):
        if (b, q) in taken:
            raise ValueError("one query, two objects")
        if classes[b, o] < 0:
            raise ValueError("no such object")
        taken.add((b, q))
        target[b, q] = classes[b, o]
    total = counted = 0.0
    for b in range(batch):
        for q in range(num_queries):
            row = logits[b, q]
            top = row.max()
            log_p = row[target[b, q]] - top - math.log(np.exp(row - top).sum())
            counts = 1.0 if (b, q) in taken else weight
            total -= counts * log_p
            counted += counts
    return target, total / counted


# %% 12.3 flat


def class_loss(logits, scene, query, item, classes, weight):
    width = logits.shape[1]
    rows = logits.reshape(-1, logits.shape[2])
    place = scene * width + query
    shown = classes[scene, item]
    if np.unique(place).size != place.size:
        raise ValueError("a query answers for two objects")
    if np.any(shown == -1):
        raise ValueError("an object that is not there")
    target = np.ones(len(rows), int) * (rows.shape[1] - 1)
    counts = np.full(len(rows), float(weight))
    target[place] = shown
    counts[place] = 1
    price = np.logaddexp.reduce(rows, axis=1) - rows[np.arange(len(rows)), target]
    return target.reshape(-1, width), np.average(price, weights=counts)


# %% 12.4 picture by picture


def paint(first, table, classes, temperature, uniform):
    if not temperature >= 0:
        raise ValueError("temperature")
    pictures, count = uniform.shape
    levels = first.shape[1]
    pixels = np.zeros((pictures, count), int)
    logits = np.zeros((pictures, count, levels))
    for b in range(pictures):
        for t in range(count):
            logits[b, t] = first[classes[b]]
            for s in range(t):
                logits[b, t] += table[s, pixels[b, s]]
            row = logits[b, t]
            if temperature == 0:
                pixels[b, t] = np.argmax(row)
                continue
            p = np.exp((row - max(row)) / temperature)
            p = p / sum(p)
            total = 0.0
            for level in range(levels):
                total += p[level]
                if total > uniform[b, t] or level == levels - 1:
                    pixels[b, t] = level
                    break
    return pixels, logits


# %% 12.4 searchsorted


def paint(first, table, classes, temperature, uniform):
    if temperature < 0:
        raise ValueError("a negative temperature")
    so_far = first[classes].astype(float)
    kept = np.empty((*uniform.shape, first.shape[1]))
    pixels = np.empty(uniform.shape, dtype=int)
    for t, numbers in enumerate(uniform.T):
        kept[:, t] = so_far
        if not temperature:
            pixels[:, t] = so_far.argmax(-1)
        else:
            scaled = so_far / temperature
            scaled -= scaled.max(-1)[:, None]
            p = np.exp(scaled)
            p /= p.sum(-1)[:, None]
            for b, u in enumerate(numbers):
                level = np.searchsorted(np.cumsum(p[b]), u, side="right")
                pixels[b, t] = min(level, len(p[b]) - 1)
        so_far = so_far + table[t][pixels[:, t]]
    return pixels, kept


# %% 12.5 loops


def audit(logits, pixels, named):
    bits = []
    for run in logits:
        total = 0.0
        for b in range(len(pixels)):
            for t in range(pixels.shape[1]):
                row = run[b, t]
                top = row.max()
                total += math.log2(np.exp(row - top).sum()) - (row[pixels[b, t]] - top) / math.log(
                    2
                )
        bits.append(total / pixels.size)
    suspicious = [b < bits[0] and n < named[0] for b, n in zip(bits, named, strict=True)]
    return np.array(bits), np.array(suspicious)


# %% 12.5 one hot


def audit(logits, pixels, named):
    came = np.eye(logits.shape[-1])[pixels]
    picked = np.einsum("rbtl,btl->rbt", logits, came)
    price = np.logaddexp.reduce(logits, axis=-1) - picked
    bits = np.mean(price / np.log(2), axis=(1, 2))
    return bits, np.logical_and(bits < bits[0], named < named[0])
