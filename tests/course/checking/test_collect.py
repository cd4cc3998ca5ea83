"""Finding functions by name, whatever was done to the cells."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from minitorch_attn.course.checking.collect import (
    CollectError,
    Unreadable,
    collect,
    collect_text,
)
from minitorch_attn.course.checking.loading import load

STUB = 'def attend(x):\n    """Doc."""\n    raise NotImplementedError("not done yet")'


def notebook(*cells: str | tuple[str, str]) -> str:
    pairs = [("code", cell) if isinstance(cell, str) else cell for cell in cells]
    body: list[dict[str, Any]] = [
        {"cell_type": kind, "metadata": {}, "source": source.splitlines(True)}
        for kind, source in pairs
    ]
    return json.dumps({"cells": body, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def found(*cells: str | tuple[str, str], name: str = "attend") -> Any:
    return collect_text(notebook(*cells), ".ipynb", name)


def value(*cells: str | tuple[str, str], x: Any = 3) -> Any:
    """What the collected function gives for 3."""
    return load(found(*cells))(x)


def test_only_what_is_needed_is_taken() -> None:
    result = found(
        "import numpy as np\nimport antigravity_not_installed",
        "FACTOR = 2\nunused = slow()",
        "def helper(x):\n    return FACTOR * np.asarray(x)",
        "weights = attend(3)\nprint(weights)",
        "def attend(x):\n    weights = helper(x)  # a local name\n    return weights",
        'check("06.2", attend)',
    )
    assert "antigravity" not in result.source
    assert "slow" not in result.source
    assert "print" not in result.source
    assert "# a local name" in result.source, "the learner's own text, for their own line numbers"
    assert load(result)(3) == 6
    assert result.where == "cell 5"


def test_the_last_definition_that_is_not_the_stub_wins() -> None:
    first, second = "def attend(x):\n    return 1", "def attend(x):\n    return 2"
    assert value(first, second) == 2
    assert value(second, first) == 1
    assert value(first, STUB) == 1, "a doubled stub below the answer"
    assert value(STUB, first) == 1
    assert found(STUB).stub
    assert not found(STUB, first).stub


@pytest.mark.parametrize(
    "source",
    [
        STUB,
        'def attend(x):\n    raise NotImplementedError("not done yet")',
        "def attend(x):\n    # your code\n    raise NotImplementedError",
        'def attend(x):\n    raise NotDone("06.2")',
    ],
)
def test_stubs_are_seen(source: str) -> None:
    assert found(source).stub


def test_an_answer_above_a_forgotten_raise_counts() -> None:
    assert (
        value("def attend(x):\n    return x + 1\n    raise NotImplementedError('not done yet')")
        == 4
    )


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_retyped_cells(kind: str) -> None:
    code = "def attend(x):\n    return 7"
    assert value(STUB, (kind, code)) == 7
    assert value(STUB, (kind, f"```python\n{code}\n```")) == 7
    assert value((kind, code)) == 7
    assert value("def attend(x):\n    return 8", (kind, code)) == 8, "code cells come first"


def test_prose_with_code_in_it_is_not_an_answer() -> None:
    hint = "A hint:\n\n```python\ndef attend(x):\n    return 7\n```\n\nand so on."
    assert found(STUB, ("markdown", hint)).stub


def test_order_does_not_matter_between_helper_and_function() -> None:
    assert value("def attend(x):\n    return helper(x)", "def helper(x):\n    return x * x") == 9


@pytest.mark.parametrize(
    "magic",
    [
        "%matplotlib inline\nimport math",
        "!pip install numpy\nimport math",
        "%%time\nimport math",
        "import math\nmath.exp?",
        "files = !ls\nimport math",
        "%%bash\necho no python here\n",
    ],
)
def test_magics_and_shell_lines_are_dropped(magic: str) -> None:
    result = found(magic, "import math\ndef attend(x):\n    return math.floor(x)")
    assert "get_ipython" not in result.source
    assert load(result)(3.5) == 3


def test_a_line_that_only_looks_like_a_magic() -> None:
    assert value("def attend(x):\n    return (x\n        % 2)") == 1
    assert value('TEXT = """\n%s\n!ls\n"""\ndef attend(x):\n    return TEXT') == "\n%s\n!ls\n"


def test_constants_that_are_built_in_steps() -> None:
    assert value("T = [1, 2]\nT[0] = 5\nT += [9]", "def attend(x):\n    return T") == [5, 2, 9]
    assert value("N = 1", "N = 2", "def attend(x):\n    return N") == 2
    assert (
        value(
            "try:\n    import fastest as m\nexcept ImportError:\n    import math as m",
            "def attend(x):\n    return m.floor(x)",
        )
        == 3
    )


def test_what_is_read_early_and_what_is_read_in_the_end_are_both_taken() -> None:
    cells = (
        "A = 0",
        "A = 1",
        "def attend(x, k=A):\n    return k * helper(x)",
        "A = 9",
        "A = 2",
        "def helper(x):\n    return x + A",
        "B = 3",
    )
    lines = found(*cells).source.splitlines()
    assert [line for line in lines if "=" in line] == ["A = 1", "def attend(x, k=A):", "A = 2"]
    assert value(*cells) == 5


def test_other_ways_to_define() -> None:
    assert value("attend = lambda x: x + 1") == 4
    assert value("def f(x):\n    return x\nattend = f") == 3
    assert value("from math import *\ndef attend(x):\n    return floor(x)") == 3
    decorated = "import functools\n@functools.lru_cache\ndef attend(x):\n    return x"
    assert value(decorated) == 3
    assert value("def attend(x):\n    return x\nattend.scale = 2\nprint(1); y = 4") == 3
    future = "from __future__ import annotations\ndef attend(x: Nowhere):\n    return helper(x)"
    assert value("def helper(x):\n    return x", future) == 3


def test_a_broken_cell_elsewhere_does_no_harm() -> None:
    good = "def attend(x):\n    return 5"
    assert value("this is not python", good) == 5
    assert value("def attend(x:\n    return 1", good) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (notebook("x = 1"), "no function named attend was found"),
        (notebook(), "no function named attend was found"),
        (notebook(STUB, "def attend(x):\n    return ((1"), r"cannot be read: cell 2, line 2"),
        ("not json", "not a notebook of format 4"),
        ("[]", "not a notebook of format 4"),
        ('{"cells": {}}', "not a notebook of format 4"),
        ('{"cells": [{"cell_type": "code"}]}', r"found \(cell 1 was left out: it has no text\)"),
        ("[" * 100_000, "not a notebook of format 4"),
        (notebook("def attend(x):\n    return " + "(" * 100_000), "cannot be read|longer than"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, message: str) -> None:
    with pytest.raises(CollectError, match=message):
        collect_text(text, ".ipynb", "attend")


def test_files(tmp_path: Path) -> None:
    py = tmp_path / "06_one_query.py"
    py.write_bytes("\ufeffdef attend(x):\r\n    return 'é'\r\n".encode())
    assert load(collect(py, "attend"))(0) == "é"
    py.write_bytes(b"# caf\xe9\n")
    with pytest.raises(CollectError, match="not UTF-8"):
        collect(py, "attend")
    with pytest.raises(CollectError, match=r"gone\.ipynb cannot be read: No such file"):
        collect(tmp_path / "gone.ipynb", "attend")
    py.write_bytes(b"#" * 3_000_000)
    with pytest.raises(CollectError, match="larger than 2 MB"):
        collect(py, "attend")
    with pytest.raises(CollectError, match=r"an \.ipynb or a \.py"):
        collect(tmp_path / "answer.txt", "attend")


def test_collecting_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    found(f"open({str(mark)!r}, 'w')\ndef attend(x=open({str(mark)!r}, 'w')):\n    return 1")
    assert not mark.exists()


def test_a_star_may_bring_a_name_that_is_built_in() -> None:
    import numpy as np

    text = "from numpy import *\ndef attend(x):\n    return sum(x, axis=0)"
    assert value(text, x=np.ones((2, 3))).tolist() == [2, 2, 2]
    # One that is not there is not needed for what Python has.
    assert value("from torch import *\ndef attend(x):\n    return abs(x)", x=-3) == 3


def test_a_half_typed_cell_of_a_file_costs_no_other() -> None:
    """Editors mark cells in a Python file; a notebook's would stand alone, too."""
    right, half = "# %%\ndef attend(x):\n    return x\n", "# %%\ndef steer(x:\n    return\n"
    for text in (
        right + half,
        half + right,
        "import math\n" + half + right.replace("%%", "In[2]:"),
    ):
        assert load(collect_text(text, ".py", "attend"))(3) == 3
        with pytest.raises(CollectError, match=r"steer is there but cannot be read: cell \d"):
            collect_text(text, ".py", "steer")


BROKEN = {
    "misspelt": "def steer(x):\n    retrun x",
    "a colon missing": "def steer(x)\n    return x",
    "a bracket left open": "def steer(x):\n    return (x",
    "no body": "def steer(x):",
    "a body that is not indented enough": "def steer(x):\n    if x:\n        x = 1\n      return x",
    "decorated": "@cached\ndef steer(x):\n    return x +",
    "a text left open": 'def steer(x):\n    return "x',
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("suffix", [".py", ".ipynb"])
def test_a_broken_function_costs_no_other_of_its_cell_or_file(broken: str, suffix: str) -> None:
    before, after = (
        "SCALE = 2\n\n\ndef half(x):\n    return x / SCALE",
        "def attend(x):\n    return half(x)",
    )
    for pieces in ((before, broken, after), (broken, before, after), (before, after, broken)):
        text = "\n\n\n".join(pieces) + "\n"
        line = next(i for i, row in enumerate(text.split("\n"), 1) if row.startswith("def attend"))
        text = notebook(text) if suffix == ".ipynb" else text
        got = collect_text(text, suffix, "attend")
        assert load(got)(3) == 1.5
        assert suffix == ".ipynb" or got.where == f"line {line}"
        with pytest.raises(CollectError, match=r"steer is there but cannot be read: .*line"):
            collect_text(text, suffix, "steer")


def test_of_two_versions_that_git_left_none_is_taken() -> None:
    sides = ["def attend(x):\n    return 1\n", "def attend(x):\n    return 2\n"]
    text = "<<<<<<< HEAD\n" + "=======\n".join(sides) + ">>>>>>> theirs\n"
    with pytest.raises(CollectError, match="git left a merge conflict"):
        collect_text(text, ".py", "attend")


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads it")
def test_what_a_newer_python_may_read_is_for_a_person() -> None:
    with pytest.raises(Unreadable, match=r"read as Python 3\.11"):
        found('def attend(d):\n    return f"{d["a"]}"')


@pytest.mark.parametrize(
    "cell",
    [
        "a" * 100_000 + " ?",
        "x = (\n" + "a.b" * 60_000 + "\n) ?",
        "".join(f"def ü{i}(invalid):global invalid\n" for i in range(1000)) + "# " + "ü" * 100_000,
    ],
    ids=["a word", "a path", "broken functions"],
)
def test_no_cell_takes_long(cell: str) -> None:
    start = time.process_time()
    assert value(cell, "def attend(x):\n    return x") == 3
    with pytest.raises(CollectError):
        found(cell)
    assert time.process_time() - start < 3
