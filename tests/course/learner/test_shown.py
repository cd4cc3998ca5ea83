"""A map is shown, then clicks: what is kept, the coin, and real hands in a real browser."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.browsing import browser, screenshot
from helpers.jupyterlab import SECONDS, Lab, serving

from minitorch_attn.course.book.notebook import new_cell, new_notebook, to_text
from minitorch_attn.course.learner import clicks, collector, shown, study
from minitorch_attn.course.learner import store as learner

pytest.importorskip("skimage", reason="the pictures come with scikit-image")
pytest.importorskip("sklearn", reason="two of them come with scikit-learn")

NAMES = tuple(shown.twelve())


def state() -> dict[str, Any]:
    return json.loads((learner.home() / "clicks.json").read_text(encoding="utf-8"))


def drawn(capsys: pytest.CaptureFixture[str]) -> None:
    """A coin has been drawn, as the cell of the chapter does it."""
    clicks.collect_shown(True)
    capsys.readouterr()


def corners(name: str) -> list[tuple[int, int]]:
    """Ten clicks, among them the four outermost pixels."""
    height, width = shown.twelve()[name].shape[:2]
    ends = [(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)]
    return ends + [(width // 2, height // 3)] * 6


# The pictures and the maps


def test_twelve_pictures_in_colour_of_a_size_that_fits() -> None:
    pictures = shown.twelve()
    assert len(pictures) == 12
    for picture in pictures.values():
        assert picture.dtype == np.uint8
        assert picture.shape[2:] == (3,)
        assert max(picture.shape) <= shown.LONGEST


def test_the_programs_map_has_three_hills_on_contrast() -> None:
    picture = np.full((180, 240, 3), 128, dtype=np.uint8)
    for y, x in [(2, 3), (9, 20), (15, 8)]:
        picture[10 * y : 10 * y + 5, 10 * x : 10 * x + 10] = 255
    heat = shown.hot_spots(picture)
    assert heat.shape == shown.GRID
    assert np.isclose(heat.sum(), 1)
    top = np.argsort(heat.ravel())[-3:]
    assert sorted(divmod(int(i), 24) for i in top) == [(2, 3), (9, 20), (15, 8)]


def test_a_coin_decides_which_map_is_shown_and_the_seed_decides_the_coins() -> None:
    pictures = shown.twelve()
    own = {name: shown.hot_spots(picture) for name, picture in pictures.items()}
    heads = np.array(
        [
            [np.array_equal(pair[0], own[name]) for name, pair in shown._maps(pictures, s).items()]
            for s in range(20)
        ]
    )
    assert 0.3 < heads.mean() < 0.7
    assert len({tuple(row) for row in heads}) == 20
    for name, (seen, other) in shown._maps(pictures, 3).items():
        assert np.array_equal(seen, other[:, ::-1])
        assert np.array_equal(own[name], seen) != np.array_equal(own[name], other)


# What is kept


def test_nobody_has_looked_yet(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(clicks.load_shown()) == 0
    assert clicks.load_shown().shown.shape == (0, 18, 24)
    assert clicks.collect_shown() is None
    assert "put True in place of False" in capsys.readouterr().out
    assert not learner.home().exists(), "only looking writes nothing"
    with pytest.raises(clicks.ClickError, match="no coin was drawn"):
        clicks.keep_shown({"coffee": corners("coffee")})


def test_the_seed_is_drawn_once_and_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("anywidget")
    widget = clicks.collect_shown(True)
    seed = state()["shown"]["seed"]
    assert str(seed) not in capsys.readouterr().out
    page = (learner.home() / "shown.html").read_text(encoding="utf-8")
    assert str(seed) not in page
    assert str(seed) not in json.dumps([widget.pictures, widget.clicks, widget.note])
    clicks.collect_shown(True)
    assert state()["shown"]["seed"] == seed, "a second start keeps the coins"
    learner.home().joinpath("clicks.json").unlink()
    clicks.collect_shown(True)
    assert state()["shown"]["seed"] != seed, "another experiment, other coins"


def test_only_pictures_that_are_done_come_back(capsys: pytest.CaptureFixture[str]) -> None:
    clicks.keep({"coffee": [(1, 2)]})
    drawn(capsys)
    clicks.keep_shown({"coffee": corners("coffee"), "rocket": [(3, 4)], "china": corners("china")})
    found = clicks.load_shown()
    assert found.names == ("coffee", "china")
    assert found.clicks.shape == (2, 10, 2)
    for picture in found.clicks:
        assert picture[:4].tolist() == [[0, 0], [23, 0], [0, 17], [23, 17]]
        assert picture[4].tolist() == [12, 6] or picture[4].tolist() == [12, 5]
    pairs = shown._maps(shown.twelve(), state()["shown"]["seed"])
    for i, name in enumerate(found.names):
        np.testing.assert_array_equal(found.shown[i], pairs[name][0])
        np.testing.assert_array_equal(found.other[i], pairs[name][1])
    assert clicks.load()["coffee"].tolist() == [[1, 2]], "chapter 00's clicks are another matter"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"mona lisa": [(1, 2)]}, "no picture 'mona lisa'"),
        ({"coffee": [(600, 2)]}, "outside 600 × 400"),
        ({"china": [(2, -1)]}, "outside"),
    ],
)
def test_clicks_that_nobody_made_are_refused(
    bad: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn(capsys)
    clicks.keep_shown({"coffee": corners("coffee")})
    before = state()
    with pytest.raises(clicks.ClickError, match=message):
        clicks.keep_shown(bad)
    assert state() == before


def test_it_can_be_deleted_and_nothing_else_is(capsys: pytest.CaptureFixture[str]) -> None:
    clicks.keep({"coffee": [(1, 2)]})
    drawn(capsys)
    clicks.keep_shown({"coffee": corners("coffee")})
    clicks.forget_shown()
    assert "Deleted" in capsys.readouterr().out
    assert "shown" not in state()
    assert clicks.load()["coffee"].tolist() == [[1, 2]]
    clicks.forget_shown()
    assert "nothing to delete" in capsys.readouterr().out


@pytest.mark.parametrize("part", ['{"seed": "x", "clicks": {}}', '{"clicks": {}}', "[]"])
def test_a_damaged_part_is_moved_aside(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    learner.home().mkdir(parents=True)
    path = learner.home() / "clicks.json"
    path.write_text(f'{{"people": {{}}, "shown": {part}}}')
    assert len(clicks.load_shown()) == 0
    assert "could not be read" in capsys.readouterr().out
    assert list(learner.home().glob("clicks.damaged-*.json"))


def test_without_a_place_to_keep_the_coin_there_is_no_experiment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MINITORCH_ATTN_HOME", str(tmp_path / "file" / "below"))
    assert clicks.collect_shown(True) is None
    assert "could not be kept" in capsys.readouterr().out


def test_what_the_page_says_to_paste_is_there() -> None:
    page = shown.write_page({"seed": 1, "clicks": {}}).read_text(encoding="utf-8")
    assert '"keep": "keep_shown"' in page
    assert clicks.keep_shown is shown.keep_shown


# Real hands


def look_and_click(page: Any, box: Any, count: int, first: int = 0, finger: bool = False) -> None:
    """Do the next `count` pictures, by mouse (or finger) and by keyboard in turn."""
    stage, status = box.locator(".stage"), box.locator(".status")
    for i in range(first, first + count):
        said = f"Picture {i + 1} of 12 ({NAMES[i]}): "
        status.filter(has_text=said + "show the map").wait_for(timeout=20 * SECONDS)
        assert not stage.locator("img").is_visible(), "nothing is seen before it is asked for"
        stage.focus()
        if i % 2:
            page.keyboard.press("Enter")
        else:
            box.get_by_role("button", name="Show the map").click()
        status.filter(has_text="look at the map").wait_for(timeout=SECONDS)
        overlay = stage.locator(".overlay")
        assert overlay.is_visible()
        assert "data:image/png" in overlay.evaluate("map => map.style.backgroundImage")
        if i == first:
            screenshot(page, f"shown-map-{first}")
        stage.click(position={"x": 20, "y": 20})  # too soon: not taken
        page.keyboard.press("Enter")
        status.filter(has_text="0 of 10 clicks").wait_for(timeout=5 * SECONDS)
        assert not overlay.is_visible(), "the map is gone"
        assert overlay.evaluate("map => map.style.backgroundImage") == ""
        page.keyboard.press("n")  # not before it is done
        for k in range(10):
            if i % 2:
                page.keyboard.press("ArrowRight")
                page.keyboard.press("Enter")
            else:
                rect = stage.locator("img").bounding_box()
                at = {"x": (0.05 + 0.09 * k) * rect["width"], "y": 0.5 * rect["height"]}
                (stage.tap if finger else stage.click)(position=at)
            status.filter(has_text=f"{k + 1} of 10 clicks").wait_for(timeout=5 * SECONDS)
        page.keyboard.press("Backspace")
        status.filter(has_text="9 of 10 clicks").wait_for(timeout=5 * SECONDS)
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")  # ten are enough
        status.filter(has_text="10 of 10 clicks, enough").wait_for(timeout=5 * SECONDS)
        page.keyboard.press("n")


@pytest.mark.slow
@pytest.mark.parametrize("finger", [False, True])
def test_the_whole_experiment_on_the_page_with_a_restart(
    finger: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn(capsys)
    with browser() as driven:
        context = driven.new_context(has_touch=finger)
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for first, count in ((0, 5), (5, 7)):
            path = shown.write_page(state()["shown"], tmp_path / "shown.html")
            page.goto(path.as_uri())
            look_and_click(page, page.locator(".where-you-look"), count, first, finger)
            exec(page.locator("textarea").input_value(), {})
            assert len(clicks.load_shown()) == first + count
        done = page.locator(".status").filter(has_text="All pictures are done")
        done.wait_for(timeout=5 * SECONDS)
    assert all(url.startswith(("file:", "data:")) for url in asked), "it loads nothing"
    found = clicks.load_shown()
    assert found.names == NAMES
    wide = found.clicks[0::2, :9, 0]  # by mouse: from left to right, half way down
    assert (np.diff(wide) > 0).all()
    assert Counter(found.clicks[0::2, :9, 1].ravel().tolist()).keys() <= {8, 9}


@pytest.mark.slow
def test_it_goes_on_in_jupyterlab_after_a_restart(tmp_path: Path) -> None:
    pytest.importorskip("anywidget")
    folder = tmp_path / "study"
    code = "from minitorch_attn.course import clicks\n\nwidget = clicks.collect_shown(True)\nwidget"
    cells = [new_cell("code", code, "one", {}), new_cell("code", "'below'", "two", {})]
    (folder / "notebooks").mkdir(parents=True)
    (folder / study.CONTENTS).write_text(to_text(new_notebook(cells)), encoding="utf-8")
    seeds = []
    for first in (0, 2):  # two starts of JupyterLab, one after the other
        with browser() as driven, serving(folder, tmp_path) as url:
            page = driven.new_page(viewport={"width": 1440, "height": 1000})
            page.goto(url)
            lab = Lab(page, folder)
            panel = lab.panel(study.CONTENTS)
            lab.run(panel, "clicks.collect_shown(True)")
            box = panel.locator(".where-you-look")
            box.wait_for(timeout=60 * SECONDS)
            look_and_click(page, box, 2, first)
            box.locator(".note").filter(has_text="Kept in").wait_for(timeout=20 * SECONDS)
            assert panel.locator(".jp-Cell").count() == 2, "no key was a shortcut of the notebook"
            path, want = tmp_path / "learner" / "clicks.json", [collector.WANTED] * (first + 2)
            end = time.monotonic() + 30
            while True:  # the kernel may still be keeping the last ones
                kept = json.loads(path.read_text(encoding="utf-8"))["shown"]
                if [len(found) for found in kept["clicks"].values()] == want:
                    break
                assert time.monotonic() < end, kept
                page.wait_for_timeout(100)
            seeds.append(kept["seed"])
    assert seeds[0] == seeds[1]
