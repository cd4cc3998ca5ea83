"""Attributions: by hand where they can be, and their properties where they cannot."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from minitorch_attn import Tensor, no_grad, softmax
from minitorch_attn.explain import deletion, leave_one_out, pointing, rollout, times_gradient
from minitorch_attn.metrics.distances import jsd, tvd
from minitorch_attn.models import Classifier, Pooler


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    return softmax(2 * rng(seed).normal(size=shape)).astype(float)


# Distances.


def test_distances_of_distributions_that_share_nothing_and_all() -> None:
    p = np.array([[1.0, 0, 0], [0.2, 0.3, 0.5]])
    q = np.array([[0.0, 0.5, 0.5], [0.2, 0.3, 0.5]])
    np.testing.assert_allclose(tvd(p, q), [1, 0], atol=1e-15)
    np.testing.assert_allclose(jsd(p, q), [math.log(2), 0], atol=1e-15)


def test_jsd_by_hand_and_symmetric() -> None:
    want = (math.log(1 / 0.75) + 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)) / 2
    assert jsd([1, 0], [0.5, 0.5]) == pytest.approx(want)
    assert jsd([0.5, 0.5], [1, 0]) == pytest.approx(want)
    assert tvd([1, 0], [0.5, 0.5]) == 0.5
    assert jsd(np.ones((4, 1)), np.ones((2, 1, 1))).shape == (2, 4)


# Rollout.


def test_rollout_by_hand_reaches_over_two_hops_and_not_backwards() -> None:
    def looks(at: list[int]) -> np.ndarray:
        return np.eye(3)[at][None, None]

    first, second = looks([2, 1, 2]), looks([0, 0, 2])  # 0 takes from 2, then 1 takes from 0
    there = rollout([first, second])[0]
    np.testing.assert_allclose(there, [[0.5, 0, 0.5], [0.25, 0.5, 0.25], [0, 0, 1]])
    assert rollout([second, first])[0, 1, 2] == 0


def test_rollout_keeps_what_it_must() -> None:
    blocks = [weights(2, 3, 5, 5, seed=seed) for seed in range(3)]
    flow = rollout(blocks)
    assert flow.shape == (2, 5, 5)
    np.testing.assert_allclose(flow.sum(axis=-1), 1)
    assert (flow[:, range(5), range(5)] >= 1 / 8 - 1e-12).all()
    idle = [np.broadcast_to(np.eye(5), (2, 3, 5, 5))] * 3
    np.testing.assert_array_equal(rollout(idle), np.broadcast_to(np.eye(5), (2, 5, 5)))


def test_rollout_takes_the_last_block_where_only_one_token_asks() -> None:
    blocks = [weights(2, 3, 5, 5, seed=seed) for seed in range(2)]
    short = rollout([blocks[0], Tensor(blocks[1][:, :, -1:])])
    np.testing.assert_allclose(short[:, -1], rollout(blocks)[:, -1])


# Leave one out, and gradients.


def test_leave_one_out_by_hand() -> None:
    """The book's three tokens and chapter 10's head: the first one speaks against the answer."""
    key, value = np.array([[0, 0], [1, 0], [0, 1.0]]), np.array([[6, 0], [0, 3], [2, 4.0]])
    head = np.array([[math.log(2) / 2, 0, 0], [0, math.log(3) / 3, 0]])

    def predict(keep: np.ndarray) -> np.ndarray:
        e = np.exp(key @ np.log([2.0, 3.0])) * keep
        return e / e.sum(axis=1, keepdims=True) @ value @ head

    fall = leave_one_out(predict, np.ones((1, 3), bool))
    z = np.array([3.6, 3.0, 2.0])  # the second number of the answer without each
    np.testing.assert_allclose(fall[0], (3 - z) * math.log(3) / 3)
    assert fall[0, 0] < 0


def test_what_is_not_there_counts_nothing() -> None:
    model = Pooler(9, 2, width=8, seed=1)
    ids = np.array([[3, 5, 4, 0], [6, 0, 0, 0]])
    fall = leave_one_out(lambda keep: model(np.where(keep, ids, 0)), ids > 0)
    assert (fall[ids == 0] == 0).all()
    assert (fall[0, :3] != 0).all()


def test_times_gradient_is_what_is_lost_in_a_linear_model() -> None:
    x = Tensor(rng().normal(size=(4, 5)), requires_grad=True)
    matrix = rng(1).normal(size=(5, 3))
    (product,) = times_gradient(x @ matrix, [x])
    answer = (x.data @ matrix).argmax(axis=1)
    np.testing.assert_allclose(product, x.data * matrix[:, answer].T)


def test_times_gradient_takes_the_weights_that_a_model_returns() -> None:
    model = Classifier(6, 3, model_dim=8, num_heads=2, num_blocks=2, pool="last", seed=0)
    logits, kept = model(rng().normal(size=(4, 5, 6)).astype(np.float32), return_weights=True)
    first, last = times_gradient(logits, kept)
    assert first.shape == (4, 2, 5, 5)
    assert last.shape == (4, 2, 1, 5)
    assert np.abs(first).max() > 0


# Scores of attributions.


def test_pointing() -> None:
    assert pointing(np.array([[1, 3, 2], [5, 4, 0], [0, 1, 9]]), np.array([1, 1, 2])) == 2 / 3


def test_deletion_hides_the_highest_first() -> None:
    """Each token adds to the logit of class 0 what it is worth, and nothing to that of class 1."""
    worth = np.array([[1.0, 4.0, 2.0]])

    def predict(keep: np.ndarray) -> np.ndarray:
        logit = (worth * keep).sum(axis=1)
        return np.column_stack([logit, 0 * logit])

    want = [1 / (1 + math.exp(-x)) for x in (7, 3, 1, 0)]
    np.testing.assert_allclose(deletion(predict, worth), want)


# A mask for each block.


def one_key_masked(block: int, blocks: int) -> list[Any]:
    mask: list[Any] = [None] * blocks
    mask[block] = np.arange(5) != 2
    return mask


def test_a_mask_for_each_block() -> None:
    model = Classifier(6, 3, model_dim=8, num_heads=2, num_blocks=2, pool="last", seed=0)
    x = rng().normal(size=(4, 5, 6)).astype(np.float32)
    with no_grad():
        free, _ = model(x, return_weights=True)
        both = model(x, mask=np.arange(5) != 2)
        np.testing.assert_array_equal(model(x, mask=[np.arange(5) != 2] * 2).data, both.data)
        np.testing.assert_allclose(model(x, mask=[None, None]).data, free.data, rtol=1e-4)
        for block in range(2):
            masked, kept = model(x, mask=one_key_masked(block, 2), return_weights=True)
            assert not np.array_equal(masked.data, free.data)
            seen = [np.abs(w.data[..., 2]).max() > 0 for w in kept]
            assert seen == [block != 0, block != 1]
    with pytest.raises(ValueError, match="got 1 for 2 blocks"):
        model(x, mask=[None])


# Pooling words.


@pytest.mark.parametrize("mixing", ["attention", "uniform"])
@pytest.mark.parametrize("block", [False, True])
def test_a_pooler_weighs_words_and_no_padding(mixing: str, block: bool) -> None:
    model = Pooler(9, 3, width=8, num_positions=4, block=block, mixing=mixing, seed=2)
    ids = np.array([[3, 5, 4, 0], [6, 2, 0, 0]])
    logits, found = model(ids, return_weights=True)
    assert logits.shape == (2, 3)
    assert (found.data[ids == 0] == 0).all()
    np.testing.assert_allclose(found.data.sum(axis=1), 1, rtol=1e-6)
    if mixing == "uniform":
        np.testing.assert_allclose(found.data[0, :3], 1 / 3, rtol=1e-6)
    else:
        assert np.ptp(found.data[0, :3]) > 0
    alone = model(ids[1:, :2])
    np.testing.assert_allclose(alone.data, logits.data[1:], rtol=1e-4, atol=1e-6)


def test_a_pooler_takes_weights_from_outside_and_scales_words() -> None:
    model = Pooler(9, 3, width=8, seed=2)
    ids, given = np.array([[3, 5, 4]]), np.array([[0.0, 1.0, 0.0]], np.float32)
    np.testing.assert_allclose(model(ids, given).data, model(ids[:, 1:2]).data, rtol=1e-5)
    np.testing.assert_array_equal(model(ids, given).data, model.read(given, model.values(ids)).data)
    ones = Tensor(np.ones((1, 3, 8), np.float32), requires_grad=True)
    logits = model(ids, scale=ones)
    np.testing.assert_array_equal(logits.data, model(ids).data)
    (product,) = times_gradient(logits, [ones])
    assert product.shape == (1, 3, 8)
    with pytest.raises(ValueError, match='"attention" or "uniform"'):
        Pooler(9, 3, mixing="none")
