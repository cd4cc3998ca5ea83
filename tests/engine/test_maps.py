"""Maps compared: closed forms, SciPy and scikit-learn, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from minitorch_attn.data import reading
from minitorch_attn.metrics import maps


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two maps with ties, and 30 fixated places, all (13, 17)."""
    rng = np.random.default_rng(3)
    p, q = np.round(rng.random((2, 13, 17)) + 0.05, 1)
    fixated = np.zeros(p.shape, dtype=bool)
    fixated.flat[rng.choice(p.size, 30, replace=False)] = True
    return p, q, fixated


# By hand, as in the chapter: three places


def test_by_hand() -> None:
    p, q, fixated = np.array([2, 1, 3]) / 6, np.array([1, 2, 3]) / 6, np.array([False, True, True])
    assert maps.auc_judd(p, fixated) == 0.5
    assert abs(maps.nss(p, fixated)) < 1e-15
    assert np.isclose(maps.cc(p, q), 0.5)
    assert np.isclose(maps.sim(p, q), 5 / 6)
    assert np.isclose(maps.kl(p, q), math.log(2) / 6)
    uniform = np.full(3, 1 / 3)
    assert math.isnan(maps.nss(uniform, fixated))
    assert math.isnan(maps.cc(uniform, q))
    assert np.isclose(maps.kl(uniform, q) / math.log(2), 0.126, atol=5e-4)


# Closed forms


def test_auc_counts_pairs_and_ties_half(drawn: Any) -> None:
    p, _, fixated = drawn
    pairs = np.sign(p[fixated][:, None] - p[~fixated])
    assert np.isclose(maps.auc_judd(p, fixated), (pairs + 1).mean() / 2)
    assert maps.auc_judd(np.ones(p.shape), fixated) == 0.5
    assert maps.auc_judd(fixated, fixated) == 1
    assert maps.auc_judd(~fixated, fixated) == 0
    assert maps.auc_judd(np.exp(9 * p), fixated) == maps.auc_judd(p, fixated)
    assert np.isclose(maps.auc_judd(-p, fixated), 1 - maps.auc_judd(p, fixated))


def test_nss_of_a_perfect_map_and_of_everywhere(drawn: Any) -> None:
    p, _, fixated = drawn
    k, n = fixated.sum(), fixated.size
    assert np.isclose(maps.nss(fixated, fixated), math.sqrt((n - k) / k))
    assert abs(maps.nss(p, np.ones_like(fixated))) < 1e-12
    assert np.isclose(maps.nss(3 * p + 5, fixated), maps.nss(p, fixated))


def test_kl_and_sim_of_two_gaussians() -> None:
    x = np.arange(-200, 201.0)
    narrow, wide = np.exp(-(x**2) / 18), np.exp(-((x - 4) ** 2) / 50)
    assert np.isclose(maps.kl(wide, narrow), math.log(5 / 3) + 25 / 50 - 0.5, atol=1e-12)
    x = np.arange(-200, 201.0, 0.01)  # fine enough for an integral
    a, b = np.exp(-(x**2) / 18), np.exp(-((x - 4) ** 2) / 18)
    assert np.isclose(maps.sim(a, b), 1 + math.erf(-2 / 3 / math.sqrt(2)), atol=1e-3)


def test_the_ends_of_the_scales(drawn: Any) -> None:
    p, q, fixated = drawn
    assert np.isclose(maps.sim(p, p), 1)
    assert maps.sim(fixated, ~fixated) == 0
    assert abs(maps.kl(p, p)) < 1e-12
    assert maps.kl(fixated, ~fixated) > 30, "a forgotten place is dear"
    assert np.isclose(maps.cc(p, 7 - 2 * p), -1)
    for f in (maps.sim, maps.kl):
        assert np.isclose(f(5 * p, 3 * q), f(p, q)), "shares, not numbers, are compared"


# Other people's programs


def test_they_agree_with_scipy_and_scikit_learn(drawn: Any) -> None:
    stats = pytest.importorskip("scipy.stats")
    metrics = pytest.importorskip("sklearn.metrics")
    p, q, fixated = drawn
    u = stats.mannwhitneyu(p[fixated], p[~fixated]).statistic
    assert np.isclose(maps.auc_judd(p, fixated), u / (fixated.sum() * (~fixated).sum()))
    assert np.isclose(maps.auc_judd(p, fixated), metrics.roc_auc_score(fixated.ravel(), p.ravel()))
    assert np.isclose(maps.nss(p, fixated), stats.zscore(p, axis=None)[fixated].mean())
    assert np.isclose(maps.cc(p, q), stats.pearsonr(p.ravel(), q.ravel()).statistic)
    assert np.isclose(maps.kl(p, q), stats.entropy(q.ravel(), p.ravel()))
    distance = np.abs(p / p.sum() - q / q.sum()).sum()
    assert np.isclose(maps.sim(p, q), 1 - distance / 2), "one minus the total variation"


def test_sign_flips_agree_with_scipy_and_a_loop() -> None:
    stats = pytest.importorskip("scipy.stats")
    t = np.random.default_rng(5).normal(0.4, 1, 9)
    found = stats.permutation_test(
        (t,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="greater"
    )
    assert np.isclose(maps.sign_flips(t), found.pvalue)


# The tests


@pytest.mark.parametrize("n", [1, 3, 5, 12])
def test_the_smallest_p_is_one_in_two_to_the_n(n: int) -> None:
    assert maps.sign_flips(np.arange(1, n + 1)) == 2.0**-n
    assert maps.sign_flips(-np.arange(1.0, n + 1)) == 1
    assert maps.sign_flips(np.zeros(n)) == 1, "a tie counts"


def test_with_many_units_signs_are_tossed_and_the_own_ones_count() -> None:
    t = np.random.default_rng(0).normal(3, 1, 40)
    assert maps.sign_flips(t) == 1 / 4096
    weak = np.random.default_rng(0).normal(0.2, 1, 40)
    assert abs(maps.sign_flips(weak) - maps.sign_flips(weak, seed=1)) < 0.05


@pytest.mark.parametrize("drift", [0, 3])
def test_false_alarms_of_sign_flips_are_at_most_nominal(drift: float) -> None:
    """The size of t may depend on anything; only its sign must be a coin's."""
    rng = np.random.default_rng(7)
    size = drift + np.abs(rng.normal(size=(1000, 8)))
    alarms = [maps.sign_flips(s * rng.choice([-1, 1], 8)) <= 0.05 for s in size]
    assert np.mean(alarms) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1000)


def test_permute_within_keeps_each_group_and_moves_rows_whole() -> None:
    groups = np.array([0, 1, 0, 1, 1, 2, 0, 0])
    x = np.stack([np.arange(8), 10 * np.arange(8)], axis=1)
    before = x.copy()
    seen = set()
    for seed in range(50):
        y = maps.permute_within(x, groups, np.random.default_rng(seed))
        assert (y[:, 1] == 10 * y[:, 0]).all()
        for g in range(3):
            assert sorted(y[groups == g, 0]) == sorted(x[groups == g, 0])
        seen.add(tuple(y[:, 0]))
    assert len(seen) > 30
    np.testing.assert_array_equal(x, before)


# What is refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: maps.auc_judd(np.ones((2, 3)), np.ones((2, 3), dtype=bool)), "every place"),
        (lambda: maps.auc_judd(np.ones((2, 3)), np.zeros((2, 3), dtype=bool)), "no place"),
        (lambda: maps.nss(np.ones(3), np.zeros(3, dtype=bool)), "no place"),
        (lambda: maps.nss(np.ones((2, 3)), np.ones((3, 2), dtype=bool)), "shape"),
        (lambda: maps.nss(np.ones(3), [0, 1, 2]), "booleans"),
        (lambda: maps.cc(np.ones((2, 3)), np.ones((3, 2))), "shapes"),
        (lambda: maps.cc([1.0, np.nan], [1.0, 2.0]), "finite"),
        (lambda: maps.sim([1.0, -1.0], [1.0, 2.0]), "negative"),
        (lambda: maps.kl([1.0, 1.0], [0.0, 0.0]), "all are 0"),
        (lambda: maps.cc([], []), "numbers"),
        (lambda: maps.sign_flips(np.ones((2, 2))), "one number"),
        (lambda: maps.sign_flips([]), "finite"),
        (lambda: maps.permute_within([1, 2], [1], np.random.default_rng(0)), "group"),
    ],
)
def test_what_cannot_be_compared_is_refused(call: Any, message: str) -> None:
    with pytest.raises(maps.MapError, match=message):
        call()


# Reading times


def test_the_reading_times_are_whole() -> None:
    found = reading()
    assert len(found) == len(found.words) == 1307
    assert found.words[:2] == ("There", "are")
    assert found.ms.shape == (1307, 2)
    assert found.ms[0].tolist() == [151, 150]
    assert found.boxes.shape == (1307, 4)
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert np.bincount(found.page).tolist()[:3] == [106, 95, 106]
    assert (np.diff(found.page) >= 0).all()
    assert found.answer.dtype == bool
    assert 0 < found.answer.mean() < 0.5
    assert (found.ms >= 0).all()
