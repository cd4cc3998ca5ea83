"""What CuPy offers, written down for machines without it: python -m tests.cupy_api

Needs CuPy (`pip install cupy-cuda13x`) and no GPU, and writes cupy_api.json beside this file: of
each function and method its parameters as Python writes them, or null where they cannot be read.
"""

from __future__ import annotations

import inspect
import json
import re
import warnings
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("cupy_api.json")


def parameters(thing: Any, name: str) -> str | None:
    """From Python, or, of what is compiled, from the first line of its docstring."""
    line = ((getattr(thing, "__doc__", None) or "").strip().splitlines() or [""])[0]
    try:
        if type(thing).__name__ == "ufunc":  # whose __call__ takes everything
            raise ValueError
        signature = inspect.signature(thing)
        plain = [_plainly(p) for p in signature.parameters.values()]
        text = str(inspect.Signature(plain))[1:-1]
    except (TypeError, ValueError):
        name = r"\w+" if type(thing).__name__ == "ufunc" else rf"\b{re.escape(name)}"
        found = re.search(rf"{name}\((.*)\)", line.replace("\\", ""))
        if found is None:
            return None
        text = re.sub(
            r"\b(?:int|bint|tuple|str|Py_ssize_t|_ndarray_base|ndarray) (?=\w)", "", found[1]
        )
    text = re.sub(r"^self(, /)?(, )?", "", text)
    try:
        compile(f"def f({text}): ...", "CuPy", "exec")
    except SyntaxError:
        return None
    return text


def _plainly(p: inspect.Parameter) -> inspect.Parameter:
    """Without its type, and with None for any default, which may be written in no file."""
    return p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else None)


def read() -> dict[str, Any]:
    """The API of the CuPy that is installed."""
    import cupy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is deprecated says so when looked at
        functions = {
            name: thing
            for name, thing in ((name, getattr(cupy, name, None)) for name in dir(cupy))
            if callable(thing) and not name.startswith("_") and not isinstance(thing, type)
        }
        methods = {
            name: getattr(cupy.ndarray, name)
            for name in dir(cupy.ndarray)
            if callable(getattr(cupy.ndarray, name))
        }
    return {
        "version": cupy.__version__,
        "functions": {name: parameters(thing, name) for name, thing in functions.items()},
        "at": sorted(name for name, f in functions.items() if getattr(f, "_scatter_op", None)),
        "methods": {name: parameters(thing, name) for name, thing in methods.items()},
        "attributes": sorted(dir(cupy.ndarray)),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(read(), indent=0, sort_keys=True) + "\n")
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")
