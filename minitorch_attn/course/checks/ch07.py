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
from .common import near

sizes = partial(common.sizes, low=4)

Array = np.ndarray

READ = "07_scale_and_mask.md"


def softmax(scores: Array) -> Array:
    with np.errstate(all="ignore"):
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)


# 07.1

variance = Exercise(
    "07.1",
    "How large is a score?",
    function="spread",
    signature=("spread(mean_q: (d,), var_q: (d,), mean_k: (d,), var_k: (d,)) -> (variance, scale)"),
    difficulty=2,
    importance=4,
    minutes=25,
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
    got = spread(*inputs)
    expect(
        isinstance(got, tuple) and len(got) == 2,
        "two numbers come back",
        expected="(variance, scale)",
        got=got,
    )
    near(got[0], want, "the variance of q·k, counted over all cases")
    near(got[1] ** 2 * want, 1.0, "q·k times the scale has variance 1")
    expect(got[1] > 0, "the scale is positive", got=got[1])


@variance.check(1, "mean 0 and variance 1: the case of the chapter")
def standard(spread: Any, rng: np.random.Generator) -> None:
    for d in rng.choice(np.arange(2, 6), 2, replace=False):
        agrees_with_every_case(spread, np.zeros(d), np.ones(d), np.zeros(d), np.ones(d))


@variance.check(1, "mean 0 and other variances")
def other_variances(spread: Any, rng: np.random.Generator) -> None:
    d = int(rng.integers(3, 6))
    var_q, var_k = rng.uniform(0.5, 4, size=(2, d))
    agrees_with_every_case(spread, np.zeros(d), var_q, np.zeros(d), var_k)


@variance.check(1, "means that are not 0")
def other_means(spread: Any, rng: np.random.Generator) -> None:
    d = int(rng.integers(3, 6))
    mean_q, mean_k = rng.uniform(1, 2, size=(2, d)) * rng.choice([-1, 1], size=(2, d))
    var_q, var_k = rng.uniform(0.5, 4, size=(2, d))
    agrees_with_every_case(spread, mean_q, var_q, mean_k, var_k)


@variance.check(1, "unequal lengths and negative variances raise ValueError")
def bad_numbers(spread: Any, rng: np.random.Generator) -> None:
    d = int(rng.integers(3, 6))
    mean, var = rng.normal(size=d), rng.uniform(0.5, 4, size=d)
    expect_error(
        lambda: spread(mean, var, mean[:1], var[:1]),
        ValueError,
        "a key of one entry and a query of several are refused, although NumPy would broadcast",
    )
    expect_error(
        lambda: spread(mean, var, mean, var - 5), ValueError, "no variance can be negative"
    )


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


# 07.2

zoo = Exercise(
    "07.2",
    "A zoo of masks",
    function="masked_weights",
    signature="masked_weights(scores: (..., N, S), allowed: bool (..., N, S)) -> (..., N, S)",
    difficulty=3,
    importance=5,
    minutes=35,
    read=f"{READ}#how-much-is-minus-infinity",
)


def draw_mask(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """About half is allowed; in each row at least one key is, and at least one is not."""
    allowed = rng.random(shape) < 0.5
    allowed[..., 0], allowed[..., -1] = True, False
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


@zoo.check(1, "a forbidden key has no say, though its score be a thousand")
def no_say(masked_weights: Any, rng: np.random.Generator) -> None:
    n, s = sizes(rng, 2)
    allowed = draw_mask(rng, (n, s))
    right_numbers(masked_weights, np.where(allowed, 0, 1000) + rng.normal(size=(n, s)), allowed)


@zoo.check(1, "scores of minus five million, in 32-bit numbers")
def millions(masked_weights: Any, rng: np.random.Generator) -> None:
    n, s = sizes(rng, 2)
    allowed = draw_mask(rng, (n, s))
    scores = np.where(allowed, -5e6, 0) + 4 * rng.integers(0, 2, size=(n, s))
    right_numbers(masked_weights, scores.astype(np.float32), allowed)


@zoo.check(1, "scores of minus five thousand million, in 64-bit numbers")
def thousand_millions(masked_weights: Any, rng: np.random.Generator) -> None:
    n, s = sizes(rng, 2)
    allowed = draw_mask(rng, (n, s))
    right_numbers(masked_weights, np.where(allowed, -5e9, 0) + rng.normal(size=(n, s)), allowed)


@zoo.check(1, "16-bit numbers, up to 60,000 and down to −60,000")
def half(masked_weights: Any, rng: np.random.Generator) -> None:
    n, s = sizes(rng, 2)
    allowed = draw_mask(rng, (n, s))
    # Numbers near 60,000 lie 32 apart in 16 bits, so the allowed scores are all the same.
    scores = np.where(allowed, -6e4, 6e4)
    scores[0] = np.where(allowed[0], rng.normal(size=s), 6e4)
    right_numbers(masked_weights, scores.astype(np.float16), allowed, rtol=0.02)


@zoo.check(1, "a mask (B, 1, S) is stretched over the queries")
def stretched(masked_weights: Any, rng: np.random.Generator) -> None:
    b, n, s = sizes(rng, 3)
    right_numbers(masked_weights, rng.normal(size=(b, n, s)), draw_mask(rng, (b, 1, s)))


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
    "Striking out weights and dividing by what is left works on paper. A forbidden key that "
    "scores a thousand has left exactly 0 for the others, and 0 / 0 is NaN. Mask before.",
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
    minutes=30,
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


def draw_both(rng: np.random.Generator) -> list[tuple[Array, Array, Array, Array]]:
    """The same twice, but for the mask: the rows that are empty, then just the others."""
    n, s = sizes(rng, 2)
    scores, gradient = rng.normal(size=(2, n, s))
    # With two keys or more a row has a gradient; with one its weight is 1, and stays 1.
    allowed = (np.arange(s) < rng.integers(2, s, size=(n, 1)))[:, rng.permutation(s)]
    blank = rng.permutation(np.arange(n) < 2)
    return [
        (scores, allowed & ~blank[:, None], gradient, blank),
        (scores, allowed & blank[:, None], gradient, ~blank),
    ]


def two_arrays(got: Any, shape: tuple[int, ...]) -> tuple[Array, Array]:
    expect(
        isinstance(got, tuple) and len(got) == 2,
        "two arrays come back",
        expected="(weights, g_scores)",
        got=got,
    )
    expect_shape(got[0], shape, "a weight for each score: empty rows stay in their place")
    expect_shape(got[1], shape, "a gradient for each score")
    return got


@empty.check(1, "rows that see something: weights sum to 1, also for scores of minus a thousand")
def full_rows(safe_softmax: Any, rng: np.random.Generator) -> None:
    scores, allowed, gradient, blank = draw_empty(rng)
    scores -= 1000
    weights, _ = two_arrays(safe_softmax(scores, allowed, gradient), scores.shape)
    near(
        weights[~blank],
        by_skipping(scores[~blank], allowed[~blank]),
        "softmax over the allowed keys, in the rows that have one",
    )


@empty.check(1, "an empty row has weights 0")
def empty_rows(safe_softmax: Any, rng: np.random.Generator) -> None:
    for scores, allowed, gradient, blank in draw_both(rng):
        weights, _ = two_arrays(safe_softmax(scores, allowed, gradient), scores.shape)
        zero = np.zeros((int(blank.sum()), scores.shape[1]))
        expect_close(weights[blank], zero, "with nothing to look at, every weight is 0")
        expect(np.any(weights[~blank]), "but not where there is something", got=weights)


@empty.check(1, "rows that see something: the gradient of the scores")
def full_gradients(safe_softmax: Any, rng: np.random.Generator) -> None:
    scores, allowed, gradient, blank = draw_empty(rng)
    _, g_scores = two_arrays(safe_softmax(scores, allowed, gradient), scores.shape)

    def loss(rows: Array) -> float:
        return float((gradient[~blank] * by_skipping(rows, allowed[~blank])).sum())

    want = numerical_gradient(loss, (scores[~blank],), 0, 1e-5)
    near(g_scores[~blank], want, "it agrees with central differences, 0 for a forbidden key")


@empty.check(1, "an empty row gives gradients 0")
def empty_gradients(safe_softmax: Any, rng: np.random.Generator) -> None:
    for scores, allowed, gradient, blank in draw_both(rng):
        _, g_scores = two_arrays(safe_softmax(scores, allowed, gradient), scores.shape)
        zero = np.zeros((int(blank.sum()), scores.shape[1]))
        claim = "what saw nothing teaches nothing: no NaN on the way back"
        expect_close(g_scores[blank], zero, claim)
        expect(np.any(g_scores[~blank]), "but not what saw something", got=g_scores)


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
)
def stops(scores: Array, allowed: Array, gradient: Array) -> tuple:
    if not allowed.any(axis=-1).all():
        raise ValueError("a row has nothing to look at")
    weights = masked(scores, allowed)
    return weights, soft_rule(weights, gradient)


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
    minutes=45,
    read=f"{READ}#break-it",
)

Layer = Callable[[Array], Array]


def draw_layer(
    rng: np.random.Generator, d: int, mask: Callable[[int], Array], late: bool = False
) -> Layer:
    """A layer that attends with a mask of positions; `late`: masked after softmax."""
    to_query, to_key = rng.normal(size=(2, d, d)) / d**0.5
    to_value = rng.normal(size=(d, d + 1)) / d**0.5

    def layer(x: Array) -> Array:
        allowed = mask(len(x))
        scores = (x @ to_query) @ (x @ to_key).T / d**0.5
        weights = softmax(scores) * allowed if late else safely(scores, allowed)
        return weights @ (x @ to_value)

    return layer


def causal(t: int) -> Array:
    return np.tri(t, dtype=bool)


def verdict(future_test: Any, rng: np.random.Generator, t: int, d: int, layer: Layer) -> Array:
    """Ask for the inputs to try, run the layer on them, ask for the verdict."""
    x, other = rng.normal(size=(2, t, d))
    tries = future_test(x, other)
    expect_shape(tries, (t, t, d), "there is one input to try for each position")
    leaks = future_test(x, other, layer(x), np.array([layer(one) for one in tries]))
    expect_shape(leaks, (t,), "there is one verdict for each position")
    return np.asarray(leaks)


def judged(got: Array, want: Array, claim: str) -> None:
    expect(np.array_equal(got != 0, want), claim, expected=want, got=got)


@leak.check(1, "in try t, everything up to t stays, and everything later is changed")
def right_tries(future_test: Any, rng: np.random.Generator) -> None:
    t, d = sizes(rng, 2)
    x, other = rng.normal(size=(2, t, d))
    tries = future_test(x, other)
    expect_shape(tries, (t, t, d), "there is one input to try for each position")
    for i in range(t):
        near(tries[i][: i + 1], x[: i + 1], "token t and the earlier ones are those of x")
        near(tries[i][i + 1 :], other[i + 1 :], "the later ones are those of other")


@leak.check(1, "a layer without a mask leaks at every position but the last")
def no_mask(future_test: Any, rng: np.random.Generator) -> None:
    t, d = sizes(rng, 2)
    layer = draw_layer(rng, d, lambda t: np.ones((t, t), bool))
    got = verdict(future_test, rng, t, d, layer)
    judged(got, np.arange(t) < t - 1, "after the last position there is no future")


@leak.check(1, "a causal layer is acquitted, though its answers are rounded differently each time")
def honest(future_test: Any, rng: np.random.Generator) -> None:
    t, d = sizes(rng, 2)
    plain = draw_layer(rng, d, causal)

    def layer(x: Array) -> Array:
        y = plain(x)
        return y * (1 + 1e-7 * rng.normal(size=y.shape))

    judged(verdict(future_test, rng, t, d, layer), np.zeros(t, bool), "it does not leak")
    unmasked = draw_layer(rng, d, lambda t: np.ones((t, t), bool))
    got = verdict(future_test, rng, t, d, unmasked)
    expect(np.any(got), "though a layer without a mask does", got=got)


@leak.check(1, "a layer masked after softmax is caught")
def late_mask(future_test: Any, rng: np.random.Generator) -> None:
    t, d = sizes(rng, 2)
    got = verdict(future_test, rng, t, d, draw_layer(rng, d, causal, late=True))
    judged(got, np.arange(t) < t - 1, "it leaks through the sum, though its weights look causal")


@leak.check(1, "a layer that sees one token of the future, the one after the next, is caught")
def one_ahead(future_test: Any, rng: np.random.Generator) -> None:
    t, d = sizes(rng, 2)

    def mask(t: int) -> Array:
        return causal(t) | np.eye(t, k=2, dtype=bool)

    got = verdict(future_test, rng, t, d, draw_layer(rng, d, mask))
    judged(got, np.arange(t) < t - 2, "it leaks where there is a token after the next")


@leak.check(1, "a leak at one position is found there, and nowhere else")
def one_place(future_test: Any, rng: np.random.Generator) -> None:
    t, d = sizes(rng, 2)
    place = int(rng.integers(0, t - 1))

    def mask(t: int) -> Array:
        allowed = causal(t)
        allowed[place] = True
        return allowed

    got = verdict(future_test, rng, t, d, draw_layer(rng, d, mask))
    judged(got, np.arange(t) == place, "the verdict says where")


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
    "equal to the last bit",
    "Sums taken in another order differ in the last bits, and that is no leak. Allow for "
    "rounding, relative to the size of the answers.",
)
def last_bit(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        return make_tries(x, other)
    return moved(y, ys, 0.0)


@leak.wrong(
    "a tolerance as large as the answers",
    "A difference of half an answer passes as rounding here. Rounding is a millionth; a leak "
    "through the sum may be a few per cent.",
)
def too_tolerant(x: Array, other: Array, y: Array | None = None, ys: Array | None = None) -> Array:
    if y is None or ys is None:
        return make_tries(x, other)
    return moved(y, ys, 0.5)


@leak.wrong(
    "every answer is compared",
    "In try t the answers *after* t may change, since those positions may see what was changed. "
    "Compare the answer at t.",
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
