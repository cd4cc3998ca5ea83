"""Chapter 09, blocks and order: layer norm, equivariance, positions, dropout on weights."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np

from ...gradcheck import numerical_gradient
from ..checking.exercise import Exercise
from ..checking.expecting import expect_close, expect_error, expect_shape
from . import common
from .common import near, reacts

sizes = partial(common.sizes, high=9)

Array = np.ndarray

READ = "09_blocks_and_order.md"


# 09.1

both_ways = Exercise(
    "09.1",
    "Layer norm, there and back",
    function="layer_norm",
    signature=(
        "layer_norm(x: (..., D), weight: (D,), bias: (D,), gradient: (..., D), eps: float)"
        " -> (y, g_x, g_weight, g_bias), y shaped as x, the others as what they belong to"
    ),
    difficulty=4,
    importance=4,
    minutes=45,
    read=f"{READ}#the-matrix-version",
)


FAR = 1e8  # its square has no digits left for a variance of about 1


def draw_norm(rng: np.random.Generator) -> tuple[Array, Array, Array, Array, float]:
    b, n, d = sizes(rng, 3)
    x = rng.normal(loc=2.0, scale=1.5, size=(b, n, d))
    # A large eps, so that its place shows; an uneven gradient, since a constant one hides faults.
    return x, *rng.normal(size=(2, d)), rng.normal(size=x.shape), float(rng.uniform(0.2, 0.6))


def cuts(x: Array, gradient: Array) -> list[tuple[Array, Array]]:
    """Three axes, four, one; each size at 1."""
    pairs = [(x, gradient), (x[:, None], gradient[:, None]), (x[0, 0], gradient[0, 0])]
    return pairs + [(x[i], gradient[i]) for i in (np.s_[:1], np.s_[:, :1], np.s_[:, :, :1])]


def normed(x: Array, weight: Array, bias: Array, eps: float) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    return weight * centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps) + bias


@both_ways.check(1, "y: each row by itself brought to mean 0 and variance 1, scaled and shifted")
def forward(layer_norm: Any, rng: np.random.Generator) -> None:
    drawn, weight, bias, slopes, eps = draw_norm(rng)
    # Also one token alone, and blocks of scenes.
    parts = [(part, slopes[i]) for i, part in ((0, drawn[0]), ((0, 0), drawn[0, 0]))]
    for x, gradient in ((drawn, slopes), *parts, (drawn[None], slopes[None])):
        y = layer_norm(x, weight, bias, gradient, eps)[0]
        expect_shape(y, x.shape, "y has the shape of x")
        near(y, normed(x, weight, bias, eps), "y is the norm of each row, by weight, plus bias")
    far = drawn.copy()
    far[-1, 1] += FAR
    y = np.asarray(layer_norm(far, weight, bias, slopes, eps)[0])
    want = normed(far, weight, bias, eps)
    near(y[-1, 1], want[-1, 1], f"a row around {FAR:,.0f} is normed as well as one around 0")


@both_ways.check(2, "g_x agrees with central differences")
def for_x(layer_norm: Any, rng: np.random.Generator) -> None:
    drawn, weight, bias, slopes, eps = draw_norm(rng)
    for x, gradient in cuts(drawn, slopes):
        d = x.shape[-1]
        given = weight[:d], bias[:d]
        got = layer_norm(x, *given, gradient, eps)[1]
        expect_shape(got, x.shape, "g_x has the shape of x")

        def loss(x: Array, given: tuple = given, gradient: Array = gradient) -> float:
            return float((gradient * normed(x, given[0], given[1], eps)).sum())

        near(got, numerical_gradient(loss, [x], 0, 1e-5), "g_x is the slope of Σ gradient · y")


@both_ways.check(1, "g_weight and g_bias collect from every row")
def for_parameters(layer_norm: Any, rng: np.random.Generator) -> None:
    drawn, weights, biases, slopes, eps = draw_norm(rng)
    weights[0] = 0.0  # a column of y that tells nothing of x
    for x, gradient in cuts(drawn, slopes):
        weight, bias = weights[: x.shape[-1]], biases[: x.shape[-1]]
        _, _, g_weight, g_bias = layer_norm(x, weight, bias, gradient, eps)
        expect_shape(g_weight, weight.shape, "g_weight has the shape of weight")
        expect_shape(g_bias, bias.shape, "g_bias has the shape of bias")
        u = normed(x, np.ones_like(weight), np.zeros_like(bias), eps)
        for got, want, name in ((g_weight, gradient * u, "weight"), (g_bias, gradient, "bias")):
            near(got, collect(want), f"g_{name} is the slope of Σ gradient · y")


@both_ways.check(1, "a constant row gives the bias, and a finite gradient that sums to 0")
def constant_row(layer_norm: Any, rng: np.random.Generator) -> None:
    x, weight, bias, gradient, eps = draw_norm(rng)
    x[0, 0] = rng.normal()
    y, g_x, _, _ = layer_norm(x, weight, bias, gradient, eps)
    expect_shape(g_x, x.shape, "g_x has the shape of x")
    near(np.asarray(y)[0, 0], bias, "a constant row becomes the bias: its own numbers are gone")
    uneven = weight * gradient[0, 0]
    want = (uneven - uneven.mean()) / np.sqrt(eps)
    near(np.asarray(g_x)[0, 0], want, "its gradient is the centred one, divided by √ε")


def norm_parts(x: Array, eps: float, axis: Any = -1) -> tuple[Array, Array]:
    centred = x - x.mean(axis=axis, keepdims=True)
    inverse = 1 / np.sqrt((centred**2).mean(axis=axis, keepdims=True) + eps)
    return centred * inverse, inverse


def collect(product: Array) -> Array:
    return product.sum(axis=tuple(range(product.ndim - 1)))


@both_ways.wrong(
    "mean and deviation held constant",
    "The gradient was only scaled. The mean and the deviation depend on x too: what moves all "
    "numbers alike, and what stretches them, is undone by the norm and must be taken out.",
)
def held_constant(x: Array, weight: Array, bias: Array, gradient: Array, eps: float) -> tuple:
    u, inverse = norm_parts(x, eps)
    g = gradient * weight * inverse
    return weight * u + bias, g, collect(gradient * u), collect(gradient)


@both_ways.wrong(
    "the deviation held constant",
    "The mean is taken out of the gradient, but the deviation depends on x as well: the part "
    "along u, u times the mean of g ⊙ u, is missing.",
)
def deviation_constant(x: Array, weight: Array, bias: Array, gradient: Array, eps: float) -> tuple:
    u, inverse = norm_parts(x, eps)
    g = gradient * weight
    g_x = inverse * (g - g.mean(axis=-1, keepdims=True))
    return weight * u + bias, g_x, collect(gradient * u), collect(gradient)


@both_ways.wrong(
    "the weight forgotten on the way back",
    "What arrives at the normalised row is gradient ⊙ weight, not the gradient itself: y is the "
    "normalised row times the weight.",
)
def weight_forgotten(x: Array, weight: Array, bias: Array, gradient: Array, eps: float) -> tuple:
    u, inverse = norm_parts(x, eps)
    return weight * u + bias, back(gradient, u, inverse), collect(gradient * u), collect(gradient)


@both_ways.wrong(
    "norm over the tokens",
    "The mean is taken over the tokens, so each token's output depends on the others, also on "
    "later ones. Layer norm looks at one token: the last axis.",
)
def over_tokens(x: Array, weight: Array, bias: Array, gradient: Array, eps: float) -> tuple:
    u, inverse = norm_parts(x, eps, axis=-2)
    g_x = back(gradient * weight, u, inverse, axis=-2)
    return weight * u + bias, g_x, collect(gradient * u), collect(gradient)


@both_ways.wrong(
    "ε outside the root",
    "ε is added to the variance, under the root. Added to the deviation, it is another function, "
    "and its gradient at a constant row divides by 0.",
)
def eps_outside(x: Array, weight: Array, bias: Array, gradient: Array, eps: float) -> tuple:
    centred = x - x.mean(axis=-1, keepdims=True)
    inverse = 1 / (x.std(axis=-1, keepdims=True) + eps)
    u = centred * inverse
    g_x = back(gradient * weight, u, inverse)
    return weight * u + bias, g_x, collect(gradient * u), collect(gradient)


@both_ways.wrong(
    "the variance as a difference of squares",
    "The mean of x² minus the square of the mean is the variance on paper. On a machine two huge "
    "numbers that agree in all their digits leave none: subtract the mean first, then square.",
)
def difference_of_squares(
    x: Array, weight: Array, bias: Array, gradient: Array, eps: float
) -> tuple:
    mean = x.mean(axis=-1, keepdims=True)
    spread = np.maximum((x * x).mean(axis=-1, keepdims=True) - mean**2, 0)
    inverse = 1 / np.sqrt(spread + eps)
    u = (x - mean) * inverse
    g_x = back(gradient * weight, u, inverse)
    return weight * u + bias, g_x, collect(gradient * u), collect(gradient)


@both_ways.wrong(
    "the variance divided by D − 1",
    "That is the estimate of a variance from a sample (ddof=1). Layer norm divides by the number "
    "of columns, D.",
)
def sample_variance(x: Array, weight: Array, bias: Array, gradient: Array, eps: float) -> tuple:
    inverse = 1 / np.sqrt(x.var(axis=-1, ddof=1, keepdims=True) + eps)
    u = (x - x.mean(axis=-1, keepdims=True)) * inverse
    g_x = back(gradient * weight, u, inverse)
    return weight * u + bias, g_x, collect(gradient * u), collect(gradient)


@both_ways.wrong(
    "no ε",
    "Without ε a constant row has deviation 0, and 0 / 0 is NaN: such rows exist, empty patches "
    "for one.",
)
def no_eps(x: Array, weight: Array, bias: Array, gradient: Array, eps: float) -> tuple:
    u, inverse = norm_parts(x, 0.0)
    g_x = back(gradient * weight, u, inverse)
    return weight * u + bias, g_x, collect(gradient * u), collect(gradient)


@both_ways.wrong(
    "one row's gradient for the parameters",
    "weight and bias serve every row, so their gradients collect from every row: sum over all "
    "axes but the last, not over the last, nor over one of them.",
)
def not_collected(x: Array, weight: Array, bias: Array, gradient: Array, eps: float) -> tuple:
    u, inverse = norm_parts(x, eps)
    g_x = back(gradient * weight, u, inverse)
    return weight * u + bias, g_x, (gradient * u).sum(axis=0), gradient.sum(axis=0)


@both_ways.wrong(
    "the mean in place of the sum",
    "A parameter that is used in many rows gets the sum of their gradients. The mean is smaller "
    "by the number of rows.",
)
def mean_for_sum(x: Array, weight: Array, bias: Array, gradient: Array, eps: float) -> tuple:
    u, inverse = norm_parts(x, eps)
    g_x = back(gradient * weight, u, inverse)
    axes = tuple(range(x.ndim - 1))
    return weight * u + bias, g_x, (gradient * u).mean(axis=axes), gradient.mean(axis=axes)


def back(g: Array, u: Array, inverse: Array, axis: int = -1) -> Array:
    along = u * (g * u).mean(axis=axis, keepdims=True)
    return inverse * (g - g.mean(axis=axis, keepdims=True) - along)


# 09.2

notice = Exercise(
    "09.2",
    "Does it notice the shuffle?",
    function="notices",
    signature=(
        "notices(outputs: (B, N, d), shuffled: (B, N, d), order: (B, N) integers)"
        " -> (equivariance, invariance), two numbers"
    ),
    difficulty=3,
    importance=5,
    minutes=35,
    read=f"{READ}#break-it",
)


def draw_orders(rng: np.random.Generator, b: int, n: int) -> Array:
    """An order for each scene: a ring of all tokens, turned by one in the last scene, elsewhere by
    more, so that no token comes where this order, or its inverse, brings it. No two change places.
    """
    ring, order = rng.permutation(n), np.zeros((b, n), int)
    turns = rng.choice([turn for turn in range(2, n - 1) if 2 * turn != n], b)
    turns[-1] = 1
    for row, turn in zip(order, turns, strict=True):
        row[ring] = np.roll(ring, turn)
    return order


def reorder(x: Array, order: Array) -> Array:
    return np.take_along_axis(x, order[:, :, None], axis=1)


def attended(x: Array, matrices: Array) -> Array:
    """Self-attention of one head; the last number of each token goes past it."""
    x, past = x[..., :-1], x[..., -1:]
    q, k, v = (x @ m for m in matrices)
    e = np.exp(q @ k.swapaxes(-1, -2) / x.shape[-1])
    return np.concatenate([e / e.sum(axis=-1, keepdims=True) @ v, past], axis=-1)


def draw_scene(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    b, n, d = sizes(rng, 3)
    n += 2  # of three or four tokens there are no such orders
    x, order = rng.normal(size=(b, n, d)), draw_orders(rng, b, n)
    # The largest difference of all: in the last scene -20 comes where 20 was.
    high = order[-1, -1]
    x[-1, [high, order[-1, high]], -1] = 20, -20
    return x, order, rng.normal(size=(3, d - 1, d - 1)) / np.sqrt(d - 1)


def distances(outputs: Array, shuffled: Array, order: Array) -> tuple[float, float]:
    return (
        float(np.abs(shuffled - reorder(outputs, order)).max()),
        float(np.abs(shuffled - outputs).max()),
    )


@notice.check(2, "self-attention: equivariance 0, invariance not")
def of_attention(notices: Any, rng: np.random.Generator) -> None:
    x, order, matrices = draw_scene(rng)
    outputs, shuffled = attended(x, matrices), attended(reorder(x, order), matrices)
    got = notices(outputs, shuffled, order)
    near(got, distances(outputs, shuffled, order), "both numbers, for self-attention")
    tokens = x.shape[1]
    for scene, pair in ((0, (0, 1)), (len(x) - 1, (tokens - 2, tokens - 1))):
        order = np.tile(np.arange(tokens), (len(x), 1))
        order[scene, list(pair)] = pair[::-1]
        shuffled = attended(reorder(x, order), matrices)
        got = notices(outputs, shuffled, order)
        claim = "also where two tokens of one scene change places, and all else stays"
        near(got, distances(outputs, shuffled, order), claim)
    for scene in (0, -1):  # the first scene stays, and of the last the first token
        shuffled[scene, 0, 0] -= 50.0
        got = notices(outputs, shuffled, order)
        claim = "also where the largest difference is at a token that stays"
        near(got, distances(outputs, shuffled, order), claim)
        shuffled[scene, 0, 0] += 50.0
    for b, n, d in ((1, 4, 3), (3, 2, 4), (4, 3, 1)):
        order = np.tile(np.roll(np.arange(n), 1), (b, 1))
        outputs, shuffled = rng.normal(size=(2, b, n, d))
        got = notices(outputs, shuffled, order)
        near(got, distances(outputs, shuffled, order), f"outputs of shape {b, n, d}")


@notice.check(1, "the mean over the tokens, handed to each of them: invariance 0")
def of_a_mean(notices: Any, rng: np.random.Generator) -> None:
    x, order, matrices = draw_scene(rng)
    # Some sign of place is left on the outputs, so that the reordered ones differ; the largest
    # difference is that of the last scene, and below 0.
    place = rng.normal(size=x.shape[1:])
    place[:, -1] -= x[-1, :, -1]
    outputs = attended(x, matrices).mean(axis=1, keepdims=True) + place
    shuffled = attended(reorder(x, order), matrices).mean(axis=1, keepdims=True) + place
    got = notices(outputs, shuffled, order)
    near(got, distances(outputs, shuffled, order), "both numbers, for a mean over the tokens")


@notice.check(1, "positions added: neither is 0, and the largest difference counts")
def of_positions(notices: Any, rng: np.random.Generator) -> None:
    x, order, matrices = draw_scene(rng)
    place = rng.normal(size=x.shape[1:])
    outputs = attended(x + place, matrices)
    shuffled = attended(reorder(x, order) + place, matrices)
    # One output far below all others, the first, the last, any: a difference has no sign.
    first, last = (0, 0, 0), tuple(n - 1 for n in shuffled.shape)
    for where in (first, last, tuple(rng.integers(shuffled.shape))):
        off = shuffled.copy()
        off[where] -= 100.0
        got = notices(outputs, off, order)
        near(got, distances(outputs, off, order), "both numbers, with positions")


@notice.check(1, "what is no order, or moves nothing, raises ValueError")
def bad_orders(notices: Any, rng: np.random.Generator) -> None:
    x, order, matrices = draw_scene(rng)
    outputs, shuffled = attended(x, matrices), attended(reorder(x, order), matrices)
    # Nothing moved by an order: 0 and 0 where outputs are alike at every token.
    alike = np.ones_like(outputs)
    none = notices(alike, alike, order)
    near(none, (0.0, 0.0), "an order that is one is taken")
    reacts(none, notices(outputs, shuffled, order), "outputs that differ give other numbers")
    near(notices(outputs, outputs, order)[1], 0.0, "outputs that are the same do not differ")
    tokens, any_scene = x.shape[1], int(rng.integers(len(order)))
    middle = tokens // 2  # of a token in the middle the least, the largest and the sum can stay
    for scene, token, called, what in (
        (0, 0, 1, "here a token comes twice"),
        (len(order) - 1, tokens - 1, 1, "here a token comes twice"),
        (any_scene, middle, middle - 1, "here a token comes twice"),
        (any_scene, tokens - 1, -1, "here one is called -1"),
        (any_scene, 1, -1, "here 1 is called -1"),
        (any_scene, 0, tokens, "here one is called N"),
    ):
        bad = order.copy()
        bad[scene][order[scene] == token] = called
        expect_error(
            partial(notices, outputs, shuffled, bad),
            ValueError,
            f"an order has each of 0 … N − 1 once; {what}, in one scene",
        )
    twice = order.copy()  # 0, 0, 3, 3: two tokens come twice, and the sum is what it was
    row = order[any_scene]
    twice[any_scene][row == 1], twice[any_scene][row == 2] = 0, 3
    expect_error(
        partial(notices, outputs, shuffled, twice),
        ValueError,
        "an order has each of 0 … N − 1 once; here two tokens come twice",
    )
    mixed = order.copy()  # 0 twice in one scene, 1 twice in another: as often as there are scenes
    mixed[0][order[0] == 1], mixed[1][order[1] == 0] = 0, 1
    expect_error(
        partial(notices, outputs, shuffled, mixed),
        ValueError,
        "an order has each of 0 … N − 1 once; here one scene has the token that another lacks",
    )
    still = np.tile(np.arange(x.shape[1]), (len(x), 1))
    expect_error(
        lambda: notices(outputs, outputs, still),
        ValueError,
        "an order that moves nothing proves nothing",
    )


def refuse_orders(order: Array) -> None:
    places = np.arange(order.shape[1])
    if not (np.sort(order, axis=1) == places).all():
        raise ValueError("an order has each token once")
    if (order == places).all():
        raise ValueError("this order moves nothing")


@notice.wrong(
    "the order applied backwards",
    "Token i of the shuffled input is token order[i] of the input, so output i must be compared "
    "with outputs[order[i]]. argsort(order) is the way back, not the way there.",
)
def backwards(outputs: Array, shuffled: Array, order: Array) -> tuple:
    refuse_orders(order)
    return distances(outputs, shuffled, np.argsort(order, axis=1))


@notice.wrong(
    "one scene's order for all",
    "Each scene has an order of its own: row b of order belongs to scene b. Here the first one "
    "served for all.",
)
def first_order(outputs: Array, shuffled: Array, order: Array) -> tuple:
    refuse_orders(order)
    return distances(outputs, shuffled, np.tile(order[:1], (len(order), 1)))


@notice.wrong(
    "the sign left on",
    "The largest difference without its sign taken off: an output that is far too small counts "
    "for nothing. Take absolute values first.",
)
def signed(outputs: Array, shuffled: Array, order: Array) -> tuple:
    refuse_orders(order)
    return (
        float((shuffled - reorder(outputs, order)).max()),
        float((shuffled - outputs).max()),
    )


@notice.wrong(
    "the mean difference",
    "A mean lets one wrong output drown among many right ones. The largest difference cannot.",
)
def mean_difference(outputs: Array, shuffled: Array, order: Array) -> tuple:
    refuse_orders(order)
    return (
        float(np.abs(shuffled - reorder(outputs, order)).mean()),
        float(np.abs(shuffled - outputs).mean()),
    )


@notice.wrong(
    "equivariance and invariance changed places",
    "Equivariant: the outputs come in the new order. Invariant: they do not change at all. "
    "Self-attention is the first, a mean over its outputs the second.",
)
def swapped(outputs: Array, shuffled: Array, order: Array) -> tuple:
    refuse_orders(order)
    return distances(outputs, shuffled, order)[::-1]


@notice.wrong(
    "the order is not looked at, or by halves",
    "With an order that moves nothing every layer seems equivariant, and with a token twice the "
    "comparison means nothing. Look before you use it whether each token is there, once.",
)
def no_look(outputs: Array, shuffled: Array, order: Array) -> tuple:
    return distances(outputs, shuffled, order)


@notice.wrong(
    "one scene that stays is refused",
    "An order is refused only if it moves no token at all. Where one scene stays and the others "
    "move, the comparison still shows something: `all` over the whole array, not `any` over rows.",
)
def one_stays(outputs: Array, shuffled: Array, order: Array) -> tuple:
    refuse_orders(order)
    if (order == np.arange(order.shape[1])).all(axis=1).any():
        raise ValueError("this order moves nothing in one scene")
    return distances(outputs, shuffled, order)


@notice.wrong(
    "only tokens that come twice are found",
    "As many different numbers as places is not enough: −1, or N, is no token, though NumPy takes "
    "−1 for the last one. Compare the sorted row with 0, 1, 2, …",
)
def only_doubles(outputs: Array, shuffled: Array, order: Array) -> tuple:
    tokens = order.shape[1]
    if any(len(set(row.tolist())) < tokens for row in order):
        raise ValueError("a token comes twice")
    if (order == np.arange(tokens)).all():
        raise ValueError("this order moves nothing")
    return distances(outputs, shuffled, order)


@notice.wrong(
    "outputs sorted before they are compared",
    "Sorting finds whether the same numbers are there, wherever they are. Equivariance says where "
    "each must be.",
)
def sorted_first(outputs: Array, shuffled: Array, order: Array) -> tuple:
    refuse_orders(order)
    gap = np.abs(np.sort(shuffled, axis=1) - np.sort(outputs, axis=1)).max()
    return float(gap), float(np.abs(shuffled - outputs).max())


# 09.3

places_of = Exercise(
    "09.3",
    "Waves for places",
    function="positions",
    signature="positions(places: (N,), dim: int) -> (N, dim)",
    difficulty=2,
    importance=3,
    minutes=25,
    read=f"{READ}#the-formulas-mended",
)


def wave(place: float, column: int, dim: int) -> float:
    angle = place / 10000 ** (2 * (column // 2) / dim)
    return float(np.cos(angle) if column % 2 else np.sin(angle))


def waves(places: Array, dim: int) -> Array:
    return np.array([[wave(p, c, dim) for c in range(dim)] for p in places])


def draw_places(rng: np.random.Generator) -> tuple[Array, int]:
    """Places between tokens, the first one far on: there a rate a little off shows."""
    n, half = sizes(rng, 2)
    places = rng.integers(1, 60, size=n) + rng.uniform(0.1, 0.4)
    places[0] += 5000
    places[1], places[2] = -places[1], 0.0
    return places, 2 * half


@places_of.check(2, "each number is the sine or cosine that the formula says")
def by_formula(positions: Any, rng: np.random.Generator) -> None:
    places, dim = draw_places(rng)
    got = positions(places, dim)
    expect_shape(got, (len(places), dim), "a row for each place")
    near(got, waves(places, dim), "sin in even columns, cos in odd ones, of p / 10000^(2i/dim)")
    near(positions(places, 2), waves(places, 2), "also where there is one pair of columns only")
    whole = np.array([0, 7, -3, 5000])  # integers, as tokens are counted
    near(positions(whole, dim), waves(whole, dim), "also where the places are integers")
    alone = positions(places[1:2], dim)
    expect_shape(alone, (1, dim), "one place alone: still a list of rows")
    near(alone, waves(places[1:2], dim), "and where there is one place only")


@places_of.check(1, "the dot product of two rows depends on the distance alone")
def by_distance(positions: Any, rng: np.random.Generator) -> None:
    places, dim = draw_places(rng)
    here = np.asarray(positions(places, dim))
    there = np.asarray(positions(places + float(rng.uniform(5, 9)), dim))
    expect_shape(here, (len(places), dim), "a row for each place")
    reacts(here, there, "another place has another row")
    near(there @ there.T, here @ here.T, "all places moved alike: the dot products stay")
    apart = places[:, None, None] - places[:, None]
    want = np.cos(apart / 10000 ** (np.arange(0, dim, 2) / dim)).sum(axis=-1)
    near(here @ here.T, want, "the dot product is the sum of the cosines of distance times rate")
    near((here**2).sum(axis=1), np.full(len(places), dim / 2), "every row has the same length")


@places_of.check(1, "a shift turns each pair of columns by an angle of its own")
def by_turning(positions: Any, rng: np.random.Generator) -> None:
    places, dim = draw_places(rng)
    shift = float(rng.uniform(0.5, 2.0))
    here, there = np.asarray(positions(places, dim)), np.asarray(positions(places + shift, dim))
    expect_shape(there, (len(places), dim), "a row for each place")
    reacts(here, there, "another place has another row")
    angle = shift / 10000 ** (np.arange(0, dim, 2) / dim)
    s, c = here[:, 0::2], here[:, 1::2]
    near(there[:, 0::2], s * np.cos(angle) + c * np.sin(angle), "sin(a + b) of each even column")
    near(there[:, 1::2], c * np.cos(angle) - s * np.sin(angle), "cos(a + b) of each odd column")


@places_of.check(1, "an odd width raises ValueError: sines and cosines come in pairs")
def odd_width(positions: Any, rng: np.random.Generator) -> None:
    places, dim = draw_places(rng)
    for odd in (dim + 1, 1):
        expect_error(partial(positions, places, odd), ValueError, "an odd width has no last pair")


def angles(places: Array, dim: int) -> Array:
    if dim % 2:
        raise ValueError("dim must be even")
    return places[:, None] / 10000 ** (np.arange(0, dim, 2) / dim)


def in_turn(sines: Array, cosines: Array) -> Array:
    return np.stack([sines, cosines], axis=-1).reshape(len(sines), -1)


@places_of.wrong(
    "a rate for each column",
    "The exponent uses the column's number, so a sine and its cosine wave at different rates. A "
    "pair of columns shares its rate; only then does a shift turn the pair.",
)
def rate_each(places: Array, dim: int) -> Array:
    if dim % 2:
        raise ValueError("dim must be even")
    angle = places[:, None] / 10000 ** (np.arange(dim) / dim)
    return np.where(np.arange(dim) % 2 == 0, np.sin(angle), np.cos(angle))


@places_of.wrong(
    "all sines first",
    "The sines fill the first half and the cosines the second. It works as well, if everybody does "
    "it, but the formula has them in turn: sin, cos, sin, cos.",
)
def sines_first(places: Array, dim: int) -> Array:
    angle = angles(places, dim)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


@places_of.wrong(
    "cosine first",
    "Even columns, counted from 0, hold the sine. Place 0 is the row 0, 1, 0, 1, …",
)
def cosine_first(places: Array, dim: int) -> Array:
    angle = angles(places, dim)
    return in_turn(np.cos(angle), np.sin(angle))


@places_of.wrong(
    "multiplied by the rate's inverse",
    "The place is divided by 10000^(2i/dim), not multiplied: the waves become slower from left to "
    "right, not faster.",
)
def faster(places: Array, dim: int) -> Array:
    angles(places, dim)
    angle = places[:, None] * 10000 ** (np.arange(0, dim, 2) / dim)
    return in_turn(np.sin(angle), np.cos(angle))


@places_of.wrong(
    "the exponent halved",
    "The exponent is 2i / dim, where i counts pairs. With i / dim the slowest wave is far too "
    "fast.",
)
def half_exponent(places: Array, dim: int) -> Array:
    angles(places, dim)
    angle = places[:, None] / 10000 ** (np.arange(dim // 2) / dim)
    return in_turn(np.sin(angle), np.cos(angle))


@places_of.wrong(
    "places counted anew",
    "The rows were numbered 0, 1, 2, … instead of by the places given. A token's row must say "
    "where it stands, not which row it is in.",
)
def counted(places: Array, dim: int) -> Array:
    angle = angles(np.arange(len(places), dtype=float), dim)
    return in_turn(np.sin(angle), np.cos(angle))


@places_of.wrong(
    "an odd width cut short",
    "The last cosine was left out, without a word. With an odd width a shift cannot turn the last "
    "pair: refuse it.",
)
def cut_short(places: Array, dim: int) -> Array:
    return waves(places, dim)


# 09.4

thinned = Exercise(
    "09.4",
    "What dropping does to a row",
    function="drop",
    signature=(
        "drop(weights: (..., S), keep: (..., S) of bool, p: float)"
        " -> (dropped: (..., S), sums: (...,), sd: (...,))"
    ),
    difficulty=3,
    importance=2,
    minutes=30,
    read=f"{READ}#the-formulas-mended",
)


def draw_weights(rng: np.random.Generator, *, most: bool = False) -> tuple[Array, Array, float]:
    """Rows of weights, what is kept, and p: a few are dropped, or most."""
    n, s = sizes(rng, 2)
    weights = rng.dirichlet(np.full(s, 0.7), size=n)
    p = float(rng.uniform(0.9, 0.98) if most else rng.uniform(0.1, 0.4))
    keep = rng.random((n, s)) >= p
    keep[:, 0], keep[:, 1] = True, False  # in each row something is kept and something dropped
    return weights, keep, p


def every_keep(n: int, s: int) -> Array:
    """All ways to drop, for n rows alike: (2^s, n, s)."""
    ways = np.array(list(itertools.product([False, True], repeat=s)))
    return np.tile(ways[:, None], (1, n, 1))


@thinned.check(1, "what is kept is divided by 1 − p, what is dropped is 0; and the rows' sums")
def kept_and_sums(drop: Any, rng: np.random.Generator) -> None:
    weights, keep, p = draw_weights(rng)
    dropped, sums, _ = drop(weights, keep, p)
    want = np.where(keep, weights / (1 - p), 0.0)
    expect_shape(dropped, weights.shape, "dropped has the shape of the weights")
    near(dropped, want, "each weight is α / (1 − p) or 0")
    expect_shape(sums, weights.shape[:-1], "a sum for each row")
    near(sums, want.sum(axis=-1), "sums are those of the rows as dropped, not of the weights")
    row, total, _ = drop(weights[0], keep[0], p)
    near(row, want[0], "one row alone gives what it gives among others")
    near(total, want[0].sum(), "and so does its sum")
    for some in ([True], [False]):  # rows of one weight, all kept or all dropped; one such row
        for count in (len(weights), 1):
            ones, kept = np.ones((count, 1)), np.tile(some, (count, 1))
            row, total, sd = drop(ones, kept, p)
            near(row, kept / (1 - p), "also where a row is one weight")
            near(total, kept[:, 0] / (1 - p), "and its sum is that weight")
            near(sd, np.full(count, np.sqrt(p / (1 - p))), "its spread is that of one coin")
    none, nothing, _ = drop(weights, np.zeros_like(keep), p)
    near(none, 0 * weights, "where all is dropped, all is 0")
    near(nothing, 0 * want[:, 0], "and so are the sums")
    every, _, _ = drop(weights, np.ones_like(keep), p)
    near(every, weights / (1 - p), "where all is kept, all is divided by 1 − p")


@thinned.check(1, "on average over all ways to drop, the weights are as before")
def on_average(drop: Any, rng: np.random.Generator) -> None:
    weights, _, p = draw_weights(rng)
    ways = every_keep(*weights.shape)
    chance = np.prod(np.where(ways, 1 - p, p), axis=-1)
    dropped, sums, _ = drop(np.tile(weights, (len(ways), 1, 1)), ways, p)
    expect_shape(dropped, ways.shape, "dropped has the shape of the weights")
    expect_shape(sums, ways.shape[:-1], "a sum for each row")
    mean = (chance[..., None] * np.asarray(dropped)).sum(axis=0)
    near(mean, weights, "the average over all ways to drop, each by its chance, is α")
    near((chance * np.asarray(sums)).sum(axis=0), np.ones(len(weights)), "and the sums average 1")


@thinned.check(2, "sd is the spread of a row's sum over all ways to drop")
def spread(drop: Any, rng: np.random.Generator) -> None:
    for most in (False, True):
        weights, keep, p = draw_weights(rng, most=most)
        keep[0] = False  # sd does not depend on what was dropped
        ways = every_keep(*weights.shape)
        chance = np.prod(np.where(ways, 1 - p, p), axis=-1)
        totals = (ways * weights).sum(axis=-1) / (1 - p)
        want = np.sqrt((chance * (totals - 1) ** 2).sum(axis=0))
        sd = drop(weights, keep, p)[2]
        expect_shape(sd, weights.shape[:-1], "a spread for each row")
        claim = "sd agrees with all ways to drop, each by its chance"
        expect_close(sd, want, claim, rtol=1e-5, atol=1e-6)


@thinned.check(1, "p = 0 drops nothing; p = 1, more, or less than 0 raises ValueError")
def bad_p(drop: Any, rng: np.random.Generator) -> None:
    weights, keep, p = draw_weights(rng)
    dropped, sums, sd = drop(weights, np.ones_like(keep), 0.0)
    near(dropped, weights, "p = 0 leaves the weights as they are")
    near(sums, np.ones(len(weights)), "and the sums at 1")
    near(sd, np.zeros(len(weights)), "with no spread")
    drop(weights, keep, 1 - 1e-6)
    for bad in (1.0, 1.0 + p, -p, -1e-6):
        expect_error(
            partial(drop, weights, keep, bad),
            ValueError,
            "p is a probability to drop, and something must be kept",
        )


def refuse_p(p: float) -> None:
    if not 0 <= p < 1:
        raise ValueError("p must be in [0, 1)")


def true_sd(weights: Array, p: float) -> Array:
    return np.sqrt(p / (1 - p) * (weights**2).sum(axis=-1))


@thinned.wrong(
    "what is kept not divided by 1 − p",
    "Rows then sum to 1 − p on average: everything is smaller while training than afterwards. "
    "Dividing by 1 − p makes the average right.",
)
def not_divided(weights: Array, keep: Array, p: float) -> tuple:
    refuse_p(p)
    dropped = weights * keep
    return dropped, dropped.sum(axis=-1), np.sqrt(p * (1 - p) * (weights**2).sum(axis=-1))


@thinned.wrong(
    "divided by p",
    "p is the probability to drop. What is kept is kept with probability 1 − p, and is divided by "
    "that.",
)
def divided_by_p(weights: Array, keep: Array, p: float) -> tuple:
    refuse_p(p)
    dropped = weights * keep / p
    return dropped, dropped.sum(axis=-1), true_sd(weights, p)


@thinned.wrong(
    "rows made to sum to 1 again",
    "Dividing each row by its sum keeps the answer inside the hull, but it is not dropout: the "
    "average is no longer α, and a row in which all is dropped is 0 / 0.",
)
def renormalised(weights: Array, keep: Array, p: float) -> tuple:
    refuse_p(p)
    dropped = weights * keep
    dropped = dropped / dropped.sum(axis=-1, keepdims=True)
    return dropped, dropped.sum(axis=-1), true_sd(weights, p)


@thinned.wrong(
    "kept and dropped changed places",
    "keep is True where a weight stays. Here it went.",
)
def inverted(weights: Array, keep: Array, p: float) -> tuple:
    refuse_p(p)
    dropped = np.where(keep, 0.0, weights / (1 - p))
    return dropped, dropped.sum(axis=-1), true_sd(weights, p)


@thinned.wrong(
    "every weight taken for 1/S",
    "The spread was computed as if all weights were equal. It grows with Σ α²: a row with one "
    "large weight spreads most.",
)
def equal_weights(weights: Array, keep: Array, p: float) -> tuple:
    refuse_p(p)
    dropped = weights * keep / (1 - p)
    sd = np.full(weights.shape[:-1], np.sqrt(p / (1 - p) / weights.shape[-1]))
    return dropped, dropped.sum(axis=-1), sd


@thinned.wrong(
    "the variance in place of its root",
    "p / (1 − p) · Σ α² is the variance of the row's sum. The standard deviation is its root.",
)
def variance(weights: Array, keep: Array, p: float) -> tuple:
    refuse_p(p)
    dropped = weights * keep / (1 - p)
    return dropped, dropped.sum(axis=-1), true_sd(weights, p) ** 2


@thinned.wrong(
    "p = 0 refused",
    "Dropping nothing is a legal wish: every weight stays, and the spread is 0. The interval is "
    "[0, 1): closed at 0, open at 1.",
    raises=True,
)
def no_zero(weights: Array, keep: Array, p: float) -> tuple:
    if not 0 < p < 1:
        raise ValueError("p must be in (0, 1)")
    dropped = weights * keep / (1 - p)
    return dropped, dropped.sum(axis=-1), true_sd(weights, p)


@thinned.wrong(
    "any p accepted",
    "p has to be in [0, 1). With p = 1 nothing is kept, and 1 − p is 0: look before you divide, "
    "and raise ValueError.",
)
def any_p(weights: Array, keep: Array, p: float) -> tuple:
    dropped = weights * keep / (1 - p)
    return dropped, dropped.sum(axis=-1), true_sd(weights, p)
