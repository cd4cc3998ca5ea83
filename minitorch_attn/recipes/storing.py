"""Several seeds in a notebook that has a minute: one is trained, the others' figures are stored."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..files import write_atomic

SEEDS = 6  # three moved verdicts between "ahead" and "cannot tell" when others were drawn
ANEW = "MINITORCH_ATTN_ANEW"  # a file: every seed is trained, and the figures are written there


class StoredSeeds:
    """What a chapter's trainings gave, a row of figures a seed.

    Seed 0 is trained before the reader's eyes, and the rows of the others come from a file. Where
    the environment names another in MINITORCH_ATTN_ANEW, every seed is trained, and all rows are
    written there; that is what `chapters/stored/seeds.py` does.

    Parameters
    ----------
    path : path
        JSON: "about", with the command and the date, and "rows", for each name a list of rows.
    """

    def __init__(self, path: str | Path) -> None:
        anew = os.environ.get(ANEW)
        self.path, self.anew = Path(anew or path), bool(anew)
        found = {} if anew else json.loads(self.path.read_text(encoding="utf-8"))
        self.about: dict[str, str] = found.get("about", {})
        self.rows: dict[str, list[Any]] = found.get("rows", {})

    def here(self, seeds: int = SEEDS) -> range:
        """Those of so many seeds that are trained here and now."""
        return range(seeds if self.anew else 1)

    def add(self, name: str, trained: list[Any]) -> list[Any]:
        """The rows of all seeds: of those trained here, from 0 on, and of the others as stored.

        A row is anything that JSON can hold, or NumPy's; keys come back as strings, arrays as
        lists, and numbers with six digits, whether a row was stored or not.

        Raises KeyError if nothing is stored by this name.
        """
        rows = [_plain(row) for row in trained]
        if self.anew:
            self.rows[name] = rows
            content = {"about": self.about, "rows": self.rows}
            write_atomic(self.path, json.dumps(content).encode())
        return rows + self.rows[name][len(rows) :]

    def __str__(self) -> str:
        return ", ".join(f"{name} {said}" for name, said in self.about.items())


def _plain(row: Any) -> Any:
    """A row as JSON gives it back."""
    if isinstance(row, dict):
        return {str(key): _plain(value) for key, value in row.items()}
    row = row.tolist() if hasattr(row, "tolist") else row
    if isinstance(row, list | tuple):
        return [_plain(value) for value in row]
    return float(f"{row:.6g}") if isinstance(row, float) else row
