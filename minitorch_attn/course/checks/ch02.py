"""Chapter 02, gradients you can check: differences, the chain rule, the best ε, the wrong rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...gradcheck import numerical_gradient
from ..checking.exercise import Exercise
from ..checking.expecting import expect_close, expect_error, expect_shape
from .common import ask_all

Array = np.ndarray

READ = "02_gradients_you_can_check.md"


def close(got: Any, want: Any, claim: str, rtol: float = 1e-6, atol: float = 1e-8) -> None:
    expect_close(got, want, claim, rtol=rtol, atol=atol)


# 02.1

central = Exercise(
    "02.1",
    "Central differences",
    function="slope",
    signature="slope(w: (d, k), x: (P, d), y: (P, k), eps: float) -> (d, k)",
    difficulty=2,
    importance=5,
    minutes=25,
    read=f"{READ}#the-difference",
)


def loss(w: Array, x: Array, y: Array) -> float:
    """The loss that the exercise gives: the mean of log cosh of the errors."""
    return float(np.log(np.cosh(x @ w - y)).mean())


def draw_lines(rng: np.random.Generator, **given: int) -> tuple[Array, Array, Array]:
    """Weights (d, k), records (P, d), outcomes (P, k), all sizes different."""
    drawn = (int(n) for n in rng.choice(np.arange(2, 8), 3, replace=False))
    d, k, p = (dict(zip("dkp", drawn, strict=True)) | given).values()
    return rng.normal(size=(d, k)), rng.normal(size=(p, d)), rng.normal(size=(p, k))


def slopes(w: Array, x: Array, y: Array) -> Array:
    """What the chain rule gives."""
    return x.T @ np.tanh(x @ w - y) / y.size


@central.check(1, "agrees with the chain rule, for weights in rows and columns")
def agrees(slope: Any, rng: np.random.Generator) -> None:
    for shape in ({}, {"d": 1}, {"k": 1}, {"p": 1}):
        w, x, y = draw_lines(rng, **shape)
        for eps in (1e-4, float(10 ** rng.uniform(-6, -4.3))):
            got = slope(w, x, y, eps)
            expect_shape(got, w.shape, "a slope for each weight")
            close(got, slopes(w, x, y), "each is what the chain rule gives", 1e-5, 1e-7)
        claim = "with ε = 1e-9, too, as far as its digits reach"
        close(slope(w, x, y, 1e-9), slopes(w, x, y), claim, 1e-3, 1e-5)


@central.check(1, "with a long step, each slope is still (f(w + ε) − f(w − ε)) / 2ε of its weight")
def long_step(slope: Any, rng: np.random.Generator) -> None:
    w, x, y = draw_lines(rng)
    for eps in (float(rng.uniform(0.5, 0.9)), float(rng.uniform(1.1, 1.5))):
        want = numerical_gradient(loss, [w, x, y], 0, eps)
        claim = "one weight moves, up and down, and the others stay"
        close(slope(w, x, y, eps), want, claim, rtol=1e-9, atol=1e-12)


@central.check(1, "weights that are whole numbers are nudged like others")
def whole_numbers(slope: Any, rng: np.random.Generator) -> None:
    w, x, y = draw_lines(rng)
    w, x = rng.integers(-2, 3, size=w.shape), x / 10  # hardly bent: a step to one side will do
    claim = "for weights that are whole numbers, each is what the chain rule gives"
    close(slope(w, x, y, 1e-7), slopes(w, x, y), claim, 1e-5, 1e-7)


@central.check(1, "an ε that is zero or negative raises ValueError")
def no_step(slope: Any, rng: np.random.Generator) -> None:
    w, x, y = draw_lines(rng)
    below = [-float(rng.uniform(1e-6, 1e-3)), -float(rng.uniform(1, 3))]
    ask_all(partial(slope, w, x, y, eps) for eps in (0.0, *below))
    expect_error(lambda: slope(w, x, y, 0.0), ValueError, "nothing can be divided by 2 · 0")
    for eps in below:
        claim = "a negative ε is a mistake of the caller"
        expect_error(partial(slope, w, x, y, eps), ValueError, claim)


def positive(eps: float) -> None:
    if not eps > 0:
        raise ValueError("eps must be positive")


def each(w: Array, of: Callable[[tuple[int, ...]], float]) -> Array:
    """An array shaped as w, of a number for each place."""
    return np.array([of(i) for i in np.ndindex(*w.shape)]).reshape(w.shape)


def nudged(w: Array, i: tuple[int, ...], step: float) -> Array:
    moved = w.astype(float)
    moved[i] += step
    return moved


@central.wrong(
    "one side only",
    "f(w + ε) − f(w) leans to one side: its error goes with ε, not with ε². Take the difference "
    "of a step up and a step down, over 2ε.",
)
def forward_difference(w: Array, x: Array, y: Array, eps: float) -> Array:
    positive(eps)
    return each(w, lambda i: (loss(nudged(w, i, eps), x, y) - loss(w, x, y)) / eps)


@central.wrong(
    "ε in place of 2ε",
    "From w − ε to w + ε it is two steps, and you divide by one: every slope is twice too large.",
)
def half_the_way(w: Array, x: Array, y: Array, eps: float) -> Array:
    positive(eps)
    return each(w, lambda i: (loss(nudged(w, i, eps), x, y) - loss(nudged(w, i, -eps), x, y)) / eps)


@central.wrong(
    "the nudge is never taken back",
    "The weights that have had their turn stay where the nudge left them, so later slopes are "
    "those of another point. Nudge a fresh copy each time.",
)
def piling_up(w: Array, x: Array, y: Array, eps: float) -> Array:
    positive(eps)
    moved = w.astype(float)

    def of(i: tuple[int, ...]) -> float:
        moved[i] += eps
        up = loss(moved, x, y)
        moved[i] -= 2 * eps
        return (up - loss(moved, x, y)) / (2 * eps)

    return each(w, of)


@central.wrong(
    "a whole row is nudged",
    "w[i] is a row, so w[i] += eps moves all the weights in it, and what comes out is the sum of "
    "their slopes. A place has two numbers: w[i, j].",
)
def row_by_row(w: Array, x: Array, y: Array, eps: float) -> Array:
    positive(eps)
    return each(
        w,
        lambda i: (
            (loss(nudged(w, i[:1], eps), x, y) - loss(nudged(w, i[:1], -eps), x, y)) / (2 * eps)
        ),
    )


@central.wrong(
    "ε has no part in it",
    "Whatever ε is given, this is the slope of the curve itself, by the chain rule or by a step of "
    "your own. The exercise is about differences: with a long ε they are something else.",
)
def chain_rule(w: Array, x: Array, y: Array, eps: float) -> Array:
    positive(eps)
    return slopes(w, x, y)


@central.wrong(
    "all weights at once",
    "w + eps moves every weight, so what comes out is the sum of all the slopes. A slope asks what "
    "one weight does while the others stay.",
)
def all_at_once(w: Array, x: Array, y: Array, eps: float) -> Array:
    positive(eps)
    return np.full(w.shape, (loss(w + eps, x, y) - loss(w - eps, x, y)) / (2 * eps))


@central.wrong(
    "whole numbers cut the nudge off",
    "An array of whole numbers cannot hold 2.00001: NumPy cuts it to 2, and 1.99999 to 1, without "
    "a word. Make the copy a copy in floating point.",
)
def cut_off(w: Array, x: Array, y: Array, eps: float) -> Array:
    positive(eps)

    def of(i: tuple[int, ...]) -> float:
        up, down = w.copy(), w.copy()
        up[i] += eps
        down[i] -= eps
        return (loss(up, x, y) - loss(down, x, y)) / (2 * eps)

    return each(w, of)


@central.wrong(
    "a negative ε is taken",
    "ε = 0 is refused, a negative one is not: with it the step up goes down. Only what is larger "
    "than 0 is a step.",
)
def only_zero(w: Array, x: Array, y: Array, eps: float) -> Array:
    if eps == 0:
        raise ValueError("eps must not be 0")
    return no_refusal(w, x, y, eps)


@central.wrong(
    "an ε of zero is taken",
    "A negative ε is refused, ε = 0 is not: it gives 0 / 0, which is no slope. Only what is larger "
    "than 0 is a step.",
)
def only_negative(w: Array, x: Array, y: Array, eps: float) -> Array:
    if eps < 0:
        raise ValueError("eps must not be negative")
    return no_refusal(w, x, y, eps)


@central.wrong(
    "any ε is taken",
    "With ε = 0 this is 0 / 0, and the caller gets NaN without a word. Look at ε first.",
)
def no_refusal(w: Array, x: Array, y: Array, eps: float) -> Array:
    return each(
        w,
        lambda i: (
            (loss(nudged(w, i, eps), x, y) - loss(nudged(w, i, -eps), x, y)) / np.float64(2 * eps)
        ),
    )


# 02.2

by_hand = Exercise(
    "02.2",
    "The chain rule by hand",
    function="kernel_loss",
    signature=(
        "kernel_loss(h: float, distance: (S,), outcome: (S,), truth: float)"
        " -> (loss, by_h, by_distance: (S,), by_outcome: (S,))"
    ),
    difficulty=3,
    importance=4,
    minutes=55,
    read=f"{READ}#a-derivation",
)


def kernel(h: Any, distance: Array, outcome: Array) -> tuple[Array, Any]:
    """The weights of the records, and the guess."""
    e = np.exp(-h * distance)
    return e / e.sum(), (e @ outcome) / e.sum()


def kernel_value(h: Any, distance: Array, outcome: Array, truth: float) -> float:
    return float(np.log(np.cosh(kernel(h, distance, outcome)[1] - truth)))


def kernel_slopes(h: float, distance: Array, outcome: Array, truth: float) -> tuple:
    """The slopes along h, each distance and each outcome."""
    alpha, guess = kernel(h, distance, outcome)
    outer, lean = np.tanh(guess - truth), alpha * (outcome - guess)
    return -outer * (distance @ lean), -outer * h * lean, outer * alpha


Given = tuple[float, Array, Array, float]
FAR = (20.0, 23.0)  # h times the distance of a record whose weight is about a billionth


def draw_kernel(rng: np.random.Generator, far: int = 1) -> list[Given]:
    """Twice h, distances, outcomes, and a truth that the guess misses by 1 to 2, up and down.

    So many records are far away: their slopes are smaller than what differences can see.
    """
    s = int(rng.integers(4, 9))
    h, distance = float(rng.uniform(0.4, 1.5)), rng.uniform(0.1, 2.5, size=s)
    distance[rng.choice(s, min(far, s - 1), replace=False)] = rng.uniform(*FAR, min(far, s - 1)) / h
    outcome = rng.normal(scale=2.0, size=s)
    guess, miss = kernel(h, distance, outcome)[1], rng.uniform(1.0, 2.0)
    return [(h, distance, outcome, float(guess - m)) for m in (miss, -miss)]


def alone(given: Given) -> Given:
    """The same with the first record only."""
    h, distance, outcome, truth = given
    return h, distance[:1], outcome[:1], truth


def exact(got: Any, want: Any, claim: str) -> None:
    """To six digits, however small: so formulas agree, and differences do not."""
    close(got, want, claim, atol=1e-15)


@by_hand.check(1, "the loss is log cosh of what the guess misses")
def value_first(kernel_loss: Any, rng: np.random.Generator) -> None:
    for given in draw_kernel(rng):
        close(kernel_loss(*given)[0], kernel_value(*given), "the loss is log cosh(guess − truth)")


@by_hand.check(1, "the slope along each outcome, that of a far record to six digits as well")
def for_outcome(kernel_loss: Any, rng: np.random.Generator) -> None:
    for given in draw_kernel(rng):
        _, _, _, got = kernel_loss(*given)
        expect_shape(got, given[2].shape, "a slope for each outcome")
        exact(got, kernel_slopes(*given)[2], "the slope along each outcome, to six digits")
    expect_shape(kernel_loss(*alone(given))[3], (1,), "of a single record, too")


@by_hand.check(2, "the slope along each distance, that of a far record to six digits as well")
def for_distance(kernel_loss: Any, rng: np.random.Generator) -> None:
    for given in draw_kernel(rng):
        _, _, got, _ = kernel_loss(*given)
        expect_shape(got, given[1].shape, "a slope for each distance")
        exact(got, kernel_slopes(*given)[1], "the slope along each distance, to six digits")
    expect_shape(kernel_loss(*alone(given))[2], (1,), "of a single record, too")


@by_hand.check(2, "the slope along h, also where all records but one are far")
def for_h(kernel_loss: Any, rng: np.random.Generator) -> None:
    # Several, since of one a difference may be right to six digits by chance.
    far = [given for _ in range(4) for given in draw_kernel(rng, far=8)]
    for given in [*draw_kernel(rng), *far]:
        _, got, _, _ = kernel_loss(*given)
        expect_shape(got, (), "h is one number, and so is its slope")
        exact(got, kernel_slopes(*given)[0], "the slope along h, to six digits")


@by_hand.wrong(
    "the outer derivative forgotten",
    "These are the slopes of the guess. The loss is log cosh of the guess minus the truth: each "
    "slope must still be multiplied by the outer one, tanh(guess − truth).",
)
def no_outer(h: float, distance: Array, outcome: Array, truth: float) -> tuple:
    alpha, guess = kernel(h, distance, outcome)
    lean = alpha * (outcome - guess)
    return kernel_value(h, distance, outcome, truth), -distance @ lean, -h * lean, alpha


@by_hand.wrong(
    "the derivative of another loss",
    "guess − truth is the slope of half the square. The slope of log cosh is tanh.",
)
def square_outer(h: float, distance: Array, outcome: Array, truth: float) -> tuple:
    alpha, guess = kernel(h, distance, outcome)
    outer, lean = guess - truth, alpha * (outcome - guess)
    value = kernel_value(h, distance, outcome, truth)
    return value, -outer * (distance @ lean), -outer * h * lean, outer * alpha


@by_hand.wrong(
    "the second term of the quotient rule forgotten",
    "A distance stands above the line and below it. The part below gives the term − guess: "
    "the slope of the guess is α_i (y_i − guess) times the inner slope, not α_i y_i.",
)
def no_second_term(h: float, distance: Array, outcome: Array, truth: float) -> tuple:
    alpha, guess = kernel(h, distance, outcome)
    outer, lean = np.tanh(guess - truth), alpha * outcome
    value = kernel_value(h, distance, outcome, truth)
    return value, -outer * (distance @ lean), -outer * h * lean, outer * alpha


@by_hand.wrong(
    "a sign lost on the way",
    "The sizes are right and the signs are turned. The exponent is −h d, so its slopes are −h and "
    "−d; and in the quotient rule, u'v comes before uv'.",
)
def lost_sign(h: float, distance: Array, outcome: Array, truth: float) -> tuple:
    alpha, guess = kernel(h, distance, outcome)
    outer, lean = np.tanh(guess - truth), alpha * (outcome - guess)
    value = kernel_value(h, distance, outcome, truth)
    return value, outer * (distance @ lean), outer * h * lean, outer * alpha


@by_hand.wrong(
    "the inner derivatives exchanged",
    "The exponent is −h d_i. Its slope along d_i is −h, and along h it is −d_i: each leaves the "
    "other one standing.",
)
def exchanged(h: float, distance: Array, outcome: Array, truth: float) -> tuple:
    alpha, guess = kernel(h, distance, outcome)
    outer, lean = np.tanh(guess - truth), alpha * (outcome - guess)
    value = kernel_value(h, distance, outcome, truth)
    return value, -outer * h * lean.sum(), -outer * distance * lean, outer * alpha


@by_hand.wrong(
    "one path in place of all",
    "h reaches the guess through every record. You followed it through the nearest one only: what "
    "arrives on all the paths must be added up.",
)
def one_path(h: float, distance: Array, outcome: Array, truth: float) -> tuple:
    alpha, guess = kernel(h, distance, outcome)
    outer, lean = np.tanh(guess - truth), alpha * (outcome - guess)
    value, i = kernel_value(h, distance, outcome, truth), distance.argmin()
    return value, -outer * distance[i] * lean[i], -outer * h * lean, outer * alpha


@by_hand.wrong(
    "the guess is a sum, not a mean",
    "The exponentials must be shared out: divide by their sum, so that the weights sum to 1. "
    "Without it the guess grows with the number of records.",
)
def no_sharing(h: float, distance: Array, outcome: Array, truth: float) -> tuple:
    e = np.exp(-h * distance)
    error = e @ outcome - truth
    outer, lean = np.tanh(error), e * outcome
    value = np.log(np.cosh(error))
    return value, -outer * (distance @ lean), -outer * h * lean, outer * e


@by_hand.wrong(
    "differences in place of formulas",
    "These are differences: the slopes of a far record are smaller than their rounding. Derive "
    "the formulas on paper; they keep all their digits.",
)
def by_differences(h: float, distance: Array, outcome: Array, truth: float) -> tuple:
    def number(h: Array, distance: Array, outcome: Array) -> float:
        return kernel_value(h[0], distance, outcome, truth)

    given = [np.array([h]), distance, outcome]
    found = [numerical_gradient(number, given, i, 1e-5) for i in range(3)]
    return kernel_value(h, distance, outcome, truth), found[0][0], found[1], found[2]


@by_hand.wrong(
    "the paths to h are not added up",
    "You return what h does through each record by itself. h is one number that stands in every "
    "exponent: add up what arrives.",
)
def not_added(h: float, distance: Array, outcome: Array, truth: float) -> tuple:
    value = kernel_value(h, distance, outcome, truth)
    _, by_distance, by_outcome = kernel_slopes(h, distance, outcome, truth)
    return value, by_distance * distance / h, by_distance, by_outcome


# 02.3

step = Exercise(
    "02.3",
    "Why ε is near 0.00001",
    function="best_step",
    signature="best_step(unit: float, value: float, bend: float, sides: int) -> (eps, error)",
    difficulty=3,
    importance=2,
    minutes=35,
    read=f"{READ}#how-small-is-small",
)


def bound(unit: float, value: float, bend: float, sides: int, eps: Any) -> Any:
    """The error that a step of eps costs: what the curve bends, and what the digits lose."""
    if sides == 1:
        return eps / 2 * abs(bend) + 2 * unit * abs(value) / eps
    return eps**2 / 6 * abs(bend) + unit * abs(value) / eps


def best(unit: float, value: float, bend: float, sides: int) -> float:
    if sides == 1:
        return 2 * np.sqrt(unit * abs(value) / abs(bend))
    return np.cbrt(3 * unit * abs(value) / abs(bend))


def draw_step(rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Rounding, value, bend: coarse ones with the value or the bend negative, and of 64 bits."""
    coarse, value, bend = 10.0 ** rng.uniform([-7, 0.5, -1.5], [-4, 1.5, -0.5])
    return [(coarse, -value, bend), (coarse, value, -bend), (1.1e-16, value, bend)]


def is_best(best_step: Any, rng: np.random.Generator, sides: int, claim: str) -> None:
    for given in draw_step(rng):
        eps, _ = best_step(*given, sides)
        close(eps, best(*given, sides), claim, atol=0)


@step.check(1, "two sides: no other ε has a smaller error")
def two_sides(best_step: Any, rng: np.random.Generator) -> None:
    claim = "ε is where ε²/6 · |bend| + unit · |value| / ε is smallest"
    is_best(best_step, rng, 2, claim)


@step.check(1, "one side: no other ε has a smaller error")
def one_side(best_step: Any, rng: np.random.Generator) -> None:
    claim = "ε is where ε/2 · |bend| + 2 · unit · |value| / ε is smallest"
    is_best(best_step, rng, 1, claim)


@step.check(1, "the error is the sum of both parts")
def both_parts(best_step: Any, rng: np.random.Generator) -> None:
    (unit, value, bend), *others = draw_step(rng)
    straight = (unit, value, bend * 1e-13)  # hardly any bend is one, and the best ε is long
    for sides in (2, 1):
        for given in [(unit, value, bend), *others, straight]:
            eps = best(*given, sides)
            want = (eps, bound(*given, sides, eps))
            close(best_step(*given, sides), want, "the best ε, and both parts there", atol=0)


@step.check(1, "no rounding, no bend, or a third side raises ValueError")
def no_best(best_step: Any, rng: np.random.Generator) -> None:
    (unit, value, bend), *_ = draw_step(rng)
    ask_all(partial(best_step, *bad, 1) for bad in [(unit, value, 0.0), (0.0, value, bend)])
    for sides in (1, 2):
        claim = "without a bend there is no best ε: the longer, the better"
        expect_error(partial(best_step, unit, value, 0.0, sides), ValueError, claim)
        for bad in (0.0, -unit):
            claim = "the rounding must be positive"
            expect_error(partial(best_step, bad, value, bend, sides), ValueError, claim)
    for other in (3, 0, -1, 1.5):
        claim = "sides is 1 or 2"
        expect_error(partial(best_step, unit, value, bend, other), ValueError, claim)


def sensible(unit: float, bend: float, sides: int) -> None:
    if not unit > 0 or bend == 0 or sides not in (1, 2):
        raise ValueError("unit must be positive, bend not zero, and sides 1 or 2")


def with_error(unit: float, value: float, bend: float, sides: int, eps: float) -> tuple:
    return eps, bound(unit, value, bend, sides, eps)


@step.wrong(
    "the smaller, the better",
    "You return the smallest ε that still counts. There the digits have ended: the rounding of f "
    "is divided by ε, and the error is as large as f itself.",
)
def smallest(unit: float, value: float, bend: float, sides: int) -> tuple:
    sensible(unit, bend, sides)
    return with_error(unit, value, bend, sides, unit)


@step.wrong(
    "the square root for both",
    "The square root belongs to one-sided differences, whose error goes with ε. With two sides the "
    "error goes with ε², and its minimum is at a cube root, at a larger ε.",
)
def square_root(unit: float, value: float, bend: float, sides: int) -> tuple:
    sensible(unit, bend, sides)
    return with_error(unit, value, bend, sides, best(unit, value, bend, 1))


@step.wrong(
    "the cube root for both",
    "The cube root belongs to central differences. From one side the error goes with ε itself, "
    "and its minimum is at a square root, at a smaller ε.",
)
def cube_root(unit: float, value: float, bend: float, sides: int) -> tuple:
    sensible(unit, bend, sides)
    return with_error(unit, value, bend, sides, best(unit, value, bend, 2))


@step.wrong(
    "the constants left out",
    "The roots are the right ones, without the numbers that the derivation brings: with two sides "
    "ε³ is 3 · unit · |value| / |bend|, with one side ε² is 4 · unit · |value| / |bend|.",
)
def no_constants(unit: float, value: float, bend: float, sides: int) -> tuple:
    sensible(unit, bend, sides)
    eps = (unit * abs(value) / abs(bend)) ** (1 / (sides + 1))
    return with_error(unit, value, bend, sides, eps)


@step.wrong(
    "the two errors set equal",
    "Where the two parts are equal their sum is not smallest, unless they grow and fall alike. "
    "Set the slope of the sum to zero.",
)
def set_equal(unit: float, value: float, bend: float, sides: int) -> tuple:
    sensible(unit, bend, sides)
    factor = 1.0 if sides == 1 else np.cbrt(2.0)
    return with_error(unit, value, bend, sides, factor * best(unit, value, bend, sides))


@step.wrong(
    "the rule of thumb",
    "This is the ε for a function whose value and bend are both 1. A large value moves it up, a "
    "strong bend moves it down.",
)
def rule_of_thumb(unit: float, value: float, bend: float, sides: int) -> tuple:
    sensible(unit, bend, sides)
    return with_error(unit, value, bend, sides, best(unit, 1.0, 1.0, sides))


@step.wrong(
    "signs not taken off",
    "A negative value or bend gives the root of a negative number. An error has a size only: take "
    "|value| and |bend|.",
)
def signed(unit: float, value: float, bend: float, sides: int) -> tuple:
    sensible(unit, bend, sides)
    if sides == 1:
        eps = 2 * np.sqrt(unit * value / bend)
        return eps, eps / 2 * bend + 2 * unit * value / eps
    eps = np.cbrt(3 * unit * value / bend)
    return eps, eps**2 / 6 * bend + unit * value / eps


@step.wrong(
    "one error left out",
    "You count the rounding only. At the best ε the bend costs as much, or half as much: add it.",
)
def rounding_only(unit: float, value: float, bend: float, sides: int) -> tuple:
    sensible(unit, bend, sides)
    eps = best(unit, value, bend, sides)
    return eps, (3 - sides) * unit * abs(value) / eps


@step.wrong(
    "nothing is refused",
    "Without a bend there is no best ε, and a division by zero is no answer. Look at the numbers "
    "first, and say what is wrong with them.",
)
def all_accepted(unit: float, value: float, bend: float, sides: int) -> tuple:
    eps = best(np.float64(unit), np.float64(value), np.float64(bend), sides)
    return with_error(unit, value, bend, sides, eps)


# 02.4

hunt = Exercise(
    "02.4",
    "Find the wrong rule",
    function="wrong_rules",
    signature=(
        "wrong_rules(above: (R, n), below: (R, n), claimed: (R, n),"
        " eps: float, atol: float, rtol: float) -> (R,) of True and False"
    ),
    difficulty=3,
    importance=3,
    minutes=35,
    read=f"{READ}#equal-enough",
)

Curve = Callable[[Array], Array]

# A function, its slope, and a slope that people write down for it.
CURVES: tuple[tuple[Curve, Curve, Curve], ...] = (
    (np.exp, np.exp, lambda x: x * np.exp(x - 1)),
    (np.sin, np.cos, lambda x: -np.cos(x)),
    (np.tanh, lambda x: 1 - np.tanh(x) ** 2, lambda x: 1 - np.tanh(x)),
    (lambda x: x**3, lambda x: 3 * x**2, lambda x: x**2),
    (lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 1 / x**2),
    (lambda x: np.log(np.cosh(x)), np.tanh, lambda x: 1 / np.cosh(x)),
    (np.sqrt, lambda x: 0.5 / np.sqrt(x), lambda x: 0.5 * np.sqrt(x)),
)


Settings = tuple[float, float, float]


@dataclass
class Rules:
    """Values above and below, right slopes and wrong ones (R, n), which rows to spoil, settings."""

    above: Array
    below: Array
    claimed: Array
    right: Array
    bad: Array
    spoil: Array
    settings: Settings

    def tolerance(self) -> Array:
        """What each claim may be off, (R, n)."""
        eps, atol, rtol = self.settings
        return atol + rtol * np.abs(two_sided(self.above, self.below, eps))


def draw_rules(rng: np.random.Generator, n: int = 0, r: int = 0) -> Rules:
    """Not all the rows are to be spoiled, nor none; eps, atol and rtol are never the same."""
    r = r or int(rng.integers(4, 8))
    eps, atol, rtol = (float(x) for x in 10 ** rng.uniform([-5.5, -6.5, -4.5], [-4.5, -5, -3.5]))
    x = rng.uniform(0.3, 2.0, size=(r, n or int(rng.integers(9, 14))))
    rows = list(zip(CURVES, x, strict=False))
    return Rules(
        above=np.array([curve(row + eps) for (curve, _, _), row in rows]),
        below=np.array([curve(row - eps) for (curve, _, _), row in rows]),
        claimed=np.array([slope(row) for (_, slope, _), row in rows]),
        right=np.array([slope(row) for (_, slope, _), row in rows]),
        bad=np.array([written(row) for (_, _, written), row in rows]),
        spoil=rng.permutation(np.arange(r) < int(rng.integers(2, r - 1))),
        settings=(eps, atol, rtol),
    )


def found(wrong_rules: Any, rules: Rules, want: Array) -> None:
    for shift in (0, 1):  # again in another order, so that no list fits both
        rows = [np.roll(x, shift, axis=0) for x in (rules.above, rules.below, rules.claimed)]
        got = wrong_rules(*rows, *rules.settings)
        expect_shape(got, want.shape, "one answer for each rule")
        wrong = np.roll(want, shift)
        differ = np.flatnonzero(np.asarray(got).astype(bool) != wrong)
        claim = at_its_worst(rules, rows, int(differ[0])) if len(differ) else ""
        expect_close(got, wrong, claim or "True where the rule is wrong")


def at_its_worst(rules: Rules, rows: list[Array], row: int) -> str:
    """What a rule claims where it is furthest off, in words: the arrays are too large to show."""
    (eps, atol, rtol), (above, below, claimed) = rules.settings, rows
    numeric = two_sided(above[row], below[row], eps)
    allowed = atol + rtol * np.abs(numeric)
    over = np.abs(claimed[row] - numeric) - allowed
    i = int(np.where(np.isnan(over), np.inf, over).argmax())
    return (
        f"rule {row}, furthest off at point {i}: the difference is {numeric[i]:.10g}, the claim "
        f"{claimed[row, i]:.10g}, and it may be off by {allowed[i]:.4g}"
    )


def places(rng: np.random.Generator, n: int) -> list[int]:
    """The first, the last and one between."""
    return [0, n - 1, int(rng.integers(1, n - 1))]


@hunt.check(1, "wrong rules are found, and right ones pass")
def all_of_it(wrong_rules: Any, rng: np.random.Generator) -> None:
    rules = draw_rules(rng)
    rules.claimed[rules.spoil] = rules.bad[rules.spoil]
    one = np.flatnonzero(rules.spoil)[0]
    rules.claimed[one] = rules.right[one] - np.abs(rules.right[one])  # too low at every point
    found(wrong_rules, rules, rules.spoil)
    for row, wrong in ((int(one), True), (int(np.flatnonzero(~rules.spoil)[0]), False)):
        pick = slice(row, row + 1)
        alone = [x[pick] for x in (rules.above, rules.below, rules.claimed)]
        got = wrong_rules(*alone, *rules.settings)
        expect_shape(got, (1,), "one rule alone: still a list of answers")
        expect_close(got, np.array([wrong]), "one rule alone")
        above, below, claimed = alone
        gap = np.abs(claimed - two_sided(above, below, rules.settings[0]))
        off = int(gap[0].argmax())  # where a wrong one is furthest off
        got = wrong_rules(*(x[:, off : off + 1] for x in alone), *rules.settings)
        expect_shape(got, (1,), "one rule at one point: still a list of answers")
        expect_close(got, np.array([wrong]), "one rule at one point")
    for n in (1, 4):  # one point; as many points as rules
        rules = draw_rules(rng, n, r=4)
        rules.claimed[rules.spoil] += 3 * rules.tolerance()[rules.spoil]
        found(wrong_rules, rules, rules.spoil)


@hunt.check(1, "one wrong element among many is enough, wherever it is")
def one_element(wrong_rules: Any, rng: np.random.Generator) -> None:
    all_three = places(rng, 400)
    one_by_one = [([place], 3.0) for place in all_three]
    # First all but one: so who asks for most of them is told from who asks for all.
    but_one = [i for i in range(400) if i != all_three[2]]
    for where, times in [(but_one, 3.0), (all_three, 30.0), *one_by_one]:
        rules = draw_rules(rng, n=400)
        off = times * rules.tolerance()
        for place in where:
            rules.claimed[rules.spoil, place] += off[rules.spoil, place]
        found(wrong_rules, rules, rules.spoil)


@hunt.check(1, "a slope of zero is no reason to refuse")
def zero(wrong_rules: Any, rng: np.random.Generator) -> None:
    rules = draw_rules(rng)
    flat = np.flatnonzero(~rules.spoil)[0]
    # A constant, computed with a rounding error in the last digit.
    rules.above[flat] = 5 + np.spacing(5.0) * rng.choice([-1, 1], size=rules.above.shape[1])
    rules.below[flat], rules.claimed[flat] = 5.0, 0.0
    rules.claimed[rules.spoil] += 0.5 * np.abs(rules.claimed[rules.spoil])
    found(wrong_rules, rules, rules.spoil)


@hunt.check(1, "slopes of a million are compared by their size")
def large(wrong_rules: Any, rng: np.random.Generator) -> None:
    rules = draw_rules(rng)
    size = float(rng.uniform(1e6, 3e6))
    off = 1 + 1e-6 * rng.choice([-1, 1], size=rules.claimed.shape)
    rules.above, rules.below = rules.above * size, rules.below * size
    rules.claimed = rules.claimed * size * off
    double, *others = np.flatnonzero(rules.spoil)
    rules.claimed[others] += 0.01 * np.abs(rules.claimed[others])
    # To who divides by ε the double looks right; to who has another wrong difference, it does not.
    rules.claimed[double] *= 2
    found(wrong_rules, rules, rules.spoil)


@hunt.check(1, "at most atol + rtol · |difference| is good, above and below; anything more is not")
def border(wrong_rules: Any, rng: np.random.Generator) -> None:
    eps, atol, rtol = (float(x) for x in 0.5 ** rng.integers([15, 18, 10], [19, 22, 14]))
    beyond, side = np.tile([False, True], 4), np.tile([-1, -1, 1, 1], 2)
    inside, outside = [0.3, 0.9, 1, 1, 1], [3, 1.1, 1, 1, 1]
    for place, low, high in zip([4, 4, *places(rng, 9)], inside, outside, strict=True):
        # Powers of two and whole numbers: every sum here is exact, so the border is sharp.
        slopes = rng.integers(1, 9, (8, 9)) * rng.choice([-1.0, 1.0], (8, 9))
        slopes[:, place] = np.abs(slopes[:, place]) * np.repeat([-1, 1], 4)
        exactly = low == high
        allowed = atol if exactly else 4 * rtol  # as large as the other part of the tolerance
        off = allowed + rtol * np.abs(slopes[:, place])
        off = off + beyond * 0.5**30 if exactly else off * np.where(beyond, high, low)
        claimed = slopes.copy()
        claimed[:, place] += side * off
        above, below = 7 + eps * slopes, 7 - eps * slopes
        rules = Rules(above, below, claimed, slopes, claimed, beyond, (eps, allowed, rtol))
        found(wrong_rules, rules, beyond)


@hunt.check(1, "a rule that says NaN is wrong")
def not_a_number(wrong_rules: Any, rng: np.random.Generator) -> None:
    rules = draw_rules(rng)
    rules.spoil = rng.permutation(np.arange(len(rules.spoil)) < 3)
    rows = np.flatnonzero(rules.spoil)
    for row, value in zip(rows, [np.nan, np.inf, -np.inf], strict=True):
        rules.claimed[row, rng.integers(rules.claimed.shape[1])] = value
    found(wrong_rules, rules, rules.spoil)
    rules.above[rows[0]] = rules.below[rows[0]]  # a constant: NaN is no zero either
    rules.claimed[rows[0]] *= 0
    found(wrong_rules, rules, rules.spoil)


def two_sided(above: Array, below: Array, eps: float) -> Array:
    return (above - below) / (2 * eps)


@hunt.wrong(
    "the relative error alone",
    "Where the slope is 0, the difference is some 0.00000000001 of rounding, and the relative "
    "error of a right rule is 100 %. Allow atol beside rtol times the size.",
)
def relative_alone(above: Array, below: Array, claimed: Array, eps: float, *tol: float) -> Array:
    numeric = two_sided(above, below, eps)
    return ~(np.abs(claimed - numeric) / np.abs(numeric) <= tol[1]).all(axis=1)


@hunt.wrong(
    "the absolute error alone",
    "A slope of a million cannot agree to six places behind the point. Allow rtol times the size "
    "of the slope beside atol.",
)
def absolute_alone(above: Array, below: Array, claimed: Array, eps: float, *tol: float) -> Array:
    return ~(np.abs(claimed - two_sided(above, below, eps)) <= tol[0]).all(axis=1)


@hunt.wrong(
    "a mean hides the one that is wrong",
    "One wrong element among hundreds disappears in the mean of the errors. Compare each element "
    "with its own tolerance.",
)
def mean_error(above: Array, below: Array, claimed: Array, eps: float, *tol: float) -> Array:
    numeric = two_sided(above, below, eps)
    allowed = tol[0] + tol[1] * np.abs(numeric)
    return ~(np.abs(claimed - numeric).mean(axis=1) <= allowed.mean(axis=1))


@hunt.wrong(
    "wrong only where everything is wrong",
    "A rule is wrong as soon as any element is. You ask whether all are.",
)
def all_for_any(above: Array, below: Array, claimed: Array, eps: float, *tol: float) -> Array:
    numeric = two_sided(above, below, eps)
    return (~(np.abs(claimed - numeric) <= tol[0] + tol[1] * np.abs(numeric))).all(axis=1)


@hunt.wrong(
    "NaN slips through",
    "NaN is not larger than any tolerance, so “error > tolerance” lets it pass. Ask whether the "
    "error is at most the tolerance, and call everything else wrong.",
)
def nan_passes(above: Array, below: Array, claimed: Array, eps: float, *tol: float) -> Array:
    numeric = two_sided(above, below, eps)
    return (np.abs(claimed - numeric) > tol[0] + tol[1] * np.abs(numeric)).any(axis=1)


@hunt.wrong(
    "less than, where at most is meant",
    "A claim that is off by exactly atol + rtol times the size is good: at most, <=, not <.",
)
def strictly(above: Array, below: Array, claimed: Array, eps: float, *tol: float) -> Array:
    numeric = two_sided(above, below, eps)
    return ~(np.abs(claimed - numeric) < tol[0] + tol[1] * np.abs(numeric)).all(axis=1)


@hunt.wrong(
    "the tolerance follows the claim",
    "rtol is multiplied by the size of the claim, so a claim that is too large allows itself more. "
    "It is the difference that is known: rtol times its size. (np.isclose takes its second "
    "argument for what is known.)",
)
def follows_claim(above: Array, below: Array, claimed: Array, eps: float, *tol: float) -> Array:
    numeric = two_sided(above, below, eps)
    return ~(np.abs(claimed - numeric) <= tol[0] + tol[1] * np.abs(claimed)).all(axis=1)


@hunt.wrong(
    "tolerances of your own",
    "atol and rtol are given, and you compare with others, those that np.isclose has for its own, "
    "perhaps. Pass on what the function is given.",
)
def own_tolerances(above: Array, below: Array, claimed: Array, eps: float, *tol: float) -> Array:
    return ~np.isclose(claimed, two_sided(above, below, eps)).all(axis=1)


@hunt.wrong(
    "a claim that is too low passes",
    "claimed − difference is negative there, and a negative number is below every tolerance. Take "
    "its absolute value.",
)
def no_absolute(above: Array, below: Array, claimed: Array, eps: float, *tol: float) -> Array:
    numeric = two_sided(above, below, eps)
    return ~(claimed - numeric <= tol[0] + tol[1] * np.abs(numeric)).all(axis=1)


@hunt.wrong(
    "ε in place of 2ε",
    "From below to above it is 2ε. Divided by ε, every difference is twice too large, and right "
    "rules look wrong.",
)
def half_again(above: Array, below: Array, claimed: Array, eps: float, *tol: float) -> Array:
    numeric = (above - below) / eps
    return ~(np.abs(claimed - numeric) <= tol[0] + tol[1] * np.abs(numeric)).all(axis=1)


@hunt.wrong(
    "right and wrong exchanged",
    "True stands where the rule agrees. The question was which rules are wrong.",
)
def agreeing(above: Array, below: Array, claimed: Array, eps: float, *tol: float) -> Array:
    numeric = two_sided(above, below, eps)
    return (np.abs(claimed - numeric) <= tol[0] + tol[1] * np.abs(numeric)).all(axis=1)
