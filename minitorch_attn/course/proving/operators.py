"""The table of mutations: what can be changed in one place of an answer.

An operator takes a place and yields the texts that may stand there instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from . import calls, expressions, statements
from .places import Place

TABLE: dict[str, Callable[[Place], Iterator[str]]] = {
    # `a - b` for `a + b`, `a or b` for `a and b`
    "operator exchanged": expressions.binary,
    # `a <= b` for `a < b`: a border, one side of a test
    "comparison exchanged": expressions.comparison,
    # `x` for `x - x.max()`: a term, a factor, a part of a condition, a sign
    "operand dropped": expressions.operand,
    # `not c`, `True`, `False` for a condition: a guard that never refuses, or always
    "condition fixed": expressions.condition,
    # a little off, a lot off, of the other sign; `keepdims=False`; 1e10 for infinity
    "constant off": expressions.constant,
    # another axis, or all of them: one maximum for all rows
    "axis changed": expressions.axis,
    # 32 bits for 64
    "dtype exchanged": expressions.dtype,
    # `x[i - 1]` for `x[i]`, `x[: n + 1]` for `x[:n]`
    "index off by one": expressions.index,
    # `np.zeros(n)` for `np.zeros(n, dtype=int)`
    "keyword dropped": calls.keyword,
    # `f(b, a)` for `f(a, b)`, `x[None, :]` for `x[:, None]`
    "arguments exchanged": calls.exchanged,
    # `x` for `np.exp(x)`, `x.sum(axis=0)`, `x.T`
    "call dropped": calls.unwrapped,
    # mean for sum, min for max, all for any
    "call exchanged": calls.call,
    # a loop without its first round, without its last, without any
    "round skipped": statements.rounds,
    # a step in place, an append, a second assignment
    "statement dropped": statements.statement,
    # `x = y` and `x -= y` for `x += y`
    "step in place changed": statements.in_place,
    # TypeError for ValueError
    "another error": statements.error,
    # one number of one result off; two results exchanged
    "result changed": statements.result,
}
# And of each parameter (`parameters`): ignored, taken for another, one row or column of it alone.
