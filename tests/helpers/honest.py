"""Right answers as people write them: fifty and more, each in one cell or a few.

A variant is (what is special about it, the cells). All must get full marks.
"""

from __future__ import annotations

import json
import re
from typing import Any

from minitorch_attn.course.sources.text import ROOT, read, sources

Variant = tuple[str, list[str]]

SOLVED: dict[int, dict[str, str]] = {}


def solution(chapter: int) -> dict[str, str]:
    """The worked answers of a chapter: function and source."""
    if chapter not in SOLVED:
        (path,) = (p for p in sources("solutions", ROOT) if p.name.startswith(f"{chapter:02d}_"))
        cells = [cell.text for cell in read(path).cells if cell.kind == "code"]
        found = ((re.search(r"^def (\w+)", text, re.MULTILINE), text) for text in cells)
        SOLVED[chapter] = {name[1]: text for name, text in found if name}
    return SOLVED[chapter]


def notebook(*cells: str | tuple[str, str]) -> str:
    """A notebook's text; a cell is code, or (kind, text)."""
    pairs = [("code", cell) if isinstance(cell, str) else cell for cell in cells]
    body: list[dict[str, Any]] = [
        {"cell_type": kind, "metadata": {}, "source": source.splitlines(True)}
        | ({"outputs": [], "execution_count": None} if kind == "code" else {})
        for kind, source in pairs
    ]
    return json.dumps({"cells": body, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def answers(chapter: int, **cells: list[str]) -> str:
    """The chapter's worked notebook, with these functions answered by these cells instead."""
    out = ["import numpy as np\n\nfrom minitorch_attn.course import check, progress"]
    for name, text in solution(chapter).items():
        out += cells.get(name, [text])
        out.append(f"check('{chapter:02d}', {name})")
    return notebook(*out)


MEND: list[Variant] = [
    (
        "loops and the math module",
        [
            "import math",
            """
def mend(query, key, value):
    if len(key) != len(value) or any(len(row) != len(query) for row in key):
        raise ValueError("sizes")
    scores = [sum(float(a) * float(b) for a, b in zip(query, row)) for row in key]
    top = max(scores)
    powers = [math.exp(s - top) for s in scores]
    alpha = [p / sum(powers) for p in powers]
    w = [[a * float(x) for x in row] for a, row in zip(alpha, value)]
    z = [sum(column) for column in zip(*w)]
    return np.array(alpha), np.array(w), np.array(z)
""",
        ],
    ),
    (
        "einsum",
        [
            """
def mend(query, key, value):
    if key.shape[1] != query.shape[0] or key.shape[0] != value.shape[0]:
        raise ValueError(f"bad shapes {query.shape=} {key.shape=} {value.shape=}")
    s = np.einsum("d,sd->s", query, key)
    alpha = np.exp(s - np.max(s))
    alpha /= np.einsum("s->", alpha)
    w = np.einsum("s,sv->sv", alpha, value)
    return alpha, w, np.einsum("s,sv->v", alpha, value)
"""
        ],
    ),
    (
        "lists instead of a tuple, nested lists instead of arrays",
        [
            """
def mend(query, key, value):
    if key.shape != (len(value), len(query)):
        raise ValueError("sizes")
    score = key @ query
    e = np.exp(score - score.max())
    alpha = e / e.sum()
    w = (alpha * value.T).T
    return [alpha.tolist(), w.tolist(), w.sum(axis=0).tolist()]
"""
        ],
    ),
    (
        "helpers, constants, type hints, docstrings",
        [
            '"""My homework."""\nfrom __future__ import annotations\n\nfrom typing import Final\n'
            "import numpy.typing as npt\n\nAXIS: Final = -1\nArray = npt.NDArray[np.floating]",
            """
def check_sizes(q: Array, k: Array, v: Array) -> None:
    \"\"\"Raise when they do not fit.\"\"\"
    if q.ndim != 1 or k.ndim != 2 or v.ndim != 2:
        raise ValueError("wrong number of axes")
    if k.shape[1] != q.size:
        raise ValueError("width")
    if len(k) != len(v):
        raise ValueError("length")
""",
            "def shares(s: Array) -> Array:\n    e = np.exp(s - np.amax(s, axis=AXIS))\n"
            "    return e / np.sum(e, axis=AXIS)",
            """
def mend(query: Array, key: Array, value: Array) -> tuple[Array, Array, Array]:
    check_sizes(query, key, value)
    alpha: Array = shares(np.dot(key, query))
    w: Array = alpha.reshape(-1, 1) * value
    z: Array = np.add.reduce(w)
    return alpha, w, z
""",
        ],
    ),
    (
        "a lambda",
        [
            "def _refuse():\n    raise ValueError('sizes')",
            "soft = lambda s: np.exp(s - s.max()) / np.exp(s - s.max()).sum()",
            "mend = lambda query, key, value: ((lambda a: (a, a[:, None] * value, a @ value))"
            "(soft(key @ query)) if key.shape == (len(value), len(query)) else _refuse())",
        ],
    ),
    (
        "an object that can be called",
        [
            """
class Mender:
    def __init__(self, base=np.e):
        self.base = base

    def weights(self, score):
        powers = self.base ** (score - score.max())
        return powers / powers.sum()

    def __call__(self, query, key, value):
        if key.shape != (len(value), len(query)):
            raise ValueError("sizes")
        alpha = self.weights(key @ query)
        w = alpha[:, np.newaxis] * value
        return alpha, w, sum(w)
""",
            "mend = Mender()",
        ],
    ),
    (
        "functools.partial",
        [
            "import functools as ft",
            """
def general(scale, query, key, value):
    if key.shape != (len(value), len(query)):
        raise ValueError("sizes")
    score = scale * (key @ query)
    alpha = np.exp(score - np.logaddexp.reduce(score))
    w = alpha[:, None] * value
    return alpha, w, w.sum(0)
""",
            "mend = ft.partial(general, 1.0)",
        ],
    ),
    (
        "decorators and a custom error",
        [
            "import functools",
            "class SizeError(ValueError):\n    pass",
            """
def fitting(function):
    @functools.wraps(function)
    def inner(query, key, value):
        if key.shape != (len(value), len(query)):
            raise SizeError("they do not fit")
        return function(query, key, value)
    return inner
""",
            """
@fitting
def mend(query, key, value):
    score = query @ key.T
    e = np.exp(score - score.max())
    alpha = e / e.sum()
    w = alpha[:, None] * value
    return alpha, w, w.sum(axis=0)
""",
        ],
    ),
    (
        "32-bit numbers",
        [
            """
def mend(query, key, value):
    if key.shape != (len(value), len(query)):
        raise ValueError("sizes")
    score = (key @ query)
    e = np.exp((score - score.max()).astype(np.float32))
    alpha = e / e.sum(dtype=np.float32)
    w = alpha[:, None] * value.astype(np.float32)
    return alpha, w, w.sum(axis=0, dtype=np.float32)
"""
        ],
    ),
    (
        "prints, plots and magics around it, defined twice",
        [
            "%matplotlib inline\nimport matplotlib.pyplot as plt\nimport seaborn as sns",
            "!pip install seaborn\n%load_ext autoreload",
            "def mend(query, key, value):\n    return None  # first try",
            "print(mend(1, 2, 3))",
            """
def mend(query, key, value):
    print("mending", query.shape, key.shape)
    if key.shape != (len(value), len(query)):
        raise ValueError("sizes")
    score = key @ query
    e = np.exp(score - score.max())
    alpha = e / e.sum()
    w = alpha[:, None] * value
    print(alpha)
    return alpha, w, w.sum(axis=0)
""",
            "%timeit mend(np.ones(2), np.ones((3, 2)), np.ones((3, 4)))",
            "plt.bar(range(3), mend(np.ones(2), np.ones((3, 2)), np.ones((3, 4)))[0])\nplt.show()",
        ],
    ),
    (
        "one import line with matplotlib, used in a plot of its own",
        [
            "import numpy as np, matplotlib.pyplot as plt",
            "def plot(alpha):\n    plt.bar(range(len(alpha)), alpha)",
            """
def mend(query, key, value):
    if key.shape != (len(value), len(query)):
        raise ValueError("sizes")
    score = key @ query
    e = np.exp(score - score.max())
    return e / e.sum(), (e / e.sum())[:, None] * value, (e / e.sum()) @ value
""",
        ],
    ),
    (
        "a closure from a factory",
        [
            """
def make_mend():
    calls = 0
    def mend(query, key, value):
        nonlocal calls
        calls += 1
        if key.shape != (len(value), len(query)):
            raise ValueError("sizes")
        s = np.array([np.dot(query, k) for k in key])
        a = np.exp(s - s.max()) / np.exp(s - s.max()).sum()
        return a, np.multiply(a[:, None], value), np.tensordot(a, value, axes=1)
    return mend
""",
            "mend = make_mend()",
        ],
    ),
    (
        "assert turned into ValueError, try and except",
        [
            """
def mend(query, key, value):
    try:
        assert key.shape[1] == len(query)
        assert len(key) == len(value)
    except AssertionError as error:
        raise ValueError("sizes") from error
    score = np.inner(key, query)
    e = np.exp(score - score.max())
    alpha, *_ = (e / e.sum(),)
    w = np.stack([a * v for a, v in zip(alpha, value)])
    return alpha, w, w.sum(axis=0)
"""
        ],
    ),
]

SOFTMAX = """
def softmax(s, axis=-1):
    s = s - s.max(axis=axis, keepdims=True)
    return np.exp(s) / np.exp(s).sum(axis=axis, keepdims=True)
"""

ATTEND: list[Variant] = [
    ("einsum with an ellipsis", [SOFTMAX, """
def attend(query, key, value):
    scores = np.einsum("...nd,...sd->...ns", query, key)
    return np.einsum("...ns,...sv->...nv", softmax(scores), value)
"""]),
    ("loops over every index", ["""
def attend(query, key, value):
    if query.ndim > 2:
        return np.stack([attend(q, k, v) for q, k, v in zip(query, key, value)])
    out = np.zeros((query.shape[0], value.shape[1]))
    for n in range(query.shape[0]):
        scores = np.zeros(key.shape[0])
        for i in range(key.shape[0]):
            for c in range(query.shape[1]):
                scores[i] += query[n, c] * key[i, c]
        scores -= scores.max()
        total = 0.0
        for i in range(key.shape[0]):
            total += np.exp(scores[i])
        for i in range(key.shape[0]):
            out[n] += np.exp(scores[i]) / total * value[i]
    return out
"""]),
    ("divided at the end", ["""
def attend(q, k, v):
    s = q @ np.swapaxes(k, -2, -1)
    e = np.exp(s - s.max(-1)[..., None])
    return (e @ v) / e.sum(-1)[..., None]
"""]),
    ("the sum taken from behind", ["""
def attend(query, key, value):
    key, value = key[..., ::-1, :], value[..., ::-1, :]
    scores = query @ key.swapaxes(-1, -2)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / np.cumsum(e, axis=-1)[..., -1:] @ value
"""]),
    ("streaming, key by key, with a running maximum", ["""
def attend(query, key, value):
    top = np.full(query.shape[:-1] + (1,), -np.inf)
    total = np.zeros(query.shape[:-1] + (1,))
    out = np.zeros(query.shape[:-1] + (value.shape[-1],))
    for i in range(key.shape[-2]):
        k, v = key[..., i : i + 1, :], value[..., i : i + 1, :]
        score = (query * k).sum(axis=-1, keepdims=True)
        new = np.maximum(top, score)
        total = total * np.exp(top - new) + np.exp(score - new)
        out = out * np.exp(top - new) + np.exp(score - new) * v
        top = new
    return out / total
"""]),
    ("log-sum-exp", ["""
def logsumexp(s):
    m = np.max(s, axis=-1, keepdims=True)
    return m + np.log(np.sum(np.exp(s - m), axis=-1, keepdims=True))
""", """
def attend(query, key, value):
    scores = np.matmul(query, np.moveaxis(key, -1, -2))
    return np.matmul(np.exp(scores - logsumexp(scores)), value)
"""]),
    ("vectorize", [SOFTMAX, """
def _attend(query, key, value):
    return softmax(query @ key.T) @ value
""", "attend = np.vectorize(_attend, signature='(n,d),(s,d),(s,v)->(n,v)')"]),
    ("flattened batch and recursion", ["""
def attend(query, key, value):
    if query.ndim == 2:
        s = query @ key.T
        s = s - s.max(axis=1, keepdims=True)
        e = np.exp(s)
        return e @ value / e.sum(axis=1, keepdims=True)
    lead = query.shape[:-2]
    flat = [a.reshape((-1,) + a.shape[-2:]) for a in (query, key, value)]
    out = np.array([attend(*one) for one in zip(*flat)])
    return out.reshape(lead + out.shape[1:])
"""]),
    ("a class with static methods", ["""
class Attention:
    EPS = 0.0

    @staticmethod
    def weights(q, k):
        s = q @ k.mT
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        return e / (e.sum(axis=-1, keepdims=True) + Attention.EPS)

    @classmethod
    def forward(cls, q, k, v):
        return cls.weights(q, k) @ v
""", "attend = Attention.forward"]),
    ("keywords, a default, an assertion on shapes", [SOFTMAX, """
def attend(query, key, value, *, scale=1.0, verbose=False):
    assert query.shape[-1] == key.shape[-1], "widths"
    weights = softmax(scale * (query @ key.swapaxes(-1, -2)))
    if verbose:
        print(weights)
    return weights @ value
"""]),
    ("broadcasting instead of matrix products", ["""
def attend(query, key, value):
    scores = (query[..., :, None, :] * key[..., None, :, :]).sum(axis=-1)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    w = e / e.sum(axis=-1, keepdims=True)
    return (w[..., None] * value[..., None, :, :]).sum(axis=-2)
"""]),
    ("in place, with errstate", ["""
def attend(query, key, value):
    with np.errstate(over="raise", under="ignore"):
        s = query @ key.swapaxes(-1, -2)
        s -= s.max(axis=-1, keepdims=True)
        np.exp(s, out=s)
        s /= s.sum(axis=-1, keepdims=True)
        return s @ value
"""]),
    ("mend from above, used again", ["""
def attend(query, key, value):
    if query.ndim == 2:
        return np.array([mend(q, key, value)[2] for q in query])
    return np.array([attend(q, k, v) for q, k, v in zip(query, key, value)])
"""]),
    ("float32 where it does no harm", ["""
def attend(query, key, value):
    s = query @ key.swapaxes(-1, -2)
    w = np.exp((s - s.max(-1, keepdims=True)).astype("float32"))
    w = w / w.sum(-1, keepdims=True)
    return (w @ value.astype("float32")).astype("float32")
"""]),
]  # fmt: skip

STEER: list[Variant] = [
    ("barycentric coordinates, differences of keys", ["""
def steer(target, key, value):
    T = (value[1:] - value[0]).T
    rest = np.linalg.solve(T, target - value[0])
    lam = np.concatenate([[1 - rest.sum()], rest])
    if lam.min() < 1e-4:
        raise ValueError("outside")
    logs = np.log(lam)
    return np.linalg.lstsq(key[1:] - key[0], logs[1:] - logs[0], rcond=None)[0]
"""]),
    ("the pseudo-inverse", ["""
def steer(target, key, value):
    A = np.vstack([value.T, np.ones(len(value))])
    alpha = np.linalg.inv(A) @ np.append(target, 1)
    if np.any(alpha < 0.0001):
        raise ValueError(alpha)
    D = key - key.mean(axis=0)
    logs = np.log(alpha)
    return np.linalg.pinv(D) @ (logs - logs.mean())
"""]),
    ("Cramer's rule", ["from numpy.linalg import det, lstsq", """
def steer(target, key, value):
    n = len(value)
    A = np.column_stack([value, np.ones(n)]).T
    b = np.r_[target, 1.0]
    weights = []
    for i in range(n):
        B = A.copy()
        B[:, i] = b
        weights.append(det(B) / det(A))
    if min(weights) < 1e-4:
        raise ValueError("no")
    M = np.column_stack([key, np.ones(n)])
    return lstsq(M, np.log(weights), rcond=None)[0][:-1]
"""]),
    ("elimination by hand", ["""
def gauss(A, b):
    A = np.column_stack([A, b]).astype(float)
    n = len(A)
    for i in range(n):
        p = i + np.argmax(np.abs(A[i:, i]))
        A[[i, p]] = A[[p, i]]
        A[i] /= A[i, i]
        for j in range(n):
            if j != i:
                A[j] -= A[j, i] * A[i]
    return A[:, -1]
""", """
def steer(target, key, value):
    w = gauss(np.vstack([value.T, np.ones(len(value))]), np.append(target, 1.0))
    if not (w >= 1e-4).all():
        raise ValueError("outside the hull")
    d = key[1:] - key[0]
    r = np.log(w[1:] / w[0])
    return d.T @ gauss(d @ d.T, r)
"""]),
    ("least squares twice, a list returned", ["""
def steer(target, key, value):
    rows = np.c_[value, np.ones(len(value))].T
    weights, *_ = np.linalg.lstsq(rows, np.append(target, 1.0))
    if (weights < 1e-4).any():
        raise ValueError("outside")
    both, _, rank, _ = np.linalg.lstsq(np.c_[key, np.ones(len(key))], np.log(weights))
    return both[:-1].tolist()
"""]),
    ("QR", ["""
def steer(target, key, value):
    A = np.vstack([value.T, np.ones((1, value.shape[0]))])
    q, r = np.linalg.qr(A)
    w = np.linalg.solve(r, q.T @ np.hstack([target, 1.0]))
    if w.min() < 1e-4:
        raise ValueError("edge or outside")
    diffs = np.diff(key, axis=0)
    Q, R = np.linalg.qr(diffs.T)
    return Q @ np.linalg.solve(R.T, np.diff(np.log(w)))
"""]),
    ("a global threshold and nested functions", ["LIMIT = 1e-4\nERROR = 'not inside'", """
def steer(target, key, value):
    def mixing():
        return np.linalg.solve(np.append(value, np.ones((len(value), 1)), axis=1).T,
                               np.append(target, 1.0))

    def scores(w):
        if any(x < LIMIT for x in w):
            raise ValueError(ERROR)
        return np.log(w)

    s = scores(mixing())
    return np.linalg.lstsq(np.append(key, np.ones((len(key), 1)), axis=1), s, rcond=-1)[0][:-1]
"""]),
    ("SVD", ["""
def steer(target, key, value):
    w = np.linalg.solve(np.vstack([value.T, np.ones(len(value))]), np.append(target, 1.0))
    if (w < 1e-4).any():
        raise ValueError
    u, s, vt = np.linalg.svd(key - key[-1], full_matrices=False)
    keep = s > 1e-10 * s[0]
    b = np.log(w) - np.log(w[-1])
    return vt[keep].T @ ((u[:, keep].T @ b) / s[keep])
"""]),
    ("warnings and a match statement", ["import warnings", """
def steer(target, key, value):
    warnings.warn("this may take a while")
    A = np.vstack([value.T, np.ones(len(value))])
    w = np.linalg.solve(A, np.append(target, 1.0))
    match bool((w > 1e-4).all()):
        case False:
            raise ValueError("outside")
        case _:
            pass
    x = np.linalg.lstsq(np.hstack([key, -np.ones((len(key), 1))]), np.log(w), rcond=None)[0]
    return x[:-1]
"""]),
    ("a dataclass for the simplex", ["from dataclasses import dataclass", """
@dataclass(frozen=True)
class Simplex:
    points: np.ndarray

    def weights(self, x):
        system = np.vstack([self.points.T, np.ones(len(self.points))])
        return np.linalg.solve(system, np.append(x, 1.0))

    def __contains__(self, x):
        return bool((self.weights(x) >= 1e-4).all())
""", """
def steer(target, key, value):
    simplex = Simplex(value)
    if target not in simplex:
        raise ValueError("outside")
    logs = np.log(simplex.weights(target))
    return np.linalg.lstsq(key[1:] - key[0], logs[1:] - logs[0], rcond=None)[0]
"""]),
    ("Newton's method", ["""
def steer(target, key, value):
    w = np.linalg.solve(np.vstack([value.T, np.ones(len(value))]), np.append(target, 1.0))
    if (w < 1e-4).any():
        raise ValueError("outside")
    basis = np.linalg.qr((key[1:] - key[0]).T)[0]
    k = key @ basis
    x = np.zeros(k.shape[1])
    want = w @ k

    def f(x):
        s = k @ x
        return s.max() + np.log(np.exp(s - s.max()).sum()) - want @ x

    for _ in range(200):
        s = k @ x
        a = np.exp(s - s.max())
        a /= a.sum()
        gradient = a @ k - want
        if np.abs(gradient).max() < 1e-13:
            break
        hessian = (k.T * a) @ k - np.outer(a @ k, a @ k)
        step = np.linalg.solve(hessian, gradient)
        t = 1.0
        while f(x - t * step) > f(x) - 0.25 * t * (gradient @ step) and t > 1e-8:
            t /= 2
        x = x - t * step
    return basis @ x
"""]),
    ("a while loop that cuts the system down", ["""
def steer(target, key, value):
    value = np.asarray(value, float); key = np.asarray(key, float)
    weights = np.linalg.solve(np.block([[value.T], [np.ones(len(value))]]), np.r_[target, 1])
    if weights.min() < 1e-4: raise ValueError('outside')
    logs = np.log(weights); rows = key - key.mean(0); right = logs - logs.mean()
    x = np.zeros(key.shape[1]); r = rows.T @ (right - rows @ x); p = r.copy(); i = 0
    while np.linalg.norm(r) > 1e-13 and i < 1000:
        q = rows.T @ (rows @ p); a = (r @ r) / (p @ q); x = x + a * p
        new = r - a * q; p = new + (new @ new) / (r @ r) * p; r = new; i += 1
    return x
"""]),
]  # fmt: skip

BACKWARD: list[Variant] = [
    ("einsum throughout", ["""
def attend_backward(gradient, query, key, value):
    s = np.einsum("nd,sd->ns", query, key)
    a = np.exp(s - s.max(1, keepdims=True))
    a /= a.sum(1, keepdims=True)
    ga = np.einsum("nv,sv->ns", gradient, value)
    gs = a * (ga - np.einsum("ns,ns->n", a, ga)[:, None])
    return (np.einsum("ns,sd->nd", gs, key), np.einsum("ns,nd->sd", gs, query),
            np.einsum("ns,nv->sv", a, gradient))
"""]),
    ("the Jacobian of each row", ["""
def attend_backward(gradient, query, key, value):
    gq, gk, gv = (np.zeros_like(a) for a in (query, key, value))
    for n, (g, q) in enumerate(zip(gradient, query)):
        s = key @ q
        a = np.exp(s - s.max())
        a = a / a.sum()
        jacobian = np.diag(a) - np.outer(a, a)
        gs = jacobian @ (value @ g)
        gq[n] = gs @ key
        gk += np.outer(gs, q)
        gv += np.outer(a, g)
    return gq, gk, gv
"""]),
    ("the answer in the middle: a (v - z)", ["""
def attend_backward(gradient, query, key, value):
    s = query @ key.T
    e = np.exp(s - np.max(s, axis=1)[:, np.newaxis])
    a = e / np.sum(e, axis=1)[:, np.newaxis]
    z = a @ value
    gs = a * ((value[None] - z[:, None]) * gradient[:, None]).sum(-1)
    return gs @ key, gs.T @ query, a.T @ gradient
"""]),
    ("helpers that are defined below", ["""
def attend_backward(gradient, query, key, value):
    weights = forward(query, key)
    gs = through_softmax(weights, gradient @ value.T)
    return [gs @ key, gs.T @ query, weights.T @ gradient]
""", SOFTMAX.replace("def softmax", "def soft"), """
def forward(query, key):
    return soft(query @ key.T)
""", """
def through_softmax(a, g):
    return a * g - a * np.sum(a * g, axis=-1, keepdims=True)
"""]),
    ("a tape of small functions", ["""
def matmul(a, b):
    return a @ b, lambda g: (g @ b.T, a.T @ g)
""", """
def softmax_with_tape(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    return y, lambda g: y * (g - (g * y).sum(axis=-1, keepdims=True))
""", """
def attend_backward(gradient, query, key, value):
    s, back_s = matmul(query, key.T)
    a, back_a = softmax_with_tape(s)
    z, back_z = matmul(a, value)
    ga, gv = back_z(gradient)
    gq, gkt = back_s(back_a(ga))
    return gq, gkt.T, gv
"""]),
    ("32-bit at the end", ["""
def attend_backward(gradient, query, key, value):
    s = query @ key.T
    a = np.exp(s - s.max(axis=-1, keepdims=True))
    a = (a / a.sum(axis=-1, keepdims=True)).astype(np.float32)
    g = gradient.astype(np.float32) @ value.astype(np.float32).T
    gs = a * (g - (a * g).sum(axis=-1, keepdims=True))
    return gs @ key, gs.T @ query, a.T @ gradient
"""]),
    ("one big product, then taken apart", ["""
def attend_backward(gradient, query, key, value):
    n, d = query.shape
    s = query @ key.T
    a = np.exp(s - s.max(axis=1, keepdims=True)); a /= a.sum(axis=1, keepdims=True)
    g = gradient @ value.T
    gs = a * (g - np.diag(a @ g.T)[:, None])
    both = np.hstack([gs, a]).T @ np.hstack([query, gradient])
    S = len(key)
    return gs @ key, both[:S, :d], both[S:, d:]
"""]),
    ("a generator and tuple unpacking", ["""
def parts(gradient, query, key, value):
    s = query @ key.T
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    a = e / e.sum(axis=-1, keepdims=True)
    dot = np.sum(gradient * (a @ value), axis=-1, keepdims=True)
    gs = a * (gradient @ value.T - dot)
    yield gs @ key
    yield gs.T @ query
    yield a.T @ gradient
""", "attend_backward = lambda *inputs: tuple(parts(*inputs))"]),
    ("a named tuple returned", ["from collections import namedtuple",
     "Gradients = namedtuple('Gradients', 'query key value')", """
def attend_backward(gradient, query, key, value):
    s = query @ key.T
    a = np.exp(s - s.max(-1, keepdims=True))
    a /= a.sum(-1, keepdims=True)
    h = gradient @ value.T
    gs = a * (h - (a * h).sum(-1, keepdims=True))
    return Gradients(query=gs @ key, key=gs.T @ query, value=a.T @ gradient)
"""]),
    ("imports inside, walrus, f-strings", ["""
def attend_backward(gradient, query, key, value):
    import numpy
    from numpy import exp
    e = exp((s := query @ key.T) - s.max(axis=1, keepdims=True))
    a = e / e.sum(axis=1, keepdims=True)
    print(f"{a.shape=} {gradient.shape=}")
    g = numpy.matmul(gradient, value.T)
    gs = a * (g - numpy.vecdot(a, g)[:, None])
    return numpy.matmul(gs, key), numpy.matmul(gs.T, query), numpy.matmul(a.T, gradient)
"""]),
    ("lru_cache on a helper, a global counter", ["from functools import lru_cache\nCALLS = 0",
     "@lru_cache(maxsize=None)\ndef eye(n):\n    return np.eye(n)", """
def attend_backward(gradient, query, key, value):
    global CALLS
    CALLS += 1
    s = query @ key.T
    a = np.exp(s - s.max(axis=1, keepdims=True))
    a = a / a.sum(axis=1, keepdims=True)
    J = a[:, :, None] * (eye(len(key)) - a[:, None, :])
    gs = np.einsum("nij,nj->ni", J, gradient @ value.T)
    return gs @ key, gs.T @ query, a.T @ gradient
"""]),
    ("it writes into its own inputs", ["""
def attend_backward(gradient, query, key, value):
    s = query @ key.T
    s -= s.max(axis=1, keepdims=True)
    a = np.exp(s, out=s)
    a /= a.sum(axis=1, keepdims=True)
    gv = a.T @ gradient
    g = gradient @ value.T
    g -= (a * g).sum(axis=1, keepdims=True)
    g *= a
    gq, gk = g @ key, g.T @ query
    query[:] = 0; key[:] = 0; value[:] = 0; gradient[:] = 0
    return gq, gk, gv
"""]),
]  # fmt: skip

ONE_QUERY = {"mend": MEND, "attend": ATTEND, "steer": STEER, "attend_backward": BACKWARD}

# A few of other chapters: (chapter, function, variant)
OTHERS: list[tuple[int, str, Variant]] = [
    (5, "softmax", ("log-sum-exp", ["""
def softmax(x, axis=-1, log=False):
    m = np.max(x, axis=axis, keepdims=True)
    lse = m + np.log(np.sum(np.exp(x - m), axis=axis, keepdims=True))
    out = x - lse
    return out if log else np.exp(out)
"""])),
    (5, "jacobian", ("column by column, by softmax", ["""
def jacobian(x, temperature=1.0):
    y = x / temperature
    a = np.exp(y - y.max(-1, keepdims=True))
    a = a / a.sum(-1, keepdims=True)
    eye = np.eye(x.shape[-1])
    columns = [a * (eye[j] - a[..., j : j + 1]) / temperature for j in range(x.shape[-1])]
    return np.stack(columns, axis=-1)
"""])),
    (5, "temper", ("cases", ["""
def temper(x, temperature):
    if temperature < 0:
        raise ValueError("negative")
    if temperature == 0:
        return np.where(x == x.max(), 1.0, 0.0) / np.count_nonzero(x == x.max())
    if temperature == float("inf"):
        return np.full(len(x), 1 / len(x))
    e = np.exp((x - x.max()) / temperature)
    return e / e.sum()
"""])),
    (5, "gradient_size", ("a loop over queries", ["""
def gradient_size(query, key, widths):
    def norm(s):
        e = np.exp(s - s.max())
        a = e / e.sum()
        return np.linalg.norm(np.diag(a) - np.outer(a, a))
    plain, scaled = [], []
    for w in widths:
        rows = [key[:, :w] @ q[:w] for q in query]
        plain.append(np.mean([norm(r) for r in rows]))
        scaled.append(np.mean([norm(r / w**0.5) for r in rows]))
    return plain, scaled
"""])),
    (7, "spread", ("the variance spelled out", ["""
def spread(mean_q, var_q, mean_k, var_k):
    if not len(mean_q) == len(var_q) == len(mean_k) == len(var_k):
        raise ValueError("lengths")
    if min(var_q.min(), var_k.min()) < 0:
        raise ValueError("negative")
    variance = float(np.sum(var_q * var_k + var_q * mean_k**2 + var_k * mean_q**2))
    return variance, variance**-0.5
"""])),
    (7, "masked_weights", ("exponentials multiplied by the mask", ["""
def masked_weights(scores, allowed):
    allowed = np.broadcast_to(allowed, scores.shape)
    lowest = np.finfo(scores.dtype).min
    top = np.where(allowed, scores, lowest).max(axis=-1, keepdims=True)
    e = np.zeros(scores.shape, dtype=np.float64)
    shifted = scores.astype(np.float64) - top
    e[allowed] = np.exp(shifted[allowed])
    return (e / e.sum(axis=-1, keepdims=True)).astype(scores.dtype)
"""])),
    (7, "safe_softmax", ("row by row", ["""
def safe_softmax(scores, allowed, gradient):
    weights, g_scores = np.zeros_like(scores), np.zeros_like(scores)
    for n in range(len(scores)):
        on = np.flatnonzero(allowed[n])
        if on.size == 0:
            continue
        e = np.exp(scores[n, on] - scores[n, on].max())
        a = e / e.sum()
        weights[n, on] = a
        g_scores[n, on] = a * (gradient[n, on] - a @ gradient[n, on])
    return weights, g_scores
"""])),
    (7, "future_test", ("loops", ["""
def future_test(x, other, y=None, ys=None):
    if y is None:
        tries = []
        for t in range(len(x)):
            tries.append(np.concatenate([x[: t + 1], other[t + 1 :]]))
        return np.array(tries)
    return np.array([not np.allclose(ys[t][t], y[t], rtol=0, atol=4e-6 * np.abs(y).max())
                     for t in range(len(y))])
"""])),
    (8, "regroup", ("split and stack", ["""
def regroup(x, num_heads):
    if x.ndim == 3:
        if x.shape[-1] % num_heads:
            raise ValueError("width")
        return np.stack(np.split(x, num_heads, axis=-1), axis=1)
    if x.ndim == 4 and x.shape[1] == num_heads:
        return np.concatenate([x[:, h] for h in range(num_heads)], axis=-1)
    raise ValueError("shape")
"""])),
    (8, "tokens_meet", ("einsum", ["""
def tokens_meet(query, key, value):
    s = np.einsum("bnhd,bmhd->bhnm", query, key) / query.shape[-1] ** 0.5
    e = np.exp(s - s.max(-1, keepdims=True))
    a = e / e.sum(-1, keepdims=True)
    out = np.einsum("bhnm,bmhv->bnhv", a, value)
    return out.reshape(out.shape[0], out.shape[1], -1), a
"""])),
    (8, "three_tests", ("means instead of maxima", ["""
def three_tests(seen):
    reach = (np.abs(seen["y_changed"] - seen["y"]).max(axis=1) > 1e-5).all()
    order = np.allclose(seen["y_order"], seen["y"][seen["order"]], rtol=0, atol=1e-5)
    v = np.var(np.log(seen["weights"]), axis=-1).mean()
    return {"order": bool(order), "reach": bool(reach), "spread": 0.25 < v < 4}
"""])),
]  # fmt: skip
