"""The table of contents: what `chapters/book.toml` says about the chapters, and where all is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from .text import ROOT, SourceError

_MINUTES = re.compile(r"^\| \*\*Minutes\*\* \| (.*?) *\|$", re.MULTILINE)
_APART = re.compile(r"reading about (\d+) · exercises about (\d+)\b")


@dataclass(frozen=True)
class Chapter:
    """One chapter.

    Parameters
    ----------
    number, title, part, question : as a reader sees them; numbers count from 0
    file : the name that its source, notebook, exercises and lecture share, as in "06_one_query"
    minutes, points : what it takes with its exercises, until its card says it apart; and what
        these give
    introduces : names of the library that it may use and no earlier chapter may
    """

    number: int
    file: str
    title: str
    part: str
    question: str
    minutes: int
    points: int
    introduces: tuple[str, ...]

    def written(self, root: Path = ROOT) -> bool:
        """Whether the chapter has a source yet."""
        return (root / "chapters" / f"{self.file}.md").is_file()

    def time(self, root: Path = ROOT) -> str:
        """The minutes, of reading and of the exercises apart where the chapter's card says so.

        Raises SourceError if its card has a row of minutes in another form.
        """
        path = root / "chapters" / f"{self.file}.md"
        row = _MINUTES.search(path.read_text(encoding="utf-8")) if path.is_file() else None
        if row is None:
            return str(self.minutes)
        if not (apart := _APART.match(row[1])):
            raise SourceError(
                f"{path.name}: the row of minutes says “reading about 70 · exercises about 120”, "
                f"not {row[1]!r}"
            )
        return f"reading {apart[1]} · exercises {apart[2]}"


def chapters(root: Path = ROOT) -> list[Chapter]:
    """All chapters, in order.

    Raises
    ------
    SourceError
        If book.toml is missing or damaged, misses a number, or introduces a name twice.
    """
    try:
        found = [
            Chapter(**{**entry, "introduces": tuple(entry["introduces"])})
            for entry in _table(root)["chapter"]
        ]
    except (KeyError, TypeError) as error:
        raise SourceError(f"chapters/book.toml: {error}") from error
    for place, chapter in enumerate(found):
        if chapter.number != place or not chapter.file.startswith(f"{place:02d}_"):
            raise SourceError(f"chapters/book.toml: entry {place} is not chapter {place:02d}")
    seen: dict[str, int] = {}
    for chapter in found:
        for name in chapter.introduces:
            if name in seen:
                raise SourceError(
                    f"chapters/book.toml: {name} is introduced twice, in chapters "
                    f"{seen[name]:02d} and {chapter.number:02d}"
                )
            seen[name] = chapter.number
    return found


def site(root: Path = ROOT) -> str:
    """The address of the published web edition, without a slash at its end; "" where none is known.

    book.toml has it as `site`, above its first chapter.
    """
    return str(_table(root).get("site", "")).rstrip("/")


def address(root: Path = ROOT) -> str:
    """Where the repository is public; "" if book.toml does not say."""
    return str(_table(root).get("address", "")).rstrip("/")


def _table(root: Path) -> dict[str, Any]:
    """What book.toml says. Raises SourceError if it is missing or damaged."""
    path = root / "chapters" / "book.toml"
    if not path.is_file():
        raise SourceError(
            f"{path} is missing: the course runs in a checkout of the repository, installed with "
            "pip install -e '.[course]'"
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"chapters/book.toml: {error}") from error


@dataclass(frozen=True)
class Page:
    """A page beside the chapters, `chapters/<file>.md`, to look things up."""

    file: str
    title: str
    about: str


PAGES = (
    Page(
        "document",
        "The document, section by section",
        "where each section is answered, and what is corrected there",
    ),
    Page(
        "claims",
        "What came of the claims",
        "each claim of the document: held, held here, failed, cannot be told",
    ),
    Page("glossary", "Glossary", "the terms in English and Chinese, and the document's own names"),
    Page("notation", "Notation", "symbols, shapes, conventions and names in code, on one page"),
)


def pages(root: Path = ROOT) -> list[Page]:
    """Those of the pages that are there."""
    return [page for page in PAGES if (root / "chapters" / f"{page.file}.md").is_file()]


# What belongs to a chapter: the word for it, where it is, and the source without which it is not.
BELONGS = (
    ("text", "chapters/{file}.md", "chapters/{file}.md"),
    ("notebook", "notebooks/{file}.ipynb", "chapters/{file}.md"),
    ("exercises", "exercises/{file}.ipynb", "solutions/{file}.md"),
    ("solution", "solutions/{file}.md", "solutions/{file}.md"),
    ("checks", "{checks}", "{checks}"),
    ("lecture", "slides/{file}.md", "slides/{file}.md"),
)


def belongs(chapter: Chapter, root: Path = ROOT) -> dict[str, str]:
    """Where the text, notebook, exercises, … of a chapter are, relative to the root.

    What is built counts as there where its source is.
    """
    names = {
        "file": chapter.file,
        "checks": f"minitorch_attn/course/checks/ch{chapter.number:02}.py",
    }
    return {
        word: path.format(**names)
        for word, path, source in BELONGS
        if (root / source.format(**names)).is_file()
    }


def sections(
    links: Callable[[Chapter], dict[str, str]], beside: Callable[[Page], str], root: Path = ROOT
) -> list[str]:
    """The table of contents as Markdown: a section for each part, and one of the pages beside.

    Parameters
    ----------
    links : for a chapter, where each thing leads, by its word; "text" is where the title leads
    beside : where a page leads
    """
    found = []
    for part, group in groupby(chapters(root), key=lambda chapter: chapter.part):
        rows = [_row(chapter, links(chapter), root) for chapter in group]
        head = ["| | chapter | question | minutes | points | |", "|---|---|---|---|---|---|"]
        found.append("\n".join([f"## {part}", "", *head, *rows]))
    if there := pages(root):
        lines = [f"- [{page.title}]({beside(page)}): {page.about}" for page in there]
        found.append("\n".join(["## To look things up", "", *lines]))
    return found


def _row(chapter: Chapter, links: dict[str, str], root: Path) -> str:
    title = f"[**{chapter.title}**]({links['text']})" if "text" in links else chapter.title
    others = " · ".join(f"[{word}]({to})" for word, to in links.items() if word != "text")
    cells = (f"{chapter.number:02}", title, chapter.question, chapter.time(root), chapter.points)
    return f"| {' | '.join(map(str, cells))} | {others} |"


BOOK_PAGE = "../chapters/README.md"  # where `page` is, seen from the notebooks
PAGE = """\
# The book

A chapter's title leads to its text. Its line leads to the executed notebook, the exercises, their
worked solution, the checks that mark them, and the lecture. {points} points in all. `make web`
makes pages of all this that open without Python or a network. This page is built from `book.toml`.
"""


def page(root: Path = ROOT) -> str:
    """The table of contents as a page: `chapters/README.md`."""

    def links(chapter: Chapter) -> dict[str, str]:
        found = belongs(chapter, root) if chapter.written(root) else {}
        return {word: f"../{path}".removeprefix("../chapters/") for word, path in found.items()}

    points = sum(chapter.points for chapter in chapters(root))
    tables = sections(links, lambda page: f"{page.file}.md", root)
    return "\n\n".join([PAGE.format(points=points).rstrip(), *tables]) + "\n"
