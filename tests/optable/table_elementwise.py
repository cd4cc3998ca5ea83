"""The table of ops: ops that work element by element."""

from __future__ import annotations

import math

import numpy as np

from minitorch_attn import ops
from minitorch_attn.ops.elementwise import gelu_reference
from optable.oprow import ONE, TWO, row

TIES = (
    np.array([[1.0, 3.0, 3.0], [2.0, -1.0, 0.5]]),
    np.array([[1.0, 0.0, 3.0], [5.0, -1.0, 0.0]]),
)
row("add", ops.add, lambda a, b: a - (-b), TWO)
row("subtract", ops.subtract, lambda a, b: a + (-b), TWO)
row("multiply", ops.multiply, lambda a, b: a / (1 / b), TWO)
row("divide", ops.divide, lambda a, b: a * b**-1.0, TWO)
row("negative", ops.negative, lambda x: 0 - x, ONE)
row("power", ops.power, lambda a, b: np.exp(b * np.log(a)), TWO, domain="positive")
for number in (3, 2.5, 1, 0, -2):
    row(
        "power",
        lambda a, n=number: ops.power(a, n),
        lambda a, n=number: np.exp(n * np.log(a)),
        ONE,
        f"to the {number}",
        domain="positive",
    )
row("power", lambda a: ops.power(a, 3), lambda a: a * a * a, ONE, "cube of either sign")
row("power", lambda b: ops.power(2.0, b), lambda b: np.exp(b * math.log(2)), ONE, "of the number 2")
row(
    "power",
    ops.power,
    lambda a, b: np.stack([np.ones_like(a[..., 0]), a[..., 1], a[..., 2] ** 2], axis=-1),
    (((2, 3),), ((0, 3),)),
    "to constants, also 0",
    constants=(np.array([0, 1, 2], np.float32),),
)
row("exp", ops.exp, lambda x: math.e**x, ONE)
row("log", ops.log, lambda x: np.log2(x) / np.log2(math.e), ONE, domain="positive")
row("sqrt", ops.sqrt, lambda x: x**0.5, ONE, domain="positive")
row("tanh", ops.tanh, lambda x: 1 - 2 / (np.exp(2 * x) + 1), ONE)
row("sigmoid", ops.sigmoid, lambda x: 1 / (1 + np.exp(-x)), ONE)
row("relu", ops.relu, lambda x: np.where(x > 0, x, 0), ONE)
row("absolute", ops.absolute, lambda x: np.where(x > 0, x, -x), ONE)
row("maximum", ops.maximum, lambda a, b: np.where(a > b, a, b), TWO)
row("minimum", ops.minimum, lambda a, b: np.where(a < b, a, b), TWO)
for name, choose in (("maximum", np.greater), ("minimum", np.less)):
    row(
        name,
        getattr(ops, name),
        lambda a, b, choose=choose: np.where(choose(a, b), a, b),
        (((2, 3), (2, 3)),),
        "with ties",
        domain=TIES,
        smooth=False,
    )
CHOICE = np.array([[True, False, True, False], [False, False, True, True]])
row(
    "where",
    lambda a, b, c: ops.where(c, a, b),
    lambda a, b, c: c * a + (1 - c) * b,
    (((2, 4), (2, 4)), ((4,), (2, 1)), ((3, 2, 4), ())),
    constants=(CHOICE,),
)
row(
    "where",
    lambda a, c: ops.where(c, a, -1.0),
    lambda a, c: c * a - (1 - c),
    (((0, 1),), ((1,),)),
    "of a number, and of nothing",
    constants=(np.ones((0, 1), bool),),
)
row("astype", lambda x: ops.astype(x, "float64"), lambda x: x + 0.0, ONE, keeps_dtype=False)
row(
    "gelu",
    ops.gelu,
    lambda x: x / (1 + np.exp(-2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    ONE,
    reference=gelu_reference,
)

# At the edge of a rule: what one branch of it alone gets right.
row(
    "power",
    ops.power,
    lambda a, b: np.array([1.0, a[1], a[2] ** 2, 1.0, a[4] ** -1.0]),
    ((),),
    "of 0 to 0, 1 and 2, and of others",
    domain=(np.array([0.0, 0.0, 0.0, -3.0, 2.0]),),
    constants=(np.array([0, 1, 2, 0, -1], np.float32),),
)
row(
    "power",
    lambda b, a: ops.power(a, b),
    lambda b, a: np.array([0.0, 1.0, 2.0 ** b[2]]),
    ((),),
    "of the array 0, 1, 2",
    domain=(np.array([1.5, 0.5, -0.5]),),
    constants=(np.array([0.0, 1.0, 2.0], np.float32),),
)
for name, value in (
    ("sigmoid", lambda x: np.exp(np.minimum(x, 0)) / (1 + np.exp(-abs(x)))),
    ("gelu", lambda x: np.where(x > 0, x, 0.0)),
    ("tanh", np.sign),
):
    row(name, getattr(ops, name), value, ((),), "far out", domain=(np.array([-60.0, 60.0, -40.0]),))
row(
    "sigmoid",
    lambda x: ops.log(ops.sigmoid(x)),
    lambda x: x - np.log1p(np.exp(x)),
    ((),),
    "its logarithm, where it is small",
    domain=(np.array([-30.0, -20.0, -1.0]),),
)
