"""What a student reads about their submission, as a page and as Markdown."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from ...checking.report import NOT_DONE, PASSED, where_to_read
from ...sources.contents import chapters
from .. import records
from ..records import Record
from .page import block, esc, fenced, md, page

_SIGN = {PASSED: ("✓", "passed"), NOT_DONE: ("○", "open")}
_FAILED = ("✗", "failed")


def write_feedback(out: Path, marked: dict[str, Record], book: str = "") -> None:
    """`feedback/KEY.html` and `KEY.md` for each student.

    `book` is the address of the book's files; without it links lead from a folder of the
    reader's working copy.
    """
    for key, record in marked.items():
        for suffix, text in ((".html", as_html(record, book)), (".md", as_markdown(record, book))):
            records.write(out / "feedback" / f"{key}{suffix}", text.encode("utf-8", "replace"))


def points_of(mark: dict[str, Any]) -> tuple[float, float]:
    """Points got and points there are."""
    return mark["points"], mark["total"]


def as_html(record: Record, book: str = "") -> str:
    mark = record["mark"]
    points, total = points_of(mark)
    head = f"Exercises {record['chapter']:02d}: {_title(record)}"
    body = [f"<h1>{esc(head)}</h1>", f"<p>{esc(record['student'])}"]
    if record["file"]:
        body.append(f"<br>{esc(record['file'])}")
    body.append(f"</p>\n<p class='points'><b>{points:g} of {total:g} points</b></p>")
    body += [_section(exercise, book) for exercise in mark["exercises"]]
    return page(f"{head}, {record['student']}", "\n".join(body))


def _section(exercise: dict[str, Any], book: str) -> str:
    points, total = points_of(exercise)
    state = "full" if points == total else "some" if points else "none"
    out = [f"<section class='{state}'><h2>{esc(exercise['id'])} {esc(exercise['title'])}</h2>"]
    where = f", {esc(exercise['where'])}" if exercise["where"] else ""
    out.append(f"<p>{points:g} of {total:g} points{where}</p>")
    if exercise["note"]:
        out.append(f"<p class='note'>{esc(exercise['note'])}</p>")
    out.append("<ul>")
    for result in exercise["results"]:
        sign, kind = _SIGN.get(result["status"], _FAILED)
        out.append(f"<li class='{kind}'><b>{sign} {result['total']:g}</b>{esc(result['claim'])}")
        pairs = [
            (head, f"<div>{esc(text)}</div>" if plain else block(text))
            for head, text, plain in _below(result)
        ]
        if pairs:
            inner = "".join(f"<dt>{esc(head)}</dt><dd>{shown}</dd>" for head, shown in pairs)
            out.append(f"<dl>{inner}</dl>")
        out.append("</li>")
    out.append("</ul>")
    if points < total:
        link, words = _read(exercise["read"], book)
        out.append(f"<p>Read again: <a href='{html.escape(link)}'>{esc(words)}</a></p>")
    return "\n".join([*out, "</section>"])


def as_markdown(record: Record, book: str = "") -> str:
    mark = record["mark"]
    points, total = points_of(mark)
    out = [f"# Exercises {record['chapter']:02d}: {_title(record)}", md(record["student"])]
    if record["file"]:
        out.append(md(record["file"]))
    out.append(f"**{points:g} of {total:g} points**")
    for exercise in mark["exercises"]:
        got, there = points_of(exercise)
        where = f", {md(exercise['where'])}" if exercise["where"] else ""
        out.append(f"## {exercise['id']} {exercise['title']}")
        out.append(f"{got:g} of {there:g} points{where}")
        if exercise["note"]:
            out.append(md(exercise["note"]))
        for result in exercise["results"]:
            sign, _ = _SIGN.get(result["status"], _FAILED)
            out.append(f"- {sign} {result['total']:g} {md(result['claim'])}")
            for head, text, plain in _below(result):
                shown = f"{head}: {md(text)}" if plain else f"{head}:\n\n{fenced(text)}"
                out.append("\n".join(f"  {line}".rstrip() for line in shown.split("\n")))
        if got < there:
            link, words = _read(exercise["read"], book)
            out.append(f"Read again: [{md(words)}](<{link}>)")
    return "\n\n".join(out) + "\n"


def _below(result: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """What is said below a claim: heading, text, and whether it is prose."""
    lines = [
        ("must hold", result["problem"], True),
        ("expected", result["expected"], False),
        ("got", result["got"], False),
    ]
    if result["misconception"]:
        more = f". {result['explanation']}" if result["explanation"] else " again"
        lines.append(("this looks like", f"“{result['misconception']}”{more}", True))
    return [line for line in lines if line[1]]


def _title(record: Record) -> str:
    return chapters()[record["chapter"]].title


def _read(read: str, book: str) -> tuple[str, str]:
    """The link, and its words."""
    notebook, heading, anchor = where_to_read(read)
    number = f"chapter {read[:2]}"
    words = f"{number}, {heading}" if heading else number
    # A notebook's headings have another anchor than a code host's.
    return (f"{book}/chapters/{read}" if book else f"../notebooks/{notebook}{anchor}"), words
