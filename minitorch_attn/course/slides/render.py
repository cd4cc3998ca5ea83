"""From a lecture's Markdown to the HTML of its slides.

Nothing is written twice: a formula, a figure, a cell or its output comes from the chapter by
label, library code by symbol (``{{ formula weights }}``, ``{{ figure 05:hump }}``,
``{{ cell loop#2 }}`` for a cell's second paragraph, ``{{ code package.module:name }}``).

A slide grows in steps: of several formulas or cells one after another, after a cell its output,
of a table of checks row after row. ``{{ poll 06.2 }}`` below its letters makes a slide a poll, and
``{{ answer 06.2 }}`` on a later one shows, as its last step, what the chapter answers.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..sources import questions
from ..sources.text import SourceError
from . import assets, include
from .lecture import Slide, split

PARTS = Path(__file__).parent
_INCLUDE = re.compile(r"^[ \t]*\{\{\s*(\w+)\s+(\S+?)\s*\}\}[ \t]*$", re.MULTILINE)
_LETTER = re.compile(r"\*\*([a-h])\*\*")
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


class _Renderer:
    """Markdown to HTML; formulas are left as marks, to be typeset all at once."""

    def __init__(self, includes: include.Includes, chapter: int) -> None:
        from markdown_it import MarkdownIt
        from mdit_py_plugins.dollarmath import dollarmath_plugin

        self.includes, self.chapter = includes, chapter
        self.asked: dict[str, str] = {}  # polls not answered yet, with their slide's heading
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
        self.before: list[str] = []  # what the slide has included so far
        self.plain = False

    def render(self, slide: Slide) -> None:
        self.slide, self.before = slide, []
        slide.shown = self._render(slide.markdown, plain=False)
        slide.notes = self._render(slide.note, plain=True)

    def _render(self, markdown: str, plain: bool) -> str:
        self.plain = plain
        blocks: list[str] = []

        def leave_room(found: re.Match[str]) -> str:
            blocks.append(self._include(found[1], found[2]))
            self.before.append(found[1])
            return f"\n<!--block {len(blocks) - 1}-->\n"

        rendered = self.markdown.render(_INCLUDE.sub(leave_room, markdown))
        return re.sub(r"<!--block (\d+)-->", lambda found: blocks[int(found[1])], rendered)

    def _include(self, kind: str, name: str) -> str:
        if kind == "code":
            return self.includes.code(name)
        if kind == "poll":
            return self._poll(name)
        if kind == "answer":
            return self._answer(name)
        number, colon, label = name.rpartition(":")
        if colon and not number.isdigit():
            raise SourceError(
                f"{{{{ {kind} {name} }}}}: write the chapter's number, as in 05:hump."
            )
        chapter = int(number) if colon else self.chapter
        if kind == "formula":
            latex = self.includes.formula(chapter, label)
            step = " fragment" if "formula" in self.before else ""
            return f'<div class="math block{step}">{self._mark(latex, True)}</div>'
        if kind in ("figure", "cell", "output"):
            shown: str = getattr(self.includes, kind)(chapter, label)
            later = kind in ("output", "cell") and {"cell", "code"} & set(self.before)
            return f'<div class="fragment">{shown}</div>' if later else shown
        raise SourceError(
            f"{{{{ {kind} {name} }}}}: a slide can include a formula, figure, cell, output, code, "
            "poll or answer."
        )

    def _poll(self, question: str) -> str:
        """Nothing to see: the letters above it are those of the chapter's question."""
        self.includes.answer(question)
        letters = "".join(_LETTER.findall(self.slide.markdown))
        asked = questions.questions(int(question[:2]), self.includes.root).get(question)
        if letters != asked:
            raise SourceError(f"the poll {question} offers {letters!r}, its chapter {asked!r}.")
        heading = _HEADING.search(self.slide.markdown)
        self.asked[question] = heading[1] if heading else ""
        self.slide.poll = question
        return ""

    def _answer(self, question: str) -> str:
        """The letter and the first sentence of the reason, below the slide."""
        if question not in self.asked:
            raise SourceError(f"{{{{ answer {question} }}}}: no slide before has its poll.")
        letter, reason = self.includes.answer(question)
        heading = html.escape(self.asked.pop(question).rstrip(" …"))
        first = html.escape(re.split(r"(?<=[^.]\.) (?=[A-Z])", reason)[0])
        return f'<p class="answer fragment"><i>{heading}</i> <b>{letter}</b> {first}</p>'

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
    if renderer.asked:
        raise SourceError(
            f"slides/{path.name}: write {{{{ answer {min(renderer.asked)} }}}} on a slide after "
            "its poll."
        )
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
    results: list[dict[str, str]] = json.loads(done.stdout)
    return results


def _filler(formulas: list[str]) -> Callable[[str], str]:
    return lambda shown: re.sub(
        r"<!--formula (\d+)-->", lambda found: formulas[int(found[1])], shown
    )
