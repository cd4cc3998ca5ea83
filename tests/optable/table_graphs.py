"""The table of ops: graphs in which a gradient must wait for another.

They are no ops of their own: a walk in the wrong order fails on them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_attn import ops
from optable.oprow import ONE, TWO, row


def doubled(a: Any) -> Any:
    b = a + a
    return b + b


def diamond(a: Any) -> Any:
    b = a * a
    return ops.tanh(b) * a + ops.exp(-b) * b


def weave(a: Any, b: Any) -> Any:
    for _ in range(4):
        a, b = a * b, a + b
    return a * 0.001 + b


row("graph", doubled, lambda a: 4 * a, ONE, "a + a, twice")
row("graph", diamond, lambda a: np.tanh(a * a) * a + np.exp(-a * a) * a * a, ONE, "diamond")
row("graph", weave, weave, TWO, "weave", domain="positive")
