"""What cells do in a page that they do not in a notebook: `cells.toml`, read.

A page says it beforehand, beside the cell's button; the tests hold what the file says.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, fields
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
        If a line of the file says something else than a mark.
    """
    kinds = {field.name: type(field.default) for field in fields(Mark)}
    found = {}
    for id, line in tomllib.loads(path.read_text(encoding="utf-8")).items():
        if not isinstance(line, dict) or any(kinds.get(k) is not type(v) for k, v in line.items()):
            raise SourceError(f"{path.name}, {id}: a mark has {', '.join(kinds)}, and nothing else")
        found[id] = Mark(**line)
    return found
