"""A chapter and its exercises in one file, from the disk with the network off, in both browsers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from helpers import live_page
from helpers.browsing import Chromium, browser, lacking, npm_packages, too_wide
from helpers.firefox import firefox
from helpers.live_page import on, opened

from minitorch_attn.course.checks import exercises_of, find
from minitorch_attn.course.learner.handing_in import FOUND, check_file
from minitorch_attn.course.proving import answers
from minitorch_attn.course.web.live import runtime

pytestmark = pytest.mark.slow

LOOK = (Path(__file__).with_name("look.js")).read_text(encoding="utf-8").strip().rstrip(";")
CHAPTERS = ("06", "14")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files, by chapter."""
    pytest.importorskip("myst_nb")
    npm_packages()
    from minitorch_attn.course.web import onefile

    folder = tmp_path_factory.mktemp("one-file")
    try:
        return {chapter: onefile.one_file(chapter, folder) for chapter in CHAPTERS}
    except runtime.NoRuntime as missing:
        lacking(missing)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as driven:
        yield driven


@pytest.fixture(scope="module", params=["Chromium", "Firefox"])
def tab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A tab of each browser."""
    if request.param == "Chromium":
        yield Chromium(request.getfixturevalue("chromium"))
    else:
        with firefox(tmp_path_factory.mktemp("firefox")) as driven:
            yield driven


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_it_needs_nothing_else(files: dict[str, Path], chromium: Any, chapter: str) -> None:
    context = chromium.new_context(offline=True)
    page = opened(context, files[chapter])
    beside = "link[href]:not([href^='data:']), script[src], img:not([src^='data:'])"
    assert page.locator(beside).count() == 0
    dead = page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.hash.slice(1))"
        ".filter(id => id && !document.getElementById(decodeURIComponent(id)))"
    )
    assert dead == []
    twice = page.evaluate(
        "(ids => ids.filter((id, i) => ids.indexOf(id) !== i))"
        "([...document.querySelectorAll('[id]')].map(element => element.id))"
    )
    assert twice == []
    # From the contents, the chapter's section on exercises, and its last line.
    assert page.locator("a[href='#x-top']").count() >= 3
    assert page.locator("article a[href='#']", has_text="contents").count() == 2
    licences = page.locator("#licences").text_content()
    assert "NumPy Developers" in licences
    assert "Eileen Collins" in licences  # and of the book's own data
    context.close()


@pytest.mark.parametrize("id", ["06.2", "14.1"])
def test_it_is_read_and_answered(files: dict[str, Path], tab: Any, id: str) -> None:
    tab.said.clear()
    tab.open(files[id[:2]])
    assert too_wide(tab) == []
    page = tab.evaluate(f"({LOOK})()")
    assert page["raw"] + page["untold"] == []
    assert page["formulas"] > 50
    assert [figure["alt"] for figure in page["figures"] if not figure["pixels"]] == []
    live_page.marks_wrong_and_right(tab, find(id))
    assert [said for said in tab.said if not said.startswith("warn")] == []
    tab.open(files[id[:2]])  # once more: points are kept
    assert live_page.full(find(id)) in live_page.scores(tab)


def test_all_exercises_of_14_are_checked_kept_and_carried_on(
    files: dict[str, Path], chromium: Any, tmp_path: Path
) -> None:
    exercises = exercises_of(14)
    right = {one.id: answers.worked(one).source for one in exercises}
    points = [live_page.full(one) for one in exercises]

    def texts(page: Any) -> dict[str, str]:
        solution = "cell.page.startsWith('exercises/') && cell.source.includes('def %s(')"
        return {one.id: on(page, solution % one.function, "cell.text") for one in exercises}

    context = chromium.new_context(offline=True)
    page = opened(context, files["14"])
    for exercise in exercises:
        live_page.marks_wrong_and_right(page, exercise)
    page.reload()
    assert texts(page) == right
    assert live_page.scores(page) == points
    names = []
    for name in ("save notebook", "save points"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        names.append(download.value.suggested_filename)
        download.value.save_as(tmp_path / names[-1])
    assert names == [files["14"].with_suffix(".ipynb").name, "learner.json"]
    nbformat.validate(nbformat.read(tmp_path / names[0], as_version=4))
    report = check_file(tmp_path / names[0])  # as the grader finds it
    assert [line.state for line in report.lines] == [FOUND] * len(exercises)
    kept = json.loads((tmp_path / "learner.json").read_text(encoding="utf-8"))
    assert {id: done["points"] for id, done in kept["exercises"].items()} == {
        one.id: one.points for one in exercises
    }
    context.close()

    context = chromium.new_context(offline=True)
    page = opened(context, files["14"])
    assert live_page.scores(page) == [""] * len(exercises)
    for name in names:
        page.set_input_files("input[type=file]", tmp_path / name)
        page.wait_for_function(
            "name => document.querySelector('.live-bar').textContent.includes(name)", arg=name
        )
    assert texts(page) == right
    assert live_page.scores(page) == points
    context.close()


def test_a_page_of_two_notebooks_saves_those_with_code_in_them(
    files: dict[str, Path], chromium: Any
) -> None:
    context = chromium.new_context(offline=True)
    page = opened(context, files["06"])
    page.evaluate(
        "void (HTMLAnchorElement.prototype.click = function () { saved.push(this.download); })"
    )

    def save() -> set[str]:
        page.evaluate("globalThis.saved = []")
        page.get_by_role("button", name="save notebook").click()
        return set(page.evaluate("saved"))

    chapter = "cell.page.startsWith('notebooks/')"
    both = {"06_one_query.ipynb", "chapter_06_one_query.ipynb"}
    assert save() == both
    on(page, chapter, "cell.write('1 + 1')")
    assert save() == {"chapter_06_one_query.ipynb"}
    on(page, "cell.page.startsWith('exercises/')", "cell.write('1 + 1')")
    assert save() == both
    context.close()
