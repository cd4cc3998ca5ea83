"""NumPy's own einsum, as an op: it multiplies and sums without laying out every product."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import Array, namespace
from ..forms import faster
from ..matrix_library import LARGE, one_thread
from ..ops.linalg import einsum_reference
from ..ops.op import op, ready
from ..ops.shape import reshape
from ..tensor import raw
from ..validation.subscripts import parse_einsum


def _einsum_rule(i: int, g: Any, y: Any, *arrays: Any, subscripts: str) -> Any:
    """Contract g with the other operands, onto the letters of operand i."""
    g = ready(g)  # also where it is a number
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


@faster(einsum_reference)
@op(variadic_rule=_einsum_rule)
def _einsum(*arrays: Array, subscripts: str) -> Any:
    terms, output = parse_einsum(subscripts, arrays)
    pairs = [
        pair for t, x in zip(terms, arrays, strict=True) for pair in zip(t, x.shape, strict=True)
    ]
    contract = _contract if math.prod(dict(pairs).values()) >= LARGE else one_thread(_contract)
    return contract(*arrays, form=f"{','.join(terms)}->{output}")


def _contract(*arrays: Array, form: str) -> Any:
    return namespace(*arrays).einsum(form, *arrays, optimize=True)
