"""From a lecture's slides to one HTML page: its parts, footers, notes, and where it leads."""

from __future__ import annotations

import html
import re
from itertools import groupby
from pathlib import Path
from string import Template

from ..book import cjk
from ..sources.text import SourceError
from . import ending
from .lecture import Part, Slide

PARTS = Path(__file__).parent
_CODE = re.compile(r'<pre class="code">(.*?)</pre>', re.DOTALL)
_ANSWER = re.compile(r'<p class="answer.*?</p>', re.DOTALL)
_ALONE = re.compile(r'<figure><img [^>]*?width="(\d+)" height="(\d+)"[^>]*></figure>')
SHORT = 40  # letters of a poll's answers that stand in one line
COLUMNS = 98  # of code that fit between a slide's margins at 18.7 pixels a line


def page(
    slides: list[Slide], parts: list[Part], name: str, leads: ending.Leads, dark: bool = False
) -> str:
    """The whole deck, as one HTML page.

    Raises
    ------
    SourceError
        If the lecture has no title.
    """
    heading = re.search(r"<h1>(.*?)</h1>", slides[0].shown, re.DOTALL)
    if not heading:
        raise SourceError(f"slides/{name}.md, slide 1: begin the lecture with a line `# Title`.")
    title = html.unescape(re.sub(r"<[^>]+>", "", heading[1]))
    footer = f"{name[:2]} · {heading[1]}"
    slides[-1].shown += ending.block(leads)
    stacks = [
        "".join(_section(slide, _footer(slide, footer, len(slides), parts)) for slide in group)
        for _, group in groupby(slides, lambda slide: slide.part)
    ]
    if parts:
        stacks = [f"<section>{stack}</section>" for stack in stacks]
    sections = "\n".join(stacks)
    return Template((PARTS / "template.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        chapter=name[:2],
        dark=" class=dark" if dark else "",
        seconds=sum(slide.seconds or 0 for slide in slides) or "null",
        sections=cjk.mark(sections),
        chinese=cjk.style_sheet(cjk.characters(sections)),
    )


def _section(slide: Slide, footer: str) -> str:
    head, mark, body = slide.shown.partition("</h2>")
    if not mark:
        head, body = "", slide.shown
    answers = "".join(_ANSWER.findall(body))
    body = _ANSWER.sub("", body)
    classes = ["slide"]
    if "<h1>" in slide.shown:
        classes.append("title")
    if re.search(r'<figure|<img|<div class="shown picture"', slide.shown):
        classes.append("pictured")
        classes += ["beside"] * _is_tall(body)
    if slide.poll:
        classes.append("poll")
        letters = re.sub(r"<[^>]+>", "", "".join(re.findall(r"<li>.*?</li>", body, re.DOTALL)))
        classes += ["short"] * (len(letters) < SHORT)
    # Code is set as large as its lines and columns allow: the style sheet needs both counts.
    code = [html.unescape(re.sub(r"<[^>]+>", "", block)) for block in _CODE.findall(body)]
    lines = "\n".join(code).split("\n")
    columns = max(map(len, lines))
    classes += ["wide"] * (columns > COLUMNS)
    extent = f"--rows:{len(lines) + len(code)};--columns:{columns or 40}"
    seconds = "" if slide.seconds is None else f' data-timing="{slide.seconds}"'
    # The notes are hidden in their own tag: where no style sheet loads, nobody sees them.
    return (
        f'<section{seconds}><div class="{" ".join(classes)}" style="{extent}">'
        f'{head}{mark}<div class="body">{body}</div>{answers}'
        f"{footer}</div>"
        f'<aside class="notes" hidden style="display:none">{slide.notes}</aside></section>'
    )


def _is_tall(body: str) -> bool:
    """Whether a figure that stands alone is larger beside its heading than below it."""
    found = _ALONE.fullmatch(body.strip())
    if not found:
        return False
    width, height = int(found[1]), int(found[2])
    return min(970 / width, 720 / height) > 1.02 * min(1240 / width, 614 / height)


def _footer(slide: Slide, title: str, total: int, parts: list[Part]) -> str:
    """Where one is: the slide's number, the lecture, and a thin stroke a part of the lecture.

    A stroke is as long as its part takes minutes; the name is that of this part.
    """
    marker = ""
    if parts:
        strokes = "".join(
            f'<i style="flex:{part.minutes}"{" class=now" if n == slide.part else ""}></i>'
            for n, part in enumerate(parts)
        )
        name = html.escape(parts[slide.part].name)
        marker = f'<span class="part">{name}</span><span class="parts">{strokes}</span>'
    return (
        f'<footer><span class="number">{slide.number} / {total}</span>'
        f"<span>{title}</span>{marker}</footer>"
    )
