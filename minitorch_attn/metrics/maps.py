"""Two maps compared: five measures from the study of where people look, and two tests.

A map is an array of any shape, numbers at places; `fixated` is True where somebody looked. The
definitions are those of Z. Bylinskii, T. Judd, A. Oliva, A. Torralba and F. Durand, "What Do
Different Evaluation Metrics Tell Us About Saliency Models?", IEEE TPAMI 41 (2019), arXiv
1604.03605.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..errors import MinitorchError

Array = np.ndarray

TINY = 2.2204e-16  # what the benchmark adds inside and outside KL's logarithm


class MapError(MinitorchError, ValueError):
    """Maps that cannot be compared; the message says which and why."""


def auc_judd(p: Any, fixated: Any) -> float:
    """How often a fixated place has the larger number of the two, against any other place.

    p : numbers at places, any shape; fixated : booleans of that shape. A tie counts one half, so
    a constant map has 1/2, a map that puts all fixated places first has 1, and only the order of
    the numbers counts. It is the area under the ROC curve, and Mann and Whitney's U / (n₁ n₂).

    Source: T. Judd, K. Ehinger, F. Durand and A. Torralba, "Learning to Predict Where Humans
    Look", ICCV 2009, without its jitter; H. B. Mann and D. R. Whitney, 1947.
    """
    p, fixated = _at_places("auc_judd", p, fixated)
    if fixated.all():
        raise MapError("auc_judd: every place is fixated, so there is none to compare with")
    ranks, group = np.unique(p, return_inverse=True)
    group = group.reshape(p.shape)
    hits = np.bincount(group[fixated], minlength=len(ranks))
    misses = np.bincount(group[~fixated], minlength=len(ranks))
    below = misses.cumsum() - misses
    return float((hits * (below + misses / 2)).sum() / (hits.sum() * misses.sum()))


def nss(p: Any, fixated: Any) -> float:
    """The mean of the map's z-scores at the fixated places: 0 is chance. NaN for a constant map.

    Source: R. J. Peters, A. Iyer, L. Itti and C. Koch, "Components of Bottom-up Gaze Allocation
    in Natural Images", Vision Research 45 (2005). The deviation is that of all places (ddof 0).
    """
    p, fixated = _at_places("nss", p, fixated)
    spread = _spread(p)
    return float((p[fixated].mean() - p.mean()) / spread) if spread else float("nan")


def cc(p: Any, q: Any) -> float:
    """The correlation of two maps, in [-1, 1]; NaN where one is constant. K. Pearson, 1895."""
    p, q = _pair("cc", p, q)
    spreads = _spread(p) * _spread(q)
    product = ((p - p.mean()) * (q - q.mean())).mean()
    return float(product / spreads) if spreads else float("nan")


def sim(p: Any, q: Any) -> float:
    """What two maps of shares have in common, Σ min(p, q): from 0, nothing, to 1, all.

    Source: M. J. Swain and D. H. Ballard, "Color Indexing", IJCV 7 (1991).
    """
    p, q = _pair("sim", p, q)
    return float(np.minimum(shares(p), shares(q)).sum())


def kl(p: Any, q: Any) -> float:
    """Divergence of the map p from what people did, q, in nats: Σ q ln(q / p). 0 is best.

    A place that people looked at and the map gives nothing is dear: about 36 nats times its share.

    Source: S. Kullback and R. A. Leibler, "On Information and Sufficiency", 1951, with the
    benchmark's two small constants.
    """
    p, q = (shares(x) for x in _pair("kl", p, q))
    return float((q * np.log(TINY + q / (TINY + p))).sum())


def shares(p: Any) -> Array:
    """The map divided by its sum. Raises MapError if a number is negative, or all are 0."""
    p = _finite("shares", p)
    if (p < 0).any():
        raise MapError(f"a map of shares has no negative number; this one has {p.min():g}")
    if not p.sum() > 0:
        raise MapError("a map of shares has a positive number somewhere; in this one all are 0")
    return p / p.sum()


def sign_flips(t: Any, most: int = 4096, seed: int = 0) -> float:
    """How often a mean at least as large as that of t (n,) comes up when signs are tossed.

    One-sided. Exact where all 2ⁿ ways to set the signs are at most `most`; else the signs as they
    are and `most` - 1 tosses. If each sign was a coin's, the chance of p ≤ α is at most α.

    Source: R. A. Fisher, "The Design of Experiments", 1935, section 21.
    """
    t = _finite("sign_flips", t)
    if t.ndim != 1 or not len(t):
        raise MapError(f"sign_flips: one number for each unit, (n,), not shape {t.shape}")
    if 2 ** len(t) <= most:
        signs = np.array(list(itertools.product((1, -1), repeat=len(t))))
    else:
        tossed = np.random.default_rng(seed).choice([-1, 1], (most - 1, len(t)))
        signs = np.vstack([np.ones(len(t), dtype=int), tossed])
    sums = signs @ t
    return float(np.mean(sums >= sums[0] - 1e-9 * np.abs(t).sum()))


def permute_within(x: Any, groups: Any, rng: np.random.Generator) -> Array:
    """A copy of x (n, ...) in which rows of one group have changed places among themselves.

    Source: E. S. Edgington, "Randomization Tests", 1980: what may be exchanged is what the null
    hypothesis says is exchangeable.
    """
    x, groups = np.asarray(x), np.asarray(groups)
    if groups.shape != x.shape[:1]:
        raise MapError(f"permute_within: a group for each row, not {groups.shape} for {x.shape}")
    out = x.copy()
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        out[rows] = x[rng.permutation(rows)]
    return out


def _spread(p: Array) -> float:
    """The standard deviation; 0 where the numbers differ by no more than rounding."""
    spread = float(p.std())
    return spread if spread > 1e-12 * float(np.abs(p).max()) else 0.0


def _finite(name: str, p: Any) -> Array:
    p = np.asarray(p, dtype=float)
    if not p.size or not np.isfinite(p).all():
        raise MapError(f"{name}: a map has numbers, all of them finite")
    return p


def _pair(name: str, p: Any, q: Any) -> tuple[Array, Array]:
    p, q = _finite(name, p), _finite(name, q)
    if p.shape != q.shape:
        raise MapError(f"{name}: the two maps have shapes {p.shape} and {q.shape}")
    return p, q


def _at_places(name: str, p: Any, fixated: Any) -> tuple[Array, Array]:
    p, fixated = _finite(name, p), np.asarray(fixated)
    if fixated.dtype != bool or fixated.shape != p.shape:
        raise MapError(f"{name}: fixated is an array of booleans of shape {p.shape}")
    if not fixated.any():
        raise MapError(f"{name}: no place is fixated")
    return p, fixated
