"""Calendar dates in words, in three languages, and as ISO 8601 writes them."""

from __future__ import annotations

import datetime
import json
import re
from functools import cache
from typing import Any

import numpy as np

from .packing import packed_text
from .pairs import Pairs
from .vocabulary import Vocabulary

LANGUAGES, STYLES = ("en", "fr", "de"), ("full", "long")
LONGEST = 32  # characters: "Mittwoch, 28. September 2022" has 28

Links = tuple[frozenset[int], ...]


@cache
def _names() -> dict[str, Any]:
    return json.loads(packed_text("dates.json"))


def spell(
    year: int,
    month: int,
    day: int,
    language: str = "en",
    style: str = "long",
    weekday: int | None = None,
) -> tuple[str, str, Links]:
    """A date in words, the same as ISO 8601, and which characters of the words each ISO one means.

    Parameters
    ----------
    year, month, day : int
        Also of days that do not exist, as 31 February; then a full style needs a `weekday`.
    language : "en", "fr" or "de"
    style : "full", with the day of the week, or "long", without
    weekday : int, optional
        0 is Monday, and it may be a false one; None: the true one.

    Returns
    -------
    The text, ten ISO characters, and for each of them the set of its places in the text: a digit of
    the year its digit, both digits of the month every letter of the month's name, a digit of the
    day its digit (both the same one in "7"). A hyphen comes from nowhere.

    Source of names and patterns: Unicode CLDR by way of babel 2.18.
    """
    names = _names()[language]
    if weekday is None and style == "full":
        weekday = datetime.date(year, month, day).weekday()
    said = {"y": f"{year:04}", "MMMM": names["months"][month - 1], "d": f"{day}"}
    if weekday is not None:
        said["EEEE"] = names["weekdays"][weekday]
    text, where = "", {}
    for piece in re.findall(r"[A-Za-z]+|[^A-Za-z]+", names[style]):
        where[piece] = range(len(text), len(text) + len(said.get(piece, piece)))
        text += said.get(piece, piece)
    digits = [frozenset({place}) for place in where["y"]]
    name, days = frozenset(where["MMMM"]), where["d"]
    nothing: frozenset[int] = frozenset()
    ends = [frozenset({days[0]}), frozenset({days[-1]})]
    links = (*digits, nothing, name, name, nothing, *ends)
    return text, f"{year:04}-{month:02}-{day:02}", links


def dates(
    num_train: int = 6_400,
    num_test: int = 1_000,
    seed: int = 0,
    first: int = 1950,
    last: int = 2049,
) -> tuple[Pairs, Pairs]:
    """Days of the years `first` to `last`, no day twice: characters in words to ISO characters.

    Each is spelled in a language and a style drawn at random. The links of `spell` come with them.
    """
    rng = np.random.default_rng(seed)
    start, end = datetime.date(first, 1, 1).toordinal(), datetime.date(last, 12, 31).toordinal()
    days = start + rng.choice(end - start + 1, num_train + num_test, replace=False)
    spelled = []
    for n in days:
        day = datetime.date.fromordinal(int(n))
        language, style = LANGUAGES[rng.integers(3)], STYLES[rng.integers(2)]
        spelled.append(spell(day.year, day.month, day.day, language, style))
    texts, written, links = (tuple(part) for part in zip(*spelled, strict=True))
    whole = Pairs(texts, written, _letters(), Vocabulary(["0123456789-"]), LONGEST, 11, links=links)
    return tuple(  # type: ignore[return-value]
        whole.others(texts[part], written[part], links[part])
        for part in (slice(num_train), slice(num_train, None))
    )


def _letters() -> Vocabulary:
    """Every character that a spelled date may have."""
    kept = [n for names in _names().values() for n in (*names["months"], *names["weekdays"])]
    return Vocabulary([*kept, "0123456789 ,."])
