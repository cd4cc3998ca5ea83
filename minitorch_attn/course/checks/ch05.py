"""Chapter 05, softmax: overflow, the Jacobian, temperature's limits, the gradient against d."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...gradcheck import numerical_gradient
from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_shape
from .common import reacts, sizes
from .common import softmax as stable  # the exercise's function has that name

near = partial(expect_close, rtol=1e-4, atol=1e-5)  # what 32-bit numbers can do
exactly = partial(expect_close, rtol=1e-11, atol=1e-13)  # what 64-bit numbers can do

Array = np.ndarray

READ = "05_softmax.md"


def by_definition(row: Array) -> Array:
    """One row of scores (S,), each share by itself: 1 / Σ_j exp(s_j − s_i), without overflow."""
    with np.errstate(over="ignore"):
        return np.array([1 / np.exp(row - score).sum() for score in row])


def far_apart(x: Array, rng: np.random.Generator, step: float = 3000.0) -> Array:
    """The rows (..., S), each moved by another multiple of `step`, one of them by 0."""
    count = int(np.prod(x.shape[:-1]))
    moves = rng.permutation(np.arange(count) - count // 2) * step
    return x + moves.reshape(*x.shape[:-1], 1)


# 05.1

overflow = Exercise(
    "05.1",
    "No overflow",
    function="softmax",
    signature="softmax(x: (...), axis=-1, log=False) -> shaped as x",
    difficulty=2,
    importance=5,
    minutes=30,
    read=f"{READ}#the-formula-mended",
)


@overflow.check(1, "shares as the formula says, along any axis")
def along_any_axis(softmax: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 3))
    want = np.apply_along_axis(by_definition, -1, x)
    expect_shape(softmax(x), x.shape, "there is a share for each score")
    exactly(softmax(x), want, "without an axis, the shares of each last-axis row")
    for axis in (0, 1, -2):
        want = np.apply_along_axis(by_definition, axis, x)
        exactly(softmax(x, axis=axis), want, f"along axis {axis}")
    behind = x[0, 0] - np.where(np.arange(x.shape[2]) == 0, 40.0, 0.0)
    exactly(softmax(behind), by_definition(behind), "one axis is enough, and one share may be tiny")
    exactly(softmax(x[:1, 0]), by_definition(x[0, 0])[None], "one row is one row")
    exactly(softmax(x[:1], axis=0), np.ones_like(x[:1]), "a single score has a share of 1")


@overflow.check(1, "scores of thousands, rows far apart: every row comes out right")
def rows_far_apart(softmax: Any, rng: np.random.Generator) -> None:
    rows, s = sizes(rng, 2)
    x = np.round(rng.normal(size=(rows, s)) * 192) / 64  # exact in 32 bits, also when moved
    behind = x - np.where(np.arange(s) == rng.integers(s), 5000.0, 0.0)
    want = np.apply_along_axis(by_definition, -1, behind)
    near(softmax(behind), want, "one score far behind gets nothing, and harms no other")
    want = np.apply_along_axis(by_definition, -1, x)
    moved = far_apart(x, rng)
    near(softmax(moved), want, "what is added to a whole row changes nothing in it")
    near(softmax(moved.T, axis=0), want.T, "nor to a whole column, along axis 0")
    lead = np.where(np.arange(s) == rng.integers(s), 5000.0, 0.0)
    near(softmax(x + lead), np.tile(lead / 5000, (rows, 1)), "one score far ahead takes all")


@overflow.check(1, "log=True: the logarithm, also where the share itself is rounded to 0")
def logarithms(softmax: Any, rng: np.random.Generator) -> None:
    rows, s = sizes(rng, 2)
    x = np.zeros((rows, s))
    x[:, 0] = rng.uniform(1500, 3000, rows)
    want = np.where(np.arange(s) == 0, 0.0, -x[:, :1])
    claim = "a score far behind has a finite logarithm: the difference"
    near(softmax(x, log=True), want, claim)
    moved = far_apart(x, rng, 7000.0)
    near(softmax(moved, log=True), want, "and so it has in every row by itself")
    got = softmax(moved.T[None], axis=1, log=True)
    near(got, want.T[None], "also of three axes, along the middle one")
    x = rng.normal(size=sizes(rng, 3))
    for axis in (-1, 0, 1):
        want = np.log(np.apply_along_axis(by_definition, axis, x))
        exactly(softmax(x, axis=axis, log=True), want, f"the logarithms along axis {axis}")
    exactly(softmax(x[:1], axis=1, log=True), want[:1], "and where one axis is of size 1")


@overflow.check(1, "32-bit scores give 32-bit shares and logarithms, also for scores above 88")
def kept_dtype(softmax: Any, rng: np.random.Generator) -> None:
    rows, s = sizes(rng, 2)
    x = (rng.normal(size=(rows, s)) + 120).astype(np.float32)
    shares = np.apply_along_axis(by_definition, -1, x.astype(float))
    for log, want in ((False, shares), (True, np.log(shares))):
        got = softmax(x, log=log)
        near(got, want, "the logarithms are right" if log else "the shares are right")
        for axis, result in ((-1, got), (0, softmax(x, axis=0, log=log))):
            dtype = np.asarray(result).dtype
            claim = f"float32 in, float32 out, with axis={axis} and log={log}"
            expect(dtype == np.float32, claim, expected="float32", got=str(dtype))


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
    "the mean or the minimum subtracted",
    "Any number may be subtracted from a row, but only one as large as the maximum makes all "
    "exponents at most 0. Far above a smaller one, a score still overflows.",
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
    "a tiny number added to the sum",
    "The sum is at least 1, the largest score's own part: it needs no guard against 0. With one, "
    "the shares no longer sum to 1.",
)
def guarded_sum(x: Array, axis: int = -1, log: bool = False) -> Array:
    low = x - x.max(axis=axis, keepdims=True)
    total = np.exp(low).sum(axis=axis, keepdims=True) + 1e-8
    return low - np.log(total) if log else np.exp(low) / total


@overflow.wrong(
    "the logarithm along the last axis only",
    "The argument axis is used for the shares and not for their logarithms. Both the maximum and "
    "the sum run along it there, too.",
)
def log_last_axis(x: Array, axis: int = -1, log: bool = False) -> Array:
    return last_axis(x, -1, True) if log else stable(x, axis)


@overflow.wrong(
    "the largest size subtracted",
    "The largest absolute value is not the largest score: where all scores are far below 0, the "
    "exponents all lie far below 0, and 0 / 0 is NaN.",
)
def largest_size(x: Array, axis: int = -1, log: bool = False) -> Array:
    low = x - np.abs(x).max(axis=axis, keepdims=True)
    total = np.exp(low).sum(axis=axis, keepdims=True)
    return low - np.log(total) if log else np.exp(low) / total


@overflow.wrong(
    "log not used",
    "With log=True the logarithms of the shares are asked for; these are the shares.",
)
def log_ignored(x: Array, axis: int = -1, log: bool = False) -> Array:
    return stable(x, axis)


@overflow.wrong(
    "always in 32 bits",
    "What comes in as float64 has some sixteen digits, and half of them are thrown away here. Let "
    "the result have the dtype of x.",
)
def always_float32(x: Array, axis: int = -1, log: bool = False) -> Array:
    low = x.astype(np.float32)
    low = low - low.max(axis=axis, keepdims=True)
    total = np.exp(low).sum(axis=axis, keepdims=True)
    return low - np.log(total) if log else np.exp(low) / total


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
    minutes=50,
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


def tables(x: Array, temperature: float) -> Array:
    """Of scores (..., S) the tables (..., S, S), row by row by differences."""
    rows = [by_differences(row, temperature) for row in x.reshape(-1, x.shape[-1])]
    return np.reshape(rows, (*x.shape, x.shape[-1]))


@table.check(2, "entry (i, j) says how share i reacts to score j")
def one_row(jacobian: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 1))
    got = jacobian(x)
    expect_shape(got, (len(x), len(x)), "a row of S scores has a table of S by S")
    near(got, by_differences(x, 1.0), "as central differences say")


@table.check(1, "each leading index has a table of its own")
def leading(jacobian: Any, rng: np.random.Generator) -> None:
    a, b, n, s = sizes(rng, 4, 2, 6)
    for size in ((b, n, s), (n, s), (a, b, n, s), (1, s), (n, 1)):
        x = rng.normal(size=size)
        got = jacobian(x)
        expect_shape(got, (*size, size[-1]), "the leading axes stay, and one axis is added")
        near(got, tables(x, 1.0), "each row is differentiated by itself")


@table.check(1, "with a temperature")
def tempered(jacobian: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 2, 3, 6))
    for temperature in (float(rng.uniform(2, 4)), float(rng.uniform(0.3, 0.7))):
        got = jacobian(x[0], temperature=temperature)
        claim = "the shares of x / T, differentiated by x"
        near(got, by_differences(x[0], temperature), claim)
        near(jacobian(x, temperature), tables(x, temperature), f"{claim}: every row")


@table.check(1, "what one share wins, the others lose: rows and columns sum to 0")
def sums(jacobian: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 1))
    got = np.asarray(jacobian(x))
    expect_shape(got, (len(x), len(x)), "a row of S scores has a table of S by S")
    near(got.sum(axis=0), np.zeros(len(x)), "each column sums to 0: the shares always sum to 1")
    near(got.sum(axis=1), np.zeros(len(x)), "each row sums to 0: adding to all changes nothing")
    own = np.eye(len(x), dtype=bool)
    claim = "a share grows with its own score, and shrinks with any other"
    expect((got[own] > 0).all() and (got[~own] < 0).all(), claim, got=got)
    reacts(got, jacobian(2 * x), "other scores have another table")


@table.check(1, "scores of thousands, rows far apart: finite, and right in every row")
def large_scores(jacobian: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 2, 3, 6))
    x[0, rng.integers(x.shape[1])] += 5000.0  # far ahead of its row: nothing reacts any more
    temperature = float(rng.uniform(0.4, 0.8))
    want = tables(x, temperature)
    moved = far_apart(x, rng)
    for scores, each in ((moved, want), (moved[None], want[None])):
        got = jacobian(scores, temperature)
        # So far away 32-bit numbers have three digits left behind the point.
        expect_close(got, each, "the tables of the same rows near 0", rtol=1e-2, atol=1e-3)
    spread = rng.normal(size=len(x[0]))
    got = 1e4 * np.asarray(jacobian(1e4 * spread, 1e4))
    near(got, tables(spread, 1.0), "at T = 10,000, times T: scores that far apart share as ever")


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


@table.wrong(
    "one maximum for all rows",
    "The largest score of the whole array is subtracted. A row far below it underflows: all its "
    "exponentials are 0, and 0 / 0 is NaN. Each row has a maximum of its own.",
)
def one_maximum_for_tables(x: Array, temperature: float = 1.0) -> Array:
    e = np.exp((x - x.max()) / temperature)
    return from_shares(e / e.sum(axis=-1, keepdims=True)) / temperature


@table.wrong(
    "the maximum not divided by the temperature",
    "x / T − max is not (x − max) / T: at a low temperature the exponents can still be large. "
    "Divide first, then subtract the maximum of what you divided.",
)
def maximum_undivided(x: Array, temperature: float = 1.0) -> Array:
    e = np.exp(x / temperature - x.max(axis=-1, keepdims=True))
    return from_shares(e / e.sum(axis=-1, keepdims=True)) / temperature


@table.wrong(
    "the mean or the minimum subtracted",
    "Any number may be subtracted from a row, but only one as large as the maximum makes all "
    "exponents at most 0. Far above a smaller one, a score still overflows.",
)
def mean_for_tables(x: Array, temperature: float = 1.0) -> Array:
    e = np.exp((x - x.mean(axis=-1, keepdims=True)) / temperature)
    return from_shares(e / e.sum(axis=-1, keepdims=True)) / temperature


@table.wrong(
    "the temperature not used",
    "The shares are those of x / T. Here the table is that of T = 1, whatever the temperature.",
)
def temperature_ignored(x: Array, temperature: float = 1.0) -> Array:
    return exact(x)


@table.wrong(
    "divided by the temperature twice",
    "x / T changes by 1 / T when x changes by 1: the chain rule gives that factor once.",
)
def chained_twice(x: Array, temperature: float = 1.0) -> Array:
    return exact(x / temperature) / temperature**2


@table.wrong(
    "the signs turned round",
    "Raising a score raises its own share: α_i (1 − α_i), with a plus, on the diagonal, and "
    "−α_i α_j beside it.",
)
def signs_turned(x: Array, temperature: float = 1.0) -> Array:
    return -exact(x / temperature) / temperature


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
    importance=2,
    minutes=35,
    read=f"{READ}#temperature",
)


@limits.check(1, "in between, also for scores of thousands: the shares of x / T")
def in_between(temper: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 1))
    for temperature in rng.uniform(0.4, 0.8), rng.uniform(2, 5), 1.0:
        got = temper(x, float(temperature))
        expect_shape(got, x.shape, "there is a share for each score")
        near(got, by_definition(x / temperature), f"at T = {temperature:.2f}")
    temperature = float(rng.uniform(0.4, 0.8))
    want = by_definition(x / temperature)
    for move in (3000.0, -3000.0):
        near(temper(x + move, temperature), want, f"at T = {temperature:.2f}, {move:+g} for all")
    for large in (1e4, 1e100):
        claim = f"at T = {large:g}, scores of that size share as ever"
        near(temper(x * large, large), by_definition(x), claim)


@limits.check(1, "T = 0: all to the largest score; equal ones share evenly")
def frozen(temper: Any, rng: np.random.Generator) -> None:
    (s,) = sizes(rng, 1)
    single = rng.normal(size=s)
    near(temper(single, 1.0), by_definition(single), "at T = 1 these are the shares of softmax")
    for top in (7.0, -7.0):  # positive scores, and none above 0
        others = top - rng.uniform(1, 3, s)
        x = rng.permutation(np.append(others, [top, top, np.nextafter(top, -np.inf)]))
        want = np.where(x == top, 0.5, 0.0)
        near(temper(x, 0.0), want, "two of the scores are largest, a third is nearly as large")
    want = np.where(single == single.max(), 1.0, 0.0)
    near(temper(single, 0), want, "a single largest score takes all")
    near(temper(np.full(s, top), 0.0), np.full(s, 1 / s), "where all are equal, all share")


@limits.check(1, "T infinite: 1/S to everybody; T small and tiny: the formula still, and no NaN")
def extremes(temper: Any, rng: np.random.Generator) -> None:
    (s,) = sizes(rng, 1)
    x = rng.normal(size=s)
    near(temper(x, 1.0), by_definition(x), "at T = 1 these are the shares of softmax")
    near(temper(x, float("inf")), np.full(s, 1 / s), "at T = ∞ every score counts the same")
    want = by_definition(x)
    for small in (1e-3, 1e-9, 1e-290):
        claim = f"at T = {small:g}, scores of that size share as ever"
        near(temper(x * small, small), want, claim)
    for temperature in (0.0, 1.0, float("inf")):
        near(temper(x[:1], temperature), [1.0], f"a single score takes all, at T = {temperature:g}")
    want = np.where(x == x.max(), 1.0, 0.0)
    near(temper(np.abs(x.min()) + x, 1e-310), want, "at T = 1e-310 the largest score takes all")
    twice = np.append(x, x.max())
    want = np.where(twice == x.max(), 0.5, 0.0)
    near(temper(twice, 1e-310), want, "at T = 1e-310 two equal ones share")


@limits.check(1, "a temperature below 0 raises ValueError")
def below_zero(temper: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=sizes(rng, 1))
    for below in (-float(rng.uniform(0.1, 2)), -1e-12, -5e-324, -float("inf")):
        claim = "below 0 the order of the shares would turn round"
        expect_error(partial(temper, x, below), ValueError, claim)


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
    "small temperatures taken for zero",
    "A temperature of 1e-9 is not 0: scores that lie as close together still share. Only T = 0 "
    "itself needs a branch.",
)
def small_is_zero(x: Array, temperature: float) -> Array:
    refuse(temperature)
    return colder(x, 0.0 if temperature < 1e-6 else temperature)


@limits.wrong(
    "nearly equal counts as equal",
    "np.isclose calls scores equal that differ by little. At T = 0 a score that is smaller by "
    "however little gets nothing: compare with ==.",
)
def nearly_equal(x: Array, temperature: float) -> Array:
    refuse(temperature)
    if temperature == 0:
        e = np.isclose(x, x.max()).astype(float)
        return e / e.sum()
    return colder(x, temperature)


@limits.wrong(
    "the largest not divided among them",
    "Several largest scores get 1 each here. Shares sum to 1: divide by how many there are.",
)
def undivided(x: Array, temperature: float) -> Array:
    refuse(temperature)
    return (x == x.max()).astype(float) if temperature == 0 else colder(x, temperature)


@limits.wrong(
    "zero refused",
    "T = 0 is a limit that has an answer: all to the largest score. Only what is below 0 is "
    "refused.",
)
def zero_refused(x: Array, temperature: float) -> Array:
    if temperature <= 0:
        raise ValueError("a temperature is above 0")
    return colder(x, temperature)


@limits.wrong(
    "infinity refused",
    "At T = ∞ every score counts the same, and each share is 1/S. Only what is below 0 is refused.",
)
def infinity_refused(x: Array, temperature: float) -> Array:
    refuse(temperature)
    if np.isinf(temperature):
        raise ValueError("a temperature is finite")
    return colder(x, temperature)


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
    importance=3,
    minutes=50,
    read=f"{READ}#the-figure-to-remember",
)


def draw_wide(rng: np.random.Generator) -> tuple[Array, Array, list[int]]:
    """Widths in no order, one of them twice."""
    n, s = sizes(rng, 2)
    d = int(rng.integers(20, 30))
    others = rng.permutation([1, *rng.choice(np.arange(2, d), 2, replace=False)])
    return rng.normal(size=(n, d)), rng.normal(size=(s, d)), [d, *others.tolist(), d]


def mean_norm(scores: Array) -> float:
    """The mean of the Frobenius norms of softmax's Jacobians, one row after the other."""
    return float(np.mean([np.sqrt((exact(row) ** 2).sum()) for row in scores]))


def norms(query: Array, key: Array, widths: list[int], power: float) -> Array:
    """For each width w the mean norm at scores of the first w columns, divided by w**power."""
    return np.array([mean_norm(query[:, :w] @ key[:, :w].T / w**power) for w in widths])


@hump.check(2, "unscaled: the mean norm of the Jacobian for each width")
def unscaled(gradient_size: Any, rng: np.random.Generator) -> None:
    query, key, widths = draw_wide(rng)
    query = query / 3  # so that no share is so nearly 1 that rounding counts
    want = norms(query, key, widths, 0.0)
    for count in (len(widths), 1):
        plain, _ = gradient_size(query, key, widths[:count])
        expect_shape(plain, (count,), "plain has one number for each width")
        near(plain, want[:count], "mean over the queries, first w columns")
    for q, k, claim in ((query[:1], key, "a single query"), (query, key[:1], "a single key")):
        near(gradient_size(q, k, widths)[0], norms(q, k, widths, 0.0), claim)


@hump.check(2, "scaled: the scores divided by √w first")
def divided_by_root(gradient_size: Any, rng: np.random.Generator) -> None:
    query, key, widths = draw_wide(rng)
    want = norms(query, key, widths, 0.5)
    for count in (len(widths), 1):
        _, scaled = gradient_size(query, key, widths[:count])
        expect_shape(scaled, (count,), "scaled has one number for each width")
        near(scaled, want[:count], "mean over the queries, first w columns")
    for q, k, claim in ((query[:1], key, "a single query"), (query, key[:1], "a single key")):
        near(gradient_size(q, k, widths)[1], norms(q, k, widths, 0.5), claim)


@hump.check(1, "two equal keys: half, the most that there is, whatever the query and the width")
def two_in_a_tie(gradient_size: Any, rng: np.random.Generator) -> None:
    query, key, widths = draw_wide(rng)
    plain, scaled = gradient_size(query, np.stack([key[0], key[0]]), widths)
    half = np.full(len(widths), 0.5)
    near(plain, half, "both shares are ½, and J is a quarter of ((1, −1), (−1, 1))")
    near(scaled, half, "scaling does not change a tie")


@hump.check(1, "scores of thousands, queries far apart, winners: finite norms, and right")
def far_to_the_right(gradient_size: Any, rng: np.random.Generator) -> None:
    query, key, widths = draw_wide(rng)
    key[:, 0] = 1.0  # what stands first in a query is added to all its scores
    alike = query + np.where(np.arange(query.shape[1]) == 0, 2000.0, 0.0)
    apart = np.concatenate([far_apart(query[:, :1], rng, 2000.0), query[:, 1:]], axis=1)
    leads = rng.uniform(15, 36, 2000)  # so far ahead that rounding counts
    first = np.where(np.arange(len(key)) == 0, 1.0, 0.0)[:, None] * np.ones(query.shape[1])
    negative = leads[squared(leads[:, None] * first[:, 0]) < 0][:40]
    negative = np.append(negative, 9000.0)  # and so far that exp overflows
    winner = np.zeros((len(negative) + 1, query.shape[1]))
    winner[1:, 0] = negative  # query 0 has equal scores: its norm must not be the mean of all
    for queries, keys, claim in (
        (alike, key, "all scores above 1,000"),
        (apart, key, "the scores of the queries lie thousands apart"),
        (winner, first, "for all queries but one, one share is nearly 1, the norm nearly 0"),
    ):
        plain, scaled = gradient_size(queries, keys, widths)
        near(plain, norms(queries, keys, widths, 0.0), claim)
        near(scaled, norms(queries, keys, widths, 0.5), claim)


def squared(scores: Array) -> Array:
    """The squared norm of the Jacobian without a table, as rounding leaves it: maybe below 0."""
    alpha = stable(scores)
    two, three = (alpha**2).sum(axis=-1), (alpha**3).sum(axis=-1)
    return two - 2 * three + two**2


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


@hump.wrong(
    "one maximum for all queries",
    "The largest of all the scores is subtracted. The scores of a query far below it underflow, "
    "and 0 / 0 is NaN. Each query has a maximum of its own.",
)
def one_maximum_for_all(query: Array, key: Array, widths: list[int]) -> tuple:
    def measure(scores: Array) -> float:
        e = np.exp(scores - scores.max())
        tables = from_shares(e / e.sum(axis=-1, keepdims=True))
        return float(np.sqrt((tables**2).sum(axis=(-2, -1))).mean())

    return both(measure, query, key, widths)


@hump.wrong(
    "the root of a negative number",
    "Without a table the norm is √(Σα² − 2Σα³ + (Σα²)²), and where one share is nearly 1, rounding "
    "can leave less than 0 under the root, which is NaN. Take at least 0.",
)
def unguarded(query: Array, key: Array, widths: list[int]) -> tuple:
    return both(lambda s: float(np.sqrt(squared(s)).mean()), query, key, widths)


@hump.wrong(
    "the two results exchanged",
    "First plain, the scores as they are; then scaled, the scores divided by √w.",
)
def exchanged_results(query: Array, key: Array, widths: list[int]) -> tuple:
    return norms(query, key, widths, 0.5), norms(query, key, widths, 0.0)


@hump.wrong(
    "the widths put in order",
    "Number i of each result belongs to number i of widths, in whatever order they come.",
)
def in_order(query: Array, key: Array, widths: list[int]) -> tuple:
    return norms(query, key, sorted(widths), 0.0), norms(query, key, sorted(widths), 0.5)


@hump.wrong(
    "the chain rule's factor beside it",
    "The Jacobian is by the scores that softmax gets, which are divided already. No further 1/√w.",
)
def chained(query: Array, key: Array, widths: list[int]) -> tuple:
    scaled = norms(query, key, widths, 0.5) / np.sqrt(widths)
    return norms(query, key, widths, 0.0), scaled


@hump.wrong(
    "the sum over the queries",
    "Each query has a norm; the mean of them is asked for, which does not grow with their number.",
)
def summed(query: Array, key: Array, widths: list[int]) -> tuple:
    return norms(query, key, widths, 0.0) * len(query), norms(query, key, widths, 0.5) * len(query)
