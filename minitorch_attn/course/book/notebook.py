"""Write notebooks that come out the same from the same source, byte for byte."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..sources.contents import PAGES, chapters
from ..sources.text import (
    ROOT,
    Source,
    SourceError,
    headings_of,
    library,
    notebook_anchor,
    quote,
)

# A fenced block or inline code, or else a link: only the links are rewritten.
_LINK = re.compile(
    r"(?P<code>^(?:```+|~~~+)[\s\S]*?^(?:```+|~~~+)|`[^`\n]*`)"
    r"|(?<!!)\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<target>[^)\s]+)\)",
    re.MULTILINE,
)
QUOTE = re.compile(r"^\[`([\w.]+:[\w.]+)`\]\(([^)\s]+)\)[ \t]*$", re.MULTILINE)
_BUILT = {"chapters": "notebooks", "solutions": "exercises"}


def markdown(text: str, source: Source, where: str, root: Path = ROOT) -> str:
    """A Markdown cell of a source as it stands in the notebook: code quoted, links turned."""
    try:
        quoted = _insert_quotes(text, root)
        return turn_links(quoted, lambda target: _target(target, source, root))
    except SourceError as error:
        raise SourceError(f"{source.path.name}, {where}: {error}") from error


def _insert_quotes(text: str, root: Path) -> str:
    def insert(found: re.Match[str]) -> str:
        symbol, target = found.groups()
        quoted = quote(symbol, root)
        if target != f"../{quoted.path.as_posix()}":
            raise SourceError(f"{symbol} is in {quoted.path.as_posix()}; its link goes to {target}")
        return f"{found[0]}\n\n```python\n{quoted.source}\n```"

    return QUOTE.sub(insert, text)


def turn_links(text: str, turn: Callable[[str], str]) -> str:
    """The links of a Markdown text with their targets turned; where it is "", the words stay alone.

    What is code stays as it is.
    """

    def turned(found: re.Match[str]) -> str:
        if found["code"]:
            return found[0]
        target = turn(found["target"])
        return f"[{found['text']}]({target})" if target else found["text"]

    # The text of a link may be code itself: look at links first where a line begins with one.
    return _LINK.sub(turned, text)


def _target(target: str, source: Source, root: Path) -> str:
    """Where a link of a source leads in the notebook that is built from it.

    Nowhere, "", if it leads to a chapter that is planned and not written: its name stands alone.
    """
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return target
    path, _, anchor = target.partition("#")
    file = (source.path.parent / path).resolve() if path else source.path.resolve()
    folder = file.parent.name
    if file.suffix != ".md" or folder not in _BUILT:
        if file.exists() or (library(root) / path.removeprefix("../")).exists():
            return target
        from_source = {built: source for source, built in _BUILT.items()}
        if file.suffix == ".ipynb" and folder in from_source and _planned(file.stem, root):
            made_from = root / from_source[folder] / f"{file.stem}.md"
            return target if made_from.is_file() else ""
        raise SourceError(f"the link {target} leads nowhere")
    if not file.is_file():
        if _planned(file.stem, root):
            return ""
        raise SourceError(f"the link {target} leads nowhere: book.toml has no chapter {file.stem}")
    if anchor:
        headings = headings_of(file)
        if anchor not in headings:
            raise SourceError(f"the link {target} leads nowhere: no such heading in {file.name}")
    page = folder == "chapters" and file.stem in {page.file for page in PAGES}
    if anchor and not page:
        anchor = notebook_anchor(headings[anchor])
    mark = f"#{anchor}" if anchor else ""
    if not path:
        return mark
    # No notebook is built from a page to look things up.
    built_path = f"chapters/{file.name}" if page else f"{_BUILT[folder]}/{file.stem}.ipynb"
    here = _BUILT.get(source.path.resolve().parent.name, "")
    return os.path.relpath(built_path, here).replace(os.sep, "/") + mark


def _planned(stem: str, root: Path) -> bool:
    return any(chapter.file == stem for chapter in chapters(root))


def new_cell(kind: str, text: str, id: str, metadata: dict[str, Any]) -> Any:
    """One cell of format 4.5."""
    from nbformat.notebooknode import from_dict

    cell: dict[str, Any] = {"cell_type": kind, "id": id, "metadata": metadata, "source": text}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return from_dict(cell)


def new_notebook(cells: list[Any]) -> Any:
    """A notebook that says nothing of the machine that built it."""
    from nbformat.notebooknode import from_dict

    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "file_extension": ".py"},
    }
    return from_dict({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def to_text(notebook: Any) -> str:
    """The text of an .ipynb file."""
    import nbformat

    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"
