"""What commands ask of their arguments, and what they tell a user to type."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAM = "minitorch_attn"


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value


def typed(path: Path) -> str:
    """A path as short as it can be typed here: relative, if it is below the current folder."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def this_program() -> str:
    """This command line as it can be typed here, whether or not its environment is activated."""
    beside = Path(sys.executable).with_name(PROGRAM + (".exe" if os.name == "nt" else ""))
    if not beside.is_file():
        return f"{_quoted(typed(Path(sys.executable)))} -m {PROGRAM}"
    found = shutil.which(PROGRAM)
    on_the_path = found is not None and Path(found).parent == beside.parent
    return PROGRAM if on_the_path else _quoted(typed(beside))


def _quoted(text: str) -> str:
    """As the system's usual shell wants it."""
    return subprocess.list2cmdline([text]) if os.name == "nt" else shlex.quote(text)
