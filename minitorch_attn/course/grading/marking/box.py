"""A process of its own for student code, from which only bytes come back.

Under Linux bubblewrap makes a file system that holds Python, NumPy and the worker, all read-only,
and nothing else; no network, no other processes, no rights. Where the grader is root, the box runs
as a user who owns nothing. Elsewhere there is a separate process with limits, or only a process:
`find_isolation()` says which.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

from . import wire
from .isolating import Isolation, command, find_isolation
from .piping import Pipes

__all__ = ["Box", "Isolation", "MachineFailed", "Stopped", "find_isolation"]

START_SECONDS = 20.0
TRIES, PAUSE = 2, 1.0  # to start a process, and the seconds between
# CPU seconds, bytes of memory, seconds for a call. Engine exercises train a model.
CPU, MEMORY, CALL = 20, 1 << 30, 5.0
LIBRARY_CPU, LIBRARY_MEMORY, LIBRARY_CALL = 120, 3 << 30, 60.0


class Stopped(Exception):
    """The process in the box is no more; the message says why, in words for the student."""


class MachineFailed(BaseException):
    """The box failed for a reason that is not the student's; the message says which.

    No Exception: whatever catches those would take it for what the student's function did.
    """


class Box:
    """A process for student code, fresh after each `renew`. Use it in a `with` statement: nothing
    of it stays.

    In a sandbox a process that holds nothing but NumPy makes a copy of itself for each: that takes
    milliseconds, a new sandbox a second. Elsewhere, where it could be got at from the copy, each is
    started anew.
    """

    def __init__(self, isolation: Isolation, *, library: bool = False) -> None:
        self.isolation, self.library = isolation, library
        self.seconds = LIBRARY_CALL if library else CALL
        self.begin()
        self.forks = isolation.level == "sandbox"
        self.process: subprocess.Popen[bytes] | None = None
        self.control: socket.socket | None = None  # to the process that makes copies
        self.pipes: Pipes | None = None  # to the one for student code
        self.locked = False  # whether the filter for system calls is in place

    def __enter__(self) -> Box:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def begin(self) -> None:
        """A new piece of work: its processes have all the CPU seconds there are, together."""
        self.cpu: float = LIBRARY_CPU if self.library else CPU

    @property
    def alive(self) -> bool:
        return self.pipes is not None

    def start(self) -> None:
        """Start a process in which no student code has run yet, and wait until NumPy is loaded.

        Raises MachineFailed.
        """
        if self.control is not None:
            with contextlib.suppress(MachineFailed):
                return self._try(self._copy)  # else with a sandbox of its own
        for left in reversed(range(TRIES)):
            try:
                return self._try(self._open)
            except MachineFailed:
                if not left:
                    raise
                time.sleep(PAUSE)

    def renew(self) -> None:
        """End the process and all that it knows; `start` gives another."""
        if self.control is None:
            self.kill()
        elif self.alive:
            self._end(b"end")

    def _try(self, begin: Any) -> None:
        try:
            begin()
            assert self.pipes is not None
            ready = self.pipes.receive(START_SECONDS)
            if not isinstance(ready, dict) or ready.get("kind") != "ready":
                raise wire.WireError("another word")
            self.locked = ready.get("locked") is True
        except (OSError, EOFError, wire.WireError) as error:
            self.kill()
            late = isinstance(error, TimeoutError)
            why = f"it was not there within {START_SECONDS:g} s" if late else str(error)
            raise MachineFailed(
                f"no process could be started in the sandbox ({why or 'it ended at once'})"
            ) from None
        except BaseException:  # Ctrl-C
            self.kill()
            raise

    def _open(self) -> None:
        limits = {
            "CPU": math.ceil(self.cpu),
            "AS": LIBRARY_MEMORY if self.library else MEMORY,
            "FSIZE": 1 << 20,
            "NOFILE": 64,
            "CORE": 0,
            "NPROC": 32,
            "MSGQUEUE": 0,
        }
        words, options = command(self.isolation, limits, self.library, forks=self.forks)
        nothing = subprocess.DEVNULL
        options |= {"stderr": nothing, "bufsize": 0}
        if self.forks:
            self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                stdin = theirs.fileno()
                self.process = subprocess.Popen(words, stdin=stdin, stdout=nothing, **options)
            self.control.settimeout(START_SECONDS)
            if not self.control.recv(100):
                raise EOFError
            return self._copy()
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options
        )
        with contextlib.ExitStack() as closing:
            ends = [
                closing.enter_context(p) for p in (self.process.stdin, self.process.stdout) if p
            ]
            self.pipes = Pipes(self.process, *(os.dup(end.fileno()) for end in ends))

    def _copy(self) -> None:
        assert self.process is not None
        assert self.control is not None
        self.given_cpu = max(1, math.ceil(self.cpu))
        requests, into = os.pipe()
        try:
            out, replies = os.pipe()
        except OSError:
            os.close(requests)
            os.close(into)
            raise
        self.pipes = Pipes(self.process, into, out)
        try:
            socket.send_fds(self.control, [b"%d" % self.given_cpu], [requests, replies])
        finally:
            os.close(requests)
            os.close(replies)

    def _end(self, how: bytes) -> tuple[int, float, bool] | None:
        """End the copy: its exit code, its CPU seconds, and whether it had ended by itself; None
        where the process that made it is gone as well. `how`: see `worker._next_copy`."""
        assert self.control is not None
        self._close()
        try:
            self.control.send(how)
            code, cpu, ended = self.control.recv(100).split()
        except (OSError, ValueError):
            self.kill()
            return None
        self.cpu -= float(cpu)
        return int(code), float(cpu), ended == b"1"

    def send(self, message: dict[str, Any]) -> None:
        """Send what is to be answered; an answer that is there already ends the process."""
        frame = wire.pack(message)
        if self.pipes is not None and self.pipes.waiting:
            self._guarded(lambda pipes: pipes.receive(self.seconds))  # or it has just ended
            self.kill()
            raise Stopped("the code wrote into the grader's pipe")
        self._guarded(lambda pipes: pipes.send(frame, self.seconds))

    def receive(self, seconds: float | None = None) -> dict[str, Any]:
        """The next message, a dict with a string as its kind; everything else ends the process."""
        wait = self.seconds if seconds is None else seconds
        message, self.received = self._guarded(lambda pipes: (pipes.receive(wait), pipes.last))
        if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
            self.kill()
            raise Stopped("the code wrote into the grader's pipe")
        return message

    def _guarded(self, work: Any) -> Any:
        if self.pipes is None:
            raise Stopped("the process in the box has ended")
        try:
            return work(self.pipes)
        except TimeoutError:
            self.kill()
            raise Stopped(f"no answer within {self.seconds:g} s") from None
        except wire.WireError:
            self.kill()
            raise Stopped("the code wrote into the grader's pipe") from None
        except (EOFError, OSError):
            raise Stopped(self._why_gone()) from None
        except BaseException:  # Ctrl-C
            self.kill()
            raise

    def _why_gone(self) -> str:
        """Why the process has closed its pipes, in words for the student; or MachineFailed.

        Under the filter student code can send no signal, and its memory is limited: whoever sends
        SIGKILL then is the system, short of memory, or a person.
        """
        if self.control is None:
            return _ended(self.kill(wait=1.0))
        done = self._end(b"gone")
        self.kill()
        if done is not None:
            code, cpu, by_itself = done
            if not by_itself:
                return _ended(None)
            if code == -signal.SIGKILL and cpu > self.given_cpu - 0.5:
                code = -getattr(signal, "SIGXCPU", 0)
            if code != -signal.SIGKILL or not self.locked:
                return _ended(code)
        elif not self.locked:
            return _ended(None)
        raise MachineFailed("the system ended a process of the sandbox: is memory short?")

    def _close(self) -> None:
        pipes, self.pipes = self.pipes, None
        if pipes is not None:
            pipes.close()

    def kill(self, wait: float = 0.0) -> int | None:
        """End the process and all that it started. Returns its exit code."""
        self._close()
        if self.control is not None:
            self.control.close()
            self.control = None
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
