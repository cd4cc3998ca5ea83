"""The table of contents: what `chapters/book.toml` says about the eighteen chapters."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
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
