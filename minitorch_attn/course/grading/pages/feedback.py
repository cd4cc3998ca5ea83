"""What a student reads about their submission, as a page and as Markdown."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ...checking.report import NOT_DONE, VALUES, where_to_read
from ...checks.folders import chapter as about
from ..marking.marks import ExerciseMark
from ..records import Record, private
from ..scheme import number
from .page import fenced, md, render


def write_feedback(out: Path, marked: dict[str, Record], book: str = "") -> None:
    """`feedback/KEY.html` and `KEY.md` for each student.

    `book` is the address of the book's files; without it links lead from a folder of the
    reader's working copy.
    """
    for key, record in marked.items():
        private(out / "feedback" / f"{key}.html", as_html(record, book))
        private(out / "feedback" / f"{key}.md", as_markdown(record, book))


def as_html(record: Record, book: str = "") -> bytes:
    """A student's feedback as a page."""
    return render(
        "feedback.html.j2",
        title=f"{_head(record)}, {record.student}",
        head=_head(record),
        record=record,
        points=_points(record),
        read=partial(_read, book=book),
        NOT_DONE=NOT_DONE,
        VALUES=VALUES,
    )


def as_markdown(record: Record, book: str = "") -> bytes:
    """A student's feedback as Markdown, for a platform's box of comments."""
    mark = record.mark
    out = [f"# {_head(record)}", md(record.student)]
    if record.file:
        out.append(md(record.file))
    out.append(f"**{_points(record)}**")
    for exercise in mark.exercises if record.final else ():
        where = f", {md(exercise.where)}" if exercise.where else ""
        out.append(f"## {exercise.id} {exercise.title}")
        out.append(f"{number(exercise.points)} of {number(exercise.total)} points{where}")
        if exercise.note:
            out.append(md(exercise.note))
        for result in exercise.shown:
            out.append(f"- {result.sign} {number(result.total)} {md(result.claim)}")
            for head, text in result.lines():
                shown = f"\n\n{fenced(text)}" if head in VALUES else f" {md(text)}"
                lines = f"{head}:{shown}".split("\n")
                out.append("\n".join(f"  {line}".rstrip() for line in lines))
        if exercise.points < exercise.total:
            link, words = _read(exercise, book)
            out.append(f"Read again: [{md(words)}](<{link}>)")
    return ("\n\n".join(out) + "\n").encode("utf-8", "replace")


def _head(record: Record) -> str:
    return f"Exercises {record.chapter:02d}: {about(record.chapter).title}"


def _points(record: Record) -> str:
    """What stands at the top."""
    if not record.final:
        return "Not marked yet: something failed that is no fault of yours."
    return f"{number(record.mark.points)} of {number(record.mark.total)} points"


def _read(exercise: ExerciseMark, book: str) -> tuple[str, str]:
    """The link, and its words."""
    read = exercise.read
    notebook, heading, anchor = where_to_read(read)
    number = f"chapter {read[:2]}"
    words = f"{number}, {heading}" if heading else number
    # A notebook's headings have another anchor than a code host's.
    return (f"{book}/chapters/{read}" if book else f"../notebooks/{notebook}{anchor}"), words
