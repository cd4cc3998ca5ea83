"""`export`: what is written, what is kept, and that no worked answer goes where students read."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from minitorch_attn.__main__ import main
from minitorch_attn.course.book.exercises import answers_of, leaks
from minitorch_attn.course.grading.gradescope import bundle as gradescope_zip
from minitorch_attn.course.grading.nbgrader import course as nbgrader_course
from minitorch_attn.course.grading.secret import SecretError, keep_secret, read_secret
from minitorch_attn.course.sources.text import SourceError, read, sources

SIX = next(path for path in sources("solutions") if path.name.startswith("06_"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "term" / "secret.txt"
    secret = keep_secret(path)
    assert len(secret) == 32
    assert mode(path) == 0o600
    assert keep_secret(path) == read_secret(path) == secret
    assert keep_secret(tmp_path / "copy.txt", path) == secret
    other = tmp_path / "other.txt"
    other.write_text("a quite different one", encoding="utf-8")
    with pytest.raises(SecretError, match="another secret"):
        keep_secret(path, other)
    assert read_secret(path) == secret


@pytest.mark.parametrize("content", [b"", b"  \n", b"short", b"\xff\xfe\x00 no text at all ......"])
def test_a_bad_secret_is_refused_in_one_line(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    out = tmp_path / "a.zip"
    command = ["export", "gradescope", "--chapter", "06", "--out", str(out)]
    assert main([*command, "--secret-file", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not out.exists()


def test_the_course_that_is_written_keeps_the_instructors_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["export", "nbgrader", str(tmp_path), "--chapter", "05", "06"]
    assert main(command) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "nbgrader_config.py",
        "secret.txt",
        "source",
    ]
    assert sorted(p.parent.name for p in tmp_path.rglob("*.ipynb")) == ["ch05", "ch06"]
    assert mode(tmp_path / "secret.txt") == 0o600
    config, secret = tmp_path / "nbgrader_config.py", read_secret(tmp_path / "secret.txt")
    config.write_text(config.read_text("utf-8") + "x = 9\n", encoding="utf-8")
    capsys.readouterr()
    assert main(command) == 0
    assert "Nothing has changed" in capsys.readouterr().out
    assert config.read_text("utf-8").endswith("x = 9\n")
    assert read_secret(tmp_path / "secret.txt") == secret
    assert nbgrader_course.write(tmp_path / "all")
    assert len(list((tmp_path / "all").rglob("*.ipynb"))) == len(sources("solutions"))


def test_a_course_with_the_secret_of_the_instructor(tmp_path: Path) -> None:
    given = tmp_path / "mine.txt"
    given.write_text("a secret of my own, long enough\n", encoding="utf-8")
    nbgrader_course.write(tmp_path / "course", [6], given)
    assert read_secret(tmp_path / "course/secret.txt") == "a secret of my own, long enough"


@pytest.mark.parametrize(
    "words",
    [
        ["nbgrader"],
        ["gradescope"],
        ["moodle"],
        [],
        ["gradescope", "--chapter", "six"],
        ["gradescope", "--chapter", "-1"],
        ["gradescope", "--chapter", "99"],
        ["nbgrader", "course", "--chapter", "06", "18"],
        ["gradescope", "--chapter", "06", "--visibility", "sometimes"],
    ],
)
def test_bad_usage_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(["export", *words])
    except SystemExit as stop:  # argparse's
        status = stop.code
    assert status == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("write", [gradescope_zip.write, nbgrader_course.write])
def test_a_chapter_without_exercises_leaves_nothing_behind(tmp_path: Path, write: Any) -> None:
    chapter = 99 if write is gradescope_zip.write else [6, 99]
    with pytest.raises(SourceError, match="chapter 99 has no exercises"):
        write(tmp_path / "out", chapter, "a secret of sixteen or more")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("zip") / "six.zip"
    gradescope_zip.write(out, 6, "a secret of sixteen or more", "after_published")
    return out


def test_the_zip_has_what_gradescope_asks_for(six: Path) -> None:
    assert mode(six) == 0o600
    with zipfile.ZipFile(six) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert {"setup.sh", "run_autograder", "requirements.txt"} <= set(names)
        modes = {item.filename: item.external_attr >> 16 & 0o777 for item in archive.infolist()}
        assert modes.pop("setup.sh") == modes.pop("run_autograder") == 0o700
        assert set(modes.values()) == {0o600}, "the secret and the answers are for root only"
        assert archive.read("secret.txt") == b"a secret of sixteen or more\n"
        settings = json.loads(archive.read("settings.json"))
        assert settings == {"chapter": 6, "visibility": "after_published", "library": False}
        for script in ("setup.sh", "run_autograder"):
            assert archive.read(script).startswith(b"#!/usr/bin/env bash\n")
            assert b"\r" not in archive.read(script)
    assert not [name for name in names if "checks/ch07" in name or "solutions/07" in name]
    assert "book/minitorch_attn/course/checks/ch06.py" in names
    assert not [name for name in names if "/." in name or "__pycache__" in name]


def test_the_zip_pins_every_requirement_with_its_hash() -> None:
    blocks = [b for b in gradescope_zip.requirements().replace("\\\n", " ").split("\n") if b]
    assert all("==" in block and "--hash=sha256:" in block for block in blocks)
    pinned = {block.split("==")[0] for block in blocks}
    assert {"numpy", "jupytext", "nbformat", "pyyaml"} <= pinned
    assert not pinned & {"jupyterlab", "playwright", "nbgrader", "matplotlib", "pytest"}


def test_the_same_input_makes_the_same_zip(six: Path, tmp_path: Path) -> None:
    gradescope_zip.write(tmp_path / "b.zip", 6, "a secret of sixteen or more", "after_published")
    assert (tmp_path / "b.zip").read_bytes() == six.read_bytes()


def test_a_zip_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a.zip"
    out.write_bytes(b"the last one")

    def full(*args: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OSError, match="no space"):
        gradescope_zip.write(out, 6, "a secret of sixteen or more")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]
    assert out.read_bytes() == b"the last one"


def test_leaks_are_seen() -> None:
    """The comparison that test_nbgrader makes on the release can fail."""
    source = read(SIX)
    answer = answers_of(source)[0]
    assert leaks(source, {"cells": [{"source": answer}]})
