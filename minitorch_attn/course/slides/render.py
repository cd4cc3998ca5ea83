"""From a lecture's Markdown to its slides, and from these to one HTML page.

A slide ends at a line `---`; what follows a line `Note:` is for the speaker. Nothing is written
twice: a formula, a figure, a cell or its output comes from the chapter by label, library code by
symbol (``{{ formula weights }}``, ``{{ figure 05:hump }}``, ``{{ code package.module:name }}``).
"""

from __future__ import annotations

import html
import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from ..sources.text import SourceError
from . import assets, include

PARTS = Path(__file__).parent
_INCLUDE = re.compile(r"^[ \t]*\{\{\s*(\w+)\s+(\S+?)\s*\}\}[ \t]*$", re.MULTILINE)
_PRE = re.compile(r'<pre class="((?:code|output)[^"]*)">(.*?)</pre>', re.DOTALL)


@dataclass
class Slide:
    """One slide: Markdown as written, then HTML of what is shown and of the speaker's notes."""

    number: int
    markdown: str
    note: str
    shown: str = ""
    notes: str = ""
    formulas: list[dict[str, Any]] = field(default_factory=list)


def split(markdown: str) -> list[Slide]:
    """Cut a lecture at its lines `---`, and each slide at its line `Note:`; not inside fences."""
    slides: list[Slide] = []
    shown: list[str] = []
    note: list[str] = []
    part, fence = shown, ""
    for line in [*markdown.splitlines(), "---"]:
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip() == fence:
            fence = ""
        if line.rstrip() == "---" and not fence:
            slides.append(Slide(len(slides) + 1, "\n".join(shown).strip(), "\n".join(note).strip()))
            shown, note = [], []
            part = shown
        elif line.startswith("Note:") and not fence and part is shown:
            part = note
            part.append(line.removeprefix("Note:").strip())
        else:
            part.append(line)
    return slides


class _Renderer:
    """Markdown to HTML; formulas are left as marks, to be typeset all at once."""

    def __init__(self, includes: include.Includes, chapter: int) -> None:
        from markdown_it import MarkdownIt
        from mdit_py_plugins.dollarmath import dollarmath_plugin

        self.includes, self.chapter = includes, chapter
        self.markdown = MarkdownIt(
            "commonmark",
            {"highlight": lambda source, language, _: include.code(source, language)},
        ).enable("table")
        self.markdown.use(
            dollarmath_plugin,
            allow_labels=False,
            double_inline=True,
            renderer=lambda latex, options: self._mark(latex, options["display_mode"]),
        )
        self.slide = Slide(0, "", "")
        self.plain = False

    def render(self, slide: Slide) -> None:
        self.slide = slide
        slide.shown = self._render(slide.markdown, plain=False)
        slide.notes = self._render(slide.note, plain=True)

    def _render(self, markdown: str, plain: bool) -> str:
        self.plain = plain
        blocks: list[str] = []

        def leave_room(found: re.Match[str]) -> str:
            blocks.append(self._include(found[1], found[2]))
            return f"\n<!--block {len(blocks) - 1}-->\n"

        rendered = self.markdown.render(_INCLUDE.sub(leave_room, markdown))
        return re.sub(r"<!--block (\d+)-->", lambda found: blocks[int(found[1])], rendered)

    def _include(self, kind: str, name: str) -> str:
        if kind == "code":
            return self.includes.code(name)
        number, colon, label = name.rpartition(":")
        if colon and not number.isdigit():
            raise SourceError(
                f"{{{{ {kind} {name} }}}}: write the chapter's number, as in 05:hump."
            )
        chapter = int(number) if colon else self.chapter
        if kind == "formula":
            latex = self.includes.formula(chapter, label)
            return f'<div class="math block">{self._mark(latex, True)}</div>'
        if kind in ("figure", "cell", "output"):
            return getattr(self.includes, kind)(chapter, label)
        raise SourceError(
            f"{{{{ {kind} {name} }}}}: a slide can include a formula, figure, cell, output or code."
        )

    def _mark(self, latex: str, display: bool) -> str:
        self.slide.formulas.append({"latex": latex, "display": display, "plain": self.plain})
        return f"<!--formula {len(self.slide.formulas) - 1}-->"


def read(path: Path, includes: include.Includes) -> list[Slide]:
    """The slides of a lecture, as HTML in which only the formulas are not typeset yet."""
    renderer = _Renderer(includes, int(path.stem[:2]))
    slides = split(path.read_text(encoding="utf-8"))
    for slide in slides:
        try:
            renderer.render(slide)
        except SourceError as error:
            raise SourceError(f"slides/{path.name}, slide {slide.number}: {error}") from error
    return slides


def typeset(slides: list[Slide], name: str, modules: Path) -> None:
    """Put typeset formulas in the place of their marks; one call of Node for a deck."""
    formulas = [formula for slide in slides for formula in slide.formulas]
    results = iter(katex(formulas, modules))
    for slide in slides:
        own = [next(results) for _ in slide.formulas]
        for formula, result in zip(slide.formulas, own, strict=True):
            if "error" in result:
                raise SourceError(
                    f"slides/{name}.md, slide {slide.number}: KaTeX cannot set "
                    f"${formula['latex']}$: {result['error']}"
                )
        fill = _filler([result["html"] for result in own])
        slide.shown, slide.notes = fill(slide.shown), fill(slide.notes)


def katex(formulas: list[dict[str, Any]], modules: Path) -> list[dict[str, str]]:
    """What `formulas.mjs` makes of formulas, each {"latex", "display", "plain"}, in one call.

    Returns {"html"} or {"error"} for each.
    """
    command = [assets.tool("node"), str(PARTS / "formulas.mjs"), str(modules)]
    done = subprocess.run(
        command, input=json.dumps(formulas), capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        raise SourceError(f"the formulas could not be typeset: {done.stderr.strip()}")
    return json.loads(done.stdout)


def _filler(formulas: list[str]) -> Any:
    return lambda shown: re.sub(
        r"<!--formula (\d+)-->", lambda found: formulas[int(found[1])], shown
    )


def page(slides: list[Slide], name: str) -> str:
    """The whole deck, as one HTML page."""
    heading = re.search(r"<h1>(.*?)</h1>", slides[0].shown, re.DOTALL)
    if not heading:
        raise SourceError(f"slides/{name}.md, slide 1: begin the lecture with a line `# Title`.")
    title = html.unescape(re.sub(r"<[^>]+>", "", heading[1]))
    sections = [_section(slide, f"{name[:2]} · {heading[1]}") for slide in slides]
    return Template((PARTS / "template.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(title), chapter=name[:2], sections="\n".join(sections)
    )


def _section(slide: Slide, footer: str) -> str:
    head, mark, body = slide.shown.partition("</h2>")
    if not mark:
        head, body = "", slide.shown
    classes = ["slide"]
    if "<h1>" in slide.shown:
        classes.append("title")
    if "<img" in slide.shown or "<svg" in slide.shown:
        classes.append("pictured")
    # Code is set as large as its lines and columns allow: the style sheet needs both counts.
    rows = 0

    def measured(block: re.Match[str]) -> str:
        nonlocal rows
        lines = html.unescape(re.sub(r"<[^>]+>", "", block[2])).split("\n")
        rows += len(lines)
        return f'<pre class="{block[1]}" style="--columns:{max(map(len, lines))}">{block[2]}</pre>'

    body = _PRE.sub(measured, body)
    return (
        f'<section><div class="{" ".join(classes)}" style="--rows:{rows}">'
        f'{head}{mark}<div class="body">{body}</div><footer>{footer}</footer></div>'
        f'<aside class="notes">{slide.notes}</aside></section>'
    )
