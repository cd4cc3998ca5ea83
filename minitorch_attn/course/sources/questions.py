"""The questions on which a reader bets: `predict("06.1", …)` and the letters that it offers.

A question offers bold letters, **a**, **b** and so on, in a list or in a sentence, above the cell
with its `predict`. Where a cell asks two questions, both stand above it in the same order.
"""

from __future__ import annotations

import re
from pathlib import Path

from .text import ROOT, SourceError

PREDICT = re.compile(
    r"""(?P<head>\bpredict\(\s*["'](?P<id>\d\d\.\d+)["']\s*,\s*)"""
    r"""(?P<choice>None|(?P<quote>["'])[^"'\n]{0,40}(?P=quote))(?=\s*\))"""
)
_REVEAL = re.compile(
    r"""\breveal\(\s*["'](?P<id>\d\d\.\d+)["']\s*,\s*["'](?P<letter>\w+)["']"""
    r"""(?:\s*,\s*(?P<quote>["'])(?P<reason>.*?)(?P=quote)\s*\))?"""
)
_LETTER = re.compile(r"\*\*([a-z])\*\*")
_CODE = re.compile(r"^(```\{code-cell\}.*?^```)[ \t]*$", re.DOTALL | re.MULTILINE)


def questions(chapter: int, root: Path = ROOT) -> dict[str, str]:
    """For each question of a chapter the letters that it offers, as in {"06.1": "abcd"}.

    Empty where the chapter's source is not at hand: the package alone does not hold the book.
    """
    found = sorted((root / "chapters").glob(f"{chapter:02d}_*.md"))
    return offered(found[0].read_text(encoding="utf-8")) if found else {}


def offered(text: str) -> dict[str, str]:
    """The same, from the text of a chapter. A question without letters above it offers ""."""
    result: dict[str, str] = {}
    rows: list[str] = []  # letters in a row, since the last cell that asks
    for number, part in enumerate(_CODE.split(text)):
        if number % 2 == 0:
            for letter in _LETTER.findall(part):
                if rows and ord(letter) == ord(rows[-1][-1]) + 1:
                    rows[-1] += letter
                else:
                    rows.append(letter)
        elif asked := [question["id"] for question in PREDICT.finditer(part)]:
            last = [*[""] * len(asked), *rows][-len(asked) :]
            result |= zip(asked, last, strict=True)
            rows.clear()
    return result


def answers(text: str) -> dict[str, tuple[str, str]]:
    """For each question that a text answers with `reveal`, the letter and the reason given."""
    return {
        found["id"]: (found["letter"], found["reason"] or "") for found in _REVEAL.finditer(text)
    }


def check_questions(name: str, text: str) -> None:
    """Raise SourceError unless each question offers letters, and each answer is one of them."""
    found = offered(text)
    for id, letters in found.items():
        if len(letters) < 2 or not "abcdefgh".startswith(letters):
            raise SourceError(
                f'{name}: predict("{id}", …) needs the letters **a**, **b**, … in order above '
                f"its cell; it has {letters or 'none'}"
            )
    for id, (answer, _) in answers(text).items():
        if answer not in list(found.get(id, "")):
            raise SourceError(
                f'{name}: reveal("{id}", "{answer}", …): the question offers '
                f"{found.get(id) or 'nothing'}"
            )
