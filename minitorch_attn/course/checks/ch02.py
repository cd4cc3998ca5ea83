"""Chapter 02, gradients you can check: differences, the chain rule, the best ε, the wrong rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...gradcheck import numerical_gradient
from ..checking.exercise import Exercise
from ..checking.expecting import expect_close, expect_error, expect_shape
from .common import near

Array = np.ndarray

READ = "02_gradients_you_can_check.md"


# 02.1

central = Exercise(
    "02.1",
    "Central differences",
    function="slope",
    signature="slope(w: (d, k), x: (P, d), y: (P, k), eps: float) -> (d, k)",
    difficulty=2,
    importance=5,
    minutes=20,
    read=f"{READ}#the-difference",
)


def loss(w: Array, x: Array, y: Array) -> float:
    """The loss that the exercise gives: the mean of log cosh of the errors."""
    return float(np.log(np.cosh(x @ w - y)).mean())


def draw_lines(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Weights (d, k), records (P, d), outcomes (P, k), all sizes different."""
    d, k, p = (int(n) for n in rng.choice(np.arange(2, 8), 3, replace=False))
    return rng.normal(size=(d, k)), rng.normal(size=(p, d)), rng.normal(size=(p, k))


@central.check(1, "agrees with the chain rule, for weights in rows and columns")
def agrees(slope: Any, rng: np.random.Generator) -> None:
    w, x, y = draw_lines(rng)
    got = slope(w, x, y, 1e-5)
    expect_shape(got, w.shape, "a slope for each weight")
    near(got, x.T @ np.tanh(x @ w - y) / y.size, "each is what the chain rule gives")


@central.check(1, "with a long step, each slope is still (f(w + ε) − f(w − ε)) / 2ε of its weight")
def long_step(slope: Any, rng: np.random.Generator) -> None:
    w, x, y = draw_lines(rng)
    eps = float(rng.uniform(0.5, 1.0))
    want = numerical_gradient(loss, [w, x, y], 0, eps)
    near(slope(w, x, y, eps), want, "one weight moves, up and down, and the others stay")


@central.check(1, "weights that are whole numbers are nudged like others")
def whole_numbers(slope: Any, rng: np.random.Generator) -> None:
    w, x, y = draw_lines(rng)
    w = rng.integers(-2, 3, size=w.shape)
    want = x.T @ np.tanh(x @ w - y) / y.size
    near(slope(w, x, y, 1e-5), want, "an array of whole numbers cannot hold w + ε: convert first")


@central.check(1, "an ε that is zero or negative raises ValueError")
def no_step(slope: Any, rng: np.random.Generator) -> None:
    w, x, y = draw_lines(rng)
    expect_error(lambda: slope(w, x, y, 0.0), ValueError, "nothing can be divided by 2 · 0")
    expect_error(
        lambda: slope(w, x, y, -float(rng.uniform(1e-6, 1e-3))),
        ValueError,
        "a negative ε is a mistake of the caller",
    )


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
    minutes=45,
    read=f"{READ}#a-derivation",
)


def kernel(h: Any, distance: Array, outcome: Array) -> tuple[Array, Any]:
    """The weights of the records, and the guess."""
    e = np.exp(-h * distance)
    return e / e.sum(), (e @ outcome) / e.sum()


def kernel_value(h: Any, distance: Array, outcome: Array, truth: float) -> float:
    return float(np.log(np.cosh(kernel(h, distance, outcome)[1] - truth)))


def draw_kernel(rng: np.random.Generator) -> tuple[float, Array, Array, float]:
    """h, distances, outcomes, and a truth that the guess misses by 1 to 2."""
    s = int(rng.integers(4, 9))
    h, distance = float(rng.uniform(0.4, 1.5)), rng.uniform(0.1, 2.5, size=s)
    outcome = rng.normal(scale=2.0, size=s)
    miss = rng.choice([-1, 1]) * rng.uniform(1.0, 2.0)
    return h, distance, outcome, float(kernel(h, distance, outcome)[1] - miss)


def differences(given: tuple[float, Array, Array, float], i: int) -> Array:
    """What central differences say about the loss and input i."""
    h, distance, outcome, truth = given

    def number(h: Array, distance: Array, outcome: Array) -> float:
        return kernel_value(h[0], distance, outcome, truth)

    return numerical_gradient(number, [np.array([h]), distance, outcome], i, 1e-5)


@by_hand.check(1, "the loss is log cosh of what the guess misses")
def value_first(kernel_loss: Any, rng: np.random.Generator) -> None:
    given = draw_kernel(rng)
    near(kernel_loss(*given)[0], kernel_value(*given), "the loss is log cosh(guess − truth)")


@by_hand.check(1, "the slope along each outcome agrees with differences")
def for_outcome(kernel_loss: Any, rng: np.random.Generator) -> None:
    given = draw_kernel(rng)
    _, _, _, got = kernel_loss(*given)
    expect_shape(got, given[2].shape, "a slope for each outcome")
    near(got, differences(given, 2), "it is what central differences give")


@by_hand.check(2, "the slope along each distance agrees with differences")
def for_distance(kernel_loss: Any, rng: np.random.Generator) -> None:
    given = draw_kernel(rng)
    _, _, got, _ = kernel_loss(*given)
    expect_shape(got, given[1].shape, "a slope for each distance")
    near(got, differences(given, 1), "it is what central differences give")


@by_hand.check(2, "the slope along h agrees with differences")
def for_h(kernel_loss: Any, rng: np.random.Generator) -> None:
    given = draw_kernel(rng)
    _, got, _, _ = kernel_loss(*given)
    expect_shape(got, (), "h is one number, and so is its slope")
    near(got, differences(given, 0)[0], "it is what central differences give")


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


# 02.3

step = Exercise(
    "02.3",
    "Why ε is near 0.00001",
    function="best_step",
    signature="best_step(unit: float, value: float, bend: float, sides: int) -> (eps, error)",
    difficulty=3,
    importance=4,
    minutes=30,
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


def draw_step(rng: np.random.Generator) -> tuple[float, float, float]:
    """A rounding between 1e-7 and 1e-4, and a value and a bend, both positive, neither near 1."""
    unit, value, bend = 10.0 ** rng.uniform([-7, 0.5, -1.5], [-4, 1.5, -0.5])
    return float(unit), float(value), float(bend)


@step.check(1, "two sides: no other ε has a smaller error")
def two_sides(best_step: Any, rng: np.random.Generator) -> None:
    given = draw_step(rng)
    eps, _ = best_step(*given, 2)
    near(eps, best(*given, 2), "ε is where ε²/6 · |bend| + unit · |value| / ε is smallest")


@step.check(1, "one side: no other ε has a smaller error")
def one_side(best_step: Any, rng: np.random.Generator) -> None:
    given = draw_step(rng)
    eps, _ = best_step(*given, 1)
    near(eps, best(*given, 1), "ε is where ε/2 · |bend| + 2 · unit · |value| / ε is smallest")


@step.check(1, "the error is the sum of both parts, also where value or bend is negative")
def both_parts(best_step: Any, rng: np.random.Generator) -> None:
    unit, value, bend = draw_step(rng)
    for sides in (1, 2):
        for given in ((unit, -value, bend, sides), (unit, value, -bend, sides)):
            want = best(*given)
            expect_close(
                best_step(*given),
                (want, bound(*given, want)),
                "ε is positive, and the error counts the bend and the digits",
                rtol=1e-3,
                atol=1e-6,
            )


@step.check(1, "no rounding, no bend, or a third side raises ValueError")
def no_best(best_step: Any, rng: np.random.Generator) -> None:
    unit, value, bend = draw_step(rng)
    expect_error(
        lambda: best_step(unit, value, 0.0, 2),
        ValueError,
        "without a bend there is no best ε: the longer, the better",
    )
    expect_error(
        lambda: best_step(0.0, value, bend, 1), ValueError, "the rounding must be positive"
    )
    expect_error(lambda: best_step(unit, value, bend, 3), ValueError, "sides is 1 or 2")


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
    importance=5,
    minutes=30,
    read=f"{READ}#equal-enough",
)

EPS, ATOL, RTOL = 1e-5, 1e-6, 1e-4
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


def draw_rules(rng: np.random.Generator, n: int = 0) -> tuple[Array, Array, Array, Array, Array]:
    """Values above and below, right and wrong slopes (R, n), and which rows to spoil: not all."""
    r = int(rng.integers(4, 8))
    x = rng.uniform(0.3, 2.0, size=(r, n or int(rng.integers(9, 14))))
    rows = list(zip(CURVES, x, strict=False))
    above = np.array([curve(row + EPS) for (curve, _, _), row in rows])
    below = np.array([curve(row - EPS) for (curve, _, _), row in rows])
    right = np.array([slope(row) for (_, slope, _), row in rows])
    bad = np.array([written(row) for (_, _, written), row in rows])
    spoil = rng.permutation(np.arange(r) < int(rng.integers(1, r - 1)))
    return above, below, right, bad, spoil


def found(wrong_rules: Any, above: Array, below: Array, claimed: Array, want: Array) -> None:
    for shift in (0, 1):  # again in another order, so that no list fits both
        rows = [np.roll(x, shift, axis=0) for x in (above, below, claimed)]
        got = wrong_rules(*rows, EPS, ATOL, RTOL)
        expect_shape(got, want.shape, "one answer for each rule")
        where = np.roll(want, shift).astype(float)
        expect_close(np.asarray(got, dtype=float), where, "True where the rule is wrong")


@hunt.check(1, "wrong rules are found, and right ones pass")
def all_of_it(wrong_rules: Any, rng: np.random.Generator) -> None:
    above, below, claimed, bad, spoil = draw_rules(rng)
    claimed[spoil] = bad[spoil]
    found(wrong_rules, above, below, claimed, spoil)


@hunt.check(1, "one wrong element among many is enough")
def one_element(wrong_rules: Any, rng: np.random.Generator) -> None:
    above, below, claimed, _, spoil = draw_rules(rng, n=400)
    for row in np.flatnonzero(spoil):
        claimed[row, rng.integers(400)] += 0.004
    found(wrong_rules, above, below, claimed, spoil)


@hunt.check(1, "a slope of zero is no reason to refuse")
def zero(wrong_rules: Any, rng: np.random.Generator) -> None:
    above, below, claimed, _, spoil = draw_rules(rng)
    flat = np.flatnonzero(~spoil)[0]
    # A constant, computed with a rounding error in the last digit.
    above[flat] = 5 + np.spacing(5.0) * rng.choice([-1, 1], size=above.shape[1])
    below[flat], claimed[flat] = 5.0, 0.0
    claimed[spoil] *= 1.5
    found(wrong_rules, above, below, claimed, spoil)


@hunt.check(1, "slopes of a million are compared by their size")
def large(wrong_rules: Any, rng: np.random.Generator) -> None:
    above, below, claimed, _, spoil = draw_rules(rng)
    size = float(rng.uniform(1e6, 3e6))
    claimed = claimed * size * (1 + 1e-6 * rng.choice([-1, 1], size=claimed.shape))
    claimed[spoil] *= 1.01
    found(wrong_rules, above * size, below * size, claimed, spoil)


@hunt.check(1, "too low is as wrong as too high")
def low(wrong_rules: Any, rng: np.random.Generator) -> None:
    above, below, claimed, _, spoil = draw_rules(rng)
    claimed[spoil] -= rng.uniform(0.2, 0.4, size=claimed[spoil].shape)
    found(wrong_rules, above, below, claimed, spoil)


@hunt.check(1, "a rule that says NaN is wrong")
def not_a_number(wrong_rules: Any, rng: np.random.Generator) -> None:
    above, below, claimed, _, spoil = draw_rules(rng)
    for row in np.flatnonzero(spoil):
        claimed[row, rng.integers(claimed.shape[1])] = np.nan
    found(wrong_rules, above, below, claimed, spoil)


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
