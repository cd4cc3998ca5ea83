"""Pictures to click on, as a widget in a notebook and as a page of its own."""

from __future__ import annotations

import base64
import html
import io
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...files import write_atomic
from .clickfile import WANTED, ClickError
from .store import UNKEPT

Facts = dict[str, Any]
# Python runs in a page of the web edition: no file of it can be opened beside the page.
_IN_PAGE = sys.platform == "wasi"

# Stands above the pictures, and is still there when a restarted kernel has forgotten them.
MISSING = (
    "No picture below, or “model not found”, as after a restart? Run this cell again: your clicks "
    "are kept. Or open {page} in a browser; it prints a cell to paste here."
)


def for_browser(
    pictures: Mapping[str, np.ndarray], maps: Mapping[str, np.ndarray] | None = None
) -> list[Facts]:
    """Name, size and data URL of each picture; of its map, too, where there are maps."""
    out: list[Facts] = []
    for name, picture in pictures.items():
        height, width = picture.shape[:2]
        fact = {"name": name, "width": width, "height": height, "url": _data(picture)}
        out.append(fact | ({"overlay": _overlay(maps[name])} if maps else {}))
    return out


def _data(picture: np.ndarray) -> str:
    """A picture as an address that holds it: a JPEG, or a PNG where Python has no JPEG."""
    from PIL import Image, features

    kind = "jpeg" if features.check("jpg") else "png"
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, quality=85)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def offer_page(write: Callable[[], Path]) -> None:
    """Write the page of its own, and say that it is there for who sees no widget."""
    if not _IN_PAGE:
        print(MISSING.format(page=write()))


def _overlay(shown: np.ndarray) -> str:
    """A map as yellow light on a dimmed picture; the browser stretches it over the picture."""
    from PIL import Image

    height, width = shown.shape
    large = Image.fromarray((255 * shown / shown.max()).astype(np.uint8))
    light = large.resize((8 * width, 8 * height), Image.Resampling.BICUBIC)
    values = np.asarray(light) / 255
    alpha = 0.55 + 0.25 * values
    pixels = np.stack([240 * values, 228 * values, 66 * values, 255 * alpha], axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def page(path: Path, facts: Facts, title: str) -> Path:
    """Write the collector for any browser and no kernel; returns where it is."""
    # Inside <script>, a "</" could end it.
    told = json.dumps({"wanted": WANTED, "seconds": 0, "first": {}} | facts).replace("</", "<\\/")
    text = (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{html.escape(title)}</title>"
        "<body style='font-family:sans-serif;max-width:44em;margin:2em auto'>"
        "<main></main><p>When you are done, copy this into a cell of the notebook and run it:</p>"
        "<textarea readonly rows='12' style='width:100%' aria-label='cell to paste'></textarea>"
        f"<script type='module'>{_script()}\nalone({told});</script></body></html>"
    )
    write_atomic(path, text.encode())
    return path


def _script() -> str:
    return Path(__file__).with_name("clicks.js").read_text(encoding="utf-8")


def widget(
    facts: list[Facts],
    first: Mapping[str, Any],
    keep: Callable[[Mapping[str, Any]], Path],
    seconds: float = 0,
) -> Any:
    """The same in a notebook; `keep(clicks)` is called as they are made.

    Raises
    ------
    ImportError
        Without anywidget.
    """
    import anywidget
    import traitlets

    class Collector(anywidget.AnyWidget):
        """Pictures to click on; `clicks` holds name: [[x, y], …]."""

        _esm = _script()
        pictures: Any = traitlets.List().tag(sync=True)
        wanted = traitlets.Int(WANTED).tag(sync=True)
        seconds = traitlets.Float().tag(sync=True)
        clicks = traitlets.Dict().tag(sync=True)
        note = traitlets.Unicode().tag(sync=True)

        @traitlets.observe("clicks")
        def _keep(self, change: Mapping[str, Mapping[str, Any]]) -> None:
            try:
                path = keep(change["new"])
                self.note = f"Kept in {'this browser' if _IN_PAGE else path}"
            except (ClickError, *UNKEPT, TypeError) as error:
                self.note = f"Not kept: {error}"

    collector = Collector(pictures=facts, seconds=seconds)
    if first:
        collector.clicks = dict(first)
    return collector
