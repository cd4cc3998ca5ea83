"""Pages whose cells run: plain ones, made without Sphinx, and what a reader does on them."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

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


def on(page: Any, which: str, what: str, *given: Any) -> Any:
    """Evaluate `what` on the cell for which the expression `which` holds."""
    find = "[...document.querySelectorAll('div.cell')].map(e => e.live).find(cell => %s)"
    return page.evaluate(f"given => {{ const cell = {find % which}; return {what}; }}", list(given))


def wait(page: Any, which: str = "true") -> None:
    """Until the cell, or else every cell, neither runs nor waits."""
    cells = "[...document.querySelectorAll('div.cell')].map(e => e.live)"
    page.wait_for_function(
        f"{cells}.filter(cell => {which}).every(cell => {_IDLE})", timeout=PATIENCE
    )


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
