"""Attention with heads: what it is and is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.tokens import F64, influence, rng, tokens

from minitorch_attn import Tensor, grad, gradcheck
from minitorch_attn.fast import attention as choice
from minitorch_attn.nn import (
    MultiHeadAttention,
    merge_heads,
    split_heads,
)


@pytest.fixture
def mha() -> MultiHeadAttention:
    return MultiHeadAttention(6, 3, rng=rng(1), **F64)


def test_heads_are_split_and_merged() -> None:
    x = tokens(2, 5, 6)
    heads = split_heads(x, 3)
    assert heads.shape == (2, 3, 5, 2)
    np.testing.assert_array_equal(heads[1, 2, 4], x[1, 4, 4:6])
    np.testing.assert_array_equal(merge_heads(heads), x)


def test_multi_head_attention_is_its_definition(mha: MultiHeadAttention) -> None:
    x, context = tokens(2, 4, 6), tokens(2, 5, 6)
    y, w = mha(x, context, return_weights=True)
    q, k, v = mha.query(x).data, mha.key(context).data, mha.value(context).data
    heads = []
    for h in range(3):
        part = slice(2 * h, 2 * h + 2)
        e = np.exp(q[..., part] @ k[..., part].swapaxes(1, 2) / 2**0.5)
        weights = e / e.sum(-1, keepdims=True)
        np.testing.assert_allclose(w.data[:, h], weights)
        heads.append(weights @ v[..., part])
    np.testing.assert_allclose(y.data, mha.output(np.concatenate(heads, -1)).data)


def test_shapes_of_cross_attention(mha: MultiHeadAttention) -> None:
    y, w = mha(tokens(2, 3, 6), tokens(2, 7, 6), return_weights=True)
    assert y.shape == (2, 3, 6)
    assert w.shape == (2, 3, 3, 7)
    wide = MultiHeadAttention(6, 4, head_dim=5, **F64)
    assert wide.query.weight.shape == (6, 20)
    assert wide(tokens(2, 3, 6)).shape == (2, 3, 6)


def test_rows_of_weights_sum_to_one(mha: MultiHeadAttention) -> None:
    for options in ({}, {"causal": True}, {"mask": np.tri(5, dtype=bool)}):
        w = mha(tokens(2, 5, 6), return_weights=True, **options)[1].data
        np.testing.assert_allclose(w.sum(-1), 1)
        assert (w >= 0).all()


def test_permuting_the_tokens_permutes_the_output(mha: MultiHeadAttention) -> None:
    x, order = tokens(2, 5, 6), [3, 0, 4, 1, 2]
    np.testing.assert_allclose(mha(x[:, order]).data, mha(x).data[:, order])
    # The order of a context does not matter at all.
    np.testing.assert_allclose(mha(x, x[:, order]).data, mha(x, x).data)


def test_one_layer_reaches_every_token(mha: MultiHeadAttention) -> None:
    assert influence(mha, 6).all()
    np.testing.assert_array_equal(influence(lambda x: mha(x, causal=True), 6), np.tri(6))
    assert not influence(lambda x: mha.output(mha.value(x)), 6)[0, 1:].any()


def test_a_mask_hides_what_it_hides(mha: MultiHeadAttention) -> None:
    x, mask = tokens(2, 4, 6), np.ones((2, 1, 1, 4), bool)
    mask[0, ..., 2:] = False
    y, w = mha(x, mask=mask, return_weights=True)
    assert (w.data[0, ..., 2:] == 0).all()
    np.testing.assert_allclose(y.data[:1, :2], mha(x[:1, :2]).data)
    np.testing.assert_allclose(y.data[1], mha(x[1:]).data[0])


@pytest.mark.parametrize("size", [1, 100], ids=["small scores", "large scores"])
def test_a_query_that_may_attend_to_nothing(mha: MultiHeadAttention, size: float) -> None:
    """Weights 0, output 0 before the last projection, gradient 0; and no NaN anywhere."""
    x, context = Tensor(size * tokens(1, 3, 6), True), Tensor(size * tokens(1, 4, 6), True)
    mask = np.ones((3, 4), bool)
    mask[1] = False
    for options in ({}, {"return_weights": True}):
        found = mha(x, context, mask=mask, **options)
        y = found[0] if options else found
        np.testing.assert_array_equal(y.data[0, 1], mha.output.bias.data)
        if options:
            assert (found[1].data[0, :, 1] == 0).all()
        gx, gc = grad(y[0, 1].sum(), [x, context])
        assert (gx == 0).all()
        assert (gc == 0).all()
        gx, gc = grad((mha(x, context, mask=mask) ** 2).sum(), [x, context])
        assert (gx[0, 1] == 0).all()
        assert np.isfinite(gc).all()
        assert (gc != 0).any()


def test_attention_dropout_drops_weights_in_training_only() -> None:
    mha = MultiHeadAttention(6, 3, dropout=0.5, rng=rng(), **F64)
    x = tokens(2, 5, 6)
    assert not np.allclose(mha(x).data, mha(x).data)
    w = mha(x, return_weights=True)[1].data
    np.testing.assert_allclose(w.sum(-1), 1, err_msg="the weights shown are those before dropout")
    mha.eval()
    np.testing.assert_allclose(mha(x).data, mha(x, return_weights=True)[0].data, rtol=1e-12)


@pytest.mark.parametrize("first_long", [1, choice.BLOCKWISE_FROM])
@pytest.mark.parametrize("causal", [False, True])
def test_packed_projections_and_separate_ones_are_the_same(
    mha: MultiHeadAttention, causal: bool, first_long: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "BLOCKWISE_FROM", first_long)
    for name, parameter in mha.named_parameters():
        parameter.data[...] = rng(len(name)).normal(size=parameter.shape)
    x, mask = Tensor(tokens(2, 5, 6), requires_grad=True), rng(3).random((2, 1, 5, 5)) < 0.7
    wanted = [x, *mha.parameters()]

    def differentiated(**options: Any) -> list[np.ndarray]:
        y = mha(x, mask=mask, causal=causal, **options)
        y = y[0] if isinstance(y, tuple) else y
        return [y.data, *grad(y, wanted, np.cos(np.arange(60)).reshape(y.shape))]

    separate = differentiated(return_weights=True)
    for context in ({}, {"context": x}):
        for found, expected in zip(differentiated(**context), separate, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-12)


def test_gradients_of_multi_head_attention(mha: MultiHeadAttention) -> None:
    gradcheck(lambda x: mha(x, causal=True), [tokens(1, 3, 6)])
    gradcheck(lambda x, c: mha(x, c), [tokens(1, 2, 6), tokens(1, 3, 6)])
