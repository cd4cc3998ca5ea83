"""The list of mutants that keep their points and may: `solutions/other/NN_name.toml`.

An entry knows its mutant by the lines before and after, so it stays valid when other lines move::

    [[survivor]]
    exercise = "06.2"
    answer = "loops"
    before = "if weight > 0:"
    after = "if weight >= 0:"
    equivalent = "a weight of 0 adds nothing"

`equivalent` says why nothing changes, or, where a card asks for a share of right answers and leaves
open how, that another model is as right; `outside` why what changes is not asked for. Several
mutants with the same two lines stand in one entry that says how many, `times = 2`.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..sources.text import SourceError
from .mutating import Mutant

Key = tuple[str, str, str, str]  # exercise, answer, before, after


@dataclass(frozen=True)
class Listed:
    """An entry: its mutant, how many like it there are, whether it is equivalent, and why."""

    key: Key
    reason: str
    equivalent: bool
    times: int = 1


def read(path: Path) -> list[Listed]:
    """The entries of a file, none where there is no file; SourceError where one is incomplete."""
    if not path.is_file():
        return []
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", [])
        return [_listed(entry) for entry in entries]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{path.name}: {error}") from error


def _listed(entry: dict) -> Listed:
    key = (entry["exercise"], entry["answer"], entry["before"].strip(), entry["after"].strip())
    reasons = {kind: entry.get(kind, "").strip() for kind in ("equivalent", "outside")}
    if sum(map(bool, reasons.values())) != 1:
        raise ValueError(
            f"{key[0]}, {key[1]}, {key[2] or key[3]!r}: give a reason, `equivalent` or `outside`"
        )
    kind = "equivalent" if reasons["equivalent"] else "outside"
    return Listed(key, reasons[kind], kind == "equivalent", entry.get("times", 1))


def key_of(exercise: str, answer: str, mutant: Mutant) -> Key:
    """By what the list knows a mutant."""
    return exercise, answer, mutant.before, mutant.after


def entries(keys: Iterable[Key]) -> str:
    """Entries to be put into the file, each with a reason still to be given."""
    parts = []
    for key, times in Counter(keys).items():
        names = ("exercise", "answer", "before", "after")
        lines = [f"{name} = {_text(part)}" for name, part in zip(names, key, strict=True)]
        if times > 1:
            lines.append(f"times = {times}")
        parts.append("\n".join(["[[survivor]]", *lines, 'equivalent = ""', ""]))
    return "\n".join(parts)


def _text(text: str) -> str:
    if "\n" not in text and "'" not in text:
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False)  # a basic string of TOML
