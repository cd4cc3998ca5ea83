"""How a wheel is built: flit does it, and the book goes along.

flit packs the package's folder and nothing else, so the wheel is built in a copy of it into which
the book was laid, as `minitorch_attn/course/_book`. `course/sources/text.py` reads it there. An
editable installation reads the book where it is written.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flit_core import buildapi
from flit_core.buildapi import (  # what else pip asks a backend for
    build_editable,
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

PROJECT = ("pyproject.toml", "README.md", "LICENSE")
PACKAGE = "minitorch_attn"
BOOK = f"{PACKAGE}/course/_book"
# Lectures and lock files are built and used in a checkout; `export gradescope` needs the last one.
PARTS = ("chapters", "notebooks", "exercises", "solutions", "requirements/test.txt")
_LEFT = shutil.ignore_patterns("__pycache__", ".*")


def build_wheel(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build the wheel of the project in the current folder; returns its name."""
    here, target = Path.cwd(), os.path.abspath(wheel_directory)
    with TemporaryDirectory() as made:
        copy = Path(made)
        for name in PROJECT:
            shutil.copy2(here / name, copy / name)
        shutil.copytree(here / PACKAGE, copy / PACKAGE, ignore=_LEFT)
        lay_book(here, copy / BOOK)
        os.chdir(copy)
        try:
            return buildapi.build_wheel(target, config_settings)
        finally:
            os.chdir(here)


def lay_book(root: Path, folder: Path) -> None:
    """Copy the book; its notebooks without outputs, as a reader's working copy has them."""
    for part in PARTS:
        source, target = root / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=_LEFT)
        else:
            shutil.copy2(source, target)
    for path in folder.rglob("*.ipynb"):
        _strip(path)


def _strip(path: Path) -> None:
    times = path.stat()
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
