"""One seed trained, the others stored: rows are put together, and made anew where that is asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from minitorch_attn.recipes import StoredSeeds
from minitorch_attn.recipes.storing import ANEW


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(ANEW, raising=False)
    rows = {"right": [97.5, 96.0, 95.5], "tables": [[1, 2], [3, 4]]}
    about = {"command": "python make.py", "date": "2026-01-02"}
    path = tmp_path / "seeds.json"
    path.write_text(json.dumps({"about": about, "rows": rows}), encoding="utf-8")
    return path


def test_the_first_seed_is_of_this_run_and_the_others_are_stored(path: Path) -> None:
    kept = StoredSeeds(path)
    assert list(kept.here()) == list(kept.here(2)) == [0]
    assert kept.add("right", [97.25]) == [97.25, 96.0, 95.5]
    assert kept.add("tables", [np.array([1, 5])]) == [[1, 5], [3, 4]]
    assert kept.add("right", [1.0, 2.0, 3.0]) == [1.0, 2.0, 3.0], "nothing is left to be read"
    assert str(kept) == "command python make.py, date 2026-01-02"
    with pytest.raises(KeyError, match="wrong"):
        kept.add("wrong", [1.0])


def test_every_seed_is_trained_anew_where_the_environment_says_so(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, other = path.read_bytes(), tmp_path / "other.json"
    monkeypatch.setenv(ANEW, str(other))
    kept = StoredSeeds(path)
    assert list(kept.here()) == [0, 1, 2, 3, 4, 5]
    assert list(kept.here(2)) == [0, 1]
    assert kept.add("right", [1.0, 2.0, 3.0]) == [1.0, 2.0, 3.0]
    kept.add("new", [[4], [5], [6]])
    assert path.read_bytes() == before
    monkeypatch.delenv(ANEW)
    again = StoredSeeds(other)
    assert again.rows == {"right": [1.0, 2.0, 3.0], "new": [[4], [5], [6]]}


def test_a_row_of_this_run_is_told_as_a_stored_one(path: Path) -> None:
    row = {8: np.float32(1 / 3), "both": (np.float64(200 / 3), np.int64(7)), "said": "1789"}
    told = StoredSeeds(path).add("right", [row])[0]
    assert told == {"8": 0.333333, "both": [66.6667, 7], "said": "1789"}
    assert told == json.loads(json.dumps(told))
    assert type(told["both"][1]) is int
