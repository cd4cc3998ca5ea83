"""What runs in the box, beside the student's code: takes calls, and sends back what they return.

Nothing here is trusted once student code has run. It is started as a script, with the box's
settings as its argument. Frames come on standard input and go out on standard output; or, in the
sandbox, it only loads NumPy and makes a copy of itself whenever the grader wants a fresh process.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import socket
import sys
import time
import types
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO

FILE = "<submission>"
_SILENT = ("matplotlib", "pylab", "seaborn", "plotly", "IPython", "ipywidgets")
_BARS = ("tqdm.notebook", "tqdm.auto", "tqdm.autonotebook")  # they want a notebook; tqdm does not


def main() -> None:
    settings = json.loads(sys.argv[1])
    sys.meta_path.insert(0, _Packages(settings["packages"]))
    if settings["forks"]:
        requests, replies, cpu = _next_copy(settings["packages"])
        settings["limits"]["CPU"] = cpu
    else:
        requests, replies = _take_streams()
    _limit(settings["limits"])
    _seed()
    locked = _forbid()
    Worker(requests, replies).serve(locked)


def _next_copy(packages: dict[str, str]) -> tuple[BinaryIO, BinaryIO, int]:
    """Make copies of this process on demand; returns in each copy: its pipes, its CPU seconds.

    Standard input is a socket. On it come b"20" with two pipes, for a copy that may use 20 seconds
    of CPU; b"end", for the end of the last copy; or b"gone", where it has closed its pipes and may
    be about to end by itself. The two are answered by what `_ended` returns. No student code runs
    here; a copy has none of our files, and what it did to itself is gone with it.
    """
    control = socket.socket(fileno=os.dup(0))
    _silence()
    _seed()  # loads NumPy
    _filter()
    if "minitorch_attn" in packages:
        import minitorch_attn  # noqa: F401
    control.send(b"ready")
    copy = 0
    while True:
        wish, files, _, _ = socket.recv_fds(control, 100, 2)
        if not wish:
            os._exit(0)  # the grader has gone, and with this process the box
        if wish in (b"end", b"gone"):
            control.send(b"%d %f %d" % _ended(copy, 1.0 if wish == b"gone" else 0.0))
            continue
        copy = os.fork()
        if copy == 0:
            control.close()
            _silence()  # files of its own: not even a flag is shared with the next copy
            return os.fdopen(files[0], "rb"), os.fdopen(files[1], "wb"), int(wish)
        for file in files:
            os.close(file)


class Worker:
    """Answers the grader: "load" defines the student's function, "call" calls it, until it goes.

    requests, replies : the two pipes, in frames of `wire`
    """

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        import wire  # type: ignore[import-not-found]  # the one in the box

        self.wire, self.requests, self.replies = wire, requests, replies
        self.function: Callable[..., Any] | None = None

    def serve(self, locked: bool) -> None:
        self.send({"kind": "ready", "locked": locked})
        while True:
            message = self.receive()
            if message["kind"] == "load":
                self.load(message)
            else:
                self.call(message["args"], message["kwargs"])

    def receive(self) -> Any:
        head, body = self.wire.lengths(self.read(self.wire.FRAME.size))
        return self.wire.unpack(self.read(head), self.read(body))

    def read(self, size: int) -> bytes:
        data = self.requests.read(size)
        if len(data) < size:
            os._exit(0)  # the grader has gone
        return data

    def send(self, message: dict[str, Any]) -> None:
        self.replies.write(self.wire.pack(message))
        self.replies.flush()

    def load(self, message: dict[str, Any]) -> None:
        module = types.ModuleType("submission")
        sys.modules["submission"] = module  # dataclasses and pickle look their module up
        given = {name: self.earlier(name) for name in message["given"]}
        # What a notebook has beside Python's own names.
        module.__dict__.update(display=_Nothing("display"), get_ipython=_Nothing("get_ipython"))
        module.__dict__.update(given)
        try:
            with _quiet():
                # As strings annotations need nothing that only they name.
                flags = annotations.compiler_flag
                code = compile(message["source"], FILE, "exec", flags, True)
                exec(code, module.__dict__)
            module.__dict__.update(given)
            self.function = module.__dict__.get(message["name"])
            if not callable(self.function):
                raise TypeError(f"{message['name']} is not a function")
        except BaseException as error:
            self.send(_described(error))
        else:
            self.send({"kind": "loaded"})

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            with _quiet():
                value = self.function(*args, **kwargs)  # type: ignore[misc]
                frame = self.wire.pack({"kind": "value", "value": value}, self.wire.MAX_ANSWER)
        except self.wire.NotPlain as error:
            self.send({"kind": "not plain", "got": str(error)})
        except NotImplementedError:
            self.send({"kind": "not done"})
        except BaseException as error:
            self.send(_described(error))
        else:
            self.replies.write(frame)
            self.replies.flush()

    def earlier(self, name: str) -> Callable[..., Any]:
        """An earlier exercise's function: the grader answers, by its own worked answer."""

        def ask(*args: Any, **kwargs: Any) -> Any:
            try:
                message = {"kind": "ask", "name": name, "args": args, "kwargs": kwargs}
                frame = self.wire.pack(message, self.wire.MAX_ANSWER)
            except self.wire.NotPlain as error:
                raise TypeError(f"{name} takes arrays, not {error}") from None
            self.replies.write(frame)
            self.replies.flush()
            answer = self.receive()
            if answer["kind"] == "value":
                return answer["value"]
            import builtins

            for kind in answer["kinds"]:
                known = getattr(builtins, kind, None)
                if isinstance(known, type) and issubclass(known, Exception):
                    raise known(answer["message"])
            raise RuntimeError(answer["message"])

        ask.__name__ = name
        return ask


def _described(error: BaseException) -> dict[str, Any]:
    """An exception as a message: its kinds, its words, its last line in the submission."""
    kinds = [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, BaseException)]
    try:
        words = str(error)[:2000]
    except BaseException:
        words = ""
    line, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == FILE:
            line = step.tb_lineno
        step = step.tb_next
    return {"kind": "error", "kinds": kinds[:20], "message": words, "line": line}


@contextlib.contextmanager
def _quiet() -> Any:
    import numpy as np

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


class _Packages:
    """Finds the few packages that the box has, and inert ones for drawing: nobody looks here."""

    def __init__(self, places: dict[str, str]) -> None:
        self.places = places

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        place = self.places.get(name)
        if place is not None:
            folder = os.path.isdir(place)
            return importlib.util.spec_from_file_location(
                name,
                os.path.join(place, "__init__.py") if folder else place,
                submodule_search_locations=[place] if folder else None,
            )
        if name in _BARS:
            return importlib.machinery.ModuleSpec(name, _Bars())
        if name.partition(".")[0] in _SILENT:
            return importlib.machinery.ModuleSpec(name, _Silent(), is_package=True)
        return None


class _Bars(importlib.abc.Loader):
    def create_module(self, spec: Any) -> Any:
        return None

    def exec_module(self, module: Any) -> None:
        from tqdm.std import tqdm, trange

        module.__dict__.update(tqdm=tqdm, trange=trange, tqdm_notebook=tqdm, tnrange=trange)


class _Silent(importlib.abc.Loader):
    def create_module(self, spec: Any) -> Any:
        return _Nothing(spec.name)

    def exec_module(self, module: Any) -> None:
        pass


class _Nothing(types.ModuleType):
    """A module of which every attribute can be called and does nothing."""

    __all__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing(name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self

    def __iter__(self) -> Any:
        return iter((self, self))  # figure, axes = plt.subplots()

    def __getitem__(self, key: Any) -> Any:
        return self

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return ()  # a class of one's own may stand on it

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: Any) -> None:
        pass


def _ended(copy: int, wait: float) -> tuple[int, float, bool]:
    """End a copy, after so many seconds: its exit code, the CPU seconds it used, and whether it had
    ended by itself."""
    until = time.monotonic() + wait
    pid, status, usage = os.wait4(copy, os.WNOHANG)
    while not pid and time.monotonic() < until:
        time.sleep(0.01)
        pid, status, usage = os.wait4(copy, os.WNOHANG)
    by_itself = bool(pid)
    if not by_itself:
        os.kill(copy, signal.SIGKILL)
        _, status, usage = os.wait4(copy, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, by_itself


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes; standard input, output and errors become nothing."""
    requests, replies = os.dup(0), os.dup(1)
    _silence()
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(requests, os.O_BINARY)
        msvcrt.setmode(replies, os.O_BINARY)
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb")


def _silence() -> None:
    """Standard input, output and errors become nothing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)


def _limit(limits: dict[str, int]) -> None:
    """Limits that cannot be raised again: {"CPU": 20, …}, by the names of setrlimit."""
    try:
        import resource
    except ImportError:
        return  # Windows
    for name, value in limits.items():
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is None:
            continue
        _, hard = resource.getrlimit(number)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS knows some that it does not keep
            resource.setrlimit(number, (value, value))


def _seed() -> None:
    """What student code may draw from begins alike each time."""
    import random

    import numpy as np

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002


def _forbid() -> bool:
    """No new process, no socket, no new rights: a filter for system calls, on Linux."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(_filter().forbid())
    except Exception:
        return False


def _filter() -> Any:
    import syscalls  # type: ignore[import-not-found]

    return syscalls


if __name__ == "__main__":
    main()
