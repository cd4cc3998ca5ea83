"""Chapter 05, softmax: overflow, the Jacobian, temperature's limits, the gradient against d."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...gradcheck import numerical_gradient
from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_error, expect_shape
from . import common
from .common import reacts, sizes

near = partial(common.near, atol=1e-5)

Array = np.ndarray

READ = "05_softmax.md"


def by_definition(row: Array) -> Array:
    """One row of scores (S,), each share by itself: 1 / Σ_j exp(s_j − s_i), without overflow."""
    with np.errstate(over="ignore"):
        return np.array([1 / np.exp(row - score).sum() for score in row])


def stable(x: Array, axis: int = -1) -> Array:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


# 05.1

overflow = Exercise(
    "05.1",
    "No overflow",
    function="softmax",
    signature="softmax(x: (...), axis=-1, log=False) -> shaped as x",
    difficulty=2,
    importance=5,
    minutes=20,
    read=f"{READ}#the-formula-mended",
)


@overflow.check(1, "shares as the formula says, along any axis")
def along_any_axis(softmax: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 3))
    want = np.apply_along_axis(by_definition, -1, x)
    expect_shape(softmax(x), x.shape, "there is a share for each score")
    near(softmax(x), want, "without an axis, the shares of each last-axis row")
    for axis in (0, 1):
        want = np.apply_along_axis(by_definition, axis, x)
        near(softmax(x, axis=axis), want, f"along axis {axis}")


@overflow.check(1, "scores of thousands, rows far apart: every row comes out right")
def rows_far_apart(softmax: Any, rng: np.random.Generator) -> None:
    rows, s = sizes(rng, 2)
    x = rng.normal(size=(rows, s)) * 3
    want = np.apply_along_axis(by_definition, -1, x)
    moved = x + 3000.0 * rng.permutation(np.arange(rows) - 1)[:, None]
    near(softmax(moved), want, "what is added to a whole row changes nothing in it")


@overflow.check(1, "log=True: the logarithm, also where the share itself is rounded to 0")
def logarithms(softmax: Any, rng: np.random.Generator) -> None:
    rows, s = sizes(rng, 2)
    x = rng.normal(size=(rows, s))
    want = np.log(np.apply_along_axis(by_definition, -1, x))
    near(softmax(x, log=True), want, "the logarithms of the shares")
    x = np.zeros((rows, s))
    x[:, 0] = rng.uniform(1500, 3000, rows)
    want = np.where(np.arange(s) == 0, 0.0, -x[:, :1])
    near(softmax(x, log=True), want, "a score far behind has a finite logarithm: the difference")


@overflow.check(1, "32-bit scores give 32-bit shares, also for scores above 88")
def kept_dtype(softmax: Any, rng: np.random.Generator) -> None:
    rows, s = sizes(rng, 2)
    x = (rng.normal(size=(rows, s)) + 120).astype(np.float32)
    got = softmax(x)
    near(got, np.apply_along_axis(by_definition, -1, x.astype(float)), "the shares are right")
    dtype = np.asarray(got).dtype
    expect(dtype == np.float32, "float32 in, float32 out", expected="float32", got=str(dtype))


@overflow.wrong(
    "no maximum subtracted",
    "exp overflows: for 32-bit numbers above 88, for 64-bit ones above 709. Then inf / inf is "
    "NaN. Subtract the largest score of each row first: the factor cancels.",
)
def no_maximum(x: Array, axis: int = -1, log: bool = False) -> Array:
    e = np.exp(x)
    total = e.sum(axis=axis, keepdims=True)
    return x - np.log(total) if log else e / total


@overflow.wrong(
    "one maximum for all rows",
    "The largest score of the whole array is subtracted. A row far below it underflows: all its "
    "exponentials are 0, and 0 / 0 is NaN. Each row has a maximum of its own.",
)
def one_maximum(x: Array, axis: int = -1, log: bool = False) -> Array:
    x = x - x.max()
    total = np.exp(x).sum(axis=axis, keepdims=True)
    return x - np.log(total) if log else np.exp(x) / total


@overflow.wrong(
    "large scores clipped",
    "Clipping keeps exp finite and the answer wrong: two scores above the limit become equal, "
    "whatever their difference. Subtracting the maximum keeps every difference.",
)
def clipped(x: Array, axis: int = -1, log: bool = False) -> Array:
    x = np.clip(x, -80, 80)
    total = np.exp(x).sum(axis=axis, keepdims=True)
    return x - np.log(total) if log else np.exp(x) / total


@overflow.wrong(
    "the mean subtracted",
    "Any number may be subtracted from a row, but only the maximum makes all exponents at most "
    "0. Above the mean a score can still be large enough to overflow.",
)
def minus_mean(x: Array, axis: int = -1, log: bool = False) -> Array:
    x = x - x.mean(axis=axis, keepdims=True)
    total = np.exp(x).sum(axis=axis, keepdims=True)
    return x - np.log(total) if log else np.exp(x) / total


@overflow.wrong(
    "always the last axis",
    "The argument axis is not used, or only in one of the two places. Both the maximum and the "
    "sum run along it, with keepdims=True.",
)
def last_axis(x: Array, axis: int = -1, log: bool = False) -> Array:
    x = x - x.max(axis=-1, keepdims=True)
    total = np.exp(x).sum(axis=-1, keepdims=True)
    return x - np.log(total) if log else np.exp(x) / total


@overflow.wrong(
    "the logarithm of a rounded share",
    "The share is rounded to 0 before the logarithm is taken, and log(0) is −inf. Cancel first: "
    "log α_i = (s_i − m) − log Σ_j exp(s_j − m).",
)
def log_at_the_end(x: Array, axis: int = -1, log: bool = False) -> Array:
    return np.log(stable(x, axis)) if log else stable(x, axis)


@overflow.wrong(
    "a tiny number added before the logarithm",
    "log(α + 1e-12) is finite and wrong: no loss can exceed 28, and its gradient is 0 there, so "
    "the worst mistakes are never mended. Cancel logarithm and exponential instead.",
)
def log_plus_epsilon(x: Array, axis: int = -1, log: bool = False) -> Array:
    return np.log(stable(x, axis) + 1e-12) if log else stable(x, axis)


@overflow.wrong(
    "computed in 64 bits",
    "64-bit numbers overflow later, not never, take twice the memory, and make all that follows "
    "64-bit too. Subtract the maximum and keep the dtype that came in.",
)
def in_64_bits(x: Array, axis: int = -1, log: bool = False) -> Array:
    x = np.asarray(x, dtype=np.float64)
    x = x - x.max(axis=axis, keepdims=True)
    total = np.exp(x).sum(axis=axis, keepdims=True)
    return x - np.log(total) if log else np.exp(x) / total


# 05.2

table = Exercise(
    "05.2",
    "The Jacobian",
    function="jacobian",
    signature="jacobian(x: (..., S), temperature=1.0) -> (..., S, S)",
    difficulty=3,
    importance=4,
    minutes=35,
    read=f"{READ}#the-gradient",
)


def by_differences(row: Array, temperature: float) -> Array:
    """∂α_i / ∂s_j of one row (S,), row i by central differences of share i."""
    return np.array(
        [
            numerical_gradient(lambda s, i=i: float(stable(s / temperature)[i]), [row], 0, 1e-5)
            for i in range(len(row))
        ]
    )


@table.check(2, "entry (i, j) says how share i reacts to score j")
def one_row(jacobian: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 1))
    got = jacobian(x)
    expect_shape(got, (len(x), len(x)), "a row of S scores has a table of S by S")
    near(got, by_differences(x, 1.0), "as central differences say")


@table.check(1, "each leading index has a table of its own")
def leading(jacobian: Any, rng: np.random.Generator) -> None:
    b, n, s = sizes(rng, 3)
    x = rng.normal(size=(b, n, s))
    got = jacobian(x)
    expect_shape(got, (b, n, s, s), "the leading axes stay, and one axis is added")
    want = np.array([[by_differences(row, 1.0) for row in rows] for rows in x])
    near(got, want, "each row is differentiated by itself")


@table.check(1, "with a temperature")
def tempered(jacobian: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 1))
    for temperature in (float(rng.uniform(0.3, 0.7)), float(rng.uniform(2, 4))):
        got = jacobian(x, temperature=temperature)
        near(got, by_differences(x, temperature), "the shares of x / T, differentiated by x")


@table.check(1, "what one share wins, the others lose: rows and columns sum to 0")
def sums(jacobian: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 1))
    got = np.asarray(jacobian(x))
    expect_shape(got, (len(x), len(x)), "a row of S scores has a table of S by S")
    near(got.sum(axis=0), np.zeros(len(x)), "each column sums to 0: the shares always sum to 1")
    near(got.sum(axis=1), np.zeros(len(x)), "each row sums to 0: adding to all changes nothing")
    expect(np.abs(got).max() > 1e-4, "though not every entry is 0", got=got)
    reacts(got, jacobian(2 * x), "other scores have another table")


@table.check(1, "scores of a thousand give finite entries")
def large_scores(jacobian: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 1))
    near(jacobian(x + 1000), by_differences(x, 1.0), "the table of the same row, a thousand lower")


@table.wrong(
    "the diagonal only",
    "α_i (1 − α_i) is how a share reacts to its own score. It reacts to the others too, by "
    "−α_i α_j: they share one denominator.",
)
def diagonal(x: Array, temperature: float = 1.0) -> Array:
    alpha = stable(x / temperature)
    return (alpha * (1 - alpha))[..., None] * np.eye(x.shape[-1]) / temperature


@table.wrong(
    "no diagonal term",
    "−α_i α_j is right between two different shares. On the diagonal there is α_i more: raising "
    "a score raises its own exponential.",
)
def no_diagonal(x: Array, temperature: float = 1.0) -> Array:
    alpha = stable(x / temperature)
    return -alpha[..., :, None] * alpha[..., None, :] / temperature


@table.wrong(
    "plus between different shares",
    "Two shares compete: raising one score lowers the other share, so −α_i α_j, with a minus.",
)
def plus(x: Array, temperature: float = 1.0) -> Array:
    alpha = stable(x / temperature)
    between = alpha[..., :, None] * alpha[..., None, :]
    return (alpha[..., None] * np.eye(x.shape[-1]) + between) / temperature


@table.wrong(
    "the temperature's own factor forgotten",
    "The shares are those of x / T, and x / T changes by 1 / T when x changes by 1. The chain "
    "rule puts that factor before the table.",
)
def no_chain(x: Array, temperature: float = 1.0) -> Array:
    return exact(x / temperature)


@table.wrong(
    "multiplied by the temperature",
    "The chain rule's factor is the derivative of x / T, which is 1 / T, not T.",
)
def times_temperature(x: Array, temperature: float = 1.0) -> Array:
    return exact(x / temperature) * temperature


@table.wrong(
    "the logarithm's Jacobian",
    "δ_ij − α_j belongs to log-softmax. A share is the exponential of its logarithm, so the row "
    "is multiplied by α_i once more.",
)
def of_the_logarithm(x: Array, temperature: float = 1.0) -> Array:
    alpha = stable(x / temperature)
    return (np.eye(x.shape[-1]) - alpha[..., None, :]) / temperature


@table.wrong(
    "all rows in one table",
    "np.outer and np.diag flatten what they get or mix the rows. Keep the leading axes and add "
    "one: α[..., :, None] against α[..., None, :].",
)
def flattened(x: Array, temperature: float = 1.0) -> Array:
    alpha = stable(x / temperature).ravel()
    return (np.diag(alpha) - np.outer(alpha, alpha)) / temperature


@table.wrong(
    "no maximum subtracted",
    "The shares are computed anew here, and exp(1000) is infinite: every entry is NaN. Subtract "
    "each row's maximum first.",
)
def overflowing(x: Array, temperature: float = 1.0) -> Array:
    e = np.exp(x / temperature)
    return from_shares(e / e.sum(axis=-1, keepdims=True)) / temperature


def from_shares(alpha: Array) -> Array:
    return alpha[..., None] * (np.eye(alpha.shape[-1]) - alpha[..., None, :])


def exact(x: Array) -> Array:
    return from_shares(stable(x))


# 05.3

limits = Exercise(
    "05.3",
    "Temperature's limits",
    function="temper",
    signature="temper(x: (S,), temperature: 0 to infinity) -> (S,)",
    difficulty=3,
    importance=3,
    minutes=25,
    read=f"{READ}#temperature",
)


@limits.check(1, "in between: the shares of x / T")
def in_between(temper: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 1))
    for temperature in rng.uniform(0.4, 0.8), rng.uniform(2, 5):
        got = temper(x, float(temperature))
        expect_shape(got, x.shape, "there is a share for each score")
        near(got, by_definition(x / temperature), f"at T = {temperature:.2f}")


@limits.check(1, "T = 0: all to the largest score; equal ones share evenly")
def frozen(temper: Any, rng: np.random.Generator) -> None:
    (s,) = sizes(rng, 1)
    x = rng.permutation(np.append(rng.normal(size=s), [7.0, 7.0, 7.0 - 1e-9]))
    want = np.where(x == 7.0, 0.5, 0.0)
    near(temper(x, 0.0), want, "two of the scores are largest, a third is nearly as large")
    near(temper(-x, 0), np.where(x == x.min(), 1.0, 0.0), "a single largest score takes all")


@limits.check(1, "T infinite: 1/S to everybody; T tiny: no NaN")
def extremes(temper: Any, rng: np.random.Generator) -> None:
    (s,) = sizes(rng, 1)
    x = rng.normal(size=s)
    near(temper(x, float("inf")), np.full(s, 1 / s), "at T = ∞ every score counts the same")
    want = np.where(x == x.max(), 1.0, 0.0)
    near(temper(np.abs(x.min()) + x, 1e-310), want, "at T = 1e-310 the largest score takes all")


@limits.check(1, "a temperature below 0 raises ValueError")
def below_zero(temper: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 1))
    below = -float(rng.uniform(0.1, 2))
    expect_error(
        lambda: temper(x, below), ValueError, "below 0 the order of the shares would turn round"
    )


def refuse(temperature: float) -> None:
    if temperature < 0:
        raise ValueError("a temperature is at least 0")


def colder(x: Array, temperature: float) -> Array:
    """Right for every temperature from 0 on."""
    low = x - x.max()
    e = (low == 0).astype(float) if temperature == 0 else np.exp(low / temperature)
    return e / e.sum()


@limits.wrong(
    "divided by zero",
    "0 / 0 is NaN and x / 0 is infinite, so T = 0 needs a branch of its own: what are the shares "
    "when only the largest scores count?",
)
def zero_division(x: Array, temperature: float) -> Array:
    refuse(temperature)
    e = np.exp((x - x.max()) / np.float64(temperature))
    return e / e.sum()


@limits.wrong(
    "ties go to the first",
    "argmax names one place, the first. At every T above 0 equal scores have equal shares, and "
    "so they have in the limit.",
)
def first_of_ties(x: Array, temperature: float) -> Array:
    refuse(temperature)
    if temperature == 0:
        return np.eye(len(x))[x.argmax()]
    return colder(x, temperature)


@limits.wrong(
    "a small number instead of zero",
    "T + 1e-8 is not 0: scores that differ by less than that still share. The limit gives all to "
    "the largest, however close the next one is.",
)
def nearly_zero(x: Array, temperature: float) -> Array:
    refuse(temperature)
    return colder(x, temperature + 1e-8)


@limits.wrong(
    "divided before the maximum is subtracted",
    "x / T is already infinite for a tiny T, and inf − inf is NaN. Subtract the maximum first: "
    "then every quotient is 0 or negative, and −inf does no harm.",
)
def divided_first(x: Array, temperature: float) -> Array:
    refuse(temperature)
    if temperature == 0:
        return colder(x, 0)
    return stable(x / np.float64(temperature))


@limits.wrong(
    "multiplied by the temperature",
    "A high temperature makes shares alike, so the scores are divided by it. Multiplied, it turns "
    "the two limits round.",
)
def multiplied(x: Array, temperature: float) -> Array:
    refuse(temperature)
    with np.errstate(invalid="ignore"):
        return stable(x * temperature)


@limits.wrong(
    "applied to the shares",
    "Dividing the shares by T and making them sum to 1 again changes nothing: T cancels. It "
    "belongs on the scores, before the exponential.",
)
def after_softmax(x: Array, temperature: float) -> Array:
    refuse(temperature)
    tempered = stable(x) / (np.float64(temperature) or 1.0)
    return tempered / tempered.sum()


@limits.wrong(
    "negative temperatures let through",
    "Below 0 the smallest score gets the largest share, without a word. That is hardly ever "
    "meant: say so with a ValueError.",
)
def below_zero_allowed(x: Array, temperature: float) -> Array:
    return colder(x, temperature) if temperature >= 0 else stable(x / temperature)


# 05.4

hump = Exercise(
    "05.4",
    "The gradient against d",
    function="gradient_size",
    signature="gradient_size(query: (N, d), key: (S, d), widths: list of W) -> two arrays (W,)",
    difficulty=4,
    importance=4,
    minutes=40,
    read=f"{READ}#the-figure-to-remember",
)


def draw_wide(rng: np.random.Generator) -> tuple[Array, Array, list[int]]:
    n, s = sizes(rng, 2)
    d = int(rng.integers(20, 30))
    widths = [1, *sorted(int(w) for w in rng.choice(np.arange(2, d), 2, replace=False)), d]
    return rng.normal(size=(n, d)), rng.normal(size=(s, d)), widths


def mean_norm(scores: Array) -> float:
    """The mean of the Frobenius norms of softmax's Jacobians, one row after the other."""
    return float(np.mean([np.sqrt((exact(row) ** 2).sum()) for row in scores]))


def norms(query: Array, key: Array, widths: list[int], power: float) -> Array:
    """For each width w the mean norm at scores of the first w columns, divided by w**power."""
    return np.array([mean_norm(query[:, :w] @ key[:, :w].T / w**power) for w in widths])


@hump.check(2, "unscaled: the mean norm of the Jacobian for each width")
def unscaled(gradient_size: Any, rng: np.random.Generator) -> None:
    query, key, widths = draw_wide(rng)
    plain, _ = gradient_size(query, key, widths)
    expect_shape(plain, (len(widths),), "plain has one number for each width")
    near(plain, norms(query, key, widths, 0.0), "mean over the queries, first w columns")


@hump.check(2, "scaled: the scores divided by √w first")
def divided_by_root(gradient_size: Any, rng: np.random.Generator) -> None:
    query, key, widths = draw_wide(rng)
    _, scaled = gradient_size(query, key, widths)
    expect_shape(scaled, (len(widths),), "scaled has one number for each width")
    near(scaled, norms(query, key, widths, 0.5), "mean over the queries, first w columns")


@hump.check(1, "two equal keys: half, the most that there is, whatever the query and the width")
def two_in_a_tie(gradient_size: Any, rng: np.random.Generator) -> None:
    query, key, widths = draw_wide(rng)
    plain, scaled = gradient_size(query, np.stack([key[0], key[0]]), widths)
    half = np.full(len(widths), 0.5)
    near(plain, half, "both shares are ½, and J is a quarter of ((1, −1), (−1, 1))")
    near(scaled, half, "scaling does not change a tie")


@hump.check(1, "scores of thousands give finite norms")
def far_to_the_right(gradient_size: Any, rng: np.random.Generator) -> None:
    query, key, widths = draw_wide(rng)
    query, key = query.copy(), key.copy()
    key[:, 0], query[:, 0] = 1.0, query[:, 0] + 2000.0  # every score of a row grows alike
    plain, scaled = gradient_size(query, key, widths)
    near(plain, norms(query, key, widths, 0.0), "as for softmax without overflow")
    near(scaled, norms(query, key, widths, 0.5), "as for softmax without overflow")


def both(measure: Any, query: Array, key: Array, widths: list[int]) -> tuple[Array, Array]:
    """Some measure of the scores, for each width, unscaled and scaled."""
    return tuple(  # type: ignore[return-value]
        np.array([measure(query[:, :w] @ key[:, :w].T / w**power) for w in widths])
        for power in (0.0, 0.5)
    )


@hump.wrong(
    "divided by d instead of √d",
    "The variance of the scores grows like d, so their spread grows like √d. Divided by d they "
    "shrink as d grows, and every share ends at 1/S.",
)
def divided_by_width(query: Array, key: Array, widths: list[int]) -> tuple:
    return norms(query, key, widths, 0.0), norms(query, key, widths, 1.0)


@hump.wrong(
    "the root of the full width for all",
    "Each width has a root of its own: the scores of the first w columns are divided by √w, not "
    "by the root of all the columns that were given.",
)
def root_of_all(query: Array, key: Array, widths: list[int]) -> tuple:
    root = np.sqrt(query.shape[1])
    scaled = [mean_norm(query[:, :w] @ key[:, :w].T / root) for w in widths]
    return norms(query, key, widths, 0.0), np.array(scaled)


@hump.wrong(
    "the diagonal only",
    "Only α_i (1 − α_i) was squared and summed. The entries beside the diagonal, −α_i α_j, "
    "belong to the norm as well: all S × S of them.",
)
def diagonal_norm(query: Array, key: Array, widths: list[int]) -> tuple:
    def measure(scores: Array) -> float:
        alpha = stable(scores)
        return float(np.sqrt(((alpha * (1 - alpha)) ** 2).sum(axis=-1)).mean())

    return both(measure, query, key, widths)


@hump.wrong(
    "the norm of the mean table",
    "The tables of all queries were averaged before the norm was taken, so that entries of "
    "opposite sizes even out. Take each query's norm first, then the mean.",
)
def norm_of_mean(query: Array, key: Array, widths: list[int]) -> tuple:
    return both(lambda s: float(np.linalg.norm(exact(s).mean(axis=0))), query, key, widths)


@hump.wrong(
    "one norm for all queries",
    "The squares of all the tables were summed under one root, which grows with the number of "
    "queries. Each query has a norm; return their mean.",
)
def one_norm(query: Array, key: Array, widths: list[int]) -> tuple:
    return both(lambda s: float(np.sqrt((exact(s) ** 2).sum())), query, key, widths)


@hump.wrong(
    "the root left out",
    "The Frobenius norm is the root of the sum of squares. Without the root, an answer of one "
    "half becomes a quarter.",
)
def no_root(query: Array, key: Array, widths: list[int]) -> tuple:
    return both(lambda s: float((exact(s) ** 2).sum(axis=(-2, -1)).mean()), query, key, widths)


@hump.wrong(
    "softmax over the queries",
    "The softmax runs over the wrong axis: the queries compete for a key. Each query shares out "
    "a weight of 1 over the keys, the last axis of the scores.",
)
def over_queries(query: Array, key: Array, widths: list[int]) -> tuple:
    return both(lambda s: mean_norm(s.T), query, key, widths)


@hump.wrong(
    "no maximum subtracted",
    "exp(2000) is infinite, and inf / inf is NaN. Subtract each row's maximum before exp.",
)
def overflowing_norm(query: Array, key: Array, widths: list[int]) -> tuple:
    def measure(scores: Array) -> float:
        e = np.exp(scores)
        tables = from_shares(e / e.sum(axis=-1, keepdims=True))
        return float(np.sqrt((tables**2).sum(axis=(-2, -1))).mean())

    return both(measure, query, key, widths)
