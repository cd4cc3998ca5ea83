"""Chapter 10, the working classifier: patches, training, ablation, a rival, what scores say."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from ...data import digits
from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_shape
from . import common
from .common import ask_all, near, reacts

sizes = partial(common.sizes, low=2, high=8)

Array = np.ndarray

READ = "10_the_working_classifier.md"


# 10.1

patches = Exercise(
    "10.1",
    "From an image to tokens",
    function="embed_patches",
    signature=(
        "embed_patches(images: (B, h, w), size: s, weight: (s², D), bias: (D,),"
        " positions: (N, D)) -> (B, N, D)"
    ),
    difficulty=2,
    importance=3,
    minutes=25,
    read=f"{READ}#the-matrix-version",
)


def draw_images(rng: np.random.Generator, few: str = "") -> tuple[Array, int, Array, Array, Array]:
    """All sizes differ, but for those named in `few`, which are 1."""
    drawn = dict(zip("brcsd", sizes(rng, 5), strict=True)) | dict.fromkeys(few, 1)
    b, rows, columns, size, width = drawn.values()
    images = rng.normal(size=(b, rows * size, columns * size))
    weight, positions = rng.normal(size=(size**2, width)), rng.normal(size=(rows * columns, width))
    return images, size, weight, rng.normal(size=width), positions


def cut(images: Array, size: int) -> Array:
    """(B, h, w) to (B, h/s, w/s, s, s): a place, then a pixel."""
    b, h, w = images.shape
    return images.reshape(b, h // size, size, w // size, size).swapaxes(2, 3)


def embedded(images: Array, size: int, weight: Array, bias: Array, positions: Array) -> Array:
    rows = cut(images, size).reshape(len(images), -1, size**2)
    return rows @ weight + bias + positions


@patches.check(2, "every patch, row by row, is a token")
def patch_by_patch(embed_patches: Any, rng: np.random.Generator) -> None:
    for few in ("", "b", "r", "c", "rc", "s", "d"):
        images, size, weight, bias, positions = draw_images(rng, few)
        got = embed_patches(images, size, weight, bias, positions)
        expect_shape(got, (len(images), *positions.shape), "a token of width D for each patch")
        want = embedded(images, size, weight, bias, positions)
        near(got, want, "token n is patch n, laid out as a row, times weight, plus bias, position")


@patches.check(1, "a pixel reaches one token: that of its own patch")
def one_pixel(embed_patches: Any, rng: np.random.Generator) -> None:
    images, size, weight, bias, positions = draw_images(rng)
    _, h, w = images.shape
    for y in (0, h - size):  # the first row of patches and the last
        x = int(rng.integers(size, w))  # not the first column
        images[:, y, x] += 1.0
        after = np.asarray(embed_patches(images, size, weight, bias, positions))
        images[:, y, x] -= 1.0
        before = np.asarray(embed_patches(images, size, weight, bias, positions))
        changed = np.flatnonzero((np.abs(after - before) > 1e-9).any(axis=(0, 2)))
        place = y // size * (w // size) + x // size
        near(changed, np.array([place]), "the tokens that a change of one pixel changes")


@patches.check(1, "an empty image: the bias and the positions, for every image alike")
def empty_image(embed_patches: Any, rng: np.random.Generator) -> None:
    images, size, weight, bias, positions = draw_images(rng)
    got = embed_patches(0 * images, size, weight, bias, positions)
    want = np.broadcast_to(bias + positions, (len(images), *positions.shape))
    near(got, want, "with all pixels 0 token n is bias + position n")


@patches.check(1, "patches that do not tile, too few or too many positions, raise ValueError")
def does_not_tile(embed_patches: Any, rng: np.random.Generator) -> None:
    images, size, weight, bias, positions = draw_images(rng)
    b, h, w = images.shape
    got = embed_patches(0 * images, size, weight, bias, positions)
    expect_shape(got, (b, *positions.shape), "what does tile is embedded")
    near(np.diff(got, axis=0), 0 * np.asarray(got)[1:], "empty images are embedded alike")
    drawn = embed_patches(images, size, weight, bias, positions)
    reacts(got, drawn, "other images, other embeddings")
    wrong = {
        "higher": np.concatenate([images, images[:, :1]], axis=1),
        "lower": images[:, 1:],
        "wider": np.concatenate([images, images[:, :, :1]], axis=2),
        "narrower": images[:, :, 1:],
        "of one row": images.reshape(b, 1, h * w),  # as many pixels as before
        "of one column": images.reshape(b, h * w, 1),
    }
    cases = [(what, other, positions) for what, other in wrong.items()]
    # The area is a multiple of s², one side is none of s; as many positions as whole patches.
    tall = rng.normal(size=(b, h + 1, size**2))
    whole = rng.normal(size=(h, len(bias)))
    cases += [("a row too many", tall, whole), ("a column too many", tall.swapaxes(1, 2), whole)]
    calls = []
    for what, other, table in cases:
        claim = (
            f"{what}: patches of {size} × {size} do not tile {other.shape[1]} × {other.shape[2]}"
        )
        calls.append((partial(embed_patches, other, size, weight, bias, table), claim))
    count, one = len(positions), images[:, :size, :size]
    some = [(images, count, rows) for rows in (1, count - 1, count + 1, 2 * count)]
    for other, many, rows in (*some, (one, 1, 2)):
        claim = f"{many} patch{'es' * (many > 1)}, but {rows} position{'s' * (rows > 1)}"
        table = np.resize(positions, (rows, len(bias)))
        calls.append((partial(embed_patches, other, size, weight, bias, table), claim))
    ask_all(call for call, _ in calls)
    for call, claim in calls:
        expect_error(call, ValueError, claim)


def refuse_sizes(images: Array, size: int, positions: Array) -> None:
    _, h, w = images.shape
    if h % size or w % size or len(positions) != h * w // size**2:
        raise ValueError("the sizes do not fit")


@patches.wrong(
    "a reshape for patches",
    "images.reshape(B, N, s²) cuts the image into strips of s² pixels that follow each other in "
    "memory: parts of rows, not squares. A square needs rows and columns split, then a transpose.",
)
def strips(images: Array, size: int, weight: Array, bias: Array, positions: Array) -> Array:
    refuse_sizes(images, size, positions)
    return images.reshape(len(images), -1, size**2) @ weight + bias + positions


@patches.wrong(
    "patches column by column",
    "The patches are right, and stand in the wrong order: down the first column, then the next. "
    "Each gets another patch's position.",
)
def by_columns(images: Array, size: int, weight: Array, bias: Array, positions: Array) -> Array:
    refuse_sizes(images, size, positions)
    rows = cut(images, size).swapaxes(1, 2).reshape(len(images), -1, size**2)
    return rows @ weight + bias + positions


@patches.wrong(
    "pixels column by column",
    "Inside each patch rows and columns changed places, so each pixel meets another pixel's "
    "weights. Shapes do not show it, a loop does.",
)
def turned_pixels(images: Array, size: int, weight: Array, bias: Array, positions: Array) -> Array:
    refuse_sizes(images, size, positions)
    rows = cut(images, size).swapaxes(3, 4).reshape(len(images), -1, size**2)
    return rows @ weight + bias + positions


@patches.wrong(
    "positions forgotten",
    "Without positions the tokens are a set: a shuffled image has the same tokens, and no block "
    "after this can tell.",
)
def no_positions(images: Array, size: int, weight: Array, bias: Array, positions: Array) -> Array:
    refuse_sizes(images, size, positions)
    return embedded(images, size, weight, bias, 0 * positions)


@patches.wrong(
    "the bias forgotten",
    "A dense layer is a product and a sum: each token gets the bias, too.",
)
def no_bias(images: Array, size: int, weight: Array, bias: Array, positions: Array) -> Array:
    refuse_sizes(images, size, positions)
    return embedded(images, size, weight, 0 * bias, positions)


@patches.wrong(
    "only the number of pixels looked at",
    "The area can be a multiple of s² while a side is none of s: 1 × 36 pixels hold no patch of "
    "6 × 6. Both sides must be multiples of the patch's.",
)
def by_area(images: Array, size: int, weight: Array, bias: Array, positions: Array) -> Array:
    count, rest = divmod(images[0].size, size**2)
    if rest or len(positions) != count:
        raise ValueError("the sizes do not fit")
    if images.shape[1] % size or images.shape[2] % size:
        return strips(images.reshape(len(images), size, -1), size, weight, bias, positions)
    return embedded(images, size, weight, bias, positions)


@patches.wrong(
    "positions left over",
    "There were more positions than patches, and the last ones were dropped in silence: the table "
    "was made for another image.",
)
def left_over(images: Array, size: int, weight: Array, bias: Array, positions: Array) -> Array:
    count = images[0].size // size**2
    refuse_sizes(images, size, positions[:count])
    return embedded(images, size, weight, bias, positions[:count])


@patches.wrong(
    "what does not fit is cut off or stretched",
    "Pixels beyond the last whole patch are dropped in silence, and a single position is "
    "broadcast to all patches. Both run, and the model sees less than its author believes.",
)
def cropped(images: Array, size: int, weight: Array, bias: Array, positions: Array) -> Array:
    _, h, w = images.shape
    return embedded(
        images[:, : h // size * size, : w // size * size], size, weight, bias, positions
    )


@patches.wrong(
    "what is left over is cut off",
    "Pixels beyond the last whole patch are dropped in silence, and the model sees less than its "
    "author believes. A side that is no multiple of the patch's: raise ValueError.",
)
def cut_off(images: Array, size: int, weight: Array, bias: Array, positions: Array) -> Array:
    _, h, w = images.shape
    whole = images[:, : h // size * size, : w // size * size]
    refuse_sizes(whole, size, positions)
    return embedded(whole, size, weight, bias, positions)


# 10.2

train_it = Exercise(
    "10.2",
    "Train to 95 %",
    function="classify",
    signature=(
        "classify(train_tokens: (n, 5, 68), train_targets: (n,), test_tokens: (m, 5, 68))"
        " -> (m,) classes"
    ),
    difficulty=4,
    importance=5,
    minutes=75,
    read=f"{READ}#first-steps",
    library=True,
)

TILES = 4
SPLIT = 1  # which digits are held out: with some splits a few odd ones cost two per cent


def draw_scenes(rng: np.random.Generator, train: int, halves: bool = False) -> list[Array]:
    """Cued digits, their tokens times a random orthogonal matrix: no number is a pixel or a tag.

    With `halves` the asked tile is one of the first two in training, one of the last two in the
    test. Returns the arguments of `classify` and the hidden classes.
    """
    width = 64 + TILES
    turn, _ = np.linalg.qr(rng.normal(size=(width, width)))
    found = []
    for part, count, first in zip(digits(SPLIT), (train, 1000), (0, TILES // 2), strict=True):
        tiles = rng.integers(0, len(part), (count, TILES))
        tags = rng.permuted(np.tile(np.arange(TILES), (count, 1)), axis=1)
        places = first + rng.integers(0, TILES // 2, count)
        asked = np.arange(count), places if halves else rng.integers(0, TILES, count)
        tokens = np.zeros((count, TILES + 1, width))
        tokens[:, :TILES, :64] = part.inputs[tiles].reshape(count, TILES, 64)
        tokens[:, :TILES, 64:] = np.eye(TILES)[tags]
        tokens[:, TILES, 64:] = np.eye(TILES)[tags[asked]]
        found += [(tokens @ turn).astype(np.float32), part.targets[tiles[asked]]]
    return found


def accuracy(classify: Any, scenes: list[Array]) -> float:
    train_tokens, train_targets, test_tokens, hidden = scenes
    got = classify(train_tokens, train_targets, test_tokens)
    expect_shape(got, hidden.shape, "a class for each test scene")
    return 100 * float(np.mean(np.asarray(got) == hidden))


def expect_accuracy(classify: Any, scenes: list[Array], least: float, claim: str) -> None:
    reached = accuracy(classify, scenes)
    expect(reached >= least, claim, expected=f"at least {least} %", got=f"{reached:.1f} %")


@train_it.check(2, "50 % of hidden scenes, from 3,200 to learn from")
def half_of_them(classify: Any, rng: np.random.Generator) -> None:
    # Four digits, one of them asked for: whoever knows all four and not which is asked names the
    # most frequent one, and is right in 38 % of the scenes.
    claim = "50 % right: knowing the four digits and not which is asked gives about 38 %"
    expect_accuracy(classify, draw_scenes(rng, 3_200), 50.0, claim)


@train_it.check(4, "95 % of hidden scenes, from 6,400 to learn from")
def to_95(classify: Any, rng: np.random.Generator) -> None:
    scenes = draw_scenes(rng, 6_400)
    expect_accuracy(classify, scenes, 95.0, "95 % on scenes of digits that it has not seen")


@train_it.check(2, "the asked tile stands where it never stood in training: 85 %")
def other_places(classify: Any, rng: np.random.Generator) -> None:
    scenes = draw_scenes(rng, 3_200, halves=True)
    expect_accuracy(classify, scenes, 85.0, "the answer depends on the tag, not on the place")


def ridge(inputs: Array, targets: Array, test: Array, scenes: int = 800) -> Array:
    """The scores of a straight line fitted to the first scenes: cheap, and no attention."""

    def flat(x: Array) -> Array:
        return np.column_stack([x.reshape(len(x), -1), np.ones(len(x))]).astype(float)

    x = flat(inputs[:scenes])
    goal = np.eye(10)[targets[:scenes]]
    return flat(test) @ np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ goal)


@train_it.wrong(
    "equal weights",
    "The tokens are averaged as they are. All digits are in the mean, and nothing in it says which "
    "of them has which tag: the most frequent one is the best guess.",
)
def averaged(train_tokens: Array, train_targets: Array, test_tokens: Array) -> Array:
    return ridge(train_tokens.mean(axis=1), train_targets, test_tokens.mean(axis=1)).argmax(axis=1)


@train_it.wrong(
    "the query alone",
    "Only the last token is read, and no token has looked at it or from it: it holds a tag and no "
    "digit. What the query does not fetch is lost.",
)
def query_alone(train_tokens: Array, train_targets: Array, test_tokens: Array) -> Array:
    return ridge(train_tokens[:, -1], train_targets, test_tokens[:, -1]).argmax(axis=1)


@train_it.wrong(
    "all tokens end to end",
    "Laid end to end, each place has weights of its own, and which tile counts must be learned "
    "for each place and tag. What is added up from places, each with weights of its own, cannot "
    "let one token choose among the others; a straight line has no product of two tokens.",
)
def end_to_end(train_tokens: Array, train_targets: Array, test_tokens: Array) -> Array:
    return ridge(train_tokens, train_targets, test_tokens).argmax(axis=1)


@train_it.wrong(
    "scores in place of classes",
    "What comes back has a number for each class. The class is the place of the largest: argmax "
    "over the last axis.",
)
def scores_returned(train_tokens: Array, train_targets: Array, test_tokens: Array) -> Array:
    return ridge(train_tokens, train_targets, test_tokens)


@train_it.wrong(
    "the training scenes answered",
    "The answers are those for the training scenes. What counts is what the model says about "
    "scenes that it has not seen.",
)
def on_training(train_tokens: Array, train_targets: Array, test_tokens: Array) -> Array:
    return train_targets


@train_it.wrong(
    "the last four numbers taken for the tag",
    "Every token was multiplied by an orthogonal matrix, so the last four numbers are mixtures of "
    "pixels and tag like all others. Which tile matches has to come from all 68 numbers.",
)
def tag_read_off(train_tokens: Array, train_targets: Array, test_tokens: Array) -> Array:
    def chosen(tokens: Array) -> Array:
        apart = np.abs(tokens[:, :TILES, 64:] - tokens[:, TILES:, 64:]).sum(axis=-1)
        return tokens[np.arange(len(tokens)), apart.argmin(axis=1)]

    return ridge(chosen(train_tokens), train_targets, chosen(test_tokens)).argmax(axis=1)


@train_it.wrong(
    "the nearest scene",
    "The answer of the most similar training scene. Scenes are alike in the digits that nobody "
    "asked for: three tiles of four.",
)
def nearest_scene(train_tokens: Array, train_targets: Array, test_tokens: Array) -> Array:
    a, b = (x.reshape(len(x), -1) for x in (test_tokens, train_tokens[:800]))
    return train_targets[((b**2).sum(axis=1) - 2 * a @ b.T).argmin(axis=1)]


# 10.3

take_away = Exercise(
    "10.3",
    "Take attention away",
    function="ablate",
    signature=(
        "ablate(tokens: (B, N, D), query: (D, d), key: (D, d), value: (D, d_v), head: (d_v, C),"
        ' mask: (B, N), kind: "attention", "uniform" or "none") -> logits (B, C)'
    ),
    difficulty=3,
    importance=4,
    minutes=40,
    read=f"{READ}#the-librarys-version",
)

KINDS = ("attention", "uniform", "none")


def draw_asked(rng: np.random.Generator, padding: bool = False) -> tuple[Array, ...]:
    """Scenes with the query last, and, if asked for, padding in each.

    The scores of one scene lie thousands above or below those of the next; in one scene one
    token's lies 3,000 above the others; and with padding a masked token's lies 1,000 above all
    others of its scene. The first number of a token lifts its score, the second is 1 and asks for
    it.
    """
    *others, width = sorted(common.sizes(rng, 6, 3, 10))
    b, n, d, d_v, c = (int(size) for size in rng.permutation(others))
    tokens, mask = rng.normal(size=(b, n, width)), np.ones((b, n), bool)
    shapes = [(width, d), (width, d), (width, d_v), (d_v, c)]
    query, key, value, head = (rng.normal(size=s) / math.sqrt(s[0]) for s in shapes)
    query[0], query[1:, 0], query[1, 0] = 0, 0, 1
    key[0], key[1:, 0], key[0, 0] = 0, 0, math.sqrt(d)
    value[0] *= 1e-3
    tokens[:, :, 1] = 1
    tokens[:, :, 0] = rng.uniform(-1000, 1000, (b, 1))
    tokens[1:3, :, 0] = [[2000.0], [-2000.0]]
    hidden = [n - 1, *rng.integers(1, n - 1, b - 1)]  # of scene 0 nothing is left but the query
    for row, count in enumerate(hidden if padding else []):
        mask[row, rng.choice(n - 1, count, replace=False)] = False
    tokens[1, mask[1, :-1].argmax(), 0] += 3000
    for row, real in enumerate(mask):
        tokens[row, ~real, 2:] *= 5.0
        tokens[row, np.flatnonzero(~real)[:1], 0] = tokens[row, real, 0].max() + 1000
    order = rng.permutation(b)
    return tokens[order], query, key, value, head, mask[order]


def weights_of(tokens: Array, query: Array, key: Array, mask: Array, kind: str) -> Array:
    """How much the last token takes from each, (B, N)."""
    if kind == "attention":
        scores = scores_of(tokens, query, key)
        scores = np.where(mask, scores, -np.inf)
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
    elif kind == "uniform":
        e = mask.astype(float)
    elif kind == "none":
        e = np.tile(np.arange(mask.shape[1]) == mask.shape[1] - 1, (len(mask), 1)).astype(float)
    else:
        raise ValueError(f"kind is one of {KINDS}, not {kind!r}")
    return e / e.sum(axis=1, keepdims=True)


def scores_of(tokens: Array, query: Array, key: Array) -> Array:
    """Those of the last token with each, (B, N), scaled."""
    return np.einsum("bd,bnd->bn", tokens[:, -1] @ query, tokens @ key) / math.sqrt(query.shape[1])


def read_out(tokens: Array, weights: Array, value: Array, head: Array) -> Array:
    return np.einsum("bn,bnd->bd", weights, tokens @ value) @ head


def expect_kind(ablate: Any, drawn: tuple[Array, ...], kind: str, claim: str) -> None:
    tokens, query, key, value, head, mask = drawn
    few = [  # one scene, one token, query and key of width 1, values of width 1, one class
        (tokens[:1], query, key, value, head, mask[:1]),
        (tokens[:, -1:], query, key, value, head, mask[:, -1:]),
        (tokens, query[:, :1], key[:, :1], value, head, mask),
        (tokens, query, key, value[:, :1], head[:1], mask),
        (tokens, query, key, value, head[:, :1], mask),
    ]
    for x, q, k, v, to_logits, real in (drawn, *few):
        got = ablate(x, q, k, v, to_logits, real, kind)
        expect_shape(got, (len(x), to_logits.shape[1]), "a row of logits for each scene")
        near(got, read_out(x, weights_of(x, q, k, real, kind), v, to_logits), claim)


@take_away.check(2, "attention: the last token asks, softmax of scaled scores, weighted sum")
def kind_attention(ablate: Any, rng: np.random.Generator) -> None:
    expect_kind(ablate, draw_asked(rng), "attention", "what the last token fetches")


@take_away.check(1, "uniform: the same values, every weight the same")
def kind_uniform(ablate: Any, rng: np.random.Generator) -> None:
    expect_kind(ablate, draw_asked(rng), "uniform", "the mean of the values")


@take_away.check(1, "none: the asking token's own value")
def kind_none(ablate: Any, rng: np.random.Generator) -> None:
    expect_kind(ablate, draw_asked(rng), "none", "the last token's value, and no other")


@take_away.check(1, "what is masked has no say, in any of the three")
def masked(ablate: Any, rng: np.random.Generator) -> None:
    for mild in (True, False, False):
        drawn = draw_asked(rng, padding=True)
        if mild:  # no score lies far from the others
            drawn[0][:, :, 0] = 0.0
        for kind in KINDS:
            expect_kind(ablate, drawn, kind, f"{kind}, with a mask")


@take_away.check(1, "a kind that is none of the three raises ValueError")
def unknown_kind(ablate: Any, rng: np.random.Generator) -> None:
    drawn = draw_asked(rng)
    *others, head, mask = drawn
    got = ablate(*others, 0 * head, mask, "attention")
    near(got, np.zeros((len(mask), head.shape[1])), "with a head of zeros all logits are 0")
    reacts(got, ablate(*drawn, "attention"), "another head, other logits")
    slips = ("atention", "Uniform", "nothing", "weighted", "no", "")
    for word in (*slips, "attentions", "no attention", "not uniform", "none at all"):
        claim = f"{word!r} is none of the three: a slip of the pen is no ablation"
        expect_error(partial(ablate, *drawn, word), ValueError, claim)


@take_away.wrong(
    "the padding counted in the mean",
    "Equal weights are 1 over the number of tokens that may be looked at, not over N: else the "
    "ablation differs from attention in the mask too, and you cannot say which mattered.",
)
def padding_counted(
    tokens: Array, query: Array, key: Array, value: Array, head: Array, mask: Array, kind: str
) -> Array:
    weights = weights_of(tokens, query, key, mask | (kind == "uniform"), kind)
    return read_out(tokens, weights, value, head)


@take_away.wrong(
    "the asking token left out of the mean",
    "Attention may look at the asking token too, so the mean with equal weights has it as well. "
    "Without it, two things were changed at once.",
)
def self_left_out(
    tokens: Array, query: Array, key: Array, value: Array, head: Array, mask: Array, kind: str
) -> Array:
    weights = weights_of(tokens, query, key, mask, kind)
    if kind == "uniform":
        weights[:, -1] = 0
        weights /= weights.sum(axis=1, keepdims=True)
    return read_out(tokens, weights, value, head)


@take_away.wrong(
    "the value taken away as well",
    "Without attention the token still has its own value; only what came from others is gone. An "
    "ablation takes one thing away: who takes two cannot tell which of them mattered.",
)
def value_gone(
    tokens: Array, query: Array, key: Array, value: Array, head: Array, mask: Array, kind: str
) -> Array:
    weights = weights_of(tokens, query, key, mask, kind)
    return read_out(tokens, weights * (kind != "none"), value, head)


@take_away.wrong(
    "no maximum subtracted",
    "The exponential of a large score overflows, and of scores that all lie far below 0 every one "
    "becomes 0. Subtract each scene's largest allowed score first (chapter 05).",
)
def no_maximum(
    tokens: Array, query: Array, key: Array, value: Array, head: Array, mask: Array, kind: str
) -> Array:
    if kind != "attention":
        return read_out(tokens, weights_of(tokens, query, key, mask, kind), value, head)
    e = np.exp(scores_of(tokens, query, key)) * mask
    return read_out(tokens, e / e.sum(axis=1, keepdims=True), value, head)


@take_away.wrong(
    "one maximum for all scenes",
    "The largest score of all scenes was subtracted from each. Where a scene's scores lie far "
    "below, all its exponentials become 0: take the maximum along the tokens, scene by scene.",
)
def one_maximum(
    tokens: Array, query: Array, key: Array, value: Array, head: Array, mask: Array, kind: str
) -> Array:
    if kind != "attention":
        return read_out(tokens, weights_of(tokens, query, key, mask, kind), value, head)
    scores = np.where(mask, scores_of(tokens, query, key), -np.inf)
    e = np.exp(scores - scores.max())
    return read_out(tokens, e / e.sum(axis=1, keepdims=True), value, head)


@take_away.wrong(
    "masked after softmax, and divided again",
    "Where a masked token has by far the largest score, softmax gives it all there is; taking it "
    "away leaves 0 to divide by. The mask belongs before softmax (chapter 07).",
)
def divided_again(
    tokens: Array, query: Array, key: Array, value: Array, head: Array, mask: Array, kind: str
) -> Array:
    if kind != "attention":
        return read_out(tokens, weights_of(tokens, query, key, mask, kind), value, head)
    weights = weights_of(tokens, query, key, np.ones_like(mask), kind) * mask
    return read_out(tokens, weights / weights.sum(axis=1, keepdims=True), value, head)


@take_away.wrong(
    "masked with a number that is not small enough",
    "−100 in place of a masked score is a large score where the allowed ones lie lower still. "
    "Minus infinity lies below every score.",
)
def too_high(
    tokens: Array, query: Array, key: Array, value: Array, head: Array, mask: Array, kind: str
) -> Array:
    if kind != "attention":
        return read_out(tokens, weights_of(tokens, query, key, mask, kind), value, head)
    scores = np.where(mask, scores_of(tokens, query, key), -100)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return read_out(tokens, e / e.sum(axis=1, keepdims=True), value, head)


@take_away.wrong(
    "masked after softmax",
    "The weights of masked tokens are set to 0 after softmax, so the others no longer sum to 1. "
    "The mask belongs before softmax (chapter 07).",
)
def masked_late(
    tokens: Array, query: Array, key: Array, value: Array, head: Array, mask: Array, kind: str
) -> Array:
    open_mask = mask if kind != "attention" else np.ones_like(mask)
    weights = weights_of(tokens, query, key, open_mask, kind) * mask
    return read_out(tokens, weights, value, head)


@take_away.wrong(
    "the first token asks",
    "The query of the scene is its last token. Here the first one was taken, which knows nothing "
    "of the question.",
)
def first_asks(
    tokens: Array, query: Array, key: Array, value: Array, head: Array, mask: Array, kind: str
) -> Array:
    if kind == "uniform":
        weights = weights_of(tokens, query, key, mask, kind)
        return read_out(tokens, weights, value, head)
    turned, turned_mask = tokens[:, ::-1], mask[:, ::-1]
    return read_out(turned, weights_of(turned, query, key, turned_mask, kind), value, head)


@take_away.wrong(
    "the scale forgotten",
    "The scores are divided by √d before softmax, d the width of query and key (chapter 07).",
)
def no_scale(
    tokens: Array, query: Array, key: Array, value: Array, head: Array, mask: Array, kind: str
) -> Array:
    weights = weights_of(tokens, query * math.sqrt(query.shape[1]), key, mask, kind)
    return read_out(tokens, weights, value, head)


@take_away.wrong(
    "any other word means attention",
    "A slip in the name of the variant runs the whole model and reports that nothing was lost. An "
    "unknown variant must raise.",
)
def slip(
    tokens: Array, query: Array, key: Array, value: Array, head: Array, mask: Array, kind: str
) -> Array:
    known = kind if kind in KINDS else "attention"
    return read_out(tokens, weights_of(tokens, query, key, mask, known), value, head)


# 10.4

rival = Exercise(
    "10.4",
    "A fair rival",
    function="matched",
    signature=(
        "matched(parameters: dict of arrays, frozen: list of names, token_shape: (N, D),"
        " num_classes: C) -> (hidden, count)"
    ),
    difficulty=3,
    importance=2,
    minutes=35,
    read=f"{READ}#real-data",
)


def split_up(rng: np.random.Generator, learned: int, frozen: int) -> tuple[dict, list[str]]:
    """A model's arrays with so many learned numbers, and the names of the rest.

    A name that begins or ends like a frozen one, or is a part of one, is learned all the same.
    """
    a, b = common.sizes(rng, 2, 2, 4)
    share = (learned - a * b - 1) // 5  # so that none can be left out and nobody notice
    arrays = {
        "embed.weight": np.zeros((a, b)),
        "scale": np.zeros(()),
        "positions.gain": np.zeros(share),
        "own.positions": np.zeros((share, 1)),
        "mask": np.zeros((1, share, 1)),
    }
    fixed = {"positions": np.zeros((frozen, 3)), "attention.mask": np.zeros((frozen, 1, 2))}
    left = learned - sum(x.size for x in arrays.values())
    head = np.zeros((left // 4, 2))
    arrays["head.bias"] = np.zeros(left - head.size)
    every = arrays | fixed | {"head.weight": head}
    names = ["embed.weight", *rng.permutation([*every][1:-1]), "head.weight"][
        :: rng.choice([1, -1])
    ]
    return {str(name): every[str(name)] for name in names}, list(fixed)


def draw_sizes(rng: np.random.Generator) -> tuple[tuple[int, int], int, int]:
    """Tokens, their width and classes, (N, D) and C; and how many numbers a hidden unit has."""
    n, d, c = common.sizes(rng, 3, 3, 12)
    return (n, d), c, n * d + 1 + c


def sizes_with(rng: np.random.Generator, divisor: int) -> tuple[tuple[int, int], int, int]:
    """Such that the smallest net of all has a multiple of so many numbers."""
    found = [
        ((n, d), c, n * d + 1 + c)
        for n in range(105, 125)  # of so many numbers one is less than a hundredth of 1 %
        for d in range(105, 125)
        for c in range(2, 12)
        if n != d and (n * d + 1 + 2 * c) % divisor == 0
    ]
    return found[int(rng.integers(len(found)))]


def size_of(hidden: int, inputs: int, classes: int) -> int:
    return inputs * hidden + hidden + hidden * classes + classes


def nearest_width(total: float, inputs: int, classes: int) -> int:
    return max(1, round((total - classes) / (inputs + 1 + classes)))


def learned(parameters: dict[str, Array], frozen: Iterable[str] = ()) -> int:
    return sum(x.size for name, x in parameters.items() if name not in frozen)


def refuse_unfair(count: int, total: int) -> None:
    if 10 * abs(count - total) > total:
        raise ValueError(f"{count} numbers are no match for {total}")


def match(total: int, inputs: int, classes: int) -> tuple[int, int]:
    hidden = nearest_width(total, inputs, classes)
    return hidden, size_of(hidden, inputs, classes)


def expect_match(
    matched: Any, rng: np.random.Generator, total: int, sizes: tuple, claim: str
) -> None:
    token_shape, classes, _ = sizes
    arrays, frozen = split_up(rng, total, int(rng.integers(10, 40)))
    want = match(total, token_shape[0] * token_shape[1], classes)
    expect_close(matched(arrays, frozen, token_shape, classes), want, claim)


@rival.check(1, "a net with exactly as many numbers is found")
def exact(matched: Any, rng: np.random.Generator) -> None:
    for hidden in (1, int(rng.integers(2, 10)), int(rng.integers(20, 40)), 0):
        (token_shape, classes, unit) = drawn = draw_sizes(rng)
        hidden = hidden or 6 * unit  # wider than all tokens laid end to end
        total = hidden * unit + classes
        units = f"{hidden} hidden unit" + ("s" if hidden > 1 else "")
        claim = f"as many numbers as {units} on {token_shape[0]} × {token_shape[1]} inputs have"
        expect_match(matched, rng, total, drawn, claim)


@rival.check(2, "otherwise the nearest, above or below")
def nearest(matched: Any, rng: np.random.Generator) -> None:
    many = (3, 4), int(rng.integers(35, 45))  # few inputs, many classes
    for place in range(7):
        token_shape, classes, unit = drawn = draw_sizes(rng)
        if place > 3:
            token_shape, classes = many
            unit = 3 * 4 + 1 + classes
            drawn = token_shape, classes, unit
        # Three tenths and seven tenths of a unit more, and just below and just above a half.
        more = (round(0.3 * unit), round(0.7 * unit), (unit - 1) // 2, unit // 2 + 1)[place % 4]
        hidden = 6 * unit if place in (0, 5) else int(rng.integers(20, 40))
        claim = (
            f"{hidden} hidden units have {more} numbers too few, one more {unit - more} too many"
        )
        expect_match(matched, rng, hidden * unit + classes + more, drawn, claim)


@rival.check(1, "what is frozen is not counted")
def not_frozen(matched: Any, rng: np.random.Generator) -> None:
    token_shape, classes, unit = draw_sizes(rng)
    total = int(rng.integers(20, 40)) * unit + classes + 1
    want = match(total, token_shape[0] * token_shape[1], classes)
    arrays, frozen = split_up(rng, total, unit)  # worth five hidden units
    got = matched(arrays, frozen, token_shape, classes)
    expect_close(got, want, "a table of sines and a mask are not learned")
    every = sum(x.size for x in arrays.values())
    want = match(every, token_shape[0] * token_shape[1], classes)
    expect_close(
        matched(arrays, [], token_shape, classes), want, "nothing is frozen, so all is learned"
    )


@rival.check(1, "where no net comes within 10 %, ValueError; 10 % is within")
def no_match(matched: Any, rng: np.random.Generator) -> None:
    token_shape, classes, unit = drawn = draw_sizes(rng)
    small = 12 + classes  # less than a hidden unit
    claim = f"one hidden unit has {unit} numbers, this model {small} in all: no fair rival"
    cases = [(small, drawn, False, claim)]
    claim = "a net needs a hidden unit; the biases of the classes alone are none"
    cases.append((40, (token_shape, 40, unit), False, claim))
    for hidden in (2, 3):  # a net of more than one unit, nearly half a unit too small
        net = hidden * unit + classes
        total = net + int(0.45 * unit)
        claim = f"the nearest net has {net} numbers, the model {total}: more than 10 % apart"
        cases.append((total, drawn, False, claim))
    for divisor in (11, 9):  # the smallest net is 10 % too large, or 10 % too small
        _, classes, unit = drawn = sizes_with(rng, divisor)
        net = unit + classes
        total = net * 10 // divisor
        claim = f"the smallest net has {net} numbers, the model {total}: just 10 % of these apart"
        cases.append((total, drawn, True, claim))
        total += -1 if divisor == 11 else 1
        claim = f"the smallest net has {net} numbers, the model {total}: more than 10 % apart"
        cases.append((total, drawn, False, claim))
    calls = []
    for total, (token_shape, classes, _), _, _ in cases:
        arrays, frozen = split_up(rng, total, int(rng.integers(10, 40)))
        calls.append(partial(matched, arrays, frozen, token_shape, classes))
    ask_all(calls)
    for call, (total, (token_shape, classes, _), fair, claim) in zip(calls, cases, strict=True):
        if fair:
            expect_close(call(), match(total, token_shape[0] * token_shape[1], classes), claim)
        else:
            expect_error(call, ValueError, claim)


@rival.wrong(
    "what is frozen is counted",
    "A table of sines has many numbers, and none of them is learned. Counting it makes the rival "
    "larger than the model.",
)
def frozen_counted(
    parameters: dict[str, Array], frozen: list[str], token_shape: Any, num_classes: int
) -> tuple:
    total = learned(parameters)
    hidden, count = match(total, token_shape[0] * token_shape[1], num_classes)
    refuse_unfair(count, total)
    return hidden, count


@rival.wrong(
    "biases forgotten",
    "A hidden unit has N·D weights in, C weights out, and a bias; each class has a bias too.",
)
def no_biases(
    parameters: dict[str, Array], frozen: list[str], token_shape: Any, num_classes: int
) -> tuple:
    total, inputs = learned(parameters, frozen), token_shape[0] * token_shape[1]
    hidden = max(1, round(total / (inputs + num_classes)))
    refuse_unfair(hidden * (inputs + num_classes), total)
    return hidden, hidden * (inputs + num_classes)


@rival.wrong(
    "always rounded down",
    "The nearest count may lie above: with // the rival is up to a whole unit smaller than it "
    "could be.",
)
def rounded_down(
    parameters: dict[str, Array], frozen: list[str], token_shape: Any, num_classes: int
) -> tuple:
    total, inputs = learned(parameters, frozen), token_shape[0] * token_shape[1]
    hidden = max(1, (total - num_classes) // (inputs + 1 + num_classes))
    refuse_unfair(size_of(hidden, inputs, num_classes), total)
    return hidden, size_of(hidden, inputs, num_classes)


@rival.wrong(
    "one token for its input",
    "The rival reads all tokens laid end to end, N·D numbers. With D alone it sees one token, and "
    "loses for lack of eyes.",
)
def one_token(
    parameters: dict[str, Array], frozen: list[str], token_shape: Any, num_classes: int
) -> tuple:
    total = learned(parameters, frozen)
    hidden, count = match(total, token_shape[1], num_classes)
    refuse_unfair(count, total)
    return hidden, count


@rival.wrong(
    "as wide, not as many",
    "The rival got the model's width. Equal widths are not equal means: what is compared is how "
    "many numbers can be learned.",
)
def as_wide(
    parameters: dict[str, Array], frozen: list[str], token_shape: Any, num_classes: int
) -> tuple:
    inputs = token_shape[0] * token_shape[1]
    hidden = max(x.shape[-1] for x in parameters.values() if x.ndim > 1)
    refuse_unfair(match(learned(parameters, frozen), inputs, num_classes)[1], learned(parameters))
    return hidden, size_of(hidden, inputs, num_classes)


@rival.wrong(
    "10 % of the rival",
    "The difference is held against the rival's numbers. It is to be at most 10 % of the model's.",
)
def of_the_rival(
    parameters: dict[str, Array], frozen: list[str], token_shape: Any, num_classes: int
) -> tuple:
    total = learned(parameters, frozen)
    hidden, count = match(total, token_shape[0] * token_shape[1], num_classes)
    refuse_unfair(total, count)
    return hidden, count


@rival.wrong(
    "10 % refused",
    "A difference of just 10 % is still fair: refuse what is more, not what is as much.",
    raises=True,
)
def just_ten(
    parameters: dict[str, Array], frozen: list[str], token_shape: Any, num_classes: int
) -> tuple:
    total = learned(parameters, frozen)
    hidden, count = match(total, token_shape[0] * token_shape[1], num_classes)
    if 10 * abs(count - total) >= total:
        raise ValueError("no fair rival")
    return hidden, count


@rival.wrong(
    "always rounded up",
    "The nearest count may lie below: rounded up, the rival is up to a whole unit larger than it "
    "needs to be.",
)
def rounded_up(
    parameters: dict[str, Array], frozen: list[str], token_shape: Any, num_classes: int
) -> tuple:
    total, inputs = learned(parameters, frozen), token_shape[0] * token_shape[1]
    hidden = max(1, math.ceil((total - num_classes) / (inputs + 1 + num_classes)))
    refuse_unfair(size_of(hidden, inputs, num_classes), total)
    return hidden, size_of(hidden, inputs, num_classes)


@rival.wrong(
    "an unfair match is kept",
    "With at least one hidden unit the net can be many times larger than a small model. A match "
    "must be looked at, and refused if it is none.",
)
def never_refused(
    parameters: dict[str, Array], frozen: list[str], token_shape: Any, num_classes: int
) -> tuple:
    return match(learned(parameters, frozen), token_shape[0] * token_shape[1], num_classes)


# 10.5

write_up = Exercise(
    "10.5",
    "What may be claimed",
    function="claims",
    signature=(
        "claims(scores: dict of arrays (n,), chance: float, t: float)"
        ' -> dict with "gaps", "verdicts" and "necessary"'
    ),
    difficulty=4,
    importance=5,
    minutes=50,
    read=f"{READ}#real-data",
)

VARIANTS = ("uniform", "none", "dense")


def interval(x: Array, t: float) -> tuple[float, float]:
    reach = t * float(x.std(ddof=1)) / math.sqrt(len(x))
    return float(x.mean()) - reach, float(x.mean()) + reach


def verdict(low: float, high: float) -> str:
    return "better" if low > 0 else "worse" if high < 0 else "undecided"


def summed_up(gaps: dict[str, tuple], at_chance: bool) -> dict[str, Any]:
    verdicts = {name: verdict(*gap) for name, gap in gaps.items()}
    necessary = verdicts["none"] == "better" and at_chance
    return {"gaps": gaps, "verdicts": verdicts, "necessary": necessary}


def claimed(scores: dict[str, Array], chance: float, t: float) -> dict[str, Any]:
    gaps = {name: interval(scores["attention"] - scores[name], t) for name in VARIANTS}
    low, high = interval(scores["none"], t)
    return summed_up(gaps, low <= chance <= high)


def refuse_scores(scores: dict[str, Array]) -> None:
    counts = {len(x) for x in scores.values()}
    if len(counts) > 1 or min(counts) < 3:
        raise ValueError("the same seeds for all, three at least")


def ripple(rng: np.random.Generator, n: int, sd: float) -> Array:
    """So many numbers of mean 0 and this standard deviation."""
    x = rng.normal(size=n)
    return sd * (x - x.mean()) / x.std(ddof=1)


def draw_scores(
    rng: np.random.Generator, n: int, gaps: tuple[float, float, float], none_off: float
) -> tuple[dict[str, Array], float, float]:
    """Scores in per cent, chance, t; the seeds' luck is shared by all.

    `gaps` of attention over the variants and `none_off` of "none" from chance, in units of how
    far an interval reaches: 1.1 is clear, 0.9 is not.
    """
    chance, t = (
        float(rng.choice([2, 5, 20, 25, 50]) + rng.uniform(0.5, 2)),
        float(rng.uniform(1, 6)),
    )
    reach = t / math.sqrt(n)
    scores = {"none": chance + reach * 0.5 * none_off + ripple(rng, n, 0.5)}
    scores["attention"] = scores["none"] + gaps[1] * reach * 0.4 + ripple(rng, n, 0.4)
    luck = ripple(rng, n, 2.0)
    for name, gap in (("uniform", gaps[0]), ("dense", gaps[2])):
        scores[name] = scores["attention"] - gap * reach * 0.4 + ripple(rng, n, 0.4)
    if abs(none_off) > 10:  # then the luck of the seeds may be large
        scores = {name: x + luck for name, x in scores.items()}
    return {name: scores[name] for name in ("attention", *VARIANTS)}, chance, t


SURE, UNSURE = 1.1, 0.9  # intervals: just clear of a number, just not


@write_up.check(2, "the gap to each variant, seed by seed, as an interval")
def paired_gaps(claims: Any, rng: np.random.Generator) -> None:
    for n in (3, int(rng.integers(4, 12))):
        drawn = draw_scores(rng, n, (9.0, 5.0, 0.1), 20.0)
        got = claims(*drawn)
        near(got["gaps"], claimed(*drawn)["gaps"], "mean of the differences ± t · sd / √n")


@write_up.check(2, "a verdict for each: better, worse or undecided")
def three_verdicts(claims: Any, rng: np.random.Generator) -> None:
    for n in (3, 4):  # with so few, n in place of n - 1 shows
        for gaps in ((SURE, UNSURE, -SURE), (-UNSURE, -SURE, SURE), (UNSURE, SURE, -UNSURE)):
            drawn = draw_scores(rng, n, gaps, 20.0)
            want = claimed(*drawn)["verdicts"]
            near(claims(*drawn)["verdicts"], want, "the verdicts that these intervals allow")
    base = rng.integers(40, 80, 4) / 4
    scores = {"attention": base, "uniform": base, "none": base - 0.25, "dense": base + 0.25}
    drawn = scores, 10.0, 3.0
    want = {"uniform": "undecided", "none": "better", "dense": "worse"}
    claim = "the same scores: an interval that is 0 lies neither above nor below; a quarter does"
    near(claims(*drawn)["verdicts"], want, claim)


@write_up.check(1, "necessary: without it chance is all that is left")
def is_necessary(claims: Any, rng: np.random.Generator) -> None:
    cases = [(SURE, UNSURE), (SURE, -UNSURE), (SURE, SURE), (SURE, -SURE), (UNSURE, 0.0)]
    cases += [(-SURE, 0.0), (40.0, 0.0), (40.0, 20.0)]
    drawn = [draw_scores(rng, int(rng.integers(3, 5)), (-3.0, gap, 3.0), off) for gap, off in cases]
    ten = np.full(3, 10.0)  # where chance is 10 %; the others are better than attention
    scores = {"attention": ten + 50, "uniform": ten + 60, "none": ten, "dense": ten + 70}
    drawn.append((scores, 10.0, 2.0))
    for off in ([0.4, 0.5, 0.6], [1, 3, 5]):  # nearly at chance, and clear of it; farther, and not
        none = 12.5 + np.array(off)
        drawn.append((dict.fromkeys(VARIANTS, none) | {"attention": none + 50}, 12.5, 3.0))
    for one in drawn:  # all of them first, so that two mistakes can be told apart
        claims(*one)
    for scores, chance, t in drawn:
        found = claimed(scores, chance, t)
        low, high = interval(scores["none"], t)
        at = found["verdicts"]["none"]
        claim = f'attention is {at}; "none" from {low:.2f} to {high:.2f} %, chance {chance:.2f} %'
        near(claims(scores, chance, t)["necessary"], found["necessary"], claim)
    level = np.full(3, 12.5)
    scores = {"attention": level + 50, "uniform": level, "none": level, "dense": level}
    near(claims(scores, 12.5, 2.0)["necessary"], True, '"none" at chance, to the last digit')
    claim = "attention at chance as well: it is not better"
    near(claims(scores | {"attention": level}, 12.5, 2.0)["necessary"], False, claim)


@write_up.check(1, "fewer than three seeds, or not the same number for all, raise ValueError")
def too_few(claims: Any, rng: np.random.Generator) -> None:
    scores, chance, t = draw_scores(rng, int(rng.integers(4, 8)), (3.0, 2.0, 1.0), 1.0)
    alike = dict.fromkeys(scores, scores["dense"])
    for enough in (alike, {name: x[:3] for name, x in alike.items()}):
        gap = claims(enough, chance, t)["gaps"]["dense"]
        near(gap, (0.0, 0.0), "three seeds are enough, and scores that are the same have no gap")
    reacts(gap, claims(scores, chance, t)["gaps"]["dense"], "scores that differ have a gap")
    for count in (2, 1):
        few = {name: x[:count] for name, x in scores.items()}
        claim = f"{count} seed{'s' * (count > 1)}: no claim"
        expect_error(partial(claims, few, chance, t), ValueError, claim)
    for name in rng.permutation(list(scores)):
        for count in (3, 1):
            uneven = scores | {str(name): scores[str(name)][:count]}
            claim = f"{count} of {name}, {len(scores[str(name)])} of each of the others"
            expect_error(partial(claims, uneven, chance, t), ValueError, claim)
    n = len(scores["none"])
    longer = np.append(scores["none"], scores["none"][0])
    uneven = scores | {"uniform": scores["uniform"][1:], "none": longer}
    claim = f"{n - 1} of uniform, {n + 1} of none, {n} of the others"
    expect_error(partial(claims, uneven, chance, t), ValueError, claim)


@write_up.wrong(
    "not seed by seed",
    "The spreads of both were added as if the runs had nothing to do with each other. The same "
    "seed draws the same scenes for both; subtract first, and that luck cancels.",
)
def unpaired(scores: dict[str, Array], chance: float, t: float) -> dict[str, Any]:
    refuse_scores(scores)
    gaps = {}
    for name in VARIANTS:
        a, b = scores["attention"], scores[name]
        reach = t * math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))
        gap = float(a.mean() - b.mean())
        gaps[name] = (gap - reach, gap + reach)
    low, high = interval(scores["none"], t)
    return summed_up(gaps, low <= chance <= high)


@write_up.wrong(
    "sd in place of the error of the mean",
    "sd says how far single runs lie apart. The claim is about the mean of n runs, whose error is "
    "sd / √n.",
)
def sd_for_error(scores: dict[str, Array], chance: float, t: float) -> dict[str, Any]:
    refuse_scores(scores)
    wide = t * math.sqrt(len(scores["none"]))
    return claimed(scores, chance, wide)


@write_up.wrong(
    "divided by n",
    "With n in place of n − 1 the spread of a few seeds comes out too small: ddof=1.",
)
def divided_by_n(scores: dict[str, Array], chance: float, t: float) -> dict[str, Any]:
    refuse_scores(scores)
    n = len(scores["none"])
    return claimed(scores, chance, t * math.sqrt((n - 1) / n))


@write_up.wrong(
    "the larger mean wins",
    "Of two means one is always larger. It is a claim only if the whole interval of the gap lies "
    "on one side of 0; else the runs have not decided it.",
)
def larger_mean(scores: dict[str, Array], chance: float, t: float) -> dict[str, Any]:
    refuse_scores(scores)
    found = claimed(scores, chance, t)
    means = {name: sum(gap) for name, gap in found["gaps"].items()}
    return found | {"verdicts": {n: "better" if m > 0 else "worse" for n, m in means.items()}}


@write_up.wrong(
    "an interval that touches 0 counts",
    "The whole interval must lie above 0. With >= an interval that begins at 0, and even one that "
    "is 0 because both have the same scores, is called better.",
)
def touches(scores: dict[str, Array], chance: float, t: float) -> dict[str, Any]:
    refuse_scores(scores)
    found = claimed(scores, chance, t)
    words = {
        name: "better" if low >= 0 else "worse" if high <= 0 else "undecided"
        for name, (low, high) in found["gaps"].items()
    }
    return found | {"verdicts": words}


@write_up.wrong(
    "chance is always 10 %",
    "Ten classes give a guess of 10 %; here chance is an argument, and may be another number.",
)
def chance_is_ten(scores: dict[str, Array], chance: float, t: float) -> dict[str, Any]:
    refuse_scores(scores)
    return claimed(scores, 10.0, t)


@write_up.wrong(
    "t forgotten",
    "One error to each side holds the true mean two times of three at best. An interval reaches t "
    "errors to each side.",
)
def one_error(scores: dict[str, Array], chance: float, t: float) -> dict[str, Any]:
    refuse_scores(scores)
    return claimed(scores, chance, 1.0)


@write_up.wrong(
    "only as good as chance, not the same",
    "“Not above chance” was asked of the model without attention. One that lies clearly below "
    "chance has learned something, and chance is not what is left.",
)
def not_above_chance(scores: dict[str, Array], chance: float, t: float) -> dict[str, Any]:
    refuse_scores(scores)
    found = claimed(scores, chance, t)
    low = interval(scores["none"], t)[0]
    return found | {"necessary": found["verdicts"]["none"] == "better" and low <= chance}


@write_up.wrong(
    "three seeds are not enough",
    "Three seeds were refused. Fewer than three are bad input; three will do, and the interval "
    "says how little they tell.",
)
def four_seeds(scores: dict[str, Array], chance: float, t: float) -> dict[str, Any]:
    refuse_scores(scores)
    if len(scores["none"]) == 3:
        raise ValueError("too few")
    return claimed(scores, chance, t)


@write_up.wrong(
    "no difference seen, so there is none",
    "An interval around 0 says that these runs do not decide, not that both are equal: with more "
    "seeds it may shrink to one side.",
)
def called_equal(scores: dict[str, Array], chance: float, t: float) -> dict[str, Any]:
    refuse_scores(scores)
    found = claimed(scores, chance, t)
    words = {n: "equal" if v == "undecided" else v for n, v in found["verdicts"].items()}
    return found | {"verdicts": words}


@write_up.wrong(
    "better, so necessary",
    "Attention beat the model without it, and the model without it does well all the same. "
    "Necessary is the stronger claim: take it away, and chance is what is left.",
)
def better_is_necessary(scores: dict[str, Array], chance: float, t: float) -> dict[str, Any]:
    refuse_scores(scores)
    found = claimed(scores, chance, t)
    return found | {"necessary": found["verdicts"]["none"] == "better"}


@write_up.wrong(
    "two seeds will do",
    "Two runs, or more runs for one side than for the other, were taken as evidence. Two numbers "
    "always lie close or far by luck; and the better of many tries is no fair rival.",
)
def any_seeds(scores: dict[str, Array], chance: float, t: float) -> dict[str, Any]:
    n = min(len(x) for x in scores.values())
    return claimed({name: x[:n] for name, x in scores.items()}, chance, t)
