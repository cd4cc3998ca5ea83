"""Finding arrays that were changed in place after they were recorded."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .arrays import to_numpy
from .tensor import Tensor, mode, raw


@contextmanager
def debug() -> Iterator[None]:
    """Check, at every backward, that no recorded array was changed in place. Slow.

    Covers what is recorded inside the `with` block: the arrays of an op's inputs, whether in a
    Tensor or plain (a batch), its parameters (an index, a mask, targets), what its forward kept,
    and its output.
    """
    before, mode.debugging = mode.debugging, True
    try:
        yield
    finally:
        mode.debugging = before


def fingerprints(y: Tensor) -> list[tuple[str, tuple[int, ...], int]]:
    """Of each array that y was recorded with: what it is, its shape, a checksum."""
    op, _, arrays, params, saved = y._node
    named = {f"input {i} of {op.name}": a for i, a in enumerate(arrays)}
    named |= {f"{name} of {op.name}": a for name, a in params.items()}
    named |= {f"what {op.name} kept": saved, f"the output of {op.name}": y.data}
    return [
        (what, array.shape, zlib.crc32(to_numpy(array).tobytes()))
        for what, tree in named.items()
        for array in _arrays(tree)
    ]


def _arrays(tree: Any) -> Iterator[Any]:
    """The arrays in what a record holds."""
    tree = raw(tree)
    if isinstance(tree, list | tuple):
        for item in tree:
            yield from _arrays(item)
    elif hasattr(tree, "dtype") and hasattr(tree, "tobytes"):
        yield tree


def what_changed(y: Tensor) -> str:
    """Of what y was recorded with: which array is no longer the same, in words; else nothing."""
    for before, now in zip(y._marks, fingerprints(y), strict=True):
        if before != now:
            what, shape, _ = before
            return (
                f"{what} (shape {shape}) was changed in place after it was recorded, "
                "so its gradient would be wrong: make a new array instead (x = x + 1, not "
                "x.data += 1), or change it after backward"
            )
    return ""
