"""The table of ops: attention, and calls that wrap others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from oprow import ONE, TWO, Shapes, row
from table_softmax import shares

from minitorch_attn import ops
from minitorch_attn.ops.attention import attention_reference
from minitorch_attn.tensor import Op

registry = Op.registry


def attend(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: Any = True, scale: Any = None
) -> np.ndarray:
    """Attention by its definition: one query after the other, over the keys it may attend to."""
    lead = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    n, s = q.shape[-2], k.shape[-2]
    q, k, v = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (q, k, v))
    mask = np.broadcast_to(mask, (*lead, n, s))
    result = np.zeros((*lead, n, v.shape[-1]))
    for at in np.ndindex(*lead, n):
        i, may = at[:-1], mask[at]
        if may.any():
            scores = k[i][may] @ q[at] * (scale or q.shape[-1] ** -0.5)
            result[at] = shares(scores) @ v[i][may]
    return result


def plain(mask: Any = None, scale: Any = None) -> Callable:
    """The reference, called as `attention` is."""

    def call(q: Any, k: Any, v: Any, mask: Any = mask) -> Any:
        return attention_reference(q, k, v, mask, scale or q.shape[-1] ** -0.5)[0]

    return call


SETS: tuple[Shapes, ...] = (
    ((3, 4), (5, 4), (5, 2)),
    ((2, 3, 4), (2, 5, 4), (2, 5, 6)),
    ((2, 2, 3, 2), (1, 5, 2), (5, 3)),
    ((3, 2), (5, 2), (2, 5, 2)),
    ((0, 3, 4), (0, 5, 4), (0, 5, 2)),
    ((2, 0, 4), (2, 5, 4), (2, 5, 3)),
    ((2, 3, 4), (2, 5, 4), (2, 5, 0)),
)
row("attention", ops.attention, attend, SETS, reference=plain())
row(
    "attention",
    lambda q, k, v: ops.attention(q, k, v, scale=2.0),
    lambda q, k, v: attend(q, k, v, scale=2.0),
    SETS[:1],
    "scale",
    reference=plain(scale=2.0),
)
SOME = np.array([[1, 0, 1, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
row(
    "attention",
    ops.attention,
    attend,
    (*SETS[:4], SETS[4]),
    "mask with an empty row",
    constants=(SOME,),
    reference=plain(),
)
EACH = np.stack([SOME, ~SOME])
row(
    "attention",
    ops.attention,
    attend,
    (SETS[1], SETS[3]),
    "a mask a batch",
    constants=(EACH,),
    reference=plain(),
)
row(
    "attention",
    ops.attention,
    attend,
    (SETS[1],),
    "padding",
    constants=(SOME[:2, None],),
    reference=plain(),
)
for n, s in ((3, 3), (2, 4), (4, 2)):
    order = np.array([[j <= i + s - n for j in range(s)] for i in range(n)])
    row(
        "attention",
        lambda q, k, v: ops.attention(q, k, v, causal=True),
        lambda q, k, v, order=order: attend(q, k, v, order),
        (((2, n, 3), (2, s, 3), (2, s, 2)),),
        f"causal, {n} queries and {s} keys",
    )
row(
    "attention",
    lambda q, k, v, m: ops.attention(q, k, v, m, causal=True),
    lambda q, k, v, m: attend(q, k, v, m & np.tri(3, 5, 2, bool)),
    SETS[1:2],
    "causal and mask",
    constants=(SOME,),
)
row(
    "attention",
    lambda q, k, v, m: ops.attention(q, k, v, m, return_weights=True)[1],
    lambda q, k, v, m: attend(q, k, np.eye(5), m),
    (((2, 3, 4), (2, 5, 4)),),
    "weights",
    constants=(np.ones((5, 1)), SOME),
)
row(
    "attention_reference",
    lambda q, k, v: attention_reference(q, k, v, None, 0.5)[0],
    lambda q, k, v: attend(q, k, v, scale=0.5),
    SETS,
)


def gated(a: Any, b: Any) -> Any:
    return ops.tanh(a * b) + a


row(
    "checkpoint",
    lambda a, b: ops.checkpoint(gated, a, b),
    lambda a, b: np.tanh(a * b) + a,
    TWO,
    reference=gated,
)
row("alias", registry["alias"], lambda x: x, ONE)
row("to", lambda x: registry["to"](x, device="cpu"), lambda x: x, ONE, any_library=False)
