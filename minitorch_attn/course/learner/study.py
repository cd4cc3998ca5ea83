"""`study`: a working copy of the book in `study/`, and JupyterLab opened on its contents.

The copy is the learner's. What they changed is never overwritten: a manifest keeps a fingerprint
of each file as it was laid out, and a file that is no longer like it stays as it is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from ...arguments import this_program, typed
from ...files import write_atomic
from ..book.notebook import markdown, new_cell, new_notebook, to_text
from ..sources.contents import BOOK_PAGE, PAGES, Chapter, Page, pages, sections
from ..sources.text import ROOT, Source, SourceError, in_checkout, section_id
from . import choices, lab

CONTENTS = "notebooks/contents.ipynb"
MANIFEST = ".manifest.json"
_FOLDERS = ("notebooks", "exercises", "chapters/stored")  # the last is what chapters read
_NOT_THEIRS = {"INSTRUCTORS.md"}  # lies there, but is no part of a reader's working copy
_SECTION = re.compile(r"(\]\((?:\.\./notebooks/)?)((\d\d)_\w+\.ipynb)#(?!cell-id=)([^)\s]+)\)")
_BESIDE = "|".join(page.file for page in PAGES)
_PAGE = re.compile(rf"\]\(\.\./chapters/({_BESIDE})\.md(?:#[^)\s]*)?\)")
# A link that leads out of the working copy, to the library for one.
_OUTSIDE = re.compile(
    r"\[(`[^`\n]*`|[^\[\]\n]*)\]\(\.\./(?!notebooks/|exercises/)([^)\s#]+)(#[^)\s]*)?\)"
)

WELCOME = """\
# minitorch_attn

A book in code: attention from scratch. This is your own copy: write in it as you like. When the \
book changes, the next start brings in what is new and leaves alone what you changed.

Run a cell with Shift+Enter. Each chapter ends with exercises, in a notebook of their own.
"""


@dataclass
class Changes:
    """What laying out did: names of files, relative to the working copy."""

    new: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # changed by the learner; a newer version exists


def place(root: Path = ROOT) -> Path:
    """Where the working copy is: in the checkout; else the one in which we are, or one here."""
    if root != ROOT or in_checkout():
        return root / "study"
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / MANIFEST).is_file() and (folder / CONTENTS).is_file():
            return folder
    return here / "study"


def lay_out(root: Path = ROOT, folder: Path | None = None) -> Changes:
    """Bring the working copy up to date; may be stopped at any moment and run again."""
    folder = folder or place(root)
    manifest, changes = _Manifest(folder), Changes()
    for name, content in _book(root, folder).items():
        path, fresh, laid = folder / name, fingerprint(name, content), manifest.files.get(name)
        now = fingerprint(name, path.read_bytes()) if path.exists() else None
        if now not in (None, fresh, laid):  # the learner's work
            if fresh != laid:
                changes.kept.append(name)
            continue
        if now != fresh:
            (changes.new if now is None else changes.updated).append(name)
            write_atomic(path, _with_choices(path, content))
        manifest.add(name, fresh)
    return changes


def freshen(
    names: Iterable[str], root: Path = ROOT, folder: Path | None = None
) -> list[tuple[str, str]]:
    """Put the book's version of these files; returns each name and that of the learner's copy."""
    folder = folder or place(root)
    book, manifest, done = _book(root, folder), _Manifest(folder), []
    for name in [_find(name, book) for name in names]:
        path, kept = folder / name, ""
        laid = manifest.files.get(name)
        if path.exists() and fingerprint(name, path.read_bytes()) != laid:
            copy = _dated(path)
            write_atomic(copy, path.read_bytes())
            kept = copy.relative_to(folder).as_posix()
        write_atomic(path, _with_choices(path, book[name]))
        manifest.add(name, fingerprint(name, book[name]))
        done.append((name, kept))
    return done


def fingerprint(name: str, content: bytes) -> str:
    """A hash of what a person writes: of a notebook, the kinds and texts of its cells.

    Running a notebook, opening it in another version of JupyterLab, or betting in it does not
    change it.
    """
    if name.endswith(".ipynb"):
        try:
            cells = [
                [cell["cell_type"], choices.blank(cell["cell_type"], "".join(cell["source"]))]
                for cell in json.loads(content)["cells"]
            ]
            content = json.dumps(cells).encode()
        except (ValueError, KeyError, TypeError):
            pass  # not a notebook any more: take it as it is
    return hashlib.sha256(content).hexdigest()


class _Manifest:
    """Fingerprints of the files as they were laid out, kept up to date file by file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / MANIFEST
        try:
            files = json.loads(self.path.read_text(encoding="utf-8"))["files"]
            self.files: dict[str, str] = {str(name): str(mark) for name, mark in files.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.files = {}  # then nothing that differs from the book is touched

    def add(self, name: str, mark: str) -> None:
        if self.files.get(name) != mark:
            self.files[name] = mark
            content = json.dumps({"files": self.files}, indent=1, sort_keys=True)
            write_atomic(self.path, content.encode())


def _book(root: Path, folder: Path) -> dict[str, bytes]:
    """Everything that belongs in the working copy: name and content."""
    book = {CONTENTS: contents(root).encode()}
    for part in _FOLDERS:
        for path in sorted((root / part).rglob("*")):
            name = path.relative_to(root)
            if path.name in _NOT_THEIRS:
                continue
            if path.is_file() and not any(piece.startswith((".", "__")) for piece in name.parts):
                content = path.read_bytes()
                if path.suffix == ".ipynb":
                    content = _for_study(content, root, folder, part)
                book[name.as_posix()] = content
    if len(book) == 1:
        raise SourceError("there are no notebooks yet: run `make book` first")
    return book | {f"notebooks/{page.file}.ipynb": _page(page, root) for page in pages(root)}


def _page(page: Page, root: Path) -> bytes:
    """A page to look things up, as a notebook: there its links open, and its formulas are set."""
    path = root / "chapters" / f"{page.file}.md"
    text = markdown(path.read_text(encoding="utf-8").rstrip(), Source(path, ()), page.title, root)
    text = _to_pages(_SECTION.sub(_to_cell, text))
    return to_text(new_notebook([new_cell("markdown", text, f"page-{page.file}", {})])).encode()


def _for_study(content: bytes, root: Path, folder: Path, part: str) -> bytes:
    """A notebook without outputs, whose links lead somewhere from where it will lie."""
    import nbformat

    notebook = nbformat.reads(content.decode("utf-8"), as_version=4)

    def turn(link: re.Match[str]) -> str:
        """To the library, where JupyterLab shows it: not outside of the folder that it serves."""
        if not folder.is_relative_to(root):
            return link[1]
        there = Path(os.path.relpath(root / link[2], folder / part)).as_posix()
        return f"[{link[1]}]({there}{link[3] or ''})"

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        elif cell.cell_type == "markdown":
            text = cell.source.replace(f"]({BOOK_PAGE})", f"](../{CONTENTS})")
            text = _to_pages(_SECTION.sub(_to_cell, text))
            cell.source = _OUTSIDE.sub(turn, text)
    return to_text(notebook).encode()


def _to_cell(link: re.Match[str]) -> str:
    """A link to a section of a chapter, by the section's cell."""
    return f"{link[1]}{link[2]}#cell-id={section_id(int(link[3]), link[4])})"


def _to_pages(text: str) -> str:
    """Links to the pages to look things up lead to their notebooks, which only the copy has."""
    return _PAGE.sub(r"](../notebooks/\1.ipynb)", text)


def contents(root: Path = ROOT) -> str:
    """The table of contents as a notebook: what there is, and the learner's progress."""

    def links(chapter: Chapter) -> dict[str, str]:
        places = {"text": f"notebooks/{chapter.file}", "exercises": f"exercises/{chapter.file}"}
        there = {word: f"{place}.ipynb" for word, place in places.items()}
        return {word: f"../{path}" for word, path in there.items() if (root / path).is_file()}

    tables = sections(links, lambda page: f"../notebooks/{page.file}.ipynb", root)
    cells = [new_cell("markdown", WELCOME.rstrip(), "contents-welcome", {})]
    for number, table in enumerate(tables, start=1):
        cells.append(new_cell("markdown", table, f"contents-part-{number}", {}))
    cells.append(new_cell("markdown", "## What you have done", "contents-done", {}))
    code = "from minitorch_attn.course import progress\n\nprogress()"
    cells.append(new_cell("code", code, "contents-progress", {}))
    return to_text(new_notebook(cells))


def _find(name: str, book: dict[str, bytes]) -> str:
    """The one file that is meant: `exercises/06_one_query.ipynb`, or just its end."""
    name = name.replace(os.sep, "/").removeprefix("study/")
    found = [known for known in book if known == name or known.endswith(f"/{name}")]
    if len(found) > 1:
        raise SourceError(f"{name} may be {' or '.join(found)}: which one?")
    if not found:
        near = [known for known in book if name in known and known.endswith(".ipynb")]
        meant = f"is it {' or '.join(near[:4])}?" if near else "as in exercises/06_one_query.ipynb"
        raise SourceError(f"the book has no file {name}; {meant}")
    return found[0]


def _with_choices(path: Path, content: bytes) -> bytes:
    """The book's version, with the reader's letters from the copy that it takes the place of."""
    if path.suffix != ".ipynb" or not path.exists():
        return content
    try:
        cells = json.loads(path.read_bytes())["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    except (ValueError, KeyError, TypeError):
        return content  # not a notebook any more
    if not (made := choices.made_in(code)):
        return content
    import nbformat

    notebook = nbformat.reads(content.decode("utf-8"), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = choices.put(cell.source, made)
    return to_text(notebook).encode()


def _dated(path: Path) -> Path:
    """A name that is still free, as in `06_one_query.2026-11-22.ipynb`."""
    stem, number = f"{path.stem}.{date.today()}", 1
    copy = path.with_name(f"{stem}{path.suffix}")
    while copy.exists():
        number += 1
        copy = path.with_name(f"{stem}-{number}{path.suffix}")
    return copy


def _say(changes: Changes, folder: Path) -> None:
    where = typed(folder)
    if changes.new or changes.updated:
        print(f"{where}: {len(changes.new)} files new, {len(changes.updated)} updated")
    else:
        print(f"{where}: up to date")
    if changes.kept:
        print("You changed these files, and the book has a newer version of them:")
        for name in changes.kept:
            print(f"  {name}")
        print("Yours stay as they are. To get the newer one, with yours kept beside it:")
        print(f"  {this_program()} study --fresh {changes.kept[0]}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `minitorch_attn study`."""
    parser.add_argument("--no-browser", action="store_true", help="start JupyterLab, open nothing")
    parser.add_argument("--layout-only", action="store_true", help="lay out the files and stop")
    parser.add_argument(
        "--fresh",
        nargs="+",
        metavar="FILE",
        default=[],
        help="put the book's version of these files; a dated copy of yours is kept",
    )
    parser.add_argument(
        "options", nargs="*", metavar="-- OPTION", help="for JupyterLab, as in -- --port=9000"
    )


def run(args: argparse.Namespace, root: Path = ROOT) -> int:
    """Lay out the working copy and open it; returns JupyterLab's exit status.

    Raises
    ------
    SourceError
        If the book is not built, JupyterLab is missing, or `--fresh` names no file of the book.
    """
    folder = place(root)
    if args.fresh:
        for name, kept in freshen(args.fresh, root, folder):
            print(f"{name} is the book's version" + (f"; yours is now {kept}" if kept else ""))
        return 0
    try:
        _say(lay_out(root, folder), folder)
    except OSError as error:
        if args.layout_only or not (folder / CONTENTS).is_file():
            raise
        where = typed(folder)
        print(f"{where} stays as it is: it could not be brought up to date: {error}")
    if args.layout_only:
        return 0
    options = ["--no-browser"] if args.no_browser else []
    return lab.start(folder, CONTENTS, root, options + args.options)
