"""The working copy: what is laid out, and that nothing a learner wrote is ever lost."""

from __future__ import annotations

import argparse
import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import nbformat
import pytest

from minitorch_attn.__main__ import main
from minitorch_attn.course.book.build import CONFTEST
from minitorch_attn.course.learner import lab, study
from minitorch_attn.course.sources.text import ROOT, section_id

CHAPTER = "notebooks/00_first.ipynb"
EXERCISE = "exercises/00_first.ipynb"
BOOK = """\
[[chapter]]
number = 0
file = "00_first"
title = "The first"
part = "Tools"
question = "Why?"
minutes = 60
points = 20
introduces = []
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A book of one chapter and its exercises, built."""
    root = tmp_path / "book"
    (root / "chapters").mkdir(parents=True)
    (root / "chapters" / "book.toml").write_text(BOOK)
    write(root / CHAPTER, "See [the code](../minitorch_attn/ops.py).", ["1 + 1"], output="2")
    write(root / EXERCISE, "Solve.", ["def f(x): raise NotImplementedError", 'check("00.1")'])
    (root / "notebooks" / "data").mkdir()
    (root / "notebooks" / "data" / "clicks.csv").write_bytes(b"x,y\r\n1,2\r\n")
    (root / "notebooks" / ".ipynb_checkpoints").mkdir()
    (root / "notebooks" / ".ipynb_checkpoints" / "00_first.ipynb").write_text("{}")
    return root


def write(path: Path, words: str, codes: list[str], output: str | None = None) -> None:
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_markdown_cell(words)]
    for code in codes:
        cell = nbformat.v4.new_code_cell(code)
        if output:
            cell.execution_count = 1
            cell.outputs = [nbformat.v4.new_output("stream", text=output)]
        notebook.cells.append(cell)
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)


def edit(path: Path, number: int, text: str) -> str:
    """What a learner does in JupyterLab: change a cell, run it, save; returns the file's text."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[number].source = text
    return save(path, notebook)


def save(path: Path, notebook: Any) -> str:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = 7
            cell.outputs = [nbformat.v4.new_output("stream", text="ran")]
    notebook.metadata["widgets"] = {}
    nbformat.write(notebook, path)
    return path.read_text()


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_book_is_laid_out_without_outputs(root: Path) -> None:
    changes = study.lay_out(root)
    copy = root / "study"
    expected = {CHAPTER, EXERCISE, study.CONTENTS, "notebooks/data/clicks.csv"}
    assert set(changes.new) == expected
    assert names(copy) == expected | {study.MANIFEST}
    code = nbformat.read(copy / CHAPTER, as_version=4).cells[1]
    assert (code.source, code.outputs, code.execution_count) == ("1 + 1", [], None)
    assert (copy / "notebooks/data/clicks.csv").read_bytes() == b"x,y\r\n1,2\r\n"


def test_links_to_the_library_lead_there_from_the_copy(root: Path) -> None:
    study.lay_out(root)
    words = nbformat.read(root / "study" / CHAPTER, as_version=4).cells[0].source
    assert words == "See [the code](../../minitorch_attn/ops.py)."


def test_a_link_that_leads_out_of_the_folder_that_jupyter_serves_is_words(
    root: Path, tmp_path: Path
) -> None:
    write(root / CHAPTER, "[`a.b:c`](../minitorch_attn/a/b.py) [d](../README.md#e) [f](#f)", [])
    study.lay_out(root, tmp_path / "elsewhere")
    words = nbformat.read(tmp_path / "elsewhere" / CHAPTER, as_version=4).cells[0].source
    assert words == "`a.b:c` d [f](#f)"


def test_what_chapters_read_lies_in_the_copy(tmp_path: Path) -> None:
    """A chapter runs in `notebooks/`, here as in the checkout."""
    study.lay_out(ROOT, tmp_path / "study")
    found = 0
    for path in (tmp_path / "study" / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                for name in re.findall(r"""Path\(["'](\.\./[^"']+)["']\)""", cell.source):
                    found += 1
                    assert (path.parent / name).exists(), f"{path.name}: {name}"
    assert found


def test_pip_installed_it_lies_where_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the current folder; or it is the copy in which one stands."""
    assert study.place() == ROOT / "study"
    monkeypatch.setattr(study, "in_checkout", lambda: False)
    monkeypatch.chdir(tmp_path)
    assert study.place() == tmp_path / "study"
    study.lay_out(ROOT, tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study" / "exercises")
    assert study.place() == tmp_path / "study"


def test_the_contents_link_what_exists(root: Path) -> None:
    study.lay_out(root)
    notebook = nbformat.read(root / "study" / study.CONTENTS, as_version=4)
    words = "\n".join(cell.source for cell in notebook.cells)
    assert f"[**The first**](../{CHAPTER})" in words
    assert f"[exercises](../{EXERCISE})" in words
    (root / EXERCISE).unlink()
    assert "](../exercises" not in study.contents(root)


def test_a_second_time_nothing_happens(root: Path) -> None:
    study.lay_out(root)
    before = {p: p.stat().st_mtime_ns for p in (root / "study").rglob("*")}
    assert study.lay_out(root) == study.Changes()
    assert {p: p.stat().st_mtime_ns for p in (root / "study").rglob("*")} == before


def test_what_the_learner_only_ran_is_updated(root: Path) -> None:
    study.lay_out(root)
    copy = root / "study" / CHAPTER
    save(copy, nbformat.read(copy, as_version=4))
    assert study.lay_out(root) == study.Changes()
    write(root / CHAPTER, "Newer.", ["2 + 2"])
    assert study.lay_out(root).updated == [CHAPTER]
    assert nbformat.read(copy, as_version=4).cells[1].source == "2 + 2"


@pytest.mark.parametrize(
    "change",
    [
        lambda path: edit(path, 1, "def f(x): return x"),
        lambda path: edit(path, 0, "My note."),
        lambda path: path.write_text("not a notebook"),
        lambda path: path.write_text('{"cells": [1, 2]}'),
    ],
    ids=["an answer", "a note", "a broken file", "a strange file"],
)
def test_what_the_learner_changed_is_kept_and_the_newer_version_named(
    root: Path, change: Callable[[Path], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    study.lay_out(root)
    copy = root / "study" / EXERCISE
    change(copy)
    mine = copy.read_bytes()
    assert study.lay_out(root) == study.Changes()  # the book did not change: nothing to say
    write(root / EXERCISE, "Solve, said better.", ["def f(x): raise NotImplementedError"])
    for _ in range(2):  # and again at every start, until the learner decides
        assert study.run(arguments("--layout-only"), root) == 0
        assert copy.read_bytes() == mine
        said = capsys.readouterr().out
        assert "newer version" in said
        assert f"study --fresh {EXERCISE}" in said


BET = 'predict("00.1", {})\npredict("00.2", {})  # two'


def bets(one: str, two: str) -> str:
    return BET.format(one, two)


def test_a_chapter_that_was_only_read_gets_its_corrections_and_keeps_the_letters(
    root: Path,
) -> None:
    """A bet, or True to open the pictures, is what the chapter asks for, not a change of it."""
    collect = "clicks.collect({})\ndone = 1"
    write(root / CHAPTER, "Bet.", [bets("None", "None"), collect.format(False)])
    study.lay_out(root)
    copy = root / "study" / CHAPTER
    edit(copy, 1, bets('"b"', "None"))
    edit(copy, 2, collect.format(True))
    read = copy.read_bytes()
    assert study.lay_out(root) == study.Changes()
    assert copy.read_bytes() == read
    codes = ["new = 1", bets("None", "None"), collect.format(False)]
    write(root / CHAPTER, "Bet, said better.", codes)
    assert study.lay_out(root).updated == [CHAPTER]
    cells = nbformat.read(copy, as_version=4).cells
    assert [cell.source for cell in cells] == [
        "Bet, said better.",
        "new = 1",
        bets('"b"', "None"),
        collect.format(True),
    ]
    assert study.lay_out(root) == study.Changes()
    write(root / CHAPTER, "Bet once.", ['predict( "00.2" , None)'])
    edit(copy, 2, bets("'(B)'", "'c'"))
    assert study.freshen([CHAPTER], root) == [(CHAPTER, "")], "no copy: nothing of theirs is lost"
    assert nbformat.read(copy, as_version=4).cells[1].source == "predict( \"00.2\" , 'c')"


@pytest.mark.parametrize(
    "code",
    [
        bets('"b"', "None") + "  # I am sure",
        bets('input("?")', "None"),
        bets("None", "None").replace("00.1", "00.3"),
        "print(1)\n" + bets('"b"', "None"),
    ],
)
def test_more_than_a_letter_is_a_change(root: Path, code: str) -> None:
    write(root / CHAPTER, "Bet.", [bets("None", "None")])
    study.lay_out(root)
    edit(root / "study" / CHAPTER, 1, code)
    write(root / CHAPTER, "Bet, said better.", [bets("None", "None")])
    assert study.lay_out(root).kept == [CHAPTER]


def test_links_lead_to_sections_and_to_the_contents_of_the_copy(root: Path) -> None:
    """To a section by its cell: JupyterLab goes there at the first click."""
    words = (
        "[a](06_one_query.ipynb#The-loop,-again) [b](../notebooks/06_one_query.ipynb#By-hand) "
        "[c](#Here) [d](../exercises/06_one_query.ipynb) [contents](../chapters/README.md) "
        "[e](../chapters/claims.md) [f](../chapters/glossary.md#terms)"
    )
    write(root / CHAPTER, words, [])
    study.lay_out(root)
    found = nbformat.read(root / "study" / CHAPTER, as_version=4).cells[0].source
    assert re.findall(r"\((.*?)\)", found) == [
        f"06_one_query.ipynb#cell-id={section_id(6, 'the-loop-again')}",
        f"../notebooks/06_one_query.ipynb#cell-id={section_id(6, 'by-hand')}",
        "#Here",
        "../exercises/06_one_query.ipynb",
        "../notebooks/contents.ipynb",
        "../notebooks/claims.ipynb",
        "../notebooks/glossary.ipynb",
    ]


@pytest.mark.parametrize("there", [True, False])
def test_where_the_copy_cannot_be_written_one_line_says_so(
    root: Path, there: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk, no rights. What lies there from before is opened."""
    started: list[Path] = []
    monkeypatch.setattr(lab, "start", lambda folder, *_: started.append(folder) or 0)
    monkeypatch.setattr(study.run, "__defaults__", (root,))
    if there:
        study.lay_out(root)
        write(root / CHAPTER, "Newer.", ["2 + 2"])

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(["study"]) == (0 if there else 2)
    said = capsys.readouterr()
    assert started == ([root / "study"] if there else [])
    assert (said.out + said.err).count("\n") == 1
    assert "No space left on device" in said.out + said.err


def test_fresh_puts_the_newer_version_and_keeps_a_dated_copy(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study.lay_out(root)
    copy = root / "study" / EXERCISE
    for ending, answer in (("", "one"), ("-2", "two")):
        mine = edit(copy, 1, answer)
        write(root / EXERCISE, f"After {answer}.", ["def f(x): ..."])
        assert study.run(arguments("--fresh", EXERCISE), root) == 0
        kept = f"exercises/00_first.{date.today()}{ending}.ipynb"
        assert (root / "study" / kept).read_text() == mine
        assert f"yours is now {kept}" in capsys.readouterr().out
        assert nbformat.read(copy, as_version=4).cells[0].source == f"After {answer}."
    assert study.lay_out(root) == study.Changes()


def test_fresh_keeps_no_copy_of_what_was_not_changed(root: Path) -> None:
    study.lay_out(root)
    assert study.freshen(["clicks.csv"], root) == [("notebooks/data/clicks.csv", "")]


def test_fresh_asks_which_file_is_meant(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study.lay_out(root)
    monkeypatch.setattr(study.run, "__defaults__", (root,))
    assert main(["study", "--fresh", "00_first.ipynb"]) == 1
    said = capsys.readouterr().err
    assert f"may be {EXERCISE} or {CHAPTER}" in said.replace(
        f"{CHAPTER} or {EXERCISE}", f"{EXERCISE} or {CHAPTER}"
    )
    assert said.count("\n") == 1
    assert main(["study", "--fresh", "99_nothing.ipynb"]) == 1
    said = capsys.readouterr().err
    assert "the book has no file 99_nothing.ipynb; as in exercises/06_one_query.ipynb" in said
    assert main(["study", "--fresh", "00"]) == 1
    said = capsys.readouterr().err
    assert f"the book has no file 00; is it {EXERCISE} or {CHAPTER}?" in said.replace(
        f"{CHAPTER} or {EXERCISE}", f"{EXERCISE} or {CHAPTER}"
    )


def test_the_conftest_of_an_older_copy_is_brought_up_to_date(root: Path) -> None:
    """It names a plugin that has moved; one that the learner changed is named instead."""
    conftest = "exercises/conftest.py"
    (root / conftest).write_text('pytest_plugins = ["minitorch_attn.course.pytest_door"]\n')
    study.lay_out(root)
    (root / conftest).write_text(CONFTEST)
    assert study.lay_out(root).updated == [conftest]
    assert (root / "study" / conftest).read_text() == CONFTEST
    (root / "study" / conftest).write_text("# mine\n")
    (root / conftest).write_text(CONFTEST + "# newer\n")
    assert study.lay_out(root).kept == [conftest]


def test_a_deleted_file_comes_back(root: Path) -> None:
    study.lay_out(root)
    (root / "study" / CHAPTER).unlink()
    assert study.lay_out(root).new == [CHAPTER]


def test_the_learners_own_files_stay(root: Path) -> None:
    study.lay_out(root)
    own = root / "study" / "notebooks" / "mine.ipynb"
    own.write_text("mine")
    write(root / "notebooks" / "mine.ipynb", "The book's, of the same name.", [])
    assert study.lay_out(root).kept == ["notebooks/mine.ipynb"]
    assert own.read_text() == "mine"


@pytest.mark.parametrize("content", [None, "", "[]", '{"files": 3}'])
def test_without_its_manifest_the_copy_is_taken_over_as_it_is(
    root: Path, content: str | None
) -> None:
    study.lay_out(root)
    mine = edit(root / "study" / EXERCISE, 1, "mine")
    manifest = root / "study" / study.MANIFEST
    manifest.unlink() if content is None else manifest.write_text(content)
    changes = study.lay_out(root)
    assert (changes.new, changes.updated, changes.kept) == ([], [], [EXERCISE])
    assert (root / "study" / EXERCISE).read_text() == mine
    write(root / CHAPTER, "Newer.", ["2 + 2"])  # the unchanged file is known again
    assert study.lay_out(root).updated == [CHAPTER]


class Killed(BaseException):
    pass


def test_killed_at_any_write_it_loses_nothing_and_goes_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.lay_out(root)
    mine = edit(root / "study" / EXERCISE, 1, "mine")
    write(root / CHAPTER, "Newer.", ["2 + 2"])
    write(root / "notebooks" / "01_second.ipynb", "Added.", [])
    real, writes = os.replace, 0
    for deadly in range(20):
        count = 0

        def replace(source: Any, target: Any, deadly: int = deadly) -> None:
            nonlocal count
            if count == deadly:
                raise Killed
            count += 1
            real(source, target)

        monkeypatch.setattr(os, "replace", replace)
        try:
            study.lay_out(root)
        except Killed:
            writes += 1
            for path in (root / "study").rglob("[!.]*.ipynb"):
                nbformat.read(path, as_version=4)  # each file is whole
            assert (root / "study" / EXERCISE).read_text() == mine
        else:
            break
    assert writes > 2
    monkeypatch.undo()
    assert study.lay_out(root) == study.Changes()
    assert nbformat.read(root / "study" / CHAPTER, as_version=4).cells[0].source == "Newer."
    assert (root / "study" / EXERCISE).read_text() == mine


def test_before_make_book_it_says_so(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (root / CHAPTER, root / EXERCISE, root / "notebooks/data/clicks.csv"):
        path.unlink()
    monkeypatch.setattr(study.run, "__defaults__", (root,))
    assert main(["study", "--layout-only"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "run `make book` first" in said


def test_the_kernel_is_the_python_that_runs_the_book(tmp_path: Path) -> None:
    """Even where the user has a kernel of the same name elsewhere."""
    alien = tmp_path / "data" / "kernels" / "python3"
    alien.mkdir(parents=True)
    (alien / "kernel.json").write_text(
        json.dumps({"argv": ["/alien/python"], "display_name": "Alien", "language": "python"})
    )
    _, environment = lab.server(tmp_path / "study", study.CONTENTS, tmp_path)
    ask = "from jupyter_client.manager import KernelManager as K; k = K(kernel_name='python3')"
    ask += "; print(k.format_kernel_cmd()[0])"
    done = subprocess.run(
        [sys.executable, "-c", ask],
        env=environment | {"JUPYTER_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()) == Path(sys.executable)
    assert Path(environment["PATH"].split(os.pathsep)[0]) == Path(sys.executable).parent


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    study.add_arguments(parser)
    return parser.parse_args(words)
