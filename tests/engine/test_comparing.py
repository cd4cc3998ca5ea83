"""compare: what a few seeds can tell."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch_attn.recipes import compare


def test_the_margin_is_students() -> None:
    found = compare([1.0, 3.0, 2.0, 2.0], [0.0] * 4)
    assert found.gap == 2.0
    assert found.error == pytest.approx(0.408248)
    assert found.margin == pytest.approx(3.182446 * 0.408248, rel=1e-6)  # t of a printed table
    assert found.verdict == "ahead"


def test_the_verdict_turns_with_the_order() -> None:
    a, b = [97.0, 98.0, 97.5], [90.0, 91.5, 90.2]
    assert (compare(a, b).verdict, compare(b, a).verdict) == ("ahead", "behind")
    assert compare(a, [90.0, 99.0, 96.0]).verdict == "cannot tell"
    assert compare(a, a).verdict == "cannot tell"
    assert "cannot tell (+" in str(compare(a, [90.0, 99.0, 96.0]))


@pytest.mark.parametrize("seeds", [3, 10])
def test_two_equal_ways_are_told_apart_in_one_of_twenty(seeds: int) -> None:
    rng = np.random.default_rng(0)
    trials = 2000
    told = sum(
        compare(*rng.normal(size=(2, seeds))).verdict != "cannot tell" for _ in range(trials)
    )
    sd = (trials * 0.05 * 0.95) ** 0.5
    assert abs(told - 0.05 * trials) < 4 * sd


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        ([1.0], [2.0], "one seed"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], "one score a seed"),
        ([[1.0, 2.0]], [[1.0, 2.0]], "one score a seed"),
        ([1.0, np.nan], [1.0, 2.0], "NaN"),
    ],
)
def test_what_cannot_be_compared(first: list, second: list, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        compare(first, second)
