"""Random einsums, by NumPy."""

from __future__ import annotations

import numpy as np

from minitorch_attn import Tensor, ops, plain

from .judging import check_gradients, close

Rng = np.random.Generator


def trial(rng: Rng) -> None:
    """Letters of one to three operands, in any order, with ... and without an output."""
    sizes = dict(zip("abcde", (int(n) for n in rng.integers(1, 4, 5)), strict=True))
    terms, arrays = [], []
    dots = tuple(int(n) for n in rng.integers(1, 3, rng.integers(0, 3)))
    for _ in range(rng.integers(1, 4)):
        letters = "".join(rng.permutation(list(sizes))[: rng.integers(0, 4)])
        own = dots[rng.integers(len(dots) + 1) :] if rng.integers(3) == 0 else None
        place = int(rng.integers(len(letters) + 1))
        terms.append(letters if own is None else f"{letters[:place]}...{letters[place:]}")
        shape = [1 if rng.integers(10) == 0 else sizes[x] for x in letters]
        shape[place:place] = own or ()
        arrays.append(rng.normal(size=shape))
    known = sorted(set("".join(terms)) - {"."})
    subscripts = ",".join(terms)
    if rng.integers(3):
        output = "".join(rng.permutation(known)[: rng.integers(0, len(known) + 1)])
        subscripts += (
            f"->{output if '...' not in subscripts or rng.integers(5) == 0 else '...' + output}"
        )
    try:
        wanted = np.einsum(subscripts, *arrays)
    except ValueError:
        for form in (ops.einsum, plain()(ops.einsum)):
            try:
                form(subscripts, *arrays)
            except ValueError:
                continue
            raise AssertionError(f"einsum {subscripts!r} is an error of NumPy's") from None
        return
    close(ops.einsum(subscripts, *arrays), wanted, 1e-12, subscripts)
    close(plain()(ops.einsum)(subscripts, *arrays), wanted, 1e-12, f"{subscripts}, plain")
    weights = rng.normal(size=np.shape(wanted))

    def loss(tensors: list[Tensor]) -> Tensor:
        y = ops.einsum(subscripts, *tensors)
        return ops.tanh(y * weights).sum()

    check_gradients(loss, arrays, rng)
    with plain():
        check_gradients(loss, arrays, rng)
