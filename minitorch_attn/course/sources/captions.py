"""The words of a figure's caption: what a reader who cannot see the figure is told."""

from __future__ import annotations

import re

_CAPTION = re.compile(r"\*(?!\*)(.+?)\*(?:\n\n|$)", re.DOTALL)


def caption(text: str) -> str:
    """The words of the italic caption with which a Markdown cell begins, or ""."""
    found = _CAPTION.match(text)
    words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", found[1]) if found else ""
    words = re.sub(r"\\[a-zA-Z]+ ?|[$`{}\\]", "", words)
    return " ".join(words.replace("*", "").split())
