"""A submission's text from its bytes: limits on what a person wrote, and other people's formats."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from minitorch_attn.course.checking import reading
from minitorch_attn.course.checking.collect import collect, collect_text, notes_on
from minitorch_attn.course.checking.loading import load
from minitorch_attn.course.checking.reading import (
    MAX_RAW,
    SUFFIXES,
    CollectError,
    Unreadable,
    read_blocks,
    read_submission,
    to_text,
)

ANSWER = "def attend(x):\n    return x"


def cell(source: Any, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": []} | more


def notebook(*cells: Any, **more: Any) -> bytes:
    made = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | more
    return json.dumps(made).encode()


OUTPUTS: dict[str, list[Any]] = {
    "a picture": [{"data": {"image/png": "iVBOR" * 1_000_000}}],
    "lines": [{"output_type": "stream", "text": ["line of a log 12345\n"] * 250_000}],
    "escapes": [{"text": '\n"\\[]{}' * 400_000}],
    "a table": [{"data": {"application/json": [[0.5, 1]] * 200_000}}],
    "an emoji": [{"text": "🙂" + "x" * 5_000_000}],
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_outputs_do_not_count(tmp_path: Path, kind: str) -> None:
    made = notebook(
        cell("x = 1", outputs=OUTPUTS[kind]), cell(ANSWER, outputs=OUTPUTS[kind]),
        cell("![](attachment:a)", cell_type="markdown", attachments={"a": {"b": "A" * 9_000_000}}),
        metadata={"widgets": {"state": "x" * 4_000_000}},
    )  # fmt: skip
    assert len(made) > 9_000_000
    path = tmp_path / "a.ipynb"
    path.write_bytes(made)
    assert load(collect(path, "attend"))(3) == 3
    assert len(read_submission(path)) < 1_000


def test_outputs_cost_little_time_and_no_memory() -> None:
    made = notebook(cell(ANSWER, outputs=[{"text": ["0123456789\n"] * 3_800_000}]))
    assert 50_000_000 < len(made) < MAX_RAW
    tracemalloc.start()
    start = time.process_time()
    text = to_text(made, ".ipynb")
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "def attend" in text
    assert seconds < 5
    assert peak < 1_000_000


def test_what_is_cut_is_only_outputs() -> None:
    """Whatever stands in strings, the cells are the same as those of a JSON parser."""
    sources = [
        '"outputs": [',
        "{'metadata': {",
        '\\"outputs\\": [1, 2]',
        "x = [{}]  # \\",
        '"\\\\"',
        "",
    ]
    cells = [cell(s, outputs=[{"text": s + '"}]'}], metadata={"outputs": [s]}) for s in sources]
    sources = [
        '"outputs": [',
        "{'metadata': {",
        '\\"outputs\\": [1, 2]',
        '"\\\\"',
        "x = [{}]  # \\",
    ]
    cells = [cell(s, outputs=[{"text": s + '"}]'}], metadata={"outputs": [s]}) for s in sources]
    other = {"cell_type": "code", "source": ["last\n", "line"], "metadata": {"a": [{}]}}
    cells.append({"outputs": [1, [2, {"source": "no"}]], **other})
    for made in (notebook(*cells), json.dumps(json.loads(notebook(*cells)), indent=3).encode()):
        blocks = read_blocks(to_text(made, ".ipynb"), ".ipynb").blocks
        assert [b.text for b in blocks] == [*sources, "last\nline"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[" * (MAX_RAW + 1), "larger than 64 MB"),
        (notebook(cell("#" * 2_100_000)), "larger than 2 MB, outputs not counted"),
        (b'{"cells": [' + b'{"outputs": [' + b"[]," * 600, "more brackets"),
        (b'{"cells": "\xff"}', "not UTF-8"),
    ],
)
def test_what_is_too_large_is_not_decoded(
    data: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_BRACKETS", 1_000)
    with pytest.raises(Unreadable, match=said):
        to_text(data, ".ipynb")


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"cell_type": "markdown", "metadata": {}}, "cell 2 was left out: it has no text"),
        (cell(None), "cell 2 was left out: it has no text"),
        (cell([1, 2]), "cell 2 was left out: it has no text"),
        ({"cell_type": "chart", "data": 1}, "cell 2 was left out: it has no text"),
        ("a string", "cell 2 was left out: it has no text"),
        ({"source": "x = 1"}, "cell 2 does not say whether it is code"),
        (cell("#" * 300_000), "cell 2 was left out: it is longer than 200,000 characters"),
        (cell("![](data:image/png;base64," + "A" * 300_000, cell_type="markdown"), "longer than"),
    ],
)
def test_a_cell_that_cannot_be_read_is_left_out_and_named(odd: Any, said: str) -> None:
    text = to_text(notebook(cell(ANSWER), odd), ".ipynb")
    assert load(collect_text(text, ".ipynb", "attend"))(3) == 3
    (note,) = notes_on(text, ".ipynb")
    assert said in note
    with pytest.raises(CollectError, match="no function named mend was found"):
        collect_text(text, ".ipynb", "mend")


def test_an_answer_in_a_cell_of_no_kind_counts() -> None:
    text = to_text(notebook({"source": ANSWER}), ".ipynb")
    assert load(collect_text(text, ".ipynb", "attend"))(3) == 3


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (notebook(cell(ANSWER))[:60], "breaks off before its end"),
        (notebook(cell(ANSWER))[:-2], "breaks off before its end"),
        (
            b'{\n "cells": [\n<<<<<<< HEAD\n  {},\n=======\n  {}\n>>>>>>> theirs\n ]}',
            "merge conflict",
        ),
        (notebook(cell(ANSWER)) + b"trailing", "not a notebook of format 4"),
        (b"<html>Please log in</html>", "not a notebook of format 4"),
        (notebook(*[cell("")] * 20_001), "more than 20,000 cells"),
        (json.dumps({"worksheets": 5, "nbformat": 3}).encode(), "not a notebook of format 4"),
    ],
)
def test_what_is_no_notebook_is_for_a_person(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        notes_on(to_text(data, ".ipynb"), ".ipynb")


def test_a_notebook_of_format_3() -> None:
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": "a"}, "worksheets": [{"cells": [
        {"cell_type": "heading", "level": 1, "source": "Title", "metadata": {}},
        {"cell_type": "code", "input": ANSWER.splitlines(True), "language": "python", "outputs": [
            {"output_type": "pyout", "text": ["3"], "prompt_number": 1}], "metadata": {},
            "collapsed": False, "prompt_number": 1}]}]}  # fmt: skip
    text = to_text(json.dumps(old).encode(), ".ipynb")
    assert load(collect_text(text, ".ipynb", "attend"))(3) == 3
    old["worksheets"] = [{"cells": [{"cell_type": "code", "input": ""}] * 2_001}]
    with pytest.raises(Unreadable, match="2,000 cells in an old format"):
        notes_on(json.dumps(old), ".ipynb")


def test_a_file_that_says_how_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    source = "# -*- coding: {} -*-\ndef attend(x):\n    return '王小明'\n"
    for encoding in ("gbk", "big5", "utf-8"):
        path.write_bytes(source.format(encoding).encode(encoding))
        assert load(collect(path, "attend"))(0) == "王小明"
    for encoding in ("punycode", "zlib", "rot13", "nonsense"):
        path.write_bytes(source.format(encoding).encode("gbk"))
        with pytest.raises(Unreadable, match="not UTF-8"):
            collect(path, "attend")


@pytest.mark.parametrize("c", ["\ufeff", "\u200b", "\u2060", "\u00a0", "\u3000", "\x00", "\x07"])
@pytest.mark.parametrize("at", [0, 3, 10])
def test_an_invisible_character_is_named_with_its_place(c: str, at: int) -> None:
    hidden = f"x = 1\n{ANSWER[:at]}{c}{ANSWER[at:]}"
    text = to_text(notebook(cell(hidden)), ".ipynb")
    with pytest.raises(CollectError) as caught:
        collect_text(text, ".ipynb", "attend")
    said = str(caught.value)
    assert "attend is there but cannot be read: cell 1" in said
    if c != "\u3000":
        assert f"line 2, column {at + 1}" in said
        assert f"U+{ord(c):04X}" in said


def test_a_name_that_is_nearly_right_is_told() -> None:
    for name in ("atend", "\N{CYRILLIC SMALL LETTER A}ttend"):
        with pytest.raises(
            CollectError, match=rf"no function named attend .*there is {name} in cell 1"
        ):
            collect_text(
                notebook(cell(f"def {name}(x):\n    return x")).decode(), ".ipynb", "attend"
            )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_utf_16_as_windows_shell_writes_it(suffix: str) -> None:
    data = notebook(cell("é = 1")) if suffix == ".ipynb" else "é = 1\n".encode()
    for encoding in ("utf-16-le", "utf-16-be"):
        wide = ("\ufeff" + data.decode()).encode(encoding)
        assert to_text(wide, suffix) == to_text(data, suffix)
