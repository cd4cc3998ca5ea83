"""Chapter 08, many heads: split and merge, the document's layer, tests that kill wrong layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_shape, same
from .common import ask_all, near, reacts, sizes, softmax

Array = np.ndarray

READ = "08_many_heads.md"


def overflowing(scores: Array) -> Array:
    e = np.exp(scores)
    return e / e.sum(axis=-1, keepdims=True)


def one_maximum(scores: Array) -> Array:
    e = np.exp(scores - scores.max())
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
    importance=4,
    minutes=25,
    read=f"{READ}#the-matrix-version",
)


def groupings(rng: np.random.Generator) -> list[tuple[int, int, int, int]]:
    """(B, H, N, d): all different; then one scene, one head, N = H, one token, heads of width 1."""
    b, h, n, d = sizes(rng, 4)
    return [(b, h, n, d), (1, h, n, d), (b, 1, n, d), (b, h, h, d), (b, h, 1, d), (b, h, n, 1)]


@groups.check(1, "split: head h gets its own slice of every token")
def splits(regroup: Any, rng: np.random.Generator) -> None:
    for b, h, n, d in groupings(rng):
        x = rng.normal(size=(b, n, h * d))
        got = regroup(x, h)
        expect_shape(got, (b, h, n, d), "three axes become (B, H, N, d)")
        for i in range(h):
            own = x[..., i * d : (i + 1) * d]
            near(np.asarray(got)[:, i], own, f"head {i} holds columns {i}·d to {i + 1}·d")


@groups.check(1, "a token stays itself: changing it changes its place in each head, and no other")
def token_stays(regroup: Any, rng: np.random.Generator) -> None:
    b, h, n, d = sizes(rng, 4)
    x, token = rng.normal(size=(b, n, h * d)), int(rng.integers(n))
    changed = x.copy()
    changed[:, token] += 1.0
    got, again = regroup(x, h), regroup(changed, h)
    expect_shape(got, (b, h, n, d), "three axes become (B, H, N, d)")
    moved = np.asarray(again) - got != 0
    want = np.broadcast_to((np.arange(n) == token)[:, None], moved.shape)
    near(moved, want, f"only place {token} of the third axis changes")


@groups.check(1, "merge: each token gets its heads back, side by side")
def merges(regroup: Any, rng: np.random.Generator) -> None:
    for b, h, n, d in groupings(rng):
        x = rng.normal(size=(b, h, n, d))
        got = regroup(x, h)
        expect_shape(got, (b, n, h * d), "four axes become (B, N, H·d)")
        near(got, np.concatenate([x[:, i] for i in range(h)], axis=-1), "the heads stand in order")


@groups.check(1, "merging undoes splitting")
def round_trip(regroup: Any, rng: np.random.Generator) -> None:
    b, h, n, d = sizes(rng, 4)
    x = rng.normal(size=(b, n, h * d))
    split = regroup(x, h)
    expect_shape(split, (b, h, n, d), "three axes become (B, H, N, d)")
    near(regroup(np.asarray(split), h), x, "split, then merge, gives back what went in")


@groups.check(1, "what cannot be split or merged raises ValueError")
def refuses(regroup: Any, rng: np.random.Generator) -> None:
    b, h, n, d = sizes(rng, 4)
    # Four axes with another number of heads; then with as many in another place, and for one head.
    four: list[tuple[int, ...]] = [(b, k, n, d) for k in (h - 1, h + 1, 2 * h, n, 1)]
    four += [(b, n, h, d), (b, n, d, h), (h, n, b, d)]
    bad: dict[str, list[tuple[int, ...]]] = {
        f"{h} heads do not divide a width of {{}}": [(b, n, h * d + s) for s in (-1, 1)],
        f"{{}} is less than {h} heads": [(b, n, h - 1)],
        f"four axes with {{}} heads, not {h}": four,
        "{} axes are neither split nor merged": [
            (n, h * d),
            (h, n, d, 1, 1),
            (b, h, n, d, 1),
            (1, b, h, n, d),
        ],
    }
    cases = [(rng.normal(size=h * d), h, "one axis is neither split nor merged")]
    for words, shapes in bad.items():
        for shape in shapes:
            said = {3: shape[-1], 4: shape[1]}.get(len(shape), len(shape))
            cases.append((rng.normal(size=shape), h, words.format(said)))
    one = f"four axes with {n} heads, not 1"
    cases += [(rng.normal(size=shape), 1, one) for shape in ((b, n, d, 1), (b, n, 1, d))]
    ask_all(partial(regroup, x, heads) for x, heads, _ in cases)
    for x, heads, claim in cases:
        expect_error(partial(regroup, x, heads), ValueError, claim)


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


@groups.wrong(
    "the number of heads is not looked at",
    "Four axes are merged whatever their second size is, and num_heads is never compared with it: "
    "heads that are not there, or too many, go unnoticed. Raise ValueError.",
)
def any_heads(x: Array, num_heads: int) -> Array:
    if x.ndim == 4:
        return swap(x).reshape(len(x), x.shape[2], -1)
    suits(x, num_heads)
    return swap(x.reshape(*x.shape[:2], num_heads, -1))


@groups.wrong(
    "more than four axes let through",
    "Whatever has not three axes is merged as if it had four, so five go through, and some "
    "numbers end where nobody asked for them. Say how many axes you take, and raise for the rest.",
)
def any_axes(x: Array, num_heads: int) -> Array:
    if x.ndim < 5:
        suits(x, num_heads)
    if x.ndim == 3:
        return swap(x.reshape(*x.shape[:2], num_heads, -1))
    if x.shape[1] != num_heads:
        raise ValueError(f"shape {x.shape} has not {num_heads} heads")
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
    importance=2,
    minutes=30,
    read=f"{READ}#the-layer-as-printed",
)


def draw_document(rng: np.random.Generator, few: tuple = ()) -> tuple[Array, list[Array], int]:
    """All sizes differ, but for those named in `few`, which are 1."""
    drawn = dict(zip("bnhdw", sizes(rng, 5), strict=True)) | dict.fromkeys(few, 1)
    b, n, h, d, wide = drawn.values()
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


def far_apart(matrices: list[Array], h: int, rng: np.random.Generator) -> list[Array]:
    """The same, but for one head whose scores are hundreds of times as large."""
    loud = [m.copy() for m in matrices]
    d, head = matrices[0].shape[1] // h, int(rng.integers(h))
    loud[0][:, head * d : (head + 1) * d] *= 500
    return loud


@crashes.check(1, "one token, two heads of width 1: the numbers of the example on paper")
def on_paper(repaired: Any, rng: np.random.Generator) -> None:
    # The heads are apart: one's value is never the other's, or their mean.
    query, key, value = rng.uniform(0.6, 1.4, size=(3, 1, 2)) * [1, 3]
    got = repaired(np.ones((1, 1, 1)), query, key, value, np.eye(2), 2)
    want = softmax(query.T @ key) @ value[0]
    near(got, want[None, None], "its two heads look at its two heads")


@crashes.check(2, "the numbers are those of the printed lines, and of nothing else")
def as_printed(repaired: Any, rng: np.random.Generator) -> None:
    for few in ((), ("b",), ("n",), ("h",), ("d",)):
        inputs, matrices, h = draw_document(rng, few)
        got = repaired(inputs, *matrices, h)
        near(got, token_by_token(inputs, matrices, h), "what the document's operations give")
    inputs, matrices, h = draw_document(rng)
    matrices = far_apart(matrices, h, rng)
    got = repaired(inputs, *matrices, h)
    want = token_by_token(inputs, matrices, h)
    near(got, want, "also where the scores of one head are hundreds of times as large")


@crashes.check(1, "the context is as wide as all heads: each reaches the output by its own rows")
def all_heads(repaired: Any, rng: np.random.Generator) -> None:
    inputs, matrices, h = draw_document(rng)
    d = len(matrices[3]) // h
    for head in range(h):
        alone = np.zeros_like(matrices[3])
        alone[head * d : (head + 1) * d] = matrices[3][head * d : (head + 1) * d]
        own = [*matrices[:3], alone]
        want = token_by_token(inputs, own, h)
        near(repaired(inputs, *own, h), want, f"head {head}, where w_output drops all others")


@crashes.check(1, "inputs without three axes raise ValueError, and the message shows their shape")
def says_the_shape(repaired: Any, rng: np.random.Generator) -> None:
    inputs, matrices, h = draw_document(rng)
    for bad in (inputs[0], inputs[:, None], inputs[0, 0], inputs[None, :, None]):
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
    raises=True,
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
    raises=True,
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
    raises=True,
)
def left_to_complain(inputs: Array, *ws: Any) -> Array:
    value, weights = document(inputs, ws[:4], ws[4])
    return (weights @ value).reshape(*inputs.shape[:2], -1) @ ws[3]


@crashes.wrong(
    "exp overflows",
    "exp of a score of 800 is infinite, and infinity over infinity is NaN: the printed formula as "
    "it stands. Subtract the largest score of each row first; the weights stay the same.",
)
def printed_exp(inputs: Array, *ws: Any) -> Array:
    three_axes(inputs)
    query, key, value = ((inputs @ w).reshape(*inputs.shape[:2], ws[4], -1) for w in ws[:3])
    weights = overflowing(query @ flip(key))
    return (weights @ value).reshape(*inputs.shape[:2], -1) @ ws[3]


@crashes.wrong(
    "one maximum for all rows",
    "The largest of all scores was subtracted from each. Where a row lies far below it, all its "
    "exponentials are 0, and 0 divided by 0 is NaN. Each row has its own maximum.",
)
def maximum_of_all(inputs: Array, *ws: Any) -> Array:
    three_axes(inputs)
    query, key, value = ((inputs @ w).reshape(*inputs.shape[:2], ws[4], -1) for w in ws[:3])
    weights = one_maximum(query @ flip(key))
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
    importance=3,
    minutes=35,
    read=f"{READ}#the-formulas-mended",
)


def draw_split(rng: np.random.Generator, few: tuple = ()) -> tuple[Array, Array, Array]:
    """query, key (B, N, H, d) and value (B, N, H, d_v); the sizes named in `few` are 1."""
    drawn = dict(zip("bnhdv", sizes(rng, 5), strict=True)) | dict.fromkeys(few, 1)
    b, n, h, d, d_v = drawn.values()
    query, key = rng.normal(size=(2, b, n, h, d))
    return query, key, rng.normal(size=(b, n, h, d_v))


def weights_of(query: Array, key: Array) -> Array:
    """(B, H, N, N), one head of one scene after the other."""
    b, n, h, d = query.shape
    out = np.zeros((b, h, n, n))
    for i, j in np.ndindex(b, h):
        out[i, j] = softmax(query[i, :, j] @ key[i, :, j].T / math.sqrt(d))
    return out


def under(weights: Array, value: Array) -> Array:
    """(B, N, H d_v): in each head the mean of the values under these weights."""
    answers = np.einsum("bhnm,bmhc->bnhc", weights, value)
    return answers.reshape(*answers.shape[:2], -1)


def attended(tokens_meet: Any, query: Array, key: Array, value: Array) -> tuple[Array, Array]:
    """Context and weights, which must belong together, and the weights must depend on the query.

    For checks of a property, which something that pays no attention might have as well.
    """
    b, n, h, _ = query.shape
    context, weights = tokens_meet(query, key, value)
    expect_shape(weights, (b, h, n, n), "weights are for heads, then tokens by tokens")
    expect_shape(context, (b, n, h * value.shape[3]), "the context is (B, N, H·d_v)")
    near(np.sum(weights, axis=-1), np.ones((b, h, n)), "every row of weights sums to 1")
    context, weights = np.asarray(context), np.asarray(weights)
    near(context, under(weights, value), "the context is the values under the returned weights")
    reacts(weights, tokens_meet(-query, key, value)[1], "another query gives other weights")
    return context, weights


@silent.check(1, "each head of each token spreads a weight of 1 over the tokens")
def over_tokens(tokens_meet: Any, rng: np.random.Generator) -> None:
    for few in ((), ("b",), ("n",), ("h",), ("d",), ("v",)):
        query, key, value = draw_split(rng, few)
        b, n, h, _ = query.shape
        _, weights = tokens_meet(query, key, value)
        expect_shape(weights, (b, h, n, n), "weights are for heads, then tokens by tokens")
        near(np.sum(weights, axis=-1), np.ones((b, h, n)), "every row sums to 1")
        near(weights, weights_of(query, key), "softmax over the tokens of q·k / √d, in each head")
    query, key, value = draw_split(rng)
    b, n, h, _ = query.shape
    scene, head, most = int(rng.integers(b)), int(rng.integers(h)), int(rng.integers(1, n - 1))
    # The largest score lies thousands above those of the first, of the last and of the own token.
    token = int(rng.choice(np.delete(np.arange(n), most)))
    keys = key[scene, :, head]
    keys[most] *= 5 * np.sqrt((keys**2).sum(axis=1).max() / (keys[most] ** 2).sum())
    for sign, words in ((1, "one score of a row is"), (-1, "all scores of one row are")):
        if sign < 0:  # keys that are nearly one: no score of the row is above 0
            keys[:] = keys[most] + 0.001 * keys
        query[scene, token, head] = sign * 5000 * keys[most] / (keys[most] ** 2).sum()
        _, weights = tokens_meet(query, key, value)
        where = "above 1,000" if sign > 0 else "below -1,000"
        near(weights, weights_of(query, key), f"also where {words} {where}")


@silent.check(1, "with a single head, query and key still decide")
def single_head(tokens_meet: Any, rng: np.random.Generator) -> None:
    for few in ("", "b", "n", "v"):  # the context has each of its sizes at 1
        query, key, value = draw_split(rng, ("h", *few))
        b, n = query.shape[:2]
        context, weights = tokens_meet(query, key, value)
        expect_shape(weights, (b, 1, n, n), "one head, tokens by tokens")
        varied = n == 1 or np.ptp(weights) > 0.01
        expect(varied, "the weights are not all the same", got=weights)
        near(context, weights_of(query, key)[:, 0] @ value[:, :, 0], "the context is their mean")


@silent.check(1, "every token is heard by every token")
def every_token(tokens_meet: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_split(rng)
    n, token = query.shape[1], int(rng.integers(query.shape[1]))
    louder = value.copy()
    louder[:, token] += 100.0
    before, weights = attended(tokens_meet, query, key, value)
    after, _ = attended(tokens_meet, query, key, louder)
    heard = (abs(after - before) > 1e-6).all(axis=2).any(axis=0)
    expect(heard.all(), f"token {token} reaches all {n} outputs", expected=n, got=heard.sum())
    want = under(weights, louder - value)
    near(after - before, want, "as loud as its weight says", atol=1e-3)


@silent.check(1, "no head hears another head")
def own_head(tokens_meet: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_split(rng)
    h, d_v = value.shape[2:]
    head = int(rng.integers(h))
    others = rng.normal(size=query.shape), rng.normal(size=key.shape), rng.normal(size=value.shape)
    for mine, other in zip((query, key, value), others, strict=True):
        other[:, :, head] = mine[:, :, head]
    here = slice(head * d_v, (head + 1) * d_v)
    before, old = attended(tokens_meet, query, key, value)
    after, new = attended(tokens_meet, *others)
    near(after[..., here], before[..., here], f"head {head} stays when all the others change")
    near(new[:, head], old[:, head], "and so do its weights")
    reacts(before, after, "and the others do change")


@silent.check(1, "tokens in another order give the same context in that order")
def in_order(tokens_meet: Any, rng: np.random.Generator) -> None:
    query, key, value = draw_split(rng)
    order = np.roll(np.arange(query.shape[1]), int(rng.integers(1, query.shape[1])))
    context, weights = attended(tokens_meet, query, key, value)
    moved, turned = attended(tokens_meet, query[:, order], key[:, order], value[:, order])
    near(moved, context[:, order], "the context moves with its token")
    reacts(context, moved, "and so it is not the same at every token")
    want = weights[:, :, order][..., order]
    near(turned, want, "and so do the weights, rows and columns")


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


@silent.wrong(
    "exp overflows",
    "exp of a score of 800 is infinite, and infinity over infinity is NaN. Subtract the largest "
    "score of each row first; the weights stay the same.",
)
def meet_overflowing(query: Array, key: Array, value: Array) -> tuple:
    weights = overflowing(swap(query) @ flip(swap(key)) / math.sqrt(query.shape[3]))
    return swap(weights @ swap(value)).reshape(*query.shape[:2], -1), weights


@silent.wrong(
    "one maximum for all rows",
    "The largest of all scores was subtracted from each. Where a row lies far below it, all its "
    "exponentials are 0, and 0 divided by 0 is NaN. Each row has its own maximum.",
)
def meet_one_maximum(query: Array, key: Array, value: Array) -> tuple:
    weights = one_maximum(swap(query) @ flip(swap(key)) / math.sqrt(query.shape[3]))
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
    importance=4,
    minutes=60,
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


ROUNDING = 8e-10  # of what means nothing: less than 1e-9
LEAST = 0.0012  # of what means something: more than 0.001


def observe(rng: np.random.Generator, fault: str, pairs: bool = False) -> dict[str, Any]:
    """What a layer with this fault does to some tokens, drawn until no test stands on an edge.

    With `pairs` the order exchanges neighbours and is its own inverse; else it is not.
    """
    while True:
        n, h = int(rng.integers(5, 10)), int(rng.integers(3, 5))
        wide = 16 * h
        matrices = rng.normal(size=(4, wide, wide)) / math.sqrt(wide)
        x, token = rng.normal(size=(n, wide)), int(rng.integers(n))
        changed = x.copy()
        changed[token] += rng.normal(size=wide)
        order = np.minimum(np.arange(n) ^ 1, n - 1)
        while not pairs and (order[order] == np.arange(n)).all():
            order = rng.permutation(n)
        y, weights = some_layer(x, matrices, h, fault)
        y_changed = some_layer(changed, matrices, h, fault)[0]
        y_order = some_layer(x[order], matrices, h, fault)[0]
        if clear(y, weights, y_changed, y_order[np.argsort(order)], VERDICTS[fault]):
            break
    noise = rng.uniform(-ROUNDING / 2, ROUNDING / 2, (3, *y.shape))
    noise[:, 0, 0] = ROUNDING / 2 * np.array([1, -1, -1])  # as far apart as rounding goes
    return {
        "x": x,
        "y": y + noise[0],
        "weights": weights,
        "token": token,
        "y_changed": y_changed + noise[1],
        "order": order,
        "y_order": y_order + noise[2],
    }


def clear(y: Array, weights: Array, changed: Array, undone: Array, verdict: dict) -> bool:
    """Each verdict holds by a wide margin; where each output notices, all its numbers do, and their
    sum."""
    moved = np.column_stack([changed - y, (changed - y).sum(axis=1)])
    least = abs(moved[:, :-1]).max(axis=1).min()
    reach = least < 1e-12 or (least > 1e-2 and abs(moved).min() > 1e-5)
    gap = abs(undone - y).max()
    order = gap < 1e-12 if verdict["order"] else gap > 1e-2
    variance = np.log(weights).var(axis=-1).mean()
    spread = 0.5 < variance < 2 if verdict["spread"] else variance < 0.01 or variance > 8
    reached = (least > 1e-2) == verdict["reach"]
    return bool(reach and reached and order and spread and weights.min() > 1e-30)


def at(place: int, size: int, rng: np.random.Generator) -> int:
    """The first of so many, the last, or one between."""
    return (0, int(rng.integers(1, size - 1)), size - 1)[place]


def faint(seen: dict[str, Any], rng: np.random.Generator, place: int) -> str:
    """Each output still notices, but by as little as counts, in one number or in two."""
    rows, columns = seen["y"].shape
    seen["y_changed"] = seen["y"].copy()
    for row in range(rows):
        one, more = at(place, columns, rng), LEAST * (place - 1 or 1)
        two = one - int(rng.integers(1, columns))
        seen["y_changed"][row, one] += more
        seen["y_changed"][row, two] -= more * (row % 2 == place % 2)  # their sum is 0
    return "in each output one number or two notice, by 0.0012: reach must pass"


def steady(seen: dict[str, Any], rng: np.random.Generator, place: int) -> str:
    """Each output notices, but in one of its numbers."""
    row = np.arange(len(seen["y"]))
    column = rng.integers(seen["y"].shape[1], size=len(row))
    seen["y_changed"][row, column] = seen["y"][row, column]
    return "each output notices in all its numbers but one: reach must pass"


def deaf(seen: dict[str, Any], rng: np.random.Generator, place: int) -> str:
    row = at(place, len(seen["y"]), rng)
    seen["y_changed"][row] = seen["y"][row]
    return "one output does not notice: reach must fail"


def own_deaf(seen: dict[str, Any], rng: np.random.Generator, place: int) -> str:
    seen["y_changed"][seen["token"]] = seen["y"][seen["token"]]
    return "the changed token's own output does not notice: reach must fail"


def misplaced(seen: dict[str, Any], rng: np.random.Generator, place: int) -> str:
    row, column = (at(place, size, rng) for size in seen["y"].shape)
    seen["y_order"][row, column] += LEAST * (place - 1 or 1)
    seen["y_order"][row, column - 1] -= LEAST * (place == 1)  # their sum is 0
    return "an output in the other order has another number, by 0.0012: order must fail"


def stayed(seen: dict[str, Any], rng: np.random.Generator, place: int) -> str:
    """In an order that leaves one token where it is, that token's output has another number."""
    count = len(seen["y"])
    row = at(place, count, rng)
    others = np.delete(np.arange(count), row)
    seen["order"] = np.insert(np.roll(others, 1), row, row)
    seen["y_order"] = seen["y"][seen["order"]]
    seen["y_order"][row, at(place, seen["y"].shape[1], rng)] += LEAST
    return "one token stays, and its output in the other order is another: order must fail"


def exchanged_rows(seen: dict[str, Any], rng: np.random.Generator, place: int) -> str:
    row = at(place, len(seen["y"]), rng)
    seen["y_order"][[row, row - 1]] = seen["y_order"][[row - 1, row]]
    return "in the other order two outputs have changed places: order must fail"


def spread_out(
    seen: dict[str, Any], rng: np.random.Generator, place: int, wanted: float, axis: int
) -> str:
    """Weights whose scores have this variance. All heads but one, or rows, say otherwise."""
    shape = 4, len(seen["y"])
    most = {0.2499: 0.26, 0.2501: 0.24, 3.999: 4.3, 4.001: 3.8}[wanted]
    count, variances = shape[axis], np.full(shape, most)
    odd = (at(place, count, rng), slice(None))[:: 1 - 2 * axis]
    variances[odd] = count * wanted - (count - 1) * most
    scores = rng.normal(size=(*shape, shape[1]))
    scores -= scores.mean(axis=-1, keepdims=True)
    scores *= np.sqrt(variances / scores.var(axis=-1))[..., None]
    seen["weights"] = softmax(scores)
    verb = "pass" if 0.25 < wanted < 4 else "fail"
    return f"scores with a variance of {wanted}, by np.var and the mean: spread must {verb}"


Twist = Callable[[dict[str, Any], np.random.Generator, int], str]


def judged(
    three_tests: Any, rng: np.random.Generator, fault: str, *twists: tuple[Twist, dict[str, bool]]
) -> None:
    """Layers with the fault, right ones, and right ones with each twist, in an order that is drawn.

    A twist changes what was seen at the first place, the last or one between, and says how; with
    it goes what is then false.
    """
    # The fourth, a right layer, is asked for an order that is its own inverse.
    cases: list[tuple] = [(fault, None, 0, {})] * 3 + [(RIGHT, None, 0, {})] * 3
    cases += [(RIGHT, twist, place, wrong) for twist, wrong in twists for place in range(3)]
    seens, wants, claims = [], [], []
    for case in rng.permutation(len(cases)):
        name, twist, place, wrong = cases[case]
        seen, want = observe(rng, name, pairs=case == 3), VERDICTS[name] | wrong
        claim = "a right layer passes all three tests"
        if twist is not None:
            claim = twist(seen, rng, place)
        elif name != RIGHT:
            failing = " and ".join(test for test, passes in want.items() if not passes)
            claim = f"{name}: {failing} must fail, and nothing else"
        seens.append(seen)
        wants.append(want)
        claims.append(claim)
    answers = [three_tests(seen) for seen in seens]  # all, so that two mistakes can be told apart
    for seen, answer, want, claim in zip(seens, answers, wants, claims, strict=True):
        if not same(answer, want):
            expect_close(three_tests(seen), want, claim)


DEAF, MISPLACED = (deaf, {"reach": False}), (misplaced, {"order": False})


def borders(inside: float, outside: float) -> list[tuple[Twist, dict[str, bool]]]:
    return [
        (partial(spread_out, wanted=wanted, axis=axis), {"spread": wanted == inside})
        for wanted in (inside, outside)
        for axis in (0, 1)
    ]


@killers.check(2, "no transpose: reach fails, order passes")
def kills_no_transpose(three_tests: Any, rng: np.random.Generator) -> None:
    own = own_deaf, {"reach": False}
    judged(three_tests, rng, "no transpose", (faint, {}), (steady, {}), DEAF, own)


@killers.check(2, "raw reshape both ways: reach and order fail")
def kills_raw(three_tests: Any, rng: np.random.Generator) -> None:
    judged(three_tests, rng, "raw reshape both ways", (faint, {}), DEAF, MISPLACED)


@killers.check(2, "split right, merged raw: only order fails")
def kills_raw_merge(three_tests: Any, rng: np.random.Generator) -> None:
    exchanged = exchanged_rows, {"order": False}
    still = stayed, {"order": False}
    judged(three_tests, rng, "split right, merged raw", MISPLACED, exchanged, still)


@killers.check(2, "unscaled: only spread fails")
def kills_unscaled(three_tests: Any, rng: np.random.Generator) -> None:
    judged(three_tests, rng, "unscaled", *borders(3.999, 4.001))


@killers.check(2, "uniform weights: only spread fails")
def kills_uniform(three_tests: Any, rng: np.random.Generator) -> None:
    judged(three_tests, rng, "uniform weights", *borders(0.2501, 0.2499))


def reaches(seen: dict[str, Any]) -> bool:
    return bool((abs(seen["y_changed"] - seen["y"]).max(axis=1) > 1e-6).all())


def keeps_order(seen: dict[str, Any]) -> bool:
    return bool(abs(seen["y_order"] - seen["y"][seen["order"]]).max() < 1e-6)


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
    return verdict(seen, reach=abs(seen["y_changed"] - seen["y"]).max() > 1e-6)


@killers.wrong(
    "every number must change",
    "An output notices if *any* of its numbers changes. Here each number of each output has to: a "
    "right layer may leave some of them as they were.",
)
def each_number(seen: dict[str, Any]) -> dict[str, bool]:
    return verdict(seen, reach=(abs(seen["y_changed"] - seen["y"]) > 1e-6).all())


@killers.wrong(
    "sums compared",
    "The numbers of an output are added up before the comparison, so differences cancel: +0.001 "
    "and -0.001 make 0. Compare number by number, and take the largest distance.",
)
def sums_compared(seen: dict[str, Any]) -> dict[str, bool]:
    changed = seen["y_changed"].sum(axis=1) - seen["y"].sum(axis=1)
    moved = seen["y_order"].sum(axis=1) - seen["y"][seen["order"]].sum(axis=1)
    return verdict(seen, reach=(abs(changed) > 1e-6).all(), order=abs(moved).max() < 1e-6)


@killers.wrong(
    "the sign of the difference",
    "A number that falls has changed as well. Without the absolute value only those count that "
    "rise.",
)
def no_absolute(seen: dict[str, Any]) -> dict[str, bool]:
    changed, moved = seen["y_changed"] - seen["y"], seen["y_order"] - seen["y"][seen["order"]]
    return verdict(seen, reach=(changed.max(axis=1) > 1e-6).all(), order=moved.max() < 1e-6)


@killers.wrong(
    "the tolerance too large",
    "A difference of 0.0012 means something, and here it is taken for rounding. Rounding stays "
    "below 0.000000001: put the limit between the two.",
)
def too_tolerant(seen: dict[str, Any]) -> dict[str, bool]:
    changed, moved = seen["y_changed"] - seen["y"], seen["y_order"] - seen["y"][seen["order"]]
    return verdict(
        seen, reach=(abs(changed).max(axis=1) > 1e-2).all(), order=abs(moved).max() < 1e-2
    )


@killers.wrong(
    "the outputs must not change with the order",
    "Attention is equivariant, not invariant: shuffled tokens give the same outputs, shuffled in "
    "the same way. Compare with the outputs in that order.",
)
def invariant(seen: dict[str, Any]) -> dict[str, bool]:
    return verdict(seen, order=abs(seen["y_order"] - seen["y"]).max() < 1e-6)


@killers.wrong(
    "the order undone the wrong way",
    "Row i of y_order belongs to token order[i], so it equals y[order]. Indexing y_order by order "
    "shuffles it once more; only where the order is its own inverse is that the same.",
)
def wrong_way(seen: dict[str, Any]) -> dict[str, bool]:
    return verdict(seen, order=abs(seen["y_order"][seen["order"]] - seen["y"]).max() < 1e-6)


@killers.wrong(
    "rounding taken for a difference",
    "Sums in another order round differently, so outputs that are the same differ in their last "
    "digits. Exact comparison calls everything changed, and rejects right layers.",
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


@killers.wrong(
    "not the mean of each row's np.var",
    "Each row of weights lost its own constant to the softmax, so the logarithms of two rows "
    "cannot be compared. Take np.var within each row, axis=-1, and then the mean; another measure, "
    "of all rows at once, say, gives other verdicts.",
)
def all_at_once(seen: dict[str, Any]) -> dict[str, bool]:
    return verdict(seen, spread=0.25 < np.log(seen["weights"]).var() < 4)


@killers.wrong(
    "not np.var over the keys",
    "A row of scores belongs to one query and runs over the keys, the last axis, along which the "
    "weights sum to 1. Another measure, the variance over the queries, say, gives other verdicts.",
)
def over_the_queries(seen: dict[str, Any]) -> dict[str, bool]:
    return verdict(seen, spread=0.25 < np.log(seen["weights"]).var(axis=-2).mean() < 4)


@killers.wrong(
    "a variance outside the bounds passes",
    "The mean variance of the rows has to lie between 1/4 and 4. Those are no bounds for np.std, "
    "its root: they would be 1/16 and 16 for the variance. Nor is one row within them enough.",
)
def root_of_variance(seen: dict[str, Any]) -> dict[str, bool]:
    return verdict(seen, spread=0.25 < np.log(seen["weights"]).std(axis=-1).mean() < 4)


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
    minutes=60,
    read=f"{READ}#the-librarys-version",
)


def draw_layer(rng: np.random.Generator, few: tuple = ()) -> tuple[Array, Array, list[Array], int]:
    """All sizes differ, but for those named in `few`, which are 1."""
    drawn = dict(zip("bhnsdw", sizes(rng, 6), strict=True)) | dict.fromkeys(few, 1)
    b, h, n, s, d, wide = drawn.values()
    matrices = [rng.normal(size=(wide, h * d)) / math.sqrt(wide) for _ in range(3)]
    matrices.append(rng.normal(size=(h * d, wide)) / math.sqrt(h * d))
    return rng.normal(size=(b, n, wide)), rng.normal(size=(b, s, wide)), matrices, h


def head_by_head(
    x: Array, context: Array, matrices: list[Array], h: int, mask: Array | None = None
) -> tuple[Array, Array]:
    """One scene, one head, one query after the other, over the keys that are allowed."""
    w_query, w_key, w_value, w_output = matrices
    d = w_query.shape[1] // h
    y, weights = np.zeros_like(x), np.zeros((len(x), h, x.shape[1], context.shape[1]))
    allowed = np.broadcast_to(True if mask is None else mask, weights.shape)
    for b, i, n in np.ndindex(weights.shape[:3]):
        own, some = slice(i * d, (i + 1) * d), allowed[b, i, n]
        if some.any():
            keys, values = context[b, some] @ w_key[:, own], context[b, some] @ w_value[:, own]
            weights[b, i, n, some] = softmax(keys @ (x[b, n] @ w_query[:, own]) / math.sqrt(d))
            y[b, n] += weights[b, i, n, some] @ values @ w_output[own]
    return y, weights


def compared(
    multi_head: Any,
    x: Array,
    context: Array,
    matrices: list[Array],
    h: int,
    mask: Array | None,
    of: str,
) -> None:
    """Weights and y are those of the loop, and a forbidden key has a weight of exactly 0."""
    y, weights = multi_head(x, context, *matrices, h, mask)
    want = head_by_head(x, context, matrices, h, mask)
    expect_shape(y, x.shape, "y is shaped like x, so that the two can be added")
    expect_shape(weights, want[1].shape, "weights are (B, H, N, S)")
    near(weights, want[1], f"{of}: the weights of every head")
    near(y, want[0], f"{of}: the heads' answers, side by side, times w_output")
    if mask is not None:
        forbidden = ~np.broadcast_to(mask, np.shape(weights))
        expect((np.asarray(weights)[forbidden] == 0).all(), f"{of}: forbidden keys weigh nothing")


def attending(multi_head: Any, x: Array, context: Array, ws: list[Array], h: int) -> tuple:
    """y and weights, which must belong together, and the weights must depend on x.

    For checks of a property, which something that pays no attention might have as well.
    """
    y, weights = multi_head(x, context, *ws, h)
    expect_shape(y, x.shape, "y is shaped like x")
    expect_shape(weights, (len(x), h, x.shape[1], context.shape[1]), "weights are (B, H, N, S)")
    y, weights = np.asarray(y), np.asarray(weights)
    near(weights.sum(axis=-1), np.ones(weights.shape[:3]), "every row of weights sums to 1")
    values = (context @ ws[2]).reshape(*context.shape[:2], h, -1)
    z = np.einsum("bhns,bshc->bnhc", weights, values)
    near(y, z.reshape(*x.shape[:2], -1) @ ws[3], "y is the values under the returned weights")
    reacts(weights, multi_head(-x, context, *ws, h)[1], "another x gives other weights")
    return y, weights


def far_off(rng: np.random.Generator, context: Array, loud: Array) -> Array:
    """The context, its rows of scores far apart; where `loud`, a score is five times as far off."""
    aside = 600 * rng.normal(size=(len(context), 1, context.shape[2]))
    return context + aside * (1 + 4 * loud[..., None])


@mended.check(1, "agrees with the loop, head by head")
def agrees(multi_head: Any, rng: np.random.Generator) -> None:
    for few in ((), ("b",), ("h",), ("n",), ("s",), ("d",)):
        x, context, matrices, h = draw_layer(rng, few)
        compared(multi_head, x, context, matrices, h, None, "without a mask")
    x, _, matrices, h = draw_layer(rng)
    compared(multi_head, x, rng.normal(size=x.shape), matrices, h, None, "a context shaped like x")
    x, context, matrices, h = draw_layer(rng)
    context = far_off(rng, context, np.zeros(context.shape[:2]))
    compared(multi_head, x, context, matrices, h, None, "where the rows of scores lie far apart")


@mended.check(1, "order: y moves with x, and the context may stand in any order")
def any_order(multi_head: Any, rng: np.random.Generator) -> None:
    x, context, matrices, h = draw_layer(rng)
    asked = np.roll(np.arange(x.shape[1]), 1)
    found = np.roll(np.arange(context.shape[1]), 2)
    y, weights = attending(multi_head, x, context, matrices, h)
    moved, turned = attending(multi_head, x[:, asked], context[:, found], matrices, h)
    near(moved, y[:, asked], "the outputs move with their tokens, and with nothing else")
    near(turned, weights[:, :, asked][..., found], "and so do the weights")
    reacts(y, moved, "the output is not the same for every token")


@mended.check(1, "with a causal mask, no output knows the future")
def no_future(multi_head: Any, rng: np.random.Generator) -> None:
    x, _, matrices, h = draw_layer(rng)
    n = x.shape[1]
    mask, token = np.tril(np.ones((n, n), dtype=bool)), int(rng.integers(1, n))
    loud = np.broadcast_to(np.arange(n) >= token, x.shape[:2])
    plain, changed = far_off(rng, x, 0 * loud), far_off(rng, x, loud)
    changed[:, :token] = plain[:, :token]
    y, weights = multi_head(plain, plain, *matrices, h, mask)
    again, _ = multi_head(changed, changed, *matrices, h, mask)
    expect_shape(y, x.shape, "y is shaped like x")
    expect_shape(again, x.shape, "y is shaped like x")
    near(np.asarray(again)[:, :token], np.asarray(y)[:, :token], "the past stays as it was")
    near(np.triu(weights, 1), np.zeros_like(weights), "no weight on a later token")
    for tokens in (x, changed):
        compared(multi_head, tokens, tokens, matrices, h, mask, "with a causal mask")


@mended.check(1, "padding gets no weight, and a scene of nothing but padding gives 0")
def padding(multi_head: Any, rng: np.random.Generator) -> None:
    x, context, matrices, h = draw_layer(rng)
    (b, n), s = x.shape[:2], context.shape[1]
    kept = rng.integers(1, s, size=b)
    real: Array = np.arange(s) < np.reshape(kept, (b, 1))
    real[int(rng.integers(b))] = False
    every = rng.random((b, h, n, s)) < 0.6
    every[tuple(int(rng.integers(size)) for size in (b, h, n))] = False
    loud = far_off(rng, context, ~real)
    pads, none = real[:, None, None], np.zeros_like(every)
    compared(multi_head, x, context, matrices, h, pads, "padding, one scene all of it")
    compared(multi_head, x, loud, matrices, h, pads, "padding of high scores")
    compared(multi_head, x, context, matrices, h, every, "a mask for every head of every scene")
    compared(multi_head, x, context, matrices, h, none, "a mask that is False everywhere")
    one = np.arange(s) != int(rng.integers(s))
    others = {"one row for all": one, "by query": every[0, 0], "by head": every[0, :, :1]}
    for shape, mask in others.items():
        compared(
            multi_head, x, context, matrices, h, mask, f"a mask of shape {mask.shape}, {shape}"
        )


@mended.check(1, "what does not fit raises ValueError")
def does_not_fit(multi_head: Any, rng: np.random.Generator) -> None:
    x, context, matrices, h = draw_layer(rng)
    width = matrices[0].shape[1]
    for many in [k for k in range(2, width + 2) if width % k][:6]:
        call = partial(multi_head, x, context, *matrices, many)
        expect_error(call, ValueError, f"{many} heads do not divide a width of {width}")
    forms = {"two axes": (x[0], context[0]), "four axes": (x[:, None], context[:, None])}
    for words, (bad_x, bad_context) in forms.items():
        for tokens, keys in ((bad_x, bad_context), (bad_x, context), (x, bad_context)):
            which = " and ".join(
                name for name, a in (("x", tokens), ("context", keys)) if a.ndim != 3
            )
            call = partial(multi_head, tokens, keys, *matrices, h)
            expect_error(call, ValueError, f"{words} of {which} are refused")


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


def mask_of(ws: tuple) -> Array | bool:
    """The mask among the arguments after the context, or True."""
    return True if len(ws) < 6 or ws[5] is None else ws[5]


def masked(scores: Array, mask: Array | bool) -> Array:
    """Softmax over what the mask allows; 0 in a row that allows nothing."""
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
    raises=True,
)
def layer_no_transpose(x: Array, context: Array, *ws: Any) -> tuple:
    fits(x, context, ws[0], ws[4])
    pairs = ((x, ws[0]), (context, ws[1]), (context, ws[2]))
    q, k, v = ((tokens @ w).reshape(*tokens.shape[:2], ws[4], -1) for tokens, w in pairs)
    weights = masked(q @ flip(k) / math.sqrt(q.shape[3]), mask_of(ws))
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
    weights = masked(q @ flip(k) / math.sqrt(q.shape[3]), mask_of(ws))
    return (weights @ v).reshape(*x.shape[:2], -1) @ ws[3], weights


def mixed(x: Array, context: Array, ws: tuple) -> tuple[Array, Array]:
    """The right layer up to the merge: answers (B, H, N, d) and weights."""
    q, k, v = parts_of(x, context, ws, ws[4])
    weights = masked(q @ flip(k) / math.sqrt(q.shape[3]), mask_of(ws))
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
    weights = masked(q @ flip(k), mask_of(ws))
    return join(weights @ v) @ ws[3], weights


@mended.wrong(
    "scaled by the tokens' width",
    "√D is the width of a token. A score is a sum over one head's width: divide by √d.",
)
def layer_scaled_by_model(x: Array, context: Array, *ws: Any) -> tuple:
    q, k, v = parts_of(x, context, ws, ws[4])
    weights = masked(q @ flip(k) / math.sqrt(x.shape[2]), mask_of(ws))
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
    weights = softmax(q @ flip(k) / math.sqrt(q.shape[3])) * mask_of(ws)
    return join(weights @ v) @ ws[3], weights


@mended.wrong(
    "the mask the wrong way round",
    "Here True means that a query may attend to a key. Some libraries mean the opposite; the "
    "specification decides, and a test with a known mask tells.",
)
def layer_mask_reversed(x: Array, context: Array, *ws: Any) -> tuple:
    turned = None if len(ws) < 6 or ws[5] is None else ~ws[5]
    z, weights = mixed(x, context, (*ws[:5], turned))
    return join(z) @ ws[3], weights


@mended.wrong(
    "an empty row gives NaN",
    "Where nothing is allowed all scores are −∞, and softmax divides 0 by 0. Such a row must have "
    "weights of 0.",
)
def layer_empty_nan(x: Array, context: Array, *ws: Any) -> tuple:
    q, k, v = parts_of(x, context, ws, ws[4])
    scores = q @ flip(k) / math.sqrt(q.shape[3])
    weights = softmax(np.where(mask_of(ws), scores, -np.inf))
    return join(weights @ v) @ ws[3], weights


@mended.wrong(
    "a large negative number for −∞",
    "With −1e9 in place of −∞ an empty row has equal scores, and its padding gets equal weights: "
    "an answer made of nothing. Set such a row to 0.",
)
def layer_billion(x: Array, context: Array, *ws: Any) -> tuple:
    q, k, v = parts_of(x, context, ws, ws[4])
    scores = q @ flip(k) / math.sqrt(q.shape[3])
    weights = softmax(np.where(mask_of(ws), scores, -1e9))
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


@mended.wrong(
    "exp overflows",
    "exp of a score of 800 is infinite, and infinity over infinity is NaN. Subtract the largest "
    "score of each row first; the weights stay the same.",
)
def layer_overflowing(x: Array, context: Array, *ws: Any) -> tuple:
    q, k, v = parts_of(x, context, ws, ws[4])
    e = np.exp(q @ flip(k) / math.sqrt(q.shape[3])) * mask_of(ws)
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total == 0, 1, total)
    return join(weights @ v) @ ws[3], weights


@mended.wrong(
    "one maximum for all rows",
    "The largest of all scores was subtracted from each. Where a row lies far below it, all its "
    "exponentials are 0, and so are its weights. Each row has its own maximum.",
)
def layer_one_maximum(x: Array, context: Array, *ws: Any) -> tuple:
    q, k, v = parts_of(x, context, ws, ws[4])
    scores = np.where(mask_of(ws), q @ flip(k) / math.sqrt(q.shape[3]), -np.inf)
    e = np.exp(scores - scores.max())
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total == 0, 1, total)
    return join(weights @ v) @ ws[3], weights


@mended.wrong(
    "the maximum over forbidden keys too",
    "The largest score of the row was that of a forbidden key. If it lies far above the others, "
    "their exponentials are all 0. Forbid first, then take the maximum of what is left.",
)
def layer_forbidden_maximum(x: Array, context: Array, *ws: Any) -> tuple:
    q, k, v = parts_of(x, context, ws, ws[4])
    scores = q @ flip(k) / math.sqrt(q.shape[3])
    e = np.exp(scores - scores.max(axis=-1, keepdims=True)) * mask_of(ws)
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total == 0, 1, total)
    return join(weights @ v) @ ws[3], weights


@mended.wrong(
    "−100 for −∞",
    "A score can lie far below -100, and then the forbidden key with its -100 takes all the "
    "weight. Only −∞ lies below every score.",
)
def layer_hundred(x: Array, context: Array, *ws: Any) -> tuple:
    q, k, v = parts_of(x, context, ws, ws[4])
    scores = q @ flip(k) / math.sqrt(q.shape[3])
    mask = np.broadcast_to(mask_of(ws), scores.shape)
    weights = softmax(np.where(mask, scores, -100.0)) * mask.any(axis=-1, keepdims=True)
    return join(weights @ v) @ ws[3], weights
