"""The command `info`: what this machine has for the book."""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import sys

from .. import __version__
from ..arrays import DeviceError
from ..devices import cupy
from ..matrix_library import LARGE
from ..threads import threads

PACKAGES = ("numpy", "safetensors", "tqdm", "scikit-learn", "matplotlib", "jupyterlab", "nbgrader")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""


def _matrix_library() -> str:
    """What multiplies matrices, and with how many threads."""
    from threadpoolctl import threadpool_info

    own = [x for x in threadpool_info() if x["user_api"] == "blas"]
    words = [
        f"{x['num_threads']} ({x['internal_api']} {x['version']} {x.get('architecture', '')})"
        for x in own
    ]
    few = f"1 in products of fewer than {LARGE:,} multiplications"
    return f"{', '.join(words) or 'unknown'}; {few}"


def run(args: argparse.Namespace) -> int:
    print(f"minitorch_attn  {__version__}")
    print(f"Python          {platform.python_version()} ({sys.executable})")
    print(f"machine         {platform.machine()}, {platform.system()} {platform.release()}")
    print(f"threads         {threads()}; the matrix library {_matrix_library()}")
    for package in PACKAGES:
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            version = "not installed"
        print(f"{package:15} {version}")
    try:
        library = cupy()
    except DeviceError as error:
        print(f"{'GPU':15} none: {error}")
        return 0
    device = library.cuda.runtime.getDeviceProperties(0)
    memory = device["totalGlobalMem"] / 2**30
    print(f"{'cupy':15} {library.__version__}")
    print(f"{'GPU':15} {device['name'].decode()}, {memory:.0f} GiB")
    return 0
