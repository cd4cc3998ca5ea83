"""The most that this machine does: matrix products and copies, measured in each library.

python -m benchmarks.peak LIBRARY THREADS SIZE prints both as JSON.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .contestant import CONTESTANTS
from .referee import ROOT, BenchError, Plan, environment

LIBRARIES = {"NumPy": "numpy", "PyTorch": "torch"}
GPU_TESTS = {
    "cupy": "import cupy; assert cupy.cuda.runtime.getDeviceCount()",
    "torch": "import torch; assert torch.cuda.is_available()",
}


def missing_gpu(name: str) -> str | None:
    """Why a contestant has no GPU, or None."""
    package = CONTESTANTS[name].needs[0]
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return "there is no NVIDIA driver"
    done = subprocess.run(
        [sys.executable, "-c", GPU_TESTS[package]], capture_output=True, check=False
    )
    return None if done.returncode == 0 else f"{package} sees no GPU"


def measure(names: list[str], plan: Plan, small: bool) -> dict[str, dict[str, float]]:
    """For each library the best of a few tries, in turns: `gflops` and `copy_gbs`."""
    here = [
        title
        for title, package in LIBRARIES.items()
        if any(package in CONTESTANTS[n].needs and not CONTESTANTS[n].gpu for n in names)
        and importlib.util.find_spec(package)
    ]
    best: dict[str, dict[str, float]] = {}
    size = "512" if small else "2048"
    for _ in range(1 if small else 3):
        for title in here:
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "benchmarks.peak",
                    LIBRARIES[title],
                    str(plan.threads),
                    size,
                ],
                capture_output=True,
                text=True,
                cwd=ROOT,
                env=environment(plan.threads),
                check=False,
            )
            if done.returncode:
                raise BenchError(f"peak of {title}: {done.stderr.strip().splitlines()[-1]}")
            for key, value in json.loads(done.stdout).items():
                kept = best.setdefault(title, {})
                kept[key] = max(kept.get(key, 0.0), value)
    return best


def fastest(run: Callable[[], Any], seconds: float = 0.3) -> float:
    """Seconds of the fastest repetition within about so long."""
    run()
    best = float("inf")
    stop = time.perf_counter() + seconds
    while time.perf_counter() < stop:
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    return best


def in_numpy(threads: int, n: int) -> dict[str, float]:
    """NumPy's matrix product, and a copy shared among threads."""
    import numpy as np

    a, b = np.random.default_rng(0).standard_normal((2, n, n), np.float32)
    c = np.empty_like(a)
    source = np.ones(16 * n * n, np.float32)
    target = np.ones_like(source)
    pairs = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    with ThreadPoolExecutor(threads) as pool:
        copy = fastest(lambda: list(pool.map(lambda pair: np.copyto(*pair), pairs)))
    product = fastest(lambda: np.matmul(a, b, out=c))
    return {"gflops": 2e-9 * n**3 / product, "copy_gbs": 2e-9 * source.nbytes / copy}


def in_torch(threads: int, n: int) -> dict[str, float]:
    """PyTorch's matrix product and copy."""
    import torch

    torch.set_num_threads(threads)
    a, b, c = torch.rand(n, n), torch.rand(n, n), torch.empty(n, n)
    source = torch.ones(16 * n * n)
    target = torch.ones_like(source)
    copy = fastest(lambda: target.copy_(source))
    product = fastest(lambda: torch.mm(a, b, out=c))
    return {"gflops": 2e-9 * n**3 / product, "copy_gbs": 2e-9 * 4 * source.numel() / copy}


if __name__ == "__main__":
    measured = {"numpy": in_numpy, "torch": in_torch}[sys.argv[1]]
    print(json.dumps(measured(int(sys.argv[2]), int(sys.argv[3]))))
