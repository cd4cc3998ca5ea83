"""Read files that strangers sent, from a folder or a zip, without unpacking or changing anything.

What is listed: regular files, by relative name. Links are not followed, devices and pipes not
opened, names that lead out are refused, and nothing is read beyond a limit on its size.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from ....errors import MinitorchError
from ...checking.collect import MAX_BYTES
from ..marking.cleaning import one_line

MAX_FILES = 50_000  # of a whole class
MAX_FILES_OF_ONE = 1_000  # in one student's zip
MAX_ZIP_OF_ONE = 10_000_000
MAX_DEPTH = 8
MAX_RATIO = 200  # a notebook shrinks to a tenth, a bomb to a thousandth
_JUNK = {"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini", ".DS_Store", ".ipynb_checkpoints"}
_JUNK |= {".git", ".idea", ".vscode", ".venv"}
_BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError)


class Refused(MinitorchError):
    """A file that will not be read; the message says why, in a few words."""


@dataclass(frozen=True)
class Item:
    """A file by its name, in parts; `open` reads it, unless `problem` says why not."""

    parts: tuple[str, ...]
    open: Callable[[int], bytes]
    problem: str = ""

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def where(self) -> str:
        return "/".join(self.parts)

    def read(self, limit: int = MAX_BYTES) -> bytes:
        """The content. Raises Refused where it is too large, or is not what it says."""
        if self.problem:
            raise Refused(self.problem)
        data = self.open(limit + 1)
        if len(data) > limit:
            raise Refused(f"is larger than {limit / 1_000_000:g} MB")
        return data


def is_junk(parts: tuple[str, ...]) -> bool:
    """What file managers and Jupyter leave behind."""
    return any(part in _JUNK or part.startswith("._") for part in parts)


def folder(root: Path) -> list[Item]:
    """All files below a folder, in order."""
    return list(_walk(root, (), [0]))


def _walk(path: Path, parts: tuple[str, ...], count: list[int]) -> Iterator[Item]:
    try:
        with os.scandir(path) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        yield _refused(parts, f"cannot be opened: {error.strerror}")
        return
    for entry in entries:
        below = (*parts, entry.name)
        if is_junk(below):
            continue
        count[0] += 1
        if count[0] > MAX_FILES:
            raise Refused(f"there are more than {MAX_FILES:,} files; name a smaller folder")
        if entry.is_symlink():
            yield _refused(below, "is a symbolic link, which is not followed")
        elif entry.is_dir(follow_symlinks=False):
            if len(below) >= MAX_DEPTH:
                yield _refused(below, "lies too deep")
            else:
                yield from _walk(Path(entry.path), below, count)
        elif entry.is_file(follow_symlinks=False):
            yield Item(below, _opener(entry.path))
        else:
            yield _refused(below, "is a pipe, socket or device, not a file")


def _opener(path: str) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        # Neither follow a link nor wait for a pipe that took the file's place meanwhile.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            number = os.open(path, flags | getattr(os, "O_BINARY", 0))
            with open(number, "rb") as file:
                if not stat.S_ISREG(os.fstat(number).st_mode):
                    raise Refused("is not a regular file")
                return file.read(limit)
        except OSError as error:
            raise Refused(f"cannot be read: {error.strerror}") from error

    return read


def zipped(source: Path | bytes, most: int = MAX_FILES) -> list[Item]:
    """All files in a zip, in order. Raises Refused where it is none, or has too many entries."""
    try:
        archive = zipfile.ZipFile(BytesIO(source) if isinstance(source, bytes) else source)
    except (*_BROKEN, ValueError) as error:
        raise Refused(f"is not a whole zip file ({one_line(str(error), 80)})") from None
    infos = archive.infolist()
    if len(infos) > most:
        raise Refused(f"has {len(infos):,} entries; {most:,} are the most that is read")
    names = {id(info): _parts(info) for info in infos}
    times = Counter(names.values())
    items = []
    for info in infos:
        parts = names[id(info)]
        if info.is_dir() or is_junk(parts):
            continue
        problem = _problem(info) or ("stands in the zip twice" if times[parts] > 1 else "")
        if ".." in parts:
            problem = "has a name that leads out of the zip"
            parts = tuple(part for part in parts if part != "..") or ("?",)
        items.append(Item(parts, _extractor(archive, info), problem))
    return items


def _parts(info: zipfile.ZipInfo) -> tuple[str, ...]:
    name = info.filename
    if not info.flag_bits & 0x800:  # the name has no encoding; most often it is UTF-8 all the same
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    absolute = name.startswith(("/", "\\")) or name[1:2] == ":"
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    return tuple([".."] * absolute + parts) or ("?",)


def _problem(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a symbolic link, which is not followed"
    if kind not in (0, stat.S_IFREG):
        return "is not a regular file"
    if info.flag_bits & 1:
        return "is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in an unusual way; make the zip anew"
    if info.file_size > 100_000 and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        return f"claims to grow {info.file_size // max(info.compress_size, 1)} times when unpacked"
    return ""


def _extractor(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        if info.file_size >= limit:
            raise Refused(f"is larger than {(limit - 1) / 1_000_000:g} MB")
        try:
            with archive.open(info) as file:
                return file.read(limit)  # never more, whatever the zip claims
        except (*_BROKEN, ValueError) as error:
            raise Refused(f"is damaged in the zip ({one_line(str(error), 80)})") from None

    return read


def _refused(parts: tuple[str, ...], problem: str) -> Item:
    def never(limit: int) -> bytes:
        raise Refused(problem)

    return Item(parts or (".",), never, problem)
