"""The course around the engine: checks, predictions and progress, and the building of the book.

A notebook needs four names: ``from minitorch_attn.course import check, predict, reveal, progress``.
They are looked up when first used, so that importing the package stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {"check": "checking", "predict": "learner", "reveal": "learner", "progress": "learner"}

__all__ = ["check", "predict", "progress", "reveal"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
