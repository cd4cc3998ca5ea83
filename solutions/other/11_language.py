"""Other right answers to the exercises of chapter 11, built differently from the worked ones.

`python -m minitorch_attn prove 11` mutates these too: a mistake that nobody can make in the worked
answer can be made here.
"""

import math

import numpy as np

# %% 11.1 loops


def embed_backward(ids, g, num):
    texts, places, width = g.shape
    table = [[0.0] * width for _ in range(num)]
    for b in range(texts):
        for n in range(places):
            word = int(ids[b, n])
            if word < 0 or word > num - 1:
                raise ValueError(f"{word} names no row")
            for j in range(width):
                table[word][j] += float(g[b, n, j])
    return np.array(table)


# %% 11.1 one-hot product


def embed_backward(ids, g, num):
    flat = ids.reshape(-1)
    if not np.all((flat >= 0) & (flat < num)):
        raise ValueError("no such row")
    one_hot = (flat[:, None] == np.arange(num)).astype(float)
    return one_hot.T @ g.reshape(len(flat), -1)


# %% 11.1 sums of columns


def embed_backward(ids, g, num):
    flat, rows = ids.ravel(), g.reshape(ids.size, g.shape[2])
    if min(flat) < 0:
        raise ValueError("below 0")
    if max(flat) >= num:
        raise ValueError("beyond the last row")
    columns = [np.bincount(flat, weights=rows[:, j], minlength=num) for j in range(rows.shape[1])]
    return np.stack(columns, axis=1)


# %% 11.2 rows of lists


def teacher(out, start, pad):
    before, counts = [], []
    for text in out.tolist():
        before.append([start, *text[:-1]])
        counts.append([word != pad for word in text])
        ended = False
        for word in text:
            if word == pad:
                ended = True
            elif ended:
                raise ValueError("a word behind padding")
    return np.array(before), np.array(counts)


# %% 11.2 rolled, then mended


def teacher(out, start, pad):
    is_padding = out == pad
    lengths = (~is_padding).sum(axis=1)
    counts = np.arange(out.shape[1]) < lengths[:, None]
    if not np.array_equal(counts, ~is_padding):
        raise ValueError("padding is not at the end")
    before = np.roll(out, 1, axis=1)
    before[:, 0] = start
    return before, counts


# %% 11.3 one text after the other


def cross_attend(y, memory, wq, wk, wv, real):
    z = np.zeros((y.shape[0], y.shape[1], wv.shape[1]))
    weights = np.zeros((y.shape[0], y.shape[1], memory.shape[1]))
    for b in range(len(y)):
        words = np.flatnonzero(real[b])
        if len(words) == 0:
            continue
        key, value = memory[b, words] @ wk, memory[b, words] @ wv
        for n in range(y.shape[1]):
            scores = key @ (y[b, n] @ wq) / math.sqrt(len(wq[0]))
            shares = np.exp(scores - max(scores))
            shares /= sum(shares)
            weights[b, n, words] = shares
            z[b, n] = shares @ value
    return z, weights


# %% 11.3 einsum and logarithms


def cross_attend(y, memory, wq, wk, wv, real):
    width = wk.shape[-1]
    scores = np.einsum("bnd,de,bsf,fe->bns", y, wq, memory, wk) / width**0.5
    scores = scores + np.where(real, 0.0, -np.inf)[:, None, :]
    some = real.any(axis=1)
    weights = np.zeros_like(scores)
    level = scores[some] - np.logaddexp.reduce(scores[some], axis=-1, keepdims=True)
    weights[some] = np.exp(level)
    return np.einsum("bns,bsf,fv->bnv", weights, memory, wv), weights


# %% 11.4 text by text


def greedy(memory, table, start, stop, pad, longest):
    if longest < 0:
        raise ValueError("longest is negative")
    texts = []
    for scores in memory:
        u, v, text = start, start, []
        for _ in range(longest):
            following = int(np.argmax(table[u, v] + scores))
            text.append(following)
            if following == stop:
                break
            u, v = v, following
        texts.append(text)
    most = max(len(text) for text in texts)
    written = np.full((len(texts), most), pad)
    for row, text in zip(written, texts, strict=True):
        row[: len(text)] = text
    return written


# %% 11.4 recursion


def greedy(memory, table, start, stop, pad, longest):
    if longest <= -1:
        raise ValueError("longest is negative")

    def rest(scores, u, v, most):
        if most == 0:
            return []
        total = list(table[u, v] + scores)
        word = total.index(max(total))
        return [word] if word == stop else [word, *rest(scores, v, word, most - 1)]

    texts = [rest(scores, start, start, longest) for scores in memory]
    width = max(map(len, texts))
    rows = [text + [pad] * (width - len(text)) for text in texts]
    return np.array(rows, dtype=int).reshape(len(memory), width)


# %% 11.5 loops


def alignment(weights, links, length):
    rows, columns = weights.shape
    if len(links) != rows:
        raise ValueError("not one list for each row")
    if length < 1 or length > columns:
        raise ValueError("no such number of real places")
    hits, linked = 0, 0
    for n in range(rows):
        best = 0
        for place in range(1, length):
            if weights[n, place] > weights[n, best]:
                best = place
        for place in links[n]:
            if place < 0 or place >= length:
                raise ValueError(f"{place} is not real")
        if links[n]:
            linked += 1
            if best in links[n]:
                hits += 1
    return hits, linked


# %% 11.5 a table of places


def alignment(weights, links, length):
    n, s = np.shape(weights)
    if n != len(links) or not 0 < length <= s:
        raise ValueError("sizes do not fit")
    table = np.zeros((n, length), bool)
    for row, link in enumerate(links):
        for place in link:
            if place not in range(length):
                raise ValueError("no such place")
            table[row, place] = True
    top = np.argmax(weights[:, :length], axis=-1)
    hits = np.count_nonzero(table[np.arange(n), top])
    return int(hits), int(np.count_nonzero(table.any(axis=1)))
