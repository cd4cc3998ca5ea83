"""matplotlib's backend in the page: `show` hands over all open figures, twice as fine as shown."""

from __future__ import annotations

import io

from IPython.display import display  # the page's, see stand_ins
from matplotlib.backend_bases import FigureManagerBase as FigureManager
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

__all__ = ["FigureCanvas", "FigureManager", "show"]


class _Drawn:
    def __init__(self, png: bytes, about: str) -> None:
        self.png, self.about = png, about

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return self.about


def show(*_: object, **__: object) -> None:
    """Show each open figure and close it, as a notebook does at the end of a cell."""
    import matplotlib.pyplot as plt

    for number in plt.get_fignums():
        figure = plt.figure(number)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=2 * figure.dpi, bbox_inches="tight")
        width, height = (figure.get_size_inches() * figure.dpi).round().astype(int)
        about = f"<Figure size {width}x{height} with {len(figure.axes)} Axes>"
        display(_Drawn(drawn.getvalue(), about))
    plt.close("all")
