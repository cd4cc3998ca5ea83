"""What the machine is, and what it can do at the most."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from minitorch_attn.threads import cores

from .contestant import CONTESTANTS


def describe(threads: int) -> dict[str, Any]:
    """Processor, cores, memory, system."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "threads": threads,
        "memory_gib": _memory() / 2**30,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "blas": _blas(),
    }


def versions(names: list[str]) -> dict[str, str]:
    """The versions of what these contestants need."""
    packages = ["minitorch_attn", *dict.fromkeys(p for n in names for p in CONTESTANTS[n].needs)]
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # cupy is called otherwise, cupy-cuda13x: its worker tells
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return float("nan")


def available_memory() -> float:
    """Bytes that can be had without swapping; infinite where the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable"):
                return 1024.0 * int(line.split()[1])
    except OSError:
        pass
    return float("inf")


def _blas() -> str | None:
    """Which library does NumPy's matrix products."""
    try:
        import numpy as np  # noqa: F401 (loads the library that is asked about)
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    found = [p for p in threadpool_info() if p["user_api"] == "blas"]
    words = [f"{p['internal_api']} {p['version']} {p.get('architecture', '')}" for p in found]
    return ", ".join(word.strip() for word in words) or None
