"""A lecture's Markdown: its slides, and what the plan in the first note says about them.

A slide ends at a line `---`; what follows a line `Note:` is for the speaker. The first note has
the plan ("45 minutes in all: 10 for the clinic, 15 for the formulas, … 2 to close."), every other
note begins with its minute ("Minute 4."). From these come the parts and the seconds of a slide.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..sources.text import SourceError

_PLAN = re.compile(r"(\d+) minutes in all: (.+?)\.(?:\s|$)", re.DOTALL)
_PART = re.compile(r"(\d+) (?:for |to )?(.+?)(?:, (?=\d)|$)", re.DOTALL)
_MINUTE = re.compile(r"Minute (\d+)\.")


@dataclass(frozen=True)
class Part:
    """A part of the lecture: its name, and its minutes."""

    name: str
    minutes: int


@dataclass
class Slide:
    """One slide: Markdown as written, then HTML of what is shown and of the speaker's notes.

    `part` counts from 0; `seconds` is how long the slide takes, None where no plan says so;
    `poll` is the question that the slide asks, as in "06.2".
    """

    number: int
    markdown: str
    note: str
    shown: str = ""
    notes: str = ""
    formulas: list[dict[str, Any]] = field(default_factory=list)
    part: int = 0
    seconds: int | None = None
    poll: str = ""


def split(markdown: str) -> list[Slide]:
    """Cut a lecture at its lines `---`, and each slide at its line `Note:`; not inside fences."""
    slides: list[Slide] = []
    shown: list[str] = []
    note: list[str] = []
    part, fence = shown, ""
    for line in [*markdown.splitlines(), "---"]:
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip() == fence:
            fence = ""
        if line.rstrip() == "---" and not fence:
            slides.append(Slide(len(slides) + 1, "\n".join(shown).strip(), "\n".join(note).strip()))
            shown, note = [], []
            part = shown
        elif line.startswith("Note:") and not fence and part is shown:
            part = note
            part.append(line.removeprefix("Note:").strip())
        else:
            part.append(line)
    return slides


def plan(slides: list[Slide]) -> list[Part]:
    """Read the plan, and give each slide its part and its seconds; no parts where none is written.

    Slides of the same minute share the time until the next one.

    Raises
    ------
    SourceError
        If the parts do not add up, or a slide has no minute or one before the last.
    """
    found = _PLAN.search(slides[0].note)
    if not found:
        return []
    total = int(found[1])
    parts = [Part(name, int(minutes)) for minutes, name in _PART.findall(found[2])]
    if sum(part.minutes for part in parts) != total:
        raise SourceError(
            f"slide 1: the plan says {total} minutes, its parts add up to "
            f"{sum(part.minutes for part in parts)}."
        )
    minutes = [0]
    for slide in slides[1:]:
        written = _MINUTE.match(slide.note)
        if not written or not minutes[-1] <= int(written[1]) < total:
            raise SourceError(
                f"slide {slide.number}: begin its note with “Minute N.”, "
                f"N from {minutes[-1]} to {total - 1}."
            )
        minutes.append(int(written[1]))
    ends = [sum(part.minutes for part in parts[: n + 1]) for n in range(len(parts))]
    together = Counter(minutes)
    following = dict(zip(sorted(together), [*sorted(together)[1:], total], strict=True))
    for place, (slide, minute) in enumerate(zip(slides, minutes, strict=True)):
        slide.part = next(n for n, end in enumerate(ends) if minute < end)
        seconds, count = 60 * (following[minute] - minute), together[minute]
        k = place - minutes.index(minute)
        slide.seconds = seconds * (k + 1) // count - seconds * k // count
    return parts
