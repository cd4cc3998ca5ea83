"""The instructor's secret: a line in a file that only its owner may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ...errors import MinitorchError

FILE = "secret.txt"  # its name in a folder of marks, a course, an export
LEAST, DIFFERENT = 16, 5  # characters


class SecretError(MinitorchError, ValueError):
    """The file with the secret cannot be used; the message says why."""


def read_secret(path: Path) -> str:
    """The secret in a file."""
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{path}: the secret cannot be read ({error})") from error
    return long_enough(text, str(path))


def long_enough(secret: str, source: str) -> str:
    """The secret, if it is no easy guess; the error says where it came from, and not what it is."""
    if len(secret) < LEAST:
        raise SecretError(f"the secret in {source} has fewer than {LEAST} characters")
    if not secret.isprintable() or len(set(secret)) < DIFFERENT:
        raise SecretError(
            f"the secret in {source} is no secret: one line, of at least {DIFFERENT} different "
            "characters, none of them a control character"
        )
    return secret


def exposed(path: Path) -> str:
    """A line of warning where others than its owner may read a file, else ""."""
    if os.name != "posix" or not path.stat().st_mode & 0o044:
        return ""
    return f"{path}: others on this machine can read this secret; chmod 600 {path}"


def keep_secret(path: Path, given: Path | None = None) -> str:
    """The secret at `path`; made if there is none, from the file `given` or by chance.

    An existing secret is never replaced: marks already given depend on it.
    """
    if path.exists():
        secret = read_secret(path)
        if given is not None and read_secret(given) != secret:
            raise SecretError(f"{path} holds another secret than {given}; delete one of them first")
        return secret
    secret = read_secret(given) if given is not None else secrets.token_hex(16)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(f"{secret}\n")
        file.flush()
        os.fsync(file.fileno())
    return secret
