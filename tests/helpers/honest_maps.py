"""Right answers to chapters 13 and 15 as people write them, as those in `honest_later`."""

from __future__ import annotations

from helpers.honest import Variant

MAPS: list[tuple[int, str, Variant]] = [
    (13, "frames", ("a sliding window, float32", ["""
def frames(signal, size, hop):
    if min(size, hop) < 1 or size > signal.shape[0]:
        raise ValueError("frames")
    windows = np.lib.stride_tricks.sliding_window_view(signal.astype(np.float32), size)
    return windows[::hop]
"""])),
    (13, "frames", ("a generator that is a class, lists of numbers", ["""
class Cutter:
    def __init__(self, size, hop):
        if size <= 0 or hop <= 0:
            raise ValueError(f"{size=} {hop=}")
        self.size, self.hop = size, hop

    def __call__(self, signal):
        begin = 0
        while begin + self.size <= len(signal):
            yield [float(s) for s in signal[begin : begin + self.size]]
            begin += self.hop
""", """
def frames(signal, size, hop):
    rows = list(Cutter(size, hop)(signal))
    if not rows:
        raise ValueError("too short")
    return rows
"""])),
    (13, "attention_pool", ("utterance by utterance, a list of arrays", ["""
def one(x, query):
    if not len(x):
        return np.zeros(len(query)), []
    s = x @ query
    e = np.exp(s - np.max(s))
    return (e / e.sum()) @ x, (e / e.sum()).tolist()
""", """
def attention_pool(x, query, lengths):
    B, T, D = x.shape
    if len(lengths) != B or not all(0 <= int(n) <= T for n in lengths):
        raise ValueError(lengths)
    pairs = [one(x[b, :n], query) for b, n in enumerate(lengths)]
    return [z for z, _ in pairs], [[*w, *[0.0] * (T - len(w))] for _, w in pairs]
"""])),
    (13, "attention_pool", ("masked arrays of NumPy, in place", ["""
def attention_pool(x, query, lengths):
    if np.shape(lengths) != (len(x),) or np.min(lengths) < 0 or np.max(lengths) > x.shape[1]:
        raise ValueError("lengths")
    off = np.arange(x.shape[1])[None] >= np.asarray(lengths)[:, None]
    x[off] = 0.0
    scores = np.ma.masked_array(np.einsum("btd,d->bt", x, query), off)
    e = np.ma.exp(scores - scores.max(axis=1, keepdims=True))
    w = np.ma.filled(e / e.sum(axis=1, keepdims=True), 0.0)
    return (w[:, None] @ x)[:, 0], w
"""])),
    (13, "attention_pool", ("by an exercise of chapter 07, from its notebook", [
        "%run 07_scale_and_mask.ipynb", """
def attention_pool(x, query, lengths):
    n = np.asarray(lengths, dtype=np.int64)
    if n.shape != (len(x),) or any(not 0 <= one <= x.shape[1] for one in n):
        raise ValueError("one length for each utterance")
    real = np.arange(x.shape[1]) < n[:, None]
    frames = np.nan_to_num(np.where(real[..., None], x, 0.0))
    weights = np.nan_to_num(masked_weights(frames @ query, real)) * real
    return np.sum(weights[..., None] * frames, axis=1), weights
"""])),
    (13, "questions", ("a class with __call__, np.pad, float32, tuples", ["""
class Pad:
    def __init__(self, utterances):
        self.utterances = utterances

    def __call__(self, length, number):
        rows = [np.pad(u, ((0, length - len(u)), (0, 0)), constant_values=number)
                for u in self.utterances]
        mask = [[t < len(u) for t in range(length)] for u in self.utterances]
        return np.stack(rows).astype(np.float32), np.array(mask)
""", """
def questions(utterances, extra, fill):
    widths = {np.shape(u)[1] for u in utterances}
    if len(widths) != 1 or extra <= 0:
        raise ValueError(widths)
    pad, most = Pad(utterances), max(len(u) for u in utterances)
    alone = tuple(Pad([u])(len(u), 0) for u in utterances)
    return dict(batch=list(pad(most, 0)), alone=alone, padded=pad(most + extra, fill))
"""])),
    (13, "questions", ("nested lists for the frames, an assertion that refuses", ["""
def questions(utterances, extra, fill):
    def rows(us, length, number):
        blank = [float(number)] * width
        x = [[*u.tolist(), *[blank] * (length - len(u))] for u in us]
        return x, [[True] * len(u) + [False] * (length - len(u)) for u in us]
    try:
        [width] = set(u.shape[-1] for u in utterances)
        assert extra > 0
    except (ValueError, AssertionError) as error:
        raise ValueError("no questions") from error
    longest = max(map(len, utterances))
    found = {"padded": rows(utterances, longest + extra, fill)}
    found["batch"] = rows(utterances, longest, 0)
    found["alone"] = [rows([u], len(u), 0) for u in utterances]
    return found
"""])),
    (13, "burst_weight", ("loops, numbers of NumPy without axes", ["""
def burst_weight(weights, marks, mask):
    pairs = []
    for w, k, m in zip(weights, marks, mask):
        if np.any(m):
            pairs.append((np.sum(w, where=k & m), np.float32(np.sum(k & m) / np.sum(m))))
    if pairs == []:
        raise ValueError("nobody speaks")
    return tuple(np.array(np.mean(column)) for column in zip(*pairs))
"""])),
    (13, "burst_weight", ("a notebook of chapter 05 run and not needed, an array of two", [
        "%run 05_softmax.ipynb", """
def burst_weight(weights, marks, mask):
    n = mask.sum(-1)
    if (n == 0).all():
        raise ValueError
    both = np.stack([weights * (marks & mask), (marks & mask) / np.maximum(n, 1)[:, None]])
    return both.sum(-1)[:, n > 0].mean(-1)
"""])),
    (13, "quiet_control", ("partition, sets, a class of centres", ["""
class Centre:
    def __init__(self, rows):
        self.at = np.mean(rows, axis=0)

    def __call__(self, row):
        return float(np.square(row - self.at).sum())
""", """
def quiet_control(frames, lengths, prompts, languages, held, k):
    held, k = set(held), int(k)
    test = [p in held for p in prompts.tolist()]
    learn = [i for i, t in enumerate(test) if not t]
    if k <= 0 or True not in test or {int(languages[i]) for i in learn} != {0, 1}:
        raise ValueError("control")
    def quiet(x):
        loud = x.mean(1)
        some = np.argpartition(loud, k - 1)[:k] if k < len(x) else slice(None)
        return x[some].mean(0)
    rows = np.stack([quiet(x[:n]) for x, n in zip(frames, lengths)])
    rows /= np.std(rows[learn], axis=0)
    zero, one = (Centre(rows[[i for i in learn if languages[i] == c]]) for c in (0, 1))
    margin = [zero(rows[i]) - one(rows[i]) for i, t in enumerate(test) if t]
    said = [(m > 0) == bool(c) for m, c in zip(margin, languages[test])]
    return margin, sum(said) / len(said)
"""])),
    (15, "rollout", ("functools.reduce, float32", ["from functools import reduce", """
def rollout(weights):
    arrays = list(weights)
    if len(arrays) == 0 or len({(w.shape[0], w.shape[2], w.shape[3]) for w in arrays}) > 1:
        raise ValueError("blocks")
    if arrays[0].shape[2] != arrays[0].shape[3]:
        raise ValueError("square")
    if any(np.any(np.abs(w.sum(-1) - 1) > 1e-3) for w in arrays):
        raise ValueError("rows")
    step = lambda w: (w.mean(1) * 0.5 + 0.5 * np.eye(w.shape[-1])).astype(np.float32)
    return reduce(lambda total, w: np.matmul(step(w), total), arrays[1:], step(arrays[0]))
"""])),
    (15, "rollout", ("recursion, lists back, a cache by the arrays' ids", ["CACHE = {}", """
def step(w):
    if id(w) not in CACHE:
        CACHE[id(w)] = w, [(m + np.eye(len(m))) / 2 for m in np.mean(w, axis=1)]
    return CACHE[id(w)][1]

def product(weights):
    *before, last = weights
    if not before:
        return step(last)
    return [a @ b for a, b in zip(step(last), product(before))]
""", """
def rollout(weights):
    shapes = {(len(w), w.shape[2], w.shape[3]) for w in weights}
    if len(shapes) != 1 or len({n for s in shapes for n in s[1:]}) != 1:
        raise ValueError(shapes)
    for w in weights:
        if not np.allclose(w.sum(axis=3), 1, rtol=0, atol=0.001):
            raise ValueError("sums")
    return [table.tolist() for table in product(weights)]
"""])),
    (15, "leave_one_out", ("all tokens at once, one more axis", ["""
def leave_one_out(scores, values, head, real):
    if np.count_nonzero(real, axis=-1).min() < 2:
        raise ValueError("two tokens")
    S = scores.shape[1]
    keep = np.concatenate([real[:, None], real[:, None] & ~np.eye(S, dtype=bool)], axis=1)
    s = np.where(keep, scores[:, None], -np.inf)
    e = np.exp(s - s.max(-1, keepdims=True))
    logits = np.einsum("bks,bsd,dc->bkc", e / e.sum(-1, keepdims=True), values, head)
    best = logits[:, 0].argmax(-1)
    of = np.take_along_axis(logits, best[:, None, None], axis=2)[..., 0]
    return (of[:, :1] - of[:, 1:]) * real
"""])),
    (15, "other_weights", ("a random direction of all that there are", ["""
def other_weights(weights, values):
    weights = np.asarray(weights, dtype=float)
    if weights.shape != (len(values),) or np.any(weights <= 0) or abs(sum(weights) - 1) > 1e-6:
        raise ValueError("weights")
    u, s, vt = np.linalg.svd(np.column_stack([values, np.ones(len(values))]).T)
    rank = int((s > 1e-9 * s[0]).sum())
    if rank == len(weights):
        raise ValueError("no other")
    basis = vt[rank:]
    d = np.random.default_rng().normal(size=len(basis)) @ basis
    t = min(w / -x for w, x in zip(weights, d) if x < 0)
    return list(weights + t * d)
"""])),
    (15, "yardstick", ("text by text, tuples, 0-d arrays", ["from math import log", """
def kl(p, m):
    return sum(a * log(a / b) for a, b in zip(p, m) if a > 0)

def js(p, q):
    m = [(a + b) / 2 for a, b in zip(p, q)]
    return 0.5 * kl(p, m) + 0.5 * kl(q, m)
""", """
def yardstick(p, p_permuted, w, w_other, w_seeds):
    for x in (p, w, w_other, *p_permuted, *w_seeds):
        if any(abs(sum(row) - 1) > 0.001 for row in x.tolist()):
            raise ValueError("sum")
    moved = tuple(np.median([0.5 * np.abs(r[i] - p[i]).sum() for r in p_permuted])
                  for i in range(len(p)))
    far = tuple(js(a, b) for a, b in zip(w.tolist(), w_other.tolist()))
    seeds = tuple(max(js(w[i], r[i]) for r in w_seeds) for i in range(len(w)))
    return moved, far, seeds, np.array(np.mean([f > s for f, s in zip(far, seeds)]))
"""])),
    (15, "judge", ("a class of models, bools of NumPy in an array", ["""
class Model:
    def __init__(self, scores, values, own):
        self.scores, self.values, self.own = scores, values, own

    def __call__(self, hidden=None):
        total = self.own.copy()
        for scores, values in zip(self.scores, self.values):
            s = scores.copy()
            if hidden is not None:
                np.put_along_axis(s, hidden[:, None], -np.inf, axis=1)
            a = np.exp(s - s.max(axis=1, keepdims=True))
            total += np.squeeze((a / a.sum(axis=1, keepdims=True))[:, None] @ values, axis=1)
        return np.argmax(total, axis=1)
""", """
def judge(scores, values, own, places):
    S = np.size(scores, -1)
    if S == 1 or not set(places.tolist()) <= set(range(S)):
        raise ValueError(S)
    model, top = Model(scores, values, own), np.argmax(scores[-1], axis=1)
    changed = np.count_nonzero(model() != model(top))
    return np.array([10 * sum(top == places) >= 9 * len(top), 2 * changed >= len(top)])
"""])),
    (15, "judge", ("scene by scene, numbers 0 and 1", ["""
def answer(scores, values, own, without=None):
    logits = own
    for s, v in zip(scores, values):
        tokens = [i for i in range(len(s)) if i != without]
        e = np.exp(s[tokens] - max(s[tokens]))
        logits = logits + e / e.sum() @ v[tokens]
    return logits.argmax()
""", """
def judge(scores, values, own, places):
    n, s = scores.shape[1:]
    if s <= 1 or any(not 0 <= p < s for p in places):
        raise ValueError("judge")
    right = reason = 0
    for b in range(n):
        top = int(scores[-1, b].argmax())
        right += top == int(places[b])
        one = scores[:, b], values[:, b], own[b]
        reason += answer(*one) != answer(*one, top)
    return float(right / n >= 0.9), int(reason / n >= 0.5)
"""])),
]  # fmt: skip
