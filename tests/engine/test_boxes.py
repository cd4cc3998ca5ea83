"""Boxes: overlap, matching, the set loss, and the scores of what was found."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from minitorch_attn import Tensor, gradcheck
from minitorch_attn.metrics import boxes as metrics
from minitorch_attn.models import (
    box_iou,
    generalized_box_iou,
    match,
    matched,
    set_loss,
    to_corners,
)
from minitorch_attn.models.boxes import CLASS, NO_OBJECT, OVERLAP, PLACE

RNG = np.random.default_rng(0)
BOX = np.array([0.5, 0.5, 0.4, 0.2])


def draw(*shape: int) -> np.ndarray:
    return np.concatenate(
        [RNG.uniform(0.3, 0.7, (*shape, 2)), RNG.uniform(0.2, 0.6, (*shape, 2))], axis=-1
    )


def test_overlap_by_hand() -> None:
    shifted, away = BOX + np.array([0.2, 0, 0, 0]), BOX + np.array([0.8, 0.8, 0, 0])
    np.testing.assert_allclose(to_corners(BOX), [0.3, 0.4, 0.7, 0.6])
    for iou in (metrics.overlap, box_iou):
        np.testing.assert_allclose(iou(BOX, BOX), 1)
        np.testing.assert_allclose(iou(BOX, shifted), 1 / 3)
        np.testing.assert_allclose(iou(BOX, away), 0)
    # The box around both is 1.2 × 1.0, and 0.16 of it is not empty.
    np.testing.assert_allclose(generalized_box_iou(BOX, away), -(1.2 - 0.16) / 1.2)
    np.testing.assert_allclose(generalized_box_iou(BOX, BOX), 1)
    nothing = np.zeros(4)
    assert metrics.overlap(nothing, nothing) == 0


def test_overlap_of_tensors_is_that_of_arrays_and_has_gradients() -> None:
    a, b = draw(3, 5), draw(3, 5)
    np.testing.assert_allclose(box_iou(Tensor(a), Tensor(b)).data, metrics.overlap(a, b))
    assert gradcheck(box_iou, [a, b])
    assert gradcheck(generalized_box_iou, [a, b])
    assert gradcheck(generalized_box_iou, [a, b + np.array([2, 0, 0, 0])])


def test_the_match_is_the_cheapest() -> None:
    for n, m in ((3, 2), (5, 5), (6, 3), (4, 1)):
        cost = RNG.normal(size=(n, m))
        rows, columns = match(cost)
        assert sorted(columns) == list(range(m))
        totals = [cost[list(q), range(m)].sum() for q in permutations(range(n), m)]
        np.testing.assert_allclose(cost[rows, columns].sum(), min(totals))
    with pytest.raises(ValueError, match="3 objects need as many queries, not 2"):
        match(np.zeros((2, 3)))


def answers() -> tuple[np.ndarray, ...]:
    """Two scenes, three queries, at most two objects: the first has two, the second one."""
    logits, boxes = RNG.normal(size=(2, 3, 4)), draw(2, 3)
    classes, truth = np.array([[2, 0], [1, -1]]), draw(2, 2)
    truth[1, 1] = 0
    return logits, boxes, classes, truth


def test_matched_pairs_each_object_with_the_query_that_names_it_where_it_is() -> None:
    logits, boxes, classes, truth = answers()
    boxes[0, 2], boxes[0, 0], boxes[1, 1] = truth[0, 0], truth[0, 1], truth[1, 0]
    logits[0, 2, 2] = logits[0, 0, 0] = logits[1, 1, 1] = 9
    scene, query, item = matched(Tensor(logits), Tensor(boxes), classes, truth)
    assert set(zip(scene, query, item, strict=True)) == {(0, 2, 0), (0, 0, 1), (1, 1, 0)}


def test_the_set_loss_by_hand() -> None:
    logits, boxes, classes, truth = answers()

    def listed(*_: object) -> tuple[np.ndarray, ...]:
        return np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0, 1, 0])

    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    wanted = [[2, 0, 3], [1, 3, 3]]
    weights = np.where(np.array(wanted) == 3, NO_OBJECT, 1)
    costs = [[-np.log(p[b, q, wanted[b][q]]) for q in range(3)] for b in range(2)]
    ours, theirs = boxes[[0, 0, 1], [0, 1, 0]], truth[[0, 0, 1], [0, 1, 0]]
    want = CLASS * (weights * costs).sum() / weights.sum()
    want += PLACE * abs(ours - theirs).sum(axis=1).mean()
    want += OVERLAP * (1 - np.asarray(generalized_box_iou(ours, theirs))).mean()
    loss = set_loss((Tensor(logits), Tensor(boxes)), (classes, truth), pair=listed)
    np.testing.assert_allclose(loss.item(), want)
    assert gradcheck(lambda a, b: set_loss((a, b), (classes, truth), listed), [logits, boxes])


def test_the_set_loss_does_not_know_in_which_order_objects_are_listed() -> None:
    logits, boxes, classes, truth = answers()
    one = set_loss((Tensor(logits), Tensor(boxes)), (classes, truth)).item()
    order = [1, 0]
    classes, truth = classes.copy(), truth.copy()
    classes[0], truth[0] = classes[0, order], truth[0, order]
    other = set_loss((Tensor(logits), Tensor(boxes)), (classes, truth)).item()
    np.testing.assert_allclose(other, one)


def said(*classes: int) -> np.ndarray:
    """Probabilities of queries that say these of three classes; 2 is none. Later ones are surer."""
    return np.stack([np.where(np.arange(3) == c, 0.5 + k / 20, 0.1) for k, c in enumerate(classes)])


def test_scores_of_scenes_by_hand() -> None:
    here, there = BOX, BOX + np.array([0, 0.3, 0, 0])
    truth, classes = np.stack([here, there])[None], np.array([[0, 1]])

    def told(p: np.ndarray, *boxes: np.ndarray) -> list[float]:
        scores = metrics.told(p[None], np.stack(boxes)[None], classes, truth)
        return [scores[k] for k in ("exact", "found", "named", "repeats")]

    assert told(said(0, 1, 2), here, there, here) == [1, 1, 1, 0]
    assert told(said(1, 0, 2), here, there, here) == [0, 1, 0, 0]
    assert told(said(0, 2, 2), here, there, here) == [0, 0.5, 1, 0]
    assert told(said(0, 1, 1), here, there, there) == [0, 1, 1, 1 / 3]
    # Of two queries that hit one object the surer counts, whatever the other says.
    assert told(said(0, 0, 1), here, there, there)[2] == 1
    assert told(said(0, 1, 0), here, there, BOX + 2) == [0, 1, 1, 0]
    assert told(said(2, 2, 2), here, there, here) == [0, 0, 0, 0]
    only = metrics.exact(said(2, 2)[None], np.stack([here, there])[None], classes - 9, truth)
    assert only.all(), "nothing there, nothing said"


def test_average_precision_by_hand() -> None:
    here, there = BOX, BOX + np.array([0, 0.3, 0, 0])
    truth, classes = np.stack([here, there])[None], np.array([[0, 0]])

    def precision(p: np.ndarray, *boxes: np.ndarray) -> float:
        return metrics.average_precision(p[None], np.stack(boxes)[None], classes, truth)

    assert precision(said(0, 0), here, there) == 1
    assert precision(said(0, 2), here, BOX + 2) == 0.5
    # The surest is wrong: precision 0, 1/2, 2/3, made to fall from the right: 2/3 and 2/3.
    np.testing.assert_allclose(precision(said(0, 0, 0), here, there, BOX + 2), 2 / 3)
    # The surest two hit the same: 1, 1/2, 2/3, so 1 and 2/3, half each.
    np.testing.assert_allclose(precision(said(0, 0, 0), there, here, here), (1 + 2 / 3) / 2)
    assert precision(said(1, 1), here, there) == 0


def test_suppression_keeps_the_surest() -> None:
    p = said(0, 1, 0)[None]
    boxes = np.stack([BOX, BOX + np.array([0, 0.3, 0, 0]), BOX + np.array([0.01, 0, 0, 0])])[None]
    kept = metrics.suppress(p, boxes)
    np.testing.assert_array_equal(kept.argmax(axis=-1), [[2, 1, 0]])
    np.testing.assert_array_equal(p, said(0, 1, 0)[None])
    np.testing.assert_array_equal(metrics.suppress(p, boxes, 0.99), p)
