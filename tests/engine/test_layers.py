"""The plain layers."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.tokens import F64, rng, tokens

from minitorch_attn import Tensor, grad
from minitorch_attn.models import Classifier
from minitorch_attn.nn import (
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
    Sequential,
    Softmax,
)


def test_dense() -> None:
    layer = Dense(3, 2, rng=rng(), **F64)
    x = tokens(2, 4, 3)
    layer.bias.data[:] = [1, -1]
    np.testing.assert_allclose(layer(x).data, x @ layer.weight.data + [1, -1])
    assert Dense(3, 2, bias=False).bias is None
    assert Dense(3, 2).weight.dtype == np.float32


def test_first_weights_keep_the_size_of_what_passes() -> None:
    """Uniform up to Glorot's limit, and not far below it; a normal row of about length 1."""
    limit, weight = (6 / 150) ** 0.5, Dense(100, 50, rng=rng()).weight.data
    assert 0.99 * limit < weight.max() <= limit
    assert -limit <= weight.min() < -0.99 * limit
    assert weight.std() == pytest.approx(limit / 3**0.5, rel=0.05)
    assert (Dense(100, 50).bias.data == 0).all()
    rows = Embedding(100, 64, rng=rng()).weight.data
    assert (rows**2).sum(axis=1).mean() == pytest.approx(1, rel=0.1)


def test_softmax_along_its_axis() -> None:
    np.testing.assert_allclose(Softmax(axis=0)(tokens(2, 5)).sum(0), 1)


def test_layer_norm_brings_rows_to_mean_0_and_variance_1() -> None:
    x, norm = tokens(2, 5), LayerNorm(5, **F64)
    np.testing.assert_allclose(norm(x).data.mean(-1), 0, atol=1e-12)
    np.testing.assert_allclose(norm(x).data.std(-1), 1, rtol=1e-4)


def test_an_embedding_looks_up_rows() -> None:
    table = Embedding(7, 3)
    np.testing.assert_array_equal(table(np.array([[1, 6]])).data, table.weight.data[[[1, 6]]])


def test_a_sequence_takes_layers_and_functions() -> None:
    both, x = Sequential(Dense(5, 4, **F64), lambda h: h * 2), tokens(2, 5)
    np.testing.assert_allclose(both(x).data, both.layers[0](x).data * 2)


def test_dropout() -> None:
    x = Tensor(np.ones((100, 100), np.float32), requires_grad=True)
    layer = Dropout(0.25, rng=rng(3))
    y = layer(x)
    assert set(np.unique(y.data)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(y.data.mean() - 1) < 0.02
    np.testing.assert_array_equal(grad(y, x, 2 * np.ones_like(x.data))[0], 2 * y.data)
    assert not np.array_equal(layer(x).data, y.data), "the same elements were dropped again"
    np.testing.assert_array_equal(Dropout(0.25, rng=rng(3))(x).data, y.data)
    assert layer.eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_a_seed_repeats_dropout_bit_for_bit() -> None:
    def run(seed: int) -> np.ndarray:
        model = Classifier(4, 3, dropout=0.5, num_blocks=2, seed=seed)
        x = tokens(2, 5, 4).astype(np.float32)
        return np.stack([model(x).data, model(x).data])

    np.testing.assert_array_equal(run(1), run(1))
    assert not np.array_equal(*run(1))
    assert not np.array_equal(run(1), run(2))
