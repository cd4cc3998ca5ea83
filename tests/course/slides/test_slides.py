"""The lectures: what is cut, included and refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.decks import LECTURE, write_book

from minitorch_attn.__main__ import main
from minitorch_attn.course.slides import build as slides
from minitorch_attn.course.slides import ending, include, lecture, page, render
from minitorch_attn.course.sources.text import ROOT, SourceError


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book of one chapter, executed, with its lecture."""
    return write_book(tmp_path)


def read(book: Path, markdown: str) -> list[lecture.Slide]:
    path = book / "slides" / "06_sample.md"
    path.write_text(markdown)
    return render.read(path, include.Includes(book))


# Cutting and including


def test_a_lecture_is_cut_at_its_lines_and_not_inside_code() -> None:
    cut = lecture.split("# A\n\nNote: one\ntwo\n\n---\n\n```\n---\nNote: no\n```\n\n---\n\n## C")
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
    assert "<p><b>0.5</b></p><p><b>0.25</b></p>" in code.shown
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
        ("{{ output loop@silent }}", "the cell 'silent' of chapter 06 prints no table"),
        ("{{ output silent }}", "the cell 'silent' of chapter 06 has no output"),
        ("{{ figure 05:hump }}", "no chapter 05"),
        ("{{ figure five:hump }}", "as in 05:hump"),
        ("{{ code sample.parts:sofmax }}", "sample/parts.py defines no sofmax"),
        ("{{ code sample.nothing:softmax }}", "no module sample.nothing"),
        ("{{ picture steps }}", "formula, figure, cell, output, code, poll or answer"),
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
        page.page(read(book, "## No title\n"), [], "06_sample", ending.Leads("06_sample"))


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
