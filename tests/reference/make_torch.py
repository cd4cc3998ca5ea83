"""Compute what PyTorch makes of some inputs, and store both in torch.npz.

Run with torch==2.13.0 and NumPy: python tests/reference/make_torch.py. The tests read the file and
need no PyTorch. Weights are stored as this library keeps them, (in, out): PyTorch's, transposed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
B, N, S, D, H = 2, 4, 5, 6, 3
stored: dict[str, np.ndarray] = {"version": np.array(torch.__version__)}


def keep(case: str, **arrays: torch.Tensor) -> None:
    for name, x in arrays.items():
        stored[f"{case}/{name}"] = x.detach().numpy()


def leaf(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, requires_grad=True)


def linear(case: str, name: str, weight: torch.Tensor, bias: torch.Tensor, what: str = "") -> None:
    keep(case, **{f"{what}{name}.weight": weight.T, f"{what}{name}.bias": bias})


def keep_attention(case: str, mha: nn.MultiheadAttention, prefix: str, gradients: bool) -> None:
    """PyTorch keeps query, key and value in one matrix."""
    what = "grad." if gradients else ""
    weight = mha.in_proj_weight.grad if gradients else mha.in_proj_weight
    bias = mha.in_proj_bias.grad if gradients else mha.in_proj_bias
    parts = zip(("query", "key", "value"), weight.chunk(3), bias.chunk(3), strict=True)
    for name, w, b in parts:
        linear(case, prefix + name, w, b, what)
    out = mha.out_proj
    w, b = (out.weight.grad, out.bias.grad) if gradients else (out.weight, out.bias)
    linear(case, f"{prefix}output", w, b, what)


def attention(case: str, cross: bool = False, mask: str = "") -> None:
    mha = nn.MultiheadAttention(D, H, batch_first=True)
    nn.init.normal_(mha.in_proj_bias)
    nn.init.normal_(mha.out_proj.bias)
    x = leaf(B, N, D)
    context = leaf(B, S, D) if cross else x
    n, s = N, S if cross else N
    allowed = torch.ones(B, H, n, s, dtype=torch.bool)
    if mask == "causal":
        allowed = allowed.tril()
    elif mask == "some":
        allowed = torch.rand(B, H, n, s) < 0.6
        allowed[..., 0] = True
    y, weights = mha(
        x, context, context, attn_mask=~allowed.reshape(B * H, n, s), average_attn_weights=False
    )
    seed = torch.randn_like(y)
    y.backward(seed)
    keep(case, x=x, mask=allowed, y=y, weights=weights, seed=seed)
    keep(case, **{"grad.x": x.grad})
    if cross:
        keep(case, context=context, **{"grad.context": context.grad})
    keep_attention(case, mha, "", gradients=False)
    keep_attention(case, mha, "", gradients=True)


def block(case: str, norm_first: bool) -> None:
    layer = nn.TransformerEncoderLayer(
        D,
        H,
        dim_feedforward=8,
        dropout=0.0,
        activation=lambda h: F.gelu(h, approximate="tanh"),
        batch_first=True,
        norm_first=norm_first,
    )
    for norm in (layer.norm1, layer.norm2):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    x = leaf(B, N, D)
    y = layer(x)
    seed = torch.randn_like(y)
    y.backward(seed)
    keep(case, x=x, y=y, seed=seed, **{"grad.x": x.grad})
    for gradients in (False, True):
        what = "grad." if gradients else ""

        def pick(p: torch.Tensor, gradients: bool = gradients) -> torch.Tensor:
            return p.grad if gradients else p

        keep_attention(case, layer.self_attn, "attention.", gradients)
        for name, dense in (("hidden", layer.linear1), ("output", layer.linear2)):
            linear(case, name, pick(dense.weight), pick(dense.bias), what)
        for name, norm in (("norm1", layer.norm1), ("norm2", layer.norm2)):
            keep(case, **{f"{what}{name}.weight": pick(norm.weight)})
            keep(case, **{f"{what}{name}.bias": pick(norm.bias)})


def function(case: str, call: object, *inputs: torch.Tensor, **constants: torch.Tensor) -> None:
    y = call(*inputs)
    seed = torch.randn_like(y)
    y.backward(seed)
    keep(case, y=y, seed=seed, **constants)
    for i, x in enumerate(inputs):
        keep(case, **{f"input{i}": x, f"grad{i}": x.grad})


def optimiser(case: str, make: object) -> None:
    """20 steps down a bent bowl; the parameter after each."""
    start, centre = torch.randn(3, 2), torch.randn(3, 2)
    p = start.clone().requires_grad_()
    steps, path = make([p]), []
    for _ in range(20):
        steps.zero_grad()
        ((p - centre) ** 4 + (p - centre) ** 2).sum().backward()
        steps.step()
        path.append(p.detach().clone())
    keep(case, start=start, centre=centre, path=torch.stack(path))


attention("self")
attention("cross", cross=True)
attention("masked", cross=True, mask="some")
attention("causal", mask="causal")
block("pre", norm_first=True)
block("post", norm_first=False)
function("layer_norm", lambda x, w, b: F.layer_norm(x, (D,), w, b), leaf(3, D), leaf(D), leaf(D))
function("gelu", lambda x: F.gelu(x, approximate="tanh"), (4 * torch.randn(4, 5)).requires_grad_())
targets = torch.randint(7, (3, 4))
function(
    "cross_entropy",
    lambda x: F.cross_entropy(x.reshape(-1, 7), targets.reshape(-1)),
    leaf(3, 4, 7),
    targets=targets,
)
optimiser("SGD", lambda p: torch.optim.SGD(p, 0.01, momentum=0.9))
optimiser("Nesterov", lambda p: torch.optim.SGD(p, 0.01, momentum=0.9, nesterov=True))
optimiser("Adam", lambda p: torch.optim.Adam(p, 0.05, betas=(0.8, 0.99)))
optimiser("AdamW", lambda p: torch.optim.AdamW(p, 0.05, weight_decay=0.1))
np.savez_compressed(Path(__file__).with_name("torch.npz"), **stored)
