"""The whole site in a real browser, from the disk with the network off, as a reader has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from helpers import live_page
from helpers.browsing import (
    SCHEMES,
    WIDTHS,
    browser,
    lacking,
    npm_packages,
    screenshot,
    too_wide,
)
from helpers.firefox import firefox

from minitorch_attn.course.checks import find
from minitorch_attn.course.sources.contents import chapters
from minitorch_attn.course.sources.text import ROOT
from minitorch_attn.course.web import build
from minitorch_attn.course.web.live import runtime

pytestmark = pytest.mark.slow

AXE = ROOT / "slides" / "node_modules" / "axe-core" / "axe.min.js"
LOOK = (Path(__file__).with_name("look.js")).read_text(encoding="utf-8")
FIVE = (
    "index.html",
    "notebooks/06_one_query.html",
    "exercises/08_many_heads.html",
    "notebooks/glossary.html",
    "notebooks/claims.html",
)
# Of the chapters in which the book is put to work, text and exercises.
LATE = [
    f"{folder}/{chapter.file}.html"
    for chapter in chapters()
    if chapter.file[:2] >= "11"
    for folder in ("notebooks", "exercises")
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built: a warning of Sphinx, or a formula that KaTeX cannot set, is an error."""
    pytest.importorskip("myst_nb")
    npm_packages()
    return build.build(tmp_path_factory.mktemp("web") / "site").parent


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as driven:
        yield driven


@pytest.fixture(scope="module")
def seen(site: Path, chromium: Any) -> dict[str, dict[str, Any]]:
    """What each page of the site shows, by its path: at both widths, light and dark."""
    context = chromium.new_context(offline=True)
    page, found, said = context.new_page(), {}, []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
    page.on("request", lambda asked: said.append(asked.url) if asked.url[:5] != "file:" else None)
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        if name.startswith("lectures/"):
            continue
        said.clear()
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(path.as_uri())
        page.evaluate("document.fonts.ready")
        found[name] = page.evaluate(LOOK)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                shown = page.evaluate("document.documentElement.scrollWidth")
                if shown > width:
                    said.append(f"{shown} pixels wide at {width}, {scheme}")
                if name in FIVE:
                    screenshot(page, f"web-{path.stem}-{width}-{scheme}")
        found[name]["said"] = list(said)
    context.close()
    return found


def test_no_page_fails_overflows_or_asks_for_anything(seen: dict[str, dict[str, Any]]) -> None:
    assert len(seen) > 60
    assert {name: page["said"] for name, page in seen.items() if page["said"]} == {}


def test_every_formula_is_set(seen: dict[str, dict[str, Any]]) -> None:
    assert {name: page["raw"] for name, page in seen.items() if page["raw"]} == {}
    assert all(
        page["formulas"] > 30 for name, page in seen.items() if re.match(r"notebooks/\d", name)
    )


def test_figures_have_words_and_twice_the_pixels(seen: dict[str, dict[str, Any]]) -> None:
    figures = [figure for page in seen.values() for figure in page["figures"]]
    assert len(figures) >= 80
    assert [figure for figure in figures if len(figure["alt"]) < 40 or "\\" in figure["alt"]] == []
    # Twice, but for the two that `train` draws, which the book shows a little larger.
    assert [f for f in figures if not f["pixels"] or f["pixels"] < 1.7 * f["width"]] == []


def test_chinese_says_so_and_has_its_font(seen: dict[str, dict[str, Any]]) -> None:
    assert {name: page["untold"] for name, page in seen.items() if page["untold"]} == {}
    assert seen["notebooks/glossary.html"]["chinese"] > 100
    assert seen["notebooks/glossary.html"]["fonts"] > 0


def test_cells_can_be_found_by_a_script(seen: dict[str, dict[str, Any]]) -> None:
    exercises = seen["exercises/06_one_query.html"]["cells"]
    assert (exercises["chapter"], exercises["kind"]) == (6, "exercises")
    assert [cell["kind"] for cell in exercises["cells"]].count("check") == 4
    assert [cell["kind"] for cell in exercises["cells"]].count("solution") == 4
    assert all(page["lost"] == [] for page in seen.values())


def test_every_link_leads_somewhere(site: Path, seen: dict[str, dict[str, Any]]) -> None:
    dead = set()
    for name, page in seen.items():
        for link in page["links"]:
            url, anchor = urldefrag(link)
            if not url.startswith("file:"):
                continue
            path = Path(unquote(urlsplit(url).path))
            target = path.relative_to(site).as_posix() if path.is_relative_to(site) else ""
            ids = seen[target]["ids"] if target in seen else []
            if not path.is_file() or not target or (anchor and unquote(anchor) not in ids):
                dead.add(f"{name}: {link}")
    assert dead == set()


def test_the_book_is_there_and_leads_on(seen: dict[str, dict[str, Any]]) -> None:
    def to(name: str) -> list[str]:
        return [link.rpartition("/")[2] for link in seen[name]["links"]]

    chapter = to("notebooks/06_one_query.html")
    assert {"07_scale_and_mask.html", "05_softmax.html", "06_one_query.html"} <= set(chapter)
    assert len([link for link in seen["index.html"]["links"] if "/lectures/" in link]) == 18
    assert len([link for link in seen["index.html"]["links"] if "/exercises/" in link]) >= 18
    assert seen["notebooks/06_one_query.html"]["title"] == "06 · One query - Attention from scratch"
    listed = [link for page in seen.values() for link in page["links"] if "/library/" in link]
    assert any(link.endswith("minitorch_attn/ops/softmax.py.html") for link in listed)


def test_no_answer_is_given_away(site: Path) -> None:
    for path in (site / "exercises").glob("[0-9]*.html"):
        assert "BEGIN SOLUTION" not in path.read_text(encoding="utf-8")


def test_search_finds_softmax(site: Path, chromium: Any) -> None:
    page = chromium.new_context(offline=True).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto((site / "search.html").as_uri() + "?q=softmax")
    page.wait_for_selector("#search-results li a")
    page.wait_for_function("document.querySelectorAll('#search-results li').length > 10")
    titles = page.locator("#search-results li a").all_inner_texts()
    assert "05 · Softmax" in titles
    assert said == []


@pytest.mark.parametrize("name", [*FIVE, *LATE, "search.html"])
def test_axe_finds_nothing(site: Path, chromium: Any, name: str) -> None:
    found = []  # what light and dark differ in are colours: the other rules need one pass
    for scheme, rules in zip(SCHEMES, ("{}", "{runOnly: ['color-contrast']}"), strict=True):
        page = chromium.new_context(offline=True, color_scheme=scheme).new_page()
        page.goto((site / name).as_uri())
        page.add_script_tag(path=AXE)
        for fault in page.evaluate(f"axe.run({rules}).then(result => result.violations)"):
            where = {node["target"][0] for node in fault["nodes"]}
            if fault["id"] == "empty-table-header":  # it takes a head that is a formula for one
                where = {head for head in where if not page.locator(f"{head} math").count()}
            if where:
                found.append(f"{scheme}, {fault['id']}: {sorted(where)[:3]} of {len(where)}")
        page.context.close()
    assert found == []


def test_firefox_shows_every_page_too(site: Path, tmp_path: Path) -> None:
    faults = []
    with firefox(tmp_path) as driven:
        for path in sorted(site.rglob("*.html")):
            name = path.relative_to(site).as_posix()
            if name.startswith(("lectures/", "library/")):
                continue
            driven.open(path)
            faults += [f"{name}: {fault}" for fault in too_wide(driven)]
            page = driven.evaluate(f"({LOOK.strip().rstrip(';')})()")
            faults += [f"{name}: {raw}" for raw in page["raw"] + page["untold"]]
            faults += [f"{name}: {f['alt']}" for f in page["figures"] if not f["pixels"]]
        driven.open(site / "search.html", "?q=softmax")
        found = driven.evaluate(
            "new Promise(done => setInterval(() => {"
            "  const found = document.querySelectorAll('#search-results li a');"
            "  if (found.length > 10) done([...found].map(link => link.textContent));"
            "}, 100))"
        )
        assert "05 · Softmax" in found
        assert faults + driven.said == []


@pytest.mark.parametrize("id", ["06.2", "14.1"])
def test_firefox_checks_answers_in_the_site(site: Path, tmp_path: Path, id: str) -> None:
    try:
        runtime.wheel()
    except runtime.NoRuntime as missing:
        lacking(missing)
    exercise = find(id)
    (page,) = (site / "exercises").glob(f"{id[:2]}_*.html")
    with firefox(tmp_path) as driven:
        driven.open(page)
        live_page.marks_wrong_and_right(driven, exercise)
        assert [said for said in driven.said if not said.startswith("warn")] == []
        driven.open(page)  # once more: points are kept
        assert live_page.full(exercise) in live_page.scores(driven)
