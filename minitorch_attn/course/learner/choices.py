"""What a chapter asks its reader to put in: letters of bets, and True to open the pictures.

Putting it in is reading, not changing the chapter: a corrected chapter can still take its place,
with what was put in carried over.
"""

from __future__ import annotations

import re

from ..sources.questions import PREDICT

_COLLECT = re.compile(r"(?P<head>\bclicks\.collect\(\s*)(?P<choice>True|False)(?=\s*\))")


def blank(kind: str, text: str) -> str:
    """The text of a cell as the book has it, with nothing put in."""
    if kind != "code":
        return text
    text = PREDICT.sub(lambda found: f"{found['head']}None", text)
    return _COLLECT.sub(lambda found: f"{found['head']}False", text)


def made_in(text: str) -> dict[str, str]:
    """What was put in, as it is written, by question."""
    made = {found["id"]: found["choice"] for found in PREDICT.finditer(text)}
    made = {id: choice for id, choice in made.items() if choice != "None"}
    if any(found["choice"] == "True" for found in _COLLECT.finditer(text)):
        made["collect"] = "True"
    return made


def put(text: str, made: dict[str, str]) -> str:
    """The text of a cell with the choices of `made_in` in it."""
    text = PREDICT.sub(lambda found: found["head"] + made.get(found["id"], found["choice"]), text)
    return _COLLECT.sub(lambda found: found["head"] + made.get("collect", found["choice"]), text)
