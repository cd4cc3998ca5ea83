"""Average, forgetting and backward transfer of a table of accuracies."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minitorch_attn.metrics.continual import continual_scores


def test_the_example_of_chapter_17() -> None:
    table = [[90, 0, 0], [60, 88, 0], [20, 50, 86]]
    assert_allclose(continual_scores(table), (52, 54, -54))


def test_the_best_counts_and_the_future_does_not() -> None:
    """Task 0 gets better before it is lost; what stands above the diagonal is not read."""
    table = np.array([[0.5, 9, 9], [0.8, 0.7, np.nan], [0.6, 0.9, 0.4]])
    average, forgetting, backward = continual_scores(table)
    assert_allclose(average, 1.9 / 3)
    assert_allclose(forgetting, (0.2 + 0.0) / 2)
    assert_allclose(backward, (0.1 + 0.2) / 2)


@pytest.mark.parametrize(
    "table",
    [np.ones((2, 3)), np.ones(4), [[1.0]], [[np.nan, 1], [1, 1]], [[1, 1], [np.inf, 1]]],
)
def test_what_is_no_table_of_accuracies_is_refused(table: np.ndarray) -> None:
    with pytest.raises(ValueError, match="continual_scores"):
        continual_scores(table)
