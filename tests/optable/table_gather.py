"""The table of ops: taking and putting."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_attn import ops
from minitorch_attn.ops.op import Op
from optable.oprow import row
from optable.table_elementwise import CHOICE

registry = Op.registry

INDICES: dict[str, Any] = {
    "an integer": 1,
    "a negative integer": (-1, 2),
    "a slice": slice(1, 3),
    "backwards": (slice(None, None, -2), slice(3, 0, -1)),
    "a new axis": (slice(None), None, 0),
    "an ellipsis": (..., 1),
    "nothing": slice(2, 2),
}
for note, index in INDICES.items():
    row(
        "getitem",
        lambda x, i=index: ops.getitem(x, i),
        lambda x, i=index: np.array(x[i]),
        (((3, 4),),),
        note,
    )
REPEATED, COLUMNS = np.array([2, 0, 2, -1]), np.array([1, 1, 1, 0])
row(
    "getitem",
    ops.getitem,
    lambda x, i: np.stack([x[k] for k in i]),
    (((3, 4),), ((3, 0),)),
    "integers",
    constants=(REPEATED,),
)
row(
    "getitem",
    lambda x, i: ops.getitem(x, (slice(None), i)),
    lambda x, i: np.stack([x[:, k] for k in i], 1),
    (((2, 3),),),
    "a slice and integers",
    constants=(REPEATED,),
)
row(
    "getitem",
    lambda x, i, j: ops.getitem(x, (i, j)),
    lambda x, i, j: np.array([x[k] for k in zip(i, j, strict=True)]),
    (((3, 4),),),
    "pairs",
    constants=(REPEATED, COLUMNS),
)
row(
    "getitem",
    ops.getitem,
    lambda x, i: np.array([a for a, chosen in zip(x.flat, i.flat, strict=True) if chosen]),
    (((2, 4),),),
    "a mask",
    constants=(CHOICE,),
)


def put(x: np.ndarray, where: np.ndarray, shape: tuple) -> np.ndarray:
    result = np.zeros(shape)
    for values, place in zip(x, where, strict=True):
        result[place] += values
    return result


for name, parameter in (("scatter", "index"), ("add_rows", "rows")):
    row(
        name,
        lambda x, i, f=registry[name], p=parameter: f(x, **{p: i}, shape=(3, 2)),
        lambda x, i: put(x, i, (3, 2)),
        (((4, 2),),),
        constants=(np.array([2, 0, 2, 2]),),
    )
    row(
        name,
        lambda x, i, f=registry[name], p=parameter: f(x, **{p: i}, shape=(3, 2)),
        lambda x, i: np.zeros((3, 2)),
        (((0, 2),),),
        "of nothing",
        constants=(np.zeros(0, int),),
    )
row(
    "take_rows",
    registry["take_rows"],
    lambda x, i: np.eye(3)[i] @ x,
    (((3, 2),), ((3, 0),)),
    constants=(np.array([[2, 0], [2, 2]]),),
)
for axis in (None, 0, 1, -1):
    row(
        "take",
        lambda x, i, axis=axis: ops.take(x, i, axis),
        lambda x, i, axis=axis: np.take(x, i, axis),
        (((3, 4),), ((3, 3, 3),)),
        f"axis={axis}",
        constants=(np.array([[2, 0], [-1, 2]]),),
    )
row(
    "take",
    lambda x, i: ops.take(x, i, axis=1),
    lambda x, i: np.zeros((2, 0)),
    (((2, 3),),),
    "nothing",
    constants=(np.zeros(0, int),),
)
row(
    "embedding",
    lambda w, i: ops.embedding(i, w),
    lambda w, i: np.eye(5)[i] @ w,
    (((5, 3),),),
    constants=(np.array([[4, 0, 4], [1, 4, 0]]),),
)
row(
    "embedding",
    lambda w, i: ops.embedding(i, w),
    lambda w, i: np.zeros((2, 0, 3)),
    (((5, 3),),),
    "of no tokens",
    constants=(np.zeros((2, 0), int),),
)
