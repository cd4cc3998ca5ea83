"""The table of contents, and that it leads to all that belongs to a chapter."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from minitorch_attn.course.sources import contents
from minitorch_attn.course.sources.text import ROOT, SourceError

WORDS = ("text", "notebook", "exercises", "solution", "checks", "lecture")
WRITTEN = [chapter for chapter in contents.chapters() if chapter.written()]


@pytest.mark.parametrize("chapter", WRITTEN, ids=lambda chapter: chapter.file)
def test_one_line_leads_to_all_of_a_chapter(chapter: contents.Chapter) -> None:
    page = (ROOT / "chapters" / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {chapter.number:02} |")]
    links = dict(re.findall(r"\[([^]]+)\]\(([^)]+)\)", line))
    assert list(links) == [f"**{chapter.title}**", *WORDS[1:]]
    for target in links.values():
        assert (ROOT / "chapters" / target).is_file(), target


def test_the_page_is_what_book_toml_says() -> None:
    page = (ROOT / "chapters" / "README.md").read_text(encoding="utf-8")
    assert page == contents.page()
    total = sum(chapter.points for chapter in contents.chapters())
    assert f" {total} points in all." in page


def test_what_has_no_source_is_not_linked(small_root: Path) -> None:
    softmax = contents.chapters(small_root)[5]
    assert list(contents.belongs(softmax, small_root)) == ["text", "notebook"]
    shutil.copy(ROOT / "solutions" / f"{softmax.file}.md", small_root / "solutions")
    assert list(contents.belongs(softmax, small_root)) == list(WORDS[:4])
    assert "| 05 | [**Softmax**](05_softmax.md) |" in contents.page(small_root)
    assert "| 06 | One query |" in contents.page(small_root)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("number = 3", "number = 4", "entry 3 is not chapter 03"),
        ('file = "03_the_engine"', 'file = "04_the_engine"', "entry 3 is not chapter 03"),
        ('"gradcheck"', '"attention"', "attention is introduced twice, in chapters 02 and 06"),
        ("minutes = 150", "minuten = 150", "unexpected keyword argument 'minuten'"),
        ("[[chapter]]", "[[chapter]", "chapters/book.toml: "),
    ],
)
def test_a_table_that_is_wrong_is_refused(
    small_root: Path, old: str, new: str, message: str
) -> None:
    path = small_root / "chapters" / "book.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SourceError, match=message):
        contents.chapters(small_root)


def test_without_the_repository_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="the course runs in a checkout of the repository"):
        contents.chapters(tmp_path)


def test_minutes_of_reading_and_of_the_exercises_stand_apart(small_root: Path) -> None:
    """Where the chapter's card says so; else book.toml's, of both together."""
    path = small_root / "chapters" / "05_softmax.md"
    softmax, text = contents.chapters(small_root)[5], path.read_text(encoding="utf-8")
    assert softmax.time(small_root) == str(softmax.minutes)
    card = "| | |\n|---|---|\n| **Time** | two hours |\n"
    path.write_text(text.replace("\n\nWords", f"\n\n{card}\nWords"), encoding="utf-8")
    assert softmax.time(small_root) == str(softmax.minutes)
    card = (
        "| | |\n|---|---|\n| **Minutes** | reading about 70 · exercises about 120; cells: one |\n"
    )
    path.write_text(text.replace("\n\nWords", f"\n\n{card}\nWords"), encoding="utf-8")
    assert softmax.time(small_root) == "reading 70 · exercises 120"
    assert "| reading 70 · exercises 120 |" in contents.page(small_root)
    path.write_text(path.read_text(encoding="utf-8").replace("about 70", "70"), encoding="utf-8")
    with pytest.raises(SourceError, match=r"05_softmax\.md: the row of minutes says"):
        softmax.time(small_root)
