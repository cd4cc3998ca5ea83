"""The course around the engine: checks, predictions and progress, and the building of the book.

A notebook needs a few names: ``from minitorch_attn.course import check, predict, progress``.
They are looked up when first used: importing the package stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "check": "learner.check",
    "check_file": "learner.handing_in",
    "predict": "learner.predictions",
    "reveal": "learner.predictions",
    "progress": "learner.progress",
    "exercises_of": "checks",
    "use_checks": "checks.folders",
    "clicks": "learner",
}

__all__ = [
    "check",
    "check_file",
    "clicks",
    "exercises_of",
    "predict",
    "progress",
    "reveal",
    "use_checks",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"{__name__}.{_HOME[name]}")
    value = import_module(f"{home.__name__}.{name}") if name == "clicks" else getattr(home, name)
    globals()[name] = value
    return value
