"""Tables that Moodle and Canvas import, from the numbers by which they name students in exports."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from ...checks.folders import chapter as about
from ..records import Record
from ..scheme import number


def moodle(marked: Iterable[Record]) -> str:
    """For an assignment's *Upload grading worksheet*.

    Moodle looks for the columns Identifier, Grade and Last modified (grade), by these names, and
    for the number behind "Participant " (mod/assign/feedback/offline/importgradeslib.php). It is
    the number in the folders of *Download all submissions*.
    """
    head = ["Identifier", "Full name", "Grade", "Maximum grade", "Last modified (grade)"]
    rows = [
        [f"Participant {r.id}", cell(r.student), _points(r), number(r.mark.total), "-"]
        for r in _known(marked)
    ]
    return to_csv(head, rows)


def canvas(marked: Iterable[Record], chapter: int, total: float) -> str:
    """For the Gradebook's *Import*: the columns of its own export, in their order.

    ID is Canvas's number of the user, the first in the file names of *Download Submissions*. The
    assignment is found by its name, or made; to meet one that is there, give the column its name
    and number, as the Gradebook's export has them. (Canvas Instructor Guide, "How do I import
    grades in the Gradebook?")
    """
    title = f"Exercises {chapter:02d}: {about(chapter).title}"
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", title]
    possible = ["    Points Possible", "", "", "", "", number(total)]
    rows = [[cell(r.student), r.id, "", "", "", _points(r)] for r in _known(marked)]
    return to_csv(head, [possible, *rows])


def _known(marked: Iterable[Record]) -> list[Record]:
    return [record for record in marked if record.id.isascii() and record.id.isdigit()]


def _points(record: Record) -> str:
    return number(record.mark.points) if record.final else ""


def to_csv(head: list[str], rows: Iterable[list[str]]) -> str:
    """CSV, as spreadsheets and platforms read it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([head, *rows])
    return text.getvalue()


def cell(text: str) -> str:
    """A spreadsheet must not take a name for a formula."""
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@", "＝", "＋", "－", "＠") else text
