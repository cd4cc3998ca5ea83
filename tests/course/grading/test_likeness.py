"""Whose code is a worked answer's."""

from __future__ import annotations

import re

import pytest
from helpers.worked_answers import worked

from minitorch_attn.course.checks import find
from minitorch_attn.course.grading.likeness import code_mark, copied
from minitorch_attn.course.proving.answers import answers_of

EXERCISES = ["06.1", "06.2", "06.3", "06.4"]


@pytest.mark.parametrize("id", EXERCISES)
def test_each_public_answer_is_known_however_it_is_dressed(id: str) -> None:
    exercise = find(id)
    assert worked(exercise)
    for answer in answers_of(exercise):
        dressed = answer.source.replace("import math", "import math as math")
        dressed = "# my own work\nfrom typing import Any\n" + dressed.replace("\n\n", "\n\n\n")
        assert copied(dressed, ".py", 6) == (id,), answer.name


def test_docstrings_and_annotations_do_not_hide_it() -> None:
    source = answers_of(find("06.2"))[0].source
    head, _, rest = source.partition("(query, key, value):\n")
    assert rest
    other = f"{head}(query: object, key: object, value: object) -> object:\n    'Mine.'\n{rest}"
    assert copied(other, ".py", 6) == ("06.2",)


def test_code_that_is_nested_deeper_than_python_goes_is_marked_all_the_same() -> None:
    table = "".join(f"    elif k == {i}:\n        return {i}\n" for i in range(1, 900))
    own = (
        f"def attend(query, key, value, k=0):\n    if k:\n        return 1\n{table}    return key\n"
    )
    assert copied(own, ".py", 6) == ()
    assert code_mark(own, ".py", 6).startswith("06.2:")


def test_ones_own_code_is_no_copy() -> None:
    own = (
        "import numpy as np\n"
        "def attend(query, key, value):\n    s = query @ key.T\n    s = s - s.max()\n"
        "    e = np.exp(s - s.max(1, keepdims=True))\n    a = e / e.sum(1)[:, None]\n"
        "    return a @ value\n"
    )
    assert copied(own, ".py", 6) == ()
    assert copied("def attend(query, key, value):\n    raise NotImplementedError\n", ".py", 6) == ()
    assert copied("def attend(:\n", ".py", 6) == ()
    assert code_mark(own, ".py", 6).startswith("06.2:")
    assert code_mark(own, ".py", 6) == code_mark(own + "# mine\n", ".py", 6)
    assert code_mark("x = 1\n", ".py", 6) == ""


OWN = """
def scaled(x):
    return x / 2

def attend(query, key, value):
    total = 0
    def weigh(row):
        nonlocal total
        total += 1
        return scaled(row @ query)
    scores = [weigh(row) for row in key]
    return np.array(scores) @ value
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("scores", "my_scores"),
        ("row", "line"),
        ("query", "q"),
        ("scores =", "scores: list[float] ="),
        ("value):\n", "value) -> np.ndarray:\n    'My own.'\n    note: int\n"),
        ("x", "numerator"),
    ],
)
def test_names_annotations_and_docstrings_do_not_hide_the_same_code(old: str, new: str) -> None:
    other = OWN.replace(old, new)
    assert other != OWN
    assert code_mark(other, ".py", 6) == code_mark(OWN, ".py", 6)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("scores) @ value", "scores) @ key"),
        ("weigh(row) for", "weigh(key) for"),
        ("scaled(row", "abs(row"),
        ("np.array", "np.asarray"),
        ("query, key", "key, query"),
    ],
)
def test_which_variable_and_which_function_is_code(old: str, new: str) -> None:
    other = OWN.replace(old, new, 1)
    assert other != OWN
    assert code_mark(other, ".py", 6) != code_mark(OWN, ".py", 6)


@pytest.mark.parametrize("id", ["06.2", "06.4"])  # no name stands in a message of these
def test_a_public_answer_is_known_with_other_names(id: str) -> None:
    for answer in answers_of(find(id)):
        assert copied(re.sub(r"\b(query|value)\b", r"my_\1", answer.source), ".py", 6) == (id,)
