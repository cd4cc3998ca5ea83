"""Some of the fuzz, with fixed seeds; `python -m tests.fuzz --minutes 30` is a long run."""

from __future__ import annotations

import pytest
from fuzz import TRIALS, attempt

COUNTS = {
    "program": 60,
    "program of mixed numbers": 120,
    "attention": 250,
    "hidden numbers": 120,
    "index": 1500,
    "einsum": 200,
}
PARTS = 5  # for the two processes of the tests to share


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", TRIALS)
def test_random_trials(name: str, part: int) -> None:
    for seed in range(part, COUNTS[name], PARTS):
        attempt(name, seed)
