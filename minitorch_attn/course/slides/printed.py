"""What a cell printed, read back as what it is: tables, verdicts, and sentences.

The book prints its tables as columns of text. Here such lines become rows again, by the gaps
between their columns, so that a slide can set them as tables. A line in no column stays the
sentence that it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from .columns import VERDICT, Table, is_number, tidied

_FILL = "\0"  # a space inside a cell: it parts no columns
_INSIDE = re.compile(
    r"\[[^\[\]]*\]|(?:±|=|/|\(|\bto) +(?=[-+\d.n])|: {1,3}(?=[-+\d.])|(?<=\w) {2,3}(?=[-\d.]+, )"
)
_CELL = re.compile(r"\S+(?: \S+)*")
_KEYED = re.compile(r"([^:]{1,44}): (\S.*)")
_SEVERAL = re.compile(r"(?:\w+: (?:ahead|behind|cannot tell)(?: +|$)){2,}")


@dataclass(frozen=True)
class _Line:
    kind: str  # "columns", "keyed", "verdict" or "plain"
    cells: list[str]
    spans: list[tuple[int, int]]
    indented: bool


def read(printed: str) -> list[Table | str]:
    """The tables and sentences of printed text, in order."""
    result: list[Table | str] = []
    for lines in _runs([_line(text) for text in _joined(printed)]):
        fullest = max(len(line.cells) for line in lines)
        rows = sum(len(line.cells) > 1 for line in lines)
        if lines[-1].kind == "columns" and (rows > 1 or fullest > 3):
            result.append(_columns(lines))
        elif lines[0].kind == "verdict":
            result.append(Table([], [line.cells for line in lines]))
        elif lines[0].kind == "keyed" and len(lines) > 1:
            result.append(tidied(Table([], [line.cells for line in lines])))
        else:
            between = ": " if lines[0].kind == "keyed" else "   "
            result += [between.join(line.cells) for line in lines]
    return result


def _joined(printed: str) -> Iterator[str]:
    """The lines that are not empty; a verdict that stands below what it is about joins it."""
    waiting = ""
    for line in printed.splitlines():
        line = _INSIDE.sub(lambda found: found[0].replace(" ", _FILL), line.rstrip())
        words = line.strip()
        if waiting and line.startswith("    ") and _SEVERAL.fullmatch(words):
            waiting = f"{waiting.rstrip(':')}  " + re.sub(r"(?<=[a-z]) (?=\w+:)", "  ", words)
            continue
        if waiting and line.startswith("    ") and VERDICT.fullmatch(words) and ": " in words:
            waiting += f"  {words}"
            continue
        if waiting:
            yield waiting
        waiting = line
    if waiting:
        yield waiting


def _line(text: str) -> _Line:
    spans = [found.span() for found in _CELL.finditer(text)]
    cells = [_plain(text[start:end]) for start, end in spans]
    indented = text[:1] in (" ", _FILL)
    if len(cells) == 2 and cells[0].endswith(":"):
        cells = [" ".join(cells)]
    if len(cells) > 1:
        return _Line("columns", cells, spans, indented)
    if (found := VERDICT.fullmatch(cells[0])) and found[1]:
        return _Line("verdict", [found[1], cells[0][len(found[1]) :].lstrip(": ")], spans, indented)
    if found := _KEYED.fullmatch(cells[0]):
        return _Line("keyed", [found[1], found[2]], spans, indented)
    return _Line("plain", cells, spans, indented)


def _plain(cell: str) -> str:
    """A cell's words with one space between them."""
    words = " ".join(cell.replace(_FILL, " ").split())
    return re.sub(r"(?<=\[) | (?=\])", "", words)


def _runs(lines: list[_Line]) -> Iterator[list[_Line]]:
    """Lines that belong together; a line right above columns is their heading."""
    run: list[_Line] = []
    for place, line in enumerate(lines):
        below = lines[place + 1].kind if place + 1 < len(lines) else ""
        heading = line.kind in ("plain", "keyed") and below == "columns"
        if heading:
            line = _Line("columns", [": ".join(line.cells).rstrip(": ")], line.spans, False)
        if run and (line.kind != run[-1].kind or (heading and _differ(run, lines[place + 1 :]))):
            yield run
            run = []
        run.append(line)
    if run:
        yield run


def _differ(above: list[_Line], below: list[_Line]) -> bool:
    """Whether what comes below a heading has more or fewer columns than what is above."""
    next_ones = [len(line.cells) for line in below[:2] if line.kind == "columns"]
    return max(next_ones) != max(len(line.cells) for line in above)


def _columns(lines: list[_Line]) -> Table:
    """A table of lines with gaps. Where the columns stand is read from the fullest lines."""
    width = max(len(line.cells) for line in lines)
    full = [line for line in lines if len(line.cells) == width]
    ranges = [
        (min(line.spans[n][0] for line in full), max(line.spans[n][1] for line in full))
        for n in range(width)
    ]
    aligned = all(end <= start for (_, end), (start, _) in pairwise(ranges))
    rows = [_placed(line, ranges if aligned else None, width) for line in lines]
    first = next((n for n, line in enumerate(lines) if len(line.cells) > 1), 0)
    head: list[str] = []
    if _is_head(lines[first], rows[first], rows[first + 1 :]):
        head = rows.pop(first)
    return tidied(Table(head, rows, printed=bool(head)))


def _placed(line: _Line, ranges: list[tuple[int, int]] | None, width: int) -> list[str]:
    """The cells of a line, each in its column."""
    if len(line.cells) in (1, width) or ranges is None:
        if len(line.cells) > 1 and line.indented and len(line.cells) == width - 1:
            return ["", *line.cells]
        return line.cells
    row = [""] * width
    for cell, (start, end) in zip(line.cells, line.spans, strict=True):
        over = [n for n, (left, right) in enumerate(ranges) if start < right and left < end]
        column = over[0] if over else min(range(width), key=lambda n: abs(ranges[n][0] - start))
        for beyond in over[1:]:  # two cells with one space between them
            cut = cell.find(" ", max(ranges[beyond - 1][1] - start, 0))
            if not 0 <= cut < ranges[beyond][0] - start:
                break
            row[column], cell = cell[:cut], cell[cut + 1 :]
            column, start = beyond, start + cut + 1
        row[column] = cell
    return row


def _is_head(line: _Line, row: list[str], below: list[list[str]]) -> bool:
    if any(map(is_number, row[1:])) or not below:
        return False
    return any(is_number(cell) for other in below for cell in other[1:])
