"""Each deck in a real browser: what fits, what is read from the last row, what the speaker sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.browsing import browser, screenshot
from helpers.decks import LECTURE, MEASURE, NAMES, Decks, Opened, write_book

from minitorch_attn.course.slides import build as slides
from minitorch_attn.course.slides import include, lecture, pdf, render
from minitorch_attn.course.sources.text import ROOT


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book of one chapter, executed, with its lecture."""
    return write_book(tmp_path)


@pytest.fixture(scope="module")
def decks(tmp_path_factory: pytest.TempPathFactory) -> Decks:
    return Decks(tmp_path_factory)


@pytest.fixture(scope="module")
def driven() -> Iterator[Any]:
    with browser() as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_slide_fits_and_is_whole_with_no_network(
    driven: Any, decks: Decks, name: str
) -> None:
    deck = Opened(driven, decks[name])
    wrong = []
    for number in range(1, deck.total + 1):
        deck.show(number)
        wrong += [f"slide {number}: {said}" for said in deck.page.evaluate(MEASURE)]
        screenshot(deck.page, f"slides-{name}-{number:02}")
    outside = [url for url in deck.asked if not url.startswith(("file:", "data:", "blob:"))]
    deck.page.context.close()
    assert not wrong, "\n".join(wrong)
    assert not outside
    assert not deck.complaints


FAULTS = {
    "more words than fit": ("too high", "- line\n" * 14),
    "a long line of code": ("wide", "```python\n" + "x = 1; " * 40 + "\n```"),
    "a long page of code": ("too high", "```python\n" + "x = 1\n" * 40 + "```"),
    "a wide formula": ("too small", "$$" + "x_1 + y_2 + " * 14 + "z$$"),
    "a picture that is not there": ("is missing", "![gone](nowhere.png)"),
    "a formula without dollars": ("not rendered", r"It is \\alpha."),
    "an include inside a line": ("not rendered", "See {{ formula weights }}."),
    "a picture squeezed": ("too small", "{{ figure steps }}\n" + "\n- line" * 8),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_the_measure_sees_what_is_wrong(driven: Any, decks: Decks, book: Path, fault: str) -> None:
    assert decks["06_sample"]  # Node and what it needs are there
    said, markdown = FAULTS[fault]
    (book / "slides" / "06_sample.md").write_text(f"# A\n\n---\n\n## {fault}\n\n{markdown}\n")
    deck = Opened(driven, slides.build(book)[0])
    deck.show(1)
    assert deck.page.evaluate(MEASURE) == []
    deck.show(2)
    wrong = deck.page.evaluate(MEASURE)
    deck.page.context.close()
    assert any(said in sentence for sentence in wrong), wrong


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_formula_is_typeset(driven: Any, decks: Decks, name: str, tmp_path: Path) -> None:
    deck = Opened(driven, decks[name])
    root = write_book(tmp_path) if name == "06_sample" else ROOT
    read = render.read(root / "slides" / f"{name}.md", include.Includes(root))
    wanted = [sum(not formula["plain"] for formula in slide.formulas) for slide in read]
    found = deck.page.evaluate(
        "() => [...document.querySelectorAll('.slide')].map("
        "s => [...s.querySelectorAll('.katex')].filter(k => !k.closest('footer')).length)"
    )
    fonts = deck.page.evaluate("() => [...document.fonts].filter(f => f.status === 'error').length")
    deck.page.context.close()
    assert found == wanted
    assert fonts == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_speaker_window_shows_the_notes(driven: Any, decks: Decks, name: str) -> None:
    deck = Opened(driven, decks[name])
    notes = deck.page.locator("aside.notes")
    numbers = [n for n in range(deck.total) if notes.nth(n).text_content().strip()]
    assert numbers, "no slide has notes"
    timed = deck.page.evaluate("Reveal.getConfig().totalTime")
    with deck.page.context.expect_page() as opening:
        deck.page.keyboard.press("s")
    speaker = opening.value
    value = speaker.locator(".speaker-controls-notes .value")
    for number in (numbers[0], numbers[-1]):
        deck.show(number + 1)
        wanted = notes.nth(number).evaluate("n => n.innerText || n.textContent").split()
        speaker.wait_for_function(
            "words => { const v = document.querySelector('.speaker-controls-notes .value');"
            " return v && v.textContent.replace(/\\s+/g, '') === words; }",
            arg="".join(wanted),
            timeout=15000,
        )
    assert value.is_visible()
    assert speaker.locator(".pacing").is_visible() == bool(timed)
    now = "section.present:not(.stack) > .slide"  # a part is present as its slide is
    shown = speaker.frame_locator("#current-slide iframe").locator(now)
    shown.wait_for(state="visible", timeout=15000)
    upcoming = speaker.frame_locator("#upcoming-slide iframe").locator(now)
    upcoming.wait_for(state="visible", timeout=15000)
    screenshot(speaker, f"slides-{name}-speaker")
    complaints = deck.complaints
    deck.page.context.close()
    assert not complaints


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_pdf_has_a_page_for_each_slide(driven: Any, decks: Decks, name: str) -> None:
    path = ROOT / "slides" / f"{name}.md"
    total = len(lecture.split(path.read_text(encoding="utf-8") if path.exists() else LECTURE))
    printed = pdf.print_deck(driven, decks[name])
    assert printed.startswith(b"%PDF")
    assert b"/StructTreeRoot" in printed  # tagged: read aloud in order
    assert b"/Outlines" in printed
    assert pdf.count_pages(printed) == total


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_chinese_is_set_in_the_font_that_is_in_the_deck(
    driven: Any, decks: Decks, name: str
) -> None:
    deck = Opened(driven, decks[name])
    inspector = deck.page.context.new_cdp_session(deck.page)
    inspector.send("DOM.enable")
    inspector.send("CSS.enable")
    wrong = []
    for number in range(1, deck.total + 1):
        if not deck.page.evaluate(
            "n => !!Reveal.getSlides()[n - 1].querySelector('.slide [lang=zh]')", number
        ):
            continue
        deck.show(number)
        root = inspector.send("DOM.getDocument")["root"]["nodeId"]
        asked = {"nodeId": root, "selector": ".slides section.present .slide [lang=zh]"}
        for node in inspector.send("DOM.querySelectorAll", asked)["nodeIds"]:
            fonts = inspector.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
            wrong += [
                f"slide {number}: {font['familyName']}"
                for font in fonts
                if not font["isCustomFont"] or "Noto Sans SC" not in font["familyName"]
            ]
    stray = deck.page.evaluate(
        "() => [...document.querySelectorAll('.slide, aside.notes')].filter(e => {"
        " const walk = document.createTreeWalker(e, NodeFilter.SHOW_TEXT); let n;"
        " while ((n = walk.nextNode())) if (/[\\u4e00-\\u9fff]/.test(n.data) &&"
        " !n.parentElement.closest('[lang=zh], .katex, svg')) return true; }).length"
    )
    deck.page.context.close()
    assert not wrong
    assert not stray


@pytest.mark.slow
def test_a_deck_in_one_file_opens_from_an_empty_folder(
    driven: Any, decks: Decks, tmp_path: Path
) -> None:
    name = NAMES[-1]
    assert decks[name]  # Node and what it needs are there
    built = slides.build(ROOT, tmp_path / "built", (name[:2],), alone=True)[0]
    assert [file.name for file in (tmp_path / "built").iterdir()] == [built.name]
    (tmp_path / "stick").mkdir()
    deck = Opened(driven, built.rename(tmp_path / "stick" / built.name))
    for number in (1, 2, deck.total):
        deck.show(number)
        assert deck.page.evaluate(MEASURE) == []
    loaded = deck.page.evaluate(
        "() => [...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)"
    )
    outside = [url for url in deck.asked[1:] if not url.startswith(("data:", "blob:"))]
    deck.page.context.close()
    assert any("Source Sans 3" in family for family in loaded)
    assert not outside
    assert not deck.complaints


@pytest.mark.slow
def test_notes_are_hidden_where_neither_styles_nor_scripts_load(
    driven: Any, decks: Decks, tmp_path: Path
) -> None:
    lonely = tmp_path / "deck.html"
    lonely.write_bytes(decks["06_sample"].read_bytes())
    context = driven.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(lonely.as_uri())
    shown = opened.locator("body").inner_text()
    context.close()
    assert "Under one line of text." in shown
    assert "Say hello" not in shown
    assert "The denominator first." not in shown


@pytest.mark.slow
def test_a_telephone_has_arrows_and_d_makes_it_dark(driven: Any, decks: Decks) -> None:
    context = driven.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
    )
    opened = context.new_page()
    opened.goto(decks["06_sample"].as_uri() + "?dark")
    opened.wait_for_function("window.Reveal && Reveal.isReady()")
    arrow = opened.locator(".controls .navigate-right")
    arrow.wait_for(state="visible")
    arrow.tap()
    opened.wait_for_function("Reveal.getIndices().h === 1")
    ink = "getComputedStyle(document.querySelector('.reveal')).color"
    light_ink = opened.evaluate(ink)
    opened.keyboard.press("d")
    dark_ink = opened.evaluate(ink)
    context.close()
    assert (light_ink, dark_ink) == ("rgb(232, 235, 239)", "rgb(31, 35, 40)")


@pytest.mark.slow
def test_parts_are_columns_and_the_right_arrow_goes_through_all_slides(
    driven: Any, decks: Decks
) -> None:
    name = next(name for name in NAMES if name.startswith("06_") and name != "06_sample")
    deck = Opened(driven, decks[name])
    columns = deck.page.evaluate("Reveal.getHorizontalSlides().length")
    steps = 0
    while not deck.page.evaluate("Reveal.isLastSlide()"):
        deck.page.keyboard.press("ArrowRight")
        steps += 1
        assert steps < 200
    deck.page.keyboard.press("ArrowRight")
    fragments = deck.page.evaluate(
        "() => new Set([...document.querySelectorAll('.fragment')].map(f =>"
        " f.closest('section').outerHTML.length + f.dataset.fragmentIndex)).size"
    )
    total = deck.total
    deck.page.context.close()
    assert columns == 5
    assert steps >= total - 1
    assert fragments > 0


@pytest.mark.slow
def test_home_and_end_lead_to_the_first_and_the_last_slide(driven: Any, decks: Decks) -> None:
    name = next(name for name in NAMES if name.startswith("10_"))
    deck = Opened(driven, decks[name])
    for _ in range(4):
        deck.page.keyboard.press("PageDown")
    where = []
    for key in ("End", "Home"):
        deck.page.keyboard.press(key)
        where.append(deck.page.evaluate("[Reveal.isFirstSlide(), Reveal.isLastSlide()]"))
    deck.page.context.close()
    assert where == [[False, True], [True, False]]
