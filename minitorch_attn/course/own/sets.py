"""Sets of boxes: overlap (12.1), who answers for what (12.2), and what queries are told (12.3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...models import box_iou, generalized_box_iou, match, matched, set_loss
from ...models.boxes import CLASS, NO_OBJECT, OVERLAP, Pairs
from ...ops import softmax
from ...ops.op import Op
from ...tensor import Tensor, raw
from .layers import valued
from .parts import Part, PartError, Parts, locked

SURE = 1e4  # a logit beside which all others have a probability of exactly 0


def loss_of_own_sets(parts: Parts) -> Callable[..., Tensor]:
    """The loss of a set, with the learner's parts in it: see `models.boxes.set_loss`.

    12.1 gives overlaps, of which the library takes the empty share, in the matching and in the
    loss; 12.2 chooses the pairs; 12.3 says what each query is told, and what that costs. Where an
    exercise gives no gradient the library's stands behind it.
    """
    overlap, choose, told = (parts.get(id) for id in ("12.1", "12.2", "12.3"))
    own_match = match if choose is None else partial(chosen, choose)

    def fit(a: Any, b: Any) -> Any:
        return generalized_box_iou(a, b) + (0 if overlap is None else gap(overlap, a, b))

    def of_sets(outputs: tuple[Any, Any], targets: tuple[Any, Any]) -> Tensor:
        (logits, boxes), (classes, truth) = outputs, targets
        pairs = matched(logits, boxes, classes, truth, fit, own_match)
        if told is None:
            loss = set_loss(outputs, targets, lambda *_: pairs)
        else:
            target, said = loss_of_classes(told, logits, pairs, classes)
            # Who is sure of what it is told pays for its boxes alone.
            sure = (SURE * np.eye(logits.shape[-1])[target]).astype(logits.dtype)
            loss = said * CLASS + set_loss((Tensor(sure), boxes), targets, lambda *_: pairs)
        if overlap is not None:
            scene, query, item = pairs
            off = gap(overlap, raw(boxes)[scene, query], truth[scene, item])
            loss = valued(loss, value=loss.data - OVERLAP * off.sum() / max(len(scene), 1))
        return loss

    return of_sets


def gap(overlap: Part, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """By how much 12.1 differs from the library's overlap of these boxes."""
    shape = np.broadcast_shapes(a.shape, b.shape)[:-1]
    return overlap(shape, a, b) - box_iou(a, b)


def chosen(choose: Part, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What 12.2 chooses for costs (N, M), as `models.match` has it: queries and objects, (M,)."""
    with choose.blamed():
        result = choose.function(locked(cost))
    queries, (count, objects) = np.asarray(result), cost.shape
    right = queries.shape == (objects,) and queries.dtype.kind in "iuf"
    if not right or not len(set(queries.tolist()) & set(range(count))) == objects:
        raise PartError(
            f"{choose.title} returned {result}, and each of {objects} objects needs a query of its "
            f"own, from 0 to {count - 1}"
        )
    return queries.astype(int), np.arange(objects)


def loss_of_classes(
    told: Part, logits: Any, pairs: Pairs, classes: np.ndarray
) -> tuple[np.ndarray, Tensor]:
    """What each query is told by 12.3, (B, N), and what it loses by that."""
    given = raw(logits)
    with told.blamed():
        result = told.function(*map(locked, (given, *pairs, classes)), NO_OBJECT)
    told.expect_count(result, 2)
    target = np.asarray(result[0])
    right = target.shape == given.shape[:2] and target.dtype.kind in "iuf"
    if not right or not np.isin(target, np.arange(given.shape[2])).all():
        raise PartError(
            f"{told.title}: target is an array of dtype {target.dtype} and shape {target.shape}, "
            f"where a class from 0 to {given.shape[2] - 1} is told to each of {given.shape[:2]}"
        )
    value = told.checked(result[1], (), "loss", (given,))
    target = target.astype(int)
    return target, _told(logits, target=target, value=value)


def _told_rule(g: Any, y: Any, logits: Any, target: Any, value: Any) -> Any:
    none = logits.shape[-1] - 1
    counts = np.where(target == none, NO_OBJECT, 1.0).astype(logits.dtype)[..., None]
    right = np.eye(none + 1, dtype=logits.dtype)[target]
    return g * (softmax(logits) - right) * counts / counts.sum()


_told: Op = Op(lambda logits, /, target, value: value, (_told_rule,))
