"""Putting it into pages: what `live.js` must know of a page, and the worker's script."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...slides.assets import tool
from ...sources.text import ROOT
from . import runtime
from .marks import Mark, marks

HERE = Path(__file__).parent
FOLDER = "_static/live"  # in the site
_MARK = '<script type="application/json" id="cells">'  # what a page with cells has
Payload = Mapping[str, Sequence[str | None]]


def add(site: Path, root: Path = ROOT) -> str:
    """Make the cells of all pages run; returns what cannot be, in one line, or "".

    Where there is no Python for the browser the pages stay as they are, and say so.
    """
    folder = site / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    payload: Payload | None = None
    said, size = "", 0
    try:
        runtime.wheel(root)
        payload = runtime.write(folder, root)
        size = sum(
            (folder / str(name)).stat().st_size for part in payload.values() for name in part
        )
        (folder / "worker.js").write_text(worker_script(root), encoding="utf-8")
    except runtime.NoRuntime as missing:
        said = str(missing)
    for name in ("live.js", "live.css"):
        (folder / name).write_bytes((HERE / name).read_bytes())
    for page in sorted(site.glob("*/*.html")):
        text = page.read_text(encoding="utf-8")
        if _MARK not in text:
            continue
        name = page.relative_to(site).with_suffix("").as_posix()
        notebook = json.loads((root / f"{name}.ipynb").read_text(encoding="utf-8"))
        facts = {"payload": payload, "size": size, "base": f"../{FOLDER}/"}
        script = folder / f"{name.replace('/', '-')}.js"
        told = begin({name: notebook}, read="../notebooks/{file}.html", **facts)
        script.write_text(told, encoding="utf-8")
        page.write_text(_with(text, script.name, bool(payload)), encoding="utf-8")
    return said


def _with(text: str, script: str, able: bool) -> str:
    """A page with the scripts in it."""
    names = ["live.js", *(["worker.js"] if able else []), script]
    tags = "".join(f'<script src="../{FOLDER}/{name}"></script>' for name in names)
    sheet = f'<link rel="stylesheet" href="../{FOLDER}/live.css">'
    return text.replace("</head>", f"{sheet}</head>", 1).replace("</body>", f"{tags}</body>", 1)


def worker_script(root: Path = ROOT) -> str:
    """A script that holds the worker's, with the system calls that it needs, as one string.

    Raises
    ------
    NoRuntime
        If it cannot be made.
    """
    words = [tool("node"), "node_modules/esbuild/bin/esbuild", "--loader=js", "--bundle"]
    made = subprocess.run(
        [*words, "--format=iife", "--minify", "--legal-comments=inline"],
        input=(HERE / "worker.js").read_text(encoding="utf-8"),
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=root / "slides",  # where its imports are found
    )
    if made.returncode:
        raise runtime.NoRuntime(f"the worker's script could not be made: {made.stderr.strip()}")
    return f"minitorchLive.worker = {inside_script(made.stdout)};"


def begin(notebooks: Mapping[str, Any], **facts: Any) -> str:
    """The script that makes a page's cells run.

    Parameters
    ----------
    notebooks : those that it shows, by their names, as in "exercises/06_one_query"
    facts : `payload` (scripts by name, or None where there is none), `size` in bytes, `base` and
        `read`, the addresses of the scripts and of a chapter's page, `{file}` in place of its name;
        `ids`, what the ids of a notebook's elements begin with, by its name, where it is something
    """
    cells = [
        {
            "page": name,
            "id": cell["id"],
            "source": "".join(cell["source"]),
            "raises": "raises-exception" in cell["metadata"].get("tags", ()),
            **marks().get(cell["id"], Mark()).told(),
        }
        for name, notebook in notebooks.items()
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]
    copies = {name: without_outputs(notebook) for name, notebook in notebooks.items()}
    return f"minitorchLive.begin({inside_script({'cells': cells, 'notebooks': copies, **facts})});"


def without_outputs(notebook: Any) -> Any:
    """The notebook as a reader's copy has it."""
    cells = [
        {**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
        for cell in notebook["cells"]
    ]
    return {**notebook, "cells": cells}


def inside_script(value: Any) -> str:
    """JSON that nothing in it can end the script around it, or begin a comment."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
