"""How well boxes and classes were found: overlap, average precision, repeats, whole scenes.

Everywhere: `p` (n, N, C + 1) are the probabilities of N queries, the last class is "no object";
`boxes` (n, N, 4) are their boxes, centre x, centre y, width, height; `classes` (n, M) and `truth`
(n, M, 4) are the objects, class -1 where there are no more. A query *speaks* where "no object" is
not its likeliest class.
"""

from __future__ import annotations

import numpy as np

HALF = 0.5  # a box hits an object where they overlap by more


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (..., 4) and (..., 4): (...), 0 where both are empty."""
    low = np.maximum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)
    high = np.minimum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)
    both = np.clip(high - low, 0, None).prod(axis=-1)
    union = a[..., 2:].prod(axis=-1) + b[..., 2:].prod(axis=-1) - both
    return both / np.where(union > 0, union, 1)


def hits(
    p: np.ndarray, boxes: np.ndarray, classes: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which object each speaking query hits, (n, N), -1 for none; and whether it repeats, (n, N).

    A query hits the object that it overlaps most, if by more than half. It repeats if a query that
    is surer of its class hits the same.
    """
    over = overlap(boxes[:, :, None], truth[:, None])  # (n, N, M)
    over = np.where(classes[:, None] >= 0, over, 0)
    speaks, sure = p.argmax(axis=-1) < p.shape[-1] - 1, p[..., :-1].max(axis=-1)
    hit = np.where(speaks & (over.max(axis=-1) > HALF), over.argmax(axis=-1), -1)
    same = (hit[:, :, None] == hit[:, None]) & (hit[:, :, None] >= 0)
    first = np.argsort(np.argsort(-sure, axis=1, kind="stable"), axis=1)  # 0 for the surest
    return hit, (same & (first[:, None] < first[:, :, None])).any(axis=-1)


def exact(p: np.ndarray, boxes: np.ndarray, classes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Whether a scene is told exactly, (n,): each object once, of the right class, and no more."""
    hit, again = hits(p, boxes, classes, truth)
    said = p.argmax(axis=-1)
    named = np.take_along_axis(classes, np.maximum(hit, 0), axis=1)
    right = (hit >= 0) & ~again & (said == named)
    silent = said == p.shape[-1] - 1
    return (right | silent).all(axis=1) & (right.sum(axis=1) == (classes >= 0).sum(axis=1))


def told(
    p: np.ndarray, boxes: np.ndarray, classes: np.ndarray, truth: np.ndarray
) -> dict[str, float]:
    """Shares in [0, 1]: `exact` scenes, objects `found`, of these `named` by their class, and
    `repeats` among the queries that speak."""
    hit, again = hits(p, boxes, classes, truth)
    said = p.argmax(axis=-1)
    new = (hit >= 0) & ~again
    named = np.take_along_axis(classes, np.maximum(hit, 0), axis=1) == said
    return {
        "exact": float(exact(p, boxes, classes, truth).mean()),
        "found": float(new.sum() / (classes >= 0).sum()),
        "named": float(named[new].sum() / max(new.sum(), 1)),
        "repeats": float(again.sum() / max((said < p.shape[-1] - 1).sum(), 1)),
    }


def average_precision(
    p: np.ndarray, boxes: np.ndarray, classes: np.ndarray, truth: np.ndarray
) -> float:
    """The mean over the classes of the area under precision against recall.

    All queries count for the class that they find likeliest beside "no object", in the order of its
    probability. One is right if the object of that class that it overlaps most, by more than half,
    was not hit before. Precision is made to fall: at each recall it is the best at that recall or
    more. A class without objects does not count.

    Source: Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010.
    """
    over = overlap(boxes[:, :, None], truth[:, None])
    said, sure = p[..., :-1].argmax(axis=-1), p[..., :-1].max(axis=-1)
    areas = []
    for c in np.unique(classes[classes >= 0]):
        scene, query = np.nonzero(said == c)
        order = np.argsort(-sure[scene, query], kind="stable")
        scene, query = scene[order], query[order]
        mine = np.where(classes[scene] == c, over[scene, query], 0)  # (K, M)
        objects = np.where(
            mine.max(axis=1) > HALF, scene * classes.shape[1] + mine.argmax(axis=1), -1
        )
        _, where = np.unique(objects, return_index=True)  # the surest that hits each
        right = np.zeros(len(objects))
        right[where] = objects[where] >= 0
        precision = right.cumsum() / np.arange(1, len(right) + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        areas.append((best * right).sum() / (classes == c).sum())
    return float(np.mean(areas))


def suppress(p: np.ndarray, boxes: np.ndarray, threshold: float = HALF) -> np.ndarray:
    """The probabilities after non-maximum suppression, (n, N, C + 1).

    From the surest query on, each that overlaps one that was kept by more than `threshold` is made
    to say "no object".
    """
    p, sure = p.copy(), p[..., :-1].max(axis=-1)
    nothing = np.eye(p.shape[-1], dtype=p.dtype)[-1]
    for i, order in enumerate(np.argsort(-sure, axis=1, kind="stable")):
        kept: list[int] = []
        for q in order:
            if (overlap(boxes[i, q], boxes[i, kept]) > threshold).any():
                p[i, q] = nothing
            else:
                kept.append(q)
    return p
