"""Chapter 12, detection and generation: boxes, matching, "no object", a sampler, its bits."""

from __future__ import annotations

from functools import partial
from itertools import permutations
from typing import Any

import numpy as np

from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_shape
from .common import ask_all, near, sizes

Array = np.ndarray

READ = "12_detection_and_generation.md"


def log_softmax(x: Array) -> Array:
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def below_one_maximum(x: Array) -> Array:
    """A mistake: where a row lies far below the largest number of all, NaN."""
    with np.errstate(invalid="ignore", divide="ignore"):
        e = np.exp(x - x.max())
        return np.log(e / e.sum(axis=-1, keepdims=True))


# 12.1

boxes = Exercise(
    "12.1",
    "Boxes that overlap",
    function="overlap",
    signature="overlap(a: (..., 4), b: (..., 4)) -> (...)",
    difficulty=2,
    importance=4,
    minutes=30,
    read=f"{READ}#the-formulas-mended",
)


def interval(low_a: float, high_a: float, low_b: float, high_b: float) -> float:
    return max(0.0, min(high_a, high_b) - max(low_a, low_b))


def shared_over_all(a: Array, b: Array) -> float:
    """Intersection over union of one box and one other."""
    both = 1.0
    for at, size in ((0, 2), (1, 3)):
        ends = [x[at] + sign * x[size] / 2 for x in (a, b) for sign in (-1, 1)]
        both *= interval(*ends)
    union = a[2] * a[3] + b[2] * b[3] - both
    return both / union if union > 0 else 0.0


def over_all(a: Array, b: Array) -> Array:
    a, b = np.broadcast_arrays(a, b)
    out = [shared_over_all(x, y) for x, y in zip(a.reshape(-1, 4), b.reshape(-1, 4), strict=True)]
    return np.array(out).reshape(a.shape[:-1])


def draw_boxes(rng: np.random.Generator, *shape: int) -> Array:
    """Boxes that all overlap, each over the others' centres; no width is a height."""
    return np.concatenate(
        [rng.uniform(-0.3, 0.3, (*shape, 2)), rng.uniform(1.2, 2.4, (*shape, 2))], axis=-1
    )


@boxes.check(1, "the shared area over the area of both together")
def areas(overlap: Any, rng: np.random.Generator) -> None:
    m, n = sizes(rng, 2)
    for lead in ((), (1,), (n,), (m, 1), (1, n), (m, n)):
        a, b = draw_boxes(rng, *lead), draw_boxes(rng, *lead)
        got = overlap(a, b)
        expect_shape(got, lead, "one number for each pair of boxes, in place of the axis of 4")
        near(got, over_all(a, b), "each is the shared area over the area of both together")
    a = draw_boxes(rng)
    for place, sign in ((0, 1), (0, -1), (1, 1), (1, -1)):  # each end of either box counts once
        moved = a.copy()
        moved[place] += sign * a[place + 2] / 2
        near(overlap(a, moved), 1 / 3, "equal boxes, half a side apart, give 1/3")
    near(overlap(a, a), 1.0, "a box with itself gives 1")
    inner = a * np.array([1, 1, 0.5, 0.25])
    near(overlap(a, inner), 0.125, "a box around one of an eighth of its area gives 1/8")
    a, b = draw_boxes(rng, m, 1), draw_boxes(rng, n)
    near(overlap(a, b), over_all(a, b), "axes of length 1 broadcast, as everywhere in NumPy")


@boxes.check(1, "boxes that lie apart, or only touch, give 0")
def apart(overlap: Any, rng: np.random.Generator) -> None:
    a = draw_boxes(rng, 4)
    for way in ((1, 0), (0, 1), (1, 1), (-1, 0), (0, -1), (-1, 1), (-1, -1)):
        for far in (1.01, 1.4, 9.0):
            b = draw_boxes(rng, 4)
            reach = (a[2, 2:] + b[2, 2:]) / 2  # at this distance they touch
            b[2, :2] = a[2, :2] + far * reach * way  # one of four; the others overlap
            claim = "one of four boxes lies beside its partner, and shares nothing with it"
            near(overlap(a, b), over_all(a, b), claim)
    side = np.array([1.0, 2.0, 0.5, 0.25])
    for place, size in ((0, 2), (1, 3)):
        beside = side.copy()
        beside[place] += side[size]
        near(overlap(side, beside), 0.0, "two boxes that share an edge share no area")


@boxes.check(1, "pixels or shares, here or there: the numbers stay the same")
def units(overlap: Any, rng: np.random.Generator) -> None:
    a, b = draw_boxes(rng, 5), draw_boxes(rng, 5)
    want = over_all(a, b)
    for scale in (1e-6, 1 / 24, 1000.0):
        claim = f"all numbers times {scale:g}: the same overlap"
        expect_close(overlap(a * scale, b * scale), want, claim, rtol=1e-5, atol=1e-7)
    units = rng.permutation(10.0 ** np.arange(-6, 4, 2))[:, None]
    claim = "each pair in a unit of its own: the same overlap"
    expect_close(overlap(a * units, b * units), want, claim, rtol=1e-5, atol=1e-7)
    move = np.array([*rng.uniform(-9, 9, 2), 0, 0])
    near(overlap(a + move, b + move), want, "both boxes moved: the same overlap")
    near(overlap(b, a), want, "exchanged: the same overlap")


@boxes.check(1, "an empty box gives 0, a negative width or height ValueError")
def empty(overlap: Any, rng: np.random.Generator) -> None:
    for size in (2, 3):
        a, b = draw_boxes(rng, 3), draw_boxes(rng, 3)  # few enough to be shown in full
        b[0] = [*(a[0, :2] - a[0, 2:] / 8), *a[0, 2:] / 2]  # inside the other, not in its middle
        a[1, size] = b[2, size] = 0
        near(overlap(a, b), over_all(a, b), "a box of no width or no height shares nothing")
        near(overlap(a, a)[1], 0.0, "also with itself: 0, not NaN")
        for sides, what in (((size,), ("width", "height")[size - 2]), ((2, 3), "width and height")):
            bad = draw_boxes(rng, 3)
            bad[int(rng.integers(3)), sides] = -rng.choice([1e-3, 0.5])
            for pair, whose in (((bad, b), "a"), ((a, bad), "b")):
                claim = f"one box of {whose} has a negative {what}: no box, so ValueError"
                expect_error(partial(overlap, *pair), ValueError, claim)
    # A single pair, boxes in a table, one with many; and in units in which every size is tiny.
    for lead, other in (((), ()), ((2, 3), (2, 3)), ((3,), ()), ((), (3,)), ((2, 1), (3,))):
        bad, fine = draw_boxes(rng, *lead), draw_boxes(rng, *other)
        bad[..., 2].flat[-1] *= -1
        for pair in ((bad, fine), (fine, bad)):
            for unit in (1.0, 1e-9):
                claim = f"a negative width, in shapes {pair[0].shape} and {pair[1].shape}"
                call = partial(overlap, *(unit * x for x in pair))
                expect_error(call, ValueError, claim)


def sides(a: Array) -> tuple[Array, Array]:
    return a[..., :2] - a[..., 2:] / 2, a[..., :2] + a[..., 2:] / 2


def refuse_negative(*arrays: Array) -> None:
    if any((a[..., 2:] < 0).any() for a in arrays):
        raise ValueError("a negative width or height")


def divide(shared: Array, union: Array) -> Array:
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0.0)


def both_areas(a: Array, b: Array, clip: bool = True) -> tuple[Array, Array, Array]:
    (low_a, high_a), (low_b, high_b) = sides(a), sides(b)
    gap = np.minimum(high_a, high_b) - np.maximum(low_a, low_b)
    shared = (np.maximum(gap, 0) if clip else gap).prod(axis=-1)
    return shared, a[..., 2:].prod(axis=-1), b[..., 2:].prod(axis=-1)


@boxes.wrong(
    "centres read as corners",
    "(cx, cy, w, h) was read as (left, top, right, bottom). The left edge is the centre minus half "
    "the width: convert first.",
)
def as_corners(a: Array, b: Array) -> Array:
    refuse_negative(a, b)
    gap = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.maximum(gap, 0).prod(axis=-1)
    size = [(x[..., 2:] - x[..., :2]).prod(axis=-1) for x in (a, b)]
    return divide(shared, size[0] + size[1] - shared)


@boxes.wrong(
    "centre taken for the upper left corner",
    "The box was laid from (cx, cy) to (cx + w, cy + h). The first two numbers are the "
    "centre: half of the width lies on each side.",
)
def from_the_corner(a: Array, b: Array) -> Array:
    refuse_negative(a, b)
    gap = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    gap = gap - np.maximum(a[..., :2], b[..., :2])
    shared = np.maximum(gap, 0).prod(axis=-1)
    return divide(shared, a[..., 2:].prod(axis=-1) + b[..., 2:].prod(axis=-1) - shared)


@boxes.wrong(
    "not clipped at 0",
    "Boxes that lie apart have a negative overlap in each direction, and two negative numbers "
    "multiply to a positive area. Clip width and height of the overlap at 0 before you multiply.",
)
def not_clipped(a: Array, b: Array) -> Array:
    refuse_negative(a, b)
    shared, size_a, size_b = both_areas(a, b, clip=False)
    return divide(shared, size_a + size_b - shared)


@boxes.wrong(
    "clipped after multiplying",
    "The product is clipped, not the two lengths: where both are negative the product is positive, "
    "and boxes apart in both directions seem to overlap.",
)
def clipped_late(a: Array, b: Array) -> Array:
    refuse_negative(a, b)
    shared, size_a, size_b = both_areas(a, b, clip=False)
    shared = np.maximum(shared, 0)
    return divide(shared, size_a + size_b - shared)


@boxes.wrong(
    "the shared area counted twice",
    "The union is the sum of both areas less the shared one, which stands in both. Without that a "
    "box with itself gives 1/2.",
)
def counted_twice(a: Array, b: Array) -> Array:
    refuse_negative(a, b)
    shared, size_a, size_b = both_areas(a, b)
    return divide(shared, size_a + size_b)


@boxes.wrong(
    "the share of the smaller box",
    "Divided by the smaller area, a tiny box inside a huge one gives 1. Divide by the union.",
)
def of_the_smaller(a: Array, b: Array) -> Array:
    refuse_negative(a, b)
    shared, size_a, size_b = both_areas(a, b)
    return divide(shared, np.minimum(size_a, size_b))


@boxes.wrong(
    "a pixel added to each side",
    "right − left + 1 counts whole pixels. Here a box has edges, not pixels, and the answer must "
    "not depend on the unit.",
)
def whole_pixels(a: Array, b: Array) -> Array:
    refuse_negative(a, b)
    (low_a, high_a), (low_b, high_b) = sides(a), sides(b)
    gap = np.minimum(high_a, high_b) - np.maximum(low_a, low_b) + 1
    shared = np.maximum(gap, 0).prod(axis=-1)
    size = [(x[..., 2:] + 1).prod(axis=-1) for x in (a, b)]
    return divide(shared, size[0] + size[1] - shared)


@boxes.wrong(
    "a small number added below the line",
    "It keeps 0 / 0 away, and changes the answer for small boxes, whose areas are no larger than "
    "the number. Ask whether the union is 0.",
)
def small_number(a: Array, b: Array) -> Array:
    refuse_negative(a, b)
    shared, size_a, size_b = both_areas(a, b)
    return shared / (size_a + size_b - shared + 1e-9)


@boxes.wrong(
    "every box with every other",
    "All pairs of two lists were compared. Here box i belongs to box i: the leading axes stay as "
    "they are.",
)
def all_pairs(a: Array, b: Array) -> Array:
    refuse_negative(a, b)
    shared, size_a, size_b = both_areas(np.expand_dims(a, -2), np.expand_dims(b, -3))
    return divide(shared, size_a + size_b - shared)


@boxes.wrong(
    "0 / 0 for an empty box",
    "Two empty boxes share nothing and cover nothing: 0 / 0 is NaN, which spoils every mean that "
    "it enters. Return 0 there.",
)
def not_a_number(a: Array, b: Array) -> Array:
    refuse_negative(a, b)
    shared, size_a, size_b = both_areas(a, b)
    with np.errstate(invalid="ignore"):
        return shared / (size_a + size_b - shared)


@boxes.wrong(
    "negative sizes accepted",
    "A box with a negative width is no box: somebody handed over other numbers, corners perhaps. "
    "Say so with ValueError.",
)
def anything_goes(a: Array, b: Array) -> Array:
    shared, size_a, size_b = both_areas(a, b)
    return divide(shared, size_a + size_b - shared)


# 12.2

pairs = Exercise(
    "12.2",
    "One to one",
    function="match",
    signature="match(cost: (N, M)) -> (M,) integers",
    difficulty=3,
    importance=5,
    minutes=35,
    read=f"{READ}#matching",
)


def cheapest(cost: Array) -> float:
    """By trying all."""
    n, m = cost.shape
    return min(float(cost[list(q), np.arange(m)].sum()) for q in permutations(range(n), m))


def draw_costs(rng: np.random.Generator) -> list[Array]:
    """Costs of several sizes, each with a trap for those who take the cheapest pair first."""
    costs = []
    for n, m in ((2, 2), (6, 3), (5, 5), (6, 2), (3, 3), (4, 1), (6, 5), (1, 1)):
        cost = rng.normal(scale=2.0, size=(n, m))
        if m > 1:
            a, b = rng.choice(m, 2, replace=False)
            p, q = rng.choice(n, 2, replace=False)
            low = cost.min() - 3
            # p is the cheapest for both a and b, by little; without p, b has no cheap one.
            cost[p, a], cost[p, b], cost[q, a] = low - 1, low, low + 0.5
            cost[[i for i in range(n) if i != p], b] += 60
        costs.append(cost)
    return [*costs, *(draw_against(quick, rng) for quick in QUICK)]


def draw_against(quick: Any, rng: np.random.Generator) -> Array:
    """Costs for which a quick way is not the cheapest."""
    while True:
        cost = rng.normal(scale=2.0, size=(5, 4))
        if cost[quick(cost), np.arange(4)].sum() > cheapest(cost) + 0.05:
            return cost


def draw_likes(rng: np.random.Generator, n: int, m: int) -> tuple[Array, Array]:
    """Costs (n, m) where no two objects like the same query best, and the queries that they like;
    the last query is one of them."""
    cost, liked = rng.normal(size=(n, m)), rng.permutation(n)[:m]
    liked[liked.argmax()] = n - 1
    cost[liked, np.arange(m)] = cost.min() - 1
    return cost, liked


def in_turn(cost: Array) -> Array:
    """Each object takes the cheapest query that is left."""
    cost, out = cost.copy(), np.zeros(cost.shape[1], int)
    for o in range(cost.shape[1]):
        out[o] = cost[:, o].argmin()
        cost[out[o]] = np.inf
    return out


def pair_by_pair(cost: Array) -> Array:
    """The cheapest pair of all, then the cheapest of the rest."""
    cost, out = cost.copy(), np.zeros(cost.shape[1], int)
    for _ in range(cost.shape[1]):
        q, o = np.unravel_index(cost.argmin(), cost.shape)
        out[o] = q
        cost[q], cost[:, o] = np.inf, np.inf
    return out


def most_to_lose(cost: Array) -> Array:
    """First the object for which the second-best query is the most dearer than the best."""
    cost, out = cost.copy(), np.full(cost.shape[1], -1)
    for _ in range(cost.shape[1]):
        left = np.flatnonzero(out < 0)
        best = np.sort(cost[:, left], axis=0)
        o = left[(best[1] - best[0]).argmax()]
        out[o] = cost[:, o].argmin()
        cost[out[o]] = 1e9
    return out


def smallest_worst(cost: Array) -> Array:
    """The choice whose dearest pair is the cheapest."""
    m = cost.shape[1]
    choices = permutations(range(len(cost)), m)
    return np.array(min(choices, key=lambda q: cost[list(q), np.arange(m)].max()))


QUICK = (in_turn, pair_by_pair, most_to_lose, smallest_worst)


def chosen(match: Any, cost: Array) -> Array:
    """What it returns, as row numbers; says what is wrong if it is no choice."""
    n, m = cost.shape
    got = match(cost)
    expect_shape(got, (m,), "one query for each object")
    got = np.asarray(got)
    expect(np.all(got == np.floor(got)), "the number of a query is a whole number", got=got)
    expect(((got >= 0) & (got < n)).all(), f"queries are numbered from 0 to {n - 1}", got=got)
    return got.astype(int)


@pairs.check(1, "every object has a query of its own")
def own_query(match: Any, rng: np.random.Generator) -> None:
    for cost in draw_costs(rng):
        got = chosen(match, cost)
        claim = f"no query answers for two objects (N = {len(cost)}, M = {len(got)})"
        expect(len(set(got.tolist())) == len(got), claim, got=got)
    for n, m in ((5, 4), (7, 3)):
        cost, liked = draw_likes(rng, n, m)
        claim = "where no two objects like the same query best, each gets the one it likes"
        near(chosen(match, cost), liked, claim)


@pairs.check(2, "no other choice is cheaper")
def no_cheaper(match: Any, rng: np.random.Generator) -> None:
    trap = np.array([[1.0, 2.0], [2.0, 100.0], [50.0, 50.0]])
    draws = draw_costs(rng)
    below, above = ([c - 30 for c in draws[1:3]], [(c - c.min()) * 1e12 for c in draws[1:3]])
    small = [c / scale for scale in (1e3, 1e6) for c in draws[1:3]]
    for cost in (trap, *draws, *below, *above, *small):
        got = chosen(match, cost)
        own = len(set(got.tolist())) == len(got)
        expect(own, "no query answers for two objects", got=got)
        total = float(cost[got, np.arange(cost.shape[1])].sum())
        claim = f"the total of the chosen costs is the smallest (N = {len(cost)}, M = {len(got)})"
        expect_close(total, cheapest(cost), claim)


@pairs.check(1, "renumbered objects and queries: the same choice")
def renumbered(match: Any, rng: np.random.Generator) -> None:
    draws = draw_costs(rng)
    costs = draws[1:4] + draws[-len(QUICK) :]
    ask_all(partial(match, cost) for cost in costs)
    for cost in costs:
        n, m = cost.shape
        before = chosen(match, cost)
        total = float(cost[before, np.arange(m)].sum())
        expect_close(total, cheapest(cost), "the choice before is the cheapest")
        order, rows = rng.permutation(m), rng.permutation(n)
        after = chosen(match, cost[rows][:, order])
        claim = "objects and queries in another order: each object keeps its query"
        near(rows[after], before[order], claim)


@pairs.check(1, "more objects than queries, or a cost that is no number: ValueError")
def no_match(match: Any, rng: np.random.Generator) -> None:
    for n, m in ((2, 3), (1, 2), (3, 5)):
        cost = rng.normal(size=(n, m))
        claim = f"{m} objects cannot have a query each of {n}"
        expect_error(partial(match, cost), ValueError, claim)
    for bad in (np.nan, np.inf, -np.inf):
        for place in ((0, 0), (4, 2), tuple(rng.integers((5, 3)))):
            cost = rng.normal(size=(5, 3))
            cost[place] = bad
            expect_error(partial(match, cost), ValueError, f"one cost is {bad}")
    for n, m in ((4, 4), (4, 3)):
        cost, _ = draw_likes(rng, n, m)
        total = float(cost[chosen(match, cost), np.arange(m)].sum())
        expect_close(total, cheapest(cost), f"{m} objects can have a query each of {n}")


def refuse_costs(cost: Array) -> None:
    if cost.shape[0] < cost.shape[1] or not np.isfinite(cost).all():
        raise ValueError("no match")


@pairs.wrong(
    "each object its cheapest query",
    "Two objects may like the same query best, and then it answers for both: a query says one "
    "class and one box. Each object needs a query of its own.",
)
def cheapest_each(cost: Array) -> Array:
    refuse_costs(cost)
    return cost.argmin(axis=0)


@pairs.wrong(
    "first come, first served",
    "The objects choose one after the other, and the last ones pay what is left. In another order "
    "the choice is another, and dearer than it need be.",
)
def in_order(cost: Array) -> Array:
    refuse_costs(cost)
    return in_turn(cost)


@pairs.wrong(
    "the cheapest pair first",
    "Taking the cheapest pair of all, then the next, can leave a costly rest: of (1, 2), (2, 100), "
    "(50, 50) it takes 1 and then pays 50, where 2 + 2 would do. Compare whole choices.",
)
def greedy(cost: Array) -> Array:
    refuse_costs(cost)
    return pair_by_pair(cost)


@pairs.wrong(
    "the worst pair made small",
    "The choice whose dearest pair is the cheapest was taken. Asked is the smallest total: one "
    "dear pair may be worth it if the others are cheap.",
)
def worst_pair(cost: Array) -> Array:
    refuse_costs(cost)
    return smallest_worst(cost)


@pairs.wrong(
    "the dearest choice",
    "This choice has the largest total. A cost is to be small: minimise.",
)
def dearest(cost: Array) -> Array:
    refuse_costs(cost)
    return np.array(best_of(-cost, range(len(cost))))


@pairs.wrong(
    "the first M queries only",
    "Only the order of the first M queries is tried. Any M of the N queries may be the right ones.",
)
def first_queries(cost: Array) -> Array:
    refuse_costs(cost)
    return np.array(best_of(cost, range(cost.shape[1])))


@pairs.wrong(
    "object i to query i",
    "The costs were not looked at: object i got query i. The order in which objects are listed "
    "means nothing.",
)
def as_listed(cost: Array) -> Array:
    refuse_costs(cost)
    return np.arange(cost.shape[1])


@pairs.wrong(
    "sizes of the costs, without their sign",
    "|cost| was minimised. A cost may be negative, and −5 is cheaper than 1.",
)
def without_sign(cost: Array) -> Array:
    refuse_costs(cost)
    return np.array(best_of(abs(cost), range(len(cost))))


@pairs.wrong(
    "for each query its object",
    "The answer is turned round: it says which object a query answers for. Asked is, for each "
    "object, its query.",
)
def turned_round(cost: Array) -> Array:
    refuse_costs(cost)
    out = np.full(len(cost), -1)
    out[np.array(best_of(cost, range(len(cost))))] = np.arange(cost.shape[1])
    return out


@pairs.wrong(
    "costs accepted that allow no match",
    "With more objects than queries there is no match, and with NaN none is the cheapest: every "
    "comparison with NaN is false. Either is a mistake of the caller: ValueError.",
)
def any_costs(cost: Array) -> Array:
    if cost.shape[0] < cost.shape[1]:
        return np.arange(cost.shape[1])
    return np.array(best_of(np.nan_to_num(cost), range(len(cost))))


def best_of(cost: Array, rows: Any) -> tuple[int, ...]:
    m = cost.shape[1]
    return min(permutations(rows, m), key=lambda q: cost[list(q), np.arange(m)].sum())


# 12.3

nothing = Exercise(
    "12.3",
    "Right about nothing",
    function="class_loss",
    signature=(
        "class_loss(logits: (B, N, C + 1), scene: (K,), query: (K,), item: (K,),"
        " classes: (B, M), weight: float) -> (target: (B, N), loss)"
    ),
    difficulty=3,
    importance=4,
    minutes=35,
    read=f"{READ}#the-formulas-mended",
)


def draw_set(rng: np.random.Generator) -> tuple[Any, ...]:
    """Logits, pairs, classes and a weight; the first scene is empty, the last ones have M objects.

    There are more pairs than queries in a scene.
    """
    b, n, m, c = 4, 6, 3, int(rng.integers(5, 14))
    counts = [0, int(rng.integers(1, m)), m, m]
    classes = np.full((b, m), -1)
    scene, query, item = [], [], []
    for i, count in enumerate(counts):
        # No class is the number of its object, nor 0 alone.
        classes[i, :count] = rng.integers(0, c, count)
        scene += [i] * count
        query += rng.choice(n, count, replace=False).tolist()
        item += rng.permutation(count).tolist()
    classes[-1] = rng.permutation(c)[:m]
    # In the last scene the first object's class is 0, and no query has the number of its object.
    classes[-1, 0] = 0
    last = slice(len(scene) - m, len(scene))
    query[last] = [int(q) for q in 3 + rng.permutation(m)]
    order = rng.permutation(len(scene))
    found = tuple(np.array(x)[order] for x in (scene, query, item))
    logits = rng.normal(scale=2.0, size=(b, n, c + 1))
    return logits, *found, classes, float(rng.uniform(0.1, 0.6))


def told_classes(logits: Array, found: Any, classes: Array) -> Array:
    target = np.full(logits.shape[:2], logits.shape[2] - 1)
    for b, q, o in zip(*found, strict=True):
        target[b, q] = classes[b, o]
    return target


def weighted_loss(logits: Array, target: Array, weight: float) -> float:
    log_p = log_softmax(logits)
    total = weights = 0.0
    for b, q in np.ndindex(target.shape):
        w = weight if target[b, q] == logits.shape[2] - 1 else 1.0
        total, weights = total - w * log_p[b, q, target[b, q]], weights + w
    return total / weights


@nothing.check(1, "each query is told its object's class, or none")
def told(class_loss: Any, rng: np.random.Generator) -> None:
    logits, *found, classes, weight = draw_set(rng)
    target, _ = class_loss(logits, *found, classes, weight)
    expect_shape(target, logits.shape[:2], "a class for each query of each scene")
    want = told_classes(logits, found, classes)
    claim = (
        f"the class of the object that it answers for; else none, which is {logits.shape[2] - 1}"
    )
    near(target, want, claim)
    for b, n, c in ((1, 3, 4), (4, 1, 3), (3, 5, 1), (1, 1, 1)):
        logits, classes = rng.normal(size=(b, n, c + 1)), rng.integers(0, c, (b, 2))
        found = [np.array([i]) for i in (b - 1, n - 1, 1)]
        target, _ = class_loss(logits, *found, classes, weight)
        claim = f"one pair, in scene {b - 1} of {b}, query {n - 1} of {n}; {c + 1} columns"
        near(target, told_classes(logits, found, classes), claim)


@nothing.check(1, "the mean of −log p, each query by its weight")
def weighted(class_loss: Any, rng: np.random.Generator) -> None:
    for other in (None, 1.0, 2.5, 0.0):
        logits, *found, classes, weight = draw_set(rng)
        weight = weight if other is None else other
        _, loss = class_loss(logits, *found, classes, weight)
        want = weighted_loss(logits, told_classes(logits, found, classes), weight)
        claim = f"Σ weight · (−log p) / Σ weight, where “none” weighs {weight:.3g}, an object 1"
        expect_close(loss, want, claim, rtol=1e-5, atol=1e-6)


@nothing.check(1, "logits of thousands do no harm")
def far_logits(class_loss: Any, rng: np.random.Generator) -> None:
    logits, *found, classes, weight = draw_set(rng)
    scene, query, _ = found
    want = told_classes(logits, found, classes)
    _, loss = class_loss(logits + 3000, *found, classes, weight)
    near(loss, weighted_loss(logits, want, weight), "all logits lie near 3000", atol=1e-6)
    lifts = rng.permutation(np.arange(logits.shape[0] * logits.shape[1])) - 12.0
    logits = logits + 1000 * lifts.reshape(*logits.shape[:2], 1)
    target, loss = class_loss(logits, *found, classes, weight)
    near(target, want, "the same classes as ever")
    near(loss, weighted_loss(logits, want, weight), "rows of logits lie thousands apart", atol=1e-6)
    for away in (3000.0, -3000.0):
        for b, q in ((0, 0), (len(logits) - 1, int(query[scene == len(logits) - 1][0]))):
            spread = logits.copy()
            spread[b, q, int(rng.integers(logits.shape[2]))] += away
            _, loss = class_loss(spread, *found, classes, weight)
            claim = "one logit lies thousands away from the others of its row"
            near(loss, weighted_loss(spread, want, weight), claim, atol=1e-6)


@nothing.check(1, "a batch without objects has a loss; pairs that cannot be are refused")
def strange_pairs(class_loss: Any, rng: np.random.Generator) -> None:
    logits, scene, query, item, classes, weight = draw_set(rng)
    none = np.zeros(0, int)
    for part in (logits, logits[:1, :1]):  # of one query the weights add up to less than 1
        empty = np.full_like(classes[: len(part)], -1)
        target, loss = class_loss(part, none, none, none, empty, weight)
        want = np.full(part.shape[:2], part.shape[2] - 1)
        near(target, want, "without objects every query is told none")
        near(loss, weighted_loss(part, want, weight), "and that counts: the mean of −log p of none")
    one, other, *_ = np.flatnonzero(scene == len(logits) - 1)
    twice, alike = query.copy(), classes.copy()
    twice[other] = twice[one]
    alike[scene[other], item[other]] = classes[scene[one], item[one]]
    rest = [k for k in range(len(scene)) if k not in (one, other)]
    for order in ([one, *rest, other], [one, other, *rest]):
        pairs = scene[order], twice[order], item[order]
        for shown, what in ((classes, "two classes"), (alike, "one class")):
            claim = f"one query answers for two objects, of {what}, of a scene: ValueError"
            call = partial(class_loss, logits, *pairs, shown, weight)
            expect_error(call, ValueError, claim)
    for place in range(len(scene)):
        missing = classes.copy()
        missing[scene[place], item[place]] = -1
        claim = f"pair {place} names an object that is not there (class −1): ValueError"
        call = partial(class_loss, logits, scene, query, item, missing, weight)
        expect_error(call, ValueError, claim)
    same = np.array([0, 1]), np.array([2, 2]), np.array([0, 0])
    fine = np.array([[1, -1, -1], [0, -1, -1], [-1, -1, -1], [-1, -1, -1]])
    target, _ = class_loss(logits, *same, fine, weight)
    near(target, told_classes(logits, same, fine), "query 2 may answer in two scenes at once")


def refuse_pairs(scene: Array, query: Array, item: Array, classes: Array) -> None:
    taken = set(zip(scene.tolist(), query.tolist(), strict=True))
    if len(taken) < len(scene) or (classes[scene, item] < 0).any():
        raise ValueError("pairs that cannot be")


def wrong_loss(
    logits: Array,
    target: Array,
    weight: float,
    mean: Any = lambda losses, w: (losses * w).sum() / w.sum(),
    log_p: Any = log_softmax,
) -> tuple[Array, float]:
    w = np.where(target == logits.shape[2] - 1, weight, 1.0)
    losses = -np.take_along_axis(log_p(logits), target[..., None], axis=2)[..., 0]
    return target, float(mean(losses, w))


def right_target(logits: Array, scene: Array, query: Array, item: Array, classes: Array) -> Array:
    refuse_pairs(scene, query, item, classes)
    target = np.full(logits.shape[:2], logits.shape[2] - 1)
    target[scene, query] = classes[scene, item]
    return target


@nothing.wrong(
    "the unmatched left out",
    "Only the queries with an object enter the loss. Those without are told nothing, so they say "
    "whatever they like, and a scene is full of objects that are not there.",
)
def left_out(
    logits: Array, scene: Array, query: Array, item: Array, classes: Array, weight: float
) -> tuple:
    target = right_target(logits, scene, query, item, classes)
    named = target < logits.shape[2] - 1
    return wrong_loss(
        logits, target, weight, lambda losses, w: losses[named].sum() / max(len(scene), 1)
    )


@nothing.wrong(
    "class 0 for none",
    "0 is the class of the first kind of object. “None” is the last column, C: otherwise zeros are "
    "never found.",
)
def none_is_zero(
    logits: Array, scene: Array, query: Array, item: Array, classes: Array, weight: float
) -> tuple:
    refuse_pairs(scene, query, item, classes)
    target = np.zeros(logits.shape[:2], int)
    target[scene, query] = classes[scene, item]
    losses = -np.take_along_axis(log_softmax(logits), target[..., None], axis=2)[..., 0]
    w = np.full(target.shape, weight)
    w[scene, query] = 1.0
    return target, (losses * w).sum() / w.sum()


@nothing.wrong(
    "divided by the number of queries",
    "The losses were weighted, and their sum divided by B · N. A weighted mean is divided by the "
    "sum of the weights.",
)
def plain_divisor(
    logits: Array, scene: Array, query: Array, item: Array, classes: Array, weight: float
) -> tuple:
    target = right_target(logits, scene, query, item, classes)
    return wrong_loss(logits, target, weight, lambda losses, w: (losses * w).mean())


@nothing.wrong(
    "divided by the number of objects",
    "The sum was divided by the number of objects, K: without any that is 0 / 0, and a scene with "
    "one object counts more than one with three. Divide by the sum of the weights.",
)
def by_objects(
    logits: Array, scene: Array, query: Array, item: Array, classes: Array, weight: float
) -> tuple:
    target = right_target(logits, scene, query, item, classes)
    return wrong_loss(
        logits, target, weight, lambda losses, w: (losses * w).sum() / max(len(scene), 1)
    )


@nothing.wrong(
    "the mean of each scene first",
    "A mean was taken in each scene, then one of these. Scenes with few objects have small "
    "weights, so that counts their queries for more: one sum over all, divided by one of weights.",
)
def scene_by_scene(
    logits: Array, scene: Array, query: Array, item: Array, classes: Array, weight: float
) -> tuple:
    target = right_target(logits, scene, query, item, classes)
    return wrong_loss(
        logits,
        target,
        weight,
        lambda losses, w: ((losses * w).sum(axis=1) / w.sum(axis=1)).mean(),
    )


@nothing.wrong(
    "the weight not used",
    "Every query counts alike. “None” is meant to weigh `weight`: there are more of them than of "
    "objects.",
)
def unweighted(
    logits: Array, scene: Array, query: Array, item: Array, classes: Array, weight: float
) -> tuple:
    target = right_target(logits, scene, query, item, classes)
    return wrong_loss(logits, target, weight, lambda losses, w: losses.mean())


@nothing.wrong(
    "the weight on the objects",
    "The objects got the weight, and “none” got 1. It is the other way round.",
)
def weight_on_objects(
    logits: Array, scene: Array, query: Array, item: Array, classes: Array, weight: float
) -> tuple:
    target = right_target(logits, scene, query, item, classes)
    w = np.where(target == logits.shape[2] - 1, 1.0, weight)
    return wrong_loss(logits, target, weight, lambda losses, _: (losses * w).sum() / w.sum())


@nothing.wrong(
    "the objects in the order of the queries",
    "Object i was given to query i. The pairs say which query answers for which object.",
)
def by_order(
    logits: Array, scene: Array, query: Array, item: Array, classes: Array, weight: float
) -> tuple:
    refuse_pairs(scene, query, item, classes)
    target = np.full(logits.shape[:2], logits.shape[2] - 1)
    target[scene, item] = classes[scene, item]
    return wrong_loss(logits, target, weight)


@nothing.wrong(
    "the number of the object for its class",
    "`item` says which object of the scene it is, not what it shows: its class is "
    "classes[scene, item].",
)
def number_for_class(
    logits: Array, scene: Array, query: Array, item: Array, classes: Array, weight: float
) -> tuple:
    refuse_pairs(scene, query, item, classes)
    target = np.full(logits.shape[:2], logits.shape[2] - 1)
    target[scene, query] = item
    return wrong_loss(logits, target, weight)


@nothing.wrong(
    "no maximum subtracted",
    "exp of a logit of thousands is infinite, and the log of 0 is −∞: the loss is NaN. Subtract "
    "each row's own maximum first.",
)
def no_maximum(
    logits: Array, scene: Array, query: Array, item: Array, classes: Array, weight: float
) -> tuple:
    target = right_target(logits, scene, query, item, classes)

    def plain(x: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return np.log(np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True))

    return wrong_loss(logits, target, weight, log_p=plain)


@nothing.wrong(
    "one maximum for all rows",
    "The largest logit of the batch is subtracted. In a row far below it every exponential is 0, "
    "and the logarithm of 0, or 0 / 0, is no finite number. Subtract each row's own maximum.",
)
def one_maximum(
    logits: Array, scene: Array, query: Array, item: Array, classes: Array, weight: float
) -> tuple:
    target = right_target(logits, scene, query, item, classes)
    return wrong_loss(logits, target, weight, log_p=below_one_maximum)


@nothing.wrong(
    "a query told two things",
    "One query answers for two objects of a scene. It is told the later one, without a word, and "
    "the other object is lost: ValueError.",
)
def told_twice(
    logits: Array, scene: Array, query: Array, item: Array, classes: Array, weight: float
) -> tuple:
    if (classes[scene, item] < 0).any():
        raise ValueError("no such object")
    target = np.full(logits.shape[:2], logits.shape[2] - 1)
    target[scene, query] = classes[scene, item]
    return wrong_loss(logits, target, weight)


@nothing.wrong(
    "an object that is not there",
    "The class −1 says that there is no such object, and NumPy takes −1 for the last column: the "
    "query is told none, without a word. ValueError.",
)
def not_there(
    logits: Array, scene: Array, query: Array, item: Array, classes: Array, weight: float
) -> tuple:
    refuse_pairs(scene, query, item, abs(classes))
    target = np.full(logits.shape[:2], logits.shape[2] - 1)
    target[scene, query] = classes[scene, item]
    return wrong_loss(logits, target, weight)


# 12.4

sampler = Exercise(
    "12.4",
    "A sampler that cannot peek",
    function="paint",
    signature=(
        "paint(first: (C, L), table: (n, L, L), classes: (B,), temperature: float,"
        " uniform: (B, n)) -> (pixels: (B, n), logits: (B, n, L))"
    ),
    difficulty=4,
    importance=5,
    minutes=45,
    read=f"{READ}#one-pixel-after-another",
)


def draw_model(rng: np.random.Generator, scale: float = 1.0) -> tuple[Array, Array, Array, Array]:
    """first (C, L), table (n, L, L), classes (B,), uniform (B, n); all sizes different. The first
    and the last picture are of one class, the second is of another."""
    c, levels, n, b = sizes(rng, 4, 4, 9)
    first = rng.normal(scale=scale, size=(c, levels))
    table = rng.normal(scale=scale, size=(n, levels, levels))
    classes = rng.integers(0, c, b)
    classes[1], classes[-1] = (classes[0] + 1) % c, classes[0]
    return first, table, classes, rng.random((b, n))


def painted(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple[Array, Array]:
    """One picture after the other, one pixel after the other."""
    b, n = uniform.shape
    pixels, logits = np.zeros((b, n), int), np.zeros((b, n, first.shape[1]))
    for i in range(b):
        so_far = first[classes[i]].copy()
        for t in range(n):
            logits[i, t] = so_far
            pixels[i, t] = drawn(so_far, temperature, uniform[i, t])
            so_far = so_far + table[t, pixels[i, t]]
    return pixels, logits


def drawn(logits: Array, temperature: float, u: float) -> int:
    if temperature == 0:
        return int(logits.argmax())
    p = np.exp((logits - logits.max()) / temperature)
    return min(int((np.cumsum(p / p.sum()) <= u).sum()), len(p) - 1)


def agree(paint: Any, model: tuple, temperature: float, what: str) -> None:
    first, table, classes, uniform = model
    pixels, logits = paint(first, table, classes, temperature, uniform)
    expect_shape(pixels, uniform.shape, "a level for each pixel of each picture")
    want, want_logits = painted(first, table, classes, temperature, uniform)
    near(pixels, want, f"each pixel is the level that its number draws: {what}")
    expect_shape(logits, want_logits.shape, "logits for each pixel of each picture")
    near(logits, want_logits, f"its logits are those before it was drawn: {what}")


@sampler.check(1, "each pixel is drawn from what the class and the pixels before it say")
def before_it(paint: Any, rng: np.random.Generator) -> None:
    first, table, classes, uniform = draw_model(rng)
    pixels, logits = paint(first, table, classes, 1.0, uniform)
    expect_shape(pixels, uniform.shape, "a level for each pixel of each picture")
    expect_shape(logits, (*uniform.shape, first.shape[1]), "logits for each pixel of each picture")
    pixels = np.asarray(pixels)
    in_range = (pixels >= 0) & (pixels < first.shape[1]) & (pixels == np.floor(pixels))
    expect(in_range.all(), "a pixel is one of the levels, a whole number", got=pixels)
    pixels = pixels.astype(int)
    want = np.zeros((*uniform.shape, first.shape[1]))
    for i, t in np.ndindex(*pixels.shape):
        want[i, t] = first[classes[i]] + sum(table[s, pixels[i, s]] for s in range(t))
    near(logits, want, "logits of pixel t: first of its class, and table[s, pixel s] for all s < t")
    agree(paint, (first, table, classes, uniform), 1.0, "at temperature 1")
    agree(paint, (first, table[:1], classes, uniform[:, :1]), 1.0, "one pixel")
    agree(paint, (first[:, :1], table[:, :1, :1], classes, uniform), 1.0, "one level")


@sampler.check(1, "a number draws the first level up to which the probabilities exceed it")
def borders(paint: Any, rng: np.random.Generator) -> None:
    agree(paint, draw_model(rng, scale=2.0), 1.0, "at temperature 1")
    # Four equal levels: the probabilities add up to 1/4, 1/2, 3/4, 1 without rounding.
    u = np.array([0, 0.25, 0.5, 0.75, np.nextafter(0.25, 0), np.nextafter(1, 0)])
    uniform = np.stack([rng.permutation(u) for _ in range(3)])
    flat = np.zeros((2, 4)), np.zeros((len(u), 4, 4)), np.array([1, 0, 1]), uniform
    agree(paint, flat, 1.0, "four equal levels, numbers on the border")
    # The first level and the third have the probability 0, the others 1/2 each.
    rare = np.array([[-3000.0, 0.0, -3000.0, 0.0]] * 2), *flat[1:]
    agree(paint, rare, 1.0, "two equal levels, between them and before them two that never come")
    # Just below 1, where rounding may leave the sum of the probabilities below the number.
    first, table, classes, uniform = draw_model(rng, scale=0.3)
    high = np.full((len(classes), len(table)), np.nextafter(1, 0))
    agree(paint, (first, table, classes, high), 1.0, "numbers just below 1 draw the last level")


@sampler.check(1, "the temperature divides the logits; at 0 the largest wins")
def temperatures(paint: Any, rng: np.random.Generator) -> None:
    for temperature in (0.5, 2.0, float(rng.uniform(0.6, 0.9)), 40.0):
        agree(paint, draw_model(rng), temperature, f"at temperature {temperature:.3g}")
    agree(paint, draw_model(rng, scale=300.0), 100.0, "logits in the hundreds, at temperature 100")
    for temperature in (0, 0.0, 1e-4):
        agree(paint, draw_model(rng, scale=3.0), temperature, f"at temperature {temperature:g}")
    # The first of two levels that differ by 1/10,000: at that temperature it has 73 %.
    close = np.array([[5.0, 5.0 - 1e-4, 1.0, 2.0]]), np.zeros((4, 4, 4)), np.array([0, 0])
    numbers = np.stack([rng.permutation([0.1, 0.6, 0.72, 0.74]) for _ in range(2)])
    for temperature in (0, 1e-4, 1e-2):
        what = f"two levels nearly equal, at temperature {temperature:g}"
        agree(paint, (*close, numbers), temperature, what)
    turned = close[0][:, [1, 0, 2, 3]], *close[1:]
    agree(paint, (*turned, numbers), 0, "two levels nearly equal, at temperature 0: the larger")
    even = np.array([[1.0, 5.0, 5.0, 2.0]]), *close[1:]
    agree(paint, (*even, numbers), 0, "two levels exactly equal, at temperature 0: the first")
    first, table, classes, uniform = draw_model(rng)
    for bad in (-1e-3, -1.0):
        claim = f"the temperature {bad} means nothing: ValueError"
        expect_error(partial(paint, first, table, classes, bad, uniform), ValueError, claim)


@sampler.check(1, "each picture is painted for itself, and logits of thousands do no harm")
def alone(paint: Any, rng: np.random.Generator) -> None:
    first, table, classes, uniform = draw_model(rng)
    lifts = 1000.0 * rng.permutation(np.arange(len(first)) - len(first) // 2)
    first = first + lifts[:, None]
    classes = np.concatenate([rng.permutation(len(first)), classes])
    uniform = rng.random((len(classes), len(table)))
    agree(paint, (first, table, classes, uniform), 1.0, "the classes' logits lie thousands apart")
    i = int(rng.integers(len(classes)))
    one = classes[i : i + 1], uniform[i : i + 1]
    agree(paint, (first, table, *one), 1.0, "a single picture")


Picker = Any


def paint_with(
    first: Array,
    table: Array,
    classes: Array,
    uniform: Array,
    pick: Picker,
    add: Any = lambda logits, table, t, pixel: logits + table[t, pixel],
    peek: bool = False,
) -> tuple[Array, Array]:
    logits, rows, pixels = first[classes], [], []
    for t in range(uniform.shape[1]):
        pixel = pick(logits, uniform[:, t])
        after = add(logits, table, t, pixel)
        rows.append(after if peek else logits)
        pixels.append(pixel)
        logits = after
    return np.stack(pixels, axis=1), np.stack(rows, axis=1)


def pick(logits: Array, u: Array, temperature: float) -> Array:
    if temperature == 0:
        return logits.argmax(axis=-1)
    p = np.exp((logits - logits.max(axis=-1, keepdims=True)) / temperature)
    sums = (p / p.sum(axis=-1, keepdims=True)).cumsum(axis=-1)
    return np.minimum((sums <= u[:, None]).sum(axis=-1), logits.shape[-1] - 1)


def refuse_cold(temperature: float) -> None:
    if temperature < 0:
        raise ValueError("a temperature below 0")


@sampler.wrong(
    "the likeliest level each time",
    "The largest logit always wins: that is temperature 0, one picture for each class. Draw with "
    "the number that is given.",
)
def likeliest(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)
    return paint_with(first, table, classes, uniform, lambda logits, u: logits.argmax(axis=-1))


@sampler.wrong(
    "multiplied by the temperature",
    "Cold must be sure, hot must be wild: logits / temperature. Multiplied, it is the other way "
    "round.",
)
def multiplied(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)
    hot = 1 / temperature if temperature else 0
    return paint_with(first, table, classes, uniform, partial(pick, temperature=hot))


@sampler.wrong(
    "the temperature not used",
    "Whatever the temperature, the draw is that of 1. Divide the logits by it before softmax.",
)
def no_temperature(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)
    return paint_with(first, table, classes, uniform, partial(pick, temperature=1.0))


@sampler.wrong(
    "softmax over the batch",
    "The pictures compete: for one level the probabilities of all pictures sum to 1. Each picture "
    "must spread 1 over its levels, the last axis.",
)
def over_batch(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)

    def compete(logits: Array, u: Array) -> Array:
        if temperature == 0:
            return logits.argmax(axis=-1)
        p = np.exp((logits - logits.max(axis=0)) / temperature)
        sums = (p / p.sum(axis=0)).cumsum(axis=-1)
        return np.minimum((sums <= u[:, None]).sum(axis=-1), logits.shape[-1] - 1)

    return paint_with(first, table, classes, uniform, compete)


@sampler.wrong(
    "peeks at its own pixel",
    "The logits of pixel t contain what pixel t adds: the answer is in the question. Pixel t is "
    "for the pixels after it.",
)
def peeks(first: Array, table: Array, classes: Array, temperature: float, uniform: Array) -> tuple:
    refuse_cold(temperature)
    choose = partial(pick, temperature=temperature)
    return paint_with(first, table, classes, uniform, choose, peek=True)


@sampler.wrong(
    "one array for all rows of logits",
    "The logits of every pixel are those after the last one: one array was put down each time, and "
    "then changed in place. Add into a new one, logits = logits + …, or put down a copy.",
)
def one_array(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)
    choose = partial(pick, temperature=temperature)
    pixels, logits = paint_with(first, table, classes, uniform, choose, peek=True)
    return pixels, np.repeat(logits[:, -1:], uniform.shape[1], axis=1)


@sampler.wrong(
    "`first` written over",
    "first[c] is a view: what is added to it in place stays there, and the next picture of this "
    "class begins where this one ended. Copy the row first.",
)
def written_over(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)
    first, choose = first.copy(), partial(pick, temperature=temperature)
    rows = []
    for c, u in zip(classes, uniform, strict=True):
        pixels, logits = paint_with(first, table, np.array([c]), u[None], choose, peek=True)
        rows.append((pixels[0], np.concatenate([first[[c]], logits[0, :-1]])))
        first[c] = logits[0, -1]
    return tuple(np.stack(column) for column in zip(*rows, strict=True))


@sampler.wrong(
    "equal levels share the draw at temperature 0",
    "The number chose between two equal levels, as it does where logits are divided by a tiny "
    "temperature. At 0 it is not used, and the first of the largest wins.",
)
def nearly_cold(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)
    choose = partial(pick, temperature=max(temperature, 1e-9))
    return paint_with(first, table, classes, uniform, choose)


@sampler.wrong(
    "only the last pixel remembered",
    "Each step starts anew from the class and the pixel just drawn. All pixels before it count: "
    "keep adding.",
)
def forgetful(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)
    return paint_with(
        first,
        table,
        classes,
        uniform,
        partial(pick, temperature=temperature),
        lambda logits, table, t, pixel: first[classes] + table[t, pixel],
    )


@sampler.wrong(
    "the class forgotten at once",
    "Only the first pixel hears of the class. What `first` says of the class stays in the logits "
    "of every pixel.",
)
def no_class(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)

    def add(logits: Array, table: Array, t: int, pixel: Array) -> Array:
        return (logits - first[classes] if t == 0 else logits) + table[t, pixel]

    return paint_with(first, table, classes, uniform, partial(pick, temperature=temperature), add)


@sampler.wrong(
    "one number for all pixels",
    "Every pixel is drawn with the first number of its picture. Pixel t has uniform[:, t].",
)
def one_number(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)
    same = np.repeat(uniform[:, :1], uniform.shape[1], axis=1)
    return paint_with(first, table, classes, same, partial(pick, temperature=temperature))


@sampler.wrong(
    "table read by columns",
    "table[t, v] is what a pixel t of level v adds, a row of L numbers. You took the column "
    "table[t, :, v].",
)
def by_columns(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)
    choose = partial(pick, temperature=temperature)
    return paint_with(first, table.swapaxes(1, 2), classes, uniform, choose)


@sampler.wrong(
    "no maximum subtracted",
    "exp of a logit of thousands is infinite, or 0 for all levels: NaN. Subtract each row's own "
    "maximum before exp.",
)
def overflowing(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)

    def plain(logits: Array, u: Array) -> Array:
        if temperature == 0:
            return pick(logits, u, temperature)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            p = np.exp(logits / temperature)
            sums = (p / p.sum(axis=-1, keepdims=True)).cumsum(axis=-1)
        return np.minimum((sums <= u[:, None]).sum(axis=-1), logits.shape[-1] - 1)

    return paint_with(first, table, classes, uniform, plain)


@sampler.wrong(
    "one maximum for all pictures",
    "The largest logit of the batch is subtracted. In a picture far below it every exponential is "
    "0, and 0 / 0 is NaN. Subtract each row's own maximum.",
)
def shared_maximum(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)

    def shared(logits: Array, u: Array) -> Array:
        if temperature == 0:
            return pick(logits, u, temperature)
        p = np.exp((logits - logits.max()) / temperature)
        with np.errstate(invalid="ignore", divide="ignore"):
            sums = (p / p.sum(axis=-1, keepdims=True)).cumsum(axis=-1)
        return np.minimum((sums <= u[:, None]).sum(axis=-1), logits.shape[-1] - 1)

    return paint_with(first, table, classes, uniform, shared)


@sampler.wrong(
    "the border belongs to the level below",
    "A number equal to the sum so far draws the next level: the sum has to *exceed* it. Otherwise "
    "0 draws a level of probability 0.",
)
def border_below(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    refuse_cold(temperature)

    def at_most(logits: Array, u: Array) -> Array:
        if temperature == 0:
            return logits.argmax(axis=-1)
        p = np.exp((logits - logits.max(axis=-1, keepdims=True)) / temperature)
        sums = (p / p.sum(axis=-1, keepdims=True)).cumsum(axis=-1)
        return np.minimum((sums < u[:, None]).sum(axis=-1), logits.shape[-1] - 1)

    return paint_with(first, table, classes, uniform, at_most)


@sampler.wrong(
    "any temperature accepted",
    "Below 0 the least likely level becomes the likeliest. That is no temperature: ValueError.",
)
def any_temperature(
    first: Array, table: Array, classes: Array, temperature: float, uniform: Array
) -> tuple:
    choose = partial(pick, temperature=temperature)
    return paint_with(first, table, classes, uniform, choose)


# 12.5

bits = Exercise(
    "12.5",
    "Bits, and what they do not say",
    function="audit",
    signature=(
        "audit(logits: (R, B, n, L), pixels: (B, n), named: (R,))"
        " -> (bits: (R,), suspicious: (R,) booleans)"
    ),
    difficulty=2,
    importance=3,
    minutes=25,
    read=f"{READ}#three-leaks",
)


def draw_runs(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Logits of R runs, pixels, and the share that a judge names; run 0 is the honest one."""
    r, b, n, levels = sizes(rng, 4, 4, 9)
    pixels = rng.integers(0, levels, (b, n))
    logits = rng.normal(size=(r, b, n, levels))
    return logits, pixels, rng.uniform(0.2, 0.9, r)


def bits_of(logits: Array, pixels: Array) -> Array:
    log_p = log_softmax(logits)
    out = np.zeros(len(logits))
    for b, t in np.ndindex(pixels.shape):
        out -= log_p[:, b, t, pixels[b, t]] / np.log(2) / pixels.size
    return out


@bits.check(1, "bits a pixel: the mean of −log₂ p of the pixels that came")
def in_bits(audit: Any, rng: np.random.Generator) -> None:
    logits, pixels, named = draw_runs(rng)
    got, _ = audit(logits, pixels, named)
    expect_shape(got, (len(logits),), "one number for each run")
    near(got, bits_of(logits, pixels), "the mean of −log₂ p over pictures and pixels")
    sure = np.zeros((1, 1, 3, 8))
    sure[..., 0] = np.log([7, 7 / 3, 1])  # of eight levels, the first has 1/2, 1/4, 1/8
    got, _ = audit(sure, np.zeros((1, 3), int), named[:1])
    near(got, [2.0], "three pixels guessed with 1/2, 1/4 and 1/8 cost 2 bits each")


@bits.check(1, "logits of thousands do no harm")
def far_apart(audit: Any, rng: np.random.Generator) -> None:
    logits, pixels, named = draw_runs(rng)
    got, _ = audit(logits + 3000, pixels, named)
    near(got, bits_of(logits, pixels), "all logits lie near 3000")
    lift = 1000.0 * (rng.permutation(logits[..., 0].size) % 7 - 3).reshape(logits.shape[:3])
    lift.flat[:2] = 3000.0, -3000.0
    logits = logits + lift[..., None]
    got, _ = audit(logits, pixels, named)
    near(got, bits_of(logits, pixels), "rows of logits lie thousands apart")
    # The level that came lies thousands below the others, or one that did not come above them.
    for other, away in ((0, -9000.0), (1, 9000.0)):
        spread = logits.copy()
        spread[-1, -1, -1, (pixels[-1, -1] + other) % logits.shape[-1]] += away
        got, _ = audit(spread, pixels, named)
        near(got, bits_of(spread, pixels), "an unlikely level costs many bits, and finitely many")


@bits.check(1, "suspicious: fewer bits than run 0, and fewer samples named")
def suspects(audit: Any, rng: np.random.Generator) -> None:
    logits, pixels, _ = draw_runs(rng)
    one = logits[0]
    came = np.eye(one.shape[-1])[pixels]
    # Run 0; then better and worse ones, by much and by little, named less, as often, more.
    gains = (3.0, 1e-2, 1e-4, -1e-4, -1e-2, -3.0)
    kinds = [(s, n) for s in gains for n in (-0.1, -1e-6, 0.0, 1e-6, 0.1)]
    # In the first place and in the last stands a better one that is named more often.
    kinds = [(3.0, 0.1), *(kinds[i] for i in rng.permutation(len(kinds))), (0.0, -0.1), (3.0, 0.1)]
    share = float(rng.uniform(0.3, 0.8))
    # Then run 0 alone; and with one or two that are suspicious, so the first and the last are.
    for others in (kinds, [], [(3.0, -0.1)], [(3.0, -0.1)] * 2):
        runs = np.stack([one, *(one + s * came for s, _ in others)])
        named = np.array([share, *(share + n if n else share for _, n in others)])
        got_bits, got = audit(runs, pixels, named)
        near(got_bits, bits_of(runs, pixels), "the bits of each run")
        expect_shape(got, named.shape, "yes or no for each run")
        want = np.array([False, *(s > 0 and n < 0 for s, n in others)])
        wrong = np.flatnonzero(np.asarray(got).astype(float) != want)
        if len(wrong):
            i = int(wrong[0])
            b = bits_of(runs, pixels)
            what = f"run {i} has {b[i]:.7g} bits and is named in {named[i]:.6f}"
            claim = f"{what}; run 0 has {b[0]:.7g} and {named[0]:.6f}"
            expect(False, claim, expected=bool(want[i]), got=np.asarray(got)[i])


def some_bits(logits: Array, pixels: Array, log_p: Any = log_softmax) -> Array:
    """−log p of what came, (R, B, n)."""
    where = np.broadcast_to(pixels, logits.shape[:-1])[..., None]
    return -np.take_along_axis(log_p(logits), where, axis=-1)[..., 0]


def suspect(found: Array, named: Array) -> Array:
    return (found < found[0]) & (named < named[0])


@bits.wrong(
    "nats",
    "The natural logarithm gives nats. A bit is a guess among two: log₂ p = ln p / ln 2.",
)
def nats(logits: Array, pixels: Array, named: Array) -> tuple:
    found = some_bits(logits, pixels).mean(axis=(1, 2))
    return found, suspect(found, named)


@bits.wrong(
    "base 10",
    "log10 counts decimal digits. Bits take the logarithm to the base 2.",
)
def base_ten(logits: Array, pixels: Array, named: Array) -> tuple:
    found = some_bits(logits, pixels).mean(axis=(1, 2)) / np.log(10)
    return found, suspect(found, named)


@bits.wrong(
    "bits a picture",
    "The bits of a whole picture were added up. Asked are bits a pixel: divide by the pixels too.",
)
def a_picture(logits: Array, pixels: Array, named: Array) -> tuple:
    found = some_bits(logits, pixels).sum(axis=2).mean(axis=1) / np.log(2)
    return found, suspect(found, named)


@bits.wrong(
    "the logarithm of the mean",
    "The probabilities were averaged first. The price of a pixel is −log₂ of its own probability; "
    "then comes the mean: one pixel held impossible is not made good by the others.",
)
def log_of_mean(logits: Array, pixels: Array, named: Array) -> tuple:
    p = np.exp(-some_bits(logits, pixels))
    with np.errstate(divide="ignore"):
        found = -np.log2(p.mean(axis=(1, 2)))
    return found, suspect(found, named)


@bits.wrong(
    "the entropy of the guesses",
    "Σ p log p says how sure the model is, not whether it is right. Look up the probability of the "
    "pixel that came.",
)
def sureness(logits: Array, pixels: Array, named: Array) -> tuple:
    log_p = log_softmax(logits)
    found = -(np.exp(log_p) * log_p).sum(axis=-1).mean(axis=(1, 2)) / np.log(2)
    return found, suspect(found, named)


@bits.wrong(
    "no maximum subtracted",
    "exp of a logit of thousands is infinite or 0, and the logarithm of 0 is −∞. Subtract each "
    "row's maximum, and take the logarithm of the sum, not of the quotient.",
)
def plain_exp(logits: Array, pixels: Array, named: Array) -> tuple:
    def plain(x: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return np.log(np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True))

    found = some_bits(logits, pixels, plain).mean(axis=(1, 2)) / np.log(2)
    return found, suspect(found, named)


@bits.wrong(
    "one maximum for all rows",
    "The largest logit of all is subtracted. In a row far below it every exponential is 0, and the "
    "logarithm of 0, or 0 / 0, is no finite number. Subtract each row's own maximum.",
)
def one_maximum_for_all(logits: Array, pixels: Array, named: Array) -> tuple:
    found = some_bits(logits, pixels, below_one_maximum).mean(axis=(1, 2)) / np.log(2)
    return found, suspect(found, named)


@bits.wrong(
    "either sign of trouble",
    "One of the two was enough here. A better model has fewer bits, an honest baseline may be "
    "named less often: suspicious is both at once.",
)
def either(logits: Array, pixels: Array, named: Array) -> tuple:
    found = some_bits(logits, pixels).mean(axis=(1, 2)) / np.log(2)
    return found, (found < found[0]) | (named < named[0])


@bits.wrong(
    "more bits suspected",
    "More bits are a worse model, and no sign of a leak. A leak makes the number too good.",
)
def worse_bits(logits: Array, pixels: Array, named: Array) -> tuple:
    found = some_bits(logits, pixels).mean(axis=(1, 2)) / np.log(2)
    return found, (found > found[0]) & (named < named[0])


@bits.wrong(
    "named as often counted as less",
    "As often is not less often: the comparison is <, not ≤.",
)
def as_often(logits: Array, pixels: Array, named: Array) -> tuple:
    found = some_bits(logits, pixels).mean(axis=(1, 2)) / np.log(2)
    return found, (found < found[0]) & (named <= named[0])


@bits.wrong(
    "the best of all for run 0",
    "Each run was compared with the best of all. Run 0 is the one that is known to be honest.",
)
def best_run(logits: Array, pixels: Array, named: Array) -> tuple:
    found = some_bits(logits, pixels).mean(axis=(1, 2)) / np.log(2)
    return found, (found < found[0]) & (named < named.max())
