"""Chapter 04, dense layers: the layer, its first weights, Adam, early stopping, the table."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_shape
from .common import reacts

# What 32-bit numbers can do, and a constant that is one part in a thousand off cannot.
near = partial(expect_close, rtol=1e-4, atol=1e-5)

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
    minutes=40,
    read=f"{READ}#the-loop-version",
)


def draw_layer(
    rng: np.random.Generator, lead: int = 2, one: int | None = None
) -> tuple[Array, Array, Array, Array]:
    """A layer, what goes in and what comes back; `one` : the size that is 1."""
    drawn = [int(n) for n in rng.choice(np.arange(2, 9), lead + 2, replace=False)]
    *front, i, o = (1 if place == one else n for place, n in enumerate(drawn))
    return (
        rng.normal(size=(*front, i)),
        rng.normal(size=(i, o)),
        rng.normal(size=o),
        rng.normal(size=(*front, o)),
    )


# How many axes stand before the last, and which size is 1: rows, inputs, outputs.
LAYERS = ((3, None), (2, None), (1, None), (1, 0), (1, 1), (1, 2))


@layer.check(1, "forward: each row is multiplied and shifted")
def forward(dense: Any, rng: np.random.Generator) -> None:
    for lead, one in LAYERS:
        x, weight, bias, g = draw_layer(rng, lead, one)
        y = dense(x, weight, bias, g)[0]
        expect_shape(y, g.shape, "the axes before the last stay")
        near(y, np.einsum("...i,io->...o", x, weight) + bias, "y = x W + b")


@layer.check(1, "gradient of the inputs")
def of_inputs(dense: Any, rng: np.random.Generator) -> None:
    for lead, one in LAYERS:
        x, weight, bias, g = draw_layer(rng, lead, one)
        g_x = dense(x, weight, bias, g)[1]
        expect_shape(g_x, x.shape, "the gradient has the shape of x")
        near(g_x, np.einsum("...o,io->...i", g, weight), "an input collects from all outputs")


@layer.check(1, "gradients of weight and bias, collected over every leading axis")
def of_parameters(dense: Any, rng: np.random.Generator) -> None:
    for lead, one in LAYERS:
        x, weight, bias, g = draw_layer(rng, lead, one)
        _, _, g_weight, g_bias = dense(x, weight, bias, g)
        expect_shape(g_weight, weight.shape, "the gradient has the shape of weight")
        rows, back = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
        near(
            g_weight, sum(np.outer(a, b) for a, b in zip(rows, back, strict=True)), "a sum of rows"
        )
        expect_shape(g_bias, bias.shape, "the gradient has the shape of bias")
        near(g_bias, sum(back), "the bias is used in every row: its parts add up")


@layer.check(1, "sizes that do not fit raise ValueError")
def bad_sizes(dense: Any, rng: np.random.Generator) -> None:
    x, weight, bias, g = draw_layer(rng)
    for wrong in (x[..., :-1], np.concatenate([x, x[..., :1]], axis=-1)):
        expect_error(
            partial(dense, wrong, weight, bias, g), ValueError, "x is as wide as weight is high"
        )
    for wrong, claim in (
        (bias[:1], "one number for all outputs is refused, although NumPy would broadcast it"),
        (bias[:-1], "there is a bias for each output: here one is missing"),
        (np.append(bias, 1.0), "there is a bias for each output: here is one too many"),
    ):
        expect_error(partial(dense, x, weight, wrong, g), ValueError, claim)
    expect_error(
        partial(dense, x, weight[:, :1], bias, g[..., :1]),
        ValueError,
        "several biases for one output are refused, although NumPy would add each to it",
    )
    for wide, high in ((x[..., :1], weight), (x, weight[:1])):
        expect_error(
            partial(dense, wide, high, bias, g),
            ValueError,
            "a width or height of 1 is refused where the other is larger: no broadcasting",
        )
    out = len(bias)
    for count in (1, out, out + 1):  # as many rows
        x, g, rows = (rng.normal(size=(count, n)) for n in (len(weight), out, out))
        expect_error(
            partial(dense, x, weight, rows, g),
            ValueError,
            "a bias for each row is refused, although NumPy would add them",
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
    "the gradients divided by the length of the first axis",
    "A weight is used once for each row, so its gradient is the sum over the rows. If the loss is "
    "a mean, its 1/N is in g already; and the first axis alone does not count the rows.",
)
def averaged_over_first(x: Array, weight: Array, bias: Array, g: Array) -> tuple:
    fits(x, weight, bias)
    y, g_x, g_weight, g_bias = parts(x, weight, bias, g)
    return y, g_x, g_weight / len(x), g_bias / len(x)


@layer.wrong(
    "the gradient of weight transposed",
    "Entry (k, m) collects x[k] g[m] over the rows: rows.T @ back, in this order. The other order "
    "gives (out, in), the transpose.",
)
def transposed(x: Array, weight: Array, bias: Array, g: Array) -> tuple:
    fits(x, weight, bias)
    y, g_x, g_weight, g_bias = parts(x, weight, bias, g)
    return y, g_x, g_weight.T, g_bias


@layer.wrong(
    "a gradient of weight for each leading index",
    "x.mT @ g multiplies within each leading index and leaves them side by side. One weight serves "
    "them all: lay the leading axes end to end first, or add up over them.",
)
def left_apart(x: Array, weight: Array, bias: Array, g: Array) -> tuple:
    fits(x, weight, bias)
    y, g_x, _, g_bias = parts(x, weight, bias, g)
    return y, g_x, x.mT @ g, g_bias


@layer.wrong(
    "down the slope",
    "A gradient points to where the loss grows. The minus belongs to the step, not to the layer.",
)
def negative(x: Array, weight: Array, bias: Array, g: Array) -> tuple:
    fits(x, weight, bias)
    y, *gradients = parts(x, weight, bias, g)
    return y, *(-gradient for gradient in gradients)


@layer.wrong(
    "a bias with another axis let through",
    "A bias of shape (rows, out), one for each row, has the right last axis, with a single row the "
    "right size too, and NumPy adds it without a word. Compare the whole shape with (out,).",
)
def last_axis_alone(x: Array, weight: Array, bias: Array, g: Array) -> tuple:
    fits(x, weight, bias.reshape(-1, bias.shape[-1])[0])
    return tuple(parts(x, weight, bias, g))


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
    raises=True,
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
    importance=2,
    minutes=25,
    read=f"{READ}#where-to-begin",
)


def draw_noise(rng: np.random.Generator) -> list[Array]:
    """More inputs than outputs, then fewer; and a single output."""
    few, many = sorted(int(n) for n in rng.choice(np.arange(3, 12), 2, replace=False))
    return [rng.normal(size=size) for size in ((many, few), (few, many), (many, 1))]


@initial.check(1, "inputs of both signs: Glorot's variance")
def glorot(first_weights: Any, rng: np.random.Generator) -> None:
    for noise in draw_noise(rng):
        got = first_weights(noise, False)
        expect_shape(got, noise.shape, "a weight for each number of the noise")
        want = noise * np.sqrt(2 / sum(noise.shape))
        near(got, want, "the noise times a number that turns the variance 1 into 2 / (in + out)")


@initial.check(1, "inputs from a ReLU: He's variance")
def he(first_weights: Any, rng: np.random.Generator) -> None:
    for noise in draw_noise(rng):
        want = noise * np.sqrt(2 / len(noise))
        claim = "the noise times a number that turns the variance 1 into 2 / in"
        near(first_weights(noise, True), want, claim)


@initial.check(1, "twenty ReLU layers neither swell nor fade")
def twenty_layers(first_weights: Any, rng: np.random.Generator) -> None:
    h = np.maximum(rng.normal(size=(50, 120)), 0)
    start = np.sqrt((h**2).mean())
    for _ in range(20):
        weight = first_weights(rng.normal(size=(120, 120)), True)
        expect_shape(weight, (120, 120), "a weight for each number of the noise")
        h = np.maximum(h @ weight, 0)
    reacts(weight, first_weights(rng.normal(size=(120, 120)), True), "other noise, other weights")
    ratio = float(np.sqrt((h**2).mean()) / start)
    expect(
        0.1 < ratio < 10,
        "the signal after twenty layers is about as large as before",
        expected="a ratio between 0.1 and 10",
        got=ratio,
    )


@initial.check(1, "units that start alike raise ValueError; units that nearly do are taken")
def alike(first_weights: Any, rng: np.random.Generator) -> None:
    i, o = (int(n) for n in rng.choice(np.arange(3, 12), 2, replace=False))
    column = rng.normal(size=(i, 1))

    def one_differs(by: float) -> None:  # by 0: as little as two numbers can
        for unit in (0, 1, -1):  # one number of one column
            noise, row, sign = np.repeat(column, o, axis=1), rng.integers(i), rng.choice([1, -1])
            other = noise[row, unit] + by * sign
            noise[row, unit] = other if by else np.nextafter(other, sign * np.inf)
            claim = "one number of one column differs from the others: not all columns are equal"
            near(first_weights(noise, True), noise * np.sqrt(2 / i), claim)

    one_differs(1.0)
    equal_rows = np.repeat(rng.normal(size=(1, o)), i, axis=0)
    near(first_weights(equal_rows, True), equal_rows * np.sqrt(2 / i), "equal rows do no harm")
    turned = np.stack([np.arange(i), np.arange(i)[::-1]], axis=1) - 1.0
    claim = "columns of the same numbers, in another order, are not equal"
    near(first_weights(turned, True), turned * np.sqrt(2 / i), claim)
    tenths = np.full((i, 3), 0.1)  # their mean is rounded, and is not 0.1
    for noise in (*(np.repeat(column, n, axis=1) for n in (2, o)), np.ones((i, o)), tenths):
        expect_error(
            partial(first_weights, noise, bool(rng.integers(2))),
            ValueError,
            "equal columns are refused: these units would start as one",
        )
    one_differs(0)


def differ(noise: Array) -> None:
    if noise.shape[1] > 1 and (noise == noise[:, :1]).all():
        raise ValueError("all columns are equal")


@initial.wrong(
    "zeros",
    "From zeros no hidden unit gets a gradient, and nothing but the last bias is learned. "
    "Multiply the noise.",
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
    "Units with equal weights start as one, and where they are read alike they stay one. Look at "
    "the columns before you return them.",
)
def no_refusal(noise: Array, after_relu: bool) -> Array:
    i, o = noise.shape
    return noise * np.sqrt(2 / i if after_relu else 2 / (i + o))


@initial.wrong(
    "after_relu turned round",
    "He's variance, 2 / in, makes up for the half that a ReLU throws away: it is for after_relu, "
    "and Glorot's for the other inputs.",
)
def turned_round(noise: Array, after_relu: bool) -> Array:
    return no_refusal_but_alike(noise, not after_relu)


@initial.wrong(
    "after_relu not used",
    "There are two variances: Glorot's, and He's for inputs that come out of a ReLU. Here it is "
    "He's for both.",
)
def always_he(noise: Array, after_relu: bool) -> Array:
    return no_refusal_but_alike(noise, True)


@initial.wrong(
    "one over the number of inputs",
    "1 / in keeps the signal going forward and forgets the way back. Glorot's variance is 2 / "
    "(in + out), one over the mean of the two counts.",
)
def inputs_alone(noise: Array, after_relu: bool) -> Array:
    differ(noise)
    i = len(noise)
    return noise * np.sqrt(2 / i if after_relu else 1 / i)


@initial.wrong(
    "one over the sum of both counts",
    "Glorot's variance is one over the mean of the two counts, and so 2 / (in + out), not "
    "1 / (in + out).",
)
def no_two(noise: Array, after_relu: bool) -> Array:
    differ(noise)
    i, o = noise.shape
    return noise * np.sqrt(2 / i if after_relu else 1 / (i + o))


@initial.wrong(
    "the noise standardised once more",
    "The noise has the variance 1 already, up to luck. Divided by the spread of this one draw, it "
    "is no longer independent numbers of the variance asked for.",
)
def standardised(noise: Array, after_relu: bool) -> Array:
    return no_refusal_but_alike(noise, after_relu) / noise.std()


@initial.wrong(
    "nearly equal columns refused",
    "Columns are alike where they are equal. Those that differ by little get gradients that differ "
    "and grow apart: compare with ==, not to within a tolerance.",
)
def nearly(noise: Array, after_relu: bool) -> Array:
    if noise.shape[1] > 1 and np.allclose(noise, noise[:, :1]):
        raise ValueError("nearly equal columns")
    return no_refusal(noise, after_relu)


@initial.wrong(
    "equal rows refused",
    "A column holds the weights of one unit. Equal rows mean that all inputs are treated alike, "
    "which random weights may do: compare the columns.",
)
def rows_compared(noise: Array, after_relu: bool) -> Array:
    if (noise == noise[:1]).all():
        raise ValueError("all rows are equal")
    return no_refusal(noise, after_relu)


@initial.wrong(
    "some equal columns refused",
    "Two units that start as one are a waste; that all of them do is the fault to be refused here.",
    raises=True,
)
def some_refused(noise: Array, after_relu: bool) -> Array:
    if np.unique(noise, axis=1).shape[1] < noise.shape[1]:
        raise ValueError("two columns are equal")
    return no_refusal(noise, after_relu)


@initial.wrong(
    "a single column refused",
    "One column has no other that it could be equal to: a layer with one output is a layer.",
)
def single_refused(noise: Array, after_relu: bool) -> Array:
    if (noise == noise[:, :1]).all():
        raise ValueError("all columns are equal")
    return no_refusal(noise, after_relu)


def no_refusal_but_alike(noise: Array, after_relu: bool) -> Array:
    """Right, alike columns included."""
    differ(noise)
    return no_refusal(noise, after_relu)


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
    importance=3,
    minutes=40,
    read=f"{READ}#how-to-step",
)


def draw_settings(rng: np.random.Generator, eps: float) -> tuple[float, float, float, float]:
    """lr, beta1, beta2, eps; 1 − β₁ is never √(1 − β₂), which would correct the first step."""
    lr, beta1, beta2 = (float(rng.uniform(*s)) for s in ((0.01, 1), (0.5, 0.8), (0.97, 0.999)))
    return lr, beta1, beta2, eps


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
    lr, *rest = draw_settings(rng, 1e-12)  # nothing beside g, nor beside its square
    got = adam(theta, g, zero, zero, 1, lr, *rest)[0]
    near(got, theta - lr * sign, "theta − lr · sign(g), whatever the size of g")


@adaptive.check(1, "six steps agree with the formulas, and so does a late one")
def six_steps(adam: Any, rng: np.random.Generator) -> None:
    theta, zero = rng.normal(size=5), np.zeros(5)
    settings = draw_settings(rng, float(rng.uniform(0.01, 0.1)))
    state, want = (theta, zero, zero), (theta, zero, zero)
    for step in range(1, 7):
        g = rng.normal(size=5) * (rng.permutation(5) > 0) * (step != 4)  # 0 in one; then in all
        theta, mean, square = adam(state[0], g, state[1], state[2], step, *settings)
        state = np.array(theta), np.array(mean), np.array(square)
        want = by_definition(want[0], g, want[1], want[2], step, *settings)
        near(state, want, f"theta, mean and square after step {step}")
    late, drawn = int(rng.integers(1000, 2000)), rng.normal(size=(4, 2, 3))
    lr, beta1, _, eps = draw_settings(rng, float(rng.uniform(0.01, 0.1)))
    settings = lr + 0.5, beta1, 0.999, eps  # so slow that the correction still counts
    for theta, g, mean, root in (drawn, drawn[:, :1]):
        got = adam(theta, g, mean, root**2, late, *settings)
        want = by_definition(theta, g, mean, root**2, late, *settings)
        near(got, want, f"theta, mean and square after step {late}")


@adaptive.check(1, "tiny gradients: eps is added to the root")
def tiny(adam: Any, rng: np.random.Generator) -> None:
    theta, zero = rng.normal(size=4), np.zeros(4)
    lr, beta1, beta2, eps = draw_settings(rng, 10.0 ** rng.uniform(-6, -3))
    g = rng.uniform(0.5, 2.0, 4) * rng.choice([-1.0, 1.0], 4) * eps
    got = adam(theta, g, zero, zero, 1, lr, beta1, beta2, eps)[0]
    near(got, theta - lr * g / (abs(g) + eps), "at the first step, −lr g / (|g| + eps)")


@adaptive.check(1, "no gradient, no move; a step below 1 raises ValueError")
def nothing(adam: Any, rng: np.random.Generator) -> None:
    theta, zero, settings = rng.normal(size=4), np.zeros(4), draw_settings(rng, 1e-8)
    near(adam(theta, zero, zero, zero, 1, *settings)[0], theta, "0 / (0 + eps) is 0, not NaN")
    one = np.where(np.arange(4) == rng.integers(4), 1.0, 0.0)
    got = adam(theta, one, zero, zero, 1, *settings)[0]
    near(got, theta - settings[0] * one, "one weight has a gradient: it moves, and no other")
    for step in (0, -int(rng.integers(1, 9))):
        expect_error(
            partial(adam, theta, theta, zero, zero, step, *settings),
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


@adaptive.wrong(
    "only step 0 refused",
    "Steps are counted from 1, and −3 is none either. Refuse whatever is below 1.",
)
def only_zero_refused(theta, g, mean, square, step, lr, beta1, beta2, eps):
    if step == 0:
        raise ValueError("steps are counted from 1")
    return by_definition(theta, g, mean, square, step, lr, beta1, beta2, eps)


@adaptive.wrong(
    "eps added before the correction",
    "eps stands beside the root of the corrected mean, √(s / (1 − β₂^t)) + ε. Added to √s and then "
    "divided with it, it is larger at first.",
)
def eps_too_early(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    return by_definition(
        theta, g, mean, square, step, lr, beta1, beta2, eps / np.sqrt(1 - beta2**step)
    )


@adaptive.wrong(
    "no root",
    "The mean of squares has the unit of a squared gradient. Its root has the gradient's own, so "
    "that the quotient does not depend on the gradient's size.",
)
def rootless(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    _, mean, square = by_definition(theta, g, mean, square, step, lr, beta1, beta2, eps)
    size = square / (1 - beta2**step) + eps
    return theta - lr * mean / (1 - beta1**step) / size, mean, square


@adaptive.wrong(
    "the gradient itself instead of its mean",
    "The step goes against the running mean of the gradients, so that what changes its sign from "
    "batch to batch cancels. Here it goes against the last one.",
)
def without_mean(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    _, mean, square = by_definition(theta, g, mean, square, step, lr, beta1, beta2, eps)
    return theta - lr * g / (np.sqrt(square / (1 - beta2**step)) + eps), mean, square


@adaptive.wrong(
    "β and 1 − β exchanged",
    "β is the part of the old mean that stays, 1 − β the part that the new gradient gets.",
)
def parts_exchanged(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    mean, square = (1 - beta1) * mean + beta1 * g, (1 - beta2) * square + beta2 * g**2
    root = np.sqrt(square / (1 - beta2**step)) + eps
    return theta - lr * mean / (1 - beta1**step) / root, mean, square


@adaptive.wrong(
    "β · t for the power",
    "The means are too small by the factor 1 − β^t: β times itself, t times, not β times t.",
)
def product_for_power(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    mean, square = beta1 * mean + (1 - beta1) * g, beta2 * square + (1 - beta2) * g**2
    root = np.sqrt(square / (1 - beta2 * step)) + eps
    return theta - lr * mean / (1 - beta1 * step) / root, mean, square


@adaptive.wrong(
    "β₁ and β₂ exchanged",
    "β₁ belongs to the mean of the gradients, β₂ to that of their squares.",
)
def betas_exchanged(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    return by_definition(theta, g, mean, square, step, lr, beta2, beta1, eps)


@adaptive.wrong(
    "corrected as at the first step, always",
    "The means are too small by the factor 1 − β^t at step t, and less and less so. 1 − β is right "
    "at step 1 alone.",
)
def always_first(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    new, kept_mean, kept_square = by_definition(theta, g, mean, square, 1, lr, beta1, beta2, eps)
    return new, kept_mean, kept_square


@adaptive.wrong(
    "the old means used for the step",
    "First both means are renewed with this gradient, then the step uses the new ones. At the "
    "first step the old ones are 0, and nothing moves.",
)
def one_late(theta, g, mean, square, step, lr, beta1, beta2, eps):
    counted(step)
    _, *renewed = by_definition(theta, g, mean, square, step, lr, beta1, beta2, eps)
    root = np.sqrt(square / (1 - beta2**step)) + eps
    return theta - lr * mean / (1 - beta1**step) / root, *renewed


# 04.4

stopping = Exercise(
    "04.4",
    "When to stop",
    function="stop_early",
    signature="stop_early(scores: (epochs,), patience: int) -> (best, trained)",
    difficulty=3,
    importance=1,
    minutes=25,
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


def drawn_scores(patience: int, shift: float, scale: float = 1.0) -> Array:
    """Rises, waits nearly too long, rises by the least, waits too long, then is better than ever.

    While it waits, the scores rise from one to the next; in the second wait one equals the best.
    All are moved by `shift`, then multiplied by `scale`.
    """
    first = [0.2, 0.4] + [0.1 + 0.01 * i for i in range(patience - 1)]
    second = [0.4, 0.4] + [0.3 + 0.01 * i for i in range(patience - 1)]
    scores = (np.array([*first, *second, 0.9]) + shift) * scale
    again = len(first)
    scores[again : again + 2] = np.nextafter(scores[1], np.inf)
    return scores


@stopping.check(1, "the best epoch is kept, not the last")
def keeps_best(stop_early: Any, rng: np.random.Generator) -> None:
    falls = np.array([0.6, 0.5, 0.4, 0.3, 0.9, *[0.2] * 5])
    expect_close(stop_early(falls, 3)[0], 0, "what comes after the stop must not count")
    shifts = rng.permutation([rng.choice([-40.0, -0.7]), 3.0])  # once all begin below 0
    for patience, shift in zip((int(rng.integers(3, 6)), 2), shifts, strict=True):
        whole = drawn_scores(patience, shift)
        for scores in (whole, whole[1:]):  # the best epoch is another one
            want = stopped(scores, patience)[0]
            expect_close(stop_early(scores, patience)[0], want, "best is counted from 0")
    far_below = drawn_scores(3, -10.0, 1e30)
    want = stopped(far_below, 3)[0]
    expect_close(stop_early(far_below, 3)[0], want, "scores may lie below 0, and far below")


@stopping.check(1, "training stops after `patience` epochs without a better one")
def stops(stop_early: Any, rng: np.random.Generator) -> None:
    shifts = rng.permutation([-40.0, -0.7, 3.0, 3.0])
    for patience, shift in zip((3, 4, 6, 1), shifts, strict=True):
        scores = drawn_scores(patience, shift)
        want = stopped(scores, patience)[1]
        expect_close(stop_early(scores, patience)[1], want, "the number of epochs trained")
    far_below = drawn_scores(3, -10.0, 1e30)
    want = stopped(far_below, 3)[1]
    expect_close(stop_early(far_below, 3)[1], want, "scores may lie below 0, and far below")


@stopping.check(1, "an equal score is no better one; without a stop all epochs are trained")
def ties(stop_early: Any, rng: np.random.Generator) -> None:
    level = float(rng.uniform(0.4, 0.6))
    claim = "nine equal scores, patience 4: the first, after 5"
    expect_close(stop_early(np.full(9, level), 4), (0, 5), claim)
    rising = rng.uniform(0.1, 1, size=7).cumsum()
    expect_close(stop_early(rising, 2), (6, 7), "scores that only rise: the last, after all")
    falling = rising[::-1]
    expect_close(stop_early(falling, 9), (0, 7), "a patience that never runs out: all are trained")
    expect_close(stop_early(falling, 6), (0, 7), "one that runs out with the last score: all, too")
    expect_close(stop_early(rising[:1], 2), (0, 1), "a single score is the best one")


@stopping.check(1, "no scores, or a patience below 1, raise ValueError")
def refuses(stop_early: Any, rng: np.random.Generator) -> None:
    expect_error(lambda: stop_early(np.zeros(0), 2), ValueError, "no scores, no best epoch")
    for patience in (0, -int(rng.integers(1, 5))):
        expect_error(
            partial(stop_early, rng.uniform(size=5), patience),
            ValueError,
            "a patience below 1 would never train",
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
    "the best of all the scores, and patience after it",
    "The best score of all may come after training had stopped. Go through the epochs in order: "
    "what is best so far decides when to stop.",
)
def patience_after_best(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    best = int(np.argmax(scores))
    return best, min(len(scores), best + 1 + patience)


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


@stopping.wrong(
    "the best score begins at 0",
    "Scores may lie below 0 (a loss with a minus does), and then none of them is ever the best. "
    "Begin with the first score.",
)
def begins_at_zero(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    best, highest = 0, 0.0
    for epoch, score in enumerate(scores):
        if score > highest:
            best, highest = epoch, score
        if epoch - best >= patience:
            return best, epoch + 1
    return best, len(scores)


@stopping.wrong(
    "the count is never set back",
    "A better epoch starts the count anew: patience is about epochs in a row.",
)
def never_set_back(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    best = waited = 0
    for epoch in range(1, len(scores)):
        if scores[epoch] > scores[best]:
            best = epoch
        else:
            waited += 1
        if waited >= patience:
            return best, epoch + 1
    return best, len(scores)


@stopping.wrong(
    "the number of epochs counted from 0",
    "When training stops in epoch 4, counted from 0, five epochs were trained.",
)
def one_less(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    best, trained = stopped(scores, patience)
    return best, trained - 1


@stopping.wrong(
    "the best epoch counted from 1",
    "The best epoch is an index into the scores, and the first index is 0.",
)
def one_more(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    best, trained = stopped(scores, patience)
    return best + 1, trained


@stopping.wrong(
    "the last of several equal scores",
    "Where several epochs are equally good, go back to the first: it needed less training.",
)
def last_of_equals(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    trained = stopped(scores, patience)[1]
    return trained - 1 - int(np.argmax(np.asarray(scores)[:trained][::-1])), trained


@stopping.wrong(
    "small rises not counted",
    "Some libraries ask for a rise of some size. Here a score is better if it is higher, by "
    "however little.",
)
def some_rise(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    best = 0
    for epoch, score in enumerate(scores):
        if score > scores[best] + 1e-4:
            best = epoch
        if epoch - best >= patience:
            return best, epoch + 1
    return best, len(scores)


@stopping.wrong(
    "never stopped",
    "All the scores were looked at. Training ends after `patience` epochs without a better one, "
    "and what comes later is not known.",
)
def never(scores: Any, patience: int) -> tuple[int, int]:
    usable(scores, patience)
    return int(np.argmax(scores)), len(scores)


# 04.5

baseline = Exercise(
    "04.5",
    "A table with ±",
    function="compare",
    signature="compare(scores: (models, seeds)) -> (mean, sd, gap, error), each (models,)",
    difficulty=2,
    importance=4,
    minutes=30,
    read=f"{READ}#the-rule-for-comparing",
)


def table(scores: Array) -> list[Array]:
    gaps = scores - scores[0]
    return [
        scores.mean(axis=1),
        scores.std(axis=1, ddof=1),
        gaps.mean(axis=1),
        gaps.std(axis=1, ddof=1) / np.sqrt(scores.shape[1]),
    ]


def drawn_table(rng: np.random.Generator, seeds: int | None = None) -> Array:
    """Row 0 is neither the best nor the worst, nor is the last row."""
    models, drawn = (int(n) for n in rng.choice(np.arange(4, 9), 2, replace=False))
    seeds = drawn if seeds is None else seeds
    ability = np.insert(rng.permutation(models - 1) + 1.0, 0, models / 2)
    luck = rng.normal(scale=5, size=seeds)  # of the split, and the same for all models
    return 60 + 4 * ability[:, None] + luck + rng.normal(size=(models, seeds))


@baseline.check(1, "mean over the seeds")
def means(compare: Any, rng: np.random.Generator) -> None:
    whole = drawn_table(rng)
    for scores in (whole, whole[:1]):
        mean = compare(scores)[0]
        expect_shape(mean, scores.shape[:1], "a mean for each model")
        near(mean, table(scores)[0], "the mean of a model's seeds")


@baseline.check(1, "sd of the runs")
def spreads(compare: Any, rng: np.random.Generator) -> None:
    whole = drawn_table(rng)
    for scores in (whole, drawn_table(rng, seeds=2), whole[:1]):
        sd = compare(scores)[1]
        expect_shape(sd, scores.shape[:1], "an sd for each model")
        claim = "squares summed, divided by the number of seeds less one; the root"
        near(sd, table(scores)[1], claim)


@baseline.check(1, "difference from the baseline, seed by seed, and its uncertainty")
def paired(compare: Any, rng: np.random.Generator) -> None:
    whole = drawn_table(rng)
    for scores in (whole, drawn_table(rng, seeds=3), whole[:1]):
        _, _, gap, error = compare(scores)
        _, _, want_gap, want_error = table(scores)
        expect_shape(gap, scores.shape[:1], "a difference for each model, the baseline included")
        near(gap, want_gap, "the mean difference from row 0, the baseline")
        near(error, want_error, "the sd of the differences, over the root of the number of seeds")


@baseline.check(1, "a single seed, and a run that is not finite, raise ValueError")
def refuses_one(compare: Any, rng: np.random.Generator) -> None:
    whole = drawn_table(rng)
    expect_error(lambda: compare(whole[:, :1]), ValueError, "one run has no spread")
    for model in (-1, 0, 1):  # the baseline among them
        for value in (np.nan, np.inf, -np.inf):
            scores = whole.copy()
            scores[model, rng.integers(scores.shape[1])] = value
            expect_error(
                partial(compare, scores),
                ValueError,
                f"a run that ended with {value} must not be left out in silence",
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
    "diverged runs dropped",
    "A recipe that fails in one run of five is not as good as its four other runs. Do not leave "
    "the failure out: say so, with a ValueError.",
)
def dropped(scores: Array) -> tuple:
    enough(np.where(np.isfinite(scores), scores, 0))
    gaps = scores - scores[0]
    error = np.nanstd(gaps, axis=1, ddof=1) / np.sqrt(scores.shape[1])
    sd = np.nanstd(scores, axis=1, ddof=1)
    return np.nanmean(scores, axis=1), sd, np.nanmean(gaps, axis=1), error


@baseline.wrong(
    "the baseline minus the model",
    "The difference is model minus baseline: above 0 where the model is better.",
)
def sign(scores: Array) -> tuple:
    enough(scores)
    mean, sd, gap, error = table(scores)
    return mean, sd, -gap, error


@baseline.wrong(
    "the spread of the model's own runs",
    "The uncertainty of a difference comes from the differences. The model's own runs spread with "
    "the splits too, which are the same for both and cancel.",
)
def own_spread(scores: Array) -> tuple:
    enough(scores)
    mean, sd, gap, _ = table(scores)
    return mean, sd, gap, sd / np.sqrt(scores.shape[1])


@baseline.wrong(
    "divided by n, not by its root",
    "The mean of n differences varies less than one difference by the factor √n, not n.",
)
def by_n_itself(scores: Array) -> tuple:
    enough(scores)
    mean, sd, gap, error = table(scores)
    return mean, sd, gap, error / np.sqrt(scores.shape[1])


@baseline.wrong(
    "the variance for the sd",
    "The mean of the squared deviations is the variance. The sd is its root, in the unit of the "
    "scores.",
)
def variance(scores: Array) -> tuple:
    enough(scores)
    mean, sd, gap, error = table(scores)
    return mean, sd**2, gap, error


@baseline.wrong(
    "infinite runs let through",
    "A score can be infinite as well as NaN, and the mean with it. np.isfinite sees both.",
)
def only_nan(scores: Array) -> tuple:
    enough(np.nan_to_num(scores, nan=np.nan, posinf=0, neginf=0))
    return tuple(table(scores))


@baseline.wrong(
    "one run accepted",
    "One run has no spread: neither 0 nor NaN is one. Two seeds are the least.",
)
def one_run(scores: Array) -> tuple:
    if not np.isfinite(scores).all():
        raise ValueError("a run did not finish")
    return tuple(np.nan_to_num(column) for column in table(scores))


@baseline.wrong(
    "two seeds refused",
    "Two runs are few, and they have a mean and a spread. Fewer than two have none.",
)
def two_refused(scores: Array) -> tuple:
    if scores.shape[1] == 2:
        raise ValueError("three seeds at least")
    enough(scores)
    return tuple(table(scores))
