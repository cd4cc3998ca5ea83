"""What the checks of several chapters share."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..expecting import expect_close


def near(got: Any, want: Any, claim: str, atol: float = 1e-4) -> None:
    """Equal to what 32-bit numbers can do."""
    expect_close(got, want, claim, rtol=1e-3, atol=atol)


def sizes(rng: np.random.Generator, count: int, low: int = 3, high: int = 10) -> list[int]:
    """That many sizes in [low, high), all different: a wrong axis cannot hide."""
    return [int(n) for n in rng.choice(np.arange(low, high), count, replace=False)]
