"""Products of matrices and of more general arrays."""

from __future__ import annotations

import math
from typing import Any

from ..forms import fastest
from ..matrix_library import multiply
from ..tensor import Tensor, TensorLike, raw
from ..validation.indices import check_axes
from ..validation.layers import check_linear
from ..validation.subscripts import check_subscripts, parse_einsum
from .op import op, ready
from .reduce import sum
from .shape import reshape, transpose


def product(a: Any, b: Any) -> Any:
    """a @ b; against a single matrix all rows of a batch in one product, not a product each."""
    if b.ndim == 2 and a.ndim > 2:
        rows = multiply(a.reshape(math.prod(a.shape[:-1]), a.shape[-1]), b)
        return rows.reshape(*a.shape[:-1], b.shape[-1])
    return multiply(a, b)


def left_rule(g: Any, y: Any, a: Any, b: Any) -> Any:
    return product(g, b.swapaxes(-1, -2))


def right_rule(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 2 and a.ndim > 2:  # as in product: not a product for each of the batch and a sum
        rows = math.prod(a.shape[:-1])
        a, g = a.reshape(rows, a.shape[-1]), g.reshape(rows, g.shape[-1])
    return multiply(a.swapaxes(-1, -2), g)


@op(
    left_rule,
    right_rule,
    hint="matmul contracts the last axis of the first with the last but one of the second: "
    "they must be equal; x.mT exchanges the last two axes",
)
def _matmul(a: TensorLike, b: TensorLike, /) -> Any:
    """The product of matrices: (..., N, K) and (..., K, M) to (..., N, M)."""
    return product(a, b)


def matmul(a: TensorLike, b: TensorLike, /) -> Tensor:
    """The matrix product, a @ b: (..., N, K) and (..., K, M) to (..., N, M).

    As in NumPy, leading axes broadcast, and a one-dimensional argument counts as a row (first) or
    a column (second) whose extra axis is taken out again.
    """
    a, b = ready(a), ready(b)
    rows, columns = a.ndim, b.ndim
    if not (rows and columns):
        check_axes("matmul", rows, columns)
    if rows == 1:
        product = matmul(reshape(a, (1, -1)), b)
        shape = raw(product).shape
        return reshape(product, shape[:-1] if columns == 1 else (*shape[:-2], shape[-1]))
    if columns == 1:
        product = _matmul(a, reshape(b, (-1, 1)))
        return reshape(product, raw(product).shape[:-1])
    return _matmul(a, b)


def linear_reference(x: TensorLike, weight: TensorLike, bias: TensorLike) -> Tensor:
    """The plain composition that `linear` equals."""
    return matmul(x, weight) + bias


def linear(x: TensorLike, /, weight: TensorLike, bias: TensorLike) -> Tensor:
    """x weight + bias, in one op.

    Parameters
    ----------
    x : (..., D)
    weight : (D, M)
    bias : (M,)

    Returns
    -------
    Tensor (..., M)
    """
    x, weight, bias = ready(x), ready(weight), ready(bias)
    check_linear(raw(weight), raw(bias))
    return (fastest(linear_reference) if x.ndim > 1 else linear_reference)(x, weight, bias)


def einsum_reference(*tensors: TensorLike, subscripts: str) -> Tensor:
    """The plain form of `einsum`: multiply over all letters, and sum over those not asked for."""
    terms, output = parse_einsum(subscripts, [raw(x) for x in tensors])
    letters = output + "".join(sorted(set("".join(terms)) - set(output)))
    product: Any = 1
    for term, x in zip(terms, tensors, strict=True):
        present = [letter for letter in letters if letter in term]
        x = transpose(x, tuple(term.index(letter) for letter in present))
        sizes = dict(zip(present, raw(x).shape, strict=True))
        product = product * reshape(x, tuple(sizes.get(letter, 1) for letter in letters))
    return sum(product, axis=tuple(range(len(output), len(letters))))


def einsum(subscripts: str, *tensors: TensorLike) -> Tensor:
    """Multiply the operands and sum over the letters that the output lacks, as np.einsum."""
    check_subscripts(subscripts)
    return fastest(einsum_reference)(*[ready(x) for x in tensors], subscripts=subscripts)
