"""Click where you look: the collector of chapter 00, and the file that keeps the clicks.

The clicks stay in `clicks.json` beside the learner's other file (`store.home()`); nothing leaves
the machine. `load()` returns only what a person clicked, so it may return nothing.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import MinitorchError
from ...files import write_atomic
from .store import UNKEPT, Kept, home, say_unkept

PICTURES = ("astronaut", "chelsea", "coffee", "rocket")  # shipped inside scikit-image
WANTED = 10  # clicks on each picture
MOST = 1000

Array = np.ndarray


class ClickError(MinitorchError, ValueError):
    """Clicks that nobody can have made; the message says which and why."""


def photographs() -> dict[str, Array]:
    """The four photographs, each (height, width, 3) in uint8; nothing is downloaded."""
    try:
        from skimage import data
    except ImportError as error:
        raise ImportError(
            f"the photographs need scikit-image ({error}): pip install scikit-image"
        ) from error
    return {name: np.asarray(getattr(data, name)()) for name in PICTURES}


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


def _check(state: Any) -> None:
    for pictures in state["people"].values():
        for clicks in pictures.values():
            checked(clicks, 10**6, 10**6)


CLICKS = Kept("clicks", "Your clicks", lambda: {"people": {}}, _check)


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
    sizes = {name: picture.shape[1::-1] for name, picture in photographs().items()}
    if unknown := sorted(set(clicks) - set(sizes)):
        raise ClickError(f"there is no picture {unknown[0]!r}; there are {', '.join(PICTURES)}")
    found = {n: checked(c, *sizes[n]).tolist() for n, c in clicks.items() if len(c)}
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
        page = write_page()
        print(f"No picture below? Open {page} in a browser; it prints a cell to paste here.")
    except UNKEPT as error:
        say_unkept("The page to click on", error)
    try:
        return _widget(person)
    except ImportError as error:
        print(f"Pictures in the notebook need anywidget ({error}): pip install anywidget")
        return None


def write_page(path: Path | None = None) -> Path:
    """The collector as a page of its own, for any browser and no kernel; returns where it is."""
    path = path or home() / "clicks.html"
    # Inside <script>, a "</" could end it.
    facts = json.dumps({"pictures": _for_browser(), "wanted": WANTED}).replace("</", "<\\/")
    text = (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        f"<title>{html.escape('Where do you look?')}</title>"
        "<body style='font-family:sans-serif;max-width:44em;margin:2em auto'>"
        "<main></main><p>When you are done, copy this into a cell of the notebook and run it:</p>"
        "<textarea readonly rows='12' style='width:100%' aria-label='cell to paste'></textarea>"
        f"<script type='module'>{_script()}\nalone({facts});</script></body></html>"
    )
    write_atomic(path, text.encode())
    return path


def _script() -> str:
    return Path(__file__).with_name("clicks.js").read_text(encoding="utf-8")


def _for_browser() -> list[dict[str, Any]]:
    """Name, size and data URL of each photograph; JPEG, so that four of them are 200 kB."""
    from PIL import Image

    out: list[dict[str, Any]] = []
    for name, picture in photographs().items():
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=85)
        url = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
        height, width = picture.shape[:2]
        out.append({"name": name, "width": width, "height": height, "url": url})
    return out


def _widget(person: str) -> Any:
    import anywidget
    import traitlets

    class Collector(anywidget.AnyWidget):
        """Four pictures to click on; `clicks` holds name: [[x, y], …]."""

        _esm = _script()
        pictures: Any = traitlets.List().tag(sync=True)
        wanted = traitlets.Int(WANTED).tag(sync=True)
        clicks = traitlets.Dict().tag(sync=True)
        note = traitlets.Unicode().tag(sync=True)

        @traitlets.observe("clicks")
        def _keep(self, change: Mapping[str, Mapping[str, Sequence[Any]]]) -> None:
            try:
                self.note = f"Kept in {_keep(change['new'], person)}"
            except (ClickError, *UNKEPT, TypeError) as error:
                self.note = f"Not kept: {error}"

    before = {name: found.tolist() for name, found in load(person).items()}
    collector = Collector(pictures=_for_browser())
    if before:
        collector.clicks = before
    return collector
