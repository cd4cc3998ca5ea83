"""Chapter 04, dense layers: the layer, its first weights, Adam, early stopping, the table."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_shape
from . import common

near = partial(common.near, atol=1e-5)

Array = np.ndarray

READ = "04_dense_layers.md"


# 04.1

layer = Exercise(
    "04.1",
    "A dense layer, forward and back",
    function="dense",
    signature=(
        "dense(x: (..., in), weight: (in, out), bias: (out,), g: (..., out))"
        " -> (y, g_x, g_weight, g_bias)"
    ),
    difficulty=3,
    importance=5,
    minutes=25,
    read=f"{READ}#the-loop-version",
)


def draw_layer(rng: np.random.Generator, lead: int = 2) -> tuple[Array, Array, Array, Array]:
    *front, i, o = (int(n) for n in rng.choice(np.arange(2, 9), lead + 2, replace=False))
    return (
        rng.normal(size=(*front, i)),
        rng.normal(size=(i, o)),
        rng.normal(size=o),
        rng.normal(size=(*front, o)),
    )


@layer.check(1, "forward: each row is multiplied and shifted")
def forward(dense: Any, rng: np.random.Generator) -> None:
    x, weight, bias, g = draw_layer(rng)
    y = dense(x, weight, bias, g)[0]
    expect_shape(y, g.shape, "the axes before the last stay")
    near(y, np.einsum("...i,io->...o", x, weight) + bias, "y = x W + b")


@layer.check(1, "gradient of the inputs")
def of_inputs(dense: Any, rng: np.random.Generator) -> None:
    x, weight, bias, g = draw_layer(rng)
    g_x = dense(x, weight, bias, g)[1]
    expect_shape(g_x, x.shape, "the gradient has the shape of x")
    near(g_x, np.einsum("...o,io->...i", g, weight), "an input collects from all outputs")


@layer.check(1, "gradients of weight and bias, collected over every leading axis")
def of_parameters(dense: Any, rng: np.random.Generator) -> None:
    for lead in (2, 1):
        x, weight, bias, g = draw_layer(rng, lead)
        _, _, g_weight, g_bias = dense(x, weight, bias, g)
        expect_shape(g_weight, weight.shape, "the gradient has the shape of weight")
        rows, back = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
        near(
            g_weight, sum(np.outer(a, b) for a, b in zip(rows, back, strict=True)), "a sum of rows"
        )
        near(g_bias, sum(back), "the bias is used in every row: its parts add up")


@layer.check(1, "sizes that do not fit raise ValueError")
def bad_sizes(dense: Any, rng: np.random.Generator) -> None:
    x, weight, bias, g = draw_layer(rng)
    expect_error(
        lambda: dense(x[..., :-1], weight, bias, g),
        ValueError,
        "x must be as wide as weight is high",
    )
    expect_error(
        lambda: dense(x, weight, bias[:1], g),
        ValueError,
        "a bias of one number is refused, although NumPy would broadcast it",
    )


def fits(x: Array, weight: Array, bias: Array) -> None:
    if x.shape[-1] != weight.shape[0] or bias.shape != weight.shape[1:]:
        raise ValueError("x, weight and bias do not fit")


def parts(x: Array, weight: Array, bias: Array, g: Array) -> list[Array]:
    rows, back = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
    return [x @ weight + bias, g @ weight.T, rows.T @ back, back.sum(axis=0)]


@layer.wrong(
    "the gradients averaged over the batch",
    "A weight is used once for each row, so its gradient is the sum over the rows. If the loss is "
    "a mean, its 1/N is in g already, and dividing again makes every step too small.",
)
def averaged(x: Array, weight: Array, bias: Array, g: Array) -> tuple:
    fits(x, weight, bias)
    y, g_x, g_weight, g_bias = parts(x, weight, bias, g)
    return y, g_x, g_weight / (x.size / x.shape[-1]), g_bias / (x.size / x.shape[-1])


@layer.wrong(
    "the bias's gradient summed over one axis only",
    "With x of shape (B, N, in) the bias is used B × N times. Sum over every axis but the last.",
)
def one_axis(x: Array, weight: Array, bias: Array, g: Array) -> tuple:
    fits(x, weight, bias)
    y, g_x, g_weight, _ = parts(x, weight, bias, g)
    return y, g_x, g_weight, g.sum(axis=0)


@layer.wrong(
    "the bias forgotten",
    "Without b the layer must give 0 for an input of 0. Key 1 of the book is such an input, and "
    "its value is (6, 0).",
)
def no_bias(x: Array, weight: Array, bias: Array, g: Array) -> tuple:
    fits(x, weight, bias)
    _, *rest = parts(x, weight, bias, g)
    return x @ weight, *rest


@layer.wrong(
    "missing transpose",
    "Input k reaches output m through weight[k, m], so it gets back the sum of g[m] weight[k, m] "
    "over m: g @ weight.T. Without the transpose the sizes do not meet.",
)
def no_transpose(x: Array, weight: Array, bias: Array, g: Array) -> tuple:
    fits(x, weight, bias)
    y, _, *rest = parts(x, weight, bias, g)
    return y, g @ weight, *rest


@layer.wrong(
    "broadcasting hides a short bias",
    "NumPy stretches one number over all outputs without a word. A layer has a bias for each "
    "output: compare the shapes first.",
)
def no_size_check(x: Array, weight: Array, bias: Array, g: Array) -> tuple:
    return tuple(parts(x, weight, bias, g))


# 04.2

initial = Exercise(
    "04.2",
    "The first weights",
    function="first_weights",
    signature="first_weights(noise: (in, out), after_relu: bool) -> weights: (in, out)",
    difficulty=2,
    importance=4,
    minutes=20,
    read=f"{READ}#where-to-begin",
)


@initial.check(1, "inputs of both signs: Glorot's variance")
def glorot(first_weights: Any, rng: np.random.Generator) -> None:
    i, o = (int(n) for n in rng.choice(np.arange(3, 12), 2, replace=False))
    noise = rng.normal(size=(i, o))
    got = first_weights(noise, False)
    expect_shape(got, (i, o), "a weight for each number of the noise")
    near(
        got, noise * np.sqrt(2 / (i + o)), "the noise, with its variance brought to 2 / (in + out)"
    )


@initial.check(1, "inputs from a ReLU: He's variance")
def he(first_weights: Any, rng: np.random.Generator) -> None:
    i, o = (int(n) for n in rng.choice(np.arange(3, 12), 2, replace=False))
    noise = rng.normal(size=(i, o))
    near(first_weights(noise, True), noise * np.sqrt(2 / i), "the variance is 2 / in")


@initial.check(1, "twenty ReLU layers neither swell nor fade")
def twenty_layers(first_weights: Any, rng: np.random.Generator) -> None:
    h = np.maximum(rng.normal(size=(50, 120)), 0)
    start = np.sqrt((h**2).mean())
    for _ in range(20):
        weight = first_weights(rng.normal(size=(120, 120)), True)
        expect_shape(weight, (120, 120), "a weight for each number of the noise")
        h = np.maximum(h @ weight, 0)
    ratio = float(np.sqrt((h**2).mean()) / start)
    expect(
        0.1 < ratio < 10,
        "the signal after twenty layers is about as large as before",
        expected="a ratio between 0.1 and 10",
        got=ratio,
    )


@initial.check(1, "units that start alike raise ValueError")
def alike(first_weights: Any, rng: np.random.Generator) -> None:
    i, o = (int(n) for n in rng.choice(np.arange(3, 12), 2, replace=False))
    column = rng.normal(size=(i, 1))
    expect_error(
        lambda: first_weights(np.repeat(column, o, axis=1), False),
        ValueError,
        "equal columns are refused: these units would stay equal for ever",
    )
    expect_error(
        lambda: first_weights(np.ones((i, o)), True),
        ValueError,
        "and so is a constant, whatever it is",
    )


def differ(noise: Array) -> None:
    if noise.shape[1] > 1 and (noise == noise[:, :1]).all():
        raise ValueError("all columns are equal")


@initial.wrong(
    "zeros",
    "From zeros, every hidden unit gets the same gradient, here even none, and the network never "
    "becomes more than its last bias.",
)
def zeros(noise: Array, after_relu: bool) -> Array:
    differ(noise)
    return np.zeros_like(noise)


@initial.wrong(
    "the variance taken for the sd",
    "2 / (in + out) is a variance. The noise is multiplied by the standard deviation, its root.",
)
def no_root(noise: Array, after_relu: bool) -> Array:
    differ(noise)
    i, o = noise.shape
    return noise * (2 / i if after_relu else 2 / (i + o))


@initial.wrong(
    "the limit taken for the sd",
    "√(6 / (in + out)) is the limit of a uniform distribution, whose variance is a third of the "
    "limit's square. This noise has the variance 1 already.",
)
def uniform_limit(noise: Array, after_relu: bool) -> Array:
    differ(noise)
    i, o = noise.shape
    return noise * np.sqrt(6 / i if after_relu else 6 / (i + o))


@initial.wrong(
    "ReLU's half forgotten",
    "ReLU sets half of the signal to zero, so that its mean square is halved in every layer: after "
    "twenty layers a millionth of the variance is left. Double the variance of the weights.",
)
def no_relu(noise: Array, after_relu: bool) -> Array:
    differ(noise)
    return noise * np.sqrt(2 / sum(noise.shape))


@initial.wrong(
    "in and out exchanged",
    "An output sums over the inputs: it is their number that its variance grows with. The first "
    "axis is in.",
)
def exchanged(noise: Array, after_relu: bool) -> Array:
    differ(noise)
    i, o = noise.shape
    return noise * np.sqrt(2 / o if after_relu else 2 / (i + o))


@initial.wrong(
    "equal units let through",
    "Hidden units with equal weights get equal gradients and stay equal: a thousand of them are "
    "worth one. Look at the columns before you return them.",
)
def no_refusal(noise: Array, after_relu: bool) -> Array:
    i, o = noise.shape
    return noise * np.sqrt(2 / i if after_relu else 2 / (i + o))


# 04.3

adaptive = Exercise(
    "04.3",
    "One step of Adam",
    function="adam",
    signature=(
        "adam(theta: (...), g: (...), mean: (...), square: (...), step, lr, beta1, beta2, eps)"
        " -> (theta, mean, square)"
    ),
    difficulty=3,
    importance=4,
    minutes=25,
    read=f"{READ}#how-to-step",
)

SETTINGS = (0.9, 0.99, 1e-8)


def by_definition(
    theta: Array,
    g: Array,
    mean: Array,
    square: Array,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> tuple[Array, Array, Array]:
    mean = beta1 * mean + (1 - beta1) * g
    square = beta2 * square + (1 - beta2) * g**2
    root = np.sqrt(square / (1 - beta2**step)) + eps
    return theta - lr * mean / (1 - beta1**step) / root, mean, square


@adaptive.check(1, "the first step moves every weight by lr, against its gradient")
def first_step(adam: Any, rng: np.random.Generator) -> None:
    theta, sign = rng.normal(size=(3, 4)), rng.choice([-1.0, 1.0], (3, 4))
    g, zero = sign * 10.0 ** rng.uniform(-3, 3, (3, 4)), np.zeros((3, 4))
    got = adam(theta, g, zero, zero, 1, 0.1, *SETTINGS)[0]
    near(got, theta - 0.1 * sign, "theta − lr · sign(g), whatever the size of g")


@adaptive.check(1, "six steps agree with the formulas")
def six_steps(adam: Any, rng: np.random.Generator) -> None:
    theta, zero = rng.normal(size=5), np.zeros(5)
    state, want = (theta, zero, zero), (theta, zero, zero)
    for step in range(1, 7):
        g = rng.normal(size=5)
        state = adam(state[0], g, state[1], state[2], step, 0.1, *SETTINGS)
        want = by_definition(want[0], g, want[1], want[2], step, 0.1, *SETTINGS)
        expect_close(state, want, f"theta, mean and square after step {step}", rtol=1e-6, atol=1e-9)


@adaptive.check(1, "tiny gradients: eps is added to the root")
def tiny(adam: Any, rng: np.random.Generator) -> None:
    theta, zero = np.zeros(4), np.zeros(4)
    g = rng.uniform(0.5, 2.0, 4) * 1e-4
    got = adam(theta, g, zero, zero, 1, 1.0, 0.9, 0.99, 1e-4)[0]
    near(got, -g / (g + 1e-4), "at the first step, −lr g / (|g| + eps)")


@adaptive.check(1, "no gradient, no move; a step below 1 raises ValueError")
def nothing(adam: Any, rng: np.random.Generator) -> None:
    theta, zero = rng.normal(size=4), np.zeros(4)
    near(adam(theta, zero, zero, zero, 1, 0.1, *SETTINGS)[0], theta, "0 / (0 + eps) is 0, not NaN")
    expect_error(
        lambda: adam(theta, theta, zero, zero, 0, 0.1, *SETTINGS),
        ValueError,
        "steps are counted from 1: at 0 the corrections would divide by 0",
    )


def counted(step: int) -> None:
    if step < 1:
        raise ValueError("steps are counted from 1")


@adaptive.wrong(
    "no correction of the means",
    "Both means start at 0 and are too small at first, not by the same factor. Divide them by "
    "1 − β^t; without that the first step has the wrong length.",
)
def uncorrected(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    mean, square = beta1 * mean + (1 - beta1) * g, beta2 * square + (1 - beta2) * g**2
    return theta - lr * mean / (np.sqrt(square) + eps), mean, square


@adaptive.wrong(
    "corrected means kept for the next step",
    "The correction is for this step's move alone. What is returned as mean and square goes into "
    "the next step, and must be the uncorrected running mean.",
)
def kept(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    theta, mean, square = by_definition(theta, g, mean, square, step, lr, beta1, beta2, eps)
    return theta, mean / (1 - beta1**step), square / (1 - beta2**step)


@adaptive.wrong(
    "eps inside the root",
    "√(s + ε) is not √s + ε: for s = 0 it is √ε, ten thousand times as much for ε = 1e-8.",
)
def inside(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    _, mean, square = by_definition(theta, g, mean, square, step, lr, beta1, beta2, eps)
    root = np.sqrt(square / (1 - beta2**step) + eps)
    return theta - lr * mean / (1 - beta1**step) / root, mean, square


@adaptive.wrong(
    "up the slope",
    "The gradient points to where the loss grows. Subtract the step.",
)
def upwards(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    new, mean, square = by_definition(theta, g, mean, square, step, lr, beta1, beta2, eps)
    return 2 * theta - new, mean, square


@adaptive.wrong(
    "eps forgotten",
    "A weight that has had no gradient yet has mean 0 and root 0, and 0 / 0 is NaN. That is what "
    "eps is for.",
)
def no_eps(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    return by_definition(theta, g, mean, square, step, lr, beta1, beta2, 0.0)


@adaptive.wrong(
    "the square of the mean",
    "The second mean is of the squares of gradients. The square of the mean gradient is something "
    "else: it is small where gradients change their sign, and steps there would be huge.",
)
def square_of_mean(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    mean = beta1 * mean + (1 - beta1) * g
    square = beta2 * square + (1 - beta2) * mean**2
    root = np.sqrt(square / (1 - beta2**step)) + eps
    return theta - lr * mean / (1 - beta1**step) / root, mean, square


@adaptive.wrong(
    "step 0 let through",
    "1 − β⁰ is 0, and the division fills every weight with NaN. Count from 1, and refuse 0.",
)
def from_zero(theta, g, mean, square, step, lr, beta1, beta2, eps):
    if step == 0:
        return np.full_like(theta, np.nan), mean, square
    return by_definition(theta, g, mean, square, step, lr, beta1, beta2, eps)


# 04.4

stopping = Exercise(
    "04.4",
    "When to stop",
    function="stop_early",
    signature="stop_early(scores: (epochs,), patience: int) -> (best, trained)",
    difficulty=3,
    importance=4,
    minutes=20,
    read=f"{READ}#when-to-stop",
)


def stopped(scores: Any, patience: int) -> tuple[int, int]:
    best = 0
    for epoch, score in enumerate(scores):
        if score > scores[best]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch + 1
    return best, len(scores)


def drawn_scores(rng: np.random.Generator, patience: int) -> Array:
    """Rises, wobbles, waits longer than patience, then is better than ever."""
    up = np.array([0.2, 0.4, 0.35, 0.5, 0.45]) + rng.uniform(0, 0.02)
    down = 0.3 + rng.permutation(patience + 3) * 0.01
    return np.concatenate([up, down, [0.9]])


@stopping.check(1, "the best epoch is kept, not the last")
def keeps_best(stop_early: Any, rng: np.random.Generator) -> None:
    patience = int(rng.integers(3, 6))
    whole = drawn_scores(rng, patience)
    for scores in (whole, whole[1:]):  # the best epoch is another one
        expect_close(
            stop_early(scores, patience)[0], stopped(scores, patience)[0], "best is counted from 0"
        )


@stopping.check(1, "training stops after `patience` epochs without a better one")
def stops(stop_early: Any, rng: np.random.Generator) -> None:
    for patience in (3, 4, 6):
        scores = drawn_scores(rng, patience)
        expect_close(
            stop_early(scores, patience)[1],
            stopped(scores, patience)[1],
            "the number of epochs that were trained",
        )


@stopping.check(1, "an equal score is no better one; without a stop all epochs are trained")
def ties(stop_early: Any, rng: np.random.Generator) -> None:
    level = float(rng.uniform(0.4, 0.6))
    expect_close(
        stop_early(np.full(9, level), 4),
        (0, 5),
        "nine equal scores, patience 4: the first, after 5",
    )
    rising = np.sort(rng.uniform(size=7))
    expect_close(stop_early(rising, 2), (6, 7), "scores that only rise: the last, after all")


@stopping.check(1, "no scores, or a patience below 1, raise ValueError")
def refuses(stop_early: Any, rng: np.random.Generator) -> None:
    expect_error(lambda: stop_early(np.zeros(0), 2), ValueError, "no scores, no best epoch")
    expect_error(
        lambda: stop_early(rng.uniform(size=5), 0), ValueError, "a patience of 0 would never train"
    )


def usable(scores: Any, patience: int) -> None:
    if not len(scores) or patience < 1:
        raise ValueError("no scores, or no patience")


@stopping.wrong(
    "goes back to the last epoch",
    "The last epoch is the one that proved to be no better, `patience` times in a row. Keep the "
    "best.",
)
def keeps_last(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    trained = stopped(scores, patience)[1]
    return trained - 1, trained


@stopping.wrong(
    "looks into the future",
    "The best score of all comes after training had stopped. Whoever knows it did not stop.",
)
def hindsight(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    return int(np.argmax(scores)), stopped(scores, patience)[1]


@stopping.wrong(
    "compared with the epoch before",
    "Scores wobble. Patience counts the epochs since the best one, not since the last rise.",
)
def since_last_rise(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    falls = 0
    for epoch in range(1, len(scores)):
        falls = 0 if scores[epoch] > scores[epoch - 1] else falls + 1
        if falls >= patience:
            return int(np.argmax(scores[: epoch + 1])), epoch + 1
    return int(np.argmax(scores)), len(scores)


@stopping.wrong(
    "one epoch too many",
    "After `patience` epochs without a better one, it is over: epoch − best ≥ patience.",
)
def off_by_one(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    return stopped(scores, patience + 1)


@stopping.wrong(
    "an equal score counts as better",
    "A plateau would be trained on for ever. Only a higher score starts the count anew.",
)
def equal_is_better(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    best = 0
    for epoch, score in enumerate(scores):
        if score >= scores[best]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch + 1
    return best, len(scores)


@stopping.wrong(
    "scores taken for losses",
    "An accuracy is better when it is higher; a loss, when it is lower. These are accuracies.",
)
def lowest(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    return stopped(-np.asarray(scores), patience)


@stopping.wrong(
    "nothing refused",
    "With patience 0 training would end before it began, and of no scores none is best. Say so, "
    "before the loop.",
)
def no_refusal_of_patience(scores: Any, patience: int) -> tuple[int, int]:
    return stopped(scores, patience)


# 04.5

baseline = Exercise(
    "04.5",
    "A table with ±",
    function="compare",
    signature="compare(scores: (models, seeds)) -> (mean, sd, gap, error), each (models,)",
    difficulty=2,
    importance=5,
    minutes=25,
    read=f"{READ}#real-data",
)


def table(scores: Array) -> list[Array]:
    gaps = scores - scores[0]
    return [
        scores.mean(axis=1),
        scores.std(axis=1, ddof=1),
        gaps.mean(axis=1),
        gaps.std(axis=1, ddof=1) / np.sqrt(scores.shape[1]),
    ]


def drawn_table(rng: np.random.Generator) -> Array:
    models, seeds = (int(n) for n in rng.choice(np.arange(3, 9), 2, replace=False))
    luck = rng.normal(scale=5, size=seeds)  # of the split, and the same for all models
    return 80 + rng.normal(scale=3, size=(models, 1)) + luck + rng.normal(size=(models, seeds))


@baseline.check(1, "mean over the seeds")
def means(compare: Any, rng: np.random.Generator) -> None:
    scores = drawn_table(rng)
    mean = compare(scores)[0]
    expect_shape(mean, scores.shape[:1], "a mean for each model")
    near(mean, table(scores)[0], "the mean of a model's seeds")


@baseline.check(1, "sd of the runs")
def spreads(compare: Any, rng: np.random.Generator) -> None:
    scores = drawn_table(rng)
    sd = compare(scores)[1]
    expect_shape(sd, scores.shape[:1], "an sd for each model")
    near(sd, table(scores)[1], "squares summed, divided by the number of seeds less one; the root")


@baseline.check(1, "difference from the baseline, seed by seed, and its uncertainty")
def paired(compare: Any, rng: np.random.Generator) -> None:
    scores = drawn_table(rng)
    _, _, gap, error = compare(scores)
    _, _, want_gap, want_error = table(scores)
    near(gap, want_gap, "the mean difference from row 0, the baseline")
    near(error, want_error, "the sd of the differences, over the root of the number of seeds")


@baseline.check(1, "a single seed, and a run that is NaN, raise ValueError")
def refuses_one(compare: Any, rng: np.random.Generator) -> None:
    scores = drawn_table(rng)
    expect_error(lambda: compare(scores[:, :1]), ValueError, "one run has no spread")
    scores[-1, 0] = np.nan
    expect_error(
        lambda: compare(scores), ValueError, "a run that diverged must not be left out in silence"
    )


def enough(scores: Array) -> None:
    if scores.shape[1] < 2 or not np.isfinite(scores).all():
        raise ValueError("two seeds at least, and all of them finite")


@baseline.wrong(
    "the best of the seeds",
    "The largest of several runs grows with their number, though no model has changed. Report the "
    "mean, and the spread.",
)
def best_seed(scores: Array) -> tuple:
    enough(scores)
    _, sd, gap, error = table(scores)
    return scores.max(axis=1), sd, gap, error


@baseline.wrong(
    "divided by n",
    "The mean was fitted to the same runs, so their squares are too small on average. NumPy "
    "divides by n unless told ddof=1; with few seeds that matters.",
)
def by_n(scores: Array) -> tuple:
    enough(scores)
    mean, sd, gap, error = table(scores)
    shrink = np.sqrt(1 - 1 / scores.shape[1])
    return mean, sd * shrink, gap, error * shrink


@baseline.wrong(
    "not paired",
    "Here the spreads of the two models are added up, as if they had met different splits. They "
    "met the same: subtract seed by seed first, and what is easy for both cancels.",
)
def unpaired(scores: Array) -> tuple:
    enough(scores)
    mean, sd, gap, _ = table(scores)
    return mean, sd, gap, np.sqrt((sd**2 + sd[0] ** 2) / scores.shape[1])


@baseline.wrong(
    "the sd of a run for the uncertainty of the mean",
    "One difference varies by sd; a mean of n of them by sd / √n.",
)
def no_root_of_n(scores: Array) -> tuple:
    enough(scores)
    mean, sd, gap, error = table(scores)
    return mean, sd, gap, error * np.sqrt(scores.shape[1])


@baseline.wrong(
    "the wrong axis",
    "The mean runs over the models, seed by seed. A table has a row for each model: reduce the "
    "last axis.",
)
def wrong_axis(scores: Array) -> tuple:
    enough(scores)
    return tuple(table(scores.T))


@baseline.wrong(
    "diverged runs dropped, one run accepted",
    "A recipe that fails in one run of five is not as good as its four other runs. And one run has "
    "no spread: neither 0 nor NaN is one.",
)
def dropped(scores: Array) -> tuple:
    gaps = scores - scores[0]
    few = scores.shape[1] < 2
    sd = np.zeros(len(scores)) if few else np.nanstd(scores, axis=1, ddof=1)
    error = sd if few else np.nanstd(gaps, axis=1, ddof=1) / np.sqrt(scores.shape[1])
    return np.nanmean(scores, axis=1), sd, np.nanmean(gaps, axis=1), error
