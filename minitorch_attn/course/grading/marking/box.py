"""A process of its own for student code, from which only bytes come back.

Under Linux bubblewrap makes a file system that holds Python, NumPy and the worker, all read-only,
and nothing else; no network, no other processes, no rights. Where the grader is root, the box runs
as a user who owns nothing. Elsewhere there is a separate process with limits, or only a process:
`find_isolation()` says which.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import wire
from .isolating import Isolation, command, find_isolation
from .piping import Pipes

__all__ = ["Box", "Isolation", "Stopped", "find_isolation"]

HERE = Path(__file__).parent
START_SECONDS = 20.0
# CPU seconds, bytes of memory, seconds for a call. Engine exercises train a model.
CPU, MEMORY, CALL = 20, 1 << 30, 5.0
LIBRARY_CPU, LIBRARY_MEMORY, LIBRARY_CALL = 120, 3 << 30, 60.0


class Stopped(Exception):
    """The process in the box is no more; the message says why, in words for the student."""


class Box:
    """One process for student code. Use it in a `with` statement: nothing of it stays."""

    def __init__(self, isolation: Isolation, *, library: bool = False) -> None:
        self.isolation, self.library = isolation, library
        self.seconds = LIBRARY_CALL if library else CALL
        self.process: subprocess.Popen[bytes] | None = None
        self.locked = False  # whether the filter for system calls is in place

    def __enter__(self) -> Box:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    @property
    def alive(self) -> bool:
        return self.process is not None

    def start(self) -> None:
        """Start the process and wait until NumPy is loaded."""
        limits = {
            "CPU": LIBRARY_CPU if self.library else CPU,
            "AS": LIBRARY_MEMORY if self.library else MEMORY,
            "FSIZE": 1 << 20,
            "NOFILE": 64,
            "CORE": 0,
            "NPROC": 32,
            "MSGQUEUE": 0,
        }
        words, options = command(self.isolation, limits, self.library)
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            **options,
        )
        try:
            self.pipes = Pipes(self.process)
            ready = self._receive(START_SECONDS)
            if not isinstance(ready, dict) or ready.get("kind") != "ready":
                raise Stopped("the process in the box did not start")
            self.locked = ready.get("locked") is True
        except BaseException:
            self.kill()
            raise

    def send(self, message: dict[str, Any]) -> None:
        self._guarded(lambda: self.pipes.send(wire.pack(message), self.seconds))

    def receive(self, seconds: float | None = None) -> dict[str, Any]:
        """The next message, a dict with a string as its kind; everything else ends the process."""
        message = self._receive(self.seconds if seconds is None else seconds)
        if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
            self.kill()
            raise Stopped("the code wrote into the grader's pipe")
        return message

    def _receive(self, seconds: float) -> Any:
        return self._guarded(lambda: self.pipes.receive(seconds))

    def _guarded(self, work: Any) -> Any:
        if self.process is None:
            raise Stopped("the process in the box has ended")
        try:
            return work()
        except TimeoutError:
            self.kill()
            raise Stopped(f"no answer within {self.seconds:g} s") from None
        except wire.WireError:
            self.kill()
            raise Stopped("the code wrote into the grader's pipe") from None
        except (EOFError, OSError):
            raise Stopped(_ended(self.kill(wait=1.0))) from None
        except BaseException:  # Ctrl-C
            self.kill()
            raise

    def kill(self, wait: float = 0.0) -> int | None:
        """End the process and all that it started. Returns its exit code."""
        process, self.process = self.process, None
        if process is None:
            return None
        code = None
        try:
            if wait:
                code = process.wait(wait)  # it has closed its pipe: it is about to end by itself
        except subprocess.TimeoutExpired:
            pass
        finally:
            if sys.platform != "win32" and self.isolation.level != "sandbox":
                # Its group, also where it has ended itself.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()
        return code


def _ended(code: int | None) -> str:
    """Why a process ended by itself, in words. bubblewrap gives 128 + the signal."""
    if code is None:
        return "the process was stopped: it no longer answered"
    number = -code if code < 0 else code - 128
    if number <= 0:
        return f"the code ended Python itself (exit code {code})"
    if number == getattr(signal, "SIGXCPU", 0):
        return "the code used too much processor time"
    if number == signal.SIGSEGV:
        return "Python crashed: too deep a recursion, or memory that is not its own"
    try:
        return f"the process was ended by {signal.Signals(number).name}"
    except ValueError:
        return f"the code ended Python itself (exit code {code})"
