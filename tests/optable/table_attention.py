"""The table of ops: attention, and calls that wrap others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch_attn import checkpoint, ops
from minitorch_attn.arrays import namespace
from minitorch_attn.fast.heads import packed_attention, packed_attention_reference
from minitorch_attn.ops.attention import attention_reference
from minitorch_attn.ops.linear_attention import positive_features
from minitorch_attn.ops.op import Op
from optable.oprow import ONE, TWO, Shapes, row
from optable.table_softmax import from_the_largest, shares

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
    constants=(np.ones((5, 1), np.float32), SOME),
)
row(
    "attention_reference",
    lambda q, k, v: attention_reference(q, k, v, None, 0.5)[0],
    lambda q, k, v: attend(q, k, v, scale=0.5),
    SETS,
)


def apart(x: np.ndarray) -> np.ndarray:
    """Two heads: the left and the right half of every token."""
    return np.stack(np.split(x, 2, axis=-1), axis=1)


def together(x: np.ndarray) -> np.ndarray:
    """Heads side by side."""
    return np.concatenate(list(np.moveaxis(x, 1, 0)), axis=-1)


def heads_apart(x: np.ndarray, heads: int, mask: Any = True) -> np.ndarray:
    """packed_attention by its definition: each head attends with its own columns."""
    batch, tokens, width = x.shape
    d = width // (3 * heads)
    mask = np.broadcast_to(mask, (batch, heads, tokens, tokens))
    parts = []
    for h in range(heads):
        q, k, v = (x[..., (i * heads + h) * d :][..., :d] for i in range(3))
        parts.append(attend(q, k, v, mask[:, h]))
    return np.concatenate(parts, axis=-1)


PACKED: tuple[Shapes, ...] = (((2, 3, 12),), ((1, 2, 6),), ((0, 3, 12),), ((2, 1, 6),))
HEADS = np.stack([[SOME[:, :3]], [np.tri(3, dtype=bool)]])
row(
    "packed_attention",
    lambda x: packed_attention(x, 2),
    lambda x: heads_apart(x, 2),
    PACKED,
    reference=lambda x: packed_attention_reference(x, 2),
)
row(
    "packed_attention",
    lambda x, m: packed_attention(x, 2, m),
    lambda x, m: heads_apart(x, 2, m),
    PACKED[:1],
    "mask with an empty row",
    constants=(HEADS,),
    reference=lambda x, m: packed_attention_reference(x, 2, m),
)
row(
    "packed_attention",
    lambda x: packed_attention(x, 1, causal=True),
    lambda x: heads_apart(x, 1, np.tri(3, dtype=bool)),
    PACKED[:1],
    "causal",
    reference=lambda x: packed_attention_reference(x, 1, causal=True),
)
row("split_heads", lambda x: ops.split_heads(x, 2), apart, PACKED)
row("merge_heads", ops.merge_heads, together, (((2, 2, 3, 4),), ((0, 2, 3, 4),)))


def gated(a: Any, b: Any) -> Any:
    return ops.tanh(a * b) + a


row(
    "checkpoint",
    lambda a, b: checkpoint(gated, a, b),
    lambda a, b: np.tanh(a * b) + a,
    TWO,
    reference=gated,
)
row("alias", registry["alias"], lambda x: x, ONE)
row("to", lambda x: registry["to"](x, device="cpu"), lambda x: x, ONE, any_library=False)

# The products over allowed pairs: where all are finite, masked products.
for note, may in (("", SOME), ("a batch", EACH)):
    row(
        "pair_products",
        lambda a, b, m: registry["pair_products"](a, b, allowed=m),
        lambda a, b, m: (a[..., :, None, :] * b[..., None, :, :]).sum(-1) * m,
        (((2, 3, 4), (2, 5, 4)), ((2, 3, 0), (2, 5, 0))),
        note,
        constants=(may,),
    )
    row(
        "pair_sums",
        lambda a, b, m: registry["pair_sums"](a, b, allowed=m),
        lambda a, b, m: ((a * m)[..., None] * b[..., None, :, :]).sum(-2),
        (((2, 3, 5), (2, 5, 4)), ((2, 3, 5), (5, 0))),
        note,
        constants=(may,),
    )

# At the edge of a rule: scores all far below 0, all far above, and some of each.
for note, level in (("far below 0", -90.0), ("far above 0", 90.0), ("far apart", 0.0)):
    away = np.array([[0.0], [0.7], [-0.4]]) * (1 if level else 40)
    row(
        "attention",
        lambda q, k, v: ops.attention(q, k, v, scale=1.0),
        lambda q, k, v: from_the_largest(q @ k.T) @ v,
        ((),),
        f"scores {note}",
        domain=(np.array([[1.0], [1.1]]), level + away, np.array([[1.0], [-2.0], [0.5]])),
        reference=plain(scale=1.0),
    )


# Windows, and sums in the place of keys: each beside the slow form that it equals.
def near(n: int, width: int, causal: bool) -> np.ndarray:
    """Which of n tokens sees which."""
    back = np.arange(n)[:, None] - np.arange(n)
    return (abs(back) <= width) & ((back >= 0) | (not causal))


def by_mask(width: int, causal: bool) -> Callable:
    def call(q: Any, k: Any, v: Any) -> Any:
        allowed = namespace(k).asarray(near(q.shape[-2], width, causal))
        return attention_reference(q, k, v, allowed, q.shape[-1] ** -0.5)[0]

    return call


TOGETHER: tuple[Shapes, ...] = (
    ((7, 4), (7, 4), (7, 2)),
    ((2, 6, 2), (1, 6, 2), (6, 3)),
    ((2, 2, 5, 2), (5, 2), (2, 5, 1)),
    ((1, 2), (1, 2), (1, 3)),
    ((0, 3, 4), (0, 3, 4), (0, 3, 2)),
)
for width, causal in ((2, False), (3, True), (0, False), (1, True), (9, False), (9, True)):
    row(
        "window_attention",
        lambda q, k, v, w=width, c=causal: ops.window_attention(q, k, v, w, c),
        lambda q, k, v, w=width, c=causal: attend(q, k, v, near(q.shape[-2], w, c)),
        TOGETHER if width in (2, 3) else TOGETHER[:1],
        f"{width} tokens away" + ", causal" * causal,
        reference=by_mask(width, causal),
    )


def all_pairs(causal: bool) -> Callable:
    """Weights in proportion to φ(q)·φ(k), each pair computed."""

    def call(q: Any, k: Any, v: Any) -> Any:
        pairs = ops.matmul(positive_features(q), ops.swapaxes(positive_features(k), -1, -2))
        if causal:
            pairs = pairs * namespace(k).tri(q.shape[-2], dtype=k.dtype)
        return ops.matmul(pairs / ops.sum(pairs, axis=-1, keepdims=True), v)

    return call


def in_proportion(q: np.ndarray, k: np.ndarray, v: np.ndarray, causal: bool = False) -> np.ndarray:
    """Linear attention by its definition."""
    phi_q, phi_k = (np.where(x > 0, x + 1, np.exp(np.minimum(x, 0))) for x in (q, k))
    pairs = np.einsum("...nd,...sd->...ns", phi_q, phi_k)
    pairs = np.tril(pairs) if causal else pairs
    return np.einsum("...ns,...sv->...nv", pairs / pairs.sum(-1, keepdims=True), v)


row("linear_attention", ops.linear_attention, in_proportion, SETS, reference=all_pairs(False))
row(
    "linear_attention",
    lambda q, k, v: ops.linear_attention(q, k, v, causal=True),
    lambda q, k, v: in_proportion(q, k, v, True),
    TOGETHER,
    "causal",
    reference=all_pairs(True),
)
