"""Other right answers to the exercises of chapter 14, built differently from the worked ones.

`python -m minitorch_attn prove 14` mutates these too: a mistake that nobody can make in the worked
answer can be made here.
"""

import itertools
import math

import numpy as np

# %% 14.1 ranks


def auc(p, fixated):
    if np.shape(p) != np.shape(fixated):
        raise ValueError("shapes differ")
    looked = int(fixated.sum())
    passed = fixated.size - looked
    if looked == 0 or passed == 0:
        raise ValueError("one kind of place is missing")
    _, rank, count = np.unique(p.ravel(), return_inverse=True, return_counts=True)
    mean_rank = count.cumsum() - (count - 1) / 2
    total = mean_rank[rank.ravel()][fixated.ravel()].sum()
    return (total - looked * (looked + 1) / 2) / (looked * passed)


# %% 14.1 loops


def auc(p, fixated):
    if p.shape != fixated.shape:
        raise ValueError("shapes differ")
    won, pairs = 0, 0
    for a, here in zip(p.ravel(), fixated.ravel(), strict=True):
        for b, there in zip(p.ravel(), fixated.ravel(), strict=True):
            if here and not there:
                pairs += 2
                won += 2 * (a > b) + (a == b)
    if pairs == 0:
        raise ValueError("nothing to compare")
    return won / pairs


# %% 14.2 loops and corrcoef


def verdicts(p, q, fixated):
    total_p, total_q = p.sum(), q.sum()
    if np.any(p < 0) or np.any(q < 0) or total_p == 0 or total_q == 0:
        raise ValueError("no maps of shares")
    same_p, same_q = np.ptp(p) == 0, np.ptp(q) == 0
    nan = math.nan
    nss = nan if same_p else (np.mean(p[fixated]) - np.mean(p)) / np.std(p)
    cc = nan if same_p or same_q else np.corrcoef(p.ravel(), q.ravel())[0, 1]
    sim = kl = 0.0
    for a, b in zip(p.ravel() / total_p, q.ravel() / total_q, strict=True):
        sim += min(a, b)
        kl += b * math.log(2.2204e-16 + b / (2.2204e-16 + a))
    return {"nss": nss, "cc": cc, "sim": sim, "kl": kl}


# %% 14.2 distances


def verdicts(p, q, fixated):
    for m in (p, q):
        if (m < 0).any():
            raise ValueError("a negative number")
        if not m.any():
            raise ValueError("an empty map")
    a, b = p / p.sum(), q / q.sum()
    found = {"nss": float("nan"), "cc": float("nan")}
    if p.min() < p.max():
        centred = a - a.mean()
        found["nss"] = centred[fixated].mean() / math.sqrt((centred**2).mean())
        if q.min() < q.max():
            other = b - b.mean()
            norms = np.linalg.norm(centred) * np.linalg.norm(other)
            found["cc"] = np.vdot(centred, other) / norms
    found["sim"] = 1 - np.abs(a - b).sum() / 2
    eps = 2.2204e-16
    found["kl"] = np.vdot(b, np.log(eps + b / (eps + a)))
    return found


# %% 14.3 residuals by projection


def beyond(x, y, given, groups, shuffles, seed):
    def rank_one(v):
        _, inverse, count = np.unique(v, return_inverse=True, return_counts=True)
        r = (count.cumsum() - (count - 1) / 2)[inverse.ravel()]
        return (r - r.mean()) / len(r)

    def rank_all(v):
        r = np.empty(len(v))
        for g in set(groups.tolist()):
            r[groups == g] = rank_one(v[groups == g])
        return r

    base = np.array([rank_all(column) for column in given.T]).T
    project = np.eye(len(x)) - base @ np.linalg.pinv(base)
    u, v = rank_all(x), project @ rank_all(y)
    if max(np.abs(project @ u)) < 1e-9 or max(np.abs(v)) < 1e-9:
        raise ValueError("nothing left")

    def r_of(z):
        return np.dot(project @ z, v) / (np.linalg.norm(project @ z) * np.linalg.norm(v))

    observed, count = r_of(u), 1
    rng = np.random.RandomState(seed)
    for _ in range(shuffles):
        w = np.empty(len(u))
        for g in np.unique(groups):
            members = np.where(groups == g)[0]
            w[members] = u[members][rng.permutation(len(members))]
        if abs(r_of(w)) > abs(observed) - 1e-9:
            count += 1
    return float(observed), count / (1 + shuffles)


# %% 14.3 all shuffles at once


def beyond(x, y, given, groups, shuffles, seed):
    same = groups[:, None] == groups
    count = same.sum(axis=1)

    def ranks(v):
        less, ties = same & (v < v[:, None]), same & (v == v[:, None])
        return (less.sum(axis=1) + ties.sum(axis=1) / 2 - count / 2) / count

    base = np.column_stack([ranks(column) for column in given.T])
    orders = np.tile(ranks(x), (shuffles + 1, 1))
    keys = np.random.default_rng(seed).random((shuffles, len(x)))
    where = np.argsort(groups, kind="stable")
    for order, key in zip(orders[1:], keys, strict=True):
        order[where] = orders[0][np.lexsort((key, groups))]
    table = np.vstack([orders, ranks(y)]).T
    table -= base @ np.linalg.lstsq(base, table, rcond=None)[0]
    left = table[:, -1]
    if np.ptp(table[:, 0]) <= 1e-9 or np.ptp(left) <= 1e-9:
        raise ValueError("one of the two is told by what is given")
    found = left @ table[:, :-1] / np.linalg.norm(table[:, :-1], axis=0) / np.linalg.norm(left)
    hits = np.abs(found) >= np.abs(found[0]) - 1e-9
    return found[0], hits.sum() / len(hits)


# %% 14.4 corrcoef


def ceiling(a, b):
    if len(a) != len(b):
        raise ValueError("lengths differ")
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        raise ValueError("a constant observer")
    r = float(np.corrcoef(a, b)[0, 1])
    if r < -1e-9:
        raise ValueError("no agreement")
    r = max(r, 0.0)
    return [r, r**0.5, math.sqrt(2 * r / (r + 1))]


# %% 14.4 z-scores


def ceiling(a, b):
    if np.shape(a) != np.shape(b):
        raise ValueError("lengths differ")
    if len(set(a.tolist())) == 1 or len(set(b.tolist())) == 1:
        raise ValueError("a constant observer")
    za, zb = (a - a.mean()) / a.std(), (b - b.mean()) / b.std()
    r = sum(za * zb) / len(za)
    if abs(r) <= 1e-9:
        return 0.0, 0.0, 0.0
    if r < 0:
        raise ValueError("no agreement")
    one = math.sqrt(r)
    return r, one, math.sqrt(2) * one / math.sqrt(1 + r)


# %% 14.5 click by click


def pulled(shown, other, clicks):
    if shown.shape != other.shape:
        raise ValueError("maps do not fit")
    n, h, w = shown.shape
    if clicks.shape[0] != n:
        raise ValueError("clicks do not fit")
    t = []
    for i in range(n):
        a, b = shown[i], other[i]
        if np.ptp(a) == 0 or np.ptp(b) == 0:
            raise ValueError("a constant map")
        total = 0.0
        for x, y in clicks[i]:
            if not (0 <= x < w and 0 <= y < h):
                raise ValueError("outside")
            total += (a[y, x] - a.mean()) / a.std() - (b[y, x] - b.mean()) / b.std()
        t.append(total / len(clicks[i]))
    reached = 0
    for coins in itertools.product([False, True], repeat=n):
        flipped = sum(-v if coin else v for v, coin in zip(t, coins, strict=True))
        reached += flipped >= sum(t) - 1e-10 * sum(map(abs, t))
    return sum(t) / n, reached / 2**n


# %% 14.5 all maps at once


def pulled(shown, other, clicks):
    n = len(shown)
    if shown.shape != other.shape or n != len(clicks):
        raise ValueError("these do not belong together")
    h, w = shown.shape[1:]
    x, y = clicks[..., 0], clicks[..., 1]
    if x.min() < 0 or y.min() < 0 or x.max() >= w or y.max() >= h:
        raise ValueError("a click outside")
    spans = [np.ptp(m.reshape(n, -1), axis=1).min() for m in (shown, other)]
    if min(spans) == 0:
        raise ValueError("a constant map")
    at = np.arange(n)[:, None], y, x

    def nss(m):
        flat = m.reshape(n, -1)
        return (m[at].mean(axis=1) - flat.mean(axis=1)) / flat.std(axis=1)

    t = nss(shown) - nss(other)
    sums = np.zeros(1)
    for value in t:
        sums = np.concatenate([sums + value, sums - value])
    return t.mean(), np.mean(sums >= t.sum() - 1e-9 * np.abs(t).sum())
