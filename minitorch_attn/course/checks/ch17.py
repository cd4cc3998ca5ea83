"""Chapter 17, frontiers: sparse and sharpened weights, fusion, forgetting, a ledger."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np

from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_shape
from . import common
from .common import near

sizes = partial(common.sizes, high=9)

Array = np.ndarray

READ = "17_frontiers.md"

sharply = partial(expect_close, rtol=1e-4, atol=1e-5)  # finds a count that is a little off


# 17.1

sparse = Exercise(
    "17.1",
    "Shares that are 0",
    function="sparsemax",
    signature="sparsemax(x: (..., S), gradient: (..., S)) -> (y, g_x), both shaped as x",
    difficulty=4,
    importance=3,
    minutes=50,
    read=f"{READ}#the-formulas",
)


def nearest(x: Array) -> Array:
    """The row of shares nearest to each row: the threshold found by halving an interval."""
    x = x - x.max(axis=-1, keepdims=True)
    low, high = np.full((*x.shape[:-1], 1), -1.0), np.zeros((*x.shape[:-1], 1))
    for _ in range(60):
        tau = (low + high) / 2
        heavy = np.maximum(x - tau, 0).sum(axis=-1, keepdims=True) > 1
        low, high = np.where(heavy, tau, low), np.where(heavy, high, tau)
    return np.maximum(x - (low + high) / 2, 0)


def slopes(y: Array, gradient: Array) -> Array:
    on = y > 1e-9
    mean = (gradient * on).sum(axis=-1, keepdims=True) / on.sum(axis=-1, keepdims=True)
    return np.where(on, gradient - mean, 0)


def draw_rows(rng: np.random.Generator) -> Array:
    """Rows in which one, two, some and all have a share, no score near the threshold."""
    s = int(rng.integers(5, 9))
    rows = []
    for count in (1, 2, int(rng.integers(3, s)), s):
        shares = rng.uniform(1, 2, count)
        row = np.concatenate([shares / shares.sum(), -rng.uniform(0.1, 2.5, s - count)])
        if count == 1:
            row[0] += rng.uniform(0.1, 5)
        rows.append(rng.permutation(row + rng.normal()))
    return np.array(rows)[rng.permutation(4)]


def few_of(rows: Array) -> Array:
    """The row in which some scores have a share, and some do not: small enough to be shown."""
    shares = (nearest(rows) > 0).sum(axis=1)
    return rows[(shares > 2) & (shares < rows.shape[1])][0]


def stairs(rng: np.random.Generator) -> Array:
    """Each score falls below the threshold only when the one below it has been left out."""
    down = np.array([0.0, 0.0, 0.501, 0.504, 0.516, 0.58, 0.96])
    return rng.permutation(-down) + rng.normal()


@sparse.check(2, "y: the nearest row of shares, for each row by itself")
def nearest_shares(sparsemax: Any, rng: np.random.Generator) -> None:
    rows = draw_rows(rng)
    spread = rng.normal(size=rows.shape) * 1000  # scores of one row, far apart
    far = np.concatenate([rows + 1000 * rng.permutation(4)[:, None], spread])
    tied = np.tile(rows[:2], 2)  # every score twice
    many = rng.normal(size=(2, 3, rows.shape[1])) * 0.3
    shifted = (rows + 4000.0, rows - 4000.0)
    one, level, crowd = rng.normal(size=(3, 1)), 0 * rows, 0.01 * rng.normal(size=40)
    steps = stairs(rng)
    for x in (few_of(rows), rows, far, *shifted, steps, crowd, tied, rows[0], many, one, level):
        y = sparsemax(x, rng.normal(size=x.shape))[0]
        expect_shape(y, x.shape, "a share for each score")
        sharply(y, nearest(x), "y_i = max(x_i − τ, 0), with the τ for which the row sums to 1")


@sparse.check(1, "−∞ gets the share 0 and the gradient 0, and changes nothing for the others")
def forbidden(sparsemax: Any, rng: np.random.Generator) -> None:
    rows, steps = draw_rows(rng), stairs(rng)
    s = rows.shape[1]

    def some(given: Array, count: int) -> Array:
        which = np.tile(np.arange(s), (*given.shape[:-1], 1))
        return rng.permuted(which, axis=-1) < count

    few = few_of(rows)
    for given, hidden, shift in (
        (few, some(few, 1), 0.0),
        (rows, some(rows, 1), 0.0),
        (rows, some(rows, s - 1), 0.0),
        (rows, some(rows, 2), -50_000.0),  # many thousands below 0, and −∞ lies lower
        (steps, steps == steps.min(), 0.0),
    ):
        gradient = rng.normal(size=given.shape)
        x = np.where(hidden, -np.inf, given + shift)
        y, g_x = sparsemax(x, gradient)
        want = nearest(np.where(hidden, -1e6, x - shift))
        expect_close(y, want, "the shares of the scores that are not −∞", rtol=1e-3, atol=1e-4)
        expect(np.all(np.asarray(y)[hidden] == 0), "the share of −∞ is 0, and not nearly 0", got=y)
        near(g_x, slopes(want, gradient), "the gradient with −∞ among the scores")


@sparse.check(1, "g_x: what the shares' gradient does to the scores")
def gradient_of_x(sparsemax: Any, rng: np.random.Generator) -> None:
    rows = draw_rows(rng)
    # One share is hardly there, and one score hardly below the threshold.
    edge = np.append(rng.uniform(0.2, 0.4, 2), [2e-4, -2e-4, -1.0])
    edge = rng.permutation(np.append(edge, 1 - edge[:3].sum())) + rng.normal()
    few, tiled = few_of(rows), np.tile(rows[1], (2, 3, 1))
    tie = np.array([1.0, 0.0, -4.0])  # τ is 0, a score as well: its share is 0, and its gradient
    for x in (few, rows, rows[0], rows[:, None], tiled, edge, edge[:1], stairs(rng), tie):
        gradient = rng.normal(size=x.shape) + 1.0  # a mean that is not 0
        g_x = sparsemax(x, gradient)[1]
        expect_shape(g_x, x.shape, "g_x has the shape of x")
        near(g_x, slopes(nearest(x), gradient), "g_x is the slope of Σ gradient · y")


@sparse.check(1, "a gradient of another shape raises ValueError")
def shapes_differ(sparsemax: Any, rng: np.random.Generator) -> None:
    x = draw_rows(rng)
    gradient = rng.normal(size=x.shape)
    near(sparsemax(x, gradient)[0], nearest(x), "the shares, where the shapes are the same")
    s = x.shape[1]
    for other in (gradient[:1], gradient[0], gradient[:, :1], gradient[:, : s - 1], gradient[None]):
        claim = f"shares {x.shape} with a gradient {other.shape}"
        expect_error(partial(sparsemax, x, other), ValueError, claim)


def refuse_shapes(x: Array, gradient: Array) -> None:
    if x.shape != gradient.shape:
        raise ValueError("a gradient of another shape")


def soft(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sorted_threshold(x: Array, more: int = 0, *, upwards: bool = False) -> Array:
    x = x - x.max(axis=-1, keepdims=True)
    z = np.sort(np.maximum(x, -1e3), axis=-1)
    z = z if upwards else z[..., ::-1]
    excess, rank = np.cumsum(z, axis=-1) - 1, np.arange(1, x.shape[-1] + 1)
    count = (rank * z > excess).sum(axis=-1, keepdims=True) + more
    count = np.clip(count, 1, x.shape[-1])
    return np.take_along_axis(excess, count - 1, axis=-1) / count


@sparse.wrong(
    "negative scores cut off, the rest divided by its sum",
    "relu, then a division: that depends on where 0 lies, and shares must not change when a number "
    "is added to all scores of a row. And a row without a positive score is 0 / 0.",
)
def relu_normed(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    y = np.maximum(x, 0)
    y = y / y.sum(axis=-1, keepdims=True)
    return y, slopes(y, gradient)


@sparse.wrong(
    "softmax with its small shares set to 0",
    "What was cut off is missing: the row does not sum to 1. And what is left is softmax's, not "
    "the nearest: among those with a share, x − y must be the same number τ.",
)
def soft_cut(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    y = soft(x)
    y = np.where(y < 0.1, 0, y)
    return y, slopes(y, gradient)


@sparse.wrong(
    "the two largest of softmax, made to sum to 1",
    "Sums to 1, none below 0, zeros: and still not the nearest. How many have a share depends on "
    "the scores, and x − y must be the same number τ for all that have one.",
)
def top_two(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    y = soft(x)
    y = np.where(y >= np.sort(y, axis=-1)[..., -2:][..., :1], y, 0)
    y = y / y.sum(axis=-1, keepdims=True)
    return y, slopes(y, gradient)


@sparse.wrong(
    "what falls below 0 is not cut off",
    "x − τ goes below 0 for the scores under the threshold. A share is never negative: the largest "
    "of that and 0.",
)
def not_cut(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    y = x - x.max(axis=-1, keepdims=True) - sorted_threshold(x)
    return y, slopes(y, gradient)


@sparse.wrong(
    "one score too many counted",
    "The threshold was computed with one score too many. The last that counts still lies above "
    "the τ that belongs to its number.",
)
def one_too_many(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    y = np.maximum(x - x.max(axis=-1, keepdims=True) - sorted_threshold(x, 1), 0)
    return y, slopes(y, gradient)


@sparse.wrong(
    "one score too few counted",
    "The threshold was computed with one score too few: counted from 0 it is the number of scores "
    "with a share minus 1, and the division is by the number itself.",
)
def one_too_few(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    y = np.maximum(x - x.max(axis=-1, keepdims=True) - sorted_threshold(x, -1), 0)
    return y, slopes(y, gradient)


@sparse.wrong(
    "left out once, and no more",
    "What lay below the first threshold was left out, and the threshold taken anew. Then it lies "
    "higher, and others may lie below it: go on until none does.",
)
def left_out_once(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    x = x - x.max(axis=-1, keepdims=True)

    def threshold(on: Array) -> Array:
        total = np.where(on, x, 0).sum(axis=-1, keepdims=True)
        return (total - 1) / on.sum(axis=-1, keepdims=True)

    on = np.isfinite(x)
    y = np.maximum(x - threshold(on & (x > threshold(on))), 0)
    return y, slopes(y, gradient)


@sparse.wrong(
    "sorted upwards",
    "The cumulative sums begin with the smallest scores. Those that have a share are the largest: "
    "sort downwards.",
)
def upwards(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    y = np.maximum(x - x.max(axis=-1, keepdims=True) - sorted_threshold(x, upwards=True), 0)
    return y, slopes(y, gradient)


@sparse.wrong(
    "−∞ among the sums",
    "A cumulative sum that has met −∞ stays there, and −∞ minus −∞ is not a number. Such a score "
    "never has a share: put a finite number that is small enough in its place.",
)
def infinite_sums(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    mean = x.mean(axis=-1, keepdims=True)
    x = x - mean
    tau = sorted_threshold(x) + x.max(axis=-1, keepdims=True)
    y = np.maximum(x - tau, 0)
    return y, slopes(y, gradient)


@sparse.wrong(
    "softmax's gradient",
    "y ⊙ (g − g·y) is softmax's rule. Here every score that has a share moves the threshold "
    "alike, whatever its share: subtract the plain mean of the gradient over those.",
)
def soft_rule(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    y = nearest(x)
    return y, y * (gradient - (gradient * y).sum(axis=-1, keepdims=True))


@sparse.wrong(
    "a gradient for those without a share",
    "A share that is 0 stays 0 when its score moves a little, and moves no other: the gradient "
    "there is 0, and not the gradient less a mean.",
)
def flows_outside(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    y = nearest(x)
    on = y > 0
    mean = (gradient * on).sum(axis=-1, keepdims=True) / on.sum(axis=-1, keepdims=True)
    return y, gradient - mean


@sparse.wrong(
    "the mean over all scores",
    "The gradient's mean is taken over the whole row. Only the scores that have a share move the "
    "threshold: divide by their number.",
)
def mean_of_all(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    y = nearest(x)
    on = y > 0
    return y, np.where(on, gradient - (gradient * on).mean(axis=-1, keepdims=True), 0)


@sparse.wrong(
    "the mean of every gradient",
    "The mean was taken of the whole row's gradients. Only the scores that have a share move the "
    "threshold: the mean is of theirs.",
)
def mean_of_every(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    y = nearest(x)
    return y, np.where(y > 0, gradient - gradient.mean(axis=-1, keepdims=True), 0)


@sparse.wrong(
    "the threshold held constant",
    "The gradient was passed on where there is a share. But τ depends on the scores: raise one, "
    "and τ rises, and the other shares fall.",
)
def tau_constant(x: Array, gradient: Array) -> tuple[Array, Array]:
    refuse_shapes(x, gradient)
    y = nearest(x)
    return y, np.where(y > 0, gradient, 0)


@sparse.wrong(
    "a gradient that is broadcast",
    "A gradient of another shape was stretched in silence. Each share has a gradient of its own: "
    "compare the shapes.",
)
def stretched(x: Array, gradient: Array) -> tuple[Array, Array]:
    y = nearest(x)
    return y, slopes(y, gradient + 0 * x if np.isfinite(x).all() else gradient)


# 17.2

adaptive = Exercise(
    "17.2",
    "A temperature that knows the query",
    function="sharpen",
    signature=(
        "sharpen(scores: (..., N, S), query: (..., N, d), w: (d,), b: number)"
        " -> weights (..., N, S)"
    ),
    difficulty=2,
    importance=3,
    minutes=25,
    read=f"{READ}#the-formulas",
)


def draw_queries(
    rng: np.random.Generator, *lead: int, small: bool = False
) -> tuple[Array, Array, Array, float]:
    """Scores, queries, w and b; small enough to be shown, or of any size."""
    n, s, d = (2, 3, 4) if small else sizes(rng, 3)
    scores = rng.normal(size=(*lead, n, s)) * 2
    query, w = rng.normal(size=(*lead, n, d)), rng.normal(size=d)
    w *= 1.5 / np.linalg.norm(w)
    return scores, query, w, float(rng.uniform(0.3, 0.8) * rng.choice([-1, 1]))


def sharpened(scores: Array, query: Array, w: Array, b: float) -> Array:
    return soft((scores - scores.max(axis=-1, keepdims=True)) / np.exp(query @ w + b)[..., None])


@adaptive.check(1, "each query divides its own scores by its own temperature")
def own_temperature(sharpen: Any, rng: np.random.Generator) -> None:
    for small, lead in ((True, ()), (False, ()), (False, (2,)), (False, (2, 3))):
        scores, query, w, b = draw_queries(rng, *lead, small=small)
        got = sharpen(scores, query, w, b)
        expect_shape(got, scores.shape, "a weight for each query and key")
        claim = "row n is the softmax of the scores divided by exp(query_n · w + b)"
        near(got, sharpened(scores, query, w, b), claim)
    one = sharpen(scores[..., :1, :], query[..., :1, :], w, b)
    near(one, sharpened(scores, query, w, b)[..., :1, :], "a query alone gets what it gets here")
    m = min(scores.shape[-2:])
    for n, s, d, what in (
        (m, m, None, "as many keys as queries: a temperature belongs to its query"),
        (None, 1, None, "a key alone has the weight 1"),
        (None, None, 1, "queries of one number"),
    ):
        few = scores[..., :n, :s], query[..., :n, :d], w[:d], b
        near(sharpen(*few), sharpened(*few), what)


@adaptive.check(1, "temperatures from far below 1 to far above, scores to match")
def far_temperatures(sharpen: Any, rng: np.random.Generator) -> None:
    # Rows far apart; and not so where the coldest scores would be lost beside the thousands.
    for most, apart in ((14.0, 1000.0), (40.0, 0.0)):
        scores, query, w, b = draw_queries(rng)
        n = len(scores)
        # Log-temperatures of both signs: what is added to a temperature shows in the coldest.
        wanted = np.linspace(-most, most, n) + rng.uniform(-0.5, 0.5, n)
        wanted = rng.permutation(wanted)
        query += (wanted - b - query @ w)[:, None] * w / (w @ w)
        scores = scores * np.exp(wanted)[:, None] + apart * rng.permutation(n)[:, None]
        for shift in (0.0, -3 * apart):  # also where all scores lie below 0
            got = sharpen(scores + shift, query, w, b)
            want = sharpened(scores + shift, query, w, b)
            near(got, want, f"right from e^−{most:g} to e^{most:g}, scores to match")


@adaptive.check(1, "a score of −∞ has the weight 0, hot or cold")
def minus_infinity(sharpen: Any, rng: np.random.Generator) -> None:
    for degrees in (30.0, 6.0, 0.0, -12.0):  # divided by the first, no number in use is far below 0
        scores, query, w, b = draw_queries(rng)
        n, s = scores.shape
        hidden = rng.permuted(np.tile(np.arange(s), (n, 1)), axis=1) < s // 2  # two are left
        scores[hidden] = -np.inf
        got = sharpen(scores, query, w, b + degrees)
        want = sharpened(scores, query, w, b + degrees)
        near(got, want, "the weights, some scores of each row being −∞")
        expect(np.all(np.asarray(got)[hidden] == 0), "the weight of −∞ is 0", got=got)


def with_temperature(scores: Array, temperature: Array) -> Array:
    """The largest subtracted, then divided: as most do it, whatever the temperature is."""
    e = np.exp((scores - scores.max(axis=-1, keepdims=True)) / temperature[..., None])
    return e / e.sum(axis=-1, keepdims=True)


@adaptive.wrong(
    "multiplied by the temperature",
    "Scores are divided by the temperature. Multiplied, or with a minus in the exponent, hot rows "
    "become sharp and cold ones flat.",
)
def multiplied(scores: Array, query: Array, w: Array, b: float) -> Array:
    return soft(scores * np.exp(query @ w + b)[..., None])


@adaptive.wrong(
    "a temperature that may be negative",
    "query · w + b goes below 0 for some queries, and a negative temperature turns the order of "
    "their scores around; near 0 it divides by nothing. The exponential keeps it above 0.",
)
def negative(scores: Array, query: Array, w: Array, b: float) -> Array:
    return with_temperature(scores, query @ w + b)


@adaptive.wrong(
    "b forgotten",
    "b is the temperature's logarithm for a query that says nothing: it belongs to the sum in the "
    "exponent.",
)
def no_b(scores: Array, query: Array, w: Array, b: float) -> Array:
    return sharpened(scores, query, w, 0.0)


@adaptive.wrong(
    "b outside the exponent",
    "b is added to the exponential. It belongs into the exponent: outside, a negative b makes "
    "some temperatures negative.",
)
def b_outside(scores: Array, query: Array, w: Array, b: float) -> Array:
    return with_temperature(scores, np.exp(query @ w) + b)


@adaptive.wrong(
    "a little added to the temperature",
    "A small number was added to the temperature, as if it could be 0. The exponential never is, "
    "and a temperature that is smaller than what is added is no longer its own.",
)
def a_little_added(scores: Array, query: Array, w: Array, b: float) -> Array:
    return with_temperature(scores, np.exp(query @ w + b) + 1e-6)


@adaptive.wrong(
    "a large number for −∞",
    "−∞ was replaced by a number like −10⁹. Divided by a temperature as large as that it is near "
    "0, and the key that was forbidden has a weight. −∞ divided stays −∞.",
)
def a_large_number(scores: Array, query: Array, w: Array, b: float) -> Array:
    return with_temperature(np.where(np.isinf(scores), -1e9, scores), np.exp(query @ w + b))


@adaptive.wrong(
    "one temperature for all queries",
    "All queries share one temperature, their mean. Each has its own: that is what adapts.",
)
def one_for_all(scores: Array, query: Array, w: Array, b: float) -> Array:
    return sharpened(scores, np.broadcast_to(query.mean(axis=-2, keepdims=True), query.shape), w, b)


@adaptive.wrong(
    "the weights divided by the temperature",
    "The temperature belongs under the scores, before softmax. Weights that are divided do not sum "
    "to 1, and divided again by their sum they are as they were.",
)
def after_softmax(scores: Array, query: Array, w: Array, b: float) -> Array:
    return soft(scores) / np.exp(query @ w + b)[..., None]


@adaptive.wrong(
    "a power of the weights",
    "The weights to the power 1/T, divided by their sum, are right on paper. But softmax has "
    "already turned scores that lie far apart into exact zeros, and no temperature revives them.",
)
def power_of_weights(scores: Array, query: Array, w: Array, b: float) -> Array:
    y = soft(scores) ** (1 / np.exp(query @ w + b)[..., None])
    return y / y.sum(axis=-1, keepdims=True)


@adaptive.wrong(
    "no maximum subtracted",
    "Scores in the thousands, or a temperature near 0, and the exponential overflows: subtract "
    "each row's largest first.",
)
def overflows(scores: Array, query: Array, w: Array, b: float) -> Array:
    e = np.exp(scores / np.exp(query @ w + b)[..., None])
    return e / e.sum(axis=-1, keepdims=True)


# 17.3

fused = Exercise(
    "17.3",
    "Is it fused?",
    function="fusion_test",
    signature=(
        "fusion_test(image: (n, h, w), text: (n, L), order: (n,))"
        " -> (images: (5, n, h, w), texts: (5, n, L)); "
        "fusion_test(image, text, order, said: (5, n), y: (n,)) -> (accuracy: (5,), changed: (4,))"
    ),
    difficulty=2,
    importance=5,
    minutes=35,
    read=f"{READ}#image-and-name",
)

CLASSES = 4


def draw_order(rng: np.random.Generator, n: int) -> Array:
    """A permutation that leaves nothing in its place, and is not its own inverse."""
    while True:
        order = rng.permutation(n)
        if (order != np.arange(n)).all() and not np.array_equal(order, np.argsort(order)):
            return order


def draw_pairs(
    rng: np.random.Generator, n: int = 0, *, small: bool = False
) -> tuple[Array, Array, Array]:
    """Images, texts and an order; small enough to be shown, or of any size."""
    h, w, length, count = (1, 2, 4, 0) if small else sizes(rng, 4)
    count = n or count + 3
    image = rng.uniform(0.1, 1, (count, h, w))
    image[rng.integers(count), 0, 0] = 0.0
    text = rng.integers(1, 20, (count, length))
    text[rng.integers(count), -1] = 0  # a shorter text
    text[rng.integers(count), 0] = rng.integers(33_000, 50_000)  # more than 8 or 16 bits hold
    return image, text, draw_order(rng, count)


def trials(image: Array, text: Array, order: Array) -> tuple[Array, Array]:
    images = np.stack([image, image[order], image, 0 * image, image])
    return images, np.stack([text, text, text[order], text, 0 * text])


def by_image(images: Array) -> Array:
    return np.floor(1000 * images.sum(axis=(-2, -1))).astype(int) % CLASSES


def by_text(texts: Array) -> Array:
    return texts.sum(axis=-1) % CLASSES


def models(images: Array, texts: Array) -> dict[str, Array]:
    """What five models say to the trials, (5, n) each."""
    seen, read = by_image(images), by_text(texts)
    return {
        "that reads the text alone": read,
        "that reads the image alone": seen,
        "that reads both": (seen + read) % CLASSES,
        "that falls back on the text where the image is missing": np.where(
            images.any(axis=(-2, -1)), seen, read
        ),
        "that always says the same": 0 * read + 1,
    }


@fused.check(2, "the five trials: as it is, one side shuffled, one side missing")
def five_trials(fusion_test: Any, rng: np.random.Generator) -> None:
    drawn = [draw_pairs(rng, n, small=small) for n, small in ((3, True), (0, False), (3, False))]
    image, text, order = drawn[1]
    narrow = (image[:, :1], text, order), (image[:, :, :1], text[:, :1], order)
    for image, text, order in (*drawn, *narrow):
        images, texts = fusion_test(image, text, order)
        want = trials(image, text, order)
        expect_shape(images, want[0].shape, "five times all the images")
        expect_shape(texts, want[1].shape, "five times all the texts")
        for i, what in enumerate(
            ("as it is", "images shuffled", "texts shuffled", "no image", "no text")
        ):
            near(np.asarray(images)[i], want[0][i], f"the images of trial {i}: {what}")
            near(np.asarray(texts)[i], want[1][i], f"the texts of trial {i}: {what}")


@fused.check(1, "what the answers say, for five models")
def five_models(fusion_test: Any, rng: np.random.Generator) -> None:
    image, text, order = draw_pairs(rng, int(rng.integers(9, 14)))
    shown = trials(image, text, order)
    y = models(*shown)["that reads both"][0].copy()
    y[0] = (y[0] + 1) % CLASSES  # one of them is wrong from the start
    said = models(*shown) | {"that guesses": rng.integers(0, CLASSES, (5, len(y)))}
    said["that always says class 0"] = np.zeros((5, len(y)), int)
    for name, answers in said.items():
        accuracy, changed = fusion_test(image, text, order, answers, y)
        near(accuracy, (answers == y).mean(axis=1), f"accuracy in each trial, of a model {name}")
        differ = (answers[1:] != answers[0]).mean(axis=1)
        near(changed, differ, f"answers that differ from trial 0, of a model {name}")


@fused.check(1, "an order that is none, or leaves an example its own, raises ValueError")
def bad_order(fusion_test: Any, rng: np.random.Generator) -> None:
    image, text, order = draw_pairs(rng, int(rng.integers(12, 16)))  # one of them is few
    n = len(order)
    want = trials(image, text, order)[0][1]
    near(np.asarray(fusion_test(image, text, order)[0])[1], want, "the images in a right order")
    (four, words, _), swaps = draw_pairs(rng, 4), np.array([1, 0, 3, 2])
    four[0], words[2] = four[1], words[3]  # two of one image, two of one text
    want = trials(four, words, swaps)[0][1]
    claim = "two that change places are an order like any other, and so are two that look alike"
    near(np.asarray(fusion_test(four, words, swaps)[0])[1], want, claim)
    every = np.arange(n)
    expect_error(partial(fusion_test, image, text, every), ValueError, "nothing is shuffled")
    for place in (0, n - 1, int(rng.integers(1, n - 1))):
        stays, others = np.full(n, place), np.flatnonzero(np.arange(n) != place)
        stays[others] = np.roll(others, 1)
        claim = f"example {place} keeps its own, all others move"
        expect_error(partial(fusion_test, image, text, stays), ValueError, claim)
    twice = np.roll(np.arange(n), 1)
    twice[0] = twice[-1]  # nobody keeps its own
    between = np.roll(np.arange(n), 1)
    between[2] = 0
    pairs = np.roll(np.arange(n), 2)
    pairs[[2, 4]] = 1  # 0 and 2 are gone, and the sum is what it was
    bad = {
        "one example comes twice, and another never": twice,
        "example 0 comes twice, 1 never, and the last once": between,
        "one example comes three times, and two never": pairs,
        "counted from 1 to n": np.roll(np.arange(1, n + 1), -1),
        "one is called −1": np.where(order == n - 1, -1, order),
        "one is called n": np.where(order == n - 1, n, order),
        "one is missing": order[:-1],
        "one is too many": np.append(order, order[0]),
        "an order of fewer examples than there are": draw_order(rng, n - 1),
        "an order of more examples than there are": draw_order(rng, n + 1),
    }
    for claim, other in bad.items():
        expect_error(partial(fusion_test, image, text, other), ValueError, claim)


def refuse_order(order: Array) -> None:
    every = np.arange(len(order))
    if not np.array_equal(np.sort(order), every) or (order == every).any():
        raise ValueError("not an order, or one stays")


def say(said: Array, y: Array) -> tuple[Array, Array]:
    return (said == y).mean(axis=1), (said[1:] != said[0]).mean(axis=1)


@fused.wrong(
    "both sides shuffled alike",
    "Image and text moved together: every pair is still a pair, only in another place. Shuffle one "
    "side, and leave the other.",
)
def both_sides(
    image: Array, text: Array, order: Array, said: Any = None, y: Any = None
) -> tuple[Array, Array]:
    if said is not None:
        return say(said, y)
    refuse_order(order)
    images = np.stack([image, image[order], image[order], 0 * image, image])
    return images, np.stack([text, text[order], text[order], text, 0 * text])


@fused.wrong(
    "the right answers shuffled too",
    "In a shuffled trial the right answers stay with their examples. Moved along with the image, "
    "they measure another question.",
)
def answers_too(
    image: Array, text: Array, order: Array, said: Any = None, y: Any = None
) -> tuple[Array, Array]:
    if said is not None:
        accuracy, changed = say(said, y)
        accuracy[1] = (said[1] == y[order]).mean()
        return accuracy, changed
    refuse_order(order)
    return trials(image, text, order)


@fused.wrong(
    "zeros called shuffled",
    "A missing image is one that the model never met in training. Shuffled, each is a real image "
    "that belongs to somebody else: that is trial 1, and zeros are trial 3.",
)
def zeros_shuffled(
    image: Array, text: Array, order: Array, said: Any = None, y: Any = None
) -> tuple[Array, Array]:
    if said is not None:
        return say(said, y)
    refuse_order(order)
    images = np.stack([image, 0 * image, image, 0 * image, image])
    return images, np.stack([text, text, 0 * text, text, 0 * text])


@fused.wrong(
    "the pixels shuffled, not the images",
    "The rows inside each image changed places. What has to move is whole images, from one example "
    "to another.",
)
def pixels_shuffled(
    image: Array, text: Array, order: Array, said: Any = None, y: Any = None
) -> tuple[Array, Array]:
    if said is not None:
        return say(said, y)
    refuse_order(order)
    images, texts = trials(image, text, order)
    images[1] = image[:, ::-1]
    return images, texts


@fused.wrong(
    "the order's inverse",
    "Example order[i] got the image of example i. The card says it the other way round: example i "
    "gets that of order[i].",
)
def inverse_order(
    image: Array, text: Array, order: Array, said: Any = None, y: Any = None
) -> tuple[Array, Array]:
    if said is not None:
        return say(said, y)
    refuse_order(order)
    return trials(image, text, np.argsort(order))


@fused.wrong(
    "image and text changed places",
    "Trial 1 shuffles the images and trial 2 the texts, trial 3 has no image and trial 4 no text. "
    "Here the two sides are exchanged.",
)
def exchanged(
    image: Array, text: Array, order: Array, said: Any = None, y: Any = None
) -> tuple[Array, Array]:
    swap = np.array([0, 2, 1, 4, 3])
    if said is not None:
        return say(said, y)
    refuse_order(order)
    images, texts = trials(image, text, order)
    return images[swap], texts[swap]


@fused.wrong(
    "a mean over the classes",
    "The accuracy of each class, and then their mean: a class of one example counts as much as one "
    "of a hundred. Asked for is the share of all answers that are right.",
)
def over_classes(
    image: Array, text: Array, order: Array, said: Any = None, y: Any = None
) -> tuple[Array, Array]:
    if said is not None:
        classes = [(said[:, y == c] == c).mean(axis=1) for c in np.unique(y)]
        return np.mean(classes, axis=0), say(said, y)[1]
    refuse_order(order)
    return trials(image, text, order)


@fused.wrong(
    "changed: the loss of accuracy",
    "The fall in accuracy is not the share of changed answers: a model can change many answers, "
    "wrong to wrong, or as many to right as to wrong, and keep its accuracy.",
)
def loss_for_changed(
    image: Array, text: Array, order: Array, said: Any = None, y: Any = None
) -> tuple[Array, Array]:
    if said is not None:
        accuracy = say(said, y)[0]
        return accuracy, accuracy[0] - accuracy[1:]
    refuse_order(order)
    return trials(image, text, order)


@fused.wrong(
    "one that stays is let pass",
    "An order goes through in which one example keeps its own image, as if it had to be more, or "
    "all. It shuffles less than it says: one is enough to refuse it, .any() and not .all().",
)
def one_may_stay(
    image: Array, text: Array, order: Array, said: Any = None, y: Any = None
) -> tuple[Array, Array]:
    if said is None and (order == np.arange(len(order))).all():
        raise ValueError("nothing is shuffled")
    return say(said, y) if said is not None else trials(image, text, order)


@fused.wrong(
    "nothing shuffled, and no word",
    "An order goes through that leaves every example its own image: it shuffles nothing, and the "
    "test passes models that read the image.",
)
def any_order(
    image: Array, text: Array, order: Array, said: Any = None, y: Any = None
) -> tuple[Array, Array]:
    return say(said, y) if said is not None else trials(image, text, order)


# 17.4

forgotten = Exercise(
    "17.4",
    "Forgetting",
    function="continual_scores",
    signature="continual_scores(A: (T, T)) -> (average, forgetting, backward)",
    difficulty=2,
    importance=4,
    minutes=25,
    read=f"{READ}#learning-on",
)


def draw_table(rng: np.random.Generator, tasks: int) -> Array:
    """No number is another's; what was not learned yet stands as far out as it can."""
    a = rng.permutation(np.linspace(0.1, 0.9, tasks**2)).reshape(tasks, tasks)
    a[np.triu_indices(tasks, 1)] = rng.choice([5.0, -5.0], tasks * (tasks - 1) // 2)
    return a


def draw_tables(rng: np.random.Generator) -> list[Array]:
    """The best of a task comes when it is new, later, and at the end; three tasks, more, and two.

    Two come last: of two, what a task had when new and what it had a moment ago are the same.
    """
    a, b, c, d = (draw_table(rng, n) for n in (2, 3, 5, 6))
    b[0, 0] = 0.95  # not after task 2, nor at the end
    c[-1, 0] = 0.0  # nothing is left of it
    c[1, 2] = 5.0  # of one that is not learned yet, just before and after the first task
    for column in range(4):  # new, in the middle, at the end, just before the end
        c[column + (0, 1, 4 - column, 3 - column)[column], column] = 0.95
    unread = d.copy()
    unread[np.triu_indices(6, 1)] = np.nan
    return [b, 100 * c, unread, a]  # one in percent


def told(a: Array) -> tuple[float, float, float]:
    n = len(a)
    best = [max(a[t, j] for t in range(j, n)) for j in range(n - 1)]
    return (
        float(np.mean(a[-1])),
        float(np.mean([best[j] - a[-1, j] for j in range(n - 1)])),
        float(np.mean([a[-1, j] - a[j, j] for j in range(n - 1)])),
    )


@forgotten.check(1, "average: all tasks, at the end")
def average(continual_scores: Any, rng: np.random.Generator) -> None:
    for a in draw_tables(rng):
        sharply(continual_scores(a)[0], told(a)[0], f"the mean of the last row, {len(a)} tasks")


@forgotten.check(1, "forgetting: from the best a task ever had to what is left")
def forgetting(continual_scores: Any, rng: np.random.Generator) -> None:
    for a in draw_tables(rng):
        sharply(
            continual_scores(a)[1], told(a)[1], f"best minus last, {len(a)} tasks, without the last"
        )


@forgotten.check(1, "backward: from what a task had when new to what is left")
def backward(continual_scores: Any, rng: np.random.Generator) -> None:
    for a in draw_tables(rng):
        sharply(
            continual_scores(a)[2], told(a)[2], f"last minus new, {len(a)} tasks, without the last"
        )


@forgotten.check(1, "not square, or fewer than two tasks: ValueError")
def bad_tables(continual_scores: Any, rng: np.random.Generator) -> None:
    a = draw_table(rng, 4)
    a[0, 0] = 0.95  # of two tasks, the first is forgotten a little
    sharply(continual_scores(a[:2, :2]), told(a[:2, :2]), "two tasks are enough")
    uneven = (a[:3], a[:, :3], a[:2], a[:, :1], a[:2, :1], a[:1])
    for bad in (*uneven, a[:1, :1], a[:0, :0]):
        call = partial(continual_scores, bad)
        expect_error(call, ValueError, f"a table of shape {bad.shape}")


def refuse_table(a: Array) -> None:
    if a.shape[0] != a.shape[1] or len(a) < 2:
        raise ValueError("not square, or too small")


@forgotten.wrong(
    "the last task counted as well",
    "The last task was learned a moment ago: it had no time to be forgotten, and its zero makes "
    "the mean smaller. Leave it out, here, and keep it in the average.",
)
def last_counted(a: Array) -> tuple[float, float, float]:
    refuse_table(a)
    n = len(a)
    mean, forgotten_, back = told(a)
    return mean, forgotten_ * (n - 1) / n, back * (n - 1) / n


@forgotten.wrong(
    "from one task to the next",
    "The last step alone, the row before the end minus the last row. What was lost earlier is "
    "forgotten too.",
)
def last_step(a: Array) -> tuple[float, float, float]:
    refuse_table(a)
    mean, _, back = told(a)
    return mean, float((a[-2] - a[-1])[:-1].mean()), back


@forgotten.wrong(
    "what was not learned yet counted",
    "Entries above the diagonal are of tasks not learned yet. The best of a task is looked for "
    "from its own row on.",
)
def whole_columns(a: Array) -> tuple[float, float, float]:
    refuse_table(a)
    mean, _, back = told(a)
    return mean, float((a.max(axis=0) - a[-1])[:-1].mean()), back


@forgotten.wrong(
    "the mean of the whole table",
    "The average is that of the last row: what the model can do at the end. The whole table mixes "
    "in its past, and tasks it had not met.",
)
def whole_table(a: Array) -> tuple[float, float, float]:
    refuse_table(a)
    _, forgotten_, back = told(a)
    return float(a.mean()), forgotten_, back


@forgotten.wrong(
    "rows and columns exchanged",
    "A row is a moment, a column a task. The end is the last row.",
)
def turned(a: Array) -> tuple[float, float, float]:
    refuse_table(a)
    return told(a.T)


@forgotten.wrong(
    "the sign turned around",
    "Forgetting is best minus last, so that more is worse; backward transfer is last minus new, so "
    "that more is better.",
)
def signs(a: Array) -> tuple[float, float, float]:
    refuse_table(a)
    mean, forgotten_, back = told(a)
    return mean, -forgotten_, -back


@forgotten.wrong(
    "any table accepted",
    "A table that is not square has no diagonal of its own tasks, and of one task nothing can be "
    "forgotten: say so.",
)
def any_table(a: Array) -> tuple[float, float, float]:
    if 0 in a.shape:
        raise ValueError("no table")
    n = min(a.shape)
    return told(a[-n:, -n:]) if n > 1 else (float(a[-1].mean()), 0.0, 0.0)


# 17.5

line = Exercise(
    "17.5",
    "A line of the ledger",
    function="ledger",
    signature=(
        "ledger(without: (R,), with_it: (R,), seconds_without: (R,), seconds_with: (R,), factor)"
        " -> (gain, error, verdict, price)"
    ),
    difficulty=2,
    importance=5,
    minutes=35,
    read=f"{READ}#six-ledgers",
)

Line = tuple[Array, Array, Array, Array]


def draw_line(rng: np.random.Generator, seeds: int) -> Line:
    """Scores that move together by the seed, far more than the two ways differ."""
    seed = rng.normal(size=seeds) * 10 + 70
    gain = rng.uniform(1, 3) * rng.choice([-1, 1])
    without, with_it = seed, seed + gain + rng.normal(size=seeds)
    return without, with_it, rng.uniform(1, 2, seeds), rng.uniform(2, 9, seeds)


def true_line(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    d = b - a
    gain, error = d.mean(), d.std(ddof=1) / np.sqrt(len(d))
    verdict = "cannot tell" if abs(gain) <= factor * error else "gain" if gain > 0 else "loss"
    return gain, error, verdict, t.mean() / s.mean()


@line.check(1, "gain and error: of the differences, seed by seed")
def gain_and_error(ledger: Any, rng: np.random.Generator) -> None:
    for seeds, shift in ((3, 0.0), (int(rng.integers(4, 8)), -150.0)):  # scores below 0 as well
        a, b, s, t = draw_line(rng, seeds)
        b[:2] = a[0] + 3, a[1] - 4  # differences of both signs
        drawn, factor = (a + shift, b + shift, s, t), float(rng.uniform(1, 9))
        gain, error = ledger(*drawn, factor)[:2]
        want = true_line(*drawn, factor)
        sharply(gain, want[0], f"the gain is the mean of {seeds} differences, with minus without")
        sharply(error, want[1], f"the error is their sd over the root of {seeds}")


@line.check(1, "verdict: gain, loss, cannot tell, and what lies at the border")
def says_no_more(ledger: Any, rng: np.random.Generator) -> None:
    # Differences of mean m and error 1, exactly: their deviations are 1, 1, 1 and -3, sd 2.
    seconds = np.ones(4)
    for gain in (3.0, -3.0):
        d = gain + rng.permutation([1.0, 1.0, 1.0, -3.0])
        without = rng.integers(40, 90, 4).astype(float)
        for factor in (9.0, 1.0, 0.5, 3.0 + 2**-12, 3.0 - 2**-12, 3.0):
            got = ledger(without, without + d, seconds, seconds, factor)[2]
            size = "as large as" if factor == 3 else "more than" if factor < 3 else "less than"
            claim = (
                f"a gain of {gain:g} with an error of 1 and a factor of {factor:.4f}: {size} that"
            )
            want = true_line(without, without + d, seconds, seconds, factor)[2]
            expect(got == want, claim, expected=want, got=got)
    for gain, want in ((2.0**-12, "gain"), (-(2.0**-12), "loss"), (0.0, "cannot tell")):
        got = ledger(without, without + gain, seconds, seconds, 4.3)[2]
        expect(
            got == want, f"three seeds or more that all differ by {gain:g}", expected=want, got=got
        )
    for seeds, unit in ((3, 1.0), (5, 1.0), (4, 1e-4)):
        drawn = draw_line(rng, seeds)
        drawn = (unit * drawn[0], unit * drawn[1], *drawn[2:])
        gain, error = true_line(*drawn, 1.0)[:2]
        for share in (0.98, 1.02):
            factor = float(abs(gain) / error * share)
            want = true_line(*drawn, factor)[2]
            got = ledger(*drawn, factor)[2]
            claim = f"gain {gain:.3g}, error {error:.3g}, factor {factor:.3g}"
            expect(got == want, claim, expected=want, got=got)


@line.check(1, "price: how many times the seconds")
def price(ledger: Any, rng: np.random.Generator) -> None:
    for seeds in (3, int(rng.integers(4, 8))):
        a, b, s, t = draw_line(rng, seeds)
        for line in ((a, b, s, t), (a, b, t, s), (a, b, s * 1e-3, t)):
            want = line[3].mean() / line[2].mean()
            sharply(ledger(*line, 4.3)[3], want, "mean seconds with it, divided by those without")


@line.check(1, "too few seeds, unequal columns, what is not finite, no time: ValueError")
def refuses(ledger: Any, rng: np.random.Generator) -> None:
    drawn = draw_line(rng, 5)
    sharply(ledger(*drawn, 4.3)[0], true_line(*drawn, 4.3)[0], "the gain of five seeds")
    sharply(
        ledger(*(c[:3] for c in drawn), 4.3)[0], (drawn[1] - drawn[0])[:3].mean(), "and of three"
    )
    names = ("without", "with_it", "seconds_without", "seconds_with")
    for i, name in enumerate(names):
        for length in (4, 1, 6):
            bad = list(drawn)
            bad[i] = np.resize(bad[i], length)
            claim = f"{name} has {length} entries, and the others five"
            expect_error(partial(ledger, *bad, 4.3), ValueError, claim)
        values = (np.nan, np.inf, -np.inf, *((0.0, -1.0) if i > 1 else ()))
        for value, place in itertools.product(values, (0, int(rng.integers(1, 4)), 4)):
            bad = [c.copy() for c in drawn]
            bad[i][place] = value
            claim = f"{name} has an entry of {value}, entry {place} of five"
            expect_error(partial(ledger, *bad, 4.3), ValueError, claim)
    for i, j in itertools.combinations(range(4), 2):
        bad = [c[:4] if k in (i, j) else c for k, c in enumerate(drawn)]
        claim = f"{names[i]} and {names[j]} have four entries, and the others five"
        expect_error(partial(ledger, *bad, 4.3), ValueError, claim)
    for seeds in (2, 1):
        few = tuple(c[:seeds] for c in drawn)
        expect_error(partial(ledger, *few, 4.3), ValueError, f"seeds: {seeds}")


def refuse_line(*columns: Array, least: int = 3) -> None:
    if len({len(c) for c in columns}) > 1 or len(columns[0]) < least:
        raise ValueError("seeds")
    if not np.isfinite(columns).all() or min(*columns[2], *columns[3]) <= 0:
        raise ValueError("values")


@line.wrong(
    "the factor left out",
    "The gain was compared with one sd, with one error or with some other multiple of it, and not "
    "with the factor times the error. With three seeds luck alone is beyond one error in about "
    "four of ten comparisons.",
)
def one_error(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    refuse_line(a, b, s, t)
    return (*true_line(a, b, s, t, factor)[:2], *true_line(a, b, s, t, 1.0)[2:])


@line.wrong(
    "as large as the margin, and called a gain",
    "A gain exactly as large as the factor times the error cannot be told, nor can such a loss: "
    "beyond the margin is more than it, > and <.",
)
def at_the_margin(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    refuse_line(a, b, s, t)
    gain, error, verdict, price_ = true_line(a, b, s, t, factor)
    if abs(gain) == factor * error:
        verdict = "gain" if gain >= 0 else "loss"
    return gain, error, verdict, price_


@line.wrong(
    "two seeds are enough",
    "Two differences have an sd, and a gain that is luck in one seed is hardly seen to be. Three "
    "seeds at least: fewer are refused.",
)
def two_seeds(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    refuse_line(a, b, s, t, least=2)
    return true_line(a, b, s, t, factor)


@line.wrong(
    "the sd in place of the error",
    "The sd says how far single seeds lie apart. How uncertain their mean is, is the sd divided by "
    "the root of their number.",
)
def sd_for_error(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    refuse_line(a, b, s, t)
    gain, error, _, price_ = true_line(a, b, s, t, factor)
    error *= np.sqrt(len(a))
    verdict = "cannot tell" if abs(gain) <= factor * error else "gain" if gain > 0 else "loss"
    return gain, error, verdict, price_


@line.wrong(
    "R below the line",
    "The sd was divided by R and not by R − 1 (ddof=1): three seeds look surer than they are.",
)
def population(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    refuse_line(a, b, s, t)
    d = b - a
    gain, error = d.mean(), d.std() / np.sqrt(len(d))
    verdict = "cannot tell" if abs(gain) <= factor * error else "gain" if gain > 0 else "loss"
    return gain, error, verdict, t.mean() / s.mean()


@line.wrong(
    "the seeds not paired",
    "The spread of each way was taken by itself. Easy and hard seeds move both ways alike: in the "
    "differences, seed by seed, that cancels.",
)
def unpaired(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    refuse_line(a, b, s, t)
    gain = b.mean() - a.mean()
    error = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))
    verdict = "cannot tell" if abs(gain) <= factor * error else "gain" if gain > 0 else "loss"
    return gain, error, verdict, t.mean() / s.mean()


@line.wrong(
    "the best seed of each",
    "The best run of each way was compared. The best of many is luck: a mean over all seeds, the "
    "same seeds, says what the way gives.",
)
def best_of(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    refuse_line(a, b, s, t)
    _, error, _, price_ = true_line(a, b, s, t, factor)
    gain = b.max() - a.max()
    verdict = "cannot tell" if abs(gain) <= factor * error else "gain" if gain > 0 else "loss"
    return gain, error, verdict, price_


@line.wrong(
    "without minus with",
    "The gain is what the trend adds: with it minus without it. Here the sign is turned around.",
)
def turned_around(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    refuse_line(a, b, s, t)
    return (*true_line(b, a, s, t, factor)[:3], t.mean() / s.mean())


@line.wrong(
    "a loss called nothing",
    "Below minus the margin it is a loss, and the ledger must say so. Only what lies between the "
    "two margins cannot be told.",
)
def no_loss(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    refuse_line(a, b, s, t)
    gain, error, verdict, price_ = true_line(a, b, s, t, factor)
    return gain, error, "gain" if verdict == "gain" else "cannot tell", price_


@line.wrong(
    "the price upside down",
    "The price is the seconds with the trend over those without: 2 is twice as dear. Upside down, "
    "a dear trend looks like a bargain.",
)
def upside_down(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    refuse_line(a, b, s, t)
    return (*true_line(a, b, s, t, factor)[:3], s.mean() / t.mean())


@line.wrong(
    "the mean of the ratios",
    "A ratio for each seed, and then their mean: one run that happened to be quick weighs more "
    "than all others. Divide the means.",
)
def mean_ratio(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    refuse_line(a, b, s, t)
    return (*true_line(a, b, s, t, factor)[:3], (t / s).mean())


@line.wrong(
    "stretched to the others' length",
    "Arrays of unequal length do not belong together, and one of a single entry goes through: NumPy"
    " stretches it, and a verdict comes out that looks like any other. Compare the lengths.",
)
def unasked(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    return true_line(a, b, s, t, factor)


@line.wrong(
    "cut to the shortest",
    "Arrays of unequal length do not belong together. Cut to the shortest they go through, and a "
    "verdict comes out that looks like any other: refuse them.",
)
def all_accepted(a: Array, b: Array, s: Array, t: Array, factor: float) -> tuple:
    n = min(map(len, (a, b, s, t)))
    with np.errstate(all="ignore"):
        return true_line(a[:n], b[:n], s[:n], t[:n], factor)
