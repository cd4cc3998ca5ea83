"""Files that are whole or not there, and whose they are."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from minitorch_attn.files import write_atomic, write_if_changed


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a" / "file"
    write_atomic(path, b"old")

    def full(handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_a_private_file_is_private_whatever_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o644)
    left = tmp_path / f".file.{os.getpid()}.tmp"  # of a process that died, or of somebody else
    left.symlink_to(tmp_path / "elsewhere")
    write_atomic(path, b"new", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == b"new"
    assert not (tmp_path / "elsewhere").exists()
    write_atomic(tmp_path / "other", b"new")
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert (tmp_path / "other").stat().st_mode == plain.stat().st_mode


def test_what_has_not_changed_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert write_if_changed(path, "ä\n")
    assert not write_if_changed(path, "ä\n".encode())
    assert write_if_changed(path, b"other")
