"""The book as its reader meets it: a real JupyterLab, driven in a real browser.

The contents open; a chapter runs from its first cell to its last; an exercise is solved by typing
into it; its check turns green; `progress()` shows the points.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from helpers.browsing import browser, lacking, screenshot

from minitorch_attn.course.book import exercises
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.learner import study
from minitorch_attn.course.learner.lab import server
from minitorch_attn.course.sources import text
from minitorch_attn.course.sources.text import ROOT

CHAPTER = "06_one_query"
NOTEBOOK, EXERCISES = f"notebooks/{CHAPTER}.ipynb", f"exercises/{CHAPTER}.ipynb"
SECONDS = 1000  # Playwright counts milliseconds
GREEN = "rgb(0, 158, 115)"

pytestmark = pytest.mark.slow


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
        self.page.keyboard.press("Control+s")
        end = time.monotonic() + 20
        while path.stat().st_mtime_ns == before:
            assert time.monotonic() < end, f"{name} was not saved"
            self.page.wait_for_timeout(50)
        while True:  # Jupyter may still be writing it
            try:
                return nbformat.read(path, as_version=4)
            except nbformat.reader.NotJSONError:
                assert time.monotonic() < end, f"{name} was saved, and is no notebook"
                self.page.wait_for_timeout(50)


@pytest.fixture
def lab(tmp_path_factory) -> Iterator[Lab]:
    """The book laid out in a fresh folder, opened by JupyterLab, for a learner who is new."""
    if not (ROOT / EXERCISES).is_file():
        lacking(f"chapter {CHAPTER} is not built: make book")
    base = tmp_path_factory.mktemp("lab")
    folder = base / "study"
    study.lay_out(ROOT, folder)
    with browser() as driven, serving(folder, base) as url:
        context = driven.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.goto(url)
        yield Lab(page, folder)
        context.close()


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
        end = time.monotonic() + 60
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


def test_a_reader_opens_runs_solves_and_sees_the_points(lab):
    the_contents_lead_to_the_chapter(lab)
    the_chapter_runs_all_its_cells(lab)
    an_exercise_is_solved_by_typing(lab)
    progress_shows_the_points(lab)
    the_next_start_leaves_the_answer_alone(lab)


def the_contents_lead_to_the_chapter(lab: Lab) -> None:
    panel = lab.panel(study.CONTENTS)
    panel.get_by_role("link", name="One query").wait_for(timeout=30 * SECONDS)
    assert lab.page.locator("dialog, .jp-Dialog, .Toastify__toast").count() == 0  # nothing asks
    screenshot(lab.page, "jupyterlab-1-contents")
    panel.get_by_role("link", name="One query").click()
    lab.panel(NOTEBOOK)
    lab.page.get_by_role("heading", name="One query").first.wait_for()


def the_chapter_runs_all_its_cells(lab: Lab) -> None:
    open_from_contents(lab, "One query")
    lab.panel(NOTEBOOK)
    lab.page.get_by_role("menuitem", name="Run", exact=True).click()
    lab.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    end = time.monotonic() + 240
    while True:
        cells = [c for c in lab.saved(NOTEBOOK).cells if c.cell_type == "code" and c.source.strip()]
        for number, cell in enumerate(cells, start=1):
            failed = [o for o in cell.outputs if o.output_type == "error"]
            if failed and "raises-exception" not in cell.metadata.get("tags", []):
                pytest.fail(f"code cell {number}: {failed[0].ename}: {failed[0].evalue}")
        done = [cell.execution_count for cell in cells]
        if all(done):
            break
        assert time.monotonic() < end, f"{done.count(None)} of {len(cells)} cells did not run"
        lab.page.wait_for_timeout(1000)
    assert done == sorted(done)
    screenshot(lab.page, "jupyterlab-2-chapter")


def an_exercise_is_solved_by_typing(lab: Lab) -> None:
    exercise = exercises_of(int(CHAPTER[:2]))[0]
    source = text.read(ROOT / "solutions" / f"{CHAPTER}.md")
    worked = next(c.text for c in source.cells if f"def {exercise.function}(" in c.text)
    answer = re.sub(r"^[ \t]*### (BEGIN|END) SOLUTION\n?", "", worked, flags=re.MULTILINE)
    assert exercises.take_out(worked) != worked

    open_from_contents(lab, "exercises")
    panel = lab.panel(EXERCISES)
    lab.run(panel, "from minitorch_attn.course import")
    lab.run(panel, f"def {exercise.function}(")
    checking = lab.run(panel, f'check("{exercise.id}"')
    report = checking.locator(f".minitorch-report[data-exercise='{exercise.id}']")
    report.wait_for(timeout=60 * SECONDS)
    assert report.get_attribute("data-points") == "0"
    assert "not done yet" in report.text_content()
    screenshot(lab.page, "jupyterlab-3-not-done")

    lab.cell(panel, f"def {exercise.function}(").locator(".cm-content").click()
    lab.page.keyboard.press("Control+a")
    lab.page.keyboard.insert_text(answer.strip())
    lab.run(panel, f"def {exercise.function}(")
    checking = lab.run(panel, f'check("{exercise.id}"')
    full = f"{exercise.points:g}"
    report = checking.locator(f".minitorch-report[data-points='{full}'][data-total='{full}']")
    report.wait_for(timeout=60 * SECONDS)
    ticks = report.locator("[data-status]")
    assert ticks.count() == len(exercise.checks)
    for number in range(ticks.count()):
        tick = ticks.nth(number)
        assert tick.get_attribute("data-status") == "passed"
        mark = tick.locator("b").first
        assert mark.text_content().startswith("✓")
        assert mark.evaluate("b => getComputedStyle(b).color") == GREEN
    report.scroll_into_view_if_needed()
    screenshot(lab.page, "jupyterlab-4-solved")
    assert answer.strip() in [cell.source for cell in lab.saved(EXERCISES).cells]


def progress_shows_the_points(lab: Lab) -> None:
    exercise = exercises_of(int(CHAPTER[:2]))[0]
    lab.page.locator(".lm-TabBar-tab", has_text="contents.ipynb").click()
    panel = lab.panel(study.CONTENTS)
    shown = lab.run(panel, "progress()").locator(".minitorch-progress")
    shown.wait_for(timeout=60 * SECONDS)
    points = f"{exercise.points:g}"
    assert shown.get_attribute("data-points") == points
    row = shown.locator(f"[data-chapter='{CHAPTER[:2]}']")
    assert row.get_attribute("data-points") == points
    assert f"{points} of 20" in row.text_content()
    shown.scroll_into_view_if_needed()
    screenshot(lab.page, "jupyterlab-5-progress")


def the_next_start_leaves_the_answer_alone(lab: Lab) -> None:
    before = (lab.folder / EXERCISES).read_bytes()
    assert study.lay_out(ROOT, lab.folder) == study.Changes()
    assert (lab.folder / EXERCISES).read_bytes() == before
    assert os.path.getsize(lab.folder / study.MANIFEST) > 0


def open_from_contents(lab: Lab, link: str) -> None:
    lab.page.locator(".lm-TabBar-tab", has_text="contents.ipynb").click()
    row = lab.panel(study.CONTENTS).locator("tr", has_text="One query")
    row.get_by_role("link", name=link).click()
