"""The file that keeps clicks, and which clicks can be kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import MinitorchError
from .store import Kept

WANTED = 10  # clicks on each picture
MOST = 1000

Array = np.ndarray


class ClickError(MinitorchError, ValueError):
    """Clicks that nobody can have made; the message says which and why."""


def checked(clicks: Any, width: int, height: int) -> Array:
    """The clicks as whole numbers, shape (K, 2): x from the left, y from the top.

    Raises
    ------
    ClickError
        If there are none, or one lies outside the picture, or they are no pairs of numbers.
    """
    try:
        array = np.asarray(clicks, dtype=float)
    except (TypeError, ValueError):
        raise ClickError("clicks are pairs (x, y) of numbers") from None
    if array.ndim != 2 or array.shape[1] != 2 or not 1 <= len(array) <= MOST:
        raise ClickError(f"clicks are 1 to {MOST} pairs (x, y); these have shape {array.shape}")
    inside = (array >= 0) & (array < (width, height))  # NaN is nowhere inside
    if not inside.all():
        x, y = array[~inside.all(axis=1)][0]
        raise ClickError(f"a click at x = {x:g}, y = {y:g} is outside {width} × {height} pixels")
    return array.astype(int)


def checked_all(clicks: Any, sizes: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """Lists of clicks for pictures of these sizes (width, height); those without any go.

    Raises
    ------
    ClickError
        If a picture is unknown, or `checked` refuses its clicks.
    """
    if unknown := sorted(set(clicks) - set(sizes)):
        raise ClickError(f"there is no picture {unknown[0]!r}; there are {', '.join(sizes)}")
    return {n: checked(c, *sizes[n]).tolist() for n, c in clicks.items() if len(c)}


def _check(state: Any) -> None:
    shown = state.get("shown", {"seed": 0, "clicks": {}})
    if isinstance(shown["seed"], bool) or not isinstance(shown["seed"], int) or shown["seed"] < 0:
        raise ValueError("the coin's seed is no whole number")
    for pictures in (*state["people"].values(), shown["clicks"]):
        for clicks in pictures.values():
            checked(clicks, 10**6, 10**6)


CLICKS = Kept("clicks", "Your clicks", lambda: {"people": {}}, _check)
