"""Figures on a slide: their words, the size of their letters, and how they grow, part by part."""

from __future__ import annotations

import base64
import html
import io
import re
import struct
from itertools import pairwise

from ..sources import text
from ..sources.captions import caption
from ..sources.text import SourceError

_SIZE = re.compile(r"(?:font|label)size=(\d+)")
TICKS = 10  # points: what matplotlib sets the numbers on an axis in
ROOM = 1240 / 614  # of a figure alone on its slide, width to height
_PNG = re.compile(r'src="data:image/png;base64,([^"]+)"')


def look(source: text.Source, cell: text.Cell) -> str:
    """Attributes of a figure: its words, from the caption below it, and its smallest letters."""
    below = source.cells[cell.number] if cell.number < len(source.cells) else None
    words = caption(below.text) if below and below.kind == "markdown" else ""
    if not words:
        words = (cell.name or "figure").replace("-", " ").replace("_", " ")
    points = min([TICKS, *map(int, _SIZE.findall(cell.text))])
    return f'alt="{html.escape(words, quote=True)}" data-points="{points}"'


def picture(kind: str, data: bytes, look: str) -> str:
    """A figure with these attributes; of a PNG it says its pixels, and its inches if it knows."""
    extent = ""
    if kind == "image/png":
        width, height = struct.unpack(">II", data[16:24])
        extent = f' width="{width}" height="{height}"'
        # matplotlib notes the dots a metre; its letters are in points, 72 to an inch.
        if (noted := data.find(b"pHYs")) > 0:
            (dots,) = struct.unpack(">I", data[noted + 4 : noted + 8])
            extent += f' data-inches="{width / (dots * 0.0254):.2f}"'
    encoded = base64.b64encode(data).decode()
    return f'<figure><img {look}{extent} src="data:{kind};base64,{encoded}"></figure>'


def covered(figure: str, label: str, cuts: str) -> str:
    """The figure with a cover for each step; `cuts` are per cent of its width, as in "33,66".

    Raises
    ------
    SourceError
        If the figure is no PNG, or something is drawn where it is cut.
    """
    found = _PNG.search(figure)
    if not found or not re.fullmatch(r"[\d.]+(,[\d.]+)*", cuts):
        raise SourceError(f"the figure {label!r} cannot be shown in steps at {cuts!r}.")
    from matplotlib.image import imread

    picture = imread(io.BytesIO(base64.b64decode(found[1])))
    height, width = picture.shape[:2]
    edges = [float(cut) for cut in cuts.split(",")]
    for edge in edges:
        if picture[:, int(width * edge / 100), :3].min() < 0.97:
            raise SourceError(f"the figure {label!r} is not blank at {edge} % of its width.")
    # A figure that is less wide than its room stands in the middle of it.
    share = min(1.0, width / height / ROOM)
    places = [50 + (edge - 50) * share for edge in edges] + [100.0]
    covers = "".join(
        f'<i class="cover fragment fade-out" style="left:{left:.1f}%;right:{100 - right:.1f}%"></i>'
        for left, right in pairwise(places)
    )
    return figure.replace("</figure>", f"{covers}</figure>")
