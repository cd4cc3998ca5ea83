"""Find a learner's functions by name, in a notebook or a Python file, without running anything.

Cells may have been added, deleted, doubled, reordered or retyped: what counts is the name. Of
several definitions the last one that is not the stub is taken, and with it only those statements
at the top level that it needs: imports, helpers, constants, and what fills these.

This module only parses. What it returns is source text; running it is somebody else's decision.
"""

from __future__ import annotations

import difflib
import functools
import re
import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .reading import (
    MAX_BYTES,
    Block,
    CollectError,
    NoFunction,
    Unreadable,
    cells_of_file,
    in_conflict,
    invisible,
    read_blocks,
    read_submission,
    visible,
    without_broken,
)
from .slicing import needed
from .statements import (
    MAX_STATEMENTS,
    PARSE_ERRORS,
    Parsed,
    Statement,
    TooMuch,
    is_stub,
    is_written_file,
    parse,
)

__all__ = [
    "MAX_BYTES",
    "CollectError",
    "Found",
    "NoFunction",
    "Unreadable",
    "collect",
    "collect_text",
    "is_stub",
    "notes_on",
    "read_submission",
]

MAX_REASONS = 3  # told of one cell; each looks through all of it
MAX_BROKEN = 10  # statements of a submission that are left out; for each its cell is read anew


@dataclass(frozen=True)
class Found:
    """A function found by name: the source that defines it and all it needs.

    name, source : which function, and the text
    where : "cell 7", "line 12"
    stub : whether only the untouched stub is there
    places : for each line of the source the cell in which it stands and its number there
    """

    name: str
    source: str
    where: str
    stub: bool
    places: tuple[tuple[str, int], ...] = ()

    def place(self, line: int) -> tuple[int, str]:
        """The number of a line of the source in its own cell, and that cell if it is another."""
        where, number = self.places[line - 1] if 0 < line <= len(self.places) else ("", line)
        return number, where if where.startswith("cell") and where != self.where else ""


@dataclass
class _Submission:
    """All statements of a submission, in code cells and elsewhere, and what cannot be read."""

    notes: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    spare: list[Statement] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)  # a cell's text, and the reasons


def collect(path: Path | str, name: str) -> Found:
    """Find one function in a submission; see `collect_text`."""
    return collect_text(read_submission(Path(path)), Path(path).suffix, name)


def notes_on(text: str, suffix: str) -> list[str]:
    """What of a submission was left out, a line each. Raises Unreadable where all of it is."""
    return _submission(text, suffix).notes


def collect_text(
    text: str, suffix: str, name: str, *, given: frozenset[str] = frozenset()
) -> Found:
    """Find the function `name` in the text of a notebook (".ipynb") or Python file (".py").

    Names in `given` will be there already: the submission's own definitions of them are left out.
    Raises CollectError where no definition is found; its message says what was seen instead.
    """
    made = _submission(text, suffix)
    statements = made.statements
    if not _written(statements, name) and _written(made.spare, name):
        statements = statements + made.spare  # the cell's type was changed, to Markdown or raw
    if not _written(statements, name) and (broken := _broken(made, name)):
        # An f-string may be one that only a newer Python reads.
        kind = Unreadable if "f-string" in broken else CollectError
        raise kind(f"{name} is there but cannot be read: {broken}")
    if not any(name in s.binds for s in statements):
        raise NoFunction(f"no function named {name} was found{_instead(made, name)}")
    chosen = needed([s for s in statements if not s.binds or s.binds - given], name, given)
    last = [s for s in chosen if name in s.binds][-1]
    places: list[tuple[str, int]] = []
    for one in chosen:
        count = one.source.count("\n") + 1
        places += [(one.where, one.line + i) for i in range(count)] + [("", 0)]
    source = "\n\n".join(s.source for s in chosen) + "\n"
    return Found(name, source, last.where, last.stub, tuple(places))


@functools.lru_cache(maxsize=2)  # one submission is asked for several functions
def _submission(text: str, suffix: str) -> _Submission:
    reading = read_blocks(text, suffix)
    made = _Submission(list(reading.notes))
    blocks = deque(reading.blocks)
    while blocks:
        block = blocks.popleft()
        place = block.where or "this file"
        if len(made.statements) + len(made.spare) > MAX_STATEMENTS:
            made.notes.append(
                f"from {place} on it was left out: longer than {MAX_STATEMENTS:,} statements"
            )
            break
        spare = block.spare or is_written_file(block)
        try:
            parsed = parse(block)
        except PARSE_ERRORS as error:
            # One cell of a file that is half typed is not to cost the others.
            if not block.where and (cells := cells_of_file(block)):
                blocks.extend(cells)
                continue
            if isinstance(error, TooMuch):
                made.notes.append(f"{place} was left out: {error}")
            line = getattr(error, "lineno", None)
            reason = getattr(error, "msg", None) or str(error)
            if in_conflict(block.text):
                reason = "git left a merge conflict; choose one side"
            elif isinstance(error, SyntaxError) and not spare and len(made.broken) < MAX_BROKEN:
                rest, broken = without_broken(block, error)
                made.broken.append((broken, _reason(block, line, reason)))
                blocks.appendleft(rest)
                continue
            parsed = Parsed(broken=[(line, reason)])
        (made.spare if spare else made.statements).extend(parsed.statements)
        if parsed.broken and not spare:
            reasons = [_reason(block, *broken) for broken in parsed.broken[:MAX_REASONS]]
            made.broken.append((block.text, "; ".join(reasons)))
    return made


def _reason(block: Block, line: int | None, reason: str) -> str:
    """Why a piece of code cannot be read, and where; an invisible character by its name."""
    if any(word in reason for word in ("character", "indent", "invalid", "null")):
        hidden = invisible(block.text)
        if hidden:
            return ", ".join(part for part in (block.where, hidden) if part)
    at = ", ".join(part for part in (block.where, f"line {line}" if line else "") if part)
    version = ".".join(map(str, sys.version_info[:2]))
    return f"{at or 'the file'}: {reason} (read as Python {version})"


def _broken(made: _Submission, name: str) -> str:
    """Why the pieces that define a function cannot be read."""
    defines = re.compile(
        rf"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+{re.escape(name)}\b", re.MULTILINE
    )
    return "; ".join(
        reason for text, reason in made.broken if name in text and defines.search(visible(text))
    )


def _instead(made: _Submission, name: str) -> str:
    """What was there in place of a function: a name that is nearly the same, cells left out."""
    names = {n: s for s in made.statements if s.kind == "function" for n in s.binds}
    near = difflib.get_close_matches(name, list(names)[:1000], 1, 0.75)
    said = [f"there is {near[0]} in {names[near[0]].where}"] if near else []
    return f" ({'; '.join([*said, *made.notes])})" if said or made.notes else ""


def _written(statements: Iterable[Statement], name: str) -> bool:
    return any(name in s.binds and not s.stub for s in statements)
