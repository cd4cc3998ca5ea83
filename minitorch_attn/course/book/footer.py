"""The last line of each built notebook: back, on, and to the contents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..sources.contents import BOOK_PAGE, Chapter, chapters
from ..sources.text import ROOT, Source
from .notebook import new_cell


def of_chapter(source: Source, root: Path = ROOT) -> Any:
    """Under a chapter: the one before, its exercises, the contents, the next."""
    before, after = _neighbours(source, root)
    links = [f"[← {before.number:02d} {before.title}]({before.file}.ipynb)"] if before else []
    if (root / "solutions" / f"{source.name}.md").is_file():
        links.append(f"[exercises](../exercises/{source.name}.ipynb)")
    links.append(f"[contents]({BOOK_PAGE})")
    links += [f"[{after.number:02d} {after.title} →]({after.file}.ipynb)"] if after else []
    return _cell(source, " · ".join(links))


def of_exercises(source: Source, root: Path = ROOT) -> Any:
    """Under exercises: how to see that they can be marked, their chapter, contents, the next."""
    said = (
        "Before you hand this in: save it, and run `from minitorch_attn.course import check_file; "
        f'check_file("{source.name}.ipynb")` in a new cell. It says what the grader will find.'
    )
    own, after = chapters(root)[source.chapter], _neighbours(source, root)[1]
    links = [f"[← {own.number:02d} {own.title}](../notebooks/{own.file}.ipynb)"]
    links.append(f"[contents]({BOOK_PAGE})")
    if after:
        links.append(f"[{after.number:02d} {after.title} →](../notebooks/{after.file}.ipynb)")
    return _cell(source, f"{said}\n\n{' · '.join(links)}")


def _neighbours(source: Source, root: Path) -> tuple[Chapter | None, Chapter | None]:
    """The written chapters before and after it."""
    written = [c for c in chapters(root) if c.written(root)]
    before = [c for c in written if c.number < source.chapter]
    after = [c for c in written if c.number > source.chapter]
    return before[-1] if before else None, after[0] if after else None


def _cell(source: Source, text: str) -> Any:
    return new_cell("markdown", f"---\n\n{text}", f"{source.chapter:02d}-footer", {})
