"""The table of ops: reductions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minitorch_attn import ops
from minitorch_attn.ops.softmax import logsumexp_reference
from optable.oprow import row
from optable.table_elementwise import TIES

# An axis of no elements has no largest value: those shapes keep the others empty.
REDUCTIONS: dict[str, Callable] = {
    "sum": lambda x, axis, keepdims: (
        np.mean(x, axis, keepdims=keepdims)
        * (x.size / max(1, np.mean(x, axis).size) if x.size else 1)
    ),
    "max": lambda x, axis, keepdims: -np.min(-x, axis, keepdims=keepdims),
    "min": lambda x, axis, keepdims: -np.max(-x, axis, keepdims=keepdims),
    "mean": lambda x, axis, keepdims: np.mean(x, axis, keepdims=keepdims),
    "var": lambda x, axis, keepdims: (
        np.mean(x * x, axis, keepdims=keepdims) - np.mean(x, axis, keepdims=keepdims) ** 2
    ),
    "logsumexp": lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis, keepdims=keepdims)),
}
for name, value in REDUCTIONS.items():
    for axis in (None, 0, -1, (0, 2)):
        for keepdims in (False, True):
            empty = () if axis is None else (((2, 0, 3),),)
            row(
                name,
                lambda x, f=name, a=axis, k=keepdims: getattr(ops, f)(x, axis=a, keepdims=k),
                lambda x, f=value, a=axis, k=keepdims: f(x, a, k),
                (((2, 3, 4),), *empty),
                f"axis={axis} keepdims={keepdims}",
                reference=(
                    (lambda x, a=axis, k=keepdims: logsumexp_reference(x, a, k))
                    if name == "logsumexp"
                    else None
                ),
            )
row("sum", ops.sum, lambda x: np.zeros(()), (((0, 3),),), "of nothing")
row("sum", lambda x: ops.sum(x, 0), lambda x: np.zeros(3), (((0, 3),),), "of no rows")
row("max", lambda x: ops.max(x, 1), lambda x: x.max(1), ((),), "ties", TIES[:1], smooth=False)
row("min", lambda x: ops.min(-x, 1), lambda x: -x.max(1), ((),), "ties", TIES[:1], smooth=False)
