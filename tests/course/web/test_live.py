"""Cells that run in the page, in a real browser, from the disk with the network off."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from helpers import live_page
from helpers.browsing import browser, lacking, npm_packages, screenshot
from helpers.live_page import mistake, on, opened, run, text_of, wait

from minitorch_attn.course.book.compare import outputs_differ, timed
from minitorch_attn.course.checks import find
from minitorch_attn.course.proving import answers
from minitorch_attn.course.sources.contents import chapters
from minitorch_attn.course.sources.text import ROOT
from minitorch_attn.course.web.live import pages
from minitorch_attn.course.web.live.marks import Mark, marks

pytestmark = pytest.mark.slow

NAMES = [chapter.file for chapter in chapters()]
# Chapters that run whole; 04 and 08, which train longest, when they are named. LIVE="10 14" names
# others, and LIVE=all, for an hour, all eighteen; what each cell took of the processor is then in
# .cache/live/seconds.json, for `cells.toml`.
LATER = "LIVE" in os.environ
AN_HOUR = 3_600_000  # milliseconds, for the longest of their cells
LIVE = os.environ.get("LIVE", "00 01 02 03 05 06 07 09").split()
UNTIMED = {"output_type": "error", "evalue": "", "traceback": []}  # its words have times in them
WHOLE = [name for name in NAMES if name[:2] in LIVE or LIVE == ["all"]]
# One exercise of each of five chapters, and the number of one of its wrong answers.
FIVE = {"01.1": 0, "03.1": 0, "05.1": 1, "06.2": 0, "08.1": 0}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm_packages()
    made = tmp_path_factory.mktemp("live") / "site"
    names = [f"notebooks/{name}" for name in {*WHOLE, NAMES[0]}]
    names += [f"exercises/{name}" for name in NAMES if name[:2] in {id[:2] for id in FIVE}]
    live_page.lay(made, names)
    if said := pages.add(made):
        lacking(said)
    return made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as driven:
        yield driven


@pytest.fixture
def context(chromium: Any) -> Iterator[Any]:
    made = chromium.new_context(offline=True)
    yield made
    made.close()


def exercises(site: Path, chapter: str) -> Path:
    return next((site / "exercises").glob(f"{chapter}_*.html"))


@pytest.mark.parametrize("id", FIVE)
def test_a_wrong_and_a_right_answer_are_checked(site: Path, context: Any, id: str) -> None:
    exercise = find(id)
    wrong = exercise.wrong_answers[FIVE[id]]
    page = opened(context, exercises(site, id[:2]))
    solution, check = f"cell.source.includes('def {exercise.function}(')", f"cell.check === '{id}'"
    on(page, solution, "cell.write(given[0])", mistake(exercise, wrong))
    (shown,) = run(page, check)
    assert f"this looks like: “{wrong.name}”. {wrong.explanation}" in shown["data"]["text/plain"]
    assert "minitorch-report" in shown["data"]["text/html"]
    on(page, solution, "cell.write(given[0])", answers.worked(exercise).source)
    (shown,) = run(page, check)
    assert live_page.full(exercise) in shown["data"]["text/plain"]
    assert on(page, check, "cell.score.textContent") == live_page.full(exercise)


def test_code_and_points_survive_a_reload_and_travel(
    site: Path, context: Any, chromium: Any, tmp_path: Path
) -> None:
    page = opened(context, exercises(site, "06"))
    solution, check = "cell.source.includes('def attend(')", "cell.check === '06.2'"
    answer = answers.worked(find("06.2")).source
    on(page, solution, "cell.write(given[0])", answer)
    run(page, check)
    # It is in the notebook in which cells look for the learner's functions.
    texts = "[''.join(cell['source']) for cell in json.loads(path.read_text())['cells']]"
    read = "import json\nfrom pathlib import Path\npath = Path('../exercises/06_one_query.ipynb')"
    on(page, "cell.number === 1", "cell.write(given[0])", f"{read}\n{answer!r} in {texts}")
    assert text_of(run(page, "cell.number === 1")) == "True"
    on(page, "cell.number === 1", "cell.write(cell.source)")
    # Another page kept points meanwhile.
    others = {"exercises": {"05.1": {"points": 4, "total": 5}}, "predictions": {}}
    files = json.dumps({"learner.json": json.dumps(others)})
    page.evaluate("files => localStorage.setItem('minitorch_attn:files', files)", files)
    run(page, check)
    page.reload()
    assert on(page, solution, "cell.text") == answer
    assert on(page, check, "cell.score.textContent") == "5 of 5 points"
    for name in ("notebook", "points"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"save {name}").click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    notebook = nbformat.read(tmp_path / "06_one_query.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert answer in [cell.source for cell in notebook.cells]
    kept = json.loads((tmp_path / "learner.json").read_text(encoding="utf-8"))
    assert {id: done["points"] for id, done in kept["exercises"].items()} == {"06.2": 5, "05.1": 4}

    other = chromium.new_context(offline=True)
    page = opened(other, exercises(site, "06"))
    assert on(page, check, "cell.score.textContent") == ""
    for name in ("06_one_query.ipynb", "learner.json"):
        page.set_input_files("input[type=file]", tmp_path / name)
        page.wait_for_function(
            "name => document.querySelector('.live-bar').textContent.includes(name)", arg=name
        )
    assert on(page, solution, "cell.text") == answer
    assert on(page, check, "cell.score.textContent") == "5 of 5 points"
    page.set_input_files("input[type=file]", tmp_path / "06_one_query.ipynb")
    (tmp_path / "learner.json").write_text('{"exercises": {"06.2": 5}}')
    page.set_input_files("input[type=file]", tmp_path / "learner.json")
    page.get_by_text("this is no learner.json").wait_for()
    assert on(page, check, "cell.score.textContent") == "5 of 5 points"
    # The library goes on from the points that were brought in.
    run(page, "cell.number === 1")
    shown = run(page, "cell.source.includes('progress()')")
    assert "9 of 400 points" in text_of(shown)
    other.close()


def test_a_page_that_is_open_twice_keeps_what_is_written_in_both(site: Path, context: Any) -> None:
    first, second = (opened(context, exercises(site, "06")) for _ in range(2))
    on(first, "cell.number === 1", "cell.write('1 + 1')")
    on(second, "cell.number === 2", "cell.write('2 + 2')")
    on(second, "cell.number === 3", "cell.write('3 + 3')")
    on(second, "cell.number === 3", "cell.write(cell.source)")
    first.reload()
    cells = "cell.number <= 3 && cell.text !== cell.source"
    texts = [on(first, f"cell.number === {n}", "cell.text") for n in (1, 2)]
    assert texts == ["1 + 1", "2 + 2"]
    assert first.evaluate(f"{live_page.CELLS}.filter(cell => {cells}).length") == 2


def test_what_is_written_is_undone_by_ctrl_z(site: Path, context: Any) -> None:
    page = opened(context, exercises(site, "06"))
    this = "cell.source.includes('def attend(')"
    given = on(page, this, "cell.text")
    on(page, this, "cell.edit()")

    def press(*keys: str) -> str:
        for key in keys:
            page.keyboard.press(key)
        return on(page, this, "cell.text")

    press("Control+End")
    page.keyboard.type("if answer:")
    assert press("Enter", "Tab", "a") == f"{given}if answer:\n            a"
    assert press(*["Control+z"] * 9) == given
    page.keyboard.type("answer")
    page.get_by_role("button", name="as in the book").click()
    assert on(page, this, "cell.text") == given
    assert press("Control+z") == f"{given}answer"
    page.reload()
    assert on(page, this, "cell.text") == f"{given}answer"
    on(page, this, "cell.write('')")
    assert on(page, this, "cell.text") == ""


def test_what_does_not_end_is_stopped(site: Path, context: Any) -> None:
    page = opened(context, exercises(site, "06"))
    first, check = "cell.number === 1", "cell.check === '06.2'"
    solution = "cell.source.includes('def attend(')"
    # By the check's own limit: the variables stay.
    on(
        page,
        solution,
        "cell.write(given[0])",
        "def attend(query, key, value):\n    while True:\n        pass",
    )
    on(page, check, "cell.write(given[0])", "check('06.2', seconds=2)")
    assert "was stopped after 2 seconds" in text_of(run(page, check))
    assert "Does each of its loops end?" in text_of(live_page.outputs(page, check))
    on(page, first, "cell.write(given[0])", "attend.__name__")
    assert text_of(run(page, first)) == "'attend'"
    # By the button.
    on(page, first, "cell.write(given[0])", "print('begun')\nwhile True:\n    pass")
    on(page, first, "void cell.go()")
    page.get_by_text("begun", exact=True).wait_for()
    page.get_by_role("button", name="stop").click()
    wait(page)
    page.get_by_text("run the cells above again").wait_for()
    on(page, first, "cell.write(given[0])", "attend")
    assert "NameError" in text_of(run(page, first))
    # By the button, while it prints.
    on(page, first, "cell.write(given[0])", "for i in range(10**9): print(i)")
    on(page, first, "void cell.go()")
    page.get_by_text("output cut at 100,000 characters").wait_for()
    assert on(page, first, "cell.outputs.length") < 500
    page.get_by_role("button", name="stop").click()
    wait(page)
    # By the page's limit.
    page.evaluate("minitorchLive.limit = 3")
    on(page, first, "cell.write(given[0])", "while True:\n    pass")
    on(page, first, "void cell.go()")
    page.get_by_text("Stopped after 3 seconds.").first.wait_for()
    wait(page)


def test_memory_and_stack_have_limits_that_python_knows(site: Path, context: Any) -> None:
    page = opened(context, exercises(site, "06"))

    def cell(text: str) -> str:
        on(page, "cell.number === 1", "cell.write(given[0])", text)
        return text_of(run(page, "cell.number === 1"))

    assert "MemoryError" in cell("taken = bytearray(1 << 30), bytearray(1 << 30)")
    assert "RecursionError" in cell("def deep(n): return deep(n + 1)\ndeep(0)")
    chain = "from minitorch_attn import Tensor\nx = y = Tensor(1.0, requires_grad=True)\n"
    chain += "for _ in range(100_000): y = y + 1.0\n"
    assert cell(f"{chain}y.backward()\ndel y\nfloat(x.grad)") == "1.0"
    assert cell(f"{chain}del y\nprint('gone')").strip() == "gone"
    assert "in the book on your computer" in cell("import subprocess\nsubprocess.run(['ls'])")
    assert "in the book on your computer" in cell("import threading\nthreading.Thread().start()")
    assert cell("1 + 1") == "2"


@pytest.mark.parametrize("name", WHOLE)
def test_a_chapter_says_in_the_page_what_its_notebook_says(
    site: Path, chromium: Any, context: Any, name: str
) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    page = opened(context, site / "notebooks" / f"{name}.html")
    page.evaluate("minitorchLive.limit = 1e9")
    page.get_by_role("button", name="run all").first.click()
    known = {id: mark for id, mark in marks().items() if id[:2] == name[:2]}
    took, found = {}, {}
    before = live_page.processor_seconds(chromium)
    for cell in notebook.cells:
        if cell.cell_type != "code" or known.get(cell.id, Mark()).cannot:
            continue
        this = f"cell.id === '{cell.id}'"
        live_page.wait_for_its_turn(page, this, AN_HOUR if LATER else live_page.PATIENCE)
        now = live_page.processor_seconds(chromium)
        took[cell.id], before = round(now - before, 1), now
        old, new = cell.outputs, live_page.outputs(page, this)
        if timed(cell):  # then that it ran, or raised what it should, is all that can be asked
            names = [[o["ename"] for o in side if "ename" in o] for side in (old, new)]
            old, new = ([dict(UNTIMED, ename=name) for name in side] for side in names)
        for output in (*old, *new):
            if "image/png" in output.get("data", {}):
                output["data"] = {"image/png": ""}  # that there is one; fonts and sizes differ
            if "traceback" in output:
                output["traceback"] = ["".join(output["traceback"]).rstrip()]
        if what := outputs_differ(old, new):
            found[cell.id] = what
    if LATER:
        note(name, took)
    assert set(found) == {id for id, mark in known.items() if mark.differs}, found


def note(name: str, took: dict[str, float]) -> None:
    path = ROOT / ".cache" / "live" / "seconds.json"
    noted = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(noted | {name: took}, indent=1))


def test_what_is_known_of_a_cell_is_said_before_it_runs(site: Path, context: Any) -> None:
    """One that cannot run has no button, and is passed over."""
    script = site / pages.FOLDER / "exercises-06_one_query.js"
    facts = json.loads(script.read_text("utf-8").removeprefix("minitorchLive.begin(")[:-2])
    known = [{"seconds": 170}, {"cannot": "it needs a lion"}, {"differs": "it rains"}]
    for cell in facts["cells"]:
        cell["source"] = "1 + 1"
    for cell, mark in zip(facts["cells"], known, strict=False):
        cell.update(mark)
    script.with_name("marked.js").write_text(f"minitorchLive.begin({json.dumps(facts)});")
    path = site / "exercises" / "06_one_query.html"
    marked = path.with_name("marked.html")
    marked.write_text(path.read_text("utf-8").replace(script.name, "marked.js"), "utf-8")
    page = opened(context, marked)
    first, second, third = (page.locator(".live-buttons").nth(n) for n in range(3))
    assert "Takes about 3 minutes in a page." in first.inner_text()
    assert "This cell does not run in a page: it needs a lion." in second.inner_text()
    assert second.get_by_role("button", name="run").count() == 0
    assert "Says something else in a page: it rains." in third.inner_text()
    page.get_by_role("button", name="run all, about 3 minutes").click()
    wait(page)
    ran = [on(page, f"cell.number === {n}", "cell.took !== undefined") for n in (1, 2, 3)]
    assert ran == [True, False, True]


def test_clicks_by_mouse_finger_and_keyboard_are_what_cells_use(site: Path, chromium: Any) -> None:
    context = chromium.new_context(offline=True, has_touch=True)
    page = opened(context, site / "notebooks" / f"{NAMES[0]}.html")
    collect, look = "cell.source.startsWith('clicks.collect(')", "cell.number === 1"
    on(
        page,
        look,
        "cell.write(given[0])",
        "from minitorch_attn.course import clicks\nclicks.load()",
    )
    on(page, collect, "cell.write(given[0])", "clicks.collect(True)")
    assert text_of(run(page, look)) == "{}"
    run(page, collect)
    stage, note = page.locator(".where-you-look .stage"), page.locator(".where-you-look .note")
    stage.click(position={"x": 100, "y": 80})
    stage.tap(position={"x": 200, "y": 90})
    stage.focus()
    for key in ("ArrowLeft", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Next picture").click()
    stage.click(position={"x": 11, "y": 12})
    note.get_by_text("Kept in this browser").wait_for()
    shown = text_of(run(page, look))
    found = {
        name: [tuple(map(int, pair)) for pair in re.findall(r"(\d+), +(\d+)\]", pairs)]
        for name, pairs in re.findall(r"'(\w+)': array\((.*?)\)", shown, re.DOTALL)
    }
    assert set(found) == {"astronaut", "chelsea"}
    for place, wanted in zip(
        found["astronaut"] + found["chelsea"],
        [(100, 80), (200, 90), (250, 256), (11, 12)],
        strict=True,
    ):
        assert max(abs(a - b) for a, b in zip(place, wanted, strict=True)) <= 2, found
    screenshot(page, "live-clicks")
    # They are there the next time; and what another page has kept since is not written over.
    page.reload()
    on(
        page,
        look,
        "cell.write(given[0])",
        "from minitorch_attn.course import clicks\nclicks.load()",
    )
    assert text_of(run(page, look)) == shown
    page.evaluate("localStorage.setItem('minitorch_attn:files', '{\"clicks.json\": \"theirs\"}')")
    run(page, look)
    assert "theirs" in page.evaluate("localStorage.getItem('minitorch_attn:files')")
    # A stopped Python cannot take any: the pictures go, and one line says so.
    run(page, collect)
    on(page, look, "cell.write(given[0])", "while True: pass")
    on(page, look, "void cell.go()")
    page.get_by_role("button", name="stop").click()
    page.get_by_text("Python was stopped: run this cell again.").wait_for()
    assert stage.count() == 0
    context.close()
