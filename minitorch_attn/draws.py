"""Random arrays that a second run of the same function gets again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class _Draws(threading.local):
    """The random arrays of a checkpointed function: kept when first drawn, then used again."""

    kept: list | None = None
    replay: list | None = None

    def next(self, draw: Callable[[], Any]) -> Any:
        """What `draw` gives, or gave in its place the first time."""
        drawn = draw() if self.replay is None else self.replay.pop(0)
        if self.kept is not None:
            self.kept.append(drawn)
        return drawn


draws = _Draws()
