"""Chapter 16, cost: products counted, blocks, the cache, a state for keys, how many machines."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_shape, frozen
from .common import near, sizes, softmax

Array = np.ndarray

READ = "16_cost.md"

outside: dict[str, Any] = {}  # where two wrong answers keep what belongs into the state


# 16.1

count = Exercise(
    "16.1",
    "Count",
    function="products",
    signature=(
        "products(weights: (H, N, S), width: int, head_dim: int, hidden: int, causal: bool = False)"
        " -> (projections, pairs, dense)"
    ),
    difficulty=2,
    importance=4,
    minutes=25,
    read=f"{READ}#the-formulas-mended",
)


def spread(rng: np.random.Generator, heads: int, n: int, s: int, causal: bool) -> Array:
    """Weights (H, N, S), each positive where a query may look, each row with the sum 1."""
    weights = rng.uniform(0.5, 1.5, size=(heads, n, s)) * (np.tri(n, s, s - n) if causal else 1)
    return weights / weights.sum(axis=-1, keepdims=True)


def one_by_one(
    shape: tuple[int, ...], width: int, head_dim: int, hidden: int, causal: bool
) -> tuple[int, int, int]:
    """The products of each layer, added up token by token and pair by pair."""
    heads, n, s = shape
    inner = heads * head_dim
    query, output = ([width * inner] * n for _ in range(2))
    key, value = ([width * inner] * s for _ in range(2))
    pairs = 0
    for i in range(n):
        seen = i + s - n + 1 if causal else s
        for _ in range(heads):
            pairs += seen * head_dim + seen * head_dim  # its scores, and its sum of values
    dense = sum(width * hidden + hidden * width for _ in range(n))
    return sum(query + key + value + output), pairs, dense


def exactly(products: Any, weights: Array, rest: tuple[int, int, int], causal: bool) -> None:
    """The three counts, to the last product."""
    got = products(weights, *rest, causal) if causal else products(weights, *rest)
    want = one_by_one(weights.shape, *rest, causal)
    seen = "query i sees i + S − N + 1 keys" if causal else "a query sees S keys"
    names = {
        "projections": "query and output for N tokens, key and value for S, between D and H·d",
        "pairs": f"{seen}; in each head d for a score, and d for its part of the sum",
        "dense": "from D to hidden and back, for N tokens",
    }
    expect(np.shape(got) == (3,), f"three numbers: {', '.join(names)}", got=got)
    for (name, what), a, b in zip(names.items(), got, want, strict=True):
        expect_close(a, b, f"{name}: {what}", rtol=0, atol=0.25)


def draw_count(rng: np.random.Generator) -> tuple[list[int], tuple[int, int, int]]:
    """H, N, and more keys S; D, d and the hidden width: all different."""
    heads, n, more, head_dim, hidden = sizes(rng, 5, 2, 14)
    width = int(rng.choice([29, 31, 37]))  # prime, so not H·d, and hidden is not 4D
    return [heads, n, n + more], (width, head_dim, hidden)


@count.check(1, "as many keys as queries")
def self_attention(products: Any, rng: np.random.Generator) -> None:
    (heads, n, _), rest = draw_count(rng)
    for h, m in ((heads, n), (1, n), (heads, 1), (1, 60)):
        exactly(products, spread(rng, h, m, m, False), rest, False)


@count.check(1, "more keys than queries, or fewer")
def cross_attention(products: Any, rng: np.random.Generator) -> None:
    (heads, n, s), rest = draw_count(rng)
    for a, b in ((n, s), (s, n), (1, s)):
        exactly(products, spread(rng, heads, a, b, False), rest, False)


@count.check(1, "causal: no later key, also where earlier tokens are cached; never fewer keys")
def causal_pairs(products: Any, rng: np.random.Generator) -> None:
    (heads, n, s), rest = draw_count(rng)
    for a, b in ((n, n), (n, n + 1), (n, s), (1, 1), (1, s), (60, 61)):
        exactly(products, spread(rng, heads, a, b, True), rest, True)
    for keys in (n - 1, 1):
        few = spread(rng, heads, n, keys, False)
        expect_error(
            partial(products, few, *rest, True), ValueError, "causal takes a key for each query"
        )


@count.check(1, "weights of exactly 0 were computed too")
def one_hot_weights(products: Any, rng: np.random.Generator) -> None:
    (heads, n, s), rest = draw_count(rng)
    for causal in (False, True):
        weights = spread(rng, heads, n, s, causal)
        sharp = (weights == weights.max(axis=-1, keepdims=True)) * 1.0
        exactly(products, sharp, rest, causal)
        weights[:, :, rng.integers(s)] = 0.0  # a key at which nobody looks
        exactly(products, weights, rest, causal)
    weights[0, 0, 0] = 0.0  # one alone
    exactly(products, weights, rest, True)
    # Zeros above the diagonal do not make a layer causal: these were computed.
    exactly(products, spread(rng, heads, n, n, True), rest, False)


def formula(
    shape: tuple[int, ...], width: int, head_dim: int, hidden: int, causal: bool
) -> tuple[int, int, int]:
    heads, n, s = shape
    if causal and s < n:
        raise ValueError("fewer keys than queries")
    inner = heads * head_dim
    pairs = n * (s - n) + n * (n + 1) // 2 if causal else n * s
    return 2 * (n + s) * width * inner, 2 * pairs * inner, 2 * n * width * hidden


@count.wrong(
    "zeros are free",
    "You left out the pairs whose weight is 0. A weight is 0 only after its score was computed, and"
    " the sum multiplies its value by that 0 as by any other number.",
)
def zeros_are_free(
    weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False
) -> tuple:
    projections, _, dense = formula(weights.shape, width, head_dim, hidden, causal)
    return projections, 2 * int((weights > 0).sum()) * head_dim, dense


@count.wrong(
    "heads multiply twice",
    "H heads of width d together are H·d wide, and that width is in the count already: twelve thin "
    "heads cost what one wide head costs.",
)
def heads_multiply(
    weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False
) -> tuple:
    projections, pairs, dense = formula(weights.shape, width, head_dim, hidden, causal)
    return projections, pairs * len(weights), dense


@count.wrong(
    "heads left out",
    "You counted one head. Each of the H heads computes all its scores and sums.",
)
def one_head(weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False) -> tuple:
    projections, pairs, dense = formula(weights.shape, width, head_dim, hidden, causal)
    return projections, pairs // len(weights), dense


@count.wrong(
    "as many keys as queries",
    "The keys are counted as if there were N of them. There are S, and they have keys and values to"
    " be projected, whoever asks.",
)
def n_for_s(weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False) -> tuple:
    heads, n, _ = weights.shape
    formula(weights.shape, width, head_dim, hidden, causal)
    return formula((heads, n, n), width, head_dim, hidden, causal)


@count.wrong(
    "causal is half of N²",
    "Each query sees itself as well: 1 + 2 + … + N is N(N + 1)/2 and not N²/2; and where S > N it "
    "sees the S − N tokens that were there before.",
)
def half(weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False) -> tuple:
    heads, n, s = weights.shape
    projections, pairs, dense = formula(weights.shape, width, head_dim, hidden, causal)
    return projections, n * s * heads * head_dim if causal else pairs, dense


@count.wrong(
    "its own key is hidden",
    "A token may look at itself: query i sees key i. Only later keys are hidden.",
)
def own_hidden(
    weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False
) -> tuple:
    heads, n, _ = weights.shape
    projections, pairs, dense = formula(weights.shape, width, head_dim, hidden, causal)
    return projections, pairs - 2 * n * heads * head_dim if causal else pairs, dense


@count.wrong(
    "cached tokens forgotten",
    "N(N + 1)/2 is right where all keys belong to these queries. With S > N, the S − N tokens "
    "before them are seen by every query.",
)
def triangle_alone(
    weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False
) -> tuple:
    heads, n, _ = weights.shape
    projections, pairs, dense = formula(weights.shape, width, head_dim, hidden, causal)
    return projections, n * (n + 1) * heads * head_dim if causal else pairs, dense


@count.wrong(
    "causal ignored",
    "With causal a query does not look at later keys: query i sees i + S − N + 1 of them, not S.",
)
def causal_ignored(
    weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False
) -> tuple:
    formula(weights.shape, width, head_dim, hidden, causal)
    return formula(weights.shape, width, head_dim, hidden, False)


@count.wrong(
    "fewer keys than queries, and no word",
    "With causal and S < N the first queries would see no key at all, or a number of keys below 0. "
    "Raise ValueError.",
)
def no_refusal(
    weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False
) -> tuple:
    heads, n, s = weights.shape
    projections, _, dense = formula(weights.shape, width, head_dim, hidden, False)
    pairs = n * (s - n) + n * (n + 1) // 2 if causal else n * s
    return projections, 2 * pairs * heads * head_dim, dense


@count.wrong(
    "scores only",
    "You counted the scores. The weighted sum of the values takes as many products again.",
)
def scores_only(
    weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False
) -> tuple:
    projections, pairs, dense = formula(weights.shape, width, head_dim, hidden, causal)
    return projections, pairs // 2, dense


@count.wrong(
    "one dense layer",
    "The dense net has two layers: from D to hidden, and from hidden back to D.",
)
def one_layer(
    weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False
) -> tuple:
    projections, pairs, dense = formula(weights.shape, width, head_dim, hidden, causal)
    return projections, pairs, dense // 2


@count.wrong(
    "multiplications and additions",
    "Twice as many: additions were counted, too. Here only multiplications are.",
)
def twice(weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False) -> tuple:
    return tuple(2 * n for n in formula(weights.shape, width, head_dim, hidden, causal))


@count.wrong(
    "the output projection forgotten",
    "Four layers project: query, key, value, and the output, which brings what the heads found back"
    " to the width D.",
)
def no_output(
    weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False
) -> tuple:
    heads, n, _ = weights.shape
    projections, pairs, dense = formula(weights.shape, width, head_dim, hidden, causal)
    return projections - n * width * heads * head_dim, pairs, dense


@count.wrong(
    "heads make up the width",
    "You took H·d for D. The card gives both, and they may differ: the projections lead from D to "
    "H·d and back.",
)
def heads_make_width(
    weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False
) -> tuple:
    _, n, s = weights.shape
    _, pairs, dense = formula(weights.shape, width, head_dim, hidden, causal)
    return 2 * (n + s) * width * width, pairs, dense


@count.wrong(
    "hidden is 4D",
    "Four times the width is a habit, not a law. The card gives the hidden width.",
)
def four_times(
    weights: Array, width: int, head_dim: int, hidden: int, causal: bool = False
) -> tuple:
    return formula(weights.shape, width, head_dim, 4 * width, causal)


# 16.2

blocks = Exercise(
    "16.2",
    "By blocks",
    function="attend_block",
    signature=(
        "attend_block(state: None or (largest (N, 1), total (N, 1), summed (N, d_v)), query: (N, "
        "d), key: (s, d), value: (s, d_v)) -> (y (N, d_v), state)"
    ),
    difficulty=4,
    importance=5,
    minutes=45,
    read=f"{READ}#by-blocks",
)

Block = tuple[Array, Array]


def whole(query: Array, key: Array, value: Array) -> Array:
    return softmax(query @ key.T / math.sqrt(query.shape[1])) @ value


def draw_blocks(
    rng: np.random.Generator, counts: list[int], loud: float = 1.0
) -> tuple[Array, list[Block]]:
    """Queries (N, d), and blocks of so many keys (s, d) and values (s, d_v)."""
    n, d, d_v = sizes(rng, 3)
    query = rng.normal(size=(n, d)) * loud
    return query, [(rng.normal(size=(s, d)), rng.normal(size=(s, d_v))) for s in counts]


SPARE = 100  # what the form of a state may hold: names of its parts, say


def held_in(tree: Any) -> tuple[int, int]:
    """How many numbers of 64 bits a state holds, and how much else: signs of texts, containers,
    arrays without numbers. In each of these keys and values can be hidden."""
    if isinstance(tree, dict):
        tree = [*tree.keys(), *tree.values()]
    if isinstance(tree, list | tuple):
        held = [held_in(item) for item in tree]
        return sum(n for n, _ in held), 1 + sum(other for _, other in held)
    if tree is None or isinstance(tree, str):
        return 0, 1 + len(tree or "")
    if isinstance(tree, int):
        return max(1, math.ceil(tree.bit_length() / 64)), 0
    array = np.asarray(tree)
    return max(array.size, math.ceil(array.nbytes / 8)), int(not array.size)


def one_after_the_other(attend_block: Any, query: Array, given: list[Block], claim: str) -> Any:
    """After each block the answer is that of all keys so far. Returns the last answer and state."""
    state: Any = None
    for i, (key, value) in enumerate(given):
        y, state = attend_block(state, query, key, value)
        expect_shape(y, (len(query), value.shape[1]), "y has a row for each query")
        so_far = [np.concatenate(arrays) for arrays in zip(*given[: i + 1], strict=True)]
        if len(so_far[0]):
            near(y, whole(query, *so_far), claim)
    return y, state


@blocks.check(1, "blocks of unequal sizes: after each, the attention over all keys so far")
def unequal(attend_block: Any, rng: np.random.Generator) -> None:
    counts = [int(n) for n in rng.permutation([5, 1, 7, 1, 3])]  # one key, first and later
    query, given = draw_blocks(rng, counts)
    claim = "y is the softmax over all keys so far, with scores over √d, times their values"
    one_after_the_other(attend_block, query, given, claim)
    state: Any = None
    for key, value in given:
        y, state = attend_block(state, query, key, np.ones_like(value))
        ones = "where every value is 1, every answer is: the weights sum to 1"
        expect_close(y, np.ones((len(query), value.shape[1])), ones, rtol=0, atol=1e-5)
    # One query, keys of one number, one column; and all of these.
    for n, d, d_v in ((1, None, None), (None, 1, None), (None, None, 1), (1, 1, 1)):
        few = [(key[:, :d], value[:, :d_v]) for key, value in given]
        one_after_the_other(attend_block, query[:n, :d], few, claim)


@blocks.check(1, "a block that is much louder, or much quieter; all scores far below 0")
def loud_blocks(attend_block: Any, rng: np.random.Generator) -> None:
    for levels, what in (
        ((0, 20, 40), "each block is louder than the one before"),
        ((40, 0, 20), "the first block is the loudest"),
        ((0, 3000, 20), "the second block is the loudest by far"),
        ((3000, 0, 20), "the first block is the loudest by far"),
        ((-4000, -4010, -4005), "every score is far below 0"),
        ((4000, 4010, 4005), "every score is far above 0"),
    ):
        query, given = draw_blocks(rng, [4, 2, 3])
        query[:, 0] = rng.uniform(1.0, 1.5, size=len(query)) * math.sqrt(query.shape[1])
        for (key, _), level in zip(given, levels, strict=True):
            key[:, 0] = level + rng.normal(size=len(key))
        one_after_the_other(attend_block, query, given, f"right where {what}")


@blocks.check(1, "some rows of scores thousands apart, one quiet")
def quiet_row(attend_block: Any, rng: np.random.Generator) -> None:
    query, given = draw_blocks(rng, [4, 6, 2], loud=2000.0)
    square = rng.normal(size=query.shape), rng.normal(size=(len(query), given[0][1].shape[1]))
    given.append(square)  # as many keys as queries: a wrong axis would broadcast
    quiet = int(rng.integers(len(query)))
    query[quiet] = 0.1 * rng.normal(size=query.shape[1])
    # A row each that lies far above 0 in every score, and far below.
    query[:, 0] = np.where(np.arange(len(query)) == quiet, 0.0, 20_000.0)
    query[(quiet + 1) % len(query), 0] *= -1
    for key, _ in given:
        key[:, 0] = rng.uniform(1.0, 1.1, size=len(key))
    square[0][0, 0] = 3.0  # louder by far than what came before, for a row at least
    one_after_the_other(attend_block, query, given, "each row has a largest score of its own")


@blocks.check(1, "the state stays small: at most N(d_v + 2) numbers, and all that is needed")
def small_state(attend_block: Any, rng: np.random.Generator) -> None:
    query, given = draw_blocks(rng, [3] * 30)
    claim = "right after many blocks as well"
    _, state = one_after_the_other(attend_block, query, given[:-1], claim)
    attend_block.forget()  # all that counts is in the state
    y, state = attend_block(state, query, *given[-1])
    near(y, whole(query, *map(np.concatenate, zip(*given, strict=True))), claim)
    most, (held, beside) = len(query) * (np.shape(y)[1] + 2), held_in(state)
    expect(
        held <= most and beside <= SPARE,
        "what is handed on does not grow with the keys",
        expected=f"a state of at most {most} numbers after {len(given)} blocks",
        got=f"{held} numbers" + f", and {beside} signs and containers" * (beside > SPARE),
    )
    other, others = draw_blocks(rng, [3] * 3)
    two = {"the first": (query, given[:3]), "the second": (other, others)}
    states: dict[str, Any] = dict.fromkeys(two)
    for i in range(3):
        for name, (ask, rows) in two.items():
            y, states[name] = attend_block(states[name], ask, *rows[i])
            so_far = [np.concatenate(arrays) for arrays in zip(*rows[: i + 1], strict=True)]
            claim = f"two rows of blocks in turns: {name} goes on from its own state"
            near(y, whole(ask, *so_far), claim)


@blocks.check(1, "an empty block changes nothing; no key at all raises; 32 bits stay 32 bits")
def empty_blocks(attend_block: Any, rng: np.random.Generator) -> None:
    query, given = draw_blocks(rng, [3, 0, 2, 0, 0])
    # A query's largest score comes after an empty block: what was summed must shrink.
    given[2][0][0] = 9 * query[1] / np.linalg.norm(query[1])
    claim = "y is that of all keys so far, to which an empty block adds none"
    for n, d_v in ((None, None), (1, None), (None, 1)):
        few = [(key, value[:, :d_v]) for key, value in given]
        one_after_the_other(attend_block, query[:n], few, claim)
    # Where every key counts, whatever an empty block does to the state shows.
    one_after_the_other(attend_block, *draw_blocks(rng, [3, 0, 2], loud=0.3), claim)
    key, value = given[1]
    expect_error(
        lambda: attend_block(None, query, key, value), ValueError, "there is no key to attend to"
    )
    small = query.astype(np.float32)
    state = None
    for key, value in given:
        y, state = attend_block(state, small, key.astype(np.float32), value.astype(np.float32))
        dtype = np.asarray(y).dtype
        expect(dtype == np.float32, "32 bits in, 32 bits out", expected="float32", got=str(dtype))


State = tuple[Array, Array, Array] | None


def running(
    state: State,
    query: Array,
    key: Array,
    value: Array,
    largest: Callable[[Array, Array], Array] | None = None,
    shrink: Callable[[Array], tuple[Any, Any]] = lambda f: (f, f),
    start: float = -np.inf,
    scale: Any = None,
) -> tuple[Array, State]:
    """By blocks; what takes the place of the largest score, of the shrinking, of the start."""
    if not len(key):
        if state is None:
            raise ValueError("no key")
        return state[2] / state[1], state
    scale = math.sqrt(query.shape[1]) if scale is None else scale
    scores = query @ key.T / scale
    if state is None:
        top = np.full((len(query), 1), start, query.dtype)
        state = top, np.zeros_like(top), np.zeros((len(query), value.shape[1]), query.dtype)
    top, total, summed = state
    new = (largest or _row)(top, scores)
    e = np.exp(scores - new)
    factor = np.exp(np.where(np.isinf(top), -np.inf, top - new))
    of_total, of_summed = shrink(factor)
    total = total * of_total + e.sum(axis=-1, keepdims=True)
    summed = summed * of_summed + e @ value
    return summed / total, (new, total, summed)


def _row(top: Array, scores: Array) -> Array:
    return np.maximum(top, scores.max(axis=-1, keepdims=True))


@blocks.wrong(
    "nothing is shrunk",
    "Sums under two different maxima cannot be added. When the largest score grows from m to m′, "
    "what was summed under m has to shrink by e^(m − m′), the total and the values alike.",
)
def no_shrinking(state: State, query: Array, key: Array, value: Array) -> tuple:
    return running(state, query, key, value, shrink=lambda f: (1.0, 1.0))


@blocks.wrong(
    "the answer is not shrunk",
    "The total shrinks with the new maximum, but the values that were summed under the old one do "
    "not: both need the same factor.",
)
def answer_not_shrunk(state: State, query: Array, key: Array, value: Array) -> tuple:
    return running(state, query, key, value, shrink=lambda f: (f, 1.0))


@blocks.wrong(
    "the total is not shrunk",
    "The summed values shrink with the new maximum, but the total under them does not: both need "
    "the same factor.",
)
def total_not_shrunk(state: State, query: Array, key: Array, value: Array) -> tuple:
    return running(state, query, key, value, shrink=lambda f: (1.0, f))


@blocks.wrong(
    "shrunk the wrong way",
    "e^(new − old) grows what was summed. Under a larger maximum it must become smaller: "
    "e^(old − new).",
)
def grown(state: State, query: Array, key: Array, value: Array) -> tuple:
    return running(state, query, key, value, shrink=lambda f: (1 / np.where(f > 0, f, 1.0),) * 2)


@blocks.wrong(
    "each block its own maximum",
    "Shrinking by e^(old − new) is right, but your new maximum is that of the block alone. Where "
    "the block is quieter, what came before grows, and overflows: take the larger of the two.",
)
def own_maximum(state: State, query: Array, key: Array, value: Array) -> tuple:
    return running(state, query, key, value, largest=lambda top, s: s.max(axis=-1, keepdims=True))


@blocks.wrong(
    "one maximum for all rows",
    "A loud row silences a quiet one: under the largest score of all, each of its exponentials is "
    "0, and 0/0 is NaN. Each row has a maximum of its own.",
)
def one_for_all(state: State, query: Array, key: Array, value: Array) -> tuple:
    return running(state, query, key, value, largest=lambda top, s: np.maximum(top, s.max()))


@blocks.wrong(
    "no maximum subtracted",
    "e^1000 is no number, and with all scores at −1000 every exponential is 0. Subtract the largest"
    " score so far.",
)
def no_maximum(state: State, query: Array, key: Array, value: Array) -> tuple:
    return running(state, query, key, value, largest=lambda top, s: np.zeros((len(s), 1), s.dtype))


@blocks.wrong(
    "the largest score starts at 0",
    "Before the first block there is no largest score, and 0 may be larger than all that come: then"
    " every exponential is 0. Start at minus infinity, or with the first block's own.",
)
def starts_at_0(state: State, query: Array, key: Array, value: Array) -> tuple:
    return running(state, query, key, value, start=0.0)


@blocks.wrong(
    "the mean of the blocks",
    "Each block has its own softmax, and the mean of the answers gives a block with hardly any "
    "weight as much say as one with nearly all. The exponentials must be summed over all keys.",
)
def mean_of_blocks(state: State, query: Array, key: Array, value: Array) -> tuple:
    if state is None and not len(key):
        raise ValueError("no key")
    zeros = np.zeros((len(query), 1), query.dtype)
    top, seen, summed = state or (zeros, zeros, np.zeros((len(query), value.shape[1]), query.dtype))
    if len(key):
        seen, summed = seen + 1, summed + whole(query, key, value)
    return summed / seen, (top, seen, summed)


@blocks.wrong(
    "the last block alone",
    "Only the keys of the last block are asked. What came before is in the state, and has to be "
    "joined to it.",
)
def last_alone(state: State, query: Array, key: Array, value: Array) -> tuple:
    if len(key):
        return running(None, query, key, value)
    return running(state, query, key, value)


@blocks.wrong(
    "every key is kept",
    "Right, and nothing is saved: the state grows with the keys. Keep what the next block needs: "
    "for each query its largest score, its total, its summed values.",
)
def keeps_all(state: Any, query: Array, key: Array, value: Array) -> tuple:
    if state is not None:
        key, value = np.concatenate([state[0], key]), np.concatenate([state[1], value])
    if not len(key):
        raise ValueError("no key")
    return whole(query, key, value), (key, value)


@blocks.wrong(
    "kept outside of the state",
    "What came before is kept in a place of its own, not in the state: two rows of blocks that "
    "come in turns get into each other's way. What the next call needs belongs into the state.",
)
def kept_outside(state: Any, query: Array, key: Array, value: Array) -> tuple:
    y, outside["blocks"] = running(outside["blocks"] if state else None, query, key, value)
    return y, ("see", "elsewhere")


@blocks.wrong(
    "the answer in place of the sum",
    "What is handed on is the answer, already divided, and the next block is added to it as if it "
    "were the sum. Keep the sum, and divide only what you answer.",
)
def divided_already(state: State, query: Array, key: Array, value: Array) -> tuple:
    if not len(key) and state is not None:
        return state[2], state
    y, new = running(state, query, key, value)
    assert new is not None
    return y, (new[0], new[1], y)


@blocks.wrong(
    "not divided",
    "The values are summed with the exponentials, and these do not sum to 1. Divide by the total.",
)
def undivided(state: State, query: Array, key: Array, value: Array) -> tuple:
    _, new = running(state, query, key, value)
    assert new is not None
    return new[2], new


@blocks.wrong(
    "the first block's largest stays",
    "The largest score of the first block is subtracted for ever, and a later block that is much "
    "louder overflows. It is the largest so far: it may grow.",
)
def never_grows(state: State, query: Array, key: Array, value: Array) -> tuple:
    def largest(top: Array, scores: Array) -> Array:
        return np.where(np.isinf(top), scores.max(axis=-1, keepdims=True), top)

    return running(state, query, key, value, largest=largest)


@blocks.wrong(
    "no √d",
    "The card asks for scores divided by √d.",
)
def unscaled(state: State, query: Array, key: Array, value: Array) -> tuple:
    return running(state, query, key, value, scale=1.0)


@blocks.wrong(
    "64 bits where 32 came in",
    "A 64-bit number of NumPy, or an array of them, turns 32-bit arrays into 64-bit ones: what "
    "np.sqrt makes of a Python number, or np.zeros without a dtype. math.sqrt gives a Python "
    "number, which does not, and np.zeros takes dtype=query.dtype.",
)
def widened(state: State, query: Array, key: Array, value: Array) -> tuple:
    return running(state, query, key, value, scale=np.sqrt(query.shape[1]))


@blocks.wrong(
    "an empty block is an error",
    "A block without keys may come in the middle: it changes nothing. Only where no key has come at"
    " all is there nothing to answer.",
)
def refuses_empty(state: State, query: Array, key: Array, value: Array) -> tuple:
    if not len(key):
        raise ValueError("no key")
    return running(state, query, key, value)


@blocks.wrong(
    "no key, and no word",
    "Before the first key there is nothing to attend to, and an answer of zeros is made up. Raise "
    "ValueError.",
)
def zeros_for_nothing(state: State, query: Array, key: Array, value: Array) -> tuple:
    if state is None and not len(key):
        return np.zeros((len(query), value.shape[1]), query.dtype), None
    return running(state, query, key, value)


# 16.3

reading = Exercise(
    "16.3",
    "The cache",
    function="cached_step",
    signature=(
        "cached_step(cache: None or (keys (t, d), values (t, d_v), seen: int), x: (D,), places: (T,"
        " D), wq: (D, d), wk: (D, d), wv: (D, d_v), window: int or None = None) -> (z (d_v,), "
        "cache)"
    ),
    difficulty=4,
    importance=5,
    minutes=45,
    read=f"{READ}#the-cache",
)

Kept = tuple[Array, Array, int] | None


def draw_text(rng: np.random.Generator) -> tuple[Array, tuple[Array, ...]]:
    """Tokens (T, D); places (T, D), and the three projections."""
    tokens, width, d, d_v = sizes(rng, 4, 5, 11)
    ws = [rng.normal(size=(width, n)) / width for n in (d, d, d_v)]  # no weight is nearly 0
    return rng.normal(size=(tokens, width)), (rng.normal(size=(tokens, width)), *ws)


def read_at_once(x: Array, given: tuple[Array, ...], window: int | None = None) -> Array:
    """Causal attention over all tokens, each of which sees itself and window − 1 before it."""
    places, wq, wk, wv = given
    p = x + places[: len(x)]
    scores = (p @ wq) @ (p @ wk).T / math.sqrt(wk.shape[1])
    back = np.arange(len(x))[:, None] - np.arange(len(x))
    hidden = (back < 0) | (back >= (window or len(x)))
    return softmax(np.where(hidden, -np.inf, scores)) @ (p @ wv)


def read_on(
    cached_step: Any, x: Array, given: tuple, window: int | None = None, kept: Any = None
) -> tuple[Array, Any]:
    """Token by token: what was found for each, and the cache at the end."""
    found = []
    for token in x:
        z, kept = cached_step(kept, token, *given, *(() if window is None else (window,)))
        expect_shape(z, (given[-1].shape[1],), "z is as wide as a value")
        found.append(np.asarray(z))
    return np.array(found), kept


def narrow(x: Array, given: tuple[Array, ...]) -> list[tuple[Array, tuple[Array, ...]]]:
    """The text with D of 1, with d, with d_v; and its first token alone, at the only place."""
    places, wq, wk, wv = given
    return [
        (x[:, :1], (places[:, :1], wq[:1], wk[:1], wv[:1])),
        (x, (places, wq[:, :1], wk[:, :1], wv)),
        (x, (places, wq, wk, wv[:, :1])),
        (x[:1], (places[:1], wq, wk, wv)),
    ]


@reading.check(1, "token by token gives what all at once gives")
def all_tokens(cached_step: Any, rng: np.random.Generator) -> None:
    x, given = draw_text(rng)
    found, _ = read_on(cached_step, x, given)
    near(found[:1], read_at_once(x, given)[:1], "the first token sees itself")
    for text, rest in ((x, given), *narrow(x, given)):
        found, _ = read_on(cached_step, text, rest)
        want = read_at_once(text, rest)
        near(found, want, "each token sees itself and all before it", atol=1e-6)
    places, wq, wk, wv = given
    for loud in (3e5, -3e5):  # every token's own score once far above 0, and once far below
        louder = places, loud * wq, wk, wv
        found, _ = read_on(cached_step, x, louder)
        near(found, read_at_once(x, louder), "also where scores lie thousands apart", atol=1e-6)


def held_fast(kept: Any) -> Any:
    """A cache whose arrays and lists cannot be changed: another text may go on from it."""
    if not isinstance(kept, list | tuple):
        return kept
    return tuple(frozen(part) if isinstance(part, np.ndarray | list) else part for part in kept)


@reading.check(1, "from one beginning two texts go on, in turns")
def two_endings(cached_step: Any, rng: np.random.Generator) -> None:
    x, given = draw_text(rng)
    half = len(x) // 2
    other = np.concatenate([x[:half], rng.normal(size=(len(x) - half, x.shape[1]))])
    for window in (None, 2):
        _, kept = read_on(cached_step, x[:half], given, window)
        ends = {"first": (x, kept), "second": (other, kept)}
        for i in range(half, len(x)):
            for name, (text, state) in ends.items():
                token = text[i : i + 1]
                z, state = read_on(cached_step, token, given, window, held_fast(state))
                ends[name] = text, state
                want = read_at_once(text, given, window)[i : i + 1]
                near(z, want, f"the {name} text goes on as if it were alone", atol=1e-6)


@reading.check(1, "with a window a token sees itself and the window − 1 before it")
def windowed(cached_step: Any, rng: np.random.Generator) -> None:
    x, given = draw_text(rng)
    for window in (1, 2, int(rng.integers(3, len(x))), len(x), len(x) + 1):
        found, _ = read_on(cached_step, x, given, window)
        claim = f"a window of {window}: itself and {window - 1} before it, each at its own place"
        near(found, read_at_once(x, given, window), claim, atol=1e-6)
    expect_error(
        lambda: cached_step(None, x[0], *given, 0), ValueError, "a window of 0 sees nothing at all"
    )
    _, kept = read_on(cached_step, x[:3], given)
    for window in (0, -1):
        expect_error(
            partial(cached_step, kept, x[3], *given, window),
            ValueError,
            "and it is refused later in a text as well",
        )


@reading.check(1, "the cache holds the keys and values that are needed, each once, and no more")
def what_is_kept(cached_step: Any, rng: np.random.Generator) -> None:
    x, given = draw_text(rng)
    windows = None, int(rng.integers(2, len(x) - 1)), 1
    texts = [(x, given), *narrow(x, given)[:3]]
    for (x, given), window in itertools.product(texts, windows):
        places, _, wk, wv = given
        _, kept = read_on(cached_step, x, given, window)
        expect(isinstance(kept, list | tuple) and len(kept) == 3, "keys, values, seen", got=kept)
        rows = all(isinstance(part, np.ndarray | list | tuple) for part in kept[:2])
        expect(rows, "keys (t, d) and values (t, d_v), oldest first", got=kept)
        # The next token sees window − 1 of them: this one's may be kept with these, or be one.
        last = len(x) if window is None else window - (len(kept[0]) == window - 1)
        for name, array, w in (("keys", kept[0], wk), ("values", kept[1], wv)):
            want = ((x + places) @ w)[len(x) - last :]
            said = f"the last {last} tokens, with a window of {window}," if window else "all tokens"
            if not len(want):  # an empty list has no width
                expect(len(array) == 0, f"no {name} are kept, or this token's own", got=array)
                continue
            expect_shape(array, want.shape, f"{name} of {said} are kept")
            near(array, want, f"the {name} of {said}, oldest first", atol=1e-6)
        expect_close(kept[2], len(x), "seen: how many tokens have passed, also those dropped")


@reading.check(1, "no place left raises ValueError; the last place is still one")
def full(cached_step: Any, rng: np.random.Generator) -> None:
    drawn = draw_text(rng)
    for (x, given), window in itertools.product((drawn, narrow(*drawn)[-1]), (None, 2)):
        found, kept = read_on(cached_step, x, given, window)
        near(found[-1], read_at_once(x, given, window)[-1], "the last place is used", atol=1e-6)
        more = () if window is None else (window,)
        expect_error(
            partial(cached_step, kept, x[0], *given, *more),
            ValueError,
            f"all {len(x)} places taken, there is none left, however many tokens are kept",
        )


def last(rows: Array, count: int | None) -> Array:
    return rows if count is None else rows[max(0, len(rows) - count) :]


def joined(old: Array, new: Array) -> Array:
    return np.concatenate([old, new[None]])


def step(
    kept: Kept,
    x: Array,
    given: tuple[Array, ...],
    window: int | None,
    *,
    place: Callable[[int, int], int] = lambda seen, count: seen,
    query_place: bool = True,
    join: Callable[[Array, Array], Array] = joined,
    join_values: Callable[[Array, Array], Array] | None = None,
    looks: slice = slice(None),
    wide: int = 0,
    keep_all: bool = False,
    scale: float | None = None,
    share: Callable[[Array], Array] = softmax,
    count: Callable[[int, Array], int] = lambda seen, keys: seen + 1,
    is_full: Callable[[int, int, int], bool] = lambda seen, count, places: seen >= places,
) -> tuple[Array, Kept]:
    """One step; what takes the place of the place, of the joining, of what is looked at."""
    places, wq, wk, wv = given
    if window is not None and window < 1:
        raise ValueError("a window is at least 1")
    keys, values, seen = kept if kept is not None else (np.zeros_like(wk)[:0], wv[:0], 0)
    if is_full(seen, len(keys), len(places)):
        raise ValueError("no place left")
    p = x + places[min(place(seen, len(keys)), len(places) - 1)]
    keys, values = join(keys, p @ wk), (join_values or join)(values, p @ wv)
    size = None if window is None else window + wide
    near_keys, near_values = last(keys, size), last(values, size)
    if not keep_all:
        keys, values = near_keys, near_values
    if len(near_keys) > 1:
        near_keys, near_values = near_keys[looks], near_values[looks]
    scores = near_keys @ ((p if query_place else x) @ wq)
    scores = scores / (math.sqrt(wk.shape[1]) if scale is None else scale)
    z = share(scores) @ near_values if len(scores) else np.zeros(wv.shape[1])
    return z, (keys, values, count(seen, keys))


def step_answer(name: str, explanation: str, **change: Any) -> None:
    """A named wrong answer to 16.3 that differs in one thing."""

    def answer(
        cache: Kept,
        x: Array,
        places: Array,
        wq: Array,
        wk: Array,
        wv: Array,
        window: int | None = None,
    ) -> tuple:
        return step(cache, x, (places, wq, wk, wv), window, **change)

    reading.wrong(name, explanation)(answer)


step_answer(
    "every new token at place 0",
    "Each token came alone and got the first place: all believe that they are the first. The place "
    "of a new token is the number of tokens seen before it.",
    place=lambda seen, count: 0,
)
step_answer(
    "one place late",
    "The second token got the first one's place. The first is at place 0 and the next at 1: the "
    "number of tokens seen before it.",
    place=lambda seen, count: max(0, seen - 1),
)
step_answer(
    "the place is what is kept",
    "With a window fewer tokens are kept than were seen, and the place of a new one went back to "
    "the window's size. Tokens that were dropped were there all the same: count what was seen.",
    place=lambda seen, count: count,
)
step_answer(
    "the cache is overwritten",
    "Only the new token's key and value are kept, so every token sees itself alone. Join them to "
    "those of the tokens before.",
    join=lambda old, new: new[None],
)
step_answer(
    "its own key is missing",
    "The token asks before its own key and value are in the cache. It may look at itself: join "
    "first, then ask.",
    looks=slice(0, -1),
)
step_answer(
    "an old value for a new key",
    "The values kept are one behind the keys: the new token's key stands beside an older value.",
    join_values=lambda old, new: np.concatenate([old, old[-1:] if len(old) else new[None]]),
)
step_answer(
    "every token twice",
    "The new key and value are joined twice, so each token counts double against the last ones "
    "and the cache is twice as large.",
    join=lambda old, new: np.concatenate([old, new[None], new[None]]),
)
step_answer(
    "newest first",
    "The new key and value stand before the others. Attention does not mind the order, but a window"
    " then drops the wrong end: oldest first.",
    join=lambda old, new: np.concatenate([new[None], old]),
)
step_answer(
    "no √d",
    "The scores are divided by √d, the root of the keys' width.",
    scale=1.0,
)
step_answer(
    "no maximum subtracted",
    "e^1000 is no number, and where all scores are far below 0 every exponential is 0. Subtract the"
    " largest score first.",
    share=lambda scores: np.exp(scores) / np.exp(scores).sum(),
)
step_answer(
    "the query has no place",
    "Key and value were made of token and place, the query of the token alone. All three come from "
    "their sum.",
    query_place=False,
)
step_answer(
    "the window, and itself",
    "One token too many is seen: itself counts, so a window of 3 is the token and two before it.",
    wide=1,
)
step_answer(
    "the window less one",
    "One token too few is seen: a window of 3 is the token and two before it.",
    wide=-1,
)
step_answer(
    "dropped from sight and kept",
    "What a window hides is no longer looked at, and still kept: nothing is saved. Drop it from the"
    " cache.",
    keep_all=True,
)
step_answer(
    "seen counts what is kept",
    "The third part is how many tokens have passed. With a window it goes on growing where the "
    "number of keys does not.",
    count=lambda seen, keys: len(keys),
    place=lambda seen, count: count,
)
step_answer(
    "full is counted by what is kept",
    "With a window few keys are kept, so the cache never looks full, and the token after the last "
    "place gets a place that is not its own. Compare the tokens seen with the places.",
    is_full=lambda seen, count, places: count >= places,
)
step_answer(
    "full one token early",
    "With T places there is room for T tokens: the last has place T − 1.",
    is_full=lambda seen, count, places: seen >= places - 1,
)
step_answer(
    "full, and no word",
    "After the last place there is none for another token, and a place already taken is used again."
    " Raise ValueError.",
    is_full=lambda seen, count, places: False,
)


@reading.wrong(
    "the cache is changed in place",
    "The rows of the cache that was given are moved, and the new one is written over the last. "
    "Another text that goes on from it finds its beginning changed: make new arrays.",
)
def in_place(
    cache: Kept, x: Array, places: Array, wq: Array, wk: Array, wv: Array, window: int | None = None
) -> tuple:
    z, new = step(cache, x, (places, wq, wk, wv), window)
    if cache is None or new is None or len(cache[0]) < len(new[0]):
        return z, new
    for old, rows in zip(cache[:2], new[:2], strict=True):
        old[:] = rows
    return z, (cache[0], cache[1], new[2])


@reading.wrong(
    "the cache's lists grow",
    "The new key and value are appended to the lists of the cache that was given. Another text "
    "that goes on from it finds them there: make new lists, [*keys, key].",
)
def appended(
    cache: Kept, x: Array, places: Array, wq: Array, wk: Array, wv: Array, window: int | None = None
) -> tuple:
    z, new = step(cache, x, (places, wq, wk, wv), window)
    assert new is not None
    lists: Any = ([], []) if cache is None else cache[:2]
    for kept, rows in zip(lists, new[:2], strict=True):
        kept.append(rows[-1])
        if len(kept) > len(rows):
            kept.pop(0)
    return z, (*lists, new[2])


@reading.wrong(
    "keys and values computed anew",
    "The tokens are kept, and all their keys and values computed at each step: right, and nothing "
    "is saved. Keep the keys and values.",
)
def recomputed(
    cache: Kept, x: Array, places: Array, wq: Array, wk: Array, wv: Array, window: int | None = None
) -> tuple:
    if window is not None and window < 1:
        raise ValueError("a window is at least 1")
    tokens, _, seen = cache if cache is not None else (x[None][:0], x, 0)
    if seen >= len(places):
        raise ValueError("no place left")
    tokens = last(np.concatenate([tokens, (x + places[seen])[None]]), window)
    z = softmax((tokens @ wk) @ (tokens[-1] @ wq) / math.sqrt(wk.shape[1])) @ (tokens @ wv)
    return z, (tokens, tokens, seen + 1)


@reading.wrong(
    "a window of 0, and no word",
    "A window below 1 sees nothing, not even the token itself: raise ValueError. Not refused, it "
    "may see all (keys[-0:] is keys[0:]), or what a window of 1 sees.",
)
def zero_is_all(
    cache: Kept, x: Array, places: Array, wq: Array, wk: Array, wv: Array, window: int | None = None
) -> tuple:
    rest = None if window is None or window < 1 else window
    return step(cache, x, (places, wq, wk, wv), rest)


# 16.4

carried = Exercise(
    "16.4",
    "A state in place of keys",
    function="linear_causal",
    signature=(
        "linear_causal(query: (N, d), key: (N, d), value: (N, d_v),"
        " state: None or (S (d, d_v), z (d,)) = None) -> (y (N, d_v), state)"
    ),
    difficulty=3,
    importance=3,
    minutes=30,
    read=f"{READ}#a-state-in-place-of-keys",
)


def features(x: Array) -> Array:
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


def by_pairs(query: Array, key: Array, value: Array) -> Array:
    pairs = np.tril(features(query) @ features(key).T)
    return pairs @ value / pairs.sum(axis=1, keepdims=True)


def draw_tokens(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    n, d, d_v = sizes(rng, 3, 4, 11)
    # Values are far from 0: what is not divided rightly shows.
    return rng.normal(size=(n, d)), rng.normal(size=(n, d)), 2 + rng.normal(size=(n, d_v))


@carried.check(1, "each token: the mean of the values so far, weighted by φ(q)·φ(k)")
def all_pairs(linear_causal: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_tokens(rng)
    y, _ = linear_causal(query, key, value)
    expect_shape(y, value.shape, "y has a row for each token")
    near(y, by_pairs(query, key, value), "equal to all pairs, computed one by one", atol=1e-6)
    # Entries of 0, and so large that e^x of them is no number.
    query, key, value = draw_tokens(rng)
    query[rng.integers(len(query))] = 0.0
    for x in (query[1:], key[1:]):
        x[rng.integers(len(x)), :2] = rng.uniform(1000, 3000, size=2)
    y, _ = linear_causal(query, key, value)
    near(y, by_pairs(query, key, value), "φ(0) = 1, and φ(x) = x + 1 however large x", atol=1e-6)
    # Every φ is nearly 0, of the first keys and of their queries: what is added to one, or to
    # their sum, shows; and what is left of a larger sum from which the last key is taken away.
    query, key, value = draw_tokens(rng)
    key[0], key[1], query[:2], query[rng.integers(2, len(query))] = -20, -19, -20, -20
    value[0] += 9
    key[-1] = value[-1] = 3000
    y, _ = linear_causal(query, key, value)
    near(y, by_pairs(query, key, value), "the weights sum to 1 however small φ is", atol=1e-6)


@carried.check(1, "it goes on from a state, in parts of any length")
def goes_on(linear_causal: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_tokens(rng)
    cut = int(rng.integers(2, len(query) - 1))
    n = len(query)
    splits = [0, cut, n], [0, 1, 2, n], [*range(n + 1)], [0, 0, cut, cut, n]
    # Queries and keys of one number, values of one number.
    for (d, d_v), ends in itertools.product(((None, None), (1, None), (None, 1)), splits):
        q, k, v = query[:, :d], key[:, :d], value[:, :d_v]
        kept, found = None, []
        for a, b in itertools.pairwise(ends):
            y, kept = linear_causal(q[a:b], k[a:b], v[a:b], kept)
            expect_shape(y, (b - a, v.shape[1]), f"y is of shape (N, d_v), with N = {b - a}")
            found.append(np.asarray(y))
        near(np.concatenate(found), by_pairs(q, k, v), "in parts, as at once", atol=1e-6)
    begin = query[:cut], key[:cut], value[:cut]
    end = rng.normal(size=query[cut:].shape), rng.normal(size=key[cut:].shape), value[cut:][::-1]
    other = [np.concatenate(pair) for pair in zip(begin, end, strict=True)]
    _, begun = linear_causal(*begin)
    linear_causal(query[cut:], key[cut:], value[cut:], begun)
    y, _ = linear_causal(*end, begun)
    claim = "two texts go on from one state, each as if it were alone"
    near(y, by_pairs(*other)[cut:], claim, atol=1e-6)


@carried.check(1, "the state is the two sums over all keys so far; unequal lengths raise")
def the_state(linear_causal: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_tokens(rng)
    cut = int(rng.integers(1, len(query) - 1))
    _, kept = linear_causal(query[:cut], key[:cut], value[:cut])
    nothing = query[:0], key[:0], value[:0]
    for rows, found in (
        (slice(cut), kept),
        (slice(None), linear_causal(query[cut:], key[cut:], value[cut:], kept)[1]),
        (slice(0), linear_causal(*nothing)[1]),
        (slice(cut), linear_causal(*nothing, kept)[1]),
    ):
        expect(
            isinstance(found, list | tuple) and len(found) == 2, "the state is (S, z)", got=found
        )
        k = features(key[rows])
        exact = {"rtol": 1e-4, "atol": 1e-5}
        expect_close(found[0], k.T @ value[rows], "S is the sum of φ(k) vᵀ", **exact)
        expect_close(found[1], k.sum(axis=0), "z is the sum of φ(k)", **exact)
    m = min(key.shape[1], value.shape[1])  # as wide as each other: S might be turned unseen
    for d, d_v in ((m, m), (1, m), (m, 1)):
        _, found = linear_causal(query[:, :d], key[:, :d], value[:, :d_v])
        k = features(key[:, :d])
        expect_close(found[0], k.T @ value[:, :d_v], "S is the sum of φ(k) vᵀ", **exact)
        expect_close(found[1], k.sum(axis=0), "z is the sum of φ(k)", **exact)
    claim = "there are as many queries as keys, and as many values"
    too: list[Any] = [slice(-1), slice(1), [*range(len(query)), 0]]  # few, and many
    for i, rows in itertools.product(range(3), too):
        other = [x[rows] if i == j else x for j, x in enumerate((query, key, value))]
        expect_error(partial(linear_causal, *other), ValueError, claim)


Sums = tuple[Array, Array] | None


def summed_up(
    query: Array,
    key: Array,
    value: Array,
    state: Sums,
    *,
    late: bool = False,
    divide: Callable[[Any, int], Any] = lambda weight, i: weight,
    phi_query: Callable[[Array], Array] = features,
    phi: Callable[[Array], Array] = features,
    begin: Callable[[Array, Array], tuple[Any, Any]] = lambda S, z: (S, z),
    end: Callable[[Any, Any, Any, Any], tuple[Any, Any]] = lambda S, z, S0, z0: (S, z),
    check: bool = True,
) -> tuple:
    """Token by token; what takes the place of the order, the division, φ, the beginning."""
    if check and not len(query) == len(key) == len(value):
        raise ValueError("unequal lengths")
    q, k = phi_query(query), phi(key)
    zeros = np.zeros((k.shape[1], value.shape[1])), np.zeros(k.shape[1])
    S0, z0 = begin(*state) if state is not None else zeros
    S, z = S0, z0
    y = np.zeros((len(q), value.shape[1]))
    for i, (a, b, v) in enumerate(zip(q, k, value, strict=False)):
        before = S, z
        S, z = S + np.outer(b, v), z + b
        from_S, from_z = before if late else (S, z)
        y[i] = a @ from_S / divide(a @ from_z, i)
    return y, end(S, z, S0, z0)


def state_answer(name: str, explanation: str, **change: Any) -> None:
    """A named wrong answer to 16.4 that differs in one thing."""

    def answer(query: Array, key: Array, value: Array, state: Sums = None) -> tuple:
        return summed_up(query, key, value, state, **change)

    carried.wrong(name, explanation)(answer)


state_answer(
    "its own key is missing",
    "A token asks before its own key is in the sums, and the first finds nothing: 0/0. Add first, "
    "then ask.",
    late=True,
)
state_answer(
    "not divided",
    "φ(q)S is a sum weighted by φ(q)·φ(k), and these weights do not sum to 1. Divide by their sum, "
    "φ(q)·z.",
    divide=lambda weight, i: 1.0,
)
state_answer(
    "divided by the count",
    "Divided by the number of tokens, the weights still do not sum to 1. Their sum is φ(q)·z.",
    divide=lambda weight, i: i + 1.0,
)
state_answer(
    "the query without φ",
    "φ is for queries and keys. With the query as it is, weights may be negative, and their sum "
    "nearly 0.",
    phi_query=lambda x: x,
)
state_answer(
    "e^x for φ",
    "φ(x) = x + 1 above 0, and e^x only below. e^x everywhere is another weight, and overflows.",
    phi=np.exp,
    phi_query=np.exp,
)
state_answer(
    "the state is forgotten",
    "The sums begin at 0 though a state was given: the tokens that it stands for have no say.",
    begin=lambda S, z: (0 * S, 0 * z),
)
state_answer(
    "the total is forgotten",
    "S goes on from the state, z begins at 0: the answer is divided by too little. Both belong to "
    "the state.",
    begin=lambda S, z: (S, 0 * z),
)
state_answer(
    "the state of these tokens alone",
    "What comes back holds the sums of the new tokens without those of the state that was given.",
    end=lambda S, z, S0, z0: (S - S0, z - z0),
)
state_answer(
    "a small number in the denominator",
    "A small number was added to φ(q)·z against a division by 0. Where φ is small everywhere, it "
    "decides, and the weights no longer sum to 1. φ is above 0: nothing needs to be added.",
    divide=lambda weight, i: weight + 1e-6,
)
state_answer(
    "unequal lengths pass",
    "zip stops at the shortest, and what is left over is dropped without a word. Compare the "
    "lengths first.",
    check=False,
)


@carried.wrong(
    "kept outside of the state",
    "The sums go on in a place of their own, whatever state is given: a second text that goes on "
    "from the same state finds the first one's tokens in it. Begin with the state.",
)
def kept_apart(query: Array, key: Array, value: Array, state: Sums = None) -> tuple:
    y, outside["sums"] = summed_up(query, key, value, outside["sums"] if state else None)
    return y, outside["sums"]


@carried.wrong(
    "it sees the future",
    "S and z hold all keys before the first query asks, so every token sees later ones. Each may "
    "use the sums up to itself.",
)
def sees_the_future(query: Array, key: Array, value: Array, state: Sums = None) -> tuple:
    if not len(query) == len(key) == len(value):
        raise ValueError("unequal lengths")
    q, k = features(query), features(key)
    S, z = k.T @ value, k.sum(axis=0)
    if state is not None:
        S, z = S + state[0], z + state[1]
    return q @ S / (q @ z)[:, None], (S, z)


@carried.wrong(
    "softmax weights",
    "That is attention with softmax. Here the weights are in proportion to φ(q)·φ(k), so that the "
    "sums can be made before anybody asks.",
)
def by_softmax(query: Array, key: Array, value: Array, state: Sums = None) -> tuple:
    if not len(query) == len(key) == len(value):
        raise ValueError("unequal lengths")
    _, sums = summed_up(query, key, value, state)
    scores = np.where(np.tri(len(query), dtype=bool), query @ key.T, -np.inf)
    return (softmax(scores) if len(query) else scores) @ value, sums


@carried.wrong(
    "a part without tokens begins anew",
    "Where no token comes the state came back as zeros, and the tokens before are forgotten. The "
    "sums stay what they were.",
)
def anew_at_nothing(query: Array, key: Array, value: Array, state: Sums = None) -> tuple:
    y, (S, z) = summed_up(query, key, value, state)
    return y, (S, z) if len(query) else (0 * S, 0 * z)


@carried.wrong(
    "no rows, and no width",
    "A list of rows without a row has no width: np.array([]) is of shape (0,), and cannot stand "
    "beside the other parts. Begin with zeros of shape (N, d_v).",
)
def no_width(query: Array, key: Array, value: Array, state: Sums = None) -> tuple:
    y, sums = summed_up(query, key, value, state)
    return np.array(list(y)), sums


# 16.5

machine = Exercise(
    "16.5",
    "How many machines?",
    function="machines",
    signature=("machines(compute: float, size: float, latency: float, bandwidth: float) -> p: int"),
    difficulty=2,
    importance=2,
    minutes=25,
    read=f"{READ}#a-thousand-machines-on-paper",
)


def seconds(p: Any, compute: float, size: float, latency: float, bandwidth: float) -> Any:
    """Of a step on p machines."""
    return compute / p + 2 * (p - 1) * (latency + size / (p * bandwidth))


def fewest(t: Callable[[Array], Array]) -> int:
    """The p below 20,000 with the shortest step."""
    return 1 + int(np.argmin(t(np.arange(1.0, 20_000.0))))


def draw_step(rng: np.random.Generator) -> tuple[float, float, float]:
    """The gradients' bytes, the latency, the bandwidth."""
    return 10 ** rng.uniform(5, 9), 10 ** rng.uniform(-5, -3), 10 ** rng.uniform(8, 10)


def best(machines: Any, *step: float, claim: str) -> None:
    got = machines(*step)
    want = fewest(lambda p: seconds(p, *step))
    expect_shape(got, (), "one number: how many machines")
    expect(got >= 1 and got % 1 == 0, "p is a whole number from 1 on", got=got)
    expected, came = (f"{p:g} machines: {seconds(p, *step):.9g} s" for p in (want, float(got)))
    expect(got == want, claim, expected=expected, got=came)


@machine.check(1, "where bytes weigh as much as latency")
def bytes_weigh(machines: Any, rng: np.random.Generator) -> None:
    for want in (int(rng.integers(5, 60)), int(rng.integers(8000, 9900))):
        size, latency, _ = draw_step(rng)
        rest = 2 * latency * want * (want + 0.5)
        bandwidth = 2 * size / (rest * rng.uniform(1.0, 4.0))  # the bytes take as long, or longer
        compute = rest + 2 * size / bandwidth
        best(machines, compute, size, latency, bandwidth, claim="the p with the shortest step")


@machine.check(1, "at the borders between p and p + 1, from 1 on")
def borders(machines: Any, rng: np.random.Generator) -> None:
    for p in (int(rng.integers(60, 90)), int(rng.integers(3, 12)), 2, 1):
        size, latency, _ = draw_step(rng)
        # p machines and p + 1 take the same where what can be saved is 2 p (p + 1) latencies.
        saved = 2 * latency * p * (p + 1)
        bandwidth = 2 * size / (saved * rng.uniform(1.0, 4.0))
        for side in (-0.0002, 0.0002):
            compute = 2 * size / bandwidth + saved * (1 + side)
            claim = f"just {'below' if side < 0 else 'above'} the border of {p} and {p + 1}"
            best(machines, compute, size, latency, bandwidth, claim=claim)


@machine.check(1, "one machine where sharing never pays; nothing at or below 0")
def one_machine(machines: Any, rng: np.random.Generator) -> None:
    for part in (0.01, float(rng.uniform(0.3, 0.9)), 0.999):
        size, latency, bandwidth = draw_step(rng)
        compute = part * 2 * size / bandwidth
        best(
            machines, compute, size, latency, bandwidth, claim="the bytes take longer than the work"
        )
    size, latency, _ = draw_step(rng)
    rest = 2 * latency * (int(rng.integers(5, 60)) - 0.1) ** 2  # rounded down is one too few
    bandwidth = 2 * size / (rest * rng.uniform(1.0, 4.0))
    good = [rest + 2 * size / bandwidth, size, latency, bandwidth]
    best(machines, *good, claim="and where it pays, more than one")
    tera = good[0], size / 1e12, latency, bandwidth / 1e12
    best(machines, *tera, claim="the same, counted in millions of millions of bytes")
    quick = good[0] / 1e9, size, latency / 1e9, bandwidth * 1e9
    best(machines, *quick, claim="the same, a thousand million times as fast")
    # One of the four alone, and two: where both are below 0 their product is not.
    for i, j in itertools.combinations_with_replacement(range(4), 2):
        for factor in (0.0, -1.0):
            step = [x * factor if k in (i, j) else x for k, x in enumerate(good)]
            expect_error(partial(machines, *step), ValueError, "each of the four is above 0")


def checked(*step: float) -> None:
    if min(step) <= 0:
        raise ValueError("each of the four is above 0")


def machine_answer(name: str, explanation: str, t: Callable[..., Any]) -> None:
    """A named wrong answer to 16.5: another model of a step."""

    def answer(compute: float, size: float, latency: float, bandwidth: float) -> int:
        checked(compute, size, latency, bandwidth)
        return fewest(lambda p: t(p, compute, size, latency, bandwidth))

    machine.wrong(name, explanation)(answer)


machine_answer(
    "latency forgotten",
    "Without the latency more machines are always better, or never. Each of the 2(p − 1) messages "
    "waits for it.",
    lambda p, c, b, l, w: c / p + 2 * (p - 1) / p * b / w,
)
machine_answer(
    "bytes forgotten",
    "The latency is paid, and the bytes travel for nothing, or for as much whatever p is (that is "
    "so with 2p messages in place of 2(p − 1)). Each machine sends 2(p − 1)/p · size.",
    lambda p, c, b, l, w: c / p + 2 * (p - 1) * l,
)
machine_answer(
    "everything through one machine",
    "2(p − 1) times all bytes go through the cable of one machine. In a ring each sends pieces of "
    "size / p, all at once.",
    lambda p, c, b, l, w: c / p + 2 * (p - 1) * (l + b / w),
)
machine_answer(
    "there, and not back",
    "The sums have to come back to every machine: 2(p − 1) messages and not p − 1.",
    lambda p, c, b, l, w: c / p + (p - 1) * (l + b / (p * w)),
)


@machine.wrong(
    "looked no further than a thousand",
    "The best p was looked for among the first thousand. It may lie beyond: climb until the step "
    "gets longer, or use the formula.",
)
def first_thousand(compute: float, size: float, latency: float, bandwidth: float) -> int:
    checked(compute, size, latency, bandwidth)
    steps = seconds(np.arange(1.0, 1001.0), compute, size, latency, bandwidth)
    return 1 + int(np.argmin(steps))


@machine.wrong(
    "rounded down",
    "The root of the formula lies between two whole numbers, and the larger may be the better one. "
    "Try both.",
)
def rounded_down(compute: float, size: float, latency: float, bandwidth: float) -> int:
    checked(compute, size, latency, bandwidth)
    return max(1, int(math.sqrt(max(0.0, compute - 2 * size / bandwidth) / (2 * latency))))


@machine.wrong(
    "rounded to the nearest",
    "The border between p and p + 1 is not in the middle: it is at √(p(p + 1)), a little below. "
    "Compare the two steps.",
)
def rounded(compute: float, size: float, latency: float, bandwidth: float) -> int:
    checked(compute, size, latency, bandwidth)
    root = math.sqrt(max(0.0, compute - 2 * size / bandwidth) / (2 * latency))
    return max(1, int(root + 0.5))


@machine.wrong(
    "never one",
    "One machine sends nothing. Where the bytes take longer than the work, it is the fastest.",
)
def never_one(compute: float, size: float, latency: float, bandwidth: float) -> int:
    checked(compute, size, latency, bandwidth)
    return max(2, fewest(lambda p: seconds(p, compute, size, latency, bandwidth)))


@machine.wrong(
    "0 and below pass",
    "A bandwidth of 0, or a time below 0, is no machine: raise ValueError.",
)
def unchecked(compute: float, size: float, latency: float, bandwidth: float) -> int:
    with np.errstate(all="ignore"):
        return fewest(lambda p: seconds(p, compute, size, latency, bandwidth))
