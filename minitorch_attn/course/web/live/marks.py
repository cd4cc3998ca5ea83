"""What cells do in a page that they do not in a notebook: `cells.toml`, read.

A page says it beforehand, beside the cell's button; the tests hold what the file says.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ...sources.text import SourceError

FILE = Path(__file__).with_name("cells.toml")


@dataclass(frozen=True)
class Mark:
    """What is to be said of one cell.

    Attributes
    ----------
    seconds : how long it takes, if that is long
    differs : why it prints something else than in its notebook
    cannot : why it does not run at all
    """

    seconds: int = 0
    differs: str = ""
    cannot: str = ""

    def told(self) -> dict[str, Any]:
        """What there is to say, for the page."""
        return {word: what for word, what in asdict(self).items() if what}


@cache
def marks(path: Path = FILE) -> dict[str, Mark]:
    """The marks by the cells' ids.

    Raises
    ------
    SourceError
        If the file says something else than marks, or something of a cell twice.
    """
    found: dict[str, dict[str, Any]] = {}
    for id, kind, said in _lines(path):
        if kind in found.setdefault(id, {}):
            raise SourceError(f"{path.name}, {id}: {kind} is said twice")
        found[id][kind] = said
    return {id: Mark(**said) for id, said in found.items()}


def _lines(path: Path) -> Iterator[tuple[str, str, Any]]:
    """A cell's id, which of a mark's fields is meant, and what it says."""
    for kind, table in tomllib.loads(path.read_text(encoding="utf-8")).items():
        for key, value in table.items() if isinstance(table, dict) else [(kind, table)]:
            match kind, value:
                case "seconds", int():
                    yield key, kind, value
                case "differs" | "cannot", list():
                    yield from ((id, kind, key) for id in value)
                case _:
                    raise SourceError(
                        f"{path.name}, {key}: below [seconds] stands a number for a cell, "
                        "below [differs] or [cannot] a list of cells for a reason"
                    )
