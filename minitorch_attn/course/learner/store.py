"""What a learner has done: predictions and points, in one file on their own disk.

The file is `learner.json` in the user's data folder (`MINITORCH_ATTN_HOME` names another).
Nothing leaves the machine.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ...files import write_atomic

PATIENCE = 5.0  # seconds to wait for another notebook that is writing
# What `change` raises where nothing can be kept: a full disk, a lock that another process holds, a
# missing package.
UNKEPT = (OSError, ImportError)


def home() -> Path:
    """The folder that keeps the learner's files; it need not be there yet.

    Raises
    ------
    ImportError
        Without platformdirs, where `MINITORCH_ATTN_HOME` names no folder.
    """
    if named := os.environ.get("MINITORCH_ATTN_HOME"):
        return Path(named).expanduser()
    from platformdirs import user_data_path  # here: an answer is checked without it, too

    if sys.platform == "darwin":
        # Newer platformdirs follow XDG_DATA_HOME on a Mac as well; work that is here stays found.
        usual = Path.home() / "Library" / "Application Support" / "minitorch_attn"
        if usual.is_dir():
            return usual
    return user_data_path("minitorch_attn", appauthor=False)


def read() -> dict[str, Any]:
    """The state: `exercises` (id: points, total) and `predictions` (id: choice, answer, …).

    A damaged file is moved aside and named in one line, never deleted.
    """
    path = home() / "learner.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        parts = [state["exercises"], state["predictions"]]
        if not all(isinstance(v, dict) for part in parts for v in [part, *part.values()]):
            raise ValueError("not in the form that was written")
        return state
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError) as error:
        aside = path.with_name(f"learner.damaged-{datetime.now():%Y%m%d-%H%M%S-%f}.json")
        path.replace(aside)
        print(f"Your progress file could not be read ({error}); it was moved to {aside}.")
    return {"exercises": {}, "predictions": {}}


@contextmanager
def change() -> Iterator[dict[str, Any]]:
    """Read the state, let it be changed, write it back in one step; one writer at a time.

    Raises
    ------
    OSError
        If the file cannot be written, or another process has been writing for `PATIENCE` seconds.
    ImportError
        Without filelock, or as `home` does.
    """
    from filelock import FileLock

    folder = home()
    folder.mkdir(parents=True, exist_ok=True)
    # The lock is the system's, on the file: it ends with its process, the file may lie there.
    with FileLock(folder / "learner.lock", timeout=PATIENCE):
        state = read()
        yield state
        text = json.dumps(state, indent=1, sort_keys=True, ensure_ascii=False)
        write_atomic(folder / "learner.json", text.encode())


def say_unkept(what: str, error: OSError | ImportError) -> None:
    """Say in one line that something was not kept, and why: that stops no lesson."""
    if isinstance(error, ImportError):
        why = f"{error}: pip install 'minitorch_attn[study]'"
    else:
        why = f"in {home()}: {error}"
    print(f"{what} could not be kept, {why}.")


def record_points(id: str, points: float, total: float) -> None:
    """Keep the best result of an exercise; where that cannot be done, say so and go on."""
    try:
        with change() as state:
            old = state["exercises"].get(id, {})
            best = max(points, min(old.get("points", 0), total))
            state["exercises"][id] = {"points": best, "total": total, "last": points}
    except UNKEPT as error:
        say_unkept("Your points", error)
