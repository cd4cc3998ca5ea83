"""The words of a figure's caption: what a reader who cannot see the figure is told."""

from __future__ import annotations

import re


def caption(text: str) -> str:
    """The words of the italic caption with which a Markdown cell begins, or ""."""
    first = text.strip().partition("\n\n")[0].replace("**", "")
    if not (first.startswith("*") and first.endswith("*") and first.count("*") == 2):
        return ""
    words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", first)
    words = re.sub(r"\\t?frac\{?(\w)\}?\{?(\w)\}?", r"\1/\2", words)
    words = words.replace(r"\varepsilon", "ε").replace(r"\times", "×")
    words = re.sub(r"\\(?:math\w+|boldsymbol|text|operatorname|left|right) ?|[$`{}\\]", "", words)
    return " ".join(words.replace("*", "").split())
