"""Chapter 00, where do you look: versions, clicks, entropy, agreement, and a word's four senses."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np

from ..checking.exercise import Exercise
from ..checking.expecting import expect, expect_error
from .common import ask_all, near, sizes

Array = np.ndarray

READ = "00_where_do_you_look.md"

# Width and height of the photographs. They stand here too, so that checking needs only NumPy.
SIZES = {"astronaut": (512, 512), "chelsea": (451, 300), "coffee": (600, 400), "rocket": (640, 427)}


# 00.1

environment = Exercise(
    "00.1",
    "Is this version new enough?",
    function="new_enough",
    signature="new_enough(version: str, needed: str) -> bool",
    difficulty=1,
    importance=1,
    minutes=15,
    read=f"{READ}#what-the-book-needs",
)


Question = tuple[str, str, bool]  # a version, what is needed, whether it is new enough


def dotted(*numbers: Any) -> str:
    return ".".join(str(int(number)) for number in numbers)


def says(new_enough: Any, questions: list[Question]) -> None:
    """All questions are asked, so that much is known of a mistake; the first mistake is shown."""
    ask_all(partial(new_enough, version, needed) for version, needed, _ in questions)
    for version, needed, want in questions:
        got = new_enough(version, needed)
        verdict = "is" if want else "is not"
        claim = f"{version} {verdict} new enough where {needed} is needed"
        right = isinstance(got, bool | np.bool_) and bool(got) == want
        expect(right, claim, expected=want, got=got)


@environment.check(1, "the first part that differs decides, and parts are numbers")
def numbers_decide(new_enough: Any, rng: np.random.Generator) -> None:
    first, low, high = int(rng.integers(2, 8)), int(rng.integers(2, 10)), int(rng.integers(10, 20))
    tens = int(rng.integers(1, 9))
    # The time of a build: float, of 16 digits, rounds it, and of 32 bits it comes out negative.
    long = 20260119120000001 + 4 * int(rng.integers(1000))
    questions = [
        (dotted(first, low), dotted(first, high), False),
        (dotted(first, high), dotted(first, low), True),
        (dotted(first, high, 0), dotted(first, high, low), False),
        (dotted(first + 1, 0), dotted(first, high), True),
        (dotted(first, high), dotted(first + 1, 0), False),
        (dotted(first + 1), dotted(first, long, long), True),
        (dotted(first, long, long), dotted(first + 1), False),
        (dotted(first, long), dotted(first, long - 1), True),
        (dotted(first, long - 1), dotted(first, long), False),
        (dotted(first, long), dotted(first, 9 * 10**15), True),
        (dotted(first, 9 * 10**15), dotted(first, long), False),
        # A 0 counts: at the end of a part, between two parts and before them.
        (dotted(first, 10 * tens), dotted(first, tens + 1), True),
        (dotted(first, tens + 1), dotted(first, 10 * tens), False),
        (dotted(first, 0, high), dotted(first, low), False),
        (dotted(first, low), dotted(first, 0, high), True),
        (dotted(0, high), dotted(1), False),
    ]
    for length in (1, 2, 3, 4, 6):
        old = rng.integers(1, 10 ** rng.integers(1, 5, length))
        questions.append((dotted(*old), dotted(*old), True))
        for place in {int(rng.integers(length)), length - 1}:
            new = old.copy()
            new[place] += rng.choice([1, 9, 90, 900])
            new[place + 1 :] = 0  # what comes after it does not count
            questions += [(dotted(*new), dotted(*old), True), (dotted(*old), dotted(*new), False)]
    says(new_enough, questions)


@environment.check(1, "a part that is left out counts as 0")
def missing_is_zero(new_enough: Any, rng: np.random.Generator) -> None:
    questions = [("0", "0.0", True), ("0", "0.0.1", False)]
    for length in (1, 2, 3):
        short = [*rng.integers(1, 30, length)]
        for zeros in (1, 2, 3):
            same, more = [*short, *[0] * zeros], [*short, *[0] * (zeros - 1), rng.integers(1, 30)]
            questions += [
                (dotted(*short), dotted(*same), True),
                (dotted(*same), dotted(*short), True),
                (dotted(*short), dotted(*more), False),
                (dotted(*more), dotted(*short), True),
            ]
    says(new_enough, questions)


@environment.wrong(
    "compared as text",
    "As text, 3.9 comes after 3.11, because the letter 9 comes after the letter 1. Split the text "
    "at the dots and make each part a number.",
)
def as_text(version: str, needed: str) -> bool:
    return version >= needed


@environment.wrong(
    "read as one decimal number",
    "3.11 is no decimal number: as one it would be smaller than 3.9. The dot separates two whole "
    "numbers, three and eleven.",
)
def as_decimal(version: str, needed: str) -> bool:
    def number(text: str) -> float:
        return float(".".join(text.split(".")[:2]))

    return number(version) >= number(needed)


@environment.wrong(
    "each part for itself",
    "4.0 is newer than 3.11 although its second part is smaller. Only the first part that differs "
    "counts; what comes after it does not.",
)
def part_by_part(version: str, needed: str) -> bool:
    return all(a >= b for a, b in zip(*padded(version, needed), strict=True))


@environment.wrong(
    "a missing part counts as less than 0",
    "Python calls a list smaller than a longer one that begins like it, so 3.11 looks older than "
    "3.11.0. Make the two lists equally long, with zeros.",
)
def unpadded(version: str, needed: str) -> bool:
    return parts(version) >= parts(needed)


@environment.wrong(
    "the same version is not new enough",
    'Where 3.11 is needed, 3.11 will do: "or newer" lets the same one in. It takes >= and not >.',
)
def newer_only(version: str, needed: str) -> bool:
    have, want = padded(version, needed)
    return have > want


@environment.wrong(
    "only as far as both go",
    "zip stops at the end of the shorter list, so that 3.11 passes for 3.11.4: the parts that one "
    "of the two leaves out are 0, and must be compared too.",
)
def as_far_as_both_go(version: str, needed: str) -> bool:
    pairs = list(zip(parts(version), parts(needed), strict=False))
    return [a for a, _ in pairs] >= [b for _, b in pairs]


@environment.wrong(
    "only the first three parts",
    "A version may have more than three parts, and a later one decides where those before it are "
    "the same.",
)
def first_three(version: str, needed: str) -> bool:
    have, want = padded(version, needed)
    return have[:3] >= want[:3]


@environment.wrong(
    "zeros cut off a text",
    "A text's strip takes letters, not parts: 3.10 becomes 3.1, which is older than 3.9. Make the "
    "parts numbers first, then leave out those at the end that are 0.",
)
def zeros_cut_off(version: str, needed: str) -> bool:
    have, want = (text.rstrip(".0").split(".") for text in (version, needed))
    return [int(part) for part in have if part] >= [int(part) for part in want if part]


@environment.wrong(
    "the two exchanged",
    "The comparison is the wrong way round: it says whether what is needed is newer than what is "
    "there.",
)
def exchanged(version: str, needed: str) -> bool:
    have, want = padded(version, needed)
    return want >= have


def parts(text: str) -> list[int]:
    return [int(part) for part in text.split(".")]


def padded(version: str, needed: str) -> tuple[list[int], list[int]]:
    have, want = parts(version), parts(needed)
    length = max(len(have), len(want))
    return have + [0] * (length - len(have)), want + [0] * (length - len(want))


# 00.2

looking = Exercise(
    "00.2",
    "Click four pictures",
    function="my_clicks",
    signature="my_clicks(picture: str) -> (K, 2), x and y of K clicks in pixels",
    difficulty=1,
    importance=4,
    minutes=25,
    read=f"{READ}#ten-clicks-on-each",
)


def clicks_on(my_clicks: Any, picture: str) -> Array:
    """What the learner clicked on one picture, as an array (K, 2)."""
    got = my_clicks(picture)
    claim = f"my_clicks({picture!r}) gives a row (x, y) for each click"
    try:
        array = np.asarray(got)
    except (TypeError, ValueError):  # rows of unequal length
        array = np.zeros(0)
    array = array.astype(float) if array.dtype.kind in "iuf" else np.zeros(0)  # texts are none
    fits = array.ndim == 2 and array.shape[-1] == 2 and len(array) > 0
    expect(fits, claim, expected="an array of shape (K, 2)", got=got)
    return array


@looking.check(1, "ten clicks or more on each of the four pictures")
def enough(my_clicks: Any, rng: np.random.Generator) -> None:
    ask_all(partial(my_clicks, picture) for picture in SIZES)  # or all seem to get one answer
    for picture in SIZES:
        count = len(clicks_on(my_clicks, picture))
        expect(count >= 10, f"ten clicks on {picture}", expected="10 or more", got=count)


@looking.check(1, "in pixels, inside the picture, x before y")
def inside(my_clicks: Any, rng: np.random.Generator) -> None:
    for picture, (width, height) in SIZES.items():
        xy = clicks_on(my_clicks, picture)
        within = (xy >= 0).all() and (xy < (width, height)).all()
        claim = f"0 ≤ x < {width} and 0 ≤ y < {height} on {picture}: x runs along the width"
        expect(within, claim, got=xy)
        expect(xy.max() > 1, "clicks are counted in pixels, not in shares of the width", got=xy)


@looking.check(1, "each picture has clicks of its own")
def of_its_own(my_clicks: Any, rng: np.random.Generator) -> None:
    clicks = {picture: clicks_on(my_clicks, picture) for picture in SIZES}
    for a, b in itertools.combinations(SIZES, 2):
        same = one_pattern(clicks[a], clicks[b])
        same = same or one_pattern(clicks[a] / SIZES[a] * 500, clicks[b] / SIZES[b] * 500)
        claim = f"{a} and {b} have clicks of their own, not one pattern moved or stretched"
        expect(not same, claim, got=f"on {a} {first_of(clicks[a])}, on {b} {first_of(clicks[b])}")


def first_of(xy: Array) -> str:
    return ", ".join(f"({x:g}, {y:g})" for x, y in xy[:3]) + ", …"


def one_pattern(a: Array, b: Array) -> bool:
    """Whether nine in ten of the first clicks fall on the second ones when all are moved alike."""
    for shift in (b[:, None] - a[:5]).reshape(-1, 2):
        apart = np.abs((a + shift)[:, None] - b).max(axis=-1)
        if (apart.min(axis=1) <= 1).mean() >= 0.9:
            return True
    return False


@looking.check(1, "three places or more on each picture, a hundredth of its width apart")
def several_places(my_clicks: Any, rng: np.random.Generator) -> None:
    for picture, (width, _) in SIZES.items():
        places: list[Array] = []
        for click in clicks_on(my_clicks, picture):
            if all(np.hypot(*(click - place)) >= width / 100 for place in places):
                places.append(click)
        claim = f"clicks on {picture} in places that lie {width / 100:.0f} pixels or more apart"
        expect(len(places) >= 3, claim, expected="3 places or more", got=len(places))


@looking.check(1, "no ruler: neither a grid nor equal steps, nor a raster")
def no_ruler(my_clicks: Any, rng: np.random.Generator) -> None:
    for picture in SIZES:
        xy = clicks_on(my_clicks, picture)
        claim = f"the clicks on {picture} come from looking, not from a program, a loop or a ruler"
        steps = np.diff(xy, axis=0)
        rounding = min(1.0, np.abs(steps).max(initial=0) / 4)  # of a line's points to pixels
        even = len(steps) > 2 and np.abs(steps - steps.mean(axis=0)).max() <= rounding
        expect(not even, claim, got="the steps from click to click are equal, but for rounding")
        expect(not is_grid(xy), claim, got="a full grid of rows and columns")
        step = raster(xy)
        got = f"all of them are corners or middles of squares of {step} × {step} pixels"
        expect(step < 8, claim, got=got)  # a cross moved by keys goes in steps of up to 6


def is_grid(xy: Array) -> bool:
    """Whether the places are all crossings of some columns and some rows, and nothing else."""
    places = np.unique(xy, axis=0)
    columns, rows = (len(np.unique(places[:, axis])) for axis in (0, 1))
    return columns > 1 and rows > 1 and len(places) >= 6 and len(places) == columns * rows


def raster(xy: Array) -> int:
    """The step of the widest raster on which all clicks lie, both ways.

    Two places lie on one whatever they are: 0 for so few.
    """
    if len(np.unique(xy, axis=0)) < 3:
        return 0
    steps = np.rint(xy - xy[0]).astype(int)
    return int(np.gcd.reduce(steps, axis=0).min())


@looking.check(1, "a picture that was never shown raises ValueError")
def unknown_picture(my_clicks: Any, rng: np.random.Generator) -> None:
    shown = str(rng.choice(list(SIZES)))
    others = "a picture never shown", "", f"{shown}s", shown[:-1], shown.upper()
    for name in rng.permutation(others):
        claim = f"no clicks and no picture are two things: the name {str(name)!r} is refused"
        expect_error(partial(my_clicks, str(name)), ValueError, claim)


def scattered(picture: str) -> Array:
    """Clicks of a program, for the wrong answers below: nobody looked anywhere."""
    if picture not in SIZES:
        raise ValueError(f"there is no picture {picture!r}")
    rng = np.random.default_rng(list(SIZES).index(picture))
    width, height = SIZES[picture]
    xy = rng.uniform(0.02, 0.98, size=(12, 2)) * (width, height)
    xy[0] = 0.97 * width, 0.03 * height
    return xy.astype(int)


@looking.wrong(
    "row before column",
    "These are (y, x). NumPy's arrays are indexed row first, but a click is x first, from the "
    "left, then y, from the top. On a square picture nobody notices.",
)
def row_first(picture: str) -> Array:
    return scattered(picture)[:, ::-1]


@looking.wrong(
    "shares of the width",
    "These numbers run from 0 to 1. As pixels they all lie in the top left corner. Multiply x by "
    "the width and y by the height.",
)
def as_shares(picture: str) -> Array:
    return scattered(picture) / SIZES[picture]


@looking.wrong(
    "one list for all pictures",
    "Every picture got the same clicks, so the map says nothing about any of them. It is the map "
    "of somebody who never looked: a baseline, and no data.",
)
def one_for_all(picture: str) -> Array:
    scattered(picture)
    return scattered("chelsea")


@looking.wrong(
    "always the centre",
    "All clicks fall on one point. The centre is a good guess for many pictures, as this chapter "
    "shows, but a guess is not a look.",
)
def always_centre(picture: str) -> Array:
    scattered(picture)
    return np.tile(np.array(SIZES[picture]) // 2, (10, 1))


@looking.wrong(
    "one spot, trembling",
    "All clicks lie within a few pixels: one place, clicked again and again. With different "
    "numbers it is still one place.",
)
def one_spot(picture: str) -> Array:
    rng = np.random.default_rng(len(picture))
    return scattered(picture)[0] - rng.integers(0, 4, size=(12, 2)) * (1, -1)


@looking.wrong(
    "one list, moved a little",
    "Every picture got the same pattern of clicks, moved or stretched. It says nothing about any "
    "of them: it is the map of somebody who never looked.",
)
def moved_list(picture: str) -> Array:
    scattered(picture)
    return scattered("chelsea") * (0.9, 0.8) + list(SIZES).index(picture)


@looking.wrong(
    "the chapter's stand-in",
    "These points lie in the middle of squares of 16 pixels: the contrast program made them. They "
    "are no person's, and chapter 14 would take them for yours.",
)
def stand_in(picture: str) -> Array:
    return scattered(picture) // 16 * 16 + 8


@looking.wrong(
    "the dictionary's own error",
    "Python's KeyError tells that a dictionary lacks a key, and nothing of pictures. The exercise "
    "asks for ValueError: ask with `in`, and raise it yourself.",
    raises=True,
)
def key_error(picture: str) -> Array:
    return {name: scattered(name) for name in SIZES}[picture]


@looking.wrong(
    "made by a loop",
    "Clicks at equal distances come from a loop. Made-up clicks look like data and are none; "
    "chapter 14 will compare models with them.",
)
def by_a_loop(picture: str) -> Array:
    scattered(picture)
    width, height = SIZES[picture]
    return np.array([(x * width // 6, y * height // 3) for x in range(1, 6) for y in range(1, 3)])


@looking.wrong(
    "too few clicks",
    "Three clicks are three accidents. With so few, the map changes from one try to the next more "
    "than from one picture to another.",
)
def too_few(picture: str) -> Array:
    return scattered(picture)[:3]


@looking.wrong(
    "nothing instead of an error",
    "An unknown picture gives an empty list, which the next program takes for somebody who looked "
    "nowhere. Data that are missing must say so.",
)
def empty_for_unknown(picture: str) -> Array:
    return scattered(picture) if picture in SIZES else np.zeros((0, 2))


# 00.3

bits = Exercise(
    "00.3",
    "The entropy of your map",
    function="entropy",
    signature="entropy(clicks: (K, 2), size: (width, height), cells: (columns, rows)) -> bits",
    difficulty=2,
    importance=3,
    minutes=40,
    read=f"{READ}#how-spread-out-in-bits",
)

Picture = tuple[tuple[int, int], tuple[int, int]]  # size in pixels, number of cells


def draw_picture(rng: np.random.Generator, upright: bool) -> Picture:
    """Upright: fewer columns than rows, and higher than wide. Its cells are not square."""
    columns, rows = sorted(sizes(rng, 2))
    wide, high = sorted(sizes(rng, 2, 10, 30))
    size, cells = (columns * wide, rows * high), (columns, rows)
    return (size, cells) if upright else (size[::-1], cells[::-1])


def click_into(rng: np.random.Generator, picture: Picture, columns: Any, rows: Any) -> Array:
    """A click into each of these cells, (K, 2): anywhere, or just at one of its edges."""
    (width, height), (across, down) = picture
    cell = np.array([width // across, height // down])
    corner = np.stack([columns, rows], axis=1) * cell
    inside = rng.integers(0, cell, size=corner.shape)
    edge = rng.integers(0, 2, size=corner.shape) * (cell - 1)
    return corner + np.where(rng.random(corner.shape) < 0.5, inside, edge)


def in_some_cells(rng: np.random.Generator, picture: Picture, cells: int) -> tuple[Array, float]:
    """Clicks into so many cells, the outermost two among them, and their entropy."""
    across, down = picture[1]
    others = 1 + rng.choice(across * down - 2, cells - 2, replace=False)
    chosen = np.array([0, across * down - 1, *others])
    count = rng.choice(np.arange(1, 12), cells)
    count[:2] = 1, 12
    row, column = np.divmod(np.repeat(chosen, count), across)
    clicks = click_into(rng, picture, column, row)
    clicks[0] = 0, 0
    clicks[1] = picture[0][0] - 1, picture[0][1] - 1
    p = count / count.sum()
    return rng.permutation(clicks), sum(share * np.log2(1 / share) for share in p)


@bits.check(1, "minus the sum of p log₂ p over the cells' shares p")
def by_definition(entropy: Any, rng: np.random.Generator) -> None:
    for upright in (True, False):
        picture = draw_picture(rng, upright)
        for cells in (4, int(np.prod(picture[1]))):
            clicks, want = in_some_cells(rng, picture, cells)
            near(entropy(clicks, *picture), want, f"{len(clicks)} clicks in {cells} cells")
    columns, rows = sizes(rng, 2, 17, 20)  # cells whose numbers a byte does not hold
    picture = (columns * 5, rows * 4), (columns, rows)
    clicks, want = in_some_cells(rng, picture, columns * rows)
    near(entropy(clicks, *picture), want, f"{len(clicks)} clicks in {columns} × {rows} cells")


@bits.check(1, "all clicks in one cell: 0 bits, and empty cells add nothing")
def one_cell(entropy: Any, rng: np.random.Generator) -> None:
    picture = draw_picture(rng, bool(rng.integers(2)))
    count = int(rng.integers(3, 12))
    cell = np.array(picture[0]) // picture[1]
    clicks = click_into(rng, picture, [2] * count, [1] * count)
    clicks[:2] = cell * (2, 1), cell * (3, 2) - 1  # the cell's first pixel, and its last
    near(entropy(clicks, *picture), 0.0, f"{count} clicks in one cell")
    near(entropy(clicks[:1], *picture), 0.0, "a single click")
    near(entropy(clicks, picture[0], (1, 1)), 0.0, "a picture of one cell")
    apart = np.vstack([clicks, click_into(rng, picture, [1], [2])])
    p = np.array([count, 1]) / (count + 1)
    want = -(p * np.log2(p)).sum()
    near(entropy(apart, *picture), want, f"{count} clicks in one cell, one in another")


@bits.check(1, "x chooses the column, y the row")
def column_and_row(entropy: Any, rng: np.random.Generator) -> None:
    across, down = sizes(rng, 2)
    # By fractions the first pixel of a column can be lost: 49 · (1 / 49) is less than 1.
    by_49 = (across * 49, down * 49), (across, down)
    for picture in (draw_picture(rng, True), draw_picture(rng, False), by_49):
        columns, rows = picture[1]
        wide, high = np.array(picture[0]) // picture[1]
        clicks = click_into(rng, picture, [0] * rows, range(rows))
        # At one x: exchanged, x and y find fewer cells than clicks. Two are as near as can be.
        clicks[:, 0] = 0
        clicks[:2, 1] = high - 1, high
        claim = f"one column, one click in each of {rows} rows"
        near(entropy(clicks, *picture), np.log2(rows), claim)
        clicks = click_into(rng, picture, range(columns), [1] * columns)
        clicks[:, 1] = clicks[0, 1]
        clicks[:2, 0] = wide - 1, wide
        claim = f"one row, one click in each of {columns} columns"
        near(entropy(clicks, *picture), np.log2(columns), claim)


@bits.check(1, "a click outside, or no click at all, raises ValueError")
def refuses(entropy: Any, rng: np.random.Generator) -> None:
    for upright in (True, False):
        picture = draw_picture(rng, upright)
        (width, height), (columns, rows) = picture
        clicks = click_into(rng, picture, [0, 1, columns - 1], [1, 0, rows - 1])
        outside = {
            "x = -1": (-1, height - 1),  # not where the number of its cell would be negative, too
            "y = -1": (width - 1, -1),
            "x = width": (width, 0),
            "y = height": (0, height),
        }
        # It stands first once, and last once, and twice between.
        for place, (what, click) in zip(rng.permutation(4), outside.items(), strict=True):
            one_off = np.insert(clicks, place, click, axis=0)
            claim = f"one click at {what} lies outside {width} × {height} pixels"
            expect_error(partial(entropy, one_off, *picture), ValueError, claim)
        expect_error(partial(entropy, clicks[:0], *picture), ValueError, "no clicks, no shares")


def counts(clicks: Array, size: tuple, cells: tuple) -> Array:
    """Clicks in each cell, (rows, columns)."""
    clicks = np.asarray(clicks)
    if not len(clicks) or (clicks < 0).any() or (clicks >= np.array(size)).any():
        raise ValueError("no click, or one outside")
    column, row = (clicks * cells // np.array(size)).T
    count = np.zeros(cells[::-1])
    np.add.at(count, (row, column), 1)
    return count


def shares(clicks: Array, size: tuple, cells: tuple) -> Array:
    """The shares of the cells that have any."""
    count = counts(clicks, size, cells)
    return count[count > 0] / count.sum()


@bits.wrong(
    "nats, not bits",
    "np.log counts in units of 1.44 bits, called nats. A bit is one question with two answers: "
    "take the logarithm to base 2.",
)
def in_nats(clicks: Array, size: tuple, cells: tuple) -> float:
    p = shares(clicks, size, cells)
    return -(p * np.log(p)).sum()


@bits.wrong(
    "0 times log 0",
    "log 0 is minus infinity, and 0 times that is NaN, which spoils the whole sum. A cell that "
    "nobody clicked adds nothing: leave it out.",
)
def zero_log_zero(clicks: Array, size: tuple, cells: tuple) -> float:
    p = counts(clicks, size, cells) / len(clicks)
    return -(p * np.log2(p)).sum()


@bits.wrong(
    "row before column",
    "x was used for the rows and y for the columns. A click is (x, y), an array is indexed "
    "[row, column] = [y, x]; with as many rows as columns nobody notices.",
)
def swapped(clicks: Array, size: tuple, cells: tuple) -> float:
    counts(clicks, size, cells)
    p = shares(np.asarray(clicks)[:, ::-1], size[::-1], cells)
    return -(p * np.log2(p)).sum()


@bits.wrong(
    "counts, not shares",
    "The counts went into the formula as they are. Divide by the number of clicks first, so that "
    "the shares sum to 1.",
)
def of_counts(clicks: Array, size: tuple, cells: tuple) -> float:
    n = shares(clicks, size, cells) * len(clicks)
    return -(n * np.log2(n)).sum()


@bits.wrong(
    "the minus sign forgotten",
    "The logarithm of a share is negative, so the sum is too. Entropy is the mean surprise "
    "log₂(1/p) = −log₂ p, and is never below 0.",
)
def no_minus(clicks: Array, size: tuple, cells: tuple) -> float:
    p = shares(clicks, size, cells)
    return (p * np.log2(p)).sum()


@bits.wrong(
    "a plain mean of the surprises",
    "Every cell counts the same here. A cell's surprise counts as often as it happens: weigh it "
    "with its share.",
)
def plain_mean(clicks: Array, size: tuple, cells: tuple) -> float:
    p = shares(clicks, size, cells)
    return -np.log2(p).mean()


@bits.wrong(
    "the first pixel refused",
    "A click at x = 0 or y = 0 lies inside: the pixels of a width of 512 are counted from 0 to "
    "511.",
    raises=True,
)
def from_one(clicks: Array, size: tuple, cells: tuple) -> float:
    p = shares(clicks, size, cells)
    if (clicks <= 0).any():
        raise ValueError("outside")
    return -(p * np.log2(p)).sum()


@bits.wrong(
    "rounded to the nearest cell",
    "A click in the right half of a cell was counted in the next one. Cut off, with whole "
    "division: 299 // 75 is 3, and so is 225 // 75.",
)
def rounded(clicks: Array, size: tuple, cells: tuple) -> float:
    counts(clicks, size, cells)
    nearest = np.minimum(np.rint(clicks * np.array(cells) / size), np.array(cells) - 1)
    return in_bits(np.unique(nearest, axis=0, return_counts=True)[1] / len(clicks))


@bits.wrong(
    "an edge of the picture forgotten",
    "Clicks below 0 are refused, but one at x = width or y = height lies outside as well: the last "
    "pixel is width − 1.",
)
def edge_forgotten(clicks: Array, size: tuple, cells: tuple) -> float:
    if not len(clicks) or (clicks < 0).any() or (clicks > np.array(size)).any():
        raise ValueError("outside")
    column, row = (clicks * cells // np.array(size)).T
    return in_bits(np.bincount(row * (cells[0] + 1) + column) / len(clicks))


def in_bits(p: Array) -> float:
    p = p[p > 0]
    return float((p * np.log2(1 / p)).sum())


@bits.wrong(
    "clicks outside are let in",
    "A single click outside raises nothing here: it is counted, at the edge or in another cell, "
    "and a mistake in the data becomes a number. If you do test, test every click on each of the "
    "four sides: one that lies outside is enough.",
)
def let_in(clicks: Array, size: tuple, cells: tuple) -> float:
    if not len(clicks):
        return 0.0
    p = shares(np.clip(clicks, 0, np.array(size) - 1), size, cells)
    return -(p * np.log2(p)).sum()


# 00.4

two_people = Exercise(
    "00.4",
    "The agreement of two people",
    function="agreement",
    signature="agreement(first: (H, W), second: (H, W)) -> (correlation, bits)",
    difficulty=2,
    importance=5,
    minutes=35,
    read=f"{READ}#do-two-maps-agree",
)


def draw_maps(rng: np.random.Generator, zeros: int = 0) -> tuple[Array, Array]:
    """Two maps of one shape, of different scale, positive but for so many zeros in the first."""
    shape = sizes(rng, 2)
    first, second = rng.uniform(0.1, 1, size=(2, *shape)) ** 2
    first.flat[rng.choice(first.size, zeros, replace=False)] = 0
    low, high = 10.0 ** rng.uniform(-3, 3, 2)
    return first * low, second * high


def correlation(first: Array, second: Array) -> float:
    a, b = first - first.mean(), second - second.mean()
    return float((a * b).mean() / np.sqrt((a**2).mean() * (b**2).mean()))


def divergence(first: Array, second: Array) -> float:
    p, q = first / first.sum(), second / second.sum()
    some = p > 0
    return float((p[some] * np.log2(p[some] / q[some])).sum())


def refuse(first: Array, second: Array) -> None:
    if first.shape != second.shape or np.ptp(first) == 0 or np.ptp(second) == 0:
        raise ValueError("these maps cannot be compared")


@two_people.check(1, "the correlation of the two maps, sign and all")
def correlates(agreement: Any, rng: np.random.Generator) -> None:
    for zeros in (0, 3, 7):
        first, second = draw_maps(rng, zeros)
        near(agreement(first, second)[0], correlation(first, second), "the correlation of two maps")
    first, second = draw_maps(rng)
    opposite = first.max() + first.min() - first
    near(agreement(first, opposite)[0], -1.0, "a map and its opposite correlate with −1")
    for place, factor in ((0, 1.01), (0, 0.99), (int(rng.integers(1, first.size)), 1.01)):
        bump = np.full_like(second, second[0, 0])
        bump.flat[place] *= factor
        claim = "a map that differs by a hundredth in one place is not flat"
        near(agreement(first, bump)[0], correlation(first, bump), claim)
        near(agreement(bump, second)[0], correlation(bump, second), claim)
    for words, part in (("rows", second[:1]), ("columns", second[:, :1])):
        stripes = np.broadcast_to(part, second.shape).copy()
        claim = f"a map whose {words} are all alike is not flat"
        near(agreement(first, stripes)[0], correlation(first, stripes), claim)
        near(agreement(stripes, first)[0], correlation(stripes, first), claim)
    claim = "the correlation of two maps of small numbers: it does not depend on their scale"
    small = 1e-15 * first / first.max(), 1e-15 * second / second.max()
    near(agreement(*small)[0], correlation(first, second), claim)


@two_people.check(1, "the divergence from the first to the second, in bits, of their shares")
def diverges(agreement: Any, rng: np.random.Generator) -> None:
    for _ in range(2):
        first, second = draw_maps(rng)
        near(agreement(first, second)[1], divergence(first, second), "the sum of p log₂(p / q)")
    near(agreement(first, 3 * first)[1], 0.0, "a map and three times the map have the same shares")
    # Far from a click a heat map is as good as 0. Few look there, but each of them counts much.
    first, second = draw_maps(rng)
    far = rng.permutation(first.size)[: first.size // 2]
    first.flat[far] = second.flat[far] = 0
    first.flat[far], second.flat[far] = 5e-7 * first.sum(), 1e-250 * second.sum()
    claim = "the sum of p log₂(p / q), also where both shares are small and q is much the smaller"
    near(agreement(first, second)[1], divergence(first, second), claim)


@two_people.check(1, "where the first never looked, nothing is added")
def zeros_in_the_first(agreement: Any, rng: np.random.Generator) -> None:
    for zeros in (1, 4, -1):
        first, second = draw_maps(rng, max(zeros, 0))
        if zeros < 0:
            first.flat[rng.permutation(first.size)[1:]] = 0
        claim = f"p = 0 adds 0, not NaN: the first map is 0 in {(first == 0).sum()} places"
        near(agreement(first, second)[1], divergence(first, second), claim)


@two_people.check(1, "maps that cannot be compared raise ValueError")
def cannot_compare(agreement: Any, rng: np.random.Generator) -> None:
    first, second = draw_maps(rng)
    while first.size in (16, 32, 64):  # of so many equal numbers the mean is never off by rounding
        first, second = draw_maps(rng)
    others = second[:, :1], second[:1], second[:1, :1], second.T, second.ravel(), second[None]
    for other in others:
        claim = f"maps of two shapes, {first.shape} and {other.shape}, are refused"
        expect_error(partial(agreement, first, other), ValueError, claim)
    claim = f"maps of two shapes, {first[:, :1].shape} and {second.shape}, are refused"
    expect_error(partial(agreement, first[:, :1], second), ValueError, claim)
    heights = [h for h in rng.uniform(0.2, 9, 200) if np.full_like(first, h).mean() != h][:2]
    for height in (1.0, 0.1, *heights):
        flat = np.full_like(first, height)
        claim = f"a map that is {height:.3g} everywhere has no correlation with anything"
        expect_error(partial(agreement, flat, second), ValueError, claim)
        expect_error(partial(agreement, first, flat), ValueError, claim)
    claim = "a map that is 0 everywhere has no correlation with anything"
    expect_error(partial(agreement, 0 * first, second), ValueError, claim)


@two_people.wrong(
    "means not subtracted",
    "Without the means, two maps agree because both are positive: even maps that have nothing to "
    "do with each other come out near 1. Subtract each map's mean first.",
)
def cosine(first: Array, second: Array) -> tuple:
    refuse(first, second)
    r = (first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum())
    return r, divergence(first, second)


@two_people.wrong(
    "the sign lost",
    "The correlation was squared, or its sign dropped. Somebody who looks just where the other "
    "does not, agrees to −1, and that is no agreement.",
)
def squared(first: Array, second: Array) -> tuple:
    refuse(first, second)
    return correlation(first, second) ** 2, divergence(first, second)


@two_people.wrong(
    "only where the first looked",
    "The correlation was taken over the places where the first map is not 0. That somebody did "
    "not look at a place counts too: both maps enter whole.",
)
def looked_at(first: Array, second: Array) -> tuple:
    refuse(first, second)
    a, b = first[first > 0], second[first > 0]
    return correlation(a, b), divergence(first, second)


@two_people.wrong(
    "no square root",
    "The mean product was divided by the product of the two mean squares. The formula has the "
    "root of that product below the line; without it the scale of the maps does not cancel.",
)
def no_root(first: Array, second: Array) -> tuple:
    refuse(first, second)
    a, b = first - first.mean(), second - second.mean()
    return (a * b).mean() / ((a**2).mean() * (b**2).mean()), divergence(first, second)


@two_people.wrong(
    "n above the line, n − 1 below",
    "The mean product divides by n and np.std with ddof=1 (or np.cov) by n − 1. Either will do, "
    "if it is the same above and below; a map and itself must correlate with 1.",
)
def mixed_n(first: Array, second: Array) -> tuple:
    refuse(first, second)
    r = correlation(first, second) * (first.size - 1) / first.size
    return r, divergence(first, second)


@two_people.wrong(
    "the divergence the wrong way round",
    "This is the divergence from the second to the first. It is another number: the weights are "
    "the shares of the map that you start from.",
)
def reversed_divergence(first: Array, second: Array) -> tuple:
    refuse(first, second)
    p, q = first / first.sum(), second / second.sum()
    return correlation(first, second), (q * np.log2(q / p)).sum()


@two_people.wrong(
    "nats, not bits",
    "np.log counts in units of 1.44 bits, called nats. Take the logarithm to base 2.",
)
def divergence_in_nats(first: Array, second: Array) -> tuple:
    refuse(first, second)
    return correlation(first, second), divergence(first, second) * np.log(2)


@two_people.wrong(
    "maps, not shares",
    "The maps went into the sum as they are, so a map and three times the same map differ, and "
    "the result can be negative. Divide each by its sum first.",
)
def not_shares(first: Array, second: Array) -> tuple:
    refuse(first, second)
    some = first > 0
    p, q = first[some], second[some]
    return correlation(first, second), (p * np.log2(p / q)).sum()


@two_people.wrong(
    "0 times log 0",
    "log 0 is minus infinity, and 0 times that is NaN. Where the first map is 0 the term is 0: "
    "leave it out.",
)
def nan_divergence(first: Array, second: Array) -> tuple:
    refuse(first, second)
    p, q = first / first.sum(), second / second.sum()
    return correlation(first, second), (p * np.log2(p / q)).sum()


@two_people.wrong(
    "no refusal",
    "NumPy stretches a column to a whole map, and 0 / 0 for a flat map is NaN: the caller gets a "
    "number, or none, and no word. Compare the shapes and look for flat maps first.",
)
def unguarded(first: Array, second: Array) -> tuple:
    p, q = np.broadcast_arrays(first / first.sum(), second / second.sum())
    return correlation(first, second), divergence(p, q)


# 00.5

meanings = Exercise(
    "00.5",
    "What “attention” could mean",
    function="sense",
    signature='sense(number: int) -> "overt", "covert", "capacity" or "weights"',
    difficulty=2,
    importance=2,
    minutes=20,
    read=f"{READ}#four-things-called-attention",
)

SENSES = {
    "overt": (1, 6),
    "covert": (2, 5),
    "capacity": (3, 7),
    "weights": (4, 8),
}


def ask(sense: Any, name: str, question: str) -> None:
    """Both sentences of this sense; a wrong word gets a question, not the answer."""
    for number in SENSES[name]:
        got = sense(number)
        right = isinstance(got, str) and got.strip().lower() == name
        expect(right, f"sentence {number}: {question}", got=got)


@meanings.check(1, "the sentences in which somebody turns to something")
def turning(sense: Any, rng: np.random.Generator) -> None:
    ask(sense, "overt", "does anything that others can see turn, eyes or head?")


@meanings.check(1, "the sentences in which nothing turns, and something is favoured")
def favouring(sense: Any, rng: np.random.Generator) -> None:
    ask(sense, "covert", "where do the eyes rest, and what is noticed better?")


@meanings.check(1, "the sentences in which something runs short")
def running_short(sense: Any, rng: np.random.Generator) -> None:
    ask(sense, "capacity", "what happens when there is a second thing to do?")


@meanings.check(1, "the sentences about a calculation")
def calculating(sense: Any, rng: np.random.Generator) -> None:
    ask(sense, "weights", "is anything left out or done faster because its number is small?")


def word_for(number: Any) -> str:
    found = [name for name, numbers in SENSES.items() if number in numbers]
    if not found:
        raise ValueError(f"there is no sentence {number}")
    return found[0]


@meanings.wrong(
    "attention is where the eyes are",
    "Posner's subjects kept their eyes on the cross, and still did better where they expected "
    "something. What is favoured without turning is covert.",
)
def eyes_only(number: int) -> str:
    word = word_for(number)
    return "overt" if word == "covert" else word


@meanings.wrong(
    "weights are computing power",
    "So says section 1.2 of the document. But a program computes with every part, whatever its "
    "weight; no part costs less because its number is small. A weight shares out influence.",
)
def weights_are_power(number: int) -> str:
    word = word_for(number)
    return "capacity" if word == "weights" else word


@meanings.wrong(
    "running short taken for choosing",
    "In these sentences nothing is picked out against the rest: two tasks draw on one supply, and "
    "both suffer. That is capacity.",
)
def short_is_choice(number: int) -> str:
    word = word_for(number)
    return "covert" if word == "capacity" else word


@meanings.wrong(
    "one sense for everything",
    "A word that fits every sentence tells nothing about any of them. Each of the four senses has "
    "a test of its own; put it to the sentence.",
)
def one_sense(number: int) -> str:
    word_for(number)
    return "weights"
