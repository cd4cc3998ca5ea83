"""Chapter 01, arrays and shapes: broadcasting, einsum, patches, reshape against transpose."""

from __future__ import annotations

import itertools
import math
import string
from functools import partial
from typing import Any

import numpy as np

from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_close, expect_error, expect_shape
from . import common
from .common import ask_all, near

sizes = partial(common.sizes, low=2, high=8)

Array = np.ndarray

READ = "01_arrays_and_shapes.md"


# 01.1

broadcasting = Exercise(
    "01.1",
    "All distances at once",
    function="distances",
    signature="distances(query: (..., N, d), key: (..., S, d)) -> (..., N, S)",
    difficulty=2,
    importance=4,
    minutes=35,
    read=f"{READ}#broadcasting",
)


def by_pairs(query: Array, key: Array) -> Array:
    """Root of the mean squared difference of each query (N, d) and each key (S, d)."""
    return np.array([[math.sqrt(((q - k) ** 2).sum() / len(q)) for k in key] for q in query])


def draw_pairs(rng: np.random.Generator) -> tuple[Array, Array]:
    n, s, d = sizes(rng, 3)
    return rng.normal(size=(n, d)), rng.normal(size=(s, d))


@broadcasting.check(1, "every query against every key, as two loops say")
def every_pair(distances: Any, rng: np.random.Generator) -> None:
    n, s, d = sizes(rng, 3)
    for shape in ((n, s, d), (1, s, d), (n, 1, d), (n, s, 1)):
        query, key = rng.normal(size=(shape[0], shape[2])), rng.normal(size=(shape[1], shape[2]))
        key[0] = query[-1]  # a distance of 0
        got = distances(query, key)
        expect_shape(got, shape[:2], "a row for each query, a column for each key")
        near(got, by_pairs(query, key), "entry n, s belongs to query n and key s")


@broadcasting.check(1, "leading axes are separate problems")
def leading_axes(distances: Any, rng: np.random.Generator) -> None:
    b, h, m, n, s, d = sizes(rng, 6)
    # First as many keys as queries: there a misplaced axis gives another shape, and no error.
    for leading, many in (((b,), n), ((b,), s), ((b, h), s), ((1, h), s), ((b, h, m), s)):
        query, key = rng.normal(size=(*leading, n, d)), rng.normal(size=(*leading, many, d))
        got = distances(query, key)
        expect_shape(got, (*leading, n, many), "the leading axes stay")
        want = np.zeros((*leading, n, many))
        for place in np.ndindex(leading):
            want[place] = by_pairs(query[place], key[place])
        near(got, want, "each pair of leading indices has its own queries and keys")


def kept(distances: Any, query: Array, key: Array, tolerance: float) -> None:
    """The answer is of the inputs' kind of number, and as exact as that kind is."""
    kind, got = str(query.dtype), distances(query, key)
    expect_shape(got, (len(query), len(key)), "a row for each query, a column for each key")
    came = str(getattr(got, "dtype", type(got).__name__))
    expect(came == kind, f"{kind} in, {kind} out", expected=kind, got=came)
    want = by_pairs(query.astype(float), key.astype(float))
    expect_close(got, want, f"as exact as {kind} is", rtol=tolerance, atol=tolerance)


@broadcasting.check(1, "float32 in, float32 out")
def keeps_float32(distances: Any, rng: np.random.Generator) -> None:
    query, key = draw_pairs(rng)
    # float16 would lose the digits that count; at 1000, so do squares that are subtracted.
    for far in (0, 1000):
        kept(distances, (query + far).astype(np.float32), (key + far).astype(np.float32), 1e-5)


@broadcasting.check(1, "float64 in, float64 out")
def keeps_float64(distances: Any, rng: np.random.Generator) -> None:
    query, key = draw_pairs(rng)
    # float32 would lose the digits that count, and so would a small number added under the root.
    kept(distances, query + 1000, key + 1000, 1e-8)


@broadcasting.check(1, "widths that differ raise ValueError, also where one of them is 1")
def widths_differ(distances: Any, rng: np.random.Generator) -> None:
    query, key = draw_pairs(rng)
    wide = np.concatenate([key, key], axis=1)
    pairs = {
        "widths d and d - 1 do not fit": (query, key[:, 1:]),
        "widths d and 2d do not fit": (query, wide),
        "a key of width 1 does not fit, although NumPy would stretch it": (query, key[:, :1]),
        "nor does a query of width 1": (query[:, :1], key),
        "nor, with leading axes, a key of width 1": (query[None], key[None, :, :1]),
    }
    for claim, pair in pairs.items():
        expect_error(partial(distances, *pair), ValueError, claim)


def same_width(query: Array, key: Array) -> None:
    if query.shape[-1] != key.shape[-1]:
        raise ValueError("query and key need one width")


@broadcasting.wrong(
    "the new axes the wrong way round",
    "The axis of size 1 went to the front of the queries instead of the keys, so the table stands "
    "on its side: a row for each key. Queries become (N, 1, d) and keys (1, S, d).",
)
def on_its_side(query: Array, key: Array) -> Array:
    same_width(query, key)
    gap = query[..., None, :, :] - key[..., :, None, :]
    return np.sqrt((gap**2).sum(axis=-1) / query.shape[-1])


@broadcasting.wrong(
    "summed over the wrong axis",
    "The sum went over the keys, so the numbers of different keys are mixed and the keys are gone. "
    "The axis that must disappear is the last one, the d numbers of one pair.",
)
def summed_over_keys(query: Array, key: Array) -> Array:
    same_width(query, key)
    gap = query[..., :, None, :] - key[..., None, :, :]
    return np.sqrt((gap**2).sum(axis=-2) / query.shape[-1])


@broadcasting.wrong(
    "no leading axes",
    "query[:, None] and key[None] count the axes from the left. With leading axes the new axis "
    "lands in the wrong place: count from the right, query[..., :, None, :].",
)
def counted_from_the_left(query: Array, key: Array) -> Array:
    same_width(query, key)
    gap = query[:, None] - key[None]
    return np.sqrt((gap**2).sum(axis=-1) / query.shape[-1])


@broadcasting.wrong(
    "float64 by the back door",
    "float32 came in and float64 goes out: twice the memory, without a word. np.sqrt of a Python "
    "number does that, for it is a NumPy float64; for one number use math.sqrt.",
)
def wider(query: Array, key: Array) -> Array:
    same_width(query, key)
    gap = query[..., :, None, :] - key[..., None, :, :]
    return np.sqrt((gap**2).sum(axis=-1)) / np.sqrt(query.shape[-1])


@broadcasting.wrong(
    "a width of 1 is stretched",
    "A key with one number is compared as if that number stood there d times: broadcasting does "
    "it without a word. Compare the last sizes before you subtract.",
)
def stretched(query: Array, key: Array) -> Array:
    gap = query[..., :, None, :] - key[..., None, :, :]
    return np.sqrt((gap**2).sum(axis=-1)) / math.sqrt(query.shape[-1])


@broadcasting.wrong(
    "the sum instead of the mean",
    "The squared differences are added but not divided by their number d: wide tokens look far "
    "apart because they are wide.",
)
def not_divided(query: Array, key: Array) -> Array:
    same_width(query, key)
    gap = query[..., :, None, :] - key[..., None, :, :]
    return np.sqrt((gap**2).sum(axis=-1))


@broadcasting.wrong(
    "no square root",
    "This is the mean squared difference itself. The distance is its root.",
)
def squared(query: Array, key: Array) -> Array:
    same_width(query, key)
    gap = query[..., :, None, :] - key[..., None, :, :]
    return (gap**2).mean(axis=-1)


@broadcasting.wrong(
    "divided by d, not by its root",
    "The root of a mean is the root of the sum over the root of the number: √(sum/d) is √sum/√d, "
    "and not √sum/d.",
)
def divided_twice(query: Array, key: Array) -> Array:
    same_width(query, key)
    gap = query[..., :, None, :] - key[..., None, :, :]
    return np.sqrt((gap**2).sum(axis=-1)) / query.shape[-1]


@broadcasting.wrong(
    "always float32",
    "Whatever comes is made float32, so float64 loses half of its digits. Keep the kind of number "
    "that came in, whichever it is.",
)
def always_float32(query: Array, key: Array) -> Array:
    same_width(query, key)
    query, key = query.astype(np.float32), key.astype(np.float32)
    gap = query[..., :, None, :] - key[..., None, :, :]
    return np.sqrt((gap**2).mean(axis=-1))


@broadcasting.wrong(
    "a width of 1 is stretched where it is the query's",
    "Only a key of width 1 is refused here. Broadcasting works both ways: a query of width 1 is "
    "stretched as silently. Compare the two widths.",
)
def query_stretched(query: Array, key: Array) -> Array:
    if key.shape[-1] != query.shape[-1] != 1:
        raise ValueError("query and key need one width")
    gap = query[..., :, None, :] - key[..., None, :, :]
    return np.sqrt((gap**2).mean(axis=-1))


# 01.2

loops = Exercise(
    "01.2",
    "einsum by loops",
    function="einsum_loops",
    signature="einsum_loops(formula: str, x: array, y: array) -> array",
    difficulty=3,
    importance=2,
    minutes=50,
    read=f"{READ}#the-loop-version-and-the-vectorised-one",
)


def spelled(rng: np.random.Generator, formula: str, **size: int) -> tuple[str, Array, Array]:
    """The formula in letters that are drawn, and arrays for it; sizes all differ, but for `size`.

    A solution that knows the formulas of the checks by heart is none.
    """
    letters = sorted(set(formula) - set(",->"))
    drawn = dict(zip(letters, sizes(rng, len(letters), high=7), strict=True)) | size
    x, y = (rng.normal(size=[drawn[c] for c in part]) for part in formula.split("->")[0].split(","))
    names = [str(c) for c in rng.permutation(list(string.ascii_lowercase))[: len(letters)]]
    names[1:2] = [names[0].upper()] if names[1:] else []  # a letter and its capital are two
    table = str.maketrans(dict(zip(letters, rng.permutation(names).tolist(), strict=True)))
    return formula.translate(table), x, y


def agrees(
    einsum_loops: Any, rng: np.random.Generator, formulas: dict[str, str], **size: int
) -> None:
    """Each formula, in letters of its own, gives what np.einsum gives."""
    for formula, claim in formulas.items():
        said, x, y = spelled(rng, formula, **size)
        want = np.einsum(said, x, y)
        got = einsum_loops(said, x, y)
        expect_shape(got, want.shape, f"{said}: an axis for each letter on the right, in its order")
        near(got, want, f"{said}: {claim}")


@loops.check(1, "ik,jk->ij: products of two tables; the letters do not matter")
def product(einsum_loops: Any, rng: np.random.Generator) -> None:
    summed = "a letter missing on the right is summed"
    formulas = {"ik,jk->ij": summed, "ik,kj->ij": summed, "k,kj->j": summed}
    agrees(einsum_loops, rng, formulas)


@loops.check(1, "bnc,bsc->bsn: a shared letter that stays, and the order of the right side")
def batched(einsum_loops: Any, rng: np.random.Generator) -> None:
    stays = "a letter on both sides of the arrow stays, where the right side puts it"
    formulas = {"bnc,bsc->bsn": stays, "ij,ij->ji": stays, "i,j->ji": stays, "bij,b->jbi": stays}
    agrees(einsum_loops, rng, formulas)
    for letter in "bc":  # one that stays, one that is summed
        agrees(einsum_loops, rng, {"bnc,bsc->bsn": "a size may be 1"}, **{letter: 1})


@loops.check(1, "ij,kl->k: letters that are summed though they stand in one array only")
def lonely(einsum_loops: Any, rng: np.random.Generator) -> None:
    summed = "all other letters are summed, wherever they stand"
    agrees(einsum_loops, rng, {"ij,kl->k": summed, "ij,kj->k": summed, "ij,ij->": summed})


@loops.check(1, "ii,ij->j: a letter twice in one array walks along its diagonal")
def diagonal(einsum_loops: Any, rng: np.random.Generator) -> None:
    walks = "both axes have the same index at the same time"
    formulas = {"ii,ij->j": walks, "ij,jj->i": walks, "iji,j->ij": walks, "ii,jj->ij": walks}
    formulas |= {"iii,ij->j": walks, "iijj,j->i": walks}
    agrees(einsum_loops, rng, formulas)


@loops.check(1, "a letter with two sizes, or axes without letters, raise ValueError; 1 is a size")
def two_sizes(einsum_loops: Any, rng: np.random.Generator) -> None:
    said, x, y = spelled(rng, "ik,jk->ij", i=3, j=4, k=5)
    pairs = {
        "the shared letter has two sizes, 4 and 5": (x[:, 1:], y),
        "the shared letter has two sizes, 5 and 4": (x, y[:, 1:]),
        "sizes 1 and 5 are two sizes, although np.einsum would stretch the 1": (x[:, :1], y),
        "and so are 5 and 1": (x, y[:, :1]),
    }
    for claim, pair in pairs.items():
        expect_error(partial(einsum_loops, said, *pair), ValueError, f"{said}: {claim}")
    for a, b in ((4, 3), (4, 1), (1, 4)):
        for n in (a, b):  # the other array fits either size, or lacks the letter
            shapes = {
                "ii,ij->j": ((a, b), (n, 3)),
                "ij,ii->j": ((n, 3), (a, b)),
                "ii,j->j": ((a, b), (3,)),
                "j,ii->j": ((3,), (a, b)),
            }
            for formula, given in shapes.items():
                twice, *_ = spelled(rng, formula)
                call = partial(einsum_loops, twice, *(rng.normal(size=shape) for shape in given))
                claim = f"{twice}: a letter twice in one array, sizes {(a, b)}"
                expect_error(call, ValueError, claim)
    said, x, y = spelled(rng, "ik,jk->ij")
    pairs = {
        "the second array has an axis without a letter": (x, y[..., None]),
        "the first array has an axis without a letter": (x[..., None], y),
        "the second array has a letter without an axis": (x, y[:, 0]),
        "the first array has a letter without an axis": (x[:, 0], y),
        "one array has an axis too many, the other one too few": (x[..., None], y[:, 0]),
    }
    for claim, pair in pairs.items():
        expect_error(partial(einsum_loops, said, *pair), ValueError, f"{said}: {claim}")


def walk(
    formula: str,
    x: Array,
    y: Array,
    *,
    check: bool = True,
    add: bool = True,
    first_only: str = "",
    shortest: bool = False,
) -> Array:
    """The definition, with the places at which the wrong answers go wrong."""
    left, right = formula.split("->")
    letters = left.split(",")
    size: dict[str, int] = {}
    for names, array in zip(letters, (x, y), strict=True):
        if check and len(names) != array.ndim:
            raise ValueError("one letter for each axis")
        for name, n in zip(names, array.shape, strict=False):
            if size.setdefault(name, n) != n and check:
                raise ValueError(f"{name} has two sizes")
            size[name] = min(size[name], n) if shortest else size[name]
    out = np.zeros([size[name] for name in right])
    ranges = [range(1 if name in first_only else n) for name, n in size.items()]
    for places in itertools.product(*ranges):
        at = dict(zip(size, places, strict=True))
        term = x[tuple(at[c] for c in letters[0])] * y[tuple(at[c] for c in letters[1])]
        here = tuple(at[c] for c in right)
        out[here] = out[here] + term if add else term
    return out


@loops.wrong(
    "the last term instead of the sum",
    "Each term overwrites the one before, so only the last one is left. A letter that is missing "
    "on the right is a loop that adds: +=, not =.",
)
def overwritten(formula: str, x: Array, y: Array) -> Array:
    return walk(formula, x, y, add=False)


@loops.wrong(
    "the right side's order ignored",
    "The result has its axes in the order in which the letters first occur. The right side says "
    "the order: bsn is not bns.",
)
def order_of_occurrence(formula: str, x: Array, y: Array) -> Array:
    left, right = formula.split("->")
    right = "".join(sorted(right, key=left.index))
    return walk(f"{left}->{right}", x, y)


@loops.wrong(
    "lonely letters not summed",
    "Only letters that occur in both arrays are summed here; of the others the first entry is "
    "taken. Every letter that is missing on the right is summed, wherever it stands.",
)
def lonely_letters(formula: str, x: Array, y: Array) -> Array:
    left, right = formula.split("->")
    first, second = left.split(",")
    lonely = "".join(c for c in set(left) - {","} if (c in first) != (c in second))
    return walk(formula, x, y, first_only="".join(c for c in lonely if c not in right))


@loops.wrong(
    "a letter twice taken for two letters",
    "ii is one letter, so both axes must have the same index at the same time: the diagonal. "
    "Here they run separately, and the whole table is summed.",
)
def two_letters(formula: str, x: Array, y: Array) -> Array:
    left, right = formula.split("->")
    first, second = left.split(",")
    if len(first) == 2 and first[0] == first[1] and x.ndim == 2:
        x, first = x.sum(axis=0), first[:1]
    return walk(f"{first},{second}->{right}", x, y)


@loops.wrong(
    "np.einsum, which stretches",
    "np.einsum raises for sizes 3 and 4, and stretches 1 to 4 without a word, as broadcasting "
    "does. One letter is one size: check it yourself.",
)
def numpys(formula: str, x: Array, y: Array) -> Array:
    return np.einsum(formula, x, y)


@loops.wrong(
    "zip stops at the shorter",
    "zip pairs letters with sizes and stops where either runs out, so an axis too many gets no "
    "letter and nobody notices. Compare their numbers first, or say strict=True.",
)
def zip_stops(formula: str, x: Array, y: Array) -> Array:
    left, right = formula.split("->")
    letters = left.split(",")
    pairs = [pair for names, a in zip(letters, (x, y), strict=True) for pair in zip(names, a.shape)]  # noqa: B905
    size = dict(reversed(pairs))
    if any(size[name] != n for name, n in pairs):
        raise ValueError("a letter has two sizes")
    if any(a.ndim > len(names) for names, a in zip(letters, (x, y), strict=True)):
        return np.zeros([size[name] for name in right])
    return walk(formula, x, y, check=False)


@loops.wrong(
    "the sizes of one array alone",
    "A letter is compared between the two arrays, not within one: ii with sizes 4 and 3 goes "
    "through. A letter has one size wherever and however often it occurs.",
)
def within_one(formula: str, x: Array, y: Array) -> Array:
    first, second = formula.split("->")[0].split(",")
    if len(first) != x.ndim or len(second) != y.ndim:
        raise ValueError("one letter for each axis")
    here, there = dict(zip(first, x.shape, strict=True)), dict(zip(second, y.shape, strict=True))
    if any(here[c] != there[c] for c in here.keys() & there.keys()):
        raise ValueError("a letter has two sizes")
    return walk(formula, x, y, check=False, shortest=True)


# 01.3

patches = Exercise(
    "01.3",
    "Patchify, and back",
    function="patchify",
    signature=(
        "patchify(x: (B, height, width), p) -> (B, S, p·p); "
        "patchify(x: (B, S, p·p), p, back=(height, width)) -> (B, height, width)"
    ),
    difficulty=3,
    importance=4,
    minutes=50,
    read=f"{READ}#break-it",
)


def draw_pictures(rng: np.random.Generator, **given: int) -> tuple[Array, int]:
    """Pictures (B, height, width) and p; all sizes differ, also those of the grid."""
    names = ("batch", "rows", "columns", "p")
    size = dict(zip(names, sizes(rng, 4, high=6), strict=True)) | given
    batch, rows, columns, p = size.values()
    return rng.normal(size=(batch, rows * p, columns * p)), p


def some_pictures(rng: np.random.Generator) -> list[tuple[Array, int]]:
    """Sizes that all differ; then one picture, one row or column of patches, pixels, a square."""
    special = [{"batch": 1}, {"rows": 1}, {"columns": 1}, {"p": 1}, {"rows": 3, "columns": 3}]
    return [draw_pictures(rng, **given) for given in ({}, *special)]


def cut_by_loops(x: Array, p: int) -> Array:
    _, height, width = x.shape
    corners = [(i, j) for i in range(0, height, p) for j in range(0, width, p)]
    return np.stack([[one[i : i + p, j : j + p].ravel() for i, j in corners] for one in x])


@patches.check(2, "each patch is a square of its picture; patches and pixels row by row")
def cut(patchify: Any, rng: np.random.Generator) -> None:
    for x, p in some_pictures(rng):
        want = cut_by_loops(x, p)
        got = patchify(x, p)
        expect_shape(got, want.shape, "S patches of p·p numbers")
        near(got, want, "patch by patch, as the loops say")


@patches.check(2, "and back: the patches of a picture give the picture")
def put_together(patchify: Any, rng: np.random.Generator) -> None:
    for x, p in some_pictures(rng):
        got = patchify(cut_by_loops(x, p), p, back=x.shape[1:])
        expect_shape(got, x.shape, "pictures of the height and width that `back` says")
        near(got, x, "every pixel is where it was")


@patches.check(1, "sizes that p does not divide raise ValueError")
def no_remainder(patchify: Any, rng: np.random.Generator) -> None:
    rows, columns = sizes(rng, 2)
    tall, wide = 2 * rows, 2 * columns
    bad = {
        # So many pictures that their numbers would fill whole patches all the same.
        "height": (tall, tall + 1, wide),
        "width": (wide, tall, wide + 1),
        "height, though p·p divides the area": (rows, tall + 1, 2 * wide),
        "width, though p·p divides the area": (rows, 2 * tall, wide + 1),
        "height, nor the width": (4, tall + 1, wide + 1),
    }
    cases = [(2, shape, f"not the {words}") for words, shape in bad.items()]
    p = int(rng.integers(3, 6))
    one_side = (2, 2 * p - 1, p), (2, p, p + 1), (2, p - 1, p)
    # Rests that are the same, and rests that are p together.
    both = (p * p, p + 1, 2 * p + 1), (p * p, 2 * p - 1, p + 1)
    cases += [(p, shape, "they do not fill them") for shape in (*one_side, *both)]
    calls = [partial(patchify, rng.normal(size=shape), p) for p, shape, _ in cases]
    ask_all(calls)
    for call, (p, shape, words) in zip(calls, cases, strict=True):
        claim = f"patches of {p} by {p}, pictures {shape[1:]}: {words}"
        expect_error(call, ValueError, claim)


def divides(p: int, height: int, width: int) -> None:
    if height % p or width % p:
        raise ValueError("p must divide height and width")


def rearrange(
    x: Array,
    p: int,
    back: tuple[int, int] | None,
    forward: tuple[int, ...] = (0, 1, 3, 2, 4),
    inverse: tuple[int, ...] = (0, 1, 3, 2, 4),
) -> Array:
    """Cut, or put together, with the axes in the order that is asked for."""
    if back is None:
        _, height, width = x.shape
        divides(p, height, width)
        grid = x.reshape(len(x), height // p, p, width // p, p).transpose(forward)
        return grid.reshape(len(x), -1, p * p)
    height, width = back
    grid = x.reshape(len(x), height // p, width // p, p, p)
    return grid.transpose(inverse).reshape(len(x), height, width)


@patches.wrong(
    "a raw reshape",
    "The reshape cuts the line of numbers, not the picture: each “patch” is a piece of rows. There "
    "and back it even restores the picture, so a round trip proves nothing. Cut both axes in two, "
    "bring the grid's axes together with a transpose, then merge.",
)
def raw_reshape(x: Array, p: int, back: tuple[int, int] | None = None) -> Array:
    if back is None:
        divides(p, *x.shape[1:])
        return x.reshape(len(x), -1, p * p)
    return x.reshape(len(x), *back)


@patches.wrong(
    "patches column by column",
    "The patches are right squares in the wrong order: the second one lies below the first. Row "
    "by row it lies to the right: the grid's rows come before its columns.",
)
def column_by_column(x: Array, p: int, back: tuple[int, int] | None = None) -> Array:
    if back is None:
        return rearrange(x, p, None, forward=(0, 3, 1, 2, 4))
    height, width = back
    grid = x.reshape(len(x), width // p, height // p, p, p)
    return grid.transpose(0, 2, 3, 1, 4).reshape(len(x), height, width)


@patches.wrong(
    "each patch on its side",
    "The patches are in the right order, but in each of them rows and columns are exchanged. In "
    "the transpose, the pixel's row comes before the pixel's column.",
)
def on_their_sides(x: Array, p: int, back: tuple[int, int] | None = None) -> Array:
    return rearrange(x, p, back, forward=(0, 1, 3, 4, 2), inverse=(0, 1, 4, 2, 3))


@patches.wrong(
    "back by a raw reshape",
    "Cutting is right, but the way back is only a reshape: it puts whole patches one after the "
    "other, where rows of the picture should be. The transpose has to be undone before the merge.",
)
def raw_on_the_way_back(x: Array, p: int, back: tuple[int, int] | None = None) -> Array:
    return rearrange(x, p, None) if back is None else x.reshape(len(x), *back)


@patches.wrong(
    "height and width exchanged on the way back",
    "The grid has height / p rows and width / p columns; here it is the other way round, which "
    "only a square picture forgives.",
)
def exchanged(x: Array, p: int, back: tuple[int, int] | None = None) -> Array:
    if back is None:
        return rearrange(x, p, None)
    height, width = back
    grid = x.reshape(len(x), width // p, height // p, p, p)
    return grid.transpose(0, 1, 3, 2, 4).reshape(len(x), height, width)


@patches.wrong(
    "the rest is dropped",
    "What p does not divide is cut off, and pixels are lost without a word. Raise ValueError "
    "instead.",
)
def rest_dropped(x: Array, p: int, back: tuple[int, int] | None = None) -> Array:
    if back is None:
        _, height, width = x.shape
        x = x[:, : height // p * p, : width // p * p]
    return rearrange(x, p, back)


@patches.wrong(
    "the area divided",
    "height · width can be a multiple of p·p where p does not divide both sides: 9 by 4 pixels "
    "are 36, and patches of 2 by 2 do not fill them. Test height and width each.",
)
def area_divided(x: Array, p: int, back: tuple[int, int] | None = None) -> Array:
    if back is None:
        _, height, width = x.shape
        if height * width % (p * p):
            raise ValueError("the patches do not fill the picture")
        if height % p or width % p:
            return x.reshape(len(x), -1, p * p)
    return rearrange(x, p, back)


@patches.wrong(
    "only the height is tested",
    "A width that p does not divide goes through. Pictures need not be square: test both sides.",
)
def height_only(x: Array, p: int, back: tuple[int, int] | None = None) -> Array:
    if back is None:
        _, height, width = x.shape
        divides(p, height, 0)
        x = x[:, :, : width // p * p]
    return rearrange(x, p, back)


# 01.4

rescue_exercise = Exercise(
    "01.4",
    "Transpose is not reshape",
    function="rescue",
    signature="rescue(mixed: (B, height, width)) -> (B, height, width)",
    difficulty=3,
    importance=5,
    minutes=35,
    read=f"{READ}#the-formula",
)


def draw_mixed(rng: np.random.Generator, **given: int) -> tuple[Array, Array]:
    """Pictures, and what a raw reshape makes of the box in which they came, picture last."""
    names = ("batch", "height", "width")
    size = dict(zip(names, sizes(rng, 3, low=3, high=10), strict=True)) | given
    pictures = rng.normal(size=tuple(size.values()))
    return pictures, pictures.transpose(1, 2, 0).reshape(pictures.shape)


@rescue_exercise.check(2, "the pictures come back, pixel by pixel")
def comes_back(rescue: Any, rng: np.random.Generator) -> None:
    # Then a square, and a cube: who asks whether two sizes differ is asked where none does.
    square, cube = {"height": 5, "width": 5}, {"batch": 4, "height": 4, "width": 4}
    for given in ({}, {"height": 1}, {"width": 1}, {"batch": 5, "width": 5}, square, cube):
        pictures, mixed = draw_mixed(rng, **given)
        got = rescue(mixed)
        expect_shape(got, pictures.shape, "the shape stays: it was right all the time")
        near(got, pictures, "every pixel is in its picture and in its place")


@rescue_exercise.check(2, "also where there are many more pictures than pixels, or one alone")
def many(rescue: Any, rng: np.random.Generator) -> None:
    for batch in (int(rng.integers(100, 200)), 1):
        pictures, mixed = draw_mixed(rng, batch=batch)
        got = rescue(mixed)
        expect_shape(got, pictures.shape, "the shape stays")
        near(got, pictures, "every pixel is in its picture and in its place")


@rescue_exercise.check(1, "an array without three axes raises ValueError")
def three_axes(rescue: Any, rng: np.random.Generator) -> None:
    _, mixed = draw_mixed(rng)
    others = mixed[0], mixed[None], mixed[0, 0], mixed[None, None], mixed[0, 0, 0, ...]
    ask_all(partial(rescue, bad) for bad in others)
    for bad in others:
        expect_error(partial(rescue, bad), ValueError, f"{bad.ndim} axes are no box of pictures")


def boxed(mixed: Array) -> tuple[int, ...]:
    if mixed.ndim != 3:
        raise ValueError("three axes are needed: pictures, height, width")
    return mixed.shape


@rescue_exercise.wrong(
    "same shape, same data",
    "The shape was right before, and still the pixels are in the wrong pictures: a shape says "
    "how a line of numbers is cut, not which number belongs where.",
)
def nothing_to_do(mixed: Array) -> Array:
    boxed(mixed)
    return mixed.copy()


@rescue_exercise.wrong(
    "a transpose of what is already torn",
    "A transpose moves axes that mean something. In the mixed array they mean nothing any more: "
    "first undo the reshape, to get the box as it was sent, then transpose.",
)
def transposed_only(mixed: Array) -> Array:
    batch, height, width = boxed(mixed)
    return mixed.transpose(2, 0, 1).reshape(batch, height, width)


@rescue_exercise.wrong(
    "mixed once more",
    "The pictures are packed again, picture last, and reshaped again. To mix twice does not undo "
    "it: undo the last step first, and the last step was the reshape.",
)
def mixed_twice(mixed: Array) -> Array:
    batch, height, width = boxed(mixed)
    return mixed.transpose(1, 2, 0).reshape(batch, height, width)


@rescue_exercise.wrong(
    "height and width exchanged",
    "The box is read as (width, height, B). With square pictures that only lays them on their "
    "side; with others it tears them again.",
)
def sideways(mixed: Array) -> Array:
    batch, height, width = boxed(mixed)
    return mixed.reshape(width, height, batch).transpose(2, 1, 0)


@rescue_exercise.wrong(
    "all the axes turned round",
    ".T turns every axis round: the picture's number comes to the front, as it should, but height "
    "and width are exchanged on the way. Name the order: the last axis first, the others as they "
    "were.",
)
def turned_round(mixed: Array) -> Array:
    batch, height, width = boxed(mixed)
    return mixed.reshape(height, width, batch).T


@rescue_exercise.wrong(
    "any number of axes",
    "The last three axes are taken, whatever stands before them, so a stack of boxes is read as "
    "one. Say what you take, and raise ValueError for the rest.",
)
def any_axes(mixed: Array) -> Array:
    batch, height, width = mixed.shape[-3:] if mixed.ndim > 2 else (1, *mixed.shape)
    return mixed.reshape(height, width, batch).transpose(2, 0, 1)
