"""Descriptions of functions, each with a summary that a person wrote."""

from __future__ import annotations

from dataclasses import dataclass

from .packing import packed_rows


@dataclass(frozen=True)
class Docstring:
    """What the documentation of one function says.

    Attributes
    ----------
    name : as it is imported
    summary : the first line, by its author
    sentences : what stands below it, up to the list of parameters: 4 to 15 sentences
    """

    name: str
    summary: str
    sentences: tuple[str, ...]


def docstrings() -> tuple[Docstring, ...]:
    """344 docstrings of NumPy 2.4, SciPy 1.17, scikit-learn 1.9 and scikit-image 0.26 (BSD-3)."""
    rows = packed_rows("docstrings.tsv.gz")
    return tuple(Docstring(name, summary, tuple(rest)) for name, summary, *rest in rows)
