"""The book as its reader meets it: a real JupyterLab, driven in a real browser.

The contents open; a chapter runs from its first cell to its last; an exercise is solved by typing
into it; its check turns green; `progress()` shows the points.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.browsing import browser, lacking, screenshot
from helpers.jupyterlab import SECONDS, Lab, serving

from minitorch_attn.course.book import exercises
from minitorch_attn.course.checking.report import where_to_read
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.learner import study
from minitorch_attn.course.learner.lab import start
from minitorch_attn.course.sources import text
from minitorch_attn.course.sources.text import ROOT

CHAPTER = "06_one_query"
NOTEBOOK, EXERCISES = f"notebooks/{CHAPTER}.ipynb", f"exercises/{CHAPTER}.ipynb"
GREEN = "rgb(0, 158, 115)"

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
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


def test_a_reader_opens_runs_solves_and_sees_the_points(lab: Lab) -> None:
    the_contents_lead_to_the_chapter(lab)
    the_chapter_runs_all_its_cells(lab)
    an_exercise_is_solved_by_typing(lab)
    progress_shows_the_points(lab)
    the_next_start_leaves_the_answer_alone(lab)


def the_contents_lead_to_the_chapter(lab: Lab) -> None:
    panel = lab.panel(study.CONTENTS)
    panel.get_by_role("link", name="One query").wait_for(timeout=30 * SECONDS)
    assert lab.page.locator("dialog, .jp-Dialog, .Toastify__toast").count() == 0  # nothing asks
    menus = lab.page.get_by_role("menuitem")
    assert menus.filter(has_text="Run").count() == 1
    assert menus.filter(has_text=re.compile("nbgrader", re.I)).count() == 0, "it is installed here"
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
    shown.get_by_role("link", name=re.compile(r"^00\.1 ")).click()
    lab.panel("exercises/00_where_do_you_look.ipynb")


@pytest.mark.parametrize("where", ["report", "card"])
def test_read_again_lands_at_the_section(lab: Lab, where: str) -> None:
    """At the first click, on a chapter that is not open yet.

    On a machine with many times more work than cores JupyterLab can lose the place, whatever the
    link says: it selects the first cell while the others are still made.
    """
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 3 * (os.cpu_count() or 1):
        pytest.skip("this machine is too busy to tell")
    exercise = exercises_of(int(CHAPTER[:2]))[1]
    _, heading, _ = where_to_read(exercise.read)
    lab.panel(study.CONTENTS)
    open_from_contents(lab, "exercises")
    panel = lab.panel(EXERCISES)
    if where == "report":
        lab.run(panel, "from minitorch_attn.course import")
        lab.cell(panel, f"def {exercise.function}(").locator(".cm-content").click()
        lab.page.keyboard.press("Control+a")
        wrong = f"def {exercise.function}(query, key, value): return query"
        lab.page.keyboard.insert_text(wrong)
        lab.run(panel, f"def {exercise.function}(")
        report = lab.run(panel, f'check("{exercise.id}"').locator(".minitorch-report")
        link = report.get_by_role("link", name=heading)
    else:
        card = panel.locator(".jp-MarkdownCell").filter(has_text=exercise.signature)
        link = card.get_by_role("link", name=f"chapter {exercise.chapter:02d}")
    link.click(timeout=60 * SECONDS)
    lab.panel(NOTEBOOK)
    title = lab.page.locator(f".jp-NotebookPanel:not(.lm-mod-hidden) h2:has-text('{heading}')")
    end = time.monotonic() + 60
    while not (title.count() and 0 < title.first.bounding_box()["y"] < 450):
        if time.monotonic() > end:
            screenshot(lab.page, "jupyterlab-6-elsewhere")
            pytest.fail("the chapter opened elsewhere")
        lab.page.wait_for_timeout(100)
    screenshot(lab.page, "jupyterlab-6-read-again")


def the_next_start_leaves_the_answer_alone(lab: Lab) -> None:
    before = (lab.folder / EXERCISES).read_bytes()
    assert study.lay_out(ROOT, lab.folder) == study.Changes()
    assert (lab.folder / EXERCISES).read_bytes() == before
    assert os.path.getsize(lab.folder / study.MANIFEST) > 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_jupyterlab_ends_when_study_does(name: str, tmp_path: Path) -> None:
    study.lay_out(ROOT, tmp_path / "study")
    code = (
        "import sys; from pathlib import Path; from minitorch_attn.course.learner.lab import start;"
        "folder = Path(sys.argv[1]); options = ['--no-browser', '--allow-root', '--port=0'];"
        f"start(folder, {study.CONTENTS!r}, folder, options)"
    )
    runtime = tmp_path / "runtime"
    own = {"JUPYTER_RUNTIME_DIR": runtime, "JUPYTER_CONFIG_DIR": tmp_path / "config"}
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "study")],
        env=os.environ | {key: str(value) for key, value in own.items()},
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 120
        while not (told := list(runtime.glob("jpserver-*.json"))):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        server = int(told[0].stem.removeprefix("jpserver-"))
        assert server != process.pid
        os.kill(server, 0)  # it is there
        process.send_signal(getattr(signal, name))
        process.wait(60)
        with pytest.raises(ProcessLookupError):
            os.kill(server, 0)
    finally:
        process.kill()
        process.wait()


def test_root_is_told_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("it was started"))
    with pytest.raises(text.SourceError, match=r"study -- --allow-root$"):
        start(tmp_path, study.CONTENTS, ROOT, ["--no-browser"])


def open_from_contents(lab: Lab, link: str) -> None:
    lab.page.locator(".lm-TabBar-tab", has_text="contents.ipynb").click()
    row = lab.panel(study.CONTENTS).locator("tr", has_text="One query")
    row.get_by_role("link", name=link).click()
