"""Read files that strangers sent, from a folder or a zip, without unpacking or changing anything.

What is listed: regular files, by relative name. Links are not followed, devices and pipes not
opened, names that lead out are refused, and nothing is read beyond a limit on its size.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

from ....errors import MinitorchError
from ...checking.reading import MAX_BYTES, MAX_RAW
from ..marking.cleaning import one_line
from .names import decode_names

MAX_FILES = 300_000  # of a whole class
# In a folder at this depth, all below it included: one student's are not the end of the class.
MAX_FILES_BELOW = (MAX_FILES, 50_000, 10_000)
MAX_OTHERS = 20  # files in one folder that are nothing to mark: enough to say what is there
MAX_FILES_OF_ONE = 1_000  # in one student's zip
MAX_ZIP_OF_ONE = MAX_RAW
MAX_DEPTH = 8
MAX_RATIO = 200  # a notebook shrinks to a tenth, a bomb to a thousandth
_JUNK = {"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini", ".DS_Store", ".ipynb_checkpoints"}
_JUNK |= {".git", ".idea", ".vscode", ".venv", "node_modules", "site-packages"}
_WANTED = (".ipynb", ".py", ".zip", ".yml")
_EMPTY = "this folder"  # stands for what is in a folder without files


class Refused(MinitorchError):
    """A file that will not be read; the message says why, in a few words."""


@dataclass(frozen=True)
class Item:
    """A file by its name, in parts; `open` reads it, unless `problem` says why not.

    `time` is when it was last written, as the folder or zip says, in seconds since 1970.
    """

    parts: tuple[str, ...]
    open: Callable[[int], bytes]
    problem: str = ""
    time: float | None = None

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


def folder(root: Path, names: str = "") -> list[Item]:
    """All files below a folder, in order; `names` is how names are encoded that are not UTF-8."""
    return list(_walk(root, (), names))


def _walk(path: Path, parts: tuple[str, ...], names: str) -> Iterator[Item]:
    try:
        with os.scandir(path) as found:
            entries = list(found)
    except OSError as error:
        yield _refused(parts, f"cannot be opened: {error.strerror}")
        return
    shown = decode_names((os.fsencode(entry.name) for entry in entries), names)
    here = sorted((shown[os.fsencode(entry.name)], entry) for entry in entries)
    most = MAX_FILES_BELOW[min(len(parts), len(MAX_FILES_BELOW) - 1)]
    count = others = 0
    for name, entry in here:
        below = (*parts, name)
        if is_junk(below):
            continue
        for item in _items(entry, below, names):
            wanted = bool(item.problem) or item.name.lower().endswith(_WANTED)
            if not wanted and len(item.parts) == len(below):
                others += 1
                if others > MAX_OTHERS:
                    continue
            count += 1
            if count > most:
                if not parts:
                    raise Refused(f"there are more than {most:,} files; name a smaller folder")
                yield _refused((*parts, _EMPTY), f"holds more than {most:,} files")
                return
            yield item
    if not count and parts:
        yield _refused((*parts, _EMPTY), "is empty")


def _items(entry: os.DirEntry[str], parts: tuple[str, ...], names: str) -> Iterator[Item]:
    if entry.is_symlink():
        yield _refused(parts, "is a symbolic link, which is not followed")
    elif entry.is_dir(follow_symlinks=False):
        if len(parts) >= MAX_DEPTH:
            yield _refused(parts, "lies too deep")
        else:
            yield from _walk(Path(entry.path), parts, names)
    elif entry.is_file(follow_symlinks=False):
        yield Item(parts, _opener(entry.path), time=_written(entry))
    else:
        yield _refused(parts, "is a pipe, socket or device, not a file")


def _written(entry: os.DirEntry[str]) -> float | None:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except OSError:  # it has gone: that is told when it is read
        return None


def _opener(path: str) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        # Neither follow a link nor wait for a pipe that took the file's place meanwhile.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            number = os.open(path, flags | getattr(os, "O_BINARY", 0))
            with open(number, "rb") as file:
                state = os.fstat(number)
                if not stat.S_ISREG(state.st_mode):
                    raise Refused("is not a regular file")
                return file.read(min(limit, state.st_size + 1))  # room for no more is made
        except OSError as error:
            raise Refused(f"cannot be read: {error.strerror}") from error

    return read


def zipped(source: Path | bytes, most: int = MAX_FILES, names: str = "") -> list[Item]:
    """All files in a zip, in order. Raises Refused where it is none, or has too many entries."""
    try:
        archive = zipfile.ZipFile(BytesIO(source) if isinstance(source, bytes) else source)
        infos = archive.infolist()
        promised = _promised(archive)
    except Exception as error:  # what zipfile raises for a damaged one is no closed list
        raise Refused(f"is not a whole zip file ({one_line(str(error), 80)})") from None
    if len(infos) > most:
        raise Refused(f"has {len(infos):,} entries; {most:,} are the most that is read")
    if promised is not None and promised != len(infos):
        raise Refused(f"is damaged: it has {len(infos):,} of {promised:,} files")
    raw = [_raw(info) for info in infos]
    shown = decode_names((part for path in raw for part in path), names, of_zip=True)
    paths = [tuple(shown[part] for part in path) for path in raw]
    times = Counter(paths)
    items, filled, empty = [], set(), []
    for info, parts in zip(infos, paths, strict=True):
        if is_junk(parts) or info.filename.endswith(("/", "\\")):
            keep = next((i for i in range(len(parts)) if is_junk(parts[: i + 1])), len(parts))
            empty.append(parts[:keep])
            continue
        problem = _problem(info) or ("stands in the zip twice" if times[parts] > 1 else "")
        if not parts:
            problem, parts = "has no name", ("?",)
        if ".." in parts:
            problem = "has a name that leads out of the zip"
            parts = tuple(part for part in parts if part != "..") or ("?",)
        filled |= {parts[:i] for i in range(len(parts))}
        items.append(Item(parts, _extractor(archive, info), problem, _time(info)))
    lone = {parts for parts in empty if parts and ".." not in parts} - filled
    items += [_refused((*parts, _EMPTY), "is empty") for parts in sorted(lone)]
    return items


def _time(info: zipfile.ZipInfo) -> float | None:
    """A zip has times of the clock on the wall; we take the wall to be here."""
    try:
        return datetime(*info.date_time).timestamp()
    except (ValueError, OverflowError, OSError):  # no such day
        return None


def _promised(archive: zipfile.ZipFile) -> int | None:
    """How many files a zip says that it has; None where it does not say it in the short form."""
    file = archive.fp
    assert file is not None
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - (1 << 16) - 22, 0))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    count = int.from_bytes(tail[at + 10 : at + 12], "little")
    return None if at < 0 or count == 0xFFFF else count


def _raw(info: zipfile.ZipInfo) -> tuple[bytes, ...]:
    """A name's parts; `..` where it is absolute."""
    name = info.filename
    absolute = name.startswith(("/", "\\")) or name[1:2] == ":"
    try:  # where the zip does not say UTF-8, zipfile has read the bytes as code page 437
        raw = name.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
    except UnicodeEncodeError:  # the name came from the zip's second, newer place for it
        raw = name.encode("utf-8", "backslashreplace")
    parts = [part for part in raw.replace(b"\\", b"/").split(b"/") if part not in (b"", b".")]
    return tuple([b".."] * absolute + parts)


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
        except Exception as error:  # see zipped
            raise Refused(f"is damaged in the zip ({one_line(str(error), 80)})") from None

    return read


def _refused(parts: tuple[str, ...], problem: str) -> Item:
    def never(limit: int) -> bytes:
        raise Refused(problem)

    return Item(parts or (".",), never, problem)
