"""Click where you look: the collector of chapter 00, and the file that keeps the clicks.

The clicks stay in `clicks.json` beside the learner's other file (`store.home()`); nothing leaves
the machine. `load()` returns only what a person clicked, so it may return nothing. The experiment
of chapter 14, in which a map is shown before the clicks, is in `shown`; its names are here as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import collector
from .clickfile import CLICKS, Array, ClickError, checked, checked_all
from .shown import collect_shown, forget_shown, keep_shown, load_shown
from .store import UNKEPT, home, say_unkept

__all__ = [
    "CLICKS",
    "PICTURES",
    "ClickError",
    "checked",
    "collect",
    "collect_shown",
    "forget_shown",
    "heat_map",
    "keep",
    "keep_shown",
    "load",
    "load_shown",
    "paste",
    "photographs",
    "write_page",
]

PICTURES = ("astronaut", "chelsea", "coffee", "rocket")  # shipped inside scikit-image


def photographs() -> dict[str, Array]:
    """The four photographs, each (height, width, 3) in uint8; nothing is downloaded."""
    try:
        from skimage import data
    except ImportError as error:
        raise ImportError(
            f"the photographs need scikit-image ({error}): pip install scikit-image"
        ) from error
    return {name: np.asarray(getattr(data, name)()) for name in PICTURES}


def heat_map(clicks: Any, width: int, height: int, sigma: float) -> Array:
    """A soft hill at each click, (height, width), all pixels together 1.

    Parameters
    ----------
    clicks : (K, 2), x and y in pixels
    sigma : how wide a hill is, in pixels

    Raises
    ------
    ClickError
        If `checked` refuses the clicks, or sigma is not positive.
    """
    x, y = checked(clicks, width, height).T
    if not 0 < sigma < np.inf:
        raise ClickError(f"sigma is {sigma:g}; a hill needs a positive width")
    along_x = np.exp(-((np.arange(width) - x[:, None]) ** 2) / (2 * sigma**2))  # (K, width)
    along_y = np.exp(-((np.arange(height) - y[:, None]) ** 2) / (2 * sigma**2))  # (K, height)
    heat = along_y.T @ along_x
    return heat / heat.sum()


# The file


def load(person: str = "me") -> dict[str, Array]:
    """What this person clicked: for each picture an array (K, 2). Empty if there is nothing."""
    kept = CLICKS.read()["people"].get(person, {})
    return {name: np.array(kept[name]) for name in PICTURES if name in kept}


def keep(clicks: Mapping[str, Any], person: str = "me") -> Path | None:
    """Keep clicks that were pasted or collected; a picture without clicks is forgotten.

    Returns where they are, or None where nothing can be kept: one line says why.

    Raises
    ------
    ClickError
        If a picture is unknown, or `checked` refuses its clicks. Then nothing is changed.
    """
    try:
        return _keep(clicks, person)
    except UNKEPT as error:
        say_unkept("Your clicks", error)
        return None


def _keep(clicks: Mapping[str, Any], person: str) -> Path:
    if not isinstance(person, str) or not 1 <= len(person) <= 40:
        raise ClickError("person is a short name, as in “me”")
    sizes = {name: (p.shape[1], p.shape[0]) for name, p in photographs().items()}
    found = checked_all(clicks, sizes)
    with CLICKS.change() as state:
        state["people"][person] = found
    return CLICKS.path


def paste(person: str = "me") -> None:
    """Print a cell that holds the clicks as numbers, for the exercises."""
    clicks = load(person)
    if not clicks:
        print("No clicks yet: collect(True) opens the pictures.")
        return
    print("CLICKS = {")
    for name, found in clicks.items():
        print(f'    "{name}": {[tuple(click) for click in found.tolist()]},')
    print("}")


# The collector


def collect(open: bool = False, person: str = "me") -> Any:
    """Open the four pictures to click on; the clicks are kept as they are made.

    Left alone, it says what to do: a notebook that runs by itself has nobody to click.
    """
    if not open:
        print("Your turn: put True in place of False, run the cell, and click.")
        return None
    try:
        collector.offer_page(write_page)
    except UNKEPT as error:
        say_unkept("The page to click on", error)
    try:
        return _widget(person)
    except ImportError as error:
        print(f"Pictures in the notebook need anywidget ({error}): pip install anywidget")
        return None


def write_page(path: Path | None = None) -> Path:
    """The collector as a page of its own, for any browser and no kernel; returns where it is."""
    facts = {"pictures": collector.for_browser(photographs()), "keep": keep.__name__}
    return collector.page(path or home() / "clicks.html", facts, "Where do you look?")


def _widget(person: str) -> Any:
    before = {name: found.tolist() for name, found in load(person).items()}
    facts = collector.for_browser(photographs())
    return collector.widget(facts, before, lambda clicks: _keep(clicks, person))
