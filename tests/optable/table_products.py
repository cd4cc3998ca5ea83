"""The table of ops: products."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minitorch_attn import ops
from minitorch_attn.ops.linalg import linear_reference
from optable.oprow import Shapes, row


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """matmul by its definition: multiply every row with every column, and sum."""
    rows_, columns = a.ndim == 1, b.ndim == 1
    a, b = (a[None] if rows_ else a), (b[:, None] if columns else b)
    c = (a[..., :, :, None] * b[..., None, :, :]).sum(axis=-2)
    c = c[..., 0] if columns else c
    return (c[..., 0] if columns else c[..., 0, :]) if rows_ else c


MATRICES: tuple[Shapes, ...] = (
    ((3, 4), (4, 2)),
    ((2, 2), (2, 2)),
    ((2, 3, 4), (4, 2)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((1, 3, 4), (2, 4, 1)),
    ((4,), (4, 2)),
    ((3, 4), (4,)),
    ((4,), (4,)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 3)),
    ((0, 3), (3, 2)),
    ((3, 0), (0, 2)),
    ((2, 0, 3), (3, 4)),
    ((2, 3, 0), (0, 4)),
    ((2, 3, 4), (4, 0)),
    ((0,), (0,)),
)
row("matmul", ops.matmul, product, MATRICES)
row(
    "linear",
    ops.linear,
    lambda x, w, b: product(x, w) + b,
    (
        ((3, 4), (4, 2), (2,)),
        ((2, 3, 4), (4, 5), (5,)),
        ((4,), (4, 2), (2,)),
        ((0, 3), (3, 2), (2,)),
        ((2, 3, 0), (0, 4), (4,)),
    ),
    reference=linear_reference,
)
EINSUMS: tuple[tuple[str, Callable, tuple[Shapes, ...]], ...] = (
    ("ij,jk->ik", product, (((2, 3), (3, 4)), ((2, 0), (0, 4)), ((0, 3), (3, 4)))),
    ("ij,jk", product, (((2, 3), (3, 4)),)),
    (
        "bhnd,bhsd->bhns",
        lambda a, b: product(a, b.swapaxes(-1, -2)),
        (((2, 2, 3, 4), (2, 2, 5, 4)),),
    ),
    ("...ij,jk->...ik", product, (((2, 3, 4), (4, 2)), ((3, 4), (4, 2)))),
    ("...i,...i->...", lambda a, b: (a * b).sum(-1), (((3, 1, 4), (2, 4)), ((4,), (2, 4)))),
    ("...i,...i", lambda a, b: (a * b).sum(-1), (((3, 2, 4), (2, 4)),)),
    ("ij,ij->i", lambda a, b: (a * b).sum(-1), (((3, 4), (3, 1)), ((1, 4), (3, 4)))),
    ("ij,ij,j->i", lambda a, b, c: (a * b * c).sum(1), (((2, 3), (2, 3), (3,)),)),
    ("i,j->ij", lambda a, b: a[:, None] * b, (((2,), (3,)), ((2,), (0,)))),
    ("ij,k->ik", lambda a, b: a.sum(1)[:, None] * b, (((2, 3), (4,)),)),
    ("ij,k->k", lambda a, b: a.sum() * b, (((2, 3), (4,)),)),
    ("ij->", lambda x: x.sum(), (((2, 3),), ((0, 3),))),
    ("ij->ji", lambda x: x.T, (((2, 3),),)),
    ("ba", lambda x: x.T, (((2, 3),),)),
)
for subscripts, value, shapes in EINSUMS:
    row("einsum", lambda *xs, s=subscripts: ops.einsum(s, *xs), value, shapes, subscripts)
