"""Models: the classifier, and baselines that are attention without its choice, masks included."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import strict_arrays

from minitorch_attn import Tensor, attention, grad, mean
from minitorch_attn.arrays import to_numpy
from minitorch_attn.models import (
    Classifier,
    DenseNet,
    NoAttention,
    UniformAttention,
    entropy,
    patchify,
    query_weights,
)
from minitorch_attn.nn import Dense, Mixing, TransformerBlock

F64 = {"dtype": np.float64}
KINDS = [UniformAttention, NoAttention]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tokens(*shape: int) -> np.ndarray:
    return rng(sum(shape)).normal(size=shape)


# The baselines.


def plain(layer: Any, x: Tensor, context: Tensor | None) -> Any:
    """The baseline as its formula, where nothing is masked."""
    if isinstance(layer, NoAttention):
        return layer.output(layer.value(x))
    return layer.output(mean(layer.value(x if context is None else context), axis=1, keepdims=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("crossed", [False, True])
def test_without_a_mask_they_are_their_formulas_to_the_bit(kind: Any, crossed: bool) -> None:
    layer = kind(6, rng=rng(1))
    x = Tensor(tokens(2, 4, 6).astype(np.float32))
    context = Tensor(tokens(2, 5, 6).astype(np.float32)) if crossed else None
    g = tokens(2, 4, 6).astype(np.float32)
    y, wanted = layer(x, context), plain(layer, x, context)
    assert y.dtype == np.float32
    assert y.shape == (2, 4, 6)
    np.testing.assert_array_equal(y.data, np.broadcast_to(wanted.data, y.shape))
    mine = grad((y * g).sum(), layer.parameters())
    for a, b in zip(mine, grad((wanted * g).sum(), layer.parameters()), strict=True):
        np.testing.assert_array_equal(a, b)
    looked, weights = layer(x, context, return_weights=True)
    np.testing.assert_array_equal(looked.data, y.data)
    s = 5 if crossed else 4
    expected = np.full((4, s), 1 / s) if kind is UniformAttention else np.eye(4, s, k=s - 4)
    np.testing.assert_array_equal(
        weights.data, np.broadcast_to(expected.astype(np.float32), (2, 1, 4, s))
    )


def masks(n: int, s: int) -> dict[str, Any]:
    padding = np.ones((2, 1, 1, s), bool)
    padding[1, ..., :2] = False
    some = rng(3).random((2, 1, n, s)) < 0.6
    some[0, 0, 1] = False  # a query that may attend to nothing
    return {
        "no mask": None,
        "padding": padding,
        "some": some,
        "one for all scenes": rng(4).random((n, s)) < 0.6,
        "nothing at all": np.zeros((1, 1), bool),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("s", [4, 6])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", masks(4, 4))
def test_they_are_attention_with_equal_scores(kind: Any, s: int, causal: bool, name: str) -> None:
    """With a query of 0 every score is 0; and a token on its own may attend to itself alone."""
    layer, mask = kind(6, rng=rng(1), **F64), masks(4, s)[name]
    whole = Tensor(tokens(2, s, 6), requires_grad=True)
    x, zeros = whole[:, s - 4 :], np.zeros((2, 1, 4, 6))
    context = None if s == 4 else whole
    y, weights = layer(x, context, mask, causal, return_weights=True)
    np.testing.assert_array_equal(layer(x, context, mask, causal).data, y.data)
    if kind is NoAttention:
        own = np.eye(4, s, k=s - 4, dtype=bool)
        mask = own if mask is None else mask & own
    value = layer.value(whole).reshape(2, 1, s, 6)
    mixed, expected = attention(
        zeros, np.zeros((2, 1, s, 6)), value, mask, causal, return_weights=True
    )
    wanted = layer.output(mixed.reshape(2, 4, 6))
    np.testing.assert_allclose(weights.data, expected.data, atol=1e-15)
    np.testing.assert_allclose(y.data, wanted.data, atol=1e-14)
    inputs, g = [whole, *layer.parameters()], tokens(2, 4, 6)
    mine, theirs = (grad((out * g).sum(), inputs) for out in (y, wanted))
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_a_masked_key_has_no_weight_and_no_influence(kind: Any) -> None:
    layer, x, mask = kind(6, rng=rng(1)), tokens(2, 5, 6).astype(np.float32), np.ones(5, bool)
    mask[1] = False
    y, weights = layer(x, mask=mask, return_weights=True)
    assert weights.dtype == np.float32
    assert (weights.data[..., 1] == 0).all()
    x[:, 1] += 1000
    changed = layer(x, mask=mask).data
    np.testing.assert_array_equal(changed, y.data)
    assert not np.array_equal(layer(x).data, changed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_later_token_has_no_influence_where_it_is_causal(kind: Any) -> None:
    layer, x = kind(6, rng=rng(1)), tokens(2, 5, 6)
    before = layer(x, causal=True).data
    x[:, 3:] += 1
    after = layer(x, causal=True).data
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert not np.allclose(before[:, 3:], after[:, 3:])


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_that_may_attend_to_nothing_takes_nothing(kind: Any) -> None:
    layer, mask = kind(6, rng=rng(1)), np.ones((3, 3), bool)
    layer.output.bias.data += 7
    mask[1] = False
    y, weights = layer(tokens(1, 3, 6), mask=mask, return_weights=True)
    assert (weights.data[0, 0, 1] == 0).all()
    np.testing.assert_array_equal(y.data[0, 1], layer.output.bias.data)


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_fit_is_refused(kind: Any) -> None:
    layer, x = kind(6, rng=rng(1)), tokens(2, 5, 6)
    with pytest.raises(ValueError, match=rf"{kind.__name__}: x has three axes.*\(5, 6\)"):
        layer(x[0])
    with pytest.raises(ValueError, match="context has three axes"):
        layer(x, x[..., :3])
    with pytest.raises(TypeError, match="a mask is boolean"):
        layer(x, mask=np.ones((5, 5)))
    for shape in [(4,), (2, 5), (2, 2, 5, 5)]:  # the last: weights of one head, a mask for two
        with pytest.raises(ValueError, match="does not broadcast"):
            layer(x, mask=np.ones(shape, bool))


@pytest.mark.parametrize("kind", KINDS)
def test_they_stay_in_the_library_of_their_arrays(kind: Any) -> None:
    x = tokens(2, 5, 6).astype(np.float32)
    mask = rng(2).random((2, 1, 5, 5)) < 0.6
    layer = kind(6, rng=rng(1))
    wanted = [layer(x, mask=m, return_weights=True) for m in (None, mask)]
    assert "strict_arrays" in sys.modules
    layer.to("strict_arrays")
    y = [
        layer(strict_arrays.asarray(x), mask=m, return_weights=True)
        for m in (None, strict_arrays.asarray(mask))
    ]
    for mine, theirs in zip(y, wanted, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert isinstance(a.data, strict_arrays.ndarray)
            np.testing.assert_allclose(to_numpy(a.data), b.data, rtol=1e-6)


def test_what_mixes_says_how() -> None:
    class Silent(Mixing):
        def __init__(self) -> None:
            self.value = Dense(6, 6)

    with pytest.raises(NotImplementedError, match="Silent does not say how it mixes"):
        Silent()(tokens(2, 5, 6))


def test_anything_that_mixes_stands_in_a_block() -> None:
    class Last(Mixing):
        """Every token takes the value of the last one."""

        def __init__(self, model_dim: int) -> None:
            self.value = Dense(model_dim, model_dim, rng=rng(1), **F64)

        def mix(self, x: Any, context: Any, *_: Any) -> Any:
            return self.value(x if context is None else context)[:, -1:]

    block = TransformerBlock(6, 2, rng=rng(), **F64)
    block.attention = Last(6)
    x = tokens(2, 5, 6)
    before = block(x).data
    x[:, -1] += np.arange(6)
    assert (np.abs(block(x).data - before)[:, :-1].max(axis=(1, 2)) > 1e-3).all()


# The classifier.


def test_patches_are_read_row_by_row() -> None:
    image = np.arange(16.0).reshape(1, 4, 4)
    wanted = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    np.testing.assert_array_equal(patchify(image, 2)[0], wanted)


@pytest.mark.parametrize("mixing", ["attention", "uniform", "none"])
def test_classifiers(mixing: str) -> None:
    model = Classifier(5, 3, num_heads=2, model_dim=6, pool="last", mixing=mixing, seed=1, **F64)
    x = tokens(2, 4, 5)
    logits, (w,) = model(x, return_weights=True)
    assert logits.shape == (2, 3)
    np.testing.assert_allclose(logits.data, model(x).data)
    np.testing.assert_allclose(w.data.sum(-1), 1)
    assert w.shape[2:] == (1, 4)  # only the last token asks: only it is read
    # The last token hears from the others through its weights, and in no other way.
    xt = Tensor(x, requires_grad=True)
    (g,) = grad((model(xt) * np.array([1.0, 2.0, 4.0])).sum(), xt)
    assert (np.abs(g[:, :-1]).max() > 0) == (mixing != "none")
    expected = {"uniform": [[0.25] * 4], "none": [[0, 0, 0, 1]]}.get(mixing)
    if expected is not None:
        np.testing.assert_allclose(w.data[0, 0], expected)


def test_reading_the_last_token_alone_changes_nothing() -> None:
    model = Classifier(5, 3, num_heads=2, model_dim=6, num_blocks=2, pool="last", seed=1, **F64)
    x = model.embed(tokens(2, 4, 5))
    for block in model.blocks:
        x = block(x)
    whole = model.head(model.norm(x)[:, -1])
    np.testing.assert_allclose(model(tokens(2, 4, 5)).data, whole.data, rtol=1e-10)


def test_a_dense_net_with_as_many_parameters() -> None:
    model = Classifier(5, 3, seed=1)
    net = DenseNet.matching(model, 20, 3, seed=1)
    assert abs(net.num_parameters() / model.num_parameters() - 1) < 0.01
    assert net(tokens(2, 4, 5).astype(np.float32)).shape == (2, 3)


def test_reading_weights() -> None:
    w = np.zeros((1, 2, 3, 3))
    w[0, :, -1] = [[0.5, 0.25, 0.25], [0.1, 0.9, 0.0]]
    np.testing.assert_allclose(query_weights(Tensor(w)), [[0.3, 0.575]])
    np.testing.assert_allclose(entropy(np.array([[0.5, 0.5, 0], [1, 0, 0]])), [1, 0], atol=1e-15)


@pytest.mark.parametrize("mixing", ["attention", "uniform", "none"])
def test_a_masked_token_does_not_reach_the_classes(mixing: str) -> None:
    model = Classifier(5, 3, num_blocks=2, model_dim=8, pool="last", mixing=mixing, seed=1, **F64)
    x, mask = tokens(2, 4, 5), np.array([True, False, True, True])
    logits, weights = model(x, mask=mask, return_weights=True)
    assert all((w.data[..., 1] == 0).all() for w in weights)
    x[:, 1] += 1
    np.testing.assert_allclose(model(x, mask=mask).data, logits.data, rtol=1e-10)
    if mixing != "none":
        assert not np.allclose(model(x).data, logits.data, rtol=1e-3)


def test_a_classifier_of_pictures_is_one_of_their_patches() -> None:
    images = rng(1).random((3, 4, 6)).astype(np.float32)
    of_pictures = Classifier(4, 10, patch=2, num_positions=6, seed=1)
    of_patches = Classifier(4, 10, num_positions=6, seed=1)
    logits, (weights,) = of_pictures(images, return_weights=True)
    assert logits.shape == (3, 10)
    assert weights.shape == (3, 4, 6, 6)
    np.testing.assert_array_equal(of_pictures(images).data, of_patches(patchify(images, 2)).data)


def test_only_positions_tell_the_order_of_patches() -> None:
    patches = tokens(2, 6, 4).astype(np.float32)
    shuffled = patches[:, [3, 0, 5, 1, 2, 4]]
    placed, unplaced = Classifier(4, 3, num_positions=6, seed=1), Classifier(4, 3, seed=1)
    np.testing.assert_allclose(unplaced(shuffled).data, unplaced(patches).data, atol=1e-5)
    assert np.abs(placed(shuffled).data - placed(patches).data).max() > 1e-2
    assert placed.num_parameters() - unplaced.num_parameters() == 6 * 32
    assert placed(patches[:, :4]).shape == (2, 3)  # fewer tokens than places
    with pytest.raises(ValueError, match="7 tokens, but only 6 places"):
        placed(tokens(2, 7, 4).astype(np.float32))


def test_a_baseline_begins_with_the_other_weights_that_it_always_had() -> None:
    """Figures of the book depend on the order in which random numbers are drawn."""
    rest = Classifier(5, 3, mixing="none", seed=1)
    drawn = rng(1)
    Dense(5, 32, rng=drawn)
    block = TransformerBlock(32, 4, rng=drawn)  # its attention is drawn, then thrown away
    value, output = Dense(32, 32, rng=drawn), Dense(32, 32, rng=drawn)
    head = Dense(32, 3, rng=drawn)
    for mine, wanted in (
        (rest.blocks[0].hidden, block.hidden),
        (rest.blocks[0].attention.value, value),
        (rest.blocks[0].attention.output, output),
        (rest.head, head),
    ):
        np.testing.assert_array_equal(mine.weight.data, wanted.weight.data)
