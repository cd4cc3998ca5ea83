"""Processes end with the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

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
