"""Descriptions of functions, each with a summary that a person wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PACKED = Path(__file__).with_name("packed")


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
    import gzip  # by who reads them, not by everybody

    with gzip.open(PACKED / "docstrings.tsv.gz", "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    return tuple(Docstring(name, summary, tuple(rest)) for name, summary, *rest in rows)
