"""Write the zip that Gradescope takes as an autograder."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from ....files import write_atomic
from ...checks import exercises_of
from ...checks.folders import root_of
from ...sources.text import PACKAGE, ROOT, SourceError, sources
from ..secret import FILE

# What the grader imports in Gradescope's container; all they need comes with them.
NEEDED = ("numpy", "safetensors", "tqdm", "jupytext", "ipython")
_PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_BLOCK = re.compile(r"^([A-Za-z0-9._-]+)==[^\n]*(?:\n[ \t]+[^\n]*)*", re.MULTILINE)
_CHECKS = re.compile(r"checks/ch(\d\d)\.py$")
# Of the course, the rooms that the grader stands on.
_ROOMS = ("checking", "checks", "sources", "grading")


def write(out: Path, chapter: int, secret: str, visibility: str = "visible") -> None:
    """Write the zip, readable by its owner only, whole or not at all."""
    if not exercises_of(chapter):
        raise SourceError(f"chapter {chapter:02d} has no exercises")
    files = dict(_files(chapter, secret, visibility))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name)  # no time: the same input makes the same zip
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # the mode counts
            runs = name in ("setup.sh", "run_autograder")
            entry.external_attr = (0o100700 if runs else 0o100600) << 16
            archive.writestr(entry, content)
    write_atomic(out, packed.getvalue(), mode=0o600)


def _files(chapter: int, secret: str, visibility: str) -> Iterator[tuple[str, str]]:
    library = any(exercise.library for exercise in exercises_of(chapter))
    settings = {"chapter": chapter, "visibility": visibility, "library": library}
    scripts = resources.files(__package__)
    for name in ("setup.sh", "run_autograder", "grade.py"):
        yield name, (scripts / name).read_text(encoding="utf-8")
    yield "requirements.txt", requirements()
    yield "settings.json", json.dumps(settings, indent=1) + "\n"
    yield FILE, f"{secret}\n"
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        later = _CHECKS.search(name)
        hidden = any(part.startswith(".") for part in name.split("/"))
        if hidden or not _is_needed(name) or (later and int(later[1]) > chapter):
            continue
        yield f"book/minitorch_attn/{name}", path.read_text(encoding="utf-8")
    yield "book/chapters/book.toml", (ROOT / "chapters/book.toml").read_text(encoding="utf-8")
    # The text of a chapter is there for its headings ("read again"), the worked answers because
    # an exercise that builds on an earlier one is tested with the right version of that.
    for folder in ("chapters", "solutions"):
        for path in sources(folder):
            if int(path.name[:2]) <= chapter:
                yield f"book/{folder}/{path.name}", path.read_text(encoding="utf-8")
    if (root := root_of(chapter)) != ROOT:  # an instructor's own: there it lies in the book
        for path in sorted((root / "checks").glob("*.py")):
            name = f"book/minitorch_attn/course/checks/{path.name}"
            yield name, path.read_text(encoding="utf-8")
        for path in sources("solutions", root):
            yield f"book/solutions/{path.name}", path.read_text(encoding="utf-8")


def _is_needed(name: str) -> bool:
    """Whether the grader needs this file of the package: of the engine, or of its rooms."""
    folder, _, rest = name.partition("/")
    return folder != "commands" and (
        folder != "course" or "/" not in rest or rest.startswith(tuple(f"{r}/" for r in _ROOMS))
    )


def requirements() -> str:
    """What `requirements/test.txt` pins, as far as the grader needs it, with its hashes."""
    path = ROOT / "requirements" / "test.txt"
    if not path.is_file():
        raise SourceError(f"{path} is missing: install anew, or export from a checkout")
    wanted = _closure(NEEDED)
    blocks = [
        found[0]
        for found in _BLOCK.finditer(path.read_text(encoding="utf-8"))
        if _plain(found[1]) in wanted
    ]
    missing = {_plain(name) for name in NEEDED} - {_plain(b.split("==")[0]) for b in blocks}
    if missing:
        raise SourceError(f"{path} does not pin {', '.join(sorted(missing))}: run `make lock`")
    return "\n".join(blocks) + "\n"


def _closure(names: tuple[str, ...]) -> set[str]:
    """These packages and all that they need on Linux, on any Python that we support."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    todo = [_plain(name) for name in names]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another Python than this one
        todo += [_plain(need.name) for need in map(Requirement, needs) if _on_linux(need.marker)]
    return found


def _on_linux(marker: Any) -> bool:
    """Whether a requirement counts there, with any of the Pythons."""
    linux = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "extra": ""}
    return marker is None or any(
        marker.evaluate(linux | {"python_version": v, "python_full_version": f"{v}.0"})
        for v in _PYTHONS
    )


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
