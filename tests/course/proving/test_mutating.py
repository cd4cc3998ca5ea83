"""Each operator makes what its name says, in one place, and all else stays as it was."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

from minitorch_attn.course.proving import faults
from minitorch_attn.course.proving.mutating import CALLED, Mutant, mutants
from minitorch_attn.course.proving.operators import TABLE

FAULTS = ("first_off", "last_off", "squeezed")

# The operator, a line, and all that it makes of it.
CASES = [
    ("operator exchanged", "y = x + 1", ["y = x - 1"]),
    ("operator exchanged", "y = a and b", ["y = a or b"]),
    ("operator exchanged", "y = a @ (b - c)", ["y = a * (b - c)", "y = a @ (b + c)"]),
    ("operator exchanged", "y = a / b**c", ["y = a * (b**c)", "y = a / (b * c)"]),
    ("comparison exchanged", "y = x < 1", ["y = x <= 1", "y = x > 1"]),
    ("comparison exchanged", "y = a == b", ["y = a != b", "y = a <= b", "y = a >= b"]),
    (
        "comparison exchanged",
        "y = 0 <= x < 1",
        ["y = 0 < x < 1", "y = 0 >= x < 1", "y = 0 <= x <= 1", "y = 0 <= x > 1"],
    ),
    ("operand dropped", "y = x - x.max()", ["y = x", "y = x.max()"]),
    ("operand dropped", "y = a * (b + c)", ["y = a", "y = b + c", "y = a * (b)", "y = a * (c)"]),
    ("operand dropped", "y = a or b or c", ["y = b or c", "y = a or c", "y = a or b"]),
    ("operand dropped", "y = -x", ["y = x"]),
    (
        "condition fixed",
        "y = a if b < c else d",
        ["y = a if not (b < c) else d", "y = a if True else d", "y = a if False else d"],
    ),
    ("condition fixed", "y = [a for a in x if a]", None),
    ("constant off", "y = x[0]", ["y = x[1]", "y = x[-1]"]),
    ("constant off", "y = x[-1]", ["y = x[0]", "y = x[-2]"]),
    ("constant off", "y = x.reshape(2, -1)", ["(3, -1)", "(1, -1)", "(2, 0)"]),
    (
        "constant off",
        "y = 2 * x",
        [
            "y = 3 * x",
            "y = 1 * x",
            "y = 2.002 * x",
            "y = 1.998001998 * x",
            "y = 20 * x",
            "y = -2 * x",
        ],
    ),
    (
        "constant off",
        "y = x < 1e-4",
        ["y = x < 0.00011", "y = x < 9.09090909091e-05", "y = x < 0.001", "y = x < -0.0001"],
    ),
    ("constant off", "y = f(x, keepdims=True)", ["y = f(x, keepdims=False)"]),
    ("constant off", 'y = x == "leaf"', ['y = x == ""']),
    ("constant off", "y = -np.inf", ["y = -1e10"]),
    ("axis changed", "y = x.max(axis=-1)", ["axis=0", "axis=-2", "axis=None"]),
    ("keyword dropped", "y = np.zeros(3, dtype=int)", ["y = np.zeros(3)"]),
    ("arguments exchanged", "y = f(a, b, c)", ["y = f(b, a, c)", "y = f(a, c, b)"]),
    ("arguments exchanged", "y = x[:, None]", ["y = x[None, :]"]),
    ("arguments exchanged", "y = np.maximum(a, b)", []),
    ("call dropped", "y = np.exp(x.T)", ["y = x.T", "y = np.exp(x)"]),
    ("call dropped", "y = x.sum(axis=0)", ["y = x"]),
    ("call exchanged", "y = x.sum(axis=0)", ["y = x.mean(axis=0)"]),
    ("call exchanged", "y = x.argmax()", ["y = x.argmin()"]),
    (
        "call exchanged",
        "y = np.isfinite(x).all()",
        ["(~np.isnan(x)).all()", "np.isfinite(x).any()"],
    ),
    ("dtype exchanged", "y = x.astype(float)", ["y = x.astype(np.float32)"]),
    ("dtype exchanged", "y = np.ones(2, dtype=np.float32)", ["dtype=np.float64"]),
    ("index off by one", "y = x[: n - k]", ["y = x[: n - k - 1]", "y = x[: n - k + 1]"]),
    ("index off by one", "y = [x[i] for i in n]", ["y = [x[i - 1] for i in n]"]),
    ("round skipped", "y = [i for i in x]", ["in list(x)[1:]]", "in list(x)[:-1]]"]),
    ("statement dropped", "x += 1", ["pass"]),
    ("statement dropped", "x = x * 2", ["pass"]),
    ("statement dropped", "y = x * 2", []),
    ("step in place changed", "x += 1", ["x = 1", "x -= 1"]),
    ("another error", "raise ValueError('no')", ["raise TypeError('no')"]),
    ("result changed", "return x", [f"return {fault}(x)" for fault in FAULTS]),
    (
        "result changed",
        "return a, b",
        [
            *(f"return {fault}(a), b" for fault in FAULTS),
            *(f"return a, {fault}(b)" for fault in FAULTS),
            "return b, a",
        ],
    ),
    ("result changed", "y = x", []),
]


def made(source: str, example: tuple[Any, ...] = ()) -> list[Mutant]:
    return mutants(source, "f", example)


def around(line: str) -> str:
    return f"import numpy as np\n\n\ndef f(x, a, b, c):\n    '''A docstring.'''\n    {line}\n"


@pytest.mark.parametrize(("name", "line", "wanted"), CASES)
def test_an_operator_makes_what_its_name_says(
    name: str, line: str, wanted: list[str] | None
) -> None:
    found = [mutant.after for mutant in made(around(line)) if mutant.operator == name]
    if wanted is None:  # something at all
        assert found
        return
    assert len(found) == len(wanted), found
    for text in wanted:
        assert any(text in after for after in found), (text, found)


def test_every_operator_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == set(TABLE)


def test_one_place_is_changed_and_none_twice() -> None:
    source = (
        "def f(x):\n    # é, of two bytes\n    e = x - (x.max() + 1)  # why\n"
        "    return (e /\n            e.sum())\n"
    )
    found = made(source)
    trees = [ast.dump(ast.parse(mutant.source)) for mutant in found]
    assert len(set(trees)) == len(trees)
    assert ast.dump(ast.parse(source)) not in trees
    for mutant in found:
        assert "é, of two bytes" in mutant.source
        text = mutant.source.removesuffix(CALLED)
        old, new = source.splitlines(), text.splitlines()
        count = len(mutant.before.splitlines()), len(mutant.after.splitlines())
        at = mutant.line - 1
        assert old[:at] == new[:at]
        assert old[at + count[0] :] == new[at + count[1] :]
        assert [line.strip() for line in new[at : at + count[1]]] == mutant.after.splitlines()


def test_what_is_no_part_of_the_answer_stays() -> None:
    source = (
        "import numpy as np\n\n\ndef f(x: int = 0) -> int:\n    '''Adds 1.'''\n"
        "    raise ValueError(f'no {x + 1}, but {2}')\n"
    )
    assert [mutant.after for mutant in made(source)] == [
        "def f(x: int = 1) -> int:",
        "def f(x: int = -1) -> int:",
        "pass",
        "raise TypeError(f'no {x + 1}, but {2}')",
    ]


def test_parameters_are_ignored_or_seen_in_part() -> None:
    example = (np.ones((3, 2)), np.zeros((2, 2)), np.array([True]), 5, "text")
    found = [m.after for m in made("def f(x, y, seen, n, kind):\n    pass\n", example)]
    assert set(found) >= {
        "x = 0 * x + 1",
        "x = y",
        "x = x[[0] * len(x)]",
        "x = x[[-1] * len(x)]",
        "x = x[..., [0] * x.shape[-1]]",
        "seen = seen | True",
        "seen = seen & False",
        "n = 5",
        "kind = 'text'",
    }


def test_of_a_long_table_the_ends_stand_for_all() -> None:
    numbers = ", ".join(map(str, range(20, 40)))
    found = [m.after for m in made(f"def f(x):\n    return [{numbers}][x]\n")]
    changed = [text for text in found if not any(fault in text for fault in FAULTS)]
    assert [text[:17] for text in changed[:2]] == ["return [2000, 21,", "return [-20, 21, "]
    assert [text[-12:] for text in changed[2:]] == ["38, 3900][x]", " 38, -39][x]"]


def test_one_number_is_off() -> None:
    x = np.array([[1.0, -300.0], [0.0, 4.0]])
    assert np.argwhere(faults.first_off(x) != x).tolist() == [[0, 0]]
    assert np.argwhere(faults.last_off(x) != x).tolist() == [[1, 1]]
    assert faults.last_off((True, 3)) == (True, 4)
    assert not faults.first_off(np.array([True, True]))[0]
    assert faults.last_off({"a": "b"}) == {"a": "bx"}
    assert faults.first_off([]) == []
    assert x[0, 0] == 1.0  # the one that was given is as it was


def test_axes_of_size_1_are_gone() -> None:
    assert faults.squeezed(np.ones((3, 1, 2))).shape == (3, 2)
    assert faults.squeezed(np.ones((3, 2))).shape == (3, 2)
    both = faults.squeezed((np.ones((1, 2)), np.float64(3), "a"))
    assert (both[0].shape, *both[1:]) == ((2,), 3, "a")
    assert faults.squeezed(3) == 4  # no array, no axis: off
    assert faults.squeezed([1, 2]) == [2, 2]
