"""A table, and how what its cells say alike is said once, above them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

# What `recipes.compare` says: of whom, the word, and by how much.
VERDICT = re.compile(r"(?:(.+?):? )?(ahead|behind|cannot tell)(?: \((.+)\)|: (.+)|)")
_NUMBER = re.compile(
    r"[-+×]?\d[\d,.e+-]*(?: ?%)?(?: (?:±|of|to|or) [\d.]+)*(?: ?%| \([^)]*\))?"
    r"|nan(?: ± nan)?|-?inf|\.|·|FAIL|\[.*|True|False"
)


@dataclass
class Table:
    """Rows of cells under a head, which may be empty. A row of one cell heads those below it."""

    head: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    printed: bool = False  # the head: it was printed, not gathered from the cells

    @property
    def width(self) -> int:
        return max(map(len, [self.head, *self.rows]))


def is_number(cell: str) -> bool:
    """Whether a cell is set as a figure: a number, with its spread or unit, or a check's result."""
    return bool(_NUMBER.fullmatch(cell))


def tidied(table: Table) -> Table:
    """The same, with what the cells of a column all say said once, in the head."""
    if table.head:
        return table
    body = [row for row in table.rows if len(row) > 1]
    for n in range(max(map(len, body)) - 1, 0, -1):
        _part(body, n)
    width = max(map(len, body))
    for row in body:
        row += [""] * (width - len(row))
    table.head = [""] * width
    for n in range(width - 2, 0, -1):  # a word before the numbers that follow it
        words = {row[n] for row in body}
        if (
            len(words) == 1
            and not is_number(body[0][n])
            and all(r[n + 1][:1].isdigit() for r in body)
        ):
            table.head[n + 1] = f"{words.pop()} {table.head[n + 1]}".strip()
            for row in [table.head, *body]:
                del row[n]
    for n, said in enumerate(table.head):
        table.head[n] = f"{said} {_say_once(body, n)}".strip()
    if not any(table.head):
        table.head = []
    return table


def _part(body: list[list[str]], n: int) -> None:
    """Make columns of what commas part, where all cells of a column are alike."""
    cells = [row[n] for row in body if len(row) > n]
    if len(cells) < len(body) or any(VERDICT.fullmatch(cell) for cell in cells):
        return
    parts = [[cell[:-1]] if cell.endswith(";") else _at_commas(cell) for cell in cells]
    if len(body) > 1 and len({len(part) for part in parts}) == 1:
        for row, part in zip(body, parts, strict=True):
            row[n : n + 1] = part


def _at_commas(cell: str) -> list[str]:
    """Parted at its commas and semicolons, but not inside brackets."""
    parts, depth = [""], 0
    for sign, following in zip(cell, [*cell[1:], " "], strict=False):
        depth += (sign in "([{") - (sign in ")]}")
        if sign in ",;" and following == " " and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _say_once(body: list[list[str]], n: int) -> str:
    """Take the words that all cells of a column share out of it, if numbers are left."""
    cells = [_words(row[n]) for row in body if row[n]]
    if len(cells) < 2:
        return ""
    verdicts = [VERDICT.fullmatch(" ".join(cell)) for cell in cells]
    if any(verdicts):
        before = {found[1] for found in verdicts if found}
        said = next(iter(before)) if len(before) == 1 else None
        for row in body:
            row[n] = row[n].removeprefix(f"{said}: ").removeprefix(f"{said} ") if said else row[n]
        return said or ""
    numbers = all(is_number(" ".join(cell)) for cell in cells)
    first = 0 if numbers else _shared(cells, lambda words, k: words[k])
    rest = [cell[first:] for cell in cells]
    last = _shared(rest, lambda words, k: words[-1 - k])
    if last and rest[0][-last] == "of":  # "4 of 5 seeds": the 5 belongs to the 4
        last -= 2
    if numbers:
        last = min(last, int(cells[0][-1] == "%"))
    left = [cell[: len(cell) - last] for cell in rest]
    if not all(is_number(" ".join(cell)) and "%" not in cell for cell in left):
        return ""
    for row in body:
        words = _words(row[n])
        row[n] = " ".join(words[first : len(words) - last])
    said = (" ".join(cells[0][:first]).rstrip(":"), " ".join(cells[0][len(cells[0]) - last :]))
    return " … ".join(filter(None, said))


def _words(cell: str) -> list[str]:
    """The words of a cell; a vector is one."""
    return re.findall(r"\[.*\]|\S+", cell)


def _shared(cells: list[list[str]], word: Callable[[list[str], int], str]) -> int:
    """How many words the cells share from one end on; each keeps at least one."""
    most = min(map(len, cells)) - 1
    return next((k for k in range(most) if len({word(cell, k) for cell in cells}) > 1), most)
