"""Boxes, and the loss of a set of them: what belongs to what is decided first, then learned.

A box is centre x, centre y, width, height. Source: Carion et al., "End-to-End Object Detection with
Transformers", ECCV 2020, section 3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import namespace, to_numpy
from ..ops import absolute, concatenate, log_softmax, maximum, minimum, relu, softmax
from ..tensor import Tensor, TensorLike, raw

NO_OBJECT = 0.3  # what a query that matches nothing weighs in the loss of the classes
CLASS, PLACE, OVERLAP = 3.0, 5.0, 2.0  # what the three parts of the loss weigh

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


def to_corners(boxes: Any) -> Any:
    """(..., 4) to left, top, right, bottom, (..., 4)."""
    centre, half = boxes[..., :2], boxes[..., 2:] * 0.5
    return concatenate([centre - half, centre + half], axis=-1)


def _areas(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Of the overlap, of the union, and of the smallest box around both."""
    a, b = to_corners(a), to_corners(b)
    both = relu(minimum(a[..., 2:], b[..., 2:]) - maximum(a[..., :2], b[..., :2]))
    around = maximum(a[..., 2:], b[..., 2:]) - minimum(a[..., :2], b[..., :2])
    size_a, size_b = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    shared = both[..., 0] * both[..., 1]
    union = size_a[..., 0] * size_a[..., 1] + size_b[..., 0] * size_b[..., 1] - shared
    return shared, union, around[..., 0] * around[..., 1]


def box_iou(a: Any, b: Any) -> Any:
    """Intersection over union of boxes (..., 4) and (..., 4): (...), in [0, 1]."""
    shared, union, _ = _areas(a, b)
    return shared / union


def generalized_box_iou(a: Any, b: Any) -> Any:
    """Intersection over union, less the empty share of the box around both: (...), in (-1, 1].

    Where two boxes lie apart it still says how far, so that there is a slope to follow.

    Source: Rezatofighi et al., "Generalized Intersection over Union", CVPR 2019.
    """
    shared, union, around = _areas(a, b)
    return shared / union - (around - union) / around


def match(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cheapest way to give each of M objects a query of its own: cost (N, M) to pairs.

    Returns
    -------
    The queries (M,), rising, and the object of each, (M,).

    Source: Kuhn, "The Hungarian method for the assignment problem", 1955, as SciPy has it.
    """
    from scipy.optimize import linear_sum_assignment  # not at the top: only the loss needs SciPy

    if cost.shape[0] < cost.shape[1]:
        raise ValueError(
            f"match: {cost.shape[1]} objects need as many queries, not {cost.shape[0]}"
        )
    return linear_sum_assignment(cost)


def matched(
    logits: Any,
    boxes: Any,
    classes: np.ndarray,
    truth: np.ndarray,
    fit: Callable[[Any, Any], Any] = generalized_box_iou,
    choose: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] = match,
) -> Pairs:
    """Which query answers for which object: scenes, queries and objects, (K,) each.

    In each scene the cheapest pairs, where a query is cheap for an object if it names its class and
    lies near it: `fit` says how well two boxes fit, and `choose` which pairs are the cheapest.
    """
    p, ours = to_numpy(softmax(raw(logits))), to_numpy(raw(boxes))[:, :, None]
    near = fit(ours, truth[:, None])
    far = abs(ours - truth[:, None]).sum(axis=-1)
    named = np.take_along_axis(p, np.maximum(classes, 0)[:, None], axis=2)  # (B, N, M)
    cost = PLACE * far - OVERLAP * near - named
    pairs = [
        (np.full(count, b), *choose(cost[b, :, :count]))
        for b, count in enumerate((classes >= 0).sum(axis=1).tolist())
    ]
    scene, query, item = map(np.concatenate, zip(*pairs, strict=True))
    return scene, query, item


def set_loss(
    outputs: tuple[TensorLike, TensorLike],
    targets: tuple[Any, Any],
    pair: Callable[..., Pairs] = matched,
) -> Tensor:
    """The loss of a set: logits (B, N, C + 1) and boxes (B, N, 4) against classes and boxes.

    Parameters
    ----------
    outputs : logits, the last of which is for "no object", and boxes
    targets : classes (B, M), -1 where there are no more, and boxes (B, M, 4)
    pair : decides which query answers for which object, as `matched`

    A query that answers for nothing is told "no object", at a lower weight: there are more of them.
    """
    logits, boxes = outputs
    xp, (classes, truth) = namespace(raw(logits)), map(to_numpy, targets)
    scene, query, item = pair(logits, boxes, classes, truth)
    batch, num_queries, choices = raw(logits).shape
    wanted = np.full((batch, num_queries), choices - 1)
    wanted[scene, query] = classes[scene, item]
    weight = np.where(wanted == choices - 1, NO_OBJECT, 1.0).astype(raw(logits).dtype)
    rows = xp.arange(batch)[:, None], xp.arange(num_queries), xp.asarray(wanted)
    said = (log_softmax(logits)[rows] * xp.asarray(weight)).sum() * (-1 / float(weight.sum()))
    ours = boxes[xp.asarray(scene), xp.asarray(query)]
    theirs = xp.asarray(truth[scene, item])
    share = 1 / max(len(scene), 1)
    off = absolute(ours - theirs).sum() * share
    apart = 1 - generalized_box_iou(ours, theirs).sum() * share
    return said * CLASS + off * PLACE + apart * OVERLAP
