"""What of a notebook a function needs: whatever makes its names, and whatever fills them."""

# ruff: noqa: E501  (cells as one would read them)

from __future__ import annotations

import contextlib
import itertools
import json
import time
from typing import Any

import pytest

from minitorch_attn.course.checking.collect import CollectError, Found, collect_text, notes_on
from minitorch_attn.course.checking.loading import load


def notebook(*cells: str) -> str:
    body = [{"cell_type": "code", "metadata": {}, "source": cell} for cell in cells]
    return json.dumps({"cells": body, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def found(*cells: str, name: str = "attend") -> Found:
    return collect_text(notebook(*cells), ".ipynb", name)


def value(*cells: str) -> Any:
    return load(found(*cells))(3)


READS_TABLE = "def attend(x):\n    return TABLE[x]"
READS_ALL = "def attend(x):\n    return list(TABLE)"
REGISTER = "TABLE = {}\ndef register(f):\n    TABLE[f.__name__] = f\n    return f"

# What fills a name, the function that reads it, and what it gives for 3.
FILLED: dict[str, tuple[list[str], Any]] = {
    "a loop": (["TABLE = {}", "for d in range(5):\n    TABLE[d] = d * d", READS_TABLE], 9),
    "append in a loop": (
        ["TABLE = []\nfor d in range(5):\n    TABLE.append(d * d)", READS_TABLE],
        9,
    ),
    "while": (["TABLE = []\nwhile len(TABLE) < 4:\n    TABLE.append(7)", READS_TABLE], 7),
    "update": (["TABLE = {}", "TABLE.update({3: 4})", READS_TABLE], 4),
    "update with a star": (["TABLE = dict()", "m = {3: 5}\nTABLE.update(*[m])", READS_TABLE], 5),
    "a result nobody reads": (["TABLE = {}", "_ = TABLE.setdefault(3, 8)", READS_TABLE], 8),
    "a comprehension for its effect": (
        ["TABLE = []", "[TABLE.append(i) for i in range(4)]", READS_TABLE],
        3,
    ),
    "setattr": (
        ["class Config:\n    pass", "setattr(Config, 'scale', 6)",
         "def attend(x):\n    return Config.scale"],
        6,
    ),
    "an attribute of an instance": (
        ["class Config:\n    pass\nconfig = Config()", "config.scale = 6",
         "def attend(x):\n    return config.scale"],
        6,
    ),
    "a method of one's own": (
        ["class Config:\n    def set(self, x):\n        self.x = x\nconfig = Config()\nconfig.set(6)",
         "def attend(x):\n    return config.x"],
        6,
    ),
    "a registry by decorator": (
        [REGISTER, "@register\ndef soft(x):\n    return x + 1",
         "def attend(x):\n    return TABLE['soft'](x)"],
        4,
    ),
    "a registry by a decorator with an argument": (
        ["TABLE = {}\ndef register(name):\n    def put(f):\n        TABLE[name] = f\n        return f\n"
         "    return put", "@register('soft')\ndef _f(x):\n    return x + 1",
         "def attend(x):\n    return TABLE['soft'](x)"],
        4,
    ),
    "a registry by a call": (
        [REGISTER, "def soft(x):\n    return x + 1\nregister(soft)",
         "def attend(x):\n    return TABLE['soft'](x)"],
        4,
    ),
    "a registry that a class keeps": (
        ["class Base:\n    kinds = []\n    def __init_subclass__(cls):\n        Base.kinds.append(cls)",
         "class A(Base):\n    size = 5", "def attend(x):\n    return Base.kinds[0].size"],
        5,
    ),
    "singledispatch": (
        ["import functools\n@functools.singledispatch\ndef size(x):\n    return 0",
         "@size.register\ndef _(x: int):\n    return x + 1", "def attend(x):\n    return size(x)"],
        4,
    ),
    "a function that fills a global": (
        ["TABLE = {}\ndef put(k, v):\n    TABLE[k] = v\ndef fill():\n    put(3, 2)", "fill()", READS_TABLE],
        2,
    ),
    "a function that fills its argument": (
        ["TABLE = {}\ndef fill(t):\n    t[3] = 2", "fill(TABLE)", READS_TABLE],
        2,
    ),
    "two loops and a matrix": (
        ["import numpy as np\nTABLE = np.zeros((4, 4))",
         "for i in range(4):\n    for j in range(4):\n        TABLE[i, j] = i * j",
         "def attend(x):\n    return TABLE[x, x]"],
        9,
    ),
    "rows of a matrix": (
        ["TABLE = [[0], [0]]\nfor row in TABLE:\n    row[0] = 5", READS_ALL],
        [[5], [5]],
    ),
    "NumPy in place": (
        ["import numpy as np\nTABLE = np.zeros(4)", "np.add.at(TABLE, [3], 2.0)",
         "np.copyto(TABLE[:1], 1.0)\n_ = np.multiply(TABLE, 3, out=TABLE)", READS_TABLE],
        6,
    ),
    "a standard function": (
        ["import heapq\nTABLE = []\nfor n in (5, 2):\n    heapq.heappush(TABLE, n)", READS_ALL],
        [2, 5],
    ),
    "del": (["TABLE = {1: 1, 2: 2}", "del TABLE[1]", READS_ALL], [2]),
    "globals": (["globals()['TABLE'] = [0, 0, 0, 4]", READS_TABLE], 4),
    "under main": (
        ['if __name__ == "__main__":\n    import math\n    def attend(x):\n        return math.floor(x)'],
        3,
    ),
    "a definition that calls the one before": (
        ["def attend(x):\n    return x", "_first = attend", "def attend(x):\n    return _first(x) + 1"],
        4,
    ),
    "made with what was there before": (
        ["def make():\n    return A * 2", "A = 1", "T = make()", "A = 5",
         "def attend(x):\n    return T * x"],
        6,
    ),
    "two readers of one name": (
        ["A = 1", "def f(x, k=A):\n    return k", "A = 2", "def g(x, k=A):\n    return k", "A = 3",
         "def attend(x):\n    return f(x), g(x), A"],
        (1, 2, 3),
    ),
    "a constant that later is a loop's variable": (
        ["N = 4", "def attend(x):\n    return N", "import nowhere\nfor N in (1, 2):\n    nowhere.plot(N)"],
        4,
    ),
    "a star beside one that is not there": (
        ["from math import *", "from nowhere.to.be.found import *", "def attend(x):\n    return floor(x)"],
        3,
    ),
    "one line of imports": (
        ["import math, nowhere", "from math import floor, ceil", "def attend(x):\n    return floor(math.pi)"],
        3,
    ),
    "an annotation that names what is not there": (
        ["import nowhere\nArray = nowhere.Tensor", "def attend(x: nowhere.T, *, k: Array = 1) -> Array:\n"
         "    y: nowhere.T = x\n    return y"],
        3,
    ),
    "prompts": ([">>> def attend(x):\n...     return x"], 3),
    "an indented cell": (["    def attend(x):\n        return x"], 3),
    "a written file": (["%%writefile attend.py\ndef attend(x):\n    return x"], 3),
    "statements on one line": (["A = 1; B = 2; C = 3\ndef attend(x): return A + B; D = 4"], 3),
    "a line that goes on": (["A = 1; \\\nB = 2\ndef attend(x):\n    return A + B"], 3),
    "old line ends": (["A = 1\rB = 2\r\ndef attend(x):\r    return A + B"], 3),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILLED)
def test_what_fills_a_name_is_taken(kind: str) -> None:
    cells, want = FILLED[kind]
    assert value(*cells) == want


LEFT: dict[str, list[str]] = {
    "a trial": ["T = {}", "def attend(x):\n    T[x] = x\n    return x", "import nowhere\n"
                "data = nowhere.load()", "attend(data)", "out = attend(data)"],
    "a plot": ["T = [1]\nimport nowhere as plt", "plt.plot(T)", "def attend(x):\n    return T and x"],
    "a look": ["T = [1]\nimport nowhere", "print(T, nowhere)", "display(T)\nlen(T)",
               "def attend(x):\n    return T and x"],
    "a helper's own store": ["import nowhere", "CACHE = {}\ndef soft(x):\n    CACHE[x] = x\n"
                             "    return CACHE[x]", "soft(nowhere.x)", "def attend(x):\n"
                             "    return soft(x)"],
    "a module's function": ["import nowhere, math", "math.floor(nowhere.x)",
                            "def attend(x):\n    return math.floor(x)"],
    "a check": ["from nowhere import check", "T = [1]", "check('06.2', T)",
                "def attend(x):\n    return T and x"],
    "a comparison": ["import nowhere\nT = [1]", "assert nowhere.equal(T, 1)", "y = nowhere.f(T)",
                     "def attend(x):\n    return T and x"],
}  # fmt: skip


@pytest.mark.parametrize("kind", LEFT)
def test_what_only_looks_is_left(kind: str) -> None:
    result = found(*LEFT[kind])
    assert "nowhere" not in result.source
    assert load(result)(3) == 3


def test_a_changed_stub_is_a_stub() -> None:
    stub = 'def attend(x):\n    raise NotImplementedError("not done yet")'
    assert found(stub, "attend.scale = 2", "setattr(attend, 'x', 1)").stub


def test_a_line_by_its_own_cell() -> None:
    cells = ["import math\n\n\ndef helper(x):\n    return 1 / x", "# a comment\n\ndef attend(x):\n"
             "    y = 1\n    return helper(y)"]  # fmt: skip
    result = found(*cells)
    at = {line.strip(): number for number, line in enumerate(result.source.split("\n"), 1)}
    assert result.place(at["y = 1"]) == (4, "")
    assert result.place(at["return 1 / x"]) == (5, "cell 1")
    plain = collect_text("\n\n" + cells[1], ".py", "attend")
    assert plain.place(1)[0] == 5


# Text that was made to be slow to read. None of it may hold the grader for long.

RIGHT = "def attend(x):\n    return x"


def chain(n: int) -> str:
    names = [f"n{i}" for i in range(n)]
    return "\n".join(f"def {a}():\n    return {b}()" for a, b in itertools.pairwise(names))


SLOW = {
    "backticks and lines": [RIGHT, "`" * 60_000 + "\n" * 130_000],
    "many fences": [RIGHT, "```\n" * 40_000],
    "statements on one line": [RIGHT, "a=1;" * 3_900],
    "long statements on one line": [RIGHT, ("a=" + "1+" * 15 + "1;") * 3_900],
    "help lines": [RIGHT, "a?\n" * 45_000],
    "shell lines": [RIGHT, "a=!ls\n" * 20_000],
    "600 help lines": [RIGHT, "a?\n" * 600],
    "autocall lines": [RIGHT, "/f 1\n" * 30_000 + "a?"],
    "names without end": [
        "def attend(x):\n    return x\n    " + "+".join(f"a{i}" for i in range(28_000)),
        *["b=1\n" * 3_500],
    ],
    "everything changes everything": [
        "def attend(x):\n    return a0",
        "\n".join(",".join(f"a{i}" for i in range(100)) + " = " + ",".join(
            f"a{i}" for i in range(100)) for _ in range(300)),
    ],
    "a long chain of calls": [chain(1500) + "\ndef attend(x):\n    return n0()\n    return n7()"],
    "a long chain of methods": [RIGHT + "\nx = a" + ".b()" * 900 + "\n" + "y = a.b().c().d()\n" * 2000],
    "spaces": [RIGHT, (" " * 60_000 + "\n") * 3],
    "open brackets": [RIGHT, "(" * 190_000],
    "decorators": ["@f\n" * 3000 + "def f(x):\n    return x\n" + RIGHT],
    "invisible characters": [RIGHT, "def attend(\u200b" * 9_000],
    "semicolons": [RIGHT, ";" * 100_000],
    "commas below a long text": [RIGHT, "x = 1\n" * 3_500 + ",," * 50],
    "slashes behind prompts": [RIGHT, ">>> ///\n" * 4_000],
    "equal signs": [RIGHT, "=" * 190_000 + "\n%x"],
}  # fmt: skip


@pytest.mark.parametrize("kind", SLOW)
def test_nothing_is_slow_to_read(kind: str) -> None:
    start = time.process_time()
    for _ in range(2):
        for name in ("attend", "mend", "f"):
            with contextlib.suppress(CollectError):
                collect_text(notebook(*SLOW[kind]), ".ipynb", name)
    assert time.process_time() - start < 6


@pytest.mark.parametrize(
    "kind", ["help lines", "600 help lines", "shell lines", "semicolons", "open brackets"]
)
def test_a_cell_that_is_too_much_takes_no_other_with_it(kind: str) -> None:
    assert value(*SLOW[kind]) == 3
    if kind != "open brackets":
        assert any(
            "cell 2 was left out" in note for note in notes_on(notebook(*SLOW[kind]), ".ipynb")
        )


def test_a_notebook_that_is_too_long_counts_up_to_there() -> None:
    cells = [RIGHT, *["x = 1\n" * 1_500] * 4, "def mend(x):\n    return 1"]
    assert value(*cells) == 3
    assert "from cell 5 on it was left out" in notes_on(notebook(*cells), ".ipynb")[0]
