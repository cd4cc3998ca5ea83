"""Scripts of the book that are no part of the package, as modules."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from minitorch_attn.course.sources.text import ROOT


def stored(name: str) -> ModuleType:
    """A script of `chapters/stored`; its name may begin with a digit."""
    path = ROOT / "chapters" / "stored" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"stored_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
