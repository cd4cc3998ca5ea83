"""JupyterLab as the course starts it; `labconfig` here stands beside the user's own settings.

It turns off the news, and has the cells of a notebook attached to the page one after the other:
with JupyterLab's own choice a link to a cell that is not attached yet opens the top.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from ...sources.text import ROOT, SourceError


def server(folder: Path, page: str, root: Path = ROOT) -> tuple[list[str], dict[str, str]]:
    """Command and environment that open JupyterLab on a page of the working copy, with this Python.

    The server's root is the repository, so that links to the library's code open it.
    """
    top = root if folder.is_relative_to(root) else folder
    url = f"/lab/tree/{(folder / page).relative_to(top).as_posix()}"
    command = [sys.executable, "-P", "-m", "jupyterlab"]  # nothing from the current folder
    command += [f"--ServerApp.root_dir={top}", f"--LabApp.default_url={url}"]
    # Nothing leaves the machine: no news, no question about news. And kernels of this Python come
    # before kernels of the user's that have the same name.
    settings = [str(Path(__file__).parent), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    own = {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, settings))}
    return command, os.environ | own | {"JUPYTER_PREFER_ENV_PATH": "1"}


def start(folder: Path, page: str, root: Path, options: list[str]) -> int:
    """Run JupyterLab until it is stopped; returns its exit status."""
    if find_spec("jupyterlab") is None:
        raise SourceError("JupyterLab is missing: pip install 'minitorch_attn[study]'")
    command, environment = server(folder, page, root)
    running = subprocess.Popen(command + options, env=environment)
    while True:
        try:
            return running.wait()
        except KeyboardInterrupt:  # it went to the server too, which asks before it stops
            continue
