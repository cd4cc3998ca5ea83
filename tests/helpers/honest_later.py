"""Right answers to chapters 11, 12, 14, 16 and 17 as people write them, and notebooks as their
tools save them. All must get full marks.

A variant is an exercise, what is special about it, and its cells.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from typing import Any

from helpers.honest import Variant, answers, notebook, solution

LATER: list[tuple[int, str, Variant]] = [
    (11, "embed_backward", ("a class with a state of its own, made for each call", ["""
class Table:
    def __init__(self, num, width):
        self.rows = {}
        self.num, self.width = num, width

    def add(self, id, g):
        if not 0 <= id < self.num:
            raise IndexError(id)
        self.rows[id] = self.rows.get(id, 0) + g

    def __array__(self, dtype=None, copy=None):
        zero = np.zeros(self.width)
        return np.array([self.rows.get(i, zero) for i in range(self.num)])
""", """
def embed_backward(ids, g, num):
    table = Table(num, g.shape[-1])
    try:
        for id, row in zip(ids.flat, g.reshape(-1, g.shape[-1])):
            table.add(int(id), row)
    except IndexError as error:
        raise ValueError("no such row") from error
    return np.asarray(table)
"""])),
    (11, "embed_backward", ("float16 in between, a list of lists back", ["""
def embed_backward(ids, g, num):
    assert_rows = [i for i in ids.ravel().tolist() if i not in range(num)]
    if assert_rows:
        raise ValueError(assert_rows)
    one_hot = (ids[..., None] == np.arange(num)).astype(np.float16)
    return np.einsum("bnv,bnd->vd", one_hot, g).astype(np.float32).tolist()
"""])),
    (11, "teacher", ("generators, nested tuples of bools", ["""
def teacher(out, start, pad):
    def shifted(row):
        yield start
        yield from (int(word) for word in row[:-1])
    counts = tuple(tuple(bool(w != pad) for w in row) for row in out)
    if any(b and not a for row in counts for a, b in zip(row, row[1:])):
        raise ValueError("padding in front")
    return [list(shifted(row)) for row in out], counts
"""])),
    (11, "cross_attend", ("safe_softmax of chapter 07, written again", ["""
def masked(scores, allowed):
    low = np.where(allowed, scores, -np.inf)
    top = low.max(-1, keepdims=True)
    e = np.exp(low - np.where(np.isfinite(top), top, 0))
    total = e.sum(-1, keepdims=True)
    return np.divide(e, total, out=np.zeros_like(e), where=total > 0)
""", """
def cross_attend(y, memory, wq, wk, wv, real):
    q, k, v = y @ wq, memory @ wk, memory @ wv
    scores = np.einsum("bnd,bsd->bns", q, k) * wq.shape[1] ** -0.5
    weights = masked(scores, np.broadcast_to(real[:, None, :], scores.shape))
    return dict(enumerate((weights @ v, weights)))[0], weights
"""])),
    (11, "cross_attend", ("by an exercise of chapter 07, from its notebook", [
        "%run 07_scale_and_mask.ipynb", """
def cross_attend(y, memory, wq, wk, wv, real):
    scores = (y @ wq) @ (memory @ wk).swapaxes(-1, -2) / np.sqrt(wk.shape[-1])
    weights = np.nan_to_num(masked_weights(scores, np.broadcast_to(real[:, None], scores.shape)))
    return weights @ (memory @ wv), weights
"""])),
    (11, "greedy", ("a class of decoders, zip_longest", [
        "from dataclasses import dataclass, field\nfrom itertools import zip_longest", """
@dataclass
class Decoder:
    row: np.ndarray
    table: np.ndarray
    words: list = field(default_factory=list)

    def run(self, start, stop, longest):
        a = b = start
        while len(self.words) < longest:
            a, b = b, int(np.argmax(self.table[a, b] + self.row))
            self.words.append(b)
            if b == stop:
                break
        return self.words
""", """
def greedy(memory, table, start, stop, pad, longest):
    if longest < 0:
        raise ValueError(longest)
    texts = [Decoder(row, table).run(start, stop, longest) for row in memory]
    columns = list(zip_longest(*texts, fillvalue=pad))
    return np.array(columns, dtype=np.int32).T.reshape(len(memory), -1)
"""])),
    (11, "alignment", ("sets, numbers of NumPy without axes", ["""
def alignment(weights, links, length):
    rows, s = np.shape(weights)
    places = [set(map(int, link)) for link in links]
    if len(places) != rows or not 0 < length <= s or any(p - set(range(length)) for p in places):
        raise ValueError
    tops = map(np.argmax, weights[:, :length])
    hits = np.sum([top in p for top, p in zip(tops, places)], dtype=np.int8)
    return np.asarray(hits), np.count_nonzero(list(map(bool, places)))
"""])),
    (12, "overlap", ("np.vectorize over a class of boxes", ["""
class Box:
    def __init__(self, box):
        self.x, self.y, self.w, self.h = map(float, box)
        if self.w < 0 or self.h < 0:
            raise ValueError("no box")

    def __and__(self, other):
        def shared(a, b, m, n):
            return max(min(a + m / 2, b + n / 2) - max(a - m / 2, b - n / 2), 0)
        return shared(self.x, other.x, self.w, other.w) * shared(self.y, other.y, self.h, other.h)

    @property
    def area(self):
        return self.w * self.h
""", """
def one(a, b):
    a, b = Box(a), Box(b)
    both = a & b
    union = a.area + b.area - both
    return both / union if union else 0.0
""", 'overlap = np.vectorize(one, signature="(4),(4)->()")']),
    ),
    (12, "match", ("all choices, by a generator and min", ["from itertools import permutations", """
def match(cost):
    n, m = cost.shape
    if m > n or not np.isfinite(cost).all():
        raise ValueError("no match")
    ways = permutations(range(n), m)
    return min((sum(cost[q, o] for o, q in enumerate(way)), way) for way in ways)[1]
"""])),
    (12, "match", ("lru_cache over sets of queries", ["from functools import lru_cache", """
def match(cost):
    n, m = cost.shape
    if n < m or np.isnan(cost).any() or np.isinf(cost).any():
        raise ValueError("no match")

    @lru_cache(maxsize=None)
    def best(o, used):
        if o == m:
            return 0.0, ()
        options = []
        for q in range(n):
            if not used >> q & 1:
                rest, way = best(o + 1, used | 1 << q)
                options.append((cost[q, o] + rest, (q, *way)))
        return min(options)

    return np.array(best(0, 0)[1], float)
"""])),
    (12, "class_loss", ("dictionaries", ["""
def class_loss(logits, scene, query, item, classes, weight):
    b, n, c = logits.shape
    told = {}
    for s, q, o in zip(scene.tolist(), query.tolist(), item.tolist()):
        if (s, q) in told or classes[s, o] == -1:
            raise ValueError("pairs")
        told[s, q] = int(classes[s, o])
    target = [[told.get((s, q), c - 1) for q in range(n)] for s in range(b)]
    total = over = 0.0
    for s in range(b):
        for q in range(n):
            w = 1.0 if (s, q) in told else weight
            total += w * (np.logaddexp.reduce(logits[s, q]) - logits[s, q, target[s][q]])
            over += w
    return target, np.array(total / over)
"""])),
    (12, "paint", ("a painter that remembers", ["""
class Painter:
    def __init__(self, logits, temperature):
        self.logits, self.temperature, self.seen = logits.copy(), temperature, []

    def draw(self, u):
        self.seen.append(self.logits.copy())
        if not self.temperature:
            return int(np.argmax(self.logits))
        p = np.exp((self.logits - self.logits.max()) / self.temperature)
        return min(int(np.searchsorted(np.cumsum(p / p.sum()), u, side="right")), len(p) - 1)

    def learn(self, row):
        self.logits += row
""", """
def paint(first, table, classes, temperature, uniform):
    if temperature < 0:
        raise ValueError("cold")
    pixels, rows = [], []
    for c, u in zip(classes, uniform):
        painter = Painter(first[c], temperature)
        pixels.append([])
        for t, number in enumerate(u):
            pixels[-1].append(painter.draw(number))
            painter.learn(table[t, pixels[-1][-1]])
        rows.append(painter.seen)
    return pixels, rows
"""])),
    (12, "audit", ("logaddexp, 32 bits, a list of bools", ["""
def audit(logits, pixels, named):
    log_p = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    one = np.eye(logits.shape[-1])[pixels]
    bits = np.where(one > 0, -log_p, 0).sum(-1).mean((-1, -2)) / np.log(2)
    bad = [bool(b < bits[0]) and bool(s < named[0]) for b, s in zip(bits, named)]
    return bits.astype(np.float32), bad
"""])),
    (14, "auc", ("sorted pairs, a 0-d array", ["""
def auc(p, fixated):
    if np.shape(p) != np.shape(fixated):
        raise ValueError("shape")
    yes, no = p[fixated], p[np.logical_not(fixated)]
    if not (len(yes) and len(no)):
        raise ValueError("none")
    no = np.sort(no)
    wins = np.searchsorted(no, yes, "left") + np.searchsorted(no, yes, "right")
    return np.array(wins.sum() / (2 * len(yes) * len(no)))
"""])),
    (14, "verdicts", ("a defaultdict, keys in another order, NumPy's numbers", [
        "from collections import defaultdict", """
def z(p):
    return (p - p.mean()) / p.std() if np.ptp(p) > 0 else np.full(p.shape, np.nan)
""", """
def verdicts(p, q, fixated):
    for m in (p, q):
        if (m < 0).any() or m.sum() <= 0:
            raise ValueError("no map")
    out = defaultdict(lambda: np.nan)
    P, Q = p / p.sum(), q / q.sum()
    out["kl"] = np.sum(Q * np.log(2.2204e-16 + Q / (2.2204e-16 + P)))
    out["sim"] = np.minimum(P, Q).sum()
    out["cc"] = np.mean(z(p) * z(q))
    out["nss"] = np.mean(z(p)[fixated])
    return out
"""])),
    (14, "verdicts", ("a dict of functions, OrderedDict, keys of NumPy", [
        "import collections\nEPS = 2.2204e-16", """
MEASURES = {
    "nss": lambda p, q, f: np.nan if np.ptp(p) == 0 else (p[f].mean() - p.mean()) / p.std(),
    "cc": lambda p, q, f: np.nan if np.ptp(p) == 0 or np.ptp(q) == 0
    else float(np.corrcoef(p.ravel(), q.ravel())[0, 1]),
    "sim": lambda p, q, f: 1 - 0.5 * float(abs(p / p.sum() - q / q.sum()).sum()),
    "kl": lambda p, q, f: float(sum(b * np.log(EPS + b / (EPS + a))
                                    for a, b in zip((p / p.sum()).flat, (q / q.sum()).flat))),
}
""", """
def verdicts(p, q, fixated):
    if min(p.min(), q.min()) < 0 or not p.sum() > 0 or not q.sum() > 0:
        raise ValueError("no shares")
    return collections.OrderedDict((np.str_(k), f(p, q, fixated)) for k, f in MEASURES.items())
"""])),
    (14, "beyond", ("loops, and all ranks anew for each shuffle", ["import random", """
def ranks(values):
    return [sum(v < u for v in values) + (sum(v == u for v in values) + 1) / 2 for u in values]

def inside(values, groups):
    out = [0.0] * len(values)
    for g in set(groups):
        rows = [i for i, other in enumerate(groups) if other == g]
        r = ranks([values[i] for i in rows])
        middle = sum(r) / len(r)
        for i, one in zip(rows, r):
            out[i] = (one - middle) / len(rows)
    return np.array(out)

def rest(columns, x):
    return x - columns @ np.linalg.lstsq(columns, x, rcond=None)[0]
""", """
def beyond(x, y, given, groups, shuffles, seed):
    groups = groups.tolist()
    columns = np.array([inside(list(g), groups) for g in given.T]).T
    b = rest(columns, inside(y.tolist(), groups))

    def partial(x):
        a = rest(columns, inside(x, groups))
        if max(abs(a)) < 1e-9 or max(abs(b)) < 1e-9:
            raise ValueError("nothing left")
        return float(a @ b / np.sqrt((a @ a) * (b @ b)))

    here, rng, hits = partial(x.tolist()), random.Random(seed), 0
    for _ in range(shuffles):
        mixed = x.tolist()
        for g in sorted(set(groups)):
            rows = [i for i, other in enumerate(groups) if other == g]
            values = [mixed[i] for i in rows]
            rng.shuffle(values)
            for i, v in zip(rows, values):
                mixed[i] = v
        hits += abs(partial(mixed)) >= abs(here) - 1e-9
    return here, (1 + hits) / (1 + shuffles)
"""])),
    (14, "ceiling", ("the statistics module, a named tuple", [
        "import statistics\nfrom typing import NamedTuple", """
class Ceiling(NamedTuple):
    between: float
    one: float
    both: float
""", """
def ceiling(a, b):
    if np.shape(a) != np.shape(b) or np.ptp(a) == 0 or np.ptp(b) == 0:
        raise ValueError("observers")
    a, b = a - a.mean(), b - b.mean()
    r = statistics.correlation(a.tolist(), b.tolist())
    if abs(r) < 1e-9:
        r = 0.0
    if r < 0:
        raise ValueError("below 0")
    return Ceiling(r, r ** 0.5, (2 * r / (1 + r)) ** 0.5)
"""])),
    (14, "pulled", ("click by click, sums of Python's", ["import itertools", """
def pulled(shown, other, clicks):
    if not shown.shape == other.shape or len(clicks) != len(shown):
        raise ValueError("sizes")
    h, w = shown[0].shape

    def score(m, places):
        if np.ptp(m) == 0:
            raise ValueError("constant")
        values = [(m[y, x] - m.mean()) / m.std() for x, y in places]
        return sum(values) / len(values)

    if any(not (0 <= x < w and 0 <= y < h) for x, y in clicks.reshape(-1, 2).tolist()):
        raise ValueError("outside")
    t = [score(a, c) - score(b, c) for a, b, c in zip(shown, other, clicks.tolist())]
    seen, slack = sum(t), 1e-9 * sum(map(abs, t))
    ways = itertools.product((1, -1), repeat=len(t))
    hits = sum(sum(s * x for s, x in zip(signs, t)) >= seen - slack for signs in ways)
    return np.float32(seen / len(t)), hits / 2 ** len(t)
"""])),
    (16, "products", ("floats in an array", ["""
def products(weights, width, head_dim, hidden, causal=False):
    heads, n, s = weights.shape
    if causal and s < n:
        raise ValueError("a key for each query")
    inner = heads * head_dim
    seen = sum(s - n + 1 + i for i in range(n)) if causal else n * s
    return 2.0 * np.array([width * inner * (n + s), heads * head_dim * seen, n * width * hidden])
"""])),
    (16, "attend_block", ("the answer and the logarithm of the total, in a named tuple", [
        "import collections\nState = collections.namedtuple('State', 'y lse')", """
def attend_block(state, query, key, value):
    if not len(key):
        if state is None:
            raise ValueError("no key")
        return state[0], State(*state)
    s = query @ key.T / query.dtype.type(query.shape[1] ** 0.5)
    lse = np.logaddexp.reduce(s, axis=1)
    y = np.exp(s - lse[:, None]) @ value
    if state is not None:
        old = State(*state)
        both = np.logaddexp(old.lse, lse)
        y = np.exp(old.lse - both)[:, None] * old.y + np.exp(lse - both)[:, None] * y
        lse = both
    return y.astype(query.dtype), State(y, lse)
"""])),
    (16, "cached_step", ("lists of rows, a deque", ["from collections import deque", """
def cached_step(cache, x, places, wq, wk, wv, window=None):
    if window is not None and window <= 0:
        raise ValueError("window")
    keys, values, seen = cache or ([], [], 0)
    keys, values = deque(map(np.array, keys), window), deque(map(np.array, values), window)
    if seen == len(places):
        raise ValueError("full")
    p = x + places[int(seen)]
    keys.append(p @ wk)
    values.append(p @ wv)
    s = np.array([k @ (p @ wq) for k in keys]) / np.sqrt(wk.shape[1])
    a = np.exp(s - max(s))
    z = sum(w * v for w, v in zip(a / a.sum(), values))
    return z, (list(keys), list(values), np.int64(seen + 1))
"""])),
    (16, "linear_causal", ("an object with a state inside, plain arrays outside", ["""
class Memory:
    def __init__(self, S, z):
        self.S, self.z = np.array(S, float), np.array(z, float)

    @staticmethod
    def phi(x):
        return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))

    def add(self, k, v):
        self.S += np.multiply.outer(self.phi(k), v)
        self.z += self.phi(k)
        return self

    def ask(self, q):
        return self.phi(q) @ self.S / (self.phi(q) @ self.z)
""", """
def linear_causal(query, key, value, state=None):
    if len({len(query), len(key), len(value)}) != 1:
        raise ValueError("lengths")
    d, v = key.shape[1], value.shape[1]
    memory = Memory(*(state or (np.zeros((d, v)), np.zeros(d))))
    y = [memory.add(k, v).ask(q) for q, k, v in zip(query, key, value)]
    return np.reshape(y, (-1, v)), [memory.S, memory.z]
"""])),
    (16, "machines", ("climbing one by one", ["""
def machines(compute, size, latency, bandwidth):
    for one in (compute, size, latency, bandwidth):
        if not one > 0:
            raise ValueError(one)
    t = lambda p: compute / p + 2 * (p - 1) * (latency + size / (p * bandwidth))
    p = 1
    while t(p + 1) < t(p):
        p += 1
    return np.float32(p)
"""])),
    (17, "sparsemax", ("row by row, np.apply_along_axis", ["""
def tau_of(row):
    values = sorted((v for v in row.tolist() if v > -np.inf), reverse=True)
    top, total, tau = values[0], 0.0, None
    for count, v in enumerate(values, start=1):
        total += v - top
        if (v - top) * count > total - 1:
            tau = (total - 1) / count
    return top, tau

def shares(row):
    top, tau = tau_of(row)
    return np.maximum(row - top - tau, 0)

def back(both):
    y, g = np.split(both, 2)
    return np.where(y > 0, g - g[y > 0].mean(), 0)
""", """
def sparsemax(x, gradient):
    if np.shape(x) != np.shape(gradient):
        raise ValueError("shapes")
    y = np.apply_along_axis(shares, -1, x)
    return y, np.apply_along_axis(back, -1, np.concatenate([y, gradient], axis=-1))
"""])),
    (17, "sharpen", ("a generator of rows", ["""
def sharpen(scores, query, w, b):
    def rows():
        for place in np.ndindex(scores.shape[:-1]):
            s = (scores[place] - scores[place].max()) / np.exp(query[place] @ w + b)
            e = np.exp(s)
            yield e / e.sum()
    return np.array(list(rows())).reshape(scores.shape)
"""])),
    (17, "fusion_test", ("lists of trials, a dict of what was said", ["""
def fusion_test(image, text, order, said=None, y=None):
    if said is None:
        if sorted(order.tolist()) != list(range(len(image))) or 0 in order - np.arange(len(order)):
            raise ValueError("order")
        zero, none = np.zeros_like(image), np.zeros_like(text)
        images = [image, np.take(image, order, axis=0), image, zero, image]
        return images, [text, text, np.take(text, order, axis=0), text, none]
    trials = {i: said[i] for i in range(5)}
    changed = [np.mean(trials[i] != trials[0]) for i in range(1, 5)]
    return [np.mean(t == y) for t in trials.values()], changed
"""])),
    (17, "continual_scores", ("sums of Python's, 0-d arrays", ["""
def continual_scores(A):
    if A.ndim != 2 or len(set(A.shape)) > 1 or len(A) < 2:
        raise ValueError(A.shape)
    rows = A.tolist()
    n, end = len(rows), rows[-1]
    best = [max(rows[t][j] for t in range(j, n)) for j in range(n - 1)]
    lost = sum(b - e for b, e in zip(best, end)) / (n - 1)
    moved = sum(end[j] - rows[j][j] for j in range(n - 1)) / (n - 1)
    return tuple(np.array(v) for v in (sum(end) / n, lost, moved))
"""])),
    (17, "ledger", ("an Enum of texts", ["import math, statistics\nfrom enum import Enum", """
class Verdict(str, Enum):
    GAIN = "gain"
    LOSS = "loss"
    OPEN = "cannot tell"
""", """
def ledger(without, with_it, seconds_without, seconds_with, factor):
    columns = [c.tolist() for c in (without, with_it, seconds_without, seconds_with)]
    if len(set(map(len, columns))) != 1 or len(columns[0]) < 3:
        raise ValueError("seeds")
    if not all(map(math.isfinite, sum(columns, []))) or min(columns[2] + columns[3]) <= 0:
        raise ValueError("values")
    d = [b - a for a, b in zip(*columns[:2])]
    gain = statistics.fmean(d)
    error = statistics.stdev(d) / math.sqrt(len(d))
    verdict = Verdict.OPEN
    if abs(gain) > factor * error:
        verdict = Verdict.GAIN if gain > 0 else Verdict.LOSS
    return gain, error, verdict, statistics.fmean(columns[3]) / statistics.fmean(columns[2])
"""])),
    (17, "ledger", ("np.select, a text of NumPy", ["""
def ledger(without, with_it, seconds_without, seconds_with, factor):
    try:
        table = np.stack([without, with_it, seconds_without, seconds_with])
    except ValueError:
        raise ValueError("unequal columns") from None
    if table.shape[1] < 3 or not np.isfinite(table).all() or (table[2:] <= 0).any():
        raise ValueError("no line")
    gain = (table[1] - table[0]).mean()
    error = np.std(table[1] - table[0], ddof=1) / table.shape[1] ** 0.5
    most = factor * error
    verdict = np.select([gain > most, gain < -most], ["gain", "loss"], "cannot tell")
    return np.array(gain), error, verdict, table[3].sum() / table[2].sum()
"""])),
]  # fmt: skip


def _cells(chapter: int) -> list[str]:
    return ["import itertools, math\nimport numpy as np", *solution(chapter).values()]


def _rewritten(text: str, change: Callable[[dict[str, Any]], None]) -> str:
    made = json.loads(text)
    change(made)
    return json.dumps(made)


def _vs_code(made: dict[str, Any]) -> None:
    """Sources as one text, ids and languages in the cells, line ends of Windows."""
    for number, cell in enumerate(made["cells"]):
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")
        cell["id"] = f"cell{number}"
        cell["metadata"] = {"vscode": {"languageId": "python"}}
    made["metadata"] = {"language_info": {"name": "python", "version": "3.13.1"}}


def _colab(made: dict[str, Any]) -> None:
    for number, cell in enumerate(made["cells"]):
        cell["metadata"] = {"id": f"x{number}", "colab": {"base_uri": "https://localhost"}}
        cell["source"] = [f'#@title Cell {number} {{ display-mode: "form" }}\n', *cell["source"]]
    first = ["from google.colab import drive, files\n", "drive.mount('/content/drive')\n",
             "%cd /content/drive/MyDrive\n", "!pip -q install minitorch_attn[course]"]  # fmt: skip
    made["cells"].insert(0, {"cell_type": "code", "metadata": {}, "source": first, "outputs": []})
    made["metadata"] = {"colab": {"provenance": []}, "accelerator": "GPU", "nbformat": 4}


def _kept_from_work(made: dict[str, Any]) -> None:
    """Megabytes of widgets, pictures and timings, as a long evening leaves them."""
    made["metadata"]["widgets"] = {
        "application/vnd.jupyter.widget-state+json": {"x": "y" * 3_000_000}
    }
    for cell in made["cells"]:
        picture = {
            "output_type": "display_data",
            "metadata": {},
            "data": {"image/png": "A" * 400_000},
        }
        cell["outputs"] = [picture]
        cell["metadata"]["execution"] = {"iopub.status.busy": "2026-11-01T10:00:00Z"}


def _one_cell(made: dict[str, Any]) -> None:
    text = "\n\n".join("".join(cell["source"]) for cell in made["cells"])
    made["cells"] = [{**made["cells"][0], "source": text}]


def forms(chapter: int) -> dict[str, tuple[str, str]]:
    """A chapter's worked answers as other tools save them: text and suffix."""
    cells = _cells(chapter)
    plain = notebook(*cells)
    script = "".join(f"# %% [markdown]\n# ## Part {n}\n\n# %%\n{c}\n" for n, c in enumerate(cells))
    exported = '# -*- coding: utf-8 -*-\n"""06.ipynb\n\nAutomatically generated by Colab.\n"""\n'
    exported += (
        "# Commented out IPython magic to ensure Python compatibility.\n# %matplotlib inline\n"
    )
    exported += "\n".join(f'"""# Part {n}"""\n\n{c}\n' for n, c in enumerate(cells))
    halves = [part for c in cells for part in ("%%time\n" + c, "# notes: " + c.split("\n")[0])]
    inside = "if True:\n" + textwrap.indent("\n\n".join(cells), "    ")
    return {
        "VS Code": (_rewritten(plain, _vs_code), ".ipynb"),
        "Colab": (_rewritten(plain, _colab), ".ipynb"),
        "an evening's outputs": (_rewritten(plain, _kept_from_work), ".ipynb"),
        "one cell": (_rewritten(plain, _one_cell), ".ipynb"),
        "timed cells with notes between": (notebook(*halves), ".ipynb"),
        "answers from the last to the first": (notebook(cells[0], *cells[:0:-1]), ".ipynb"),
        "all under an if": (notebook(inside), ".ipynb"),
        "a script with cells": (script, ".py"),
        "Colab's script": (exported, ".py"),
        "with a byte order mark": ("\ufeff" + script.replace("\n", "\r\n"), ".py"),
    }


def later_answers(chapter: int, **cells: list[str]) -> str:
    """The chapter's worked notebook with these answered otherwise, and the modules they take."""
    made = json.loads(answers(chapter, **cells))
    made["cells"][0]["source"] = ["import itertools, math\n", *made["cells"][0]["source"]]
    return json.dumps(made)
