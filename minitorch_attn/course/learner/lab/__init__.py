"""JupyterLab as the course starts it; the settings here stand before the user's own.

They turn off the news and nbgrader, whose menus are an instructor's, and have the cells of a
notebook attached to the page one after the other: with JupyterLab's own choice a link to a cell
that is not attached yet opens the top.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from ....arguments import this_program
from ...sources.text import ROOT, SourceError


def server(folder: Path, page: str, root: Path = ROOT) -> tuple[list[str], dict[str, str]]:
    """Command and environment that open JupyterLab on a page of the working copy, with this Python.

    The server's root is the checkout in which the copy lies, so that links to the library's code
    open it; else the copy.
    """
    top = root if folder.is_relative_to(root) else folder
    url = f"/lab/tree/{(folder / page).relative_to(top).as_posix()}"
    command = [sys.executable, "-P", "-m", "jupyterlab"]  # nothing from the current folder
    command += [f"--ServerApp.root_dir={top}", f"--LabApp.default_url={url}"]
    # Nothing leaves the machine: no news, no question about news. And kernels of this Python come
    # before kernels of the user's that have the same name.
    settings = [str(Path(__file__).parent), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    # In its terminals `minitorch_attn` is this one, whether or not its environment is activated.
    programs = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    own = {
        "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, settings)),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PATH": os.pathsep.join(filter(None, programs)),
    }
    return command, os.environ | own


def start(folder: Path, page: str, root: Path, options: list[str]) -> int:
    """Run JupyterLab until it is stopped, or we are; returns its exit status.

    Raises
    ------
    SourceError
        If it is not installed; or as root, where it would refuse, unless that is meant.
    """
    if find_spec("jupyterlab") is None:
        raise SourceError("JupyterLab is missing: pip install 'minitorch_attn[study]'")
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if as_root and not any("allow-root" in o or "allow_root" in o for o in options):
        raise SourceError(
            "JupyterLab does not run as root; in a container, where that is meant: "
            f"{this_program()} study -- --allow-root"
        )
    command, environment = server(folder, page, root)
    running = subprocess.Popen(command + options, env=environment)
    with _ending_with_us(running):
        while True:
            try:
                status = running.wait()
                return status if status >= 0 else 128 - status  # as a shell tells a signal
            except KeyboardInterrupt:  # it went to the server too, which asks before it stops
                continue


@contextmanager
def _ending_with_us(running: subprocess.Popen[bytes]) -> Iterator[None]:
    """Who ends us by a signal ends it as well; it stops its kernels itself."""
    names = ("SIGTERM", "SIGHUP")
    signals = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {s: signal.signal(s, lambda *_: running.terminate()) for s in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
