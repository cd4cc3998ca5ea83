"""What a check says: `expect`, `expect_close`, `expect_shape`, `expect_error`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import MinitorchError


class CheckFailed(MinitorchError):
    """A claim does not hold: what was claimed, what was expected, what came, in words."""

    def __init__(self, claim: str, expected: str = "", got: str = "") -> None:
        super().__init__(claim)
        self.claim, self.expected, self.got = claim, expected, got


class NotDone(MinitorchError, NotImplementedError):
    """The exercise is still the stub. A stub raises NotImplementedError, which means the same."""


class LearnerError(MinitorchError):
    """The learner's function raised.

    `kinds` names the exception's class and its parents, in order; `line` and `code` say where in
    the learner's own code, where that is known.
    """

    def __init__(
        self, kinds: Sequence[str], message: str, line: int | None = None, code: str = ""
    ) -> None:
        super().__init__(f"{kinds[0]}: {message}" if message else kinds[0])
        self.kinds, self.message, self.line, self.code = tuple(kinds), message, line, code


def expect(condition: Any, claim: str, *, expected: Any = "", got: Any = "") -> None:
    """The claim holds if the condition is true; `expected` and `got` are shown where it is not."""
    if not bool(condition):
        raise CheckFailed(claim, show(expected), show(got))


def expect_close(
    got: Any, want: Any, claim: str, *, rtol: float = 1e-6, atol: float = 1e-9
) -> None:
    """Got and want have the same shape and the same numbers (NaN equals NaN), also in a tree.

    A tree is arrays, numbers, strings, booleans and None in lists, tuples and dicts. A list stands
    for a tuple and for an array, and dtypes may differ. The numbers may differ by
    `atol + rtol * |want|`.
    """
    difference = _difference(got, want, rtol, atol, "")
    if difference is not None:
        raise CheckFailed(claim, *difference)


def expect_shape(got: Any, shape: Sequence[int], claim: str) -> None:
    """What came back is one array of this shape."""
    shape = tuple(shape)
    try:
        array = np.asarray(got)  # nested lists of numbers are as good
    except ValueError:  # rows of unequal length
        array = np.asarray(None)
    if array.dtype.kind not in "biufc":
        raise CheckFailed(claim, f"an array of shape {shape}", show(got))
    if array.shape != shape:
        raise CheckFailed(claim, f"shape {shape}", f"shape {array.shape}")


def expect_error(
    call: Callable[[], Any],
    kind: type[Exception],
    claim: str,
    *,
    mentions: str | Sequence[str] = (),
) -> None:
    """Calling raises this kind of error, and its message contains what it must mention."""
    try:
        got = call()
    except LearnerError as error:
        if kind.__name__ not in error.kinds:
            raise CheckFailed(claim, _a(kind.__name__), f"{error}") from error
        for word in (mentions,) if isinstance(mentions, str) else mentions:
            if word.lower() not in error.message.lower():
                wish = f"{_a(kind.__name__)} that mentions {word!r}"
                raise CheckFailed(claim, wish, f"{error}") from error
        return
    raise CheckFailed(claim, _a(kind.__name__), f"no error; it returned {show(got)}")


def same(a: Any, b: Any, *, rtol: float = 1e-6, atol: float = 1e-9) -> bool:
    """Two trees of arrays are the same to within rounding."""
    return _difference(a, b, rtol, atol, "") is None


def _difference(
    got: Any, want: Any, rtol: float, atol: float, place: str
) -> tuple[str, str] | None:
    """None where both agree, else what was expected and what came."""
    at = f" in {place}" if place else ""
    if isinstance(want, dict):
        if not isinstance(got, dict) or set(got) != set(want):
            keys = show(list(got)) if isinstance(got, dict) else show(got)
            return f"a dict with the keys {list(want)}{at}", keys
        pairs: list[tuple[str, Any, Any]] = [(f"[{k!r}]", got[k], want[k]) for k in want]
    elif isinstance(want, list | tuple):
        if not isinstance(got, list | tuple) or len(got) != len(want):
            return f"a {type(want).__name__} of {len(want)}{at}", show(got)
        pairs = [(f"[{i}]", g, w) for i, (g, w) in enumerate(zip(got, want, strict=True))]
    elif want is None or isinstance(want, str | bool):
        equal = got is want if want is None else isinstance(got, type(want)) and got == want
        return None if equal else (show(want) + at, show(got))
    else:
        return _array_difference(got, np.asarray(want), rtol, atol, at)
    for key, g, w in pairs:
        found = _difference(g, w, rtol, atol, place + key)
        if found:
            return found
    return None


def _array_difference(
    got: Any, want: np.ndarray, rtol: float, atol: float, at: str
) -> tuple[str, str] | None:
    if got is None or isinstance(got, str | dict):
        return f"an array of shape {want.shape}{at}", show(got)
    try:
        array = np.asarray(got)
    except ValueError:  # a list of rows of unequal length
        return f"an array of shape {want.shape}{at}", show(got)
    if array.shape != want.shape:
        return f"shape {want.shape}{at}", f"shape {array.shape}"
    if want.dtype.kind not in "biufc":  # texts
        equal = array.dtype.kind == want.dtype.kind and np.array_equal(array, want)
        return None if equal else (show(want) + at, show(got))
    if array.dtype.kind not in "biufc":
        return f"numbers{at}", show(got)
    close = np.isclose(array, want, rtol=rtol, atol=atol, equal_nan=True)
    if close.all():
        return None
    if want.size <= 12:
        return show(want) + at, show(array)
    wrong = np.argwhere(~close)
    first = tuple(int(i) for i in wrong[0])
    where = f" at {list(first)}{at}"
    return (
        f"{show(want[first])}{where}",
        f"{show(array[first])} ({len(wrong)} of {want.size} numbers differ)",
    )


def show(value: Any) -> str:
    """A value in few words; a string is taken as words already."""
    if isinstance(value, str):
        return value
    if value is None:
        return "None (is a `return` missing?)"
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return show(value.item())
        if value.size <= 24:
            return np.array2string(value, precision=4, suppress_small=True, separator=", ")
        return f"an array of shape {value.shape}"
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    if isinstance(value, list | tuple) and len(value) <= 6:
        inner = ", ".join(show(item) for item in value)
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
