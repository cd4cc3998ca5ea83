"""Kernels for a GPU: one launch where the library's own operations would take a dozen.

The forms of this room call them for CuPy's arrays, where `fit` says that they can; `kernels.cu` has
the source. Each equals the form beside which it is called. They compile without a GPU, and the
tests run them on the CPU, thread for thread; on a GPU they have not run yet (`make gpu` does).
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array, device_of, namespace
from ..ops.elementwise import GELU_CUBIC, GELU_SCALE

SOURCE = Path(__file__).with_suffix(".cu")
WARP, WARPS, THREADS = 32, 4, 256
CHUNK = 64  # rows whose sums down the columns one thread makes
PIECE = 4096  # numbers of a parameter that one block moves
DEVICES = {"cuda"}
NAMES = {"float32": "float", "float64": "double"}


def source(dtype: Any) -> str:
    """The kernels as CUDA C++ for numbers of this dtype."""
    return f"typedef {NAMES[np.dtype(dtype).name]} T;\n{SOURCE.read_text(encoding='utf-8')}"


@cache
def _module(dtype: str) -> Any:
    import cupy  # there already, or there would be no array of it

    return cupy.RawModule(code=source(dtype), options=("-std=c++17",))


def launch(name: str, dtype: Any, grid: tuple, block: tuple, args: tuple) -> None:
    """Run a kernel. Python's numbers become the kernel's `T`, and NumPy's stay what they are."""
    kind = np.dtype(dtype)
    args = tuple(kind.type(x) if isinstance(x, float) else x for x in args)
    _module(kind.name).get_function(name)(grid, block, args)


def address(array: Array) -> int:
    """Where on the device an array begins."""
    return array.data.ptr


def fit(*arrays: Array) -> bool:
    """Whether the kernels take these: CuPy's, of one dtype that they know, and neither empty nor
    larger than their counters go."""
    if isinstance(arrays[0], np.ndarray):  # most often, and at no cost
        return False
    dtypes = {x.dtype for x in arrays}
    return (
        all(device_of(x) in DEVICES and 0 < x.size < 1 << 31 for x in arrays)
        and len(dtypes) == 1
        and dtypes.pop().name in NAMES
    )


def _whole(x: Array) -> Array:
    """The same array, its numbers one after the other, which is how kernels find them."""
    return namespace(x).ascontiguousarray(x).reshape(x.shape)


def _rows(name: str, x: Array, *args: Any) -> None:
    width = x.shape[-1]
    rows = x.size // width
    sizes = (np.int32(rows), np.int32(width))
    launch(name, x.dtype, (-(-rows // WARPS),), (WARP, WARPS), (*args, *sizes))


def _elements(name: str, x: Array, *args: Any) -> None:
    launch(name, x.dtype, (-(-x.size // THREADS),), (THREADS,), args)


def layer_norm(x: Array, weight: Array, bias: Array, eps: float) -> tuple[Array, Any]:
    """As `fast.norm` has it: the output, and the normal rows with the inverse of their root."""
    xp = namespace(x)
    x = _whole(x)
    y, normal = xp.empty_like(x), xp.empty_like(x)
    inverse = xp.empty((*x.shape[:-1], 1), x.dtype)
    weight, bias = map(_whole, (weight, bias))
    _rows("layer_norm", x, x, weight, bias, y, normal, inverse, float(eps))
    return y, (normal, inverse)


def layer_norm_rows(g: Array, weight: Array, normal: Array, inverse: Array) -> Array:
    """The gradient of the rows."""
    xp = namespace(g)
    g, weight, gx = _whole(g), _whole(weight), xp.empty_like(normal)
    _rows("layer_norm_rows", g, g, weight, normal, inverse, gx)
    return gx


def layer_norm_columns(g: Array, normal: Array) -> Any:
    """The gradients of weight and bias: an array of both."""
    xp, width = namespace(g), g.shape[-1]
    g, rows = _whole(g), g.size // width
    chunks = -(-rows // CHUNK)
    sums = xp.empty((chunks, 2, width), g.dtype)
    sizes = (np.int32(CHUNK), np.int32(rows), np.int32(width))
    grid = (-(-width // WARP), chunks)
    launch("layer_norm_columns", g.dtype, grid, (WARP,), (g, normal, sums, *sizes))
    return sums.sum(axis=0)


def softmax(scores: Array, scale: float) -> Array:
    """The softmax of `scale` times each row, where it stands."""
    scores = _whole(scores)
    _rows("softmax", scores, scores, float(scale))
    return scores


def softmax_back(g: Array, weights: Array, scale: float) -> Array:
    """From the gradient of the weights that of the scores, where it stands."""
    g = _whole(g)
    _rows("softmax_back", g, g, _whole(weights), float(scale))
    return g


def gelu(x: Array) -> tuple[Array, Array]:
    """x σ(v) and σ(v), as `fast.activations` has them."""
    xp = namespace(x)
    x = _whole(x)
    y, sigmoid = xp.empty_like(x), xp.empty_like(x)
    _elements("gelu", x, x, y, sigmoid, GELU_SCALE, GELU_CUBIC, np.int32(x.size))
    return y, sigmoid


def gelu_back(g: Array, x: Array, y: Array, sigmoid: Array) -> Array:
    """The gradient of x."""
    xp = namespace(x)
    g, x, y = map(_whole, (g, x, y))
    gx = xp.empty_like(x)
    numbers = (GELU_SCALE, GELU_CUBIC, np.int32(x.size))
    _elements("gelu_back", x, g, x, y, sigmoid, gx, *numbers)
    return gx


def cross_entropy(logits: Array, targets: Array) -> tuple[Array, Any]:
    """The mean loss, and the probabilities (n, C) with the targets (n,)."""
    xp, width = namespace(logits), logits.shape[-1]
    x = _whole(logits).reshape(-1, width)
    targets = _whole(targets).reshape(-1).astype(np.int64)
    p, losses = xp.empty_like(x), xp.empty(len(x), x.dtype)
    _rows("cross_entropy", x, x, targets, p, losses)
    return losses.sum() / len(x), (p, targets)


def cross_entropy_back(g: Array, p: Array, targets: Array) -> Array:
    """(p - one_hot(target)) g / n, written into p."""
    sizes = (np.int32(len(p)), np.int32(p.shape[1]))
    _elements("cross_entropy_back", p, p, targets, g, *sizes)
    return p


@lru_cache(maxsize=8)
def _pieces(sizes: tuple[int, ...], xp: Any) -> tuple[Array, int]:
    """Which block has which piece of which array; a model's are the same at each step."""
    pairs = [(k, i) for k, size in enumerate(sizes) for i in range(0, size, PIECE)]
    return xp.asarray(np.array(pairs, np.int64)), len(pairs)


COLUMNS = ("data", "gradient", "mean", "square")  # of `struct Parameter`, before the size


def _over_all(name: str, columns: dict[str, list[Array]], *args: Any) -> None:
    """Run a kernel over many arrays, wherever each lies; one table of addresses goes before it."""
    gradients = columns["gradient"]
    sizes = tuple(g.size for g in gradients)
    xp = namespace(gradients[0])
    table = np.zeros((len(sizes), len(COLUMNS) + 1), np.int64)
    for i, column in enumerate(COLUMNS):
        if column in columns:
            table[:, i] = [address(array) for array in columns[column]]
    table[:, -1] = sizes
    pieces, count = _pieces(sizes, xp)
    given = (xp.asarray(table), pieces, *args, np.int32(PIECE))
    launch(name, gradients[0].dtype, (count,), (THREADS,), given)


def gradient_norm(gradients: list[Array]) -> Array:
    """The length of all gradients together as one vector, on their device."""
    xp = namespace(gradients[0])
    gradients = [_whole(g) for g in gradients]
    _, count = _pieces(tuple(g.size for g in gradients), xp)
    sums = xp.empty(count, np.float64)
    _over_all("square_sums", {"gradient": gradients}, sums)
    return xp.sqrt(sums.sum())


def adam(
    data: list[Array],
    gradients: list[Array],
    mean: list[Array],
    square: list[Array],
    decay: float,
    betas: tuple[float, float],
    eps: float,
    rate: float,
) -> None:
    """`Adam.update` of all at once; the corrections of the means are in `rate` and `eps`."""
    gradients = [_whole(g) for g in gradients]
    numbers = map(float, (decay, *betas, eps, rate))
    columns = {"data": data, "gradient": gradients, "mean": mean, "square": square}
    _over_all("adam", columns, *numbers)
