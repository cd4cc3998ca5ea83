"""Files on disk: the old one or the new one, whole, whatever happens while they are written."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from minitorch_attn.files import (
    FileError,
    load_arrays,
    save_arrays,
    write_atomic,
    write_if_changed,
)


def test_a_file_is_written_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.bin"
    for content in (b"first, and longer", b"second", b""):
        write_atomic(path, content)
        assert path.read_bytes() == content
        assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_on_a_full_disk_the_old_file_stays_and_nothing_else(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.bin"
    write_atomic(path, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, b"new")
    with pytest.raises(OSError, match="No space left"):
        write_atomic(tmp_path / "other.bin", b"new")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"file.bin": b"old"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    """A real short write: the system lets this process write ten thousand bytes a file."""
    path = tmp_path / "file.bin"
    write_atomic(path, b"old")
    code = """
import resource, signal, sys
from minitorch_attn.files import write_atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_atomic(sys.argv[1], bytes(50_000))
except OSError as error:
    print(error.strerror)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == os.strerror(errno.EFBIG) + "\n"
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"file.bin": b"old"}


def test_whoever_is_killed_while_writing_leaves_one_of_both_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    size = 1 << 20
    code = (
        "import sys; from minitorch_attn.files import write_atomic\n"
        f"while True:\n    for n in range(1, 256): write_atomic(sys.argv[1], bytes([n]) * {size})"
    )
    for wait in (0.0, 0.01, 0.03, 0.05):
        writer = subprocess.Popen([sys.executable, "-c", code, str(path)])
        end = time.monotonic() + 60
        before = path.read_bytes() if path.exists() else b""
        while not path.exists() or path.read_bytes() == before:
            assert time.monotonic() < end
        time.sleep(wait)
        writer.kill()
        writer.wait()
        content = path.read_bytes()
        assert len(content) == size
        assert content == content[:1] * size


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


def test_rights_links_and_long_names_stay(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"old")
    secret.chmod(0o600)
    write_atomic(secret, b"new")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    real, link = tmp_path / "elsewhere" / "real", tmp_path / "link"
    real.parent.mkdir()
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_atomic(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert list(real.parent.iterdir()) == [real]
    long = tmp_path / ("n" * 250)
    write_atomic(long, b"x")
    write_atomic(long, b"y")
    assert long.read_bytes() == b"y"


def test_numbers_that_numpy_has_not_and_notes_that_are_no_json(tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    for dtype, size in (("BF16", 2), ("F8_E4M3", 1)):
        head = json.dumps({"w": {"dtype": dtype, "shape": [1], "data_offsets": [0, size]}}).encode()
        path.write_bytes(len(head).to_bytes(8, "little") + head + b"\0" * size)
        with pytest.raises(FileError, match="numbers that NumPy has not"):
            load_arrays(path)
    head = json.dumps({"__metadata__": {"notes": "{"}}).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head)
    with pytest.raises(FileError, match="its notes are not JSON"):
        load_arrays(path)


def test_only_what_changes_is_written(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "page.md"
    assert write_if_changed(path, "Größe\r\n")
    assert path.read_bytes() == "Größe\r\n".encode()
    os.utime(path, ns=(0, 0))
    assert not write_if_changed(path, "Größe\r\n")
    assert not write_if_changed(path, "Größe\r\n".encode())
    assert path.stat().st_mtime_ns == 0
    assert write_if_changed(path, b"more")
    assert path.read_bytes() == b"more"


def test_what_cannot_be_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):  # noqa: PT011  which one depends on the system
        write_if_changed(tmp_path / "folder", "text")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_arrays_and_notes_come_back(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    arrays = {"w": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.float64(2.5)}
    save_arrays(path, arrays, {"epoch": 3})
    found, notes = load_arrays(path)
    assert notes == {"epoch": 3}
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_arrays_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    with pytest.raises(FileNotFoundError, match=r"no file .*state\.safetensors"):
        load_arrays(path)
    save_arrays(path, {"w": np.zeros(100)})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FileError, match="is not a whole safetensors file"):
        load_arrays(path)
