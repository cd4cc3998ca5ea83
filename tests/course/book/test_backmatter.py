"""The pages beside the chapters: their links resolve, and they say what the chapters say."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest

from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.learner import study
from minitorch_attn.course.sources import contents
from minitorch_attn.course.sources.text import ROOT, headings_of

CHAPTERS = ROOT / "chapters"
FIRST_PART = range(11)  # chapters 00 to 10, of which these pages speak in full
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
LEVEL_TWO = 9  # the document's numbered sections


def text_of(page: str) -> str:
    return (CHAPTERS / f"{page}.md").read_text(encoding="utf-8")


def rows_of(page: str) -> list[list[str]]:
    """The cells of every row of every table, without heads and rules."""
    lines = text_of(page).splitlines()
    rows = []
    for i, line in enumerate(lines):
        head = i + 1 < len(lines) and lines[i + 1].startswith("|---")
        if line.startswith("| ") and not head:
            rows.append([cell.strip() for cell in line[1:-1].split("|")])
    return rows


def outline() -> list[tuple[str, str]]:
    """The document's sections and titles, as the page itself lists them."""
    folded = text_of("document").partition("<details>")[2]
    found = [line[2:].partition(" · ") for line in folded.splitlines() if line.startswith("- ")]
    return [(number, title) for number, _, title in found]


@pytest.mark.parametrize("page", contents.PAGES, ids=lambda page: page.file)
def test_every_link_resolves(page: contents.Page) -> None:
    links = LINK.findall(text_of(page.file))
    assert links
    for link in links:
        name, _, anchor = link.partition("#")
        path = CHAPTERS / (name or f"{page.file}.md")
        assert path.is_file(), link
        assert not anchor or anchor in headings_of(path), link


@pytest.mark.parametrize("page", contents.PAGES, ids=lambda page: page.file)
def test_every_chapter_that_is_mentioned_is_in_the_table_of_contents(page: contents.Page) -> None:
    known = {chapter.file: chapter for chapter in contents.chapters()}
    text = text_of(page.file)
    for link in LINK.findall(text):
        name = link.partition("#")[0].removesuffix(".md")
        assert not name[:2].isdigit() or name in known, link
    for number in re.findall(r"[Cc]hapters? (\d\d)", text):
        assert int(number) < len(known)
    for number in re.findall(r"chapter (\d\d), to come", text):
        assert not list(CHAPTERS.glob(f"{number}_*.md")), f"chapter {number} is there: link it"


def test_every_section_of_the_document_is_mapped_exactly_once() -> None:
    sections = outline()
    assert Counter(number for number, _ in sections).most_common(1)[0][1] == 1
    mapped = [(row[0], row[1]) for row in rows_of("document")]
    assert mapped == sections
    for row in rows_of("document"):
        assert len(row) == 5, row
        assert "](" in row[3] or "to come" in row[3], row


def test_the_list_of_sections_has_no_gap() -> None:
    numbers = [number for number, _ in outline()]
    assert [n for n in numbers if n.isdigit()] == [str(n + 1) for n in range(LEVEL_TWO)]
    assert [n for n in numbers if n[0] == "Q"] == ["Q1", "Q2", "Q3", "Q4", "Q5"]
    parents: dict[str, list[int]] = {}
    for number in numbers:
        if "." in number:
            parent, _, last = number.rpartition(".")
            assert parent in numbers, number
            parents.setdefault(parent, []).append(int(last))
    assert all(last == list(range(1, len(last) + 1)) for last in parents.values())
    assert {parent: len(last) for parent, last in parents.items()} == {
        **{"1": 3, "2": 1, "3": 4, "4": 3, "5": 3, "6": 4, "7": 3, "8": 4},
        **{"3.2": 4, "3.4": 5, "8.2": 5, "8.3": 5, "8.4": 6},
    }


def test_the_glossary_is_sorted_and_says_nothing_twice() -> None:
    terms = [row[0].lower() for row in rows_of("glossary")]
    assert terms == sorted(terms)
    names = [name for term in terms for name in term.split(", ")]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert all(len(row) == 5 and all(row) for row in rows_of("glossary"))


def test_every_term_occurs_in_the_chapter_that_introduces_it() -> None:
    missing = []
    for term, *_, chapter in rows_of("glossary"):
        found = re.search(r"\[(\d\d)\]\((\w+\.md)\)", chapter)
        assert found, (term, chapter)
        assert found[2].startswith(found[1])
        words = " ".join((CHAPTERS / found[2]).read_text(encoding="utf-8").lower().split())
        if not any(re.search(rf"\b{re.escape(name.lower())}", words) for name in term.split(", ")):
            missing.append((term, found[1]))
    assert missing == []


def test_every_chapter_of_the_first_part_has_terms() -> None:
    chapters = {row[-1][1:3] for row in rows_of("glossary")}
    assert chapters >= {f"{number:02d}" for number in FIRST_PART}
    assert chapters <= {f"{c.number:02d}" for c in contents.chapters() if c.written()}


VERDICTS = {"held", "held here", "failed", "cannot be told"}


def outputs_of(links: str) -> str:
    """All that the notebooks printed to which these links lead."""
    told = []
    for link in LINK.findall(links):
        path = ROOT / "notebooks" / f"{link.partition('.md')[0]}.ipynb"
        for cell in nbformat.read(path, as_version=4).cells:
            outputs = cell.get("outputs", [])
            told += [output.get("text", "") + output.get("evalue", "") for output in outputs]
    return re.sub(r" +", " ", "\n".join(told))


@pytest.mark.parametrize("row", rows_of("claims"), ids=lambda row: f"{row[0]} {row[2]}")
def test_a_claim_has_a_verdict_and_its_figures_were_printed(row: list[str]) -> None:
    sections, claim, english, verdict, said, where = row
    assert claim
    assert english
    assert verdict in VERDICTS
    known = {number for number, _ in outline()}
    assert set(sections.split(", ")) <= known
    printed = outputs_of(where)
    for figure in re.findall(r"`([^`]*\d[^`]*)`", said):
        assert re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d])", printed), figure


def test_every_question_of_the_document_has_its_answer() -> None:
    asked = {row[0] for row in rows_of("claims")}
    assert asked >= {"Q1", "Q2", "Q3", "Q4", "Q5"}


def test_the_first_eleven_chapters_have_240_points() -> None:
    first = contents.chapters()[: len(FIRST_PART)]
    assert sum(chapter.points for chapter in first) == 240
    checks = {n: sum(exercise.points for exercise in exercises_of(n)) for n in FIRST_PART}
    assert checks == {chapter.number: chapter.points for chapter in first}
    assert all(chapter.written() for chapter in first)


def test_a_chapter_says_how_long_its_exercises_take() -> None:
    """The sum of the minutes on their cards."""
    for chapter in contents.chapters():
        minutes = sum(exercise.minutes for exercise in exercises_of(chapter.number))
        assert chapter.time().endswith(f" · exercises {minutes}"), chapter.file


def test_the_table_of_contents_leads_to_the_pages() -> None:
    page = contents.page()
    for beside in contents.PAGES:
        assert f"]({beside.file}.md)" in page
        assert text_of(beside.file).startswith(f"# {beside.title}\n")


def test_the_working_copy_carries_the_pages(tmp_path: Path) -> None:
    study.lay_out(ROOT, tmp_path)
    words = nbformat.read(tmp_path / study.CONTENTS, as_version=4)
    links = "\n".join(cell.source for cell in words.cells)
    for page in contents.PAGES:
        assert f"](../notebooks/{page.file}.ipynb)" in links
        notebook = nbformat.read(tmp_path / "notebooks" / f"{page.file}.ipynb", as_version=4)
        targets = LINK.findall(notebook.cells[0].source)
        assert targets
        for target in targets:
            name = target.partition("#")[0]
            assert (tmp_path / "notebooks" / name).exists(), target
