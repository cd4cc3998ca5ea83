"""The text of a submission from its bytes, and the pieces of code in it. Nothing is run.

The limits are on what a person writes. What a notebook printed and drew is cut out of its bytes
before anything is decoded or parsed: 50 MB of it cost half a second and no memory.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import re
import tokenize
import unicodedata
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

from ...errors import MinitorchError

MAX_RAW = 64_000_000  # bytes of a notebook with its outputs
MAX_BYTES = 2_000_000  # without them
MAX_FILE = 400_000  # characters of a Python file, in which nothing but code can be
MAX_CELL = 200_000
MAX_CELLS = 20_000
MAX_OLD_CELLS = 2_000  # of a notebook of format 3, which nbformat takes long over
MAX_BRACKETS = 1_000_000
SUFFIXES = (".ipynb", ".py")

# What a notebook holds beside its code, and nobody here reads.
_UNREAD = (b'"outputs"', b'"metadata"', b'"attachments"')
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TO_BRACKET = re.compile(rb'(?:[^][{}"]++|' + _STRING + rb")*+([][{}])", re.DOTALL)
# A line that begins a statement at the top level, unless it is in a text of several lines.
_STARTS = re.compile(r"[^\s#)\]}]")
_CELL_MARK = re.compile(r"^# (?:%%|In\[)", re.MULTILINE)
_CONFLICT = re.compile(r"^(?:<<<<<<<|>>>>>>>) ", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
# Encodings that a Python file may name in its first lines; others that Python knows are slow, or
# are no writing.
_ENCODINGS = re.compile(
    r"utf-8(-sig)?|ascii|us-ascii|gbk|gb2312|gb18030|cp936|big5(hkscs)?|cp950|shift[_-]?jis|cp932|"
    r"euc[_-](jp|kr)|cp949|koi8-[ru]|(cp|windows-)125\d|iso-8859-\d\d?|latin-?1",
    re.IGNORECASE,
)


class CollectError(MinitorchError):
    """A submission cannot be read, or does not hold the function; the message is for its author."""


class NoFunction(CollectError):
    """The submission can be read, and the function is not in it."""


class Unreadable(CollectError):
    """It cannot be read for a reason that is not plainly the author's: a person must look."""


@dataclass(frozen=True)
class Block:
    """A piece of code as it stands in a submission; `spare` if it is in no code cell."""

    text: str
    where: str
    spare: bool = False


@dataclass(frozen=True)
class Reading:
    """The pieces of code of a submission, and what was left out of it, a line each."""

    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()


def read_submission(path: Path) -> str:
    """The text of a notebook or Python file; size limits and clear errors, nothing else."""
    if path.suffix not in SUFFIXES:
        raise CollectError(f"{path.name}: a submission is an .ipynb or a .py file")
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(min(raw_limit(path.suffix), size) + 1)
    except OSError as error:
        raise CollectError(f"{path.name} cannot be read: {error.strerror}") from error
    try:
        return to_text(data, path.suffix)
    except CollectError as error:
        raise type(error)(f"{path.name} {error}") from None


def raw_limit(suffix: str) -> int:
    """How many bytes of such a file are read at most."""
    return MAX_RAW if suffix == ".ipynb" else MAX_BYTES


def to_text(data: bytes, suffix: str) -> str:
    """A submission's text; a notebook's without outputs, metadata and attachments.

    Raises Unreadable; its message continues a sentence that begins with the file's name.
    """
    if len(data) > raw_limit(suffix):
        raise Unreadable(f"is larger than {raw_limit(suffix) // 1_000_000} MB")
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):  # as Windows' shell writes
        with contextlib.suppress(UnicodeError):
            data = data.decode("utf-16").encode()
    if suffix == ".ipynb":
        data = _without_outputs(data)
        if len(data) > MAX_BYTES:
            raise Unreadable(f"is larger than {MAX_BYTES // 1_000_000} MB, outputs not counted")
    encoding = "utf-8-sig" if suffix == ".ipynb" else _encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        kind = "UTF-8" if encoding.startswith("utf-8") else encoding
        raise Unreadable(f"is not {kind} text; it must be saved anew") from None


def _without_outputs(data: bytes) -> bytes:
    """The same JSON with the lists and objects of `_UNREAD` empty."""
    pieces, copied, at, depth, count = [], 0, 0, 0, 0
    while found := _TO_BRACKET.match(data, at):
        count += 1
        if count > MAX_BRACKETS:
            raise Unreadable("holds more brackets than any notebook")
        at = found.end()
        opens = found[1] in b"[{"
        if depth:
            depth += 1 if opens else -1
            if not depth:
                copied = at - 1
        elif opens and _key(data[max(found.start(), at - 60) : at - 1]) in _UNREAD:
            pieces.append(data[copied:at])
            depth = 1
    return b"".join([*pieces, b"" if depth else data[copied:]])


def _key(before: bytes) -> bytes:
    """Which key of `_UNREAD` has the value that begins here, if any."""
    text = before.rstrip()
    if text[-1:] != b":":
        return b""
    return next((key for key in _UNREAD if text[:-1].rstrip().endswith(key)), b"")


def _encoding(data: bytes) -> str:
    """How a Python file says that it is written."""
    try:
        found, _ = tokenize.detect_encoding(BytesIO(data[:10_000]).readline)
    except (SyntaxError, UnicodeDecodeError):
        return "utf-8-sig"
    return found if _ENCODINGS.fullmatch(found) else "utf-8-sig"


def read_blocks(text: str, suffix: str) -> Reading:
    """The pieces of code in the text of a notebook (".ipynb") or a Python file (".py")."""
    if suffix == ".ipynb":
        return _notebook(text)
    if len(text) > MAX_FILE:
        raise Unreadable(f"this file is longer than {MAX_FILE:,} characters")
    return Reading((Block(_lines(text), ""),))


def cells_of_file(file: Block) -> list[Block]:
    """The cells of a Python file as editors mark them; none where it has no marks."""
    marks = [mark.start() for mark in _CELL_MARK.finditer(file.text)]
    if not marks or len(marks) > MAX_CELLS:
        return []
    ends = pairwise([*marks, len(file.text)])
    cells = [Block(file.text[a:b], f"cell {n}") for n, (a, b) in enumerate(ends, start=1)]
    return [Block(file.text[: marks[0]], "the beginning"), *cells]


def in_conflict(text: str) -> bool:
    """Whether git has left two versions of something, and its marks between them."""
    return bool(_CONFLICT.search(text))


def without_broken(block: Block, error: SyntaxError) -> tuple[Block, str]:
    """The piece without the statement at its top level in which the error is, and that statement.

    Blank lines stand in its place, so that the others keep their numbers.
    """
    lines = block.text.split("\n")
    missing = re.search(r" on line (\d+)$", error.msg)  # a body: it is the line after that is named
    at = min(int(missing[1]) if missing else error.lineno or 1, len(lines)) - 1
    starts = [i for i, line in enumerate(lines) if _STARTS.match(line)]
    begin = max((i for i in starts if i <= at), default=0)
    end = min((i for i in starts if i > at), default=len(lines))
    while begin and lines[begin - 1].startswith("@"):
        begin -= 1
    rest = [*lines[:begin], *[""] * (end - begin), *lines[end:]]
    return replace(block, text="\n".join(rest)), "\n".join(lines[begin:end])


def _notebook(text: str) -> Reading:
    try:
        notebook = json.loads(text)
        cells = _cells(notebook)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unreadable(_what_is_wrong(text, error)) from None
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"this notebook has more than {MAX_CELLS:,} cells")
    blocks, notes = [], []
    for number, cell in enumerate(cells, start=1):
        where = f"cell {number}"
        kind = cell.get("cell_type") if isinstance(cell, dict) else None
        source = _joined(cell.get("source")) if isinstance(cell, dict) else None
        if source is None:
            notes.append(f"{where} was left out: it has no text")
        elif len(source) > MAX_CELL:
            notes.append(f"{where} was left out: it is longer than {MAX_CELL:,} characters")
        elif kind == "code":
            blocks.append(Block(source, where))
        else:
            if not isinstance(kind, str):
                notes.append(f"{where} does not say whether it is code; it was read as text")
            kind = kind if isinstance(kind, str) else "no kind"
            blocks.append(Block(_unfenced(source), f"{where} ({kind})", spare=True))
    if len(notes) > 3:
        notes = [*notes[:3], f"{len(notes) - 3} more cells were left out or have no kind"]
    return Reading(tuple(blocks), tuple(notes))


def _cells(notebook: Any) -> list[Any]:
    if isinstance(notebook, dict) and "cells" not in notebook and "worksheets" in notebook:
        notebook = _upgraded(notebook)
    cells = notebook["cells"]
    if not isinstance(cells, list):
        raise TypeError("its cells are no list")
    return cells


def _upgraded(notebook: dict[str, Any]) -> Any:
    """A notebook of format 3, as IPython wrote it until 2015, in format 4."""
    sheets = notebook["worksheets"]
    if sum(len(sheet["cells"]) for sheet in sheets) > MAX_OLD_CELLS:
        raise ValueError(f"more than {MAX_OLD_CELLS:,} cells in an old format")
    try:
        import nbformat
    except ImportError:
        raise ValueError("an old format, for which nbformat is needed") from None
    try:
        return nbformat.convert(nbformat.from_dict(notebook), 4)
    except Exception as error:  # whatever it meets in a damaged one
        raise ValueError(f"{type(error).__name__} in an old format") from None


def _what_is_wrong(text: str, error: Exception) -> str:
    """Why this is no notebook, and what to do."""
    if in_conflict(text):
        return "git left a merge conflict in this notebook; choose one side in an editor of text"
    if isinstance(error, json.JSONDecodeError) and error.pos >= len(text.rstrip()) - 1:
        return "this notebook breaks off before its end; take an earlier copy of it"
    if isinstance(error, json.JSONDecodeError) and error.msg == "Unterminated string starting at":
        return "this notebook breaks off before its end; take an earlier copy of it"
    return (
        f"this is not a notebook of format 4 ({type(error).__name__}: {error}); "
        "take an earlier copy of it: Jupyter keeps one in .ipynb_checkpoints"
    )


def _joined(source: Any) -> str | None:
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    return _lines(source) if isinstance(source, str) else None


def _lines(text: str) -> str:
    """With line ends as Python counts them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unfenced(source: str) -> str:
    """The code of a Markdown cell that holds nothing but a fenced block of it."""
    text = source.strip()
    fence = text[: len(text) - len(text.lstrip(text[:1] or " "))] if text[:1] in "`~" else ""
    inner, _, last = text.partition("\n")[2].rpartition("\n")
    return inner if len(fence) >= 3 and last.strip() == fence else source


def invisible(text: str) -> str:
    """Where the first invisible character stands that Python does not take for a space, or ""."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.isascii() and line.isprintable():
            continue
        for column, c in enumerate(line, start=1):
            if c not in "\t\f" and unicodedata.category(c) in ("Cf", "Cc", "Zs", "Zl", "Zp", "Co"):
                if c == " ":
                    continue
                name = unicodedata.name(c, "a control character")
                return (
                    f"line {number}, column {column}: an invisible character, "
                    f"U+{ord(c):04X} {name}; delete it"
                )
    return ""


def visible(text: str) -> str:
    """The text without the characters that `invisible` finds."""
    if text.isascii() and not _CONTROL.search(text):
        return text
    return "".join(
        c for c in text if c in "\n\t\f " or unicodedata.category(c)[0] not in ("C", "Z")
    )
