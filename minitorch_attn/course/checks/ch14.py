"""Chapter 14, human and model attention: five metrics, baselines, a ceiling, an exact test."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_shape
from .common import near, sizes

Array = np.ndarray

READ = "14_human_and_model_attention.md"

# 14.1

area = Exercise(
    "14.1",
    "AUC without thresholds",
    function="auc",
    signature="auc(p: (h, w), fixated: (h, w) booleans) -> number",
    difficulty=3,
    importance=4,
    minutes=35,
    read=f"{READ}#the-matrix-version",
)

SHAPES = ("wide", "row", "column")


def draw_places(rng: np.random.Generator, kind: str = "wide", many: int = 0) -> tuple[Array, Array]:
    """A map of the kind, all numbers different and of both signs, and some fixated places, which
    have more than the others, or less: the AUC is 0.1 or further from 1/2."""
    h, w = sizes(rng, 2)
    h, w = {"wide": (h, w), "row": (1, h + w), "column": (h + w, 1)}[kind]
    p = rng.permutation(h * w).reshape(h, w) - h * w / 2 + rng.uniform(-0.3, 0.3, (h, w))
    while True:
        fixated = np.zeros((h, w), dtype=bool)
        some = rng.choice(h * w, many or int(rng.integers(3, h * w - 2)), replace=False)
        fixated.flat[some] = True
        if abs((p[fixated][:, None] > p[~fixated]).mean() - 0.5) > 0.1:
            return p, fixated


def by_pairs(p: Array, fixated: Array) -> float:
    """One comparison after the other: 1 if the fixated place has more, 1/2 for a tie."""
    pairs = list(itertools.product(p[fixated], p[~fixated]))
    return sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs)


def exact(got: Any, want: float, claim: str) -> None:
    """One number, right to nine digits."""
    expect_shape(got, (), "one number comes back")
    expect_close(got, want, claim, rtol=1e-8, atol=1e-9)


@area.check(1, "the share of pairs in which the fixated place has the larger number")
def pairs(auc: Any, rng: np.random.Generator) -> None:
    for kind in SHAPES:
        p, fixated = draw_places(rng, kind)
        p[p == p.max()] *= 1000  # beside it all the others lie close together
        exact(auc(p, fixated), by_pairs(p, fixated), "it agrees with a loop over all pairs")


@area.check(1, "a tie counts one half")
def ties(auc: Any, rng: np.random.Generator) -> None:
    for levels in (3, 7):  # no more: whether thresholds are fine enough is asked elsewhere
        p, fixated = draw_places(rng)
        rough = np.round(levels * p / p.size)
        exact(auc(rough, fixated), by_pairs(rough, fixated), "it agrees with a loop, ties one half")
    level = rng.normal()
    exact(auc(np.full(p.shape, level), fixated), 0.5, "a constant map tells nothing: 1/2")
    wholes = rng.integers(0, 4, p.shape)
    exact(auc(wholes, fixated), by_pairs(wholes, fixated), "whole numbers, many of them equal")


@area.check(1, "only the order of the numbers counts, however close or far apart they lie")
def order(auc: Any, rng: np.random.Generator) -> None:
    p, fixated = draw_places(rng)
    want = by_pairs(p, fixated)
    for what, other in (
        ("exp(p)", np.exp(p / 4)),
        ("numbers that differ in the twelfth digit", 1 + 1e-12 * p),
        ("one number a million times the others", np.where(p == p.max(), 1e6 * abs(p), p)),
        ("p − 1000, all negative", p - 1000),
    ):
        exact(auc(other, fixated), want, f"the order is the same, so the AUC is: {what}")
    turn = bool(rng.integers(2))
    here = np.array([[turn, not turn]])
    for low in (1e-16, 1e-20):  # beside a 1, less the mean, both would be one number
        claim = f"{low:.0e} is less than {3 * low:.0e}"
        exact(auc(np.array([[low, 3 * low]]), here), float(not turn), claim)
        three = np.array([[1.0, low, 3 * low]]), np.array([[False, turn, not turn]])
        exact(auc(*three), by_pairs(*three), f"{claim}, also beside a 1")


@area.check(1, "1 where every fixated place comes first, 0 where it comes last")
def ends(auc: Any, rng: np.random.Generator) -> None:
    p, fixated = draw_places(rng)
    first = np.where(fixated, p + 1000, p)
    exact(auc(first, fixated), 1.0, "all fixated places have more than any other")
    exact(auc(-first, fixated), 0.0, "all fixated places have less than any other")
    low = np.flatnonzero(fixated.ravel())[int(rng.integers(fixated.sum()))]
    first.flat[low] = -2000.0
    want = 1 - 1 / fixated.sum()
    exact(auc(first, fixated), want, "one of the fixated places has less than all others")
    for many in (1, p.size - 1):
        p, alone = draw_places(rng)
        alone = np.full(p.shape, many > 1)
        at = int(rng.integers(p.size))
        alone.flat[at] = many == 1
        p += 1000 * np.sign(p - p.flat[at])  # the single place is far from all others
        exact(auc(p, alone), by_pairs(p, alone), "a single place on one side will do")


@area.check(1, "none fixated, or all, or another shape, raises ValueError")
def nothing_to_compare(auc: Any, rng: np.random.Generator) -> None:
    p, fixated = draw_places(rng)
    first = np.where(fixated, p + 1000, p)
    exact(auc(first, fixated), 1.0, "some are fixated, and have more than all others: 1")
    for value in (False, True):
        what = "every" if value else "no"
        expect_error(
            partial(auc, p, np.full(p.shape, value)), ValueError, f"{what} place is fixated"
        )
    turned = p.reshape(p.shape[::-1]), fixated.reshape(p.shape[::-1])
    for a, b in (
        (p, turned[1]),
        (turned[0], fixated),
        *((p, part) for part in (fixated[:1], fixated[:, :1], fixated.ravel())),
        *((part, fixated) for part in (p[:1], p[:, :1], p.ravel())),
        (p[:1], np.arange(p.shape[1])[:, None] == 0),  # a row, and a column
        (p[:, :1], np.arange(p.shape[0])[None] == 0),
    ):
        expect_error(partial(auc, a, b), ValueError, "map and places have one shape")


def some_of_each(p: Array, fixated: Array) -> None:
    if p.shape != fixated.shape or fixated.all() or not fixated.any():
        raise ValueError("one shape, and places of both kinds")


@area.wrong(
    "ties count as hits",
    "With ≥ a constant map is perfect: every comparison is a tie, and each counts as won. A tie is "
    "one half.",
)
def ties_won(p: Array, fixated: Array) -> float:
    some_of_each(p, fixated)
    return float((p[fixated][:, None] >= p[~fixated]).mean())


@area.wrong(
    "ties count as misses",
    "With > a constant map scores 0, as if it had every place the wrong way round. A tie is one "
    "half.",
)
def ties_lost(p: Array, fixated: Array) -> float:
    some_of_each(p, fixated)
    return float((p[fixated][:, None] > p[~fixated]).mean())


@area.wrong(
    "fixated places among the negatives",
    "Every place is taken for one that was not looked at, so a fixated place is compared with "
    "itself and its like, and no map reaches 1. Compare with the places that are not fixated.",
)
def all_as_negatives(p: Array, fixated: Array) -> float:
    some_of_each(p, fixated)
    difference = p[fixated][:, None] - p.ravel()
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


@area.wrong(
    "ten thresholds",
    "Between two thresholds you do not see the order. With every number of the map as a threshold, "
    "or with ranks, only the order counts.",
)
def ten_thresholds(p: Array, fixated: Array) -> float:
    some_of_each(p, fixated)
    span = p.max() - p.min()
    scaled = (p - p.min()) / (span if span else 1.0)
    levels = np.linspace(1, 0, 11)
    hits = [0.0, *((scaled[fixated] >= t).mean() for t in levels), 1.0]
    alarms = [0.0, *((scaled[~fixated] >= t).mean() for t in levels), 1.0]
    return trapezoid(hits, alarms)


@area.wrong(
    "the curve without its ends",
    "The curve runs from (0, 0) to (1, 1). Without these two points a piece of the area is "
    "missing: of a constant map all of it.",
)
def no_ends(p: Array, fixated: Array) -> float:
    some_of_each(p, fixated)
    levels = np.sort(p[fixated])[::-1]
    hits = [float((p[fixated] >= t).mean()) for t in levels]
    alarms = [float((p[~fixated] >= t).mean()) for t in levels]
    return trapezoid(hits, alarms)


@area.wrong(
    "turned round",
    "You count how often the place that was not fixated has more. That is 1 − AUC: a good map "
    "scores low.",
)
def turned_round(p: Array, fixated: Array) -> float:
    some_of_each(p, fixated)
    return 1 - by_pairs(p, fixated)


@area.wrong(
    "what cannot be compared is not refused",
    "With no place fixated, or all of them, there is no pair to compare, and the mean of nothing "
    "is NaN; in another shape it is not said which places were looked at. Raise ValueError each "
    "time.",
)
def no_refusal(p: Array, fixated: Array) -> float:
    difference = p.ravel()[fixated.ravel()][:, None] - p.ravel()[~fixated.ravel()]
    wins = ((difference > 0) + 0.5 * (difference == 0)).sum()
    return float(wins / difference.size) if difference.size else float("nan")


def trapezoid(hits: list[float], alarms: list[float]) -> float:
    steps = zip(itertools.pairwise(hits), itertools.pairwise(alarms), strict=True)
    return float(sum((a + b) / 2 * (d - c) for (a, b), (c, d) in steps))


# 14.2

four = Exercise(
    "14.2",
    "Four more verdicts",
    function="verdicts",
    signature=(
        "verdicts(p: (h, w), q: (h, w), fixated: (h, w) booleans)"
        ' -> {"nss": number, "cc": number, "sim": number, "kl": number}'
    ),
    difficulty=2,
    importance=4,
    minutes=35,
    read=f"{READ}#five-metrics-mended",
)

EPS = 2.2204e-16


def draw_maps(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Two maps that sum to different numbers far from 1, and some fixated places."""
    _, fixated = draw_places(rng)
    p = rng.uniform(0.2, 3, fixated.shape)
    q = rng.uniform(2, 9, fixated.shape) ** 2
    return p, q, fixated


def z_scores(p: Array) -> Array:
    return (p - p.mean()) / p.std()


def shares(p: Array) -> Array:
    return p / p.sum()


def divergence(p: Array, q: Array) -> float:
    p, q = shares(p), shares(q)
    return float((q * np.log(EPS + q / (EPS + p))).sum())


RIGHT: dict[str, Callable[[Array, Array, Array], float]] = {
    "nss": lambda p, q, fixated: float(z_scores(p)[fixated].mean()),
    "cc": lambda p, q, fixated: float((z_scores(p) * z_scores(q)).mean()),
    "sim": lambda p, q, fixated: float(np.minimum(shares(p), shares(q)).sum()),
    "kl": lambda p, q, fixated: divergence(p, q),
}


def one_of(verdicts: Any, key: str, drawn: tuple[Array, Array, Array], claim: str) -> None:
    got = verdicts(*drawn)
    there = isinstance(got, dict) and key in got
    expect(there, f"a dict comes back, with the key {key!r}", got=got)
    expect_shape(got[key], (), f"{key} is one number")
    expect_close(got[key], RIGHT[key](*drawn), claim, rtol=1e-6, atol=1e-7)


@four.check(1, "nss: the mean of the z-scores of p at the fixated places")
def for_nss(verdicts: Any, rng: np.random.Generator) -> None:
    p, q, fixated = draw_maps(rng)
    one_of(verdicts, "nss", (p, q, fixated), "z-scores with the mean and deviation of all places")
    one_of(verdicts, "nss", (1000 + p, q, fixated), "a constant added to the map changes nothing")
    perfect = 0.5 + fixated
    claim = "a map that knows the fixated places has √((n − k)/k)"
    one_of(verdicts, "nss", (perfect, q, fixated), claim)
    alone = np.zeros_like(fixated)
    alone.flat[int(rng.integers(alone.size))] = True
    one_of(verdicts, "nss", (p, q, alone), "one fixated place alone")
    one_of(verdicts, "nss", (p, q, np.ones_like(alone)), "every place fixated: 0")


@four.check(1, "cc: the correlation of p and q")
def for_cc(verdicts: Any, rng: np.random.Generator) -> None:
    p, q, fixated = draw_maps(rng)
    one_of(verdicts, "cc", (p, q, fixated), "the mean product of the z-scores")
    one_of(verdicts, "cc", (p + 50, 3 * q, fixated), "adding and scaling change nothing")
    one_of(verdicts, "cc", (p.max() + 1 - p, p, fixated), "opposite maps have −1")
    for part in (np.s_[:1], np.s_[:, :1]):
        drawn = p[part], q[part], np.ones_like(fixated[part])
        one_of(verdicts, "cc", drawn, f"maps of shape {p[part].shape}")


@four.check(1, "sim: what the shares of p and q have in common")
def for_sim(verdicts: Any, rng: np.random.Generator) -> None:
    p, q, fixated = draw_maps(rng)
    one_of(verdicts, "sim", (p, q, fixated), "both divided by their sums; the smaller one, summed")
    one_of(verdicts, "sim", (p, 7 * p, fixated), "equal shares have 1")
    one_of(verdicts, "sim", (p * fixated, q * ~fixated, fixated), "maps with no place in common: 0")
    one = p[:1, :1], q[:1, :1], np.ones((1, 1), bool)
    one_of(verdicts, "sim", one, "maps of a single place: 1")


@four.check(2, "kl: how far the map p is from what people did, q, in nats")
def for_kl(verdicts: Any, rng: np.random.Generator) -> None:
    p, q, fixated = draw_maps(rng)
    one_of(verdicts, "kl", (p, q, fixated), "Σ q ln(q / p), over shares")
    one_of(verdicts, "kl", (q, p, fixated), "and with the maps exchanged: another number")
    one_of(verdicts, "kl", (p, 5 * p, fixated), "equal shares have 0")
    gap = int(rng.integers(p.size))
    hole = p.copy()
    hole.flat[gap] = 0
    one_of(verdicts, "kl", (hole, q, fixated), "a place that the map forgot costs about 36 nats q")
    hole = q.copy()
    hole.flat[gap] = 0
    one_of(verdicts, "kl", (p, hole, fixated), "a place where nobody looked costs nothing itself")


def draw_flat(rng: np.random.Generator) -> tuple[tuple[Array, Array, Array], Array]:
    """Maps, and a constant one of their shape whose mean and deviation show rounding: 1e-17."""
    while True:
        drawn = draw_maps(rng)
        flat = np.full(drawn[0].shape, rng.uniform(0.05, 0.2))
        if all(m.std() > 0 and m.mean() > m.min() for m in (flat, flat / flat.sum(), 1e6 * flat)):
            return drawn, flat


@four.check(1, "a constant map has no NSS and no CC (NaN); what is no map raises ValueError")
def borders(verdicts: Any, rng: np.random.Generator) -> None:
    (p, q, fixated), flat = draw_flat(rng)
    nearly = flat.copy()
    nearly.flat[int(rng.integers(flat.size))] += 1e-7
    # In powers of two, so that means lose nothing.
    level = 1 + 2.0**-37 * rng.permutation(p.size).reshape(p.shape)
    nan = float("nan")
    for a, b, nss, cc, what in (
        (flat, q, nan, nan, "p is constant: NSS and CC are 0/0"),
        (p, flat, RIGHT["nss"](p, q, fixated), nan, "q is constant: CC is 0/0, NSS is not"),
        (1e6 * flat, q, nan, nan, "p is constant, in large units"),
        *(
            (a, b, RIGHT["nss"](a, b, fixated), RIGHT["cc"](a, b, fixated), what)
            for a, b, what in (
                (nearly, q, "a map that is not quite constant has both"),
                (level, q, "numbers that differ by one part in 10⁹ are not constant"),
                (1e-12 * p, q, "p in tiny units is not constant"),
                (p, 1e-12 * q, "q in tiny units is not constant"),
            )
        ),
    ):
        got = verdicts(a, b, fixated)
        expect(isinstance(got, dict) and {"nss", "cc", "sim", "kl"} <= set(got), "a dict", got=got)
        expect_close([got["nss"], got["cc"]], [nss, cc], what, rtol=1e-5, atol=1e-5)
        expect_close(
            [got["sim"], got["kl"]],
            [RIGHT["sim"](a, b, fixated), RIGHT["kl"](a, b, fixated)],
            "SIM and KL are defined all the same",
            rtol=1e-5,
            atol=1e-7,
        )
    at = int(rng.integers(p.size))
    below = p.copy()
    below.flat[at] = -1e-3
    zero = p.copy()
    zero.flat[at] = 0
    verdicts(zero, q, fixated)
    unseen = q.copy()
    unseen.flat[at] = 0
    for a, b in ((below, q), (q, below), (below, unseen), (unseen, below)):
        expect_error(partial(verdicts, a, b, fixated), ValueError, "a share is never negative")
    for a, b in ((0 * p, q), (q, 0 * p)):
        expect_error(partial(verdicts, a, b, fixated), ValueError, "shares need a sum above 0")


def refuse(p: Array, q: Array) -> None:
    if min(p.min(), q.min()) < 0 or not (p.sum() > 0 and q.sum() > 0):
        raise ValueError("no negative number, and a positive sum")


def all_four(p: Array, q: Array, fixated: Array, **other: Any) -> dict[str, float]:
    """The right ones, but for those that are given as functions of (p, q, fixated)."""
    refuse(p, q)
    constant = {"nss": np.ptp(p) == 0, "cc": np.ptp(p) == 0 or np.ptp(q) == 0}
    return {
        key: float("nan") if constant.get(key) else float((other.get(key) or right)(p, q, fixated))
        for key, right in RIGHT.items()
    }


@four.wrong(
    "mean and deviation exchanged",
    "A z-score is (number − mean) / deviation. Here the deviation is subtracted and the mean "
    "divides: torch.std_mean, for one, returns the deviation first.",
)
def exchanged(p: Array, q: Array, fixated: Array) -> dict:
    return all_four(p, q, fixated, nss=lambda p, q, f: ((p - p.std()) / p.mean())[f].mean())


@four.wrong(
    "z-scores of the fixated places alone",
    "Mean and deviation are taken over the fixated places, so the mean of their z-scores is always "
    "0. They are those of the whole map.",
)
def fixated_only(p: Array, q: Array, fixated: Array) -> dict:
    return all_four(p, q, fixated, nss=lambda p, q, f: ((p - p[f].mean()) / p.std())[f].mean())


@four.wrong(
    "the deviation of a sample",
    "With ddof=1 the deviation is divided by n − 1: the estimate from a sample. The map is all "
    "there is: ddof 0.",
)
def sample_deviation(p: Array, q: Array, fixated: Array) -> dict:
    return all_four(p, q, fixated, nss=lambda p, q, f: ((p - p.mean()) / p.std(ddof=1))[f].mean())


@four.wrong(
    "the cosine in place of the correlation",
    "The means were not subtracted. Two maps of positive numbers then always look alike, and a "
    "constant added to both makes them more so.",
)
def cosine(p: Array, q: Array, fixated: Array) -> dict:
    return all_four(
        p, q, fixated, cc=lambda p, q, f: (p * q).sum() / np.sqrt((p**2).sum() * (q**2).sum())
    )


@four.wrong(
    "divided by the largest number",
    "SIM compares shares: each map divided by its sum. Divided by its maximum, a map of one sharp "
    "peak has little left.",
)
def by_maximum(p: Array, q: Array, fixated: Array) -> dict:
    return all_four(
        p, q, fixated, sim=lambda p, q, f: np.minimum(p / p.max(), q / q.max()).sum() / p.size
    )


@four.wrong(
    "raw numbers in place of shares",
    "The two maps are in different units, so the smaller of two raw numbers means nothing. Divide "
    "each map by its sum first.",
)
def raw_sim(p: Array, q: Array, fixated: Array) -> dict:
    return all_four(p, q, fixated, sim=lambda p, q, f: np.minimum(p, q).sum())


@four.wrong(
    "the wrong way round",
    "The divergence is not symmetric. Here people come first: q weighs, and p stands below. The "
    "other way round a map is punished for places that nobody looked at.",
)
def reversed_kl(p: Array, q: Array, fixated: Array) -> dict:
    return all_four(p, q, fixated, kl=lambda p, q, f: divergence(q, p))


@four.wrong(
    "KL of raw numbers",
    "KL compares shares: each map divided by its sum. Of raw numbers it may even be negative.",
)
def raw_kl(p: Array, q: Array, fixated: Array) -> dict:
    return all_four(p, q, fixated, kl=lambda p, q, f: (q * np.log(EPS + q / (EPS + p))).sum())


@four.wrong(
    "bits",
    "That is the divergence in bits, with the logarithm to base 2. Asked for were nats: np.log.",
)
def bits(p: Array, q: Array, fixated: Array) -> dict:
    return all_four(p, q, fixated, kl=lambda p, q, f: divergence(p, q) / math.log(2))


@four.wrong(
    "a constant map scores 0",
    "0/0 is not 0: a constant map has no z-scores, and nothing is known of its correlation. Return "
    "NaN, so that nobody takes it for a measurement.",
)
def zero_for_nan(p: Array, q: Array, fixated: Array) -> dict:
    found = all_four(p, q, fixated)
    return {key: 0.0 if math.isnan(number) else number for key, number in found.items()}


# 14.3

baseline = Exercise(
    "14.3",
    "Beyond the baseline",
    function="beyond",
    signature=(
        "beyond(x: (n,), y: (n,), given: (n, k), groups: (n,) whole numbers, shuffles: whole"
        " number, seed: whole number) -> (partial, p), two numbers"
    ),
    difficulty=4,
    importance=5,
    minutes=60,
    read=f"{READ}#beyond-the-baseline",
)


def average_ranks(x: Array) -> Array:
    """1 for the smallest; ties share the mean of their ranks."""
    return (x[:, None] > x).sum(axis=1) + ((x[:, None] == x).sum(axis=1) + 1) / 2


def within(x: Array, groups: Array, rank: Callable[[Array], Array] = average_ranks) -> Array:
    """In each group: ranks, minus their mean, divided by the size of the group."""
    out = np.zeros(len(x))
    for group in np.unique(groups):
        own = groups == group
        ranks = rank(x[own])
        out[own] = (ranks - ranks.mean()) / own.sum()
    return out


def left_over(columns: Array, x: Array) -> Array:
    return x - columns @ np.linalg.lstsq(columns, x, rcond=None)[0]


def correlation(a: Array, b: Array) -> float:
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def ranked(x: Array, y: Array, given: Array, groups: Array) -> tuple[Array, Array, Array]:
    columns = np.column_stack([within(g, groups) for g in given.T])
    return within(x, groups), within(y, groups), columns


def partial_of(x: Array, y: Array, columns: Array) -> float:
    return correlation(left_over(columns, x), left_over(columns, y))


def draw_words(
    rng: np.random.Generator, pull: float, counts: list[int], k: int, tied: bool = True
) -> tuple[Array, Array, Array, Array]:
    """x, y, given and groups: both depend on what is given, and y on x by `pull`."""
    n = sum(counts)
    which = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    groups = (rng.permutation(50)[: len(counts)] - 25)[which]  # whole numbers, negative ones too
    level = rng.normal(0, 30, len(counts))[which]  # groups differ in level far more than within
    given = rng.normal(size=(n, k))
    x = given.sum(axis=1) + rng.normal(size=n)
    y = given[:, 0] - 0.5 * given[:, -1] + pull * (x - given.sum(axis=1)) + rng.normal(size=n)
    if tied:
        x, given = np.round(2 * x), np.round(2 * given)
    return x + level.round(), y - level, given + level.round()[:, None], groups


@baseline.check(2, "partial: ranks inside each group, what is given taken from both")
def partial_correlation(beyond: Any, rng: np.random.Generator) -> None:
    several, turn = sizes(rng, 4, low=6, high=16), float(rng.choice([-1.0, 1.0]))
    for counts, k, pull in (
        (several, 1, 1.5),
        ([1, *several[1:]], 1, -1.5),  # a word alone in its group
        (several, 3, turn),
        ([several[0] + 12], 2, turn),  # one group
    ):
        x, y, given, groups = draw_words(rng, pull, counts, k)
        want = partial_of(*ranked(x, y, given, groups))
        got = beyond(x, y, given, groups, 9, seed(rng))
        agrees(first(got), want, "it agrees with the definition, sign and all")
        steep = np.exp((x - x.min()) / 20)
        got = beyond(steep, y, given, groups, 9, seed(rng))
        agrees(first(got), want, "only the ranks of x count")
        more = np.column_stack([given, np.exp(given[:, 0] / 20), np.zeros(len(x))])
        got = beyond(x, y, more, groups, 9, seed(rng))
        agrees(first(got), want, "a column with the ranks of another, and a constant, tell no more")
    x, y, given, groups = draw_words(rng, 1.0, [120, 7, 8], 1, tied=False)
    many = np.flatnonzero((groups[:, None] == groups).sum(axis=1) == 120)
    one, two = many[np.argsort(given[many, 0])][50:52]
    x = given[:, 0].copy()
    x[[one, two]] = x[[two, one]]
    want = partial_of(*ranked(x, y, given, groups))
    got = beyond(x, y, given, groups, 9, seed(rng))
    agrees(first(got), want, "the order of given, but for two words: that is left, and counts")


def agrees(got: Any, want: float, claim: str) -> None:
    """A thousandth in the rank of a tie is seen; what 32 bits round away is not."""
    expect_close(got, want, claim, rtol=2e-5, atol=2e-6)


def seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def first(got: Any) -> Any:
    expect(isinstance(got, list | tuple) and len(got) == 2, "a pair comes back", got=got)
    expect_shape(got[0], (), "partial is one number")
    return got[0]


def chance(got: Any, shuffles: int) -> float:
    expect(isinstance(got, list | tuple) and len(got) == 2, "a pair comes back", got=got)
    expect_shape(got[1], (), "p is one number")
    steps = float(got[1]) * (shuffles + 1)
    whole = math.isfinite(steps) and abs(steps - round(steps)) < 1e-6
    expect(
        whole and 1 <= round(steps) <= shuffles + 1,
        "p is (1 + hits) / (1 + shuffles): from 1 / (1 + shuffles) to 1, in whole steps",
        got=got[1],
    )
    return float(got[1])


@baseline.check(1, "where nothing is left of x or y, ValueError")
def nothing_left(beyond: Any, rng: np.random.Generator) -> None:
    counts = sizes(rng, 3, low=6, high=12)
    x, y, given, groups = draw_words(rng, 1.0, counts, 2)
    near(
        first(beyond(x, y, given, groups, 9, seed(rng))),
        partial_of(*ranked(x, y, given, groups)),
        "where something is left it agrees with the definition",
    )
    for same in (given[:, 0], np.exp(given[:, 1] / 20), np.zeros(len(x))):
        claim = "its ranks are those of a given column, or all alike: nothing is left"
        expect_error(partial(beyond, same, y, given, groups, 9, seed(rng)), ValueError, claim)
        expect_error(partial(beyond, x, same, given, groups, 9, seed(rng)), ValueError, claim)


@baseline.check(1, "p is small for what is there, counts both signs, and never is 0")
def sizes_of_p(beyond: Any, rng: np.random.Generator) -> None:
    chances = []
    # Whether y depends on x is in the words alone, not in their number, the shuffles or the turn.
    # Shuffles reach 0.9 with a chance of 1e-8, and the mean is refused with one of 1e-6.
    for pull in rng.permutation([20.0, -20.0, *16 * [0.0]]):
        shuffles, here = int(rng.integers(19, 50)), 0.0
        while not here or (pull and abs(here) < 0.9):
            drawn = draw_words(rng, pull, sizes(rng, 3, low=8, high=14), 1, tied=False)
            here = partial_of(*ranked(*drawn))
        p = chance(beyond(*drawn, shuffles, seed(rng)), shuffles)
        if pull:
            claim = "no shuffle reaches it: p is 1 / (1 + shuffles)"
            exact(p, 1 / (shuffles + 1), claim)
        else:
            chances.append(p)
    expect(
        0.15 < np.mean(chances) < 0.85,
        "where y does not depend on x, p lies anywhere from 0 to 1: its mean is about 1/2",
        got=np.mean(chances),
    )


def draw_small(rng: np.random.Generator, moving: int) -> tuple[Array, Array, Array, Array]:
    """Groups of 2, 3 and 4 words; x has one and the same rank for all but the first `moving`."""
    counts = [2, 3, 4]
    while True:
        x, y, given, groups = draw_words(rng, float(rng.choice([-2.0, 2.0])), counts, 1, tied=False)
        size = (groups[:, None] == groups).sum(axis=1)
        x = np.where(size > moving, size, x)
        largest = np.flatnonzero(size == 4)
        given[largest[1]] = given[largest[0]]  # a tie: no order of x is that of given
        a, b, columns = ranked(x, y, given, groups)
        rests = left_over(columns, a), left_over(columns, b)
        if min(abs(rest).max() for rest in rests) > 1e-3 and abs(correlation(*rests)) > 0.4:
            return x, y, given, groups


def share_that_reach(x: Array, y: Array, given: Array, groups: Array) -> float:
    """Of all orders inside the groups."""
    x, y, columns = ranked(x, y, given, groups)
    rows = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    ways = itertools.product(*(itertools.permutations(own) for own in rows))
    orders = np.array([np.concatenate(way) for way in ways])[:, np.argsort(np.concatenate(rows))]
    moved, rest = left_over(columns, x[orders].T), left_over(columns, y)
    found = abs(rest @ moved) / np.sqrt((moved * moved).sum(axis=0) * (rest @ rest))
    return float(np.mean(found >= abs(partial_of(x, y, columns)) - 1e-9))


def draw_level(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """Every order of x has one correlation, up to sign and rounding; rounding puts many below.

    Of three groups, two words carry it, seventeen move where y and given do not vary, and in the
    last x does not.
    """
    while True:
        groups = np.repeat(rng.permutation(9)[:3] - 4, [2, 17, 9])
        x, y, given = rng.normal(size=(3, 28))
        y[2:19] = given[2:19] = x[19:] = 0.0
        order = rng.permutation(28)
        drawn = x[order], y[order], given[order][:, None], groups[order]
        a, b, columns = ranked(*drawn)
        here = abs(partial_of(a, b, columns))
        found = [abs(partial_of(shuffled_in(a, drawn[3], rng), b, columns)) for _ in range(40)]
        if np.mean(np.array(found) < here) > 0.3:
            return drawn


def draw_one_moving(rng: np.random.Generator, moving: int) -> tuple[Array, Array, Array, Array]:
    """x varies in one of three groups only, where y has its order, and given does not vary: of 9!
    orders two reach it. As many words as in `draw_level`."""
    x, y, given, groups = draw_words(rng, 0.0, [9, 9, 10], 1, tied=False)
    here = groups == np.unique(groups)[moving]
    return np.where(here, x, 0.0), np.where(here, x, y), np.where(here[:, None], 0.0, given), groups


SHUFFLES = 540


@baseline.check(2, "p: x shuffled inside its groups, everything else in place")
def inside_groups(beyond: Any, rng: np.random.Generator) -> None:
    drawn = draw_small(rng, moving=2)
    claim = "only two words can change places, which turns the sign: every shuffle is a hit"
    exact(chance(beyond(*drawn, 60, seed(rng)), 60), 1.0, claim)
    claim = "no order of x differs by more than rounding: every shuffle is a hit"
    for _ in range(3):
        exact(chance(beyond(*draw_level(rng), 60, seed(rng)), 60), 1.0, claim)
    for moving in range(3):
        drawn = draw_one_moving(rng, moving)
        # Of all orders hardly any reaches it; of nine that turn the group like a wheel, one does.
        got = chance(beyond(*drawn, 60, seed(rng)), 60)
        claim = "x varies in one group, and is shuffled there, where two orders of 9! reach it"
        small = "at most 2 hits in 60 shuffles, 3/61 = 0.049: more have a chance of 1e-11"
        expect(got < 0.05, claim, expected=small, got=got)
    for low, high in rng.permutation([(0.08, 0.18), (0.4, 0.6)]):  # no one guess is near both
        share = 0.0
        while not low < share < high:
            drawn = draw_small(rng, moving=4)
            share = share_that_reach(*drawn)
        by_seed = [chance(beyond(*drawn, 30, s), 30) for s in (*range(12), 0)]
        expect(by_seed[0] == by_seed[-1], "the same seed gives the same p", got=by_seed)
        expect(len(set(by_seed)) > 1, "other seeds give other shuffles", got=by_seed)
        is_share(beyond, drawn, share, rng)
    # Of one group one word has the most in x and in y, the others are alike: only the shuffles
    # that leave the word in place reach it, and none the other way round.
    x, y, given, groups = draw_one_moving(rng, 0)
    here = groups == groups.min()
    x = np.where(here, x == x[here].max(), 0.0)
    is_share(beyond, (x, np.where(here, x, y), given, groups), 1 / here.sum(), rng)


def is_share(beyond: Any, drawn: tuple, share: float, rng: np.random.Generator) -> None:
    got = chance(beyond(*drawn, SHUFFLES, seed(rng)), SHUFFLES)
    spread = math.sqrt(share * (1 - share) / SHUFFLES)
    expect(
        abs(got - share) < 5.2 * spread + 2 / SHUFFLES,  # else: a chance below 1e-6
        "p is the share of shuffles inside the groups that reach it, either sign, with ties",
        expected=f"about {share:.3f}, from going through all of them",
        got=got,
    )


def tried(
    x: Array,
    y: Array,
    columns: Array,
    shuffled: Callable[[], float],
    shuffles: int,
    p_of: Callable[[int, int], float] = lambda hits, shuffles: (1 + hits) / (1 + shuffles),
    sides: Callable[[float], float] = abs,
) -> tuple[float, float]:
    for rest in (left_over(columns, x), left_over(columns, y)):
        if abs(rest).max() < 1e-9:
            raise ValueError("nothing is left")
    here = partial_of(x, y, columns)
    hits = sum(sides(shuffled()) >= sides(here) - 1e-9 for _ in range(shuffles))
    return here, p_of(hits, shuffles)


def shuffled_in(x: Array, groups: Array, rng: np.random.Generator) -> Array:
    out = x.copy()
    for group in np.unique(groups):
        own = np.flatnonzero(groups == group)
        out[own] = x[rng.permutation(own)]
    return out


@baseline.wrong(
    "shuffled across the groups",
    "A word of a fast page may land on a slow one. What is exchangeable is what the null "
    "hypothesis says: words of one group. Shuffle inside each group.",
)
def across_groups(
    x: Array, y: Array, given: Array, groups: Array, shuffles: int, seed: int
) -> tuple:
    rng = np.random.default_rng(seed)
    x, y, columns = ranked(x, y, given, groups)
    return tried(x, y, columns, lambda: partial_of(rng.permutation(x), y, columns), shuffles)


@baseline.wrong(
    "y shuffled in place of x",
    "With y shuffled, y loses its tie to what is given, and x keeps it. The question is what x "
    "adds: shuffle x, leave y and given where they are.",
)
def y_shuffled(x: Array, y: Array, given: Array, groups: Array, shuffles: int, seed: int) -> tuple:
    rng = np.random.default_rng(seed)
    x, y, columns = ranked(x, y, given, groups)
    return tried(
        x, y, columns, lambda: partial_of(x, shuffled_in(y, groups, rng), columns), shuffles
    )


@baseline.wrong(
    "what is left of x shuffled",
    "The rest of x was shuffled and not its ranks; or given went along with x, which comes to the "
    "same. A rest that has changed places is tied to what is given again: shuffle the ranks of x "
    "alone, and take what is given, in its own place, from them anew.",
)
def rest_shuffled(
    x: Array, y: Array, given: Array, groups: Array, shuffles: int, seed: int
) -> tuple:
    rng = np.random.default_rng(seed)
    x, y, columns = ranked(x, y, given, groups)
    left, other = left_over(columns, x), left_over(columns, y)
    return tried(
        x, y, columns, lambda: correlation(shuffled_in(left, groups, rng), other), shuffles
    )


@baseline.wrong(
    "p can be 0",
    "hits / shuffles is 0 when no shuffle reaches it, and nothing has chance 0. The order that was "
    "seen is one of the possible ones: (1 + hits) / (1 + shuffles).",
)
def zero_p(x: Array, y: Array, given: Array, groups: Array, shuffles: int, seed: int) -> tuple:
    rng = np.random.default_rng(seed)
    x, y, columns = ranked(x, y, given, groups)
    return tried(
        x,
        y,
        columns,
        lambda: partial_of(shuffled_in(x, groups, rng), y, columns),
        shuffles,
        lambda hits, shuffles: hits / shuffles,
    )


@baseline.wrong(
    "one sign only",
    "A shuffle that reaches as far on the other side counts as well: nobody said beforehand which "
    "sign to expect. Compare absolute values.",
)
def one_sided(x: Array, y: Array, given: Array, groups: Array, shuffles: int, seed: int) -> tuple:
    rng = np.random.default_rng(seed)
    x, y, columns = ranked(x, y, given, groups)
    return tried(
        x,
        y,
        columns,
        lambda: partial_of(shuffled_in(x, groups, rng), y, columns),
        shuffles,
        sides=lambda c: c * np.sign(partial_of(x, y, columns)),
    )


@baseline.wrong(
    "ranks over all groups",
    "Ranked over everything, the ranks tell above all which group a word is in. Rank inside each "
    "group.",
)
def ranks_over_all(
    x: Array, y: Array, given: Array, groups: Array, shuffles: int, seed: int
) -> tuple:
    rng = np.random.default_rng(seed)
    one = np.zeros(len(x))
    x, y, columns = ranked(x, y, given, one)
    return tried(
        x, y, columns, lambda: partial_of(shuffled_in(x, groups, rng), y, columns), shuffles
    )


@baseline.wrong(
    "taken from one side only",
    "What is given was taken from x and not from y (the semi-partial correlation). y then still "
    "varies with what is given, and the number comes out too small.",
)
def one_side(x: Array, y: Array, given: Array, groups: Array, shuffles: int, seed: int) -> tuple:
    rng = np.random.default_rng(seed)
    x, y, columns = ranked(x, y, given, groups)
    _, p = tried(
        x, y, columns, lambda: partial_of(shuffled_in(x, groups, rng), y, columns), shuffles
    )
    return correlation(left_over(columns, x), y), p


@baseline.wrong(
    "ties ranked in the order in which they come",
    "argsort gives equal numbers different ranks, by their place in the list. Equal numbers share "
    "the mean of their ranks.",
)
def ordinal_ranks(
    x: Array, y: Array, given: Array, groups: Array, shuffles: int, seed: int
) -> tuple:
    rng = np.random.default_rng(seed)

    def rank(x: Array) -> Array:
        return np.argsort(np.argsort(x, kind="stable")) + 1.0

    x, y = within(x, groups, rank), within(y, groups, rank)
    columns = np.column_stack([within(g, groups, rank) for g in given.T])
    return tried(
        x, y, columns, lambda: partial_of(shuffled_in(x, groups, rng), y, columns), shuffles
    )


@baseline.wrong(
    "nothing left, and a number all the same",
    "When the ranks of x are those of a given column, what is left is rounding, and its "
    "correlation is a number about nothing. Look at what is left before you divide.",
)
def rounding(x: Array, y: Array, given: Array, groups: Array, shuffles: int, seed: int) -> tuple:
    rng = np.random.default_rng(seed)
    x, y, columns = ranked(x, y, given, groups)
    noise = 1e-13 * rng.normal(size=(2, len(x)))
    x, y = x + noise[0], y + noise[1]
    here = partial_of(x, y, columns)
    found = [partial_of(shuffled_in(x, groups, rng), y, columns) for _ in range(shuffles)]
    return here, (1 + sum(abs(c) >= abs(here) - 1e-9 for c in found)) / (1 + shuffles)


# 14.4

top = Exercise(
    "14.4",
    "How high is the ceiling?",
    function="ceiling",
    signature="ceiling(a: (n,), b: (n,)) -> (between, one, both), three numbers",
    difficulty=2,
    importance=4,
    minutes=25,
    read=f"{READ}#how-high-is-the-ceiling",
)


def draw_observers(rng: np.random.Generator, r: float) -> tuple[Array, Array]:
    """Two observers whose correlation is exactly r, in units and levels of their own."""
    n = int(rng.integers(7, 30))
    basis = np.linalg.qr(np.column_stack([np.ones(n), rng.normal(size=(n, 2))]))[0]
    a, other = basis[:, 1], basis[:, 2]
    b = r * a + math.sqrt(1 - r * r) * other
    (s, t), (u, v) = rng.uniform(0.5, 9, (2, 2))
    return s * a + 10 * u, t * b - 10 * v


def draw_nothing_shared(rng: np.random.Generator) -> tuple[Array, Array]:
    """Two observers with r = 0, which comes out below 0, whichever way it is computed."""
    while True:
        a, b = draw_observers(rng, 0.0)
        x, y = a - a.mean(), b - b.mean()
        ways = (
            np.corrcoef(a, b)[0, 1],
            correlation(x, y),
            (x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum()),
            np.mean(x / a.std() * (y / b.std())),
            sum(x / a.std() * (y / b.std())),
        )
        if max(ways) < 0:
            return a, b


def three(ceiling: Any, r: float, rng: np.random.Generator) -> list[Any]:
    got = ceiling(*draw_observers(rng, r))
    there = isinstance(got, list | tuple | np.ndarray) and np.shape(got) == (3,)
    expect(there, "three numbers come back", got=got)
    return list(got)


@top.check(1, "between: the correlation of the two observers")
def between(ceiling: Any, rng: np.random.Generator) -> None:
    for r in (*rng.uniform(0.05, 0.95, 3), 0.999):
        exact(three(ceiling, r, rng)[0], r, "it is their correlation")
    r = float(rng.uniform(0.3, 0.9))
    a, b = draw_observers(rng, r)
    for x, y, what in (
        (1e-9 * a, b, "a in tiny units"),
        (a, 1e-9 * b, "b in tiny units"),
        (a + 1e8, b, "a far from 0"),  # squares of that have no digit left for what differs
        (a, b - 1e8, "b far from 0"),
        (1e-14 * a, 1e-14 * b, "both in tiny units"),
    ):
        near(np.asarray(ceiling(x, y))[0], r, f"units and level change nothing: {what}")
    ends = np.array([3.0, *rng.permutation([1.0, 2, 5, 6]), 3])
    stamps = 1.7e12 + 100.0 * ends  # milliseconds of a clock
    near(ceiling(stamps, ends), [1.0, 1, 1], "they agree in all, and begin as they end: r = 1")
    near(ceiling(ends[:2], -ends[1::-1]), [1.0, 1, 1], "two things alone: r = 1")


@top.check(1, "one: the most that a perfect predictor reaches for one observer")
def for_one(ceiling: Any, rng: np.random.Generator) -> None:
    for r in (*rng.uniform(0.05, 0.95, 3), 1e-4):
        exact(three(ceiling, r, rng)[1], math.sqrt(r), f"two observers agree by {r:.3f}")
    truth, noise = rng.normal(size=40_000), rng.normal(size=(2, 40_000))
    a, b = truth + noise
    got = ceiling(a, b)
    there = np.shape(got) == (3,)
    expect(there, "three numbers come back", got=got)
    want = np.corrcoef(truth, a)[0, 1]
    expect_close(got[1], want, "simulated: the truth against a noisy one", rtol=0, atol=0.025)


@top.check(1, "both: the most that it reaches for the mean of the two")
def for_both(ceiling: Any, rng: np.random.Generator) -> None:
    for r in (*rng.uniform(0.05, 0.95, 3), 1e-4):
        want = math.sqrt(2 * r / (1 + r))
        exact(three(ceiling, r, rng)[2], want, f"two observers agree by {r:.3f}")
    truth, noise = rng.normal(size=40_000), rng.normal(size=(2, 40_000))
    a, b = truth + 1.5 * noise
    got = ceiling(a, b)
    expect(np.shape(got) == (3,), "three numbers come back", got=got)
    want = np.corrcoef(truth, a + b)[0, 1]
    expect_close(got[2], want, "simulated: the truth against the mean", rtol=0, atol=0.025)


@top.check(1, "a correlation of 0 leaves nothing; below 0, or none at all, raises ValueError")
def no_ceiling(ceiling: Any, rng: np.random.Generator) -> None:
    r = float(rng.uniform(0.2, 0.9))
    want = [r, math.sqrt(r), math.sqrt(2 * r / (1 + r))]
    near(three(ceiling, r, rng), want, "where they agree, all three are there")
    a, b = np.array([1.0, 1, -1, -1]), np.array([1.0, -1, 1, -1])
    near(ceiling(a, b), [0.0, 0.0, 0.0], "two observers with nothing in common: 0, 0, 0")
    for a, b in (*(draw_nothing_shared(rng) for _ in range(3)), draw_observers(rng, -0.95e-9)):
        claim = "nothing in common, but for rounding: 0, 0, 0"
        expect_close(ceiling(a, b), [0.0, 0.0, 0.0], claim, rtol=0, atol=1e-4)
    for r in (-0.9, -0.3, -0.01, -1e-6, -1.05e-9):
        a, b = draw_observers(rng, r)
        claim = "a negative correlation leaves no ceiling to compute"
        expect_error(partial(ceiling, a, b), ValueError, claim)
    opposite = np.array([1.0, 1, -1, -1])
    expect_error(partial(ceiling, opposite, -opposite), ValueError, "opposites, r = −1")
    a, b = draw_observers(rng, 0.5)
    for x, y in ((a, b[:-1]), (a[:-1], b), (a, b[:1]), (a[:1], b)):
        expect_error(partial(ceiling, x, y), ValueError, "lengths that differ")
    # A constant less its mean is 0, or rounding: whose correlation with b or −b is above 0.
    while (rounded := np.full(len(b), -rng.uniform(0.05, 3.0))).std() == 0:
        _, b = draw_observers(rng, 0.5)
    for flat in (np.ones(len(b)), rounded):
        for other in (b, -b):
            for x, y in ((flat, other), (other, flat)):
                expect_error(partial(ceiling, x, y), ValueError, "one of them is constant")


def agreement(a: Array, b: Array) -> float:
    if a.shape != b.shape or np.ptp(a) == 0 or np.ptp(b) == 0:
        raise ValueError("two observers of the same things, neither constant")
    return float(np.corrcoef(a, b)[0, 1])


def refuse_negative(r: float) -> float:
    if r < -1e-9:
        raise ValueError("no agreement, no ceiling")
    return max(r, 0.0)


@top.wrong(
    "the agreement taken for the ceiling",
    "r is how well one noisy observer predicts another noisy one. A predictor without noise does "
    "better: √r.",
)
def r_itself(a: Array, b: Array) -> tuple:
    r = refuse_negative(agreement(a, b))
    return r, r, math.sqrt(2 * r / (1 + r))


@top.wrong(
    "squared in place of rooted",
    "r² is a share of variance, smaller than r. The ceiling is higher than the agreement: √r.",
)
def squared(a: Array, b: Array) -> tuple:
    r = refuse_negative(agreement(a, b))
    return r, r * r, (2 * r / (1 + r)) ** 2


@top.wrong(
    "the reliability of the mean, without the root",
    "2r/(1 + r) is how well this mean would agree with the mean of two others (Spearman and "
    "Brown). A predictor without noise reaches its root.",
)
def no_root(a: Array, b: Array) -> tuple:
    r = refuse_negative(agreement(a, b))
    return r, math.sqrt(r), 2 * r / (1 + r)


@top.wrong(
    "the mean against one of the two",
    "The mean of the two contains the one that it is compared with, noise and all. That is no "
    "prediction: the ceiling follows from r alone.",
)
def own_part(a: Array, b: Array) -> tuple:
    r = refuse_negative(agreement(a, b))
    return r, math.sqrt(r), math.sqrt((1 + r) / 2)


@top.wrong(
    "the sign thrown away",
    "Observers who contradict each other share no signal with equal noise: the model behind √r "
    "does not hold. Refuse, and do not take the absolute value.",
)
def absolute(a: Array, b: Array) -> tuple:
    r = agreement(a, b)
    return r, math.sqrt(abs(r)), math.sqrt(2 * abs(r) / (1 + abs(r)))


@top.wrong(
    "rounding taken for a contradiction",
    "Two observers with nothing in common have r = 0, and rounding may put it at −10⁻¹⁷. That is "
    "no contradiction: down to −10⁻⁹ it counts as 0.",
)
def to_the_last_digit(a: Array, b: Array) -> tuple:
    r = agreement(a, b)
    if r < 0:
        raise ValueError("no agreement, no ceiling")
    return r, math.sqrt(r), math.sqrt(2 * r / (1 + r))


@top.wrong(
    "the covariance",
    "The covariance depends on the units, milliseconds or seconds. The correlation does not: "
    "divide by both deviations.",
)
def covariance(a: Array, b: Array) -> tuple:
    refuse_negative(agreement(a, b))
    r = max(float(np.mean((a - a.mean()) * (b - b.mean()))), 0.0)
    return r, math.sqrt(r), math.sqrt(2 * r / (1 + r))


# 14.5

pull = Exercise(
    "14.5",
    "Did the map pull you?",
    function="pulled",
    signature=(
        "pulled(shown: (n, h, w), other: (n, h, w), clicks: (n, K, 2) whole numbers)"
        " -> (mean, p), two numbers"
    ),
    difficulty=4,
    importance=5,
    minutes=60,
    read=f"{READ}#a-coin-for-each-picture",
)

Looked = tuple[Array, Array, Array]


def draw_clicks(rng: np.random.Generator, n: int, strength: float = 0.0, k: int = 0) -> Looked:
    """Maps (n, h, w), each in units of its own, and clicks that follow the shown one by chance."""
    h, w, wide = sizes(rng, 3, low=4, high=10)
    k = k or wide
    units = rng.uniform(0.2, 30, (2, n, 1, 1))
    shown, other = units * rng.gamma(0.7, size=(2, n, h, w)) + 0.01
    clicks = np.zeros((n, k, 2), dtype=int)
    for i in range(n):
        share = strength * shares(shown[i]) + (1 - strength) / (h * w)
        places = rng.choice(h * w, k, p=share.ravel())
        clicks[i] = np.stack([places % w, places // w], axis=1)
    return shown, other, clicks


def scores(shown: Array, other: Array, clicks: Array) -> Array:
    """For each picture: z of the shown map at the clicks, minus z of the other one."""
    out = []
    for a, b, xy in zip(shown, other, clicks, strict=True):
        z, z_other = z_scores(a), z_scores(b)
        out.append(np.mean([z[y, x] - z_other[y, x] for x, y in xy]))
    return np.array(out)


@cache
def all_signs(n: int) -> Array:
    """All ways for n coins to fall, (2ⁿ, n): 1 is as it was."""
    return np.array(list(itertools.product((1, -1), repeat=n)))


def flipped(t: Array) -> float:
    return float(np.mean(all_signs(len(t)) @ t >= t.sum() - 1e-9 * abs(t).sum()))


def both(got: Any) -> tuple[Any, Any]:
    there = isinstance(got, list | tuple | np.ndarray) and np.shape(got) == (2,)
    expect(there, "two numbers come back", got=got)
    return got[0], got[1]


@pull.check(2, "mean: NSS of the clicks on the shown map minus NSS on the other, over pictures")
def difference(pulled: Any, rng: np.random.Generator) -> None:
    for n, k in ((int(rng.integers(3, 7)), 0), (1, 0), (2, 1)):
        drawn = draw_clicks(rng, n, 0.4, k)
        near(both(pulled(*drawn))[0], scores(*drawn).mean(), "it agrees with a loop over clicks")
    shown, other, clicks = draw_clicks(rng, 3)
    clicks[:, 1:] = clicks[:, :1]  # ten times on one place is ten clicks
    clicks[:, -1] = 0
    want = scores(shown, other, clicks).mean()
    near(both(pulled(shown, other, clicks))[0], want, "a place clicked twice counts twice")
    for tiny in ((1e-12 * shown, other), (shown, 1e-12 * other)):
        near(both(pulled(*tiny, clicks))[0], want, "units change nothing: one map in tiny ones")
    for a, b, row_or_column in (
        (shown[:, :1], other[:, :1], clicks * (1, 0)),
        (shown[:, :, :1], other[:, :, :1], clicks * (0, 1)),
    ):
        want = scores(a, b, row_or_column).mean()
        near(both(pulled(a, b, row_or_column))[0], want, f"maps of shape {a.shape[1:]}")


def draw_between(rng: np.random.Generator, n: int) -> tuple[Looked, Array]:
    """Clicks whose t has both signs, with p well inside, and one picture that outweighs others."""
    while True:
        drawn = draw_clicks(rng, n, float(rng.uniform(0, 0.5)))
        t = scores(*drawn)
        if 0.1 < flipped(t) < 0.9 and (t > 0).any() and (t < 0).any():
            return drawn, t


@pull.check(2, "p: the share of all 2ⁿ ways to set the signs with a mean at least as large")
def exact_p(pulled: Any, rng: np.random.Generator) -> None:
    for n in (int(rng.integers(4, 8)), 9):
        drawn, t = draw_between(rng, n)
        exact(both(pulled(*drawn))[1], flipped(t), "it agrees with going through all of them")
        shown, other, clicks = drawn
        exact(both(pulled(other, shown, clicks))[1], flipped(-t), "and with the maps exchanged")
    drawn, share = draw_tied(rng)
    claim = "sums that are equal but for rounding are ties, and count"
    exact(both(pulled(*drawn))[1], share, claim)
    shown, other, clicks = draw_between(rng, 5)[0]
    other[2] = shown[2] * (1 + 1e-4 * rng.uniform(-1, 1, shown[2].shape))  # hardly another map
    for pair in ((shown, other), (other, shown)):
        want = flipped(scores(*pair, clicks))
        exact(both(pulled(*pair, clicks))[1], want, "a sum that is smaller by a little is smaller")


def as_people_write_it(shown: Array, other: Array, clicks: Array) -> list[Array]:
    """The same scores, each time rounded in another way."""
    n = len(shown)
    at = np.arange(n)[:, None], clicks[..., 1], clicks[..., 0]
    z = [np.stack([z_scores(m) for m in maps])[at] for maps in (shown, other)]
    flat = [maps.reshape(n, -1) for maps in (shown, other)]
    late = [
        (maps[at].mean(axis=1) - row.mean(axis=1)) / row.std(axis=1)
        for maps, row in zip((shown, other), flat, strict=True)
    ]
    return [
        scores(shown, other, clicks),
        z[0].mean(axis=1) - z[1].mean(axis=1),
        np.cumsum(z[0] - z[1], axis=1)[:, -1] / clicks.shape[1],
        late[0] - late[1],
    ]


def draw_tied(rng: np.random.Generator) -> tuple[Looked, float]:
    """Five pictures, the same five with the maps exchanged, and one more; the exact share.

    The ten scores cancel in many ways, and hardly ever to the last bit: whichever way the scores
    and their sums are rounded, some tie is missed.
    """
    signs = all_signs(11)
    while True:
        shown, other, clicks = draw_between(rng, 6)[0]
        order = rng.permutation(11)
        twice = ((shown, other), (other, shown), (clicks, clicks))
        a, b, c = (np.concatenate([one[:5], two[:5], one[5:]])[order] for one, two in twice)
        drawn = a, b, c
        t = scores(*drawn)
        share = flipped(t)
        pairs: list[tuple[Array, float]] = []  # all sums, and the one that was seen
        for s in as_people_write_it(*drawn):
            ways = (signs * s).sum(axis=1), (signs * s).cumsum(axis=1)[:, -1], signs @ s
            pairs += [(way, seen) for way in ways for seen in (way[0], s.sum())]
        if t.sum() > 0.2 and all((way >= seen).mean() < share for way, seen in pairs):
            return drawn, share


@pull.check(1, "the smallest p is 2⁻ⁿ; two equal maps have p = 1")
def ends_of_p(pulled: Any, rng: np.random.Generator) -> None:
    for n in (1, int(rng.integers(3, 7)), 12):
        shown, other, clicks = draw_clicks(rng, n, k=5)
        peaks = shown.reshape(n, -1).argmax(axis=1)
        w = shown.shape[2]
        other.reshape(n, -1)[np.arange(n), peaks] = 0
        clicks[:] = np.stack([peaks % w, peaks // w], axis=1)[:, None]
        # All of one scale: what units of their own do to a mean is asked elsewhere.
        shown, other = (m / m.mean(axis=(1, 2), keepdims=True) for m in (shown, other))
        pulled.forget()  # which call it is says nothing
        mean, p = both(pulled(shown, other, clicks))
        exact(p, 2.0**-n, "every picture pulls: only the signs as they are reach it")
        pulled.forget()
        back, p = both(pulled(other, shown, clicks))
        near(back, -np.asarray(mean), "the maps exchanged: the mean changes its sign")
        exact(p, 1.0, "and every way to set the signs reaches it")
        exact(both(pulled(shown, shown, clicks))[1], 1.0, "equal maps: every way is a tie")


@pull.check(2, "whatever the clicks, of all ways the coins can fall p ≤ α in a share of at most α")
def honest(pulled: Any, rng: np.random.Generator) -> None:
    n = 4
    shown, other, clicks = draw_between(rng, n)[0]
    shown *= 1000.0  # the coins mix large units with small ones: each map has z-scores of its own
    # A drift that has nothing to do with the coin: all clicks crowd at one place.
    clicks[:, 1:] = clicks[:, :1]
    found = []
    for coins in itertools.product((False, True), repeat=n):
        heads = np.array(coins)[:, None, None]
        pair = np.where(heads, other, shown), np.where(heads, shown, other)
        pulled.forget()  # else who counts the calls has all sixteen
        found.append(float(np.asarray(both(pulled(*pair, clicks))[1])))
    want = [(k + 1) / 2**n for k in range(2**n)]
    expect_close(
        sorted(found),
        want,
        "the sixteen ways to toss four coins give the p-values 1/16, 2/16, … 16/16",
        rtol=1e-9,
    )


@pull.check(2, "clicks outside, maps that do not fit or are constant raise ValueError")
def no_experiment(pulled: Any, rng: np.random.Generator) -> None:
    shown, other, clicks = draw_clicks(rng, 4)
    n, h, w = shown.shape
    # No place twice, and none in the last corner: how often one counts is asked elsewhere.
    places = rng.permuted(np.tile(np.arange(h * w - 1), (n, 1)), axis=1)[:, : clicks.shape[1]]
    clicks = np.stack([places % w, places // w], axis=2)
    near(both(pulled(shown, other, clicks))[0], scores(shown, other, clicks).mean(), "as it is")
    edge = clicks.copy()
    edge[-1, -1] = w - 1, h - 1
    near(
        both(pulled(shown, other, edge))[0],
        scores(shown, other, edge).mean(),
        "a click in the last column and row is inside",
    )
    i, k = int(rng.integers(n)), int(rng.integers(clicks.shape[1]))
    striped = shown.copy()
    striped[i, :, 0], striped[i, 0] = striped[i, 1, 0], striped[i, 1, 0]
    near(
        both(pulled(striped, other, clicks))[0],
        scores(striped, other, clicks).mean(),
        "a map with a constant row and column is no constant map",
    )
    for x, y in ((w, 0), (0, h), (-1, 0), (0, -1)):
        for at in ((i, k), (0, -1), (-1, 0)):  # whichever click of whichever picture
            out = clicks.copy()
            out[at] = x, y
            claim = f"x = {x}, y = {y} is outside"
            expect_error(partial(pulled, shown, other, out), ValueError, claim)
    for a, b, c in (
        (shown, other[:, :-1], clicks),
        (shown, other[:, :1], clicks),
        (shown[:1], other, clicks),
        (shown, other[:1], clicks),
        (shown[:, :-1], other, np.minimum(clicks, (w - 1, h - 2))),
        (shown[:, :, :-1], other, np.minimum(clicks, (w - 2, h - 1))),
        (shown[:-1], other[:-1], clicks),
        (shown, other, clicks[:1]),
    ):
        expect_error(partial(pulled, a, b, c), ValueError, "one shown, one other, clicks for each")
    eighths = int(rng.integers(1, 9)) / 8  # its mean is that exactly, its deviation 0
    rounded = [v for v in rng.uniform(0.05, 3, 50) if np.full((h, w), v).std() > 0]  # 1e-17
    for level in (eighths, -eighths, *rounded[:1]):
        flat = shown.copy()
        flat[i] = level
        for a, b in ((flat, other), (shown, flat)):
            claim = "a constant map has no z-scores"
            expect_error(partial(pulled, a, b, clicks), ValueError, claim)


def refuse_clicks(shown: Array, other: Array, clicks: Array, low: int = 0) -> None:
    n, h, w = shown.shape
    if other.shape != shown.shape or len(clicks) != n:
        raise ValueError("a shown map, another and clicks for each picture")
    if (clicks < low).any() or (clicks >= (w, h)).any():
        raise ValueError("a click is outside")
    if any(np.ptp(one) == 0 for one in (*shown, *other)):
        raise ValueError("a constant map")


@pull.wrong(
    "clicks flipped one by one",
    "Ten clicks on one picture are not ten experiments: one coin decided for all of them, so they "
    "flip together. The unit is the picture.",
)
def flips_clicks(shown: Array, other: Array, clicks: Array) -> tuple:
    refuse_clicks(shown, other, clicks)
    t = np.array(
        [
            z_scores(a)[y, x] - z_scores(b)[y, x]
            for a, b, xy in zip(shown, other, clicks, strict=True)
            for x, y in xy
        ]
    )
    signs = np.random.default_rng(0).choice([-1, 1], (2000, len(t)))
    return t.mean(), (1 + np.sum(signs @ t >= t.sum() - 1e-12)) / 2001


@pull.wrong(
    "a thousand tosses in place of all",
    "With so few pictures all ways can be gone through, and then p is exact. Tossed signs that "
    "leave out the ones that were seen can even give 0.",
)
def tossed(shown: Array, other: Array, clicks: Array) -> tuple:
    refuse_clicks(shown, other, clicks)
    t = scores(shown, other, clicks)
    signs = np.random.default_rng(0).choice([-1, 1], (1000, len(t)))
    return t.mean(), np.mean(signs @ t >= t.sum() - 1e-12)


@pull.wrong(
    "both sides counted",
    "The question was whether the clicks are pulled towards the map: one side. A mean as far on "
    "the other side does not count.",
)
def two_sided(shown: Array, other: Array, clicks: Array) -> tuple:
    refuse_clicks(shown, other, clicks)
    t = scores(shown, other, clicks)
    signs = np.array(list(itertools.product((1, -1), repeat=len(t))))
    return t.mean(), np.mean(abs(signs @ t) >= abs(t.sum()) - 1e-9 * abs(t).sum())


@pull.wrong(
    "the signs as they are do not count",
    "The way that was seen is one of the 2ⁿ, and was left out, by > in place of ≥ or by beginning "
    "behind it, so p can be 0. Count it, and what is as large.",
)
def strictly(shown: Array, other: Array, clicks: Array) -> tuple:
    refuse_clicks(shown, other, clicks)
    t = scores(shown, other, clicks)
    signs = np.array(list(itertools.product((1, -1), repeat=len(t))))
    return t.mean(), np.mean(signs @ t > t.sum() + 1e-9 * abs(t).sum())


@pull.wrong(
    "ties to the last bit",
    "Two sums that are equal on paper may differ in the last bit, and a tie that comes out smaller "
    "is missed. Compare to within rounding: one part in 10⁹.",
)
def to_the_last_bit(shown: Array, other: Array, clicks: Array) -> tuple:
    refuse_clicks(shown, other, clicks)
    t = scores(shown, other, clicks)
    ways = all_signs(len(t)) @ t
    return t.mean(), np.mean(ways >= ways[0])


@pull.wrong(
    "row and column exchanged",
    "A click is (x, y), a map is map[y, x]: first the row, which is y.",
)
def x_for_y(shown: Array, other: Array, clicks: Array) -> tuple:
    refuse_clicks(shown, other, clicks)
    _, h, w = shown.shape
    turned = clicks[..., ::-1] % (w, h)  # where it does not fit, it begins again
    t = scores(shown, other, turned)
    return t.mean(), flipped(t)


@pull.wrong(
    "no other map",
    "The clicks are compared with the shown map alone. Who clicks on what is salient follows any "
    "map of it, shown or not: that is why the other map is there.",
)
def no_control(shown: Array, other: Array, clicks: Array) -> tuple:
    refuse_clicks(shown, other, clicks)
    t = scores(shown, other, clicks) + np.array(
        [np.mean([z_scores(b)[y, x] for x, y in xy]) for b, xy in zip(other, clicks, strict=True)]
    )
    return t.mean(), flipped(t)


@pull.wrong(
    "divided by the maximum",
    "Divided by its largest number a map keeps its level and its spread, so pictures count "
    "unequally. NSS takes z-scores: minus the mean, divided by the deviation.",
)
def by_the_maximum(shown: Array, other: Array, clicks: Array) -> tuple:
    refuse_clicks(shown, other, clicks)
    t = np.array(
        [
            np.mean([a[y, x] / a.max() - b[y, x] / b.max() for x, y in xy])
            for a, b, xy in zip(shown, other, clicks, strict=True)
        ]
    )
    return t.mean(), flipped(t)


@pull.wrong(
    "one mean and deviation for all pictures",
    "Each map has z-scores of its own. With one mean and one deviation for all, a picture with "
    "large numbers outvotes the others.",
)
def one_scale(shown: Array, other: Array, clicks: Array) -> tuple:
    refuse_clicks(shown, other, clicks)
    a, b = z_scores(shown), z_scores(other)
    t = np.array(
        [np.mean([a[i, y, x] - b[i, y, x] for x, y in clicks[i]]) for i in range(len(shown))]
    )
    return t.mean(), flipped(t)


@pull.wrong(
    "a place counts once",
    "Clicks are turned into a map of booleans, in which a place that was clicked three times is "
    "one place. Each click counts.",
)
def booleans(shown: Array, other: Array, clicks: Array) -> tuple:
    refuse_clicks(shown, other, clicks)
    t = []
    for a, b, xy in zip(shown, other, clicks, strict=True):
        fixated = np.zeros(a.shape, dtype=bool)
        fixated[xy[:, 1], xy[:, 0]] = True
        t.append((z_scores(a) - z_scores(b))[fixated].mean())
    return np.mean(t), flipped(np.array(t))


@pull.wrong(
    "a negative click counts from the end",
    "For NumPy the index −1 is the last one, so a click left of the picture lands at its right "
    "edge without a word. Look at both borders.",
)
def from_the_end(shown: Array, other: Array, clicks: Array) -> tuple:
    refuse_clicks(shown, other, clicks, low=-100)
    t = scores(shown, other, clicks)
    return t.mean(), flipped(t)
