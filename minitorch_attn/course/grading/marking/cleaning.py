"""Text of a stranger's, made harmless: for a page, a table, a terminal."""

from __future__ import annotations

import unicodedata

LIMIT = 4_000  # characters of a text with its lines
_JOINERS = "\u200c\u200d"  # some scripts need them


def one_line(text: str, limit: int = 200) -> str:
    """On one line: no control characters, nothing that turns it round, at most `limit` long."""
    return _cut(" ".join(_harmless(text, limit, "").split()), limit)


def lines(text: str, limit: int = LIMIT) -> str:
    """As `one_line`, with line ends and tabs kept."""
    return _cut(_harmless(text, limit, "\n\t"), limit)


def _harmless(text: str, limit: int, keep: str) -> str:
    return "".join(
        c if c in keep or c in _JOINERS or unicodedata.category(c)[0] != "C" else " "
        for c in text[: 4 * limit]
    )


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
