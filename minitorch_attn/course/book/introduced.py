"""A chapter uses only names of the library that it or an earlier chapter introduces."""

from __future__ import annotations

import ast
from pathlib import Path

from ..sources.contents import Chapter, chapters
from ..sources.text import ROOT, Source, SourceError
from .notebook import QUOTE

LIBRARY = "minitorch_attn"
FREE = ("minitorch_attn.course", "minitorch_attn.viz.style")


def too_early(source: Source, root: Path = ROOT) -> list[str]:
    """One line for each name that the source uses before the chapter that introduces it."""
    table = {name: chapter for chapter in chapters(root) for name in chapter.introduces}
    found: dict[str, None] = {}
    for where, path in used(source):
        if any(path == free or path.startswith(f"{free}.") for free in FREE):
            continue
        for name in path.split(".")[1:]:
            chapter = table.get(name)
            if chapter is not None and chapter.number > source.chapter:
                found[_line(source, where, path, name, chapter)] = None
    return list(found)


def _line(source: Source, where: str, path: str, name: str, chapter: Chapter) -> str:
    return (
        f"{source.path.parent.name}/{source.path.name}, {where}: uses {path}, but chapter "
        f"{chapter.number:02d} ({chapter.title}) is the first to introduce {name}"
    )


def used(source: Source) -> list[tuple[str, str]]:
    """Where, and which name of the library, as a dotted path: in code and in quoted symbols."""
    found: list[tuple[str, str]] = []
    aliases: dict[str, str] = {}  # a name in the chapter: the path that it stands for
    for cell in source.cells:
        if cell.kind == "markdown":
            symbols = [symbol for symbol, _ in QUOTE.findall(cell.text)]
            found += [(cell.where, symbol.replace(":", ".")) for symbol in symbols]
            continue
        tree = _parse(source, cell.where, cell.text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == LIBRARY:
                        aliases[alias.asname or LIBRARY] = alias.name if alias.asname else LIBRARY
                        found.append((cell.where, alias.name))
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(LIBRARY):
                for alias in node.names:
                    path = f"{node.module}.{alias.name}"
                    aliases[alias.asname or alias.name] = path
                    found.append((cell.where, path))
        found += [(cell.where, path) for path in _attributes(tree, aliases)]
    return found


def _attributes(tree: ast.AST, aliases: dict[str, str]) -> list[str]:
    """`mt.nn.Dense` as "minitorch_attn.nn.Dense", where `mt` stands for the library."""
    found = []
    for node in ast.walk(tree):
        names: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            names.append(inner.attr)
            inner = inner.value
        if names and isinstance(inner, ast.Name) and inner.id in aliases:
            path = [*aliases[inner.id].split("."), *reversed(names)]
            # What hangs on a class is its own affair: mt.Tensor.max introduces no max.
            classes = [i for i, name in enumerate(path) if name[:1].isupper()]
            found.append(".".join(path[: classes[0] + 1] if classes else path))
    return found


def _parse(source: Source, where: str, text: str) -> ast.AST:
    plain = "\n".join(
        "" if line.lstrip().startswith(("%", "!")) else line for line in text.split("\n")
    )
    try:
        return ast.parse(plain)
    except SyntaxError as error:
        raise SourceError(f"{source.path.name}, {where}: {error}") from error
