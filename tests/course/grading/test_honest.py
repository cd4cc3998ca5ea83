"""Another correct formulation is never failed: right answers as people write them."""

from __future__ import annotations

from itertools import chain, zip_longest

import pytest
from helpers import honest
from helpers.browsing import lacking

from minitorch_attn.course.checking.collect import collect_text
from minitorch_attn.course.checking.loading import load
from minitorch_attn.course.checking.running import run
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.grading.marking import box
from minitorch_attn.course.grading.marking import mark as marking

ALL = [(6, name, v) for name, variants in honest.ONE_QUERY.items() for v in variants]
ALL += honest.OTHERS


def test_there_are_more_than_fifty() -> None:
    assert len({(name, cells[-1]) for _, name, (_, cells) in ALL}) == len(ALL) >= 50


@pytest.mark.parametrize(("chapter", "name", "variant"), ALL, ids=lambda x: str(x)[:40])
def test_the_checks_accept_it(chapter: int, name: str, variant: honest.Variant) -> None:
    (exercise,) = (e for e in exercises_of(chapter) if e.function == name)
    text = honest.answers(chapter, **{name: variant[1]})
    report = run(exercise, load(collect_text(text, ".ipynb", name)), seed=1)
    assert report.points == report.total, f"{variant[0]}: {report!r}"


def notebooks() -> list[tuple[int, dict[str, list[str]]]]:
    """Each variant once, one for each function to a notebook."""
    made: list[tuple[int, dict[str, list[str]]]] = []
    for row in zip_longest(*honest.ONE_QUERY.values()):
        pairs = zip(honest.ONE_QUERY, row, strict=True)
        made.append((6, {name: variant[1] for name, variant in pairs if variant}))
    for chapter in (5, 7, 8):
        cells = {name: variant[1] for c, name, variant in honest.OTHERS if c == chapter}
        made.append((chapter, cells))
    return made


NOTEBOOKS = notebooks()


def full_marks(number: int) -> None:
    isolation = box.find_isolation()
    if isolation.level != "sandbox":
        lacking(isolation.words)
    chapter, cells = NOTEBOOKS[number]
    text = honest.answers(chapter, **cells)
    mark = marking.mark(text, ".ipynb", chapter, "a secret of the teacher's", isolation)
    lost = [
        (exercise.id, exercise.note, result.claim, result.got)
        for exercise in mark.exercises
        for result in exercise.results
        if result.points < result.total
    ]
    assert not lost
    assert mark.points == mark.total


@pytest.mark.parametrize("number", [0, 9])
def test_full_marks_from_the_box(number: int) -> None:
    full_marks(number)


@pytest.mark.slow
@pytest.mark.parametrize("number", [n for n in range(len(NOTEBOOKS)) if n not in (0, 9)])
def test_full_marks_from_the_box_for_all(number: int) -> None:
    full_marks(number)


def test_no_variant_is_left_out() -> None:
    placed = chain.from_iterable(cells.values() for _, cells in NOTEBOOKS)
    assert len(list(placed)) == len(ALL)


def test_a_constant_that_a_later_cell_makes_anew() -> None:
    """Annotations and defaults read what is there by then; a notebook runs from top to bottom."""
    cells = [
        "from typing import Any\nArray = np.ndarray\nAXIS = -1",
        "def soft(s: Array, axis: int = AXIS) -> Array:\n    e = np.exp(s - s.max(axis))\n"
        "    return e / e.sum(axis)",
        "def mend(query: Array, key: Array, value: Array) -> Any:\n"
        "    if key.shape != (len(value), len(query)):\n        raise ValueError('sizes')\n"
        "    alpha = soft(key @ query)\n    w = alpha[:, None] * value\n"
        "    return alpha, w, w.sum(0)",
    ]
    later = ["Array = np.ndarray\nAXIS = 'the last one'", *[honest.solution(6)["attend"]]]
    text = honest.answers(6, mend=cells, attend=later)
    (exercise,) = (e for e in exercises_of(6) if e.function == "mend")
    report = run(exercise, load(collect_text(text, ".ipynb", "mend")), seed=1)
    assert report.points == report.total, repr(report)


def test_forms_that_lean_on_the_notebook_around_them() -> None:
    """What its cells filled, and what a notebook has beside Python's own names."""
    isolation = box.find_isolation()
    if isolation.level != "sandbox":
        lacking(isolation.words)
    answer = honest.solution(6)["attend"]
    head, body = answer[: answer.index("):") + 2], answer[answer.index("):") + 2 :]
    first = body.index("\n    ", body.rindex('"""') if '"""' in body else 0)
    cells = [
        "import torch, numpy as np\nfrom tqdm.notebook import tqdm, trange\nfrom nowhere import *",
        "TABLE = {}\nfor n in trange(4):\n    TABLE[n] = 1.0\nconfig = {}\nconfig.update(scale=1)",
        "from ipywidgets import VBox\nclass Panel(VBox):\n    pass",
        head.replace("query", "query: torch.Tensor", 1) + body[:first]
        + "\n    display(query)\n    Panel\n    get_ipython().run_line_magic('time', '')"
        + "\n    for _ in tqdm(range(2)):\n        query = query * TABLE[3] * config['scale']"
        + body[first:],
    ]  # fmt: skip
    text = honest.answers(6, attend=cells)
    mark = marking.mark(text, ".ipynb", 6, "a secret of the teacher's", isolation)
    attend = next(e for e in mark.exercises if e.id == "06.2")
    assert attend.points == 5, [(r.claim, r.got) for r in attend.results]


def test_a_line_is_told_as_it_stands_in_its_cell() -> None:
    isolation = box.find_isolation()
    if isolation.level != "sandbox":
        lacking(isolation.words)
    cells = ["import math\n\n\ndef half(x):\n    return x / math.nowhere", "# mine\n\n"
             "def attend(query, key, value):\n    return half(query)"]  # fmt: skip
    text = honest.answers(6, attend=cells)
    mark = marking.mark(text, ".ipynb", 6, "a secret of the teacher's", isolation)
    attend = next(e for e in mark.exercises if e.id == "06.2")
    assert "line 5: return x / math.nowhere  (in cell " in attend.results[0].got


@pytest.mark.parametrize(
    "text", ["{", "<<<<<<< HEAD\n", '{"cells": 5}', '{"cells": [{"source": 1}]}']
)
def test_what_cannot_be_read_is_for_a_human_eye(text: str) -> None:
    mark = marking.mark(text, ".ipynb", 6, "a secret of the teacher's", box.find_isolation())
    assert mark.points == 0
    assert mark.review


def test_a_slip_that_costs_an_exercise_is_for_a_human_eye_in_one_line() -> None:
    text = honest.notebook("def mend(q, k, v:\n    return q", "def atend(q, k, v):\n    return v")
    mark = marking.mark(text, ".ipynb", 6, "a secret of the teacher's", box.find_isolation())
    assert not mark.review
    (line,) = mark.eye
    assert line.startswith("06.1: mend is there but cannot be read: cell 1, line 1")
    assert line.endswith("; 06.2: no function named attend was found (there is atend in cell 2)")
    whole = marking.unreadable("a.ipynb cannot be read: no permission", 6)
    assert whole.eye == whole.review == ("a.ipynb cannot be read: no permission",)
