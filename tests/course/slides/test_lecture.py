"""The plan in the first note: the parts of a lecture, and how long each slide takes."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from helpers.decks import LECTURES, write_book

from minitorch_attn.course.slides import ending, figures, include, lecture, page, render
from minitorch_attn.course.sources.text import ROOT, SourceError

PLANNED = """# A sample

Note: 10 minutes in all: 4 for the question, 4 by hand, 2 to close. Bring chalk.

---

## Which?

- **a** one
- **b** two

{{ poll 06.1 }}

Note: Minute 1. Ask.

---

## Two

Note: Minute 4. So.

---

## Three

Note: Minute 4. And so.

---

## Four

{{ answer 06.1 }}

Note: Minute 8. Done.
"""
QUESTION = """

- **a** one
- **b** two

```{code-cell} ipython3
predict("06.1", None)
```

```{code-cell} ipython3
reveal("06.1", "b", "two of them < three. The rest is told.")
```
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    write_book(tmp_path)
    chapter = tmp_path / "chapters" / "06_sample.md"
    chapter.write_text(chapter.read_text() + QUESTION)
    return tmp_path


def read(book: Path, markdown: str = PLANNED) -> list[lecture.Slide]:
    path = book / "slides" / "06_sample.md"
    path.write_text(markdown)
    return render.read(path, include.Includes(book))


def test_the_plan_gives_parts_and_slides_of_one_minute_share_it() -> None:
    slides = lecture.split(PLANNED)
    parts = lecture.plan(slides)
    assert [(part.name, part.minutes) for part in parts] == [
        ("the question", 4), ("by hand", 4), ("close", 2)
    ]  # fmt: skip
    assert [slide.part for slide in slides] == [0, 0, 1, 1, 2]
    assert [slide.seconds for slide in slides] == [60, 180, 120, 120, 120]
    assert lecture.plan(lecture.split("# No plan\n\nNote: Say it.")) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2 to close", "3 to close", "slide 1: the plan says 10 minutes, its parts add up to 11"),
        ("Minute 8", "Minute 3", "slide 5: begin its note with “Minute N.”, N from 4 to 9"),
        ("Minute 8", "Minute 10", "slide 5: begin"),
        ("Minute 1. Ask.", "Ask.", "slide 2: begin"),
    ],
)
def test_a_plan_that_does_not_add_up_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(SourceError, match=re.escape(message)):
        lecture.plan(lecture.split(PLANNED.replace(old, new)))


def test_the_page_has_a_column_a_part_the_seconds_and_notes_that_are_hidden(book: Path) -> None:
    slides = read(book)
    whole = page.page(slides, lecture.plan(slides), "06_sample", ending.Leads("06_sample"))
    assert whole.count("<section>") == 3
    assert re.findall(r'data-timing="(\d+)"', whole) == ["60", "180", "120", "120", "120"]
    assert "totalTime: 600" in whole
    assert whole.count('<aside class="notes" hidden style="display:none">') == 5
    assert '<span class="part">by hand</span>' in whole


def test_a_poll_is_answered_later_as_its_chapter_does(book: Path) -> None:
    _, asked, *_, answered = read(book)
    assert asked.poll == "06.1"
    assert "two of them" not in asked.shown
    assert (
        '<p class="answer fragment"><i>Which?</i> <b>b</b> two of them &lt; three.</p>'
        in answered.shown
    )
    for old, new, message in (
        ("{{ answer 06.1 }}", "", "write {{ answer 06.1 }} on a slide after its poll"),
        ("{{ poll 06.1 }}", "", "slide 5: {{ answer 06.1 }}: no slide before has its poll"),
        ("- **b** two\n", "", "the poll 06.1 offers 'a', its chapter 'ab'"),
        ("06.1", "06.7", "no chapter answers the question '06.7'"),
    ):
        with pytest.raises(SourceError, match=re.escape(message)):
            read(book, PLANNED.replace(old, new))


def test_a_slide_grows_by_formulas_and_a_cell_by_its_paragraphs_and_output(book: Path) -> None:
    formulas = "{{ formula weights }}\n\n{{ formula weights }}"
    code = "{{ cell loop }}\n\n{{ output loop }}"
    shown = read(book, f"# A\n\n{formulas}\n\n{code}")[0].shown
    assert shown.count('class="math block"') == shown.count('class="math block fragment"') == 1
    assert '<div class="fragment"><div class="said' in shown
    assert "<pre" not in read(book, "# A\n\n{{ output loop }}")[0].shown
    first = read(book, "# A\n\n{{ cell loop#1 }}")[0].shown
    assert "queries" in first
    with pytest.raises(SourceError, match="the cell 'loop' has 1 paragraphs"):
        read(book, "# A\n\n{{ cell loop#2 }}")


def test_a_figure_grows_where_it_is_blank() -> None:
    import matplotlib.pyplot as plt

    drawn = io.BytesIO()
    with plt.style.context("default"):  # not what another test has set
        figure, axes = plt.subplots(1, 2, figsize=(8, 2))
        axes[1].set_facecolor("black")
        figure.savefig(drawn)
        plt.close(figure)
    png = base64.b64encode(drawn.getvalue()).decode()
    shown = f'<figure><img src="data:image/png;base64,{png}"></figure>'
    covers = re.findall(r"left:([\d.]+)%;right:([\d.]+)%", figures.covered(shown, "two", "2,99"))
    assert covers == [("2.0", "1.0"), ("99.0", "0.0")]
    with pytest.raises(SourceError, match=r"'two' is not blank at 70\.0 %"):
        figures.covered(shown, "two", "70")
    with pytest.raises(SourceError, match="'two' cannot be shown in steps at 'x'"):
        figures.covered(shown, "two", "x")


def test_the_last_slide_leads_to_the_site_or_names_the_paths() -> None:
    paths = ending.block(ending.Leads("06_one_query"))
    assert "<code>notebooks/06_one_query.ipynb</code>" in paths
    assert "<a" not in paths
    near = ending.block(ending.Leads("06_one_query", "..", ("07_next", "A < B")))
    assert 'href="../exercises/06_one_query.html"' in near
    assert 'href="07_next.html">next: A &lt; B' in near
    assert "<svg" not in near
    pytest.importorskip("segno")
    coded = ending.block(ending.Leads("06_one_query", "https://example.org/book"))
    assert coded.count("<svg") == 2
    assert 'href="https://example.org/book/notebooks/06_one_query.html"' in coded


def test_the_site_is_a_setting_of_the_book(tmp_path: Path) -> None:
    (tmp_path / "chapters").mkdir()
    book = (ROOT / "chapters" / "book.toml").read_text(encoding="utf-8")
    (tmp_path / "chapters" / "book.toml").write_text(f'site = "https://example.org/b/"\n{book}')
    found = ending.leads("06_one_query", root=tmp_path)
    assert found == ending.Leads("06_one_query", "https://example.org/b")
    assert ending.leads("06_one_query", "..", tmp_path).site == ".."
    assert ending.leads("06_one_query").following == ("07_scale_and_mask", "Scale and mask")


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem[:2])
def test_a_lecture_takes_45_minutes_and_no_slide_is_grey_or_dense(path: Path) -> None:
    includes = include.Includes(ROOT)
    slides = render.read(path, includes)
    parts = lecture.plan(slides)
    assert sum(slide.seconds or 0 for slide in slides) == 45 * 60
    assert {slide.part for slide in slides} == set(range(len(parts)))
    for slide in slides:
        assert '<pre class="output' not in slide.shown
        code = "".join(re.findall(r'<pre class="code">(.*?)</pre>', slide.shown, re.DOTALL))
        lines = [line for line in code.split("\n") if re.sub("<[^>]+>", "", line).strip()]
        assert len(lines) <= 13, f"slide {slide.number}: {len(lines)} lines of code"
    assert any(slide.poll for slide in slides)
    for slide in slides[1:]:
        heading = re.match(r"## (.+)\n", slide.markdown)
        assert heading, f"slide {slide.number} has no heading"
        for number, label in re.findall(r"{{ figure (?:(\d+):)?([^\s@]+)", slide.markdown):
            drawn = includes.chapter(int(number or path.stem[:2])).cell(label).text
            assert f'title="{heading[1]}' not in drawn, f"slide {slide.number} says its title twice"
