"""What a check says: `expect`, `expect_close`, `expect_shape`, `expect_error`."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...errors import MinitorchError
from .readonly import ReadOnlyList

# How NumPy's words end where an array is written to that must be left alone, see `frozen`.
_READ_ONLY = re.compile(r"\b(array|base|destination) is read-only\b")
MOST_PARTS, MOST_LETTERS = 12, 2000  # of a container that is shown, and of a text of all its parts


class _Said(threading.local):
    claim = ""  # the last whole sentence that held in this check


_said = _Said()
_GOES_ON = ("and ", "also ", "nor ")  # how a claim begins that goes on with the one before


def begin() -> None:
    """Before a check: nothing was said in it yet."""
    _said.claim = ""


def _held(claim: str) -> None:
    if not claim.startswith(_GOES_ON):
        _said.claim = claim


class CheckFailed(MinitorchError):
    """A claim does not hold: what was claimed, what was expected, what came, in words.

    A claim that goes on with one that held is told with it: “the weights sum to 1, and so do …”.
    """

    def __init__(self, claim: str, expected: str = "", got: str = "") -> None:
        if _said.claim and claim.startswith(_GOES_ON):
            claim = f"{_said.claim}, {claim}"
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

    @property
    def overwrites(self) -> bool:
        """Whether it is NumPy that raised, since the function wrote into what must be left alone.

        That is a ValueError, too, and no refusal.
        """
        return "ValueError" in self.kinds and bool(_READ_ONLY.search(self.message))


class Text(str):
    """A text that the learner's function returned, not words of a check: shown in quotes."""


def frozen(array: Any) -> Any:
    """A copy that cannot be written to, for an input that the card says must be left alone.

    Of a list of arrays neither the list nor an array can be changed.
    """
    if isinstance(array, list):
        return ReadOnlyList(map(frozen, array))
    array = np.array(array)
    array.flags.writeable = False
    return array


def expect(condition: Any, claim: str, *, expected: Any = "", got: Any = "") -> None:
    """The claim holds if the condition is true; `expected` and `got` are shown where it is not."""
    if not bool(condition):
        raise CheckFailed(claim, show(expected), show(got))
    _held(claim)


def expect_close(
    got: Any, want: Any, claim: str, *, rtol: float = 1e-6, atol: float = 1e-9
) -> None:
    """Got and want have the same shape and the same numbers (NaN equals NaN), also in a tree.

    A tree is arrays, numbers, strings, booleans and None in lists, tuples and dicts. A list, a
    tuple and an array stand for one another, and dtypes may differ: what holds the right numbers
    is right. The numbers may differ by `atol + rtol * |want|`.
    """
    difference = _difference(got, want, rtol, atol, "")
    if difference is not None:
        raise CheckFailed(claim, *difference)
    _held(claim)


def expect_real(got: Any, claim: str) -> np.ndarray:
    """What came back, as 64-bit numbers; complex ones count where they have no imaginary part."""
    array = np.asarray(got)
    if array.dtype.kind == "c":
        if not (np.abs(array.imag) <= 1e-9).all():
            raise CheckFailed(claim, "real numbers", show(_quoted(got)))
        array = array.real
    return array.astype(float)


def expect_shape(got: Any, shape: Sequence[int], claim: str) -> None:
    """What came back is one array of this shape."""
    shape = tuple(shape)
    try:
        array = np.asarray(got)  # nested lists of numbers are as good
    except ValueError:  # rows of unequal length
        array = np.asarray(None)
    if array.dtype.kind not in "biufc":
        wanted = f"an array of shape {shape}" if shape else "one number"
        raise CheckFailed(claim, wanted, show(_quoted(got)))
    if array.shape != shape:
        raise CheckFailed(claim, _shape(shape), _shape(array.shape))
    _held(claim)


def expect_error(
    call: Callable[[], Any],
    kind: type[Exception],
    claim: str,
    *,
    mentions: str | Sequence[str] = (),
) -> None:
    """Calling raises this kind of error, and its message contains what it must mention.

    What NumPy says to who writes into a `frozen` array is no refusal of it.
    """
    try:
        got = call()
    except LearnerError as error:
        if kind.__name__ not in error.kinds or error.overwrites:
            raise CheckFailed(claim, _a(kind.__name__), f"{error}") from error
        for word in (mentions,) if isinstance(mentions, str) else mentions:
            if word.lower() not in error.message.lower():
                wish = f"{_a(kind.__name__)} that mentions {word!r}"
                raise CheckFailed(claim, wish, f"{error}") from error
        _held(claim)
        return
    raise CheckFailed(claim, _a(kind.__name__), f"no error; it returned {show(got)}")


def same(a: Any, b: Any, *, rtol: float = 1e-6, atol: float = 1e-9) -> bool:
    """Two trees of arrays are the same to within rounding."""
    pairs: Pairs = []
    if _difference(a, b, rtol, atol, "", pairs) is not None:
        return False
    if not pairs:
        return True
    # All at once: there may be thousands, and NumPy takes long over each.
    one, two = (
        np.concatenate([array.reshape(-1) for array in side]) for side in zip(*pairs, strict=True)
    )
    return bool(_close(one, two, rtol, atol).all())


Pairs = list[tuple[np.ndarray, np.ndarray]]  # numbers of one shape, to be compared


def _difference(
    got: Any, want: Any, rtol: float, atol: float, place: str, later: Pairs | None = None
) -> tuple[str, str] | None:
    """None where both agree, else what was expected and what came. Where `later` is given, numbers
    are not compared but put there."""
    at = f" in {place}" if place else ""
    if isinstance(want, dict):
        if not isinstance(got, dict) or set(got) != set(want):
            keys = f"the keys {show(list(got))}" if isinstance(got, dict) else show(got)
            return f"a dict with the keys {show(list(want))}{at}", keys
        pairs: list[tuple[str, Any, Any]] = [(f"[{k!r}]", got[k], want[k]) for k in want]
    elif isinstance(want, list | tuple):
        ordered = isinstance(got, list | tuple) or (isinstance(got, np.ndarray) and got.ndim)
        if not ordered or len(got) != len(want):
            return f"a {type(want).__name__} of {len(want)}{at}", show(got)
        pairs = [(f"[{i}]", g, w) for i, (g, w) in enumerate(zip(got, want, strict=True))]
    elif want is None:
        return None if got is None else (f"None{at}", show(got))
    elif isinstance(want, str):
        if isinstance(got, np.ndarray | np.generic):
            got = got.item() if got.ndim == 0 else got
        equal = isinstance(got, str) and got == want
        return None if equal else (show(Text(want)) + at, show(_quoted(got)))
    else:
        return _array_difference(got, np.asarray(want), rtol, atol, at, later)
    for key, g, w in pairs:
        found = _difference(g, w, rtol, atol, place + key, later)
        if found:
            return found
    return None


def _array_difference(
    got: Any, want: np.ndarray, rtol: float, atol: float, at: str, later: Pairs | None
) -> tuple[str, str] | None:
    wanted = f"an array of shape {want.shape}" if want.ndim else "one number"
    if got is None or isinstance(got, str | dict):
        return wanted + at, show(_quoted(got))
    try:
        array = np.asarray(got)
    except ValueError:  # a list of rows of unequal length
        return wanted + at, show(got)
    if array.shape != want.shape:
        return _shape(want.shape) + at, _shape(array.shape)
    texts = want.dtype.kind not in "biufc"
    if (array.dtype.kind in "biufc") == texts:
        return f"{'texts' if texts else 'numbers'}{at}", show(got)
    if later is not None and not texts:
        later.append((array, want))
        return None
    differ = array != want if texts else ~_close(array, want, rtol, atol)
    if not differ.any():
        return None
    first = tuple(int(i) for i in np.argwhere(differ)[0])
    one = _apart(want[first], array[first])
    if want.ndim == 0:
        return one[0] + at, one[1]
    where = f" at {list(first)}{at}"
    count = f" ({int(differ.sum())} of {want.size} differ)"
    if want.size > 12:
        return one[0] + where, one[1] + count
    whole = _apart(want, array)
    return f"{whole[0]}{at}, so {one[0]} at {list(first)}", f"{whole[1]}, {one[1]} there{count}"


def _close(got: np.ndarray, want: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    """np.isclose, NaN with NaN; piece by piece, for what comes back may be large."""
    close, piece = np.empty(want.size, bool), 1 << 20
    for i in range(0, want.size, piece):
        a, b = got.reshape(-1)[i : i + piece], want.reshape(-1)[i : i + piece]
        close[i : i + piece] = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
    return close.reshape(want.shape)


def _apart(want: Any, got: Any) -> tuple[str, str]:
    """Both with as many digits as it takes to see that they differ."""
    for digits in (4, 6, 9, 12, 17):
        pair = show(want, digits=digits), show(got, digits=digits)
        if pair[0] != pair[1]:
            break
    return pair


def _shape(shape: tuple[int, ...]) -> str:
    return f"shape {shape}" if shape else "one number, shape ()"


def _quoted(value: Any) -> Any:
    return Text(value) if isinstance(value, str) else value


def show(value: Any, *, digits: int = 0, most: int = 24) -> str:
    """A value in few words; a string is taken as words already, a `Text` is quoted.

    digits : significant ones of a number; 0 for what is usual
    most : numbers of an array that are shown; of a larger one its shape
    """
    if isinstance(value, np.ndarray | np.generic) and value.ndim == 0:
        item = value.item()
        if not isinstance(item, np.generic):  # of a long double it is one: Python has no such type
            return show(_quoted(item), digits=digits)
    if isinstance(value, Text):
        return repr(str(value[:200]))
    if isinstance(value, str):
        return value
    if value is None:
        return "None (is a `return` missing?)"
    if isinstance(value, np.ndarray):
        if value.size > most:
            return f"an array of shape {value.shape}"
        text = np.array2string(
            value, precision=digits or 4, suppress_small=digits <= 4, separator=", "
        )
        return text if value.size else f"an empty array, shape {value.shape}"
    if isinstance(value, float):
        return f"{value:.{digits or 6}g}"
    if isinstance(value, dict):
        pairs = (f"{_part(k, digits, most)}: {_part(v, digits, most)}" for k, v in value.items())
        return "{" + _first(pairs, len(value)) + "}"
    if isinstance(value, list | tuple):
        inner = _first((_part(item, digits, most) for item in value), len(value))
        if isinstance(value, tuple):
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        return f"[{inner}]"
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def returned(outcome: Any) -> str:
    """What a call came to, its type and shape first: for who expected something else."""
    if isinstance(outcome, Exception):
        return f"it raised {outcome}"
    if outcome is None:
        return show(outcome)
    if isinstance(outcome, np.ndarray):
        kind = f"an array of shape {outcome.shape} and dtype {outcome.dtype}"
        return kind if outcome.size > 24 else f"{kind}: {show(outcome)}"
    kind = "str" if isinstance(outcome, str) else type(outcome).__name__
    many = f" of {len(outcome)}" if isinstance(outcome, list | tuple | dict) else ""
    return f"{_a(kind)}{many}: {show(_quoted(outcome))}"


def _first(parts: Iterator[str], count: int) -> str:
    """The first of a container's parts, as many as anybody reads, and how many there are."""
    shown: list[str] = []
    while len(shown) < min(count, MOST_PARTS) and sum(map(len, shown)) < MOST_LETTERS:
        shown.append(next(parts))
    return ", ".join(shown) + (f", … {count} in all" if len(shown) < count else "")


def _part(value: Any, digits: int, most: int) -> str:
    """What `show` says of a part: None there is no forgotten `return`."""
    return "None" if value is None else show(_quoted(value), digits=digits, most=most)


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOUaeio' else 'a'} {name}"
