"""Dates, interface strings, facts and docstrings."""

from __future__ import annotations

import datetime
import re

import numpy as np
import pytest

from minitorch_attn.data import (
    PAD,
    START,
    STOP,
    UNKNOWN,
    dates,
    docstrings,
    fact_scenes,
    facts,
    interface_strings,
    shifted,
    spell,
    words_of,
)
from minitorch_attn.data.dates import LANGUAGES, LONGEST, STYLES

# Dates.


@pytest.mark.parametrize(
    ("day", "how", "text"),
    [
        ((2023, 9, 12), ("fr", "long"), "12 septembre 2023"),
        ((2023, 11, 28), ("en", "full"), "Tuesday, November 28, 2023"),
        ((2375, 11, 8), ("de", "long"), "8. November 2375"),
        ((1789, 7, 14), ("fr", "full"), "mardi 14 juillet 1789"),
        ((2020, 2, 31), ("de", "long"), "31. Februar 2020"),
        ((987, 7, 3), ("en", "long"), "July 3, 0987"),
    ],
)
def test_dates_in_words(day: tuple[int, int, int], how: tuple[str, str], text: str) -> None:
    said, iso, _ = spell(*day, *how)
    assert said == text
    assert iso == "{:04}-{:02}-{:02}".format(*day)


def test_a_false_weekday_can_be_said() -> None:
    assert spell(2023, 11, 28, "en", "full", weekday=0)[0] == "Monday, November 28, 2023"
    with pytest.raises(ValueError, match="day"):
        spell(2020, 2, 31, "en", "full")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("style", STYLES)
def test_each_character_is_linked_to_those_it_comes_from(language: str, style: str) -> None:
    for year, month, day in [(1950, 5, 9), (2011, 11, 11), (2033, 3, 30), (1999, 12, 1)]:
        text, iso, links = spell(year, month, day, language, style)
        assert len(links) == len(iso) == 10
        at = ["".join(text[i] for i in sorted(link)) for link in links]
        assert at[:4] == list(str(year)), "a digit of the year"
        assert at[4] == at[7] == "", "a hyphen comes from nowhere"
        assert at[5] == at[6]
        assert at[5].isalpha()
        assert len(at[5]) > 2, "the whole name of the month"
        assert at[8:] == [str(day)[0], str(day)[-1]]
        # The year is the last four digits of the text, not some others.
        assert sorted(min(link) for link in links[:4]) == list(range(len(text) - 4, len(text)))


def test_babel_says_the_same() -> None:
    babel = pytest.importorskip("babel.dates", reason="it comes with JupyterLab")
    rng = np.random.default_rng(0)
    for n in rng.integers(700_000, 740_000, 60):
        day = datetime.date.fromordinal(int(n))
        for language in LANGUAGES:
            for style in STYLES:
                want = babel.format_date(day, style, locale=language)
                assert spell(day.year, day.month, day.day, language, style)[0] == want


def test_the_dates_to_train_on() -> None:
    train, test = dates(300, 100, seed=1)
    assert (len(train), len(test)) == (300, 100)
    days = [*train.targets, *test.targets]
    assert len(set(days)) == 400, "no day twice"
    assert all("1950-01-01" <= day <= "2049-12-31" for day in days)
    assert len({re.sub(r"\d+", "#", text) for text in train.sources}) > 100, "many ways to say it"
    assert train.source_words is test.source_words
    assert (train.source[:, :8] != UNKNOWN).all()
    assert max(map(len, train.sources)) <= LONGEST
    for text, links in zip(test.sources, test.links, strict=True):
        assert max(max(link, default=0) for link in links) < len(text)
    assert dates(300, 100, seed=1)[1].sources == test.sources
    assert dates(300, 100, seed=2)[1].sources != test.sources
    early, _ = dates(50, 5, first=1000, last=1001)
    assert all(day < "1002" for day in early.targets)


def test_no_spelled_date_is_too_long_or_has_a_letter_without_a_number() -> None:
    train, _ = dates(10, 5)
    for month in range(1, 13):
        for weekday in range(7):
            for language in LANGUAGES:
                text, *_ = spell(2028, month, 28, language, "full", weekday)
                ids = train.read([text])
                assert UNKNOWN not in ids
                assert (ids > 0).sum() == len(text) <= LONGEST


def test_batches_of_pairs() -> None:
    train, _ = dates(40, 5)
    (source, before), target = train.batch(np.arange(7))
    texts = train.sources[:7]
    assert source.shape == (7, max(map(len, texts)))
    assert [(row != PAD).sum() for row in source] == [len(text) for text in texts]
    assert target.shape == before.shape == (7, 11)
    assert (target[:, -1] == STOP).all()
    assert (before[:, 0] == START).all()
    np.testing.assert_array_equal(before[:, 1:], target[:, :-1])
    assert ["".join(words) for words in train.wrote(target)] == list(train.targets[:7])
    other = train.others(["1 mai 1968"], ["1968-05-01"])
    assert len(other) == 1
    np.testing.assert_array_equal(other.source, train.read(["1 mai 1968"]))
    np.testing.assert_array_equal(shifted(np.array([[7, 8, 9]])), [[START, 7, 8]])


# Interface strings.


def test_words_of_a_string() -> None:
    assert words_of("L’erreur 404 : réessayez…") == ["l'", "erreur", "404", ":", "réessayez", "…"]


def test_the_interface_strings() -> None:
    train, held, test = interface_strings(0)
    assert (len(train), len(held), len(test)) == (2875, 400, 400)
    english = [*train.sources, *held.sources, *test.sources]
    assert len(set(english)) == 3675, "no English string is in two parts"
    assert max(map(len, english)) == train.source_len == 6
    assert max(len(t) for t in train.targets) + 1 == train.target_len == 11
    assert train.source_words is test.source_words
    counts = np.bincount(train.source.ravel())
    assert (counts[4:] >= 2).all(), "a word that is known comes twice"
    assert (test.source == UNKNOWN).any()
    assert interface_strings(1)[2].sources != test.sources


# Facts.


def test_the_facts() -> None:
    known = facts()
    assert len(known) == 245
    assert known["japan"] == ("japanese yen", "japanese")
    assert list(known) == sorted(known)
    assert all(name == name.lower() and len(name.split()) <= 4 for name in known)


def test_scenes_state_both_facts_and_ask_for_one() -> None:
    known, names = facts(), list(facts())[:60]
    for scene in fact_scenes(names, 100, seed=3):
        *territory, relation, sign = scene.question
        assert sign == "?"
        name = " ".join(territory)
        assert scene.answer == known[name][relation == "language"]
        assert scene.text.count(".") == len(scene.values) == 4
        assert scene.answer in scene.values
        text = " ".join(scene.text)
        assert all(value in text for value in scene.values)
        start, end = scene.span or (0, 0)
        assert scene.said(start, end) == scene.answer
        sentence = text.split(".")[scene.text[:start].count(".")]
        assert name in sentence, "the answer stands in the sentence about what is asked"
    assert fact_scenes(names, 5, seed=3) == fact_scenes(names, 100, seed=3)[:5]
    assert all(s.text.count(".") == 6 for s in fact_scenes(names, 5, seed=0, territories=3))


def test_false_facts_and_questions_without_an_answer() -> None:
    known, names = facts(), list(facts())[:60]
    for scene in fact_scenes(names, 50, seed=1, false=True):
        name, relation = " ".join(scene.question[:-2]), scene.question[-2]
        assert scene.answer
        assert scene.answer != known[name][relation == "language"]
    of_one_word = [name for name in known if " " not in name]
    for scene in fact_scenes(of_one_word, 50, seed=1, absent=True):
        assert scene.span is None
        assert scene.answer == ""
        assert scene.question[0] not in scene.text


# Docstrings.


def test_the_docstrings() -> None:
    texts = docstrings()
    assert len(texts) == 344
    assert all(4 <= len(text.sentences) <= 15 and text.summary for text in texts)
    assert len({text.name for text in texts}) == 344
