"""Named arrays on disk, in safetensors files that are never half-written."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from .errors import MinitorchError


class FileError(MinitorchError, ValueError):
    """A file that is not what it should be; the message says which and why."""


def write_atomic(path: str | os.PathLike, content: bytes, mode: int | None = None) -> None:
    """Write a file so that a reader, or a crash, finds the old one or the new one, whole.

    `mode` is who may do what with it, before the umask: 0o600 for what is its owner's alone. Left
    out, the old file's rights stay, and a new file's are the usual ones.

    Its folder is made where it is missing. Raises OSError where it cannot be written; then the old
    file stays, and nothing else.
    """
    path = Path(os.path.realpath(path))  # a link stays one: what it leads to is written
    path.parent.mkdir(parents=True, exist_ok=True)
    short = path.name if len(path.name) < 100 else hashlib.sha256(path.name.encode()).hexdigest()
    temporary = path.with_name(f".{short}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)  # left by a process that died
        with open(temporary, "xb", opener=functools.partial(os.open, mode=mode or 0o666)) as file:
            if mode is None and path.is_file():
                os.chmod(temporary, path.stat().st_mode & 0o777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_if_changed(
    path: str | os.PathLike, content: bytes | str, mode: int | None = None
) -> bool:
    """Write a file as `write_atomic` does, but only if its content changes; says whether it did.

    A string is written as UTF-8, its line ends as they are.
    """
    content = content.encode() if isinstance(content, str) else content
    path = Path(path)
    try:
        if path.read_bytes() == content:
            return False
    except OSError:
        pass  # there is none, or none that can be read
    write_atomic(path, content, mode)
    return True


def save_arrays(
    path: str | os.PathLike, arrays: dict[str, np.ndarray], notes: dict[str, Any] | None = None
) -> None:
    """Write named NumPy arrays, and notes that JSON can hold, to one safetensors file."""
    from safetensors.numpy import save

    plain = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    write_atomic(path, save(plain, metadata={"notes": json.dumps(notes or {})}))


def load_arrays(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `save_arrays` wrote: the arrays by name, and the notes.

    Raises
    ------
    FileError
        If the file is not a whole safetensors file.
    FileNotFoundError
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"no file {os.fspath(path)}")
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            notes = json.loads((file.metadata() or {}).get("notes", "{}"))
    except json.JSONDecodeError as error:
        raise FileError(f"{os.fspath(path)}: its notes are not JSON: {error}") from error
    except (TypeError, AttributeError) as error:  # bfloat16, float8
        raise FileError(f"{os.fspath(path)} holds numbers that NumPy has not: {error}") from error
    except (SafetensorError, ValueError) as error:
        raise FileError(f"{os.fspath(path)} is not a whole safetensors file: {error}") from error
    return arrays, notes
