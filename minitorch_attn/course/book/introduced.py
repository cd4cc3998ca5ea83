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
    """Where, and which name of the library, as a dotted path: in code and in quoted symbols.

    Raises
    ------
    SourceError
        If a cell is no Python; the message names it.
    """
    found: list[tuple[str, str]] = []
    aliases: dict[str, str] = {}  # a name in the chapter: the path that it stands for
    for cell in source.cells:
        if cell.kind == "markdown":
            paths = [symbol.replace(":", ".") for symbol, _ in QUOTE.findall(cell.text)]
        else:
            tree = _parse(source, cell.where, cell.text)
            imports = [one for node in ast.walk(tree) for one in _imported(node)]
            aliases |= {name: stands_for for name, stands_for, _ in imports}
            paths = [path for *_, path in imports] + _attributes(tree, aliases)
        found += [(cell.where, path) for path in paths]
    return found


def _imported(node: ast.AST) -> list[tuple[str, str, str]]:
    """Of the library, by one statement: the name here, what it stands for, what was imported.

    `import minitorch_attn.nn` names the package here, and imports `minitorch_attn.nn`.
    """
    if isinstance(node, ast.Import):
        ours = [alias for alias in node.names if alias.name.split(".")[0] == LIBRARY]
        return [
            (alias.asname or LIBRARY, alias.name if alias.asname else LIBRARY, alias.name)
            for alias in ours
        ]
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(LIBRARY):
        paths = [(alias, f"{node.module}.{alias.name}") for alias in node.names]
        return [(alias.asname or alias.name, path, path) for alias, path in paths]
    return []


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
