"""Kernels written for a GPU, run on the CPU: each thread of a block is a thread of C++.

So their arithmetic, their indices and where they wait for one another are tried, on any machine
with a C++ compiler; not their speed, nor what depends on how a GPU schedules its warps.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import strict_arrays

from minitorch_attn.fast import kernels

COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
NEEDED = "needs a C++ compiler"

# What CUDA has and C++ has not. A warp's 32 threads exchange numbers through `slots`.
CUDA = r"""
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>
using std::exp; using std::log; using std::sqrt;
#define __global__
#define __device__
#define __shared__ static
struct Dim { int x, y; };
static thread_local Dim blockIdx, threadIdx;
static Dim blockDim;
class Barrier {
  std::mutex m; std::condition_variable all; int here = 0, round = 0;
 public:
  int size = 0;
  void wait() {
    std::unique_lock<std::mutex> lock(m);
    int mine = round;
    if (++here == size) { here = 0; round++; all.notify_all(); }
    else all.wait(lock, [&] { return round != mine; });
  }
};
static Barrier block_barrier, warp_barriers[32];
static double slots[1024];
static int lane() { return threadIdx.y * blockDim.x + threadIdx.x; }
static void __syncthreads() { block_barrier.wait(); }
template <class V> V __shfl_xor_sync(unsigned, V v, int away) {
  slots[lane()] = v;
  warp_barriers[lane() / 32].wait();
  V other = slots[lane() ^ away];
  warp_barriers[lane() / 32].wait();
  return other;
}
// Threads that never wait for one another may as well come one after the other.
template <class F> void run(Dim grid, Dim block, bool they_wait, F kernel) {
  blockDim = block;
  block_barrier.size = block.x * block.y;
  for (Barrier& warp : warp_barriers) warp.size = 32;
  for (int by = 0; by < grid.y; by++)
    for (int bx = 0; bx < grid.x; bx++) {
      std::vector<std::thread> threads;
      for (int ty = 0; ty < block.y; ty++)
        for (int tx = 0; tx < block.x; tx++)
          if (they_wait)
            threads.emplace_back([=] { blockIdx = {bx, by}; threadIdx = {tx, ty}; kernel(); });
          else { blockIdx = {bx, by}; threadIdx = {tx, ty}; kernel(); }
      for (std::thread& thread : threads) thread.join();
    }
}
"""


class Dim(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int), ("y", ctypes.c_int))


KERNEL = re.compile(r'extern "C" __global__ void (\w+)\((.*?)\)', re.DOTALL)


def build(folder: Path, dtype: str) -> Any:
    """The kernels for numbers of one dtype, as a library of C++."""
    source = kernels.source(dtype)
    doors = []
    for kernel in source.split("extern")[1:]:
        ((name, parameters),) = KERNEL.findall(f"extern{kernel}")
        waits = str("_of_warp" in kernel or "__syncthreads" in kernel).lower()
        names = ", ".join(re.findall(r"(\w+)(?:,|$)", parameters))
        doors.append(
            f'extern "C" void run_{name}(Dim grid, Dim block, {parameters}) '
            f"{{ run(grid, block, {waits}, [=] {{ {name}({names}); }}); }}"
        )
    file, library = folder / f"{dtype}.cpp", folder / f"{dtype}.so"
    file.write_text("\n".join([CUDA, source, *doors]))
    words = ["-std=c++17", "-O0", "-shared", "-fPIC", "-pthread", str(file), "-o", str(library)]
    subprocess.run([str(COMPILER), *words], check=True, capture_output=True, text=True)
    return ctypes.CDLL(str(library))


def launcher(folder: Path) -> Any:
    """What takes the place of `kernels.launch`, for strict arrays."""
    library = cache(lambda dtype: build(folder, dtype))
    launched: list[str] = []

    def launch(name: str, dtype: Any, grid: tuple, block: tuple, args: tuple) -> None:
        launched.append(name)
        real = {"float32": ctypes.c_float, "float64": ctypes.c_double}[np.dtype(dtype).name]

        def passed(x: Any) -> Any:
            if isinstance(x, strict_arrays.ndarray):
                assert x._inside.flags.c_contiguous, f"{name} is given an array with gaps"
                return ctypes.c_void_p(address(x))
            return real(x) if isinstance(x, float) else ctypes.c_int(int(x))

        run = getattr(library(np.dtype(dtype).name), f"run_{name}")
        run(Dim(*[*grid, 1][:2]), Dim(*[*block, 1][:2]), *map(passed, args))

    launch.launched = launched  # type: ignore[attr-defined]
    return launch


def address(array: strict_arrays.ndarray) -> int:
    return array._inside.ctypes.data
