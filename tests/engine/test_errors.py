"""Every wrong use has its own error, and its message says what happened and what to do."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.libraries import STRICT

from minitorch_attn import (
    DeviceError,
    GradientError,
    Tensor,
    grad,
    gradcheck,
    no_grad,
    ops,
    packed_attention,
)
from minitorch_attn.data import Dataset, Loader, cued_digits, digits
from minitorch_attn.files import FileError
from minitorch_attn.models import Attention, Classifier, patchify
from minitorch_attn.nn import (
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
    LearnedPositions,
    MultiHeadAttention,
    SinusoidalPositions,
    TransformerBlock,
)
from minitorch_attn.optim import SGD, Adam, DivergedError
from minitorch_attn.training import Trainer

A, B = np.ones((2, 3)), np.ones((2, 4))
Q = np.ones((2, 3, 4))
IDS = np.array([0, 7])


def told(call: Callable, kind: type[BaseException]) -> str:
    """The message of the error that a call raises, and what was added to it."""
    with pytest.raises(kind) as caught:
        call()
    return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


def strict(x: Any) -> Any:
    return Tensor(x).to(STRICT)


# What is done, the error, and words that its message must have.
OPS: dict[str, tuple[Callable, type[Exception], tuple[str, ...]]] = {
    "shapes that do not broadcast": (
        lambda: Tensor(A) + B,
        ValueError,
        ("in add, given shapes (2, 3), (2, 4)", "keepdims=True"),
    ),
    "matmul of widths that differ": (
        lambda: Tensor(A) @ A,
        ValueError,
        ("in matmul, given shapes (2, 3), (2, 3)", "mT"),
    ),
    "a reshape to another size": (
        lambda: Tensor(A).reshape(4, 2),
        ValueError,
        ("in reshape, given shapes (2, 3)", "number of elements"),
    ),
    "a stretch of what is not 1": (
        lambda: ops.broadcast_to(A, (2, 4)),
        ValueError,
        ("in broadcast_to", "only where its size is 1"),
    ),
    "concatenating what does not fit": (
        lambda: ops.concatenate([A, B]),
        ValueError,
        ("in concatenate, given shapes (2, 3), (2, 4)", "shapes agree but for the axis"),
    ),
    "an index out of range": (
        lambda: Tensor(A)[5],
        IndexError,
        ("in getitem, given shapes (2, 3)", "index"),
    ),
    "sections that do not divide": (
        lambda: ops.split(A, 2, axis=1),
        ValueError,
        ("split", "3 elements along axis 1", "2 equal sections"),
    ),
    "take out of range": (
        lambda: ops.take(A, [0, 3], axis=1),
        IndexError,
        ("take", "is 3", "[-3, 3)"),
    ),
    "take by numbers that are not integers": (
        lambda: ops.take(A, np.array([0.5])),
        TypeError,
        ("integer", "float64"),
    ),
    "a token id too large": (
        lambda: ops.embedding(IDS, A),
        IndexError,
        ("a token id is 7", "[0, 2)"),
    ),
    "a token id below 0": (
        lambda: ops.embedding(np.array([-1]), A),
        IndexError,
        ("a token id is -1", "[0, 2)"),
    ),
    "token ids that are not integers": (
        lambda: ops.embedding(A, A),
        TypeError,
        ("integer", "float64"),
    ),
    "targets (B, 1) for logits (B, C)": (
        lambda: ops.cross_entropy(A, np.zeros((2, 1), int)),
        ValueError,
        ("(2, 3)", "(2, 1)", "targets of shape (2,)"),
    ),
    "targets that are not integers": (
        lambda: ops.cross_entropy(A, np.zeros(2)),
        TypeError,
        ("integers", "float64"),
    ),
    "a target out of range": (
        lambda: ops.cross_entropy(A, np.array([0, 3])),
        IndexError,
        ("[0, 3]", "classes 0 to 2"),
    ),
    "a target below 0": (
        lambda: ops.cross_entropy(A, np.array([0, -1])),
        IndexError,
        ("[-1, 0]", "classes 0 to 2"),
    ),
    "a target out of range beside one to ignore": (
        lambda: ops.cross_entropy(A, np.array([-1, 3]), ignore=-1),
        IndexError,
        ("[3, 3]", "classes 0 to 2"),
    ),
    "nothing but targets to ignore": (
        lambda: ops.cross_entropy(A, np.array([0, 0]), ignore=0),
        ValueError,
        ("cross_entropy", "no rows"),
    ),
    "the mean loss of no rows": (
        lambda: ops.cross_entropy(np.ones((0, 3)), np.zeros(0, int)),
        ValueError,
        ("cross_entropy", "no rows"),
    ),
    "layer_norm's weight of another width": (
        lambda: ops.layer_norm(A, np.ones(2)),
        ValueError,
        ("weight has shape (2,)", "need (3,)"),
    ),
    "a repeated letter in einsum": (
        lambda: ops.einsum("ii->i", np.ones((2, 2))),
        ValueError,
        ("'ii'", "repeats a letter", "x[..., i, i]"),
    ),
    "einsum with an operand missing": (
        lambda: ops.einsum("ij,jk->ik", A),
        ValueError,
        ("2 operands, given 1",),
    ),
    "dropping everything": (
        lambda: ops.dropout(A, 1.0, np.random.default_rng(0)),
        ValueError,
        ("[0, 1)", "1.0"),
    ),
    "attention to keys of another width": (
        lambda: ops.attention(Q, np.ones((2, 5, 3)), np.ones((2, 5, 3))),
        ValueError,
        ("query (2, 3, 4), key (2, 5, 3)", "same width"),
    ),
    "attention with fewer values than keys": (
        lambda: ops.attention(Q, Q, np.ones((2, 2, 4))),
        ValueError,
        ("one value for each key", "value (2, 2, 4)"),
    ),
    "attention of a vector": (
        lambda: ops.attention(np.ones(4), Q, Q),
        ValueError,
        ("query (4,)", "q[None, :]"),
    ),
    "attention to nothing": (
        lambda: ops.attention(Q, np.ones((2, 0, 4)), np.ones((2, 0, 4))),
        ValueError,
        ("no key to attend to",),
    ),
    "a mask of zeros and ones": (
        lambda: ops.attention(Q, Q, Q, mask=np.ones((3, 3))),
        TypeError,
        ("a mask is boolean", "float64", "mask > 0"),
    ),
    "a mask that is a list": (
        lambda: ops.attention(Q, Q, Q, mask=[[True]]),
        TypeError,
        ("a mask is boolean", "list"),
    ),
    "a mask (B, S)": (
        lambda: ops.attention(Q, Q, Q, mask=np.ones((2, 3), bool)),
        ValueError,
        ("(2, 3)", "(2, 3, 3)", "mask[:, None, :]"),
    ),
    "a mask that would enlarge the scores": (
        lambda: ops.attention(Q, Q, Q, mask=np.ones((5, 2, 3, 3), bool)),
        ValueError,
        ("(5, 2, 3, 3)", "(2, 3, 3)"),
    ),
    "packed attention of heads that do not divide": (
        lambda: packed_attention(np.ones((2, 3, 8)), 2),
        ValueError,
        ("3 · 2", "(2, 3, 8)"),
    ),
    "packed attention with a mask that does not fit": (
        lambda: packed_attention(np.ones((2, 3, 12)), 2, mask=np.ones((2, 3), bool)),
        ValueError,
        ("mask[:, None, None, :]",),
    ),
    "linear with a bias of another width": (
        lambda: ops.linear(A, np.ones((3, 4)), np.ones(3)),
        ValueError,
        ("weight (3, 4)", "bias (3,)"),
    ),
    "a number after @": (lambda: Tensor(A) @ 2, ValueError, ("axes", "x * 2")),
    "NumPy's function on a Tensor's record": (
        lambda: np.sum(Tensor(A)),
        TypeError,
        ("np.sum", "minitorch_attn's function", ".numpy()"),
    ),
    "an element set in place": (
        lambda: Tensor(A).__setitem__(0, 3),
        TypeError,
        ("not changed in place", "where(condition, value, x)", "x.data"),
    ),
    "concatenating nothing": (lambda: ops.concatenate([]), ValueError, ("no tensors at all",)),
    "stacking nothing": (lambda: ops.stack([]), ValueError, ("stack", "no tensors at all")),
    "concatenating numbers": (lambda: ops.concatenate([1.0, 2.0]), ValueError, ("stack puts",)),
    "NumPy's other form of einsum": (
        lambda: ops.einsum(A, [0, 1], [1, 0]),
        TypeError,
        ("the letters come first", "einsum('ij,jk->ik', a, b)", "ndarray"),
    ),
    "einsum that loses what ... stands for": (
        lambda: ops.einsum("...i->i", A),
        ValueError,
        ("'...i->i'", "..."),
    ),
    "einsum of a letter that is in no input": (
        lambda: ops.einsum("ij->ijk", A),
        ValueError,
        ("each letter of the output", "in an input"),
    ),
    "einsum of too few letters": (
        lambda: ops.einsum("i->i", A),
        ValueError,
        ("'i'", "2 axes", "(2, 3)"),
    ),
    "no sections": (lambda: ops.split(A, 0), ValueError, ("at least one section", "not 0")),
    "fewer than no sections": (lambda: ops.split(A, -2, axis=1), ValueError, ("not -2",)),
    "packed attention of no heads": (
        lambda: packed_attention(np.ones((1, 2, 6)), 0),
        ValueError,
        ("num_heads is at least 1, not 0",),
    ),
    "packed attention of no width": (
        lambda: packed_attention(np.ones((1, 2, 0)), 2),
        ValueError,
        ("(1, 2, 0)",),
    ),
    "attention of no width": (
        lambda: ops.attention(*[np.ones((2, 0))] * 3),
        ValueError,
        ("a width d of at least 1",),
    ),
    "layer norm of rows of nothing": (
        lambda: ops.layer_norm(np.ones((2, 0))),
        ValueError,
        ("at least one number", "(2, 0)"),
    ),
    "layer norm of a number": (lambda: ops.layer_norm(2.0), ValueError, ("not shape ()",)),
    "the loss of a number": (
        lambda: ops.cross_entropy(2.0, 0),
        ValueError,
        ("an axis of classes",),
    ),
    "rows of a number": (lambda: ops.embedding([0], 2.0), ValueError, ("the table needs axes",)),
    "linear of another width": (
        lambda: ops.linear(Tensor(A), np.ones((4, 2)), np.ones(2)),
        ValueError,
        ("in linear, given shapes (2, 3), (4, 2), (2,)", "they must be equal"),
    ),
}

GRADIENTS: dict[str, tuple[Callable, type[Exception], tuple[str, ...]]] = {
    "backward on what is not a number": (
        lambda: (Tensor(A, requires_grad=True) * 2).backward(),
        GradientError,
        ("single number", "(2, 3)", ".sum()"),
    ),
    "nothing that requires a gradient": (
        lambda: Tensor(A).sum().backward(),
        GradientError,
        ("requires_grad=True", "no_grad"),
    ),
    "computed under no_grad": (
        lambda: quietly(Tensor(A, requires_grad=True)).backward(),
        GradientError,
        ("no_grad",),
    ),
    "an input without a gradient": (
        lambda: grad(Tensor(A, requires_grad=True).sum(), [Tensor(A)]),
        GradientError,
        ("input 0", "requires_grad=True"),
    ),
    "an input that is an array": (
        lambda: grad(Tensor(A, requires_grad=True).sum(), [A]),
        GradientError,
        ("input 0",),
    ),
    "a gradient of another shape": (
        lambda: (Tensor(A, requires_grad=True) * 2).backward(np.ones(3)),
        GradientError,
        ("(3,)", "(2, 3)"),
    ),
    "integers that want a gradient": (
        lambda: Tensor([1, 2], requires_grad=True),
        TypeError,
        ("int64", "astype"),
    ),
    "words": (lambda: Tensor(["a"]), TypeError, ("real numbers", "<U1")),
    "complex numbers": (lambda: Tensor([1j]), TypeError, ("real numbers", "complex128")),
    "gradcheck of float32": (
        lambda: gradcheck(ops.exp, [np.ones(2, np.float32)]),
        TypeError,
        ("float64", "input 0 is float32"),
    ),
    "NumPy's function on a Tensor": (
        lambda: np.asarray(Tensor(A)),
        TypeError,
        (".numpy()", "no gradient"),
    ),
}


def quietly(x: Tensor) -> Tensor:
    with no_grad():
        return x.sum()


DEVICE: dict[str, tuple[Callable, type[Exception], tuple[str, ...]]] = {
    "a NumPy array on another library's tensor": (
        lambda: strict(A) + A,
        DeviceError,
        ("argument 0 is strict_arrays's", "argument 1 is numpy's", '.to("cuda")', '.to("cpu")'),
    ),
    "and the other way round": (
        lambda: A + strict(A),
        DeviceError,
        ("argument 0 is numpy's", "argument 1 is strict_arrays's"),
    ),
    "matmul of two libraries": (lambda: strict(A) @ A.T, DeviceError, ("numpy", STRICT)),
    "attention over two libraries": (
        lambda: ops.attention(strict(Q), Q, Q),
        DeviceError,
        ("argument 0 is strict_arrays's",),
    ),
    "a mask of another library": (
        lambda: ops.attention(*[strict(Q)] * 3, mask=np.ones((3, 3), bool)),
        DeviceError,
        ("numpy", STRICT),
    ),
    "targets of another library": (
        lambda: ops.cross_entropy(strict(A), np.array([0, 1])),
        DeviceError,
        ("numpy", STRICT),
    ),
    "an index of another library": (
        lambda: ops.embedding(np.array([0, 1]), strict(A)),
        DeviceError,
        ("numpy", STRICT),
    ),
    "a gradient of another library": (
        lambda: strict_leaf().backward(np.ones((2, 3))),
        DeviceError,
        ("numpy", STRICT),
    ),
    "a device that is none": (
        lambda: Tensor(A).to("gpu"),
        DeviceError,
        ("'gpu'", '"cpu" or "cuda"'),
    ),
}


def strict_leaf() -> Tensor:
    return Tensor(strict(A).data, requires_grad=True)


LAYERS: dict[str, tuple[Callable, type[Exception], tuple[str, ...]]] = {
    "heads that do not divide": (
        lambda: MultiHeadAttention(10, 3),
        ValueError,
        ("3 heads", "width of 10", "head_dim"),
    ),
    "a dense layer on another width": (
        lambda: Dense(4, 2)(A),
        ValueError,
        ("Dense(4, 2)", "last axis of 4", "(2, 3)"),
    ),
    "tokens without a batch": (
        lambda: MultiHeadAttention(4, 2)(A),
        ValueError,
        ("x has three axes", "(2, 3)"),
    ),
    "a context without a batch": (
        lambda: MultiHeadAttention(4, 2)(Q, context=np.ones((3, 4))),
        ValueError,
        ("context has three axes", "(3, 4)"),
    ),
    "the document's layer on a matrix": (
        lambda: Attention(2, 3)(A),
        ValueError,
        ("three axes", "(2, 3)"),
    ),
    "parameters before the first input": (
        lambda: Attention(2, 3).parameters(),
        RuntimeError,
        ("before its first input", "build(width)"),
    ),
    "a model of no width": (
        lambda: MultiHeadAttention(0, 2),
        ValueError,
        ("model_dim is at least 1, not 0",),
    ),
    "no heads": (lambda: TransformerBlock(4, 0), ValueError, ("num_heads is at least 1, not 0",)),
    "heads of no width": (
        lambda: MultiHeadAttention(4, 2, head_dim=0),
        ValueError,
        ("head_dim is at least 1, not 0",),
    ),
    "a dense layer of nothing": (lambda: Dense(0, 0), ValueError, ("in_features", "not 0")),
    "a norm of nothing": (lambda: LayerNorm(0), ValueError, ("dim is at least 1",)),
    "a table of nothing": (lambda: Embedding(3, 0), ValueError, ("dim is at least 1",)),
    "no places": (lambda: LearnedPositions(0, 4), ValueError, ("num is at least 1",)),
    "a norm that is neither": (
        lambda: TransformerBlock(4, 2, norm="both"),
        ValueError,
        ('"pre" or "post"', "'both'"),
    ),
    "an odd number of sines": (
        lambda: SinusoidalPositions(3)(Tensor(A)),
        ValueError,
        ("even", "3"),
    ),
    "more tokens than places": (
        lambda: LearnedPositions(2, 4)(Q),
        ValueError,
        ("3 tokens", "2 places"),
    ),
    "Dropout(1)": (lambda: Dropout(1), ValueError, ("[0, 1)", "not 1")),
    "Dropout(-0.1)": (lambda: Dropout(-0.1), ValueError, ("[0, 1)", "-0.1")),
    "a pool that is none": (lambda: Classifier(4, 2, pool="sum"), ValueError, ("'sum'",)),
    "masks for another number of blocks": (
        lambda: Classifier(4, 2)(Q, mask=[None, None]),
        ValueError,
        ("2 for 1 blocks",),
    ),
    "a mixing that is none": (lambda: Classifier(4, 2, mixing="all"), ValueError, ("'all'",)),
    "patches that do not tile": (lambda: patchify(Q, 2), ValueError, ("2×2", "3×4")),
    "an optimiser of nothing": (lambda: Adam([], 0.1), ValueError, ("Adam", "no parameters")),
    "Nesterov without momentum": (
        lambda: SGD(Dense(2, 2).parameters(), 0.1, nesterov=True),
        ValueError,
        ("momentum",),
    ),
    "a split that is none": (lambda: digits(split="odd"), ValueError, ("'odd'", '"writers"')),
    "a scene of one tile": (lambda: cued_digits(num_tiles=1), ValueError, ("two tiles", "1")),
    "a batch of nothing": (
        lambda: Loader(Dataset(A, np.zeros(2, int), 2), 0),
        ValueError,
        ("at least one", "0"),
    ),
    "a loader of nothing": (
        lambda: Loader(Dataset(A[:0], np.zeros(0, int), 2), 1),
        ValueError,
        ("empty",),
    ),
    "patience without a validation set": (
        lambda: Trainer(Dense(2, 2), SGD(Dense(2, 2).parameters(), 0.1), None, patience=1),
        ValueError,
        ("patience", "validation"),
    ),
}
ALL = {**OPS, **GRADIENTS, **DEVICE, **LAYERS}
assert len(ALL) == len(OPS) + len(GRADIENTS) + len(DEVICE) + len(LAYERS)


@pytest.mark.parametrize("name", ALL)
def test_wrong_use(name: str) -> None:
    call, kind, words = ALL[name]
    message = told(call, kind)
    for word in words:
        assert word in message


# A call whose error has nothing to do with shapes, and so no hint about them.
NO_HINT: dict[str, Callable] = {
    "whole numbers to a negative power": lambda: Tensor([1, 2]) ** -1,
    "a word": lambda: Tensor(A) + "a",
    "NaN looked for": lambda: Tensor([0.0]) / Tensor([0.0]),
    "an axis that is not there": lambda: ops.concatenate([A, A], axis=5),
    "a keyword that is none": lambda: ops.add(A, A, axis=1),
}


@pytest.mark.parametrize("name", NO_HINT)
def test_a_hint_about_shapes_only_where_shapes_are_wrong(name: str) -> None:
    with np.errstate(all="raise"):
        message = told(NO_HINT[name], Exception)
    for words in ("broadcast", "keepdims", "agree"):
        assert words not in message


def test_a_released_graph() -> None:
    x = Tensor(2.0, requires_grad=True)
    y = x * x
    y.backward()
    message = told(y.backward, GradientError)
    assert "released" in message
    assert "create_graph=True" in message


# CuPy that is not there, or sees no GPU.


@pytest.fixture
def fake_cupy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a module called cupy on the path."""

    def make(count: str) -> None:
        (tmp_path / "cupy.py").write_text(
            "from types import SimpleNamespace\n"
            "class CUDARuntimeError(RuntimeError): pass\n"
            "def count():\n"
            f"    {count}\n"
            "runtime = SimpleNamespace(getDeviceCount=count, CUDARuntimeError=CUDARuntimeError)\n"
            "cuda = SimpleNamespace(runtime=runtime)\n"
        )
        monkeypatch.delitem(sys.modules, "cupy", raising=False)
        monkeypatch.syspath_prepend(tmp_path)

    yield make
    sys.modules.pop("cupy", None)


def test_cuda_without_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for call in (lambda: Tensor(A).to("cuda"), lambda: Dense(2, 2).to("cuda")):
        message = told(call, DeviceError)
        assert "not installed" in message
        assert 'pip install "minitorch_attn[cuda]"' in message


@pytest.mark.parametrize(
    "count", ["raise CUDARuntimeError('cudaErrorNoDevice')", "return 0"], ids=["error", "none"]
)
def test_cupy_without_a_gpu(fake_cupy: Callable[[str], None], count: str) -> None:
    fake_cupy(count)
    message = told(lambda: Tensor(A).to("cuda"), DeviceError)
    assert "sees no GPU" in message
    assert ("cudaErrorNoDevice" in message) == ("raise" in count)


# States and files.


def test_a_state_that_does_not_fit_names_every_key() -> None:
    layer = Dense(3, 2)
    before = layer.state_dict()
    state = {"weight": np.zeros((2, 3)), "offset": np.zeros(2)}
    message = told(lambda: layer.load_state_dict(state), ValueError)
    for line in (
        "missing: bias",
        "unexpected: offset",
        "misshaped: weight is (2, 3), the model's is (3, 2)",
    ):
        assert line in message
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(
            array, before[name], "a refused state has changed a parameter"
        )


def test_an_optimisers_state_that_does_not_fit() -> None:
    layer = Dense(2, 2)
    adam, sgd = Adam(layer.named_parameters()), SGD(layer.named_parameters(), 0.1)
    message = told(lambda: sgd.load_state_dict(adam.state_dict()), ValueError)
    assert "SGD" in message
    assert "unexpected" in message
    assert "mean.weight" in message


def test_files_that_are_no_models(tmp_path: Path) -> None:
    layer, path = Dense(3, 2), tmp_path / "model.safetensors"
    assert str(path) in told(lambda: layer.load(path), FileNotFoundError)
    layer.save(path)
    whole = path.read_bytes()
    for damaged in (whole[:-3], whole[: len(whole) // 2], b"", b"not a model at all", b"\xff" * 50):
        path.write_bytes(damaged)
        message = told(lambda: layer.load(path), FileError)
        assert str(path) in message
        assert "not a whole safetensors file" in message
    Dense(4, 2).save(path)
    message = told(lambda: layer.load(path), FileError)
    assert "misshaped: weight" in message
    assert str(path) in message


# NaN.


def test_a_gradient_that_is_nan_names_its_parameter_and_step() -> None:
    model = Dense(2, 2)
    optimizer = Adam(model.named_parameters(), 0.1)
    for p in model.parameters():
        p.grad = np.ones_like(p.data)
    optimizer.step()
    before = model.state_dict()
    model.bias.grad = np.array([0, np.nan], np.float32)
    message = told(optimizer.step, DivergedError)
    assert re.search(r"gradient of bias .* step 2", message)
    assert "learning rate" in message
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_loss_that_is_nan_names_the_parameter_and_the_step() -> None:
    model = Dense(3, 2)
    data = Dataset(np.ones((4, 3), np.float32), np.zeros(4, int), 2)
    trainer = Trainer(model, SGD(model.named_parameters(), 0.1), data, batch_size=2, progress=False)
    model.weight.data[0, 0] = np.nan
    message = told(lambda: trainer.fit(1), DivergedError)
    assert re.search(r"loss is nan at step 1 \(parameter weight is not finite\)", message)
    model.weight.data[0, 0] = 0
    data.inputs[:] = np.nan
    assert "all parameters are finite" in told(lambda: trainer.fit(1), DivergedError)


def test_too_many_arguments() -> None:
    with pytest.raises(TypeError, match="softmax was given 4 arguments"):
        ops.softmax(np.ones(3), 0, 1, 2)
