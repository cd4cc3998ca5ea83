"""What a cell printed, as HTML for a wall: tables with the best marked, an error, large words."""

from __future__ import annotations

import html
import re
from itertools import pairwise

from . import printed
from .columns import VERDICT, Table, is_number
from .winners import winners

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_FIGURE = re.compile(r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?:e[-+]\d+)?(?: ?%)?(?!\w)")
_DICT = re.compile(r"\{('[^{}]*':[^{}]*)\}")
LEGEND = "marked: ahead of another, and behind none that it was compared with"


def shown(words: str) -> str:
    """HTML of printed words. Their size is left to the style sheet, which needs their extent."""
    parts = printed.read(_ANSI.sub("", words))
    best = winners(parts)
    body = [
        _table(part, best) if isinstance(part, Table) else f"<p>{_sentence(part)}</p>"
        for part in parts
    ]
    if best:
        body.append(f'<p class="legend">{LEGEND}</p>')
    tables = [part for part in parts if isinstance(part, Table)]
    rows = sum(len(table.rows) + bool(table.head) for table in tables)
    if not tables:
        return f'<div class="said {_size(parts)}">{"".join(body)}</div>'
    rows += sum(isinstance(part, str) for part in parts) + bool(best)
    width = max(map(_width, tables))
    return f'<div class="said" style="--rows:{rows};--chars:{width}">{"".join(body)}</div>'


def error(kind: str, message: str) -> str:
    """HTML of an exception: what it says, large, below its kind."""
    message = _ANSI.sub("", message).strip().replace("\n", " ")
    size = _size([message])
    return (
        f'<div class="said error {size}"><p class="kind">{html.escape(kind)}</p>'
        f"<p>{html.escape(message)}</p></div>"
    )


def _size(sentences: list[Table | str]) -> str:
    longest = max((len(words) for words in sentences if isinstance(words, str)), default=0)
    longest *= max(1, len(sentences) // 2)
    return "huge" if longest <= 24 else "large" if longest <= 80 else "long"


def _sentence(words: str) -> str:
    words = _DICT.sub(lambda found: found[1].replace("'", ""), words)
    marked = _FIGURE.sub(lambda found: f"\1{found[0]}\2", words).replace(" ± ", "\u00a0±\u00a0")
    return html.escape(marked).replace("\1", "<b>").replace("\2", "</b>").replace("   ", "&emsp;")


def _width(table: Table) -> int:
    """About how many letters wide the table is; a heading across it does not count."""
    rows = [row for row in [table.head, *table.rows] if len(row) > 1]
    columns = [[row[n] for row in rows if n < len(row)] for n in range(table.width)]
    return sum(3 + max(map(_letters, column), default=0) for column in columns)


def _letters(cell: str) -> int:
    """How many letters wide a cell is; what a verdict says in smaller ones counts less."""
    found = VERDICT.fullmatch(cell)
    by = len((found[3] or found[4] or "") if found else "")
    return len(cell) - by // 5


def _table(table: Table, best: set[int]) -> str:
    checks = any(cell == "FAIL" for row in table.rows for cell in row)
    rows = []
    for n, row in enumerate(table.rows):
        marks = ["best"] * (id(row) in best) + ["fragment"] * (checks and n > 0)
        mark = f' class="{" ".join(marks)}"' if marks else ""
        cells = "".join(_cell(cell, n) for n, cell in enumerate(row))
        if len(row) == 1:
            words = html.escape(row[0])
            cells = f'<th class="group" colspan="{table.width}">{words}</th>'
        rows.append(f"<tr{mark}>{cells}</tr>")
    kind = ' class="checks"' if checks else ""
    return f"<table{kind}>{_head(table)}<tbody>{''.join(rows)}</tbody></table>"


def _head(table: Table) -> str:
    """The row above. Of a printed one, a word with nothing beside it stands above two columns."""
    if not table.head:
        return ""
    cells: list[str] = []
    words = [*table.head, ""]
    wide = [table.printed and bool(n and a and not b) for n, (a, b) in enumerate(pairwise(words))]
    wide[-1] = False
    for n, cell in enumerate(table.head):
        if not (n and wide[n - 1]):
            verdict = any(len(row) > n and VERDICT.fullmatch(row[n]) for row in table.rows)
            marks = (' class="number"' if n and not verdict else "") + (
                ' colspan="2"' if wide[n] else ""
            )
            cells.append(f"<th{marks}>{html.escape(cell)}</th>")
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def _cell(cell: str, n: int) -> str:
    if n == 0:
        return f'<th scope="row">{html.escape(cell.rstrip(":"))}</th>'
    if found := VERDICT.fullmatch(cell):
        word = found[2]
        by = found[3] or found[4] or ""
        of = f"{html.escape(found[1])}: " if found[1] else ""
        small = f" <small>{html.escape(by)}</small>" if by else ""
        return f'<td class="verdict {word.split()[0]}">{of}<b>{word}</b>{small}</td>'
    if cell == "FAIL":
        return '<td class="fail">FAIL</td>'
    if cell in (".", "·"):
        return '<td class="pass"><span aria-label="passes">·</span></td>'
    kind = ' class="number"' if is_number(cell) else ""
    return f"<td{kind}>{html.escape(cell)}</td>"
