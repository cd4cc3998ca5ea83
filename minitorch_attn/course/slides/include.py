"""The include lines of a lecture: what a label of the chapter, or a symbol, becomes on a slide."""

from __future__ import annotations

import ast
import base64
import html
import re
from pathlib import Path
from typing import Any

from ..sources import questions, text
from ..sources.text import SourceError
from . import figures, table


class Includes:
    """Looks labels up in `chapters/` and in the executed `notebooks/` under `root`.

    Whatever is asked for and not there is a SourceError that names it, and what there is.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._chapters: dict[int, text.Source] = {}
        self._notebooks: dict[int, Any] = {}

    def chapter(self, number: int) -> text.Source:
        """The source of a chapter, read once."""
        if number not in self._chapters:
            found = [p for p in text.sources("chapters", self.root) if int(p.stem[:2]) == number]
            if not found:
                raise SourceError(f"there is no chapter {number:02} in chapters/.")
            self._chapters[number] = text.read(found[0])
        return self._chapters[number]

    def formula(self, number: int, label: str) -> str:
        """LaTeX of a labelled formula."""
        return self.chapter(number).formula(label)

    def cell(self, number: int, label: str) -> str:
        """A labelled cell, as highlighted code; `label#2` is its second paragraph."""
        label, mark, place = label.partition("#")
        source = without_docstrings(self.chapter(number).cell(label).text)
        if mark:
            paragraphs = re.split(r"\n{2,}(?=\S)", source.strip("\n"))
            if not place.isdigit() or not 0 < int(place) <= len(paragraphs):
                raise SourceError(f"the cell {label!r} has {len(paragraphs)} paragraphs.")
            source = paragraphs[int(place) - 1]
        return code(source)

    def answer(self, question: str) -> tuple[str, str]:
        """Letter and reason with which the chapter answers a question, as in "06.2"."""
        number = question.partition(".")[0]
        if number.isdigit():
            cells = self.chapter(int(number)).cells
            for cell in cells:
                if (found := questions.answers(cell.text).get(question)) and cell.kind == "code":
                    return found
        raise SourceError(f"no chapter answers the question {question!r} with `reveal`.")

    def code(self, symbol: str) -> str:
        """Library code by symbol, without its docstring: the speaker says what it does."""
        quoted = text.quote(symbol, self.root)
        caption = f'<figcaption class="path">{html.escape(quoted.path.as_posix())}</figcaption>'
        return f'<div class="quoted">{code(without_docstrings(quoted.source))}{caption}</div>'

    def figure(self, number: int, label: str) -> str:
        """The pictures that a labelled cell drew.

        `label@33,66` shows a picture step by step: first what is left of 33 % of its width, …
        """
        label, _, cuts = label.partition("@")
        pictures = [shown for kind, shown in self._outputs(number, label) if kind == "picture"]
        if not pictures:
            raise SourceError(f"the cell {label!r} of chapter {number:02} draws no figure.")
        return figures.covered(pictures[0], label, cuts) if cuts else "\n".join(pictures)

    def output(self, number: int, label: str) -> str:
        """Everything that a labelled cell printed and showed.

        `label@other` sets it under the head of the table that the other cell printed.
        """
        label, _, other = label.partition("@")
        head = self._head(number, other) if other else ""
        shown = [shown for _, shown in self._outputs(number, label, head)]
        if not shown:
            raise SourceError(f"the cell {label!r} of chapter {number:02} has no output.")
        return "\n".join(shown)

    def _head(self, number: int, label: str) -> str:
        """The first line that a labelled cell printed."""
        for output in self._built(number, label):
            if output.output_type == "stream":
                return str(output.text).partition("\n")[0] + "\n"
        raise SourceError(f"the cell {label!r} of chapter {number:02} prints no table.")

    def _outputs(self, number: int, label: str, head: str = "") -> list[tuple[str, str]]:
        source = self.chapter(number)
        look = figures.look(source, source.cell(label))
        return [_shown(output, look, head) for output in self._built(number, label)]

    def _built(self, number: int, label: str) -> list[Any]:
        """The outputs of a labelled cell, in the executed notebook."""
        source = self.chapter(number)
        cell = source.cell(label)
        if number not in self._notebooks:
            import nbformat

            path = self.root / "notebooks" / f"{source.name}.ipynb"
            if not path.is_file():
                raise SourceError(f"notebooks/{path.name} is not built: run `make book` first.")
            self._notebooks[number] = nbformat.read(path, as_version=4)
        for built in self._notebooks[number].cells:
            if built.metadata.get("name") == label and built.source == cell.text:
                return list(built.get("outputs", []))
        raise SourceError(
            f"notebooks/{source.name}.ipynb is older than its chapter, where the cell {label!r} "
            "was changed: run `make book` first."
        )


def code(source: str, language: str = "python") -> str:
    """Highlighted code; its size is left to the style sheet, which needs its extent."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    source = source.strip("\n")
    try:
        body = highlight(source, get_lexer_by_name(language or "text"), HtmlFormatter(nowrap=True))
    except ClassNotFound as error:
        raise SourceError(
            f"no highlighting for code in {language!r}: leave the name out."
        ) from error
    return f'<pre class="code">{body.rstrip()}</pre>'


def without_docstrings(source: str) -> str:
    """Python code without the docstrings of its functions and classes: a wall is not for reading.

    What is inside a class keeps its own.
    """
    lines = source.splitlines()
    try:
        definitions = ast.parse(source).body
    except SyntaxError:  # a cell with a line of IPython
        return source
    for node in reversed(definitions):
        body = getattr(node, "body", [])
        if len(body) < 2 or not isinstance(body[0], ast.Expr):
            continue
        if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
            end = body[0].end_lineno or body[0].lineno
            while not lines[end].strip():
                end += 1
            del lines[body[0].lineno - 1 : end]
    return "\n".join(lines)


def _shown(output: Any, look: str, head: str) -> tuple[str, str]:
    """Kind ("picture" or "text") and HTML of one output of a cell, as a slide shows it."""
    if output.output_type == "stream":
        return "text", table.shown(head + output.text)
    if output.output_type == "error":
        return "text", table.error(output.ename, output.evalue)
    data = output.data
    if "image/svg+xml" in data:
        svg = "".join(data["image/svg+xml"]).encode()
        return "picture", figures.picture("image/svg+xml", svg, look)
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            return "picture", figures.picture(kind, base64.b64decode("".join(data[kind])), look)
    if "text/html" in data:
        shown = "".join(data["text/html"])
        kind = "picture" if "<svg" in shown else "text"
        return kind, f'<div class="shown {kind}">{shown}</div>'
    return "text", table.shown("".join(data.get("text/plain", "")))
