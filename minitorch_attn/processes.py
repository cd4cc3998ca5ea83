"""This process and those that it starts: their memory, and their end."""

from __future__ import annotations

import ctypes
import os
import sys
import threading


def keep_freed_memory() -> bool:
    """Ask the C library to keep freed memory instead of handing it back to the system.

    Every large array is otherwise a fresh mapping whose pages are faulted in one by one. Returns
    whether there was such a setting to change: only glibc's, so only on Linux.
    """
    if not sys.platform.startswith("linux"):
        return False
    # One heap for all threads: the heaps of the others are small, and handed back when empty.
    trim_threshold, mmap_threshold, arena_max, gibibyte = -1, -3, -8, 1 << 30
    wishes = ((mmap_threshold, gibibyte), (trim_threshold, gibibyte), (arena_max, 1))
    try:
        library = ctypes.CDLL("libc.so.6")
        return all(library.mallopt(*wish) for wish in wishes)
    except (OSError, AttributeError):
        return False


def end_with_parent() -> None:
    """Called in a process of multiprocessing: however its parent ends, kill -9 too, it ends."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    import multiprocessing  # 20 ms, for those who watch
    from multiprocessing import connection

    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
