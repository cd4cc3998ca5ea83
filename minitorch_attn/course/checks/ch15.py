"""Chapter 15, is it an explanation?: rollout, leaving out, other weights, distances, a verdict."""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import Any

import numpy as np

from ..checking.exercise import Exercise
from ..checking.expecting import (
    expect,
    expect_close,
    expect_error,
    expect_real,
    expect_shape,
    frozen,
)
from .common import near, reacts, sizes, softmax

Array = np.ndarray

# A row that sums to 1 and so much more: let through, or refused.
BORDERS = ((0.00095, True), (-0.00095, True), (0.00105, False), (-0.00105, False))
PLACES = ("first", "last", "any")


def place(where: str, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A row to be looked at: the very first, the very last, or any."""
    fixed = {"first": 0, "last": -1}
    return tuple(fixed.get(where, int(rng.integers(k))) for k in shape)


READ = "15_is_it_an_explanation.md"


def exactly(got: Any, want: Any, claim: str) -> None:
    """Equal to rounding, also where 32-bit numbers were used for part of the way."""
    expect_close(got, want, claim, rtol=2e-5, atol=1e-6)


# 15.1

flow = Exercise(
    "15.1",
    "Roll it out",
    function="rollout",
    signature="rollout(weights: list of L arrays (B, H, N, N)) -> (B, N, N)",
    difficulty=2,
    importance=4,
    minutes=30,
    read=f"{READ}#the-formulas-mended",
)


def draw_blocks(rng: np.random.Generator, count: int, b: int = 0, h: int = 0) -> list[Array]:
    """Weights of so many blocks, peaked, so that blocks and heads differ much."""
    draw_b, draw_h, n = sizes(rng, 3, 2, 7)
    shape = b or draw_b, h or draw_h, n, n
    return [softmax(3 * rng.normal(size=shape)) for _ in range(count)]


def rolled(weights: list[Array]) -> Array:
    """One product after the other, scene by scene."""
    stay = np.eye(weights[0].shape[-1])
    scenes = []
    for b in range(len(weights[0])):
        total = stay
        for block in weights:
            total = (sum(block[b]) / len(block[b]) + stay) / 2 @ total
        scenes.append(total)
    return np.array(scenes)


@flow.check(2, "agrees with the product, scene by scene")
def flows(rollout: Any, rng: np.random.Generator) -> None:
    for count in (3, 1, 2):
        blocks = draw_blocks(rng, count)
        got = rollout(blocks)
        expect_shape(got, rolled(blocks).shape, "a table of tokens for each scene")
        near(got, rolled(blocks), f"the product of {count} steps, for every scene", atol=1e-6)
    near(rollout([np.ones((1, 1, 1, 1))] * 2), [[[1.0]]], "a token that is alone keeps all")


@flow.check(1, "what is fetched in two hops arrives, and nothing flows backwards")
def hops(rollout: Any, rng: np.random.Generator) -> None:
    n = sizes(rng, 1, 4, 8)[0]
    far, middle, last = (int(i) for i in rng.permutation(n)[:3])
    first, second = np.eye(n), np.eye(n)
    first[middle], second[last] = np.eye(n)[far], np.eye(n)[middle]
    blocks = [first[None, None], second[None, None]]
    there, back = np.asarray(rollout(blocks)), np.asarray(rollout(blocks[::-1]))
    expect_shape(there, (1, n, n), "one scene, one table")
    claim = f"token {middle} took from {far}, then {last} from {middle}: {last} has a quarter of it"
    near(there[0, last, far], 0.25, claim)
    expect_shape(back, (1, n, n), "one scene, one table")
    near(back[0, last, far], 0.0, f"the blocks exchanged: {last} has nothing of {far}")


@flow.check(1, "rows sum to 1, and where each looks at itself alone nothing moves")
def keeps(rollout: Any, rng: np.random.Generator) -> None:
    blocks = draw_blocks(rng, 3)
    moved = rollout(blocks)
    near(np.sum(moved, axis=-1), np.ones(blocks[0].shape[::2]), "every row sums to 1")
    idle = [np.broadcast_to(np.eye(blocks[0].shape[-1]), blocks[0].shape).copy()] * 4
    want = np.broadcast_to(np.eye(idle[0].shape[-1]), blocks[0][:, 0].shape)
    near(rollout(idle), want, "each token is where it was")
    reacts(want, moved, "where tokens look at each other, something moves")


@flow.check(1, "blocks may differ in their number of heads; the arrays stay as they are")
def heads(rollout: Any, rng: np.random.Generator) -> None:
    b, n, one, two = sizes(rng, 4, 2, 7)
    shapes = [(b, h, n, n) for h in (one, two, 1)]
    blocks = [frozen(softmax(3 * rng.normal(size=shape))) for shape in shapes]
    claim = f"{one} heads, then {two}, then 1: the mean over each block's own"
    near(rollout(blocks), rolled(blocks), claim, atol=1e-6)


@flow.check(1, "no block, blocks that do not fit, or rows that do not sum to 1 raise ValueError")
def bad_blocks(rollout: Any, rng: np.random.Generator) -> None:
    expect_error(lambda: rollout([]), ValueError, "there is nothing to roll out")
    blocks = draw_blocks(rng, 3, b=3)
    one, columns = [block[:1] for block in blocks], np.ones((*blocks[1].shape[:3], 1))
    small = blocks[1][:, :, :-1, :-1] / blocks[1][:, :, :-1, :-1].sum(axis=-1, keepdims=True)
    for others, other in (
        (blocks, blocks[1][:-1]),
        (blocks, blocks[1][:1]),
        (one, blocks[1]),
        (blocks, small),
        (blocks, blocks[1][:, :, -1:]),
        (blocks, columns),
    ):
        claim = f"a block {other.shape} among blocks {others[0].shape} is refused"
        expect_error(partial(rollout, [others[0], other, others[2]]), ValueError, claim)
    for where, (off, fine) in itertools.product(PLACES, BORDERS):
        given = [w.copy() for w in blocks]
        block, *rest = place(where, rng, (3, *blocks[0].shape[:3]))
        at = tuple(rest)
        top = given[block][at].argmax()
        given[block][(*at, top)] += off
        claim = f"one row sums to 1 {'+' if off > 0 else '−'} {abs(off)}"
        if fine:
            near(rollout(given), rolled(given), f"{claim}: within 0.001 it is let through")
        else:
            expect_error(
                partial(rollout, given), ValueError, f"{claim}: more than 0.001 is refused"
            )


def refuse_blocks(weights: list[Array]) -> None:
    if not weights:
        raise ValueError("no block")
    b, _, n, _ = weights[0].shape
    for w in weights:
        if (w.shape[0], *w.shape[2:]) != (b, n, n):
            raise ValueError("blocks do not fit")
        if np.abs(w.sum(axis=-1) - 1).max() > 0.001:
            raise ValueError("rows do not sum to 1")


def steps(weights: list[Array]) -> list[Array]:
    refuse_blocks(weights)
    return [(w.mean(axis=1) + np.eye(w.shape[-1])) / 2 for w in weights]


@flow.wrong(
    "the residual stream forgotten",
    "Attention's output is added to what was there. Without the identity a token would forget "
    "itself in every block: where each looks elsewhere, nothing of it is left.",
)
def no_identity(weights: list[Array]) -> Array:
    refuse_blocks(weights)
    total = np.eye(weights[0].shape[-1])
    for w in weights:
        total = w.mean(axis=1) @ total
    return total


@flow.wrong(
    "multiplied the wrong way round",
    "The first block acts first, so it stands on the right: step_L … step_2 step_1. Turned round, "
    "what was fetched in the second block is looked for in the first.",
)
def backwards(weights: list[Array]) -> Array:
    refuse_blocks(weights)
    total = np.eye(weights[0].shape[-1])
    for step in steps(weights):
        total = total @ step
    return total


@flow.wrong(
    "the mean of the blocks",
    "A mean knows each block's looks, and no path through two of them: what was fetched from a "
    "token that had fetched it does not arrive. Multiply the steps.",
)
def mean_of_blocks(weights: list[Array]) -> Array:
    return np.mean(steps(weights), axis=0)


@flow.wrong(
    "the largest of the heads, not brought to 1",
    "The maximum over heads sums to more than 1 in a row, so shares grow with every block. Take "
    "the mean, or divide each row by its sum.",
)
def largest_head(weights: list[Array]) -> Array:
    refuse_blocks(weights)
    total = np.eye(weights[0].shape[-1])
    for w in weights:
        total = (w.max(axis=1) + np.eye(w.shape[-1])) / 2 @ total
    return total


@flow.wrong(
    "each head rolled out by itself",
    "After a block all heads are merged into one stream: head 2 of the next block reads what head "
    "1 of this one wrote. Take the mean over heads first, then multiply.",
)
def heads_apart(weights: list[Array]) -> Array:
    refuse_blocks(weights)
    total = np.eye(weights[0].shape[-1])
    for w in weights:
        total = (w + np.eye(w.shape[-1])) / 2 @ total
    return total.mean(axis=1)


@flow.wrong(
    "the last block alone",
    "The last map shows the last look. What earlier blocks fetched is in the stream by then.",
)
def last_alone(weights: list[Array]) -> Array:
    return steps(weights)[-1]


@flow.wrong(
    "the identity added, not averaged",
    "A + I sums to 2 in a row, so after L blocks the rows sum to 2^L. Halve it.",
)
def not_halved(weights: list[Array]) -> Array:
    refuse_blocks(weights)
    total = np.eye(weights[0].shape[-1])
    for step in steps(weights):
        total = 2 * step @ total
    return total


@flow.wrong(
    "rows let through that do not sum to 1",
    "Weights after dropout, or of scores before softmax, do not sum to 1, and shares made of them "
    "mean nothing. Compare each row's sum with 1, and refuse.",
)
def any_rows(weights: list[Array]) -> Array:
    if not weights or len({(len(w), *w.shape[2:]) for w in weights} | {weights[0][:, 0].shape}) > 1:
        raise ValueError("blocks do not fit")
    return rolled(weights)


# 15.2

left_out = Exercise(
    "15.2",
    "Leave one out",
    function="leave_one_out",
    signature=(
        "leave_one_out(scores: (B, S), values: (B, S, d), head: (d, C),"
        " real: (B, S) of bool) -> (B, S)"
    ),
    difficulty=3,
    importance=5,
    minutes=35,
    read=f"{READ}#the-formulas-mended",
)


def answer(scores: Array, values: Array, head: Array, keep: Array) -> Array:
    """The logits of one scene, (C,), with the tokens that are kept."""
    return softmax(scores[keep]) @ values[keep] @ head


def falls(scores: Array, values: Array, head: Array, real: Array) -> Array:
    """Scene by scene, token by token."""
    found = np.zeros(scores.shape)
    for b, t in np.argwhere(real):
        before = answer(scores[b], values[b], head, real[b])
        keep = real[b].copy()
        keep[t] = False
        after = answer(scores[b], values[b], head, keep)
        found[b, t] = (before - after)[before.argmax()]
    return found


Scenes = tuple[Array, Array, Array, Array]


def draw_scenes(rng: np.random.Generator, b: int = 0) -> Scenes:
    """Scenes with padding; hiding a token changes the predicted class at least once."""
    while True:
        draw_b, s, d, c = sizes(rng, 4, 3, 8)
        shape = b or draw_b, s
        scores, values = 2 * rng.normal(size=shape), rng.normal(size=(*shape, d))
        head = rng.normal(size=(d, c))
        lengths = rng.integers(2, s + 1, size=shape[0])
        lengths[0] = s - 1
        real = rng.permuted(np.arange(s) < lengths[:, None], axis=1)
        if changes_class(scores, values, head, real):
            return scores, values, head, real


def changes_class(scores: Array, values: Array, head: Array, real: Array) -> bool:
    for b, t in np.argwhere(real):
        first = answer(scores[b], values[b], head, real[b])
        keep = real[b].copy()
        keep[t] = False
        then = answer(scores[b], values[b], head, keep)
        if then.argmax() != first.argmax() and then.max() > then[first.argmax()] + 0.1:
            return True
    return False


@left_out.check(2, "agrees with the definition, token by token")
def agrees(leave_one_out: Any, rng: np.random.Generator) -> None:
    for b in (0, 1):
        scene = draw_scenes(rng, b)
        got = leave_one_out(*scene)
        expect_shape(got, scene[0].shape, "a number for each token of each scene")
        want = falls(*scene)
        near(got, want, "the logit of the first answer, before minus after", atol=1e-6)


@left_out.check(1, "a token that gives nothing may still count: the others share its weight")
def sink(leave_one_out: Any, rng: np.random.Generator) -> None:
    scores, values, head, real = draw_scenes(rng)
    b = int(rng.choice(np.flatnonzero(~real.all(axis=1))))  # a scene with padding
    token = int(rng.choice(np.flatnonzero(real[b])))
    values[b, token] = 0.0
    others = real[b].copy()
    others[token] = False
    # as much weight on it as on all others together; padding lies as high
    scores[b, ~others] = np.log(np.exp(scores[b, others]).sum())
    # the first answer lies above 0: what comes of it has a sign
    values[b] *= np.sign(answer(scores[b], values[b], head, real[b]).max())
    got = np.asarray(leave_one_out(scores, values, head, real))
    expect_shape(got, scores.shape, "a number for each token of each scene")
    first = answer(scores[b], values[b], head, real[b])
    claim = "half of the weight on a value of zeros: hidden, every logit doubles"
    near(got[b, token], -first.max(), claim, atol=1e-6)


@left_out.check(1, "one score a thousand above the others: hidden, the others are weighed anew")
def thousands(leave_one_out: Any, rng: np.random.Generator) -> None:
    scores, values, head, real = draw_scenes(rng)
    while real.sum(axis=1).max() < 4:  # the mean of so few would be near enough to the largest
        scores, values, head, real = draw_scenes(rng)
    for b in range(len(scores)):
        scores[b] += 3000.0 * (b % 3 - 1)
        scores[b, int(rng.choice(np.flatnonzero(real[b])))] += 1000.0
    got = leave_one_out(scores, values, head, real)
    near(got, falls(scores, values, head, real), "every number is right", atol=1e-6)
    scores, values, head, real = draw_scenes(rng)
    scores[int(rng.integers(len(scores)))] -= 1e10  # no finite number is below all scores
    want = falls(scores, values, head, real)
    near(leave_one_out(scores, values, head, real), want, "one scene ten billion below the others")


@left_out.check(1, "what is not real has no say and gets 0; fewer than two real ones: ValueError")
def padding(leave_one_out: Any, rng: np.random.Generator) -> None:
    scores, values, head, real = draw_scenes(rng)
    want = falls(scores, values, head, real)
    loud = np.where(real, scores, 500.0 + rng.normal(size=scores.shape))
    values = np.where(real[..., None], values, 100.0)
    near(leave_one_out(loud, values, head, real), want, "padding with high scores", atol=1e-6)
    b = int(rng.integers(len(scores)))
    two = np.isin(np.arange(real.shape[1]), rng.permutation(real.shape[1])[:2])
    real[b] = two
    near(
        leave_one_out(scores, values, head, real),
        falls(scores, values, head, real),
        "a scene of two tokens is answered",
        atol=1e-6,
    )
    for count in (1, 0):
        real[b] = np.isin(np.arange(real.shape[1]), np.flatnonzero(two)[:count])
        expect_error(
            partial(leave_one_out, scores, values, head, real),
            ValueError,
            f"one scene has {count} real token{'s' * (count != 1)}: nothing is left to look at",
        )


def refuse_short(real: Array) -> None:
    if (real.sum(axis=1) < 2).any():
        raise ValueError("a scene needs two real tokens")


def masked(scores: Array, keep: Array) -> Array:
    """Softmax over what is kept, (..., S)."""
    return softmax(np.where(keep, scores, -np.inf))


def logits_of(weights: Array, values: Array, head: Array) -> Array:
    return np.einsum("bs,bsd,dc->bc", weights, values, head)


def by_hiding(scores: Array, values: Array, head: Array, real: Array, how: Any) -> Array:
    """(B, S): `how(weights, t, before)` gives the logits with token t hidden."""
    refuse_short(real)
    weights = masked(scores, real)
    before = logits_of(weights, values, head)
    rows, first = np.arange(len(scores)), before.argmax(axis=1)
    columns = [(before - how(weights, t))[rows, first] for t in range(scores.shape[1])]
    return np.where(real, np.array(columns).T, 0.0)


@left_out.wrong(
    "its term taken out, its weight kept",
    "α_i v_i was subtracted, and the other weights stayed: they no longer sum to 1. Whoever cannot "
    "see a token spreads its weight over the others, so a token without a value counts too.",
)
def term_out(scores: Array, values: Array, head: Array, real: Array) -> Array:
    def how(weights: Array, t: int) -> Array:
        kept = weights * (np.arange(weights.shape[1]) != t)
        return logits_of(kept, values, head)

    return by_hiding(scores, values, head, real, how)


@left_out.wrong(
    "divided anew after softmax",
    "Weights far below the hidden one have underflowed to 0 by then, and 0 / 0 is NaN. Forbid the "
    "token before softmax, as a mask does.",
)
def divided_after(scores: Array, values: Array, head: Array, real: Array) -> Array:
    def how(weights: Array, t: int) -> Array:
        kept = weights * (np.arange(weights.shape[1]) != t)
        return logits_of(kept / kept.sum(axis=1, keepdims=True), values, head)

    return by_hiding(scores, values, head, real, how)


def hide(scores: Array, values: Array, head: Array, real: Array, t: int) -> Array:
    keep = real & (np.arange(real.shape[1]) != t)
    keep = np.where(keep.any(axis=1, keepdims=True), keep, True)
    return logits_of(masked(scores, keep), values, head)


@left_out.wrong(
    "the class predicted afterwards",
    "With the token hidden another class may win, and its logit says nothing of the first answer. "
    "Ask what became of the class that was predicted with all tokens in view.",
)
def new_class(scores: Array, values: Array, head: Array, real: Array) -> Array:
    refuse_short(real)
    before = logits_of(masked(scores, real), values, head).max(axis=1)
    after = [hide(scores, values, head, real, t).max(axis=1) for t in range(scores.shape[1])]
    return np.where(real, before[:, None] - np.array(after).T, 0.0)


@left_out.wrong(
    "the sign turned round",
    "After minus before: a token that carries the answer gets a negative number. The fall is "
    "before minus after.",
)
def turned(scores: Array, values: Array, head: Array, real: Array) -> Array:
    refuse_short(real)
    return -falls(scores, values, head, real)


@left_out.wrong(
    "all the others hidden",
    "The token was kept, and all the others hidden. That asks whether it suffices, not whether the "
    "answer misses it.",
)
def only_one(scores: Array, values: Array, head: Array, real: Array) -> Array:
    def how(weights: Array, t: int) -> Array:
        return values[:, t] @ head

    return by_hiding(scores, values, head, real, how)


@left_out.wrong(
    "probabilities in place of logits",
    "Of a probability of 0.999 hardly anything can be seen to fall. The card asks for the logit.",
)
def probabilities(scores: Array, values: Array, head: Array, real: Array) -> Array:
    refuse_short(real)
    before = softmax(logits_of(masked(scores, real), values, head))
    rows, first = np.arange(len(scores)), before.argmax(axis=1)
    after = [softmax(hide(scores, values, head, real, t)) for t in range(scores.shape[1])]
    return np.where(real, np.array([(before - p)[rows, first] for p in after]).T, 0.0)


@left_out.wrong(
    "the size of the fall, without its sign",
    "A token may speak against the answer: hidden, the logit rises. The sign is what weights do "
    "not have; keep it.",
)
def without_sign(scores: Array, values: Array, head: Array, real: Array) -> Array:
    refuse_short(real)
    return np.abs(falls(scores, values, head, real))


@left_out.wrong(
    "padding looked at",
    "Tokens that are not real took part in softmax, and took weight from the others.",
)
def with_padding(scores: Array, values: Array, head: Array, real: Array) -> Array:
    refuse_short(real)
    return np.where(real, falls(scores, values, head, np.ones_like(real)), 0.0)


@left_out.wrong(
    "a large number for −∞",
    "The hidden token got a score like −10⁹. Where all scores of a scene lie below that, it is the "
    "largest of them. −∞ is below every number.",
)
def a_large_number(scores: Array, values: Array, head: Array, real: Array) -> Array:
    def hidden(keep: Array) -> Array:
        return logits_of(softmax(np.where(keep, scores, -1e9)), values, head)

    refuse_short(real)
    before = hidden(real)
    rows, first = np.arange(len(scores)), before.argmax(axis=1)
    tokens = np.eye(scores.shape[1], dtype=bool)
    columns = [(before - hidden(real & ~token))[rows, first] for token in tokens]
    return np.where(real, np.array(columns).T, 0.0)


@left_out.wrong(
    "a scene of one token let through",
    "Its only token hidden, there is nothing to weigh, and whatever comes out is no answer of this "
    "layer. Count the real tokens of each scene, and refuse.",
)
def lone_token(scores: Array, values: Array, head: Array, real: Array) -> Array:
    found = np.zeros(scores.shape)
    for b in range(len(scores)):
        if real[b].sum() > 1:
            one = slice(b, b + 1)
            found[b] = falls(scores[one], values[one], head, real[one])[0]
    return found


# 15.3

elsewhere = Exercise(
    "15.3",
    "Same answer, other weights",
    function="other_weights",
    signature="other_weights(weights: (S,), values: (S, d)) -> (S,)",
    difficulty=4,
    importance=4,
    minutes=50,
    read=f"{READ}#by-hand",
)


def draw_tokens(rng: np.random.Generator, more: int) -> tuple[Array, Array]:
    """Weights and values, with so many tokens more than numbers in a value."""
    d = sizes(rng, 1, 2, 6)[0]
    weights = rng.dirichlet(np.full(d + more, 2.0)) * 0.9 + 0.1 / (d + more)
    return weights, rng.normal(size=(d + more, d))


def draw_peaked(rng: np.random.Generator, more: int) -> tuple[Array, Array, int, int]:
    """The same, with nearly all weight on token i, where least squares goes below 0 for token j."""
    weights, values = draw_tokens(rng, more)
    system = np.column_stack([values, np.ones(len(values))])
    fit = system @ np.linalg.pinv(system)
    i, j = (int(k) for k in np.unravel_index(fit.argmin(), fit.shape))
    weights *= 0.1
    weights[i] += 0.9
    return weights, values, i, j


def expect_same_answer(got: Any, weights: Array, values: Array) -> Array:
    """Weights, other ones, and the same weighted sum; all of it to 1e-8."""
    expect_shape(got, weights.shape, "a weight for each token")
    other = expect_real(got, "a weight is a real number")
    expect(np.isfinite(other).all(), "every weight is finite", got=other)
    expect(other.min() > -1e-8, "no weight is negative", got=other)
    expect_close(other.sum(), 1.0, "the weights sum to 1", rtol=0, atol=1e-8)
    claim = "the weighted sum of the values is what it was"
    expect_close(other @ values, weights @ values, claim, rtol=0, atol=1e-8)
    return other


@elsewhere.check(2, "weights that sum to 1, none negative, and the same weighted sum")
def same_answer(other_weights: Any, rng: np.random.Generator) -> None:
    for weights, values in (draw_tokens(rng, 2), draw_tokens(rng, 4), draw_peaked(rng, 7)[:2]):
        values *= 10.0 ** rng.uniform(-1, 2)
        other = expect_same_answer(other_weights(weights, values), weights, values)
        expect(np.abs(other - weights).sum() > 1e-4, "the weights are other ones", got=other)


@elsewhere.check(1, "as far as the direction leads: a weight has become 0")
def to_the_edge(other_weights: Any, rng: np.random.Generator) -> None:
    for more in (2, 5):
        weights, values = draw_tokens(rng, more)
        other = expect_same_answer(other_weights(weights, values), weights, values)
        expect(other.min() < 1e-8, "going on would make a weight negative: one is 0", got=other)


def ends(weights: Array, values: Array) -> list[Array]:
    """The two ends of the only line, where there is one token more than it takes."""
    direction = np.linalg.svd(np.column_stack([values, np.ones(len(values))]).T)[2][-1]
    found = []
    for sign in (1, -1):
        falling = sign * direction < 0
        reach = (weights[falling] / -(sign * direction)[falling]).min()
        found.append(weights + reach * sign * direction)
    return found


@elsewhere.check(1, "where there is one direction only, it is found, to one of its two ends")
def one_direction(other_weights: Any, rng: np.random.Generator) -> None:
    for _ in range(8):
        weights, values = draw_tokens(rng, 2)
        # The tokens at which the line ends stand first and last, in one order or the other.
        stops = rng.permutation([int(end.argmin()) for end in ends(weights, values)])
        middle = [i for i in range(len(weights)) if i not in stops]
        order = [stops[0], *middle, stops[1]]
        weights, values = weights[order], values[order]
        other = expect_same_answer(other_weights(weights, values), weights, values)
        two = [float(np.abs(other - end).max()) for end in ends(weights, values)]
        expect(min(two) < 1e-7, "one of the two ends of the line", got=other)


@elsewhere.check(1, "few tokens, but values on a line or in a plane: there are others all the same")
def low_rank(other_weights: Any, rng: np.random.Generator) -> None:
    s, d = sizes(rng, 2, 4, 8)
    s, d = min(s, d), max(s, d)
    weights = rng.dirichlet(np.full(s, 3.0)) * 0.5 + 0.5 / s
    flat = rng.normal(size=(s, s - 2)) @ rng.normal(size=(s - 2, d)) + 5 * rng.normal(size=d)
    other = expect_same_answer(other_weights(weights, flat), weights, flat)
    expect(np.abs(other - weights).sum() > 1e-4, "the weights are other ones", got=other)
    twice = rng.normal(size=(2, d))[[0, 0, 1]]
    weights = rng.dirichlet(np.full(3, 3.0)) * 0.9 + 0.1 / 3
    other = expect_same_answer(other_weights(weights, twice), weights, twice)
    expect(np.abs(other - weights).sum() > 1e-4, "two tokens with one value can share", got=other)


@elsewhere.check(1, "where no others give the same answer: ValueError")
def no_other(other_weights: Any, rng: np.random.Generator) -> None:
    for more in (1, 0):
        weights, values = draw_tokens(rng, more)
        expect_error(
            partial(other_weights, weights, values),
            ValueError,
            f"{len(values)} values in general position in {values.shape[1]} dimensions: each "
            "point between them has one set of weights",
        )
    one = rng.normal(size=(1, sizes(rng, 1)[0]))
    expect_error(partial(other_weights, np.ones(1), one), ValueError, "a single token has weight 1")


@elsewhere.check(1, "what are no weights of softmax, or not one a value: ValueError")
def no_weights(other_weights: Any, rng: np.random.Generator) -> None:
    weights, values, j, i = draw_peaked(rng, 4)
    values *= 100  # an answer that moves a little shows
    tiny = weights.copy()
    tiny[i], tiny[j] = 1e-6, weights[j] + weights[i] - 1e-6
    other = expect_same_answer(other_weights(tiny, values), tiny, values)
    expect(np.abs(other - tiny).sum() > 1e-7, "the weights are other ones", got=other)
    for amount, what in ((0.0, "is 0"), (-0.001, "is negative")):
        bad = weights.copy()
        bad[i], bad[j] = amount, weights[j] + weights[i] - amount
        expect_error(partial(other_weights, bad, values), ValueError, f"one weight {what}")
    for factor in (1 + 1.05e-6, 1 - 1.05e-6, 1.00001, 0.99999, 2.0):
        claim = f"the weights sum to {factor:.8g}: more than 0.000001 from 1"
        expect_error(partial(other_weights, weights * factor, values), ValueError, claim)
    for factor in (1 + 9.5e-7, 1 - 9.5e-7):
        got = other_weights(weights * factor, values)
        expect_shape(got, weights.shape, "a sum within 0.000001 of 1 will do")
    for other in (values[:-1], np.vstack([values, values[:1]])):
        expect_error(
            partial(other_weights, weights, other), ValueError, "one weight for each value"
        )


def refuse_weights(weights: Array, values: Array) -> None:
    if len(weights) != len(values):
        raise ValueError("one weight for each value")
    if (weights <= 0).any() or abs(weights.sum() - 1) > 1e-6:
        raise ValueError("these are no weights of softmax")


def along(weights: Array, direction: Array, share: float = 1.0) -> Array:
    """From the weights that way, until the first of them is 0."""
    falling = direction < 0
    return weights + share * direction * (weights[falling] / -direction[falling]).min()


def null_of(matrix: Array) -> Array:
    """A direction that the matrix sends to 0."""
    if np.linalg.matrix_rank(matrix) == matrix.shape[1]:
        raise ValueError("there is no other way")
    direction = np.linalg.svd(matrix)[2][-1]
    return direction if (direction < 0).any() else -direction


@elsewhere.wrong(
    "the sum of the weights forgotten",
    "A direction that leaves the weighted sum alone may still change the sum of the weights; "
    "divided by it afterwards, the answer moves. Σ δ_i = 0 is one more equation.",
)
def sum_forgotten(weights: Array, values: Array) -> Array:
    refuse_weights(weights, values)
    if np.linalg.matrix_rank(np.column_stack([values, np.ones(len(values))])) == len(values):
        raise ValueError("there is no other way")
    other = along(weights, null_of(values.T)) if values.shape[1] < len(values) else weights
    return other / other.sum()


@elsewhere.wrong(
    "a whole step",
    "One whole step along the direction, wherever that leads: weights become negative, and no "
    "softmax gives those. Go until the first of them is 0, and no further.",
)
def whole_step(weights: Array, values: Array) -> Array:
    refuse_weights(weights, values)
    return weights + 5 * null_of(np.column_stack([values, np.ones(len(values))]).T)


@elsewhere.wrong(
    "half of the way",
    "Other weights, and the same answer; but the card asks how far it goes, and half of the way is "
    "not the end of it.",
)
def half_way(weights: Array, values: Array) -> Array:
    refuse_weights(weights, values)
    return along(weights, null_of(np.column_stack([values, np.ones(len(values))]).T), 0.5)


@elsewhere.wrong(
    "the weights in another order",
    "Permuted weights sum to 1 and none is negative, but the values that they weigh stay where "
    "they are: the answer moves.",
)
def another_order(weights: Array, values: Array) -> Array:
    refuse_weights(weights, values)
    null_of(np.column_stack([values, np.ones(len(values))]).T)
    return np.roll(weights, 1)


@elsewhere.wrong(
    "the number of tokens decides",
    "More tokens than dimensions are enough, but not needed: values on a line leave room with "
    "three of them, in however many dimensions. The rank decides.",
    raises=True,
)
def counted(weights: Array, values: Array) -> Array:
    refuse_weights(weights, values)
    if len(values) <= values.shape[1] + 1:
        raise ValueError("there is no other way")
    return along(weights, null_of(np.column_stack([values, np.ones(len(values))]).T))


@elsewhere.wrong(
    "the shortest weights of all",
    "The pseudo-inverse gives the solution of least squares. It has the right sum and the right "
    "answer, but weights may be negative, and nothing says that it is far from what was given.",
)
def shortest(weights: Array, values: Array) -> Array:
    refuse_weights(weights, values)
    system = np.column_stack([values, np.ones(len(values))]).T
    null_of(system)
    return np.linalg.pinv(system) @ np.append(weights @ values, 1.0)


@elsewhere.wrong(
    "the same weights where there are no others",
    "Given back as they came, they look like another explanation and are none. Say so: raise.",
)
def given_back(weights: Array, values: Array) -> Array:
    refuse_weights(weights, values)
    system = np.column_stack([values, np.ones(len(values))]).T
    if np.linalg.matrix_rank(system) == len(values):
        return weights
    return along(weights, null_of(system))


@elsewhere.wrong(
    "whatever is given is taken",
    "Numbers that do not sum to 1, or with a 0 among them, are no weights of softmax, and the "
    "step to the edge starts somewhere else, or has no length. Refuse them.",
)
def anything(weights: Array, values: Array) -> Array:
    return along(weights, null_of(np.column_stack([values, np.ones(len(values))]).T))


# 15.4

yardsticks = Exercise(
    "15.4",
    "Permutations, adversaries and seeds",
    function="yardstick",
    signature=(
        "yardstick(p: (n, C), p_permuted: (R, n, C), w: (n, S), w_other: (n, S),"
        " w_seeds: (K, n, S)) -> (moved: (n,), far: (n,), seeds: (n,), share: float)"
    ),
    difficulty=3,
    importance=4,
    minutes=35,
    read=f"{READ}#tweets-the-tests-and-the-replies",
)


def divergence(p: Array, q: Array) -> float:
    """JSD in nats of two rows, number by number."""
    total = 0.0
    for a, b in zip(p, q, strict=True):
        total += sum(x * np.log(2 * x / (a + b)) for x in (a, b) if x > 0) / 2
    return total


def measured(p: Array, p_permuted: Array, w: Array, w_other: Array, w_seeds: Array) -> tuple:
    n = range(len(p))
    moved = [np.median([np.abs(row[i] - p[i]).sum() / 2 for row in p_permuted]) for i in n]
    far = [divergence(w[i], w_other[i]) for i in n]
    seeds = [max(divergence(w[i], row[i]) for row in w_seeds) for i in n]
    return np.array(moved), np.array(far), np.array(seeds), np.mean(np.array(far) > np.array(seeds))


def draw_texts(rng: np.random.Generator) -> list[Array]:
    """Answers and weights of n texts; words that are not there have weight 0 in all."""
    n, c, s, r, k = sizes(rng, 5, 3, 10)
    r = 2 * (r // 2) + 1 + int(rng.integers(2))  # odd or even; of two the median is the mean
    real = rng.random((n, s)) < 0.7
    real[:, :2] = True
    real[rng.integers(n), -1] = False  # one at least is not there

    def weights(*lead: int) -> Array:
        drawn = rng.dirichlet(np.full(s, 0.5), size=(*lead, n)) * real + 1e-3 * real
        return drawn / drawn.sum(axis=-1, keepdims=True)

    p = rng.dirichlet(np.ones(c), size=n)
    return [p, rng.dirichlet(np.full(c, 0.6), size=(r, n)), weights(), weights(), weights(k)]


def first_of(texts: list[Array]) -> list[Array]:
    """The first text alone."""
    return [x[..., :1, :] for x in texts]


@yardsticks.check(1, "moved: for each text the median distance of its answer")
def moves(yardstick: Any, rng: np.random.Generator) -> None:
    whole = draw_texts(rng)
    for texts in (draw_texts(rng), whole, first_of(whole)):
        got = yardstick(*texts)[0]
        expect_shape(got, (len(texts[0]),), "a number for each text")
        claim = "half the sum of the differences, then the median over permutations"
        exactly(got, measured(*texts)[0], claim)


@yardsticks.check(1, "far: the Jensen–Shannon divergence in nats, also where a weight is 0")
def how_far(yardstick: Any, rng: np.random.Generator) -> None:
    whole = draw_texts(rng)
    for texts in (first_of(whole), whole):
        got = yardstick(*texts)[1]
        expect_shape(got, (len(texts[0]),), "a number for each text")
        exactly(got, measured(*texts)[1], "the mean of two KL's to the middle")
    n, s = texts[2].shape
    one = np.eye(s)[rng.integers(s, size=n)]
    two = np.roll(one, 1, axis=1)
    texts[2], texts[3] = one, two
    exactly(yardstick(*texts)[1], np.full(n, np.log(2)), "nothing in common: ln 2")


@yardsticks.check(1, "seeds: for each text the divergence of the seed that is furthest")
def how_far_seeds(yardstick: Any, rng: np.random.Generator) -> None:
    whole = draw_texts(rng)
    for texts in (first_of(whole), whole):
        got = yardstick(*texts)[2]
        expect_shape(got, (len(texts[0]),), "a number for each text")
        exactly(got, measured(*texts)[2], "the largest over the seeds, text by text")
    texts[4] = texts[4][:1]
    exactly(yardstick(*texts)[2], measured(*texts)[2], "also where there is one seed")


@yardsticks.check(1, "share: of the texts in which the other weights are further than every seed")
def further(yardstick: Any, rng: np.random.Generator) -> None:
    for _ in range(3):
        texts = draw_texts(rng)
        # text by text: nearer than the seeds, or further
        outside = np.argsort(rng.random(len(texts[0]))) < rng.integers(1, len(texts[0]))
        texts[3] = np.where(outside[:, None], texts[2][:, ::-1], texts[2])
        want = measured(*texts)[3]
        exactly(yardstick(*texts)[3], want, "the share of texts with far > seeds")
    # The first text's seeds agree, those of the others do not: what is far is said by its own.
    texts = draw_texts(rng)
    back = texts[2][:, ::-1]
    texts[4] = np.repeat(back[None], len(texts[4]), axis=0)
    texts[4][:, 0] = texts[2][0]
    texts[3] = 0.9 * texts[2] + 0.1 * back
    exactly(yardstick(*texts)[3], 1 / len(back), "only the first is further than its own")
    # Now the first is hardly moved and its seeds not at all; the others much, and more than theirs.
    much = np.where(np.arange(len(back)) == 0, 0.02, 0.6)[:, None]
    less = np.where(np.arange(len(back)) == 0, 0.0, 0.3)[:, None]
    texts[3] = (1 - much) * texts[2] + much * back
    texts[4] = np.repeat(((1 - less) * texts[2] + less * back)[None], len(texts[4]), axis=0)
    exactly(yardstick(*texts)[3], 1.0, "every text is further than its own seeds")
    # One seed is further than what is far, in every text, and the others are not moved.
    texts[3] = 0.3 * texts[2] + 0.7 * back
    texts[4] = np.repeat(texts[2][None], len(texts[4]), axis=0)
    texts[4][int(rng.integers(len(texts[4])))] = back
    exactly(yardstick(*texts)[3], 0.0, "one seed is further than it, all others are nearer")
    # A weight of 0 where there was little makes nothing far: KL would be infinite.
    one = np.eye(back.shape[1])[rng.integers(back.shape[1], size=len(back))]
    two = np.roll(one, 1, axis=1)
    texts[2], texts[3] = 0.95 * one + 0.05 * two, one
    texts[4] = np.repeat((0.5 * one + 0.5 * two)[None], len(texts[4]), axis=0)
    exactly(yardstick(*texts)[3], 0.0, "a small weight has become 0: every seed is further")
    texts[3] = texts[2]
    texts[4] = np.repeat(texts[2][None], len(texts[4]), axis=0)
    exactly(yardstick(*texts)[3], 0.0, "0 is not further than 0: none exceeds its seeds")


@yardsticks.check(1, "rows that do not sum to 1 raise ValueError")
def bad_rows(yardstick: Any, rng: np.random.Generator) -> None:
    names = ("p", "p_permuted", "w", "w_other", "w_seeds")
    texts = draw_texts(rng)
    for which, name in enumerate(names):
        for where, (off, fine) in itertools.product(PLACES, BORDERS):
            given = [x.copy() for x in texts]
            at = place(where, rng, given[which].shape[:-1])
            given[which][(*at, int(given[which][at].argmax()))] += off
            claim = f"one row of {name} sums to {1 + off:.6g}"
            if fine:
                got = yardstick(*given)
                exactly(got[0], measured(*given)[0], f"{claim}: within 0.001 it will do")
            else:
                expect_error(partial(yardstick, *given), ValueError, f"{claim}: it is refused")


def refuse_rows(*given: Array) -> None:
    for rows in given:
        if np.abs(rows.sum(axis=-1) - 1).max() > 0.001:
            raise ValueError("rows sum to 1")


def tvd(p: Array, q: Array) -> Array:
    return np.abs(p - q).sum(axis=-1) / 2


def kl(p: Array, q: Array) -> Array:
    return (p * np.log(np.where(p > 0, p / np.where(q > 0, q, 1), 1))).sum(axis=-1)


def jsd(p: Array, q: Array) -> Array:
    return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2


def told(given: tuple, *, tvd: Any = tvd, jsd: Any = jsd, middle: Any = np.median) -> tuple:
    """With a part exchanged."""
    refuse_rows(*given)
    p, p_permuted, w, w_other, w_seeds = given
    far, seeds = jsd(w, w_other), jsd(w, w_seeds).max(axis=0)
    return middle(tvd(p, p_permuted), axis=0), far, seeds, float((far > seeds).mean())


@yardsticks.wrong(
    "KL in place of JSD",
    "KL is infinite where the other weight is 0, and KL(p, q) is not KL(q, p). JSD compares both "
    "with the middle, and never exceeds ln 2.",
)
def only_kl(*given: Array) -> tuple:
    return told(given, jsd=lambda p, q: kl(p, q + 1e-12))


@yardsticks.wrong(
    "the half forgotten in TVD",
    "What one class loses another wins, so the sum of the differences counts each move twice. Half "
    "of it is at most 1.",
)
def whole_tvd(*given: Array) -> tuple:
    return told(given, tvd=lambda p, q: 2 * tvd(p, q))


@yardsticks.wrong(
    "bits",
    "The logarithm is to base 2, so that the largest value is 1. The card asks for nats: ln 2 at "
    "most.",
)
def bits(*given: Array) -> tuple:
    return told(given, jsd=lambda p, q: jsd(p, q) / np.log(2))


@yardsticks.wrong(
    "the mean of the permutations",
    "A few wild orders pull the mean. The test of Jain and Wallace takes the median.",
)
def mean_moved(*given: Array) -> tuple:
    return told(given, middle=np.mean)


@yardsticks.wrong(
    "the root of the divergence",
    "The root of JSD is the Jensen–Shannon *distance*, which some packages return. Here it is the "
    "divergence.",
)
def rooted(*given: Array) -> tuple:
    return told(given, jsd=lambda p, q: np.sqrt(np.maximum(jsd(p, q), 0)))


@yardsticks.wrong(
    "NaN where a weight is 0",
    "0 · ln 0 is NaN for NumPy, and 0 in the limit that is meant. Padding has weight 0 in every "
    "text: leave such places out.",
)
def not_a_number(*given: Array) -> tuple:
    def plain(p: Array, q: Array) -> Array:
        m = (p + q) / 2
        return ((p * np.log(p / m)).sum(axis=-1) + (q * np.log(q / m)).sum(axis=-1)) / 2

    return told(given, jsd=plain)


@yardsticks.wrong(
    "the mean over seeds",
    "An adversary is far if it is further than any seed goes by chance. The mean over seeds makes "
    "that too easy.",
)
def mean_seed(*given: Array) -> tuple:
    refuse_rows(*given)
    p, p_permuted, w, w_other, w_seeds = given
    far, seeds = jsd(w, w_other), jsd(w, w_seeds).mean(axis=0)
    return np.median(tvd(p, p_permuted), axis=0), far, seeds, float((far > seeds).mean())


@yardsticks.wrong(
    "as far as the seeds counts as further",
    "Where both are 0, nothing was moved at all, and ≥ would call it further. Exceeds means >.",
)
def or_equal(*given: Array) -> tuple:
    moved, far, seeds, _ = told(given)
    return moved, far, seeds, float((far >= seeds).mean())


@yardsticks.wrong(
    "medians compared, not texts",
    "The share is of texts: far and seeds are compared one text at a time. Two medians, or two "
    "means, have one answer, yes or no.",
)
def medians(*given: Array) -> tuple:
    moved, far, seeds, _ = told(given)
    return moved, far, seeds, float(np.median(far) > np.median(seeds))


@yardsticks.wrong(
    "any rows taken",
    "Rows that do not sum to 1 are no distributions, and TVD and JSD of them have no bounds.",
)
def any_sum(p: Array, p_permuted: Array, w: Array, w_other: Array, w_seeds: Array) -> tuple:
    far, seeds = jsd(w, w_other), jsd(w, w_seeds).max(axis=0)
    return np.median(tvd(p, p_permuted), axis=0), far, seeds, float((far > seeds).mean())


# 15.5

verdicts = Exercise(
    "15.5",
    "Which of these models may be explained by its map?",
    function="judge",
    signature=(
        "judge(scores: (L, B, S), values: (L, B, S, C), own: (B, C), places: (B,))"
        " -> (right: bool, reason: bool)"
    ),
    difficulty=4,
    importance=5,
    minutes=50,
    read=f"{READ}#right-place-wrong-reason",
)

Model = tuple[Array, ...]


def make_model(
    rng: np.random.Generator,
    blocks: int,
    right: Array,
    carrier: Array,
    carried: Array,
    *,
    bare: bool = False,
    tokens: int = 0,
) -> Model:
    """Scenes of a model, one for each entry of `right` (B,), of so many tokens or of some.

    Where `right`, the last block's largest weight is at the place. `carrier` (B,) is the block in
    which the token under that weight decides the answer. Where not `carried`, the scene's own
    stream decides it: the token says too little. Another one says loudly what the stream does, so
    no number by itself tells one from the other. Where `bare`, no token says anything.
    """
    scenes = len(right)
    draw_s, c = sizes(rng, 2, 4, 8)
    s = tokens or draw_s
    rows = np.arange(scenes)
    top = rng.integers(s, size=scenes)
    places = np.where(right, top, (top + rng.integers(1, s, size=scenes)) % s)
    scores = 0.3 * rng.normal(size=(blocks, scenes, s))
    values = 0.01 * rng.normal(size=(blocks, scenes, s, c))
    own = 0.1 * rng.random((scenes, c))
    first = rng.integers(c, size=scenes)
    second = (first + rng.integers(1, c, size=scenes)) % c
    lead = np.ones(scenes) if bare else rng.uniform(1, 4, size=scenes)
    own[rows, second] += lead
    scores[-1, rows, top] += 4.0
    scores[carrier, rows, top] += np.where(carrier < blocks - 1, 4.0, 0.0)
    # Most scenes lie far below 0, the others above: what is not -inf hides nothing there.
    low = rng.permuted(np.tile(np.arange(scenes), (blocks, 1)), axis=1) < 0.7 * scenes
    scores += np.where(low, -1e10, 2000.0)[..., None]
    if not bare:
        loud = 1.5 * lead + 1.5
        values[carrier, rows, top, first] += np.where(carried, loud, 0.3 * lead)
        values[carrier, rows, (top + 1) % s, second] += loud
    return scores, values, own, places


def answers(model: Model, hidden: Array | None = None) -> Array:
    """What the model answers, (B,), with a token of each scene hidden in every block."""
    scores, values, own, _ = model
    keep = np.ones(scores.shape[1:], bool)
    if hidden is not None:
        keep[np.arange(len(hidden)), hidden] = False
    weights = softmax(np.where(keep, scores, -np.inf))
    return (own + np.einsum("lbs,lbsc->bc", weights, values)).argmax(axis=1)


def verdict(model: Model) -> tuple[bool, bool]:
    scores, *_, places = model
    top = scores[-1].argmax(axis=1)
    right = np.mean(top == places) >= 0.9
    return bool(right), bool(np.mean(answers(model, top) != answers(model)) >= 0.5)


def judged(judge: Any, model: Model, want: tuple[bool, bool], claim: str) -> None:
    assert verdict(model) == want  # the model is what it is meant to be
    got = judge(*model)
    said = np.asarray(got)
    good = said.shape == (2,) and said.dtype.kind in "biuf"
    expect(good, "two answers come back, right and reason", got=got)
    expect(
        (bool(said[0]), bool(said[1])) == want,
        claim,
        expected=f"right {want[0]}, reason {want[1]}",
        got=f"right {bool(said[0])}, reason {bool(said[1])}",
    )


def flags(rng: np.random.Generator, scenes: int, true: int) -> Array:
    return rng.permutation(scenes) < true


def every(scenes: int, value: int = 1) -> Array:
    return np.full(scenes, value)


@verdicts.check(1, "one block that looks at the place and answers what it finds there")
def honest(judge: Any, rng: np.random.Generator) -> None:
    for blocks in (1, 3):
        b = sizes(rng, 1, 11, 17)[0]
        most = np.arange(b) > 0  # all scenes but the first
        model = make_model(rng, blocks, most, every(b, blocks - 1), most)
        judged(judge, model, (True, True), "hiding what the map shows changes the answers")
    model = make_model(rng, 1, most, every(b, 0), ~most)
    judged(judge, model, (True, False), "in all scenes but one the answer is the query's own")
    claim = "the first token outweighs the second by a factor of e, and that decides"
    judged(judge, near_tie(rng), (True, True), claim)


def near_tie(rng: np.random.Generator) -> Model:
    """Two tokens of nearly one weight: e to 1, for values that stand 1 to 2.35."""
    b, s, c = sizes(rng, 3, 4, 9)
    rows, places, first = np.arange(b), rng.integers(s, size=b), rng.integers(c, size=b)
    second, other = (places + 1) % s, (first + 1) % c
    scores = -50 + rng.normal(size=(1, b, s))
    scores[0, rows, places], scores[0, rows, second] = 1.0, 0.0
    values = np.zeros((1, b, s, c))
    values[0, rows, places, first], values[0, rows, second, other] = 1.0, 2.35
    return scores, values, np.zeros((b, c)), places


@verdicts.check(1, "a map on the right place, and an answer that comes from elsewhere")
def shortcut(judge: Any, rng: np.random.Generator) -> None:
    for blocks in (1, 2):
        for carried in rng.permutation([False, True]):
            b = sizes(rng, 1, 8, 14)[0]
            model = make_model(
                rng, blocks, every(b) > 0, every(b, blocks - 1), every(b) * carried > 0
            )
            model[1][-1, np.arange(b), model[3]] += 0.2 * rng.random((b, model[1].shape[-1]))
            claim = "hidden, the answers stay: right, and not the reason"
            if carried:
                claim = "the same look, and no shortcut: right, and the reason"
            judged(judge, model, (True, bool(carried)), claim)


@verdicts.check(1, "the token was read by an earlier block: hide it in all of them")
def earlier(judge: Any, rng: np.random.Generator) -> None:
    b = sizes(rng, 1, 8, 14)[0]
    blocks = int(rng.integers(2, 5))
    carrier = rng.integers(blocks - 1, size=b)
    model = make_model(rng, blocks, every(b) > 0, carrier, every(b) > 0)
    claim = "hidden in the last block alone it changes nothing; in all blocks it does"
    judged(judge, model, (True, True), claim)
    none = every(b) < 0
    scores, values, own, places = make_model(rng, blocks, none, every(b, 0), none, bare=True)
    rows, first = np.arange(b), other_class(rng, own)
    scores[:-1, rows, places] += 8.0
    values[0, rows, places, first] += 3.0
    claim = "the last block looks where nothing is; the first one looked at the place"
    judged(judge, (scores, values, own, places), (False, False), claim)


def other_class(rng: np.random.Generator, own: Array) -> Array:
    """For each scene another class than that of its stream."""
    scenes, classes = own.shape
    return (own.argmax(axis=1) + rng.integers(1, classes, size=scenes)) % classes


def with_sink(rng: np.random.Generator, damps: bool) -> Model:
    """Most weight on a token without a value. Where it damps, the others decide without it."""
    b = sizes(rng, 1, 8, 14)[0]
    none = every(b) < 0
    scores, values, own, places = make_model(rng, 1, none, every(b, 0), none, bare=True)
    rows, top = np.arange(b), scores[0].argmax(axis=1)
    values[0, rows, top] = 0.0
    scores[0, rows, places] = scores[0, rows, top] - 0.5  # and the place nearly as much
    values[0, rows, places, other_class(rng, own)] += 1.7 if damps else 6.0
    return scores, values, own, places


@verdicts.check(1, "the largest weight on a token that gives nothing")
def sinks(judge: Any, rng: np.random.Generator) -> None:
    for damps in rng.permutation([False, True] * 3):
        claim = "a sink: neither the right place, nor is anything lost without it"
        if damps:
            claim = (
                "without it the others weigh more, and outvote the stream: hidden, answers change"
            )
        judged(judge, with_sink(rng, damps), (False, bool(damps)), claim)


@verdicts.check(2, "the borders: right from 90 % of the scenes on, the reason from 50 % on")
def borders(judge: Any, rng: np.random.Generator) -> None:
    for blocks, scenes in ((1, 20), (2, 10), (2, 5), (1, 1), (1, 4000)):
        nine, half = math.ceil(9 * scenes / 10), math.ceil(scenes / 2)
        cases = [(nine, half), (nine - 1, half), (scenes, half - 1), (nine, half - 1)]
        for where, changed in cases if scenes < 100 else cases[1:3]:
            right, carried = flags(rng, scenes, where), flags(rng, scenes, changed)
            model = make_model(rng, blocks, right, every(scenes, 0), carried)
            claim = f"right in {where} of {scenes} scenes, changed in {changed} of them"
            judged(judge, model, (where >= nine, changed >= half), claim)


@verdicts.check(1, "one token only, or a place that is no token: ValueError")
def bad_models(judge: Any, rng: np.random.Generator) -> None:
    b = sizes(rng, 1, 4, 9)[0]
    scores, values, own, places = make_model(rng, 2, every(b) > 0, every(b, 0), every(b) > 0)
    s = scores.shape[-1]
    for bad in (s, -1, s + 3):
        given = places.copy()
        given[int(rng.integers(b))] = bad
        expect_error(
            partial(judge, scores, values, own, given), ValueError, f"place {bad} of {s} tokens"
        )
    most = np.arange(b) < b - 1  # in the last scene the map is elsewhere, wherever the place is
    for edge, carried in zip((-1, 0), rng.permutation([True, False]), strict=True):
        model = make_model(rng, 2, most, every(b, 0), every(b) * carried > 0)
        edge %= model[0].shape[-1]
        model[3][int(rng.integers(1, b - 1))] = edge
        judged(judge, model, verdict(model), f"place {edge} of {model[0].shape[-1]} tokens is one")
    expect_error(
        partial(judge, scores[..., :1], values[:, :, :1], own, np.zeros_like(places)),
        ValueError,
        "a scene of one token: hidden, nothing is left to look at",
    )
    two = make_model(rng, 2, every(b) > 0, every(b, 0), every(b) > 0, tokens=2)
    judged(judge, two, (True, True), "a scene of two tokens is judged")


def refuse_model(scores: Array, places: Array) -> None:
    s = scores.shape[-1]
    if s < 2:
        raise ValueError("nothing is left to look at")
    if ((places < 0) | (places >= s)).any():
        raise ValueError("a place is no token")


def by(model: Model, *, map_of: Any = None, hide: Any = None, changed: Any = None) -> tuple:
    """The verdict with a part exchanged."""
    scores, *_, places = model
    refuse_model(scores, places)
    top = (softmax(scores)[-1] if map_of is None else map_of(softmax(scores))).argmax(axis=1)
    other = hide(model, top) if hide else answers(model, top)
    differ = other != answers(model) if changed is None else changed(model, top)
    return bool(np.mean(top == places) >= 0.9), bool(np.mean(differ) >= 0.5)


@verdicts.wrong(
    "the map trusted",
    "A map on the right place was taken for the reason. Where it lies is seen by looking; whether "
    "the answer rests on it is seen by taking it away.",
)
def trusting(*model: Array) -> tuple:
    right, _ = by(model)
    return right, right


def with_keep(model: Model, keep: Array) -> Array:
    """The answers where `keep` (L, B, S) says what each block may look at."""
    scores, values, own, _ = model
    weights = softmax(np.where(keep, scores, -np.inf))
    return (own + np.einsum("lbs,lbsc->bc", weights, values)).argmax(axis=1)


@verdicts.wrong(
    "hidden in the last block only",
    "The token was hidden where the map was drawn, and earlier blocks had read it by then. What "
    "they fetched is in the stream. Hide it in every block.",
)
def last_only(*model: Array) -> tuple:
    def hide(model: Model, top: Array) -> Array:
        keep = np.ones(model[0].shape, bool)
        keep[-1, np.arange(len(top)), top] = False
        return with_keep(model, keep)

    return by(model, hide=hide)


@verdicts.wrong(
    "the asked place hidden",
    "The place was hidden, and not what the map shows. Where the two differ, this judges a better "
    "map than the model's.",
)
def place_hidden(*model: Array) -> tuple:
    return by(model, hide=lambda model, top: answers(model, model[3]))


@verdicts.wrong(
    "its term taken out, its weight kept",
    "α_i v_i was taken out, and the other weights stayed. Whoever cannot see a token looks at the "
    "others the more: forbid it before softmax.",
)
def kept_weight(*model: Array) -> tuple:
    def hide(model: Model, top: Array) -> Array:
        scores, values, own, _ = model
        weights = softmax(scores)
        weights[:, np.arange(len(top)), top] = 0
        return (own + np.einsum("lbs,lbsc->bc", weights, values)).argmax(axis=1)

    return by(model, hide=hide)


@verdicts.wrong(
    "one scene for all",
    "The first scene was judged. One example shows that something can happen, not how often.",
)
def one_scene(scores: Array, values: Array, own: Array, places: Array) -> tuple:
    refuse_model(scores, places)
    return verdict((scores[:, :1], values[:, :1], own[:1], places[:1]))


@verdicts.wrong(
    "the mean map of all blocks",
    "The map that is to be judged is the last block's, the one that people draw. A mean over "
    "blocks is another map.",
)
def mean_map(*model: Array) -> tuple:
    return by(model, map_of=lambda weights: weights.mean(axis=0))


@verdicts.wrong(
    "the first block's map",
    "The map that is to be judged is the last block's. The first block has another.",
)
def first_map(*model: Array) -> tuple:
    return by(model, map_of=lambda weights: weights[0])


@verdicts.wrong(
    "any change of a logit counts",
    "Whatever is hidden, logits move a little. The question is whether the answer, the largest of "
    "them, becomes another one.",
)
def any_change(*model: Array) -> tuple:
    return by(model, changed=lambda model, top: np.ones(len(top)))


@verdicts.wrong(
    "more than, where at least is asked",
    "At exactly 90 % the map is right, and at exactly 50 % it is the reason: ≥, not >.",
)
def strictly(*model: Array) -> tuple:
    scores, *_, places = model
    refuse_model(scores, places)
    top = scores[-1].argmax(axis=1)
    changed = np.mean(answers(model, top) != answers(model))
    return bool(np.mean(top == places) > 0.9), bool(changed > 0.5)


@verdicts.wrong(
    "any place and any number of tokens taken",
    "With one token hidden of one, softmax has nothing left and gives NaN; a place that is no "
    "token can never be found. Refuse both.",
)
def unchecked(*model: Array) -> tuple:
    return verdict(model)
