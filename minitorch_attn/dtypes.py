"""One rule for the dtype of every result, whichever form computes it.

- **A result has the dtype that NumPy gives its arrays together.** float32 and float32 is float32,
  float32 and float64 is float64, at every length and with `return_weights` or without.
- **Numbers weigh nothing**, NumPy's no more than Python's: `x / np.sqrt(8)` and
  `scale=np.float64(0.1)` leave x what it is. An array without axes is an array.
- **Integers and booleans of any width are numbers.** What moves, chooses or compares them leaves
  their dtype alone. Sums and products among them are made in 64 bits, for uint8's 200 + 100 is 44.
  What leads out of the whole numbers (exp, a mean, softmax, layer norm, attention) is float64,
  beside floating arrays NumPy's common dtype. They have no gradient.
- **float16 is refused**: it ends at 65,504, which the sum of squares of a few hundred numbers
  passes, and Adam's eps is 0 in it. Convert first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .validation.gradients import check_dtype

# By the names of ops: what adds and multiplies, and what leads out of the whole numbers. (A mean is
# a sum and a division; layer norm, GELU, attention and dropout begin with `alike`.)
ARITHMETIC = {"add", "subtract", "multiply", "divide", "negative", "absolute", "power", "sum"}
ARITHMETIC |= {"matmul", "linear", "einsum"}
LEADING_OUT = {"exp", "log", "sqrt", "tanh", "sigmoid", "softmax", "log_softmax", "logsumexp"}
LEADING_OUT |= {"sparsemax", "entmax15"}


def operand(x: Any, alone: bool = False) -> Any:
    """What an op computes with where it is given x, which is no Tensor.

    Lists become arrays, and so does a number that stands `alone`; beside others it is Python's.
    Raises TypeError for what is not made of real numbers, and for float16.
    """
    if x is None or (type(x) in (float, int, bool) and not alone):
        return x
    if isinstance(x, np.generic) and not alone:
        return operand(x.item())
    if not hasattr(x, "dtype") or isinstance(x, np.generic):
        x = np.asarray(x)
    check_dtype(x.dtype, requires_grad=False)
    return x


def common(arrays: list[Any]) -> np.dtype:
    """The floating dtype in which these arrays are computed with together."""
    dtypes = [x.dtype for x in arrays]
    if all(dtype is dtypes[0] for dtype in dtypes) and dtypes[0].kind == "f":
        return dtypes[0]
    found = np.result_type(*dtypes)
    return found if found.kind == "f" else np.dtype(np.float64)


def converts(name: str) -> Callable[[list[Any]], list[Any]]:
    """What an op of this name does first where it is given integers or booleans."""
    return floating if name in LEADING_OUT else wide if name in ARITHMETIC else list


def floating(arrays: list[Any]) -> list[Any]:
    """Integers and booleans as float64: for ops that lead out of the whole numbers."""
    return [x.astype(np.float64) if _kind(x) in "iub" else x for x in arrays]


def wide(arrays: list[Any]) -> list[Any]:
    """Integers and booleans among themselves as 64 bits: for ops that add and multiply."""
    kinds = [_kind(x) for x in arrays]
    if "f" in kinds or not any(kind in "iub" for kind in kinds):
        return arrays
    return [
        x.astype(np.int64) if kind in "iub" and x.dtype.itemsize < 8 else x
        for x, kind in zip(arrays, kinds, strict=True)
    ]


def _kind(x: Any) -> str:
    """The kind of an array's dtype; of a Python float, that of an array; of others, nothing."""
    dtype = getattr(x, "dtype", None)
    if dtype is not None:
        return dtype.kind
    return "f" if isinstance(x, float) else "-"
