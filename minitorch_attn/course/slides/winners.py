"""Which rows are the best, by nothing but the verdicts that were printed with them.

`recipes.compare` said of two rows "ahead", "behind" or "cannot tell". Best is what is ahead of
another and behind none that it was compared with, and what cannot be told from such a row. A
largest number alone makes no winner.
"""

from __future__ import annotations

import re

from .columns import VERDICT, Table

_PAIR = re.compile(r"(.+) (?:against|and|beside) (.+)")
_BY = re.compile(r"\(?([-+][\d.]+)")
_OPPOSITE = {"ahead": "behind", "behind": "ahead", "cannot tell": "cannot tell"}


def winners(parts: list[Table | str]) -> set[int]:
    """The `id` of each row that is best among those it was compared with."""
    best: set[int] = set()
    said = [pair for part in parts if isinstance(part, Table) for pair in _lines(part)]
    for table in parts:
        if not isinstance(table, Table):
            continue
        for group in _groups(table):
            named = {row[0]: row for row in group}
            pairs = [(named[a], word, named[b]) for a, word, b in said if a in named and b in named]
            best |= _best([*pairs, *_beside(table.head, group)])
    return best


def _best(pairs: list[tuple[list[str], str, list[str]]]) -> set[int]:
    told = [*pairs, *((b, _OPPOSITE[word], a) for a, word, b in pairs)]
    behind = {id(a) for a, word, _ in told if word == "behind"}
    best = {id(a) for a, word, _ in told if word == "ahead"} - behind
    return best | {id(a) for a, word, b in told if word == "cannot tell" and id(b) in best} - behind


def _lines(table: Table) -> list[tuple[str, str, str]]:
    """The verdicts of lines such as "ridge against kernel: ahead (…)"."""
    found = []
    for row in table.rows:
        verdict = VERDICT.fullmatch(row[-1])
        pair = _PAIR.fullmatch(row[0])
        if len(row) == 2 and verdict and not verdict[1] and pair:
            found.append((pair[1], verdict[2], pair[2]))
    return found


def _groups(table: Table) -> list[list[list[str]]]:
    """The rows that belong together: a row of one cell begins others."""
    groups: list[list[list[str]]] = [[]]
    for row in table.rows:
        if len(row) == 1:
            groups.append([])
        else:
            groups[-1].append(row)
    return groups


def _beside(head: list[str], group: list[list[str]]) -> list[tuple[list[str], str, list[str]]]:
    """The verdicts that stand in rows, about the row and the one beside it that has none."""
    pairs = []
    for place, row in enumerate(group):
        verdict = VERDICT.fullmatch(row[-1])
        without = [n for n, other in enumerate(group) if len(other) > 2 and not other[-1]]
        if not verdict or verdict[1] or not without:
            continue
        earlier = [n for n in without if n < place]
        other = group[earlier[-1] if earlier else without[0]]
        first, second = (other, row) if _other_first(head, row, other) else (row, other)
        pairs.append((first, verdict[2], second))
    return pairs


def _other_first(head: list[str], row: list[str], other: list[str]) -> bool:
    """Whether a verdict in `row` is about the other one: the head says so, or the difference."""
    if head and (head[-1] == other[0] or head[-1].endswith(" against this")):
        return True
    by = _BY.search(row[-1])
    if not by or (head and head[-1].startswith("beside ")):
        return False
    gap = _value(other[1]) - _value(row[1])
    return abs(gap - float(by[1])) < abs(-gap - float(by[1]))


def _value(cell: str) -> float:
    found = re.match(r"[-+]?[\d.]+", cell.replace(",", ""))
    return float(found[0]) if found else 0.0
