"""How many threads the matrix library uses: one for small products, its own for large ones.

Its threads wait for one another in every product. Where they have the cores to themselves that is
over in microseconds; beside two other busy programs each wait may last until those have had their
turn, some milliseconds, and a training step of many small products takes fifty times as long. One
thread waits for nobody. So a small product has one, as all have inside `sharing`, where the threads
are our own; whatever the library had before, it is given back when the last of them is done.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

# Multiplications. A product with fewer is done by one thread before other programs would have given
# a second thread its turn.
LARGE = 1 << 26


class _State:
    """What all threads see."""

    def __init__(self) -> None:
        # Reentrant: the garbage collector may end a block in the midst of anything.
        self.lock = threading.RLock()
        self.open: set[int] = set()  # the blocks that hold the library to one thread
        self.before: list[int] | None = None  # what it had, while it is held
        self.held = False


_state = _State()


def _forget() -> None:
    """In a forked child no block is open; what the library had before is still to be given back."""
    global _state
    before, _state = _state.before, _State()
    if before is not None:
        _state.before, _state.held = before, True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@cache
def _libraries() -> list[tuple[Callable[[], int], Callable[[int], Any]]]:
    """How to ask each matrix library for the number of its threads, and how to set it."""
    from threadpoolctl import ThreadpoolController  # 20 ms, for those who multiply

    return list(map(_dials, ThreadpoolController().select(user_api="blas").lib_controllers))


def _dials(library: Any) -> tuple[Callable[[], int], Callable[[int], Any]]:
    # threadpoolctl obeys the thread that asked first; here a block may begin in one thread and the
    # last one end in another. OpenBLAS itself, asked directly, takes half a microsecond, too.
    if library.internal_api == "openblas" and library.threading_layer != "openmp":
        for name in library.check_symbols:
            if hasattr(library.dynlib, name):
                return tuple(
                    getattr(library.dynlib, name.replace("get", x)) for x in ("get", "set")
                )
    return library.get_num_threads, library.set_num_threads


def _settle() -> None:
    """Hold the library or let it go, as the open blocks say. To do it twice changes nothing."""
    state = _state
    with state.lock:
        if state.open and not state.held:
            if state.before is None:
                state.before = [count() for count, _ in _libraries()]
            for _, set_count in _libraries():
                set_count(1)
            state.held = True
            if _libraries():
                _write_once()
        elif not state.open and state.before is not None:
            for (_, set_count), count in zip(_libraries(), state.before, strict=True):
                set_count(count)
            state.before, state.held = None, False


def write_working_memory() -> None:
    """A product large enough that the library has once written all the memory that it works in.

    OpenBLAS copies the matrices to memory of its own and fetches ahead what comes next there. Where
    nothing was ever written the processor waits at each fetch: products of few numbers, summed over
    many rows, as the gradient of a weight is, take up to three times as long. That ends with the
    first product that fills this memory, and a training step of small products makes none.
    """
    np.zeros((64, 512), np.float32) @ np.zeros((512, 1024), np.float32)


_write_once = cache(write_working_memory)


class _Here(threading.local):
    block = -1  # the first block that this thread opened


_here, _numbers = _Here(), itertools.count()


class OneThread:
    """Inside the block the matrix library has one thread. Blocks may nest and meet in any order."""

    number = -1

    def __init__(self) -> None:
        self.number = next(_numbers)

    def __enter__(self) -> None:
        try:
            self._begin()
        except BaseException:
            self._end()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            self._end()
        except BaseException:  # Ctrl-C in the midst: once more, then it goes its way
            self._end()
            raise

    def __del__(self) -> None:  # Ctrl-C came just before __exit__
        if self.number in _state.open:
            self._end()

    def _begin(self) -> None:
        if _here.block not in _state.open:
            _here.block = self.number
        _state.open.add(self.number)
        _settle()

    def _end(self) -> None:
        _state.open.discard(self.number)
        _settle()


def one_thread(function: F) -> F:
    """Decorate a function of arrays whose products are small; those of a GPU go their own way."""

    @wraps(function)
    def held(*args: Any, **kwargs: Any) -> Any:
        if _here.block in _state.open or not isinstance(args[0], np.ndarray):
            return function(*args, **kwargs)
        with OneThread():
            return function(*args, **kwargs)

    return held  # type: ignore[return-value]


def multiply(a: Any, b: Any) -> Any:
    """a @ b, by one thread unless a product of two matrices in it is large."""
    is_large = a.shape[-2] * a.shape[-1] * b.shape[-1] >= LARGE
    if is_large or _here.block in _state.open or not isinstance(a, np.ndarray):
        return a @ b
    with OneThread():  # as `one_thread` has it, without a call for each of many small products
        return a @ b
