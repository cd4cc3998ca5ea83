"""Chapter 06, one query: the three formulas, the loop, the convex hull, the gradient."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np

from ...gradcheck import numerical_gradient
from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_real, expect_shape
from .common import near, reacts, sizes, softmax, thousands_apart

Array = np.ndarray
Draw = tuple[Array, Array, Array]

READ = "06_one_query.md"


def draw_one(rng: np.random.Generator) -> Draw:
    """One query (d,), keys (S, d), values (S, d_v)."""
    s, d, d_v = sizes(rng, 3)
    return rng.normal(size=d), rng.normal(size=(s, d)), rng.normal(size=(s, d_v))


def draw_many(rng: np.random.Generator) -> Draw:
    """Queries (N, d), keys (S, d), values (S, d_v)."""
    n, s, d, d_v = sizes(rng, 4)
    return rng.normal(size=(n, d)), rng.normal(size=(s, d)), rng.normal(size=(s, d_v))


def scored(query: Array, key: Array, wanted: Array) -> Array:
    """Keys (S, d) with one more column, so that `(query, 1)` scores `wanted` (S,) with them."""
    return np.column_stack([key, wanted - key @ query])


def far_apart(rng: np.random.Generator, query: Array, key: Array) -> tuple[Array, Array]:
    """Queries and keys with one more column: rows of scores lie thousands apart, low and high,
    and in each row one key lies a thousand away from the others."""
    lift = np.ones((*key.shape[:-1], 1))
    lift[..., int(rng.integers(key.shape[-2])), :] = 1.5
    # Of any two problems, and of any two queries of one, one lies far above the other.
    offsets = thousands_apart(rng, int(np.prod(query.shape[:-1])))
    offsets = offsets.reshape(*query.shape[:-1], 1)
    return np.append(query, offsets, axis=-1), np.append(key, lift, axis=-1)


def by_definition(query: Array, key: Array, value: Array) -> Array:
    """The sum of α_i v_i, for each query (N, d), one after the other."""
    rows = []
    for q in query:
        alpha = softmax(np.array([q @ k for k in key]))
        rows.append(sum(a * v for a, v in zip(alpha, value, strict=True)))
    return np.array(rows)


# 06.1

formulas = Exercise(
    "06.1",
    "Mend the three formulas",
    function="mend",
    signature="mend(query: (d,), key: (S, d), value: (S, d_v)) -> (alpha, w, z)",
    difficulty=2,
    importance=4,
    minutes=30,
    read=f"{READ}#the-formulas-mended",
)


@formulas.check(1, "every key has a weight of its own, and the weights sum to 1")
def own_weights(mend: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_one(rng)
    alpha, _, _ = mend(query, key, value)
    expect_shape(alpha, (len(key),), "alpha has one weight for each key")
    near(np.sum(alpha), 1.0, "the weights sum to 1")
    positive = "every weight is positive"
    weights = expect_real(alpha, positive)
    expect(np.all(weights > 0), positive, got=alpha)
    score = key @ query
    differs = "log(α_i / α_1) is the difference of the scores, s_i − s_1"
    near(np.log(weights / weights[0]), score - score[0], differs)
    narrow = mend(query[:1], key[:, :1], value)[0]
    near(narrow, softmax(query[0] * key[:, 0]), "and so for a query of one number")
    near(mend(query, key[:1], value[:1])[0], [1.0], "a single key has the weight 1")


@formulas.check(1, "w_i = α_i v_i: a term for each key")
def terms(mend: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_one(rng)
    for count in (len(key), 1):  # of keys
        _, w, _ = mend(query, key[:count], value[:count])
        expect_shape(w, value[:count].shape, "w has one row for each key")
        want = softmax(key[:count] @ query)[:, None] * value[:count]
        near(w, want, "row i of w is α_i v_i")


@formulas.check(1, "z is the sum of the terms")
def sum_of_terms(mend: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_one(rng)
    for values in (value, value[:, :1]):
        _, _, z = mend(query, key, values)
        expect_shape(z, values.shape[1:], "z is one vector, as wide as a value")
        want = by_definition(query[None], key, values)[0]
        near(z, want, "z is the sum of α_i v_i over all keys")


@formulas.check(1, "scores of a thousand do not overflow")
def large_scores(mend: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_one(rng)
    small = rng.normal(size=len(key))
    spread = small + np.where(np.arange(len(key)) == rng.integers(len(key)), 1000.0, -1000.0)
    for what, wanted in (
        ("all about 1000", small + 1000),
        ("all about −1000", small - 1000),
        ("one about 1000, the others about −1000", spread),
    ):
        keys, asked = scored(query, key, wanted), np.append(query, 1.0)
        alpha, _, z = mend(asked, keys, value)
        want = softmax(keys @ asked)
        near(alpha, want, f"the weights are those of softmax: scores {what}")
        near(z, want @ value, "and so is z")


@formulas.check(1, "sizes that do not fit raise ValueError")
def bad_sizes(mend: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_one(rng)
    for other in (query[:-1], query[:1], np.append(query, 1.0)):
        expect_error(
            partial(mend, other, key, value), ValueError, "query and key must have the same width"
        )
    expect_error(
        lambda: mend(query, key[:, :1], value),
        ValueError,
        "keys of one number are refused, although NumPy would broadcast them",
    )
    for values in (value[:-1], np.vstack([value, value[:1]])):
        expect_error(partial(mend, query, key, values), ValueError, "there is one value a key")
    expect_error(
        lambda: mend(query, key, value[:1]),
        ValueError,
        "one value for several keys is refused, although NumPy would broadcast it",
    )
    expect_error(
        lambda: mend(query, key[:1], value),
        ValueError,
        "one key for several values is refused, although NumPy would broadcast its weight",
    )


@formulas.wrong(
    "one weight for all",
    "α has no index here, so every value gets the same number, and the weights do not sum to 1. "
    "A weight belongs to a key: α_i = exp(s_i) / Σ_j exp(s_j).",
)
def one_weight(query: Array, key: Array, value: Array) -> tuple:
    fits(query, key, value)
    e = np.exp(key @ query - (key @ query).max())
    alpha = e[-1] / e.sum()
    w = alpha * value
    return alpha, w, w.sum(axis=0)


@formulas.wrong(
    "w is the answer",
    "w_i = α_i v_i is one term. The answer is their sum over the keys, z = Σ_i w_i: one vector, "
    "in which every value has its share.",
)
def w_is_the_answer(query: Array, key: Array, value: Array) -> tuple:
    fits(query, key, value)
    alpha = softmax(key @ query)
    w = alpha[:, None] * value
    return alpha, w, w


@formulas.wrong(
    "no maximum subtracted",
    "exp(800) is too large for a 64-bit number, and inf / inf is NaN. Subtract the largest score "
    "from all of them first: the factor cancels, so the weights stay the same.",
)
def no_maximum(query: Array, key: Array, value: Array) -> tuple:
    fits(query, key, value)
    e = np.exp(key @ query)
    alpha = e / e.sum()
    w = alpha[:, None] * value
    return alpha, w, w.sum(axis=0)


@formulas.wrong(
    "scores divided by their sum",
    "Without the exponential a negative score gives a negative weight, and scores that sum to "
    "nearly 0 give huge ones. exp makes every score positive before the division.",
)
def no_exponential(query: Array, key: Array, value: Array) -> tuple:
    fits(query, key, value)
    score = key @ query
    alpha = score / score.sum()
    w = alpha[:, None] * value
    return alpha, w, w.sum(axis=0)


@formulas.wrong(
    "the mean of the terms",
    "The weights already sum to 1: Σ_i α_i v_i is a mean. Dividing by the number of keys shrinks "
    "it once more.",
)
def mean_of_terms(query: Array, key: Array, value: Array) -> tuple:
    fits(query, key, value)
    alpha = softmax(key @ query)
    w = alpha[:, None] * value
    return alpha, w, w.mean(axis=0)


@formulas.wrong(
    "the sum without the weights",
    "Here z adds up the values themselves, so the query has no say in it. Add up w_i = α_i v_i.",
)
def no_weights(query: Array, key: Array, value: Array) -> tuple:
    fits(query, key, value)
    alpha = softmax(key @ query)
    return alpha, alpha[:, None] * value, value.sum(axis=0)


@formulas.wrong(
    "broadcasting hides a missing value",
    "Five weights times one value is five rows for NumPy, which repeats the value without a word. "
    "Compare the numbers of keys and values before you multiply.",
)
def no_size_check(query: Array, key: Array, value: Array) -> tuple:
    alpha = softmax(key @ query)
    w = alpha[:, None] * value
    return alpha, w, w.sum(axis=0)


def fits(query: Array, key: Array, value: Array) -> None:
    if key.shape != (len(value), len(query)):
        raise ValueError("query and key need one width, key and value one length")


# 06.2

loop = Exercise(
    "06.2",
    "The loop is the matrix",
    function="attend",
    signature="attend(query: (..., N, d), key: (..., S, d), value: (..., S, d_v)) -> (..., N, d_v)",
    difficulty=2,
    importance=5,
    minutes=30,
    read=f"{READ}#the-matrix-version",
)


@loop.check(2, "agrees with the loop, term by term")
def agrees(attend: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_many(rng)
    for count in (len(key), 1):  # of keys
        got = attend(query, key[:count], value[:count])
        expect_shape(got, (len(query), value.shape[1]), "one row for each query")
        want = by_definition(query, key[:count], value[:count])
        near(got, want, "row n is the sum of α_i v_i for query n")


@loop.check(1, "each query is answered by itself")
def alone(attend: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_many(rng)
    n = int(rng.integers(1, len(query)))
    query[0] = -query[n]  # no key is the best for both
    got = attend(query, key, value)
    expect_shape(got, (len(query), value.shape[1]), "one row for each query")
    together = np.asarray(got)
    alone = attend(query[n : n + 1], key, value)
    expect_shape(alone, (1, value.shape[1]), "one query gets one answer, a mixture of values")
    claim = "a query asked alone gets the answer that it gets among others"
    near(alone, together[n : n + 1], claim)
    reacts(together[:1], alone, "another query gets another answer")
    # Whatever is made of each query by itself would do so far: query itself, say.
    reacts(attend(query[n : n + 1], -key, value), alone, "other keys give another answer")
    reacts(attend(query[n : n + 1], key, -value), alone, "other values give another answer")


@loop.check(1, "leading axes are separate problems")
def leading(attend: Any, rng: np.random.Generator) -> None:
    b, h, n, s, d, d_v = sizes(rng, 6)
    for lead in ((b, h), (1, 2, b)):
        query = rng.normal(size=(*lead, n, d))
        key, value = rng.normal(size=(*lead, s, d)), rng.normal(size=(*lead, s, d_v))
        got = attend(query, key, value)
        expect_shape(got, (*lead, n, d_v), "the leading axes stay")
        want = np.zeros((*lead, n, d_v))
        for place in np.ndindex(lead):
            want[place] = by_definition(query[place], key[place], value[place])
        near(got, want, "each set of leading indices is answered from its own keys and values")


@loop.check(1, "scores of a thousand, in some rows, do no harm")
def rows_of_every_size(attend: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_many(rng)
    asked, keys = far_apart(rng, query, key)
    near(attend(asked, keys, value), by_definition(asked, keys, value), "every row is answered")
    b, n, s, d, d_v = sizes(rng, 5)
    query, key = rng.normal(size=(b, n, d)), rng.normal(size=(b, s, d))
    asked, keys = far_apart(rng, query, key)
    value = rng.normal(size=(b, s, d_v))
    want = np.array([by_definition(*problem) for problem in zip(asked, keys, value, strict=True)])
    near(attend(asked, keys, value), want, "also where problems stand side by side")


@loop.wrong(
    "softmax over the queries",
    "The softmax runs over the wrong axis: for one key the weights of all queries sum to 1, and "
    "the queries compete. Each query must spread a weight of 1 over the keys, the last axis.",
)
def over_queries(query: Array, key: Array, value: Array) -> Array:
    scores = query @ np.swapaxes(key, -1, -2)
    return np.swapaxes(softmax(np.swapaxes(scores, -1, -2)), -1, -2) @ value


@loop.wrong(
    "the maximum over the wrong axis",
    "Here each key's largest score is subtracted, a different number for each key: that changes "
    "the weights. Only what is the same for all keys of a row cancels: the row's own maximum.",
)
def maximum_of_columns(query: Array, key: Array, value: Array) -> Array:
    scores = query @ np.swapaxes(key, -1, -2)
    e = np.exp(scores - scores.max(axis=-2, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True) @ value


@loop.wrong(
    "one maximum for all rows",
    "The largest score of the whole array is subtracted. A row far below it underflows: all its "
    "exponentials are 0, and 0 / 0 is NaN. Subtract each row's own maximum.",
)
def one_maximum(query: Array, key: Array, value: Array) -> Array:
    scores = query @ np.swapaxes(key, -1, -2)
    e = np.exp(scores - scores.max())
    return e / e.sum(axis=-1, keepdims=True) @ value


@loop.wrong(
    "no maximum subtracted",
    "exp(1000) is infinite in 64 bits, and inf / inf is NaN. Subtract each row's maximum first.",
)
def plain_exponential(query: Array, key: Array, value: Array) -> Array:
    e = np.exp(query @ np.swapaxes(key, -1, -2))
    return e / e.sum(axis=-1, keepdims=True) @ value


@loop.wrong(
    ".T turns every axis round",
    "key.T is right for two axes. With leading axes it reverses all of them; only the last two "
    "should change places: key.swapaxes(-1, -2), or key.mT.",
)
def transpose_of_all(query: Array, key: Array, value: Array) -> Array:
    return softmax(query @ key.T) @ value


@loop.wrong(
    "picks one",
    "The value with the largest score is returned, and the others are dropped. Attention mixes: "
    "every value enters with its weight.",
)
def picks_one(query: Array, key: Array, value: Array) -> Array:
    best = (query @ np.swapaxes(key, -1, -2)).argmax(axis=-1)
    return np.take_along_axis(value, best[..., None], axis=-2)


@loop.wrong(
    "the mean of the terms",
    "The weights of a row already sum to 1. Dividing by the number of keys shrinks the answer.",
)
def divided_by_s(query: Array, key: Array, value: Array) -> Array:
    return softmax(query @ np.swapaxes(key, -1, -2)) @ value / key.shape[-2]


# 06.3

hull = Exercise(
    "06.3",
    "Any point inside, none outside",
    function="steer",
    signature="steer(target: (d_v,), key: (S, d), value: (S, d_v)) -> query: (d,)",
    difficulty=4,
    importance=2,
    minutes=50,
    read=f"{READ}#what-the-answer-can-be",
)


def draw_hull(
    rng: np.random.Generator, spare: int, d_v: int | None = None
) -> tuple[Array, Array, Array]:
    """Keys (S, S - 1 + spare), values (S, d_v) of a simplex, weights inside it; no thin ones."""
    d_v = int(rng.integers(2, 5)) if d_v is None else d_v
    s = d_v + 1
    weights = 0.05 + (1 - 0.05 * s) * rng.dirichlet(np.ones(s))
    return well_shaped(rng, s, s - 1 + spare), well_shaped(rng, s, d_v), weights


def well_shaped(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """Random points of which none nearly lies in the plane of the others."""
    while True:
        points = rng.normal(size=(rows, columns))
        edges = points[1:] - points[0]
        if np.linalg.svd(edges, compute_uv=False)[rows - 2] > 0.5:
            return points


def arrives(
    steer: Any,
    key: Array,
    value: Array,
    weights: Array,
    claim: str = "attention with your query gives it",
) -> None:
    target = weights @ value
    query = steer(target, key, value)
    expect_shape(query, key.shape[1:], "a query is as wide as a key")
    got = softmax(key @ np.asarray(query)) @ value
    expect_close(got, target, claim, rtol=1e-5, atol=1e-5)


def with_weight(weights: Array, place: int, weight: float) -> Array:
    """The others, in their proportions, and this one in that place."""
    others = np.delete(weights, place)
    return np.insert(others * (1 - weight) / others.sum(), place, weight)


@hull.check(2, "a point inside is reached")
def inside(steer: Any, rng: np.random.Generator) -> None:
    for spare in (2, 3):
        key, value, weights = draw_hull(rng, spare)
        arrives(steer, key, value, weights)
    arrives(steer, key / 100, value / 100, weights)  # a small hull, and small keys
    even, low = np.ones(len(weights)), 0.0001001
    for place in range(len(weights)):  # just inside, near each side, and near each corner
        arrives(steer, key, value, with_weight(weights, place, low))
        corner = with_weight(even, place, 1 - low * (len(weights) - 1))
        arrives(steer, key, value, corner)


@hull.check(1, "also where keys have one coordinate less than there are keys")
def narrow_keys(steer: Any, rng: np.random.Generator) -> None:
    for d_v in (None, 1):  # of a line, two values and keys of one number
        key, value, weights = draw_hull(rng, 0, d_v)
        arrives(steer, key, value, weights)
    # Wider keys, in which no more than that differs.
    claim = "attention with your query gives it, if the first and last number of each key is 0"
    arrives(steer, np.pad(key, ((0, 0), (1, 1))), value, weights, claim)


@hull.check(1, "a point outside raises ValueError")
def outside(steer: Any, rng: np.random.Generator) -> None:
    for spare in (0, 2, 3):  # the width of a key says nothing about the target
        key, value, weights = draw_hull(rng, spare)
        for place, out in itertools.product(range(len(weights)), (0.3, 0.01)):
            target = with_weight(weights, place, -out) @ value
            expect_error(
                partial(steer, target, key, value), ValueError, "no query leads out of the hull"
            )


@hull.check(1, "a point on the edge raises ValueError: only an infinite score gives weight 0")
def on_the_edge(steer: Any, rng: np.random.Generator) -> None:
    for spare in (0, 2, 3):
        key, value, weights = draw_hull(rng, spare)
        for place, weight in itertools.product(range(len(weights)), (0.0, 0.0000999)):
            target = with_weight(weights, place, weight) @ value
            shown = ", ".join(f"{part:.7f}" for part in with_weight(weights, place, weight))
            claim = (
                "no query leads onto the edge, and a weight below 0.0001 counts as zero: "
                f"here the weights are [{shown}]"
            )
            expect_error(partial(steer, target, key, value), ValueError, claim)


def mixing_weights(target: Array, value: Array) -> Array:
    """The weights that sum to 1 and mix the values to the target."""
    rows = np.vstack([value.T, np.ones(len(value))])
    return np.linalg.solve(rows, np.append(target, 1.0))


def refuse(weights: Array) -> None:
    if (weights < 1e-4).any():
        raise ValueError("the target is not inside the hull of the values")


@hull.wrong(
    "no free constant",
    "You ask for scores equal to log α_i. Softmax ignores a constant added to all scores, so "
    "log α_i + c serves as well, and with narrow keys only some c has a solution: let c be one "
    "more unknown.",
)
def no_free_constant(target: Array, key: Array, value: Array) -> Array:
    weights = mixing_weights(target, value)
    refuse(weights)
    return np.linalg.lstsq(key, np.log(weights), rcond=None)[0]


@hull.wrong(
    "weights taken for scores",
    "The scores were set to the weights themselves. Weights come out of an exponential: to get "
    "α_i, the score must be log α_i, up to a constant.",
)
def weights_as_scores(target: Array, key: Array, value: Array) -> Array:
    weights = mixing_weights(target, value)
    refuse(weights)
    return np.linalg.lstsq(key, weights, rcond=None)[0]


@hull.wrong(
    "negative weights forced to zero",
    "A negative weight says that the target lies outside, where no query leads. Replaced by a "
    "tiny positive number it leads somewhere else, without a word.",
)
def clipped(target: Array, key: Array, value: Array) -> Array:
    weights = np.clip(mixing_weights(target, value), 1e-9, None)
    return solve_scores(key, weights / weights.sum())


@hull.wrong(
    "an edge counted as inside",
    "A weight of 0 needs a score of −∞, which no finite query gives. Only what is strictly "
    "inside can be reached.",
)
def edge_is_inside(target: Array, key: Array, value: Array) -> Array:
    weights = mixing_weights(target, value)
    if (weights < -1e-9).any():
        raise ValueError("the target is outside the hull of the values")
    return solve_scores(key, np.clip(weights, 1e-300, None))


@hull.wrong(
    "a small weight counted as none",
    "Points near the edge are inside too: a weight of 0.001, say, is positive. Only below 0.0001 "
    "it counts as zero here.",
)
def far_inside(target: Array, key: Array, value: Array) -> Array:
    weights = mixing_weights(target, value)
    if (weights < 1e-2).any():
        raise ValueError("the target is not inside the hull of the values")
    return solve_scores(key, weights)


@hull.wrong(
    "a negative weight let through",
    "Outside the hull a weight is negative, and the logarithm of a negative number is NaN: the "
    "caller gets a query full of NaN and no word. Look at each of the weights before you take "
    "logarithms.",
)
def no_refusal(target: Array, key: Array, value: Array) -> Array:
    return solve_scores(key, mixing_weights(target, value))


@hull.wrong(
    "points at the nearest value",
    "A query along one key turns the weights to that key: it picks the nearest value instead of "
    "mixing the values to the target.",
)
def nearest_value(target: Array, key: Array, value: Array) -> Array:
    refuse(mixing_weights(target, value))
    return key[((value - target) ** 2).sum(axis=1).argmin()]


def solve_scores(key: Array, weights: Array) -> Array:
    """A query with key @ query = log(weights) + c, for some c."""
    with_constant = np.hstack([key, -np.ones((len(key), 1))])
    return np.linalg.lstsq(with_constant, np.log(weights), rcond=None)[0][:-1]


# 06.4

backward = Exercise(
    "06.4",
    "Backward of the sum",
    function="attend_backward",
    signature=(
        "attend_backward(gradient: (N, d_v), query: (N, d), key: (S, d), value: (S, d_v))"
        " -> (g_query, g_key, g_value), shaped as query, key, value"
    ),
    difficulty=4,
    importance=3,
    minutes=50,
    read=f"{READ}#the-gradient",
)


def draw_backward(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    query, key, value = draw_many(rng)
    # The gradient that arrives is uneven: a constant one hides a wrong rule.
    return rng.normal(size=(len(query), value.shape[1])), query, key, value


def slope(gradient: Array, inputs: Draw, i: int) -> Array:
    """What central differences give for input i."""

    def loss(*arrays: Array) -> float:
        return float((gradient * by_definition(*arrays)).sum())

    return numerical_gradient(loss, inputs, i, 1e-5)


def compare(attend_backward: Any, rng: np.random.Generator, i: int, name: str) -> None:
    gradient, query, key, value = draw_backward(rng)
    for inputs in (
        (gradient, query, key, value),
        (gradient[:1], query[:1], key[:1], value[:1]),
        (gradient[:1], query[:1], key, value),
        (gradient, query, key[:1], value[:1]),
        (gradient[:, :1], query[:, :1], key[:, :1], value[:, :1]),
    ):
        got = attend_backward(*inputs)[i]
        claim = f"result {i + 1} of the three is the gradient of {name}, and has its shape"
        expect_shape(got, inputs[1 + i].shape, claim)
        near(got, slope(inputs[0], inputs[1:], i), "it agrees with central differences")


@backward.check(1, "gradient with respect to value")
def for_value(attend_backward: Any, rng: np.random.Generator) -> None:
    compare(attend_backward, rng, 2, "value")


@backward.check(1, "gradient with respect to query")
def for_query(attend_backward: Any, rng: np.random.Generator) -> None:
    compare(attend_backward, rng, 0, "query")


@backward.check(1, "gradient with respect to key")
def for_key(attend_backward: Any, rng: np.random.Generator) -> None:
    compare(attend_backward, rng, 1, "key")


@backward.check(1, "moving all keys together changes nothing: the gradients of the keys sum to 0")
def keys_together(attend_backward: Any, rng: np.random.Generator) -> None:
    gradient, query, key, value = draw_backward(rng)
    _, g_key, _ = attend_backward(gradient, query, key, value)
    expect_shape(g_key, key.shape, "the gradient has the shape of key")
    near(np.sum(g_key, axis=0), np.zeros(key.shape[1]), "the sum over the keys is 0")
    # Along a way in which they do not move together it is a slope.
    way = rng.normal(size=key.shape)
    ahead, behind = (
        float((gradient * by_definition(query, key + step * way, value)).sum())
        for step in (1e-5, -1e-5)
    )
    near(np.sum(g_key * way), (ahead - behind) / 2e-5, "along any other way it is the slope")
    moved = attend_backward(gradient, query, key + rng.normal(size=key.shape[1]), value)[1]
    near(moved, g_key, "and it is the same wherever all keys are together")


@backward.check(1, "scores of a thousand give finite gradients")
def large(attend_backward: Any, rng: np.random.Generator) -> None:
    gradient, query, key, value = draw_backward(rng)
    asked, keys = far_apart(rng, query, key)
    got = attend_backward(gradient, asked, keys, value)
    for name, part, want in zip(
        ("query", "key", "value"), got, gradients(gradient, asked, keys, value), strict=True
    ):
        finite = np.isfinite(part)
        claim = f"the gradient of {name} has no NaN and no infinity"
        expect(finite.all(), claim, got=f"{(~finite).sum()} of {finite.size} numbers have")
        near(part, want, f"the gradient of {name}, where rows of scores lie thousands apart")


def gradients(gradient: Array, query: Array, key: Array, value: Array) -> tuple:
    """By the rules, each row's maximum subtracted first."""
    return through(softmax(query @ key.T), gradient, query, key, value)


def through(weights: Array, gradient: Array, query: Array, key: Array, value: Array) -> tuple:
    """By the rules, from these weights."""
    g_weights = gradient @ value.T
    g_scores = weights * (g_weights - (weights * g_weights).sum(axis=-1, keepdims=True))
    return g_scores @ key, g_scores.T @ query, weights.T @ gradient


@backward.wrong(
    "one maximum for all rows",
    "The largest score of all queries is subtracted. In a row far below it every exponential is 0, "
    "and 0 / 0 is NaN. Subtract each row's own maximum.",
)
def shared_maximum(gradient: Array, query: Array, key: Array, value: Array) -> tuple:
    scores = query @ key.T
    e = np.exp(scores - scores.max())
    return through(e / e.sum(axis=-1, keepdims=True), gradient, query, key, value)


@backward.wrong(
    "softmax's second term forgotten",
    "Raising one score lowers all the other weights. The gradient of score i is α_i (g·v_i − g·z): "
    "you have α_i g·v_i, without the mean g·z.",
)
def no_mean_term(gradient: Array, query: Array, key: Array, value: Array) -> tuple:
    weights = softmax(query @ key.T)
    g_scores = weights * (gradient @ value.T)
    return g_scores @ key, g_scores.T @ query, weights.T @ gradient


@backward.wrong(
    "softmax treated element by element",
    "α_i (1 − α_i) is how weight i answers to its own score. It also answers to every other one, "
    "by −α_i α_j: softmax's derivative is a whole matrix, not a column of numbers.",
)
def diagonal_jacobian(gradient: Array, query: Array, key: Array, value: Array) -> tuple:
    weights = softmax(query @ key.T)
    g_scores = weights * (1 - weights) * (gradient @ value.T)
    return g_scores @ key, g_scores.T @ query, weights.T @ gradient


@backward.wrong(
    "the mean over the wrong axis",
    "The mean g·z is taken over the queries. Each query has a softmax of its own: sum over its "
    "keys, the last axis, and keep that axis.",
)
def mean_over_queries(gradient: Array, query: Array, key: Array, value: Array) -> tuple:
    weights = softmax(query @ key.T)
    g_weights = gradient @ value.T
    g_scores = weights * (g_weights - (weights * g_weights).sum(axis=0, keepdims=True))
    return g_scores @ key, g_scores.T @ query, weights.T @ gradient


@backward.wrong(
    "weights held constant",
    "The gradient stops at the weights, so query and key get 0 and would never learn. The weights "
    "depend on them, through the scores.",
)
def constant_weights(gradient: Array, query: Array, key: Array, value: Array) -> tuple:
    weights = softmax(query @ key.T)
    return np.zeros_like(query), np.zeros_like(key), weights.T @ gradient


@backward.wrong(
    "missing transpose",
    "z = weights @ value, so value's gradient is weights.T @ gradient: (S, N) times (N, d_v). "
    "Without the transpose the sizes do not meet.",
    raises=True,
)
def no_transpose(gradient: Array, query: Array, key: Array, value: Array) -> tuple:
    weights = softmax(query @ key.T)
    g_value = weights @ gradient
    g_weights = gradient @ value.T
    g_scores = weights * (g_weights - (weights * g_weights).sum(axis=-1, keepdims=True))
    return g_scores @ key, g_scores.T @ query, g_value


@backward.wrong(
    "no maximum subtracted",
    "The weights are computed anew here, and exp(1000) is infinite: every gradient is NaN. "
    "Subtract each row's maximum first, as in the forward pass.",
)
def overflowing(gradient: Array, query: Array, key: Array, value: Array) -> tuple:
    e = np.exp(query @ key.T)
    return through(e / e.sum(axis=-1, keepdims=True), gradient, query, key, value)
