"""Chapter 03, the engine: order of visits, unbroadcast, matmul's rules, fan-out, no_grad."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...gradcheck import numerical_gradient
from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_shape, frozen
from .common import ask_all, near, sizes

Array = np.ndarray
READ = "03_the_engine.md"
LONG = 20_000  # far beyond what a function that calls itself can reach


# Graphs as arrays: row i holds the numbers of tensor i's inputs, or -1. Inputs are older.


def draw_graph(rng: np.random.Generator, tensors: int = 12) -> Array:
    """A random graph: two leaves, then tensors with one or two inputs, mostly recent ones."""
    inputs = np.full((tensors, 2), -1)
    for i in range(2, tensors):
        inputs[i, 0] = rng.integers(max(0, i - 4), i)
        if rng.random() < 0.8:
            inputs[i, 1] = rng.integers(max(0, i - 4), i)
    return inputs


def chain(tensors: int) -> Array:
    return np.stack([np.arange(tensors) - 1, np.full(tensors, -1)], axis=1)


def behind(inputs: Array, output: int) -> set[int]:
    """The tensors that the output was computed from, and itself."""
    found = {output}
    for i in range(output, -1, -1):
        if i in found:
            found |= {int(j) for j in inputs[i] if j >= 0}
    return found


def between(inputs: Array, output: int, wanted: int) -> set[int]:
    """The tensors on a way from `wanted` to the output, both ends among them."""
    ahead = {wanted}
    for i in range(wanted + 1, output + 1):
        if ahead & set(inputs[i].tolist()):
            ahead.add(i)
    return ahead & behind(inputs, output)


def close(got: Any, want: Any, claim: str, rtol: float = 1e-9, atol: float = 1e-12) -> None:
    expect_close(got, want, claim, rtol=rtol, atol=atol)


# b = a + a; c = b + b
DOUBLED = np.array([[-1, -1], [0, 0], [1, 1]])
# b = a + a; c = b + b; then b + c, and c + b
EARLY = np.array([[-1, -1], [0, 0], [1, 1], [1, 2]])
LATE = np.array([[-1, -1], [0, 0], [1, 1], [2, 1]])
# a and p are leaves; q = p + p; b = a + a; then b + q, and a + b, which q has no part in
SIDE = np.array([[-1, -1], [-1, -1], [1, 1], [0, 0], [3, 2], [0, 3]])
# b was computed from a, which stands in the second place; p, a leaf, is younger than both; b + p
YOUNG = np.array([[-1, -1], [-1, 0], [-1, -1], [1, 2]])


# 03.1

order = Exercise(
    "03.1",
    "Order of visits",
    function="visits",
    signature="visits(inputs: (T, 2) integers, output, wanted) -> list of V integers",
    difficulty=3,
    importance=3,
    minutes=30,
    read=f"{READ}#newest-first",
)


def numbers(got: Any) -> list[int]:
    expect(got is not None, "the visits come back", expected="a list of numbers", got=got)
    return [int(i) for i in np.ravel(np.asarray(got))]


@order.check(1, "what lies between the wanted one and the output, each once, and nothing else")
def once(visits: Any, rng: np.random.Generator) -> None:
    drawn = [(draw_graph(rng), int(rng.integers(8, 11))) for _ in range(2)]
    for inputs, output in [(SIDE, 5), (SIDE, 4), (YOUNG, 3), *drawn]:
        newest = len(inputs) - 1  # newer than the output, or the output itself
        for wanted in (0, 1, int(rng.integers(2, output)), output - 1, output, newest):
            got = numbers(visits(inputs, output, wanted))
            want = sorted(between(inputs, output, wanted), reverse=True)
            claim = f"between {wanted} and {output}, each once"
            whole = f"{want}, in an order that fits"
            expect(sorted(got, reverse=True) == want, claim, expected=whole, got=got)


@order.check(1, "a tensor is visited after all that were computed from it")
def after_its_users(visits: Any, rng: np.random.Generator) -> None:
    drawn = [(draw_graph(rng), 11, int(rng.integers(4))) for _ in range(4)]
    for inputs, output, wanted in [(EARLY, 3, 0), (LATE, 3, 0), *drawn]:
        got = numbers(visits(inputs, output, wanted))
        needed = between(inputs, output, wanted)
        expect(needed <= set(got), "every tensor on the way is visited", got=got)
        for y in needed:
            for x in needed & set(inputs[y].tolist()):
                last = len(got) - 1 - got[::-1].index(y)
                waited = got.index(x) > last
                expect(waited, f"{x} comes after {y}, which was computed from it", got=got)


@order.check(1, "in these turns, b = a + a; c = b + b sends a the gradient 4")
def four(visits: Any, rng: np.random.Generator) -> None:
    for inputs, output, want in ((DOUBLED, 2, 4.0), (EARLY, 3, 6.0), (LATE, 3, 6.0)):
        grad = np.zeros(len(inputs))
        grad[output] = 1
        for y in numbers(visits(inputs, output, 0)):
            for x in inputs[y][inputs[y] >= 0]:
                grad[x] += grad[y]
        near(grad[0], want, f"the oldest of the {output + 1} tensors gets {want:g}")


@order.check(1, f"a chain of {LONG:,} tensors is no trouble")
def long_chain(visits: Any, rng: np.random.Generator) -> None:
    for length in (5, LONG):
        got = numbers(visits(chain(length), length - 1, 0))
        expect(got == list(range(length - 1, -1, -1)), "from the last to the first", got=got[:6])


def walk(inputs: Array, output: int, newest: bool, repeat: bool) -> list[int]:
    """From the output on, to what has waited shortest (newest) or longest."""
    waiting, order, seen = [output], [], set()
    while waiting:
        i = waiting.pop() if newest else waiting.pop(0)
        if i in seen and not repeat:
            continue
        seen.add(i)
        order.append(i)
        step = [int(j) for j in inputs[i] if j >= 0]
        waiting += step[::-1] if newest else step
    return order


def on_the_way(order: list[int], inputs: Array, output: int, wanted: int) -> list[int]:
    needed = between(inputs, output, wanted)
    return [i for i in order if i in needed]


@order.wrong(
    "a visit for each use",
    "b = a + a uses a twice, and a is visited twice: each time all it has is sent on. Mark what "
    "has been found, and visit it once.",
)
def each_use(inputs: Array, output: int, wanted: int) -> list[int]:
    order = walk(inputs, output, newest=True, repeat=True)
    return on_the_way(order, inputs, output, wanted)


@order.wrong(
    "visited as soon as it is reached",
    "In b + c with c = b + b this visits b before c, and b sends before c has given it anything. "
    "A tensor must wait for all that were computed from it: visit the newest first.",
)
def as_reached(inputs: Array, output: int, wanted: int) -> list[int]:
    order = walk(inputs, output, newest=True, repeat=False)
    return on_the_way(order, inputs, output, wanted)


@order.wrong(
    "level by level",
    "Nearest to the output first: but a tensor can be near along one path and far along another, "
    "as b is in b + c with c = b + b. Only the longest path counts; the age of a tensor knows it.",
)
def level_by_level(inputs: Array, output: int, wanted: int) -> list[int]:
    order = walk(inputs, output, newest=False, repeat=False)
    return on_the_way(order, inputs, output, wanted)


@order.wrong(
    "oldest first",
    "That is the order of the forward pass. Backward, gradients start at the output, and nothing "
    "older has one to send before the newer ones have sent theirs.",
)
def oldest_first(inputs: Array, output: int, wanted: int) -> list[int]:
    return sorted(between(inputs, output, wanted))


@order.wrong(
    "branches that do not lead to the wanted one",
    "The output was computed from all of these, but some were not computed from the wanted "
    "tensor: what flows to them goes nowhere. Visit only what lies between the two.",
)
def every_branch(inputs: Array, output: int, wanted: int) -> list[int]:
    return sorted(behind(inputs, output), reverse=True)


@order.wrong(
    "everything in between by age is visited",
    "Older than the output does not mean that the output was computed from it, nor newer than the "
    "wanted tensor that it was computed from that. Follow the rows of the table.",
)
def everything(inputs: Array, output: int, wanted: int) -> list[int]:
    return list(range(output, wanted - 1, -1))


@order.wrong(
    "the ends are left out",
    "Both ends belong to the list: the output sends first, and the wanted tensor is where the "
    "gradient arrives.",
)
def no_ends(inputs: Array, output: int, wanted: int) -> list[int]:
    return sorted(between(inputs, output, wanted) - {output, wanted}, reverse=True)


@order.wrong(
    "the output is listed in any case",
    "Where the output was not computed from the wanted tensor there is nothing to visit, and the "
    "output sends nothing either: the list is empty.",
)
def output_anyway(inputs: Array, output: int, wanted: int) -> list[int]:
    return sorted(between(inputs, output, wanted) | {output}, reverse=True)


@order.wrong(
    "a function that calls itself",
    "The order is right, but each step back is one call deeper, and Python stops at a few "
    "thousand. Keep what is still to be looked at in a list, or go through the rows in a loop.",
)
def calls_itself(inputs: Array, output: int, wanted: int) -> list[int]:
    found: set[int] = set()

    def collect(i: int) -> None:
        found.add(i)
        for j in inputs[i]:
            if j >= 0 and int(j) not in found:
                collect(int(j))

    collect(output)
    return on_the_way(sorted(found, reverse=True), inputs, output, wanted)


# 03.2

broadcast = Exercise(
    "03.2",
    "Unbroadcast",
    function="unbroadcast",
    signature="unbroadcast(g: array, shape: tuple) -> array of that shape",
    difficulty=3,
    importance=4,
    minutes=30,
    read=f"{READ}#undoing-a-broadcast",
)


def undone(unbroadcast: Any, rng: np.random.Generator, shape: tuple, onto: tuple) -> None:
    """What comes back must be the gradient of sum(g · broadcast(x)) by x."""
    g = np.asarray(rng.normal(size=onto))
    got = unbroadcast(g, shape)
    expect_shape(got, shape, f"a gradient {onto} comes back in the shape of the input")
    want = np.zeros(shape)
    place = np.broadcast_to(np.arange(want.size).reshape(shape), onto)
    np.add.at(want.reshape(-1), place.reshape(-1), g.reshape(-1))
    close(got, want, "every element collects the gradients of all its copies")


@broadcast.check(1, "axes that broadcasting added are summed over")
def added_axes(unbroadcast: Any, rng: np.random.Generator) -> None:
    a, b, c = sizes(rng, 3)
    undone(unbroadcast, rng, (c,), (b, c))
    undone(unbroadcast, rng, (c,), (a, b, c))
    undone(unbroadcast, rng, (c,), (c, c))  # the place decides, not the size


@broadcast.check(1, "axes that it stretched from 1 are summed over, and keep their 1")
def stretched_axes(unbroadcast: Any, rng: np.random.Generator) -> None:
    a, b, c = sizes(rng, 3)
    undone(unbroadcast, rng, (b, 1), (b, c))
    undone(unbroadcast, rng, (1, b, 1), (a, b, c))


@broadcast.check(1, "both at once; a single number; and nothing at all")
def mixtures(unbroadcast: Any, rng: np.random.Generator) -> None:
    a, b, c = sizes(rng, 3)
    undone(unbroadcast, rng, (b, 1), (a, b, c))
    undone(unbroadcast, rng, (), (b, c))
    undone(unbroadcast, rng, (), ())
    undone(unbroadcast, rng, (b, c), (b, c))
    undone(unbroadcast, rng, (1, c), (a, 1, c))


@broadcast.check(1, "a shape that cannot have been stretched to g's raises ValueError")
def misfits(unbroadcast: Any, rng: np.random.Generator) -> None:
    a, b, c = sizes(rng, 3)
    g = rng.normal(size=(b, c))
    close(unbroadcast(g, (c,)), g.sum(axis=0), "a row of c numbers can have been stretched")
    row = g[:1]
    telling = [(g, (a, b, c)), (g, (b, c + 1)), (g, (b, c - 1)), (row, (b, c))]
    ask_all(partial(unbroadcast, *case) for case in telling)
    for array, shape in [
        *telling,
        (g, (1, b, c)),
        (g, (1, 1, 1)),
        (g, (b,)),
        (g, (c, b)),
        (g, (b * c,)),
        (g, (2 * b, 1)),
        (row, (b, 1)),
        (g[:, :1], (1, c)),
        (g, (b, 2 * c)),
        (rng.normal(size=(b, 2 * c)), (b, c)),
        (rng.normal(size=(2 * b, c)), (b, c)),
        (g[..., np.newaxis], (b, c)),
    ]:
        claim = f"no broadcasting leads from {shape} to {array.shape}"
        expect_error(partial(unbroadcast, array, shape), ValueError, claim)


def refuse_misfits(g: Array, shape: tuple) -> None:
    if np.broadcast_shapes(g.shape, shape) != g.shape:
        raise ValueError(f"{shape} is not stretched to {g.shape}")


def reduce_copies(g: Array, shape: tuple, how: Callable) -> Array:
    """Reduce g to the shape, over the axes that were added or stretched."""
    refuse_misfits(g, shape)
    added = g.ndim - len(shape)
    stretched = [i + added for i, n in enumerate(shape) if n == 1]
    return how(g, axis=(*range(added), *stretched)).reshape(shape)


@broadcast.wrong(
    "the mean of the copies",
    "Each copy was used, and each use adds its part: the gradient is the sum over the copies. "
    "With the mean, the more rows, the smaller the gradient.",
)
def mean_of_copies(g: Array, shape: tuple) -> Array:
    return reduce_copies(g, shape, np.mean)


@broadcast.wrong(
    "one copy is taken",
    "Only the gradient of the first copy arrives; those of all the others are lost. Sum over them.",
)
def first_copy(g: Array, shape: tuple) -> Array:
    def first(g: Array, axis: tuple) -> Array:
        return g[tuple(slice(0, 1) if i in axis else slice(None) for i in range(g.ndim))]

    return reduce_copies(g, shape, first)


@broadcast.wrong(
    "only the added axes",
    "An axis of size 1 that was stretched has copies as well: sum over it too, with keepdims=True.",
)
def only_added(g: Array, shape: tuple) -> Array:
    refuse_misfits(g, shape)
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


@broadcast.wrong(
    "a stretched axis is lost",
    "The sum over a stretched axis takes the axis away, but the input had it, with size 1: sum "
    "with keepdims=True.",
)
def axis_lost(g: Array, shape: tuple) -> Array:
    refuse_misfits(g, shape)
    added = g.ndim - len(shape)
    stretched = [i + added for i, n in enumerate(shape) if n == 1]
    return g.sum(axis=(*range(added), *stretched))


@broadcast.wrong(
    "shapes aligned at the left",
    "Broadcasting aligns shapes at the right: a missing axis is missing in front. Axis i of the "
    "shape is axis i + (g.ndim − len(shape)) of g.",
)
def left_aligned(g: Array, shape: tuple) -> Array:
    refuse_misfits(g, shape)
    stretched = [i for i, n in enumerate(shape) if n == 1]
    return g.sum(axis=(*stretched, *range(len(shape), g.ndim))).reshape(-1)[: np.prod(shape)]


@broadcast.wrong(
    "the shapes are not compared",
    "A shape that could not have been stretched to g's is a mistake somewhere else. Summed all "
    "the same, it comes back in another shape, and nobody is told.",
)
def not_compared(g: Array, shape: tuple) -> Array:
    added = max(0, g.ndim - len(shape))
    g = g.sum(axis=tuple(range(added)))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1 and i < g.ndim), keepdims=True)


@broadcast.wrong(
    "what divides is let through",
    "Sizes that divide g's are accepted, as if broadcasting repeated a row of three to make six. "
    "It stretches from 1, and from nothing else.",
)
def divisors(g: Array, shape: tuple) -> Array:
    pairs = zip(shape[::-1], g.shape[::-1], strict=False)
    if len(shape) > g.ndim or any(m % n for n, m in pairs):
        raise ValueError("does not divide")
    return not_compared(g, shape)


@broadcast.wrong(
    "only the number of axes is compared",
    "The sizes must fit as well: from the right, each is 1 or that of g. A shape of the same "
    "numbers in another order, or of as many elements, was not stretched.",
)
def axes_counted(g: Array, shape: tuple) -> Array:
    if len(shape) > g.ndim:
        raise ValueError("more axes than g has")
    return not_compared(g, shape)


@broadcast.wrong(
    "smaller sizes are let through",
    "Only what is larger than in g is refused. But what is smaller was not stretched either, "
    "unless it is 1: from the right, each size is 1 or that of g.",
)
def smaller(g: Array, shape: tuple) -> Array:
    pairs = zip(shape[::-1], g.shape[::-1], strict=False)
    if len(shape) > g.ndim or any(n > m for n, m in pairs):
        raise ValueError("larger than g")
    return not_compared(g, shape)


@broadcast.wrong(
    "more axes than g's are let through",
    "The sizes are compared from the right, as far as both go, and what the shape has beyond that "
    "is not looked at. Stretching takes no axis away: a shape with more axes than g is refused.",
)
def sizes_alone(g: Array, shape: tuple) -> Array:
    pairs = zip(shape[::-1], g.shape[::-1], strict=False)
    if any(n not in (1, m) for n, m in pairs):
        raise ValueError("the sizes do not fit")
    return not_compared(g, shape)


@broadcast.wrong(
    "g may be stretched as well",
    "You ask whether the two shapes can be broadcast together, and where g is the smaller one, "
    "they can. What they make together must be g.shape itself.",
)
def either_way(g: Array, shape: tuple) -> Array:
    np.broadcast_shapes(g.shape, shape)
    return not_compared(g, shape)


# 03.3

product = Exercise(
    "03.3",
    "The rules of matmul",
    function="matmul_rules",
    signature="matmul_rules(g: (..., N, M), a: (..., N, K), b: (..., K, M)) -> (g_a, g_b)",
    difficulty=3,
    importance=4,
    minutes=30,
    read=f"{READ}#products-of-matrices",
)


def slopes_agree(matmul_rules: Any, rng: np.random.Generator, a: Array, b: Array, i: int) -> None:
    # The gradient that arrives is uneven: a constant one hides a wrong rule.
    g = rng.normal(size=(a @ b).shape)
    got = matmul_rules(g, a, b)[i]
    expect_shape(got, (a, b)[i].shape, f"the gradient has the shape of {'ab'[i]}")
    want = numerical_gradient(lambda a, b: float((g * (a @ b)).sum()), [a, b], i, 1e-5)
    close(got, want, "it agrees with central differences", rtol=1e-6, atol=1e-6)


def draw_product(rng: np.random.Generator) -> tuple[int, Array, Array]:
    n, k, m, batch = sizes(rng, 4)
    return batch, rng.normal(size=(n, k)), rng.normal(size=(k, m))


def draw_square(rng: np.random.Generator, axes: int) -> tuple[Array, Array]:
    """Two arrays of one size in every axis: there a wrong rule gives numbers, and no error."""
    a, b = rng.normal(size=(2, *[int(rng.integers(2, 5))] * axes))
    return a, b


@product.check(1, "gradient with respect to a, for two matrices")
def for_a(matmul_rules: Any, rng: np.random.Generator) -> None:
    for a, b in (draw_square(rng, 2), draw_product(rng)[1:]):
        slopes_agree(matmul_rules, rng, a, b, 0)


@product.check(1, "gradient with respect to b, for two matrices")
def for_b(matmul_rules: Any, rng: np.random.Generator) -> None:
    for a, b in (draw_square(rng, 2), draw_product(rng)[1:]):
        slopes_agree(matmul_rules, rng, a, b, 1)


@product.check(1, "leading axes: each index is a product of its own; a size may be 1")
def leading_axes(matmul_rules: Any, rng: np.random.Generator) -> None:
    a, b = draw_square(rng, 3)
    slopes_agree(matmul_rules, rng, a, b, 0)
    batch, a, b = draw_product(rng)
    n, k, m = *a.shape, b.shape[1]
    for shape in ((batch, n, k, m), (1, n, k, m), (batch, 1, k, m), (batch, n, 1, 1)):
        a, b = rng.normal(size=shape[:3]), rng.normal(size=(shape[0], *shape[2:]))
        for i in (0, 1):
            slopes_agree(matmul_rules, rng, a, b, i)


@product.check(1, "one matrix shared by all leading indices collects from each")
def shared(matmul_rules: Any, rng: np.random.Generator) -> None:
    batch, a, b = draw_product(rng)
    for count in (batch, 1):  # of a leading axis of size 1, too, the shared matrix has none
        many_a, many_b = rng.normal(size=(count, *a.shape)), rng.normal(size=(count, *b.shape))
        for i in (1, 0):
            slopes_agree(matmul_rules, rng, many_a, b, i)
            slopes_agree(matmul_rules, rng, a, many_b, i)


def turned(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


def fitted(g: Array, like: Array, how: Callable = np.sum) -> Array:
    """Reduce the leading axes that a shared matrix does not have."""
    extra = tuple(range(g.ndim - like.ndim))
    return how(g, axis=extra) if extra else g


@product.wrong(
    "missing transpose",
    "The sizes do not meet: G is (N, M) and B is (K, M). For a (N, K), B must be turned: G Bᵀ; "
    "and likewise Aᵀ G.",
)
def no_transpose(g: Array, a: Array, b: Array) -> tuple:
    return g @ b, a @ g


@product.wrong(
    "the factors the wrong way round",
    "Bᵀ G and G Aᵀ: the transposes are there, but the order of a product counts. In C = A B, A "
    "stands on the left, so for a it is what stands on the right of A that is turned: G Bᵀ; for b, "
    "Aᵀ G.",
)
def wrong_order(g: Array, a: Array, b: Array) -> tuple:
    return turned(b) @ g, g @ turned(a)


@product.wrong(
    "the product turned round",
    "B Gᵀ is the transpose of G Bᵀ: the right numbers in the wrong places. Compare its shape with "
    "that of a.",
)
def turned_round(g: Array, a: Array, b: Array) -> tuple:
    return fitted(b @ turned(g), a), fitted(turned(g) @ a, b)


@product.wrong(
    ".T turns every axis round",
    "b.T is right for two axes. With leading axes it reverses all of them; only the last two "
    "should change places: swapaxes(-1, -2).",
)
def all_axes(g: Array, a: Array, b: Array) -> tuple:
    return fitted(g @ b.T, a), fitted(a.T @ g, b)


@product.wrong(
    "the shared matrix is not summed for",
    "A matrix that serves all leading indices was stretched over them, and each use adds its part: "
    "sum over the leading axes that it does not have.",
)
def not_summed(g: Array, a: Array, b: Array) -> tuple:
    return g @ turned(b), turned(a) @ g


@product.wrong(
    "the shared matrix gets a mean",
    "Each use of a shared matrix adds its part to the gradient: the sum over the leading indices, "
    "not their mean.",
)
def averaged(g: Array, a: Array, b: Array) -> tuple:
    return fitted(g @ turned(b), a, np.mean), fitted(turned(a) @ g, b, np.mean)


@product.wrong(
    "the gradient that arrives is left out",
    "These are the slopes of the sum of all elements of the product. The loss weighs them by g: "
    "the chain rule multiplies by what arrives.",
)
def without_g(g: Array, a: Array, b: Array) -> tuple:
    return not_fitted(np.ones_like(g), a, b)


def not_fitted(g: Array, a: Array, b: Array) -> tuple:
    return fitted(g @ turned(b), a), fitted(turned(a) @ g, b)


# 03.4

fan = Exercise(
    "03.4",
    "Fan-out",
    function="flow",
    signature="flow(inputs: (T, 2) integers, slopes: (T, 2), output: integer, grad: (T,)) -> (T,)",
    difficulty=3,
    importance=5,
    minutes=35,
    read=f"{READ}#every-path",
)


def draw_slopes(rng: np.random.Generator, inputs: Array) -> Array:
    """Slopes of both signs; where there is no input, a number that means nothing."""
    return rng.uniform(0.5, 1.5, inputs.shape) * rng.choice([-1, 1], inputs.shape)


def all_paths(inputs: Array, slopes: Array, output: int) -> Array:
    """The gradient of the output by every tensor: the sum over all paths, 1 + S + S² + …"""
    step = np.zeros((len(inputs), len(inputs)))
    for i, j in np.argwhere(inputs >= 0):
        step[i, inputs[i, j]] += slopes[i, j]
    return np.linalg.inv(np.eye(len(inputs)) - step)[output]


@fan.check(1, "along a chain, slopes multiply; what is not behind the output gets nothing")
def along_a_chain(flow: Any, rng: np.random.Generator) -> None:
    inputs = chain(9)
    for size in (1, 1e-3):  # small gradients are sent on as well
        slopes = size * draw_slopes(rng, inputs)
        got = flow(inputs, slopes, 6, np.zeros(9))
        expect_shape(got, (9,), "a gradient for each tensor")
        want = np.append(np.cumprod(slopes[6:0:-1, 0])[::-1], [1, 0, 0])
        close(got, want, "the product of the slopes on the way", atol=0)


@fan.check(1, "where paths meet, the parts add up, and only the whole is sent on")
def paths_meet(flow: Any, rng: np.random.Generator) -> None:
    drawn = [(draw_graph(rng), 10) for _ in range(3)]
    for inputs, output in [(DOUBLED, 2), (EARLY, 3), (LATE, 3), (YOUNG, 3), *drawn]:
        slopes = draw_slopes(rng, inputs)
        got = flow(inputs, slopes, output, np.zeros(len(inputs)))
        close(got, all_paths(inputs, slopes, output), "the sum over all paths")


@fan.check(1, "what grad held is kept, and not sent on a second time")
def is_added_to(flow: Any, rng: np.random.Generator) -> None:
    for inputs, output in [(EARLY, 3), (LATE, 3), (draw_graph(rng), 9)]:
        slopes, grad = draw_slopes(rng, inputs), rng.normal(size=len(inputs))
        want = grad + all_paths(inputs, slopes, output)
        got = flow(inputs, slopes, output, frozen(grad))  # it must be left alone
        close(got, want, "the old grad plus the new gradient")


@fan.check(1, f"a chain of {LONG:,} tensors is no trouble")
def long_flow(flow: Any, rng: np.random.Generator) -> None:
    for length in (1, 5, LONG):
        slopes = rng.choice([-1.0, 1.0], (length, 2))
        got = flow(chain(length), slopes, length - 1, np.zeros(length))
        want = np.append(np.cumprod(slopes[:0:-1, 0])[::-1], 1.0)
        close(got, want, "products of slopes, all the way back")


def pairs(inputs: Array, slopes: Array, i: int) -> list[tuple[int, float]]:
    return [(int(j), float(s)) for j, s in zip(inputs[i], slopes[i], strict=True) if j >= 0]


def in_turn(inputs: Array, slopes: Array, turns: Any, start: Array, join: Callable) -> Array:
    """Send along the graph in these turns; `join` puts old, arriving and slope together."""
    flowing = start.copy()
    for i in turns:
        for j, slope in pairs(inputs, slopes, i):
            flowing[j] = join(flowing[j], flowing[i], slope)
    return flowing


def seed(inputs: Array, output: int) -> Array:
    return (np.arange(len(inputs)) == output).astype(float)


def plus(old: float, arriving: float, slope: float) -> float:
    return old + arriving * slope


@fan.wrong(
    "the second path overwrites the first",
    "b = a + a reaches a along two paths, and each brings a part. Add to what is there; with = the "
    "last path wins.",
)
def overwrites(inputs: Array, slopes: Array, output: int, grad: Array) -> Array:
    def last(old: float, arriving: float, slope: float) -> float:
        return arriving * slope

    turns = sorted(behind(inputs, output), reverse=True)
    return grad + in_turn(inputs, slopes, turns, seed(inputs, output), last)


@fan.wrong(
    ".grad is overwritten",
    "A backward pass adds to what grad holds. Two passes leave the sum of two gradients; whoever "
    "wants only the last one clears grad first.",
)
def forgets_grad(inputs: Array, slopes: Array, output: int, grad: Array) -> Array:
    turns = sorted(behind(inputs, output), reverse=True)
    return in_turn(inputs, slopes, turns, seed(inputs, output), plus)


@fan.wrong(
    "the old gradient is sent again",
    "The pass starts from what grad held, so an earlier pass's gradient flows on once more. Let "
    "the new gradient flow by itself, and add it to grad at the end.",
)
def sends_the_old(inputs: Array, slopes: Array, output: int, grad: Array) -> Array:
    turns = sorted(behind(inputs, output), reverse=True)
    return in_turn(inputs, slopes, turns, grad + seed(inputs, output), plus)


@fan.wrong(
    "sent before it is complete",
    "Each tensor is visited as soon as it is reached, and sends what it has by then. What arrives "
    "later goes no further. Wait for all that were computed from it: newest first.",
)
def too_early(inputs: Array, slopes: Array, output: int, grad: Array) -> Array:
    turns = walk(inputs, output, newest=True, repeat=False)
    return grad + in_turn(inputs, slopes, turns, seed(inputs, output), plus)


@fan.wrong(
    "sent at each use",
    "A tensor that is used twice is visited twice, and sends all it has each time, the first part "
    "twice over. Visit it once, when its gradient is complete.",
)
def at_each_use(inputs: Array, slopes: Array, output: int, grad: Array) -> Array:
    turns = walk(inputs, output, newest=True, repeat=True)
    return grad + in_turn(inputs, slopes, turns, seed(inputs, output), plus)


@fan.wrong(
    "slopes added along the way",
    "Along a path slopes multiply: if b rises twice as fast as a, and c three times as fast as b, "
    "c rises six times as fast as a. Only the paths are added up.",
)
def slopes_added(inputs: Array, slopes: Array, output: int, grad: Array) -> Array:
    def sums(old: float, arriving: float, slope: float) -> float:
        return old + arriving + slope

    turns = sorted(behind(inputs, output), reverse=True)
    return grad + in_turn(inputs, slopes, turns, seed(inputs, output), sums)


@fan.wrong(
    "minus one is taken for a tensor",
    "Where there is no input the table holds −1, and to Python the index −1 is the last one: "
    "something flows to the newest tensor. Skip such places.",
)
def minus_one(inputs: Array, slopes: Array, output: int, grad: Array) -> Array:
    flowing = seed(inputs, output)
    for i in range(output, -1, -1):
        for j, slope in zip(inputs[i], slopes[i], strict=True):
            flowing[j] += flowing[i] * slope
    return grad + flowing


@fan.wrong(
    "+= through repeated indices",
    "flowing[[j, j]] += … adds once, not twice: NumPy computes both sums from the old number, and "
    "the second replaces the first. Go through the inputs one by one, or use np.add.at.",
)
def repeated(inputs: Array, slopes: Array, output: int, grad: Array) -> Array:
    flowing = seed(inputs, output)
    for i in range(output, -1, -1):
        there = inputs[i] >= 0
        flowing[inputs[i][there]] += flowing[i] * slopes[i][there]
    return grad + flowing


@fan.wrong(
    "grad itself is changed",
    "The numbers are right, and whoever called the function finds its own array changed. Add to a "
    "copy, or write grad + … without the = in +=.",
    raises=True,
)
def in_place(inputs: Array, slopes: Array, output: int, grad: Array) -> Array:
    turns = sorted(behind(inputs, output), reverse=True)
    grad += in_turn(inputs, slopes, turns, seed(inputs, output), plus)
    return grad


@fan.wrong(
    "a function that calls itself",
    "Each step back is one call deeper, and Python stops at a few thousand. Go through the tensors "
    "in a loop, newest first.",
)
def flows_by_calls(inputs: Array, slopes: Array, output: int, grad: Array) -> Array:
    result = grad.copy()

    def send(i: int, g: float) -> None:
        result[i] += g
        for j, slope in pairs(inputs, slopes, i):
            send(j, g * slope)

    send(output, 1.0)
    return result


# 03.5

blocks = Exercise(
    "03.5",
    "What no_grad does",
    function="remembers",
    signature="remembers(steps: list of lists) -> list of booleans, one for each tensor made",
    difficulty=3,
    importance=1,
    minutes=30,
    read=f"{READ}#not-recording",
)

Steps = list[list[Any]]


def opens(what: str, rest: list[Any]) -> int:
    """How many blocks a step opens; those that it closes are negative."""
    return {"enter": 1, "exit": -1, "error": -rest[0] if rest else 0}.get(what, 0)


def required(steps: Steps) -> list[bool]:
    """What the library's Tensor.requires_grad would be."""
    made: list[bool] = []
    depth = 0
    for what, *rest in steps:
        if what == "leaf":
            made.append(bool(rest[0]))
        elif what == "op":
            made.append(depth == 0 and (made[rest[0]] or made[rest[1]]))
        else:
            depth += opens(what, rest)
    return made


def draw_ops(rng: np.random.Generator, count: int, tensors: int) -> Steps:
    """So many ops, on tensors that are there by then."""
    return [["op", *map(int, rng.integers(0, tensors + i, 2))] for i in range(count)]


LEAVES: Steps = [["leaf", True], ["leaf", False], ["leaf", True], ["leaf", False]]


def agrees(remembers: Any, steps: Steps, claim: str) -> None:
    got, want = remembers(steps), required(steps)
    expect_shape(got, (len(want),), "one answer for each tensor made, leaves and results")
    answers = np.asarray(got).astype(bool)
    differ = np.flatnonzero(answers != np.array(want))
    if len(differ):
        claim += f"; tensor {differ[0]} was made by {maker(steps, int(differ[0]))}"
    expect_close(answers, np.array(want), claim)


def maker(steps: Steps, tensor: int) -> str:
    """The step that made a tensor, and how many blocks were open."""
    makers = [i for i, step in enumerate(steps) if step[0] in ("leaf", "op")]
    at, depth = makers[tensor], 0
    for what, *rest in steps[:at]:
        depth += opens(what, rest)
    return f"{steps[at]}, step {at}, with {depth} open"


@blocks.check(1, "outside a block, one input that requires a gradient is enough")
def outside(remembers: Any, rng: np.random.Generator) -> None:
    steps = [*LEAVES, ["op", 0, 1], ["op", 3, 2], ["op", 1, 3], ["op", 2, 2]]
    steps += draw_ops(rng, 6, 8)
    agrees(remembers, steps, "a result requires a gradient if one of its inputs does")
    others: list = [["leaf", not wanted] for _, wanted in LEAVES]
    agrees(remembers, [*others, ["op", 0, 1], ["op", 1, 2]], "whichever leaves require one")


@blocks.check(1, "inside, results do not; leaves and what was made before are as they were")
def inside(remembers: Any, rng: np.random.Generator) -> None:
    steps = [*LEAVES, ["op", 0, 1], ["enter"], ["op", 0, 2], ["leaf", True], ["exit"]]
    steps += [["op", 5, 3], ["op", 0, 5], ["op", 6, 3], ["op", 5, 5], *draw_ops(rng, 4, 11)]
    agrees(remembers, steps, "a block concerns the results made in it, and nothing else")


@blocks.check(1, "the end of an inner block leaves the outer one in force")
def nested(remembers: Any, rng: np.random.Generator) -> None:
    steps = [*LEAVES, ["enter"], ["enter"], ["op", 0, 2], ["exit"], ["op", 0, 2], ["exit"]]
    steps += [["op", 0, 2], ["enter"], ["enter"], ["op", 2, 6], ["exit"], ["exit"]]
    steps += [["op", 7, 1], ["op", 6, 1], *draw_ops(rng, 4, 10)]
    agrees(remembers, steps, "recording starts again when the outermost block has ended")


@blocks.check(1, "an error ends the blocks that it leaves, and only these")
def errors(remembers: Any, rng: np.random.Generator) -> None:
    steps = [*LEAVES, ["enter"], ["error", 1], ["op", 0, 2]]
    steps += [*[["enter"]] * 4, ["error", 2], ["op", 0, 2], ["exit"], ["op", 0, 2], ["exit"]]
    steps += [["op", 0, 2], ["enter"], ["enter"], ["error", 2], ["op", 0, 2]]
    steps += [["enter"], ["error", 1]]
    # Both inputs require a gradient, or both are leaves that do not: what mixed ones give is
    # `outside`'s to ask.
    alike = [0, 2, 4, 7, 8], [1, 3]
    steps += [["op", *map(int, rng.choice(alike[i], 2))] for i in rng.permutation([0, 0, 1, 1])]
    agrees(remembers, steps, "a block that an error leaves has ended")
    for depth in (0, 2):  # caught where it was raised: no block is left
        steps = [*LEAVES, *[["enter"]] * depth, ["error", 0], ["op", 0, 2]]
        steps += [*[["exit"]] * depth, ["op", 0, 2]]
        agrees(remembers, steps, "an error that leaves no block ends none")


def simulated(
    steps: Steps,
    leave: Callable[[int, str, int], int],
    join: Callable = max,
    leaf: Callable = lambda wish, depth: wish,
) -> list[bool]:
    """As `required`, with one part replaced; `leave` gives the depth after an exit or error."""
    made: list[bool] = []
    depth = 0
    for what, *rest in steps:
        if what == "leaf":
            made.append(bool(leaf(rest[0], depth)))
        elif what == "op":
            made.append(depth == 0 and join(made[rest[0]], made[rest[1]]))
        elif what == "enter":
            depth += 1
        else:
            depth = leave(depth, what, rest[0] if rest else 1)
    return made


def rightly(depth: int, what: str, count: int) -> int:
    return depth - count


@blocks.wrong(
    "all inputs must require a gradient",
    "A weight times a pixel: the pixel needs no gradient, the weight does, and its gradient flows "
    "through the product. One input is enough.",
)
def all_inputs(steps: Steps) -> list[bool]:
    return simulated(steps, rightly, join=min)


@blocks.wrong(
    "the end of a block switches recording on",
    "An inner block ends inside an outer one, and the outer one is still in force. Put back what "
    "was found at the beginning, do not switch on.",
)
def switches_on(steps: Steps) -> list[bool]:
    return simulated(steps, lambda depth, what, count: 0)


@blocks.wrong(
    "an error leaves recording off",
    "A block that an error has left still counts as open, so nothing is recorded from then on. "
    "Whichever way it is left, it has ended: in Python, such things stand under `finally`.",
)
def never_ends(steps: Steps) -> list[bool]:
    return simulated(steps, lambda depth, what, count: depth - (what == "exit"))


@blocks.wrong(
    "an error ends one block only",
    "An error passes through every block between the place where it is raised and the one where "
    "it is caught, and ends each of them.",
)
def ends_one(steps: Steps) -> list[bool]:
    return simulated(steps, lambda depth, what, count: depth - 1)


@blocks.wrong(
    "an error ends every block",
    "An error is caught somewhere, and blocks around that place are still open: only those between "
    "the error and the place where it is caught have ended.",
)
def ends_all(steps: Steps) -> list[bool]:
    return simulated(steps, lambda depth, what, count: depth - 1 if what == "exit" else 0)


@blocks.wrong(
    "results made inside count as leaves outside",
    "A result that was made in a block has no record, so nothing flows through it later: used "
    "outside, it is an input that needs no gradient, whatever it was computed from.",
)
def remembered_anyway(steps: Steps) -> list[bool]:
    outside = iter(ignored(steps))
    return [now and then for now, then in zip(inside_is_off(steps), outside, strict=True)]


def inside_is_off(steps: Steps) -> list[bool]:
    """For each tensor made, whether it is a leaf, or a result made outside of all blocks."""
    made: list[bool] = []
    depth = 0
    for what, *rest in steps:
        if what in ("leaf", "op"):
            made.append(what == "leaf" or depth == 0)
        else:
            depth += opens(what, rest)
    return made


@blocks.wrong(
    "leaves made inside lose their wish",
    "no_grad is about results. A leaf says itself whether it requires a gradient, wherever it is "
    "made.",
)
def leaves_too(steps: Steps) -> list[bool]:
    return simulated(steps, rightly, leaf=lambda wish, depth: wish and depth == 0)


@blocks.wrong(
    "the block is ignored",
    "Results made in the block require a gradient as if it were not there: everything is recorded, "
    "and kept in memory.",
)
def ignored(steps: Steps) -> list[bool]:
    outside = [step for step in steps if step[0] in ("leaf", "op")]
    return required(outside)
