"""Chapter 13, speech: frames, pooling in time, two questions, a burst of noise, a control."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_real, expect_shape
from .common import near, sizes

Array = np.ndarray

READ = "13_speech.md"


# 13.1

cutting = Exercise(
    "13.1",
    "Frames",
    function="frames",
    signature="frames(signal: (T,), size: int, hop: int) -> (n, size)",
    difficulty=2,
    importance=3,
    minutes=20,
    read=f"{READ}#sound-as-frames",
)


def cut(signal: Array, size: int, hop: int) -> Array:
    rows = [signal[i : i + size] for i in range(0, len(signal) - size + 1, hop)]
    return np.array(rows)


def is_cut(frames: Any, rng: np.random.Generator, size: int, hop: int, length: int) -> None:
    signal = rng.normal(size=length)
    want, got = cut(signal, size, hop), frames(signal, size, hop)
    claim = f"of {length} samples, frames of {size}, hop {hop}, as many as fit: {len(want)}"
    expect_shape(got, want.shape, claim)
    near(got, want, "row i holds the samples from i * hop on")


@cutting.check(1, "row i begins at sample i * hop: overlapping frames")
def overlapping(frames: Any, rng: np.random.Generator) -> None:
    for _ in range(2):
        hop, size, count = sizes(rng, 3, low=2, high=7)
        hop, size = sorted((hop, size))
        is_cut(frames, rng, size, hop, size + hop * count)
    for _ in range(2):  # the same sizes twice, another signal
        is_cut(frames, rng, size, 1, size + count)


@cutting.check(1, "all frames that fit, and no other")
def how_many(frames: Any, rng: np.random.Generator) -> None:
    hop, size, count = sizes(rng, 3, low=3, high=9)
    for rest in (0, 1, hop - 1):  # just enough, and nearly enough for one more
        is_cut(frames, rng, size, hop, size + hop * count + rest)
    is_cut(frames, rng, size, hop, size + hop * 60)


@cutting.check(1, "also a hop as large as a frame or larger, frames of one sample, and one frame")
def wide_hops(frames: Any, rng: np.random.Generator) -> None:
    size, more, count = sizes(rng, 3, low=2, high=7)
    is_cut(frames, rng, size, size + more, size + (size + more) * count + 1)
    is_cut(frames, rng, size, size, size * (count + 1))
    is_cut(frames, rng, 1, more, 1 + more * count + more - 1)
    is_cut(frames, rng, size, more, size)
    is_cut(frames, rng, size, size + more + 1, size + more)  # a hop beyond the end of the signal
    is_cut(frames, rng, 1, 1, 1)


@cutting.check(1, "a signal that is too short, and sizes and hops below 1, raise ValueError")
def too_short(frames: Any, rng: np.random.Generator) -> None:
    hop, size, count = sizes(rng, 3, low=2, high=7)
    signal = rng.normal(size=size + hop * count)
    for few in (size - 1, 0):
        for step in (1, hop, size + hop):  # of a hop there may be enough
            claim = f"the signal holds {few} of the {size} samples of a frame, hop {step}"
            expect_error(partial(frames, signal[:few], size, step), ValueError, claim)
    for bad in (0, -1, -size):
        expect_error(partial(frames, signal, bad, hop), ValueError, f"frames of {bad} samples")
        expect_error(partial(frames, signal, size, bad), ValueError, f"a hop of {bad}")
        claim = f"a hop of {bad}, with one frame alone"
        expect_error(partial(frames, signal[:size], size, bad), ValueError, claim)


def refuse_frames(signal: Array, size: int, hop: int) -> None:
    if size < 1 or hop < 1 or len(signal) < size:
        raise ValueError("sizes and hops are at least 1, and the signal holds a frame")


@cutting.wrong(
    "the hop is ignored",
    "A reshape cuts frames that stand side by side. Frame i begins at i * hop, so with a hop "
    "smaller than the size frames share samples, and with a larger one some are left out.",
)
def reshaped(signal: Array, size: int, hop: int) -> Array:
    refuse_frames(signal, size, hop)
    return signal[: len(signal) // size * size].reshape(-1, size)


@cutting.wrong(
    "a last frame filled with zeros",
    "What is left at the end was filled with zeros to make one more frame. Only whole frames "
    "count: nobody recorded those zeros.",
)
def filled_up(signal: Array, size: int, hop: int) -> Array:
    refuse_frames(signal, size, hop)
    n = 1 + -(-(len(signal) - size) // hop)
    longer = np.append(signal, np.zeros(size + hop))
    return np.array([longer[i * hop : i * hop + size] for i in range(n)])


@cutting.wrong(
    "the last whole frame is missing",
    "A frame may end with the very last sample: the last beginning that fits is T − size, itself "
    "included.",
)
def one_too_few(signal: Array, size: int, hop: int) -> Array:
    refuse_frames(signal, size, hop)
    rows = [signal[i : i + size] for i in range(0, len(signal) - size, hop)]
    return np.array(rows).reshape(-1, size)


@cutting.wrong(
    "size and hop exchanged",
    "The frames are as long as the hop and begin every `size` samples. The size is how long a "
    "frame is, the hop how far it is to the next one.",
)
def exchanged(signal: Array, size: int, hop: int) -> Array:
    refuse_frames(signal, size, hop)
    return cut(signal, hop, size)


@cutting.wrong(
    "T // hop frames",
    "T // hop counts the beginnings, also those from which no whole frame is left. The last one "
    "that fits begins at T − size: there are 1 + (T − size) // hop.",
)
def too_many(signal: Array, size: int, hop: int) -> Array:
    refuse_frames(signal, size, hop)
    longer = np.append(signal, np.zeros(size))
    return np.array([longer[i * hop : i * hop + size] for i in range(len(signal) // hop)])


@cutting.wrong(
    "a frame is a column",
    "The frames stand side by side, one a column. The card asks for one a row, (n, size): a "
    "sequence of frames has its time axis first.",
)
def columns(signal: Array, size: int, hop: int) -> Array:
    refuse_frames(signal, size, hop)
    return cut(signal, size, hop).T


@cutting.wrong(
    "frames centred on i * hop",
    "Frame i lies around sample i * hop, with zeros before the beginning, as some audio libraries "
    "do by default. Here it begins there.",
)
def centred(signal: Array, size: int, hop: int) -> Array:
    refuse_frames(signal, size, hop)
    longer = np.concatenate([np.zeros(size // 2), signal, np.zeros(size)])
    n = 1 + (len(signal) - size) // hop
    return np.array([longer[i * hop : i * hop + size] for i in range(n)])


@cutting.wrong(
    "too short, and no word",
    "A signal shorter than a frame gives no frames at all, and whoever called learns it three "
    "functions later. Raise ValueError where it is noticed first.",
)
def no_refusal(signal: Array, size: int, hop: int) -> Array:
    if size < 1 or hop < 1:
        raise ValueError("sizes and hops are at least 1")
    return cut(signal, size, hop)


@cutting.wrong(
    "sizes of zero and below are let through",
    "A frame of no samples and a hop that stands still or goes backwards have no meaning: raise "
    "ValueError, by name, before NumPy complains about something else or about nothing.",
)
def any_size(signal: Array, size: int, hop: int) -> Array:
    if len(signal) < size:
        raise ValueError("the signal holds no frame")
    n = 1 + (len(signal) - size) // (hop or 1)
    return np.array([signal[i * hop : i * hop + max(size, 0)] for i in range(max(n, 0))])


# 13.2

pooling = Exercise(
    "13.2",
    "Pooling in time",
    function="attention_pool",
    signature=(
        "attention_pool(x: (B, T, D), query: (D,), lengths: (B,)) -> (z: (B, D), weights: (B, T))"
    ),
    difficulty=3,
    importance=5,
    minutes=40,
    read=f"{READ}#pooling-in-time",
)

Drawn = tuple[Array, Array, Array]


def draw_pool(rng: np.random.Generator) -> Drawn:
    """Utterances (B, T, D), a query, lengths: a full one, one of a single frame, and others."""
    b, t, d = sizes(rng, 3, low=4)
    lengths = rng.integers(2, t, size=b)
    lengths[rng.permutation(b)[:2]] = t, 1
    return rng.normal(size=(b, t, d)), rng.normal(size=d), lengths


def pooled(x: Array, query: Array, lengths: Array) -> tuple[Array, Array]:
    """One utterance after the other."""
    z, weights = np.zeros((len(x), x.shape[2])), np.zeros(x.shape[:2])
    for b, n in enumerate(lengths):
        if n:
            scores = x[b, :n] @ query
            e = np.exp(scores - scores.max())
            weights[b, :n] = e / e.sum()
            z[b] = weights[b, :n] @ x[b, :n]
    return z, weights


def is_pooled(attention_pool: Any, x: Array, query: Array, lengths: Array, what: str) -> None:
    z, weights = attention_pool(x, query, lengths)
    want_z, want = pooled(x, query, lengths)
    expect_shape(weights, want.shape, "a weight for each frame of each utterance")
    expect_shape(z, want_z.shape, "one vector for each utterance")
    behind = np.arange(x.shape[1]) >= lengths[:, None]
    padding = np.argwhere(behind & (np.asarray(weights) != 0))
    if len(padding):
        b, t = (int(i) for i in padding[0])
        got = f"{np.asarray(weights)[b, t]:.4g} at [{b}, {t}], where the length is {lengths[b]}"
        expect(False, f"padding has a weight of exactly 0{what}", expected="0", got=got)
    total = expect_real(weights, "a weight is a real number").sum(axis=1)
    sums = f"the weights of each utterance sum to 1{what}, or to 0 where it has no frame"
    expect_close(total, (lengths > 0) * 1.0, sums, rtol=0, atol=1e-5)
    near(weights, want, f"the weights are the softmax of an utterance's own scores{what}")
    near(z, want_z, f"z is the mean of its frames under its weights{what}")


@pooling.check(1, "each utterance by itself: softmax over its own frames")
def by_definition(attention_pool: Any, rng: np.random.Generator) -> None:
    x, query, lengths = draw_pool(rng)
    x[np.arange(x.shape[1]) >= lengths[:, None]] = 0
    is_pooled(attention_pool, x, query, lengths, "")
    x[lengths.argmax(), 1] = 0
    is_pooled(attention_pool, x, query, lengths, ", also where a frame of the utterance is zeros")
    whole = np.full(len(x), x.shape[1])
    is_pooled(attention_pool, rng.normal(size=x.shape), query, whole, ", without any padding")
    is_pooled(attention_pool, x[:, :1], query, np.ones_like(whole), ", with rows of one frame")
    is_pooled(attention_pool, x[..., :1], query[:1], lengths, ", with frames of one number")
    one = np.zeros((1, 3000, len(query)))  # what is small counts, if it is there often
    one[0, int(rng.integers(3000))] = 20 * query / (query @ query)
    is_pooled(attention_pool, one, query, np.array([3000]), ", with one score 20 above 2999 others")


@pooling.check(1, "what stands in the padding does not matter")
def any_padding(attention_pool: Any, rng: np.random.Generator) -> None:
    x, query, lengths = draw_pool(rng)
    behind = np.arange(x.shape[1]) >= lengths[:, None]
    high = 30 * query / np.linalg.norm(query)  # of all frames these fit the query best
    for number, name in ((high, "of loud frames"), (np.nan, "of NaN"), (np.inf, "of infinity")):
        full = x.copy()
        full[behind] = number
        is_pooled(attention_pool, full, query, lengths, f", with padding {name}")


@pooling.check(1, "scores may lie thousands apart, and the padding's may be the highest")
def scores_apart(attention_pool: Any, rng: np.random.Generator) -> None:
    x, query, lengths = draw_pool(rng)
    query = np.append(query, 1.0)
    lift = rng.permutation(3000.0 * (np.arange(len(x)) - len(x) // 2))[:, None]
    places = np.arange(x.shape[1]) + rng.integers(x.shape[1], size=(len(x), 1))
    lift = lift + 1000.0 * (places % x.shape[1] < 2)  # two of an utterance, which share its weight
    lift[np.arange(x.shape[1]) >= lengths[:, None]] += 5000.0
    x = np.append(x, lift[:, :, None], axis=2)
    is_pooled(attention_pool, x, query, lengths, ", with scores thousands apart")
    one = np.zeros((1, 9, 1))  # farther from their mean than an exponential goes
    one[0, int(rng.integers(9))] = 2000
    is_pooled(attention_pool, one, np.ones(1), np.array([9]), ", with one 2000 above eight others")


@pooling.check(1, "a length of 0: weights 0, and the vector 0")
def nobody_speaks(attention_pool: Any, rng: np.random.Generator) -> None:
    x, query, lengths = draw_pool(rng)
    lengths[rng.integers(1, len(x))] = 0
    is_pooled(attention_pool, x, query, lengths, ", with an utterance of length 0")
    is_pooled(attention_pool, x[:1], query, np.zeros(1, int), ", with nothing else")


@pooling.check(1, "lengths that do not fit raise ValueError")
def bad_lengths(attention_pool: Any, rng: np.random.Generator) -> None:
    x, query, lengths = draw_pool(rng)
    for wrong in (-1, x.shape[1] + 1):
        claim = f"a length of {wrong}, where rows have {x.shape[1]} frames"
        for place in range(len(x)):
            other = lengths.copy()
            other[place] = wrong
            expect_error(partial(attention_pool, x, query, other), ValueError, claim)
        alone = partial(attention_pool, x[:1], query, np.array([wrong]))
        expect_error(alone, ValueError, f"{claim}: one utterance alone")
    for other in (lengths, np.ones(x.shape[1], int)):  # B of them, and T
        claim = f"{len(other)} lengths for one utterance, which NumPy would broadcast"
        expect_error(partial(attention_pool, x[:1], query, other), ValueError, claim)
    for other in (lengths[:-1], lengths[:1], np.append(lengths, 1)):
        claim = f"lengths of shape {other.shape} for {len(x)} utterances"
        expect_error(partial(attention_pool, x, query, other), ValueError, claim)


def real_frames(x: Array, lengths: Array) -> Array:
    """The mask (B, T), once the lengths have been looked at."""
    if lengths.shape != x.shape[:1] or (lengths < 0).any() or (lengths > x.shape[1]).any():
        raise ValueError("one length from 0 to T for each utterance")
    return np.arange(x.shape[1]) < lengths[:, None]


def shares(scores: Array, allowed: Array) -> Array:
    """Softmax over the allowed places of each row; zeros where there is none."""
    scores = np.where(allowed, scores, -np.inf)
    top = scores.max(axis=1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    return e / np.maximum(e.sum(axis=1, keepdims=True), 1e-300)


def mix(weights: Array, x: Array) -> Array:
    return np.einsum("bt,btd->bd", weights, x)


@pooling.wrong(
    "no mask",
    "Padding takes part like speech: a frame of zeros has the score 0 and the exponential 1. Only "
    "the frames below the length may get weight.",
)
def no_mask(x: Array, query: Array, lengths: Array) -> tuple:
    some = lengths[:, None] > 0
    real_frames(x, lengths)
    weights = shares(x @ query, np.ones(x.shape[:2], bool)) * some
    return mix(weights, x), weights


@pooling.wrong(
    "mask after softmax",
    "The weights are cut off behind the length after softmax, and what is left no longer sums to "
    "1. Mask the scores, before softmax.",
)
def mask_after(x: Array, query: Array, lengths: Array) -> tuple:
    real = real_frames(x, lengths)
    x = np.where(real[:, :, None], x, 0)
    weights = shares(x @ query, np.ones(x.shape[:2], bool)) * real
    return mix(weights, x), weights


@pooling.wrong(
    "softmax over everything, cut off, divided again",
    "Softmax ran over the padding too, and its best score set the scale: where padding fits the "
    "query far better than speech, the real weights are 0 and so is their sum. Mask first.",
)
def divided_again(x: Array, query: Array, lengths: Array) -> tuple:
    real = real_frames(x, lengths)
    scores = np.where(np.isfinite(x).all(axis=2), x @ query, 0)
    e = np.exp(scores - scores.max(axis=1, keepdims=True)) * real
    weights = e / np.where(lengths[:, None] > 0, e.sum(axis=1, keepdims=True), 1)
    return mix(weights, np.where(real[:, :, None], x, 0)), weights


@pooling.wrong(
    "padding zeroed, not masked",
    "Frames of zeros are put in place of the padding and left in the softmax. Their score is 0, "
    "their exponential 1: zeroed is not masked.",
)
def zeroed(x: Array, query: Array, lengths: Array) -> tuple:
    real = real_frames(x, lengths)
    x = np.where(real[:, :, None], x, 0)
    weights = shares(x @ query, np.ones(x.shape[:2], bool)) * (lengths[:, None] > 0)
    return mix(weights, x), weights


@pooling.wrong(
    "a mask of −10",
    "Ten is taken from the scores of the padding, so it keeps a weight of exp(−10) times what it "
    "had, and more where its score is high. Use −∞.",
)
def minus_ten(x: Array, query: Array, lengths: Array) -> tuple:
    real = real_frames(x, lengths)
    scores = np.where(real, x @ query, x @ query - 10)
    weights = shares(scores, np.ones(x.shape[:2], bool)) * (lengths[:, None] > 0)
    return mix(weights, x), weights


@pooling.wrong(
    "softmax over the batch",
    "For one place in time the weights of all utterances sum to 1: they compete with each other. "
    "Each utterance shares out a weight of 1 among its own frames, along the last axis.",
)
def over_batch(x: Array, query: Array, lengths: Array) -> tuple:
    real = real_frames(x, lengths)
    x = np.where(real[:, :, None], x, 0)
    weights = shares((x @ query).T, real.T).T
    return mix(weights, x), weights


@pooling.wrong(
    "a frame too many",
    "Frame number `lengths` is let in, too. Counted from 0, an utterance of n frames has the "
    "frames 0 to n − 1: compare with <, not with <=.",
)
def off_by_one(x: Array, query: Array, lengths: Array) -> tuple:
    real_frames(x, lengths)
    real = (np.arange(x.shape[1]) <= lengths[:, None]) & (lengths[:, None] > 0)
    x = np.where(real[:, :, None], x, 0)
    weights = shares(x @ query, real)
    return mix(weights, x), weights


@pooling.wrong(
    "0 times NaN",
    "The weights are right, 0 on the padding. But 0 times NaN or infinity is NaN: put zeros in "
    "place of the padding before the frames are mixed.",
)
def zero_times_nan(x: Array, query: Array, lengths: Array) -> tuple:
    real = real_frames(x, lengths)
    weights = shares(np.where(real, x @ query, 0), real)
    return mix(weights, x), weights


@pooling.wrong(
    "NaN where nobody speaks",
    "With a length of 0 every score is −∞, and −∞ − (−∞) is NaN. Subtract something finite there, "
    "and divide by something that is not 0.",
)
def nan_at_zero(x: Array, query: Array, lengths: Array) -> tuple:
    real = real_frames(x, lengths)
    x = np.where(real[:, :, None], x, 0)
    scores = np.where(real, x @ query, -np.inf)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = e / e.sum(axis=1, keepdims=True)
    return mix(weights, x), weights


@pooling.wrong(
    "all weights equal where nobody speaks",
    "A mask of −1e9 makes all scores of an empty utterance equal, and softmax gives each frame of "
    "padding 1/T. It has no frames: weights 0.",
)
def uniform_at_zero(x: Array, query: Array, lengths: Array) -> tuple:
    real = real_frames(x, lengths)
    x = np.where(real[:, :, None], x, 0)
    weights = shares(np.where(real, x @ query, -1e9), np.ones(x.shape[:2], bool))
    return mix(weights, x), weights


@pooling.wrong(
    "one maximum for all utterances",
    "The largest score of the whole batch is subtracted. An utterance far below it underflows: "
    "all its exponentials are 0. Subtract each row's own maximum.",
)
def one_maximum(x: Array, query: Array, lengths: Array) -> tuple:
    real = real_frames(x, lengths)
    x = np.where(real[:, :, None], x, 0)
    scores = np.where(real, x @ query, -np.inf)
    e = np.exp(scores - (scores.max() if real.any() else 0))
    weights = e / np.where(lengths[:, None] > 0, e.sum(axis=1, keepdims=True), 1)
    return mix(weights, x), weights


@pooling.wrong(
    "no maximum subtracted",
    "e^1000 is no number, and where every score is at −1000 all exponentials are 0. Subtract each "
    "row's largest score first.",
)
def no_maximum(x: Array, query: Array, lengths: Array) -> tuple:
    real = real_frames(x, lengths)
    x = np.where(real[:, :, None], x, 0)
    e = np.exp(np.where(real, x @ query, -np.inf))
    weights = e / np.where(lengths[:, None] > 0, e.sum(axis=1, keepdims=True), 1)
    return mix(weights, x), weights


@pooling.wrong(
    "scaled by √D",
    "The scores are divided by √D, as in chapter 07. Here the card asks for the plain dot product.",
)
def scaled(x: Array, query: Array, lengths: Array) -> tuple:
    real = real_frames(x, lengths)
    x = np.where(real[:, :, None], x, 0)
    weights = shares(x @ query / np.sqrt(x.shape[2]), real)
    return mix(weights, x), weights


@pooling.wrong(
    "lengths taken as they come",
    "NumPy takes what does not fit without a word: a length beyond the row for the whole row, one "
    "below 0 for 0, one length for all utterances. Look for each of these first, in any place.",
)
def any_lengths(x: Array, query: Array, lengths: Array) -> tuple:
    real = np.broadcast_to(np.arange(x.shape[1]) < np.resize(lengths, len(x))[:, None], x.shape[:2])
    x = np.where(real[:, :, None], x, 0)
    weights = shares(x @ query, real)
    return mix(weights, x), weights


# 13.3

asking = Exercise(
    "13.3",
    "Two questions that find what accuracy hides",
    function="questions",
    signature=(
        "questions(utterances: list of (T_i, D), extra: int, fill: float)"
        ' -> {"batch": (x, mask), "alone": [(x, mask), …], "padded": (x, mask)}'
    ),
    difficulty=3,
    importance=5,
    minutes=35,
    read=f"{READ}#break-it",
)

Pair = tuple[Array, Array]


def draw_utterances(rng: np.random.Generator) -> tuple[list[Array], int, float]:
    """Utterances of different lengths, the longest in any place; one of them has a single frame."""
    count, width, extra = sizes(rng, 3, low=3, high=7)
    lengths = [1, *rng.choice(np.arange(3, 12), count - 1, replace=False)]
    lengths = [int(lengths[i]) for i in rng.permutation(count)]
    return [rng.normal(size=(n, width)) for n in lengths], extra, float(rng.uniform(2, 5))


def silent(utterances: Sequence[Array], number: float) -> list[Array]:
    """The same, with a last frame of zeros or of the number: real, though it looks like padding."""
    kinds = (0.0, number)
    ends = [np.full((1, u.shape[1]), kinds[i % 2]) for i, u in enumerate(utterances)]
    return [np.concatenate(pair) for pair in zip(utterances, ends, strict=True)]


def padded(utterances: Sequence[Array], length: int, fill: float) -> Pair:
    x = np.full((len(utterances), length, utterances[0].shape[1]), float(fill))
    mask = np.zeros(x.shape[:2], bool)
    for i, utterance in enumerate(utterances):
        x[i, : len(utterance)], mask[i, : len(utterance)] = utterance, True
    return x, mask


def asked_of(questions: Any, utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    """What came back, once it is seen to be the dict that the card asks for."""
    found = questions(utterances, extra, fill)
    keys = {"batch", "alone", "padded"}
    expect(
        isinstance(found, dict) and set(found) == keys,
        "a dict with three questions",
        expected='the keys "batch", "alone" and "padded"',
        got=f"the keys {list(found)}" if isinstance(found, dict) else found,
    )
    alone = found["alone"]
    expect(
        isinstance(alone, list | tuple) and len(alone) == len(utterances),
        "alone: a list with a pair (x, mask) for each utterance",
        expected=f"a list of {len(utterances)}",
        got=f"one of {len(alone)}" if isinstance(alone, list | tuple) else alone,
    )
    return dict(found)


def is_pair(got: Any, what: str) -> None:
    expect(isinstance(got, list | tuple) and len(got) == 2, f"{what} is a pair (x, mask)", got=got)
    frames, mask = np.shape(got[0]), np.shape(got[1])
    expect(
        len(frames) == 3 and mask == frames[:2],
        f"{what}: frames (B, T, D), and a mask (B, T) of the same B and T",
        got=f"shapes {frames} and {mask}",
    )
    expect(
        np.asarray(got[1]).dtype == bool,
        f"the mask of {what} is boolean",
        expected="False and True",
        got=f"numbers of dtype {np.asarray(got[1]).dtype}",
    )


def right_pair(got: Any, want: Pair, what: str) -> None:
    is_pair(got, what)
    expect_shape(got[0], want[0].shape, f"the frames of {what}")
    near(got[0], want[0], f"the frames of {what}, and what stands behind them")
    expect_close(got[1], want[1], f"the mask of {what} is True on real frames, False elsewhere")


def longest_of(utterances: Sequence[Array]) -> int:
    return max(map(len, utterances))


def narrow(utterances: list[Array]) -> list[Array]:
    """Frames of one number, and two utterances equally long."""
    return [u[:, :1] for u in (*utterances, -utterances[0])]


@asking.check(1, "the batch: every utterance at the beginning of its row, zeros behind it")
def the_batch(questions: Any, rng: np.random.Generator) -> None:
    utterances, extra, fill = draw_utterances(rng)
    for some in (utterances, silent(utterances, fill), narrow(utterances)):
        got = asked_of(questions, some, extra, fill)["batch"]
        right_pair(got, padded(some, longest_of(some), 0), "the batch")


@asking.check(1, "alone: one utterance each, without any padding")
def each_alone(questions: Any, rng: np.random.Generator) -> None:
    utterances, extra, fill = draw_utterances(rng)
    for some in (utterances, silent(utterances, fill), narrow(utterances)):
        got = asked_of(questions, some, extra, fill)["alone"]
        for i, utterance in enumerate(some):
            right_pair(got[i], padded([utterance], len(utterance), 0), f"utterance {i} alone")


@asking.check(1, "padded: more frames in every row, and the number wherever there is padding")
def more_padding(questions: Any, rng: np.random.Generator) -> None:
    utterances, extra, fill = draw_utterances(rng)
    for more, number in ((extra, fill), (1, -fill), (extra, 0.0), (30, int(rng.integers(2, 9)))):
        for some in (utterances, silent(utterances, number)):
            got = asked_of(questions, some, more, number)["padded"]
            want = padded(some, longest_of(some) + more, number)
            right_pair(got, want, f"the padded batch (fill = {number:.4g})")


@asking.check(1, "the wrong poolings of the chapter are rejected, the right ones are not")
def poolings(questions: Any, rng: np.random.Generator) -> None:
    utterances, extra, fill = draw_utterances(rng)
    found = asked_of(questions, utterances, extra, fill)
    width = utterances[0].shape[1]
    asked = {"batch": [found["batch"]], "padded": [found["padded"]], "alone": found["alone"]}
    for name, pairs in asked.items():
        for x, mask in (as_pair(pair, f"a question of {name!r}") for pair in pairs):
            rows = 1 if name == "alone" else len(utterances)
            expect_shape(x, (rows, x.shape[1], width), f"the frames of {name!r}: utterances, D")
            expect(mask.any(axis=1).all(), f"every mask of {name!r} has a real frame in each row")
            apart = np.abs(x[mask][:, None] - np.concatenate(utterances)).max(axis=2)
            real = f"what the masks of {name!r} call real are frames of the utterances"
            expect(apart.min(axis=1).max() < 1e-3, real)
    # All frames fit it about equally, and the number well: whatever is read by mistake shows.
    direction = rng.uniform(0.1, 0.4, size=(width,))
    for name, pool in POOLS.items():
        vectors = {
            key: np.concatenate([pool(direction, *as_pair(pair, key)) for pair in pairs])
            for key, pairs in asked.items()
        }
        differ = [key for key in ("alone", "padded") if not same(vectors[key], vectors["batch"])]
        if name.startswith("right"):
            expect(
                not differ,
                f"with your questions, {name[7:]} passes: it is right",
                expected="each utterance gets the same vector in the batch, alone and padded",
                got=f"another vector {' and '.join(differ)}",
            )
        else:
            expect(
                differ,
                f"with your questions, {name} is told from a right pooling",
                expected="some utterance gets another vector, alone or padded",
                got="the same vectors three times",
            )


@asking.check(1, "no utterances, unequal widths, and nothing more raise ValueError; one will do")
def bad_questions(questions: Any, rng: np.random.Generator) -> None:
    utterances, extra, fill = draw_utterances(rng)
    short = [utterances[0][:1]]
    for some in (utterances[:1], utterances[-1:], short, [utterances[0], -utterances[0]]):
        got = asked_of(questions, some, 1, fill)
        what = "batch of one" if len(some) == 1 else "batch of two, equally long"
        right_pair(got["batch"], padded(some, len(some[0]), 0), f"a {what}")
        right_pair(got["padded"], padded(some, len(some[0]) + 1, fill), f"a padded {what}")
    expect_error(partial(questions, [], extra, fill), ValueError, "no utterances")
    for more in (0, -1):
        expect_error(partial(questions, utterances, more, fill), ValueError, f"{more} more frames")
    for place in range(len(utterances)):
        for width in (1, utterances[0].shape[1] - 1):
            other = list(utterances)
            other[place] = other[place][:, :width]
            claim = f"utterance {place} has frames of width {width}, the others wider ones"
            expect_error(partial(questions, other, extra, fill), ValueError, claim)


def as_pair(pair: Any, what: str) -> Pair:
    is_pair(pair, what)
    return np.asarray(pair[0], float), np.asarray(pair[1])


def same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=0, atol=1e-6)


def attend(query: Array, x: Array, allowed: Array, axis: int = 1) -> Array:
    scores = np.where(allowed, x @ query, -1e9)
    e = np.exp(scores - scores.max(axis=axis, keepdims=True)) * allowed
    return mix(e / e.sum(axis=axis, keepdims=True), x)


def inverted(query: Array, x: Array, mask: Array) -> Array:
    return attend(query, x, ~mask | mask.all(axis=1, keepdims=True))


def after_softmax(query: Array, x: Array, mask: Array) -> Array:
    e = np.exp(x @ query)
    return mix(e / e.sum(axis=1, keepdims=True) * mask, x)


def zeros_left_in(query: Array, x: Array, mask: Array) -> Array:
    return attend(query, np.where(mask[:, :, None], x, 0), np.ones_like(mask))


def ten_less(query: Array, x: Array, mask: Array) -> Array:
    e = np.exp(x @ query - 10 * ~mask)
    return mix(e / e.sum(axis=1, keepdims=True), x)


def over_all(query: Array, x: Array, mask: Array) -> Array:
    return attend(query, x, mask | ~mask.any(axis=0), axis=0)


def normed_first(query: Array, x: Array, mask: Array) -> Array:
    x = (x - x.mean(axis=1, keepdims=True)) / (x.std(axis=1, keepdims=True) + 1e-3)
    return attend(query, x, mask)


def by_length(query: Array, x: Array, mask: Array) -> Array:
    return mix(mask / mask.shape[1], x)


POOLS: dict[str, Callable[[Array, Array, Array], Array]] = {
    "right: attention": attend,
    "right: the mean": lambda query, x, mask: mix(mask / mask.sum(axis=1, keepdims=True), x),
    "right: the maximum": lambda query, x, mask: np.where(mask[:, :, None], x, -np.inf).max(axis=1),
    "a forgotten mask": lambda query, x, mask: attend(query, x, np.ones_like(mask)),
    "an inverted mask": inverted,
    "a mask after softmax": after_softmax,
    "padding zeroed, not masked": zeros_left_in,
    "a mask of −10": ten_less,
    "softmax over the batch": over_all,
    "a norm over the padded array": normed_first,
    "a division by the batch's length": by_length,
}


def refuse_questions(utterances: list[Array], extra: int) -> None:
    if not utterances or extra < 1 or len({u.shape[1] for u in utterances}) > 1:
        raise ValueError("some utterances of one width, and at least one frame more")


def asked(utterances: list[Array], extra: int, fill: float, **instead: Any) -> dict[str, Any]:
    """The right questions, with some in another's place."""
    refuse_questions(utterances, extra)
    longest = longest_of(utterances)
    return {
        "batch": padded(utterances, longest, 0),
        "alone": [padded([u], len(u), 0) for u in utterances],
        "padded": padded(utterances, longest + extra, fill),
        **instead,
    }


def with_masks(found: dict[str, Any], change: Callable[[Array], Array]) -> dict[str, Any]:
    """The same questions, each mask changed."""
    (batch, some), (more, others) = found["batch"], found["padded"]
    return {
        "batch": (batch, change(some)),
        "alone": [(x, change(mask)) for x, mask in found["alone"]],
        "padded": (more, change(others)),
    }


@asking.wrong(
    "alone, but padded",
    "Each utterance was asked by itself, but in a row as long as the longest one's: the padding "
    "is still there, and with it what goes wrong. Alone means (1, T_i, D).",
)
def alone_but_padded(utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    refuse_questions(utterances, extra)
    longest = longest_of(utterances)
    alone = [padded([u], longest, 0) for u in utterances]
    return asked(utterances, extra, fill, alone=alone)


@asking.wrong(
    "cut to the shortest",
    "All utterances are cut to the length of the shortest, so there is no padding that could do "
    "harm, and frames are lost. Pad to the longest.",
)
def cut_short(utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    refuse_questions(utterances, extra)
    shortest = min(map(len, utterances))
    return asked([u[:shortest] for u in utterances], extra, fill)


@asking.wrong(
    "padded with the last frame",
    "Behind an utterance its last frame is repeated. That is speech of this very speaker, the "
    "padding that does least harm; the card asks for zeros, and for `fill`.",
)
def last_repeated(utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    refuse_questions(utterances, extra)

    def edges(length: int) -> Pair:
        x = np.array([u[np.minimum(np.arange(length), len(u) - 1)] for u in utterances])
        return x, padded(utterances, length, 0)[1]

    longest = longest_of(utterances)
    return asked(utterances, extra, fill, batch=edges(longest), padded=edges(longest + extra))


@asking.wrong(
    "the mask calls the new frames real",
    "The frames are longer, and the mask says that the new ones are real: then a right pooling "
    "must give another answer. Padding is what the mask forbids: False there.",
)
def mask_not_extended(utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    refuse_questions(utterances, extra)
    x, mask = padded(utterances, longest_of(utterances) + extra, fill)
    mask = mask.copy()
    mask[:, -extra:] = True
    return asked(utterances, extra, fill, padded=(x, mask))


@asking.wrong(
    "every mask is True",
    "The mask is True everywhere, so nothing is padding. It says which frames are real: True up to "
    "each utterance's own length.",
)
def all_true(utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    refuse_questions(utterances, extra)
    longest = longest_of(utterances)
    pairs = padded(utterances, longest, 0), padded(utterances, longest + extra, fill)
    batch, more = ((x, np.ones_like(mask)) for x, mask in pairs)
    return asked(utterances, extra, fill, batch=batch, padded=more)


@asking.wrong(
    "the mask the wrong way round",
    "True and False are exchanged: as in PyTorch's key_padding_mask, True marks the padding. In "
    "this book True is what counts.",
)
def other_way_round(utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    return with_masks(asked(utterances, extra, fill), np.logical_not)


@asking.wrong(
    "a mask of numbers",
    "0 and 1 are not False and True: to index with them picks rows 0 and 1, and ~mask is −1 and "
    "−2. Make the mask boolean.",
)
def of_numbers(utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    return with_masks(asked(utterances, extra, fill), lambda mask: mask * 1)


@asking.wrong(
    "the mask read off the numbers",
    "Where a frame looks like the padding, the mask calls it padding. Silence is a frame of zeros, "
    "and real: take the mask from the lengths.",
)
def read_off(utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    found = asked(utterances, extra, fill)
    (x, _), (more, _) = found["batch"], found["padded"]
    return {
        **found,
        "batch": (x, (x != 0).any(axis=2)),
        "padded": (more, (more != fill).any(axis=2)),
    }


@asking.wrong(
    "a whole number makes whole frames",
    "np.full with a whole number gives an array of whole numbers, and the frames that are written "
    "into it lose what stands behind the point. Say float.",
)
def whole_frames(utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    found = asked(utterances, extra, fill)
    if isinstance(fill, int):
        x, mask = found["padded"]
        found["padded"] = x.astype(int), mask
    return found


@asking.wrong(
    "the zeros of the batch are whole numbers",
    "np.full with 0 gives an array of whole numbers, as with any whole number, and the frames that "
    "are written into it lose what stands behind the point. Say float, or 0.0.",
)
def whole_batch(utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    found = whole_frames(utterances, extra, fill)
    x, mask = found["batch"]
    return {**found, "batch": (x.astype(int), mask)}


@asking.wrong(
    "zeros in place of the number",
    "The longer batch is padded with zeros, whatever `fill` is. A pooling that reads its padding "
    "may give the same for zeros as before; another number gives it away.",
)
def always_zeros(utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    return asked(utterances, extra, 0.0)


@asking.wrong(
    "the number behind the zeros",
    "Only the frames that are new hold `fill`, the old padding holds zeros. The card asks for it "
    "wherever there is padding.",
)
def only_the_new(utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    refuse_questions(utterances, extra)
    longest = longest_of(utterances)
    x, mask = padded(utterances, longest + extra, 0)
    x = x.copy()
    x[:, longest:] = fill
    return asked(utterances, extra, fill, padded=(x, mask))


@asking.wrong(
    "nothing is refused",
    "No utterances, utterances of unequal width or no frame more: no question can be built from "
    "these, or none that finds anything. Raise ValueError.",
)
def nothing_refused(utterances: list[Array], extra: int, fill: float) -> dict[str, Any]:
    if not utterances:
        return {"batch": (np.zeros((0, 0, 0)), np.zeros((0, 0), bool)), "alone": [], "padded": ()}
    width = min(u.shape[1] for u in utterances)
    rows = [u[:, :width] for u in utterances]
    longest = longest_of(rows)
    return {
        "batch": padded(rows, longest, 0),
        "alone": [padded([u], len(u), 0) for u in rows],
        "padded": padded(rows, longest + max(extra, 0), fill),
    }


# 13.4

landing = Exercise(
    "13.4",
    "Where did the weight go?",
    function="burst_weight",
    signature=(
        "burst_weight(weights: (B, T), marks: (B, T), mask: (B, T)) -> (weight, share), two numbers"
    ),
    difficulty=2,
    importance=4,
    minutes=20,
    read=f"{READ}#where-the-weight-goes",
)


def draw_weights(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Weights, marks and a mask: utterances of different lengths, marks that differ in number,
    several in each long utterance but one; weights and marks in the padding too."""
    b, t = sizes(rng, 2, low=5, high=12)
    lengths = rng.integers(3, t, size=b)
    lengths[rng.permutation(b)[:3]] = t, 2, 1
    mask = np.arange(t) < lengths[:, None]
    marks = rng.random((b, t)) < rng.uniform(0.2, 0.7, size=(b, 1))
    marks[:, :3] = True, False, True
    marks[(lengths > 2).argmax()] = False  # one utterance without a burst: it counts, with 0
    marks |= ~mask & (rng.random((b, t)) < 0.7)
    return rng.dirichlet(np.ones(t), size=b), marks, mask


def landed(weights: Array, marks: Array, mask: Array) -> tuple[float, float]:
    """Utterance by utterance."""
    rows = [(w[m], k[m]) for w, k, m in zip(weights, marks, mask, strict=True) if m.any()]
    return (
        float(np.mean([w[k].sum() for w, k in rows])),
        float(np.mean([k.mean() for _, k in rows])),
    )


def two_numbers(got: Any, want: tuple[float, float], what: str) -> None:
    expect(isinstance(got, list | tuple | np.ndarray) and len(got) == 2, "two numbers", got=got)
    near(got[0], want[0], f"the weight of the burst{what}")
    near(got[1], want[1], f"the burst's share of the real frames{what}")


@landing.check(1, "the weight on marked frames, and how many of the real frames they are")
def marked(burst_weight: Any, rng: np.random.Generator) -> None:
    weights, marks, mask = draw_weights(rng)
    marks[:, 0] = True  # an utterance without a burst comes in the checks below
    i = int(rng.integers(len(mask)))  # one alone, without padding
    one = tuple(part[i : i + 1, : mask[i].sum()] for part in (weights, marks, mask))
    two_numbers(burst_weight(*one), landed(*one), " of one utterance without padding")
    whole = np.ones_like(mask)
    two_numbers(burst_weight(weights, marks, whole), landed(weights, marks, whole), "")
    peak = np.arange(mask.shape[1]) == rng.integers(mask.shape[1], size=(len(mask), 1))
    got = burst_weight(peak.astype(float), peak, whole)
    two_numbers(got, (1, 1 / mask.shape[1]), " where all weight lies on a burst of one frame")


@landing.check(1, "padding counts for nothing, and each utterance the same")
def only_real(burst_weight: Any, rng: np.random.Generator) -> None:
    weights, marks, mask = draw_weights(rng)
    two_numbers(burst_weight(weights, marks, mask), landed(weights, marks, mask), "")
    turned = weights[:, ::-1], marks[:, ::-1], mask[:, ::-1]
    two_numbers(burst_weight(*turned), landed(*turned), ", with the padding in front")
    every = np.ones_like(mask)
    got, want = burst_weight(weights, every, mask), landed(weights, every, mask)
    two_numbers(got, want, " where every frame is marked")
    more = int(rng.integers(2, 5))
    behind = [rng.random((len(mask), more)), np.ones((len(mask), more), bool)]
    longer = [np.hstack(pair) for pair in zip((weights, marks), behind, strict=True)]
    got = burst_weight(*longer, np.hstack([mask, ~behind[1]]))
    two_numbers(got, landed(weights, marks, mask), ", with more padding, all of it marked")
    equal = np.where(mask, 1 / mask.sum(axis=1, keepdims=True), 0)
    weight, share = burst_weight(equal, marks, mask)
    near(weight, share, "with equal weights the burst has its share")


@landing.check(1, "an utterance without real frames counts in neither mean; nothing else raises")
def some_empty(burst_weight: Any, rng: np.random.Generator) -> None:
    weights, marks, mask = draw_weights(rng)
    weights[rng.integers(1, len(mask) - 1)] = 0.0  # weights of 0 make no utterance empty
    for empty in (0, len(mask) - 1):
        some = mask & (np.arange(len(mask)) != empty)[:, None]
        what = f", utterance {empty} without a real frame left out"
        two_numbers(burst_weight(weights, marks, some), landed(weights, marks, some), what)
    mask = some
    unmarked = np.zeros_like(marks)
    two_numbers(burst_weight(weights, unmarked, mask), (0, 0), " where nothing is marked")
    only = mask & (np.arange(len(mask)) == mask.any(axis=1).argmax())[:, None]
    two_numbers(
        burst_weight(weights, marks, only), landed(weights, marks, only), " of the only one left"
    )
    claim = "no utterance has a real frame"
    expect_error(partial(burst_weight, weights, marks, np.zeros_like(mask)), ValueError, claim)


def some_frames(mask: Array) -> Array:
    """Which utterances have a real frame."""
    some = mask.any(axis=1)
    if not some.any():
        raise ValueError("no utterance has a real frame")
    return np.asarray(some)


def over_rows(weights: Array, marks: Array, mask: Array) -> tuple[Array, Array]:
    """Weight and share of each utterance that has a real frame."""
    some = some_frames(mask)
    burst = (marks & mask)[some]
    return (weights[some] * burst).sum(axis=1), burst.sum(axis=1) / mask[some].sum(axis=1)


@landing.wrong(
    "a share of the padded length",
    "The number of marked frames is divided by the length of the row, padding included. The share "
    "is one of the real frames.",
)
def of_padded(weights: Array, marks: Array, mask: Array) -> tuple:
    weight, _ = over_rows(weights, marks, mask)
    return weight.mean(), (marks & mask)[some_frames(mask)].mean()


@landing.wrong(
    "all frames in one pot",
    "All marked frames are counted, and divided by all real ones: a long utterance counts more "
    "than a short one. Take each utterance's share first, then the mean.",
)
def one_pot(weights: Array, marks: Array, mask: Array) -> tuple:
    weight, _ = over_rows(weights, marks, mask)
    return weight.mean(), (marks & mask).sum() / mask.sum()


@landing.wrong(
    "padding counted as burst",
    "Marks and weights in the padding are counted, too. Only what is marked and real belongs to "
    "the burst: marks & mask.",
)
def padding_too(weights: Array, marks: Array, mask: Array) -> tuple:
    some = some_frames(mask)
    weight = (weights * marks)[some].sum(axis=1)
    return weight.mean(), (marks[some].sum(axis=1) / mask[some].sum(axis=1)).mean()


@landing.wrong(
    "a mean weight for a sum",
    "The weight of a marked frame was averaged. The burst has as much weight as its frames "
    "together: their sum.",
)
def mean_weight(weights: Array, marks: Array, mask: Array) -> tuple:
    some, burst = some_frames(mask), marks & mask
    weight = (weights * burst)[some].sum(axis=1) / np.maximum(burst[some].sum(axis=1), 1)
    return weight.mean(), over_rows(weights, marks, mask)[1].mean()


@landing.wrong(
    "a sum over the batch",
    "The weights of all utterances are added up. With B utterances that can be as much as B: take "
    "the mean over them.",
)
def summed(weights: Array, marks: Array, mask: Array) -> tuple:
    weight, share = over_rows(weights, marks, mask)
    return weight.sum(), share.mean() if len(weight) > 1 else share[0]


@landing.wrong(
    "the two numbers exchanged",
    "The share came first and the weight second. The card asks for (weight, share).",
)
def share_first(weights: Array, marks: Array, mask: Array) -> tuple:
    weight, share = over_rows(weights, marks, mask)
    return share.mean(), weight.mean()


@landing.wrong(
    "utterances without a burst left out",
    "An utterance in which nothing is marked was left out of the means. It has real frames and no "
    "burst: it counts, with a weight of 0 and a share of 0.",
)
def marked_only(weights: Array, marks: Array, mask: Array) -> tuple:
    some_frames(mask)
    some = (marks & mask).any(axis=1)
    if not some.any():
        return 0.0, 0.0
    weight, share = over_rows(weights[some], marks[some], mask[some])
    return weight.mean(), share.mean()


@landing.wrong(
    "only the largest weight",
    "It was counted how often the largest weight lies on the burst. Attention picks nothing: add "
    "up all the weight that lies there.",
)
def largest_only(weights: Array, marks: Array, mask: Array) -> tuple:
    some = some_frames(mask)
    largest = np.where(mask, weights, -1).argmax(axis=1)
    hit = (marks & mask)[np.arange(len(mask)), largest]
    return hit[some].mean(), over_rows(weights, marks, mask)[1].mean()


@landing.wrong(
    "an empty utterance counted as 0",
    "An utterance without real frames was counted, with a weight and a share of 0, and pulls both "
    "means down. Leave it out.",
)
def empty_counted(weights: Array, marks: Array, mask: Array) -> tuple:
    some_frames(mask)
    burst = marks & mask
    share = burst.sum(axis=1) / np.maximum(mask.sum(axis=1), 1)
    return (weights * burst).sum(axis=1).mean(), share.mean()


@landing.wrong(
    "NaN for an empty utterance",
    "An utterance without real frames divides 0 by 0, and one NaN makes the whole mean NaN. Leave "
    "it out.",
)
def empty_nan(weights: Array, marks: Array, mask: Array) -> tuple:
    some, burst = some_frames(mask), marks & mask
    weight = (weights * burst)[some].sum(axis=1)
    return weight.mean(), (burst.sum(axis=1) / mask.sum(axis=1)).mean()


# 13.5

control = Exercise(
    "13.5",
    "What did it listen to?",
    function="quiet_control",
    signature=(
        "quiet_control(frames: (N, T, D), lengths: (N,), prompts: (N,), languages: (N,), "
        "held: list of int, k: int) -> (margin: (M,), accuracy)"
    ),
    difficulty=3,
    importance=4,
    minutes=40,
    read=f"{READ}#english-or-spanish",
)

Recordings = tuple[Array, Array, Array, Array, list[int], int]


def draw_recordings(rng: np.random.Generator) -> Recordings:
    """Prompts in two languages, in any order. Padding holds the quietest frames of all, first
    frames and loud ones say something else than quiet ones, and the held-out ones lie apart."""
    count, t, d = sizes(rng, 3, low=5, high=12)
    k = int(rng.integers(2, 4))
    prompts = np.repeat(rng.choice(90, count, replace=False), 2)
    languages = np.tile([0, 1], count)
    order = rng.permutation(2 * count)
    prompts, languages = prompts[order], languages[order]
    held = [int(p) for p in rng.choice(np.unique(prompts), 2 + count // 3, replace=False)]
    lengths = rng.integers(k + 2, t + 1, size=len(prompts)) if t > k + 2 else np.full(2 * count, t)
    lengths[rng.integers(len(lengths))] = k - 1  # one is shorter than k
    frames = rng.normal(size=(len(prompts), t, d))
    frames *= rng.permutation(np.geomspace(0.2, 4, d))  # before they are divided, or after: seen
    frames += 2 * rng.random((*frames.shape[:2], 1))  # some are louder
    frames += 0.5 * languages[:, None, None] * rng.normal(size=d)
    frames += 0.8 * np.isin(prompts, held)[:, None, None]
    frames[np.arange(t) >= lengths[:, None]] = -9
    return frames, lengths, prompts, languages, held, k


def draw_close(rng: np.random.Generator) -> Recordings:
    """Languages that hardly differ: margins between −1 and 1, of which the sign alone counts."""
    while True:
        frames, lengths, prompts, languages, held, k = draw_recordings(rng)
        first = {prompt: i for i, prompt in enumerate(prompts)}
        same_as = [first[prompt] for prompt in prompts]  # a prompt's languages sound alike, almost
        frames = frames[same_as] + 0.02 * rng.normal(size=(len(frames), 1, frames.shape[2]))
        out = np.isin(prompts, held)
        some = ~out | (languages == 1) | (np.cumsum(out) == 2)  # held out: hardly any of language 0
        parts = frames[some], lengths[same_as][some], prompts[some], languages[some]
        margin, accuracy = control_by_hand(*parts, held, k)
        asked = languages[some & out]
        others = [np.mean((margin > border) == (asked == 1)) for border in (-1, 1)]
        told = (margin > 0) == (asked == 1)  # each language first, then their mean: another number
        others.append(np.mean([told[asked == c].mean() for c in np.unique(asked)]))
        if np.abs(margin).min() > 1e-3 and np.abs(margin).max() < 0.9 and accuracy not in others:
            return *parts, held, k


def draw_uneven(rng: np.random.Generator, few: int) -> Recordings:
    """One recording alone of a language is not held out, and none of it is."""
    frames, lengths, prompts, languages, held, k = draw_recordings(rng)
    out = np.isin(prompts, held)
    alone = np.flatnonzero(~out & (languages == few))[:1]
    some = (languages != few) | (np.arange(len(languages)) == alone)
    return frames[some], lengths[some], prompts[some], languages[some], held, k


def control_by_hand(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple[Array, float]:
    out = np.isin(prompts, held)
    chosen = [quietest(x[:n], k) for x, n in zip(frames, lengths, strict=True)]
    return judge(np.array([x.mean(axis=0) for x in chosen]), languages, out, out)


def quietest(real: Array, k: int) -> Array:
    return real[np.argsort(real.mean(axis=1), kind="stable")[:k]]


def judge(x: Array, languages: Array, out: Array, asked: Array) -> tuple[Array, float]:
    """Margins and accuracy on `asked`, with what the recordings not `out` teach."""
    x = x / x[~out].std(axis=0)
    to = [((x - x[~out & (languages == c)].mean(axis=0)) ** 2).sum(axis=1) for c in (0, 1)]
    margin = (to[0] - to[1])[asked]
    return margin, float(np.mean((margin > 0) == (languages[asked] == 1)))


def is_control(quiet_control: Any, drawn: Recordings, what: str = "") -> None:
    margin, accuracy = quiet_control(*drawn)
    want = control_by_hand(*drawn)
    expect_shape(margin, want[0].shape, "a margin for each recording that is held out")
    near(margin, want[0], f"margins from the quietest frames alone{what}")
    near(accuracy, want[1], f"the share of nearer centres that are right{what}")


@control.check(2, "margins and accuracy on prompts held out, from the quietest frames alone")
def quiet_alone(quiet_control: Any, rng: np.random.Generator) -> None:
    for k in (None, 1, 99):
        frames, lengths, prompts, languages, held, drawn = draw_recordings(rng)
        k = k or drawn
        is_control(quiet_control, (frames, lengths, prompts, languages, held, k), f", k = {k}")
    is_control(quiet_control, draw_close(rng), ", all of them small")
    for few in (0, 1):
        what = f", one recording of language {few} to learn from, none to be told"
        is_control(quiet_control, draw_uneven(rng, few), what)
    frames, lengths, prompts, languages, held, k = draw_recordings(rng)
    again = prompts.copy()  # said twice in each language: two prompts held out, and two others
    for a, b in (held[:2], np.unique(prompts[~np.isin(prompts, held)])[:2]):
        again[again == a] = b
    is_control(quiet_control, (frames, lengths, again, languages, held, k), ", prompts said twice")
    width_1 = frames[..., :1], lengths, prompts, languages, held, k
    is_control(quiet_control, width_1, ", frames of one number")
    one_frame = frames[:, :1], np.ones_like(lengths), prompts, languages, held, k
    is_control(quiet_control, one_frame, ", recordings of one frame")
    # Languages that are easy to tell, told right and told wrong.
    for sign in (1, -1):
        frames, lengths, prompts, languages, held, k = draw_recordings(rng)
        out = np.isin(prompts, held)
        heard = np.where(out & (sign < 0), 1 - languages, languages)
        frames = frames * 0.1 + heard[:, None, None]
        frames[np.arange(frames.shape[1]) >= lengths[:, None]] = -9
        is_control(quiet_control, (frames, lengths, prompts, languages, held, k))


@control.check(1, "no frames, nobody held out, or a language that is not there raise ValueError")
def no_control(quiet_control: Any, rng: np.random.Generator) -> None:
    frames, lengths, prompts, languages, held, k = draw_recordings(rng)
    data = (frames, lengths, prompts, languages)
    is_control(quiet_control, (*data, held[:1], 1), ", one prompt held out")
    for language in (0, 1):
        some = (languages == language) | (prompts != held[0])
        alone = (*(part[some] for part in data), held[:1], k)
        is_control(quiet_control, alone, ", one recording held out")
    is_control(quiet_control, (*data, [*held, 95], k), ", and a prompt that nobody said")
    for few in (0, -1):
        expect_error(partial(quiet_control, *data, held, few), ValueError, f"k = {few}")
    claim = "no recording is held out"
    expect_error(partial(quiet_control, *data, [], k), ValueError, claim)
    expect_error(partial(quiet_control, *data, [91, 95], k), ValueError, claim)
    every = [int(p) for p in np.unique(prompts)]
    claim = "every recording is held out"
    expect_error(partial(quiet_control, *data, every, k), ValueError, claim)
    for language in (0, 1):
        rest = (languages != language) | np.isin(prompts, held)
        parts = [part[rest] for part in data]
        claim = f"no recording of language {language} is left to learn from"
        expect_error(partial(quiet_control, *parts, held, k), ValueError, claim)


def held_out(prompts: Array, languages: Array, held: list[int], k: int) -> Array:
    out = np.isin(prompts, held)
    if k < 1 or not out.any() or set(languages[~out].tolist()) != {0, 1}:
        raise ValueError(
            "k is at least 1, some prompts are held out, and some of each language not"
        )
    return out


def summary(frames: Array, lengths: Array, choose: Callable[[Array], Array]) -> Array:
    """The mean of the chosen frames of each recording."""
    pairs = zip(frames, lengths, strict=True)
    return np.array([choose(x[:n]).mean(axis=0) for x, n in pairs])


@control.wrong(
    "the loudest frames",
    "The frames were taken from the other end: the loudest, where the words are. argsort goes from "
    "small to large, so the quietest come first.",
)
def loudest(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple:
    out = held_out(prompts, languages, held, k)
    x = summary(frames, lengths, lambda real: real[real.mean(axis=1).argsort()[-k:]])
    return judge(x, languages, out, out)


@control.wrong(
    "the first frames",
    "The first k frames were taken, however loud they are. A recording may begin with a word: take "
    "the frames with the smallest mean.",
)
def first_frames(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple:
    out = held_out(prompts, languages, held, k)
    return judge(summary(frames, lengths, lambda real: real[:k]), languages, out, out)


@control.wrong(
    "padding taken for quiet frames",
    "Among the quietest frames is what stands behind the recording. Cut each recording at its "
    "length first.",
)
def padding_heard(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple:
    out = held_out(prompts, languages, held, k)
    # 1e-9: rows that are all padding would divide 0 by 0.
    x = np.array([quietest(recording, k).mean(axis=0) for recording in frames])
    x = x + 1e-9 * np.arange(x.size).reshape(x.shape)
    return judge(x, languages, out, out)


@control.wrong(
    "divided by the spread of all recordings",
    "The standard deviation was taken over all recordings, those held out included: it has touched "
    "what it is to be tested on.",
)
def leaking(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple:
    out = held_out(prompts, languages, held, k)
    x = summary(frames, lengths, lambda real: quietest(real, k))
    x = x / x.std(axis=0)
    to = [((x - x[~out & (languages == c)].mean(axis=0)) ** 2).sum(axis=1) for c in (0, 1)]
    margin = (to[0] - to[1])[out]
    return margin, np.mean((margin > 0) == (languages[out] == 1))


@control.wrong(
    "centres from the test",
    "The centres were taken over the recordings that are held out. Then the test has chosen its "
    "own answers; take them from the others.",
)
def tested_centres(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple:
    out = held_out(prompts, languages, held, k)
    x = summary(frames, lengths, lambda real: quietest(real, k))
    x = x / x[~out].std(axis=0)
    to = [((x - x[out & (languages == c)].mean(axis=0)) ** 2).sum(axis=1) for c in (0, 1)]
    margin = (to[0] - to[1])[out]
    return margin, np.mean((margin > 0) == (languages[out] == 1))


@control.wrong(
    "tested on what was learned from",
    "Margins and accuracy are those of the recordings that the centres were made of. What counts "
    "are the prompts that were held out.",
)
def training_accuracy(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple:
    out = held_out(prompts, languages, held, k)
    x = summary(frames, lengths, lambda real: quietest(real, k))
    return judge(x, languages, out, ~out)


@control.wrong(
    "not divided by the spread",
    "The numbers were compared as they are, so the one that varies most decides alone. Divide each "
    "by its standard deviation.",
)
def raw_numbers(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple:
    out = held_out(prompts, languages, held, k)
    x = summary(frames, lengths, lambda real: quietest(real, k))
    to = [((x - x[~out & (languages == c)].mean(axis=0)) ** 2).sum(axis=1) for c in (0, 1)]
    margin = (to[0] - to[1])[out]
    return margin, np.mean((margin > 0) == (languages[out] == 1))


@control.wrong(
    "distances not squared",
    "The margin is the difference of two distances. The card asks for squared distances, the sum "
    "of squares without its root.",
)
def rooted(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple:
    out = held_out(prompts, languages, held, k)
    x = summary(frames, lengths, lambda real: quietest(real, k))
    x = x / x[~out].std(axis=0)
    centres = [x[~out & (languages == c)].mean(axis=0) for c in (0, 1)]
    to = [np.linalg.norm(x[out] - centre, axis=1) for centre in centres]
    return to[0] - to[1], np.mean((to[1] < to[0]) == (languages[out] == 1))


@control.wrong(
    "a sum divided by k",
    "The quietest frames were added up, and divided by k or not at all, also where a recording has "
    "fewer. Divide by as many as there are.",
)
def over_k(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple:
    out = held_out(prompts, languages, held, k)
    pairs = zip(frames, lengths, strict=True)
    x = np.array([quietest(x[:n], k).sum(axis=0) / k for x, n in pairs])
    return judge(x, languages, out, out)


@control.wrong(
    "loudness without signs",
    "Frames were ordered by the mean of absolute values or of squares. These numbers are "
    "logarithms: a very negative one is very quiet. The loudness is the mean of the numbers.",
)
def absolute(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple:
    out = held_out(prompts, languages, held, k)
    x = summary(frames, lengths, lambda real: real[np.abs(real).mean(axis=1).argsort()[:k]])
    return judge(x, languages, out, out)


@control.wrong(
    "the quietest of each number",
    "Each of the D numbers was sorted by itself, so what is averaged are not frames. A frame is "
    "quiet or loud as a whole: order frames by their mean.",
)
def each_number(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple:
    out = held_out(prompts, languages, held, k)
    x = summary(frames, lengths, lambda real: np.sort(real, axis=0)[:k])
    return judge(x, languages, out, out)


@control.wrong(
    "the sign of the margin turned",
    "The margin is the distance to language 0 minus the distance to language 1, so it is above 0 "
    "where 1 is nearer. Here it is the other way round.",
)
def turned(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple:
    out = held_out(prompts, languages, held, k)
    margin, accuracy = judge(
        summary(frames, lengths, lambda real: quietest(real, k)), languages, out, out
    )
    return -margin, accuracy


@control.wrong(
    "a control without its conditions",
    "With nobody held out, nothing to learn from or no frames at all, numbers come out that mean "
    "nothing. Raise ValueError.",
)
def no_conditions(
    frames: Array, lengths: Array, prompts: Array, languages: Array, held: list[int], k: int
) -> tuple:
    out = np.isin(prompts, held)
    x = summary(frames, lengths, lambda real: quietest(real, max(k, 1)))
    return judge(x, languages, out, out)
