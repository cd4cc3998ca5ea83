"""What is kept of each student: one JSON file, written whole or not at all."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import MinitorchError
from ...files import write_atomic
from ..checking.collect import CollectError, collect_text
from ..checks import exercises_of
from ..sources.text import ROOT

# What decides a mark, beside the engine: the rest of the course shows and carries it.
_DECIDES = ("checking", "checks", "sources", "grading/marking")

Record = dict[str, Any]
_NAMES = {
    *("student", "id", "file", "notes"),  # who, and what a human eye should see
    *("digest", "chapter", "secret", "grader"),  # what the mark was made from
    *("mark", "code"),
    "final",  # or else to be tried again at the next run
}


class FolderError(MinitorchError, ValueError):
    """The folder of results cannot be used; the message says why and what to do."""


@functools.cache
def grader_version(chapter: int) -> str:
    """A fingerprint of all that decides a mark: the checks, the grader, the library, NumPy."""
    import numpy as np

    package = ROOT / "minitorch_attn"
    course = package / "course"
    above = {course, package / "commands"}
    files = [path for path in package.rglob("*.py") if above.isdisjoint(path.parents)]
    files += [path for room in _DECIDES for path in (course / room).rglob("*.py")]
    solutions = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.md"))
    files += [path for path in solutions if int(path.name[:2]) <= chapter]
    digest = hashlib.sha256(np.__version__.encode())
    for path in sorted(files):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def secret_mark(secret: str) -> str:
    """By which a secret is recognised, and not found out."""
    return hashlib.scrypt(secret.encode(), salt=b"minitorch_attn", n=2**14, r=8, p=1).hex()[:16]


def code_mark(text: str, suffix: str, chapter: int) -> str:
    """A fingerprint of the chapter's functions as written, comments and spaces aside.

    Empty where not all of them are there: a stub is like every other.
    """
    parts = []
    for exercise in exercises_of(chapter):
        try:
            found = collect_text(text, suffix, exercise.function)
            if found.stub:
                return ""
            parts.append(ast.unparse(ast.parse(found.source)))
        except (CollectError, SyntaxError, ValueError, RecursionError, MemoryError):
            return ""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def to_bytes(content: Any) -> bytes:
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode("utf-8", "replace")


def write(path: Path, content: bytes) -> None:
    """Write what is new; leave alone what is already there."""
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    write_atomic(path, content)


def read(path: Path) -> Record | None:
    """One student's record, or None where there is none that is whole."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return record if set(record) == _NAMES and "total" in record["mark"] else None
    except (OSError, ValueError, TypeError):
        return None


def read_all(out: Path, chapter: int) -> dict[str, Record]:
    """All records of this chapter by key, in order of the students' names."""
    found = {path.stem: read(path) for path in sorted((out / "students").glob("*.json"))}
    whole = {k: r for k, r in found.items() if r is not None and r["chapter"] == chapter}
    return dict(
        sorted(whole.items(), key=lambda pair: (pair[1]["student"], pair[1]["id"], pair[0]))
    )


@contextlib.contextmanager
def claimed(out: Path) -> Iterator[None]:
    """The folder is ours alone while we write; a lock that dies with its process."""
    if out.exists() and not out.is_dir():
        raise FolderError(f"--out {out} is a file, not a folder")
    if not out.exists():
        out.mkdir(parents=True, mode=0o700)  # marks are private
    with open(out / ".lock", "a+b") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # Windows
            pass
        except OSError:
            raise FolderError(f"another run is writing to {out}; wait for it") from None
        for folder in (out, out / "students", out / "feedback"):
            for left in folder.glob(".*.tmp"):
                left.unlink(missing_ok=True)
        yield


def settle(out: Path, chapter: int, secret: str, regrade: bool) -> str:
    """Refuse to mix chapters or secrets in one folder; returns the secret's mark."""
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
    write(path, to_bytes({"chapter": chapter, "secret": mark}))
    return mark
