"""What a GPU tells in six minutes, in one file: python -m benchmarks.gpu (or `make gpu`).

Parts: the tests that need a GPU; training steps and attention beside PyTorch's, after their numbers
were compared; where a step's time goes, on the host and on the device, with the kernels of fast/
and without; memory of attention by length. Each is written when it is done, and an error in one
stops no other.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import peak
from .bars import MEMORY
from .lengths import AT
from .referee import ROOT, missing
from .workloads import CLASSIFIERS, LENGTHS, Workload

LIMIT = 345.0  # seconds; what is left at six minutes is for the start
TOKENS = LENGTHS[1:]
CONTESTANTS = "ours-gpu,torch-gpu,torch-gpu-reading"
TESTS = ("test_ops", "test_arrays", "test_cupy", "test_kernels", "test_copies")


def tests(seconds: float) -> dict[str, Any]:
    """The op table and its like, on CuPy. Compiling takes the time, so many do it at once."""
    files = [f"tests/engine/{name}.py" for name in TESTS]
    words = ["-m", "pytest", "-q", "-n", str(min(8, os.cpu_count() or 1)), *files]
    done = _run([*words, "-k", "cuda or cupy or kernel or gpu"], seconds)
    return {"passed": done.returncode == 0, "said": done.stdout[-2000:]}


def steps(seconds: float) -> dict[str, Any]:
    """Training steps beside PyTorch's."""
    return _race(["dense", "classifier"], seconds)


def attention(seconds: float) -> dict[str, Any]:
    """Attention beside PyTorch's."""
    return _race(["attention"], seconds)


def _race(families: list[str], seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "benchmarks", "--contestants", CONTESTANTS, "--rounds", "3", "--out", folder]
        done = _run([*words, *(f"--only={family}" for family in families)], seconds)
        if done.returncode:
            raise RuntimeError((done.stderr or done.stdout).strip()[-2000:])
        results = json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))
    return {key: results[key] for key in ("versions", "timings", "rows")}


def _run(words: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=seconds, check=False
    )


def profile(seconds: float) -> dict[str, Any]:
    """Milliseconds of a step on the host and on the device, by the kernels and plainly."""
    from cupyx.profiler import benchmark

    from minitorch_attn.fast import kernels

    from .contestants import ours

    found: dict[str, Any] = {}
    for size in CLASSIFIERS:
        workload = Workload("classifier", size)
        for way, devices in (("kernels", {"cuda"}), ("library alone", set())):
            kernels.DEVICES = devices
            job = ours.prepare(workload, "cuda")
            share = seconds / len(CLASSIFIERS) / 4
            times = benchmark(job.run, n_repeat=200, n_warmup=20, max_duration=share)
            found[f"{workload.name}, {way}"] = {
                "host_ms": 1e3 * float(times.cpu_times.mean()),
                "device_ms": 1e3 * float(times.gpu_times.mean()),
            }
    kernels.DEVICES = {"cuda"}
    return found


def memory(seconds: float) -> dict[str, Any]:
    """MiB at the most, by tokens: attention of 8 heads of width 64, forward and backward."""
    import cupy

    from .contestants import ours

    pool = cupy.get_default_memory_pool()

    def of_ours(workload: Workload) -> float:
        pool.free_all_blocks()
        job = ours.prepare(workload, "cuda")
        before = pool.total_bytes()  # it only grows, until it is told to give back
        job.run()
        return pool.total_bytes() - before

    ways: dict[str, Callable[[Workload], float]] = {"minitorch_attn": of_ours}
    if missing("torch-gpu") is None:
        import torch

        from .contestants import torch_eager

        def of_torch(workload: Workload) -> float:
            job = torch_eager.prepare(workload, device="cuda")
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            job.run()
            return torch.cuda.max_memory_allocated() - before

        ways["PyTorch eager"] = of_torch
    found: dict[str, Any] = {name: {} for name in ways}
    for tokens in TOKENS:
        for name, of in ways.items():
            found[name][tokens] = of(Workload("length", (1, 8, tokens, 64))) / 2**20
    if len(found) > 1:
        ratio = found["minitorch_attn"][AT] / found["PyTorch eager"][AT]
        found |= {"ours / theirs": ratio, "at_most": MEMORY, "met": ratio <= MEMORY}
    return found


# Each part with the share of the time that it may take.
PARTS: dict[str, tuple[Callable[[float], dict[str, Any]], float]] = {
    "tests": (tests, 0.35),
    "steps": (steps, 0.25),
    "profile": (profile, 0.1),
    "attention": (attention, 0.2),
    "memory": (memory, 0.1),
}


def facts() -> dict[str, Any]:
    """The GPU, the versions, and what decides how products of float32 are made."""
    import cupy

    device = cupy.cuda.runtime.getDeviceProperties(0)
    return {
        "gpu": device["name"].decode(),
        "memory_gib": device["totalGlobalMem"] / 2**30,
        "cupy": cupy.__version__,
        "runtime": cupy.cuda.runtime.runtimeGetVersion(),
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "CUPY_TF32": os.environ.get("CUPY_TF32", "0"),
        "CUPY_ACCELERATORS": os.environ.get("CUPY_ACCELERATORS", "default"),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/gpu.json"))
    args = parser.parse_args(argv)
    why = missing("ours-gpu") or peak.missing_gpu("ours-gpu")
    if why:
        print(f"benchmarks.gpu needs an NVIDIA GPU and CuPy: {why}", file=sys.stderr)
        return 2
    began = time.monotonic()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"facts": facts()}
    failed = False
    for name, (part, share) in PARTS.items():
        print(f"{name} …", flush=True)
        left = LIMIT - (time.monotonic() - began)
        try:
            if left <= 0:
                raise TimeoutError("no time was left")
            results[name] = part(min(left, share * LIMIT))
            failed |= not results[name].get("passed", True)
        except Exception as error:
            results[name], failed = {"error": f"{type(error).__name__}: {error}"}, True
            print(f"  {results[name]['error']}")
        results["seconds"] = time.monotonic() - began
        args.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {args.out}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
