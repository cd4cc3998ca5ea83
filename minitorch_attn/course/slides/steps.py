"""A figure that grows: covers over its right parts, taken away one after another."""

from __future__ import annotations

import base64
import io
import re
from itertools import pairwise

from ..sources.text import SourceError

ROOM = 1240 / 614  # of a figure alone on its slide, width to height
_PNG = re.compile(r'src="data:image/png;base64,([^"]+)"')


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
