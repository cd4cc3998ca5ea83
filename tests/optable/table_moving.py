"""The table of ops: moving data."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_attn import ops
from optable.oprow import ONE, row

row(
    "reshape",
    lambda x: ops.reshape(x, (2, -1)),
    lambda x: np.stack([x[0:2], x[2:4]]).reshape(2, 6),
    (((4, 3),),),
)
row(
    "reshape",
    lambda x: ops.reshape(x, -1),
    lambda x: x.flatten(),
    (((2, 3),), ((),), ((0, 2),)),
    "flat",
)
row(
    "reshape", lambda x: ops.reshape(x, (3, 0)), lambda x: np.zeros((3, 0)), (((0, 2),),), "nothing"
)
row("transpose", ops.transpose, lambda x: np.einsum("...->...", x.T), (*ONE, ((2, 3, 4),)))
for axes in ((2, 0, 1), (-1, 0, -2)):
    row(
        "transpose",
        lambda x, axes=axes: ops.transpose(x, axes),
        lambda x: np.einsum("abc->cab", x),
        (((2, 3, 4),), ((2, 0, 1),)),
        f"{axes}",
    )
row(
    "swapaxes",
    lambda x: ops.swapaxes(x, 0, -1),
    lambda x: np.einsum("abc->cba", x),
    (((2, 3, 4),), ((2, 0, 1),)),
)
row("squeeze", ops.squeeze, lambda x: x[0, ..., 0], (((1, 3, 1),), ((1, 0, 1),)))
row(
    "squeeze",
    lambda x: ops.squeeze(x, (0, -1)),
    lambda x: x[0, ..., 0],
    (((1, 1, 3, 1),),),
    "some axes",
)
row("squeeze", lambda x: ops.squeeze(x, 1), lambda x: x[:, 0], (((1, 1, 3),),), "one axis")
row(
    "broadcast_to",
    lambda x: ops.broadcast_to(x, (2, 3, 4)),
    lambda x: x + np.zeros((2, 3, 4)),
    (((3, 1),), ((4,),), ((),), ((2, 3, 4),)),
)
row(
    "broadcast_to",
    lambda x: ops.broadcast_to(x, (0, 2)),
    lambda x: np.zeros((0, 2)),
    (((1, 2),), ((2,),)),
    "nothing",
)
for axis in (0, -1):
    row(
        "concatenate",
        lambda *xs, axis=axis: ops.concatenate(xs, axis=axis),
        lambda *xs, axis=axis: np.append(np.append(xs[0], xs[1], axis), xs[2], axis),
        (
            ((2, 2), (2, 2), (2, 2)),
            ((0, 2), (0, 2), (0, 2)),
            ((2, 3), (2, 3), (0, 3)) if axis == 0 else ((3, 2), (3, 0), (3, 1)),
        ),
        f"axis={axis}",
    )
for axis in (0, 1, -1):
    row(
        "stack",
        lambda *xs, axis=axis: ops.stack(xs, axis=axis),
        lambda *xs, axis=axis: np.moveaxis(np.array(xs), 0, axis),
        (((2, 3), (2, 3)), ((0, 3), (0, 3))),
        f"axis={axis}",
    )
row("stack", lambda *xs: ops.stack(xs), lambda *xs: np.array(xs), (((), (), ()),), "numbers")


def weighed(parts: list) -> Any:
    """Put a list of results together so that no two may be exchanged: 1 the first + 2 the next …"""
    return sum((i + 1) * ops.sum(part) ** 2 for i, part in enumerate(parts))


row(
    "split",
    lambda x: ops.split(x, 3, axis=1)[1],
    lambda x: x[:, 2:4],
    (((2, 6),), ((0, 6),), ((2, 0),)),
    "one of three",
)
row(
    "split",
    lambda x: weighed(ops.split(x, 2)),
    lambda x: x[:2].sum() ** 2 + 2 * x[2:].sum() ** 2,
    (((4, 3),),),
    "both",
)
row(
    "split",
    lambda x: weighed(ops.split(x, [1, 4], axis=-1)),
    lambda x: x[:, 0].sum() ** 2 + 2 * x[:, 1:4].sum() ** 2 + 3 * x[:, 4:].sum() ** 2,
    (((2, 6),),),
    "at indices",
)
