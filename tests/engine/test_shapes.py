"""Shapes that nobody thought of: Hypothesis draws them, finite differences check them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from minitorch_attn import Tensor, gradcheck, ops

SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3)
PAIRS = arrays.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3)


def numbers(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Numbers between 0.5 and 2, all different: no kink, no root of nothing."""
    count = sum(math.prod(shape) for shape in shapes)
    all_ = np.random.default_rng(count).permutation(np.linspace(0.5, 2, count))
    ends = np.cumsum([0, *(math.prod(shape) for shape in shapes)])
    return [all_[a:b].reshape(s) for a, b, s in zip(ends[:-1], ends[1:], shapes, strict=True)]


@given(PAIRS)
def test_broadcasting(drawn: Any) -> None:
    a, b = numbers(*drawn.input_shapes)
    for op, plain in (
        (ops.add, np.add),
        (ops.multiply, np.multiply),
        (ops.divide, np.divide),
        (ops.power, np.power),
        (ops.maximum, np.maximum),
    ):
        found = op(Tensor(a), Tensor(b)).data
        assert found.shape == drawn.result_shape
        np.testing.assert_allclose(found, plain(a, b), rtol=1e-14)
        gradcheck(op, [a, b])


@given(SHAPES, st.data())
def test_broadcast_to(shape: tuple[int, ...], data: st.DataObject) -> None:
    target = data.draw(arrays.broadcastable_shapes(shape, max_dims=4, min_side=0, max_side=3))
    target = np.broadcast_shapes(shape, target)
    (x,) = numbers(shape)
    np.testing.assert_array_equal(ops.broadcast_to(x, target), np.broadcast_to(x, target))
    gradcheck(lambda x: ops.broadcast_to(x, target), [x])


@given(SHAPES, st.booleans(), st.data())
def test_reductions(shape: tuple[int, ...], keepdims: bool, data: st.DataObject) -> None:
    axis = data.draw(st.none() | arrays.valid_tuple_axes(len(shape)))
    if axis is not None and len(axis) == 1 and data.draw(st.booleans()):
        axis = axis[0]
    (x,) = numbers(shape)
    found = ops.sum(Tensor(x), axis=axis, keepdims=keepdims).data
    np.testing.assert_allclose(found, x.sum(axis=axis, keepdims=keepdims), rtol=1e-14)
    gradcheck(lambda x: ops.sum(x, axis=axis, keepdims=keepdims), [x])
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if all(shape[i] for i in axes):  # NumPy has no largest value, and no mean, of nothing
        for name in ("max", "min", "mean", "var"):
            op = getattr(ops, name)
            plain = getattr(np, name)(x, axis=axis, keepdims=keepdims)
            found = op(Tensor(x), axis=axis, keepdims=keepdims).data
            np.testing.assert_allclose(found, plain, rtol=1e-12, atol=1e-15)
            gradcheck(lambda x, op=op: op(x, axis=axis, keepdims=keepdims), [x])


@given(SHAPES, st.data())
def test_basic_indexing(shape: tuple[int, ...], data: st.DataObject) -> None:
    index = data.draw(arrays.basic_indices(shape, allow_newaxis=True))
    (x,) = numbers(shape)
    np.testing.assert_array_equal(Tensor(x)[index].data, x[index])
    gradcheck(lambda x: x[index], [x])


@given(arrays.array_shapes(min_dims=1, max_dims=3, max_side=3), st.data())
def test_integer_indexing(shape: tuple[int, ...], data: st.DataObject) -> None:
    index = data.draw(
        arrays.integer_array_indices(
            shape, result_shape=arrays.array_shapes(max_dims=2, min_side=0, max_side=4)
        )
    )
    (x,) = numbers(shape)
    np.testing.assert_array_equal(Tensor(x)[index].data, x[index])
    gradcheck(lambda x: x[index], [x])


@given(arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3), st.data())
def test_take(shape: tuple[int, ...], data: st.DataObject) -> None:
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    size = math.prod(shape) if axis is None else shape[axis]
    index = data.draw(
        arrays.arrays(
            np.int64,
            arrays.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3),
            elements=st.integers(-size, size - 1),
        )
    )
    (x,) = numbers(shape)
    np.testing.assert_array_equal(ops.take(x, index, axis), np.take(x, index, axis))
    gradcheck(lambda x: ops.take(x, index, axis), [x])


@given(arrays.mutually_broadcastable_shapes(signature="(n,k),(k,m)->(n,m)", max_dims=2, max_side=3))
def test_matmul(drawn: Any) -> None:
    a, b = numbers(*drawn.input_shapes)
    found = ops.matmul(Tensor(a), Tensor(b)).data
    assert found.shape == drawn.result_shape
    np.testing.assert_allclose(found, np.matmul(a, b), rtol=1e-12)
    gradcheck(ops.matmul, [a, b])


@given(SHAPES, st.data())
def test_moving(shape: tuple[int, ...], data: st.DataObject) -> None:
    (x,) = numbers(shape)
    axes = tuple(data.draw(st.permutations(range(len(shape)))))
    i, j = data.draw(st.tuples(*[st.integers(-len(shape), len(shape) - 1)] * 2))
    flat = (math.prod(shape),)
    for op, plain in (
        (lambda x: ops.transpose(x, axes), np.transpose(x, axes)),
        (lambda x: ops.swapaxes(x, i, j), np.swapaxes(x, i, j)),
        (lambda x: ops.reshape(x, flat), np.reshape(x, flat)),
        (ops.squeeze, np.squeeze(x)),
        (lambda x: ops.concatenate([x, x * 2], axis=i), np.concatenate([x, x * 2], axis=i)),
        (lambda x: ops.stack([x, x * 2], axis=i), np.stack([x, x * 2], axis=i)),
    ):
        np.testing.assert_array_equal(op(Tensor(x)).data, plain)
        gradcheck(op, [x])


@given(arrays.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=4), st.data())
def test_split(shape: tuple[int, ...], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    cuts = data.draw(st.lists(st.integers(0, shape[axis]), max_size=3).map(sorted))
    (x,) = numbers(shape)
    parts = ops.split(Tensor(x), cuts, axis=axis)
    wanted = np.split(x, cuts, axis=axis)
    assert [p.shape for p in parts] == [w.shape for w in wanted]
    for k, plain in enumerate(wanted):
        np.testing.assert_array_equal(parts[k].data, plain)
        gradcheck(lambda x, k=k: ops.split(x, cuts, axis=axis)[k], [x])


@given(
    arrays.mutually_broadcastable_shapes(
        signature="(n,d),(s,d),(s,v)->(n,v)", max_dims=2, max_side=3
    ),
    st.data(),
)
def test_attention(drawn: Any, data: st.DataObject) -> None:
    q, k, v = numbers(*drawn.input_shapes)
    n, s = q.shape[-2], k.shape[-2]
    lead = drawn.result_shape[:-2]
    small = data.draw(
        arrays.broadcastable_shapes((*lead, n, s), max_dims=len(lead) + 2, max_side=1)
    )
    # Each axis of the mask is 1 or the scores' own.
    shape = tuple(
        data.draw(st.sampled_from((1, full)))
        for full in (*lead, n, s)[len(lead) + 2 - len(small) :]
    )
    mask = data.draw(st.none() | arrays.arrays(bool, shape).filter(lambda m: m.ndim > 0))
    causal = data.draw(st.booleans())

    def call(*x: Any, **options: Any) -> Any:
        return ops.attention(*x, mask=mask, causal=causal, **options)

    y, w = call(q, k, v, return_weights=True)
    np.testing.assert_allclose(call(q, k, v), y, rtol=1e-12, atol=1e-14)
    allowed = np.ones((n, s), bool) if mask is None else mask
    allowed = allowed & np.tri(n, s, s - n, bool) if causal else allowed
    # A query that may attend to something spends all its weight, any other none.
    np.testing.assert_allclose(w.sum(-1), np.broadcast_to(allowed, w.shape).any(-1))
    assert y.shape == drawn.result_shape
    gradcheck(call, [q, k, v])
