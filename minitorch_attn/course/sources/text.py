"""Read the sources of the book: cells with names, formulas with labels, library code by symbol.

A chapter (`chapters/NN_name.md`) or a file of worked exercises (`solutions/NN_name.md`) is a
MyST Markdown notebook. This module only reads: nothing is executed, nothing is imported from the
library that is quoted.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from ...errors import MinitorchError

PACKAGE = Path(__file__).resolve().parents[2]  # minitorch_attn itself
_SHIPPED = PACKAGE / "course" / "_book"  # in a wheel; build_backend.py puts it there
# Where the book is: its chapters, notebooks, exercises and solutions.
ROOT = _SHIPPED if _SHIPPED.is_dir() else PACKAGE.parent

_FORMULA = re.compile(r"<!--\s*label:\s*(\S+)\s*-->[ \t]*\n[ \t]*\$\$(.+?)\$\$", re.DOTALL)
_LABEL = re.compile(r"<!--\s*label:\s*(\S+)\s*-->")
_FENCE = re.compile(r"^(```+|~~~+)[^\n]*\n.*?^\1[ \t]*$", re.DOTALL | re.MULTILINE)
_FOLDED = re.compile(r"<details.*?</details>", re.DOTALL)
_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t#]*$", re.MULTILINE)


class SourceError(MinitorchError):
    """A source file of the book says something that cannot be built; the message says where."""

    status = 1


def in_checkout() -> bool:
    """Whether the book is the one that is written, not one that pip installed."""
    return PACKAGE.parent == ROOT


def need_checkout(what: str) -> None:
    """Raise SourceError, which names `what`, unless the book's sources are at hand."""
    if not in_checkout():
        raise SourceError(
            f"{what} needs a checkout of the repository: what pip installed is the book to work "
            "with, not all of its sources"
        )


def library(root: Path = ROOT) -> Path:
    """The folder in which the library lies that the book at `root` quotes."""
    return PACKAGE.parent if root == ROOT else root


@dataclass(frozen=True)
class Cell:
    """One cell of a source.

    `kind` is "markdown" or "code"; `name` and `tags` are what its head says; `id` stays the same
    between builds.
    """

    kind: str
    text: str
    name: str | None
    tags: tuple[str, ...]
    id: str
    number: int  # counted from 1

    @property
    def where(self) -> str:
        """The cell as an error names it: its number, and its name or how it begins."""
        first = self.text.strip().split("\n")[0][:60]
        return f"cell {self.number}" + (f" ({self.name})" if self.name else f" ({first})")


@dataclass(frozen=True)
class Source:
    """A source file, read."""

    path: Path
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """The file's name without its ending, as in "06_one_query"."""
        return self.path.stem

    @property
    def chapter(self) -> int:
        """6 for "06_one_query"."""
        return int(self.path.stem[:2])

    @property
    def title(self) -> str:
        """The first heading of level one; SourceError where there is none."""
        for level, heading in self.headings():
            if level == 1:
                return heading
        raise SourceError(f"{self.path.name} has no title: begin it with a line `# Title`.")

    def headings(self) -> list[tuple[int, str]]:
        """Level and text of each heading, in order."""
        markdown = "\n\n".join(cell.text for cell in self.cells if cell.kind == "markdown")
        return [(len(mark), text) for mark, text in _HEADING.findall(_FENCE.sub("", markdown))]

    def cell(self, name: str) -> Cell:
        """The cell with this name; SourceError where there is none."""
        for cell in self.cells:
            if cell.name == name:
                return cell
        known = ", ".join(cell.name for cell in self.cells if cell.name) or "none has a name"
        raise SourceError(f"{self.path.name} has no cell named {name!r}. Named cells: {known}.")

    def formulas(self) -> dict[str, str]:
        """LaTeX of each labelled formula, without the dollar signs, in order.

        Raises SourceError if a label stands before no formula, or twice.
        """
        found: dict[str, str] = {}
        for cell in self.cells:
            if cell.kind != "markdown":
                continue
            pairs = _FORMULA.findall(cell.text)
            labels = _LABEL.findall(cell.text)
            if len(pairs) != len(labels):
                alone = sorted(set(labels) - {label for label, _ in pairs})
                raise SourceError(
                    f"{self.path.name}, {cell.where}: the label {', '.join(alone)} is not "
                    "directly followed by a $$ formula $$."
                )
            for label, latex in pairs:
                if label in found:
                    raise SourceError(f"{self.path.name}: two formulas have the label {label!r}.")
                found[label] = latex.strip()
        return found

    def formula(self, label: str) -> str:
        """LaTeX of the formula with this label; SourceError where there is none."""
        found = self.formulas()
        if label not in found:
            known = ", ".join(found) or "none has a label"
            raise SourceError(
                f"{self.path.name} has no formula labelled {label!r}. Labelled formulas: {known}."
            )
        return found[label]


def read(path: Path | str) -> Source:
    """Read `chapters/NN_name.md` or `solutions/NN_name.md`.

    Raises
    ------
    SourceError
        If the name is another, the file is no MyST notebook, or two cells have one name.
    """
    import jupytext

    path = Path(path)
    if not re.fullmatch(r"\d\d_\w+", path.stem):
        raise SourceError(f"{path.name}: a source is called NN_name.md, as in 06_one_query.md.")
    try:
        notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="md:myst")
    except Exception as error:  # jupytext raises several kinds
        hint = " (a line of prose must not begin with +++)" if "Markdown cell" in str(error) else ""
        raise SourceError(f"{path.name}: {error}{hint}") from error
    cells: list[Cell] = []
    used: set[str] = set()
    for number, raw in enumerate(notebook.cells, start=1):
        name = raw.metadata.get("name")
        cell = Cell(
            kind=raw.cell_type,
            text=raw.source,
            name=name,
            tags=tuple(raw.metadata.get("tags", ())),
            id=_cell_id(path.stem[:2], name, raw.cell_type + raw.source, used),
            number=number,
        )
        if name and any(name == other.name for other in cells):
            raise SourceError(f"{path.name}: two cells are named {name!r}.")
        cells.append(cell)
    return Source(path, tuple(cells))


def _cell_id(chapter: str, name: str | None, content: str, used: set[str]) -> str:
    """An id from the name, or else the content: changing one cell leaves the others' ids alone."""
    digest = hashlib.sha256(content.encode()).hexdigest()[:10]
    stem = re.sub(r"[^a-zA-Z0-9_-]", "-", name or digest)
    identity, count = f"{chapter}-{stem}"[:60], 1
    while identity in used:
        count += 1
        identity = f"{chapter}-{stem}"[:56] + f"-{count}"
    used.add(identity)
    return identity


def sources(folder: str, root: Path = ROOT) -> list[Path]:
    """The source files in a folder, `chapters`, `solutions` or `slides`, in order."""
    return sorted((root / folder).glob("[0-9][0-9]_*.md"))


def slug(heading: str) -> str:
    """The anchor that a code host gives to a heading: "The loop, again" is "the-loop-again"."""
    text = re.sub(r"[^\w\- ]", "", heading.lower())
    return text.strip().replace(" ", "-")


def notebook_anchor(heading: str) -> str:
    """The anchor that Jupyter gives to the same heading."""
    return heading.strip().replace(" ", "-")


def section_id(chapter: int, anchor: str) -> str:
    """The id of the cell of a built chapter that begins with a heading, from its anchor.

    From a link to a heading, JupyterLab goes there only if the notebook is open already; from one
    to a cell, `06_one_query.ipynb#cell-id=…`, at the first click, with the settings in
    `learner/lab`.
    """
    return f"{chapter:02d}-section-{re.sub('[^a-z0-9-]', '_', slug(anchor))}"[:60]


def headings_in(text: str) -> list[tuple[int, str]]:
    """Where each heading of a Markdown text begins, and what it says.

    Not what is in code, nor what is folded away: a text is cut at these places.
    """
    code = [found.span() for kind in (_FENCE, _FOLDED) for found in kind.finditer(text)]
    return [
        (found.start(), found[2])
        for found in _HEADING.finditer(text)
        if not any(a <= found.start() < b for a, b in code)
    ]


def headings_of(path: Path) -> dict[str, str]:
    """Anchor and text of each heading of a Markdown file, without reading its cells."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    return {slug(heading): heading for _, heading in _HEADING.findall(text)}


# Library code by symbol


@dataclass(frozen=True)
class Quoted:
    """Library code: where it is written, and its source."""

    symbol: str
    path: Path  # relative to the root
    line: int
    source: str


def quote(symbol: str, root: Path = ROOT) -> Quoted:
    """Find `package.module:name` or `package.module:Class.method` in the library's source.

    Raises SourceError, naming the symbol, where there is no such module or no such name in it.
    """
    module, colon, names = symbol.partition(":")
    if not colon or not names:
        raise SourceError(f"{symbol!r} is no symbol: write `package.module:name`.")
    root = library(root)
    base = root.joinpath(*module.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    if not path.is_file():
        raise SourceError(f"{symbol}: there is no module {module}.")
    text, tree = _parse(path, path.stat().st_mtime_ns)
    node: ast.AST = tree
    for name in names.split("."):
        node = _find(node, name, symbol, path.relative_to(root))
    start, end = _span(node)
    lines = text.splitlines()[start - 1 : end]
    return Quoted(symbol, path.relative_to(root), start, textwrap.dedent("\n".join(lines)))


@functools.lru_cache(maxsize=64)
def _parse(path: Path, _changed: int) -> tuple[str, ast.Module]:
    text = path.read_text(encoding="utf-8")
    return text, ast.parse(text)


def _find(parent: ast.AST, name: str, symbol: str, path: Path) -> ast.AST:
    found = None
    for node in getattr(parent, "body", []):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            continue
        if name in names:
            found = node  # the last one wins, as when the module is run
    if found is None:
        raise SourceError(f"{symbol}: {path.as_posix()} defines no {name}.")
    return found


def _span(node: ast.AST) -> tuple[int, int]:
    first = min([node, *getattr(node, "decorator_list", [])], key=lambda part: part.lineno)
    return first.lineno, node.end_lineno  # type: ignore[attr-defined]
