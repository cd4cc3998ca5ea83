"""Chapter 11, language: lookups, teacher forcing, two sequences, greedy decoding, alignment."""

from __future__ import annotations

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
from .common import near, reacts, sizes

Array = np.ndarray
Places = list[list[int]]

READ = "11_language.md"


def two(got: Any, what: str) -> Any:
    """The two results, in a tuple, a list or an array."""
    ordered = isinstance(got, tuple | list) or (isinstance(got, np.ndarray) and got.ndim)
    expect(ordered and len(got) == 2, "two results come back", expected=what, got=got)
    return got


# 11.1

lookup = Exercise(
    "11.1",
    "The gradient of a lookup",
    function="embed_backward",
    signature="embed_backward(ids: (B, N) whole numbers, g: (B, N, D), num: int) -> (num, D)",
    difficulty=2,
    importance=3,
    minutes=25,
    read=f"{READ}#words-into-numbers",
)


def draw_lookup(rng: np.random.Generator) -> tuple[Array, Array, int]:
    """A table with rows that are looked up once, often and never, its first and last among them."""
    b, n, d, more = sizes(rng, 4)
    num = b * n + more
    ids = rng.permutation(np.arange(1, num - 1))[: b * n].reshape(b, n)
    ids[0, 0], ids[-1, -1] = 0, num - 1
    ids[0, 1] = ids[0, 2]  # twice in one text
    ids[1, 0] = ids[0, 2]  # and in another one
    return ids, rng.normal(size=(b, n, d)), num


def by_place(ids: Array, g: Array, num: int) -> Array:
    table = np.zeros((num, g.shape[-1]))
    for place in np.ndindex(ids.shape):
        table[ids[place]] += g[place]
    return table


def agrees_with_places(embed_backward: Any, ids: Array, g: Array, num: int, claim: str) -> None:
    got = embed_backward(ids, g, num)
    expect_shape(got, (num, g.shape[-1]), "a row for each word that there is")
    near(got, by_place(ids, g, num), claim)


@lookup.check(1, "each row gets the gradients of all places where its word stands")
def rows_of_places(embed_backward: Any, rng: np.random.Generator) -> None:
    ids, g, num = draw_lookup(rng)
    claim = "one text with one word: its row is the gradient, the others are 0"
    for one in (slice(1), slice(-1, None)):  # word 0, and num - 1: small, to be shown in full
        agrees_with_places(embed_backward, ids[one, one], g[one, one], num, claim)
    agrees_with_places(embed_backward, ids, g, num, "a row is the sum over its word's places")
    agrees_with_places(embed_backward, ids, g[..., :1], num, "also where a row is one number")
    flat = rng.integers(0, 3, size=ids.shape)
    agrees_with_places(embed_backward, flat, g, num, "also where a few words come all the time")
    # Of eight bits, and just below 256: what is reckoned with them does not fit these any more.
    narrow = rng.integers(200, 256, size=ids.shape, dtype=np.uint8)
    narrow[0, 0] = 0  # in eight bits row 256 would be this one again
    claim = "also where the numbers are of eight bits, and the table has more rows than these name"
    agrees_with_places(embed_backward, narrow, g, int(rng.integers(257, 300)), claim)
    agrees_with_places(embed_backward, 0 * ids, g, 1, "also where the table has one row")


@lookup.check(1, "a word that comes again adds: none is lost, none is averaged")
def repeats(embed_backward: Any, rng: np.random.Generator) -> None:
    ids, g, num = draw_lookup(rng)
    word = int(rng.integers(num - 1))  # not the last
    for here in (np.full_like(ids, word), ids):
        got = expect_real(embed_backward(here, g, num), "the gradients of real numbers are real")
        expect_shape(got, (num, g.shape[-1]), "a row for each word that there is")
        near(got.sum(axis=0), g.sum(axis=(0, 1)), "the rows together are the gradients together")
    got = np.asarray(embed_backward(np.full_like(ids, word), g, num))
    near(got[word], g.sum(axis=(0, 1)), "the same word everywhere: its row gets everything")
    twice = np.asarray(embed_backward(np.tile(ids, (2, 1)), np.tile(g, (2, 1, 1)), num))
    near(twice, 2 * by_place(ids, g, num), "each text twice: twice the gradient")


@lookup.check(1, "a word that was not looked up has the gradient 0, and word 0 is a word")
def unused(embed_backward: Any, rng: np.random.Generator) -> None:
    ids, g, num = draw_lookup(rng)
    for more in (0, int(rng.integers(1, 5))):
        got = embed_backward(ids, g, num + more)
        expect_shape(got, (num + more, g.shape[-1]), "a row for each word that there is")
        absent = np.setdiff1d(np.arange(num + more), ids)
        near(np.asarray(got)[absent], np.zeros((len(absent), g.shape[-1])), "no place, no gradient")
        near(np.asarray(got)[0], g[0, 0], "word 0 stands at the first place only: its row is that")
        near(np.asarray(got)[num - 1], g[-1, -1], "and the last word stands at the last place")


@lookup.check(1, "a number that names no row raises ValueError")
def no_such_row(embed_backward: Any, rng: np.random.Generator) -> None:
    ids, g, num = draw_lookup(rng)
    embed_backward(ids, g, num)
    # One word, so that who loses those that come again can refuse as well.
    claim = "numbers that name rows are no fault"
    agrees_with_places(embed_backward, ids[:1, :1], g[:1, :1], num, claim)
    where = tuple(int(rng.integers(n)) for n in ids.shape)
    for bad in (-1, num, num + int(rng.integers(1, 9)), -num, -num - 1):
        wrong = ids.copy()
        wrong[where] = bad
        claim = f"{bad} in one place, with {num} rows"
        for texts in (slice(None), slice(where[0], where[0] + 1)):  # that text alone, too
            call = partial(embed_backward, wrong[texts], g[texts], num)
            expect_error(call, ValueError, claim)
    wrong = ids.astype(np.uint8)
    wrong[where] = 255  # and one more is 0, in eight bits
    for rows in (num, 255):
        claim = f"255 in one place, in numbers of eight bits, with {rows} rows"
        expect_error(partial(embed_backward, wrong, g, rows), ValueError, claim)


def refuse_rows(ids: Array, num: int) -> None:
    if (ids < 0).any() or (ids >= num).any():
        raise ValueError("no such row")


@lookup.wrong(
    "table[ids] += g",
    "NumPy reads all rows, adds, and writes them back: of a word that comes twice the second "
    "writing covers the first, and one gradient is lost. np.add.at adds one after the other.",
)
def last_wins(ids: Array, g: Array, num: int) -> Array:
    refuse_rows(ids, num)
    table = np.zeros((num, g.shape[-1]))
    table[ids] += g
    return table


@lookup.wrong(
    "reckoned in eight bits",
    "Words may be numbers of eight bits, up to 255. Multiplied by the width they are beyond that, "
    "and NumPy keeps eight bits all the same, without a word. Widen them first: ids.astype(int).",
)
def in_eight_bits(ids: Array, g: Array, num: int) -> Array:
    refuse_rows(ids, num)
    width = g.shape[-1]
    places = ids[..., None] * width + np.arange(width)
    sums = np.bincount(places.ravel(), g.ravel(), minlength=num * width)
    return sums.reshape(num, width)


@lookup.wrong(
    "mean over the repeats",
    "The gradients of a word's places were averaged. A row that is used four times moves the loss "
    "four times: gradients add up.",
)
def averaged(ids: Array, g: Array, num: int) -> Array:
    refuse_rows(ids, num)
    counts = np.bincount(ids.ravel(), minlength=num)
    return by_place(ids, g, num) / np.maximum(counts, 1)[:, None]


@lookup.wrong(
    "row 0 taken for padding",
    "Some libraries keep a row for padding and never move it. Here nobody said so: word 0 is a "
    "word like the others.",
)
def padding_row(ids: Array, g: Array, num: int) -> Array:
    refuse_rows(ids, num)
    table = by_place(ids, g, num)
    table[0] = 0
    return table


@lookup.wrong(
    "as many rows as the largest word",
    "The one-hot matrix is as wide as the largest number that came, not as the table has rows: "
    "words that did not come have a row too.",
)
def too_few_rows(ids: Array, g: Array, num: int) -> Array:
    refuse_rows(ids, num)
    return by_place(ids, g, int(ids.max()) + 1)


@lookup.wrong(
    "the first text alone",
    "Only the first text of the batch was looked at. Every place of every text adds to its row.",
)
def first_text(ids: Array, g: Array, num: int) -> Array:
    refuse_rows(ids, num)
    return by_place(ids[:1], g[:1], num)


@lookup.wrong(
    "the rows themselves, not by word",
    "The gradients were returned place by place. What is asked for is the gradient of the table: "
    "a row for each word, with all of its places added up.",
)
def by_places(ids: Array, g: Array, num: int) -> Array:
    refuse_rows(ids, num)
    return g.reshape(-1, g.shape[-1])


@lookup.wrong(
    "counted from the end",
    "NumPy takes -1 for the last row, so a wrong number moves a row that it does not name, without "
    "a word. Compare every number with 0 as well as with num.",
)
def from_the_end(ids: Array, g: Array, num: int) -> Array:
    if (ids >= num).any() or (ids < -num).any():
        raise ValueError("no such row")
    return by_place(ids, g, num)


@lookup.wrong(
    "num itself let through",
    "Rows are counted from 0, so with num rows the last one is num - 1.",
)
def one_too_many(ids: Array, g: Array, num: int) -> Array:
    if (ids < 0).any() or (ids > num).any():
        raise ValueError("no such row")
    return by_place(ids, g, max(num, int(ids.max()) + 1))[:num]


# 11.2

forcing = Exercise(
    "11.2",
    "Shift, and what counts",
    function="teacher",
    signature=(
        "teacher(out: (B, N) whole numbers, start: int, pad: int)"
        " -> (before: (B, N), counts: (B, N) of True and False)"
    ),
    difficulty=2,
    importance=5,
    minutes=25,
    read=f"{READ}#learning-to-write",
)


def draw_texts(rng: np.random.Generator) -> tuple[Array, int, int]:
    """Texts with a stop sign and padding of all lengths, one without, one of a stop alone; 0 is a
    word of the one without."""
    b, n = sizes(rng, 2, low=4)
    signs = rng.choice(np.setdiff1d(np.arange(-3, 40), 0), 3, replace=False)
    start, pad, stop = (int(sign) for sign in signs)
    words = np.setdiff1d(np.arange(-3, 900), signs)
    out = rng.choice(words, size=(b, n))
    lengths = rng.permutation(np.r_[n, 1, n - 1, rng.integers(1, n + 1, b - 3)])
    for row, length in zip(out, lengths, strict=True):
        row[0] = 0 if length == n else row[0]
        row[length - 1], row[length:] = stop, pad
    return out, start, pad


def unpadded(out: Array, pad: int) -> Array:
    """The text without padding, (1, N): small, so that a report shows it in full."""
    return out[(out != pad).all(axis=1)][:1]


def taught(teacher: Any, out: Array, start: int, pad: int) -> tuple[Array, Array]:
    before, counts = two(teacher(frozen(out), start, pad), "(before, counts)")
    expect_shape(before, out.shape, "before has the shape of out")
    expect_shape(counts, out.shape, "counts has the shape of out")
    return np.asarray(before), np.asarray(counts)


@forcing.check(1, "what is read is what was written one place before; the first is start")
def shift(teacher: Any, rng: np.random.Generator) -> None:
    out, start, pad = draw_texts(rng)
    one = unpadded(out, pad)
    before, _ = taught(teacher, one, start, pad)
    expect_close(before[0], np.append(start, one[0, :-1]), "start, and then all words but the last")
    before, _ = taught(teacher, out, start, pad)
    expect_close(before[:, 0], np.full(len(out), start), "the first is start, in every row")
    expect_close(before[:, 1:], out[:, :-1], "then come the words to write, one place later")
    for other in (start + 50, start - 50):  # above 0, and below it
        before, _ = taught(teacher, out, other, pad)
        expect_close(before[:, 0], np.full(len(out), other), "whatever number start is")
    one = out[:, :1]
    before, _ = taught(teacher, one, start, pad + 100)
    expect_close(before, np.full_like(one, start), "with one place, start is all that is read")


@forcing.check(1, "no place knows what it is to write")
def no_peeking(teacher: Any, rng: np.random.Generator) -> None:
    out, start, _ = draw_texts(rng)
    pad = int(out.max()) + 7
    out = np.where(out == out[:, -1:], out + 1, out)  # texts without padding
    n = out.shape[1]
    for place in range(n):
        other = out.copy()
        other[:, place] += 5 - 10 * (other[:, place] + 5 == pad)
        before, _ = taught(teacher, out, start, pad)
        changed, _ = taught(teacher, other, start, pad)
        words = np.append(out, start)
        expect(np.isin(before, words).all(), "what is read is start, or a word", got=before)
        moved = (before != changed).any(axis=0)
        want = np.arange(n) == place + 1
        claim = f"another word {place} is read at place {place + 1}, and nowhere else"
        expect_close(moved, want, claim)


@forcing.check(1, "words and the stop sign count, padding does not")
def what_counts(teacher: Any, rng: np.random.Generator) -> None:
    out, start, pad = draw_texts(rng)
    one = unpadded(out, pad)
    _, counts = taught(teacher, one, start, pad)
    expect(counts.dtype == bool, "counts holds True and False", got=f"numbers, {counts.dtype}")
    expect_close(counts, np.ones(one.shape, bool), "a text without padding counts whole")
    _, counts = taught(teacher, out, start, pad)
    expect_close(counts, out != pad, "words and the stop sign count, padding does not")
    turned = np.where(out == pad, 0, np.where(out == 0, pad, out))
    _, counts = taught(teacher, turned, start, 0)
    expect_close(counts, turned != 0, "also where padding is 0")
    _, counts = taught(teacher, np.where(out == pad, start, out), start, pad)
    claim = "what is padding is said by pad alone: a row that ends in other words counts whole"
    expect_close(counts, np.ones(out.shape, bool), claim)


@forcing.check(1, "padding before a word raises ValueError")
def padded_in_front(teacher: Any, rng: np.random.Generator) -> None:
    out, start, pad = draw_texts(rng)
    taught(teacher, unpadded(out, pad), start, pad)
    taught(teacher, out, start, pad)
    full = np.where(out == pad, start, out)
    row, n = int(rng.integers(len(out))), out.shape[1]
    for places in ([0], [n - 2], [n - 3, n - 1]):  # the last: padding, a word, padding
        wrong = full.copy()
        wrong[row, places] = pad
        claim = f"one row has padding at place {places[0]}, and a word behind it"
        expect_error(partial(teacher, wrong, start, pad), ValueError, claim)
    turned = out[:, ::-1].copy()
    expect_error(partial(teacher, turned, start, pad), ValueError, "padding in front of the texts")
    at_the_end = full.copy()
    at_the_end[row, -1] = pad
    _, counts = taught(teacher, at_the_end, start, pad)
    expect_close(counts, at_the_end != pad, "padding at the last place is where it ought to be")
    claim = "in a row of padding alone nothing counts, and that is fine"
    for rows in (row, slice(None)):  # one such row, and no other
        idle = out.copy()
        idle[rows] = pad
        _, counts = taught(teacher, idle, start, pad)
        expect_close(counts, idle != pad, claim)


def refuse_padding(out: Array, pad: int) -> Array:
    counts = out != pad
    if (counts[:, 1:] & ~counts[:, :-1]).any():
        raise ValueError("padding before a word")
    return counts


def moved(out: Array, start: int) -> Array:
    return np.concatenate([np.full_like(out[:, :1], start), out[:, :-1]], axis=1)


@forcing.wrong(
    "not shifted",
    "The decoder reads the word that it is to write. It copies, the loss falls to nearly 0 at "
    "once, and when it has to write alone it has nothing to copy.",
)
def not_shifted(out: Array, start: int, pad: int) -> tuple:
    return out.copy(), refuse_padding(out, pad)


@forcing.wrong(
    "shifted to the left",
    "Each place reads the word after the one it is to write. What is read comes from the left: "
    "start first, then the words, one place later.",
)
def to_the_left(out: Array, start: int, pad: int) -> tuple:
    before = np.concatenate([out[:, 1:], np.full_like(out[:, :1], start)], axis=1)
    return before, refuse_padding(out, pad)


@forcing.wrong(
    "np.roll",
    "np.roll brings the last column to the front, where start ought to be: the first place reads "
    "how the text ends.",
)
def rolled(out: Array, start: int, pad: int) -> tuple:
    return np.roll(out, 1, axis=1), refuse_padding(out, pad)


@forcing.wrong(
    "start put over the first word",
    "The first column was set to start, and nothing was moved: all other places read what they "
    "are to write, and the first word is read by nobody.",
)
def start_over(out: Array, start: int, pad: int) -> tuple:
    before = out.copy()
    before[:, 0] = start
    return before, refuse_padding(out, pad)


@forcing.wrong(
    "shifted along the batch",
    "Each text reads the text before it in the batch. Words are moved along the second axis.",
)
def along_the_batch(out: Array, start: int, pad: int) -> tuple:
    before = np.concatenate([np.full_like(out[:1], start), out[:-1]], axis=0)
    return before, refuse_padding(out, pad)


@forcing.wrong(
    "padding counted",
    "Everything counts here, so the decoder learns to write padding, and most of its loss, in "
    "short texts, is about nothing.",
)
def everything(out: Array, start: int, pad: int) -> tuple:
    refuse_padding(out, pad)
    return moved(out, start), np.ones(out.shape, bool)


@forcing.wrong(
    "what counts told by what is read",
    "Whether a place counts was asked of what it reads. The first padding behind a text reads the "
    "stop sign, and would count. Ask what is to be written.",
)
def counted_by_before(out: Array, start: int, pad: int) -> tuple:
    refuse_padding(out, pad)
    before = moved(out, start)
    return before, before != pad


@forcing.wrong(
    "the stop sign does not count",
    "A decoder that is never told where to stop never stops. The stop sign is one more word to "
    "write.",
)
def no_stop(out: Array, start: int, pad: int) -> tuple:
    counts = refuse_padding(out, pad)
    last = counts.copy()
    last[:, :-1] &= ~counts[:, 1:]
    return moved(out, start), counts & ~last


@forcing.wrong(
    "padding is 0",
    "0 was taken for padding. Which number it is comes as an argument.",
)
def zero_is_padding(out: Array, start: int, pad: int) -> tuple:
    refuse_padding(out, pad)
    return moved(out, start), out != 0


@forcing.wrong(
    "padding in front let through",
    "A text that was padded on the wrong side starts with padding, and the decoder learns to begin "
    "with it. Say so.",
)
def let_through(out: Array, start: int, pad: int) -> tuple:
    return moved(out, start), out != pad


# 11.3

across = Exercise(
    "11.3",
    "Two sequences",
    function="cross_attend",
    signature=(
        "cross_attend(y: (B, N, D), memory: (B, S, E), wq: (D, d), wk: (E, d), wv: (E, v),"
        " real: (B, S) of True and False) -> (z: (B, N, v), weights: (B, N, S))"
    ),
    difficulty=3,
    importance=5,
    minutes=35,
    read=f"{READ}#the-formulas-mended",
)

Problem = tuple[Array, Array, Array, Array, Array, Array]


def draw_two(rng: np.random.Generator) -> Problem:
    """Two sequences of a batch, every size another; padding behind and between, in most texts."""
    b, n, s, wide, e, d, v = sizes(rng, 7, high=11)
    real = np.arange(s) < rng.integers(2, s, size=(b, 1))
    real[0], real[1, 0] = True, False
    real[1, 1:3] = True
    shapes = ((b, n, wide), (b, s, e), (wide, d), (e, d), (e, v))
    y, memory, wq, wk, wv = (rng.normal(size=shape) for shape in shapes)
    return y, memory, wq, wk, wv, real


def by_token(y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array) -> tuple:
    """z and weights, text by text and query by query, over the real tokens alone."""
    weights = np.zeros((*y.shape[:2], memory.shape[1]))
    for b, n in np.ndindex(*y.shape[:2]):
        if real[b].any():
            scores = (memory[b, real[b]] @ wk) @ (y[b, n] @ wq) / np.sqrt(wq.shape[1])
            e = np.exp(scores - scores.max())
            weights[b, n, real[b]] = e / e.sum()
    return weights @ (memory @ wv), weights


def crossed(cross_attend: Any, problem: Problem) -> tuple[Array, Array]:
    y, memory, _, _, wv, _ = problem
    z, weights = two(cross_attend(*problem), "(z, weights)")
    shape = (*y.shape[:2], wv.shape[1])
    expect_shape(z, shape, "an answer for each token of y, as wide as a value")
    expect_shape(weights, (*y.shape[:2], memory.shape[1]), "a weight for each token of the memory")
    return np.asarray(z), np.asarray(weights)


def attended(cross_attend: Any, problem: Problem) -> tuple[Array, Array]:
    """Answers and weights, which must be shares of the memory's values.

    For checks of a property, which something that pays no attention might have as well.
    """
    _, memory, _, _, wv, real = problem
    z, weights = crossed(cross_attend, problem)
    whole = np.broadcast_to(real.any(axis=1, keepdims=True), weights.shape[:2]).astype(float)
    near(weights.sum(axis=-1), whole, "the weights sum to 1, over a memory that has real tokens")
    expect((weights >= 0).all(), "no weight is below 0", got=weights)
    near(z, weights @ (memory @ wv), "the answers are the values under the weights")
    return z, weights


@across.check(1, "what is written asks, what is read answers: agrees with the loop")
def agrees(cross_attend: Any, rng: np.random.Generator) -> None:
    y, memory, *matrices, real = draw_two(rng)
    wq, wk, wv = matrices
    for part in (slice(None), slice(1)):  # one query alone, too
        problem = (y[:, part], memory, *matrices, np.ones_like(real))
        z, weights = crossed(cross_attend, problem)  # type: ignore[arg-type]
        want = by_token(*problem)
        near(weights, want[1], "weights: softmax over the memory of q·k / √d")
        near(z, want[0], "z is the sum of the values, each by its weight")
    short = (y, memory[:, :1], wq, wk, wv[:, :1], np.ones_like(real[:, :1]))
    z, weights = crossed(cross_attend, short)
    ones = np.ones_like(weights)
    expect_close(weights, ones, "a memory of one token has all the weight", rtol=1e-5)
    near(z, by_token(*short)[0], "and its value, here one number, is every answer")
    square = rng.normal(size=(5, 4, 4, 4))
    problem = (*square[:2], *square[2:, 0], np.tri(4, dtype=bool))
    z, weights = crossed(cross_attend, problem)  # type: ignore[arg-type]
    want = by_token(*problem)
    near(weights, want[1], "also where all sizes are equal, and the texts are padded")
    near(z, want[0], "and the answers there")


@across.check(1, "padding has the weight 0, and what it holds does not matter")
def padding(cross_attend: Any, rng: np.random.Generator) -> None:
    y, memory, wq, wk, wv, real = draw_two(rng)
    z, weights = crossed(cross_attend, (y, memory, wq, wk, wv, real))
    want = by_token(y, memory, wq, wk, wv, real)
    near(weights, want[1], "a softmax over the real tokens of each text")
    near(z, want[0], "and the values by these weights")
    hidden = weights[np.broadcast_to(~real[:, None], weights.shape)]
    most = f"a weight of {abs(hidden).max():.3g}"
    expect(np.all(hidden == 0), "padding has the weight 0 exactly", expected=0, got=most)
    for factor in (1e3, 1e12):
        loud = np.where(real[..., None], memory, factor * memory)
        again = crossed(cross_attend, (y, loud, wq, wk, wv, real))
        near(again[1], weights, "padding that would score thousands, or more, changes no weight")
        near(again[0], z, "and no answer")
    for b, n in ((slice(1, 2), slice(None)), (slice(None), slice(1))):  # text 1 has padding
        problem = (y[b, n], memory[b], wq, wk, wv, real[b])
        z, weights = crossed(cross_attend, problem)
        near(weights, by_token(*problem)[1], "also with one text, or one query of each")
        near(z, by_token(*problem)[0], "and the answers there")


@across.check(1, "a text alone, without padding, is answered as in the batch")
def alone(cross_attend: Any, rng: np.random.Generator) -> None:
    y, memory, wq, wk, wv, real = draw_two(rng)
    z, weights = attended(cross_attend, (y, memory, wq, wk, wv, real))
    for b in range(len(y)):
        own = real[b]
        n = int(rng.integers(y.shape[1]))
        problem = (y[b : b + 1, n : n + 1], memory[b : b + 1, own], wq, wk, wv, own[own][None])
        z_alone, w_alone = attended(cross_attend, problem)
        near(w_alone[0, 0], weights[b, n, own], "the same weights on its own tokens")
        near(z_alone[0, 0], z[b, n], "and the same answer")
    reacts(z[:, :1], z[:, 1:2], "another query gets another answer")


@across.check(1, "the order of the memory does not matter, and each query keeps its answer")
def orders(cross_attend: Any, rng: np.random.Generator) -> None:
    y, memory, wq, wk, wv, real = draw_two(rng)
    z, weights = attended(cross_attend, (y, memory, wq, wk, wv, real))
    order = np.roll(rng.permutation(memory.shape[1]), 1)
    z_new, w_new = attended(cross_attend, (y, memory[:, order], wq, wk, wv, real[:, order]))
    near(w_new, weights[:, :, order], "tokens of the memory change places, and so do weights")
    near(z_new, z, "the answers stay")
    turn = np.roll(np.arange(y.shape[1]), 1)
    z_new, w_new = attended(cross_attend, (y[:, turn], memory, wq, wk, wv, real))
    near(z_new, z[:, turn], "queries change places, and so do answers")
    near(w_new, weights[:, turn], "and rows of weights")
    reacts(w_new, weights, "queries differ in their weights")
    other = memory + rng.normal(size=memory.shape)
    reacts(attended(cross_attend, (y, other, wq, wk, wv, real))[0], z, "another memory, another z")


@across.check(1, "scores thousands apart do no harm, and a memory of padding alone gives 0")
def borders(cross_attend: Any, rng: np.random.Generator) -> None:
    y, memory, wq, wk, wv, real = draw_two(rng)
    b, n = y.shape[:2]
    lift = rng.permutation(np.linspace(-3000, 3000, b * n) * np.sqrt(wq.shape[1] + 1))
    asked = np.append(y, lift.reshape(b, n, 1), axis=-1)
    read = np.append(memory, np.where(real, 1.0, 3.0)[..., None], axis=-1)
    read[0, 0, -1] = 1.5
    problem = (asked, read, one_more(wq), one_more(wk), np.pad(wv, ((0, 1), (0, 0))), real)
    z, weights = crossed(cross_attend, problem)
    want = by_token(*problem)
    near(weights, want[1], "rows thousands apart, and padding far above them")
    # Of scores that large 32 bits keep four decimals, so values are taken by the weights that came.
    near(z, weights @ (memory @ wv), "and the answers are the values by these weights")
    # Real tokens at -3e10 times 1, 2, 3, ..., padding far above them.
    rank = np.where(real, 1.0 + rng.permuted(np.tile(np.arange(real.shape[1]), (b, 1)), axis=1), 0)
    asked = np.append(0 * y, np.full((b, n, 1), -3e10), axis=-1)
    read = np.append(memory, rank[..., None], axis=-1)
    deep = (asked, read, one_more(wq), one_more(wk), np.pad(wv, ((0, 1), (0, 0))), real)
    z, weights = crossed(cross_attend, deep)
    near(weights, by_token(*deep)[1], "all scores of real tokens lie billions below 0")
    row = int(rng.integers(b))
    nothing = real.copy()
    nothing[row] = False
    z, weights = crossed(cross_attend, (y, memory, wq, wk, wv, nothing))
    near(weights[row], np.zeros_like(weights[row]), "nothing real: weights 0, and no NaN")
    near(z[row], np.zeros_like(z[row]), "and answers 0")
    want = by_token(y, memory, wq, wk, wv, nothing)
    near(z, want[0], "the other texts are answered as ever")


def one_more(w: Array) -> Array:
    """A matrix with one more row and column: the last number in comes out as it is."""
    wide = np.pad(w, ((0, 1), (0, 1)))
    wide[-1, -1] = 1
    return wide


def masked(scores: Array, real: Array) -> Array:
    """Softmax over the last axis, of the real tokens (B, S) alone; 0 where none is real."""
    allowed = np.broadcast_to(real[:, None, :], scores.shape)
    top = np.where(allowed, scores, -np.inf).max(axis=-1, keepdims=True)
    e = np.where(allowed, np.exp(np.minimum(scores - np.where(np.isfinite(top), top, 0), 0)), 0)
    return e / np.maximum(e.sum(axis=-1, keepdims=True), 1e-300)


def scores_of(query: Array, key: Array) -> Array:
    return query @ key.swapaxes(1, 2) / np.sqrt(query.shape[-1])


@across.wrong(
    "memory asks, y answers",
    "Here what is read asks what was written. The answers then belong to the tokens that are read. "
    "Who needs to know something asks: the query comes from y.",
)
def turned_round(
    y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array
) -> tuple[Array, Array]:
    weights = masked(scores_of(y @ wq, memory @ wk), real)
    back = weights.swapaxes(1, 2)
    return back @ (y[..., :1] @ wv[:1]), back


@across.wrong(
    "softmax over the queries",
    "The softmax runs over the tokens of y: for one token of the memory the weights of all queries "
    "sum to 1. Each query spreads a weight of 1 over the memory.",
)
def over_queries(
    y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array
) -> tuple[Array, Array]:
    scores = scores_of(y @ wq, memory @ wk)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = e / e.sum(axis=1, keepdims=True) * real[:, None]
    return weights @ (memory @ wv), weights


@across.wrong(
    "not scaled",
    "The scores were not divided by √d, the root of the width of a query.",
)
def unscaled(
    y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array
) -> tuple[Array, Array]:
    weights = masked((y @ wq) @ (memory @ wk).swapaxes(1, 2), real)
    return weights @ (memory @ wv), weights


@across.wrong(
    "scaled by the width of y",
    "The scores were divided by the root of D, the width of a token of y. What counts is the width "
    "of what is multiplied: d, the width of queries and keys.",
)
def scaled_by_width(
    y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array
) -> tuple[Array, Array]:
    weights = masked((y @ wq) @ (memory @ wk).swapaxes(1, 2) / np.sqrt(y.shape[-1]), real)
    return weights @ (memory @ wv), weights


@across.wrong(
    "padding forgotten",
    "Padding got weight like any token. The longer the longest text of a batch, the more of each "
    "answer is made of nothing.",
)
def no_mask(
    y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array
) -> tuple[Array, Array]:
    weights = masked(scores_of(y @ wq, memory @ wk), np.ones_like(real))
    return weights @ (memory @ wv), weights


@across.wrong(
    "the mask turned round",
    "real is True where a token counts. Here just these were hidden, and padding was read.",
)
def inverted(
    y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array
) -> tuple[Array, Array]:
    weights = masked(scores_of(y @ wq, memory @ wk), ~real)
    return weights @ (memory @ wv), weights


@across.wrong(
    "masked after softmax",
    "Padding took its share first, and then lost it: the rows no longer sum to 1. Mask the scores, "
    "before softmax.",
)
def masked_after(
    y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array
) -> tuple[Array, Array]:
    weights = masked(scores_of(y @ wq, memory @ wk), np.ones_like(real)) * real[:, None]
    return weights @ (memory @ wv), weights


@across.wrong(
    "padding set to zero vectors",
    "A key of zeros has the score 0, and a score of 0 is not a weight of 0. Padding must be kept "
    "out of the softmax.",
)
def zeroed(
    y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array
) -> tuple[Array, Array]:
    memory = memory * real[..., None]
    weights = masked(scores_of(y @ wq, memory @ wk), np.ones_like(real))
    return weights @ (memory @ wv), weights


@across.wrong(
    "a low score for padding",
    "Padding got the score -100. Where the scores of real tokens lie lower still, it wins. Minus "
    "infinity is below all.",
)
def low_fill(
    y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array
) -> tuple[Array, Array]:
    scores = np.where(real[:, None], scores_of(y @ wq, memory @ wk), -100.0)
    weights = masked(scores, np.ones_like(real))
    return weights @ (memory @ wv), weights


@across.wrong(
    "a finite number for minus infinity",
    "Padding got a very low score, -1e9 say. Real scores may lie lower still, and then padding has "
    "all the weight. Minus infinity is below all.",
)
def finite_fill(
    y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array
) -> tuple[Array, Array]:
    scores = np.where(real[:, None], scores_of(y @ wq, memory @ wk), -1e9)
    weights = masked(scores, np.ones_like(real))
    return weights @ (memory @ wv), weights


@across.wrong(
    "equal weights where nothing is real",
    "Where nothing is real each token has the weight 1 / S. So it is where all of them have one "
    "score, however low, and where a sum of 0 is taken for S. There weights and answers are 0.",
)
def equal_fill(
    y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array
) -> tuple[Array, Array]:
    weights = masked(scores_of(y @ wq, memory @ wk), real)
    weights[~real.any(axis=1)] = 1 / real.shape[1]
    return weights @ (memory @ wv), weights


@across.wrong(
    "no maximum subtracted",
    "exp of a score of thousands is infinite, and that of minus thousands is 0 for a whole row: "
    "NaN. Subtract the largest real score of each row first.",
)
def overflowing(
    y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array
) -> tuple[Array, Array]:
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.where(real[:, None], np.exp(scores_of(y @ wq, memory @ wk)), 0)
        total = e.sum(axis=-1, keepdims=True)
        weights = e / np.where(total > 0, total, 1)
    return weights @ (memory @ wv), weights


@across.wrong(
    "a row of nothing gives NaN",
    "Where nothing is real the sum of the exponentials is 0, and 0 / 0 is NaN: from there it goes "
    "through the whole batch. Such a row gets 0.",
)
def nan_row(
    y: Array, memory: Array, wq: Array, wk: Array, wv: Array, real: Array
) -> tuple[Array, Array]:
    weights = masked(scores_of(y @ wq, memory @ wk), real)
    weights[~real.any(axis=1)] = np.nan
    return weights @ (memory @ wv), weights


# 11.4

decoding = Exercise(
    "11.4",
    "Greedy decoding",
    function="greedy",
    signature=(
        "greedy(memory: (B, C), table: (C, C, C), start: int, stop: int, pad: int, longest: int)"
        " -> (B, N) whole numbers"
    ),
    difficulty=3,
    importance=4,
    minutes=35,
    read=f"{READ}#writing-alone",
)


def told(memory: Array, table: Array, start: int, stop: int, longest: int) -> list[list[int]]:
    """Each text on its own, word by word."""
    texts = []
    for row in memory:
        words = [start, start]
        while len(words) < longest + 2 and not (len(words) > 2 and words[-1] == stop):
            words.append(int((table[words[-2], words[-1]] + row).argmax()))
        texts.append(words[2:])
    return texts


def in_one(texts: list[list[int]], pad: int) -> Array:
    longest = max(map(len, texts))
    rows = [text + [pad] * (longest - len(text)) for text in texts]
    return np.array(rows, dtype=int).reshape(len(texts), longest)


def draw_walks(rng: np.random.Generator, lengths: list[int]) -> tuple[Array, Array, int, int, int]:
    """A table and memories that make texts stop after so many words each; 0: they do not stop."""
    b = len(lengths)
    while True:
        c = int(rng.integers(9, 14))
        start, stop, pad = (int(i) for i in rng.choice(c, 3, replace=False))
        table = rng.normal(size=(c, c, c)) - 20
        memory = rng.normal(size=(b, c))
        table[..., [start, pad]] -= 50
        table[..., stop] -= 50
        for row, length in zip(memory, lengths, strict=True):
            free = told(row[None], table, start, stop, 12)[0]
            if length == 1:  # it stops whatever stands before
                row[stop] += 300
            elif 0 < length <= len(free):
                u, v = [start, start, *free][length - 1 : length + 1]
                table[u, v, stop] += 100
        made = [len(text) for text in told(memory, table, start, stop, 12)]
        if made == [length or 12 for length in lengths]:
            return memory, table, start, stop, pad


def agrees_with_walks(greedy: Any, drawn: tuple, longest: int, claim: str) -> None:
    memory, table, start, stop, pad = drawn
    want = in_one(told(memory, table, start, stop, longest), pad)
    got = greedy(memory, table, start, stop, pad, longest)
    expect_shape(got, want.shape, "a row for each text, as long as the longest")
    expect_close(got, want, claim)


@decoding.check(1, "each word is the likeliest after the two before it, for each text")
def likeliest(greedy: Any, rng: np.random.Generator) -> None:
    drawn = draw_walks(rng, [0] * 8)  # in some text the word before the last decides
    longest = int(rng.integers(5, 9))
    agrees_with_walks(greedy, drawn, longest, "the largest score, word by word")
    memory, table, *signs = draw_walks(rng, [0])
    for low in (-3000.0, 0.0, 3000.0):
        given = (memory + low, table, *signs)
        agrees_with_walks(greedy, given, longest, "wherever the scores lie")
    deep = (memory * 1e9, table * 1e9, *signs)
    agrees_with_walks(greedy, deep, longest, "also where all scores are billions below 0")


@decoding.check(1, "a text ends with stop, and padding follows while others go on")
def stops(greedy: Any, rng: np.random.Generator) -> None:
    claim = "stop is the last word of a text, and behind it stands pad"
    # Each text is once the first to stop, and once the last; at first text 0 is neither.
    for turn in (1, 2, 3, 0):
        lengths = [int(n) for n in np.roll([1, 3, 6, 2], turn)]
        agrees_with_walks(greedy, draw_walks(rng, lengths), 9, claim)
    agrees_with_walks(greedy, draw_walks(rng, [*lengths, 0]), 9, "one text does not stop")
    claim = "when all have stopped nothing more is written"
    agrees_with_walks(greedy, draw_walks(rng, [1, 1]), 9, claim)


@decoding.check(1, "no more than `longest` words; a negative one raises ValueError")
def no_longer(greedy: Any, rng: np.random.Generator) -> None:
    drawn = draw_walks(rng, [4, 0])
    for longest in (1, 3, 4, 5):  # before the stop, at it, behind it
        agrees_with_walks(greedy, drawn, longest, f"at most {longest} words")
    memory, table, start, stop, pad = drawn
    got = greedy(memory, table, start, stop, pad, 0)
    expect_shape(got, (2, 0), "longest 0: nothing is written")
    for bad in (-1, -int(rng.integers(2, 9))):
        call = partial(greedy, memory, table, start, stop, pad, bad)
        expect_error(call, ValueError, f"longest {bad} is a mistake of the caller")


@decoding.check(1, "a text alone gives what it gives among others; of equal scores the first wins")
def alone_and_ties(greedy: Any, rng: np.random.Generator) -> None:
    lengths = [int(n) for n in rng.permutation([2, 5, 0, 3])]
    memory, table, start, stop, pad = draw_walks(rng, lengths)
    for b in range(4):
        drawn = (memory[b : b + 1], table, start, stop, pad)
        agrees_with_walks(greedy, drawn, 8, "one text alone")
    level = np.round(table)
    c = len(level)
    words = [i for i in range(c) if i not in (start, stop, pad)]
    level[..., words] = np.where(rng.random((c, c, len(words))) < 0.5, -20.0, -np.inf)
    level[..., words[0]] = -np.inf
    level[..., words[-3:]] = -20.0  # equal, in every row
    claim = "equal scores: the smaller number; others are -inf"
    for scale in (1.0, 1e9):  # tens below 0, and billions
        agrees_with_walks(greedy, (np.zeros((3, c)), scale * level, start, stop, pad), 6, claim)
    level[..., words[-1]] += 1e-4
    drawn = (np.zeros((3, c)), level, start, stop, pad)
    agrees_with_walks(greedy, drawn, 6, "nearly equal scores: the larger one")


Walk = tuple[Array, Array, int, int, int, int]


def rows_of(texts: list[list[int]], pad: int, longest: int) -> Array:
    if longest < 0:
        raise ValueError("longest must not be negative")
    return in_one(texts, pad)


@decoding.wrong(
    "knows only the last word",
    "The scores were looked up for start and the last word. The next word follows the last two.",
)
def last_only(memory: Array, table: Array, start: int, stop: int, pad: int, longest: int) -> Array:
    texts = []
    for row in memory:
        words: list[int] = []
        while len(words) < longest and stop not in words:
            words.append(int((table[start, words[-1] if words else start] + row).argmax()))
        texts.append(words)
    return rows_of(texts, pad, longest)


@decoding.wrong(
    "the two words before changed places",
    "table[u, v] is asked with the older word first. Here the newer one came first.",
)
def swapped(memory: Array, table: Array, start: int, stop: int, pad: int, longest: int) -> Array:
    return rows_of(told(memory, table.swapaxes(0, 1), start, stop, longest), pad, longest)


@decoding.wrong(
    "memory not read",
    "Every text comes out the same: what was read, memory[b], was not added to the scores.",
)
def unread(memory: Array, table: Array, start: int, stop: int, pad: int, longest: int) -> Array:
    return rows_of(told(0 * memory, table, start, stop, longest), pad, longest)


@decoding.wrong(
    "all read the first text",
    "The scores of the first text were used for all. Each text adds its own row of memory.",
)
def first_row(memory: Array, table: Array, start: int, stop: int, pad: int, longest: int) -> Array:
    same = np.broadcast_to(memory[:1], memory.shape)
    return rows_of(told(same, table, start, stop, longest), pad, longest)


@decoding.wrong(
    "never stops",
    "The texts go on behind their stop sign. A text that has stopped gets padding.",
)
def endless(memory: Array, table: Array, start: int, stop: int, pad: int, longest: int) -> Array:
    return rows_of(told(memory, table, start, -1, longest), pad, longest)


@decoding.wrong(
    "all stop with the first",
    "Writing ended as soon as one text had stopped, and the others were cut off. It ends when all "
    "have stopped.",
)
def first_stop(memory: Array, table: Array, start: int, stop: int, pad: int, longest: int) -> Array:
    texts = told(memory, table, start, stop, longest)
    shortest = min(map(len, texts))
    return rows_of([text[:shortest] for text in texts], pad, longest)


@decoding.wrong(
    "start written",
    "The sign for the start was returned with the texts. It is read, not written.",
)
def with_start(memory: Array, table: Array, start: int, stop: int, pad: int, longest: int) -> Array:
    texts = told(memory, table, start, stop, longest)
    return rows_of([[start, *text] for text in texts], pad, longest)


@decoding.wrong(
    "stop left out",
    "The stop sign is missing at the end of the texts, so nobody can tell a text that was ended "
    "from one that was cut off. Here it belongs to the text.",
)
def without_stop(
    memory: Array, table: Array, start: int, stop: int, pad: int, longest: int
) -> Array:
    texts = told(memory, table, start, stop, longest)
    return rows_of([[word for word in text if word != stop] for text in texts], pad, longest)


@decoding.wrong(
    "always the full length",
    "There are `longest` columns, whatever was written. N is the length of the longest text.",
)
def full_length(
    memory: Array, table: Array, start: int, stop: int, pad: int, longest: int
) -> Array:
    texts = told(memory, table, start, stop, longest)
    return rows_of([*texts, [pad] * longest], pad, longest)[:-1]


@decoding.wrong(
    "drawn by chance",
    "The next word was drawn at random, by softmax. Greedy means: the likeliest, every time.",
)
def sampled(memory: Array, table: Array, start: int, stop: int, pad: int, longest: int) -> Array:
    rng = np.random.default_rng(0)
    texts = []
    for row in memory:
        words = [start, start]
        while len(words) < longest + 2 and not (len(words) > 2 and words[-1] == stop):
            scores = table[words[-2], words[-1]] + row
            e = np.exp(scores - scores.max())
            words.append(int(rng.choice(len(row), p=e / e.sum())))
        texts.append(words[2:])
    return rows_of(texts, pad, longest)


@decoding.wrong(
    "the last of equal scores",
    "Of equal scores the last one was taken. The smaller number wins, as argmax has it.",
)
def last_of_equals(
    memory: Array, table: Array, start: int, stop: int, pad: int, longest: int
) -> Array:
    c = len(table)
    back = table[::-1, ::-1, ::-1]
    texts = told(memory[:, ::-1], back, c - 1 - start, c - 1 - stop, longest)
    return rows_of([[c - 1 - word for word in text] for text in texts], pad, longest)


@decoding.wrong(
    "a negative length taken for none",
    "A negative `longest` is a mistake of the caller: with no word at all it would look like a "
    "text of length 0.",
)
def any_length(memory: Array, table: Array, start: int, stop: int, pad: int, longest: int) -> Array:
    return in_one(told(memory, table, start, stop, max(0, longest)), pad)


# 11.5

aligned = Exercise(
    "11.5",
    "Is it aligned?",
    function="alignment",
    signature=(
        "alignment(weights: (N, S), links: list of N lists of places, length: int)"
        " -> (hits, linked)"
    ),
    difficulty=2,
    importance=3,
    minutes=25,
    read=f"{READ}#where-it-looks",
)


def draw_links(rng: np.random.Generator) -> tuple[Array, Places, int]:
    """Weights with a hit on the first, the middle and the last of several places, with misses, and
    with characters that come from nowhere; padding with the largest weights of all."""
    n, s = 12, int(rng.integers(11, 15))
    length = s - int(rng.integers(2, 4))
    weights = rng.uniform(0.05, 0.1, size=(n, s))
    weights[:, length:] += 1
    links: Places = []
    tops = rng.integers(length, size=n)
    for row, top in enumerate(tops):
        weights[row, top] += 0.2  # less than all others together
        others = [int(place) for place in rng.permutation(length) if place != top]
        several = sorted([int(top), *others[:2]])
        links.append([[int(top)], several, others[:1], others[:3], []][row % 5])
    links[0], links[1] = [int(tops[0]), length - 1], [0, int(tops[1])]
    order = rng.permutation(n)
    return weights[order], [links[i] for i in order], length


def counted(weights: Array, links: Places, length: int) -> tuple[int, int]:
    tops = weights[:, :length].argmax(axis=1)
    hits = sum(int(top) in link for top, link in zip(tops, links, strict=True))
    return hits, sum(bool(link) for link in links)


def agrees_with_count(alignment: Any, drawn: tuple[Array, Places, int], claim: str) -> None:
    hits, linked = two(alignment(*drawn), "(hits, linked)")
    want = counted(*drawn)
    expect_close(linked, want[1], "linked: how many characters have a link")
    expect_close(hits, want[0], claim)


@aligned.check(1, "a hit is the largest weight on one of its places; without a link nothing counts")
def hits_and_links(alignment: Any, rng: np.random.Generator) -> None:
    weights, links, length = draw_links(rng)
    weights, links, length = weights[:, :length], links, length
    agrees_with_count(alignment, (weights, links, length), "hits, any of its places will do")
    for row in range(len(links)):  # one by one: each hit and each miss by itself
        one = (weights[row : row + 1], links[row : row + 1], length)
        agrees_with_count(alignment, one, f"one character, with the places {links[row]}")
    nowhere: Places = [[] for _ in links]
    agrees_with_count(alignment, (weights, nowhere, length), "no link, no hit")
    ends, edges = np.eye(length)[[length - 1, length // 2, 0]], [0, length - 1]
    claim = "the last place counts as the others do, and what lies between two does not"
    agrees_with_count(alignment, (ends, [[length - 1], edges, edges[::-1]], length), claim)
    twice = [[length - 1] * 2, edges, edges[::-1]]
    agrees_with_count(alignment, (ends, twice, length), "a place named twice is one hit")


@aligned.check(1, "padding cannot win, and of the weights only their order matters")
def only_real_places(alignment: Any, rng: np.random.Generator) -> None:
    weights, links, length = draw_links(rng)
    agrees_with_count(alignment, (weights, links, length), "padding has more weight, and no say")
    factors = rng.uniform(0.1, 9, size=(len(weights), 1))
    agrees_with_count(alignment, (weights * factors, links, length), "rows on another scale")
    for scale in (1.0, 1e9):  # by a few, and by billions
        agrees_with_count(alignment, (scale * (weights - 9), links, length), "all numbers below 0")
    n, places = len(links), [[0], [length - 1], [1, 2], [0, 1]]
    equal = np.full((4, length + 1), 1 / length)
    agrees_with_count(alignment, (equal, places, length), "equal weights: the first is largest")
    close = equal + 1e-6 * (np.arange(length + 1) == length - 1)
    agrees_with_count(alignment, (close, places, length), "the last is the largest, by little")
    equal[:, 0] = 0
    agrees_with_count(alignment, (equal, places, length), "the first of those that are equal")
    firsts: Places = [[0] if link else [] for link in links]
    agrees_with_count(alignment, (weights, firsts, 1), f"one real place, {n} characters")


@aligned.check(1, "lengths that do not fit, and links to what is not real, raise ValueError")
def refusals(alignment: Any, rng: np.random.Generator) -> None:
    weights, links, length = draw_links(rng)
    s, row = weights.shape[1], int(rng.integers(len(links)))
    full: Places = [[0, s - 1] if link else [] for link in links]
    last_most = weights + 0.2 * (np.arange(s) == s - 1)
    agrees_with_count(alignment, (last_most, full, s), "length S: every place is real")
    for wrong in (links[:-1], [*links, [0]]):
        call = partial(alignment, weights, wrong, length)
        expect_error(call, ValueError, f"{len(wrong)} lists for {len(weights)} rows")
    nowhere: Places = [[] for _ in links]
    hit = int(weights[row, :length].argmax())
    for bad in (0, -1, -s, s + 1, s + int(rng.integers(2, 9))):
        call = partial(alignment, weights, nowhere, bad)
        expect_error(call, ValueError, f"{bad} real places, of {s}")
    for place in (length, s - 1, -1, -length, length + s):
        last = len(links) - 1
        for at, wrong_link in ((0, [place]), (last, [place, 0]), (row, [hit, place])):
            more = [*links[:at], wrong_link, *links[at + 1 :]]
            call = partial(alignment, weights, more, length)
            expect_error(call, ValueError, f"a link to place {place}, with {length} real ones")


def refuse_links(weights: Array, links: Places, length: int) -> None:
    if len(links) != len(weights) or not 1 <= length <= weights.shape[1]:
        raise ValueError("sizes do not fit")
    if any(not 0 <= place < length for link in links for place in link):
        raise ValueError("no such place")


@aligned.wrong(
    "hyphens counted as misses",
    "Characters that come from nowhere were counted among the linked ones, so each of them is a "
    "miss. They can be neither right nor wrong.",
)
def all_counted(weights: Array, links: Places, length: int) -> tuple[int, int]:
    refuse_links(weights, links, length)
    return counted(weights, links, length)[0], len(links)


@aligned.wrong(
    "a character from nowhere is a hit",
    "Characters without a link were counted as hits. They come from nowhere, and do not count.",
)
def nowhere_hits(weights: Array, links: Places, length: int) -> tuple[int, int]:
    refuse_links(weights, links, length)
    hits, linked = counted(weights, links, length)
    return hits + len(links) - linked, linked


@aligned.wrong(
    "only the first place counts",
    "A digit of the month comes from every letter of its name. The largest weight may lie on any "
    "of the places.",
)
def first_place(weights: Array, links: Places, length: int) -> tuple[int, int]:
    refuse_links(weights, links, length)
    first = [link[:1] for link in links]
    return counted(weights, first, length)[0], counted(weights, links, length)[1]


@aligned.wrong(
    "padding may win",
    "The largest weight was looked for among all places, padding too. Only the first `length` are "
    "real.",
)
def padding_wins(weights: Array, links: Places, length: int) -> tuple[int, int]:
    refuse_links(weights, links, length)
    return counted(weights, links, weights.shape[1])


@aligned.wrong(
    "padding set to 0",
    "Where all numbers of a row lie below 0, a 0 is the largest of them, and padding wins. Cut the "
    "padding off.",
)
def padding_at_zero(weights: Array, links: Places, length: int) -> tuple[int, int]:
    refuse_links(weights, links, length)
    real = np.arange(weights.shape[1]) < length
    return counted(weights * real, links, weights.shape[1])


@aligned.wrong(
    "weight added up, not compared",
    "The weights on the places were added up. Asked is in how many rows the largest weight lies "
    "there.",
)
def weight_sum(weights: Array, links: Places, length: int) -> tuple[float, int]:
    refuse_links(weights, links, length)
    total = sum(float(row[link].sum()) for row, link in zip(weights, links, strict=True) if link)
    return total, counted(weights, links, length)[1]


@aligned.wrong(
    "argmax over the characters",
    "For each place the character with the largest weight was looked for. Each character has its "
    "own row: the largest is looked for along it.",
)
def along_the_rows(weights: Array, links: Places, length: int) -> tuple[int, int]:
    refuse_links(weights, links, length)
    tops = weights[:, :length].argmax(axis=0)
    hits = sum(int(row in tops[link]) for row, link in enumerate(links))
    return hits, counted(weights, links, length)[1]


@aligned.wrong(
    "more than half the weight asked for",
    "A weight counted only above a half. The largest of many is often smaller.",
)
def half(weights: Array, links: Places, length: int) -> tuple[int, int]:
    refuse_links(weights, links, length)
    rows = weights[:, :length] / weights[:, :length].sum(axis=1, keepdims=True)
    hits = sum(bool((row[link] > 0.5).any()) for row, link in zip(rows, links, strict=True))
    return hits, counted(weights, links, length)[1]


@aligned.wrong(
    "the last of equal weights",
    "Of equal weights the last one was taken. The first counts as the largest, as argmax has it.",
)
def last_of_equal(weights: Array, links: Places, length: int) -> tuple[int, int]:
    refuse_links(weights, links, length)
    tops = length - 1 - weights[:, :length][:, ::-1].argmax(axis=1)
    hits = sum(int(top) in link for top, link in zip(tops, links, strict=True))
    return hits, counted(weights, links, length)[1]


@aligned.wrong(
    "a link to padding let through",
    "A link that leads to padding, or to a place before the first, is a mistake of whoever made "
    "it. Say so.",
)
def any_link(weights: Array, links: Places, length: int) -> tuple[int, int]:
    if len(links) != len(weights) or not 1 <= length <= weights.shape[1]:
        raise ValueError("sizes do not fit")
    return counted(weights, links, length)


@aligned.wrong(
    "zip stops at the shorter",
    "zip ends without a word when one of its lists ends, and the rest is not counted. Compare the "
    "lengths first.",
)
def zipped(weights: Array, links: Places, length: int) -> tuple[int, int]:
    if not 1 <= length <= weights.shape[1]:
        raise ValueError("sizes do not fit")
    if any(not 0 <= place < length for link in links for place in link):
        raise ValueError("no such place")
    shorter = min(len(weights), len(links))
    return counted(weights[:shorter], links[:shorter], length)
