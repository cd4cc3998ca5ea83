"""Errors that a notebook shows as one line, without the insides of the library."""

from __future__ import annotations

from ...errors import MinitorchError


class Shown:
    """A notebook shows the message alone: IPython asks an error for `_render_traceback_`."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class OneLine(Shown, MinitorchError):
    """Something that the reader can mend; the message is all there is to see."""
