"""Whose file is it? The ways in which learning platforms lay out what students handed in.

| from       | files                                                                  |
|------------|------------------------------------------------------------------------|
| nbgrader   | `submitted/STUDENT/ch06/06_one_query.ipynb`                            |
| Moodle     | `NAME_12345_assignsubmission_file_/FILE`, or that in one name          |
| Canvas     | `lastfirst_12345_67890_FILE`, `lastfirst_LATE_12345_67890_FILE`        |
| Gradescope | `submission_123456/FILE`, names in `submission_metadata.yml`           |
| none       | `STUDENT/FILE`, `STUDENT.ipynb`, `STUDENT.zip`, `STUDENT_06_one_query.ipynb` |
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...checks.folders import chapters
from ..marking.cleaning import one_line
from .archives import Item, Refused

METADATA = "submission_metadata.yml"
_MOODLE = re.compile(r"(.+)_(\d+)_assignsubmission_([a-z]+)(?:_(.*))?", re.DOTALL)
# Short numbers, and such as 06, are the students' own: `smith_3_4_06_one_query`.
_CANVAS = re.compile(r"(.+?)_(LATE_)?([1-9]\d{2,})_([1-9]\d{2,})_(.+)", re.DOTALL)
_CANVAS_ANONYMOUS = re.compile(r"(anon)_(LATE_)?([0-9A-Za-z]{5})_(\d+)_(.+)", re.DOTALL)
_GRADESCOPE = re.compile(r"submission_\d+")
_NBGRADER = {"source", "release", "submitted", "autograded", "feedback", "exchange"}
_ASSIGNMENT = re.compile(r"(?:ch|chapter)[ _-]?(\d{1,2})(?:\D.*)?|(\d\d)_.+", re.IGNORECASE)


@dataclass(frozen=True)
class Owner:
    """A student, as the platform names them; `late` if it says so."""

    name: str
    id: str = ""
    late: bool = False

    @property
    def mark(self) -> tuple[str, str]:
        """What tells students apart."""
        return self.name, self.id


Owned = tuple[Owner, tuple[str, ...], Item]  # whose, the rest of its name, the file


def owners(items: Sequence[Item], warnings: list[str]) -> list[Owned]:
    """Say for each file whose it is."""
    items = _unwrapped(items)
    names = _gradescope_names(items, warnings)
    stems = [chapter.file for chapter in chapters()]
    found: list[Owned] = []
    for item in items:
        if item.parts[-1] == METADATA and len(item.parts) == 1:
            continue
        first, *rest = item.parts
        moodle = _MOODLE.fullmatch(first)
        canvas = _CANVAS_ANONYMOUS.fullmatch(first) or _CANVAS.fullmatch(first)
        if moodle:
            if moodle[3] == "file":
                rest = rest or [moodle[4] or first]
                found.append((Owner(moodle[1], moodle[2]), tuple(rest), item))
        elif rest and first in names:
            found += [(owner, tuple(rest), item) for owner in names[first]]
        elif rest:
            found.append((Owner(first), tuple(rest), item))
        elif canvas:
            owner = Owner(canvas[1], canvas[3], late=bool(canvas[2]))
            found.append((owner, (canvas[5],), item))
        else:
            found.append((Owner(_student_in(first, stems)), (first,), item))
    return found


def of_chapter(parts: tuple[str, ...], chapter: int) -> bool | None:
    """Whether a file lies in the folder of this assignment; None where the folder does not say."""
    for part in parts[:-1]:
        match = _ASSIGNMENT.fullmatch(part)
        if match:
            return int(match[1] or match[2]) == chapter
    return None


def _unwrapped(items: Sequence[Item]) -> list[Item]:
    """Without the folders around all the students' work."""
    items = list(items)
    while items:
        firsts = {item.parts[0] for item in items if len(item.parts) > 1}
        if "submitted" in firsts and _is_course(items, firsts):
            items = [item for item in items if item.parts[0] == "submitted" and item.parts[1:]]
            return [replace(item, parts=item.parts[1:]) for item in items]
        elif len(firsts) != 1 or not all(len(item.parts) > 1 for item in items):
            break
        else:
            first = firsts.pop()
            seconds = {item.parts[1] for item in items}
            folders = {item.parts[1] for item in items if len(item.parts) > 2}
            platform = METADATA in seconds or any(
                _MOODLE.fullmatch(name) or _CANVAS.fullmatch(name) for name in seconds
            )
            platform = platform or ("submitted" in folders and folders <= _NBGRADER)
            students = len(folders) > 1 and not any(_ASSIGNMENT.fullmatch(f) for f in folders)
            if _MOODLE.fullmatch(first) or _GRADESCOPE.fullmatch(first):
                break
            if not (platform or (students and folders == seconds)):
                break
        items = [replace(item, parts=item.parts[1:]) for item in items]
    return items


def _is_course(items: Sequence[Item], folders: set[str]) -> bool:
    """Whether these are an nbgrader course's folders, and not a student's who is called so."""
    beside = {item.parts[0] for item in items if len(item.parts) == 1} - {"nbgrader_config.py"}
    return folders <= _NBGRADER and not any(n.endswith((".ipynb", ".py", ".zip")) for n in beside)


def _student_in(name: str, stems: list[str]) -> str:
    """The student's name in `alice_06_one_query.ipynb` or `alice.ipynb`."""
    stem = name.rsplit(".", 1)[0] or name
    for chapter in stems:
        if chapter in stem:
            return stem.replace(chapter, "", 1).strip(" _-.") or stem
    return stem


def _gradescope_names(items: Sequence[Item], warnings: list[str]) -> dict[str, list[Owner]]:
    """Who handed in which folder; several, where a group did."""
    listed = [item for item in items if item.parts == (METADATA,)]
    if not listed:
        return {}
    try:
        found = _yaml(listed[0].read(200_000_000))
        return {
            str(folder): [
                Owner(str(who[":name"]), str(who.get(":sid") or who.get(":email") or ""))
                for who in entry[":submitters"]
            ]
            for folder, entry in found.items()
        }
    except (Refused, ValueError, KeyError, TypeError, AttributeError) as error:
        warnings.append(
            f"{METADATA} could not be read ({one_line(str(error), 120)}); "
            "students are named by their folders"
        )
        return {}


def _yaml(data: bytes) -> Any:
    """Gradescope writes YAML with Ruby's tags, which mean nothing here."""
    import yaml  # type: ignore[import-untyped]

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        pass

    Loader.add_multi_constructor("!", lambda loader, tag, node: None)
    try:
        return yaml.load(data, Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from None
