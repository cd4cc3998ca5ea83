"""Frames through a process's pipes, each within a time: whatever it does, it cannot hang us."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from typing import Any

from . import wire

CHUNK = 1 << 20


class Pipes:
    """Two pipes to and from a process, as a channel for frames; closed by `close`."""

    def __init__(self, process: subprocess.Popen[bytes], into: int, out: int) -> None:
        self.process, self.into, self.out = process, into, out
        self.last = 0  # bytes of the last frame that came
        if sys.platform != "win32":
            os.set_blocking(self.into, False)
            os.set_blocking(self.out, False)

    def close(self) -> None:
        os.close(self.into)
        os.close(self.out)

    @property
    def waiting(self) -> bool:
        """Whether something has come that nobody has read yet; never on Windows."""
        return sys.platform != "win32" and self._ready(self.out, select.POLLIN, 0.0)

    def send(self, frame: bytes, seconds: float) -> None:
        """Write a frame. Raises TimeoutError, or OSError where the process has ended."""
        deadline = time.monotonic() + seconds
        view = memoryview(frame)
        with _Alarm(self.process, seconds):
            while view:
                self._wait(self.into, select.POLLOUT if sys.platform != "win32" else 0, deadline)
                try:
                    view = view[os.write(self.into, view[:CHUNK]) :]
                except BlockingIOError:
                    continue

    def receive(self, seconds: float) -> Any:
        """Read a frame. Raises TimeoutError, EOFError where the process has ended, WireError."""
        deadline = time.monotonic() + seconds
        with _Alarm(self.process, seconds):
            head, body = wire.lengths(self._read(wire.FRAME.size, deadline), wire.MAX_ANSWER)
            self.last = head + body
            return wire.unpack(self._read(head, deadline), self._read(body, deadline))

    def _read(self, size: int, deadline: float) -> bytes:
        parts = []
        while size:
            self._wait(self.out, select.POLLIN if sys.platform != "win32" else 0, deadline)
            try:
                data = os.read(self.out, min(size, CHUNK))
            except BlockingIOError:
                continue
            if not data:
                raise EOFError
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def _wait(self, stream: int, event: int, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if sys.platform == "win32":
            return  # pipes cannot be waited for there; the alarm ends the process
        if not self._ready(stream, event, left):
            raise TimeoutError

    @staticmethod
    def _ready(stream: int, event: int, seconds: float) -> bool:
        """Whether this, or the end of the other side, has come after so many seconds."""
        poll = select.poll()
        poll.register(stream, event)
        return bool(poll.poll(seconds * 1000))


class _Alarm:
    """On Windows: end the process at the deadline, so that a blocked read or write comes back."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.timer = threading.Timer(seconds, process.kill) if sys.platform == "win32" else None

    def __enter__(self) -> None:
        if self.timer:
            self.timer.start()

    def __exit__(self, *error: object) -> None:
        if self.timer:
            self.timer.cancel()
