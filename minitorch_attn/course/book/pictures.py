"""What is said of a picture to who does not see it: the words of the caption below it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ..sources.captions import caption


def describe(notebook: Any) -> None:
    """Give each picture its caption's words in place of `<Figure size …>`, Matplotlib's own.

    VS Code takes the text beside a picture for its alternative text, and it stands for the picture
    where none can be shown. JupyterLab 4 has no place for one: there the caption is read in its own
    cell.
    """
    for cell, below in pairwise(notebook["cells"]):
        words = caption(below["source"]) if below["cell_type"] == "markdown" else ""
        for output in cell.get("outputs", ()) if words else ():
            if "image/png" in output.get("data", {}):
                output["data"]["text/plain"] = words
