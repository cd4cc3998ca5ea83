"""The lectures: what is cut, included and refused; then each deck measured in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helpers
import nbformat
import pytest
from helpers.browsing import browser, lacking, screenshot

from minitorch_attn.__main__ import main
from minitorch_attn.course.slides import assets, include, pdf, render
from minitorch_attn.course.slides import build as slides
from minitorch_attn.course.sources import text
from minitorch_attn.course.sources.text import ROOT, SourceError

CHAPTER = r"""---
kernelspec:
  name: python3
  display_name: Python 3
---

# A sample

<!-- label: weights -->
$$\alpha_i = \frac{\exp(q \cdot k_i)}{\sum_{j=1}^{S} \exp(q \cdot k_j)}$$

```{code-cell} ipython3
:name: loop
for query, key in zip(queries, keys):
    print(dot(query, key))
```

```{code-cell} ipython3
:name: steps
draw(steps)
```

```{code-cell} ipython3
:name: silent
scores = []
```
"""

LECTURE = r"""# A sample

With $x^2$ in it, and 中文.

Note:
Say **hello**, and $\alpha_i$.

---

## A formula

{{ formula weights }}

Note: The denominator first.

---

## Code

{{ cell loop }}

{{ output loop }}

{{ code sample.parts:softmax }}

---

## A figure

Under one line of text.

{{ figure steps }}

- and above a list
"""

LIBRARY = '''
def softmax(scores):
    """Weights that sum to one."""
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()
'''

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="300pt" height="150pt" viewBox="0 0 300 150">'
    '<rect width="300" height="150" fill="#56B4E9"/></svg>'
)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book of one chapter, executed, with its lecture."""
    return write_book(tmp_path)


def write_book(root: Path) -> Path:
    for folder in ("chapters", "notebooks", "slides", "sample"):
        (root / folder).mkdir()
    (root / "sample" / "parts.py").write_text(LIBRARY)
    (root / "chapters" / "06_sample.md").write_text(CHAPTER)
    (root / "slides" / "06_sample.md").write_text(LECTURE)
    new = nbformat.v4.new_output
    outputs = {
        "loop": [new("stream", text="0.5\n\x1b[31m0.25\x1b[0m\n")],
        "steps": [new("display_data", {"image/svg+xml": SVG, "text/plain": "<Figure>"})],
        "silent": [],
    }
    notebook = nbformat.v4.new_notebook()
    for cell in text.read(root / "chapters" / "06_sample.md").cells:
        if cell.kind == "code":
            assert cell.name
            built = nbformat.v4.new_code_cell(cell.text, metadata={"name": cell.name})
            built.outputs = outputs[cell.name]
            notebook.cells.append(built)
    nbformat.write(notebook, root / "notebooks" / "06_sample.ipynb")
    return root


def read(book: Path, lecture: str) -> list[render.Slide]:
    path = book / "slides" / "06_sample.md"
    path.write_text(lecture)
    return render.read(path, include.Includes(book))


# Cutting and including


def test_a_lecture_is_cut_at_its_lines_and_not_inside_code() -> None:
    cut = render.split("# A\n\nNote: one\ntwo\n\n---\n\n```\n---\nNote: no\n```\n\n---\n\n## C")
    assert [(slide.number, slide.markdown, slide.note) for slide in cut] == [
        (1, "# A", "one\ntwo"),
        (2, "```\n---\nNote: no\n```", ""),
        (3, "## C", ""),
    ]


def test_each_kind_of_include_brings_what_the_chapter_has(book: Path) -> None:
    first, formula, code, figure = read(book, LECTURE)
    assert formula.formulas == [
        {
            "latex": r"\alpha_i = \frac{\exp(q \cdot k_i)}{\sum_{j=1}^{S} \exp(q \cdot k_j)}",
            "display": True,
            "plain": False,
        }
    ]
    assert [formula["plain"] for formula in first.formulas] == [False, True]  # shown, then spoken
    assert '<span class="n">queries</span>' in code.shown
    assert "0.5\n0.25</pre>" in code.shown
    assert "sample/parts.py" in code.shown
    assert '<span class="n">weights</span>' in code.shown
    assert "Weights that sum to one" not in code.shown  # a docstring is for reading, not for a wall
    assert "data:image/svg+xml;base64," in figure.shown


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{{ formula wieghts }}", "no formula labelled 'wieghts'. Labelled formulas: weights."),
        ("{{ figure hump }}", "no cell named 'hump'"),
        ("{{ figure loop }}", "the cell 'loop' of chapter 06 draws no figure"),
        ("{{ output silent }}", "the cell 'silent' of chapter 06 has no output"),
        ("{{ figure 05:hump }}", "no chapter 05"),
        ("{{ figure five:hump }}", "as in 05:hump"),
        ("{{ code sample.parts:sofmax }}", "sample/parts.py defines no sofmax"),
        ("{{ code sample.nothing:softmax }}", "no module sample.nothing"),
        ("{{ picture steps }}", "formula, figure, cell, output or code"),
        ("```pyhton\nx\n```", "'pyhton'"),
    ],
)
def test_a_wrong_include_fails_with_the_slide_and_the_name(
    book: Path, line: str, message: str
) -> None:
    with pytest.raises(SourceError) as caught:
        read(book, f"# A sample\n\n---\n\n## Second\n\n{line}\n")
    assert "slides/06_sample.md, slide 2: " in str(caught.value)
    assert message in str(caught.value)


def test_a_notebook_that_is_missing_or_older_than_its_chapter_asks_for_make_book(
    book: Path,
) -> None:
    path = book / "notebooks" / "06_sample.ipynb"
    notebook = path.read_text()
    path.write_text(notebook.replace("draw(steps)", "draw(old)"))
    with pytest.raises(SourceError, match=r"older than its chapter.*make book"):
        read(book, "# A\n\n{{ figure steps }}")
    path.unlink()
    with pytest.raises(SourceError, match=r"06_sample\.ipynb is not built.*make book"):
        read(book, "# A\n\n{{ figure steps }}")


def test_docstrings_are_left_out_and_nothing_else() -> None:
    source = 'class A:\n    """Doc."""\n\n    def f(self):\n        """Keep."""\n        return 1'
    assert include.without_docstrings(source) == source.replace('    """Doc."""\n\n', "", 1)
    two = 'def f():\n    """F,\n    long."""\n    return 1\n\ndef g():\n    """G."""\n    return 2'
    assert include.without_docstrings(two) == "def f():\n    return 1\n\ndef g():\n    return 2"
    only = 'def f():\n    """Nothing more."""'
    for same in ("COLORS = 'x'", only, '"""A text."""\nx = 1', "%matplotlib inline", ""):
        assert include.without_docstrings(same) == same


def test_a_lecture_needs_a_title(book: Path) -> None:
    with pytest.raises(SourceError, match="slide 1: begin the lecture with a line `# Title`"):
        render.page(read(book, "## No title\n"), "06_sample")


def test_without_node_one_line_says_what_is_missing(
    book: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(book))
    monkeypatch.setattr(slides, "ROOT", book)
    monkeypatch.setattr(slides.build, "__defaults__", (book, None, ()))
    shutil.copy(ROOT / "slides" / "package-lock.json", book / "slides")
    assert main(["slides", "06"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "`npm` is not on the PATH" in said
    assert "apt-get install nodejs npm" in said


def test_the_lock_file_names_no_registry() -> None:
    lock = (ROOT / "slides" / "package-lock.json").read_text()
    assert '"integrity"' in lock
    assert '"resolved"' not in lock


# Decks in a browser

LECTURES = text.sources("slides")


class Decks(dict):
    """Decks by name, each built when first asked for: the sample, and the lectures of the book."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self.factory = factory

    def __missing__(self, name: str) -> Path:
        for tool in ("node", "npm"):
            if not shutil.which(tool):
                lacking(f"`{tool}` is not on the PATH")
        try:
            assets.install(ROOT / "slides")
        except SourceError as error:
            lacking(error)
        out = self.factory.mktemp(name)
        if name == "06_sample":
            root, only = write_book(self.factory.mktemp("book")), "06"
        else:
            root, only = ROOT, name[:2]
        self[name] = slides.build(root, out, (only,))[0]
        return self[name]


@pytest.fixture(scope="module")
def decks(tmp_path_factory: pytest.TempPathFactory) -> Decks:
    return Decks(tmp_path_factory)


NAMES = ["06_sample", *(path.stem for path in LECTURES)]

MEASURE = (Path(helpers.__file__).parent / "measure.js").read_text(encoding="utf-8")


class Opened:
    """A deck in a browser with no network, and what it asked for or complained about."""

    def __init__(self, driven: Any, deck: Path) -> None:
        self.asked: list[str] = []
        self.complaints: list[str] = []
        context = driven.new_context(viewport={"width": 1280, "height": 720}, offline=True)
        context.on("request", lambda request: self.asked.append(request.url))
        context.on("requestfailed", lambda request: self.complaints.append(request.url))
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console", lambda said: said.type == "error" and self.complaints.append(said.text)
        )
        self.page.goto(deck.as_uri())
        self.page.wait_for_function("window.Reveal && Reveal.isReady()")
        self.total = self.page.evaluate("Reveal.getTotalSlides()")

    def show(self, number: int) -> None:
        self.page.evaluate("n => Reveal.slide(n - 1)", number)
        self.page.evaluate(
            "() => Promise.all([document.fonts.ready,"
            " ...[...document.images].map(image => image.decode().catch(() => 0))])"
        )


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
    with deck.page.context.expect_page() as opening:
        deck.page.keyboard.press("s")
    speaker = opening.value
    value = speaker.locator(".speaker-controls-notes .value")
    for number in (numbers[0], numbers[-1]):
        deck.page.evaluate("n => Reveal.slide(n)", number)
        wanted = notes.nth(number).evaluate("n => n.innerText || n.textContent").split()
        speaker.wait_for_function(
            "words => { const v = document.querySelector('.speaker-controls-notes .value');"
            " return v && v.textContent.replace(/\\s+/g, '') === words; }",
            arg="".join(wanted),
            timeout=15000,
        )
    assert value.is_visible()
    shown = speaker.frame_locator("#current-slide iframe").locator("section.present .slide")
    shown.wait_for(state="visible", timeout=15000)
    upcoming = speaker.frame_locator("#upcoming-slide iframe").locator("section.present .slide")
    upcoming.wait_for(state="visible", timeout=15000)
    screenshot(speaker, f"slides-{name}-speaker")
    complaints = deck.complaints
    deck.page.context.close()
    assert not complaints


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_pdf_has_a_page_for_each_slide(driven: Any, decks: Decks, name: str) -> None:
    path = ROOT / "slides" / f"{name}.md"
    total = len(render.split(path.read_text(encoding="utf-8") if path.exists() else LECTURE))
    printed = pdf.print_deck(driven, decks[name])
    assert printed.startswith(b"%PDF")
    assert pdf.count_pages(printed) == total
