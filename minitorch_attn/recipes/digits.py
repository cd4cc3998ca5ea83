"""Plain digits, cut into patches."""

from __future__ import annotations

from ..data import digits
from .recipe import Recipe

DIGITS = Recipe(
    about="plain digits",
    load=digits,
    what="the held-out fifth",
    options={
        "model_dim": 32,
        "num_heads": 4,
        "num_blocks": 2,
        "patch": 2,
        "num_positions": 16,
    },
    epochs=30,
    seeds=5,
    lr=3e-3,
    weight_decay=0.05,
)
