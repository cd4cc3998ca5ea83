"""Pictures as tokens: square patches."""

from __future__ import annotations

from ..ops import reshape, transpose
from ..tensor import Tensor, TensorLike, raw


def patchify(images: TensorLike, size: int) -> Tensor:
    """Cut images into square patches: (B, h, w) to (B, h/size · w/size, size²), row by row."""
    batch, height, width = raw(images).shape
    if height % size or width % size:
        raise ValueError(f"patchify: {size}×{size} patches do not tile {height}×{width} images")
    rows, columns = height // size, width // size
    blocks = reshape(images, (batch, rows, size, columns, size))
    return reshape(transpose(blocks, (0, 1, 3, 2, 4)), (batch, rows * columns, size * size))
