"""How long an import takes, in a fresh process, against NumPy's and PyTorch's."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

from . import bars
from .referee import ROOT, BenchError

IMPORTS = {"minitorch_attn": "minitorch_attn", "NumPy": "numpy", "PyTorch": "torch"}
# Only the import itself: the start of Python, the same for all, would hide the difference.
CODE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def seconds(module: str) -> float:
    """Seconds of one import in a fresh process, of modules that Python compiled the first time."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(module)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=env,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"import {module}: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout)


def measure(names: list[str], rounds: int) -> tuple[dict[str, list[float]], list[bars.Row]]:
    """Each import in turns; and ours against the others."""
    print("  start …", flush=True)
    here = {t: m for t, m in IMPORTS.items() if importlib.util.find_spec(m)}
    if "torch" not in names:
        here.pop("PyTorch", None)
    found: dict[str, list[float]] = {title: [] for title in here}
    for i in range(-1, rounds):  # the first fills the file system's cache
        for title, module in here.items():
            took = seconds(module)
            if i >= 0:
                found[title].append(took)
    ours = found["minitorch_attn"]
    made = [
        bars.row("start (import)", f"import of {title}", ours, theirs, at_most)
        for title, theirs, at_most in (
            (t, x, bars.IMPORT if t == "NumPy" else None) for t, x in found.items()
        )
        if theirs is not ours
    ]
    return found, made
