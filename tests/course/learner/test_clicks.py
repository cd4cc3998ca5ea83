"""Clicks of a person: what is kept, what is refused, and real clicks in a real browser."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from helpers.browsing import browser, screenshot
from helpers.jupyterlab import SECONDS, Lab, serving

from minitorch_attn.course.book.notebook import new_cell, new_notebook, to_text
from minitorch_attn.course.checking.running import run
from minitorch_attn.course.checks import ch00, find
from minitorch_attn.course.learner import clicks, study
from minitorch_attn.course.learner import store as learner

SOME = {"coffee": [(1, 2), (599, 399)], "rocket": [(3, 4)]}


def kept() -> Path:
    return learner.home() / "clicks.json"


# What is kept, and what is refused


def test_nobody_has_clicked_yet(capsys: pytest.CaptureFixture[str]) -> None:
    assert clicks.load() == {}
    clicks.paste()
    assert clicks.collect() is None
    said = capsys.readouterr().out
    assert "No clicks yet" in said
    assert "put True in place of False" in said
    assert not learner.home().exists(), "only looking writes nothing"


def test_clicks_come_back_for_each_person(capsys: pytest.CaptureFixture[str]) -> None:
    clicks.keep(SOME)
    clicks.keep({"coffee": [(7, 7)], "chelsea": []}, person="a friend")
    assert {name: found.tolist() for name, found in clicks.load().items()} == {
        name: [list(click) for click in found] for name, found in SOME.items()
    }
    assert list(clicks.load("a friend")) == ["coffee"]
    clicks.paste()
    namespace: dict[str, Any] = {}
    exec(capsys.readouterr().out, namespace)
    assert namespace["CLICKS"] == SOME
    clicks.keep({})
    assert clicks.load() == {}
    assert clicks.load("a friend")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"mona lisa": [(1, 2)]}, "no picture 'mona lisa'"),
        ({"coffee": [(600, 2)]}, "outside 600 × 400"),
        ({"coffee": [(2, -1)]}, "outside"),
        ({"coffee": [(float("nan"), 1)]}, "outside"),
        ({"coffee": [(1, 2, 3)]}, "pairs"),
        ({"coffee": "here"}, "pairs"),
        ({"coffee": [(1, 2)] * 1001}, "1 to 1000"),
    ],
)
def test_clicks_that_nobody_made_are_refused_and_nothing_is_lost(bad: Any, message: str) -> None:
    clicks.keep(SOME)
    before = kept().read_bytes()
    with pytest.raises(clicks.ClickError, match=message):
        clicks.keep(bad)
    assert kept().read_bytes() == before


@pytest.mark.parametrize("text", ["", "[1]", '{"people": 3}', '{"people": {"me": {"coffee": 1}}}'])
def test_a_damaged_file_is_moved_aside(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    learner.home().mkdir(parents=True)
    kept().write_text(text)
    assert clicks.load() == {}
    assert "could not be read" in capsys.readouterr().out
    (aside,) = learner.home().glob("clicks.damaged-*.json")
    assert aside.read_text() == text
    clicks.keep(SOME)
    assert list(clicks.load()) == ["coffee", "rocket"]


def test_the_pictures_have_the_sizes_that_the_checks_know() -> None:
    sizes = {name: picture.shape[1::-1] for name, picture in clicks.photographs().items()}
    assert sizes == ch00.SIZES


def test_a_heat_map_is_shares_with_its_top_on_the_click() -> None:
    heat = clicks.heat_map([(11, 2)], 13, 9, 1.5)
    assert heat.shape == (9, 13)
    assert np.isclose(heat.sum(), 1)
    assert np.unravel_index(heat.argmax(), heat.shape) == (2, 11)
    for sigma in (0, -1, float("nan")):
        with pytest.raises(clicks.ClickError, match="positive width"):
            clicks.heat_map([(11, 2)], 13, 9, sigma)
    with pytest.raises(clicks.ClickError, match="outside"):
        clicks.heat_map([(2, 11)], 13, 9, 1.5)


def test_the_widget_keeps_clicks_as_they_come() -> None:
    pytest.importorskip("anywidget")
    collector = clicks._widget("me")
    collector.clicks = {"coffee": [[1, 2]]}
    assert clicks.load()["coffee"].tolist() == [[1, 2]]
    assert str(kept()) in collector.note
    collector.clicks = {"coffee": [[1, 2000]]}
    assert collector.note.startswith("Not kept: a click at x = 1, y = 2000")
    assert clicks.load()["coffee"].tolist() == [[1, 2]]
    assert clicks._widget("me").clicks == {"coffee": [[1, 2]]}, "the next start goes on"


def people() -> dict[str, Any]:
    """Clicks that real hands can make, though they look odd."""
    rng = np.random.default_rng(0)

    def each(make: Any) -> Any:
        made = {name: make(*size).astype(int) for name, size in ch00.SIZES.items()}

        def my_clicks(picture: str) -> Any:
            if picture not in made:
                raise ValueError(picture)
            return made[picture]

        return my_clicks

    def keyboard(width: int, height: int) -> Any:  # the cross moves in hundredths of the width
        steps = rng.integers(-9, 10, size=(10, 2)).cumsum(axis=0)
        return np.clip(np.array([width, height]) / 2 + steps * width / 100, 0, (width - 1, 250))

    return {
        "face only": each(lambda w, h: rng.normal((w / 2, h / 3), 6, size=(10, 2))),
        "along a line": each(lambda w, h: np.c_[np.sort(rng.integers(w, size=12)), [h // 2] * 12]),
        "keyboard": each(keyboard),
        "three places": each(lambda w, h: rng.integers(0, (w, h), size=(3, 2))[[0, 1, 2] * 4]),
        "anywhere": each(lambda w, h: rng.integers(0, (w, h), size=(40, 2))),
    }


@pytest.mark.parametrize("who", people())
def test_the_exercise_is_fair_to_what_people_do(who: str) -> None:
    report = run(find("00.2"), people()[who], 1)
    assert report.points == 6, report


def test_what_the_page_says_to_paste_is_there() -> None:
    """The page is JavaScript: no import shows which names of Python it prints."""
    script = Path(clicks.__file__).with_name("clicks.js").read_text(encoding="utf-8")
    script = script.replace("\\n", "\n")
    ((module, name),) = re.findall(r"from (minitorch_attn[\w.]*) import (\w+)", script)
    ((called, function),) = re.findall(r"(\w+)\.(\S+)\(CLICKS\)", script)
    assert called == name
    assert function == "${keep}", "the page is told which function keeps its clicks"
    ((told,),) = [re.findall(r'"keep": "(\w+)"', clicks.write_page().read_text(encoding="utf-8"))]
    assert getattr(getattr(importlib.import_module(module), name), told) is clicks.keep


# Real clicks


def click_and_check(page: Any, box: Any) -> list[list[int]]:
    """Click on the first picture by mouse and by keyboard; returns what should be kept."""
    stage = box.locator(".stage")
    picture = stage.locator("img")
    picture.evaluate("image => image.decode()")
    rect = picture.bounding_box()
    width, height = ch00.SIZES["astronaut"]
    want = []
    for fx, fy in [(0.25, 0.5), (0.75, 0.3), (0.5, 0.9)]:
        stage.click(position={"x": fx * rect["width"], "y": fy * rect["height"]})
        want.append([round(fx * width), round(fy * height)])
    status = box.locator(".status")
    status.filter(has_text="3 of 10 clicks").wait_for(timeout=10 * SECONDS)
    box.get_by_role("button", name="Undo").click()
    want.pop()
    stage.focus()
    for key in ("Shift+ArrowRight", "ArrowUp", "Enter", " ", "Backspace"):
        page.keyboard.press(key)
    want.append([width // 2 + round(width / 20), height // 2 - round(width / 100)])
    status.filter(has_text="3 of 10 clicks").wait_for(timeout=10 * SECONDS)
    assert box.locator("circle").count() == 3
    page.keyboard.press("n")
    status.filter(has_text="Picture 2 of 4 (chelsea): 0 of 10").wait_for(timeout=10 * SECONDS)
    stage.click(position={"x": 30, "y": 40})
    for _ in range(12):  # ten are enough
        page.keyboard.press("Enter")
    status.filter(has_text="10 of 10 clicks, enough. 1 of 4 pictures done").wait_for()
    return want


def near(found: list[list[int]], want: list[list[int]]) -> bool:
    return len(found) == len(want) and bool(np.abs(np.subtract(found, want)).max() <= 2)


@pytest.mark.slow
def test_real_clicks_on_the_page_without_a_kernel(tmp_path: Path) -> None:
    path = clicks.write_page(tmp_path / "clicks.html")
    with browser() as driven:
        page = driven.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        want = click_and_check(page, page.locator(".where-you-look"))
        cell = page.locator("textarea").input_value()
        screenshot(page, "clicks-page")
    assert all(url.startswith(("file:", "data:")) for url in asked), "it loads nothing"
    exec(cell, {})
    assert near(clicks.load()["astronaut"].tolist(), want)
    assert len(clicks.load()["chelsea"]) == 10


@pytest.mark.slow
def test_real_clicks_in_jupyterlab_land_in_the_kernel_and_in_the_file(tmp_path: Path) -> None:
    pytest.importorskip("anywidget")
    folder = tmp_path / "study"
    code = "from minitorch_attn.course import clicks\n\ncollector = clicks.collect(True)\ncollector"
    print_it = "print('in Python:', {n: len(c) for n, c in collector.clicks.items()})"
    cells = [new_cell("code", code, "one", {}), new_cell("code", print_it, "two", {})]
    (folder / "notebooks").mkdir(parents=True)
    (folder / study.CONTENTS).write_text(to_text(new_notebook(cells)), encoding="utf-8")
    with browser() as driven, serving(folder, tmp_path) as url:
        page = driven.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(url)
        lab = Lab(page, folder)
        panel = lab.panel(study.CONTENTS)
        lab.run(panel, "clicks.collect(True)")
        box = panel.locator(".where-you-look")
        box.wait_for(timeout=60 * SECONDS)
        want = click_and_check(page, box)
        box.locator(".note").filter(has_text="Kept in").wait_for(timeout=20 * SECONDS)
        box.scroll_into_view_if_needed()
        screenshot(page, "clicks-jupyterlab")
        assert panel.locator(".jp-Cell").count() == 2, "no key was a shortcut of the notebook"
        said = lab.run(panel, "print('in Python:'").locator(".jp-OutputArea-output")
        said.filter(has_text="'astronaut': 3, 'chelsea': 10").wait_for(timeout=20 * SECONDS)
        box.locator(".stage").click(position={"x": 5, "y": 5})
        saved = lab.saved(study.CONTENTS)  # Ctrl+S is the notebook's while the pictures have focus
        printed = "".join(o.get("text", "") for o in saved.cells[0].outputs)
        assert "“model not found”, as after a restart? Run this cell again" in printed
    assert "data:image" not in nbformat.writes(saved), "the pictures stay out of the notebook"
    file = json.loads((tmp_path / "learner" / "clicks.json").read_text(encoding="utf-8"))
    assert near(file["people"]["me"]["astronaut"], want)
    assert len(file["people"]["me"]["chelsea"]) == 10
