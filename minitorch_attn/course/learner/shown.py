"""Does a map pull your clicks? The experiment of chapter 14, on oneself.

Twelve pictures. For each a coin decides whether the program's map or its mirror image is shown for
three seconds; then the map is gone, and ten places are clicked. The coin's seed is stored beside
the clicks, in `clicks.json`, and not shown. Nothing leaves the machine.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from . import collector
from .clickfile import CLICKS, WANTED, Array, ClickError, checked_all
from .store import UNKEPT, home, say_unkept

SECONDS = 3.0
GRID = (18, 24)  # rows and columns of every map
LONGEST = 700  # pixels of a picture's longer side, at most
_NAMES = (
    *("astronaut", "camera", "chelsea", "clock", "coffee", "coins"),
    *("hubble_deep_field", "immunohistochemistry", "retina", "rocket"),
)


def twelve() -> dict[str, Array]:
    """The pictures, each (height, width, 3) in uint8, from installed packages."""
    try:
        from skimage import data
        from sklearn.datasets import load_sample_images
    except ImportError as error:
        raise ImportError(f"the pictures need scikit-image and scikit-learn ({error})") from error
    found = {name: np.asarray(getattr(data, name)()) for name in _NAMES}
    found |= dict(zip(("china", "flower"), load_sample_images().images, strict=True))
    return {name: _small(picture) for name, picture in found.items()}


def _small(picture: Array) -> Array:
    step = -(-max(picture.shape[:2]) // LONGEST)
    picture = picture[::step, ::step]
    return picture if picture.ndim == 3 else np.stack([picture] * 3, axis=-1)


def contrast(picture: Array) -> Array:
    """Variance of the brightness in each cell of the grid, (18, 24)."""
    rows, columns = GRID
    grey = picture.mean(axis=2)
    high, wide = grey.shape[0] // rows, grey.shape[1] // columns
    cells = grey[: rows * high, : columns * wide].reshape(rows, high, columns, wide)
    return cells.var(axis=(1, 3))


def hot_spots(picture: Array) -> Array:
    """The program's map: a hill on each of the three places of most contrast, together 1.

    No network, and nothing learned: a place of contrast is blurred by its neighbours, and two
    places are at least five cells apart.
    """
    from scipy.ndimage import gaussian_filter

    left = gaussian_filter(contrast(picture), 1.2)
    spots = np.zeros(GRID)
    for _ in range(3):
        y, x = np.unravel_index(left.argmax(), GRID)
        spots[y, x] = 1
        left[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5] = 0
    spots = gaussian_filter(spots, 1.0)
    return spots / spots.sum()


@dataclass(frozen=True)
class Shown:
    """What was shown and what was clicked: n pictures that are done.

    Attributes
    ----------
    names : n strings
    shown, other : (n, 18, 24), the map that was seen, and the one that never was
    clicks : (n, 10, 2) whole numbers, x (column) and y (row) of cells of the maps
    """

    names: tuple[str, ...]
    shown: Array
    other: Array
    clicks: Array

    def __len__(self) -> int:
        return len(self.names)


def load_shown() -> Shown:
    """The pictures that were done; none if nobody has done any."""
    kept = CLICKS.read().get("shown", {"seed": 0, "clicks": {}})
    done = {name: found for name, found in kept["clicks"].items() if len(found) >= WANTED}
    pictures = twelve() if done else {}
    names = tuple(name for name in pictures if name in done)
    maps = _maps(pictures, kept["seed"])
    clicks = [_to_cells(done[name][:WANTED], pictures[name]) for name in names]
    return Shown(
        names,
        np.array([maps[name][0] for name in names]).reshape(-1, *GRID),
        np.array([maps[name][1] for name in names]).reshape(-1, *GRID),
        np.array(clicks, dtype=int).reshape(-1, WANTED, 2),
    )


def _maps(pictures: Mapping[str, Array], seed: int) -> dict[str, tuple[Array, Array]]:
    """For each picture the map that is shown, and the other one."""
    heads = np.random.default_rng(seed).random(len(pictures)) < 0.5
    pairs = {}
    for (name, picture), head in zip(pictures.items(), heads, strict=True):
        own = hot_spots(picture)
        pairs[name] = (own, own[:, ::-1]) if head else (own[:, ::-1], own)
    return pairs


def _to_cells(clicks: Any, picture: Array) -> Array:
    height, width = picture.shape[:2]
    cells = np.asarray(clicks) * GRID[::-1] // (width, height)
    return np.minimum(cells, np.subtract(GRID[::-1], 1))


def keep_shown(clicks: Mapping[str, Any]) -> Path | None:
    """Keep clicks that were pasted from the page. Returns where they are, or None, with one line.

    Raises
    ------
    ClickError
        If no coin was drawn, a picture is unknown, or a click lies outside. Nothing is changed.
    """
    try:
        return _keep(clicks)
    except UNKEPT as error:
        say_unkept("Your clicks", error)
        return None


def _keep(clicks: Mapping[str, Any]) -> Path:
    found = checked_all(clicks, _sizes())
    with CLICKS.change() as state:
        if "shown" not in state:
            raise ClickError("no coin was drawn yet: collect_shown(True) comes first")
        state["shown"]["clicks"] = found
    return CLICKS.path


@cache
def _sizes() -> dict[str, tuple[int, int]]:
    """Width and height of each picture: asked for at each click."""
    return {name: (p.shape[1], p.shape[0]) for name, p in twelve().items()}


def forget_shown() -> None:
    """Delete what the experiment kept: its clicks and the coin's seed."""
    try:
        with CLICKS.change() as state:
            there = state.pop("shown", None)
    except UNKEPT as error:
        say_unkept("That it was deleted", error)
        return
    print("Deleted." if there else "There was nothing to delete.")


def collect_shown(open: bool = False) -> Any:
    """Open the twelve pictures: a map for three seconds, then ten clicks; kept as they are made.

    Left alone, it says what to do. Called again, it goes on where you stopped.
    """
    if not open:
        print("Your turn: put True in place of False, run the cell, look, and click.")
        return None
    try:
        with CLICKS.change() as state:
            kept = state.setdefault("shown", {"seed": secrets.randbits(32), "clicks": {}})
        collector.offer_page(lambda: write_page(kept))
    except UNKEPT as error:
        say_unkept("The coin", error)  # and without it nothing can be told from the clicks
        return None
    try:
        return collector.widget(_facts(kept["seed"]), kept["clicks"], _keep, SECONDS)
    except ImportError as error:
        print(f"Pictures in the notebook need anywidget ({error}): pip install anywidget")
        return None


def write_page(kept: Mapping[str, Any], path: Path | None = None) -> Path:
    """The same as a page of its own, for any browser and no kernel; returns where it is."""
    facts = {
        "pictures": _facts(kept["seed"]),
        "first": kept["clicks"],
        "seconds": SECONDS,
        "keep": keep_shown.__name__,
    }
    return collector.page(path or home() / "shown.html", facts, "Does a map pull you?")


def _facts(seed: int) -> list[dict[str, Any]]:
    pictures = twelve()
    seen = {name: maps[0] for name, maps in _maps(pictures, seed).items()}
    return collector.for_browser(pictures, seen)
