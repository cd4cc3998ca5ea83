"""The table of contents: what `chapters/book.toml` says about the eighteen chapters."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from .text import ROOT, SourceError


@dataclass(frozen=True)
class Chapter:
    """One chapter; `file` is the name that its source, notebook and exercises share."""

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


def chapters(root: Path = ROOT) -> list[Chapter]:
    """All chapters, in order."""
    path = root / "chapters" / "book.toml"
    if not path.is_file():
        raise SourceError(f"{path} is missing: the course runs in a checkout of the repository")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        found = [
            Chapter(**{**entry, "introduces": tuple(entry["introduces"])})
            for entry in data["chapter"]
        ]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
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
    Page("glossary", "Glossary", "the terms in English and Chinese, and the document's own names"),
    Page("notation", "Notation", "symbols, shapes, conventions and names in code, on one page"),
)


def pages(root: Path = ROOT) -> list[Page]:
    """Those of the pages that are there."""
    return [page for page in PAGES if (root / "chapters" / f"{page.file}.md").is_file()]


PAGE = """# The book

Each chapter is a text, an executed notebook, a lecture and a set of exercises. A chapter without
links is not written yet. This page is built from `book.toml`.
"""


def page(root: Path = ROOT) -> str:
    """The table of contents as Markdown: `chapters/README.md`."""
    lines = [PAGE]
    found = chapters(root)
    for part, group in groupby(found, key=lambda chapter: chapter.part):
        lines += [f"## {part}\n", "| | chapter | question | minutes | points | |"]
        lines.append("|---|---|---|---|---|---|")
        for c in group:
            title, links = c.title, ""
            if c.written(root):
                title = f"[{title}]({c.file}.md)"
                links = f"[notebook](../notebooks/{c.file}.ipynb)"
                links += f" · [exercises](../exercises/{c.file}.ipynb)"
                links += f" · [lecture](../slides/{c.file}.md)"
            row = (
                f"| {c.number:02d} | {title} | {c.question} | {c.minutes} | {c.points} | {links} |"
            )
            lines.append(row)
        lines.append("")
    lines.append(f"{sum(c.points for c in found)} points in all.")
    if beside := pages(root):
        lines.append("\n## To look things up\n")
        lines += [f"- [{p.title}]({p.file}.md): {p.about}" for p in beside]
    return "\n".join(lines) + "\n"
