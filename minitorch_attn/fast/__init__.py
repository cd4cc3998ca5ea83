"""The same numbers, sooner, or in less memory.

Each form here equals a plain one in `ops/`, `nn/`, `optim` or `training`, which stand for the idea.
Whoever wants that may skip this room; `with plain():` runs everything without it.
"""

from . import activations, attention, einsum, heads, linear, losses, norm, rows

__all__ = ["activations", "attention", "einsum", "heads", "linear", "losses", "norm", "rows"]
