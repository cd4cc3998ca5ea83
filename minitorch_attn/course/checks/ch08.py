"""Chapter 08, many heads: split and merge, the document's layer, tests that kill wrong layers."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_error, expect_shape
from .common import near, reacts, sizes

Array = np.ndarray

READ = "08_many_heads.md"


def softmax(scores: Array) -> Array:
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def flip(x: Array) -> Array:
    """The last two axes exchanged."""
    return np.swapaxes(x, -1, -2)


def swap(x: Array) -> Array:
    """Axes 1 and 2 exchanged: tokens and heads."""
    return np.swapaxes(x, 1, 2)


# 08.1

groups = Exercise(
    "08.1",
    "Split and merge",
    function="regroup",
    signature="regroup(x: (B, N, H·d) or (B, H, N, d), num_heads: H) -> the other of the two",
    difficulty=2,
    importance=5,
    minutes=20,
    read=f"{READ}#the-matrix-version",
)


@groups.check(1, "split: head h gets its own slice of every token")
def splits(regroup: Any, rng: np.random.Generator) -> None:
    b, h, n, d = sizes(rng, 4)
    x = rng.normal(size=(b, n, h * d))
    got = regroup(x, h)
    expect_shape(got, (b, h, n, d), "three axes become (B, H, N, d)")
    for i in range(h):
        near(got[:, i], x[..., i * d : (i + 1) * d], f"head {i} holds columns {i}·d to {i + 1}·d")


@groups.check(1, "a token stays itself: changing it changes its place in each head, and no other")
def token_stays(regroup: Any, rng: np.random.Generator) -> None:
    b, h, n, d = sizes(rng, 4)
    x, token = rng.normal(size=(b, n, h * d)), int(rng.integers(n))
    changed = x.copy()
    changed[:, token] += 1.0
    got, again = regroup(x, h), regroup(changed, h)
    expect_shape(got, (b, h, n, d), "three axes become (B, H, N, d)")
    moved = (np.asarray(again) - got != 0).all(axis=(0, 1, 3))
    near(moved, np.arange(n) == token, f"only place {token} of the third axis changes")


@groups.check(1, "merge: each token gets its heads back, side by side")
def merges(regroup: Any, rng: np.random.Generator) -> None:
    b, h, n, d = sizes(rng, 4)
    x = rng.normal(size=(b, h, n, d))
    got = regroup(x, h)
    expect_shape(got, (b, n, h * d), "four axes become (B, N, H·d)")
    near(got, np.concatenate([x[:, i] for i in range(h)], axis=-1), "the heads stand in order")


@groups.check(1, "merging undoes splitting")
def round_trip(regroup: Any, rng: np.random.Generator) -> None:
    b, h, n, d = sizes(rng, 4)
    x = rng.normal(size=(b, n, h * d))
    near(regroup(regroup(x, h), h), x, "split, then merge, gives back what went in")


@groups.check(1, "what cannot be split or merged raises ValueError")
def refuses(regroup: Any, rng: np.random.Generator) -> None:
    b, h, n, d = sizes(rng, 4)
    odd = rng.normal(size=(b, n, h * d + 1))
    expect_error(lambda: regroup(odd, h), ValueError, "a width that H does not divide is refused")
    other = rng.normal(size=(b, h + 1, n, d))
    expect_error(lambda: regroup(other, h), ValueError, "H + 1 heads are not H heads")
    flat = rng.normal(size=(n, h * d))
    expect_error(lambda: regroup(flat, h), ValueError, "two axes are neither split nor merged")


def suits(x: Array, num_heads: int) -> None:
    if x.ndim not in (3, 4) or (x.ndim == 3 and x.shape[2] % num_heads):
        raise ValueError(f"shape {x.shape} does not split into {num_heads} heads")
    if x.ndim == 4 and x.shape[1] != num_heads:
        raise ValueError(f"shape {x.shape} has not {num_heads} heads")


@groups.wrong(
    "no transpose",
    "The reshape alone leaves (B, N, H, d): tokens before heads. That is the document's layer: "
    "matmul multiplies the last two axes, so heads would meet heads inside one token. Move the "
    "heads before the tokens.",
)
def no_transpose(x: Array, num_heads: int) -> Array:
    if x.ndim == 3:
        suits(x, num_heads)
        return x.reshape(*x.shape[:2], num_heads, -1)
    if x.ndim != 4 or num_heads not in x.shape[1:3]:
        raise ValueError(f"shape {x.shape} has not {num_heads} heads")
    return x.reshape(*x.shape[:2], -1)


@groups.wrong(
    "one raw reshape",
    "The shape is right and the numbers are not: reshape keeps the order in memory, so a head "
    "gets pieces of a few tokens instead of a slice of each. The round trip does not notice, for "
    "two raw reshapes undo each other. Reshape to (B, N, H, d), then transpose.",
)
def raw_both(x: Array, num_heads: int) -> Array:
    suits(x, num_heads)
    if x.ndim == 3:
        return x.reshape(len(x), num_heads, x.shape[1], -1)
    return x.reshape(len(x), x.shape[2], -1)


@groups.wrong(
    "merged without the transpose",
    "Split rightly, merged by a raw reshape: each token gets pieces of several tokens of one "
    "head. It runs, has the right shape, trains well, and with a causal mask leaks the future. "
    "First bring the tokens back before the heads.",
)
def raw_merge(x: Array, num_heads: int) -> Array:
    suits(x, num_heads)
    if x.ndim == 3:
        return swap(x.reshape(*x.shape[:2], num_heads, -1))
    return x.reshape(len(x), x.shape[2], -1)


@groups.wrong(
    "heads and width exchanged",
    "The reshape reads (B, N, d, H), as a name like num_heads_per_head invites: head h gets every "
    "H-th number. A head is a run of d numbers next to each other: H before d.",
)
def interleaved(x: Array, num_heads: int) -> Array:
    suits(x, num_heads)
    if x.ndim == 3:
        return x.reshape(*x.shape[:2], -1, num_heads).transpose(0, 3, 1, 2)
    return x.transpose(0, 2, 3, 1).reshape(len(x), x.shape[2], -1)


@groups.wrong(
    "heads before the batch",
    "The transpose puts the heads first: (H, B, N, d). Masks and results of scene b would meet "
    "those of another scene. The batch stays the first axis.",
)
def heads_first(x: Array, num_heads: int) -> Array:
    if x.ndim == 3:
        suits(x, num_heads)
        return x.reshape(*x.shape[:2], num_heads, -1).transpose(2, 0, 1, 3)
    if x.ndim != 4 or num_heads not in x.shape[:2]:
        raise ValueError(f"shape {x.shape} has not {num_heads} heads")
    return x.transpose(1, 2, 0, 3).reshape(x.shape[1], x.shape[2], -1)


@groups.wrong(
    "the heads averaged",
    "Merging puts the heads side by side, H·d numbers a token. Their mean has only d: the "
    "document's last reshape makes the same mistake about the width, and crashes.",
)
def averaged(x: Array, num_heads: int) -> Array:
    suits(x, num_heads)
    return swap(x.reshape(*x.shape[:2], num_heads, -1)) if x.ndim == 3 else x.mean(axis=1)


@groups.wrong(
    "the rest is dropped",
    "A width that the heads do not divide was rounded down, and its last columns were cut off "
    "without a word. Raise instead.",
)
def rest_dropped(x: Array, num_heads: int) -> Array:
    if x.ndim == 3:
        width = x.shape[2] // num_heads
        return swap(x[..., : num_heads * width].reshape(*x.shape[:2], num_heads, width))
    suits(x, num_heads)
    return swap(x).reshape(len(x), x.shape[2], -1)


# 08.2

crashes = Exercise(
    "08.2",
    "The two crashes",
    function="repaired",
    signature=(
        "repaired(inputs: (B, N, D), w_query, w_key, w_value: (D, H·d), w_output: (H·d, H·d),"
        " num_heads: H) -> (B, N, H·d)"
    ),
    difficulty=2,
    importance=3,
    minutes=25,
    read=f"{READ}#the-layer-as-printed",
)


def draw_document(rng: np.random.Generator) -> tuple[Array, list[Array], int]:
    b, n, h, d, wide = sizes(rng, 5)
    matrices = [rng.normal(size=(wide, h * d)) / math.sqrt(wide) for _ in range(3)]
    matrices.append(rng.normal(size=(h * d, h * d)) / math.sqrt(h * d))
    return rng.normal(size=(b, n, wide)), matrices, h


def token_by_token(inputs: Array, matrices: list[Array], h: int) -> Array:
    """What the printed lines compute, their crashes mended: every token alone."""
    w_query, w_key, w_value, w_output = matrices
    out = np.zeros((*inputs.shape[:2], w_output.shape[1]))
    for place in np.ndindex(*inputs.shape[:2]):
        q, k, v = ((inputs[place] @ w).reshape(h, -1) for w in (w_query, w_key, w_value))
        out[place] = (softmax(q @ k.T) @ v).reshape(-1) @ w_output
    return out


@crashes.check(1, "a batch of tokens goes through, (B, N, D) to (B, N, H·d)")
def goes_through(repaired: Any, rng: np.random.Generator) -> None:
    inputs, matrices, h = draw_document(rng)
    got = repaired(inputs, *matrices, h)
    expect_shape(got, (*inputs.shape[:2], matrices[3].shape[1]), "as wide as all heads together")
    reacts(got, repaired(-2 * inputs, *matrices, h), "other inputs give other numbers")


@crashes.check(2, "the numbers are those of the printed lines, and of nothing else")
def as_printed(repaired: Any, rng: np.random.Generator) -> None:
    inputs, matrices, h = draw_document(rng)
    got = repaired(inputs, *matrices, h)
    near(got, token_by_token(inputs, matrices, h), "what the document's operations give")


@crashes.check(1, "the context is as wide as all heads: values of 1 come through as rows of 1")
def all_heads(repaired: Any, rng: np.random.Generator) -> None:
    inputs, matrices, h = draw_document(rng)
    inputs[..., 0] = 1.0
    matrices[2] = np.zeros_like(matrices[2])
    matrices[2][0] = 1.0  # now each entry of value is 1, and so is each mean of values
    want = np.broadcast_to(matrices[3].sum(axis=0), (*inputs.shape[:2], matrices[3].shape[1]))
    near(repaired(inputs, *matrices, h), want, "the output is the sum of w_output's rows")


@crashes.check(1, "inputs without three axes raise ValueError, and the message shows their shape")
def says_the_shape(repaired: Any, rng: np.random.Generator) -> None:
    inputs, matrices, h = draw_document(rng)
    for bad in (inputs[0], inputs[:, None]):
        claim = f"{bad.ndim} axes are refused in words that help"
        call = partial(repaired, bad, *matrices, h)
        expect_error(call, ValueError, claim, mentions=str(bad.shape))


def three_axes(inputs: Array) -> None:
    if inputs.ndim != 3:
        raise ValueError(f"inputs have three axes, (batch, tokens, width), not {inputs.shape}")


def document(inputs: Array, ws: tuple, h: int, scale: float = 1.0) -> tuple[Array, Array]:
    """Value (B, N, H, d) and weights (B, N, H, H), as printed."""
    b, n, _ = inputs.shape
    query, key, value = ((inputs @ w).reshape(b, n, h, -1) for w in ws[:3])
    return value, softmax(query @ flip(key) * scale)


@crashes.wrong(
    "two names for three sizes",
    "`batch_size, num_sequence = inputs.shape` is the document's first line, and a batch of tokens "
    "has three axes: batch, tokens, width. Two axes would pass this line and fail at the reshape, "
    "so it runs on no input at all.",
)
def two_names(inputs: Array, *ws: Any) -> Array:
    batch_size, num_sequence = inputs.shape
    query, key, value = ((inputs @ w).reshape(batch_size, num_sequence, ws[4], -1) for w in ws[:3])
    context = softmax(query @ flip(key)) @ value
    return context.reshape(batch_size, num_sequence, -1) @ ws[3]


@crashes.wrong(
    "one head's width for all heads",
    "The context of a token is H·d numbers; the document's last reshape asks for d. With the "
    "default sizes that is 10,240 numbers into 1,280 places.",
)
def one_width(inputs: Array, *ws: Any) -> Array:
    three_axes(inputs)
    value, weights = document(inputs, ws[:4], ws[4])
    return (weights @ value).reshape(*inputs.shape[:2], value.shape[3]) @ ws[3]


@crashes.wrong(
    "only the first head kept",
    "It no longer crashes, because all heads but one were thrown away. The context of a token is "
    "all its heads, side by side.",
)
def first_head(inputs: Array, *ws: Any) -> Array:
    three_axes(inputs)
    value, weights = document(inputs, ws[:4], ws[4])
    return (weights @ value)[:, :, 0] @ ws[3][: value.shape[3]]


@crashes.wrong(
    "the heads averaged",
    "The mean over the heads has the width that the document's reshape asks for, but the reshape "
    "was the mistake: it should ask for H·d.",
)
def mean_head(inputs: Array, *ws: Any) -> Array:
    three_axes(inputs)
    value, weights = document(inputs, ws[:4], ws[4])
    return (weights @ value).mean(axis=2) @ ws[3][: value.shape[3]]


@crashes.wrong(
    "heads and width exchanged",
    "num_heads_per_head was read as a number of heads. It is the width of one head, d: the "
    "reshape is to (B, N, H, d).",
)
def exchanged(inputs: Array, *ws: Any) -> Array:
    three_axes(inputs)
    value, weights = document(inputs, ws[:4], ws[0].shape[1] // ws[4])
    return (weights @ value).reshape(*inputs.shape[:2], -1) @ ws[3]


@crashes.wrong(
    "the weighted sum left to dense",
    "Section 5.3 says that `dense` performs the weighted sum. It cannot: it never sees the "
    "weights. The sum is the product of weights and values, and `dense` comes after it.",
)
def left_to_dense(inputs: Array, *ws: Any) -> Array:
    three_axes(inputs)
    value, _ = document(inputs, ws[:4], ws[4])
    return value.reshape(*inputs.shape[:2], -1) @ ws[3]


@crashes.wrong(
    "mended too much: transposed",
    "You let tokens attend to tokens. That is what was meant, and the next exercise; here only the "
    "two crashes go, so that you can see what is left when they are gone.",
)
def too_much(inputs: Array, *ws: Any) -> Array:
    three_axes(inputs)
    b, n, _ = inputs.shape
    query, key, value = (swap((inputs @ w).reshape(b, n, ws[4], -1)) for w in ws[:3])
    return swap(softmax(query @ flip(key)) @ value).reshape(b, n, -1) @ ws[3]


@crashes.wrong(
    "mended too much: scaled",
    "The scores are divided by √d. They ought to be, but the printed lines do not: here only the "
    "two crashes go.",
)
def scaled_too(inputs: Array, *ws: Any) -> Array:
    three_axes(inputs)
    d = ws[0].shape[1] // ws[4]
    value, weights = document(inputs, ws[:4], ws[4], 1 / math.sqrt(d))
    return (weights @ value).reshape(*inputs.shape[:2], -1) @ ws[3]


@crashes.wrong(
    "the unpacking is left to complain",
    "Three names refuse two axes and four by themselves, but “not enough values to unpack” helps "
    "nobody who calls the layer. Look at the axes first, and say which shape came.",
)
def left_to_complain(inputs: Array, *ws: Any) -> Array:
    value, weights = document(inputs, ws[:4], ws[4])
    return (weights @ value).reshape(*inputs.shape[:2], -1) @ ws[3]


# 08.3

silent = Exercise(
    "08.3",
    "The silent bug",
    function="tokens_meet",
    signature=(
        "tokens_meet(query: (B, N, H, d), key: (B, N, H, d), value: (B, N, H, d_v))"
        " -> (context: (B, N, H·d_v), weights: (B, H, N, N))"
    ),
    difficulty=3,
    importance=5,
    minutes=30,
    read=f"{READ}#the-formulas-mended",
)


def draw_split(rng: np.random.Generator, h: int = 0) -> tuple[Array, Array, Array]:
    b, n, heads, d, d_v = sizes(rng, 5)
    shape = (b, n, h or heads)
    return (
        rng.normal(size=(*shape, d)),
        rng.normal(size=(*shape, d)),
        rng.normal(size=(*shape, d_v)),
    )


def weights_of(query: Array, key: Array) -> Array:
    """(B, H, N, N), one head of one scene after the other."""
    b, n, h, d = query.shape
    out = np.zeros((b, h, n, n))
    for i, j in np.ndindex(b, h):
        out[i, j] = softmax(query[i, :, j] @ key[i, :, j].T / math.sqrt(d))
    return out


@silent.check(1, "each head of each token spreads a weight of 1 over the tokens")
def over_tokens(tokens_meet: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_split(rng)
    b, n, h, _ = query.shape
    _, weights = tokens_meet(query, key, value)
    expect_shape(weights, (b, h, n, n), "weights are for heads, then tokens by tokens")
    near(np.sum(weights, axis=-1), np.ones((b, h, n)), "every row sums to 1")
    near(weights, weights_of(query, key), "softmax over the tokens of q·k / √d, in each head")


@silent.check(1, "with a single head, query and key still decide")
def single_head(tokens_meet: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_split(rng, h=1)
    b, n = query.shape[:2]
    context, weights = tokens_meet(query, key, value)
    expect_shape(weights, (b, 1, n, n), "one head, tokens by tokens")
    expect(np.ptp(weights) > 0.01, "the weights are not all the same", got=weights)
    near(context, weights_of(query, key)[:, 0] @ value[:, :, 0], "the context is their mean")


@silent.check(1, "every token is heard by every token")
def every_token(tokens_meet: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_split(rng)
    n, token = query.shape[1], int(rng.integers(query.shape[1]))
    louder = value.copy()
    louder[:, token] += 100.0
    before, after = tokens_meet(query, key, value)[0], tokens_meet(query, key, louder)[0]
    expect_shape(before, (*query.shape[:2], value.shape[2] * value.shape[3]), "(B, N, H·d_v)")
    heard = (abs(np.asarray(after) - before) > 1e-6).all(axis=2).any(axis=0)
    expect(heard.all(), f"token {token} reaches all {n} outputs", expected=n, got=heard.sum())


@silent.check(1, "no head hears another head")
def own_head(tokens_meet: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_split(rng)
    b, n, h, d_v = value.shape
    head = int(rng.integers(h))
    others = rng.normal(size=query.shape), rng.normal(size=key.shape), rng.normal(size=value.shape)
    for mine, other in zip((query, key, value), others, strict=True):
        other[:, :, head] = mine[:, :, head]
    here = slice(head * d_v, (head + 1) * d_v)
    before, after = tokens_meet(query, key, value)[0], tokens_meet(*others)[0]
    expect_shape(before, (b, n, h * d_v), "(B, N, H·d_v)")
    near(after[..., here], before[..., here], f"head {head} stays when all the others change")
    reacts(before, after, "and the others do change")


@silent.check(1, "tokens in another order give the same context in that order")
def in_order(tokens_meet: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_split(rng)
    order = np.roll(np.arange(query.shape[1]), int(rng.integers(1, query.shape[1])))
    plain = tokens_meet(query, key, value)
    moved = tokens_meet(query[:, order], key[:, order], value[:, order])
    near(moved[0], np.asarray(plain[0])[:, order], "the context moves with its token")
    reacts(plain[0], moved[0], "and so it is not the same at every token")
    near(
        moved[1],
        np.asarray(plain[1])[:, :, order][..., order],
        "and so do the weights, rows and columns",
    )


@silent.wrong(
    "heads look at heads",
    "These are the printed lines. matmul multiplies the last two axes, which are heads and width: "
    "inside each token the heads attend to each other, and no token meets another. The weights "
    "have shape (B, N, H, H), and with one head each is exactly 1. Move the heads before the "
    "tokens.",
)
def heads_at_heads(query: Array, key: Array, value: Array) -> tuple:
    weights = softmax(query @ flip(key) / math.sqrt(query.shape[3]))
    return (weights @ value).reshape(*query.shape[:2], -1), weights


@silent.wrong(
    "a raw reshape for the transpose",
    "reshape to (B, H, N, d) gives the right shape with the numbers in their old order: a head "
    "gets pieces of a few tokens. Moving an axis is a transpose.",
)
def reshaped(query: Array, key: Array, value: Array) -> tuple:
    b, n, h, d = query.shape
    q, k, v = (x.reshape(b, h, n, -1) for x in (query, key, value))
    weights = softmax(q @ flip(k) / math.sqrt(d))
    return (weights @ v).reshape(b, n, -1), weights


@silent.wrong(
    "merged without the transpose",
    "The weights are right; the context (B, H, N, d) was then reshaped as it stood, so a token "
    "gets pieces of other tokens of one head. Bring the tokens back before the heads first.",
)
def merged_raw(query: Array, key: Array, value: Array) -> tuple:
    b, n, _, d = query.shape
    weights = softmax(swap(query) @ flip(swap(key)) / math.sqrt(d))
    return (weights @ swap(value)).reshape(b, n, -1), weights


def meet(query: Array, key: Array, value: Array, scale: float) -> tuple[Array, Array]:
    weights = softmax(swap(query) @ flip(swap(key)) * scale)
    return swap(weights @ swap(value)).reshape(*query.shape[:2], -1), weights


@silent.wrong(
    "unscaled",
    "The dot product of d numbers of variance 1 has variance d: wide heads start saturated, and "
    "hardly learn. Multiply the scores by 1/√d.",
)
def no_scale(query: Array, key: Array, value: Array) -> tuple:
    return meet(query, key, value, 1.0)


@silent.wrong(
    "scaled by the width of all heads",
    "Each score is a sum of d products, the width of one head; √(H·d) shrinks it too much.",
)
def scaled_by_all(query: Array, key: Array, value: Array) -> tuple:
    return meet(query, key, value, 1 / math.sqrt(query.shape[2] * query.shape[3]))


@silent.wrong(
    "scaled by d, not by its root",
    "The variance grows with d, so the standard deviation grows with √d: divide by that.",
)
def scaled_by_d(query: Array, key: Array, value: Array) -> tuple:
    return meet(query, key, value, 1 / query.shape[3])


@silent.wrong(
    "softmax over the queries",
    "For one key the weights of all queries sum to 1. Each query must spread a weight of 1 over "
    "the keys, the last axis.",
)
def over_queries(query: Array, key: Array, value: Array) -> tuple:
    scores = swap(query) @ flip(swap(key)) / math.sqrt(query.shape[3])
    weights = flip(softmax(flip(scores)))
    return swap(weights @ swap(value)).reshape(*query.shape[:2], -1), weights


@silent.wrong(
    "one set of weights for all heads",
    "The scores were summed over the heads, so all heads look at the same place. Heads are there "
    "to look at different ones: each keeps its own scores.",
)
def shared_weights(query: Array, key: Array, value: Array) -> tuple:
    scores = np.einsum("bnhc,bmhc->bnm", query, key) / math.sqrt(query.shape[3])
    weights = np.repeat(softmax(scores)[:, None], query.shape[2], axis=1)
    return swap(weights @ swap(value)).reshape(*query.shape[:2], -1), weights


# 08.4

killers = Exercise(
    "08.4",
    "Three tests that kill five wrong layers",
    function="three_tests",
    signature=(
        "three_tests(seen: dict of arrays) -> {'reach': bool, 'order': bool, 'spread': bool}"
    ),
    difficulty=4,
    importance=5,
    minutes=45,
    read=f"{READ}#break-it",
)

RIGHT = "right"
VERDICTS = {
    RIGHT: {"reach": True, "order": True, "spread": True},
    "no transpose": {"reach": False, "order": True, "spread": True},
    "raw reshape both ways": {"reach": False, "order": False, "spread": True},
    "split right, merged raw": {"reach": True, "order": False, "spread": True},
    "unscaled": {"reach": True, "order": True, "spread": False},
    "uniform weights": {"reach": True, "order": True, "spread": False},
}


def some_layer(x: Array, matrices: Array, h: int, fault: str) -> tuple[Array, Array]:
    """Tokens (N, D) through a layer with this fault: outputs (N, D), and its weights."""
    n, wide = x.shape
    d = wide // h
    raw_split, raw_merge = fault == "raw reshape both ways", fault == "split right, merged raw"
    parts = [(x @ w).reshape((h, n, d) if raw_split else (n, h, d)) for w in matrices[:3]]
    if not raw_split and fault != "no transpose":
        parts = [part.swapaxes(0, 1) for part in parts]
    scale = {"unscaled": 1.0, "uniform weights": 0.0}.get(fault, 1 / math.sqrt(d))
    weights = softmax(parts[0] @ flip(parts[1]) * scale)
    z = weights @ parts[2]
    if not (raw_split or raw_merge or fault == "no transpose"):
        z = z.swapaxes(0, 1)
    return z.reshape(n, wide) @ matrices[3], weights


def observe(rng: np.random.Generator, fault: str, pairs: bool) -> dict[str, Any]:
    """What a layer with this fault does to some tokens, drawn until no test stands on an edge."""
    while True:
        n, h = sizes(rng, 2)
        n, wide = n + 2, 16 * h
        matrices = rng.normal(size=(4, wide, wide)) / math.sqrt(wide)
        x, token = rng.normal(size=(n, wide)), int(rng.integers(n))
        changed = x.copy()
        changed[token] += rng.normal(size=wide)
        # Exchanging pairs is its own inverse; moving round a circle is not.
        order = np.arange(n) ^ 1 if pairs else np.roll(np.arange(n), int(rng.integers(1, 3)))
        order[order >= n] = n - 1
        y, weights = some_layer(x, matrices, h, fault)
        y_changed = some_layer(changed, matrices, h, fault)[0]
        y_order = some_layer(x[order], matrices, h, fault)[0]
        if clear(y, weights, y_changed, y_order[np.argsort(order)], VERDICTS[fault]):
            break
    noise = rng.uniform(-1e-6, 1e-6, (3, *y.shape))  # rounding, as another order of sums gives it
    return {
        "x": x,
        "y": (y + noise[0]).astype(np.float32),
        "weights": weights.astype(np.float32),
        "token": token,
        "y_changed": (y_changed + noise[1]).astype(np.float32),
        "order": order,
        "y_order": (y_order + noise[2]).astype(np.float32),
    }


def clear(y: Array, weights: Array, changed: Array, undone: Array, verdict: dict) -> bool:
    """Each verdict holds by a wide margin."""
    moved = abs(changed - y).max(axis=1)
    reach = moved.min() > 1e-3 if verdict["reach"] else moved.min() < 1e-9
    gap = abs(undone - y).max()
    order = gap < 1e-9 if verdict["order"] else gap > 1e-2
    variance = np.log(weights).var(axis=-1).mean()
    spread = 0.5 < variance < 2 if verdict["spread"] else variance < 0.01 or variance > 8
    return bool(reach and order and spread and weights.min() > 1e-30)


def judged(three_tests: Any, rng: np.random.Generator, fault: str, pairs: bool = False) -> None:
    """A layer with the fault and a right one: every test must say of each what is true."""
    faults = [RIGHT, fault] if rng.random() < 0.5 else [fault, RIGHT]
    for name in faults:
        got = three_tests(observe(rng, name, pairs))
        for test, want in VERDICTS[name].items():
            claim = f"{name}: {test} must {'pass' if want else 'fail'}"
            expect(bool(got[test]) == want, claim, expected=want, got=bool(got[test]))


@killers.check(2, "no transpose (the document's layer): reach fails, order passes")
def kills_no_transpose(three_tests: Any, rng: np.random.Generator) -> None:
    judged(three_tests, rng, "no transpose")


@killers.check(2, "raw reshape both ways: reach and order fail")
def kills_raw(three_tests: Any, rng: np.random.Generator) -> None:
    judged(three_tests, rng, "raw reshape both ways")


@killers.check(2, "split right, merged raw: only order fails")
def kills_raw_merge(three_tests: Any, rng: np.random.Generator) -> None:
    judged(three_tests, rng, "split right, merged raw")


@killers.check(2, "unscaled: only spread fails")
def kills_unscaled(three_tests: Any, rng: np.random.Generator) -> None:
    judged(three_tests, rng, "unscaled", pairs=True)


@killers.check(2, "uniform weights: only spread fails")
def kills_uniform(three_tests: Any, rng: np.random.Generator) -> None:
    judged(three_tests, rng, "uniform weights")


def reaches(seen: dict[str, Any]) -> bool:
    return bool((abs(seen["y_changed"] - seen["y"]).max(axis=1) > 1e-5).all())


def keeps_order(seen: dict[str, Any]) -> bool:
    return bool(abs(seen["y_order"] - seen["y"][seen["order"]]).max() < 1e-5)


def variance(seen: dict[str, Any]) -> float:
    return float(np.log(seen["weights"]).var(axis=-1).mean())


def verdict(seen: dict[str, Any], **instead: Any) -> dict[str, bool]:
    """The right verdict, but for what is given instead."""
    right = {
        "reach": reaches(seen),
        "order": keeps_order(seen),
        "spread": 0.25 < variance(seen) < 4,
    }
    return right | {name: bool(value) for name, value in instead.items()}


@killers.wrong(
    "shapes and row sums",
    "All five wrong layers give outputs of the right shape and rows of weights that sum to 1. "
    "These tests reject nothing; look at what changes when the input does.",
)
def shapes_and_sums(seen: dict[str, Any]) -> dict[str, bool]:
    same = seen["y"].shape == seen["x"].shape
    return {
        "reach": seen["y_changed"].shape == seen["y"].shape,
        "order": same,
        "spread": bool(np.allclose(seen["weights"].sum(axis=-1), 1, atol=1e-4)),
    }


@killers.wrong(
    "some output changed",
    "A token's own output changes in every layer, also in one where no token sees another. Reach "
    "means that *every* output notices: all, not any.",
)
def some_output(seen: dict[str, Any]) -> dict[str, bool]:
    return verdict(seen, reach=abs(seen["y_changed"] - seen["y"]).max() > 1e-5)


@killers.wrong(
    "the outputs must not change with the order",
    "Attention is equivariant, not invariant: shuffled tokens give the same outputs, shuffled in "
    "the same way. Compare with the outputs in that order.",
)
def invariant(seen: dict[str, Any]) -> dict[str, bool]:
    return verdict(seen, order=abs(seen["y_order"] - seen["y"]).max() < 1e-5)


@killers.wrong(
    "the order undone the wrong way",
    "Row i of y_order belongs to token order[i], so it equals y[order]. Indexing y_order by order "
    "shuffles it once more; only where the order is its own inverse is that the same.",
)
def wrong_way(seen: dict[str, Any]) -> dict[str, bool]:
    return verdict(seen, order=abs(seen["y_order"][seen["order"]] - seen["y"]).max() < 1e-5)


@killers.wrong(
    "rounding taken for a difference",
    "Sums in another order round differently, so outputs that are the same differ in the sixth or "
    "seventh digit. Exact comparison calls everything changed, and rejects right layers.",
)
def exactly(seen: dict[str, Any]) -> dict[str, bool]:
    return verdict(
        seen,
        reach=(seen["y_changed"] != seen["y"]).any(axis=1).all(),
        order=np.array_equal(seen["y_order"], seen["y"][seen["order"]]),
    )


@killers.wrong(
    "only too sharp",
    "Spread fails unscaled scores and lets uniform weights pass: their scores do not vary at all. "
    "A variance can be wrong on either side of 1.",
)
def only_sharp(seen: dict[str, Any]) -> dict[str, bool]:
    return verdict(seen, spread=variance(seen) < 4)


@killers.wrong(
    "only too flat",
    "Spread fails uniform weights and lets unscaled scores pass, whose variance is about d. "
    "A variance can be wrong on either side of 1.",
)
def only_flat(seen: dict[str, Any]) -> dict[str, bool]:
    return verdict(seen, spread=variance(seen) > 0.25)


@killers.wrong(
    "the variance of the weights",
    "Weights lie between 0 and 1, so their variance is small in every layer. It is the scores that "
    "have variance 1: take the logarithm first; the constant of each row does not matter.",
)
def of_the_weights(seen: dict[str, Any]) -> dict[str, bool]:
    return verdict(seen, spread=0.25 < seen["weights"].var(axis=-1).mean() < 4)


# 08.5

mended = Exercise(
    "08.5",
    "The mended layer",
    function="multi_head",
    signature=(
        "multi_head(x: (B, N, D), context: (B, S, D), w_query, w_key, w_value: (D, H·d),"
        " w_output: (H·d, D), num_heads: H, mask: bool, to (B, H, N, S), or None)"
        " -> (y: (B, N, D), weights: (B, H, N, S))"
    ),
    difficulty=4,
    importance=5,
    minutes=40,
    read=f"{READ}#the-librarys-version",
)


def draw_layer(rng: np.random.Generator) -> tuple[Array, Array, list[Array], int]:
    b, h, n, s, d, wide = sizes(rng, 6)
    matrices = [rng.normal(size=(wide, h * d)) / math.sqrt(wide) for _ in range(3)]
    matrices.append(rng.normal(size=(h * d, wide)) / math.sqrt(h * d))
    return rng.normal(size=(b, n, wide)), rng.normal(size=(b, s, wide)), matrices, h


def head_by_head(x: Array, context: Array, matrices: list[Array], h: int) -> tuple[Array, Array]:
    """One scene, one head after the other, each with its own columns."""
    w_query, w_key, w_value, w_output = matrices
    d = w_query.shape[1] // h
    y, weights = np.zeros_like(x), np.zeros((len(x), h, x.shape[1], context.shape[1]))
    for b, i in np.ndindex(len(x), h):
        own = slice(i * d, (i + 1) * d)
        q, k = x[b] @ w_query[:, own], context[b] @ w_key[:, own]
        weights[b, i] = softmax(q @ k.T / math.sqrt(d))
        y[b] += weights[b, i] @ (context[b] @ w_value[:, own]) @ w_output[own]
    return y, weights


@mended.check(1, "agrees with the loop, head by head")
def agrees(multi_head: Any, rng: np.random.Generator) -> None:
    x, context, matrices, h = draw_layer(rng)
    y, weights = multi_head(x, context, *matrices, h)
    expect_shape(y, x.shape, "y is shaped like x, so that the two can be added")
    want = head_by_head(x, context, matrices, h)
    near(weights, want[1], "the weights of every head")
    near(y, want[0], "the heads' answers, side by side, times w_output")


@mended.check(1, "order: y moves with x, and the context may stand in any order")
def any_order(multi_head: Any, rng: np.random.Generator) -> None:
    x, context, matrices, h = draw_layer(rng)
    asked = np.roll(np.arange(x.shape[1]), 1)
    found = np.roll(np.arange(context.shape[1]), 2)
    y, weights = multi_head(x, context, *matrices, h)
    moved, same = multi_head(x[:, asked], context[:, found], *matrices, h)
    expect_shape(y, x.shape, "y is shaped like x")
    expect_shape(weights, (len(x), h, x.shape[1], context.shape[1]), "weights are (B, H, N, S)")
    near(
        moved, np.asarray(y)[:, asked], "the outputs move with their tokens, and with nothing else"
    )
    near(same, np.asarray(weights)[:, :, asked][..., found], "and so do the weights")
    reacts(y, moved, "the output is not the same for every token")


@mended.check(1, "with a causal mask, no output knows the future")
def no_future(multi_head: Any, rng: np.random.Generator) -> None:
    x, _, matrices, h = draw_layer(rng)
    n = x.shape[1]
    mask, token = np.tril(np.ones((n, n), dtype=bool)), int(rng.integers(1, n))
    changed = x.copy()
    changed[:, token:] += rng.normal(size=changed[:, token:].shape)
    y, weights = multi_head(x, x, *matrices, h, mask)
    again, _ = multi_head(changed, changed, *matrices, h, mask)
    expect_shape(y, x.shape, "y is shaped like x")
    near(np.asarray(again)[:, :token], np.asarray(y)[:, :token], "the past stays as it was")
    near(np.triu(weights, 1), np.zeros_like(weights), "no weight on a later token")
    near(np.sum(weights, axis=-1), np.ones(np.shape(weights)[:3]), "and rows still sum to 1")


@mended.check(1, "padding gets no weight, and a scene of nothing but padding gives 0")
def padding(multi_head: Any, rng: np.random.Generator) -> None:
    x, context, matrices, h = draw_layer(rng)
    b, s = context.shape[:2]
    kept = np.asarray(rng.integers(1, s, size=b))
    mask = np.arange(s) < kept[:, None]
    mask[0] = False
    y, weights = multi_head(x, context, *matrices, h, mask[:, None, None])
    expect_shape(y, x.shape, "y is shaped like x")
    near(np.asarray(y)[0], np.zeros(x.shape[1:]), "with nothing to attend to, y is 0")
    near(np.asarray(weights)[0], np.zeros((h, x.shape[1], s)), "and so are the weights")
    for i in range(1, b):
        own = slice(i, i + 1)
        want = head_by_head(x[own], context[own, mask[i]], matrices, h)[0]
        near(np.asarray(y)[own], want, "padding is as good as not there")


@mended.check(1, "what does not fit raises ValueError")
def does_not_fit(multi_head: Any, rng: np.random.Generator) -> None:
    x, context, matrices, h = draw_layer(rng)
    width = matrices[0].shape[1]
    many = next(k for k in range(h + 1, width + 2) if width % k)
    expect_error(
        lambda: multi_head(x, context, *matrices, many),
        ValueError,
        f"{many} heads do not divide a width of {width}",
    )
    expect_error(
        lambda: multi_head(x[0], context[0], *matrices, h), ValueError, "two axes are too few"
    )
    expect_error(
        lambda: multi_head(x[:, None], context[:, None], *matrices, h),
        ValueError,
        "four axes are too many",
    )


def fits(x: Array, context: Array, w_query: Array, h: int) -> None:
    if x.ndim != 3 or context.ndim != 3:
        raise ValueError(f"x {x.shape} and context {context.shape} have three axes each")
    if w_query.shape[1] % h:
        raise ValueError(f"{h} heads do not divide a width of {w_query.shape[1]}")


def parts_of(x: Array, context: Array, ws: tuple, h: int) -> list[Array]:
    """Query, key and value, split: (B, H, N, d), (B, H, S, d) twice."""
    fits(x, context, ws[0], h)
    pairs = ((x, ws[0]), (context, ws[1]), (context, ws[2]))
    return [swap((tokens @ w).reshape(*tokens.shape[:2], h, -1)) for tokens, w in pairs]


def masked(scores: Array, mask: Array | None) -> Array:
    """Softmax over what the mask allows; 0 in a row that allows nothing."""
    if mask is None:
        return softmax(scores)
    mask = np.broadcast_to(mask, scores.shape)
    some = mask.any(axis=-1, keepdims=True)
    return softmax(np.where(mask | ~some, scores, -np.inf)) * some


def join(z: Array) -> Array:
    return swap(z).reshape(len(z), z.shape[2], -1)


@mended.wrong(
    "heads look at heads",
    "No transpose after the split: the document's silent bug. Inside each token, heads attend to "
    "heads. Here it even crashes, for x and context have different numbers of tokens, or the mask "
    "is for tokens.",
)
def layer_no_transpose(x: Array, context: Array, *ws: Any) -> tuple:
    fits(x, context, ws[0], ws[4])
    pairs = ((x, ws[0]), (context, ws[1]), (context, ws[2]))
    q, k, v = ((tokens @ w).reshape(*tokens.shape[:2], ws[4], -1) for tokens, w in pairs)
    weights = masked(q @ flip(k) / math.sqrt(q.shape[3]), ws[5] if len(ws) > 5 else None)
    return (weights @ v).reshape(*x.shape[:2], -1) @ ws[3], weights


@mended.wrong(
    "one raw reshape",
    "reshape straight to (B, H, N, d) fills the heads with pieces of a few tokens each. Reshape to "
    "(B, N, H, d), then transpose; and the reverse on the way back.",
)
def layer_raw(x: Array, context: Array, *ws: Any) -> tuple:
    fits(x, context, ws[0], ws[4])
    pairs = ((x, ws[0]), (context, ws[1]), (context, ws[2]))
    q, k, v = ((t @ w).reshape(len(t), ws[4], t.shape[1], -1) for t, w in pairs)
    weights = masked(q @ flip(k) / math.sqrt(q.shape[3]), ws[5] if len(ws) > 5 else None)
    return (weights @ v).reshape(*x.shape[:2], -1) @ ws[3], weights


def mixed(x: Array, context: Array, ws: tuple) -> tuple[Array, Array]:
    """The right layer up to the merge: answers (B, H, N, d) and weights."""
    q, k, v = parts_of(x, context, ws, ws[4])
    weights = masked(q @ flip(k) / math.sqrt(q.shape[3]), ws[5] if len(ws) > 5 else None)
    return weights @ v, weights


@mended.wrong(
    "merged without the transpose",
    "The heads' answers were reshaped as they stood, (B, H, N, d), so tokens get pieces of other "
    "tokens, later ones too: with a causal mask that leaks the future. Transpose first.",
)
def layer_raw_merge(x: Array, context: Array, *ws: Any) -> tuple:
    z, weights = mixed(x, context, ws)
    return z.reshape(*x.shape[:2], -1) @ ws[3], weights


@mended.wrong(
    "unscaled",
    "The scores have variance d instead of 1, and the softmax starts saturated. Divide by √d, the "
    "root of one head's width.",
)
def layer_unscaled(x: Array, context: Array, *ws: Any) -> tuple:
    q, k, v = parts_of(x, context, ws, ws[4])
    weights = masked(q @ flip(k), ws[5] if len(ws) > 5 else None)
    return join(weights @ v) @ ws[3], weights


@mended.wrong(
    "scaled by the tokens' width",
    "√D is the width of a token. A score is a sum over one head's width: divide by √d.",
)
def layer_scaled_by_model(x: Array, context: Array, *ws: Any) -> tuple:
    q, k, v = parts_of(x, context, ws, ws[4])
    weights = masked(q @ flip(k) / math.sqrt(x.shape[2]), ws[5] if len(ws) > 5 else None)
    return join(weights @ v) @ ws[3], weights


@mended.wrong(
    "the mask is ignored",
    "The document's layer has no mask at all: padding is looked at like everything else, and the "
    "future too. Forbid keys before the softmax.",
)
def layer_no_mask(x: Array, context: Array, *ws: Any) -> tuple:
    z, weights = mixed(x, context, ws[:5])
    return join(z) @ ws[3], weights


@mended.wrong(
    "masked after the softmax",
    "Multiplied by the mask after the softmax, a row no longer sums to 1: the forbidden keys have "
    "taken their share already. Mask the scores, with −∞, before it.",
)
def layer_mask_after(x: Array, context: Array, *ws: Any) -> tuple:
    q, k, v = parts_of(x, context, ws, ws[4])
    weights = softmax(q @ flip(k) / math.sqrt(q.shape[3])) * (ws[5] if len(ws) > 5 else True)
    return join(weights @ v) @ ws[3], weights


@mended.wrong(
    "the mask the wrong way round",
    "Here True means that a query may attend to a key. Some libraries mean the opposite; the "
    "specification decides, and a test with a known mask tells.",
)
def layer_mask_reversed(x: Array, context: Array, *ws: Any) -> tuple:
    z, weights = mixed(x, context, ws[:5] + tuple(~m for m in ws[5:]))
    return join(z) @ ws[3], weights


@mended.wrong(
    "an empty row gives NaN",
    "Where nothing is allowed all scores are −∞, and softmax divides 0 by 0. Such a row must have "
    "weights of 0.",
)
def layer_empty_nan(x: Array, context: Array, *ws: Any) -> tuple:
    q, k, v = parts_of(x, context, ws, ws[4])
    scores = q @ flip(k) / math.sqrt(q.shape[3])
    weights = softmax(np.where(ws[5] if len(ws) > 5 else True, scores, -np.inf))
    return join(weights @ v) @ ws[3], weights


@mended.wrong(
    "a large negative number for −∞",
    "With −1e9 in place of −∞ an empty row has equal scores, and its padding gets equal weights: "
    "an answer made of nothing. Set such a row to 0.",
)
def layer_billion(x: Array, context: Array, *ws: Any) -> tuple:
    q, k, v = parts_of(x, context, ws, ws[4])
    scores = q @ flip(k) / math.sqrt(q.shape[3])
    weights = softmax(np.where(ws[5] if len(ws) > 5 else True, scores, -1e9))
    return join(weights @ v) @ ws[3], weights


@mended.wrong(
    "one input only",
    "Keys and values are made from x, as in the document's layer, so the context is never looked "
    "at. x asks; the context is asked.",
)
def layer_one_input(x: Array, context: Array, *ws: Any) -> tuple:
    fits(x, context, ws[0], ws[4])
    z, weights = mixed(x, x, ws)
    return join(z) @ ws[3], weights


@mended.wrong(
    "the weights are not returned",
    "Only y comes back, as from the document's layer: nobody can look at where it looks. Return "
    "the pair (y, weights).",
)
def layer_no_weights(x: Array, context: Array, *ws: Any) -> Array:
    return join(mixed(x, context, ws)[0]) @ ws[3]


@mended.wrong(
    "no output projection",
    "y is as wide as all heads together, H·d, and cannot be added to x. w_output comes last: it "
    "mixes the heads and brings the width back to D.",
)
def layer_no_output(x: Array, context: Array, *ws: Any) -> tuple:
    z, weights = mixed(x, context, ws)
    return join(z), weights


@mended.wrong(
    "the weighted sum left to dense",
    "5.3 says that `dense` performs the weighted sum; it never sees the weights. Without the "
    "product of weights and values, y is made of the context as it stands, token by token.",
)
def layer_left_to_dense(x: Array, context: Array, *ws: Any) -> tuple:
    _, weights = mixed(x, context, ws)
    return join(parts_of(x, context, ws, ws[4])[2]) @ ws[3], weights


@mended.wrong(
    "the heads averaged",
    "The heads stand side by side, H·d numbers, and w_output takes all of them. Their mean has "
    "only one head's width: what the document's last reshape asks for.",
)
def layer_averaged(x: Array, context: Array, *ws: Any) -> tuple:
    z, weights = mixed(x, context, ws)
    return z.mean(axis=1) @ ws[3][: z.shape[3]], weights


@mended.wrong(
    "the rest is dropped",
    "A width that the heads do not divide was rounded down, and some columns are never used. Raise "
    "ValueError instead.",
)
def layer_rest_dropped(x: Array, context: Array, *ws: Any) -> tuple:
    h = ws[4]
    width = ws[0].shape[1] // h * h
    cut = (*(w[:, :width] for w in ws[:3]), ws[3][:width], *ws[4:])
    z, weights = mixed(x, context, cut)
    return join(z) @ cut[3], weights
