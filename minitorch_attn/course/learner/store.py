"""What a learner has done, on their own disk: predictions and points, and clicks.

The files are in the user's data folder (`MINITORCH_ATTN_HOME` names another). Nothing leaves the
machine. Keeping them is a convenience: where it fails, one line says so, and the lesson goes on.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ...files import write_atomic

PATIENCE = 5.0  # seconds to wait for another notebook that is writing
# What is raised where nothing can be kept: no home, no rights, a full disk, a lock that another
# process holds, a missing package.
UNKEPT = (OSError, ImportError)
# What a file system says that has no locks: some network drives. Then each writes without one:
# the file is whole even so, and of two notebooks that write at once the later one wins.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


def home() -> Path:
    """The folder that keeps the learner's files; it need not be there yet.

    Raises
    ------
    OSError
        If the user has no home folder and `MINITORCH_ATTN_HOME` names none.
    ImportError
        Without platformdirs, where `MINITORCH_ATTN_HOME` names no folder.
    """
    try:
        folder = _home()
    except RuntimeError:  # from pathlib, and newer platformdirs
        folder = Path("~")
    if str(folder).startswith("~"):  # nobody could say what it stands for
        raise OSError("you have no home folder: name a folder in MINITORCH_ATTN_HOME")
    return folder


def _home() -> Path:
    if named := os.environ.get("MINITORCH_ATTN_HOME"):
        return Path(named).expanduser()
    from platformdirs import user_data_path  # here: an answer is checked without it, too

    if sys.platform == "darwin":
        # Newer platformdirs follow XDG_DATA_HOME on a Mac as well; work that is here stays found.
        usual = Path.home() / "Library" / "Application Support" / "minitorch_attn"
        if usual.is_dir():
            return usual
    return user_data_path("minitorch_attn", appauthor=False)


@dataclass(frozen=True)
class Kept:
    """One of the learner's files.

    Parameters
    ----------
    name : without its ending
    what : as a reader calls it
    empty : what it holds before there is one
    check : raises ValueError, KeyError, TypeError or AttributeError if the content is in another
        form than was written
    """

    name: str
    what: str
    empty: Callable[[], dict[str, Any]]
    check: Callable[[Any], None]

    @property
    def path(self) -> Path:
        return home() / f"{self.name}.json"

    def read(self) -> dict[str, Any]:
        """What is in the file; where it cannot be opened, one line says so and nothing is in it."""
        try:
            return self._state()
        except UNKEPT as error:
            say(f"{self.what} could not be read", error)
            return self.empty()

    def _state(self) -> dict[str, Any]:
        """The same. Raises one of `UNKEPT` where the file cannot be opened.

        A damaged file is moved aside and named in one line, never deleted.
        """
        path = self.path
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            self.check(state)
            return state
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            now = f"{datetime.now():%Y%m%d-%H%M%S-%f}"
            aside = path.with_name(f"{self.name}.damaged-{now}.json")
            path.replace(aside)
            print(f"{self.what} could not be read ({error}); the file was moved to {aside}.")
        return self.empty()

    @contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """Read the file, let it be changed, write it back in one step; one writer at a time.

        Raises
        ------
        OSError
            If it cannot be read or written, or another process has been writing for `PATIENCE`
            seconds. Then the file is as it was.
        ImportError
            Without filelock, or as `home` does.
        """
        folder = home()
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f"{self.name}.lock"):
            state = self._state()
            yield state
            text = json.dumps(state, indent=1, sort_keys=True, ensure_ascii=False)
            write_atomic(self.path, text.encode("utf-8", "replace"))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the system's lock on the file: it ends with its process, the file may lie there."""
    if sys.platform in ("wasi", "emscripten"):  # a browser: one program, its files its own
        yield
        return
    from filelock import FileLock

    lock = FileLock(path, timeout=PATIENCE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # filelock's, about file systems without locks
            lock.acquire()
    except NotImplementedError:
        pass  # an older filelock, where there are no locks
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # all is written by then
            lock.release()


def _check_learner(state: Any) -> None:
    for part in (state["exercises"], state["predictions"]):
        if not all(isinstance(value, dict) for value in [part, *part.values()]):
            raise ValueError("not in the form that was written")
    for done in state["exercises"].values():
        if not all(math.isfinite(done.get(name, 0)) for name in ("points", "total", "last")):
            raise ValueError("points that are no number")


LEARNER = Kept(
    "learner", "Your progress file", lambda: {"exercises": {}, "predictions": {}}, _check_learner
)


def read() -> dict[str, Any]:
    """The state: `exercises` (id: points, total) and `predictions` (id: choice, answer, …)."""
    return LEARNER.read()


def change() -> contextlib.AbstractContextManager[dict[str, Any]]:
    """Read the state, let it be changed, and write it back, as `Kept.change` does."""
    return LEARNER.change()


def say(what: str, error: OSError | ImportError) -> None:
    """Say in one line what could not be done, and why: that stops no lesson."""
    if isinstance(error, ImportError):
        why = f"{error}: pip install 'minitorch_attn[study]'"
    else:
        try:
            why = f"in {home()}: {error}"
        except UNKEPT:
            why = str(error)
    print(f"{what}, {why}.".replace("\n", " "))


def say_unkept(what: str, error: OSError | ImportError) -> None:
    """Say in one line that something was not kept, and why."""
    say(f"{what} could not be kept", error)


def record_points(id: str, points: float, total: float) -> None:
    """Keep the best result of an exercise; where that cannot be done, say so and go on."""
    try:
        with change() as state:
            old = state["exercises"].get(id, {})
            best = max(points, min(old.get("points", 0), total))
            state["exercises"][id] = {"points": best, "total": total, "last": points}
    except UNKEPT as error:
        say_unkept("Your points", error)
