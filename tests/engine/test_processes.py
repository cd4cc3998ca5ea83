"""Processes: they end with the one that started them, and keep their memory where asked to."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from minitorch_attn.processes import keep_freed_memory

PARENT = """
import time
from concurrent.futures import ProcessPoolExecutor
from minitorch_attn.processes import end_with_parent

if __name__ == "__main__":
    with ProcessPoolExecutor(2, initializer=end_with_parent) as pool:
        sleeping = [pool.submit(time.sleep, 60) for _ in range(2)]
        while not all(future.running() for future in sleeping):
            time.sleep(0.01)
        print("working", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_none_is_left_when_their_parent_is_killed(number: signal.Signals) -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "working\n"
        parent.send_signal(number)
        parent.communicate(timeout=20)  # ends when nobody holds the pipe any more
        assert parent.returncode == -number


# Keeping freed memory.

# The numbers that mallopt(3) gives to what is asked for.
TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What the C library, which agrees to everything here, is asked."""
    wishes: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda *wish: wishes.append(wish) or 1)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    return wishes


def test_on_linux_both_thresholds_are_raised_and_one_heap_kept(
    asked: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert keep_freed_memory() is True
    assert sorted(asked) == [(ARENA_MAX, 1), (MMAP_THRESHOLD, 1 << 30), (TRIM_THRESHOLD, 1 << 30)]


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_elsewhere_nothing_is_asked(
    asked: list[tuple[int, int]], system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert keep_freed_memory() is False
    assert asked == []


def gone(name: str) -> None:
    raise OSError(f"{name}: cannot open shared object file")


@pytest.mark.parametrize(
    "load",
    [gone, lambda name: SimpleNamespace(), lambda name: SimpleNamespace(mallopt=lambda *wish: 0)],
    ids=["no glibc", "no mallopt", "a refusal"],
)
def test_a_c_library_that_cannot_is_no_error(load: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", load)
    assert keep_freed_memory() is False


FAULTS = """
import resource, sys
import numpy as np
from minitorch_attn.optim import SGD
from minitorch_attn.nn import Dense
from minitorch_attn.processes import keep_freed_memory

if "keep" in sys.argv:
    assert keep_freed_memory()
if "train" in sys.argv:
    SGD(Dense(2, 2, rng=0).parameters(), lr=0.1)
np.ones(1 << 23)  # 64 MiB, taken and given back
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(1 << 23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this C library is not glibc")
@pytest.mark.parametrize("how", ["keep", "train"])
def test_pages_that_are_kept_are_not_faulted_in_again(how: str) -> None:
    def faults(*words: str) -> int:
        command = [sys.executable, "-c", FAULTS, *words]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert faults(how) < 0.2 * faults()
