"""What einsum is told."""

from __future__ import annotations

from typing import Any


def check_subscripts(subscripts: Any) -> None:
    """Refuse what says in another way than with letters what einsum is to do. Raises TypeError."""
    if not isinstance(subscripts, str):
        raise TypeError(
            "einsum: the letters come first, as in einsum('ij,jk->ik', a, b), and not "
            f"{type(subscripts).__name__}: NumPy's form with lists of axes is not offered here"
        )


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
    for term, array in zip(terms, arrays, strict=True):
        named, ndim = len(term.replace("...", "")), len(array.shape)
        if named > ndim or (named < ndim and "..." not in term):
            raise ValueError(
                f"einsum {subscripts!r}: {term!r} does not name the {ndim} axes of an array of "
                f"shape {array.shape}"
            )
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
    elif dots and "..." not in output:
        raise ValueError(
            f"einsum {subscripts!r}: the output lacks the axes that ... stands for, and nothing is "
            "summed over those: write ...-> or name them"
        )
    output = output.replace("...", dots)
    if len(set(output)) < len(output) or not set(output) <= set("".join(terms)):
        raise ValueError(
            f"einsum {subscripts!r}: each letter of the output stands there once, and in an input"
        )
    for term in terms:
        if len(set(term)) < len(term):
            raise ValueError(
                f"einsum {subscripts!r}: {term!r} repeats a letter, and a diagonal has no gradient "
                "rule here: take it by indexing, x[..., i, i] with i = arange(n)"
            )
    return terms, output
