"""Which form of a computation runs: the plain one, or a faster one that gives the same numbers.

The plain forms stand in `ops/`, `nn/`, `optim` and `training`, and read as their formulas. A faster
form stands in `fast/` and names the plain one that it equals; the tests hold the two together.
Here, and nowhere else, is the choice between them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_faster: dict[Callable[..., Any], Callable[..., Any]] = {}


class _Choice(threading.local):
    plain = False


_choice = _Choice()


def faster(plain_form: Callable[..., Any]) -> Callable[[F], F]:
    """Make the decorated function what runs in the place of a plain form."""

    def register(fast_form: F) -> F:
        _faster[plain_form] = fast_form
        return fast_form

    return register


def fastest(plain_form: F) -> F:
    """The faster form, where there is one; the plain one inside `with plain():`."""
    found: Any = plain_form if _choice.plain else _faster.get(plain_form, plain_form)
    return found


def sooner(fast_form: Callable[..., Any]) -> Callable[[F], F]:
    """Decorate a plain form with its faster one, which may answer NotImplemented."""

    def decorate(plain_form: F) -> F:
        faster(plain_form)(fast_form)

        @wraps(plain_form)
        def chosen(*args: Any, **kwargs: Any) -> Any:
            result = fastest(plain_form)(*args, **kwargs)
            return plain_form(*args, **kwargs) if result is NotImplemented else result

        return chosen  # type: ignore[return-value]

    return decorate


@contextmanager
def plain() -> Iterator[None]:
    """Compute everything by the plain forms inside the `with` block (or the decorated function).

    The numbers are the same to rounding: this is for seeing that, and for reading along.
    """
    before, _choice.plain = _choice.plain, True
    try:
        yield
    finally:
        _choice.plain = before
