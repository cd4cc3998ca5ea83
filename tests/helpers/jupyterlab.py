"""A real JupyterLab: started as `make study` starts it, and driven in a browser."""

from __future__ import annotations

import json
import math
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from minitorch_attn.course.learner import study
from minitorch_attn.course.learner.lab import server

SECONDS = 1000  # Playwright counts milliseconds


@dataclass
class Lab:
    """A running JupyterLab, its page in the browser, and the working copy it serves."""

    page: Any
    folder: Path

    def panel(self, name: str) -> Any:
        """The notebook's panel, once it is there and its kernel waits for work."""
        tab = self.page.locator(f".lm-TabBar-tab.jp-mod-current[title*='Path: {name}']")
        tab.wait_for(timeout=60 * SECONDS)
        panel = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        self.idle(panel)
        return panel

    def idle(self, panel: Any, seconds: float = 60) -> None:
        state = panel.locator(".jp-Notebook-ExecutionIndicator")
        state.and_(self.page.locator("[data-status=idle]")).wait_for(timeout=seconds * SECONDS)

    def run(self, panel: Any, words: str) -> Any:
        """Click into the code cell with these words and press Shift+Enter; returns the cell."""
        cell = self.cell(panel, words)
        before = cell.locator(".jp-InputPrompt").text_content()
        prompt = re.compile(r"\[\d+\]:")
        pressed, end = -math.inf, time.monotonic() + 60
        while True:
            now = cell.locator(".jp-InputPrompt").text_content()
            if now != before and prompt.search(now):
                return cell
            # On a busy machine a key may be lost while the kernel starts: a reader tries again.
            if now == before and time.monotonic() > pressed + 10:
                pressed = time.monotonic()
                cell.locator(".cm-content").click()
                self.page.keyboard.press("Shift+Enter")
            assert time.monotonic() < end, f"the cell {words!r} did not finish: {now}"
            self.page.wait_for_timeout(50)

    def cell(self, panel: Any, words: str) -> Any:
        return panel.locator(".jp-CodeCell").filter(has_text=words).first

    def saved(self, name: str) -> Any:
        """The notebook as JupyterLab saves it."""
        path = self.folder / name
        before = path.stat().st_mtime_ns
        pressed, end = -math.inf, time.monotonic() + 60
        while path.stat().st_mtime_ns == before:
            if time.monotonic() > pressed + 10:  # here, too, a key may be lost
                pressed = time.monotonic()
                self.page.keyboard.press("Control+s")
            assert time.monotonic() < end, f"{name} was not saved"
            self.page.wait_for_timeout(50)
        while True:  # Jupyter may still be writing it
            try:
                return nbformat.read(path, as_version=4)
            except nbformat.reader.NotJSONError:
                assert time.monotonic() < end, f"{name} was saved, and is no notebook"
                self.page.wait_for_timeout(50)


class serving:
    """JupyterLab as `make study` starts it, with its own settings; stopped at the end."""

    def __init__(self, folder: Path, base: Path) -> None:
        command, environment = server(folder, study.CONTENTS)
        own = {
            "MINITORCH_ATTN_HOME": base / "learner",
            "JUPYTER_CONFIG_DIR": base / "config",
            "JUPYTER_DATA_DIR": base / "data",
            "JUPYTER_RUNTIME_DIR": base / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": base / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": base / "workspaces",
            "IPYTHONDIR": base / "ipython",
        }
        self.runtime = base / "runtime"
        self.log = base / "server.log"
        extra = ["--no-browser", "--ServerApp.port=0", "--ServerApp.ip=127.0.0.1"]
        extra += ["--ServerApp.allow_root=True"]
        self.path = next(a for a in command if "default_url" in a).partition("=")[2]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                command + extra,
                env=environment | {key: str(value) for key, value in own.items()},
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=base,
            )

    def __enter__(self) -> str:
        end = time.monotonic() + 180  # a busy machine
        while time.monotonic() < end and self.process.poll() is None:
            for path in self.runtime.glob("jpserver-*.json"):
                try:
                    said = json.loads(path.read_text())
                except ValueError:
                    continue  # half written
                return f"{said['url'].rstrip('/')}{self.path}?token={said['token']}"
            time.sleep(0.1)
        self.__exit__()
        raise AssertionError(f"JupyterLab did not start:\n{self.log.read_text()[-2000:]}")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()  # it stops its kernels itself
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
