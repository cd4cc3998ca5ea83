"""Ctrl-C at every place where it can come while the matrix library is held: is it given back?

A line is printed for each: where it came, and what then holds.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from minitorch_attn import matrix_library, threads


class CtrlC:
    """Raises KeyboardInterrupt at one of the places in these modules where Python looks for it.

    It looks at the begin of a function, after a call, and where a loop goes back.
    """

    FILES = (matrix_library.__file__, threads.__file__)

    def __init__(self, at: int) -> None:
        self.at, self.now, self.where = at, 0, ""
        self.last: dict[int, str] = {}  # not the frames: they would keep their blocks alive

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename not in self.FILES:
            return self
        frame.f_trace_opcodes = True
        if event == "opcode":
            last = self.last.get(id(frame), "")
            self.last[id(frame)] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if last.startswith(("CALL", "RESUME", "JUMP_BACKWARD")):
                self.now += 1
                if self.now == self.at:
                    self.where = f"{frame.f_code.co_name}:{frame.f_lineno}"
                    sys.settrace(None)
                    raise KeyboardInterrupt
        return self


def interrupted(work: Callable[[], None], at: int) -> str:
    """Do the work with Ctrl-C at the place number `at`; where that is, or "" if there is none."""
    tracer = CtrlC(at)
    sys.settrace(tracer)
    try:
        work()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return tracer.where


def nested() -> None:
    """Two blocks, and a product in them."""
    with threads.sharing(2), threads.sharing(2):
        small()


def small() -> None:
    """A product by one thread."""
    matrix_library.multiply(np.ones((3, 3)), np.ones((3, 3)))


def main() -> None:
    """Try every place of both."""
    with threadpool_limits(3, user_api="blas"):
        for work in (nested, small):
            at = 1
            while where := interrupted(work, at):
                counts = {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}
                is_free = counts == {3} and threads._state.count == 1
                print(where, "given back" if is_free else f"held: {counts}")
                at += 1


if __name__ == "__main__":
    main()
