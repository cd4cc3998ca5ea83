"""Finding arrays that were changed in place after they were recorded."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .arrays import to_numpy
from .tensor import Tensor, mode


@contextmanager
def debug() -> Iterator[None]:
    """Check, at every backward, that no recorded array was changed in place. Slow.

    Covers what is recorded inside the `with` block.
    """
    before, mode.debugging = mode.debugging, True
    try:
        yield
    finally:
        mode.debugging = before


def fingerprints(inputs: Sequence[Any], y: Tensor) -> list[int | None]:
    """A checksum of each input's array and of the output's; None for what is no Tensor."""
    return [
        zlib.crc32(to_numpy(x.data).tobytes()) if isinstance(x, Tensor) else None
        for x in (*inputs, y)
    ]


def what_changed(y: Tensor) -> str:
    """Of what y was recorded with: which array is no longer the same, in words; else nothing."""
    op, inputs = y._node[:2]
    for i, (before, now) in enumerate(zip(y._marks, fingerprints(inputs, y), strict=True)):
        if before != now:
            what = f"input {i}" if i < len(inputs) else "the output"
            shape = y.shape if i == len(inputs) else inputs[i].shape
            return (
                f"{what} of {op.name} (shape {shape}) was changed in place after it was recorded, "
                "so its gradient would be wrong: make a new array instead (x = x + 1, not "
                "x.data += 1), or change it after backward"
            )
    return ""
