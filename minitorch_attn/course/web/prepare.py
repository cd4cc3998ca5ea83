"""Lay out what Sphinx reads: the built notebooks, the pages beside them, the code they quote.

Nothing is written twice: titles get their chapter's number, figures the words of their caption,
and links lead to pages of the site. A link that leads to nothing there leaves its words alone.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Any

from ..book.notebook import markdown, to_text, turn_links
from ..sources.captions import caption
from ..sources.contents import BOOK_PAGE, Chapter, chapters, pages, sections
from ..sources.text import ROOT, Source, SourceError, slug

WELCOME = """\
# Attention from scratch

A book in code, in eighteen chapters: you build the gradients, softmax, attention and a classifier
that reads real handwritten digits, and measure what attention does and what it does not.
Here it is to read, with all that its cells printed and drew; nothing needs to be installed, and
no page asks the network for anything. {points} points of exercises are in it.
"""
RUNS = """\
The top of each chapter says whether its code can be changed and run there, in your browser.
"""
_STEP = re.compile(r"\[(← [^\]]*|[^\]]* →)\]\([^)]*\)( · )?")  # the theme has its own


class Site:
    """The pages of the site, by the name of their source, relative to its folder.

    On paper, and in an EPUB, code of the library and lectures are left out, and links to them.
    """

    def __init__(self, root: Path, only: tuple[str, ...] = (), paper: bool = False) -> None:
        self.root, self.paper = root, paper
        book = chapters(root)  # says so if the book is not here
        self.chapters = [c for c in book if not only or c.file[:2] in only]
        if not self.chapters:
            raise SourceError(f"there is no chapter {' or '.join(only)}.")
        self.files: dict[str, str] = {}
        self.library: set[str] = set()
        own = [f"{folder}/{c.file}" for c in self.chapters for folder in ("notebooks", "exercises")]
        self.notebooks = [f"{n}.ipynb" for n in own if (root / f"{n}.ipynb").is_file()]
        if len(self.notebooks) < len(self.chapters):
            raise SourceError("there are no notebooks yet: run `make book` first")
        self.beside = [f"notebooks/{page.file}.md" for page in pages(root)]
        self.guide = ["exercises/INSTRUCTORS.md"]

    def lay(self) -> dict[str, str]:
        """The text of each page."""
        for name in self.notebooks:
            self.files[name] = self.page(name)
        for name in self.beside:
            path = self.root / "chapters" / PurePosixPath(name).name
            text = markdown(path.read_text(encoding="utf-8"), Source(path, ()), "", self.root)
            self.files[name] = self._turn(text, name)
        for name in self.guide:
            self.files[name] = self._turn((self.root / name).read_text(encoding="utf-8"), name)
        for quoted in sorted(self.library):
            self.files[f"library/{quoted}.md"] = _listing(self.root / quoted, quoted)
        self.files["index.md"] = self._index()
        return self.files

    def page(self, name: str) -> str:
        """A built notebook as the site shows it."""
        import nbformat

        notebook = nbformat.read(self.root / name, as_version=4)
        number = PurePosixPath(name).name[:2]
        cells = notebook.cells
        for cell, after in zip(cells, [*cells[1:], None], strict=True):
            if cell.cell_type == "markdown":
                if cell.id.endswith("-footer"):
                    cell.source = self._footer(cell.source, name)
                cell.source = self._turn(cell.source, name)
                continue
            cell.metadata["cell"] = {"id": cell.id, "kind": _kind(cell)}
            if alt := caption(after.source) if after and after.cell_type == "markdown" else "":
                cell.metadata["mystnb"] = {"image": {"alt": alt}}
        if name.startswith("notebooks/"):
            cells[0].source = cells[0].source.replace("# ", f"# {number} · ", 1)
        return to_text(notebook)

    def _footer(self, text: str, name: str) -> str:
        """Without the steps back and on, and without what is said of files that one hands in."""
        links = _STEP.sub("", text.splitlines()[-1]).removesuffix(" · ").split(" · ")
        return "---\n\n" + " · ".join(link for link in links if "](" in self._turn(link, name))

    def _turn(self, text: str, name: str) -> str:
        return turn_links(text, lambda target: self.target(target, PurePosixPath(name).parent))

    def target(self, target: str, folder: PurePosixPath) -> str:
        """Where a link of a notebook or a page in `folder` leads on the site; "" for nowhere."""
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            return target
        path, _, anchor = target.partition("#")
        mark = f"#{slug(anchor)}" if anchor else ""
        if not path:
            return mark
        found = posixpath.normpath(folder / path)
        if found == posixpath.normpath(f"notebooks/{BOOK_PAGE}") or found == "README.md":
            found = "index.md"
        elif found.endswith(".py") and (self.root / found).is_file():
            if self.paper:
                return ""
            self.library.add(found)
            found = f"library/{found}.md"
        elif (beside := f"notebooks/{PurePosixPath(found).name}") in self.beside:
            found = beside
        elif found not in self.notebooks + self.guide:
            return ""
        return posixpath.relpath(found, folder) + mark

    def _index(self) -> str:
        def links(chapter: Chapter) -> dict[str, str]:
            places = {"text": "notebooks", "exercises": "exercises"}
            there = {word: f"{place}/{chapter.file}.ipynb" for word, place in places.items()}
            there = {word: name for word, name in there.items() if name in self.notebooks}
            if (
                "text" in there
                and not self.paper
                and (self.root / "slides" / f"{chapter.file}.md").is_file()
            ):
                there["lecture"] = f"lecture:{chapter.file}"
            return there

        points = sum(chapter.points for chapter in chapters(self.root))
        tables = sections(links, lambda page: f"notebooks/{page.file}.md", self.root)
        guide = f"- [For instructors]({self.guide[0]}): a term from start to end"
        trees = [
            _tree(part, [f"notebooks/{c.file}" for c in self.chapters if c.part == part])
            for part in dict.fromkeys(chapter.part for chapter in self.chapters)
        ]
        exercises = [name[:-6] for name in self.notebooks if name.startswith("exercises/")]
        trees.append(_tree("To look things up", [name[:-3] for name in self.beside + self.guide]))
        trees.append(_tree("Exercises", exercises))
        welcome = WELCOME.format(points=points) + ("" if self.paper else RUNS)
        return "\n\n".join([welcome, *tables, guide, *trees]) + "\n"


def lay_out(
    folder: Path, root: Path = ROOT, only: tuple[str, ...] = (), paper: bool = False
) -> None:
    """Write the pages of the site, as Sphinx reads them, into an empty folder."""
    for name, text in Site(root, only, paper).lay().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _kind(cell: Any) -> str:
    """What a code cell is for: "code", or of an exercise its "solution" or "check"."""
    marks = cell.metadata.get("nbgrader", {})
    return "check" if marks.get("grade") else "solution" if marks.get("solution") else "code"


def _listing(file: Path, path: str) -> str:
    code = file.read_text(encoding="utf-8")
    head = f"---\norphan: true\n---\n\n# `{path}`\n\n"
    return f"{head}````{{code-block}} python\n:linenos:\n\n{code}````\n"


def _tree(caption: str, names: list[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *names, "```"])
