"""What a learner is told after a check."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from ..sources.text import ROOT, headings_of, notebook_anchor, section_id

PASSED, FAILED, NOT_DONE = "passed", "failed", "not done"
VALUES = (
    "given",
    "expected",
    "got",
)  # headings of arrays, which stand in columns; the others are prose
_SIGN = {PASSED: "✓", FAILED: "✗", NOT_DONE: "○"}
_COLOR = {PASSED: "#009E73", FAILED: "#D55E00", NOT_DONE: "#808080"}


@dataclass(frozen=True)
class Result:
    """What one check found."""

    check: str  # the name of the check's function
    claim: str
    total: float
    status: str  # PASSED, FAILED or NOT_DONE
    problem: str = ""
    expected: str = ""
    got: str = ""
    misconception: str = ""
    explanation: str = ""
    given: str = ""  # the inputs of the call that failed
    stumbled: str = ""  # for who wrote the check: the error of its own that stopped it, and where

    @property
    def points(self) -> float:
        return self.total if self.status == PASSED else 0

    @property
    def sign(self) -> str:
        return _SIGN[self.status]

    def lines(self) -> list[tuple[str, str]]:
        """What is said below the claim: pairs of a heading and a text."""
        pairs = [
            ("must hold", self.problem),
            ("given", self.given),
            ("expected", self.expected),
            ("got", self.got),
        ]
        if self.misconception:
            smell = f"“{self.misconception}”"
            smell += f". {self.explanation}" if self.explanation else " again"
            pairs.append(("this looks like", smell))
        return [(head, text) for head, text in pairs if text]

    def below(self) -> str:
        """The same as plain text; what has lines of its own stands under its heading."""
        return "\n".join(
            f"{head}:" + ("\n  " + text.replace("\n", "\n  ") if "\n" in text else f" {text}")
            for head, text in self.lines()
        )

    def to_json(self) -> dict[str, Any]:
        """The result as JSON holds it, in a record of the grader."""
        return {**asdict(self), "points": self.points}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Result:
        """What `to_json` gave. Raises KeyError or TypeError where something is missing."""
        if data["status"] not in _SIGN:
            raise KeyError(data["status"])
        return cls(**{name: value for name, value in data.items() if name != "points"})


@dataclass(frozen=True)
class Outcome:
    """What came of the checks of one exercise."""

    id: str
    title: str
    read: str  # where the book explains it, as in "06_one_query.md#the-loop"
    results: tuple[Result, ...]

    @cached_property
    def points(self) -> float:
        return sum(result.points for result in self.results)

    @cached_property
    def total(self) -> float:
        return sum(result.total for result in self.results)

    @property
    def shown(self) -> list[Result]:
        """The results as they are told: an error that came in several checks in full once."""
        seen: set[str] = set()
        told = []
        for result in self.results:
            said = result.got
            head, raised, error = said.partition(" raised ")
            if raised and said in seen:
                kind = error.partition(":")[0].partition("\n")[0]
                result = replace(result, got=f"{head} raised {kind}, as above")
            seen.add(said)
            told.append(result)
        return told

    @property
    def headline(self) -> str:
        return f"{self.id} {self.title}: {self.points:g} of {self.total:g} points"

    @property
    def read_again(self) -> str:
        file, heading, _ = where_to_read(self.read)
        return f"Read again: notebooks/{file}" + (f", “{heading}”" if heading else "")

    def told(self, clean: Callable[[str], str] = str) -> Iterator[str]:
        """Each check's claim and, as `clean` leaves it, what is said below."""
        for result in self.shown:
            yield f"  {result.sign} {result.total:g}  {result.claim}"
            if below := clean(result.below()):
                yield "       " + below.replace("\n", "\n       ")


@dataclass(frozen=True)
class Report(Outcome):
    """The result of one exercise; shown by a notebook as a list of ticks."""

    seed: int

    @property
    def done(self) -> bool:
        """Whether the exercise is no longer the stub."""
        return any(result.status != NOT_DONE for result in self.results)

    @property
    def headline(self) -> str:
        return super().headline + ("" if self.done else ", not done yet")

    def __repr__(self) -> str:
        out = [self.headline, *self.told()]
        if self.done and self.points < self.total:
            out += [f"  {self.read_again}", f"  The same inputs again: seed={self.seed}"]
        return "\n".join(out)

    def _repr_html_(self) -> str:
        rows = []
        for result in self.shown:
            below = "".join(
                f"<div style='margin-left:3.2em'><i>{html.escape(head)}:</i> "
                f"<span style='{_looks(head, text)}'>{html.escape(text)}</span></div>"
                for head, text in result.lines()
            )
            rows.append(
                f"<div data-status='{result.status}'><b style='display:inline-block;width:3.2em;"
                f"color:{_COLOR[result.status]}'>{result.sign} {result.total:g}</b>"
                f"{html.escape(result.claim)}{below}</div>"
            )
        if self.done and self.points < self.total:
            file, heading, _ = where_to_read(self.read)
            there = f"#cell-id={section_id(int(file[:2]), heading)}" if heading else ""
            link = f"<a href='../notebooks/{file}{there}'>{html.escape(heading or file)}</a>"
            rows.append(
                f"<div>Read again: {link}. "
                f"The same inputs again: <code>seed={self.seed}</code></div>"
            )
        color = _COLOR[PASSED if self.points == self.total else FAILED if self.done else NOT_DONE]
        return (
            f"<div class='minitorch-report' data-exercise='{self.id}' data-points='{self.points:g}'"
            f" data-total='{self.total:g}' style='border-left:4px solid {color};"
            f"padding:.2em .8em;line-height:1.6'><b>{html.escape(self.headline)}</b>"
            + "".join(rows)
            + "</div>"
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def _looks(head: str, text: str) -> str:
    """Arrays stand in columns, on lines of their own."""
    columns = "font-family:monospace;line-height:1.3;" if head in VALUES else ""
    block = "display:block;" if columns and "\n" in text else ""
    return f"{columns}{block}white-space:pre-wrap"


def where_to_read(read: str) -> tuple[str, str, str]:
    """For "06_one_query.md#the-loop": the notebook, the heading, and Jupyter's anchor for it.

    Heading and anchor are empty where the chapter's source is not at hand.
    """
    file, _, anchor = read.partition("#")
    path = ROOT / "chapters" / file
    heading = headings_of(path).get(anchor, "") if path.is_file() else ""
    notebook = file.removesuffix(".md") + ".ipynb"
    return notebook, heading, f"#{notebook_anchor(heading)}" if heading else ""
