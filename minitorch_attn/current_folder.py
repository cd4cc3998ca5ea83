"""Nothing is imported from the current folder: what lies there may be anybody's.

`python -m` puts that folder first on the import path, an empty entry of PYTHONPATH puts it before
Python's own library. In a folder of submissions, or beside a learner's own `random.py`, the next
import would run such a file with the rights of whoever gave the command. So our commands take it
off the path before they import anything; a program or a notebook of one's own keeps its path.

This module is the first that the package imports, and itself imports only what Python has loaded
before any program begins. (`from __future__ import …` is an import too.)
"""

import os
import sys

NAME = "minitorch_attn"
HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # where this package lies


def is_our_command() -> bool:
    """Whether this process is `minitorch_attn …` or `python -m minitorch_attn …`."""
    first = sys.argv[0] if getattr(sys, "argv", None) else ""
    if first == "-m":  # as long as Python looks for the module
        return sys.orig_argv[-len(sys.argv)].endswith(NAME)
    return os.path.splitext(os.path.basename(first))[0] == NAME


def leave(*data: str) -> None:
    """Take the current folder off `sys.path`, and the folders `data`, which hold no code of ours.

    The folder in which this package lies stays: as the last one, but before any other that holds
    a package of this name, lest worker processes run another version.
    """
    left = _left(*data)
    kept = [e for e in sys.path if os.path.isabs(e) and os.path.realpath(e) not in left]
    if os.path.realpath(HOME) in left:
        others = (i for i, e in enumerate(kept) if os.path.isdir(os.path.join(e, NAME)))
        kept.insert(next(others, len(kept)), HOME)
    sys.path[:] = kept


def environment() -> dict[str, str]:
    """What to set for a process of Python's that is to leave the current folder alone as well."""
    return {"PYTHONSAFEPATH": "1", "PYTHONPATH": absolute(os.environ.get("PYTHONPATH", ""))}


def absolute(path: str) -> str:
    """A search path without the entries that mean the current folder, or one below it."""
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if os.path.isabs(entry))


def _left(*data: str) -> set[str]:
    """The folders from which nothing may come, links resolved."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    relative = [entry for entry in given if not os.path.isabs(entry)]
    try:
        return {os.path.realpath(place) for place in ("", *relative, *data)}
    except (OSError, ValueError):  # the current folder was deleted
        return set()


def _came_first(left: set[str]) -> list[str]:
    """Files there that Python ran before it came to us: it needs a few modules for `-m` itself."""
    files = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or "." in name or name == NAME:
            continue
        folder, base = os.path.split(file)
        folder = os.path.dirname(folder) if base.startswith("__init__.") else folder
        if os.path.realpath(folder) in left:
            files.append(file)
    return files


if is_our_command():
    if ran := _came_first(_left(*sys.argv[1:])):
        sys.stderr.write(
            f"{ran[0]} was run by Python itself, before this program began: it bears the name of "
            "a module of Python's. Start `minitorch_attn`, which the installation brings, in "
            "place of `python -m minitorch_attn`, or go to another folder\n"
        )
        sys.exit(2)
    leave(*sys.argv[1:])
