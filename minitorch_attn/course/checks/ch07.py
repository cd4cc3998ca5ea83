"""Chapter 07, scale and mask: the variance, a zoo of masks, the empty row, a test for leaks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...gradcheck import numerical_gradient
from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_shape
from . import common
from .common import ask_all, near, softmax, thousands_apart

sizes = partial(common.sizes, low=4)

Array = np.ndarray

READ = "07_scale_and_mask.md"


def two(got: Any, what: str, claim: str) -> Any:
    """The two results, in a tuple, a list or an array."""
    ordered = isinstance(got, tuple | list) or (isinstance(got, np.ndarray) and got.ndim)
    expect(ordered and len(got) == 2, claim, expected=what, got=got)
    return got


def far_apart(rng: np.random.Generator, rows: int) -> Array:
    """Numbers (rows, 1), thousands apart."""
    return thousands_apart(rng, rows)[:, None]


# 07.1

variance = Exercise(
    "07.1",
    "How large is a score?",
    function="spread",
    signature=("spread(mean_q: (d,), var_q: (d,), mean_k: (d,), var_k: (d,)) -> (variance, scale)"),
    difficulty=2,
    importance=4,
    minutes=30,
    read=f"{READ}#why-the-square-root",
)


def every_case(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> float:
    """The variance of q·k where each entry is mean ± sd, one as likely as the other."""
    means, sds = np.concatenate([mean_q, mean_k]), np.sqrt(np.concatenate([var_q, var_k]))
    signs = np.array(list(itertools.product([-1, 1], repeat=len(means))))
    query, key = np.split(means + signs * sds, 2, axis=1)
    return float((query * key).sum(axis=1).var())


def agrees_with_every_case(spread: Any, *inputs: Array) -> None:
    want = every_case(*inputs)
    found, scale = two(spread(*inputs), "(variance, scale)", "two numbers come back")
    expect_close(found, want, "the variance of q·k, counted over all cases", rtol=1e-4)
    expect_close(np.square(scale) * want, 1.0, "q·k times the scale has variance 1", rtol=1e-4)
    expect(scale > 0, "the scale is positive", got=scale)


@variance.check(1, "mean 0 and variance 1: the case of the chapter")
def standard(spread: Any, rng: np.random.Generator) -> None:
    for d in rng.choice(np.arange(2, 6), 2, replace=False):
        agrees_with_every_case(spread, np.zeros(d), np.ones(d), np.zeros(d), np.ones(d))


@variance.check(1, "mean 0 and other variances, 0 among them")
def other_variances(spread: Any, rng: np.random.Generator) -> None:
    d = int(rng.integers(3, 6))
    var_q, var_k = rng.uniform(0.5, 4, size=(2, d))
    agrees_with_every_case(spread, np.zeros(d), var_q, np.zeros(d), var_k)
    var_q[rng.integers(d)] = 0
    agrees_with_every_case(spread, np.zeros(d), var_q, np.zeros(d), var_k)
    agrees_with_every_case(spread, np.zeros(d), var_k, np.zeros(d), var_q)


@variance.check(1, "means that are not 0")
def other_means(spread: Any, rng: np.random.Generator) -> None:
    d = int(rng.integers(3, 6))
    # Above 1 in size, so that another power of a mean is another number.
    mean_q, mean_k = rng.uniform(2, 4, size=(2, d)) * rng.permutation([1, -1, 1, -1, 1][:d])
    var_q, var_k = rng.uniform(0.5, 4, size=(2, d))
    agrees_with_every_case(spread, mean_q, var_q, mean_k, var_k)
    agrees_with_every_case(spread, mean_q[:1], var_q[:1], mean_k[:1], var_k[:1])
    none = np.zeros(d)  # one of the two is always the same
    agrees_with_every_case(spread, mean_q, none, mean_k, var_k)
    agrees_with_every_case(spread, mean_q, var_q, mean_k, none)


@variance.check(1, "unequal lengths and negative variances raise ValueError")
def bad_numbers(spread: Any, rng: np.random.Generator) -> None:
    d = int(rng.integers(3, 6))
    mean, var = rng.uniform(0.5, 4, size=(2, d))
    good = (mean, var, mean, var)
    longer = (np.append(mean, 1.0), np.append(var, 1.0))
    for odd, place in itertools.product((var[:1], var[:-1], longer[1]), range(4)):
        inputs = [odd if i == place else part for i, part in enumerate(good)]
        expect_error(partial(spread, *inputs), ValueError, "one of the four lengths differs")
    for query, key in ((good[:2], longer), (good[:2], (mean[:1], var[:1]))):
        claim = "query and key differ in length"
        expect_error(partial(spread, *query, *key), ValueError, claim)
        expect_error(partial(spread, *key, *query), ValueError, claim)
    # Beside one that is above 0, 0, or negative too: the product of the two need not be below 0.
    for below, beside, place in itertools.product((-1e-300, -1e-6, -1.5), (1, 0, -1), (1, 3)):
        inputs, entry = [part.copy() for part in good], rng.integers(d)
        inputs[place][entry], inputs[4 - place][entry] = below, beside
        expect_error(partial(spread, *inputs), ValueError, "no variance can be negative")


def refuse(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> None:
    refuse_lengths(mean_q, var_q, mean_k, var_k)
    if min(var_q.min(), var_k.min()) < 0:
        raise ValueError("a variance is negative")


def refuse_lengths(*arrays: Array) -> None:
    if len({array.shape for array in arrays}) > 1:
        raise ValueError("query and key need one length")


def right_variance(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> float:
    return float((var_q * var_k + var_q * mean_k**2 + var_k * mean_q**2).sum())


@variance.wrong(
    "always d",
    "The variance is d where every entry has mean 0 and variance 1. With other variances each "
    "term has its own: add up what the terms have.",
)
def always_d(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> tuple:
    refuse(mean_q, var_q, mean_k, var_k)
    return float(len(mean_q)), len(mean_q) ** -0.5


@variance.wrong(
    "divided by the variance",
    "Multiplying by c multiplies the variance by c². To bring a variance v to 1, divide by its "
    "root: 1/√d, not 1/d.",
)
def no_root(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> tuple:
    refuse(mean_q, var_q, mean_k, var_k)
    v = right_variance(mean_q, var_q, mean_k, var_k)
    return v, 1 / v


@variance.wrong(
    "the scale upside down",
    "The scale is what scores are *multiplied* by. Large scores need a small one: 1/√v, not √v.",
)
def upside_down(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> tuple:
    refuse(mean_q, var_q, mean_k, var_k)
    v = right_variance(mean_q, var_q, mean_k, var_k)
    return v, v**0.5


@variance.wrong(
    "variances added within a term",
    "Variances add up where numbers are added. Within a term the numbers are multiplied: for mean "
    "0 the variances multiply too, Var(qk) = E[q²] E[k²].",
)
def added(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> tuple:
    refuse(mean_q, var_q, mean_k, var_k)
    v = float((var_q + var_k).sum())
    return v, v**-0.5


@variance.wrong(
    "standard deviations added",
    "Of independent numbers the variances add up, not the standard deviations. Otherwise the "
    "score of d entries would have variance d².",
)
def deviations_added(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> tuple:
    refuse(mean_q, var_q, mean_k, var_k)
    terms = var_q * var_k + var_q * mean_k**2 + var_k * mean_q**2
    v = float(np.sqrt(terms).sum() ** 2)
    return v, v**-0.5


@variance.wrong(
    "the means forgotten",
    "var_q · var_k is right for mean 0. A query entry far from 0 multiplies the key's variation: "
    "two more products.",
)
def no_means(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> tuple:
    refuse(mean_q, var_q, mean_k, var_k)
    v = float((var_q * var_k).sum())
    return v, v**-0.5


@variance.wrong(
    "the mean of the square taken for the variance",
    "E[(qk)²] is the variance only where E[qk] is 0. In general Var(X) = E[X²] − E[X]².",
)
def square_mean(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> tuple:
    refuse(mean_q, var_q, mean_k, var_k)
    v = float(((var_q + mean_q**2) * (var_k + mean_k**2)).sum())
    return v, v**-0.5


@variance.wrong(
    "broadcasting hides a missing entry",
    "Five entries times one are five products for NumPy. Compare the lengths first.",
)
def no_length_check(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> tuple:
    v = right_variance(mean_q, var_q, mean_k, var_k)
    return v, float(np.sqrt(1 / v))


@variance.wrong(
    "a negative variance believed",
    "A variance is a mean of squares. A negative one is a mistake of the caller's, who should "
    "hear of it.",
)
def no_sign_check(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> tuple:
    refuse_lengths(mean_q, var_q, mean_k, var_k)
    v = right_variance(mean_q, var_q, mean_k, var_k)
    return v, float(np.sqrt(1 / v))


@variance.wrong(
    "a variance of 0 refused",
    "0 is a legal variance: that entry is always equal to its mean. Only what is below 0 is a "
    "mistake, so the comparison is <, not <=.",
)
def zero_refused(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> tuple:
    refuse(mean_q, var_q, mean_k, var_k)
    if min(var_q.min(), var_k.min()) == 0:
        raise ValueError("a variance is not positive")
    v = right_variance(mean_q, var_q, mean_k, var_k)
    return v, float(np.sqrt(1 / v))


@variance.wrong(
    "the scale of the formula",
    "1/√d makes the variance 1 where it was d. Here it is another number: divide by its root.",
)
def usual_scale(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> tuple:
    refuse(mean_q, var_q, mean_k, var_k)
    return right_variance(mean_q, var_q, mean_k, var_k), len(mean_q) ** -0.5


@variance.wrong(
    "the standard deviation for the variance",
    "The first number is the root of the variance, which is the standard deviation. The scale is "
    "1 over it, as you have it; the variance comes back without a root.",
)
def deviation(mean_q: Array, var_q: Array, mean_k: Array, var_k: Array) -> tuple:
    refuse(mean_q, var_q, mean_k, var_k)
    sd = right_variance(mean_q, var_q, mean_k, var_k) ** 0.5
    return sd, 1 / sd


# 07.2

zoo = Exercise(
    "07.2",
    "A zoo of masks",
    function="masked_weights",
    signature="masked_weights(scores: (..., N, S), allowed: bool (..., N, S)) -> (..., N, S)",
    difficulty=3,
    importance=5,
    minutes=45,
    read=f"{READ}#how-much-is-minus-infinity",
)


def draw_mask(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """About half is allowed; in each row at least two keys are, and at least one is not."""
    allowed = rng.random(shape) < 0.5
    allowed[..., :2], allowed[..., -1] = True, False
    order = rng.permutation(shape[-1])
    return allowed[..., order]


def by_skipping(scores: Array, allowed: Array) -> Array:
    """Row by row: exponentials of the allowed keys alone; in 64 bits."""
    allowed = np.broadcast_to(allowed, scores.shape)
    weights = np.zeros(scores.shape)
    for place in np.ndindex(scores.shape[:-1]):
        seen = allowed[place]
        weights[place][seen] = softmax(scores[place][seen].astype(np.float64))
    return weights


def right_numbers(masked_weights: Any, scores: Array, allowed: Array, rtol: float = 1e-3) -> None:
    got = masked_weights(scores, allowed)
    expect_shape(got, scores.shape, "a weight for each score")
    got = np.asarray(got)
    expect(
        got.dtype == scores.dtype,
        "the weights are numbers of the same kind as the scores",
        expected=str(scores.dtype),
        got=str(got.dtype),
    )
    hidden = got[~np.broadcast_to(allowed, scores.shape)]
    expect(np.all(hidden == 0), "a forbidden key has the weight 0 exactly", got=hidden)
    want = by_skipping(scores, allowed)
    expect_close(
        got.astype(np.float64), want, "softmax over the allowed keys alone", rtol=rtol, atol=1e-4
    )


@zoo.check(1, "softmax over the allowed keys, 0 for the others")
def allowed_only(masked_weights: Any, rng: np.random.Generator) -> None:
    n, s = sizes(rng, 2)
    right_numbers(masked_weights, rng.normal(size=(n, s)), draw_mask(rng, (n, s)))
    alone = np.arange(s) == rng.integers(s, size=(n, 1))
    right_numbers(masked_weights, rng.normal(size=(n, s)), alone)
    right_numbers(masked_weights, rng.normal(size=(1, s)), draw_mask(rng, (1, s)))
    right_numbers(masked_weights, np.zeros((n, s)), draw_mask(rng, (n, s)))  # 0 is a score, too


@zoo.check(1, "a forbidden key has no say, though its score be a thousand higher")
def no_say(masked_weights: Any, rng: np.random.Generator) -> None:
    n, s = sizes(rng, 2)
    allowed = draw_mask(rng, (n, s))
    scores = np.where(allowed, 0, 1000) + rng.normal(size=(n, s)) + far_apart(rng, n)
    right_numbers(masked_weights, scores, allowed)
    right_numbers(masked_weights, scores + far_apart(rng, s).T, allowed)


@zoo.check(1, "scores of minus five million, in 32-bit numbers")
def millions(masked_weights: Any, rng: np.random.Generator) -> None:
    n, s = sizes(rng, 2)
    allowed = draw_mask(rng, (n, s))
    scores = np.where(allowed, -5e6, 0) + 4 * rng.integers(0, 2, size=(n, s))
    right_numbers(masked_weights, scores.astype(np.float32), allowed)


@zoo.check(1, "scores of any size, in 64 and 32 bits, down to the most negative number there is")
def any_size(masked_weights: Any, rng: np.random.Generator) -> None:
    n, s = sizes(rng, 2)
    allowed = draw_mask(rng, (n, s))
    noise = rng.normal(size=(n, s))
    right_numbers(masked_weights, np.where(allowed, -5e9, 0) + noise, allowed)
    for kind in (np.float64, np.float32):
        for size in (-1e35, float(np.finfo(kind).min), float(np.finfo(kind).max)):
            scores = np.where(allowed, size, noise).astype(kind)
            right_numbers(masked_weights, scores, allowed)
        high = np.where(allowed, 5e6, 0) + np.arange(s)
        right_numbers(masked_weights, high.astype(kind), allowed)


@zoo.check(1, "16-bit numbers, up to 60,000 and down to −65,504, the most negative")
def half(masked_weights: Any, rng: np.random.Generator) -> None:
    n, s = sizes(rng, 2)
    allowed = draw_mask(rng, (n, s))
    # Numbers near 60,000 lie 32 apart in 16 bits, so the allowed scores are all the same.
    scores = np.where(allowed, -6e4, 6e4)
    low, small = rng.permutation(n)[:2]
    scores[low] = np.where(allowed[low], -65504, 0)
    scores[small] = np.where(allowed[small], rng.normal(size=s), 6e4)
    right_numbers(masked_weights, scores.astype(np.float16), allowed, rtol=0.02)


@zoo.check(1, "a mask with fewer axes, or with axes of 1, is stretched")
def stretched(masked_weights: Any, rng: np.random.Generator) -> None:
    b, h, n, s = sizes(rng, 4)
    for allowed in (draw_mask(rng, (b, 1, s)), draw_mask(rng, (n, s))):
        right_numbers(masked_weights, rng.normal(size=(b, n, s)), allowed)
    for shape in ((s,), (n, s), (h, n, s), (b, 1, 1, s), (1, h, n, s)):
        right_numbers(masked_weights, rng.normal(size=(b, h, n, s)), draw_mask(rng, shape))
    right_numbers(masked_weights, rng.normal(size=(n, s)), np.ones((n, 1), bool))


def filled(scores: Array, allowed: Array, fill: float) -> Array:
    with np.errstate(all="ignore"):
        return softmax(scores + np.where(allowed, 0, fill).astype(scores.dtype))


@zoo.wrong(
    "minus a million is no infinity",
    "−1e6 is added. That forbids a key only while no score differs by more: −5,000,000 allowed "
    "and 0 − 1,000,000 forbidden, and the forbidden key wins. −∞ is below every number.",
)
def million(scores: Array, allowed: Array) -> Array:
    return filled(scores, allowed, -1e6)


@zoo.wrong(
    "minus a thousand million is no infinity",
    "−1e9 is added. It is a bet that no score is larger, and this one was. −∞ bets on nothing.",
)
def thousand_million(scores: Array, allowed: Array) -> Array:
    return filled(scores, allowed, -1e9)


@zoo.wrong(
    "minus a thousand million in place of a score",
    "A forbidden score becomes −1e9, and an allowed one may be lower, so that the forbidden key "
    "wins. Whatever number stands there, some score is below it: only −∞ is below every number.",
)
def thousand_million_instead(scores: Array, allowed: Array) -> Array:
    with np.errstate(all="ignore"):
        return softmax(np.where(allowed, scores, -1e9).astype(scores.dtype))


@zoo.wrong(
    "the most negative number in place of a score",
    "The most negative number of a kind (−65,504 in 16 bits) is a number, and an allowed score "
    "may be as low: then both keys get the same weight. −∞ is lower still.",
)
def least_instead(scores: Array, allowed: Array) -> Array:
    return softmax(np.where(allowed, scores, np.finfo(scores.dtype).min))


@zoo.wrong(
    "no maximum subtracted",
    "The mask is right. But exp(−5,000,000) is 0 for all allowed keys of a row, and 0 / 0 is NaN; "
    "a large score gives ∞ / ∞. Subtract the row's largest allowed score first.",
)
def no_maximum(scores: Array, allowed: Array) -> Array:
    with np.errstate(all="ignore"):
        e = np.exp(np.where(allowed, scores, -np.inf).astype(scores.dtype))
        return e / e.sum(axis=-1, keepdims=True)


@zoo.wrong(
    "one maximum for all rows",
    "The largest score of the whole array is subtracted. In a row far below it every exponential "
    "is 0, and 0 / 0 is NaN. Subtract each row's own maximum, with axis=-1 and keepdims=True.",
)
def one_maximum(scores: Array, allowed: Array) -> Array:
    with np.errstate(all="ignore"):
        seen = np.where(allowed, scores, -np.inf).astype(scores.dtype)
        e = np.exp(seen - seen.max())
        return e / e.sum(axis=-1, keepdims=True)


@zoo.wrong(
    "the most negative number, added",
    "The most negative 16-bit number is −65,504. Added to a forbidden score of 60,000 it leaves "
    "−5,504, and an allowed score may be lower. *Replace* the score, by −∞, instead of adding.",
)
def least(scores: Array, allowed: Array) -> Array:
    return filled(scores, allowed, float(np.finfo(scores.dtype).min))


@zoo.wrong(
    "0 times infinity",
    "(1 − allowed) × −∞ is meant to be 0 for an allowed key, but 0 times infinity is NaN. "
    "Choose between two numbers, with np.where, and do not multiply.",
)
def zero_times_infinity(scores: Array, allowed: Array) -> Array:
    with np.errstate(all="ignore"):
        return softmax(scores + ((1.0 - allowed) * -np.inf).astype(scores.dtype))


@zoo.wrong(
    "masked after softmax",
    "The weights were made with the forbidden keys and set to 0 afterwards. They no longer sum to "
    "1, and a forbidden key still has a say, through the sum. Mask before.",
)
def masked_after(scores: Array, allowed: Array) -> Array:
    return softmax(scores) * allowed


@zoo.wrong(
    "divided again, too late",
    "Striking out weights, or exponentials, and dividing by what is left works on paper. A "
    "forbidden key that scores a thousand more has left exactly 0 for the others, and 0 / 0 is "
    "NaN. Mask before, so that the largest score too is one of an allowed key.",
)
def divided_again(scores: Array, allowed: Array) -> Array:
    with np.errstate(all="ignore"):
        weights = softmax(scores) * allowed
        return weights / weights.sum(axis=-1, keepdims=True)


@zoo.wrong(
    "score 0 taken for weight 0",
    "Multiplying the scores by the mask gives a forbidden key the score 0, and exp(0) = 1 is a "
    "good weight. The score that gives the weight 0 is −∞.",
)
def score_zero(scores: Array, allowed: Array) -> Array:
    return softmax(scores * allowed)


@zoo.wrong(
    "the other meaning of True",
    "Here True means *forbidden*, as in some libraries. In this book it means *allowed*: a "
    "forbidden key has the weight 0, and an allowed one has not.",
)
def other_meaning(scores: Array, allowed: Array) -> Array:
    return softmax(np.where(allowed, -np.inf, scores).astype(scores.dtype))


@zoo.wrong(
    "64 bits out of 16",
    "The numbers are right and of another kind: the caller's 16-bit scores came back as 64-bit "
    "weights, four times as large in memory. Give back what you were given.",
)
def wider(scores: Array, allowed: Array) -> Array:
    return softmax(np.where(allowed, scores, -np.inf).astype(np.float64))


@zoo.wrong(
    "the mask as an index",
    "scores[~allowed] = … needs a mask of the same shape as the scores: an index is not "
    "stretched over the queries, as a factor or np.where would be.",
    raises=True,
)
def as_index(scores: Array, allowed: Array) -> Array:
    scores = scores.copy()
    scores[~allowed] = -np.inf
    return softmax(scores)


# 07.3

empty = Exercise(
    "07.3",
    "The empty row",
    function="safe_softmax",
    signature=(
        "safe_softmax(scores: (N, S), allowed: bool (N, S), gradient: (N, S))"
        " -> (weights, g_scores), both (N, S)"
    ),
    difficulty=3,
    importance=5,
    minutes=40,
    read=f"{READ}#the-empty-row",
)


def draw_empty(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """Scores, mask, gradient, and which rows are empty: some, not all."""
    n, s = sizes(rng, 2)
    allowed = draw_mask(rng, (n, s))
    blank = np.arange(n) < 2
    rng.shuffle(blank)
    allowed[blank] = False
    # The gradient that arrives is uneven: a constant one hides a wrong rule.
    return rng.normal(size=(n, s)), allowed, rng.normal(size=(n, s)), blank


def draw_blanks(rng: np.random.Generator) -> list[tuple[Array, Array, Array, Array]]:
    """The same four times, but for the mask: some rows are empty, just the others, all, none. And
    a single row."""
    n, s = sizes(rng, 2)
    scores, gradient = rng.normal(size=(2, n, s))
    # With two keys or more a row has a gradient; with one its weight is 1, and stays 1.
    allowed = (np.arange(s) < rng.integers(2, s, size=(n, 1)))[:, rng.permutation(s)]
    some = rng.permutation(np.arange(n) < 2)
    masked = [
        (scores, allowed & ~blank[:, None], gradient, blank)
        for blank in (some, ~some, some | True, some & False)
    ]
    return [*masked, (scores[:1], allowed[:1], gradient[:1], np.zeros(1, bool))]


def answers(safe_softmax: Any, scores: Array, allowed: Array, gradient: Array) -> list[Array]:
    """The weights and the gradient of the scores, in the right shapes."""
    got = safe_softmax(scores, allowed, gradient)
    weights, g_scores = two(got, "(weights, g_scores)", "two arrays come back")
    expect_shape(weights, scores.shape, "a weight for each score: empty rows stay in their place")
    expect_shape(g_scores, scores.shape, "a gradient for each score")
    return [np.asarray(weights), np.asarray(g_scores)]


@empty.check(1, "rows that see something: weights sum to 1, for scores of any size")
def full_rows(safe_softmax: Any, rng: np.random.Generator) -> None:
    scores, allowed, gradient, blank = draw_empty(rng)
    rows = np.zeros((len(scores), 1))
    rows[~blank] = far_apart(rng, int((~blank).sum()))
    cases = [
        (moved, allowed)
        for moved in (
            scores + rows,
            scores + far_apart(rng, scores.shape[1]).T,
            scores + rows + np.where(allowed, 0, 1000),
            scores - 1e9,  # all rows are as low
            scores + 1e9,
            0 * scores,
            np.where(allowed, -1e35, scores),
            np.where(allowed, np.finfo(float).min, scores),
        )
    ]
    for count in (scores.shape[1], 1):  # of keys, of which a row may look at one
        alone = np.arange(count) == rng.integers(count, size=(len(scores), 1))
        cases.append((scores[:, :count], alone & ~blank[:, None]))
    ask_all(partial(safe_softmax, *case, gradient[:, : case[0].shape[1]]) for case in cases)
    for moved, seen in cases:
        weights, _ = answers(safe_softmax, moved, seen, gradient[:, : moved.shape[1]])
        want = by_skipping(moved[~blank], seen[~blank])
        near(weights[~blank], want, "softmax over the allowed keys, in the rows that have one")


@empty.check(1, "an empty row has weights 0, and the other rows have theirs")
def empty_rows(safe_softmax: Any, rng: np.random.Generator) -> None:
    for scores, allowed, gradient, blank in draw_blanks(rng):
        weights, _ = answers(safe_softmax, scores, allowed, gradient)
        zero = np.zeros((int(blank.sum()), scores.shape[1]))
        expect_close(weights[blank], zero, "with nothing to look at, every weight is 0")
        want = by_skipping(scores[~blank], allowed[~blank])
        near(weights[~blank], want, "beside it, softmax over the allowed keys")


@empty.check(1, "rows that see something: the gradient of the scores")
def full_gradients(safe_softmax: Any, rng: np.random.Generator) -> None:
    scores, allowed, gradient, blank = draw_empty(rng)
    _, g_scores = answers(safe_softmax, scores, allowed, gradient)

    def loss(rows: Array) -> float:
        return float((gradient[~blank] * by_skipping(rows, allowed[~blank])).sum())

    want = numerical_gradient(loss, (scores[~blank],), 0, 1e-5)
    near(g_scores[~blank], want, "it agrees with central differences, 0 for a forbidden key")


@empty.check(1, "an empty row gives gradients 0, and the other rows give theirs")
def empty_gradients(safe_softmax: Any, rng: np.random.Generator) -> None:
    for scores, allowed, gradient, blank in draw_blanks(rng):
        _, g_scores = answers(safe_softmax, scores, allowed, gradient)
        zero = np.zeros((int(blank.sum()), scores.shape[1]))
        claim = "what saw nothing teaches nothing: no NaN on the way back"
        expect_close(g_scores[blank], zero, claim)
        want = soft_rule(by_skipping(scores[~blank], allowed[~blank]), gradient[~blank])
        near(g_scores[~blank], want, "what saw something has its gradient")


def soft_rule(weights: Array, gradient: Array) -> Array:
    with np.errstate(all="ignore"):
        return weights * (gradient - (weights * gradient).sum(axis=-1, keepdims=True))


def masked(scores: Array, allowed: Array) -> Array:
    return softmax(np.where(allowed, scores, -np.inf))


def safely(scores: Array, allowed: Array) -> Array:
    seen = allowed.any(axis=-1, keepdims=True)
    return masked(scores, allowed | ~seen) * seen


@empty.wrong(
    "the NaN row",
    "The largest of no scores is −∞, and −∞ − (−∞) is NaN. Look for rows that allow nothing "
    "before softmax sees them.",
)
def nan_row(scores: Array, allowed: Array, gradient: Array) -> tuple:
    weights = masked(scores, allowed)
    return weights, soft_rule(weights, gradient)


@empty.wrong(
    "repaired on the way out only",
    "The weights were made finite afterwards; the gradient was computed from the NaN that had "
    "been there. A NaN must not be repaired, it must not arise.",
)
def repaired(scores: Array, allowed: Array, gradient: Array) -> tuple:
    weights = masked(scores, allowed)
    return np.nan_to_num(weights), soft_rule(weights, gradient)


@empty.wrong(
    "the empty row looks everywhere",
    "An empty row was computed as if it were full, and left so: it looks at just the keys that "
    "are forbidden to it. Multiply by 0 afterwards.",
)
def looks_everywhere(scores: Array, allowed: Array, gradient: Array) -> tuple:
    weights = masked(scores, allowed | ~allowed.any(axis=-1, keepdims=True))
    return weights, soft_rule(weights, gradient)


@empty.wrong(
    "a large negative number",
    "With −1e9 in place of every score an empty row has equal scores, and so equal weights on "
    "keys that are all forbidden. No NaN, and wrong.",
)
def large_negative(scores: Array, allowed: Array, gradient: Array) -> tuple:
    weights = softmax(np.where(allowed, scores, -1e9))
    return weights, soft_rule(weights, gradient)


@empty.wrong(
    "a little something below the line",
    "exp(s) / (Σ exp(s) + 1e-9) gives 0 in an empty row, and also in a full one whose scores are "
    "all −1000: its exponentials are 0. Subtract the row's largest allowed score.",
)
def epsilon(scores: Array, allowed: Array, gradient: Array) -> tuple:
    e = np.exp(scores) * allowed
    weights = e / (e.sum(axis=-1, keepdims=True) + 1e-9)
    return weights, soft_rule(weights, gradient)


@empty.wrong(
    "empty rows left out",
    "The empty rows were dropped, and the answers of all later rows moved up. Whoever asked in "
    "row 5 expects the answer in row 5.",
)
def dropped(scores: Array, allowed: Array, gradient: Array) -> tuple:
    seen = allowed.any(axis=-1)
    weights = masked(scores[seen], allowed[seen])
    return weights, soft_rule(weights, gradient[seen])


@empty.wrong(
    "an error for an empty row",
    "One empty text would stop a batch of a thousand. An empty row is no mistake: its answer is 0.",
    raises=True,
)
def stops(scores: Array, allowed: Array, gradient: Array) -> tuple:
    if not allowed.any(axis=-1).all():
        raise ValueError("a row has nothing to look at")
    weights = masked(scores, allowed)
    return weights, soft_rule(weights, gradient)


@empty.wrong(
    "the largest of all keys subtracted",
    "The maximum runs over forbidden keys too. One that scores a thousand more turns the "
    "exponentials of all allowed keys to 0, and a row that sees something ends as an empty one. "
    "Take the largest *allowed* score.",
)
def largest_of_all(scores: Array, allowed: Array, gradient: Array) -> tuple:
    e = np.exp(scores - scores.max(axis=-1, keepdims=True)) * allowed
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total == 0, 1, total)
    return weights, soft_rule(weights, gradient)


@empty.wrong(
    "no maximum subtracted",
    "exp(−1000) is 0 in 64 bits, so a row whose allowed scores are all that low looks empty, and "
    "exp(1000) is ∞. Subtract the row's largest allowed score.",
)
def no_maximum_subtracted(scores: Array, allowed: Array, gradient: Array) -> tuple:
    with np.errstate(all="ignore"):
        e = np.exp(np.where(allowed, scores, -np.inf))
        total = e.sum(axis=-1, keepdims=True)
        weights = e / np.where(total == 0, 1, total)
    return weights, soft_rule(weights, gradient)


@empty.wrong(
    "one maximum for all the rows",
    "The largest score of the whole array is subtracted, and a row far below it ends as if it "
    "were empty. Subtract each row's own maximum, with axis=-1 and keepdims=True.",
)
def one_for_all(scores: Array, allowed: Array, gradient: Array) -> tuple:
    with np.errstate(all="ignore"):
        seen = np.where(allowed, scores, -np.inf)
        e = np.exp(seen - (seen.max() if allowed.any() else 0))
        total = e.sum(axis=-1, keepdims=True)
        weights = e / np.where(total == 0, 1, total)
    return weights, soft_rule(weights, gradient)


@empty.wrong(
    "a maximum that is never below 0",
    "np.max with initial=0 gives 0 where every allowed score is below 0, so nothing is subtracted "
    "there, and exp(−1000) is 0: the row ends as if it were empty. Start from −∞, and only in an "
    "empty row put 0 in its place.",
)
def maximum_from_zero(scores: Array, allowed: Array, gradient: Array) -> tuple:
    largest = np.max(scores, axis=-1, keepdims=True, where=allowed, initial=0)
    e = np.exp(np.where(allowed, scores - largest, -np.inf))
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total == 0, 1, total)
    return weights, soft_rule(weights, gradient)


@empty.wrong(
    "the plain mean of the gradient",
    "From each g_i the mean over the keys is subtracted, all with the same weight. Softmax's rule "
    "has the weighted mean, Σ_j α_j g_j.",
)
def plain_mean(scores: Array, allowed: Array, gradient: Array) -> tuple:
    weights = safely(scores, allowed)
    return weights, weights * (gradient - gradient.mean(axis=-1, keepdims=True))


@empty.wrong(
    "softmax's second term forgotten",
    "Raising one score lowers all the other weights of its row: the gradient of score i is "
    "α_i (g_i − Σ_j α_j g_j), with the sum.",
)
def no_second_term(scores: Array, allowed: Array, gradient: Array) -> tuple:
    weights = safely(scores, allowed)
    return weights, weights * gradient


@empty.wrong(
    "the gradient without the mask",
    "The gradient was computed from weights without a mask, so forbidden keys get one. Use the "
    "same weights on the way back as on the way forward.",
)
def unmasked_gradient(scores: Array, allowed: Array, gradient: Array) -> tuple:
    return safely(scores, allowed), soft_rule(softmax(scores), gradient)


# 07.4

leak = Exercise(
    "07.4",
    "A test for leaking the future",
    function="future_test",
    signature=(
        "future_test(x: (T, d), other: (T, d)) -> tries: (T, T, d); "
        "future_test(x, other, y: (T, d_v), ys: (T, T, d_v)) -> leaks: bool (T,)"
    ),
    difficulty=4,
    importance=5,
    minutes=55,
    read=f"{READ}#break-it",
)

Layer = Callable[[Array], Array]


def draw_layer(
    rng: np.random.Generator, d: int, mask: Callable[[int], Array], late: bool = False
) -> Layer:
    """A layer that attends with a mask of positions; `late`: masked after softmax.

    A token's first number is added to its scores and is the first of its value: where `verdict`
    changes its sign, that shows, by some per cent. What goes down in one number of an answer goes
    up in another.
    """
    to_query, to_key = rng.normal(size=(2, d, d)) / d**0.5
    to_value = rng.normal(size=(d, d + 1)) / d**0.5
    to_key[0], to_value[:, 0] = 0.0, np.arange(d) == 0

    def layer(x: Array) -> Array:
        allowed = mask(len(x))
        scores = (x @ to_query) @ (x @ to_key).T / d**0.5 + x[:, 0]
        weights = softmax(scores) * allowed if late else safely(scores, allowed)
        return weights @ (x @ np.hstack([to_value, -to_value]))

    return layer


def causal(t: int) -> Array:
    return np.tri(t, dtype=bool)


def verdict(future_test: Any, rng: np.random.Generator, t: int, d: int, layer: Layer) -> Array:
    """Ask for the inputs to try, run the layer on them, ask for the verdict."""
    x, other = 0.3 * rng.normal(size=(2, t, d))
    x[:, 0], other[:, 0] = 1.0, -1.0
    tries = future_test(x, other)
    expect_shape(tries, (t, t, d), "there is one input to try for each position")
    answers_to_tries = np.array([layer(one) for one in np.asarray(tries)])
    leaks = future_test(x, other, layer(x), answers_to_tries)
    expect_shape(leaks, (t,), "there is one verdict for each position")
    return np.asarray(leaks)


def judged(got: Array, want: Array, claim: str) -> None:
    """The verdicts (T,) are these; if not, the first position is told where they are not."""
    differ = np.flatnonzero((got != 0) != want)
    if len(differ):
        first = int(differ[0])
        expected, found = f"{bool(want[first])} for position {first}", str(got[first])
        expect(False, claim, expected=expected, got=f"{found} ({len(differ)} of {len(got)} differ)")


def unmasked(t: int) -> Array:
    return np.ones((t, t), bool)


def caught(future_test: Any, rng: np.random.Generator, mask: Any, want: Array, claim: str) -> None:
    """A layer with this mask of positions is judged so, and an honest one is acquitted.

    `mask` : a function of T; or "late", for a causal layer that is masked after softmax
    """
    t, d = len(want), int(rng.integers(2, 8))
    late = mask == "late"
    layer = draw_layer(rng, d, causal if late else mask, late)
    judged(verdict(future_test, rng, t, d, layer), want, claim)
    honest = draw_layer(rng, d, causal)
    got = verdict(future_test, rng, t, d, honest)
    judged(got, np.zeros(t, bool), "and a causal layer is acquitted")


def draw_answers(rng: np.random.Generator, t: int, size: float) -> tuple[Array, Array]:
    """Answers y (T, 12) of an honest layer and ys (T, T, 12), rounded differently each time.

    The largest answer is `size`, of either sign. In one row the others are a tenth of it and more,
    and of its sign; elsewhere they are a thousandth or so.
    """
    y = rng.uniform(0.001, 0.009, size=(t, 12)) * rng.choice([-1, 1], size=(t, 12))
    even, largest = rng.permutation(t)[:2]
    y[even] = rng.uniform(0.11, 0.15, size=12)
    y[largest, rng.integers(12)] = 1.0
    return size * y, size * rounded(rng, y)


def rounded(rng: np.random.Generator, y: Array) -> Array:
    """Answers to the tries, where the largest of y (T, d_v) is 1: rounding moves each by almost a
    millionth. What a position after t answers in try t is something else."""
    t, width = y.shape
    ys = y + 0.9999e-6 * rng.choice([-1, 1], size=(t, t, width))
    later = np.arange(t)[None, :] > np.arange(t)[:, None]
    ys[later] = 100 * rng.normal(size=(int(later.sum()), width))
    return ys


def of_answers(future_test: Any, rng: np.random.Generator, y: Array, ys: Array) -> Array:
    """The verdict on these answers, whatever the layer was given."""
    x, other = rng.normal(size=(2, len(y), 5))
    tries = future_test(x, other)
    expect_shape(tries, (len(y), len(y), 5), "there is one input to try for each position")
    leaks = future_test(x, other, y, ys)
    expect_shape(leaks, (len(y),), "there is one verdict for each position")
    return np.asarray(leaks)


@leak.check(1, "in try t, everything up to t stays, and everything later is changed")
def right_tries(future_test: Any, rng: np.random.Generator) -> None:
    t, d = sizes(rng, 2)
    for width in (d, 1):
        x, other = rng.normal(size=(2, t, width))
        tries = future_test(x, other)
        expect_shape(tries, (t, t, width), "there is one input to try for each position")
        tries = np.asarray(tries)
        for i in range(t):
            near(tries[i][: i + 1], x[: i + 1], "token t and the earlier ones are those of x")
            near(tries[i][i + 1 :], other[i + 1 :], "the later ones are those of other")


@leak.check(1, "a layer without a mask leaks at every position but the last")
def no_mask(future_test: Any, rng: np.random.Generator) -> None:
    t = int(rng.integers(4, 10))
    claim = "after the last position there is no future"
    for count in (t, 1):
        caught(future_test, rng, unmasked, np.arange(count) < count - 1, claim)


@leak.check(1, "a causal layer is acquitted, though its answers are rounded differently each time")
def honest(future_test: Any, rng: np.random.Generator) -> None:
    t = int(rng.integers(4, 10))
    sizes_of_y = (10.0 ** rng.uniform(-12, -9), -1.0, 1.0, -(10.0 ** rng.uniform(6, 9)))
    equal = np.ones((t, 64))  # every number is the largest
    drawn = [*(draw_answers(rng, t, size) for size in sizes_of_y), (equal, rounded(rng, equal))]
    ask_all(partial(of_answers, future_test, rng, *pair) for pair in drawn)
    for pair in drawn:
        got = of_answers(future_test, rng, *pair)
        judged(got, np.zeros(t, bool), "a change of less than a millionth is rounding")
    y, ys = draw_answers(rng, t, 1.0)
    got = of_answers(future_test, rng, y, -ys)
    expect(np.any(got), "though one whose answers change their sign is not", got=got)


@leak.check(1, "a layer masked after softmax is caught")
def late_mask(future_test: Any, rng: np.random.Generator) -> None:
    t = int(rng.integers(4, 10))
    claim = "it leaks through the sum, though its weights look causal"
    caught(future_test, rng, "late", np.arange(t) < t - 1, claim)


@leak.check(1, "a layer that sees one token of the future, the one after the next, is caught")
def one_ahead(future_test: Any, rng: np.random.Generator) -> None:
    def mask(t: int) -> Array:
        return causal(t) | np.eye(t, k=2, dtype=bool)

    t = int(rng.integers(4, 10))
    claim = "it leaks where there is a token after the next"
    caught(future_test, rng, mask, np.arange(t) < t - 2, claim)


@leak.check(1, "a small leak, in one number of one answer, is found there, and nowhere else")
def one_place(future_test: Any, rng: np.random.Generator) -> None:
    t = int(rng.integers(4, 10))
    small, change, drawn = 10.0 ** rng.uniform(-9, -6), 1.0001e-5, []
    # Small and large answers, the largest above 0 and below, moved up and down.
    kinds = itertools.cycle([(-small, -1), (1 / small, -1), (small, 1), (-1 / small, 1)])
    numbers = [0, 11, *rng.permutation(np.arange(1, 11))]
    for place, number, (size, way) in zip(rng.permutation(t - 1), numbers, kinds, strict=False):
        y, ys = draw_answers(rng, t, size)
        ys[place, place, number] = y[place, number] + way * change * size
        drawn.append((place, y, ys))
    y, ys = draw_answers(rng, t, 1.0)
    ys[place, place] = y[place] + 2 * change  # in every number
    drawn.append((place, y, ys))
    # In one of many numbers, all as large: the leak is lost in a norm or in a mean over them.
    y = np.ones((t, 64))
    ys = rounded(rng, y)
    ys[place, place] = y[place] + change * (np.arange(64) == rng.integers(1, 64))
    drawn.append((place, y, ys))
    ask_all(partial(of_answers, future_test, rng, y, ys) for _, y, ys in drawn)
    claim = "a change of more than 0.00001 of the largest answer is a leak, and rounding is none"
    for place, y, ys in drawn:
        judged(of_answers(future_test, rng, y, ys), np.arange(t) == place, claim)


def make_tries(x: Array, other: Array) -> Array:
    return np.array([np.concatenate([x[: t + 1], other[t + 1 :]]) for t in range(len(x))])


def own_answers(ys: Array) -> Array:
    return ys[np.arange(len(ys)), np.arange(len(ys))]


def moved(y: Array, ys: Array, tolerance: float = 1e-5) -> Array:
    return np.abs(own_answers(ys) - y).max(axis=-1) > tolerance * np.abs(y).max()


@leak.wrong(
    "the present is changed too",
    "Try t changes token t itself. Position t may look at token t, so its answer moves in an "
    "honest layer as well. Keep everything up to and including t.",
)
def present_changed(
    x: Array, other: Array, y: Array | None = None, ys: Array | None = None
) -> Array:
    if y is None or ys is None:
        return np.array([np.concatenate([x[:t], other[t:]]) for t in range(len(x))])
    return moved(y, ys)


@leak.wrong(
    "the past is changed",
    "Try t changes what came before t, which position t may see. A test for the future changes "
    "what comes after t.",
)
def past_changed(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        return np.array([np.concatenate([other[:t], x[t:]]) for t in range(len(x))])
    return moved(y, ys)


@leak.wrong(
    "only the last token is changed",
    "A layer that sees a little of the future, not its end, passes this test. Change everything "
    "that comes after t.",
)
def last_only(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        tries = np.repeat(x[None], len(x), axis=0)
        tries[:-1, -1] = other[-1]
        return tries
    return moved(y, ys)


@leak.wrong(
    "only the next token is changed",
    "A layer may skip the next token and see a later one. Change everything that comes after t.",
)
def next_only(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        tries = np.repeat(x[None], len(x), axis=0)
        for t in range(len(x) - 1):
            tries[t, t + 1] = other[t + 1]
        return tries
    return moved(y, ys)


@leak.wrong(
    "rounding taken for a leak",
    "Sums taken in another order differ in the last bits, and that is no leak. Allow each number "
    "to change by a millionth of the largest answer in y, whatever its own size.",
)
def last_bit(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        return make_tries(x, other)
    return moved(y, ys, 0.0)


@leak.wrong(
    "a tolerance as large as the answers",
    "A change of half of the largest answer passes as rounding here. Rounding is a millionth; a "
    "leak through the sum may be a few per cent.",
)
def too_tolerant(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        return make_tries(x, other)
    return moved(y, ys, 0.5)


@leak.wrong(
    "a tolerance that is too large",
    "A change of more than 0.00001 of the largest answer in y is a leak, and yours lets larger "
    "ones pass.",
)
def tolerant(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        return make_tries(x, other)
    return moved(y, ys, 1e-3)


@leak.wrong(
    "no absolute value",
    "A leak may make an answer smaller: a change below 0 is no less a change. Take absolute "
    "values before you look for the largest.",
)
def signed(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        return make_tries(x, other)
    return (own_answers(ys) - y).max(axis=-1) > 1e-5 * np.abs(y).max()


@leak.wrong(
    "a tolerance without a size",
    "0.00001 is little beside answers of a million and much beside answers of a millionth. "
    "Compare the change with 0.00001 times the largest answer.",
)
def absolute(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        return make_tries(x, other)
    return np.abs(own_answers(ys) - y).max(axis=-1) > 1e-5


@leak.wrong(
    "np.allclose as it comes",
    "np.allclose compares each number with itself, and adds 0.00000001. So a small number among "
    "large ones leaks by rounding, and where all are small nothing leaks. Compare with the "
    "largest answer.",
)
def all_close(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        return make_tries(x, other)
    return ~np.isclose(own_answers(ys), y).all(axis=-1)


@leak.wrong(
    "each number compared with itself",
    "A number near 0 among large ones is rounded as they are, so its change is large beside "
    "itself. Compare each change with the largest answer in y.",
)
def by_number(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        return make_tries(x, other)
    return (np.abs(own_answers(ys) - y) > 1e-5 * np.abs(y)).any(axis=-1)


@leak.wrong(
    "only the first number is compared",
    "An answer has d_v numbers, and a leak may show in one of them. Look at all.",
)
def first_number(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        return make_tries(x, other)
    return np.abs(own_answers(ys) - y)[:, 0] > 1e-5 * np.abs(y).max()


@leak.wrong(
    "an answer after t is compared",
    "In try t the answers *after* t may change, since those positions may see what was changed. "
    "Compare the answer at t alone.",
)
def every_answer(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        return make_tries(x, other)
    return np.abs(ys - y).max(axis=(1, 2)) > 1e-5 * np.abs(y).max()


@leak.wrong(
    "one verdict for all",
    "Whether anything leaks is one answer; the question was where. Return one for each position.",
)
def one_verdict(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        return make_tries(x, other)
    return np.array(moved(y, ys).any())
