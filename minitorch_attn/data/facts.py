"""Currencies and languages of 245 territories, and questions about them in small texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .packing import packed_rows

CURRENCY = (
    "the currency of {t} is the {v} .",
    "in {t} you pay with the {v} .",
    "the {v} is used in {t} .",
)
LANGUAGE = (
    "the language of {t} is {v} .",
    "in {t} many speak {v} .",
    "{v} is spoken in {t} .",
)
SAY = (CURRENCY, LANGUAGE)
ASK = ("{t} currency ?", "{t} language ?")


@dataclass(frozen=True)
class Scene:
    """A small text, a question, and where its answer stands.

    Attributes
    ----------
    text, question : words
    span : the places of the answer's first and last word, or None where the text has none
    values : the values that the text names, each as one string; the answer is one of them
    """

    text: tuple[str, ...]
    question: tuple[str, ...]
    span: tuple[int, int] | None
    values: tuple[str, ...]

    @property
    def answer(self) -> str:
        """The words of the answer, as one string; empty where there is none."""
        return "" if self.span is None else self.said(*self.span)

    def said(self, start: int, end: int) -> str:
        """The words of the text from one place to another, as one string."""
        return " ".join(self.text[start : end + 1])


def facts() -> dict[str, tuple[str, str]]:
    """For each of 245 territories its (first) currency and its (first) official language.

    Source: Unicode CLDR by way of babel 2.18, in English and lower case. Names in four words or
    fewer; the order is the alphabet's.
    """
    rows = packed_rows("facts.tsv")
    return {name: (currency, language) for name, currency, language in rows}


def fact_scenes(
    names: list[str],
    count: int,
    seed: int,
    *,
    territories: int = 2,
    false: bool = False,
    absent: bool = False,
) -> list[Scene]:
    """Texts that state both facts of some territories, shuffled, and ask for one of them.

    `false`: the values are those of other territories. `absent`: asked is one of which the text
    says nothing.
    """
    known, rng = facts(), np.random.default_rng(seed)
    return [_scene(known, names, rng, territories, false, absent) for _ in range(count)]


def _scene(
    known: dict[str, tuple[str, str]],
    names: list[str],
    rng: np.random.Generator,
    territories: int,
    false: bool,
    absent: bool,
) -> Scene:
    picked = [names[i] for i in rng.choice(len(names), territories + absent, replace=False)]
    here, relation = picked[:territories], int(rng.integers(2))
    asked = picked[-1] if absent else here[int(rng.integers(territories))]
    value = {(name, r): known[name][r] for name in here for r in (0, 1)}
    if false:
        for (name, r), true in list(value.items()):
            others = [known[n][r] for n in names if known[n][r] != true]
            value[name, r] = others[int(rng.integers(len(others)))]
    text: list[str] = []
    span = None
    for i in rng.permutation(len(value)):
        fact = list(value)[i]
        for word in SAY[fact[1]][int(rng.integers(3))].split():
            start = len(text)
            text += {"{t}": fact[0], "{v}": value[fact]}.get(word, word).split()
            if word == "{v}" and fact == (asked, relation):
                span = (start, len(text) - 1)
    question = ASK[relation].replace("{t}", asked).split()
    return Scene(tuple(text), tuple(question), span, tuple(value.values()))
