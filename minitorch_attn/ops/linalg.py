"""Products of matrices and of more general arrays."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import namespace
from ..forms import fastest
from ..tensor import Tensor, TensorLike, raw
from ..validation import check_linear
from .op import op
from .shape import reshape


def product(a: Any, b: Any) -> Any:
    """a @ b; against a single matrix all rows of a batch in one product, not a product each."""
    if b.ndim == 2 and a.ndim > 2:
        rows = a.reshape(math.prod(a.shape[:-1]), a.shape[-1]) @ b
        return rows.reshape(*a.shape[:-1], b.shape[-1])
    return a @ b


def left_rule(g: Any, y: Any, a: Any, b: Any) -> Any:
    return product(g, b.swapaxes(-1, -2))


def right_rule(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 2 and a.ndim > 2:  # as in product: not a product for each of the batch and a sum
        rows = math.prod(a.shape[:-1])
        a, g = a.reshape(rows, a.shape[-1]), g.reshape(rows, g.shape[-1])
    return a.swapaxes(-1, -2) @ g


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
    rows, columns = getattr(a, "ndim", None), getattr(b, "ndim", None)
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
    check_linear(raw(weight), raw(bias))
    form = fastest(linear_reference) if raw(x).ndim > 1 else linear_reference
    return form(x, weight, bias)


def _einsum_rule(i: int, g: Any, y: Any, *arrays: Any, subscripts: str) -> Any:
    """Contract g with the other operands, onto the letters of operand i."""
    terms, output = parse_einsum(subscripts, arrays)
    others = [term for j, term in enumerate(terms) if j != i]
    arrays_left = [array for j, array in enumerate(arrays) if j != i]
    known = set("".join(others)) | set(output)
    reachable = "".join(letter for letter in terms[i] if letter in known)
    gradient = _einsum(g, *arrays_left, subscripts=f"{','.join([output, *others])}->{reachable}")
    sizes = dict(zip(reachable, raw(gradient).shape, strict=True))
    gradient = reshape(gradient, tuple(sizes.get(letter, 1) for letter in terms[i]))
    # Along a letter that only operand i has, and was summed over, the gradient is the same.
    shape = arrays[i].shape
    if any(have == 1 != want for have, want in zip(raw(gradient).shape, shape, strict=True)):
        gradient = gradient * namespace(raw(g)).ones(shape, dtype=raw(g).dtype)
    return gradient


def parse_einsum(subscripts: str, arrays: Any) -> tuple[list[str], str]:
    """Write an einsum's subscripts out: one string of letters an operand, and the output's.

    Raises
    ------
    ValueError
        For a letter repeated within one operand (a diagonal), which has no rule here.
    """
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(arrays):
        raise ValueError(f"einsum {subscripts!r} names {len(terms)} operands, given {len(arrays)}")
    spare = [chr(c) for c in range(ord("A"), ord("Z") + 1) if chr(c) not in subscripts]
    widths = [
        len(array.shape) - len(term.replace("...", "")) if "..." in term else 0
        for term, array in zip(terms, arrays, strict=True)
    ]
    dots = "".join(spare[: max(widths)])
    terms = [t.replace("...", dots[len(dots) - w :]) for t, w in zip(terms, widths, strict=True)]
    if not arrow:
        letters = "".join(terms)
        output = dots + "".join(
            x for x in sorted(set(letters) - set(dots)) if letters.count(x) == 1
        )
    output = output.replace("...", dots)
    for term in terms:
        if len(set(term)) < len(term):
            raise ValueError(
                f"einsum {subscripts!r}: {term!r} repeats a letter, and a diagonal has no gradient "
                "rule here: take it by indexing, x[..., i, i] with i = arange(n)"
            )
    return terms, output


@op(variadic_rule=_einsum_rule)
def _einsum(*arrays: TensorLike, subscripts: str) -> Any:
    terms, output = parse_einsum(subscripts, arrays)
    return namespace(*arrays).einsum(f"{','.join(terms)}->{output}", *arrays, optimize=True)


def einsum(subscripts: str, *tensors: TensorLike) -> Tensor:
    """Multiply the operands and sum over the letters that the output lacks, as np.einsum."""
    return _einsum(*tensors, subscripts=subscripts)
