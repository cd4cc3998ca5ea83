"""Pages whose cells run: plain ones, made without Sphinx, and what a reader does on them."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from minitorch_attn.course.checking import running
from minitorch_attn.course.checking.exercise import Exercise, Wrong
from minitorch_attn.course.proving import answers
from minitorch_attn.course.sources.text import ROOT

PATIENCE = 600_000  # milliseconds: a busy machine starts Python slowly
_IDLE = "!['waiting', 'running'].includes(cell.state.textContent)"


def lay(site: Path, names: list[str]) -> None:
    """Write the notebooks `names` as pages, formed as the web edition's."""
    for name in names:
        notebook = json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))
        cells = [
            f'<div class="cell" id="cell-{cell["id"]}"><div class="cell_input"><pre>'
            f"{html.escape(''.join(cell['source']))}</pre></div></div>"
            for cell in notebook["cells"]
            if cell["cell_type"] == "code"
        ]
        page = site / f"{name}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(
            "<!doctype html><html><head><meta charset='utf-8'></head><body><article>"
            f"<h1>{name}</h1>{''.join(cells)}</article>"
            '<script type="application/json" id="cells">{}</script></body></html>',
            encoding="utf-8",
        )


def opened(context: Any, path: Path) -> Any:
    """A page of Playwright's that fails the test on an error, or if it asks the network."""
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on(
        "request",
        lambda asked: None if asked.url[:4] in ("file", "blob", "data") else pytest.fail(asked.url),
    )
    page.goto(path.as_uri())
    return page


def on(page: Any, which: str, what: str, *given: Any) -> Any:
    """Evaluate `what` on the cell for which the expression `which` holds."""
    find = "[...document.querySelectorAll('div.cell')].map(e => e.live).find(cell => %s)"
    return page.evaluate(f"given => {{ const cell = {find % which}; return {what}; }}", list(given))


CELLS = "[...document.querySelectorAll('div.cell')].map(e => e.live)"


def wait(page: Any, which: str = "true") -> None:
    """Until the cell, or else every cell, neither runs nor waits."""
    page.wait_for_function(
        f"{CELLS}.filter(cell => {which}).every(cell => {_IDLE})", timeout=PATIENCE
    )


def wait_for_its_turn(page: Any, which: str, patience: int = PATIENCE) -> None:
    """Until a cell has run, or no cell of the page runs or waits any more."""
    page.wait_for_function(
        f"{CELLS}.some(cell => {which} && cell.took !== undefined)"
        f" || {CELLS}.every(cell => {_IDLE})",
        timeout=patience,
    )


def processor_seconds(chromium: Any) -> float:
    """What the browser's pages have had of the processor: who shares it with them adds nothing."""
    told = chromium.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    return sum(one["cpuTime"] for one in told["processInfo"] if one["type"] == "renderer")


def run(page: Any, which: str) -> list[dict[str, Any]]:
    """Run a cell to its end; what it showed, as a notebook keeps it."""
    on(page, which, "void cell.go()")
    wait(page)
    return outputs(page, which)


def outputs(page: Any, which: str) -> list[dict[str, Any]]:
    """What a cell showed; neighbouring pieces of one stream as one, of an error its message."""
    joined: list[dict[str, Any]] = []
    for output in on(page, which, "cell.outputs"):
        kind = output["output_type"]
        if kind == "stream" and joined and joined[-1].get("name") == output["name"]:
            joined[-1]["text"] += output["text"]
            continue
        joined.append(output)
        if kind == "error":
            message = f"{output['ename']}: {output['evalue']}".removesuffix(": ")
            told = "\n".join(output["traceback"])
            output["traceback"] = [message + told.partition(message)[2]]
    return joined


def text_of(shown: list[dict[str, Any]]) -> str:
    """All that was printed, said or told, as one text."""
    parts = [
        o.get("text") or o.get("data", {}).get("text/plain") or "".join(o.get("traceback", ()))
        for o in shown
    ]
    return "\n".join(parts)


# An answer in any browser that can evaluate


def answered(driven: Any, exercise: Exercise, text: str) -> str:
    """Write this into the cell of an exercise, press its `check`; what is said, as text."""
    return driven.evaluate(
        f"""(async () => {{
            const cells = {CELLS};
            cells.find(cell => cell.page.startsWith('exercises/')
                && cell.source.includes('def {exercise.function}(')).write({json.dumps(text)});
            const check = cells.find(cell => cell.check === '{exercise.id}');
            await check.go();
            return check.outputs.map(shown => shown.data?.['text/plain'] ?? '').join('\\n');
        }})()"""
    )


def mistake(exercise: Exercise, wrong: Wrong) -> str:
    """The text of a cell that answers an exercise by one of its named wrong answers."""
    library = f"minitorch_attn.course.checks.ch{exercise.id[:2]}"
    return f"from {library} import {wrong.function.__name__} as {exercise.function}"


def marks_wrong_and_right(driven: Any, exercise: Exercise) -> None:
    """The open page names the mistake in a wrong answer, and gives a right one all points."""
    wrong = exercise.wrong_answers[0]
    named = f"this looks like: “{wrong.name}”"
    said = answered(driven, exercise, mistake(exercise, wrong))
    (seed,) = re.findall(r"seed=(\d+)", said)
    if named in str(running.run(exercise, wrong.function, int(seed))):  # two may fit: then none is
        assert f"{named}. {wrong.explanation}" in said
    assert full(exercise) not in said
    said = answered(driven, exercise, answers.worked(exercise).source)
    assert full(exercise) in said


def full(exercise: Exercise) -> str:
    """What a right answer is told."""
    return f"{exercise.points:g} of {exercise.points:g} points"


def scores(driven: Any) -> list[str]:
    """The points that the open page shows beside its checks."""
    return driven.evaluate(f"{CELLS}.filter(c => c.check).map(c => c.score.textContent)")
