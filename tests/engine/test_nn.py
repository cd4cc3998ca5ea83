"""Layers: their parameters, their files, and what attention is and is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.libraries import OTHERS

from minitorch_attn import Tensor, grad, gradcheck
from minitorch_attn.fast import attention as choice
from minitorch_attn.files import load_arrays, save_arrays
from minitorch_attn.models import Classifier
from minitorch_attn.nn import (
    Attention,
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
    LearnedPositions,
    Module,
    MultiHeadAttention,
    Parameter,
    Sequential,
    SinusoidalPositions,
    Softmax,
    TransformerBlock,
    merge_heads,
    sinusoids,
    split_heads,
)

F64 = {"dtype": np.float64}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tokens(*shape: int) -> np.ndarray:
    return rng(sum(shape)).normal(size=shape)


# Modules.


class Tower(Module):
    def __init__(self) -> None:
        self.z = Dense(2, 3)
        self.a = Parameter(np.ones(2))
        self.layers = [Dense(3, 3, bias=False), Dropout(0.5), Parameter(np.zeros(1))]
        self.shared = self.z
        self.tied = self.a
        self.plain = Tensor(np.ones(5), requires_grad=True)
        self.z = self.z


def test_parameters_in_the_order_in_which_they_were_set() -> None:
    names = [name for name, _ in Tower().named_parameters()]
    # A module's own come before those of the modules inside it.
    assert names == ["a", "layers.2", "z.weight", "z.bias", "layers.0.weight"]
    assert Tower().num_parameters() == 2 + 1 + 6 + 3 + 9


def test_a_shared_parameter_counts_once() -> None:
    tower = Tower()
    assert len(tower.parameters()) == len({id(p) for p in tower.parameters()}) == 5
    assert set(tower.state_dict()) == {name for name, _ in tower.named_parameters()}


def test_train_and_eval_reach_every_module() -> None:
    model = Sequential(Tower(), Sequential(Dropout(0.1)))
    assert all(module.training for _, module in model.named_modules())
    assert model.eval() is model
    assert not any(module.training for _, module in model.named_modules())
    model.train()
    assert all(module.training for _, module in model.named_modules())


def test_zero_grad_forgets() -> None:
    layer = Dense(2, 2)
    layer(np.ones((1, 2), np.float32)).sum().backward()
    assert layer.weight.grad is not None
    layer.zero_grad()
    assert layer.weight.grad is None
    assert layer.bias.grad is None


def test_generators_are_found_once() -> None:
    one = rng()
    other = Dropout(0.2)
    model = Sequential(Dropout(0.1, rng=one), Sequential(Dropout(0.2, rng=one), other))
    found = model.generators()
    assert len(found) == 2
    assert found[0] is one
    assert found[1] is other.rng


def test_a_state_is_a_copy_both_ways() -> None:
    layer = Dense(2, 2)
    state = layer.state_dict()
    state["weight"][:] = 7
    assert not (layer.weight.data == 7).any()
    layer.load_state_dict(state)
    state["weight"][:] = 8
    assert (layer.weight.data == 7).all()
    assert layer.weight.dtype == np.float32


def test_save_and_load(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "tower.safetensors"
    one, other = Classifier(4, 3, seed=1), Classifier(4, 3, seed=2)
    x = tokens(2, 5, 4).astype(np.float32)
    assert not np.allclose(one(x).data, other(x).data)
    one.save(path)
    assert other.load(path) is other
    np.testing.assert_array_equal(one(x).data, other(x).data)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_crash_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    Dense(2, 2).save(path)
    before = path.read_bytes()

    def crash(*_: object) -> None:
        raise OSError("no space left")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, crash)
            with pytest.raises(OSError, match="no space"):
                Dense(2, 2).save(path)
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_arrays_of_any_layout_on_disk(tmp_path: Path) -> None:
    arrays = {
        "number": np.array(3.5),
        "nothing": np.zeros((0, 3), np.float32),
        "turned": np.arange(6).reshape(2, 3).T,
        "back": np.arange(4.0)[::-1],
    }
    save_arrays(tmp_path / "a", arrays, {"epoch": 3, "names": ["x", "y"]})
    found, notes = load_arrays(tmp_path / "a")
    assert notes == {"epoch": 3, "names": ["x", "y"]}
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


@pytest.mark.parametrize("device", OTHERS)
def test_a_model_moves_and_gives_the_same(device: str) -> None:
    model = Classifier(4, 3, num_positions=6, seed=1, **F64)
    x = tokens(2, 6, 4)
    wanted = model(x)
    wanted.sum().backward()
    gradients = [p.grad for p in model.parameters()]
    assert model.to(device) is model
    assert all(p.device == device for p in model.parameters())
    model.zero_grad()
    y = model(Tensor(x).to(device).data)
    assert y.device == device
    np.testing.assert_allclose(y.numpy(), wanted.data, rtol=1e-9)
    y.sum().backward()
    model.to("cpu")
    for p, g in zip(model.parameters(), gradients, strict=True):
        np.testing.assert_allclose(p.grad, g, rtol=1e-8, atol=1e-12)
    assert SinusoidalPositions(4)(Tensor(x).to(device)).device == device


# The plain layers.


def test_dense() -> None:
    layer = Dense(3, 2, rng=rng(), **F64)
    x = tokens(2, 4, 3)
    layer.bias.data[:] = [1, -1]
    np.testing.assert_allclose(layer(x).data, x @ layer.weight.data + [1, -1])
    assert Dense(3, 2, bias=False).bias is None
    assert np.abs(Dense(100, 50).weight.data).max() <= (6 / 150) ** 0.5
    assert Dense(3, 2).weight.dtype == np.float32


def test_small_layers() -> None:
    x = tokens(2, 5)
    np.testing.assert_allclose(Softmax(axis=0)(x).sum(0), 1)
    norm = LayerNorm(5, **F64)
    np.testing.assert_allclose(norm(x).data.mean(-1), 0, atol=1e-12)
    np.testing.assert_allclose(norm(x).data.std(-1), 1, rtol=1e-4)
    table = Embedding(7, 3)
    np.testing.assert_array_equal(table(np.array([[1, 6]])).data, table.weight.data[[[1, 6]]])
    both = Sequential(Dense(5, 4, **F64), lambda h: h * 2)
    np.testing.assert_allclose(both(x).data, both.layers[0](x).data * 2)
    with pytest.raises(NotImplementedError, match="Tower"):
        Tower()(x)


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


# Attention.


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


def influence(call: object, n: int) -> np.ndarray:
    """Which inputs reach which outputs: (N outputs, N inputs)."""
    x = Tensor(tokens(1, n, 6), requires_grad=True)
    reach = np.zeros((n, n), bool)
    for i in range(n):
        (g,) = grad((call(x)[0, i] * np.arange(1.0, 7)).sum(), x)
        reach[i] = np.abs(g[0]).max(-1) > 1e-12
    return reach


def test_one_layer_reaches_every_token(mha: MultiHeadAttention) -> None:
    assert influence(mha, 6).all()
    np.testing.assert_array_equal(influence(lambda x: mha(x, causal=True), 6), np.tri(6))
    assert not influence(lambda x: mha.output(mha.value(x)), 6)[0, 1:].any()


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_causality_of_a_block(norm: str) -> None:
    block = TransformerBlock(6, 2, norm=norm, rng=rng(), **F64)
    x = tokens(1, 5, 6)
    before = block(x, causal=True).data
    x[0, 3:] += 1
    after = block(x, causal=True).data
    np.testing.assert_array_equal(before[0, :3], after[0, :3])
    assert not np.allclose(before[0, 3:], after[0, 3:])


def test_a_mask_hides_what_it_hides(mha: MultiHeadAttention) -> None:
    x, mask = tokens(2, 4, 6), np.ones((2, 1, 1, 4), bool)
    mask[0, ..., 2:] = False
    y, w = mha(x, mask=mask, return_weights=True)
    assert (w.data[0, ..., 2:] == 0).all()
    np.testing.assert_allclose(y.data[:1, :2], mha(x[:1, :2]).data)
    np.testing.assert_allclose(y.data[1], mha(x[1:]).data[0])


def test_a_query_that_may_attend_to_nothing(mha: MultiHeadAttention) -> None:
    """Weights 0, output 0 before the last projection, gradient 0; and no NaN anywhere."""
    x, context = Tensor(tokens(1, 3, 6), True), Tensor(tokens(1, 4, 6), True)
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


# The document's layer.


def test_the_documents_attention() -> None:
    assert (Attention().num_attention_heads, Attention().num_heads_per_head) == (8, 64)
    layer = Attention(num_attention_heads=2, num_heads_per_head=5, rng=rng(), **F64)
    assert layer.total_heads == 10
    x = tokens(3, 4, 6)
    assert layer.heads is None
    y, w = layer.build(6).eval()(x, return_weights=True)
    assert y.shape == x.shape
    assert w.shape == (3, 2, 4, 4)
    assert layer.heads is not None
    np.testing.assert_allclose(y.data, layer.heads(x).data, rtol=1e-9)
    np.testing.assert_array_equal(layer(x).data, y.data)
    assert len(layer.parameters()) == 8
    # Tokens attend to tokens, and not heads to heads.
    assert influence(Attention(2, 5, rng=rng(), **F64).build(6).eval(), 4).all()
    # Built by its first input, as in Keras; its dropout is at work while training.
    first = Attention(2, 5, rng=rng(), **F64)
    assert (first(x).data == 0).any()


# Blocks and positions.


def test_a_block_before_and_after_its_norm() -> None:
    x = tokens(2, 4, 6)
    for norm in ("pre", "post"):
        block = TransformerBlock(6, 2, hidden_dim=7, norm=norm, rng=rng(), **F64)
        assert block.hidden.weight.shape == (6, 7)

        def feed(h: Tensor, block: TransformerBlock = block) -> Tensor:
            return block.output(gelu(block.hidden(h)))

        if norm == "pre":
            h = x + block.attention(block.norm1(x))
            wanted = h + feed(block.norm2(h))
        else:
            h = block.norm1(x + block.attention(x))
            wanted = block.norm2(h + feed(h))
        np.testing.assert_allclose(block(x).data, wanted.data)
        y, w = block(x, return_weights=True)
        np.testing.assert_allclose(y.data, wanted.data)
        assert w.shape == (2, 2, 4, 4)
        gradcheck(block, [x[:1, :2]])


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + ((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)).tanh())


def test_positions() -> None:
    table = sinusoids(50, 8)
    assert table.shape == (50, 8)
    np.testing.assert_allclose(table[0], [0, 1] * 4)
    np.testing.assert_allclose(table[7, 2:4], [np.sin(7 / 10), np.cos(7 / 10)])
    # The angle between two places depends on their distance alone.
    np.testing.assert_allclose(table[3] @ table[8], table[13] @ table[18])
    x = tokens(2, 5, 8)
    np.testing.assert_allclose(SinusoidalPositions(8)(Tensor(x)).data, x + table[:5])
    assert SinusoidalPositions(8)(Tensor(x.astype(np.float32))).dtype == np.float32
    learned = LearnedPositions(6, 8, **F64)
    y = learned(Tensor(x))
    np.testing.assert_allclose(y.data, x + learned.weight.data[:5])
    y.sum().backward()
    np.testing.assert_array_equal(learned.weight.grad[:, 0], [2, 2, 2, 2, 2, 0])
