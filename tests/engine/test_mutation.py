"""Can the tests fail? Each broken rule here must make the table's own checks fail."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from faults.planting import rewritten
from optable import ROWS
from optable.opchecks import CHECKS

from minitorch_attn import ops
from minitorch_attn.ops.op import Op
from minitorch_attn.tensor import raw


def rules(name: str, *broken: Callable) -> Callable[[pytest.MonkeyPatch], None]:
    """Give an op other rules; None keeps what it has."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        op = Op.registry[name]
        kept = [new or old for new, old in zip(broken, op.rules, strict=True)]
        monkeypatch.setattr(op, "rules", tuple(kept))

    return patch


def joint(name: str, old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Break the text of a fused op's rule."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        op = Op.registry[name]
        monkeypatch.setattr(op, "joint_rule", rewritten(op.joint_rule, old, new))

    return patch


def forward(name: str, old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Break the text of an op's forward computation."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        op = Op.registry[name]
        monkeypatch.setattr(op, "forward", rewritten(op.forward, old, new))

    return patch


def within(module: str, name: str, old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Break the text of a module's function."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        home = importlib.import_module(f"minitorch_attn.{module}")
        monkeypatch.setattr(home, name, rewritten(getattr(home, name), old, new))

    return patch


def swap(x: Any) -> Any:
    return ops.swapaxes(x, -1, -2)


def is_square(x: Any) -> bool:
    return x.shape[-1] == x.shape[-2]


# What is broken, and the ops whose rows must notice.
MUTATIONS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], tuple[str, ...]]] = {
    "subtract: a sign": (rules("subtract", None, lambda g, y, a, b: g), ("subtract",)),
    "multiply: the other factor": (
        rules("multiply", lambda g, y, a, b: g * a, None),
        ("multiply",),
    ),
    "divide: a missing square": (rules("divide", None, lambda g, y, a, b: -g * y), ("divide",)),
    "power: the exponent not lowered": (
        rules("power", lambda g, y, a, b: g * b * a**b, None),
        ("power",),
    ),
    "sqrt: a missing factor": (rules("sqrt", lambda g, y, x: g / y), ("sqrt",)),
    "exp: x for y": (rules("exp", lambda g, y, x: g * x), ("exp",)),
    "tanh: a missing square": (rules("tanh", lambda g, y, x: g * (1 - y)), ("tanh",)),
    "tanh: hidden from the record": (
        rules("tanh", lambda g, y, x: g * (1 - raw(y) * raw(y))),
        ("tanh",),
    ),
    "exp: hidden from the record": (rules("exp", lambda g, y, x: g * raw(y)), ("exp",)),
    "sigmoid: float64 inside": (
        lambda patch: patch.setattr(
            Op.registry["sigmoid"], "forward", lambda x: 1 / (np.float64(1) + np.exp(-x))
        ),
        ("sigmoid",),
    ),
    "softmax: without its sum": (rules("softmax", lambda g, y, x, axis: y * g), ("softmax",)),
    "softmax: always the last axis": (
        rules("softmax", lambda g, y, x, axis: y * (g - ops.sum(g * y, axis=-1, keepdims=True))),
        ("softmax",),
    ),
    "sparsemax: softmax's rule": (
        rules("sparsemax", lambda g, y, x, axis: y * (g - ops.sum(g * y, axis, keepdims=True))),
        ("sparsemax",),
    ),
    "sparsemax: the mean of all, not of those that have a share": (
        rules("sparsemax", lambda g, y, x, axis: (raw(y) > 0) * (g - ops.mean(g, axis, True))),
        ("sparsemax",),
    ),
    "entmax15: shares for their roots": (
        rules("entmax15", lambda g, y, x, axis: y * (g - ops.sum(g * y, axis, keepdims=True))),
        ("entmax15",),
    ),
    "log_softmax: y for its exponential": (
        rules("log_softmax", lambda g, y, x, axis: g - y * ops.sum(g, axis=axis, keepdims=True)),
        ("log_softmax",),
    ),
    "max: ties get all": (
        within(
            "ops.reduce",
            "_winners",
            " / winners.sum(axis=axis, keepdims=True).astype(x.dtype)",
            "",
        ),
        ("max",),
    ),
    "maximum: ties get all": (
        within("ops.arithmetic", "_winner", "0.5 * (a == b)", "1.0 * (a == b)"),
        ("maximum",),
    ),
    "sum: the kept axis forgotten": (
        within("ops.reduce", "_keep", "reshape(y, kept_shape(x.shape, axis))", "y"),
        ("sum",),
    ),
    "matmul: a square matrix not transposed": (
        rules("matmul", lambda g, y, a, b: g @ (b if is_square(b) else swap(b)), None),
        ("matmul",),
    ),
    "matmul: the rules exchanged": (
        rules("matmul", lambda g, y, a, b: swap(a) @ g, lambda g, y, a, b: g @ swap(b)),
        ("matmul",),
    ),
    "transpose: its own inverse": (
        rules("transpose", lambda g, y, x, axes: ops.transpose(g, axes)),
        ("transpose",),
    ),
    "getitem: a repeated index counts once": (
        within(
            "ops.shape",
            "index_add",
            "xp.add.at(target, index, values)",
            "target[index] += values",
        ),
        ("getitem",),
    ),
    "layer_norm: the second term dropped": (
        joint("layer_norm", "gx -= row_sums(g, weight) / width", "pass"),
        ("layer_norm",),
    ),
    "layer_norm: the mean not taken away": (
        forward("layer_norm", "normal -= row_sums(normal) / width", "normal += 0"),
        ("layer_norm",),
    ),
    "gelu: the slope of the cubic": (
        joint("gelu", "6 * GELU_SCALE * GELU_CUBIC", "2 * GELU_SCALE * GELU_CUBIC"),
        ("gelu",),
    ),
    "cross_entropy: not the mean": (
        joint("cross_entropy", "p *= g / len(p)", "p *= g"),
        ("cross_entropy",),
    ),
    "cross_entropy: a uniform loss": (
        joint("cross_entropy", "p[rows, targets.ravel()] -= 1", "pass"),
        ("cross_entropy",),
    ),
    "attention: not scaled": (
        within("fast.whole", "backward", "g_scores *= scale", "pass"),
        ("attention",),
    ),
    "attention: softmax's sum dropped": (
        within("fast.whole", "backward", "g_scores -= row_products(g, y)", "pass"),
        ("attention",),
    ),
    "attention: query and key exchanged": (
        within(
            "fast.whole",
            "backward",
            "g_key = matmul(g_scores.swapaxes(-1, -2), query, out=out[1])",
            "g_key = matmul(g_scores, key, out=out[1])",
        ),
        ("attention",),
    ),
    "attention: an empty row divided by zero": (
        within(
            "fast.whole",
            "weights_of",
            "xp.where(total == 0, 1, total) if allowed is not None else total",
            "total",
        ),
        ("attention",),
    ),
    "linear: the bias gets one row's gradient": (
        joint("linear", "column_sums(g)", "g.reshape(-1, g.shape[-1])[0]"),
        ("linear",),
    ),
    "linear: the bias twice": (forward("linear", "y += bias", "y += 2 * bias"), ("linear",)),
    "packed_attention: key and value exchanged": (
        forward("packed_attention", "query, key, value = ", "query, value, key = "),
        ("packed_attention",),
    ),
    "packed_attention: scaled by the packed width": (
        joint("packed_attention", "query.shape[-1]", "packed.shape[-1]"),
        ("packed_attention",),
    ),
    "packed_attention: heads beside tokens": (
        within("fast.heads", "_in_place", "x.reshape(shape)", "x.swapaxes(1, 2).reshape(shape)"),
        ("packed_attention",),
    ),
    "unbroadcast: stretched axes forgotten": (
        within("backward", "unbroadcast", "(*range(added), *stretched)", "tuple(range(added))"),
        ("add",),
    ),
    "the engine: a gradient overwritten": (
        within("backward", "_flow", "flowing[j] = gx = flowing[j] + gx", "flowing[j] = gx"),
        ("graph",),
    ),
    "the engine: oldest first": (
        within("backward", "_flow", "reverse=True", "reverse=False"),
        ("graph",),
    ),
    "the engine: gradients handed out without a copy": (
        within(
            "backward",
            "_own",
            "return gx.copy() if gx is g or gx.base is not None else gx",
            "return gx",
        ),
        ("add",),
    ),
}


def complaint(names: tuple[str, ...]) -> str:
    """The first check that fails on a row of these ops; empty if none does."""
    for row in ROWS.values():
        for check in CHECKS if row.name in names else ():
            try:
                with np.errstate(all="ignore"):
                    check(row)
            except Exception as error:
                return f"{check.__name__} on {row.id}: {error}"
    return ""


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_rule_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patch, ops_concerned = MUTATIONS[name]
    patch(monkeypatch)
    assert complaint(ops_concerned), f"{name}: no check of the table fails"


def test_without_a_mutation_there_is_no_complaint() -> None:
    assert complaint(("tanh", "maximum", "graph", "gelu")) == ""
