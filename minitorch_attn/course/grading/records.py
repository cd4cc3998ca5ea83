"""What is kept of each student: one JSON file, written whole or not at all."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ...errors import MinitorchError
from ...files import write_if_changed
from ..checks.folders import root_of
from ..sources.text import PACKAGE, ROOT
from .marking.marks import Mark

# What decides a mark, beside the engine: the rest of the course shows and carries it.
FOLDERS = "students", "feedback"
_DECIDES = ("checking", "checks", "sources", "grading/marking")


@dataclass(frozen=True)
class Record:
    """All that is kept of a student.

    student, id, file : who, and the file's name, as they were handed in; cleaned
    notes : lines for a human eye
    digest, chapter, secret, grader : what the mark was made from: fingerprints, and the chapter
    code : fingerprints of the functions, see `likeness.code_mark`
    copied : the exercises whose code is that of a public worked answer
    final : whether the mark stands; if not, it is none, and is tried again at the next run
    """

    student: str
    id: str
    file: str
    notes: tuple[str, ...]
    digest: str
    chapter: int
    secret: str
    grader: str
    mark: Mark
    code: str
    final: bool = True
    copied: tuple[str, ...] = ()

    @property
    def made_from(self) -> tuple[str, int, str, str]:
        """Where two are alike in this, so are their marks."""
        return self.digest, self.chapter, self.secret, self.grader

    def to_json(self) -> dict[str, Any]:
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        lists = {"notes": list(self.notes), "copied": list(self.copied)}
        return plain | lists | {"mark": self.mark.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Record:
        """What `to_json` gave. Raises ValueError, KeyError or TypeError for anything else."""
        if "copied" not in data:  # an earlier version's; its one fingerprint is of another kind
            data = data | {"copied": [], "code": ""}
        lists = {name: tuple(data[name]) for name in ("notes", "copied")}
        record = cls(**data | lists | {"mark": Mark.from_json(data["mark"])})
        if record.to_json() != data:
            raise ValueError("no record that was written here: names or sums are others")
        return record


class FolderError(MinitorchError, ValueError):
    """The folder of results cannot be used; the message says why and what to do."""


def grader_version(chapter: int) -> str:
    """A fingerprint of all that decides a mark: the checks, the grader, the library, NumPy."""
    return _version(chapter, root_of(chapter))


@functools.cache
def _version(chapter: int, root: Path) -> str:
    import numpy as np

    course = PACKAGE / "course"
    above = {course, PACKAGE / "commands"}
    files = [path for path in PACKAGE.rglob("*.py") if above.isdisjoint(path.parents)]
    files += [path for room in _DECIDES for path in (course / room).rglob("*.py")]
    files.append(course / "grading" / "likeness.py")  # its fingerprints are kept beside the mark
    solutions = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.md"))
    files += [path for path in solutions if int(path.name[:2]) <= chapter]
    digest = hashlib.sha256(np.__version__.encode())
    names = {_name(path): path for path in files}
    if root != ROOT:  # an instructor's own
        theirs = [*(root / "checks").glob("*.py"), *(root / "solutions").glob("[0-9][0-9]_*.md")]
        names |= {f"own/{path.relative_to(root).as_posix()}": path for path in theirs}
    for name, path in sorted(names.items()):
        digest.update(name.encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _name(path: Path) -> str:
    """The same in a checkout and where pip installed the book."""
    root = PACKAGE.parent if path.suffix == ".py" else ROOT
    return path.relative_to(root).as_posix()


def secret_mark(secret: str) -> str:
    """By which a secret is recognised, and not found out."""
    return hashlib.scrypt(secret.encode(), salt=b"minitorch_attn", n=2**14, r=8, p=1).hex()[:16]


def to_bytes(content: Any) -> bytes:
    """JSON for the folder of results: the same content gives the same bytes."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode("utf-8", "replace")


def private(path: Path, content: bytes) -> None:
    """Write a file of results, if it is new: for its owner alone, whoever may read the folder."""
    write_if_changed(path, content, 0o600)


def write(path: Path, record: Record) -> None:
    """Write one student's record, if it is new."""
    private(path, to_bytes(record.to_json()))


def read(path: Path) -> Record | None:
    """One student's record, or None where there is none that is whole."""
    try:
        return Record.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_all(out: Path, chapter: int) -> dict[str, Record]:
    """All records of this chapter by key, in order of the students' names."""
    found = {path.stem: read(path) for path in sorted((out / "students").glob("*.json"))}
    whole = {key: r for key, r in found.items() if r is not None and r.chapter == chapter}
    return dict(sorted(whole.items(), key=lambda pair: (pair[1].student, pair[1].id, pair[0])))


@contextlib.contextmanager
def claimed(out: Path) -> Iterator[None]:
    """The folder is ours alone while we write; a lock that dies with its process."""
    if out.exists() and not out.is_dir():
        raise FolderError(f"--out {out} is a file, not a folder")
    for folder in (out, *(out / name for name in FOLDERS)):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # marks are private
    try:
        ours = FileLock(out / ".lock").acquire(blocking=False)
    except Timeout:
        raise FolderError(f"another run is writing to {out}; wait for it") from None
    with ours:
        for folder in (out, *(out / name for name in FOLDERS)):
            for left in folder.glob(".*.tmp"):
                left.unlink(missing_ok=True)
        yield


def settle(
    out: Path, chapter: int, secret: str, regrade: bool, points: dict[str, float] | None = None
) -> str:
    """Refuse to mix chapters or secrets in one folder; returns the secret's mark.

    `points` are kept beside, for the table over a term.
    """
    path, mark = out / "settings.json", secret_mark(secret)
    if path.exists():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            was, old = before["chapter"], before["secret"]
        except (ValueError, KeyError, TypeError):
            raise FolderError(f"{path} is damaged; name another --out") from None
        if was != chapter:
            raise FolderError(f"{out} holds marks of chapter {was:02d}; name another --out")
        if old != mark and not regrade:
            raise FolderError(
                f"{out} was graded with another secret, so with other inputs: give that one, "
                "or mark all anew with --regrade"
            )
    private(path, to_bytes({"chapter": chapter, "secret": mark, "points": points or {}}))
    return mark
