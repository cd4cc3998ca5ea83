"""The same numbers as PyTorch, to 1e-6 in float64. `reference/make_torch.py` made them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minitorch_attn import Tensor, cross_entropy, gelu, grad, layer_norm
from minitorch_attn.nn import Module, MultiHeadAttention, Parameter, TransformerBlock
from minitorch_attn.optim import SGD, Adam, AdamW

with np.load(Path(__file__).parents[1] / "reference" / "torch.npz") as _file:
    STORED = {name: _file[name] for name in _file.files}
F64 = {"dtype": np.float64}


def case(name: str) -> dict[str, np.ndarray]:
    found = {k.removeprefix(f"{name}/"): v for k, v in STORED.items() if k.startswith(f"{name}/")}
    assert found
    return found


def same(found: Any, wanted: np.ndarray, what: str) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6, err_msg=what, strict=True)


def check_parameters(model: Module, stored: dict[str, np.ndarray], call: Callable) -> None:
    """Copy the weights; compare the output, and every gradient."""
    names = [name for name, _ in model.named_parameters()]
    model.load_state_dict({name: stored[name] for name in names})
    y = call()
    same(y.data, stored["y"], "the output")
    y.backward(stored["seed"])
    for name, p in model.named_parameters():
        same(p.grad, stored[f"grad.{name}"], f"the gradient of {name}")


def test_which_pytorch_it_was() -> None:
    assert str(STORED["version"]).startswith("2.13.0")


@pytest.mark.parametrize("name", ["self", "cross", "masked", "causal"])
def test_multi_head_attention(name: str) -> None:
    stored = case(name)
    model = MultiHeadAttention(6, 3, **F64)
    x = Tensor(stored["x"], requires_grad=True)
    context = Tensor(stored["context"], requires_grad=True) if "context" in stored else None
    for options in (
        ({"mask": stored["mask"]}, {"causal": True})
        if name == "causal"
        else ({"mask": stored["mask"] if name == "masked" else None},)
    ):
        for weights in (False, True):
            model.zero_grad()
            x.grad = None

            def call(options: dict = options, weights: bool = weights) -> Tensor:
                if not weights:
                    return model(x, context, **options)
                y, w = model(x, context, return_weights=True, **options)
                same(w.data, stored["weights"], "the weights")
                return y

            check_parameters(model, stored, call)
            same(x.grad, stored["grad.x"], "the gradient of x")
            if context is not None:
                same(context.grad, stored["grad.context"], "the gradient of the context")
                context.grad = None


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_transformer_block(norm: str) -> None:
    stored = case(norm)
    block = TransformerBlock(6, 3, hidden_dim=8, norm=norm, **F64)
    x = Tensor(stored["x"], requires_grad=True)
    check_parameters(block, stored, lambda: block(x))
    same(x.grad, stored["grad.x"], "the gradient of x")


@pytest.mark.parametrize("name", ["layer_norm", "gelu", "cross_entropy"])
def test_functions(name: str) -> None:
    stored = case(name)
    inputs = [
        Tensor(stored[f"input{i}"], requires_grad=True) for i in range(3) if f"input{i}" in stored
    ]
    function = {
        "layer_norm": layer_norm,
        "gelu": gelu,
        "cross_entropy": lambda x: cross_entropy(x, stored["targets"]),
    }[name]
    y = function(*inputs)
    same(y.data, stored["y"], "the output")
    for i, g in enumerate(grad(y, inputs, stored["seed"])):
        same(g, stored[f"grad{i}"], f"gradient {i}")


OPTIMISERS: dict[str, Callable] = {
    "SGD": lambda p: SGD(p, 0.01, momentum=0.9),
    "Nesterov": lambda p: SGD(p, 0.01, momentum=0.9, nesterov=True),
    "Adam": lambda p: Adam(p, 0.05, betas=(0.8, 0.99)),
    "AdamW": lambda p: AdamW(p, 0.05, weight_decay=0.1),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_20_steps(name: str) -> None:
    stored = case(name)
    p = Parameter(stored["start"].copy())
    optimizer = OPTIMISERS[name]([p])
    assert len(stored["path"]) == 20
    for step, wanted in enumerate(stored["path"]):
        optimizer.zero_grad()
        away = p - stored["centre"]
        (away**4 + away**2).sum().backward()
        optimizer.step()
        same(p.data, wanted, f"after step {step + 1}")
