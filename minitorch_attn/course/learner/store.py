"""What a learner has done: predictions and points, in one file on their own disk.

The file is `learner.json` in the user's data folder (`MINITORCH_ATTN_HOME` names another).
Nothing leaves the machine.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

VERSION = 1


def home() -> Path:
    """The folder that keeps the learner's file."""
    if named := os.environ.get("MINITORCH_ATTN_HOME"):
        return Path(named).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "minitorch_attn"


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
    return {"version": VERSION, "exercises": {}, "predictions": {}}


@contextmanager
def change() -> Iterator[dict[str, Any]]:
    """Read the state, let it be changed, write it back in one step; one writer at a time."""
    folder = home()
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder / "learner.lock"):
        state = read()
        yield state
        fresh = folder / f"learner.{os.getpid()}.new"
        try:
            with open(fresh, "w", encoding="utf-8") as file:
                json.dump(state, file, indent=1, sort_keys=True, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, folder / "learner.json")
        finally:
            fresh.unlink(missing_ok=True)


@contextmanager
def _lock(path: Path, patience: float = 5.0) -> Iterator[None]:
    """Two notebooks may write at once. A lock older than our patience was left by a crash."""
    end = time.monotonic() + patience
    while True:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except (FileExistsError, PermissionError):  # the latter on Windows, while it is deleted
            if time.monotonic() > end:
                path.unlink(missing_ok=True)
                end = time.monotonic() + patience
            time.sleep(0.02)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def record_points(id: str, points: float, total: float) -> None:
    """Keep the best result of an exercise. Progress is a convenience: a full disk stops nothing."""
    try:
        with change() as state:
            old = state["exercises"].get(id, {})
            best = max(points, min(old.get("points", 0), total))
            state["exercises"][id] = {"points": best, "total": total, "last": points}
    except OSError as error:
        print(f"Your points could not be kept in {home()}: {error}.")
