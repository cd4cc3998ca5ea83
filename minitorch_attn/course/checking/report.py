"""What a learner is told after a check."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..sources.text import ROOT, headings_of, notebook_anchor

PASSED, FAILED, NOT_DONE = "passed", "failed", "not done"
_MARK = {PASSED: "✓", FAILED: "✗", NOT_DONE: "○"}
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

    @property
    def points(self) -> float:
        return self.total if self.status == PASSED else 0

    def lines(self) -> list[tuple[str, str]]:
        """What is said below the claim: pairs of a heading and a text."""
        pairs = [("must hold", self.problem), ("expected", self.expected), ("got", self.got)]
        if self.misconception:
            smell = f"“{self.misconception}”"
            smell += f". {self.explanation}" if self.explanation else " again"
            pairs.append(("this looks like", smell))
        return [(head, text) for head, text in pairs if text]


@dataclass(frozen=True)
class Report:
    """The result of one exercise; shown by a notebook as a list of ticks."""

    id: str
    title: str
    read: str
    results: tuple[Result, ...]
    seed: int

    @cached_property
    def points(self) -> float:
        return sum(result.points for result in self.results)

    @cached_property
    def total(self) -> float:
        return sum(result.total for result in self.results)

    @property
    def done(self) -> bool:
        """Whether the exercise is no longer the stub."""
        return any(result.status != NOT_DONE for result in self.results)

    @property
    def headline(self) -> str:
        state = "" if self.done else ", not done yet"
        return f"{self.id} {self.title}: {self.points:g} of {self.total:g} points{state}"

    def __repr__(self) -> str:
        out = [self.headline]
        for result in self.results:
            out.append(f"  {_MARK[result.status]} {result.total:g}  {result.claim}")
            for head, text in result.lines():
                gap = "\n" + " " * 9
                out.append(
                    f"       {head}:{gap if chr(10) in text else ' '}" + text.replace("\n", gap)
                )
        if self.done and self.points < self.total:
            file, heading, _ = where_to_read(self.read)
            out.append(f"  Read again: notebooks/{file}" + (f", “{heading}”" if heading else ""))
            out.append(f"  The same inputs again: seed={self.seed}")
        return "\n".join(out)

    def _repr_html_(self) -> str:
        rows = []
        for result in self.results:
            below = "".join(
                f"<div style='margin-left:3.2em'><i>{html.escape(head)}:</i> "
                f"<span style='{_looks(head, text)}'>{html.escape(text)}</span></div>"
                for head, text in result.lines()
            )
            rows.append(
                f"<div data-status='{result.status}'><b style='display:inline-block;width:3.2em;"
                f"color:{_COLOR[result.status]}'>{_MARK[result.status]} {result.total:g}</b>"
                f"{html.escape(result.claim)}{below}</div>"
            )
        if self.done and self.points < self.total:
            file, heading, anchor = where_to_read(self.read)
            link = f"<a href='../notebooks/{file}{anchor}'>{html.escape(heading or file)}</a>"
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
    columns = "font-family:monospace;line-height:1.3;" if head in ("expected", "got") else ""
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
